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
//
// A token that passes session tags asks for sts:TagSession as well, and one that sets a source identity for sts:SetSourceIdentity: the
// verdict is allowed where all of them are. With several audiences and no authorized party (azp) it is unknown at best: STS is known to
// refuse such a token before it looks at the policy.
func (p *Policy) Evaluate(r Request) Result {
	e := r.evaluation(p.variables)
	parts := make([]part, len(p.statements))
	for i, s := range p.statements {
		parts[i] = e.part(s)
	}
	result := Result{Warnings: slices.Clone(p.warnings)}
	for i, n := range e.needs() {
		d := e.decide(parts, n.action)
		result.Mismatches = append(result.Mismatches, d.mismatches...)
		if i == 0 {
			result.Verdict, result.Cause, result.Reasons = d.verdict, d.cause, d.reasons
			continue
		}
		if worse(d.verdict, result.Verdict) {
			result.Verdict, result.Cause = d.verdict, fmt.Sprintf("%s, which needs %s: %s", n.why, n.action, d.cause)
		}
		result.Reasons = append(result.Reasons, Reason{
			Answer: [...]Answer{Denied: No, Allowed: Yes, Unknown: Maybe}[d.verdict], Text: fmt.Sprintf("%s, which needs %s", n.why, n.action), Because: d.reasons,
		})
	}
	if why := r.severalAudiences(); why != "" {
		if result.Verdict != Denied {
			result.Verdict, result.Cause = Unknown, why
		}
		result.Reasons = append(result.Reasons, Reason{Answer: Maybe, Text: why})
	}
	return result
}

// worse orders verdicts: one action that is denied denies the call, one of which it is unknown makes it unknown.
func worse(a, b Verdict) bool {
	rank := [...]int{Allowed: 0, Unknown: 1, Denied: 2}
	return rank[a] > rank[b]
}

// part is what of a statement does not depend on the action that is asked for.
type part struct {
	statement  statement
	principal  Reason
	conditions []Reason
	mismatches []Mismatch // one for each condition, whatever it answers
}

func (e *evaluation) part(s statement) part {
	p := part{statement: s, principal: e.principals(s)}
	for _, c := range s.conditions {
		reason, mismatch := e.condition(s, c)
		p.conditions, p.mismatches = append(p.conditions, reason), append(p.mismatches, mismatch)
	}
	return p
}

// decision is the answer for one action.
type decision struct {
	verdict    Verdict
	cause      string
	reasons    []Reason
	mismatches []Mismatch // if denied
}

func (e *evaluation) decide(parts []part, action string) decision {
	outcomes := make([]outcome, len(parts))
	d := decision{}
	for i, p := range parts {
		outcomes[i] = p.outcome(action)
		d.reasons = append(d.reasons, outcomes[i].reason)
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
		d.verdict, d.cause = Denied, denies.cause(Yes)
		for _, o := range outcomes {
			if o.statement.deny && o.reason.Answer == Yes {
				d.mismatches = append(d.mismatches, e.forbidden(o.part, action)...)
			}
		}
	case mayDeny != nil && (allows != nil || mayAllow != nil):
		d.verdict, d.cause = Unknown, mayDeny.cause(Maybe)
	case allows != nil:
		d.verdict, d.cause = Allowed, allows.cause(Yes)
	case mayAllow != nil:
		d.verdict, d.cause = Unknown, mayAllow.cause(Maybe)
	default:
		d.verdict, d.cause = Denied, "no statement allows anything"
		e.miss(&d, outcomes, action)
	}
	return d
}

// miss names the Allow statement that came closest as the cause of an implicit denial. Where no statement has the right principal and
// action, it is they that the closest one misses first.
func (e *evaluation) miss(d *decision, outcomes []outcome, action string) {
	missed := slices.DeleteFunc(slices.Clone(outcomes), func(o outcome) bool { return o.statement.deny })
	slices.SortStableFunc(missed, func(a, b outcome) int { return cmp.Compare(a.distance(), b.distance()) })
	for i, o := range missed {
		near := o.distance() < otherAction
		if i == 0 {
			d.cause = o.cause(No)
			d.mismatches = e.elsewhere(o, action)
		}
		if i == 0 || near {
			d.mismatches = append(d.mismatches, o.misses(action)...)
		}
	}
}

// outcome is what became of one statement.
type outcome struct {
	part
	reason Reason // its children are the principal, the action and each condition
}

func (p part) outcome(action string) outcome {
	o := outcome{part: p}
	o.reason.Because = append([]Reason{p.principal, p.statement.action(action)}, p.conditions...)
	o.reason.Answer = Yes
	for _, because := range o.reason.Because {
		o.reason.Answer = o.reason.Answer.and(because.Answer)
	}
	o.reason.Text = p.statement.String() + [...]string{" does not apply", " applies", " may apply"}[o.reason.Answer]
	return o
}

// misses are the conditions that do not hold.
func (p part) misses(action string) []Mismatch {
	var all []Mismatch
	for i, c := range p.conditions {
		if c.Answer == No {
			m := p.mismatches[i]
			m.Action = action
			all = append(all, m)
		}
	}
	return all
}

// How far a statement is from allowing the call: a wrong condition is nearer than a wrong action, and that than another principal.
const (
	otherAction    = 1 << 20
	otherPrincipal = 1 << 21
)

func (o outcome) distance() int {
	n := len(o.misses(""))
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
	if misses := o.misses(""); a == No && len(misses) > 0 {
		i := slices.IndexFunc(parts[2:], func(r Reason) bool { return r.Answer == No })
		if first := &parts[2+i]; len(first.Detail) > 0 {
			first.Text += ": " + misses[0].Difference
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
