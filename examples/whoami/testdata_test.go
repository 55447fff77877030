package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

var update = flag.Bool("update", false, "mint the tokens in testdata anew")

// exampleIssuer is that of testdata/gryphon-trust.json: it has the form of an EKS cluster's, and is none's.
const exampleIssuer = "https://oidc.eks.ap-northeast-2.amazonaws.com/id/0721EXAMPLE0721EXAMPLE0721EXAMPL"

// The tokens in testdata are minted here, by an issuer that exists for the length of this test: no STS takes them, and nobody has the
// key that signed them.
func TestTheTokensInTestdataAreThoseOfTheIncident(t *testing.T) {
	for name, account := range map[string]string{"canary.jwt": "gryphon-dispatcher-canary", "dispatcher.jwt": "gryphon-dispatcher"} {
		path := filepath.Join("testdata", name)
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if *update {
			issuer := ststest.New(func(o *ststest.Options) { o.Issuer = exampleIssuer })
			token := issuer.MintToken(ststest.Token{
				Namespace: "default", ServiceAccount: account, Pod: account + "-example", NotBefore: from, Life: 100 * 365 * 24 * time.Hour,
			})
			require.NoError(t, os.WriteFile(path, []byte(token+"\n"), 0o644))
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := webidentity.Inspect(string(raw[:len(raw)-1]))
		require.NoError(t, err)
		assert.Equal(t, exampleIssuer, got.Issuer)
		assert.Equal(t, "system:serviceaccount:default:"+account, got.Subject)
		assert.Equal(t, []string{"sts.amazonaws.com"}, got.Audience)
		assert.Equal(t, from, got.NotBefore.UTC())
		assert.Equal(t, 2125, got.Expires.UTC().Year(), "it is still good when the reader tries it")
	}
}
