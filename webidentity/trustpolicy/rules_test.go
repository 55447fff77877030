package trustpolicy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

// A rule is one sentence of IAM's documentation and a policy that shows it, evaluated against the canary's token.
type rule struct {
	page   string // of the IAM User Guide, docs.aws.amazon.com/IAM/latest/UserGuide/<page>.html
	says   string
	policy string
	claims claims // instead of the canary's; see canary
	role   string // the role's account, if given
	want   trustpolicy.Verdict
	cause  string // part of Result.Cause
}

type claims map[string][]string

const (
	provider    = "oidc.eks.ap-northeast-2.amazonaws.com/id/0721EXAMPLE"
	providerARN = "arn:aws:iam::111122223333:oidc-provider/" + provider
	dispatcher  = "system:serviceaccount:default:gryphon-dispatcher"
)

// canary is the token of the pod that was refused.
func canary() claims {
	return claims{
		"iss": {"https://" + provider},
		"sub": {dispatcher + "-canary"},
		"aud": {"sts.amazonaws.com"},
	}
}

// with returns the canary's claims with some of them changed; no values take a claim away.
func with(claim string, values ...string) claims {
	c := canary()
	delete(c, claim)
	if len(values) > 0 {
		c[claim] = values
	}
	return c
}

// on writes a policy of one Allow with the condition. In it "P:" stands for the provider and a colon.
func on(condition string) string { return policy("2012-10-17", allow(condition)) }

func policy(version string, statements ...string) string {
	return `{"Version": "` + version + `", "Statement": [` + strings.Join(statements, ", ") + `]}`
}

func allow(condition string) string {
	return statement("Allow", `"Principal": {"Federated": "`+providerARN+`"}`, `"Action": "sts:AssumeRoleWithWebIdentity"`, condition)
}

func deny(condition string) string {
	return statement("Deny", `"Principal": {"Federated": "`+providerARN+`"}`, `"Action": "sts:AssumeRoleWithWebIdentity"`, condition)
}

func statement(effect, principal, action, condition string) string {
	s := `{"Effect": "` + effect + `", ` + principal + `, ` + action
	if condition != "" {
		s += `, "Condition": ` + condition
	}
	return strings.NewReplacer(`"P:`, `"`+provider+`:`, `{P:`, `{`+provider+`:`).Replace(s + `}`)
}

func (r rule) evaluate(t *testing.T) trustpolicy.Result {
	t.Helper()
	p, err := trustpolicy.Parse([]byte(r.policy))
	require.NoError(t, err, r.policy)
	token := r.claims
	if token == nil {
		token = canary()
	}
	return p.Evaluate(trustpolicy.Request{Provider: provider, Account: r.role, Claims: token})
}

var groups = map[string][]rule{
	"statement": statementRules, "principal": principalRules, "action": actionRules, "key": keyRules,
	"string": stringRules, "arn": arnRules, "set": setRules, "exists": existsRules, "variable": variableRules, "offline": offlineRules, "session": sessionRules,
}

func allRules() [][]rule {
	var all [][]rule
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		all = append(all, groups[name])
	}
	return all
}

func TestRulesOfTheIAMDocumentation(t *testing.T) {
	const fewest = 80
	n := 0
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		for _, r := range groups[name] {
			n++
			t.Run(name+"/"+r.says, func(t *testing.T) {
				require.Regexp(t, `^(reference|id|access)[a-z_-]+$`, r.page)
				got := r.evaluate(t)
				assert.Equal(t, r.want, got.Verdict, "%s\n%s", r.policy, got)
				require.NotEmpty(t, r.cause)
				assert.Contains(t, got.Cause, r.cause)
			})
		}
	}
	assert.GreaterOrEqual(t, n, fewest)
	t.Logf("%d rules", n)
}

func TestSomeProvidersHaveKeysOfTheirOwnInPlaceOfOaudAndEmail(t *testing.T) {
	for issuer, want := range map[string]trustpolicy.Verdict{
		"cognito-identity.amazonaws.com": trustpolicy.Unknown, "graph.facebook.com": trustpolicy.Unknown, "www.amazon.com": trustpolicy.Unknown,
		"accounts.google.com": trustpolicy.Allowed,
	} {
		for _, key := range []string{"oaud", "email"} {
			p, err := trustpolicy.Parse([]byte(policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+issuer+`"}`, `"Action": "sts:*"`, `{"StringEquals": {"`+issuer+`:`+key+`": "x"}}`))))
			require.NoError(t, err)
			assert.Equal(t, want, p.Evaluate(trustpolicy.Request{Provider: issuer, Claims: claims{"aud": {"x"}, "email": {"x"}}}).Verdict, "%s of %s", key, issuer)
		}
	}
}

func TestProvidersThatIAMKnowsByNameNeedNoARN(t *testing.T) {
	document := policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "accounts.google.com"}`, `"Action": "sts:AssumeRoleWithWebIdentity"`,
		`{"StringEquals": {"accounts.google.com:aud": "the-client", "accounts.google.com:oaud": "the-project", "accounts.google.com:sub": "1"}}`))
	p, err := trustpolicy.Parse([]byte(document))
	require.NoError(t, err)
	for _, issuer := range []string{"https://accounts.google.com", "accounts.google.com"} {
		request, err := trustpolicy.RequestFromToken(token(t, claims{"iss": {issuer}, "sub": {"1"}, "aud": {"the-project"}, "azp": {"the-client"}}))
		require.NoError(t, err)
		got := p.Evaluate(request)
		assert.Equal(t, trustpolicy.Allowed, got.Verdict, "%s", got)
		assert.Empty(t, got.Warnings)
	}
}
