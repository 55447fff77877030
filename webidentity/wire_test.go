package webidentity_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

const requestID = "c6104cbe-af31-11e0-8154-cbc7ccf896c7"

// errorXML is an error of STS's as it goes over the wire.
func errorXML(code, message string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>` + code + `</Code>
    <Message>` + message + `</Message>
  </Error>
  <RequestId>` + requestID + `</RequestId>
</ErrorResponse>
`
}

// sdkError reports whether the AWS SDK's own type for an answer is still there to be found.
func sdkError[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// What STS sends, and what becomes of it: the type, whether asking again is of use, how often it was asked, and the cure.
func TestEveryAnswerOfSTSIsExplained(t *testing.T) {
	type generic = *smithy.GenericAPIError
	for name, c := range map[string]struct {
		status        int
		code, message string
		sdk           func(error) bool
		denied        bool // a *DeniedError, else an *ExchangeError
		terminal      bool
		calls         int
		cure          string
	}{
		"AccessDenied": {403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", sdkError[generic], true, true, 1,
			"its trust policy must accept sub=" + subject + " aud=sts.amazonaws.com from " + ststest.DefaultIssuer},
		"AccessDenied, resource control policy": {403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRoleWithWebIdentity on resource: " + role + " with an explicit deny in a resource control policy", sdkError[generic], true, true, 1,
			"STS says that it was a resource control policy, and not the role's trust policy, that did not allow it; the token has sub=" + subject},
		"AccessDenied, service control policy": {403, "AccessDenied", "not authorized, because no service control policy allows the sts:AssumeRoleWithWebIdentity action", sdkError[generic], true, true, 1,
			"it was a service control policy, and not the role's trust policy"},
		"AccessDenied, VPC endpoint policy": {403, "AccessDenied", "not authorized, because no VPC endpoint policy allows it", sdkError[generic], true, true, 1,
			"it was a VPC endpoint policy, and not the role's trust policy"},
		"AccessDenied, session tags": {403, "AccessDenied", "User: x is not authorized to perform: sts:TagSession on resource: " + role, sdkError[generic], true, true, 1,
			"the role's trust policy must allow sts:TagSession too"},
		"AccessDenied, explicit deny": {403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRoleWithWebIdentity with an explicit deny in the role trust policy", sdkError[generic], true, true, 1,
			"a Deny statement of its trust policy must not apply to sub=" + subject + " aud=sts.amazonaws.com from " + ststest.DefaultIssuer + " (condition keys "},
		"InvalidIdentityToken, several audiences": {400, "InvalidIdentityToken", "Token has more than one audience and no authorized party", sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"among its client ids"}, // the token here has one
		"InvalidIdentityToken, no provider": {400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + ststest.DefaultIssuer, sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"account 111122223333 has no IAM OIDC provider for " + ststest.DefaultIssuer},
		"InvalidIdentityToken, audience": {400, "InvalidIdentityToken", "Incorrect token audience", sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"does not list the token's audience sts.amazonaws.com among its client ids"},
		"InvalidIdentityToken, thumbprint": {400, "InvalidIdentityToken", "the certificate of the provider found in your account doesn't match configured thumbprint", sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"does not match the thumbprint in the IAM OIDC provider"},
		"InvalidIdentityToken, certificate": {400, "InvalidIdentityToken", "the certificate is not trusted", sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"does not match the thumbprint in the IAM OIDC provider"},
		"InvalidIdentityToken, keys": {400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements", sdkError[*types.InvalidIdentityTokenException], true, false, 3,
			"STS could not fetch the keys of " + ststest.DefaultIssuer},
		"InvalidIdentityToken, another server's word for a condition": {400, "InvalidIdentityToken", "could not be validated", sdkError[*types.InvalidIdentityTokenException], true, true, 3,
			"some servers other than AWS's also say this of a trust policy that does not accept sub=" + subject},
		"ExpiredTokenException": {400, "ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time0", sdkError[*types.ExpiredTokenException], true, false, 1,
			"is good until"},
		"IDPRejectedClaim": {403, "IDPRejectedClaim", "The identity provider (IdP) reported that authentication failed.", sdkError[*types.IDPRejectedClaimException], true, true, 1,
			"rejected the token, mostly because it was revoked"},
		"IDPCommunicationError": {400, "IDPCommunicationError", "could not be reached", sdkError[*types.IDPCommunicationErrorException], false, false, 3,
			"STS could not reach the issuer " + ststest.DefaultIssuer},
		"RegionDisabledException": {403, "RegionDisabledException", "STS is not activated in this region for account:111122223333.", sdkError[*types.RegionDisabledException], true, true, 1,
			"STS is not activated for the role's account in region us-east-1"},
		"PackedPolicyTooLarge": {400, "PackedPolicyTooLarge", "Packed policy consumes 120% of allotted space", sdkError[*types.PackedPolicyTooLargeException], true, true, 1,
			"shorten Options.Policy and Options.PolicyARNs"},
		"MalformedPolicyDocument": {400, "MalformedPolicyDocument", "Syntax errors in policy.", sdkError[*types.MalformedPolicyDocumentException], true, true, 1,
			"Options.Policy is not a policy that STS can read"},
		"ValidationError, duration": {400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", sdkError[generic], true, false, 1,
			"Options.Duration is more than the role's maximum session duration"},
		"ValidationError, session name": {400, "ValidationError", "1 validation error detected: Value 'x' at 'roleSessionName' failed to satisfy constraint", sdkError[generic], true, false, 1,
			"AWS_ROLE_SESSION_NAME"},
		"ValidationError, role": {400, "ValidationError", "Request ARN is invalid: roleArn", sdkError[generic], true, false, 1,
			"AWS_ROLE_ARN"},
		"ValidationError, token": {400, "ValidationError", "Value at 'webIdentityToken' failed to satisfy constraint", sdkError[generic], true, false, 1,
			"the token is not one that STS takes; it has sub=" + subject},
		"ValidationError, unknown": {400, "ValidationError", "something else", sdkError[generic], true, false, 1,
			"one of the request's parameters is not valid"},
		"InvalidParameterValue": {400, "InvalidParameterValue", "Token is expired", sdkError[generic], true, false, 1,
			"one of the request's parameters is not valid"},
		"InvalidAction": {400, "InvalidAction", "Could not find operation", sdkError[generic], true, false, 1,
			"is that STS? (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL)"},
		"a code that is new": {400, "SomethingNew", "?", sdkError[generic], true, false, 1,
			"this code is not one that STS is known to give here; the token has sub=" + subject},
		"Throttling":            {400, "Throttling", "Rate exceeded", sdkError[generic], false, false, 3, "too many processes ask at once"},
		"RequestLimitExceeded":  {503, "RequestLimitExceeded", "", sdkError[generic], false, false, 3, "too many processes ask at once"},
		"status 429 and a code": {429, "Whatever", "", sdkError[generic], false, false, 3, "too many processes ask at once"},
		"InternalFailure":       {500, "InternalFailure", "", sdkError[generic], false, false, 3, "a failure on STS's side"},
		"ServiceUnavailable":    {503, "ServiceUnavailable", "", sdkError[generic], false, false, 3, "a failure on STS's side"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.Break(ststest.Fault{Status: c.status, Body: errorXML(c.code, c.message), Header: http.Header{"Content-Type": {"text/xml"}}})
				err := w.fail()

				var asked webidentity.Exchange
				var cure string
				if denied, ok := errors.AsType[*webidentity.DeniedError](err); ok {
					asked, cure = denied.Exchange, denied.Cure
					assert.True(t, c.denied, "%v", err)
					assert.True(t, strings.HasPrefix(err.Error(), "STS refused role "+role+" ("+c.code+"): "), "%v", err)
				} else {
					failed, ok := errors.AsType[*webidentity.ExchangeError](err)
					require.True(t, ok, "%T", err)
					asked, cure = failed.Exchange, failed.Cure
					assert.False(t, c.denied, "%v", err)
				}
				assert.Contains(t, cure, c.cure)
				assert.Contains(t, err.Error(), cure)
				assert.Contains(t, err.Error(), c.code)
				assert.Contains(t, err.Error(), requestID)
				assert.Equal(t, c.terminal, terminal.Is(err))
				assert.Equal(t, c.calls, w.sts.Count("AssumeRoleWithWebIdentity"))

				assert.Equal(t, "AssumeRoleWithWebIdentity", asked.Operation)
				assert.Equal(t, role, asked.RoleARN)
				assert.Equal(t, w.tokens.Path(), asked.TokenFile)
				assert.Equal(t, subject, asked.Claims.Subject)
				assert.Equal(t, c.code, asked.Code)
				assert.Equal(t, c.status, asked.Status)
				assert.Equal(t, requestID, asked.RequestID)
				assert.Equal(t, "us-east-1", asked.Region)
				assert.Equal(t, "https://"+stsHost, asked.Endpoint)
				assert.False(t, asked.ServerTime.IsZero())

				assert.NotErrorIs(t, err, unavailable.Err)
				var api smithy.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, c.code, api.ErrorCode())
				assert.True(t, c.sdk(err), "the SDK's own type is still there")
				if c.message != "" && len(c.message) > 5 {
					assert.NotContains(t, err.Error(), c.message, "nothing of a body is quoted")
				}
				var retryable interface{ RetryableError() bool }
				require.ErrorAs(t, err, &retryable)
				assert.False(t, retryable.RetryableError())
			})
		})
	}
}

// A fault that passes costs nothing but time.
func TestWhatPassesByItselfIsAskedAgain(t *testing.T) {
	for name, fault := range map[string]ststest.Fault{
		"throttling":          ststest.Throttling,
		"internal failure":    ststest.InternalFailure,
		"unavailable":         ststest.Unavailable,
		"issuer":              ststest.IDPCommunication,
		"keys":                ststest.NoVerificationKey,
		"a proxy's page":      ststest.ProxyPage,
		"a broken answer":     {Body: "<Assume", Header: http.Header{"Content-Length": {"500"}}},
		"a broken connection": ststest.Reset,
		"a hanging STS":       ststest.Hang,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.Fail(fault)
				_, err := w.provider().Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 2, w.sts.Count("AssumeRoleWithWebIdentity"))
			})
		})
	}
}

// The last attempt is what the error is about.
func TestErrorIsAboutTheLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Fail(ststest.ProxyPage, ststest.Reset, ststest.Reset)
		err := w.fail()
		assert.ErrorContains(t, err, "the connection to https://"+stsHost+" broke 3 times")
		var failed *webidentity.ExchangeError
		require.ErrorAs(t, err, &failed)
		assert.Zero(t, failed.Status)
		assert.Zero(t, failed.ServerTime)
	})
}

// What answers is not STS, or not wholly.
func TestStrangeAnswersAreRecognisedAndNotQuoted(t *testing.T) {
	const marker = "hunter2-marker"
	html := "<!DOCTYPE html><html><head><title>" + marker + "</title></head></html>"
	good := answerXML("arn:aws:sts::111122223333:assumed-role/r/s", "ASIAEXAMPLE", marker, marker, "2100-01-01T00:00:00Z")
	for name, c := range map[string]struct {
		fault ststest.Fault
		want  string
		calls int
	}{
		"an HTML page, 200":                  {ststest.Fault{Body: html}, "an HTML page came back (HTTP 200): a proxy, a captive portal or something else answers in the place of https://" + stsHost, 1},
		"an HTML page, 403":                  {ststest.Fault{Status: 403, Body: "\n<html><body>" + marker}, "an HTML page came back (HTTP 403)", 1},
		"an HTML page, 503":                  {ststest.Fault{Status: 503, Body: "<!-- c -->\n<HTML>" + marker}, "an HTML page came back (HTTP 503)", 3},
		"an HTML page that has a Code":       {ststest.Fault{Status: 403, Body: "<html><Error><Code>AccessDenied</Code></Error>" + marker + "</html>"}, "an HTML page came back (HTTP 403)", 1},
		"JSON":                               {ststest.Fault{Status: 400, Body: `{"code":"` + marker + `"}`}, "the answer (HTTP 400) is none of STS's", 1},
		"text":                               {ststest.Fault{Status: 404, Body: marker}, "the answer (HTTP 404) is none of STS's", 1},
		"nothing, 200":                       {ststest.Fault{Status: 200}, "the answer cannot be used: it holds no credentials: is that STS: https://" + stsHost + "?", 1},
		"nothing, 400":                       {ststest.Fault{Status: 400}, "the answer (HTTP 400) is none of STS's", 1},
		"null":                               {ststest.Fault{Body: "null"}, "it holds no credentials", 1},
		"an empty object":                    {ststest.Fault{Body: "{}"}, "it holds no credentials", 1},
		"another document":                   {ststest.Fault{Body: "<ListBucketResult><Name>" + marker + "</Name></ListBucketResult>"}, "the answer (HTTP 200) is none of STS's", 1},
		"XML that ends early":                {ststest.Fault{Body: good[:len(good)/2]}, "the answer (HTTP 200) is none of STS's", 1},
		"no access key id":                   {ststest.Fault{Body: strings.Replace(good, "<AccessKeyId>ASIAEXAMPLE</AccessKeyId>", "", 1)}, "its credentials lack the access key id, the secret access key or the session token", 1},
		"an empty secret":                    {ststest.Fault{Body: answerXML("", "ASIAEXAMPLE", "", marker, "2100-01-01T00:00:00Z")}, "its credentials lack the access key id, the secret access key or the session token", 1},
		"no session token":                   {ststest.Fault{Body: answerXML("", "ASIAEXAMPLE", marker, "", "2100-01-01T00:00:00Z")}, "its credentials lack the access key id, the secret access key or the session token", 1},
		"no expiration":                      {ststest.Fault{Body: strings.Replace(good, "<Expiration>2100-01-01T00:00:00Z</Expiration>", "", 1)}, "its credentials lack their expiration", 1},
		"an expiration that is no date":      {ststest.Fault{Body: answerXML("", "ASIAEXAMPLE", marker, marker, marker)}, "the answer (HTTP 200) is none of STS's", 1},
		"a redirect":                         {ststest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example/"}}}, "the answer is a redirect (HTTP 307), which STS never gives", 1},
		"a redirect that changes the method": {ststest.Fault{Status: 302, Header: http.Header{"Location": {"https://evil.example/"}}}, "the answer is a redirect (HTTP 302), which STS never gives", 1},
		"a proxy that wants a login":         {ststest.Fault{Status: 407, Body: marker}, "a proxy wants to be logged in to (HTTP 407)", 1},
		"more than is read":                  {ststest.Fault{Body: good + strings.Repeat(" ", webidentity.MaxAnswer)}, "the answer has more than 65536 bytes (HTTP 200)", 1},
		"more than is read, as an error":     {ststest.Fault{Status: 400, Body: strings.Repeat(marker, 100_000)}, "the answer has more than 65536 bytes (HTTP 400)", 1},
		"a body that breaks off":             {ststest.Fault{Body: "<Assume", Header: http.Header{"Content-Length": {"500"}}}, "the answer (HTTP 200) broke off", 3},
		"a code that is the token, or may":   {ststest.Fault{Status: 400, Body: errorXML(marker+" "+marker, marker)}, "the answer (HTTP 400) is none of STS's", 1},
		"a broken connection":                {ststest.Reset, "the connection to https://" + stsHost + " broke 3 times", 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.Break(c.fault)
				err := w.fail()
				var failed *webidentity.ExchangeError
				require.ErrorAs(t, err, &failed)
				assert.ErrorContains(t, err, c.want)
				assert.NotContains(t, err.Error(), "hunter2")
				assert.False(t, terminal.Is(err))
				assert.NotErrorIs(t, err, unavailable.Err)
				assert.Equal(t, c.calls, w.sts.Count("AssumeRoleWithWebIdentity"))
				assert.NotContains(t, w.log.String(), "hunter2")
				assert.NotContains(t, w.net.Dials(), "evil.example:443")
			})
		})
	}
}
