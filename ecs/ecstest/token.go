package ecstest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Audience is what service account tokens for EKS Pod Identity are issued for.
const Audience = "pods.eks.amazonaws.com"

// TokenOptions say what token [Agent.Token] makes.
type TokenOptions struct {
	// Audience is who the token is for. If empty, Audience of this package.
	Audience string
	// Lifetime is how long the token lives; negative makes one that is dead. If zero, 24 h.
	Lifetime time.Duration
	// Foreign makes a token that the agent does not know: one of another cluster.
	Foreign bool
}

// Token makes a service account token, as the kubelet projects it for the EKS Pod Identity agent. The subject is
// "system:serviceaccount:namespace:name". The signature is random: the agent knows its tokens by heart.
func (a *Agent) Token(subject string, optFns ...func(*TokenOptions)) string {
	o := TokenOptions{Audience: Audience, Lifetime: 24 * time.Hour}
	for _, fn := range optFns {
		fn(&o)
	}
	now := time.Now()
	payload, _ := json.Marshal(map[string]any{
		"iss": "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE",
		"sub": subject,
		"aud": []string{o.Audience},
		"iat": now.Unix(),
		"exp": now.Add(o.Lifetime).Unix(),
	})
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256","kid":"fake"}`)) + "." + encode(payload) + "." + encode([]byte(rand.Text()))
	if !o.Foreign {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.tokens[token] = true
	}
	return token
}

type claims struct {
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  int64    `json:"exp"`
}

func (c claims) meant(audience string) bool { return slices.Contains(c.Audience, audience) }

// audience is one string or a list of them (RFC 7519, section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

func parse(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("token contains an invalid number of segments")
	}
	var c claims
	for i, into := range []any{new(map[string]any), &c} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(data, into) != nil {
			return claims{}, errors.New("token is malformed: could not decode its " + [...]string{"header", "claims"}[i])
		}
	}
	return c, nil
}
