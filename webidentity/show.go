package webidentity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/podrole/internal/redact"
)

// maxShown is the length, in characters, to which foreign text is cut: a Kubernetes subject has at most 339.
const maxShown = 400

// show makes text that came from outside, a claim, a variable, a path or a header, fit for an error or a log: one line, printable, of
// bounded length, and without a token, wherever one was put.
func show(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range redact.Tokens(s) {
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
