package trustpolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// condition evaluates one operator and key of a statement. The mismatch is filled in where the answer is [No].
func (r Request) condition(c condition, variables bool) (Reason, Mismatch) {
	f := r.fact(c.key)
	miss := Mismatch{Operator: c.operator.name, Key: c.key, Token: f.values, Policy: c.values}
	if miss.Token == nil {
		miss.Token = []string{}
	}
	var a Answer
	var why string
	var detail []string
	switch {
	case c.emptyList():
		a, why = Maybe, "IAM's documentation gives a key without values two answers"
	case c.operator.family == ofNull:
		a, why = c.null(f)
	case f.presence == unknowable:
		a, why = Maybe, f.why
	case f.presence == absent:
		a, why = c.absent(f)
	case c.operator.set != plain && !slices.ContainsFunc(f.values, func(v string) bool { return v != "" }):
		// "If the key values in the request resolve to an empty data set (for example, an empty string)"
		a, why = answer(c.operator.set == forAllValues), "the token's value is empty"
	case c.operator.family == ofOffline:
		a, why = Maybe, "numbers, dates, addresses and binary values are compared by STS only"
	case c.operator.family == ofBool && variables && slices.ContainsFunc(c.values, hasVariable):
		a, why = Maybe, "IAM's documentation does not agree with itself on policy variables in Bool"
	default:
		a, why, miss.Difference, detail = r.compare(c, f.values, variables)
	}
	if a == No && miss.Difference == "" {
		miss.Difference = why
	}
	return Reason{Answer: a, Text: fmt.Sprintf("condition %s %s: %s", c.operator.name, shown(c.key), why), Detail: detail}, miss
}

// shown prints a key without the quotation marks, as long as it needs none.
func shown(key string) string {
	if q := quote(key); q != `"`+key+`"` {
		return q
	}
	return key
}

// emptyList reports whether nobody can say what a condition without values does: "the condition returns true and the policy statement
// provides no permissions". That ForAnyValue never holds, and ForAllValues and IfExists only where the key is missing, is said as well, of
// operators that are not negated (IAM User Guide, access-analyzer-reference-policy-checks, Empty array condition and the three after it).
func (c condition) emptyList() bool {
	said := !c.operator.negate && c.operator.family != ofNull && (c.operator.set != plain || c.operator.ifExists)
	return len(c.values) == 0 && !said
}

func hasVariable(value string) bool { return strings.Contains(value, "${") }

// null answers Null: "true" asks that the key is not there, "false" that it is. With a set operator it asks nothing: "they always return
// a true or false respectively" (IAM User Guide, access-analyzer-reference-policy-checks, Null with qualifier).
func (c condition) null(f fact) (Answer, string) {
	switch {
	case c.operator.set == forAllValues:
		return Yes, "ForAllValues with Null always holds"
	case c.operator.set == forAnyValue:
		return No, "ForAnyValue with Null never holds"
	}
	if f.presence == unknowable {
		return Maybe, f.why
	}
	state, want := "the token has it", "false"
	if f.presence == absent {
		state, want = f.why, "true"
	}
	holds := slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, want) })
	if holds {
		return Yes, state
	}
	return No, fmt.Sprintf("%s, and the policy's value is %s", state, quoteAll(c.values))
}

// absent answers for a key that is not in the request context.
func (c condition) absent(f fact) (Answer, string) {
	switch op := c.operator; {
	case op.ifExists:
		return Yes, f.why + ", which IfExists lets pass"
	case op.set == forAllValues:
		return Yes, f.why + ", and ForAllValues holds where there are no values"
	case op.set == forAnyValue && op.negate:
		// The page on operators says true for every negated one, the page on several values says false for every ForAnyValue.
		return Maybe, f.why + ", for which IAM's documentation gives ForAnyValue with a negated operator two answers"
	case op.negate && op.set == plain:
		return Yes, f.why + ", so it is none of those excluded"
	default:
		return No, fmt.Sprintf("%s, and the policy asks for %s", f.why, quoteAll(c.values))
	}
}

