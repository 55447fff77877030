package webidentity

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is the length, in characters, to which foreign text is cut: a Kubernetes subject has at most 339.
const maxShown = 400

// show makes text that came from outside, a claim, a variable or a header, fit for an error or a log: one line, printable, of bounded
// length, and no token, wherever one was put.
func show(s string) string {
	if isToken(s) {
		return "(a token, not shown)"
	}
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

// isToken reports whether s has the form of a token, whose place is in the token file and nowhere else.
func isToken(s string) bool {
	_, err := Inspect(s)
	return err == nil
}

// orNone shows a claim's values, comma separated, or says that there are none.
func orNone(values ...string) string {
	joined := strings.Join(values, ",")
	if joined == "" {
		return "(none)"
	}
	return show(joined)
}

// echoed is the length, in characters, of a piece of a secret that may not come back in an answer's code or request id. Shorter pieces
// occur by chance; no code of STS's looks like that many characters out of a token.
const echoed = 12

// code returns STS's error code, and "" for what has not the form of one or holds a piece of a secret: whatever answers in STS's place
// may send anything, the token it was given included.
func (c *call) code(s string) string {
	const longest = 64 // STS's longest, IDPCommunicationErrorException, has 30 characters
	if len(s) > longest || strings.ContainsFunc(s, notIn("-_")) || c.echoes(s) {
		return ""
	}
	return s
}

// requestID is the same for request ids: a UUID from STS, and other things from servers that imitate it.
func (c *call) requestID(s string) string {
	const longest = 128
	if len(s) > longest || strings.ContainsFunc(s, notIn("-_.:=+/")) || c.echoes(s) {
		return ""
	}
	return s
}

func notIn(punctuation string) func(rune) bool {
	return func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(punctuation, r)
	}
}

// echoes reports whether a piece of what was sent in confidence is in s.
func (c *call) echoes(s string) bool {
	for i := 0; i+echoed <= len(s); i++ {
		if strings.Contains(c.secret, s[i:i+echoed]) {
			return true
		}
	}
	return false
}

// kept returns the error that stays reachable by errors.As: the AWS SDK's own, unless it says a piece of the secret, as a server can
// make it do.
func (c *call) kept(err error) error {
	if c.echoes(err.Error()) {
		return errEchoed
	}
	return err
}

var errEchoed = errors.New("the answer held a piece of the token that was sent, and is not kept")
