package webidentity

import (
	"cmp"
	"errors"
	"fmt"
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
		x.RequestID = c.requestID(r.RequestID)
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if ok && !c.html {
		x.Code = c.code(api.ErrorCode())
	}
	if x.Code == "" || x.Code == "UnknownError" { // the SDK's word for an answer without a code
		x.Code = ""
		problem, cure := noAnswer(err, c)
		return &ExchangeError{Exchange: x, Cure: cure, problem: problem, err: c.kept(withoutDeadline(err))}
	}
	if cure := x.passing(); cure != "" {
		return &ExchangeError{Exchange: x, Cure: cure, problem: fmt.Sprintf("STS answered %s%s %s", x.Code, x.inHTTP(), times(c.attempts)), err: c.kept(err)}
	}
	message := api.ErrorMessage()
	passes := strings.HasPrefix(x.Code, "InvalidIdentityToken") && (keysUnavailable(message) || x.early(now))
	final := terminal.Code(x.Code) && !passes
	return &DeniedError{Exchange: x, Cure: x.cure(message, now), final: final, err: c.kept(err)}
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
		return x.trustCure(message)
	case "InvalidIdentityToken":
		return x.identityTokenCure(message, now)
	case "ExpiredToken":
		return x.expiredCure(now)
	case "IDPRejectedClaim":
		return fmt.Sprintf("the issuer %s rejected the token, mostly because it was revoked or one of its claims is not right; another token may be accepted", orNone(x.Claims.Issuer))
	case "RegionDisabled":
		return fmt.Sprintf("STS is not activated for the role's account in %s: activate it in IAM's account settings, or ask in a region where it is (Options.Region, %s)", inRegion(x.Region), regionVar)
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

// trustCure names what the role's trust policy must say, principal, condition keys and values, unless STS names another policy.
func (x *Exchange) trustCure(message string) string {
	for _, action := range []string{"sts:TagSession", "sts:SetSourceIdentity"} {
		if strings.Contains(message, action) {
			return fmt.Sprintf("the role's trust policy must allow %s too, because of what the token passes beside its identity (session tags or a source identity)", action)
		}
	}
	if kind := otherPolicy(message); kind != "" {
		return fmt.Sprintf("STS says that it was a %s, and not the role's trust policy, that did not allow it; the token has %s", kind, x.claims())
	}
	if x.inspectErr != nil {
		return fmt.Sprintf("the role's trust policy does not accept the token, or there is no such role; the token is %v, so what the policy must accept is not known here", x.inspectErr)
	}
	p, azp := show(x.Claims.provider()), ""
	if x.Claims.AuthorizedParty != "" {
		azp = ", where STS takes azp for aud"
	}
	who := fmt.Sprintf("sub=%s aud=%s from %s (condition keys %s:sub and %s:aud%s; Principal.Federated is that issuer's provider)",
		orNone(x.Claims.Subject), orNone(x.Claims.audience()...), orNone(x.Claims.Issuer), p, p, azp)
	if strings.Contains(strings.ToLower(message), "explicit deny") {
		return "a Deny statement of its trust policy must not apply to " + who
	}
	return "its trust policy must accept " + who + ", unless there is no such role or a Deny applies"
}

// otherPolicy recognises the kind of policy that AWS names in an AccessDenied (IAM User Guide, troubleshoot_access-denied), where it is
// not the trust policy.
func otherPolicy(message string) string {
	for _, kind := range []string{"resource control policy", "service control policy", "VPC endpoint policy"} {
		if strings.Contains(strings.ToLower(message), strings.ToLower(kind)) {
			return kind
		}
	}
	return ""
}

// identityTokenCure goes by what the token shows and by what STS is known to say. A message that it does not know gets every cause.
func (x *Exchange) identityTokenCure(message string, now time.Time) string {
	account, c := x.account(), x.Claims
	has := func(phrase string) bool { return strings.Contains(strings.ToLower(message), phrase) }
	clock, whose := x.clock(now)
	switch {
	case x.inspectErr != nil:
		return fmt.Sprintf("the token in %s is %v", show(x.TokenFile), x.inspectErr)
	case c.legacy():
		return fmt.Sprintf("the token in %s is a legacy service account token out of a Secret (iss %s, no audience, no expiry), which STS does not take: "+
			"mount a projected one with the audience sts.amazonaws.com", show(x.TokenFile), legacyIssuer)
	case keysUnavailable(message):
		return fmt.Sprintf("STS could not fetch the keys of %s to check the signature; this passes, unless the issuer's jwks_uri is not open to the internet", orNone(c.Issuer))
	case has("openidconnect provider found"):
		return fmt.Sprintf("account %s has no IAM OIDC provider for %s: create it, or use a role in the account that has it", account, orNone(c.Issuer))
	case has("thumbprint") || has("certificate"):
		return fmt.Sprintf("the certificate of %s does not match the thumbprint in the IAM OIDC provider in account %s", orNone(c.Issuer), account)
	case c.manyAudiences():
		return fmt.Sprintf("the token has more than one audience (%s) and no azp that says which counts, and STS does not take such a token: project one with exactly one audience", orNone(c.Audience...))
	case has("audience"):
		return fmt.Sprintf("the IAM OIDC provider for %s in account %s does not list the token's audience %s among its client ids%s", orNone(c.Issuer), account, orNone(c.audience()...), wrongToken(c))
	// What STS's words do not tell, the token may.
	case len(c.Missing()) > 0:
		return fmt.Sprintf("the token in %s lacks %s, or has it in another form than STS reads, and STS takes none without iss, sub, aud, exp and iat: mount a projected one with the audience sts.amazonaws.com",
			show(x.TokenFile), strings.Join(c.Missing(), ", "))
	case x.early(now):
		return fmt.Sprintf("the token in %s is not valid before %s (nbf), and it is %s by %s: do the issuer's clock and STS's agree?", show(x.TokenFile), stamp(c.NotBefore), stamp(clock), whose)
	default:
		p := show(c.provider())
		return fmt.Sprintf("account %s must have an IAM OIDC provider for %s that lists audience %s among its client ids, and the token must be signed with a key that the issuer publishes; "+
			"some servers other than AWS's also say this of a trust policy that does not accept sub=%s (condition keys %s:sub and %s:aud)%s",
			account, orNone(c.Issuer), orNone(c.audience()...), orNone(c.Subject), p, p, wrongToken(c))
	}
}

// clock is the time that counts for a token, and whose it is: STS's where the answer gave it, else ours.
func (x *Exchange) clock(now time.Time) (at time.Time, whose string) {
	if x.ServerTime.IsZero() {
		return now, "the clock here"
	}
	return x.ServerTime, "STS's clock"
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

// dateSlack is how much later than its Date an answer may be: a Date has whole seconds, and some servers keep one for a second.
const dateSlack = 2 * time.Second

// early reports whether the token is not valid yet, which passes.
func (x *Exchange) early(now time.Time) bool {
	clock, _ := x.clock(now)
	return x.Claims.NotBefore.After(clock.Add(dateSlack))
}

// expiredCure tells a token that was not replaced from a clock that is wrong.
func (x *Exchange) expiredCure(now time.Time) string {
	exp := x.Claims.Expires
	if exp.IsZero() {
		return fmt.Sprintf("the token in %s has no expiry that can be read here", show(x.TokenFile))
	}
	clock, whose := x.clock(now)
	var text string
	switch late := clock.Sub(exp); {
	case late > ExpiryGrace:
		text = fmt.Sprintf("the token in %s expired %s ago, at %s: it was not replaced in time; is the kubelet at work, and is the file its own and neither a copy nor a subPath mount, which are not updated?",
			show(x.TokenFile), round(late), stamp(exp))
	case late > 0:
		text = fmt.Sprintf("the token in %s expired %s ago, at %s, which AWS's STS would not have held against it yet: it must be replaced, and what refused it gives no grace",
			show(x.TokenFile), round(late), stamp(exp))
	default:
		text = fmt.Sprintf("the token in %s is good until %s by its own exp, and it is %s by %s: what refused it goes by another clock", show(x.TokenFile), stamp(exp), stamp(clock), whose)
	}
	switch skew := session.Skew(x.ServerTime, now); {
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
