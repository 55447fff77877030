package trustpolicy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

const (
	tagsPage     = "id_session-tags"
	identityPage = "id_credentials_temp_control-access_monitor"

	projectTag     = "https://aws.amazon.com/tags/principal_tags/Project"
	departmentTag  = "https://aws.amazon.com/tags/principal_tags/Department"
	transitiveTags = "https://aws.amazon.com/tags/transitive_tag_keys"
	sourceIdentity = "https://aws.amazon.com/source_identity"
)

// tagged is the canary's token with session tags, one of them transitive.
func tagged() claims {
	c := canary()
	c[projectTag], c[departmentTag], c[transitiveTags] = []string{"Automation"}, []string{"Engineering"}, []string{"Project"}
	return c
}

// allowing writes an Allow of the actions, which are in quotation marks.
func allowing(actions, condition string) string {
	return statement("Allow", `"Principal": {"Federated": "`+providerARN+`"}`, `"Action": [`+actions+`]`, condition)
}

func both(condition string) string {
	return policy("2012-10-17", allowing(`"sts:AssumeRoleWithWebIdentity", "sts:TagSession"`, condition))
}

var sessionRules = []rule{
	{
		page: tagsPage, says: "a token with session tags needs sts:TagSession in the trust policy",
		policy: on(""), claims: tagged(), want: trustpolicy.Denied,
		cause: `the token passes session tags ("Department", "Project"), which needs sts:TagSession: statement 1 (Allow) does not apply: action "sts:AssumeRoleWithWebIdentity" is not sts:TagSession`,
	}, {
		page: tagsPage, says: "sts:TagSession beside the other action will do",
		policy: both(""), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1 (Allow) applies",
	}, {
		page: tagsPage, says: "sts:TagSession in a statement of its own will do",
		policy: policy("2012-10-17", allow(""), allowing(`"sts:TagSession"`, "")), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1 (Allow) applies",
	}, {
		page: tagsPage, says: "sts:TagSession alone will not",
		policy: policy("2012-10-17", allowing(`"sts:TagSession"`, "")), claims: tagged(), want: trustpolicy.Denied, cause: `action "sts:TagSession" is not sts:AssumeRoleWithWebIdentity`,
	}, {
		page: tagsPage, says: "sts:* has both",
		policy: policy("2012-10-17", allowing(`"sts:*"`, "")), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "a token without session tags does not need it",
		policy: on(""), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "transitive keys alone need it as well",
		policy: on(""), claims: with(transitiveTags, "Project"), want: trustpolicy.Denied, cause: "which needs sts:TagSession",
	}, {
		page: "reference_policies_evaluation-logic", says: "an explicit deny of sts:TagSession denies a token with session tags",
		policy: policy("2012-10-17", allowing(`"sts:*"`, ""), statement("Deny", `"Principal": "*"`, `"Action": "sts:TagSession"`, "")), claims: tagged(),
		want: trustpolicy.Denied, cause: "which needs sts:TagSession: statement 2 (Deny) applies",
	}, {
		page: "reference_policies_evaluation-logic", says: "and no other token",
		policy: policy("2012-10-17", allowing(`"sts:*"`, ""), statement("Deny", `"Principal": "*"`, `"Action": "sts:TagSession"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1 (Allow) applies",
	}, {
		page: tagsPage, says: "where it is unknown whether sts:TagSession is allowed the verdict is unknown",
		policy: policy("2012-10-17", allow(""), allowing(`"sts:TagSession"`, `{"StringEquals": {"aws:ResourceTag/Team": "x"}}`)), claims: tagged(),
		want: trustpolicy.Unknown, cause: "which needs sts:TagSession: statement 2 (Allow) may apply: condition StringEquals aws:ResourceTag/Team",
	}, {
		page: tagsPage, says: "where the role may not be taken at all sts:TagSession does not matter",
		policy: both(`{"StringEquals": {"P:sub": "x"}}`), claims: tagged(), want: trustpolicy.Denied, cause: "statement 1 (Allow) does not apply: condition StringEquals",
	}, {
		page: tagsPage, says: "aws:RequestTag compares the value of a tag",
		policy: both(`{"StringEquals": {"aws:RequestTag/Department": ["Engineering", "Marketing"]}, "StringLike": {"aws:RequestTag/Project": "*"}}`), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "aws:RequestTag with another value does not match",
		policy: both(`{"StringEquals": {"aws:RequestTag/Department": "Marketing"}}`), claims: tagged(), want: trustpolicy.Denied, cause: `aws:RequestTag/Department: "Engineering" does not match "Marketing"`,
	}, {
		page: "reference_policies_elements_condition", says: "aws:RequestTag is case-insensitive, and so is the tag's key",
		policy: both(`{"StringEquals": {"AWS:requesttag/DEPARTMENT": "Engineering"}}`), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "a tag that is not passed is not in the request",
		policy: both(`{"StringLike": {"aws:RequestTag/CostCenter": "*"}}`), claims: tagged(), want: trustpolicy.Denied, cause: `the token passes no session tag "CostCenter"`,
	}, {
		page: tagsPage, says: "a web identity passes tags in its token and nowhere else",
		policy: on(`{"StringLike": {"aws:RequestTag/Project": "*"}}`), want: trustpolicy.Denied, cause: `the token passes no session tag "Project"`,
	}, {
		page: tagsPage, says: "aws:TagKeys limits the keys of tags",
		policy: both(`{"ForAllValues:StringEquals": {"aws:TagKeys": ["Project", "Department", "CostCenter"]}}`), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "aws:TagKeys with a key that is not listed",
		policy: both(`{"ForAllValues:StringEquals": {"aws:TagKeys": ["Project"]}}`), claims: tagged(), want: trustpolicy.Denied, cause: `"Department" does not match "Project"`,
	}, {
		page: tagsPage, says: "sts:TransitiveTagKeys limits the keys that persist",
		policy: both(`{"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["Project", "Department"]}}`), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "sts:TransitiveTagKeys can be required",
		policy: both(`{"Null": {"sts:TransitiveTagKeys": "false"}}`), claims: with(projectTag, "Automation"), want: trustpolicy.Denied, cause: "the token passes no transitive session tags",
	}, {
		page: "reference_policies_elements_condition", says: "aws:TagKeys and sts:TransitiveTagKeys are case-insensitive",
		policy: both(`{"ForAllValues:StringEquals": {"AWS:tagkeys": ["Project", "Department"], "STS:transitivetagkeys": "Project"}, "Null": {"aws:TAGKEYS": "false", "sts:TransitiveTAGKeys": "false"}}`), claims: tagged(), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_condition", says: "and sts:SourceIdentity",
		policy: policy("2012-10-17", allowing(`"sts:*"`, `{"StringEquals": {"STS:sourceidentity": "Admin"}}`)), claims: with(sourceIdentity, "Admin"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: tagsPage, says: "a tag with several values is compared as any key with several",
		policy: both(`{"ForAnyValue:StringEquals": {"aws:RequestTag/Project": "b"}, "StringLike": {"aws:RequestTag/Project": "?"}}`), claims: with(projectTag, "a", "b"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: identityPage, says: "a token with a source identity needs sts:SetSourceIdentity in the trust policy",
		policy: on(""), claims: with(sourceIdentity, "Admin"), want: trustpolicy.Denied,
		cause: `the token sets a source identity ("Admin"), which needs sts:SetSourceIdentity: statement 1 (Allow) does not apply: action "sts:AssumeRoleWithWebIdentity" is not sts:SetSourceIdentity`,
	}, {
		page: identityPage, says: "sts:SetSourceIdentity beside the other action will do",
		policy: policy("2012-10-17", allowing(`"sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"`, `{"StringLike": {"sts:SourceIdentity": ["Saanvi", "Diego"]}}`)), claims: with(sourceIdentity, "Diego"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: identityPage, says: "sts:SourceIdentity compares the source identity",
		policy: policy("2012-10-17", allowing(`"sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"`, `{"StringLike": {"sts:SourceIdentity": ["Saanvi", "Diego"]}}`)), claims: with(sourceIdentity, "Admin"), want: trustpolicy.Denied, cause: `"Admin" does not match "Saanvi", "Diego"`,
	}, {
		page: identityPage, says: "sts:SourceIdentity is there when one is set",
		policy: on(`{"Null": {"sts:SourceIdentity": "false"}}`), want: trustpolicy.Denied, cause: "the token sets no source identity",
	},
}

func TestTagsOfATokenAreReadInBothFormsThatSTSTakes(t *testing.T) {
	const head = `{"iss": "https://a", "sub": "s", "aud": "x", "https://aws.amazon.com/source_identity": "Admin", `
	want := claims{"iss": {"https://a"}, "sub": {"s"}, "aud": {"x"}, sourceIdentity: {"Admin"}, projectTag: {"Automation"}, departmentTag: {"Engineering"}, transitiveTags: {"Project"}}
	for name, payload := range map[string]string{
		"an object":             `"https://aws.amazon.com/tags": {"principal_tags": {"Project": ["Automation"], "Department": ["Engineering"]}, "transitive_tag_keys": ["Project"]}}`,
		"an object of strings":  `"https://aws.amazon.com/tags": {"principal_tags": {"Project": "Automation", "Department": "Engineering"}, "transitive_tag_keys": "Project"}}`,
		"a list of objects":     `"https://aws.amazon.com/tags": [{"principal_tags": {"Project": "Automation"}}, {"principal_tags": {"Department": "Engineering"}, "transitive_tag_keys": "Project"}]}`,
		"flat":                  `"` + projectTag + `": "Automation", "` + departmentTag + `": ["Engineering"], "` + transitiveTags + `": ["Project"]}`,
		"with what is not tags": `"https://aws.amazon.com/tags": {"principal_tags": {"Project": "Automation", "Department": "Engineering", "Nested": {"a": 1}, "None": []}, "transitive_tag_keys": ["Project"], "other": 1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"RS256"}`, head+payload))
			require.NoError(t, err)
			delete(got.Claims, "https://aws.amazon.com/tags") // the object itself
			assert.Equal(t, want, claims(got.Claims))
		})
	}
	for _, none := range []string{`{}`, `[]`, `null`, `{"principal_tags": {}}`, `{"principal_tags": [1]}`, `[[{"principal_tags": {"a": "b"}}]]`} {
		got, err := trustpolicy.RequestFromToken(unsigned(`{"alg":"RS256"}`, head+`"https://aws.amazon.com/tags": `+none+`}`))
		require.NoError(t, err)
		delete(got.Claims, "https://aws.amazon.com/tags")
		assert.Len(t, got.Claims, 4, none)
	}
}

func TestADenyOfSeveralActionsNamesEachOfThem(t *testing.T) {
	got := rule{policy: policy("2012-10-17", allowing(`"sts:*"`, ""), statement("Deny", `"Principal": "*"`, `"Action": "sts:*"`, `{"StringLike": {"P:sub": "*"}}`)), claims: tagged()}.evaluate(t)
	require.Len(t, got.Mismatches, 2)
	assert.Equal(t, "sts:AssumeRoleWithWebIdentity", got.Mismatches[0].Action)
	assert.Equal(t, "sts:TagSession", got.Mismatches[1].Action)
}

func TestAFurtherActionHasATreeOfItsOwn(t *testing.T) {
	got := rule{policy: on(""), claims: tagged()}.evaluate(t)
	require.Len(t, got.Reasons, 2)
	assert.Equal(t, trustpolicy.Yes, got.Reasons[0].Answer)
	assert.Equal(t, `✗ the token passes session tags ("Department", "Project"), which needs sts:TagSession
  ✗ statement 1 (Allow) does not apply
    ✓ principal Federated "`+providerARN+`" is the token's issuer
    ✗ action "sts:AssumeRoleWithWebIdentity" is not sts:TagSession
`, got.Reasons[1].String())
	require.Len(t, got.Mismatches, 1)
	assert.Equal(t, "Action of statement 1 (Allow) must have sts:TagSession", got.Mismatches[0].Cure)

	got = rule{policy: both(""), claims: tagged()}.evaluate(t)
	assert.Equal(t, trustpolicy.Yes, got.Reasons[1].Answer)
	assert.Empty(t, got.Mismatches)

	allOfThem := tagged()
	allOfThem[sourceIdentity] = []string{"Admin"}
	got = rule{policy: on(""), claims: allOfThem}.evaluate(t)
	assert.Contains(t, got.Cause, "sts:TagSession", "the first that is denied")
	require.Len(t, got.Mismatches, 2)
	assert.Equal(t, "sts:SetSourceIdentity", got.Mismatches[1].Action)
}
