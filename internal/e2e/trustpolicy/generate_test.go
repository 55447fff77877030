package trustpolicy_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
)

// The two providers of the account; the tokens are from the first.
const (
	provider = "oidc.example.com"
	other    = "gitlab.example.org/group"
	account  = "111122223333"
)

func providerARN(url string) string { return "arn:aws:iam::" + account + ":oidc-provider/" + url }

// generator makes policies and tokens out of a few words, so that they meet often. It leaves out what the two evaluators cannot be
// compared on, with IAM's documentation on our side:
//
//   - Principal "*" and {"AWS": "*"}: everyone, says reference_policies_elements_principal; the other knows Federated ARNs only.
//   - NotPrincipal, actions outside sts:, Resource: the other refuses such a trust policy as a whole.
//   - ARN patterns with a wildcard before the last part: "each of the six colon-delimited components of the ARN is checked
//     separately", says reference_policies_elements_condition_operators; the other matches the ARN as one string.
//   - empty claims: an "empty data set (for example, an empty string)" makes ForAllValues true and ForAnyValue false, says
//     reference_policies_multi-value-conditions; the other compares the empty string.
//   - ${*}, ${?}, ${$}, defaults, and variables whose name holds a slash (reference_policies_variables): the other leaves
//     them as they are. Wildcards inside a variable's value: undocumented.
//   - Null with a set operator: "always return a true or false respectively", says access-analyzer-reference-policy-checks; the
//     other asks whether the key is there.
//   - two keys of one operator that differ in letter case only: the same page calls it an error; the other reads both.
//   - several audiences: the other's context holds one, and ours does not know what STS makes of more.
//
// What ours cannot know offline (numbers that are there, aws: keys, a variable without a value where the condition would hold, an empty list of
// values, several values of which some match and no set operator) is generated, for it must not be mistaken for a yes or a no; then there
// is nothing to compare.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// chance is true n times in a hundred.
func (g generator) chance(n int) bool { return g.IntN(100) < n }

var words = []string{
	"system:serviceaccount:default:gryphon", "system:serviceaccount:default:gryphon-canary", "system:serviceaccount:prod:gryphon",
	"sts.amazonaws.com", "STS.amazonaws.com", "api.example.com", "true", "FALSE", "mfa", "pwd", "otp", "a", "ab", "aab", "*", "a*b", "${x}",
	"arn:aws:iam::111122223333:role/gryphon", "arn:aws:iam::111122223333:role/a:b",
}

var patterns = append(slices.Clone(words), "system:*", "*:gryphon", "*gryphon*", "system:serviceaccount:?efault:*", "s?s.amazonaws.com", "*a*b", "??", "?", "a?b", "**",
	"system:serviceaccount:*:gryphon-?*y", "${oidc.example.com:sub}", "${oidc.example.com:aud}", "x${oidc.example.com:sub}", "${OIDC.example.com:SUB}", "${oidc.example.com:amr}")

var arns = []string{"arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/gryphon", "arn:aws:iam::111122223333:role/?ryphon", "arn:aws:iam::444455556666:role/*", "arn:aws:iam::111122223333:*"}

func (g generator) policy() string {
	document := map[string]any{}
	if g.chance(85) {
		document["Version"] = pick(g, "2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17")
	}
	statements := make([]any, 1+g.IntN(3))
	for i := range statements {
		statements[i] = g.statement()
	}
	document["Statement"] = statements
	if len(statements) == 1 && g.chance(50) {
		document["Statement"] = statements[0]
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (g generator) statement() map[string]any {
	s := map[string]any{"Effect": "Allow"}
	if g.chance(25) {
		s["Effect"] = "Deny"
	}
	s["Principal"] = g.principal()
	action := pick(g, "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity", "sts:*", "sts:assumerolewithwebidentity", "sts:AssumeRole*", "sts:AssumeRole????WebIdentity", "sts:AssumeRole", "sts:TagSession")
	name := "Action"
	if g.chance(15) {
		name = "NotAction"
	}
	s[name] = action
	if g.chance(25) {
		s[name] = []string{action, "sts:TagSession"}
	}
	if g.chance(90) {
		s["Condition"] = g.conditions()
	}
	return s
}

func (g generator) principal() map[string]any {
	switch g.IntN(8) {
	case 0:
		return map[string]any{"Federated": providerARN(other)}
	case 1:
		return map[string]any{"Federated": []string{providerARN(other), providerARN(provider)}}
	case 2:
		return map[string]any{"AWS": "arn:aws:iam::111122223333:root", "Federated": providerARN(provider)}
	case 3:
		return map[string]any{"AWS": account}
	default:
		return map[string]any{"Federated": providerARN(provider)}
	}
}

func (g generator) conditions() map[string]any {
	block := map[string]any{}
	for range g.IntN(3) + 1 {
		op, values := g.operator()
		keys := map[string]any{}
		for range 1 + g.IntN(2) {
			key := g.key()
			for other := range keys {
				if strings.EqualFold(key, other) {
					key = other
				}
			}
			keys[key] = g.some(values)
		}
		block[op] = keys
	}
	return block
}

// operator returns a condition operator and the values that suit it.
func (g generator) operator() (string, []string) {
	base := pick(g, "StringEquals", "StringEquals", "StringLike", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase",
		"StringNotEqualsIgnoreCase", "ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals", "Bool", "Null", "NumericLessThan", "DateNotEquals", "IpAddress")
	set := ""
	if base != "Null" && g.chance(35) {
		set = pick(g, "ForAnyValue:", "ForAllValues:")
	}
	exists := ""
	if base != "Null" && g.chance(20) {
		exists = "IfExists"
	}
	values := patterns
	switch {
	case strings.HasPrefix(base, "Arn"):
		values = arns
	case base == "Bool" || base == "Null":
		values = []string{"true", "false", "TRUE", "False"}
	case base == "NumericLessThan":
		values = []string{"7"}
	case base == "DateNotEquals":
		values = []string{"2030-01-01T00:00:00Z"}
	case base == "IpAddress":
		values = []string{"203.0.113.0/24"}
	}
	return set + base + exists, values
}

func (g generator) key() string {
	switch g.IntN(12) {
	case 0:
		return strings.ToUpper(provider) + ":Sub"
	case 1:
		return other + ":sub"
	case 2:
		return "https://" + provider + ":aud"
	case 3:
		return "aws:PrincipalTag/team"
	default:
		return provider + ":" + pick(g, "sub", "sub", "sub", "aud", "aud", "amr", "amr", "oaud", "email")
	}
}

// some returns one value, a list, or an empty one.
func (g generator) some(values []string) any {
	switch g.IntN(18) {
	case 0:
		return []string{}
	case 1, 2, 3, 4, 5, 6:
		return []string{pick(g, values...), pick(g, values...)}
	case 7, 8, 9:
		return []string{pick(g, values...), pick(g, values...), pick(g, values...)}
	default:
		return pick(g, values...)
	}
}

// token returns the claims of a token: a subject, an audience, and now and then more.
func (g generator) token() map[string][]string {
	values := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.ContainsAny(w, "*?") })
	claims := map[string][]string{"sub": {pick(g, values...)}, "aud": {pick(g, values...)}}
	if g.chance(60) {
		for range 1 + g.IntN(3) {
			claims["amr"] = append(claims["amr"], pick(g, values...))
		}
	}
	if g.chance(50) {
		claims["email"] = []string{pick(g, values...)}
	}
	if g.chance(10) {
		claims["azp"] = []string{pick(g, values...)}
	}
	return claims
}
