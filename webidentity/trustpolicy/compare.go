package trustpolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxWork bounds one evaluation, in characters compared: half a second or so. Parse bounds the policy and RequestFromToken the token, by
// what IAM and STS take; a few thousand characters for the longest policies in use are far below it, a policy full of stars and variables
// against a long claim is not.
const maxWork = 1 << 27

const tooLong = "to compare all of this policy with this token would take too long"

// evaluation is one run of Evaluate.
type evaluation struct {
	facts
	resolve resolver  // nil where ${…} is literal text
	work    int       // done so far
	buffer  []element // of the pattern at hand: there is one at a time
}

func (r Request) evaluation(variables bool) *evaluation {
	e := &evaluation{facts: r.facts()}
	if variables {
		e.resolve = e.variable
	}
	return e
}

// compile compiles a value of a condition. The pattern is good until the next one.
func (e *evaluation) compile(op operator, source string) pattern {
	resolve := e.resolve
	if op.family == ofBool {
		resolve = nil
	}
	p := compile(source, op.wild, resolve, e.buffer)
	if p.elements != nil {
		e.buffer = p.elements
	}
	e.work += len(p.elements)
	return p
}

// comparison is what compare finds.
type comparison struct {
	answer Answer
	why    string
	short  string   // the difference in words, if the answer is No
	detail []string // and as a picture
	failed []string // the token's values that are to blame
}

// compare answers for a key with values: any value of the policy will do, and for a negated operator none may match.
func (e *evaluation) compare(c condition, f fact) comparison {
	op, values := c.operator, f.values
	matched := make([]Answer, len(values))
	var by, invalid, unknown string
	for _, source := range c.values {
		if e.work > maxWork {
			unknown = cmp.Or(unknown, tooLong)
			for i := range matched {
				matched[i] = matched[i].or(Maybe)
			}
			break
		}
		p := e.compile(op, source)
		switch {
		case p.unresolved != "" && p.unknown:
			unknown = cmp.Or(unknown, p.whyUnresolved())
		case p.unresolved != "":
			invalid = cmp.Or(invalid, p.whyUnresolved())
		}
		for i, v := range f.runes {
			if matched[i] == Yes {
				continue
			}
			m, whyNot := e.match(op, p, v)
			unknown = cmp.Or(unknown, whyNot)
			if matched[i] = matched[i].or(m); m == Yes {
				by = cmp.Or(by, quote(p.source))
			}
		}
	}
	r := comparison{answer: op.aggregate(matched)}
	blamed := f // the token's values that are to blame
	if op.set == forAllValues && r.answer == No {
		blamed = fact{}
		for i := range matched {
			if (matched[i] == Yes) == op.negate {
				blamed.values, blamed.runes = append(blamed.values, values[i]), append(blamed.runes, f.runes[i])
			}
		}
	}
	r.failed = blamed.values
	token := quoteAll(values)
	switch {
	case r.answer == Maybe && !slices.Contains(matched, Maybe):
		r.why = fmt.Sprintf("of %s some match and some do not, for which IAM asks for ForAnyValue or ForAllValues", token)
	case r.answer == Maybe:
		r.why = unknown
	case r.answer == Yes && op.negate:
		r.why = fmt.Sprintf("%s is none of %s", token, quoteAll(c.values))
	case r.answer == Yes:
		r.why = fmt.Sprintf("%s matches %s", token, by)
	case op.negate:
		r.why, r.short = fmt.Sprintf("%s matches %s, which is excluded", token, by), "the policy excludes "+by
	default:
		r.why = fmt.Sprintf("%s does not match %s", quoteAll(r.failed), quoteAll(c.values))
		if invalid != "" {
			r.why, r.short = r.why+": "+invalid, invalid
			break
		}
		e.differ(c, blamed, &r)
	}
	return r
}