// compare answers for a key with values: any value of the policy will do, and for a negated operator none may match.
func (r Request) compare(c condition, values []string, variables bool) (a Answer, why, short string, detail []string) {
	op := c.operator
	patterns := make([]pattern, len(c.values))
	invalid := "" // a variable without a value: "any attempt to match it fails and causes the statement to be invalid"
	for i, value := range c.values {
		patterns[i] = r.compile(value, op.wild, variables && op.family != ofBool)
		if p := patterns[i]; p.unresolved != "" && !p.unknown {
			invalid = fmt.Sprintf("%s holds a policy variable without a value: %s", quote(value), p.unresolved)
		}
	}
	matched := make([]Answer, len(values))
	var by string // the pattern that matched, quoted
	for i, value := range values {
		for _, p := range patterns {
			matched[i] = matched[i].or(op.match(p, value))
			if matched[i] == Yes {
				by = cmp.Or(by, quote(p.source))
				break
			}
		}
	}
	a = op.aggregate(matched)
	if a == Yes && invalid != "" {
		return Maybe, invalid, "", nil
	}
	token := quoteAll(values)
	switch {
	case a == Maybe && len(matched) > 1 && !slices.Contains(matched, Maybe):
		return a, fmt.Sprintf("of %s some match and some do not, for which IAM asks for ForAnyValue or ForAllValues", token), "", nil
	case a == Maybe:
		return a, r.unknown(op, patterns), "", nil
	case a == Yes && op.negate:
		return a, fmt.Sprintf("%s is none of %s", token, quoteAll(c.values)), "", nil
	case a == Yes:
		return a, fmt.Sprintf("%s matches %s", token, by), "", nil
	case op.negate:
		return a, fmt.Sprintf("%s matches %s, which is excluded", token, by), "the policy excludes " + by, nil
	}
	if op.set == forAllValues {
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return matched[slices.Index(values, v)] == Yes })
		token = quoteAll(values)
	}
	why = fmt.Sprintf("%s does not match %s", token, quoteAll(c.values))
	if invalid != "" {
		return a, why + ": " + invalid, invalid, nil
	}
	value, p, ok := closest(values, patterns)
	if !ok {
		return a, why, "", nil
	}
	if hint := r.hint(op, p, value, variables); hint != "" {
		return a, why + ": " + hint, hint, nil
	}
	d := differ(value, p)
	if len(c.values) > 1 {
		short = "closest is " + quote(p.source) + ", "
	}
	short += d.text
	if detail = picture(value, p.source, d); detail == nil {
		why += ": " + short
	}
	return a, why, short, detail
}

// match compares one value of the policy with one of the token.
func (op operator) match(p pattern, value string) Answer {
	if p.unresolved != "" {
		if p.unknown {
			return Maybe
		}
		return No
	}
	switch op.family {
	case ofARN:
		match, known := matchesARN(p.elements, []rune(value))
		if !known {
			return Maybe
		}
		return answer(match)
	case ofBool:
		isBool := strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
		return answer(isBool && strings.EqualFold(p.source, value))
	default:
		return answer(matches(p.elements, []rune(value), op.fold))
	}
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

func (r Request) unknown(op operator, patterns []pattern) string {
	for _, p := range patterns {
		if p.unresolved != "" {
			return fmt.Sprintf("the policy variable in %s: %s", quote(p.source), p.unresolved)
		}
	}
	return "a pattern of " + op.name + " has not the form of an ARN"
}

// hint names the mistake where the operator, not the value, is what is wrong.
func (r Request) hint(op operator, p pattern, value string, variables bool) string {
	wild := r.compile(p.source, true, variables)
	switch {
	case op.family == ofARN && !strings.HasPrefix(value, "arn:"):
		return "the token's value is not an ARN, use StringLike"
	case op.family == ofString && !op.wild && wild.unresolved == "" && matches(wild.elements, []rune(value), op.fold):
		return op.name + " takes * and ? literally, with StringLike it would match"
	case !variables && hasVariable(p.source):
		return `"${" begins a policy variable in Version 2012-10-17 only`
	}
	return ""
}
