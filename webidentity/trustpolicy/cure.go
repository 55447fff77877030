package trustpolicy

import (
	"fmt"
	"slices"
	"strings"
)

// kindOf says what kind of mismatch a condition is that answers No, and what would cure it. failed are the token's values that it is about.
func (e *evaluation) kindOf(s statement, c condition, f fact, failed []string) (kind, cure string) {
	op, what := c.operator, c.of(s)
	switch {
	case op.family == ofNull && op.set == forAnyValue:
		return KindPresence, what + " must go, as it never holds"
	case op.family == ofNull && f.presence == present:
		return KindPresence, what + ` must ask for "false", as the token has the claim`
	case f.foreign():
		cure, own := e.ownKey(s, c)
		switch {
		case own.presence == absent:
			cure += ", which this token does not have either: remove the condition, or use a token that has it"
		case own.presence == present && op.family != ofNull:
			cure += ", and it " + op.mustAccept(own.values)
		}
		return f.kind, what + " " + cure
	case f.presence == absent, op.set == forAnyValue && f.isEmpty():
		return KindMissing, what + " asks for what this token does not have: remove the condition, or use a token that has it"
	case op.negate:
		return KindExcluded, what + " must not exclude " + op.enough(forAnyValue, failed)
	}
	return KindUnmatched, what + " " + op.mustAccept(failed)
}

// spared says what would keep a condition of a Deny from holding.
func (e *evaluation) spared(s statement, c condition, f fact) string {
	what, must, values := c.of(s), "", f.values
	if f.foreign() {
		cure, own := e.ownKey(s, c)
		if own.presence != absent {
			what, must, values = what+" "+cure, ", and it", own.values
		}
		if own.presence == unknowable || own.presence == present && c.operator.family == ofNull {
			return what
		}
	}
	switch {
	case c.operator.family == ofNull || len(values) == 0:
		return what + " must not hold for this token"
	case c.operator.negate:
		return what + must + " must list " + c.operator.enough(forAllValues, values)
	}
	return what + must + " must not match " + c.operator.enough(forAllValues, values)
}

// of names a condition for a cure.
func (c condition) of(s statement) string {
	return fmt.Sprintf("%s %s of %s", c.operator.name, shown(c.key), s)
}

// ownKey says what a key of another issuer, or one with a scheme, must be for this token, and what is known of that key: where the
// statement trusts that issuer as well there is none.
func (e *evaluation) ownKey(s statement, c condition) (cure string, own fact) {
	scheme, bare, _ := cutScheme(c.key)
	issuer, claim, ok := cutLast(bare)
	trusts := func(issuer string) bool {
		return slices.ContainsFunc(s.providers, func(p string) bool { return strings.EqualFold(p, issuer) })
	}
	switch key := e.Provider + ":" + claim; {
	case !ok:
		return "must be a key of this token's issuer, " + shown(key+"sub") + " for example", fact{presence: unknowable}
	case strings.EqualFold(issuer, e.Provider):
		return "must be without " + scheme, e.fact(key)
	case trusts(issuer) && trusts(e.Provider):
		return fmt.Sprintf("is about tokens of %s: each issuer needs a statement of its own, with the keys of that issuer alone", quote(issuer)), fact{presence: unknowable}
	default:
		return "must be " + shown(key), e.fact(key)
	}
}

// mustAccept says what a condition must do to hold for values, and which operator it needs for them.
func (op operator) mustAccept(values []string) string {
	isARN := func(v string) bool { return strings.HasPrefix(v, "arn:") && strings.Count(v, ":") >= 5 }
	isBool := func(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }
	instead := ""
	switch {
	case op.family == ofARN && !every(values, isARN):
		instead = "must be " + strings.NewReplacer("ArnLike", "StringLike", "ArnEquals", "StringLike").Replace(op.name) + ", as it compares ARNs only, and "
	case op.family == ofBool && !every(values, isBool):
		instead = "must be " + strings.Replace(op.name, "Bool", "StringEquals", 1) + ", as it compares true and false only, and "
	}
	return instead + "must accept " + op.enough(forAnyValue, values)
}

// enough lists values of a token, of which one will do where the condition has the set operator.
func (op operator) enough(of set, values []string) string {
	if op.set == of && len(values) > 1 {
		return "one of " + quoteAll(values)
	}
	return quoteAll(values)
}

func every[T any](all []T, is func(T) bool) bool {
	return !slices.ContainsFunc(all, func(v T) bool { return !is(v) })
}
