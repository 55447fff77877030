package webidentity

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/podrole/internal/session"
	"example.com/podrole/internal/terminal"
)

// explain turns the error of a call into one that says what to do. now is the moment of the answer by the clock here.
func (x Exchange) explain(err error, c *call, now time.Time) error {
	x.Status, x.ServerTime, x.Endpoint = c.status, c.date, c.endpoint
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		x.RequestID = identifier(r.RequestID)
		r.Response.Body = http.NoBody // it was read, and may hold half an answer's secrets
	}
	if d, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		d.Snapshot = nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if ok && !c.html {
		x.Code = identifier(api.ErrorCode())
	}
	if x.Code == "" || x.Code == "UnknownError" { // the SDK's word for an answer without a code
		x.Code = ""
		problem, cure := noAnswer(err, c)
		return &ExchangeError{Exchange: x, Cure: cure, problem: problem, err: withoutDeadline(err)}
	}
	if cure := x.passing(); cure != "" {
		return &ExchangeError{Exchange: x, Cure: cure, problem: fmt.Sprintf("STS answered %s%s %s", x.Code, x.inHTTP(), times(c.attempts)), err: err}
	}
	message := api.ErrorMessage()
	final := terminal.Code(x.Code) && !keysUnavailable(message)
	return &DeniedError{Exchange: x, Cure: x.cure(message, now), final: final, err: err}
}

// passing returns the cure of a failure of STS's own, and "" for a refusal.
func (x *Exchange) passing() string {
	_, throttled := retry.DefaultThrottleErrorCodes[x.Code]
	switch {
	case throttled || x.Status == 429:
		return "this passes; where it does not, too many processes ask at once, or sessions are too short"
	case strings.HasPrefix(x.Code, "IDPCommunicationError"):
		return fmt.Sprintf("STS could not reach the issuer %s to fetch its keys; this passes, unless the issuer is not open to the internet", orNone(x.Claims.Issuer))
	case x.Status >= 500:
		return "this is a failure on STS's side, and passes"
	}
	return ""
}

// cure says what a refusal means. STS's own message helps to choose the words and is never quoted: whatever
// answers in STS's place may write the token into it.
func (x *Exchange) cure(message string, now time.Time) string {
	code := strings.TrimSuffix(x.Code, "Exception")
	if x.Operation != assumeRole {
		return x.callerCure(code, now)
	}
	switch code {
	case "AccessDenied":
		return x.trustCure()
	case "InvalidIdentityToken":
		return x.identityTokenCure(message)
	case "ExpiredToken":
		return x.expiredCure(now)
	case "IDPRejectedClaim":
		return fmt.Sprintf("the issuer %s rejected the token, mostly because it was revoked or one of its claims is not right; another token may be accepted", orNone(x.Claims.Issuer))
	case "RegionDisabled":
		return fmt.Sprintf("STS is not activated for the role's account in %s: activate it in IAM's account settings, or set %s to a region where it is", inRegion(x.Region), regionVar)
	case "PackedPolicyTooLarge":
		return "the session policies and session tags are too large together: shorten Options.Policy and Options.PolicyARNs, or the tags in the token"
	case "MalformedPolicyDocument":
		return "Options.Policy is not a policy that STS can read"
	case "Validation", "ValidationError", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter":
		return x.parameterCure(message)
	case "InvalidAction", "MissingAction":
		return fmt.Sprintf("%s does not know AssumeRoleWithWebIdentity: is that STS? (%s, %s)", cmp.Or(x.Endpoint, "what was asked"), stsEndpointVar, endpointVar)
	default:
		return "this code is not one that STS is known to give here; the token has " + x.claims()
	}
}

// trustCure names what the role's trust policy must say, condition keys and values.
func (x *Exchange) trustCure() string {
	if x.inspectErr != nil {
		return fmt.Sprintf("the role's trust policy does not accept the token, or there is no such role; the token is %v, so what the policy must accept is not known here", x.inspectErr)
	}
	p := show(x.Claims.provider())
	return fmt.Sprintf("its trust policy must accept sub=%s aud=%s from %s (condition keys %s:sub and %s:aud), unless there is no such role",
		orNone(x.Claims.Subject), orNone(x.Claims.Audience...), orNone(x.Claims.Issuer), p, p)
}

// identityTokenCure goes by what STS is known to say. A message that it does not know gets every cause.
func (x *Exchange) identityTokenCure(message string) string {
	account, c := x.account(), x.Claims
	has := func(phrase string) bool { return strings.Contains(strings.ToLower(message), phrase) }
	switch {
	case x.inspectErr != nil:
		return fmt.Sprintf("the token in %s is %v", x.TokenFile, x.inspectErr)
	case c.legacy():
		return fmt.Sprintf("the token in %s is a legacy service account token out of a Secret (iss %s, no audience, no expiry), which STS does not take: "+
			"mount a projected one with the audience sts.amazonaws.com", x.TokenFile, legacyIssuer)
	case keysUnavailable(message):
		return fmt.Sprintf("STS could not fetch the keys of %s to check the signature; this passes, unless the issuer's jwks_uri is not open to the internet", orNone(c.Issuer))
	case has("provider found"):
		return fmt.Sprintf("account %s has no IAM OIDC provider for %s: create it, or use a role in the account that has it", account, orNone(c.Issuer))
	case has("audience"):
		return fmt.Sprintf("the IAM OIDC provider for %s in account %s does not list the token's audience %s among its client ids%s", orNone(c.Issuer), account, orNone(c.Audience...), wrongToken(c))
	case has("thumbprint") || has("certificate"):
		return fmt.Sprintf("the certificate of %s does not match the thumbprint in the IAM OIDC provider in account %s", orNone(c.Issuer), account)
	default:
		p := show(c.provider())
		return fmt.Sprintf("account %s must have an IAM OIDC provider for %s that lists audience %s among its client ids, and the token must be signed with a key that the issuer publishes; "+
			"some servers other than AWS's also say this of a trust policy that does not accept sub=%s (condition keys %s:sub and %s:aud)%s",
			account, orNone(c.Issuer), orNone(c.Audience...), orNone(c.Subject), p, p, wrongToken(c))
	}
}

