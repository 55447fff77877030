package trustpolicy

import (
	"fmt"
	"slices"

	"example.com/podrole/internal/redact"
)

// The values of Mismatch.Kind.
const (
	KindUnmatched  = "unmatched"   // the condition does not accept the token's value
	KindExcluded   = "excluded"    // a negated condition excludes the token's value
	KindMissing    = "missing"     // the token lacks the claim that the condition asks for
	KindForeignKey = "foreign key" // the key belongs to another issuer, so that no token of this one has it
	KindSchemeKey  = "scheme"      // the key has the issuer with https://, as no key has it
	KindPresence   = "presence"    // Null asks whether the claim is there, and not for its value
	KindPrincipal  = "principal"   // the statement trusts others than the token's issuer
	KindAction     = "action"      // the statement is about other actions
	KindForbidden  = "forbidden"   // a Deny statement applies, and this is one of its conditions, or its principal where it has none
)

// Mismatch is one thing that keeps a token from taking the role. Its key and values are as the policy and the token have them, control
// characters among them, but for tokens, which are left out; its other texts are quoted.
type Mismatch struct {
	Statement  string   `json:"statement"`  // `statement 1 "Dispatcher" (Allow)`
	Action     string   `json:"action"`     // that was asked for, sts:AssumeRoleWithWebIdentity mostly
	Kind       string   `json:"kind"`       // KindUnmatched and so on
	Operator   string   `json:"operator"`   // as written, StringLike for example; empty for a principal or an action
	Key        string   `json:"key"`        // as written, "<issuer>:sub" for example; Principal, Action or NotAction for the others
	Token      []string `json:"token"`      // the key's values in the token, the issuer or the action; empty when it has none
	Policy     []string `json:"policy"`     // the values that the policy asks for, or forbids
	Difference string   `json:"difference"` // how the closest of them differs, or what matches; may be empty
	Cure       string   `json:"cure"`       // what would let this token in, as far as this one thing goes
}

// elsewhere says how the principal and the action of a statement miss.
func (e *evaluation) elsewhere(o outcome, action string) []Mismatch {
	var all []Mismatch
	s := o.statement
	if o.reason.Because[0].Answer == No {
		m := e.principalMismatch(s, action)
		m.Kind, m.Difference = KindPrincipal, o.principal.Text
		trust := e.Provider
		if !slices.Contains(wellKnown, trust) {
			trust = e.providerARN(s)
		}
		m.Cure = fmt.Sprintf(`%s of %s must have "Federated": %s`, m.Key, s, quote(trust))
		all = append(all, m)
	}
	if o.reason.Because[1].Answer == No {
		m := Mismatch{
			Statement: s.String(), Action: action, Kind: KindAction, Key: "Action", Token: []string{action}, Policy: hideAll(s.actions),
			Difference: o.reason.Because[1].Text, Cure: fmt.Sprintf("Action of %s must have %s", s, action),
		}
		if s.notAction {
			m.Key, m.Cure = "NotAction", fmt.Sprintf("NotAction of %s must not have %s", s, action)
		}
		all = append(all, m)
	}
	return all
}

// forbidden lists what makes a Deny apply: its conditions, all of which hold, or that it has none.
func (e *evaluation) forbidden(p part, action string) []Mismatch {
	all := slices.Clone(p.mismatches)
	if len(all) == 0 {
		all = []Mismatch{e.principalMismatch(p.statement, action)}
		all[0].Difference = p.principal.Text
		all[0].Cure = p.statement.String() + " has no condition: it must go, or get one that does not hold for this token"
	}
	for i := range all {
		all[i].Action, all[i].Kind = action, KindForbidden
	}
	return all
}

func (e *evaluation) principalMismatch(s statement, action string) Mismatch {
	m := Mismatch{Statement: s.String(), Action: action, Key: "Principal", Token: hideAll([]string{e.Provider})}
	if s.notPrincipal {
		m.Key = "NotPrincipal"
	}
	for _, p := range s.principals {
		m.Policy = append(m.Policy, redact.Tokens(p.value))
	}
	return m
}

// hideAll leaves the tokens out of values. It returns a copy, for a result that whoever has it may change.
func hideAll(values []string) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = redact.Tokens(v)
	}
	return all
}
