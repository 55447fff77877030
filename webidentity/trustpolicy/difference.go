package trustpolicy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"example.com/podrole/internal/redact"
)

// difference is how a value misses a pattern.
type difference struct {
	at   int    // the first character of the value, from 0, at which they part
	text string // "from character 49: "-canary" is left over"
}

// differ says where a value that a pattern does not match parts from it. Where wildcards are, the text before the first * is looked
// at, then that after the last. Of a token nothing is said: a part of one is not known for what it is.
func differ(v []rune, p pattern, fold folding) (d difference, ok bool) {
	if redact.HoldsToken(string(v)) || redact.HoldsToken(asText(p.elements)) {
		return difference{}, false
	}
	return parting(v, p, fold), true
}

func parting(v []rune, p pattern, fold folding) difference {
	head, tail, star := p.elements, []element(nil), false
	for i, e := range p.elements {
		if e.kind == any0 {
			if !star {
				head, star = p.elements[:i], true
			}
			tail = p.elements[i+1:]
		}
	}
	same := 0
	for same < len(v) && same < len(head) && fits(head[same], v[same], fold) {
		same++
	}
	if !star {
		return literalDifference(v, head, same, fold)
	}
	if same < len(head) {
		return difference{same, fmt.Sprintf("from character %d: it goes on with %s, not with %s", same+1, rest(v[same:]), show(head[same:]))}
	}
	ends := 0
	for ends < len(v)-same && ends < len(tail) && fits(tail[len(tail)-1-ends], v[len(v)-1-ends], fold) {
		ends++
	}
	if ends < len(tail) {
		return difference{len(v) - ends, fmt.Sprintf("it does not end with %s", show(tail))}
	}
	return difference{same, fmt.Sprintf("from character %d: %s is not of the form %s", same+1, rest(v[same:]), show(p.elements[same:]))}
}

func literalDifference(v []rune, p []element, same int, fold folding) difference {
	ends := 0
	for ends < len(v)-same && ends < len(p)-same && fits(p[len(p)-1-ends], v[len(v)-1-ends], fold) {
		ends++
	}
	extra, missing := v[same:len(v)-ends], p[same:len(p)-ends]
	where := fmt.Sprintf("from character %d: ", same+1)
	if len(v) == len(p) && matches(p, v, asciiFold) {
		return difference{same, where + "only the letter case differs"}
	}
	switch {
	case len(missing) == 0:
		return difference{same, where + rest(extra) + " is left over"}
	case len(extra) == 0:
		return difference{same, where + show(missing) + " is missing"}
	default:
		return difference{same, where + rest(extra) + " in place of " + show(missing)}
	}
}

func fits(e element, r rune, fold folding) bool {
	return e.kind == one || e.kind == literal && sameRune(e.r, r, fold)
}

func rest(v []rune) string {
	if len(v) == 0 {
		return "nothing"
	}
	return quote(string(v[:min(len(v), maxShown+1)])) // of which quote shows a part
}

// show prints a part of a pattern as it stands in a policy.
func show(elements []element) string {
	return quote(asText(elements[:min(len(elements), maxShown+1)])) // of which quote shows a part
}

func asText(elements []element) string {
	var b strings.Builder
	for _, e := range elements {
		switch e.kind {
		case one:
			b.WriteByte('?')
		case any0:
			b.WriteByte('*')
		default:
			b.WriteRune(e.r)
		}
	}
	return b.String()
}

// closeness ranks patterns by how much of their beginning and end the value shares.
func closeness(v []rune, p pattern, fold folding) int {
	n := 0
	for n < len(v) && n < len(p.elements) && fits(p.elements[n], v[n], fold) {
		n++
	}
	ends := 0
	for ends < len(v)-n && ends < len(p.elements)-n && fits(p.elements[len(p.elements)-1-ends], v[len(v)-1-ends], fold) {
		ends++
	}
	return n + ends
}

// picture draws the two one above the other, with a mark under the place where they part.
func picture(value []rune, pattern string, d difference) []string {
	if len(value) > maxShown || utf8.RuneCountInString(pattern) > maxShown {
		return nil
	}
	before := utf8.RuneCountInString(quote(string(value[:d.at]))) - 1
	return []string{
		"token   " + quote(string(value)),
		"policy  " + quote(pattern),
		"        " + strings.Repeat(" ", before) + "^ " + d.text,
	}
}
