package ststest_test

import (
	"context"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/memnet"
	"example.com/podrole/webidentity/ststest"
)

const (
	role    = "arn:aws:iam::111122223333:role/team/gryphon-dispatcher"
	subject = "system:serviceaccount:default:gryphon-dispatcher"
)

var gryphon = ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher", Pod: "gryphon-dispatcher-0"}

func newServer(t *testing.T, optFns ...func(*ststest.Options)) *ststest.Server {
	t.Helper()
	s := ststest.New(optFns...)
	require.NoError(t, s.SetTrustPolicy(role, s.TrustPolicy(subject)))
	return s
}

// sdk is the AWS SDK's client of a fake, without retries.
func sdk(t *testing.T, s http.Handler, creds aws.CredentialsProvider) *sts.Client {
	t.Helper()
	n := memnet.New()
	t.Cleanup(n.Serve("127.0.0.1:9000", s))
	return sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: new("http://127.0.0.1:9000"), Retryer: aws.NopRetryer{}, Credentials: creds,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}},
	})
}

func assume(ctx context.Context, c *sts.Client, token string, changes ...func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: new(role), RoleSessionName: new("session"), WebIdentityToken: &token}
	for _, change := range changes {
		change(in)
	}
	return c.AssumeRoleWithWebIdentity(ctx, in)
}

func TestSDKClientIsServedAsByAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		out, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(gryphon))
		require.NoError(t, err)
		assert.Equal(t, "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/session", *out.AssumedRoleUser.Arn, "STS drops the path")
		assert.Regexp(t, `^AROA[A-Z2-7]{17}:session$`, *out.AssumedRoleUser.AssumedRoleId)
		assert.Equal(t, "sts.amazonaws.com", *out.Audience)
		assert.Equal(t, "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE", *out.Provider)
		assert.Equal(t, subject, *out.SubjectFromWebIdentityToken)
		assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, *out.Credentials.AccessKeyId)
		assert.Len(t, *out.Credentials.SecretAccessKey, 40)
		assert.NotEmpty(t, *out.Credentials.SessionToken)
		assert.Equal(t, time.Hour, time.Until(*out.Credentials.Expiration))

		creds := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
		static := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
		who, err := sdk(t, s, static).GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, *out.AssumedRoleUser.Arn, *who.Arn)
		assert.Equal(t, "111122223333", *who.Account)
		assert.Equal(t, *out.AssumedRoleUser.AssumedRoleId, *who.UserId)
		arn, ok := s.Identity(creds.AccessKeyID)
		assert.True(t, ok)
		assert.Equal(t, *who.Arn, arn)
	})
}