// differ tells the difference between the value and the pattern that come nearest to a match.
func (e *evaluation) differ(c condition, f fact, r *comparison) {
	value, p, ok := e.closest(c, f)
	if !ok {
		return
	}
	if hint := e.hint(c.operator, p, value); hint != "" {
		r.why, r.short = r.why+": "+hint, hint
		return
	}
	d, ok := differ(value, p, c.operator.fold)
	if !ok {
		return
	}
	if len(c.values) > 1 {
		r.short = "closest is " + quote(p.source) + ", "
	}
	r.short += d.text
	if r.detail = picture(value, p.source, d); r.detail == nil {
		r.why += ": " + r.short
	}
}

// match compares one value of the policy with one of the token; why if the answer is Maybe.
func (e *evaluation) match(op operator, p pattern, value []rune) (a Answer, why string) {
	if p.unresolved != "" {
		if p.unknown {
			return Maybe, "" // the caller has said why
		}
		return No, ""
	}
	if e.work += cost(p.elements, value); e.work > maxWork {
		return Maybe, tooLong
	}
	switch op.family {
	case ofARN:
		match, known := matchesARN(p.elements, value)
		if !known {
			return Maybe, "a pattern of " + op.name + " has not the form of an ARN"
		}
		return answer(match), ""
	case ofBool:
		v := string(value)
		isBool := strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
		return answer(isBool && strings.EqualFold(p.source, v)), ""
	}
	if matches(p.elements, value, op.fold) {
		return Yes, ""
	}
	if op.fold != exact && matches(p.elements, value, letterFold) {
		return Maybe, "IAM's documentation does not say whether " + op.name + " ignores the case of letters beyond A to Z"
	}
	return No, ""
}

// closest returns the pair of value and pattern that comes nearest to a match, ok is false if there is none. Beyond the first thousand
// pairs it does not look, nor where too much work is done already.
func (e *evaluation) closest(c condition, f fact) (value []rune, p pattern, ok bool) {
	const mostPatterns, mostValues = 50, 20
	best, source := -1, ""
	for _, candidate := range c.values[:min(len(c.values), mostPatterns)] {
		p := e.compile(c.operator, candidate)
		for _, runes := range f.runes[:min(len(f.runes), mostValues)] {
			if e.work += min(len(p.elements), len(runes)); e.work > maxWork {
				return nil, pattern{}, false
			}
			if n := closeness(runes, p, c.operator.fold); n > best && p.unresolved == "" {
				best, value, source, ok = n, runes, candidate, true
			}
		}
	}
	return value, e.compile(c.operator, source), ok
}

// aggregate makes one answer out of those for each value of the token. "Multivalued context keys require a condition set operator": without
// one the answer is known where the values agree, and where they do not it is not documented.
func (op operator) aggregate(matched []Answer) Answer {
	all, some := Yes, No
	for _, m := range matched {
		if op.negate {
			m = m.not()
		}
		all, some = all.and(m), some.or(m)
	}
	switch {
	case op.set == forAllValues:
		return all
	case op.set == forAnyValue || all == some:
		return some
	}
	return Maybe
}

// hint names the mistake where the operator, not the value, is what is wrong.
func (e *evaluation) hint(op operator, p pattern, value []rune) string {
	var wild pattern
	literally := false
	if op.family == ofString && !op.wild && strings.ContainsAny(p.source, "*?") {
		wild = compile(p.source, true, e.resolve, nil)
		steps := len(wild.elements) + cost(wild.elements, value)
		if literally = wild.unresolved == "" && e.work+steps <= maxWork; literally { // a hint is not worth a verdict
			e.work += steps
		}
	}
	switch {
	case op.family == ofARN && !hasPrefix(value, "arn:"):
		return "the token's value is not an ARN, use StringLike"
	case literally && matches(wild.elements, value, exact):
		return op.name + " takes * and ? literally, with StringLike it would match"
	case literally && matches(wild.elements, value, op.fold):
		return op.name + " takes * and ? literally"
	case e.resolve == nil && hasVariable(p.source):
		return `"${" begins a policy variable in Version 2012-10-17 only`
	}
	return ""
}

func hasPrefix(value []rune, prefix string) bool {
	return len(value) >= len(prefix) && string(value[:len(prefix)]) == prefix
}
