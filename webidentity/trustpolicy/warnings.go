package trustpolicy

import (
	"fmt"
	"slices"
	"strings"
)

// warnings of a token: STS answers InvalidIdentityToken, "Token audience contains more than one audience while authorized party is not
// present", before it looks at any policy.
func (r Request) warnings() []string {
	if n := len(r.Claims["aud"]); n > 1 && len(r.Claims["azp"]) == 0 {
		return []string{fmt.Sprintf("the token has %d audiences and no azp: STS refuses such a token, whatever the policy says", n)}
	}
	return nil
}

// warnings of a policy say where it lets in more than one workload. They do not depend on a token.
func (p *Policy) warnings() []string {
	var all []string
	for _, s := range p.statements {
		if s.deny || s.action().Answer != Yes {
			continue
		}
		if s.notAction {
			all = append(all, s.String()+" allows every action but those in NotAction")
		}
		for _, provider := range s.providers() {
			if provider == "*" {
				all = append(all, s.String()+` trusts "*": an identity of any provider can take the role, if the conditions let it`)
			}
			all = append(all, p.claimWarnings(s, provider)...)
		}
	}
	return all
}

// providers returns the identity providers that a statement trusts, "*" among them for one that trusts any.
func (s statement) providers() []string {
	var all []string
	for _, p := range s.principals {
		provider := ""
		switch _, url, ok := oidcProvider(p.value); {
		case p.value == "*" && p.kind != "Service":
			provider = "*"
		case p.kind == "Federated" && ok:
			provider = url
		case p.kind == "Federated" && slices.Contains(wellKnown, p.value):
			provider = p.value
		}
		if provider != "" && !slices.Contains(all, provider) {
			all = append(all, provider)
		}
	}
	return all
}

func (p *Policy) claimWarnings(s statement, provider string) []string {
	var all []string
	for _, claim := range []struct{ name, any string }{
		{"sub", "any identity of the provider can take the role, with EKS any pod of the cluster"},
		{"aud", "a token that was made for another service can take the role"},
	} {
		bound, loose := false, ""
		for _, c := range s.conditions {
			prefix, name, ok := cutLast(c.key)
			if !ok || !strings.EqualFold(name, claim.name) || provider != "*" && !strings.EqualFold(prefix, provider) {
				continue
			}
			if why := c.loose(); why != "" {
				loose = fmt.Sprintf(" (%s %s)", c.operator.name, why)
				continue
			}
			bound = true
			if claim.name == "sub" {
				all = append(all, c.wideSubjects(s)...)
			}
		}
		if !bound {
			of := ""
			if provider != "*" {
				of = " of " + quote(provider)
			}
			all = append(all, fmt.Sprintf("%s has no condition that binds %s%s%s: %s", s, claim.name, of, loose, claim.any))
		}
	}
	return all
}

// loose says why a condition does not bind a claim; "" when it does.
func (c condition) loose() string {
	switch op := c.operator; {
	case op.negate:
		return "only excludes"
	case op.ifExists:
		return "lets a token without the claim pass"
	case op.set == forAllValues:
		return "holds for a token without the claim"
	case op.family != ofString && op.family != ofARN:
		return "does not compare text"
	case slices.ContainsFunc(c.values, func(v string) bool { return op.wild && v != "" && strings.Trim(v, "*?") == "" }):
		return "matches everything"
	}
	return ""
}

// wideSubjects warns of patterns that more than one namespace, or every service account of one, can match.
func (c condition) wideSubjects(s statement) []string {
	if c.operator.family != ofString || !c.operator.wild {
		return nil
	}
	const subject, probe = "system:serviceaccount:", "any-name-will-do-0"
	var all []string
	for _, value := range c.values {
		p := compile(value, true, nil, nil).elements
		namespace, _, _ := strings.Cut(strings.TrimPrefix(value, subject), ":")
		switch {
		case matches(p, []rune(subject+probe+":"+probe), exact):
			all = append(all, fmt.Sprintf("%s accepts the subject %s: any pod of the cluster can take the role", s, quote(value)))
		case matches(p, []rune(subject+namespace+":"+probe), exact):
			all = append(all, fmt.Sprintf("%s accepts the subject %s: any pod in that namespace can take the role", s, quote(value)))
		case strings.HasPrefix(value, subject) && strings.ContainsAny(namespace, "*?"):
			all = append(all, fmt.Sprintf("%s accepts the subject %s: whoever may create a namespace that matches can take the role", s, quote(value)))
		}
	}
	return all
}

// cutLast cuts a condition key into provider and claim. A provider's path may hold colons, a claim's name may not.
func cutLast(key string) (provider, claim string, ok bool) {
	i := strings.LastIndexByte(key, ':')
	if i < 0 {
		return "", "", false
	}
	return key[:i], key[i+1:], true
}
