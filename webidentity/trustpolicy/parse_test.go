package trustpolicy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

func TestParseErrorsNameTheirPlace(t *testing.T) {
	// one wraps a statement's elements, which begin at line 1, column 17.
	one := func(elements string) string { return `{"Statement": [{` + elements + `}]}` }
	rest := `"Effect": "Allow", "Principal": "*", "Action": "sts:*"`
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	for _, tt := range []struct{ name, policy, want string }{
		{"empty", " \n ", "line 1, column 1: the policy is empty"},
		{"not JSON", `{"Statement": [}`, "line 1, column 16: not valid JSON: invalid character '}' looking for beginning of value"},
		{"cut off", "{\n  \"Statement\": [", "line 2, column 17: not valid JSON: unexpected end of JSON input"},
		{"trailing garbage", "{\n}\n  x", "line 3, column 3: not valid JSON: invalid character 'x' after top-level value"},
		{"two documents", `{} {}`, "line 1, column 4: not valid JSON: invalid character '{' after top-level value"},
		{"trailing comma", `{"Id": "x",}`, "line 1, column 12: not valid JSON: invalid character '}'"},
		{"columns are characters", "{\"Id\": \"äöü\", \"Versoin\": 1}", `line 1, column 15: unknown element "Versoin": did you mean Version?`},
		{"byte order mark", "\xef\xbb\xbf{}", "line 1, column 1: the policy begins with a byte order mark"},
		{"broken UTF-8", "{\"Id\": \"\xff\"}", "line 1, column 9: invalid UTF-8"},
		{"an array that is not closed", `{"Statement": [1, [2}`, "line 1, column 21: not valid JSON: invalid character '}' after array element"},
		{"too long", strings.Repeat(" ", 131073), "longer than IAM's maximum of 131072 bytes"},
		{"too deep", `{"Statement": ` + deep + `}`, "line 1, column 31: nested more than 16 levels deep"},
		{"URL-encoded", "%7B%22Version%22%3A%222012-10-17%22%7D", "line 1, column 1: the policy is URL-encoded"},
		{"an array", `[]`, "line 1, column 1: a policy is a JSON object, this is an array"},
		{"a string", `"{}"`, "line 1, column 1: a policy is a JSON object, this is a string"},
		{"the answer of get-role", `{"Role": {}}`, "line 1, column 2: this is a role, not its trust policy: take the value of AssumeRolePolicyDocument"},
		{"an unknown version", `{"Version": "2012-10-18"}`, `line 1, column 13: Version is either "2012-10-17" or "2008-10-17"`},
		{"a version that is no string", `{"Version": 2012}`, `line 1, column 13: Version is either`},
		{"an Id that is no string", `{"Id": 1}`, `line 1, column 8: Id is a string, this is a number`},
		{"no statement", `{"Version": "2012-10-17"}`, "line 1, column 1: the policy has no Statement"},
		{"an empty list of statements", `{"Statement": []}`, "line 1, column 15: Statement is empty"},
		{"a null statement", `{"Statement": null}`, "line 1, column 15: Statement is an object or an array of objects, this is null"},
		{"a statement that is no object", `{"Statement": ["x"]}`, "line 1, column 16: a statement is an object, this is a string"},
		{"another letter case", `{"statement": []}`, `line 1, column 2: unknown element "statement": did you mean Statement?`},
		{"duplicate key", "{\"Statement\": [{\n\"Effect\": \"Deny\",\n\"Effect\": \"Allow\"}]}", `line 3, column 1: duplicate key "Effect", first at line 2`},
		{"duplicate key in a condition", one(rest + `, "Condition": {"StringLike": {"a:sub": "x", "a:sub": "y"}}`), `line 1, column 116: duplicate key "a:sub"`},
		{"duplicate key in another letter case", one(rest + `, "Condition": {"StringLike": {"a:sub": "x", "A:Sub": "y"}}`), `line 1, column 116: duplicate key: "A:Sub" and "a:sub" are the same to IAM`},
		{"duplicate operator", one(rest + `, "Condition": {"Null": {}, "Null": {}}`), `duplicate key "Null"`},
		{"duplicate key by escape", `{"Id": "x", "\u0049d": "y"}`, `duplicate key "Id"`},
		{"duplicate Sid", `{"Statement": [{"Sid": "A", ` + rest + `}, {"Sid": "A", ` + rest + `}]}`, `statement 2 has the Sid "A" of statement 1`},
		{"no Effect", one(`"Principal": "*", "Action": "sts:*"`), "line 1, column 16: statement 1 has no Effect"},
		{"another Effect", one(`"Effect": "allow", "Principal": "*", "Action": "sts:*"`), `line 1, column 27: Effect is either "Allow" or "Deny", in this spelling`},
		{"no Principal", one(`"Effect": "Allow", "Action": "sts:*"`), "statement 1 has no Principal"},
		{"no Action", one(`"Effect": "Allow", "Principal": "*"`), "statement 1 has no Action"},
		{"Action and NotAction", one(rest + `, "NotAction": "sts:*"`), "column 73: a statement has Action or NotAction, not both"},
		{"Principal and NotPrincipal", one(rest + `, "NotPrincipal": "*"`), "a statement has Principal or NotPrincipal, not both"},
		{"NotPrincipal with Allow", one(`"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:*"`), "line 1, column 36: NotPrincipal is not supported with Allow: name who may take the role in Principal"},
		{"NotPrincipal before Allow", one(`"NotPrincipal": "*", "Action": "sts:*", "Effect": "Allow"`), "line 1, column 17: NotPrincipal is not supported with Allow"},
		{"Resource", one(rest + `, "Resource": "*"`), "a trust policy has no Resource: the role that it belongs to is the resource"},
		{"NotResource", one(rest + `, "NotResource": "*"`), "a trust policy has no NotResource"},
		{"a misspelt element", one(rest + `, "Conditon": {}`), `line 1, column 73: unknown element "Conditon": did you mean Condition?`},
		{"an unknown element", one(rest + `, "Frobnicate": {}`), `line 1, column 73: unknown element "Frobnicate"`},
		{"a Sid that is no string", one(`"Sid": 1`), "Sid is a string, this is a number"},
		{"a principal that is no object", one(`"Principal": "arn:aws:iam::111122223333:root"`), `Principal is an object such as {"Federated":`},
		{"a principal that is an array", one(`"Principal": ["*"]`), "Principal is an object, this is an array"},
		{"an empty principal", one(`"Principal": {}`), "Principal is empty"},
		{"an empty list of principals", one(`"Principal": {"AWS": []}`), "AWS is empty"},
		{"an unknown kind of principal", one(`"Principal": {"Federate": "x"}`), `unknown kind of principal "Federate": did you mean Federated?`},
		{"an action that is no string", one(`"Action": 1`), "Action is a string or an array of strings, this is a number"},
		{"an empty list of actions", one(`"Action": []`), "Action is empty"},
		{"a condition that is no object", one(rest + `, "Condition": []`), "Condition is an object, this is an array"},
		{"an operator without keys", one(rest + `, "Condition": {"Null": "x"}`), "Null holds an object of condition keys, this is a string"},
		{"a misspelt operator", one(rest + `, "Condition": {"StringLikes": {}}`), `line 1, column 87: unknown condition operator "StringLikes"`},
		{"an operator in another letter case", one(rest + `, "Condition": {"stringEquals": {}}`), `unknown condition operator "stringEquals": did you mean StringEquals?`},
		{"a misspelt operator with IfExists", one(rest + `, "Condition": {"StringEqualIfExists": {}}`), `unknown condition operator "StringEqualIfExists": did you mean StringEquals?`},
		{"an unknown operator", one(rest + `, "Condition": {"Frobnicate": {}}`), `unknown condition operator "Frobnicate"`},
		{"an operator that is no word", one(rest + `, "Condition": {"` + strings.Repeat("x", 999) + `": {}}`), `unknown condition operator "xxx`},
		{"an unknown set operator", one(rest + `, "Condition": {"ForAnyValues:StringLike": {}}`), `unknown set operator "ForAnyValues": did you mean ForAnyValue?`},
		{"NullIfExists", one(rest + `, "Condition": {"NullIfExists": {}}`), "IfExists cannot be added to Null"},
		{"an empty key", one(rest + `, "Condition": {"Null": {"": "true"}}`), "a condition key is empty"},
		{"a null value", one(rest + `, "Condition": {"Null": {"a:sub": null}}`), `the value of "a:sub" is a string or an array of strings, this is null`},
		{"a nested value", one(rest + `, "Condition": {"Null": {"a:sub": [["x"]]}}`), `the value of "a:sub" is a string or an array of strings, this is an array`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := trustpolicy.Parse([]byte(tt.policy))
			require.Error(t, err)
			assert.Nil(t, p)
			assert.ErrorContains(t, err, tt.want)
			var at *trustpolicy.ParseError
			require.ErrorAs(t, err, &at)
			assert.True(t, strings.HasPrefix(err.Error(), "trustpolicy: line "))
		})
	}
}

func TestRequestFromTokenRefusesWhatIsNoTokenAndNeverShowsIt(t *testing.T) {
	const secret = "c2VjcmV0"
	for _, tt := range []struct{ name, token, want string }{
		{"empty", "", "not a JWT: it has 1 parts between dots, not 3"},
		{"opaque", secret, "not a JWT"},
		{"too long", strings.Repeat(secret, 3000), "longer than STS's maximum of 20000 characters"},
		{"bad base64", secret + "!." + secret + "." + secret, "header and payload are not base64url-encoded JSON"},
		{"no JSON", secret + "." + secret + "." + secret, "header and payload are not base64url-encoded JSON"},
		{"no issuer", token(t, claims{"sub": {"x"}}), "the token names no issuer (iss)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trustpolicy.RequestFromToken(tt.token)
			require.ErrorContains(t, err, tt.want)
			assert.True(t, strings.HasPrefix(err.Error(), "trustpolicy: "))
			assert.NotContains(t, err.Error(), secret)
			for part := range strings.SplitSeq(tt.token, ".") {
				if part != "" {
					assert.NotContains(t, err.Error(), part)
				}
			}
		})
	}
}
