package redact_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

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

func TestWhatTwoTextsShareIsInARow(t *testing.T) {
	assert.True(t, redact.Share("abc", "xbcx", 2))
	assert.True(t, redact.Share("xbcx", "bc", 2))
	assert.False(t, redact.Share("abc", "acb", 2))
	assert.False(t, redact.Share("ab", "abc", 3), "there are not so many")
	assert.False(t, redact.Share("abc", "abc", 0))
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
