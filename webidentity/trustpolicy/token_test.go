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
		"kubernetes.io": {"namespace": "default"}, "nothing": null, "empty": [], "mixed": ["x", 1, false, null, {}, ["nested"]]
	}`) + "\n")
	require.NoError(t, err)
	assert.Equal(t, trustpolicy.Request{Provider: provider, Claims: claims{
		"iss": {"https://" + provider}, "sub": {"s"}, "aud": {"a", "b"}, "exp": {"4102444800"}, "email_verified": {"true"}, "mixed": {"x", "1", "false"},
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

func TestATokenInAClaimIsNotKept(t *testing.T) {
	inner := token(t, canary())
	for _, claim := range []string{`"` + inner + `"`, `["x", "` + inner + `"]`} {
		request, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"RS256"}`, `{"iss": "https://`+provider+`", "sub": `+claim+`}`))
		require.NoError(t, err)
		assert.Contains(t, request.Claims["sub"], "(a token, not shown)")
		assert.NotContains(t, fmt.Sprint(request), inner)
	}
}
