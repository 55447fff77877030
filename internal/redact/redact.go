// Package redact makes the texts that may be shown out of values that may not.
package redact

import "net/url"

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
