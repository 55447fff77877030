package trustpolicy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

// token signs claims as a JWT; a claim with one value is a string, with several a list.
func token(t *testing.T, c claims) string {
	t.Helper()
	m := jwt.MapClaims{}
	for name, values := range c {
		m[name] = values
		if len(values) == 1 {
			m[name] = values[0]
		}
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, m).SignedString([]byte("a key of this test"))
	require.NoError(t, err)
	return signed
}

func unsigned(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + ".c2lnbmF0dXJl"
}

func TestRequestFromTokenReadsClaimsOfEveryForm(t *testing.T) {
	got, err := trustpolicy.RequestFromToken(" " + unsigned(`{"alg":"RS256"}`, `{
		"iss": "https://`+provider+`", "sub": "s", "aud": ["a", "b"], "exp": 4102444800, "email_verified": true,
		"kubernetes.io": {"namespace": "default"}, "nothing": null, "empty": [], "objects": [{"a": "b"}], "mixed": ["x", 1, false, null, {}, ["nested"]]
	}`) + "\n")
	require.NoError(t, err)
	assert.Equal(t, trustpolicy.Request{Provider: provider, Claims: claims{
		"iss": {"https://" + provider}, "sub": {"s"}, "aud": {"a", "b"}, "exp": {"4102444800"}, "email_verified": {"true"}, "mixed": {"x", "1", "false"}, "kubernetes.io": nil, "objects": nil,
	}}, got)
}

func TestRequestFromTokenTakesTheProviderFromTheIssuer(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://" + provider:            provider,
		"https://tenant.auth0.com/":      "tenant.auth0.com/",
		"accounts.google.com":            "accounts.google.com", // as Google's older tokens have it
		"kubernetes/serviceaccount":      "kubernetes/serviceaccount",
		"http://issuer.example.com/path": "http://issuer.example.com/path",
	} {
		got, err := trustpolicy.RequestFromToken(token(t, claims{"iss": {issuer}}))
		require.NoError(t, err)
		assert.Equal(t, want, got.Provider)
	}
}

func TestRequestFromTokenDoesNotMindAnAlgorithmItDoesNotKnow(t *testing.T) {
	got, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"ES999"}`, `{"iss":"https://a","sub":"s"}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"s"}, got.Claims["sub"])
}

func TestNoTextHoldsTheTokenOrItsSignature(t *testing.T) {
	signed := token(t, canary())
	request, err := trustpolicy.RequestFromToken(signed)
	require.NoError(t, err)
	p, err := trustpolicy.Parse([]byte(on(`{"StringLike": {"P:sub": "` + dispatcher + `"}, "StringEquals": {"P:amr": "x"}}`)))
	require.NoError(t, err)
	result := p.Evaluate(request)
	asJSON, err := json.Marshal(result)
	require.NoError(t, err)
	texts := []string{result.String(), string(asJSON), fmt.Sprintf("%v %+v %#v", request, result, p), fmt.Sprintf("%+v", p)}
	for _, text := range texts {
		for part := range strings.SplitSeq(signed, ".") {
			assert.NotContains(t, text, part)
		}
	}
	assert.Contains(t, texts[0], dispatcher+"-canary", "claims may be shown")
}

