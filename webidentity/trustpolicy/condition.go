package trustpolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/podrole/internal/redact"
)

// condition evaluates one operator and key of a statement.
func (e *evaluation) condition(s statement, c condition) (Reason, Mismatch) {
	f := e.fact(c.key)
	miss := Mismatch{Statement: s.String(), Operator: c.operator.name, Key: redact.Tokens(c.key), Token: hideAll(f.values), Policy: hideAll(c.values)}
	var a Answer
	var why string
	var detail []string
	failed := f.values
	switch {
	case c.emptyList():
		a, why = Maybe, "IAM's documentation gives a key without values two answers"
	case c.operator.family == ofNull:
		a, why = c.null(f)
	case f.presence == unknowable:
		a, why = Maybe, f.why
	case f.presence == absent:
		a, why = c.absent(f)
	case c.operator.set != plain && f.isEmpty():
		// "If the key values in the request resolve to an empty data set (for example, an empty string)"
		a, why = answer(c.operator.set == forAllValues), "the token's value is empty"
	case c.operator.family == ofOffline:
		a, why = Maybe, "numbers, dates, addresses and binary values are compared by STS only"
	case c.operator.family == ofBool && e.resolve != nil && slices.ContainsFunc(c.values, hasVariable):
		a, why = Maybe, "IAM's documentation does not agree with itself on policy variables in Bool"
	default:
		compared := e.compare(c, f)
		a, why, miss.Difference, detail, failed = compared.answer, compared.why, compared.short, compared.detail, compared.failed
	}
	if a == Yes && c.operator.family != ofNull {
		if without := e.withoutValue(c); without != "" {
			a, why = Maybe, without
		}
	}
	miss.Difference = cmp.Or(miss.Difference, why)
	switch {
	case s.deny && a == Yes:
		miss.Cure = e.spared(s, c, f)
	case a == No:
		miss.Kind, miss.Cure = e.kindOf(s, c, f, failed)
	}
	from := ""
	if f.from != "" {
		from = " (the token's " + f.from + ")"
	}
	return Reason{Answer: a, Text: fmt.Sprintf("condition %s %s%s: %s", c.operator.name, shown(c.key), from, why), Detail: detail}, miss
}

// shown prints a key, or another name, without the quotation marks, as long as it needs none.
func shown(key string) string {
	if q := quote(key); q != `"`+key+`"` || key == "" || strings.Contains(key, " ") {
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

// withoutValue says of which policy variable in a condition nobody knows a value; "" when all have one. Of such a variable "any attempt to
// match it fails and causes the statement to be invalid" (IAM User Guide, reference_policies_variables), so that it counts beside a value
// that matches, and where there is nothing to compare.
func (e *evaluation) withoutValue(c condition) string {
	for _, source := range c.values {
		if e.resolve == nil || !hasVariable(source) {
			continue
		}
		if e.work > maxWork {
			return tooLong
		}
		if p := e.compile(c.operator, source); p.unresolved != "" {
			return p.whyUnresolved()
		}
	}
	return ""
}

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
	case op.negate:
		return Yes, f.why + ", so it is none of those excluded"
	default:
		return No, fmt.Sprintf("%s, and the policy asks for %s", f.why, quoteAll(c.values))
	}
}
