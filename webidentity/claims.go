package webidentity

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxTokenSize is the size of the largest token, in bytes, that STS takes and that this package reads: the STS API Reference gives
// it as the maximum length of AssumeRoleWithWebIdentity's WebIdentityToken. The kubelet's tokens have about 1,000.
const MaxTokenSize = 20000

// ExpiryGrace is how long after its exp STS still takes a token, for the sake of clocks that disagree (IAM User Guide, OIDC federation).
const ExpiryGrace = 5 * time.Minute

// ErrNotJWT is matched by the error of [Inspect] for a token that is not a JSON Web Token, or not one that can be read.
var ErrNotJWT = errors.New("not a JWT")

// Claims are what a token says of itself. Nobody has verified them: they explain a refusal and name a session, and no decision
// rests on them. The strings are as they stand in the token; String makes them fit to be shown.
type Claims struct {
	Issuer   string   // iss
	Subject  string   // sub
	Audience []string // aud, a string or a list in the token
	// AuthorizedParty is azp, which a projected service account token does not have. Where it is there, STS takes it for the audience.
	AuthorizedParty string
	IssuedAt        time.Time // iat; zero if absent or unreadable, like the other times
	NotBefore       time.Time // nbf
	Expires         time.Time // exp

	// What Kubernetes adds, under "kubernetes.io" in a projected token and in flat claims in a legacy one.
	Namespace      string
	ServiceAccount string
	Pod            string // empty for a token that is not bound to a pod
	Node           string // since Kubernetes 1.30
}

// Inspect reads a token's claims without verifying anything. The error, which holds no part of the token, matches [ErrNotJWT].
// A claim of the wrong type counts as absent.
func Inspect(token string) (Claims, error) {
	if len(token) > MaxTokenSize {
		return Claims{}, fmt.Errorf("%w: it has %d bytes, more than the %d that STS takes", ErrNotJWT, len(token), MaxTokenSize)
	}
	m := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, m)
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed) && strings.Count(token, ".") != 2:
		return Claims{}, fmt.Errorf("%w: not three parts with dots between them", ErrNotJWT)
	case errors.Is(err, jwt.ErrTokenMalformed) && len(m) == 0:
		return Claims{}, fmt.Errorf("%w: its header or claims are not base64url of JSON", ErrNotJWT)
	}
	// What else the parser finds wrong, with the algorithm or the signature, does not concern the claims.
	c := Claims{
		Issuer:  text(m, "iss"),
		Subject: text(m, "sub"),

		AuthorizedParty: text(m, "azp"),

		IssuedAt:  instant(m.GetIssuedAt()),
		NotBefore: instant(m.GetNotBefore()),
		Expires:   instant(m.GetExpirationTime()),

		Namespace:      text(m, legacyPrefix+"namespace"),
		ServiceAccount: text(m, legacyPrefix+"service-account.name"),
	}
	c.Audience, _ = m.GetAudience()
	if k, ok := m["kubernetes.io"].(map[string]any); ok {
		c.Namespace = text(k, "namespace")
		c.ServiceAccount = name(k, "serviceaccount")
		c.Pod = name(k, "pod")
		c.Node = name(k, "node")
	}
	return c, nil
}

// A legacy service account token, out of a Secret, has this issuer and these claims, and neither audience nor expiry
// (Kubernetes, pkg/serviceaccount/legacy.go).
const (
	legacyIssuer = "kubernetes/serviceaccount"
	legacyPrefix = "kubernetes.io/serviceaccount/"
)

// legacy reports whether the token came out of a Secret instead of the TokenRequest API.
func (c Claims) legacy() bool { return c.Issuer == legacyIssuer }

// audience is what STS compares with the provider's client ids, and what the condition key PROVIDER:aud holds: azp where the token has
// one, else aud (IAM User Guide, available keys for AWS OIDC federation).
func (c Claims) audience() []string {
	if c.AuthorizedParty != "" {
		return []string{c.AuthorizedParty}
	}
	return c.Audience
}

// manyAudiences reports whether the token leaves open which of its audiences is meant. STS refuses it.
func (c Claims) manyAudiences() bool { return len(c.Audience) > 1 && c.AuthorizedParty == "" }

// Missing names the claims that STS wants of every token and that this one lacks or has in a form that is not theirs: STS answers InvalidIdentityToken.
func (c Claims) Missing() []string {
	var all []string
	for _, claim := range []struct {
		name   string
		absent bool
	}{
		{"iss", c.Issuer == ""}, {"sub", c.Subject == ""}, {"aud", strings.Join(c.Audience, "") == ""}, {"exp", c.Expires.IsZero()}, {"iat", c.IssuedAt.IsZero()},
	} {
		if claim.absent {
			all = append(all, claim.name)
		}
	}
	return all
}

// provider is the issuer as IAM writes it, in a provider's ARN and in condition keys: without the scheme.
func (c Claims) provider() string { return strings.TrimPrefix(c.Issuer, "https://") }

// String returns the claims that trust policies are about, with control characters replaced and long values cut.
func (c Claims) String() string {
	parts := []string{"sub=" + orNone(c.Subject), "aud=" + orNone(c.Audience...)}
	if c.AuthorizedParty != "" {
		parts = append(parts, "azp="+show(c.AuthorizedParty))
	}
	parts = append(parts, "iss="+orNone(c.Issuer))
	if !c.Expires.IsZero() {
		parts = append(parts, "exp="+stamp(c.Expires))
	}
	return strings.Join(parts, " ")
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func name(m map[string]any, key string) string {
	object, _ := m[key].(map[string]any)
	return text(object, "name")
}

// instant takes a date only if it can be printed and marshalled: after 1970 and before the year 10000.
func instant(d *jwt.NumericDate, err error) time.Time {
	const lastSecond = 253402300799
	if err != nil || d == nil || d.Unix() <= 0 || d.Unix() > lastSecond {
		return time.Time{}
	}
	return d.UTC()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
