package redact_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/redact"
)

func TestKeyIDShowsFourCharactersAtMost(t *testing.T) {
	for id, want := range map[string]string{
		"":                     "",
		"AKIA":                 "",
		"AKIAABC":              "",
		"AKIAABCD":             "…ABCD",
		"ASIAIOSFODNN7EXAMPLE": "…MPLE",
	} {
		assert.Equal(t, want, redact.KeyID(id), id)
	}
}

func TestURLLosesWhatMayBeSecret(t *testing.T) {
	for raw, want := range map[string]string{
		"":                               "",
		"http://169.254.170.23/v1/creds": "http://169.254.170.23/v1/creds",
		"http://user:s3cret@localhost:8080/get?id=s3cret#s3cret": "http://localhost:8080/get",
		"http://[fd00:ec2::23]/v1":                               "http://[fd00:ec2::23]/v1",
		"/v2/credentials/5f3a":                                   "/v2/credentials/5f3a",
		"https://localhost/a%2Fb":                                "https://localhost/a%2Fb",
		"https://localhost/a b":                                  "https://localhost/a%20b",
		"mailto:s3cret@example.com":                              "mailto:(opaque)",
		"http://local host/s3cret":                               "(unparsable URL)",
		"http://localhost/%zz-s3cret":                            "(unparsable URL)",
		"http://localhost/\ns3cret":                              "(unparsable URL)",
	} {
		assert.Equal(t, want, redact.URL(raw), raw)
	}
}

func TestTokensAreReplacedWhereverTheyStand(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	jwt := b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(`{"sub":"s"}`)) + "." + b64([]byte("signature"))
	spaced := b64([]byte("{\n  \"alg\": \"none\"}")) + "." + b64([]byte("{}")) + "."
	const cut = "(a token, not shown)"
	for text, want := range map[string]string{
		jwt:                           cut,
		" " + jwt + "\n":              " " + cut + "\n",
		"Bearer " + jwt:               "Bearer " + cut,
		`"` + jwt + `": not a path`:   `"` + cut + `": not a path`,
		"https://e.example/?t=" + jwt: "https://e.example/?t=" + cut,
		jwt + "," + spaced + " x":     cut + "," + cut + " x",
		"keys." + jwt:                 "keys." + cut,
		"eyes.of.the.keys." + jwt:     "eyes.of.the.keys." + cut,
		jwt + ".x.y":                  cut,
		"eyes.example.com":            "eyes.example.com",
		"ey.a.b":                      "ey.a.b",
		"oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE": "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE",
		"": "",
	} {
		assert.Equal(t, want, redact.Tokens(text), text)
	}
	var b strings.Builder
	n, err := redact.Writer(&b).Write([]byte("a " + jwt))
	require.NoError(t, err)
	assert.Equal(t, len(jwt)+2, n)
	assert.Equal(t, "a "+cut, b.String())
}

func TestAnEchoIsASecretOrAPieceOfIt(t *testing.T) {
	const long = "abcdefghijklmnopqrstuvwxyz"
	for _, row := range []struct {
		text, secret string
		want         bool
	}{
		{"ResourceNotFoundException", long, false},
		{"x-cdefghijklmn-x", long, true}, // 12 of its characters
		{"x-cdefghijklm-x", long, false}, // 11
		{"cdefghijklmn", long, true},
		{"cdefghijklm", long, false},
		{"opqrstuvwxyz", long, true},
		{"req-pass1", "pass1", true},
		{"req-pass", "pass1", false},
		{"1234", "1234", true},
		{"123", "123", false},
		{"anything", "", false},
		{"", long, false},
	} {
		assert.Equal(t, row.want, redact.Echoes(row.text, row.secret), "%+v", row)
	}
}

func FuzzURLShowsNeitherUserNorQuery(f *testing.F) {
	f.Add("http", "localhost:80", "/creds")
	f.Add("mailto", "", "x")
	f.Add("", "", "//h")
	f.Fuzz(func(t *testing.T, scheme, host, path string) {
		for _, part := range []string{scheme, host, path} {
			if strings.Contains(part, "s3cret") {
				t.Skip()
			}
		}
		whole := url.URL{Scheme: scheme, User: url.UserPassword("s3cret", "s3cret"), Host: host, Path: path, RawQuery: "k=s3cret", Fragment: "s3cret"}
		for _, raw := range []string{whole.String(), scheme + "://s3cret@" + host + path, scheme + ":s3cret?s3cret#s3cret"} {
			u, err := url.Parse(raw)
			if err == nil && (strings.Contains(u.Path, "s3cret") || strings.Contains(u.Host, "s3cret")) {
				continue // not where a secret is looked for
			}
			if shown := redact.URL(raw); strings.Contains(shown, "s3cret") {
				t.Fatalf("%q is shown as %q", raw, shown)
			}
		}
	})
}
