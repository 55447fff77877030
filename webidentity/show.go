package webidentity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is the length, in characters, to which foreign text is cut: a Kubernetes subject has at most 339.
const maxShown = 400

// show makes text that came from outside, a claim or a header, fit for an error or a log: one line, printable, of bounded length.
func show(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// orNone shows a claim's values, comma separated, or says that there are none.
func orNone(values ...string) string {
	joined := strings.Join(values, ",")
	if joined == "" {
		return "(none)"
	}
	return show(joined)
}

// identifier shows an error code or a request id if it has the form of one, and nothing of it otherwise: whatever answers in STS's
// place may send anything, the token it was given included.
func identifier(s string) string {
	for _, r := range s {
		if r != '-' && r != '_' && r != '.' && r != ':' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return ""
		}
	}
	if len(s) > 128 {
		return ""
	}
	return s
}
