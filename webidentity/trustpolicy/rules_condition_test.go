package trustpolicy_test

import "example.com/podrole/webidentity/trustpolicy"

const (
	operatorsPage = "reference_policies_elements_condition_operators"
	setsPage      = "reference_policies_condition-single-vs-multi-valued-context-keys"
	valuesPage    = "reference_policies_condition-logic-multiple-context-keys-or-values"
	keysPage      = "reference_policies_iam-condition-keys"
	checksPage    = "access-analyzer-reference-policy-checks"
	variablesPage = "reference_policies_variables"
)

var keyRules = []rule{
	{
		page: keysPage, says: "sub is the token's subject",
		policy: on(`{"StringEquals": {"P:sub": "system:serviceaccount:default:gryphon-dispatcher-canary"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "aud is the token's audience",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "aud is the authorized party where the token has one",
		policy: on(`{"StringEquals": {"P:aud": "the-client"}}`), claims: with("azp", "the-client"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "aud is not the audience where the token has an authorized party",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), claims: with("azp", "the-client"), want: trustpolicy.Denied, cause: `"the-client" does not match "sts.amazonaws.com"`,
	}, {
		page: keysPage, says: "amr has several values",
		policy: on(`{"ForAnyValue:StringLike": {"P:amr": "authenticated"}}`), claims: with("amr", "authenticated", "graph.facebook.com"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "a key of another provider is not in the context",
		policy: on(`{"StringEquals": {"accounts.google.com:sub": "` + dispatcher + `-canary"}}`), want: trustpolicy.Denied, cause: `the key belongs to "accounts.google.com"`,
	}, {
		page: keysPage, says: "a key is the issuer without https://",
		policy: on(`{"StringEquals": {"https://` + provider + `:sub": "x"}}`), want: trustpolicy.Denied, cause: "names the issuer without https://",
	}, {
		page: "reference_policies_elements_condition", says: "key names are not case-sensitive",
		policy: on(`{"StringEquals": {"OIDC.eks.ap-northeast-2.AMAZONAWS.com/id/0721example:SUB": "` + dispatcher + `-canary"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_condition", says: "values are case-sensitive where the operator is",
		policy: on(`{"StringEquals": {"P:sub": "system:serviceaccount:Default:gryphon-dispatcher-canary"}}`), want: trustpolicy.Denied, cause: "from character 23: only the letter case differs",
	}, {
		page: "reference_policies_elements_condition", says: "names of claims are not case-sensitive either",
		policy: on(`{"StringEquals": {"P:groups": "g"}}`), claims: with("Groups", "g"), want: trustpolicy.Unknown, cause: "the claim Groups depends on the provider",
	}, {
		page: "reference_policies_elements_condition", says: "of two claims that differ in letter case the one as documented counts",
		policy: on(`{"StringEquals": {"P:Sub": "s"}}`), claims: claims{"SUB": {"x"}, "sub": {"s"}}, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: "reference_policies_elements_condition", says: "a key without a provider is not one of the token's",
		policy: on(`{"StringEquals": {"sub": "x"}}`), want: trustpolicy.Unknown, cause: "what sub will be is known only to STS",
	}, {
		page: "reference_policies_elements_condition", says: "a key with control characters is shown without them",
		policy: on(`{"StringEquals": {"a.b:s\u001bub": "x"}}`), want: trustpolicy.Denied, cause: `condition StringEquals "a.b:s\x1bub": `,
	}, {
		page: "reference_policies_elements_condition", says: "so is one that only STS knows",
		policy: on(`{"StringEquals": {"aws:\u001b[2Jx\u0007": "x"}}`), want: trustpolicy.Unknown, cause: `what "aws:\x1b[2Jx\a" will be is known only to STS`,
	}, {
		page: "reference_policies_elements_condition", says: "and one that changes the direction of the text",
		policy: on(`{"StringEquals": {"P:\u202ex": "x"}}`), want: trustpolicy.Denied, cause: `the token has no "\u202ex"`,
	}, {
		page: "reference_policies_elements_condition", says: "and a claim's name",
		policy: on(`{"StringEquals": {"P:G\u001b[31m": "x"}}`), claims: with("g\x1b[31m", "x"), want: trustpolicy.Unknown, cause: `of the claim "g\x1b[31m" depends`,
	}, {
		page: "reference_policies_elements_condition", says: "a space at its end can be seen",
		policy: on(`{"StringEquals": {"P:amr ": "x"}}`), want: trustpolicy.Denied, cause: `condition StringEquals "` + provider + `:amr ": the token has no "amr "`,
	}, {
		page: variablesPage, says: "a variable without a name is nothing that is known",
		policy: on(`{"StringEquals": {"P:sub": "${}"}}`), want: trustpolicy.Unknown, cause: `what "" will be is known only to STS`,
	}, {
		page: keysPage, says: "an authorized party without a value is none",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), claims: with("azp", ""), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "it is the authorized party that a reason names",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), claims: with("azp", "the-client"), want: trustpolicy.Denied, cause: `:aud (the token's azp): "the-client" does not match`,
	}, {
		page: keysPage, says: "oaud is the audience where the token has an authorized party",
		policy: on(`{"StringEquals": {"P:aud": "the-client", "P:oaud": "sts.amazonaws.com"}}`), claims: with("azp", "the-client"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "oaud is the audience where it has none",
		policy: on(`{"StringEquals": {"P:oaud": "x"}}`), want: trustpolicy.Denied, cause: `:oaud (the token's aud): "sts.amazonaws.com" does not match "x"`,
	}, {
		page: keysPage, says: "oaud has as many values as the token has audiences",
		policy: on(`{"ForAnyValue:StringEquals": {"P:oaud": "b"}}`), claims: claims{"sub": {"s"}, "aud": {"a", "b"}, "azp": {"a"}}, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "a claim that is an object is there, and what STS makes of it is not documented",
		policy: on(`{"Null": {"P:kubernetes.io": "true"}}`), claims: claims{"sub": {"s"}, "kubernetes.io": {}}, want: trustpolicy.Unknown, cause: "the claim kubernetes.io, which is an object",
	}, {
		page: keysPage, says: "several authorized parties are not documented",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), claims: with("azp", "a", "b"), want: trustpolicy.Unknown, cause: "several values of azp",
	}, {
		page: keysPage, says: "nor is an authorized party that is an object",
		policy: on(`{"StringEquals": {"P:aud": "sts.amazonaws.com"}}`), claims: claims{"aud": {"sts.amazonaws.com"}, "azp": {}}, want: trustpolicy.Unknown, cause: "the claim azp, which is an object",
	}, {
		page: keysPage, says: "email is a key by default",
		policy: on(`{"StringEquals": {"P:email": "g@example.com"}}`), claims: with("email", "g@example.com"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: keysPage, says: "a claim that the token lacks is no key",
		policy: on(`{"StringEquals": {"P:amr": "pwd"}}`), want: trustpolicy.Denied, cause: "the token has no amr",
	},
}

var stringRules = []rule{
	{
		page: operatorsPage, says: "StringEquals is exact",
		policy: on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}}`), want: trustpolicy.Denied, cause: `from character 49: "-canary" is left over`,
	}, {
		page: operatorsPage, says: "StringEquals takes a wildcard literally",
		policy: on(`{"StringEquals": {"P:sub": "system:serviceaccount:default:*"}}`), want: trustpolicy.Denied, cause: "StringEquals takes * and ? literally, with StringLike it would match",
	}, {
		page: operatorsPage, says: "StringNotEquals is negated matching",
		policy: on(`{"StringNotEquals": {"P:sub": "` + dispatcher + `"}}`), want: trustpolicy.Allowed, cause: "is none of",
	}, {
		page: operatorsPage, says: "StringNotEquals fails on the value itself",
		policy: on(`{"StringNotEquals": {"P:aud": "sts.amazonaws.com"}}`), want: trustpolicy.Denied, cause: `"sts.amazonaws.com" matches "sts.amazonaws.com", which is excluded`,
	}, {
		page: operatorsPage, says: "StringEqualsIgnoreCase ignores case",
		policy: on(`{"StringEqualsIgnoreCase": {"P:aud": "STS.AmazonAWS.com"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "StringEqualsIgnoreCase ignores case: of letters beyond A to Z nothing is said",
		policy: on(`{"StringEqualsIgnoreCase": {"P:aud": "\u017fts.amazonaws.com"}}`), want: trustpolicy.Unknown, cause: "does not say whether StringEqualsIgnoreCase ignores the case of letters beyond A to Z",
	}, {
		page: operatorsPage, says: "StringNotEqualsIgnoreCase neither",
		policy: on(`{"StringNotEqualsIgnoreCase": {"P:sub": "\u212aube"}}`), claims: with("sub", "kube"), want: trustpolicy.Unknown, cause: "letters beyond A to Z",
	}, {
		page: "reference_policies_elements_action", says: "an action's letter case does not count, which makes no s of another letter",
		policy: policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "\u017fts:AssumeRoleWithWebIdentity"`, "")), want: trustpolicy.Denied, cause: "is not sts:AssumeRoleWithWebIdentity",
	}, {
		page: operatorsPage, says: "StringEqualsIgnoreCase is exact otherwise",
		policy: on(`{"StringEqualsIgnoreCase": {"P:aud": "STS.AmazonAWS"}}`), want: trustpolicy.Denied, cause: "does not match",
	}, {
		page: operatorsPage, says: "StringNotEqualsIgnoreCase is negated matching",
		policy: on(`{"StringNotEqualsIgnoreCase": {"P:aud": "STS.AmazonAWS.com"}}`), want: trustpolicy.Denied, cause: "which is excluded",
	}, {
		page: operatorsPage, says: "StringLike without a wildcard is exact",
		policy: on(`{"StringLike": {"P:sub": "` + dispatcher + `"}}`), want: trustpolicy.Denied,
		cause: `condition StringLike ` + provider + `:sub: "` + dispatcher + `-canary" does not match "` + dispatcher + `": from character 49: "-canary" is left over`,
	}, {
		page: operatorsPage, says: "the star of StringLike matches several characters",
		policy: on(`{"StringLike": {"P:sub": "` + dispatcher + `*"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "the star of StringLike matches no characters",
		policy: on(`{"StringLike": {"P:sub": "` + dispatcher + `-canary*"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "wildcards can be anywhere in the string",
		policy: on(`{"StringLike": {"P:sub": "*:default:*-can?ry"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "the star of StringLike reaches over colons",
		policy: on(`{"StringLike": {"P:sub": "system:*-canary"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "the question mark of StringLike matches one character",
		policy: on(`{"StringLike": {"P:aud": "sts?amazonaws?com"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "the question mark of StringLike does not match none",
		policy: on(`{"StringLike": {"P:aud": "sts.amazonaws.com?"}}`), want: trustpolicy.Denied, cause: `from character 18: "?" is missing`,
	}, {
		page: operatorsPage, says: "StringLike is case-sensitive",
		policy: on(`{"StringLike": {"P:aud": "STS.*"}}`), want: trustpolicy.Denied, cause: `from character 1: it goes on with "sts.amazonaws.com", not with "STS."`,
	}, {
		page: operatorsPage, says: "StringNotLike is negated matching with wildcards",
		policy: on(`{"StringNotLike": {"P:sub": "*-canary"}}`), want: trustpolicy.Denied, cause: `matches "*-canary", which is excluded`,
	}, {
		page: operatorsPage, says: "StringNotLike holds where nothing matches",
		policy: on(`{"StringNotLike": {"P:sub": ["*-stable", "*-beta"]}}`), want: trustpolicy.Allowed, cause: "is none of",
	}, {
		page: valuesPage, says: "several values are joined by OR",
		policy: on(`{"StringEquals": {"P:aud": ["api.example.com", "sts.amazonaws.com"]}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: valuesPage, says: "of several values that all fail the closest is pointed out",
		policy: on(`{"StringEquals": {"P:sub": ["system:serviceaccount:kube-system:aws-node", "` + dispatcher + `", "x"]}}`), want: trustpolicy.Denied,
		cause: `closest is "` + dispatcher + `", from character 49: "-canary" is left over`,
	}, {
		page: valuesPage, says: "several values of a negated operator are joined by NOR",
		policy: on(`{"StringNotEquals": {"P:aud": ["api.example.com", "sts.amazonaws.com"]}}`), want: trustpolicy.Denied, cause: "which is excluded",
	}, {
		page: "reference_policies_grammar", says: "quotation marks are optional for numbers and booleans",
		policy: on(`{"StringEquals": {"P:sub": 42}}`), claims: with("sub", "42"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "Bool compares true and false",
		policy: on(`{"Bool": {"P:sub": "TRUE"}}`), claims: with("sub", "true"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "Bool fails on the other value",
		policy: on(`{"Bool": {"P:sub": false}}`), claims: with("sub", "true"), want: trustpolicy.Denied, cause: "condition Bool",
	}, {
		page: operatorsPage, says: "Bool compares nothing but true and false",
		policy: on(`{"Bool": {"P:sub": "maybe"}}`), claims: with("sub", "maybe"), want: trustpolicy.Denied, cause: "condition Bool",
	}, {
		page: operatorsPage, says: "in 2008-10-17 Bool has no variables to disagree on",
		policy: policy("2008-10-17", allow(`{"Bool": {"P:sub": "${x}"}}`)), claims: with("sub", "true"), want: trustpolicy.Denied, cause: "condition Bool",
	}, {
		page: operatorsPage, says: "Bool fails on what is no boolean",
		policy: on(`{"Bool": {"P:sub": "true"}}`), want: trustpolicy.Denied, cause: "condition Bool",
	},
}

var arnRules = []rule{
	{
		page: operatorsPage, says: "ArnLike takes wildcards within a part",
		policy: on(`{"ArnLike": {"P:sub": "arn:aws:someservice:*:111122223333:finance/*"}}`),
		claims: with("sub", "arn:aws:someservice:us-east-2:111122223333:finance/document.txt"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "each of the six parts is compared by itself",
		policy: on(`{"ArnLike": {"P:sub": "arn:aws:someservice:*:111122223333:finance/*"}}`),
		claims: with("sub", "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"), want: trustpolicy.Denied, cause: "condition ArnLike",
	}, {
		page: operatorsPage, says: "StringLike matches across the parts of an ARN",
		policy: on(`{"StringLike": {"P:sub": "arn:aws:someservice:*:111122223333:finance/*"}}`),
		claims: with("sub", "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "ArnEquals behaves as ArnLike does",
		policy: on(`{"ArnEquals": {"P:sub": "arn:aws:iam::111122223333:role/*"}}`),
		claims: with("sub", "arn:aws:iam::111122223333:role/gryphon"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "the last part of an ARN may hold colons",
		policy: on(`{"ArnLike": {"P:sub": "arn:aws:logs:*:*:log-group:/eks/*"}}`),
		claims: with("sub", "arn:aws:logs:eu-west-1:111122223333:log-group:/eks/gryphon:stream"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "ArnNotLike is negated matching",
		policy: on(`{"ArnNotLike": {"P:sub": "arn:aws:iam::*:role/*"}}`),
		claims: with("sub", "arn:aws:iam::111122223333:role/gryphon"), want: trustpolicy.Denied, cause: "which is excluded",
	}, {
		page: operatorsPage, says: "ArnNotEquals is negated matching",
		policy: on(`{"ArnNotEquals": {"P:sub": "arn:aws:iam::111122223333:role/other"}}`),
		claims: with("sub", "arn:aws:iam::111122223333:role/gryphon"), want: trustpolicy.Allowed, cause: "is none of",
	}, {
		page: operatorsPage, says: "ArnLike is case-sensitive",
		policy: on(`{"ArnLike": {"P:sub": "arn:aws:iam::111122223333:role/Gryphon"}}`),
		claims: with("sub", "arn:aws:iam::111122223333:role/gryphon"), want: trustpolicy.Denied, cause: "only the letter case differs",
	}, {
		page: operatorsPage, says: "a subject of Kubernetes is no ARN",
		policy: on(`{"ArnLike": {"P:sub": "arn:aws:iam::111122223333:role/*"}}`), want: trustpolicy.Denied, cause: "the token's value is not an ARN, use StringLike",
	}, {
		page: operatorsPage, says: "what does not begin with arn is no ARN",
		policy: on(`{"ArnLike": {"P:sub": "*:aws:iam::111122223333:role/x"}}`), claims: with("sub", "urn:aws:iam::111122223333:role/x"), want: trustpolicy.Denied, cause: "is not an ARN",
	}, {
		page: operatorsPage, says: "nor is what begins with more than arn",
		policy: on(`{"ArnLike": {"P:sub": "*:aws:iam::111122223333:role/x"}}`), claims: with("sub", "arns:aws:iam::111122223333:role/x"), want: trustpolicy.Denied, cause: "is not an ARN",
	}, {
		page: operatorsPage, says: "what ARN operators make of a pattern that is no ARN is not documented",
		policy: on(`{"ArnLike": {"P:sub": "system:serviceaccount:*"}}`), want: trustpolicy.Unknown, cause: "has not the form of an ARN",
	},
}

// several has a claim with two values.
var several = with("amr", "mfa", "pwd")

var setRules = []rule{
	{
		page: setsPage, says: "ForAnyValue holds when one value matches",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": "pwd"}}`), claims: several, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: setsPage, says: "ForAnyValue fails when none matches",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": ["otp", "sms"]}}`), claims: several, want: trustpolicy.Denied, cause: `"mfa", "pwd" does not match "otp", "sms"`,
	}, {
		page: setsPage, says: "ForAnyValue is false where the key is missing",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": "pwd"}}`), want: trustpolicy.Denied, cause: "the token has no amr",
	}, {
		page: setsPage, says: "ForAnyValue is false on an empty value",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": ""}}`), claims: with("amr", ""), want: trustpolicy.Denied, cause: "the token's value is empty",
	}, {
		page: setsPage, says: "ForAllValues holds when every value matches",
		policy: on(`{"ForAllValues:StringLike": {"P:amr": ["m?a", "pwd", "otp"]}}`), claims: several, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: setsPage, says: "ForAllValues fails when one value does not match",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": ["mfa", "otp"]}}`), claims: several, want: trustpolicy.Denied, cause: `"pwd" does not match "mfa", "otp"`,
	}, {
		page: setsPage, says: "ForAllValues is true where the key is missing",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": "pwd"}}`), want: trustpolicy.Allowed, cause: "ForAllValues holds where there are no values",
	}, {
		page: setsPage, says: "ForAllValues is true on an empty value",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": "pwd"}}`), claims: with("amr", ""), want: trustpolicy.Allowed, cause: "the token's value is empty",
	}, {
		page: setsPage, says: "an empty value beside another is a value: ForAnyValue",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": "a"}}`), claims: with("amr", "", "a"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: setsPage, says: "an empty value beside another is a value: ForAllValues",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": "a"}}`), claims: with("amr", "", "a"), want: trustpolicy.Denied, cause: `"" does not match "a"`,
	}, {
		page: checksPage, says: "an empty list of a negated IfExists has two answers",
		policy: on(`{"StringNotEqualsIfExists": {"P:amr": []}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: checksPage, says: "an empty list of a negated ForAllValues has two answers",
		policy: on(`{"ForAllValues:StringNotEquals": {"P:amr": []}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: checksPage, says: "an empty list of ForAllValues with Null has two answers",
		policy: on(`{"ForAllValues:Null": {"P:amr": []}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: setsPage, says: "ForAllValues with Null false asks that the key is there",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": "pwd"}, "Null": {"P:amr": "false"}}`), want: trustpolicy.Denied, cause: "condition Null",
	}, {
		page: setsPage, says: "ForAllValues with a negated operator holds when no value is excluded",
		policy: on(`{"ForAllValues:StringNotEquals": {"P:amr": ["otp", "sms"]}}`), claims: several, want: trustpolicy.Allowed, cause: "is none of",
	}, {
		page: setsPage, says: "ForAllValues with a negated operator fails when one is excluded",
		policy: on(`{"ForAllValues:StringNotEquals": {"P:amr": "pwd"}}`), claims: several, want: trustpolicy.Denied, cause: "which is excluded",
	}, {
		page: setsPage, says: "ForAnyValue with a negated operator holds when one value is not excluded",
		policy: on(`{"ForAnyValue:StringNotEquals": {"P:amr": "pwd"}}`), claims: several, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: setsPage, says: "ForAnyValue with a negated operator fails when all are excluded",
		policy: on(`{"ForAnyValue:StringNotLike": {"P:amr": ["p*", "m*"]}}`), claims: several, want: trustpolicy.Denied, cause: "which is excluded",
	}, {
		page: setsPage, says: "ForAnyValue with a negated operator and a missing key is documented both ways",
		policy: on(`{"ForAnyValue:StringNotEquals": {"P:amr": "pwd"}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: setsPage, says: "several values without a set operator, of which one matches: documented is that a set operator is required",
		policy: on(`{"StringEquals": {"P:amr": "pwd"}}`), claims: several, want: trustpolicy.Unknown, cause: `of "mfa", "pwd" some match and some do not, for which IAM asks for ForAnyValue or ForAllValues`,
	}, {
		page: setsPage, says: "several values without a set operator, of which one is excluded: documented is that a set operator is required",
		policy: on(`{"StringNotEquals": {"P:amr": "pwd"}}`), claims: several, want: trustpolicy.Unknown, cause: "some match and some do not",
	}, {
		page: setsPage, says: "several values without a set operator that all match can be answered",
		policy: on(`{"StringLike": {"P:amr": ["m*", "p*"]}}`), claims: several, want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: setsPage, says: "several values without a set operator of which none matches can be answered",
		policy: on(`{"StringEquals": {"P:amr": "otp"}}`), claims: several, want: trustpolicy.Denied, cause: `"mfa", "pwd" does not match "otp"`,
	}, {
		page: checksPage, says: "ForAllValues with Null always holds",
		policy: on(`{"ForAllValues:Null": {"P:amr": "false"}}`), want: trustpolicy.Allowed, cause: "ForAllValues with Null always holds",
	}, {
		page: checksPage, says: "ForAnyValue with Null never holds",
		policy: on(`{"ForAnyValue:Null": {"P:amr": "true"}}`), want: trustpolicy.Denied, cause: "ForAnyValue with Null never holds",
	}, {
		page: checksPage, says: "an empty list holds, and gives no permissions: two answers",
		policy: on(`{"StringNotEquals": {"P:aud": []}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: checksPage, says: "an empty list of a key that is not there has the same two answers",
		policy: on(`{"StringEquals": {"P:amr": []}}`), want: trustpolicy.Unknown, cause: "two answers",
	}, {
		page: checksPage, says: "ForAnyValue with an empty list never holds",
		policy: on(`{"ForAnyValue:StringEquals": {"P:amr": []}}`), claims: several, want: trustpolicy.Denied, cause: "does not match an empty list",
	}, {
		page: checksPage, says: "ForAllValues with an empty list holds where the key is missing",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": []}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: checksPage, says: "ForAllValues with an empty list holds only there",
		policy: on(`{"ForAllValues:StringEquals": {"P:amr": []}}`), claims: several, want: trustpolicy.Denied, cause: "does not match an empty list",
	}, {
		page: checksPage, says: "IfExists with an empty list holds where the key is missing",
		policy: on(`{"StringEqualsIfExists": {"P:amr": []}}`), want: trustpolicy.Allowed, cause: "which IfExists lets pass",
	}, {
		page: checksPage, says: "IfExists with an empty list holds only there",
		policy: on(`{"StringEqualsIfExists": {"P:aud": []}}`), want: trustpolicy.Denied, cause: "does not match an empty list",
	},
}

var existsRules = []rule{
	{
		page: operatorsPage, says: "a key that is not there does not match",
		policy: on(`{"StringLike": {"P:amr": "*"}}`), want: trustpolicy.Denied, cause: "the token has no amr",
	}, {
		page: operatorsPage, says: "a key that is not there satisfies a negated operator",
		policy: on(`{"StringNotLike": {"P:amr": "*"}}`), want: trustpolicy.Allowed, cause: "so it is none of those excluded",
	}, {
		page: operatorsPage, says: "a key that is not there satisfies ArnNotLike",
		policy: on(`{"ArnNotLike": {"P:amr": "arn:aws:iam::*:role/*"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "IfExists lets a missing key pass",
		policy: on(`{"StringEqualsIfExists": {"P:amr": "pwd"}}`), want: trustpolicy.Allowed, cause: "which IfExists lets pass",
	}, {
		page: operatorsPage, says: "IfExists compares a key that is there",
		policy: on(`{"StringEqualsIfExists": {"P:aud": "api.example.com"}}`), want: trustpolicy.Denied, cause: "condition StringEqualsIfExists",
	}, {
		page: operatorsPage, says: "other conditions can still fail beside IfExists",
		policy: on(`{"StringEqualsIfExists": {"P:amr": "pwd"}, "StringEquals": {"P:aud": "api.example.com"}}`), want: trustpolicy.Denied, cause: "condition StringEquals ",
	}, {
		page: operatorsPage, says: "Deny with a negated IfExists still denies when the key is missing",
		policy: policy("2012-10-17", allow(""), deny(`{"StringNotEqualsIfExists": {"P:amr": "mfa"}}`)), want: trustpolicy.Denied, cause: "statement 2 (Deny) applies",
	}, {
		page: operatorsPage, says: "BoolIfExists lets a missing key pass",
		policy: on(`{"BoolIfExists": {"P:amr": "true"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "ForAnyValue with IfExists lets a missing key pass",
		policy: on(`{"ForAnyValue:StringEqualsIfExists": {"P:amr": "pwd"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "Null true asks that the key is not there",
		policy: on(`{"Null": {"P:amr": "true"}}`), want: trustpolicy.Allowed, cause: "the token has no amr",
	}, {
		page: operatorsPage, says: "Null takes true in another letter case",
		policy: on(`{"Null": {"P:amr": "TRUE"}}`), want: trustpolicy.Allowed, cause: "the token has no amr",
	}, {
		page: operatorsPage, says: "Null true fails on a key that is there",
		policy: on(`{"Null": {"P:aud": true}}`), want: trustpolicy.Denied, cause: `the token has it, and the policy's value is "true"`,
	}, {
		page: operatorsPage, says: "Null false asks that the key is there",
		policy: on(`{"Null": {"P:aud": "false"}}`), want: trustpolicy.Allowed, cause: "the token has it",
	}, {
		page: operatorsPage, says: "Null false fails on a key that is not there",
		policy: on(`{"Null": {"P:amr": "false"}}`), want: trustpolicy.Denied, cause: `the token has no amr, and the policy's value is "false"`,
	},
}

var variableRules = []rule{
	{
		page: variablesPage, says: "a variable is replaced by the key's value",
		policy: on(`{"StringEquals": {"P:sub": "${P:sub}"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a variable can stand among other text",
		policy: on(`{"StringLike": {"P:sub": "system:serviceaccount:${P:aud}:*"}}`), claims: with("aud", "default"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a variable with another value does not match",
		policy: on(`{"StringEquals": {"P:sub": "${P:aud}"}}`), want: trustpolicy.Denied, cause: `does not match "${` + provider + `:aud}"`,
	}, {
		page: variablesPage, says: "in 2008-10-17 a variable is literal text",
		policy: policy("2008-10-17", allow(`{"StringEquals": {"P:sub": "${P:sub}"}}`)), want: trustpolicy.Denied, cause: "policy variable in Version 2012-10-17 only",
	}, {
		page: variablesPage, says: "in 2008-10-17 a literal dollar and braces match themselves",
		policy: policy("2008-10-17", allow(`{"StringEquals": {"P:sub": "${x}"}}`)), claims: with("sub", "${x}"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "${*} is a star and no wildcard",
		policy: on(`{"StringLike": {"P:sub": "a${*}c"}}`), claims: with("sub", "abc"), want: trustpolicy.Denied, cause: "does not match",
	}, {
		page: variablesPage, says: "${?} and ${$} are the characters",
		policy: on(`{"StringLike": {"P:sub": "${?}${$}${*}"}}`), claims: with("sub", "?$*"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a default stands in for a missing key",
		policy: on(`{"StringEquals": {"P:sub": "${P:amr, 'anonymous'}"}}`), claims: with("sub", "anonymous"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a default does not stand in for a key that is there",
		policy: on(`{"StringEquals": {"P:sub": "${P:aud, 'anonymous'}"}}`), claims: with("sub", "anonymous"), want: trustpolicy.Denied, cause: "does not match",
	}, {
		page: variablesPage, says: "a default stands in single quotes",
		policy: on(`{"StringEquals": {"P:sub": "${P:amr, anonymous}"}}`), claims: with("sub", "anonymous"), want: trustpolicy.Unknown, cause: "a default value is text in single quotes",
	}, {
		page: variablesPage, says: "a default with a closing brace is not documented",
		policy: on(`{"StringEquals": {"P:sub": "${P:amr, 'a}b'}"}}`), claims: with("sub", "a}b"), want: trustpolicy.Unknown, cause: "a default value is text in single quotes",
	}, {
		page: variablesPage, says: "nor is one with a quote",
		policy: on(`{"StringEquals": {"P:sub": "${P:amr, 'a'b'}"}}`), claims: with("sub", "a'b"), want: trustpolicy.Unknown, cause: "a default value is text in single quotes",
	}, {
		page: variablesPage, says: "a default may be empty",
		policy: on(`{"StringEquals": {"P:sub": "x${P:amr, ''}"}}`), claims: with("sub", "x"), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a variable without a value matches nothing",
		policy: on(`{"StringLike": {"P:sub": "${P:amr}*"}}`), want: trustpolicy.Denied, cause: "holds a policy variable without a value: the token has no amr",
	}, {
		page: variablesPage, says: "a variable without a value may make the statement invalid",
		policy: on(`{"StringLike": {"P:sub": ["${P:amr}", "*"]}}`), want: trustpolicy.Unknown, cause: "holds a policy variable without a value",
	}, {
		page: variablesPage, says: "a variable without a value excludes nothing for certain",
		policy: on(`{"StringNotLike": {"P:sub": "${P:amr}"}}`), want: trustpolicy.Unknown, cause: "holds a policy variable without a value",
	}, {
		page: setsPage, says: "a key with several values cannot be a variable",
		policy: on(`{"StringEquals": {"P:sub": "${P:amr}"}}`), claims: several, want: trustpolicy.Denied, cause: "a key with several values cannot be a policy variable",
	}, {
		page: variablesPage, says: "a variable of the request is known only to STS",
		policy: on(`{"StringEquals": {"P:sub": "${aws:username}"}}`), want: trustpolicy.Unknown, cause: "what aws:username will be is known only to STS",
	}, {
		page: variablesPage, says: "a variable that nobody knows may make the statement invalid, beside a value that matches too",
		policy: on(`{"StringEquals": {"P:sub": ["${aws:username}", "` + dispatcher + `-canary"]}}`), want: trustpolicy.Unknown, cause: "what aws:username will be is known only to STS",
	}, {
		page: variablesPage, says: "and after one",
		policy: on(`{"StringEquals": {"P:sub": ["` + dispatcher + `-canary", "${aws:username}"]}}`), want: trustpolicy.Unknown, cause: "what aws:username will be is known only to STS",
	}, {
		page: variablesPage, says: "a variable with a value does not, beside a value that matches",
		policy: on(`{"StringEquals": {"P:sub": ["${P:aud}", "` + dispatcher + `-canary"]}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "a negated operator matches a null value, and a variable without a value makes the statement invalid: two answers",
		policy: on(`{"StringNotEquals": {"P:amr": "${P:email}"}}`), want: trustpolicy.Unknown, cause: "holds a policy variable without a value: the token has no email",
	}, {
		page: variablesPage, says: "in a Deny as well",
		policy: policy("2012-10-17", allow(""), deny(`{"StringNotEquals": {"P:amr": "${P:email}"}}`)), want: trustpolicy.Unknown, cause: "statement 2 (Deny) may apply",
	}, {
		page: variablesPage, says: "the same with a number",
		policy: on(`{"NumericNotEquals": {"P:amr": "${P:email}"}}`), want: trustpolicy.Unknown, cause: "the token has no email",
	}, {
		page: variablesPage, says: "the same with IfExists and with ForAllValues",
		policy: policy("2012-10-17", allow(`{"StringEqualsIfExists": {"P:amr": "${P:email}"}}`), allow(`{"ForAllValues:StringEquals": {"P:amr": "${P:email}"}}`)), want: trustpolicy.Unknown, cause: "the token has no email",
	}, {
		page: variablesPage, says: "a key that is not there fails whatever the variable",
		policy: on(`{"StringEquals": {"P:amr": "${P:email}"}}`), want: trustpolicy.Denied, cause: "the token has no amr",
	}, {
		page: variablesPage, says: "a negated operator on a key that is not there, with a variable that has a value",
		policy: on(`{"StringNotEquals": {"P:amr": "${P:aud}"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "Null takes no variables",
		policy: on(`{"Null": {"P:amr": "${P:aud}"}}`), claims: with("aud", "true"), want: trustpolicy.Denied, cause: "condition Null",
	}, {
		page: variablesPage, says: "so that one without a value does no harm there",
		policy: on(`{"Null": {"P:amr": ["true", "${aws:username}"]}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: variablesPage, says: "the pages do not agree on variables in Bool",
		policy: on(`{"Bool": {"P:sub": "${P:aud}"}}`), want: trustpolicy.Unknown, cause: "does not agree with itself",
	},
}

var offlineRules = []rule{
	{
		page: operatorsPage, says: "the caller's address is known only to STS",
		policy: on(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`), want: trustpolicy.Unknown, cause: "what aws:SourceIp will be is known only to STS",
	}, {
		page: operatorsPage, says: "the time of the request is known only to STS",
		policy: on(`{"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}`), want: trustpolicy.Unknown, cause: "aws:CurrentTime",
	}, {
		page: keysPage, says: "the session name is known only to STS",
		policy: on(`{"StringLike": {"sts:RoleSessionName": "gryphon-*"}}`), want: trustpolicy.Unknown, cause: "sts:RoleSessionName",
	}, {
		page: operatorsPage, says: "numbers are compared by STS only",
		policy: on(`{"NumericEquals": {"P:sub": "42"}}`), claims: with("sub", "42"), want: trustpolicy.Unknown, cause: "are compared by STS only",
	}, {
		page: operatorsPage, says: "a number that is not there does not match",
		policy: on(`{"NumericEquals": {"P:amr": "42"}}`), want: trustpolicy.Denied, cause: "the token has no amr",
	}, {
		page: operatorsPage, says: "a date that is not there satisfies the negated operator",
		policy: on(`{"DateNotEquals": {"P:amr": "2030-01-01T00:00:00Z"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "a number that is not there satisfies the negated operator",
		policy: on(`{"NumericNotEquals": {"P:amr": "42"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "an address that is not there satisfies the negated operator",
		policy: on(`{"NotIpAddress": {"P:amr": "203.0.113.0/24"}}`), want: trustpolicy.Allowed, cause: "statement 1",
	}, {
		page: operatorsPage, says: "binary values are compared by STS only",
		policy: on(`{"BinaryEquals": {"P:sub": "QmluYXJ5"}}`), want: trustpolicy.Unknown, cause: "compared by STS only",
	}, {
		page: operatorsPage, says: "Null of a key of the request is known only to STS",
		policy: on(`{"Null": {"aws:SourceVpc": "true"}}`), want: trustpolicy.Unknown, cause: "aws:SourceVpc",
	}, {
		page: keysPage, says: "not every claim becomes a key",
		policy: on(`{"StringEquals": {"P:groups": "g"}}`), claims: with("groups", "g"), want: trustpolicy.Unknown, cause: "depends on the provider",
	}, {
		page: "reference_policies_evaluation-logic", says: "what is unknown does not matter beside what fails",
		policy: on(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "StringEquals": {"P:aud": "x"}}`), want: trustpolicy.Denied, cause: "condition StringEquals",
	}, {
		page: "reference_policies_evaluation-logic", says: "an unknown allow does not matter beside one that applies",
		policy: policy("2012-10-17", allow(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`), allow("")), want: trustpolicy.Allowed, cause: "statement 2",
	}, {
		page: "reference_policies_evaluation-logic", says: "a deny that may apply makes an allow unknown",
		policy: policy("2012-10-17", allow(""), deny(`{"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`)), want: trustpolicy.Unknown, cause: "statement 2 (Deny) may apply",
	}, {
		page: "reference_policies_evaluation-logic", says: "a deny that may apply does not matter where nothing is allowed",
		policy: policy("2012-10-17", allow(`{"StringEquals": {"P:aud": "x"}}`), deny(`{"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`)), want: trustpolicy.Denied, cause: "statement 1 (Allow) does not apply",
	}, {
		page: "reference_policies_evaluation-logic", says: "a deny that applies settles what is unknown",
		policy: policy("2012-10-17", allow(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`), deny("")), want: trustpolicy.Denied, cause: "statement 2 (Deny) applies",
	},
}
