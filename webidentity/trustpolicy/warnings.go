package trustpolicy

import (
	"fmt"
	"strings"
)

// tooWide says where a policy lets in more than one workload.
func (p *Policy) tooWide() []string {
	var all []string
	e := Request{}.evaluation(false)
	for _, s := range p.statements {
		if s.deny || s.action(assumeRole).Answer != Yes {
			continue
		}
		if s.notAction {
			all = append(all, s.String()+" allows every action but those in NotAction")
		}
		for _, provider := range s.providers {
			if provider == "*" {
				all = append(all, s.String()+` trusts "*": an identity of any provider can take the role, if the conditions let it`)
			}
			all = append(all, p.claimWarnings(s, provider, e)...)
		}
	}
	return all
}

func (p *Policy) claimWarnings(s statement, provider string, e *evaluation) []string {
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
			if why := e.loose(c, prefix, claim.name, p.variables); why != "" {
				loose = fmt.Sprintf(" (%s %s)", c.operator.name, why)
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

// loose says why a condition does not bind a claim; "" when it does. That it matches everything is found out by trying: two values that
// nobody has, and that have no character in common.
func (e *evaluation) loose(c condition, provider, claim string, variables bool) string {
	switch op := c.operator; {
	case op.negate:
		return "only excludes"
	case op.ifExists:
		return "lets a token without the claim pass"
	case op.set == forAllValues:
		return "holds for a token without the claim"
	case op.family != ofString && op.family != ofARN:
		return "does not compare text"
	}
	for _, probe := range []string{"any-name-will-do", "0123_4567.89/@"} {
		r := Request{Provider: provider, Claims: map[string][]string{"sub": {"another " + probe}, "aud": {"a third " + probe}}}
		r.Claims[claim] = []string{probe}
		e := r.evaluation(variables)
		if because, _ := e.condition(statement{}, c); because.Answer != Yes {
			return ""
		}
	}
	return "matches everything"
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
				resolve := resolver(anyVariable)
				if !p.variables {
					resolve = nil
				}
				if covered := covers(compile(value, true, resolve, nil).elements); covered.reach > withinNamespace {
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
