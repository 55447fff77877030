package trustpolicy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

func TestAMismatchSaysWhatKindItIsAndWhatWouldCureIt(t *testing.T) {
	const (
		canarySub = `"` + dispatcher + `-canary"`
		eks       = "arn:aws:iam::111122223333:oidc-provider/"
		assume    = "sts:AssumeRoleWithWebIdentity"
	)
	for _, tt := range []struct {
		name, policy string
		claims       claims
		kind, key    string
		token        []string
		cure         string
	}{
		{"another value", on(`{"StringLike": {"P:sub": "x"}}`), nil, trustpolicy.KindUnmatched, provider + ":sub", []string{dispatcher + "-canary"},
			"StringLike " + provider + ":sub of statement 1 (Allow) must accept " + canarySub},
		{"some of several values", on(`{"ForAllValues:StringEquals": {"P:amr": "pwd"}}`), with("amr", "mfa", "pwd"), trustpolicy.KindUnmatched, provider + ":amr", []string{"mfa", "pwd"},
			"ForAllValues:StringEquals " + provider + `:amr of statement 1 (Allow) must accept "mfa"`},
		{"an excluded value", on(`{"StringNotLike": {"P:sub": "*-canary"}}`), nil, trustpolicy.KindExcluded, provider + ":sub", []string{dispatcher + "-canary"},
			"StringNotLike " + provider + ":sub of statement 1 (Allow) must not exclude " + canarySub},
		{"one excluded of several", on(`{"ForAllValues:StringNotEquals": {"P:amr": "pwd"}}`), with("amr", "mfa", "pwd"), trustpolicy.KindExcluded, provider + ":amr", []string{"mfa", "pwd"},
			"ForAllValues:StringNotEquals " + provider + `:amr of statement 1 (Allow) must not exclude "pwd"`},
		{"a claim that is not there", on(`{"StringEquals": {"P:amr": "x"}}`), nil, trustpolicy.KindMissing, provider + ":amr", []string{},
			"StringEquals " + provider + ":amr of statement 1 (Allow) asks for what this token does not have: remove the condition, or use a token that has it"},
		{"another issuer's key", on(`{"StringEquals": {"oidc.example.com/id/9999:sub": "x"}}`), nil, trustpolicy.KindForeignKey, "oidc.example.com/id/9999:sub", []string{},
			"StringEquals oidc.example.com/id/9999:sub of statement 1 (Allow) must be " + provider + ":sub, and it must accept " + canarySub},
		{"another issuer's key for a claim that is not there", on(`{"StringEquals": {"oidc.example.com/id/9999:amr": "x"}}`), nil, trustpolicy.KindForeignKey, "oidc.example.com/id/9999:amr", []string{},
			"StringEquals oidc.example.com/id/9999:amr of statement 1 (Allow) must be " + provider + ":amr, which this token does not have either: remove the condition, or use a token that has it"},
		{"a key with https://", on(`{"StringEquals": {"https://` + provider + `:aud": "x"}}`), nil, trustpolicy.KindSchemeKey, "https://" + provider + ":aud", []string{},
			"StringEquals https://" + provider + `:aud of statement 1 (Allow) must be without https://, and it must accept "sts.amazonaws.com"`},
		{"another issuer's key with https://", on(`{"StringEquals": {"https://a.example.com:aud": "x"}}`), nil, trustpolicy.KindSchemeKey, "https://a.example.com:aud", []string{},
			"StringEquals https://a.example.com:aud of statement 1 (Allow) must be " + provider + `:aud, and it must accept "sts.amazonaws.com"`},
		{"a key with http:// in another letter case", on(`{"StringEquals": {"HTTP://` + provider + `:aud": "x"}}`), nil, trustpolicy.KindSchemeKey, "HTTP://" + provider + ":aud", []string{},
			"StringEquals HTTP://" + provider + `:aud of statement 1 (Allow) must be without HTTP://, and it must accept "sts.amazonaws.com"`},
		{"another issuer's key without a claim", on(`{"StringEquals": {"oidc.example.com": "x"}}`), nil, trustpolicy.KindForeignKey, "oidc.example.com", []string{},
			"StringEquals oidc.example.com of statement 1 (Allow) must be a key of this token's issuer, " + provider + ":sub for example"},
		{"another issuer's key, without a dot in its host", on(`{"StringEquals": {"localhost/id:sub": "x"}}`), nil, trustpolicy.KindForeignKey, "localhost/id:sub", []string{},
			"StringEquals localhost/id:sub of statement 1 (Allow) must be " + provider + ":sub, and it must accept " + canarySub},
		{"two issuers in one statement", policy("2012-10-17", statement("Allow", `"Principal": {"Federated": ["`+eks+`b.example.com", "`+providerARN+`"]}`, `"Action": "sts:*"`, `{"StringEquals": {"P:sub": "`+dispatcher+`-canary", "B.example.com:sub": "x"}}`)), nil,
			trustpolicy.KindForeignKey, "B.example.com:sub", []string{},
			`StringEquals B.example.com:sub of statement 1 (Allow) is about tokens of "B.example.com": each issuer needs a statement of its own, with the keys of that issuer alone`},
		{"an empty claim", on(`{"ForAnyValue:StringEquals": {"P:amr": ""}}`), with("amr", "", ""), trustpolicy.KindMissing, provider + ":amr", []string{"", ""},
			"ForAnyValue:StringEquals " + provider + ":amr of statement 1 (Allow) asks for what this token does not have: remove the condition, or use a token that has it"},
		{"ARNs only", on(`{"ForAnyValue:ArnLikeIfExists": {"P:sub": "arn:aws:iam::111122223333:role/*"}}`), nil, trustpolicy.KindUnmatched, provider + ":sub", []string{dispatcher + "-canary"},
			"ForAnyValue:ArnLikeIfExists " + provider + ":sub of statement 1 (Allow) must be ForAnyValue:StringLikeIfExists, as it compares ARNs only, and must accept " + canarySub},
		{"another ARN", on(`{"ArnEquals": {"P:sub": "arn:aws:iam::111122223333:role/*"}}`), with("sub", "arn:aws:iam::444455556666:role/x"), trustpolicy.KindUnmatched, provider + ":sub", []string{"arn:aws:iam::444455556666:role/x"},
			"ArnEquals " + provider + `:sub of statement 1 (Allow) must accept "arn:aws:iam::444455556666:role/x"`},
		{"true and false only", on(`{"Bool": {"P:sub": "true"}}`), nil, trustpolicy.KindUnmatched, provider + ":sub", []string{dispatcher + "-canary"},
			"Bool " + provider + ":sub of statement 1 (Allow) must be StringEquals, as it compares true and false only, and must accept " + canarySub},
		{"the other boolean", on(`{"Bool": {"P:sub": "true"}}`), with("sub", "False"), trustpolicy.KindUnmatched, provider + ":sub", []string{"False"},
			"Bool " + provider + `:sub of statement 1 (Allow) must accept "False"`},
		{"any of several values", on(`{"ForAnyValue:StringEquals": {"P:amr": "otp"}}`), with("amr", "mfa", "pwd"), trustpolicy.KindUnmatched, provider + ":amr", []string{"mfa", "pwd"},
			"ForAnyValue:StringEquals " + provider + `:amr of statement 1 (Allow) must accept one of "mfa", "pwd"`},
		{"any of several that are excluded", on(`{"ForAnyValue:StringNotLike": {"P:amr": "*"}}`), with("amr", "mfa", "pwd"), trustpolicy.KindExcluded, provider + ":amr", []string{"mfa", "pwd"},
			"ForAnyValue:StringNotLike " + provider + `:amr of statement 1 (Allow) must not exclude one of "mfa", "pwd"`},
		{"another issuer in another partition", policy("2012-10-17", statement("Allow", `"Principal": {"AWS": "1", "Federated": "arn:aws-cn:iam::111122223333:oidc-provider/oidc.example.com"}`, `"Action": "sts:*"`, "")), nil, trustpolicy.KindPrincipal, "Principal", []string{provider},
			`Principal of statement 1 (Allow) must have "Federated": "arn:aws-cn:iam::ACCOUNT:oidc-provider/` + provider + `"`},
		{"a Deny that holds for the key of another issuer", policy("2012-10-17", allow(""), deny(`{"StringNotEquals": {"b.example.com:sub": "x"}}`)), nil, trustpolicy.KindForbidden, "b.example.com:sub", []string{},
			"StringNotEquals b.example.com:sub of statement 2 (Deny) must be " + provider + ":sub, and it must list " + canarySub},
		{"a Deny that holds for a key with https://", policy("2012-10-17", allow(""), deny(`{"StringEqualsIfExists": {"https://`+provider+`:sub": "x"}}`)), nil, trustpolicy.KindForbidden, "https://" + provider + ":sub", []string{},
			"StringEqualsIfExists https://" + provider + ":sub of statement 2 (Deny) must be without https://, and it must not match " + canarySub},
		{"a Deny of a token without the key of another issuer", policy("2012-10-17", allow(""), deny(`{"Null": {"b.example.com:sub": "true"}}`)), nil, trustpolicy.KindForbidden, "b.example.com:sub", []string{},
			"Null b.example.com:sub of statement 2 (Deny) must be " + provider + ":sub"},
		{"a Deny by another issuer's key for a claim that is not there", policy("2012-10-17", allow(""), deny(`{"StringNotEquals": {"b.example.com:amr": "x"}}`)), nil, trustpolicy.KindForbidden, "b.example.com:amr", []string{},
			"StringNotEquals b.example.com:amr of statement 2 (Deny) must not hold for this token"},
		{"a Deny of a token with a claim", policy("2012-10-17", allow(""), deny(`{"Null": {"P:sub": "false"}}`)), nil, trustpolicy.KindForbidden, provider + ":sub", []string{dispatcher + "-canary"},
			"Null " + provider + ":sub of statement 2 (Deny) must not hold for this token"},
		{"a Deny where all of several match", policy("2012-10-17", allow(""), deny(`{"ForAllValues:StringLike": {"P:amr": "*"}}`)), with("amr", "mfa", "pwd"), trustpolicy.KindForbidden, provider + ":amr", []string{"mfa", "pwd"},
			"ForAllValues:StringLike " + provider + `:amr of statement 2 (Deny) must not match one of "mfa", "pwd"`},
		{"Null true", on(`{"Null": {"P:aud": "true"}}`), nil, trustpolicy.KindPresence, provider + ":aud", []string{"sts.amazonaws.com"},
			"Null " + provider + `:aud of statement 1 (Allow) must ask for "false", as the token has the claim`},
		{"Null false", on(`{"Null": {"P:amr": "false"}}`), nil, trustpolicy.KindMissing, provider + ":amr", []string{},
			"Null " + provider + ":amr of statement 1 (Allow) asks for what this token does not have: remove the condition, or use a token that has it"},
		{"Null false of another issuer's key", on(`{"Null": {"a.example.com:aud": "false"}}`), nil, trustpolicy.KindForeignKey, "a.example.com:aud", []string{},
			"Null a.example.com:aud of statement 1 (Allow) must be " + provider + ":aud"},
		{"ForAnyValue:Null", on(`{"ForAnyValue:Null": {"P:aud": "false"}}`), nil, trustpolicy.KindPresence, provider + ":aud", []string{"sts.amazonaws.com"},
			"ForAnyValue:Null " + provider + ":aud of statement 1 (Allow) must go, as it never holds"},
		{"another issuer", policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+eks+`oidc.example.com"}`, `"Action": "sts:*"`, "")), nil, trustpolicy.KindPrincipal, "Principal", []string{provider},
			`Principal of statement 1 (Allow) must have "Federated": "arn:aws:iam::ACCOUNT:oidc-provider/` + provider + `"`},
		{"another action", policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:AssumeRole"`, "")), nil, trustpolicy.KindAction, "Action", []string{assume},
			"Action of statement 1 (Allow) must have " + assume},
		{"NotAction", policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"NotAction": "sts:Assume*"`, "")), nil, trustpolicy.KindAction, "NotAction", []string{assume},
			"NotAction of statement 1 (Allow) must not have " + assume},
		{"a Deny that matches", policy("2012-10-17", allow(""), deny(`{"StringLike": {"P:sub": ["a", "*-canary"]}}`)), nil, trustpolicy.KindForbidden, provider + ":sub", []string{dispatcher + "-canary"},
			"StringLike " + provider + ":sub of statement 2 (Deny) must not match " + canarySub},
		{"a Deny of all others", policy("2012-10-17", allow(""), deny(`{"StringNotEquals": {"P:sub": "x"}}`)), nil, trustpolicy.KindForbidden, provider + ":sub", []string{dispatcher + "-canary"},
			"StringNotEquals " + provider + ":sub of statement 2 (Deny) must list " + canarySub},
		{"a Deny of a token without a claim", policy("2012-10-17", allow(""), deny(`{"Null": {"P:amr": "true"}}`)), nil, trustpolicy.KindForbidden, provider + ":amr", []string{},
			"Null " + provider + ":amr of statement 2 (Deny) must not hold for this token"},
		{"a Deny without condition", policy("2012-10-17", allow(""), deny("")), nil, trustpolicy.KindForbidden, "Principal", []string{provider},
			"statement 2 (Deny) has no condition: it must go, or get one that does not hold for this token"},
		{"a Deny with NotPrincipal", policy("2012-10-17", allow(""), statement("Deny", `"NotPrincipal": {"AWS": "111122223333"}`, `"Action": "*"`, "")), nil, trustpolicy.KindForbidden, "NotPrincipal", []string{provider},
			"statement 2 (Deny) has no condition: it must go, or get one that does not hold for this token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := rule{policy: tt.policy, claims: tt.claims}.evaluate(t)
			assert.Equal(t, trustpolicy.Denied, got.Verdict)
			if assert.Len(t, got.Mismatches, 1) {
				m := got.Mismatches[0]
				assert.Equal(t, assume, m.Action)
				assert.Equal(t, tt.kind, m.Kind)
				assert.Equal(t, tt.key, m.Key)
				assert.Equal(t, tt.token, m.Token)
				assert.Equal(t, tt.cure, m.Cure)
				assert.NotEmpty(t, m.Statement)
				assert.NotEmpty(t, m.Policy)
				assert.NotEmpty(t, m.Difference)
			}
		})
	}
}

func TestTheCureForAnIssuerThatIAMKnowsByNameIsItsName(t *testing.T) {
	p, err := trustpolicy.Parse([]byte(on("")))
	require.NoError(t, err)
	got := p.Evaluate(trustpolicy.Request{Provider: "accounts.google.com", Claims: canary()})
	require.Len(t, got.Mismatches, 1)
	assert.Equal(t, `Principal of statement 1 (Allow) must have "Federated": "accounts.google.com"`, got.Mismatches[0].Cure)
}

func TestADenialByPrincipalNamesThePolicysPrincipalsAndTheKeysOfTheirIssuer(t *testing.T) {
	const theirs = "oidc.eks.ap-northeast-2.amazonaws.com/id/9999EXAMPLE"
	document := policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/`+theirs+`"}`, `"Action": "sts:AssumeRoleWithWebIdentity"`,
		`{"StringEquals": {"`+theirs+`:aud": "sts.amazonaws.com"}}`))
	got := rule{policy: document, role: "111122223333"}.evaluate(t)
	if assert.Len(t, got.Mismatches, 2) {
		assert.Equal(t, trustpolicy.Mismatch{
			Statement: "statement 1 (Allow)", Action: "sts:AssumeRoleWithWebIdentity", Kind: trustpolicy.KindPrincipal, Key: "Principal",
			Token: []string{provider}, Policy: []string{"arn:aws:iam::111122223333:oidc-provider/" + theirs},
			Difference: `principal Federated "arn:aws:iam::111122223333:oidc-provider/` + theirs + `" is not the token's issuer "` + provider + `": from character 42: "0721" in place of "9999"`,
			Cure:       `Principal of statement 1 (Allow) must have "Federated": "` + providerARN + `"`,
		}, got.Mismatches[0])
		assert.Equal(t, trustpolicy.KindForeignKey, got.Mismatches[1].Kind)
		assert.Equal(t, "StringEquals "+theirs+":aud of statement 1 (Allow) must be "+provider+`:aud, and it must accept "sts.amazonaws.com"`, got.Mismatches[1].Cure)
	}
}

