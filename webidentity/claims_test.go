package webidentity_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

// jws is an unsigned token with these claims.
func jws(header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64([]byte(claims)) + "." + b64([]byte("signature"))
}

func TestInspectReadsWhatTheKubeletsTokenSays(t *testing.T) {
	s := ststest.New()
	from := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	got, err := webidentity.Inspect(s.MintToken(ststest.Token{
		Namespace: "default", ServiceAccount: "gryphon-dispatcher", Pod: "gryphon-dispatcher-0", Node: "ip-10-0-0-1",
		Audience: []string{"sts.amazonaws.com", "other"}, NotBefore: from, Life: time.Hour,
	}))
	require.NoError(t, err)
	assert.Equal(t, webidentity.Claims{
		Issuer: s.Issuer(), Subject: subject, Audience: []string{"sts.amazonaws.com", "other"},
		IssuedAt: from, NotBefore: from, Expires: from.Add(time.Hour),
		Namespace: "default", ServiceAccount: "gryphon-dispatcher", Pod: "gryphon-dispatcher-0", Node: "ip-10-0-0-1",
	}, got)
	assert.Equal(t, "sub="+subject+" aud=sts.amazonaws.com,other iss="+s.Issuer()+" exp=2026-11-24T11:00:00Z", got.String())
}

func TestClaimsAreShownWithThePartyAndWithoutTokens(t *testing.T) {
	inner := jws(`{"alg":"RS256"}`, `{"sub":"inner"}`)
	c := webidentity.Claims{Issuer: "i", Subject: "s", Audience: []string{"a", inner}, AuthorizedParty: "p"}
	assert.Equal(t, "sub=s aud=a,(a token, not shown) azp=p iss=i", c.String())
}

func TestMissingNamesWhatSTSWants(t *testing.T) {
	now := time.Now()
	assert.Equal(t, []string{"iss", "sub", "aud", "exp", "iat"}, webidentity.Claims{}.Missing())
	assert.Equal(t, []string{"aud"}, webidentity.Claims{Issuer: "i", Subject: "s", Audience: []string{""}, IssuedAt: now, Expires: now}.Missing())
	assert.Empty(t, webidentity.Claims{Issuer: "i", Subject: "s", Audience: []string{"a"}, IssuedAt: now, Expires: now}.Missing())
}