func TestATokenInAClaimIsNotShown(t *testing.T) {
	inner := token(t, canary())
	head, _, _ := strings.Cut(inner, ".")
	escaped := func(s string) string { return string(must(json.Marshal(s))) }
	for name, tt := range map[string]struct{ payload, policy string }{
		"a claim":               {`"sub": ` + escaped(inner), on(`{"StringEquals": {"P:sub": "x"}}`)},
		"among other text":      {`"sub": ` + escaped("Bearer "+inner+", "+inner+"\n"), on(`{"StringLike": {"P:sub": ["x*", "Bearer *y"]}}`)},
		"after letters":         {`"sub": ` + escaped("they"+inner), on(`{"StringEquals": {"P:sub": "x"}}`)},
		"cut short":             {`"sub": ` + escaped(strings.Repeat("x ", 90)+inner), on(`{"StringEquals": {"P:sub": "x"}}`)},
		"with padding":          {`"sub": ` + escaped("eyJhbGciOiJub25lIn0=."+strings.SplitN(inner, ".", 2)[1]), on(`{"StringEquals": {"P:sub": "x"}}`)},
		"in a list":             {`"sub": ["a", ` + escaped(inner) + `]`, on(`{"StringEquals": {"P:sub": "x"}}`)},
		"that is excluded":      {`"sub": ` + escaped(inner), on(`{"StringNotLike": {"P:sub": "*"}}`)},
		"that matches":          {`"sub": ` + escaped(inner), on(`{"StringLike": {"P:sub": "*"}}`)},
		"that a Deny is about":  {`"sub": ` + escaped(inner), policy("2012-10-17", deny(`{"StringNotEquals": {"P:sub": "x"}}`))},
		"by a variable":         {`"sub": "s", "email": ` + escaped(inner), on(`{"StringEquals": {"P:sub": "${` + provider + `:email}"}}`)},
		"in the policy":         {`"sub": "eyJ"`, on(`{"StringEquals": {"P:sub": ` + escaped(inner) + `}}`)},
		"as a claim's name":     {`"` + inner + `": "s"`, on(`{"StringEquals": {"P:` + inner + `": "x"}}`)},
		"as a key":              {`"sub": "s"`, on(`{"StringEquals": {"P:` + inner + `": "x", "` + inner + `": "y", "https://` + inner + `:sub": "z"}}`)},
		"as a tag":              {`"https://aws.amazon.com/tags": {"principal_tags": {"` + inner + `": "x"}}`, on(`{"StringEquals": {"aws:RequestTag/x` + inner + `": "x"}}`)},
		"as a source identity":  {`"https://aws.amazon.com/source_identity": ` + escaped(inner), on("")},
		"as a principal":        {`"sub": "s"`, policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/`+inner+`"}`, `"Action": "`+inner+`"`, ""))},
		"as one without an ARN": {`"sub": "s"`, policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+inner+`"}`, `"NotAction": ["*", "`+inner+`"]`, ""))},
	} {
		for _, issuer := range []string{provider, "a.example.com/" + inner} {
			t.Run(name, func(t *testing.T) {
				request, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"RS256"}`, `{"iss": "https://`+issuer+`", "aud": ["a", "b"], `+tt.payload+`}`))
				require.NoError(t, err)
				p, err := trustpolicy.Parse([]byte(tt.policy))
				require.NoError(t, err)
				got := p.Evaluate(request)
				shown := got.String() + string(must(json.Marshal(got))) + fmt.Sprintf("%+v", got)
				assert.NotContains(t, shown, head[:8])
				for part := range strings.SplitSeq(inner, ".") {
					assert.NotContains(t, shown, part)
				}
				if issuer != provider {
					assert.Contains(t, shown, "(a token, not shown)")
				}
			})
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTwoTokensInClaimsAreTwo(t *testing.T) {
	request, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"RS256"}`, `{"iss": "https://`+provider+`", "sub": "`+token(t, canary())+`", "aud": "`+token(t, with("sub", "x"))+`"}`))
	require.NoError(t, err)
	p, err := trustpolicy.Parse([]byte(on(`{"StringEquals": {"P:sub": "${` + provider + `:aud}"}}`)))
	require.NoError(t, err)
	assert.Equal(t, trustpolicy.Denied, p.Evaluate(request).Verdict)
}

func TestWhatIsNoTokenIsShown(t *testing.T) {
	for _, sub := range []string{"eyJ.a.b", "honeycomb.wednesday.newyork", "a.b.c", "..", "firewood.example.com", "ew.ey.e", "e30.e30", "MQ.MQ.MQ"} {
		got := rule{policy: on(`{"StringEquals": {"P:sub": "x"}}`), claims: with("sub", sub)}.evaluate(t)
		assert.Equal(t, []string{sub}, got.Mismatches[0].Token)
		assert.Contains(t, got.Cause, `"`+sub+`"`)
	}
}

func TestAResultIsTheCallers(t *testing.T) {
	p, err := trustpolicy.Parse([]byte(policy("2012-10-17", allow(`{"StringEquals": {"P:sub": "x"}}`),
		statement("Allow", `"Principal": {"Federated": "`+providerARN+`"}`, `"Action": "sts:AssumeRole"`, ""))))
	require.NoError(t, err)
	request := trustpolicy.Request{Provider: provider, Claims: canary()}
	first := p.Evaluate(request)
	for _, m := range first.Mismatches {
		m.Token[0], m.Policy[0] = "mine", dispatcher+"-canary"
	}
	first.Warnings[0] = ""
	assert.Equal(t, canary(), claims(request.Claims))
	second := p.Evaluate(request)
	assert.Equal(t, trustpolicy.Denied, second.Verdict)
	assert.Equal(t, []string{"x"}, second.Mismatches[0].Policy)
	assert.NotEmpty(t, second.Warnings[0])
}
