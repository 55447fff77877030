package ststest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/ststest"
)

func TestTokenDirLooksLikeTheKubelets(t *testing.T) {
	s := ststest.New()
	dir := t.TempDir()
	d, err := s.NewTokenDir(dir, gryphon)
	require.NoError(t, err)
	first := d.Token()
	assert.Equal(t, filepath.Join(dir, "token"), d.Path())

	link, err := os.Readlink(d.Path())
	require.NoError(t, err)
	assert.Equal(t, filepath.Join("..data", "token"), link)
	before, err := os.Readlink(filepath.Join(dir, "..data"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(before, ".."), before)

	require.NoError(t, d.Rotate(func(tok *ststest.Token) { tok.Pod = "gryphon-dispatcher-1" }))
	after, err := os.Readlink(filepath.Join(dir, "..data"))
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	_, err = os.Stat(filepath.Join(dir, before))
	require.ErrorIs(t, err, os.ErrNotExist, "the old token is gone")
	raw, err := os.ReadFile(d.Path())
	require.NoError(t, err)
	assert.Equal(t, d.Token(), string(raw))
	assert.NotEqual(t, first, string(raw))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 3, "token, ..data and the directory behind it")

	require.NoError(t, d.Rotate())
	claims := jwt.MapClaims{}
	_, _, err = jwt.NewParser().ParseUnverified(d.Token(), claims)
	require.NoError(t, err)
	assert.Equal(t, "gryphon-dispatcher-1", claims["kubernetes.io"].(map[string]any)["pod"].(map[string]any)["name"], "a change stays")

	require.NoError(t, d.Write("nonsense"))
	raw, err = os.ReadFile(d.Path())
	require.NoError(t, err)
	assert.Equal(t, "nonsense", string(raw))
}

func TestTokenDirSaysWhatIsWrong(t *testing.T) {
	_, err := ststest.New().NewTokenDir(filepath.Join(t.TempDir(), "none"), gryphon)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "ststest: token directory: ")
}

func TestTokensSayWhatTheKubeletsSay(t *testing.T) {
	s := ststest.New(func(o *ststest.Options) { o.Issuer = "https://issuer.example/cluster" })
	claims := jwt.MapClaims{}
	tok := gryphon
	tok.Node, tok.Claims = "ip-10-0-0-1", map[string]any{"jti": nil, "extra": true}
	parsed, _, err := jwt.NewParser().ParseUnverified(s.MintToken(tok), claims)
	require.NoError(t, err)
	assert.Equal(t, "ES256", parsed.Header["alg"])
	assert.NotEmpty(t, parsed.Header["kid"])
	assert.Equal(t, "https://issuer.example/cluster", claims["iss"])
	assert.Equal(t, subject, claims["sub"])
	assert.Equal(t, []any{"sts.amazonaws.com"}, claims["aud"])
	assert.InDelta(t, 86400, claims["exp"].(float64)-claims["iat"].(float64), 0)
	assert.Equal(t, claims["iat"], claims["nbf"])
	assert.Equal(t, true, claims["extra"])
	assert.NotContains(t, claims, "jti")
	k := claims["kubernetes.io"].(map[string]any)
	assert.Equal(t, "default", k["namespace"])
	for part, name := range map[string]string{"pod": "gryphon-dispatcher-0", "serviceaccount": "gryphon-dispatcher", "node": "ip-10-0-0-1"} {
		assert.Equal(t, name, k[part].(map[string]any)["name"])
		assert.Len(t, k[part].(map[string]any)["uid"], 36)
	}
	assert.Panics(t, func() { s.MintToken(ststest.Token{Claims: map[string]any{"f": func() {}}}) })
}