func TestInspectTakesTokensAsTheyCome(t *testing.T) {
	for name, c := range map[string]struct {
		header, claims string
		want           webidentity.Claims
	}{
		"audience as a string": {`{"alg":"RS256"}`, `{"aud":"a"}`, webidentity.Claims{Audience: []string{"a"}}},
		"no claims":            {`{"alg":"RS256"}`, `{}`, webidentity.Claims{}},
		"null":                 {`{"alg":"RS256"}`, `null`, webidentity.Claims{}},
		"an unknown algorithm": {`{"alg":"XX"}`, `{"sub":"s"}`, webidentity.Claims{Subject: "s"}},
		"no algorithm":         {`{}`, `{"sub":"s"}`, webidentity.Claims{Subject: "s"}},
		"claims of wrong types": {`{"alg":"RS256"}`, `{"sub":1,"iss":["x"],"aud":{"a":1},"exp":"tomorrow","iat":true,"kubernetes.io":"x"}`,
			webidentity.Claims{}},
		"kubernetes.io of wrong types": {`{"alg":"RS256"}`, `{"kubernetes.io":{"namespace":{},"pod":"x","serviceaccount":{"name":1}}}`, webidentity.Claims{}},
		"azp":                          {`{"alg":"RS256"}`, `{"aud":["a","b"],"azp":"c"}`, webidentity.Claims{Audience: []string{"a", "b"}, AuthorizedParty: "c"}},
		"another case":                 {`{"alg":"RS256"}`, `{"SUB":"s","Iss":"i"}`, webidentity.Claims{}},
		"dates out of range":           {`{"alg":"RS256"}`, `{"exp":1e300,"iat":-1e300,"nbf":253402300800}`, webidentity.Claims{}},
		"the last date": {`{"alg":"RS256"}`, `{"exp":253402300799}`,
			webidentity.Claims{Expires: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}},
		"a legacy token": {`{"alg":"RS256"}`, `{"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"ns","kubernetes.io/serviceaccount/service-account.name":"sa"}`,
			webidentity.Claims{Issuer: "kubernetes/serviceaccount", Namespace: "ns", ServiceAccount: "sa"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := webidentity.Inspect(jws(c.header, c.claims))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestInspectSaysWhatIsNoJWT(t *testing.T) {
	for name, c := range map[string]struct{ token, want string }{
		"empty":                {"", "not a JWT: not three parts with dots between them"},
		"one part":             {"opaque", "not a JWT: not three parts with dots between them"},
		"four parts":           {"a.b.c.d", "not a JWT: not three parts with dots between them"},
		"no base64":            {"a.%%.c", "not a JWT: its header or claims are not base64url of JSON"},
		"claims that are text": {jws(`{"alg":"RS256"}`, "hunter2"), "not a JWT: its header or claims are not base64url of JSON"},
		"a list":               {jws(`{"alg":"RS256"}`, `["hunter2"]`), "not a JWT: its header or claims are not base64url of JSON"},
		"too large":            {strings.Repeat("a", 20001), "not a JWT: it has 20001 bytes, more than the 20000 that STS takes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := webidentity.Inspect(c.token)
			require.ErrorIs(t, err, webidentity.ErrNotJWT)
			assert.EqualError(t, err, c.want)
			assert.Zero(t, got)
		})
	}
}

func TestForeignTextIsShownOnOneLineAndCut(t *testing.T) {
	c := webidentity.Claims{Subject: "a\nb\x1b[31m\u202ec\xff", Issuer: strings.Repeat("é", 1000)}
	assert.Equal(t, "sub=a\uFFFDb\uFFFD[31m\uFFFDc\uFFFD aud=(none) iss="+strings.Repeat("é", 400)+"…", c.String())
}

// FuzzInspect: whatever the token, no panic, no claim out of nothing, and an error that holds no part of it.
func FuzzInspect(f *testing.F) {
	s := ststest.New()
	f.Add(s.MintToken(ststest.Token{Namespace: "default", ServiceAccount: "gryphon", Pod: "p"}))
	f.Add(s.MintToken(ststest.Token{Namespace: "default", ServiceAccount: "gryphon", Legacy: true}))
	f.Add(jws(`{"alg":"none"}`, `{"sub":"\u0000\ud800","aud":[1,"a"],"exp":1e999}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := webidentity.Inspect(token)
		if err != nil {
			require.ErrorIs(t, err, webidentity.ErrNotJWT)
			assert.Zero(t, c)
			assert.Less(t, len(err.Error()), 100)
			return
		}
		_, err = json.Marshal(c)
		require.NoError(t, err, "claims can be given to programs")
		shown := c.String()
		assert.True(t, utf8.ValidString(shown))
		assert.False(t, strings.ContainsAny(shown, "\n\r\x00\x1b"), "%q", shown)
		assert.Less(t, utf8.RuneCountInString(shown), 4*webidentity.MaxShown)
	})
}

func FuzzInspectClaims(f *testing.F) {
	f.Add(`{"sub":"s","aud":["a","b"],"iss":"https://oidc.eks.us-east-1.amazonaws.com/id/X","exp":1,"kubernetes.io":{"namespace":"n","pod":{"name":"p"}}}`)
	f.Add(`{"aud":"a","exp":"x"}`)
	f.Fuzz(func(t *testing.T, claims string) {
		c, err := webidentity.Inspect(jws(`{"alg":"RS256"}`, claims))
		if err != nil {
			require.ErrorIs(t, err, webidentity.ErrNotJWT)
			return
		}
		_, err = json.Marshal(c)
		require.NoError(t, err)
		assert.False(t, strings.ContainsAny(c.String(), "\n\r\x00\x1b"))
		assert.True(t, webidentity.ValidSessionName(webidentity.SessionName(c)))
		if region, ok := webidentity.EKSRegion(c.Issuer); ok {
			assert.Regexp(t, `^[a-z]+(-[a-z]+)+-[0-9]+$`, region)
		}
	})
}
