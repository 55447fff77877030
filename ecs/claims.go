package ecs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/podrole/internal/redact"
)

// podAudience is what a token for EKS Pod Identity is issued for (EKS user guide, "How EKS Pod Identity works").
const podAudience = "pods.eks.amazonaws.com"

// claims are the parts of a service account token that explain a refusal. They are read without verifying the signature, and
// nothing is decided by them.
type claims struct {
	subject  string
	audience []string
	expires  time.Time
}

// parseClaims returns false where the token is not a JWT.
func parseClaims(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, false
	}
	var wire struct {
		Sub string
		Aud json.RawMessage
		Exp json.Number
	}
	if json.Unmarshal(payload, &wire) != nil {
		return claims{}, false
	}
	c := claims{subject: plain(wire.Sub)}
	var one string
	var many []string
	switch {
	case json.Unmarshal(wire.Aud, &one) == nil:
		many = []string{one}
	case json.Unmarshal(wire.Aud, &many) != nil:
		many = nil
	}
	for _, audience := range many {
		c.audience = append(c.audience, plain(audience))
	}
	if seconds, err := wire.Exp.Float64(); err == nil && seconds > 0 && seconds < 1<<40 {
		c.expires = time.Unix(int64(seconds), 0)
	}
	return c, true
}

// plain makes of a claim what can be shown in a line: it is short, and no token, wherever one was put.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, redact.Tokens(s))
	if len(s) > 256 {
		s = s[:256] + "..."
	}
	return s
}

// audiences lists the first few, quoted: a token may be for any number of them.
func (c claims) audiences() string {
	const few = 3
	text := fmt.Sprintf("%q", strings.Join(c.audience[:min(few, len(c.audience))], ", "))
	if more := len(c.audience) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func subjectOf(token string) string {
	if c, ok := parseClaims(token); ok && c.subject != "" {
		return " (" + c.subject + ")"
	}
	return ""
}

func audienceOf(token string) string {
	if c, ok := parseClaims(token); ok {
		return " (its audience is " + c.audiences() + ")"
	}
	return ""
}

func expiryOf(token string) string {
	if c, ok := parseClaims(token); ok && !c.expires.IsZero() {
		return " (at " + c.expires.UTC().Format(time.RFC3339) + ", " + ago(time.Since(c.expires)) + " by this machine's clock)"
	}
	return ""
}

func ago(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " from now"
	}
	return d.Round(time.Second).String() + " ago"
}

// oddities says what is wrong with a token at first sight.
func oddities(token string) string {
	c, ok := parseClaims(strings.TrimPrefix(token, "Bearer "))
	switch {
	case token == "":
		return ": there is none"
	case strings.HasPrefix(token, "Bearer "):
		return ": it begins with \"Bearer \", and the agent wants the bare token"
	case !ok:
		return ": it is not a JWT"
	case !c.expires.IsZero() && time.Now().After(c.expires):
		return ": it has expired" + expiryOf(token)
	case !slices.Contains(c.audience, podAudience):
		return ": its audience is " + c.audiences() + ", not " + podAudience
	}
	return ""
}
