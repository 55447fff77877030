package trustpolicy_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

// Whoever does what a cure says is rid of the mismatch: each is applied to the policy that it is for, which is evaluated again.
func TestACureCures(t *testing.T) {
	more := []rule{
		{policy: on(`{"ArnLike": {"P:sub": "arn:aws:iam::*:role/*"}, "Bool": {"P:aud": "true"}}`)},
		{policy: on(`{"StringEquals": {"https://a.example.com:aud": "x", "b.example.com:sub": "y", "b.example.com:aud": "z"}}`)},
		{policy: on(`{"ForAnyValue:StringLike": {"P:amr": "x"}, "ForAllValues:StringEquals": {"P:email": "y"}}`), claims: claims{"amr": {"a*", "${b}"}, "email": {"c", "d"}}},
		{policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws-cn:iam::111122223333:oidc-provider/b.example.com"}`, `"Action": "sts:AssumeRole"`, `{"StringEquals": {"b.example.com:sub": "x"}}`))},
	}
	applied := map[string]int{}
	for _, rules := range append([][]rule{more}, allRules()...) {
		for _, r := range rules {
			got := r.evaluate(t)
			for _, m := range got.Mismatches {
				document, ok := cured(t, r.policy, m)
				if !ok {
					continue
				}
				applied[m.Kind]++
				again := r
				again.policy = document
				left := again.evaluate(t)
				for _, other := range left.Mismatches {
					same := other.Statement == m.Statement && other.Action == m.Action && other.Kind == m.Kind && other.Operator == m.Operator && other.Key == m.Key
					assert.False(t, same, "%s\ndid not help %s\n%s", m.Cure, document, left)
				}
			}
		}
	}
	for _, kind := range []string{trustpolicy.KindUnmatched, trustpolicy.KindForeignKey, trustpolicy.KindSchemeKey, trustpolicy.KindPrincipal, trustpolicy.KindAction} {
		assert.NotZero(t, applied[kind], kind)
	}
	t.Log(applied)
}

var (
	operatorInCure  = regexp.MustCompile(`must be ([A-Za-z:]+), as it compares`)
	keyInCure       = regexp.MustCompile(`must be (\S+:\S+?)(?:,|$)`)
	federatedInCure = regexp.MustCompile(`"Federated": "(.*)"$`)
)

// cured does to a policy what the cure of a mismatch says; ok is false where that is not a change of the one condition.
func cured(t *testing.T, document string, m trustpolicy.Mismatch) (changed string, ok bool) {
	t.Helper()
	var root map[string]any
	require.NoError(t, json.Unmarshal([]byte(document), &root))
	statements, isList := root["Statement"].([]any)
	if !isList {
		statements = []any{root["Statement"]}
	}
	n, err := strconv.Atoi(strings.Fields(m.Statement)[1])
	require.NoError(t, err)
	s := statements[n-1].(map[string]any)
	switch m.Kind {
	case trustpolicy.KindPrincipal:
		delete(s, "NotPrincipal")
		s["Principal"] = map[string]any{"Federated": strings.Replace(federatedInCure.FindStringSubmatch(m.Cure)[1], "ACCOUNT", "111122223333", 1)}
	case trustpolicy.KindAction:
		delete(s, "NotAction")
		s["Action"] = []any{m.Action}
	case trustpolicy.KindUnmatched, trustpolicy.KindForeignKey, trustpolicy.KindSchemeKey:
		operator, key := m.Operator, m.Key
		if found := operatorInCure.FindStringSubmatch(m.Cure); found != nil {
			operator = found[1]
		}
		switch found := keyInCure.FindStringSubmatch(m.Cure); {
		case strings.Contains(m.Cure, "must be without "):
			_, key, _ = strings.Cut(key, "//")
		case m.Kind != trustpolicy.KindUnmatched && found != nil:
			key = found[1]
		case m.Kind != trustpolicy.KindUnmatched:
			return "", false // a statement of its own, or whatever key
		}
		_, accept, says := strings.Cut(m.Cure, "accept ")
		if !says && !strings.HasPrefix(operator, "Null") {
			return "", false // a claim that the token does not have, or has in a form that is not known
		}
		conditions := s["Condition"].(map[string]any)
		values := list(conditions[m.Operator].(map[string]any)[m.Key])
		delete(conditions[m.Operator].(map[string]any), m.Key)
		if conditions[operator] == nil {
			conditions[operator] = map[string]any{}
		}
		for _, quoted := range regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).FindAllString(accept, -1) {
			value, err := strconv.Unquote(quoted)
			require.NoError(t, err)
			values = append(values, strings.ReplaceAll(value, "${", "${$}{"))
			if strings.HasPrefix(accept, "one of ") {
				break
			}
		}
		for other, more := range conditions[operator].(map[string]any) {
			if strings.EqualFold(other, key) {
				delete(conditions[operator].(map[string]any), other)
				values = append(values, list(more)...)
			}
		}
		conditions[operator].(map[string]any)[key] = values
	default:
		return "", false
	}
	after, err := json.Marshal(root)
	require.NoError(t, err)
	return string(after), true
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return slices.Clone(l)
	}
	return []any{v}
}
