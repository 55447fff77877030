package trustpolicy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// pattern is a policy's value made ready for comparison: runes, some of which are wildcards.
type pattern struct {
	source     string // as written in the policy, for people
	elements   []element
	unresolved string // why a policy variable in it has no value here; "" when all have
	unknown    bool   // that value is known only to STS
}

// whyUnresolved says in a sentence why a policy variable has no value.
func (p pattern) whyUnresolved() string {
	if p.unknown {
		return fmt.Sprintf("the policy variable in %s: %s", quote(p.source), p.unresolved)
	}
	return fmt.Sprintf("%s holds a policy variable without a value: %s", quote(p.source), p.unresolved)
}

type element struct {
	r    rune
	kind wildcard
}

type wildcard byte

const (
	literal wildcard = iota
	one              // ?
	any0             // *
)

// compile replaces the policy variables of a value, and finds its wildcards; resolve is nil where ${…} is literal text. What comes from a
// variable is never a wildcard: ${*}, ${?} and ${$} exist for that (IAM User Guide, reference_policies_variables).
// The pattern is built in buffer, which may be nil.
func compile(source string, wild bool, resolve resolver, buffer []element) pattern {
	p := pattern{source: source, elements: buffer[:0]}
	add := func(text string, wild bool) {
		for _, c := range text {
			switch {
			case wild && c == '*':
				p.elements = append(p.elements, element{kind: any0})
			case wild && c == '?':
				p.elements = append(p.elements, element{kind: one})
			default:
				p.elements = append(p.elements, element{r: c})
			}
		}
	}
	for rest := source; rest != ""; {
		start, end := strings.Index(rest, "${"), -1
		if resolve != nil && start >= 0 {
			end = strings.IndexByte(rest[start:], '}')
		}
		if end < 0 {
			add(rest, wild)
			break
		}
		add(rest[:start], wild)
		name := rest[start+2 : start+end]
		rest = rest[start+end+1:]
		if name == "*" || name == "?" || name == "$" {
			add(name, false)
			continue
		}
		value, why, unknown := resolve(name)
		if why != "" {
			p.unresolved, p.unknown = why, unknown
			return p
		}
		if len(p.elements)+len(value) > maxPolicy { // a few thousand variables and one long claim would fill the memory
			p.elements, p.unresolved, p.unknown = nil, "its policy variables make it longer than a policy may be", true
			return p
		}
		add(value, false)
	}
	return p
}

// resolver returns the value of the policy variable ${name}, or why it has none; unknown if only STS knows.
type resolver func(name string) (value, why string, unknown bool)

// variable returns the value of ${name} or ${name, 'default'}.
func (e *evaluation) variable(name string) (value, why string, unknown bool) {
	key, fallback, hasDefault := strings.Cut(name, ",")
	fallback = strings.TrimSpace(fallback)
	inner := strings.Trim(fallback, "'")
	f := e.fact(strings.TrimSpace(key))
	switch {
	case hasDefault && (fallback != "'"+inner+"'" || strings.Contains(inner, "'")): // a } in it ends the variable here
		return "", "a default value is text in single quotes, without a quote or a brace in it", true
	case f.presence == unknowable:
		return "", f.why, true
	case f.presence == present && len(f.values) == 1:
		return f.values[0], "", false
	case f.presence == present:
		return "", "a key with several values cannot be a policy variable", false
	case hasDefault:
		return inner, "", false
	default:
		return "", f.why, false
	}
}

// matches reports whether a pattern without unresolved variables matches the whole of the value.
func matches(elements []element, value []rune, fold folding) bool {
	p, v := 0, 0
	star, mark := -1, 0 // where to go on from after the last *
	for v < len(value) {
		switch {
		case p < len(elements) && elements[p].kind == any0:
			star, mark = p, v
			p++
		case p < len(elements) && (elements[p].kind == one || elements[p].kind == literal && sameRune(elements[p].r, value[v], fold)):
			p++
			v++
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	for p < len(elements) && elements[p].kind == any0 {
		p++
	}
	return p == len(elements)
}

// cost bounds the steps of matches: without a star one for each character, with stars as many as there are pairs.
func cost(elements []element, value []rune) int {
	if slices.ContainsFunc(elements, func(e element) bool { return e.kind == any0 }) {
		return (1 + len(elements)) * (1 + len(value))
	}
	return 1 + min(len(elements), len(value))
}

// folding is what counts as the same letter.
type folding int

const (
	exact      folding = iota
	asciiFold          // A and a
	letterFold         // of every alphabet, by Unicode: Ä and ä, but also K (the Kelvin sign) and k, ſ and s
)

func sameRune(a, b rune, fold folding) bool {
	if a == b || fold == exact {
		return a == b
	}
	if fold == asciiFold {
		return lowerASCII(a) == lowerASCII(b)
	}
	for c := unicode.SimpleFold(a); c != a; c = unicode.SimpleFold(c) {
		if c == b {
			return true
		}
	}
	return false
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// arnParts splits an ARN into its six parts; the last may hold colons itself. ok is false for what is not an ARN.
func arnParts(elements []element) (parts [6][]element, ok bool) {
	part := 0
	for _, e := range elements {
		if e.kind == literal && e.r == ':' && part < 5 {
			part++
			continue
		}
		parts[part] = append(parts[part], e)
	}
	return parts, part == 5
}

// matchesARN compares part by part, so that a wildcard does not reach over a colon into the next part.
// known is false where the pattern has not the form of an ARN: what IAM makes of such a one is not documented.
func matchesARN(elements []element, value []rune) (match, known bool) {
	literals := make([]element, len(value))
	for i, r := range value {
		literals[i] = element{r: r}
	}
	got, isARN := arnParts(literals)
	want, ok := arnParts(elements)
	if !ok {
		return false, false
	}
	if !isARN || len(got[0]) != 3 || string(value[:3]) != "arn" {
		return false, true
	}
	for i := range want {
		part := make([]rune, len(got[i]))
		for j, e := range got[i] {
			part[j] = e.r
		}
		if !matches(want[i], part, exact) {
			return false, true
		}
	}
	return true, true
}
