package redact

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
)

// Tokens returns s with every JSON Web Token in it replaced. A token is base64url text between dots, three parts or more, of which the
// first decodes to a JSON object; before it, in the same part, there may be other letters. The time it takes grows with the text alone.
func Tokens(s string) string {
	if strings.Count(s, ".") < 2 {
		return s
	}
	var b strings.Builder
	kept := 0 // so much of s is in b, or hidden
	for at := 0; at < len(s); {
		end := at + segment(s[at:])
		if end == len(s) {
			break
		}
		begin, ok := header(s[at:end])
		tail, dots := end, 0
		for ok && tail < len(s) && s[tail] == '.' {
			tail, dots = tail+1+segment(s[tail+1:]), dots+1
		}
		if dots < 2 {
			at = end + 1
			continue
		}
		b.WriteString(s[kept:at+begin] + "(a token, not shown)")
		kept, at = tail, tail
	}
	return b.String() + s[kept:]
}

// HoldsToken reports whether a JSON Web Token is in s.
func HoldsToken(s string) bool { return Tokens(s) != s }

// segment returns how many characters of base64url a text begins with.
func segment(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_=", r))
	})
	if n < 0 {
		return len(s)
	}
	return n
}

// header finds the header of a token at the end of base64url text. A JSON object begins with "ey" or "ew" there, for { and what may follow
// it. Four characters are three bytes, so that all there is to decode is the text from each of its first four characters on.
func header(s string) (begin int, ok bool) {
	s = strings.TrimRight(s, "=")
	from := strings.LastIndexByte(s, '=') + 1 // padding ends what is before it
	s = s[from:]
	var decoded [4][]byte
	for phase := range min(len(decoded), len(s)) {
		if text, err := base64.RawURLEncoding.DecodeString(s[phase:]); err == nil {
			decoded[phase] = text
		}
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] != 'e' || s[i+1] != 'y' && s[i+1] != 'w' {
			continue
		}
		if whole, skip := decoded[i%4], i/4*3; skip < len(whole) && json.Valid(whole[skip:]) {
			return from + i, true
		}
	}
	return 0, false
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
