package webidentity_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

func TestATokenInThePlaceOfItsPathIsNotShown(t *testing.T) {
	token := ststest.New().MintToken(ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher"})
	_, err := webidentity.New(func(o *webidentity.Options) {
		o.LookupEnv = func(string) (string, bool) { return "", false }
		o.RoleARN, o.TokenFile = "arn:aws:iam::111122223333:role/gryphon-dispatcher", token
	}).Retrieve(t.Context())
	require.EqualError(t, err, "webidentity: Options.TokenFile holds a token, where the path of the token's file belongs")
	assert.NotContains(t, err.Error(), token)
}

// Nor is one in any other variable, or in a claim.
func TestATokenInAnotherPlaceIsNotShownEither(t *testing.T) {
	for _, variable := range []string{"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Run(variable, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for _, value := range []string{w.tokens.Token(), "Bearer " + w.tokens.Token(), `"` + w.tokens.Token() + `"`} {
					w.env[variable] = value
					_, err := w.provider().Retrieve(t.Context())
					require.Error(t, err)
					for part := range strings.SplitSeq(w.tokens.Token(), ".") {
						assert.NotContains(t, err.Error()+w.log.String(), part[:20])
					}
				}
			})
		})
	}
	inner := ststest.New().MintToken(ststest.Token{Namespace: "default", ServiceAccount: "inner"})
	claims, err := webidentity.Inspect(jws(`{"alg":"RS256"}`, `{"sub":"`+inner+`"}`))
	require.NoError(t, err)
	assert.NotContains(t, claims.String(), inner[:20])
}

func TestAPathIsShownInOneLine(t *testing.T) {
	_, err := webidentity.New(func(o *webidentity.Options) {
		o.LookupEnv = func(string) (string, bool) { return "", false }
		o.RoleARN, o.TokenFile = "arn:aws:iam::111122223333:role/gryphon-dispatcher", "/none\n\x1b[2J/token"
	}).Retrieve(t.Context())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "\x1b")
}
