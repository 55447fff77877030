// Package redact makes the texts that may be shown out of values that may not.
package redact

import (
	"net/url"
	"strings"
)

// KeyID returns the last four characters of an access key id, enough to tell two sessions apart in a log and no more.
func KeyID(id string) string {
	if len(id) < 8 {
		return ""
	}
	return "…" + id[len(id)-4:]
}

// URL returns a URL without its user information, query and fragment, any of which may hold a secret.
// What does not parse is not shown at all.
func URL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unparsable URL)"
	}
	if u.Opaque != "" {
		return u.Scheme + ":(opaque)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// A piece of a secret shorter than piece characters may stand in a text by chance, and so may a secret shorter than shortest.
const (
	piece    = 12
	shortest = 4
)

// Echoes reports whether a text holds a secret, or a piece of it: whatever answers a request may send back what it was sent.
func Echoes(text, secret string) bool {
	n := min(piece, len(secret))
	return n >= shortest && Share(text, secret, n)
}

// Share reports whether two texts have n characters in a row in common; none are no answer.
func Share(a, b string, n int) bool {
	for i := 0; n > 0 && i+n <= len(a); i++ {
		if strings.Contains(b, a[i:i+n]) {
			return true
		}
	}
	return false
}
