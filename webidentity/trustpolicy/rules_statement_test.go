package trustpolicy_test

import (
	"strings"

	"example.com/podrole/webidentity/trustpolicy"
)

var statementRules = []rule{
	{
		page: "reference_policies_elements_effect", says: "Allow lets the caller in",
		policy: on(""), want: trustpolicy.Allowed, cause: "statement 1 (Allow) applies",
	}, {
		page: "reference_policies_evaluation-logic", says: "by default all requests are denied",
		policy: on(`{"StringEquals": {"P:sub": "someone-else"}}`), want: trustpolicy.Denied, cause: "statement 1 (Allow) does not apply: condition StringEquals",
	}, {
		page: "reference_policies_evaluation-logic", says: "an explicit deny overrides any allow",
		policy: policy("2012-10-17", allow(""), deny("")), want: trustpolicy.Denied, cause: "statement 2 (Deny) applies",
	}, {
		page: "reference_policies_evaluation-logic", says: "the order of the statements makes no difference",
		policy: policy("2012-10-17", deny(""), allow("")), want: trustpolicy.Denied, cause: "statement 1 (Deny) applies",
	}, {
		page: "reference_policies_evaluation-logic", says: "a deny that does not apply leaves the allow",
		policy: policy("2012-10-17", allow(""), deny(`{"StringEquals": {"P:sub": "someone-else"}}`)), want: trustpolicy.Allowed, cause: "statement 1 (Allow) applies",
	}, {
		page: "reference_policies_evaluation-logic", says: "a deny by condition denies",
		policy: policy("2012-10-17", allow(""), deny(`{"StringLike": {"P:sub": "*-canary"}}`)), want: trustpolicy.Denied, cause: `statement 2 (Deny) applies: condition StringLike`,
	}, {
		page: "reference_policies_evaluation-logic", says: "a policy of denies alone allows nothing",
		policy: policy("2012-10-17", deny(`{"StringEquals": {"P:sub": "someone-else"}}`)), want: trustpolicy.Denied, cause: "no statement allows anything",
	}, {
		page: "reference_policies_elements_statement", says: "several statements are joined by OR",
		policy: policy("2012-10-17", allow(`{"StringEquals": {"P:sub": "someone-else"}}`), allow("")), want: trustpolicy.Allowed, cause: "statement 2 (Allow) applies",
	}, {
		page: "reference_policies_elements_statement", says: "a single statement needs no array",
		policy: `{"Version": "2012-10-17", "Statement": ` + allow("") + `}`, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_version", says: "without Version the policy is of 2008-10-17",
		policy: `{"Statement": [` + allow(`{"StringEquals": {"P:sub": "${P:sub}"}}`) + `]}`, want: trustpolicy.Denied, cause: "policy variable in Version 2012-10-17 only",
	}, {
		page: "reference_policies_elements_id", says: "Id is allowed, and means nothing here",
		policy: `{"Id": "cd3ad3d9", "Statement": [` + allow("") + `]}`, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_sid", says: "Sid names a statement",
		policy: `{"Statement": {"Sid": "Dispatcher", "Effect": "Allow", "Principal": "*", "Action": "sts:*"}}`, want: trustpolicy.Allowed, cause: `statement 1 "Dispatcher" (Allow) applies`,
	}, {
		page: "reference_policies_grammar", says: "blocks can appear in any order",
		policy: `{"Statement": [{"Action": "sts:*", "Principal": "*", "Effect": "Allow"}], "Version": "2012-10-17"}`, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_condition-logic-multiple-context-keys-or-values", says: "several operators are joined by AND",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "someone-else"}}`), want: trustpolicy.Denied, cause: "condition StringLike",
	}, {
		page: "reference_policies_condition-logic-multiple-context-keys-or-values", says: "several keys of an operator are joined by AND",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "someone-else"}}`), want: trustpolicy.Denied, cause: ":sub:",
	}, {
		page: "reference_policies_condition-logic-multiple-context-keys-or-values", says: "all conditions that hold let the caller in",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:*"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_condition-logic-multiple-context-keys-or-values", says: "two conditions that fail are both counted",
		policy: on(`{"StringEquals": {"P:aud": "x", "P:sub": "y"}}`), want: trustpolicy.Denied, cause: "(and 1 more)",
	}, {
		page: "reference_policies_elements_condition", says: "an empty condition block holds",
		policy: on(`{}`), want: trustpolicy.Allowed, cause: "statement 1",
	},
}

var principalRules = []rule{
	{
		page: "id_roles_create_for-idp_oidc", says: "the principal is the ARN of the account's OIDC provider",
		policy: on(""), role: "111122223333", want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "id_roles_create_for-idp_oidc", says: "the OIDC provider is in the role's own account",
		policy: on(""), role: "444455556666", want: trustpolicy.Denied, cause: `is in account "111122223333", and the role in "444455556666"`,
	}, {
		page: "reference_policies_elements_principal", says: "another issuer's provider is another principal",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.ap-northeast-2.amazonaws.com/id/9999EXAMPLE"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `is not the token's issuer "` + provider + `": from character 42: "0721" in place of "9999"`,
	}, {
		page: "reference_policies_elements_principal", says: "several federated principals are joined by OR",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": ["accounts.google.com", "`+providerARN+`"]}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_principal", says: "several kinds of principals are joined by OR",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Service": "ec2.amazonaws.com", "Federated": "`+providerARN+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_principal", says: "the star is everyone",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_principal", says: "AWS star is the same as the star",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"AWS": "*"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_principal", says: "Federated star is any identity provider",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "*"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_principal", says: "a wildcard cannot match part of a principal",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/*"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "is not the token's issuer",
	}, {
		page: "reference_policies_elements_principal", says: "an account is no identity provider",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"AWS": "arn:aws:iam::111122223333:root"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `AWS "arn:aws:iam::111122223333:root" is not an identity provider`,
	}, {
		page: "reference_policies_elements_principal", says: "a service is no identity provider",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Service": "pods.eks.amazonaws.com"}`, `"Action": ["sts:AssumeRole", "sts:TagSession"]`, "")),
		want:   trustpolicy.Denied, cause: `Service "pods.eks.amazonaws.com" is not an identity provider`,
	}, {
		page: "reference_policies_elements_principal", says: "a SAML provider issues no web identity",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/corp"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "is a SAML provider",
	}, {
		page: "reference_policies_elements_principal", says: "a provider that IAM does not know by name needs its ARN",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+provider+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "must be the ARN of its OIDC provider, arn:aws:iam::ACCOUNT:oidc-provider/" + provider,
	}, {
		page: "reference_policies_elements_principal", says: "Google is a provider that IAM knows by name, and another one",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "accounts.google.com"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `Federated "accounts.google.com" is not the token's issuer`,
	}, {
		page: "reference_policies_elements_principal", says: "what is no ARN of an OIDC provider is none",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": ["arn:aws:iam::111122223333:role/x", "gitlab.example.org"]}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `Federated "gitlab.example.org" is not the ARN of an OIDC provider`,
	}, {
		page: "reference_identifiers", says: "every partition is aws or begins with aws-",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+strings.Replace(providerARN, "arn:aws:", "arn:aws-us-gov:", 1)+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_identifiers", says: "an ARN of another partition is none",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+strings.Replace(providerARN, "arn:aws:", "arn:nonsense:", 1)+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "is not the ARN of an OIDC provider",
	}, {
		page: "reference_identifiers", says: "an account is twelve digits",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": "`+strings.Replace(providerARN, "111122223333", "NaN", 1)+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "is not the ARN of an OIDC provider",
	}, {
		page: "reference_identifiers", says: "neither fewer nor more",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": ["`+strings.Replace(providerARN, "111122223333", "11112222333", 1)+`", "`+strings.Replace(providerARN, "111122223333", "1111222233334", 1)+`"]}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `oidc-provider/` + provider + `" is not the ARN of an OIDC provider; Federated`,
	}, {
		page: "reference_identifiers", says: "an OIDC provider is a resource of iam without a region",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"Federated": ["`+strings.Replace(providerARN, ":iam:", ":sts:", 1)+`", "`+strings.Replace(providerARN, "::", ":eu-west-1:", 1)+`"]}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "is not the ARN of an OIDC provider",
	}, {
		page: "reference_policies_elements_principal", says: "of many principals the first few are named",
		policy: policy("2012-10-17", statement("Allow", `"Principal": {"AWS": ["1", "2", "3", "4", "5", "6"]}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: `AWS "4" is not an identity provider; nor is any of 2 more`,
	}, {
		page: "reference_policies_elements_notprincipal", says: "Deny with NotPrincipal spares the one that is named",
		policy: policy("2012-10-17", allow(""), statement("Deny", `"NotPrincipal": {"Federated": "`+providerARN+`"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_notprincipal", says: "Deny with NotPrincipal denies all others",
		policy: policy("2012-10-17", allow(""), statement("Deny", `"NotPrincipal": {"Federated": "accounts.google.com"}`, `"Action": "sts:*"`, "")),
		want:   trustpolicy.Denied, cause: "statement 2 (Deny) applies",
	},
}

var actionRules = []rule{
	{
		page: "reference_policies_elements_action", says: "AssumeRole is another action",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:AssumeRole"`, "")),
		want:   trustpolicy.Denied, cause: `action "sts:AssumeRole" is not sts:AssumeRoleWithWebIdentity`,
	}, {
		page: "reference_policies_elements_action", says: "the prefix and the name of an action are case-insensitive",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "STS:assumerolewithwebidentity"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_action", says: "the star matches several characters of an action",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:Assume*Identity"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_action", says: "the question mark matches one character of an action",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:AssumeRole????WebIdentity"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_action", says: "the question mark matches no fewer than one character",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "sts:AssumeRole?????WebIdentity"`, "")),
		want:   trustpolicy.Denied, cause: "is not sts:AssumeRoleWithWebIdentity",
	}, {
		page: "reference_policies_elements_action", says: "the bare star is every action",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "*"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_action", says: "several actions are joined by OR",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": ["sts:TagSession", "sts:AssumeRoleWithWebIdentity"]`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_notaction", says: "NotAction is everything but the list",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"NotAction": "sts:AssumeRole"`, "")),
		want:   trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_notaction", says: "NotAction leaves out what it lists",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"NotAction": ["sts:AssumeRole*"]`, "")),
		want:   trustpolicy.Denied, cause: `not action "sts:AssumeRole*" is sts:AssumeRoleWithWebIdentity`,
	}, {
		page: "reference_policies_elements_notaction", says: "Deny with NotAction denies what is not listed",
		policy: policy("2012-10-17", allow(""), statement("Deny", `"Principal": "*"`, `"NotAction": "sts:AssumeRole"`, "")),
		want:   trustpolicy.Denied, cause: "statement 2 (Deny) applies",
	},
}
