package trustpolicy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/webidentity/trustpolicy"
)

func TestPoliciesThatAreTooWideAreWarnedOf(t *testing.T) {
	const (
		aud   = `"StringEquals": {"P:aud": "sts.amazonaws.com"}`
		noSub = `statement 1 (Allow) has no condition that binds sub of "` + provider + `"`
		noAud = `statement 1 (Allow) has no condition that binds aud of "` + provider + `"`
		anyID = ": any identity of the provider can take the role, with EKS any pod of the cluster"
		other = ": a token that was made for another service can take the role"
	)
	anyone := func(principal, action string) string {
		return policy("2012-10-17", statement("Allow", principal, action, ""))
	}
	for _, tt := range []struct {
		name, policy string
		want         []string
	}{
		{"both claims bound", on(`{"StringEquals": {"P:sub": "` + dispatcher + `", "P:aud": "sts.amazonaws.com"}}`), nil},
		{"bound by a pattern within one name", on(`{"StringLike": {"P:sub": "` + dispatcher + `*"}, ` + aud + `}`), nil},
		{"bound by ForAnyValue", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}, "ForAnyValue:StringEquals": {"P:aud": "sts.amazonaws.com"}}`), nil},
		{"keys in another letter case", on(`{"StringEquals": {"P:SUB": "` + dispatcher + `", "P:Aud": "sts.amazonaws.com"}}`), nil},
		{"no condition", on(""), []string{noSub + anyID, noAud + other}},
		{"no sub", on(`{` + aud + `}`), []string{noSub + anyID}},
		{"no aud", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}}`), []string{noAud + other}},
		{"sub of another provider", on(`{"StringEquals": {"accounts.google.com:sub": "x"}, "StringLike": {"P:aud": "sts*"}}`), []string{noSub + anyID}},
		{"star as subject", on(`{"StringLike": {"P:sub": "*"}, ` + aud + `}`), []string{noSub + " (StringLike matches everything)" + anyID}},
		{"stars and question marks as subject", on(`{"StringLike": {"P:sub": ["` + dispatcher + `", "?*"]}, ` + aud + `}`), []string{noSub + " (StringLike matches everything)" + anyID}},
		{"a literal star is no wildcard", on(`{"StringEquals": {"P:sub": "*", "P:aud": "sts.amazonaws.com"}}`), nil},
		{"excluded subjects", on(`{"StringNotEquals": {"P:sub": "x"}, ` + aud + `}`), []string{noSub + " (StringNotEquals only excludes)" + anyID}},
		{"IfExists", on(`{"StringEqualsIfExists": {"P:sub": "x"}, ` + aud + `}`), []string{noSub + " (StringEqualsIfExists lets a token without the claim pass)" + anyID}},
		{"ForAllValues", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}, "ForAllValues:StringEquals": {"P:aud": "x"}}`), []string{noAud + " (ForAllValues:StringEquals holds for a token without the claim)" + other}},
		{"Null", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}, "Null": {"P:aud": "false"}}`), []string{noAud + " (Null does not compare text)" + other}},
		{"every service account", on(`{"StringLike": {"P:sub": "system:serviceaccount:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*": any pod of the cluster can take the role`}},
		{"every namespace and name", on(`{"StringLike": {"P:sub": "system:serviceaccount:*:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*:*": any pod of the cluster can take the role`}},
		{"every name of a namespace", on(`{"StringLike": {"P:sub": "system:serviceaccount:default:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:default:*": any pod in that namespace can take the role`}},
		{"a name in every namespace", on(`{"StringLike": {"P:sub": "system:serviceaccount:*:gryphon"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*:gryphon": whoever may create a namespace that matches can take the role`}},
		{"another statement binds it", policy("2012-10-17", allow(""), allow(`{"StringEquals": {"P:sub": "x"}, "StringLike": {"P:aud": "y"}}`)), []string{noSub + anyID, noAud + other}},
		{"everyone", anyone(`"Principal": "*"`, `"Action": "sts:*"`), []string{
			`statement 1 (Allow) trusts "*": an identity of any provider can take the role, if the conditions let it`,
			"statement 1 (Allow) has no condition that binds sub" + anyID, "statement 1 (Allow) has no condition that binds aud" + other,
		}},
		{"NotAction", anyone(`"Principal": {"Service": "ec2.amazonaws.com"}`, `"NotAction": "sts:AssumeRole"`), []string{"statement 1 (Allow) allows every action but those in NotAction"}},
		{"another action", anyone(`"Principal": "*"`, `"Action": "sts:AssumeRole"`), nil},
		{"an AWS principal", anyone(`"Principal": {"AWS": "arn:aws:iam::111122223333:root"}`, `"Action": "sts:*"`), nil},
		{"a deny", policy("2012-10-17", deny("")), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, rule{policy: tt.policy}.evaluate(t).Warnings)
		})
	}
}

func TestATokenWithSeveralAudiencesIsWarnedOf(t *testing.T) {
	const bound = `{"StringEquals": {"P:sub": "` + dispatcher + `-canary"}, "ForAnyValue:StringEquals": {"P:aud": "sts.amazonaws.com"}}`
	got := rule{policy: on(bound), claims: with("aud", "a", "sts.amazonaws.com")}.evaluate(t)
	assert.Equal(t, []string{"the token has 2 audiences and no azp: STS refuses such a token, whatever the policy says"}, got.Warnings)
	assert.Equal(t, trustpolicy.Allowed, got.Verdict, "a warning is no verdict")

	token := with("aud", "a", "b")
	token["azp"] = []string{"sts.amazonaws.com"}
	assert.Empty(t, rule{policy: on(bound), claims: token}.evaluate(t).Warnings)
}
