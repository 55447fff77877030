// Package redact makes the texts that may be shown out of values that may not.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
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

// token is what may be a JSON Web Token: parts with dots between them, the first of which is the base64url of an object, so that it
// begins with an opening brace and a quotation mark or white space.
var token = regexp.MustCompile(`e[wy][A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]+={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){1,3}`)

// Tokens returns s with every JSON Web Token in it replaced.
func Tokens(s string) string {
	var out strings.Builder
	for {
		at := token.FindStringIndex(s)
		if at == nil {
			return out.String() + s
		}
		header, _, _ := strings.Cut(s[at[0]:at[1]], ".")
		object, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(header, "="))
		if err != nil || !json.Valid(object) {
			out.WriteString(s[:at[0]+1]) // one may begin within
			s = s[at[0]+1:]
			continue
		}
		out.WriteString(s[:at[0]] + "(a token, not shown)")
		s = s[at[1]:]
	}
}

// A piece of a secret shorter than piece characters may stand in a text by chance, and so may a secret shorter than shortest.
const (
	piece    = 12
	shortest = 4
)

// Echoes reports whether a text holds a secret, or a piece of it: whatever answers a request may send back what it was sent.
func Echoes(text, secret string) bool {
	n := min(piece, len(secret))
	for i := 0; n >= shortest && i+n <= len(text); i++ {
		if strings.Contains(secret, text[i:i+n]) {
			return true
		}
	}
	return false
}

// Writer returns a writer that replaces the tokens in what is written to it, as long as each is in one piece.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ io.Writer }

func (w writer) Write(p []byte) (int, error) {
	if _, err := w.Writer.Write([]byte(Tokens(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}