// What the fake checks, and the code, the status and the type with which it refuses.
func TestRefusalsAreThoseOfAWS(t *testing.T) {
	token := func(change func(*ststest.Token)) func(*ststest.Server) string {
		return func(s *ststest.Server) string {
			tok := gryphon
			change(&tok)
			return s.MintToken(tok)
		}
	}
	raw := func(token string) func(*ststest.Server) string { return func(*ststest.Server) string { return token } }
	good := token(func(*ststest.Token) {})
	in := func(change func(*sts.AssumeRoleWithWebIdentityInput)) func(*sts.AssumeRoleWithWebIdentityInput) {
		return change
	}
	for name, c := range map[string]struct {
		token   func(*ststest.Server) string
		input   func(*sts.AssumeRoleWithWebIdentityInput)
		status  int
		code    string
		message string
	}{
		"another subject":    {token(func(tok *ststest.Token) { tok.ServiceAccount = "gryphon-dispatcher-canary" }), nil, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"no such role":       {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.RoleArn = new("arn:aws:iam::111122223333:role/none") }), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"another account":    {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.RoleArn = new("arn:aws:iam::999999999999:role/other") }), 403, "AccessDenied", "Not authorized"},
		"another audience":   {token(func(tok *ststest.Token) { tok.Audience = []string{"https://kubernetes.default.svc"} }), nil, 400, "InvalidIdentityToken", "Incorrect token audience"},
		"no audience":        {token(func(tok *ststest.Token) { tok.Audience = []string{} }), nil, 400, "InvalidIdentityToken", "Missing a required claim: aud"},
		"two audiences":      {token(func(tok *ststest.Token) { tok.Audience = []string{"sts.amazonaws.com", "vault"} }), nil, 400, "InvalidIdentityToken", "more than one audience"},
		"azp no client id":   {token(func(tok *ststest.Token) { tok.Claims = map[string]any{"azp": "app"} }), nil, 400, "InvalidIdentityToken", "Incorrect token audience"},
		"exp no date":        {token(func(tok *ststest.Token) { tok.Claims = map[string]any{"exp": "tomorrow"} }), nil, 400, "InvalidIdentityToken", "could not be validated"},
		"exp nought":         {token(func(tok *ststest.Token) { tok.Claims = map[string]any{"exp": 0} }), nil, 400, "InvalidIdentityToken", "could not be validated"},
		"grace over":         {token(func(tok *ststest.Token) { tok.NotBefore, tok.Life = time.Now().Add(-time.Hour), 55*time.Minute }), nil, 400, "ExpiredTokenException", "Token expired"},
		"another issuer":     {token(func(tok *ststest.Token) { tok.Issuer = "https://issuer.example" }), nil, 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://issuer.example"},
		"another key":        {token(func(tok *ststest.Token) { tok.ForeignKey = true }), nil, 400, "InvalidIdentityToken", "Couldn't retrieve verification key"},
		"no subject":         {token(func(tok *ststest.Token) { tok.Claims = map[string]any{"sub": nil} }), nil, 400, "InvalidIdentityToken", "Missing a required claim: sub"},
		"legacy":             {token(func(tok *ststest.Token) { tok.Legacy = true }), nil, 400, "InvalidIdentityToken", "Missing a required claim: aud"},
		"expired":            {token(func(tok *ststest.Token) { tok.Life = -time.Second }), nil, 400, "ExpiredTokenException", "Token expired: current date/time 946684800 must be before the expiration date/time946684499"},
		"not yet valid":      {token(func(tok *ststest.Token) { tok.NotBefore = time.Now().Add(time.Hour) }), nil, 400, "InvalidIdentityToken", "could not be validated"},
		"not a JWT":          {raw("not-a-jwt"), nil, 400, "InvalidIdentityToken", "is not a valid JWT"},
		"unsigned":           {raw("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL29pZGMuZWtzLnVzLWVhc3QtMS5hbWF6b25hd3MuY29tL2lkL0VYQU1QTEVENTM5RDQ2MzNFNTNERTFCNzFFWEFNUExFIiwic3ViIjoieCIsImF1ZCI6InN0cy5hbWF6b25hd3MuY29tIiwiZXhwIjo5NDY2ODU4MDAsImlhdCI6OTQ2Njg0ODAwfQ."), nil, 400, "InvalidIdentityToken", "could not be validated"},
		"too large":          {raw(strings.Repeat("a", 20001)), nil, 400, "ValidationError", "webIdentityToken"},
		"role no ARN":        {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.RoleArn = new("gryphon-dispatcher-role") }), 400, "ValidationError", "Request ARN is invalid"},
		"session name":       {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.RoleSessionName = new("a b") }), 400, "ValidationError", "roleSessionName"},
		"short":              {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.DurationSeconds = new(int32(899)) }), 400, "ValidationError", "durationSeconds"},
		"long":               {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.DurationSeconds = new(int32(43201)) }), 400, "ValidationError", "MaxSessionDuration"},
		"policy":             {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.Policy = new("x") }), 400, "MalformedPolicyDocument", "Syntax errors"},
		"large policy":       {good, in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.Policy = new("{" + strings.Repeat(" ", 2048)) }), 400, "PackedPolicyTooLarge", "100%"},
		"everything missing": {raw(""), in(func(i *sts.AssumeRoleWithWebIdentityInput) { i.RoleArn, i.RoleSessionName = new(""), new("") }), 400, "ValidationError", "'roleArn'"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				changes := []func(*sts.AssumeRoleWithWebIdentityInput){}
				if c.input != nil {
					changes = append(changes, c.input)
				}
				_, err := assume(t.Context(), sdk(t, s, nil), c.token(s), changes...)
				var api smithy.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, c.code, api.ErrorCode())
				assert.Contains(t, api.ErrorMessage(), c.message)
				require.Len(t, s.Requests(), 1)
				assert.Equal(t, c.status, s.Requests()[0].Status)
				assert.Equal(t, c.code, s.Requests()[0].Code)
			})
		})
	}
}

