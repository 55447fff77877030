package trustpolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken is the maximum length of WebIdentityToken that the STS API documents.
const maxToken = 20000

// Request is what a trust policy is evaluated against: an AssumeRoleWithWebIdentity call, as far as it is known offline.
type Request struct {
	// Provider is the token's issuer without its scheme, "oidc.eks.eu-west-1.amazonaws.com/id/5F…" for example.
	// Condition keys begin with it, and the ARN of an IAM OIDC provider ends with it.
	Provider string

	// Account is the account id of the role, twelve digits. If empty, the account in a provider's ARN is not compared.
	Account string

	// Claims are the token's, by name, as strings; a claim that is a list has several values.
	// A claim that is not here is one that the token does not have; one without values is one that is no text, an object.
	// Session tags are in the flat one of the two forms that STS takes: "https://aws.amazon.com/tags/principal_tags/<key>", and
	// "https://aws.amazon.com/tags/transitive_tag_keys".
	Claims map[string][]string
}

// RequestFromToken reads the claims of a JSON Web Token, and verifies nothing: neither signature nor expiry.
// That is enough to explain what STS answers and never enough to trust a token. The error never shows the token.
// Account stays empty: a token does not know which role it will be used for.
func RequestFromToken(token string) (Request, error) {
	token = strings.TrimSpace(token)
	if len(token) > maxToken {
		return Request{}, fmt.Errorf("trustpolicy: the token is longer than STS's maximum of %d characters", maxToken)
	}
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return Request{}, fmt.Errorf("trustpolicy: not a JWT: it has %d parts between dots, not 3", parts)
	}
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(token, claims)
	// An algorithm that this library does not know is no obstacle: nothing is verified. The errors of the parser are not
	// wrapped, because they quote what they could not read.
	if err != nil && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return Request{}, errors.New("trustpolicy: not a JWT: its header and payload are not base64url-encoded JSON")
	}
	issuer, _ := claims["iss"].(string)
	if issuer == "" {
		return Request{}, errors.New("trustpolicy: the token names no issuer (iss)")
	}
	r := Request{Provider: strings.TrimPrefix(issuer, "https://"), Claims: map[string][]string{}}
	for name, value := range claims {
		if values := claimValues(value); len(values) > 0 || isObject(value) {
			r.Claims[name] = values
		}
	}
	r.flattenTags(claims[tagsClaim])
	return r, nil
}

// isObject reports whether a claim is an object, such as kubernetes.io, or a list that begins with one.
func isObject(claim any) bool {
	if list, ok := claim.([]any); ok && len(list) > 0 {
		return isObject(list[0])
	}
	_, ok := claim.(map[string]any)
	return ok
}

// claimValues returns a claim as strings. Objects have none.
func claimValues(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{fmt.Sprint(v)}
	case json.Number:
		return []string{v.String()}
	case []any:
		var all []string
		for _, item := range v {
			if _, nested := item.([]any); !nested {
				all = append(all, claimValues(item)...)
			}
		}
		return all
	}
	return nil
}
