package trustpolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// A claim that is not here is one that the token does not have. Session tags are in the flat one of the two forms that STS takes:
	// "https://aws.amazon.com/tags/principal_tags/<key>", and "https://aws.amazon.com/tags/transitive_tag_keys".
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
		if values := claimValues(value); len(values) > 0 {
			r.Claims[name] = values
		}
	}
	r.flattenTags(claims[tagsClaim])
	return r, nil
}

// claimValues returns a claim as strings. Objects, such as kubernetes.io, are left out: no condition key holds one.
func claimValues(claim any) []string {
	switch v := claim.(type) {
	case string:
		if isToken(v) {
			v = "(a token, not shown)" // no policy names one, and a result may be shown
		}
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

func isToken(s string) bool {
	_, _, err := jwt.NewParser().ParseUnverified(s, jwt.MapClaims{})
	return err == nil || errors.Is(err, jwt.ErrTokenUnverifiable)
}

// presence says whether a condition key is in the request context.
type presence int

const (
	absent presence = iota
	present
	unknowable
)

// A fact is what is known of one condition key.
type fact struct {
	presence presence
	values   []string // when present
	from     string   // the claim that they are from, if it is called otherwise
	why      string   // when absent or unknowable
	kind     string   // of mismatch, when absent
}

// fact looks a condition key up. Keys are case-insensitive, values are not (IAM User Guide, reference_policies_elements_condition).
//
// The page on the keys of OIDC federation (reference_policies_iam-condition-keys) has a table for the default implementation of an
// identity provider, and others for providers with claims of their own: by default the claims sub, amr and email, azp or else aud as aud,
// and aud as oaud. Other claims reach the request context for some providers and not for others, so that all that can be said offline is
// that a claim which the token lacks will not.
func (r Request) fact(key string) fact {
	if claim, ok := r.claimOf(key); ok {
		name, from, values := r.claim(claim)
		switch {
		case len(values) == 0:
			return fact{why: "the token has no " + from, kind: KindMissing}
		case slices.Contains([]string{"sub", "aud", "amr"}, name), slices.Contains([]string{"oaud", "email"}, name) && !slices.Contains(noDefaults, r.Provider):
			if from == name {
				from = ""
			}
			return fact{presence: present, values: values, from: from}
		default:
			return fact{presence: unknowable, why: "whether STS makes a condition key of the claim " + name + " depends on the provider"}
		}
	}
	prefix, rest, _ := strings.Cut(key, ":")
	if (strings.EqualFold(prefix, "https") || strings.EqualFold(prefix, "http")) && strings.HasPrefix(rest, "//") {
		return fact{why: "a condition key names the issuer without " + prefix + "://", kind: KindSchemeKey}
	}
	if strings.ContainsAny(prefix, "./") {
		return fact{why: fmt.Sprintf("the key belongs to %s, and the token is from %s", quote(prefix), quote(r.Provider)), kind: KindForeignKey}
	}
	if f, ok := r.sessionFact(key); ok {
		return f
	}
	return fact{presence: unknowable, why: "what " + key + " will be is known only to STS"}
}

// claimOf returns the claim that a condition key of this token's provider names.
func (r Request) claimOf(key string) (claim string, ok bool) {
	n := len(r.Provider)
	if n == 0 || len(key) <= n+1 || key[n] != ':' || !strings.EqualFold(key[:n], r.Provider) {
		return "", false
	}
	return key[n+1:], true
}

// noDefaults are the providers for which IAM documents keys of their own in place of the default ones.
var noDefaults = []string{"cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"}

// claim returns what STS gives to a condition key: the key's name, the claim that it is taken from, and the values. "If no value is set for
// azp, the aud condition key maps to the aud claim", whoever the provider is; oaud is always the token's aud.
func (r Request) claim(key string) (name, from string, values []string) {
	name = strings.ToLower(key)
	switch {
	case name == "oaud":
		return name, "aud", r.Claims["aud"]
	case name == "aud" && r.hasParty():
		return name, "azp", r.Claims["azp"]
	}
	if values, ok := r.Claims[name]; ok {
		return name, name, values
	}
	for _, k := range slices.Sorted(maps.Keys(r.Claims)) {
		if strings.EqualFold(k, key) {
			return k, k, r.Claims[k]
		}
	}
	return key, key, nil
}

// hasParty reports whether the token names an authorized party, azp.
func (r Request) hasParty() bool {
	azp := r.Claims["azp"]
	return len(azp) == 1 && azp[0] != ""
}

// refusal says why STS will not look at any policy: it answers InvalidIdentityToken, as OpenID Connect has it that a token with several
// audiences names the party that it was issued to (OpenID Connect Core 1.0, 3.1.3.7).
func (r Request) refusal() string {
	if audiences := r.Claims["aud"]; len(audiences) > 1 && !r.hasParty() {
		return fmt.Sprintf("the token has several audiences (%s) and no azp: STS refuses such a token; project a token with exactly one audience", quoteAll(audiences))
	}
	return ""
}