func TestTokensThatAWSTakesAreTaken(t *testing.T) {
	for name, tok := range map[string]ststest.Token{
		"within the grace":        {NotBefore: time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC), Life: 55*time.Minute + time.Second},
		"azp among two audiences": {Audience: []string{"a", "b"}, Claims: map[string]any{"azp": "sts.amazonaws.com"}},
		"audience as a string":    {Claims: map[string]any{"aud": "sts.amazonaws.com"}},
		"no nbf":                  {Claims: map[string]any{"nbf": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				tok.Namespace, tok.ServiceAccount = "default", "gryphon-dispatcher"
				out, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(tok))
				require.NoError(t, err)
				assert.Equal(t, "sts.amazonaws.com", *out.Audience)
			})
		})
	}
}

func TestSDKsOwnErrorTypesAreMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		expired := gryphon
		expired.Life = -time.Second
		_, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(expired))
		var e *types.ExpiredTokenException
		require.ErrorAs(t, err, &e)
	})
}

func TestEditOfTheTrustPolicyCountsAtTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		canary := gryphon
		canary.ServiceAccount = "gryphon-dispatcher-canary"
		c := sdk(t, s, nil)
		_, err := assume(t.Context(), c, s.MintToken(canary))
		require.Error(t, err)
		require.NoError(t, s.SetTrustPolicy(role, s.TrustPolicy(subject+"*")))
		_, err = assume(t.Context(), c, s.MintToken(canary))
		require.NoError(t, err)

		require.ErrorContains(t, s.SetTrustPolicy(role, "{"), "ststest: ")
		require.ErrorContains(t, s.SetTrustPolicy("gryphon", "{}"), `ststest: "gryphon" is not the ARN of a role`)
		require.NoError(t, s.SetTrustPolicy(role, strings.Replace(s.TrustPolicy(subject), `"StringEquals"`, `"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringEquals"`, 1)))
		_, err = assume(t.Context(), c, s.MintToken(gryphon))
		require.Error(t, err, "what cannot be known offline does not accept")
	})
}

func TestSignedExchangeIsAMistake(t *testing.T) {
	s := newServer(t)
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"session"}, "WebIdentityToken": {s.MintToken(gryphon)}}
	code, _ := post(s, form, http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20000101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0"}})
	assert.Equal(t, "ValidationError", code)
	assert.True(t, s.Requests()[0].Signed)
	assert.Equal(t, "AKIAIOSFODNN7EXAMPLE", s.Requests()[0].AccessKeyID)
}

func TestOtherCallsAreRefused(t *testing.T) {
	s := newServer(t)
	code, status := post(s, url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}}, nil)
	assert.Equal(t, "InvalidAction", code)
	assert.Equal(t, 400, status)
	code, _ = post(s, url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2012-01-01"}}, nil)
	assert.Equal(t, "InvalidAction", code)
	code, status = post(s, url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, nil)
	assert.Equal(t, "MissingAuthenticationToken", code)
	assert.Equal(t, 403, status)
	code, status = post(s, url.Values{"WebIdentityToken": {strings.Repeat("a", 100_000)}}, nil)
	assert.Equal(t, "RequestEntityTooLarge", code)
	assert.Equal(t, 413, status)
}

// post sends a form and returns the code and the status of the answer.
func post(s http.Handler, form url.Values, header http.Header) (code string, status int) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(form.Encode()))
	r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var e struct {
		Code string `xml:"Error>Code"`
	}
	body, _ := io.ReadAll(w.Body)
	_ = xml.Unmarshal(body, &e)
	return e.Code, w.Code
}

func TestSessionsExpireAndKeysAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(o *ststest.Options) { o.Lifetime = time.Minute })
		out, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(gryphon), func(i *sts.AssumeRoleWithWebIdentityInput) { i.DurationSeconds = new(int32(3600)) })
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Until(*out.Credentials.Expiration))
		creds := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
		identity := func() (code string) {
			c := sdk(t, s, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil }))
			_, err := c.GetCallerIdentity(t.Context(), nil)
			var api smithy.APIError
			if err != nil {
				require.ErrorAs(t, err, &api)
				return api.ErrorCode()
			}
			return ""
		}
		assert.Empty(t, identity())
		token := creds.SessionToken
		creds.SessionToken += "x"
		assert.Equal(t, "InvalidClientTokenId", identity(), "the session token must be the key's own")
		creds.SessionToken = token
		time.Sleep(time.Minute)
		assert.Equal(t, "ExpiredToken", identity())
		_, ok := s.Identity(creds.AccessKeyID)
		assert.False(t, ok)

		creds = aws.Credentials{AccessKeyID: "ASIANODEROLEEXAMPLE0", SecretAccessKey: "x", SessionToken: "y"}
		assert.Equal(t, "InvalidClientTokenId", identity())
		s.AddIdentity(creds.AccessKeyID, "arn:aws:sts::111122223333:assumed-role/node/i-0f0a")
		assert.Empty(t, identity())
		arn, ok := s.Identity(creds.AccessKeyID)
		assert.True(t, ok)
		assert.Equal(t, "arn:aws:sts::111122223333:assumed-role/node/i-0f0a", arn)

		s.SetLifetime(2 * time.Minute)
		out, err = assume(t.Context(), sdk(t, s, nil), s.MintToken(gryphon))
		require.NoError(t, err)
		assert.Equal(t, 2*time.Minute, time.Until(*out.Credentials.Expiration))
	})
}

func TestClockOfTheServerIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		token := s.MintToken(gryphon)
		s.SetClock(48 * time.Hour)
		_, err := assume(t.Context(), sdk(t, s, nil), token)
		var expired *types.ExpiredTokenException
		require.ErrorAs(t, err, &expired)
		out, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(gryphon))
		require.NoError(t, err)
		assert.Equal(t, 49*time.Hour, time.Until(*out.Credentials.Expiration))
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest("GET", "/", nil))
		assert.Equal(t, "Mon, 03 Jan 2000 00:00:00 GMT", r.Header().Get("Date"))
	})
}

func TestFaultsComeInOrderAndThenTheBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c := sdk(t, s, nil)
		code := func() string {
			_, err := assume(t.Context(), c, s.MintToken(gryphon))
			var api smithy.APIError
			switch {
			case err == nil:
				return "ok"
			case assert.ErrorAs(t, err, &api):
				return api.ErrorCode()
			}
			return "?"
		}
		s.Fail(ststest.Throttling, ststest.Fault{}, ststest.Unavailable)
		s.Break(ststest.InternalFailure)
		var got []string
		for range 5 {
			got = append(got, code())
		}
		assert.Equal(t, []string{"Throttling", "ok", "ServiceUnavailable", "InternalFailure", "InternalFailure"}, got)
		s.Mend()
		assert.Equal(t, "ok", code())
		assert.Equal(t, 6, s.Count("AssumeRoleWithWebIdentity"))
	})
}

func TestFaultsOfTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c := sdk(t, s, nil)
		s.Fail(ststest.Fault{Delay: time.Minute})
		begin := time.Now()
		_, err := assume(t.Context(), c, s.MintToken(gryphon))
		require.NoError(t, err, "late, but good")
		assert.Equal(t, time.Minute, time.Since(begin))

		s.Fail(ststest.Reset)
		_, err = assume(t.Context(), c, s.MintToken(gryphon))
		require.ErrorIs(t, err, io.EOF)

		s.Fail(ststest.Hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin = time.Now()
		_, err = assume(ctx, c, s.MintToken(gryphon))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(begin))
		assert.Zero(t, s.Requests()[2].Status, "one that hangs is in the log")

		s.Fail(ststest.ProxyPage)
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest("GET", "/", nil))
		assert.Equal(t, 503, r.Code)
		assert.Equal(t, "text/html", r.Header().Get("Content-Type"))
		assert.Contains(t, r.Body.String(), "<html>")
	})
}

func TestLogHoldsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, err := assume(t.Context(), sdk(t, s, nil), s.MintToken(gryphon), func(i *sts.AssumeRoleWithWebIdentityInput) {
			i.PolicyArns = []types.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/b")}, {Arn: new("arn:aws:iam::aws:policy/a")}}
			i.Policy, i.DurationSeconds = new("{}"), new(int32(900))
		})
		require.NoError(t, err)
		r := s.Requests()[0]
		assert.NotEmpty(t, r.UserAgent)
		r.UserAgent = ""
		assert.Equal(t, ststest.Request{
			Time: time.Now(), Action: "AssumeRoleWithWebIdentity", RoleARN: role, SessionName: "session", Duration: "900", Policy: "{}",
			PolicyARNs: []string{"arn:aws:iam::aws:policy/a", "arn:aws:iam::aws:policy/b"}, Subject: subject, Status: 200,
		}, r)
	})
}

func TestAccessKeyIDIsReadOutOfASignature(t *testing.T) {
	for header, want := range map[string]string{
		"":       "",
		"Bearer": "",
		"AWS4-HMAC-SHA256 Credential=AKIA/20000101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0": "AKIA",
		"AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKIA/x":                                                     "AKIA",
		"AWS4-HMAC-SHA256 Signature=0": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		assert.Equal(t, want, ststest.AccessKeyID(r))
	}
}
