package trustpolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxPolicy is the maximum length that the IAM API documents for AssumeRolePolicyDocument.
const maxPolicy = 131072

// maxDepth is more than any policy needs: document, Statement, statement, Condition, operator, values are six.
const maxDepth = 16

// ParseError says what is wrong in a policy, and where. Line and column count from 1, the column in characters.
type ParseError struct {
	Line, Column int
	Reason       string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("trustpolicy: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

func errorAt(src []byte, offset int, format string, args ...any) *ParseError {
	offset = max(0, min(offset, len(src)))
	before := src[:offset]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &ParseError{
		Line:   1 + bytes.Count(before, []byte{'\n'}),
		Column: 1 + utf8.RuneCount(before[lineStart:]),
		Reason: fmt.Sprintf(format, args...),
	}
}

// node is a JSON value that remembers where it stands.
type node struct {
	kind    kind
	text    string // of a string, number or boolean
	offset  int
	members []member // of an object, in order
	items   []node   // of an array
}

type member struct {
	key    string
	offset int
	value  node
}

type kind string

const (
	object  kind = "an object"
	array   kind = "an array"
	text    kind = "a string"
	number  kind = "a number"
	boolean kind = "a boolean"
	null    kind = "null"
)

// readJSON reads exactly one JSON value, and refuses what encoding/json lets pass: duplicate keys and broken UTF-8.
func readJSON(src []byte) (node, error) {
	switch {
	case len(src) > maxPolicy:
		return node{}, errorAt(src, maxPolicy, "the policy is longer than IAM's maximum of %d bytes", maxPolicy)
	case len(bytes.TrimSpace(src)) == 0:
		return node{}, errorAt(src, 0, "the policy is empty")
	case bytes.HasPrefix(src, []byte("\xef\xbb\xbf")):
		return node{}, errorAt(src, 0, "the policy begins with a byte order mark: save it as plain UTF-8")
	case !utf8.Valid(src):
		return node{}, errorAt(src, invalidUTF8(src), "invalid UTF-8")
	}
	if src[0] == '%' {
		if decoded, err := url.QueryUnescape(string(src)); err == nil && strings.HasPrefix(decoded, "{") {
			return node{}, errorAt(src, 0, "the policy is URL-encoded, as the IAM API returns it: decode it first")
		}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(src, &whole); err != nil {
		offset := 0
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = int(syntax.Offset)
			if !strings.Contains(syntax.Error(), "unexpected end") {
				offset-- // else it is that after the offending byte
			}
		}
		return node{}, errorAt(src, offset, "not valid JSON: %v", err)
	}
	r := reader{src: src, dec: json.NewDecoder(bytes.NewReader(src))}
	r.dec.UseNumber()
	return r.value(0)
}

func invalidUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(src)
}

type reader struct {
	src []byte
	dec *json.Decoder
}

// next returns the next token and the place where it begins.
func (r reader) next() (json.Token, int, error) {
	offset := int(r.dec.InputOffset())
	for offset < len(r.src) && strings.IndexByte(" \t\r\n,:", r.src[offset]) >= 0 {
		offset++
	}
	token, err := r.dec.Token()
	if err != nil { // not expected: readJSON has seen that the whole is valid JSON
		return nil, offset, errorAt(r.src, offset, "not valid JSON: %v", err)
	}
	return token, offset, nil
}

func (r reader) value(depth int) (node, error) {
	token, offset, err := r.next()
	if err != nil {
		return node{}, err
	}
	if depth > maxDepth {
		return node{}, errorAt(r.src, offset, "nested more than %d levels deep", maxDepth)
	}
	n := node{offset: offset}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			n.kind = object
			n.members, err = r.membersOf(depth)
		} else {
			n.kind = array
			n.items, err = r.itemsOf(depth)
		}
	case string:
		n.kind, n.text = text, t
	case json.Number:
		n.kind, n.text = number, t.String()
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(t)
	default:
		n.kind = null
	}
	return n, err
}

func (r reader) membersOf(depth int) ([]member, error) {
	var members []member
	first := map[string]int{}
	for r.dec.More() {
		token, offset, err := r.next()
		if err != nil {
			return nil, err
		}
		key := token.(string) // the decoder lets nothing else stand here
		if at, ok := first[key]; ok {
			return nil, errorAt(r.src, offset, "duplicate key %s, first at line %d: readers disagree on which of the two counts",
				quote(key), errorAt(r.src, at, "").Line)
		}
		first[key] = offset
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{key: key, offset: offset, value: value})
	}
	_, _, err := r.next() // the closing brace
	return members, err
}

func (r reader) itemsOf(depth int) ([]node, error) {
	var items []node
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, _, err := r.next() // the closing bracket
	return items, err
}
