package trustpolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tooWide says where a policy lets in more than one workload.
func (p *Policy) tooWide() []string {
	var all []string
	unless := ""
	for _, s := range p.statements {
		if s.action(assumeRole).Answer != Yes {
			continue
		}
		if s.deny {
			unless = ", unless a Deny forbids it"
			continue
		}
		if s.notAction {
			all = append(all, s.String()+" allows every action but those in NotAction")
		}
		for _, provider := range s.providers {
			if provider == "*" {
				all = append(all, s.String()+` trusts "*": an identity of any provider can take the role, if the conditions let it`)
			}
			if !s.shuts(provider) {
				all = append(all, p.claimWarnings(s, provider)...)
			}
		}
	}
	for i := range all {
		all[i] += unless
	}
	return all
}

// shuts reports whether a statement asks for a key that no token of a provider has, so that none of its identities can enter.
func (s statement) shuts(provider string) bool {
	return provider != "*" && slices.ContainsFunc(s.conditions, func(c condition) bool { return c.needsKey() && isForeign(provider, c.key) })
}

// needsKey reports whether a condition holds only where its key is in the request.
func (c condition) needsKey() bool {
	if op := c.operator; op.family != ofNull {
		return !op.negate && !op.ifExists && op.set != forAllValues
	}
	isFalse := func(v string) bool { return strings.EqualFold(v, "false") }
	return c.operator.set == plain && len(c.values) > 0 && every(c.values, isFalse)
}

func (p *Policy) claimWarnings(s statement, provider string) []string {
	var all []string
	for _, claim := range []struct{ name, any string }{
		{"sub", "any identity of the provider can take the role, with EKS any pod of the cluster"},
		{"aud", "a token that was made for another service can take the role"},
	} {
		loose := ""
		var bound []condition
		for _, c := range s.conditions {
			prefix, name, ok := cutLast(c.key)
			if !ok || !strings.EqualFold(name, claim.name) || provider != "*" && !strings.EqualFold(prefix, provider) {
				continue
			}
			if why := p.loose(s, c); why != "" {
				loose = cmp.Or(loose, fmt.Sprintf(" (%s %s)", c.operator.name, why))
				continue
			}
			bound = append(bound, c)
		}
		switch {
		case len(bound) == 0:
			of := ""
			if provider != "*" {
				of = " of " + quote(provider)
			}
			all = append(all, fmt.Sprintf("%s has no condition that binds %s%s%s: %s", s, claim.name, of, loose, claim.any))
		case claim.name == "sub":
			all = append(all, p.wideSubjects(s, bound)...)
		}
	}
	return all
}

// loose says why a condition of a statement does not bind a claim; "" when it does.
func (p *Policy) loose(s statement, c condition) string {
	asked := slices.ContainsFunc(s.conditions, func(other condition) bool {
		return other.operator.family == ofNull && other.needsKey() && strings.EqualFold(other.key, c.key)
	})
	switch op := c.operator; {
	case op.negate:
		return "only excludes"
	case op.ifExists && !asked:
		return "lets a token without the claim pass"
	case op.set == forAllValues && !asked:
		return "holds for a token without the claim"
	case op.family != ofString && op.family != ofARN:
		return "does not compare text"
	case op.family == ofString && slices.ContainsFunc(c.values, func(v string) bool { return p.matchesEverything(c, v) }):
		return "matches everything"
	}
	return ""
}

// matchesEverything reports whether a value of a condition matches whatever its key holds: a star, perhaps with question marks, or the
// variable of the key itself, perhaps between stars.
func (p *Policy) matchesEverything(c condition, value string) bool {
	const itself = '\uE001' // stands for the variable
	resolve := func(name string) (value, why string, unknown bool) {
		if key, _, _ := strings.Cut(name, ","); strings.EqualFold(strings.TrimSpace(key), c.key) {
			return string(itself), "", false
		}
		return anyVariable(name)
	}
	elements := p.compile(value, c.operator.wild, resolve)
	if kindsOf(elements).isAny() {
		return true
	}
	elements = slices.DeleteFunc(elements, func(e element) bool { return e.kind == any0 })
	return slices.Equal(elements, []element{{r: itself}})
}

// compile compiles a value without a token.
func (p *Policy) compile(value string, wild bool, resolve resolver) []element {
	if !p.variables {
		resolve = nil
	}
	return compile(value, wild, resolve, nil).elements
}

// wideSubjects warns of patterns that more than some service accounts of one namespace match. Conditions are joined by AND, so that the
// narrowest of them counts.
func (p *Policy) wideSubjects(s statement, conditions []condition) []string {
	var narrowest []string
	least := wholeCluster + 1
	for _, c := range conditions {
		var wide []string
		most := withinNamespace
		if c.operator.family == ofString && c.operator.wild {
			for _, value := range c.values {
				if covered := covers(p.compile(value, true, anyVariable)); covered.reach > withinNamespace {
					wide = append(wide, fmt.Sprintf("%s accepts the subject %s: %s", s, quote(value), covered.who()))
					most = max(most, covered.reach)
				}
			}
		}
		if most < least {
			least, narrowest = most, wide
		}
	}
	return narrowest
}

// cutLast cuts a condition key into provider and claim. A provider's path may hold colons, a claim's name may not.
func cutLast(key string) (provider, claim string, ok bool) {
	i := strings.LastIndexByte(key, ':')
	if i < 0 {
		return "", "", false
	}
	return key[:i], key[i+1:], true
}
