package webidentity_test

import (
	"testing"

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
