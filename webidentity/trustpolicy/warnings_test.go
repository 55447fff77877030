package trustpolicy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPoliciesThatAreTooWideAreWarnedOf(t *testing.T) {
	const (
		aud   = `"StringEquals": {"P:aud": "sts.amazonaws.com"}`
		noSub = `statement 1 (Allow) has no condition that binds sub of "` + provider + `"`
		noAud = `statement 1 (Allow) has no condition that binds aud of "` + provider + `"`
		anyID = ": any identity of the provider can take the role, with EKS any pod of the cluster"
		other = ": a token that was made for another service can take the role"
	)
	anyone := func(principal, action, condition string) string {
		return policy("2012-10-17", statement("Allow", principal, action, condition))
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
		{"sub of another provider, which no token has", on(`{"StringEquals": {"accounts.google.com:sub": "x"}, "StringLike": {"P:aud": "sts*"}}`), nil},
		{"sub of another provider, if it is there", on(`{"StringEqualsIfExists": {"accounts.google.com:sub": "x"}, "ForAllValues:StringEquals": {"b.example.com:sub": "x"}, "StringLike": {"P:aud": "sts*"}}`), []string{noSub + anyID}},
		{"not the sub of another provider", on(`{"StringNotEquals": {"accounts.google.com:sub": "x"}, "Null": {"b.example.com:sub": "true"}, "StringLike": {"P:aud": "sts*"}}`), []string{noSub + anyID}},
		{"a key of another provider must be there", on(`{"Null": {"b.example.com:sub": "false"}}`), nil},
		{"nobody knows what a key of another provider must be", on(`{"Null": {"b.example.com:sub": []}, "StringEquals": {"P:sub": "x"}}`), []string{noAud + other}},
		{"a key with https://", on(`{"StringEquals": {"https://` + provider + `:sub": "x"}}`), nil},
		{"a tag with a dot is of no provider", on(`{"StringEquals": {"aws:RequestTag/a.b:c": "x", "P:sub": "x"}}`), []string{noAud + other}},
		{"two providers, and keys of one", anyone(`"Principal": {"Federated": ["accounts.google.com", "`+providerARN+`"]}`, `"Action": "sts:*"`, `{"StringEquals": {"P:sub": "x", "P:aud": "y"}}`), nil},
		{"one provider twice", anyone(`"Principal": {"Federated": ["`+providerARN+`", "`+strings.Replace(providerARN, "1111", "2222", 1)+`"]}`, `"Action": "sts:*"`, `{"StringEquals": {"P:sub": "x"}}`), []string{noAud + other}},
		{"a provider with a colon", anyone(`"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com:8443/x"}`, `"Action": "sts:*"`, `{"StringEquals": {"a.example.com:8443/x:sub": "x", "a.example.com:8443/x:aud": "y"}}`), nil},
		{"an issuer in another letter case", on(`{"StringEquals": {"` + strings.ToUpper(provider) + `:sub": "x", "P:aud": "y"}}`), nil},
		{"an ARN as subject", on(`{"ArnLike": {"P:sub": "arn:aws:iam::*:role/*"}, ` + aud + `}`), nil},
		{"IfExists of what must be there", on(`{"StringEqualsIfExists": {"P:sub": "x"}, "Null": {"P:SUB": "false"}, ` + aud + `}`), nil},
		{"ForAllValues of what must be there", on(`{"ForAllValues:StringEquals": {"P:sub": "x"}, "Null": {"P:sub": ["false", false]}, ` + aud + `}`), nil},
		{"ForAllValues of what must not be there", on(`{"ForAllValues:StringEquals": {"P:sub": "x"}, "Null": {"P:sub": "true"}, ` + aud + `}`), []string{noSub + " (ForAllValues:StringEquals holds for a token without the claim)" + anyID}},
		{"ForAllValues of what may be there", on(`{"ForAllValues:StringEquals": {"P:sub": "x"}, "ForAllValues:Null": {"P:sub": "false"}, ` + aud + `}`), []string{noSub + " (ForAllValues:StringEquals holds for a token without the claim)" + anyID}},
		{"ForAllValues of everything", on(`{"ForAllValues:StringLike": {"P:sub": "*"}, "Null": {"P:sub": "false"}, ` + aud + `}`), []string{noSub + " (ForAllValues:StringLike matches everything)" + anyID}},
		{"values that match everything only together", on(`{"StringLike": {"P:aud": ["*a*", "*0*"]}, "StringEquals": {"P:sub": "x"}}`), nil},
		{"question marks alone are a length", on(`{"StringLike": {"P:aud": "????"}, "StringEquals": {"P:sub": "x"}}`), nil},
		{"a Deny that may forbid it", policy("2012-10-17", allow(`{`+aud+`}`), deny(`{"StringNotLike": {"P:sub": "system:serviceaccount:default:*"}}`)), []string{noSub + anyID + ", unless a Deny forbids it"}},
		{"a Deny of something else", policy("2012-10-17", allow(`{`+aud+`}`), statement("Deny", `"Principal": "*"`, `"Action": "sts:TagSession"`, "")), []string{noSub + anyID}},
		{"a canonical user", anyone(`"Principal": {"CanonicalUser": "*"}`, `"Action": "sts:*"`, ""), nil},
		{"a service", anyone(`"Principal": {"Service": "*"}`, `"Action": "sts:*"`, ""), nil},
		{"everyone with bound keys", anyone(`"Principal": "*"`, `"Action": "sts:*"`, `{"StringEquals": {"P:sub": "x", "P:aud": "y"}}`), []string{`statement 1 (Allow) trusts "*": an identity of any provider can take the role, if the conditions let it`}},
		{"star as subject", on(`{"StringLike": {"P:sub": "*"}, ` + aud + `}`), []string{noSub + " (StringLike matches everything)" + anyID}},
		{"stars and question marks as subject", on(`{"StringLike": {"P:sub": ["` + dispatcher + `", "?*"]}, ` + aud + `}`), []string{noSub + " (StringLike matches everything)" + anyID}},
		{"a literal star is no wildcard", on(`{"StringEquals": {"P:sub": "*", "P:aud": "sts.amazonaws.com"}}`), nil},
		{"excluded subjects", on(`{"StringNotEquals": {"P:sub": "x"}, ` + aud + `}`), []string{noSub + " (StringNotEquals only excludes)" + anyID}},
		{"IfExists", on(`{"StringEqualsIfExists": {"P:sub": "x"}, ` + aud + `}`), []string{noSub + " (StringEqualsIfExists lets a token without the claim pass)" + anyID}},
		{"ForAllValues", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}, "ForAllValues:StringEquals": {"P:aud": "x"}}`), []string{noAud + " (ForAllValues:StringEquals holds for a token without the claim)" + other}},
		{"Null", on(`{"StringEquals": {"P:sub": "` + dispatcher + `"}, "Null": {"P:aud": "false"}}`), []string{noAud + " (Null does not compare text)" + other}},
		{"every service account", on(`{"StringLike": {"P:sub": "system:serviceaccount:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*": any pod of the cluster can take the role`}},
		{"every namespace and name", on(`{"StringLike": {"P:sub": "system:serviceaccount:*:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*:*": any pod of the cluster can take the role`}},
		{"every name of a namespace", on(`{"StringLike": {"P:sub": "system:serviceaccount:default:*"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:default:*": any pod of the namespace "default" can take the role`}},
		{"a name in every namespace", on(`{"StringLike": {"P:sub": "system:serviceaccount:*:gryphon"}, ` + aud + `}`), []string{`statement 1 (Allow) accepts the subject "system:serviceaccount:*:gryphon": whoever may create a namespace can take the role, by a service account "gryphon" in it`}},
		{"another statement binds it", policy("2012-10-17", allow(""), allow(`{"StringEquals": {"P:sub": "x"}, "StringLike": {"P:aud": "y"}}`)), []string{noSub + anyID, noAud + other}},
		{"everyone", anyone(`"Principal": "*"`, `"Action": "sts:*"`, ""), []string{
			`statement 1 (Allow) trusts "*": an identity of any provider can take the role, if the conditions let it`,
			"statement 1 (Allow) has no condition that binds sub" + anyID, "statement 1 (Allow) has no condition that binds aud" + other,
		}},
		{"NotAction", anyone(`"Principal": {"Service": "ec2.amazonaws.com"}`, `"NotAction": "sts:AssumeRole"`, ""), []string{"statement 1 (Allow) allows every action but those in NotAction"}},
		{"another action", anyone(`"Principal": "*"`, `"Action": "sts:AssumeRole"`, ""), nil},
		{"an AWS principal", anyone(`"Principal": {"AWS": "arn:aws:iam::111122223333:root"}`, `"Action": "sts:*"`, ""), nil},
		{"a deny", policy("2012-10-17", deny("")), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, rule{policy: tt.policy}.evaluate(t).Warnings)
		})
	}
}

func TestAWarningSaysHowMuchOfAClusterASubjectCovers(t *testing.T) {
	const (
		cluster = "any pod of the cluster can take the role"
		inAny   = `whoever may create a namespace can take the role, by a service account "g" in it`
	)
	inSome := func(namespaces string) string {
		return `whoever may create a namespace that matches "` + namespaces + `" can take the role, by a service account "g" in it`
	}
	whole := func(namespaces string) string {
		return `any pod of a namespace that matches "` + namespaces + `" can take the role`
	}
	for pattern, want := range map[string]string{
		"system:serviceaccount:default:g":                    "",
		"system:serviceaccount:default:g*":                   "",
		"system:serviceaccount:default:*g":                   "",
		"system:serviceaccount:default:?":                    "",
		"system:serviceaccount:default:*":                    `any pod of the namespace "default" can take the role`,
		"system:serviceaccount:default:?*":                   `any pod of the namespace "default" can take the role`,
		"s*:default:*":                                       `any pod of the namespace "default" can take the role`,
		"*:default:*":                                        `any pod of the namespace "default" can take the role`,
		"*:g":                                                inAny,
		"system:*:g":                                         inAny,
		"system:serviceaccount:*:g":                          inAny,
		"system:serviceaccount?*:g":                          inAny,
		"????????serviceaccount:*?:g":                        "",
		"???????serviceaccount:*?:g":                         inAny,
		"system:serviceaccount:*:g*":                         `whoever may create a namespace can take the role, by a service account that matches "g*" in it`,
		"*d:g":                                               inSome("*d"),
		"system:serviceaccount:team-*:g":                     inSome("team-*"),
		"system:serviceaccount:team-??:g":                    inSome("team-??"),
		"system:serviceaccount:${P:aud}*:g":                  inSome("${…}*"),
		"system:serviceaccount:${P:aud}:g":                   "",
		"system:serviceaccount:a*:*":                         whole("a*"),
		"system:serviceaccount:d*":                           whole("d*"),
		"system:serviceaccount:default*":                     whole("default*"),
		"system:serviceaccount:*-prod:*":                     whole("*-prod"),
		"system:serviceaccount:*":                            cluster,
		"system:serviceaccount:*:*":                          cluster,
		"system:serviceaccount?*":                            cluster,
		"system*":                                            cluster,
		"s?s*:*":                                             cluster,
		"system:serviceaccount:**:*":                         cluster,
		"system:serviceaccount:${*}:g":                       "", // a star, and no wildcard
		"system:serviceaccount:*:*:g":                        "", // no subject of Kubernetes
		"system:node:*":                                      "",
		"repo:octo-org/*":                                    "",
		"*" + strings.Repeat("a", 10000) + ":*":              "",
		"system:serviceaccount:" + strings.Repeat("*?", 300): cluster,
	} {
		t.Run(pattern[:min(len(pattern), 60)], func(t *testing.T) {
			got := rule{policy: on(`{"StringLike": {"P:sub": "` + strings.ReplaceAll(pattern, "${P:", "${"+provider+":") + `"}, "StringEquals": {"P:aud": "sts.amazonaws.com"}}`)}.evaluate(t)
			if want == "" {
				assert.Empty(t, got.Warnings)
			} else if assert.Len(t, got.Warnings, 1) {
				assert.Regexp(t, `^statement 1 \(Allow\) accepts the subject ".*"…?: `+regexp.QuoteMeta(want)+"$", got.Warnings[0])
			}
		})
	}
}

func TestAWarningLooksAtWhatAllConditionsOfAStatementLeave(t *testing.T) {
	const aud = `"StringEquals": {"P:aud": "sts.amazonaws.com"`
	for _, tt := range []struct{ name, policy, want string }{
		{"a variable of the claim itself", on(`{` + aud + `, "P:sub": "${P:sub}"}}`), "no condition that binds sub of \"" + provider + "\" (StringEquals matches everything)"},
		{"a variable of it with a default", on(`{` + aud + `, "P:sub": "${ P:SUB , 'x'}"}}`), "(StringEquals matches everything)"},
		{"a variable of it twice", on(`{` + aud + `, "P:sub": "${P:sub}${P:sub}"}}`), ""},
		{"a variable of it between stars", on(`{"StringLike": {"P:sub": "*${P:sub}*"}, ` + aud + `}}`), "(StringLike matches everything)"},
		{"in 2008-10-17 the variable is text", policy("2008-10-17", allow(`{`+aud+`, "P:sub": "${P:sub}"}}`)), ""},
		{"and a star between dollar and braces a star", policy("2008-10-17", allow(`{`+aud+`}, "StringLike": {"P:sub": "system:serviceaccount:${*}:x"}}`)), `a namespace that matches "${*}" can take the role, by a service account "x" in it`},
		{"a variable of another claim binds", on(`{` + aud + `, "P:sub": "${P:aud}"}}`), ""},
		{"a variable of the request binds", on(`{` + aud + `, "P:sub": "${aws:username}"}}`), ""},
		{"another condition binds the subject", on(`{"StringLike": {"P:sub": "system:serviceaccount:*"}, ` + aud + `, "P:sub": "` + dispatcher + `"}}`), ""},
		{"the narrower condition counts", on(`{"StringLike": {"P:sub": "system:serviceaccount:*"}, "ForAnyValue:StringLike": {"P:sub": "*:default:*"}, ` + aud + `}}`), `any pod of the namespace "default"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := rule{policy: strings.NewReplacer("${P:", "${"+provider+":", "${ P:", "${ "+provider+":").Replace(tt.policy)}.evaluate(t)
			if tt.want == "" {
				assert.Empty(t, got.Warnings)
			} else if assert.Len(t, got.Warnings, 1) {
				assert.Contains(t, got.Warnings[0], tt.want)
			}
		})
	}
}