// keysUnavailable recognises the one InvalidIdentityToken that passes by itself.
func keysUnavailable(message string) bool {
	return strings.Contains(strings.ToLower(message), "retrieve verification key")
}

// wrongToken adds a word where the token's audience is the Kubernetes API server's: the pod's own token was taken for the one for STS.
func wrongToken(c Claims) string {
	for _, aud := range c.Audience {
		if strings.Contains(aud, "kubernetes.default.svc") {
			return "; this looks like the token for the Kubernetes API: the one for STS is projected with an audience of its own, on EKS at /var/run/secrets/eks.amazonaws.com/serviceaccount/token"
		}
	}
	return ""
}

// expiredCure tells a token that was not replaced from a clock that is wrong.
func (x *Exchange) expiredCure(now time.Time) string {
	exp := x.Claims.Expires
	if exp.IsZero() {
		return fmt.Sprintf("the token in %s has no expiry that can be read here", x.TokenFile)
	}
	clock := now
	skew := session.Skew(x.ServerTime, now)
	if skew != 0 {
		clock = x.ServerTime
	}
	var text string
	switch late := clock.Sub(exp); {
	case late > 0:
		text = fmt.Sprintf("the token in %s expired %s ago, at %s: it was not replaced in time; is the kubelet at work, and is the file its own and neither a copy nor a subPath mount, which are not updated?",
			x.TokenFile, round(late), stamp(exp))
	default:
		text = fmt.Sprintf("the token in %s is good until %s by its own exp, so the clocks disagree", x.TokenFile, stamp(exp))
	}
	switch {
	case x.ServerTime.IsZero():
		return text + fmt.Sprintf(" (by the clock here, %s; STS did not give its own)", stamp(now))
	case skew > 0:
		return text + fmt.Sprintf(" (the clock here is %s ahead of STS's: %s and %s)", round(skew), stamp(now), stamp(x.ServerTime))
	case skew < 0:
		return text + fmt.Sprintf(" (the clock here is %s behind STS's: %s and %s)", round(-skew), stamp(now), stamp(x.ServerTime))
	default:
		return text + fmt.Sprintf(" (STS's clock agrees with the one here: %s)", stamp(x.ServerTime))
	}
}

func (x *Exchange) parameterCure(message string) string {
	m := strings.ToLower(message)
	switch {
	case strings.Contains(m, "durationseconds"):
		return "Options.Duration is more than the role's maximum session duration"
	case strings.Contains(m, "rolesessionname"):
		return "the session name is not one that STS takes (" + sessionNameVar + ")"
	case strings.Contains(m, "webidentitytoken"):
		return "the token is not one that STS takes; it has " + x.claims()
	case strings.Contains(m, "rolearn") || strings.Contains(m, "invalid arn"):
		return "the role's ARN is not one that STS takes (" + roleVar + ")"
	default:
		return "one of the request's parameters is not valid: role ARN, session name, duration, policies or token; the token has " + x.claims()
	}
}

// callerCure is about the credentials that a GetCallerIdentity was signed with.
func (x *Exchange) callerCure(code string, now time.Time) string {
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClient":
		return "the access key is not known: it was deleted, is of another partition, or its session token is not its own"
	case "ExpiredToken":
		return "the credentials have expired"
	case "SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignature", "RequestExpired":
		if skew := session.Skew(x.ServerTime, now); skew != 0 {
			return fmt.Sprintf("the clock here (%s) and STS's (%s) are too far apart", stamp(now), stamp(x.ServerTime))
		}
		return "the secret access key does not belong to the access key id"
	case "RegionDisabled":
		return fmt.Sprintf("STS is not activated for the account in %s", inRegion(x.Region))
	default:
		return "whose credentials these are is not known"
	}
}

// claims describes the token.
func (x *Exchange) claims() string {
	if x.inspectErr != nil {
		return fmt.Sprintf("no claims to show: it is %v", x.inspectErr)
	}
	return x.Claims.String()
}

// account is the role's.
func (x *Exchange) account() string {
	account, err := checkRole(x.RoleARN, "")
	if err != nil || account == "" {
		return "(unknown)"
	}
	return account
}

func inRegion(region string) string {
	if region == "" {
		return "this region"
	}
	return "region " + region
}

func (x *Exchange) inHTTP() string {
	if x.Status == 0 { // a client that is no HTTP client
		return ""
	}
	return fmt.Sprintf(" (HTTP %d)", x.Status)
}

func times(n int) string {
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// round leaves two units at most.
func round(d time.Duration) time.Duration {
	if d >= time.Hour {
		return d.Round(time.Minute)
	}
	return d.Round(time.Second)
}
