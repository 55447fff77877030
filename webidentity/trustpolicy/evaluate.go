package trustpolicy

import (
	"cmp"
	"fmt"
	"slices"
)

// Evaluate answers whether the policy lets a token take the role, offline. It does no I/O and never fails:
// what cannot be known without STS is [Unknown].
//
// A statement applies when its principal, its action and all of its conditions match. One Deny that applies settles it, else one
// Allow, else the answer is no. A statement of which that cannot be known makes the verdict unknown where it would change it.
// A token with several audiences and no authorized party (azp) is denied: STS refuses it before it looks at the policy.
func (p *Policy) Evaluate(r Request) Result {
	outcomes := make([]outcome, len(p.statements))
	result := Result{Warnings: p.warnings()}
	e := r.evaluation(p.variables)
	for i, s := range p.statements {
		outcomes[i] = e.statement(s)
		result.Reasons = append(result.Reasons, outcomes[i].reason)
	}
	first := func(deny bool, a Answer) *outcome {
		for i := range outcomes {
			if outcomes[i].statement.deny == deny && outcomes[i].reason.Answer == a {
				return &outcomes[i]
			}
		}
		return nil
	}
	denies, allows := first(true, Yes), first(false, Yes)
	mayDeny, mayAllow := first(true, Maybe), first(false, Maybe)
	switch {
	case denies != nil:
		result.Verdict, result.Cause = Denied, denies.cause(Yes)
	case mayDeny != nil && (allows != nil || mayAllow != nil):
		result.Verdict, result.Cause = Unknown, mayDeny.cause(Maybe)
	case allows != nil:
		result.Verdict, result.Cause = Allowed, allows.cause(Yes)
	case mayAllow != nil:
		result.Verdict, result.Cause = Unknown, mayAllow.cause(Maybe)
	default:
		result.Verdict, result.Cause = Denied, "no statement allows anything"
		result.miss(outcomes)
	}
	if why := r.refusal(); why != "" {
		result.Verdict, result.Cause = Denied, why
		result.Reasons = append(result.Reasons, Reason{Answer: No, Text: why})
	}
	return result
}

// miss names the Allow statement that came closest as the cause of an implicit denial.
func (result *Result) miss(outcomes []outcome) {
	missed := slices.DeleteFunc(slices.Clone(outcomes), func(o outcome) bool { return o.statement.deny })
	slices.SortStableFunc(missed, func(a, b outcome) int { return cmp.Compare(a.distance(), b.distance()) })
	for i, o := range missed {
		if i == 0 {
			result.Cause = o.cause(No)
		}
		if o.distance() < otherAction {
			result.Mismatches = append(result.Mismatches, o.misses...)
		}
	}
}

// outcome is what became of one statement.
type outcome struct {
	statement statement
	reason    Reason // its children are the principal, the action and each condition
	misses    []Mismatch
}

func (e *evaluation) statement(s statement) outcome {
	o := outcome{statement: s}
	o.reason.Because = []Reason{e.principals(s), s.action()}
	for _, c := range s.conditions {
		because, miss := e.condition(c)
		if because.Answer == No {
			miss.Statement = s.String()
			o.misses = append(o.misses, miss)
		}
		o.reason.Because = append(o.reason.Because, because)
	}
	o.reason.Answer = Yes
	for _, because := range o.reason.Because {
		o.reason.Answer = o.reason.Answer.and(because.Answer)
	}
	o.reason.Text = s.String() + [...]string{" does not apply", " applies", " may apply"}[o.reason.Answer]
	return o
}

// How far a statement is from allowing the call: a wrong condition is nearer than a wrong action, and that than another principal.
const (
	otherAction    = 1 << 20
	otherPrincipal = 1 << 21
)

func (o outcome) distance() int {
	n := len(o.misses)
	if o.reason.Because[0].Answer == No {
		n += otherPrincipal
	}
	if o.reason.Because[1].Answer == No {
		n += otherAction
	}
	return n
}

// cause is the statement and, of its parts, the first that answers the same: for a statement that applies, its first condition.
// A difference that the tree draws is told in words.
func (o outcome) cause(a Answer) string {
	parts := slices.Clone(o.reason.Because)
	if a == No && len(o.misses) > 0 {
		i := slices.IndexFunc(parts[2:], func(r Reason) bool { return r.Answer == No })
		if first := &parts[2+i]; len(first.Detail) > 0 {
			first.Text += ": " + o.misses[0].Difference
		}
	}
	if a == Yes {
		parts = parts[2:]
	}
	parts = slices.DeleteFunc(parts, func(p Reason) bool { return p.Answer != a })
	switch {
	case len(parts) == 0:
		return o.reason.Text
	case len(parts) == 1 || a == Yes:
		return o.reason.Text + ": " + parts[0].Text
	}
	return fmt.Sprintf("%s: %s (and %d more)", o.reason.Text, parts[0].Text, len(parts)-1)
}