func TestADenyThatAppliesNamesAllOfItsConditions(t *testing.T) {
	got := rule{policy: policy("2012-10-17", allow(`{"StringEquals": {"P:sub": "x"}}`), deny(`{"StringLike": {"P:sub": "*-canary"}, "StringEquals": {"P:aud": "sts.amazonaws.com"}}`))}.evaluate(t)
	if assert.Len(t, got.Mismatches, 2, "of the Deny, and not of the Allow that would not apply either") {
		assert.Equal(t, `"`+dispatcher+`-canary" matches "*-canary"`, got.Mismatches[0].Difference)
		assert.Equal(t, []string{"sts.amazonaws.com"}, got.Mismatches[1].Policy)
	}
}

func TestAllDeniesThatApplyHaveMismatches(t *testing.T) {
	got := rule{policy: policy("2012-10-17", allow(""), deny(`{"StringLike": {"P:sub": "*-canary"}}`), deny(`{"StringEquals": {"P:sub": "x"}}`), deny(""))}.evaluate(t)
	assert.Contains(t, got.Cause, "statement 2 (Deny) applies")
	if assert.Len(t, got.Mismatches, 2) {
		assert.Equal(t, "statement 2 (Deny)", got.Mismatches[0].Statement)
		assert.Equal(t, "statement 4 (Deny)", got.Mismatches[1].Statement)
	}
}

func TestOnlyADenialHasMismatches(t *testing.T) {
	const unmatched = `{"StringEquals": {"P:sub": "x"}}`
	assert.Empty(t, rule{policy: policy("2012-10-17", allow(unmatched), allow(""))}.evaluate(t).Mismatches)
	assert.Empty(t, rule{policy: policy("2012-10-17", allow(unmatched), allow(`{"StringEquals": {"aws:SourceIp": "x"}}`))}.evaluate(t).Mismatches)
	unknown := policy("2012-10-17", allow(`{"StringEquals": {"aws:SourceIp": "x"}}`))
	assert.NotEmpty(t, rule{policy: unknown, claims: tagged()}.evaluate(t).Mismatches, "of sts:TagSession, which is denied")
	assert.Empty(t, rule{policy: policy("2012-10-17", deny(unmatched))}.evaluate(t).Mismatches, "nothing is near to allowing it")
}
