package trustpolicy

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// hidden is shown in the place of a token.
const hidden = "(a token, not shown)"

// hideTokens replaces the JSON Web Tokens in a text that somebody will read: a claim, an issuer or a key can hold one, on purpose or not.
// A token is base64url text between dots, three parts or more, of which the first decodes to a JSON object.
func hideTokens(s string) string {
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
		b.WriteString(s[kept:at+begin] + hidden)
		kept, at = tail, tail
	}
	return b.String() + s[kept:]
}

func holdsToken(s string) bool { return hideTokens(s) != s }

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

// header finds the header of a token at the end of base64url text, before which there may be other letters. A JSON object begins with
// "ey" or "ew" there, for { and what may follow it. So that a text full of them does not take long, the first few are tried.
func header(s string) (begin int, ok bool) {
	const tries = 8
	s = strings.TrimRight(s, "=")
	for tried := 0; begin+1 < len(s) && tried < tries; begin++ {
		if s[begin] != 'e' || s[begin+1] != 'y' && s[begin+1] != 'w' {
			continue
		}
		if decoded, err := base64.RawURLEncoding.DecodeString(s[begin:]); err == nil && json.Valid(decoded) {
			return begin, true
		}
		tried++
	}
	return 0, false
}

// hideAll returns a copy, for a result that whoever has it may change.
func hideAll(values []string) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = hideTokens(v)
	}
	return all
}
