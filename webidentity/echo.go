package webidentity

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/podrole/internal/redact"
)

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

// echoes reports whether what was sent in confidence, or a piece of it, is in s.
func (c *call) echoes(s string) bool { return redact.Echoes(s, c.secret) }

// clean takes out of an error of the SDK's, and of the answer that it keeps, what may hold a secret.
func (c *call) clean(err error) {
	if d, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		d.Snapshot = nil
	}
	r, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || r.ResponseError == nil || r.Response == nil || r.Response.Response == nil {
		return
	}
	answer := r.Response
	answer.Body = http.NoBody // it was read, and may hold half an answer's secrets
	if c.echoes(answer.Status) {
		answer.Status = strconv.Itoa(answer.StatusCode)
	}
	for _, header := range []http.Header{answer.Header, answer.Trailer} {
		maps.DeleteFunc(header, func(name string, values []string) bool {
			return c.echoes(name) || slices.ContainsFunc(values, c.echoes)
		})
	}
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
