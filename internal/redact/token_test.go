package redact_test

import (
	"encoding/base64"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/redact"
)

func TestTokensAreReplacedWhereverTheyStand(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	jwt := b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(`{"sub":"s"}`)) + "." + b64([]byte("signature"))
	spaced := b64([]byte("{\n  \"alg\": \"none\"}")) + "." + b64([]byte("{}")) + "."
	const cut = "(a token, not shown)"
	for text, want := range map[string]string{
		jwt:                             cut,
		" " + jwt + "\n":                " " + cut + "\n",
		"Bearer " + jwt:                 "Bearer " + cut,
		`"` + jwt + `": not a path`:     `"` + cut + `": not a path`,
		"https://e.example/?t=" + jwt:   "https://e.example/?t=" + cut,
		jwt + "," + spaced + " x":       cut + "," + cut + " x",
		"keys." + jwt:                   "keys." + cut,
		"eyes.of.the.keys." + jwt:       "eyes.of.the.keys." + cut,
		jwt + ".x.y":                    cut,
		"token=" + jwt:                  "token=" + cut,
		"a==b=" + jwt:                   "a==b=" + cut,
		"x" + jwt:                       "x" + cut,
		"xy" + jwt:                      "xy" + cut,
		"xyz" + jwt:                     "xyz" + cut,
		strings.Repeat("eyJ", 99) + jwt: strings.Repeat("eyJ", 99) + cut,
		"eyes.example.com":              "eyes.example.com",
		"ey.a.b":                        "ey.a.b",
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

// A text of nothing but beginnings of tokens is decoded four times and not once for each.
func TestTheWorkGrowsWithTheText(t *testing.T) {
	text := strings.Repeat("eyJ", 1<<15) + ".a.b"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	assert.False(t, redact.HoldsToken(text))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "decoded for each it would be two gigabytes")
}

func FuzzTokensLeavesNone(f *testing.F) {
	f.Add("", "")
	f.Add("token=", ".x y")
	f.Add("eyJeyJ", "=.")
	f.Fuzz(func(t *testing.T, before, after string) {
		b64 := base64.RawURLEncoding.EncodeToString
		signature := b64([]byte("a signature of this test"))
		text := before + b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(`{"sub":"s"}`)) + "." + signature + after
		shown := redact.Tokens(text)
		if strings.Contains(before+after, signature) {
			t.Skip("it is there beside the token")
		}
		assert.NotContains(t, shown, signature)
		assert.False(t, redact.HoldsToken(shown), "what is shown holds none")
	})
}
