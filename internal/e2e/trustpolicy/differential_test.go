package trustpolicy_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	theirs "github.com/versity/versitygw/iamapi/policy"

	ours "example.com/podrole/webidentity/trustpolicy"
)

// A fixed seed, so that a failure is seen again.
const (
	seed  = 20260101
	cases = 20000
)

func TestVerdictsAgreeWithAnIndependentEvaluator(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	count := map[string]int{}
	for i := range cases {
		document, claims := g.policy(), g.token()
		if err := theirs.ParseTrust(document); err != nil {
			t.Fatalf("case %d is not one that both can read: %v\n%s", i, err, document)
		}
		policy, err := ours.Parse([]byte(document))
		if err != nil {
			t.Fatalf("case %d: %v\n%s", i, err, document)
		}
		got := policy.Evaluate(ours.Request{Provider: provider, Account: account, Claims: claims})
		want, _ := theirs.EvaluateWebIdentityTrust(document, lookup, webIdentity(claims))
		if got.Verdict == ours.Unknown {
			count["unknown"]++
			continue
		}
		if verdict(want) != got.Verdict {
			t.Fatalf("case %d: ours %s, theirs %d\n%s\n%v\n%s", i, got.Verdict, want, document, claims, got)
		}
		// A Deny of which ours does not know whether it applies changes nothing where no statement allows.
		forbidden, perhaps := strings.Contains(got.Cause, "(Deny) applies"), strings.Contains(got.String(), "(Deny) may apply")
		if forbidden != (want == theirs.ExplicitlyDenied) && !perhaps {
			t.Fatalf("case %d: ours %s, theirs %d\n%s\n%v", i, got.Cause, want, document, claims)
		}
		switch want {
		case theirs.ExplicitlyDenied:
			count["denied explicitly"]++
		case theirs.Allowed:
			count["allowed"]++
		default:
			count["denied"]++
		}
	}
	for _, kind := range []string{"allowed", "denied", "denied explicitly"} {
		if count[kind] < cases/50 {
			t.Errorf("only %d cases are %s: too few to say anything", count[kind], kind)
		}
	}
	t.Logf("%d of %d verdicts compared, all agree: %v", cases-count["unknown"], cases, count)
}

func verdict(m theirs.WebIdentityMatch) ours.Verdict {
	if m == theirs.Allowed {
		return ours.Allowed
	}
	return ours.Denied
}

func lookup(arn string) (string, bool) {
	url, ok := strings.CutPrefix(arn, providerARN(""))
	return url, ok && (url == provider || url == other)
}

// webIdentity is the other's request context. It has oaud always, as IAM's reference_policies_iam-condition-keys has it: without azp the
// token's aud matches both keys. (versitygw's own STS fills it where there is an azp only.)
func webIdentity(claims map[string][]string) theirs.WebIdentityContext {
	w := theirs.WebIdentityContext{
		ProviderURL: provider, Subject: claims["sub"][0], Audience: claims["aud"][0], OriginalAudience: claims["aud"], Claims: map[string][]string{},
	}
	if azp := claims["azp"]; len(azp) > 0 {
		w.Audience = azp[0]
	}
	for _, name := range []string{"amr", "email"} {
		if values, ok := claims[name]; ok {
			w.Claims[name] = values
		}
	}
	return w
}

// Both readers refuse the same broken documents. Left out, as IAM's documentation allows them or is silent: Principal "*", NotPrincipal,
// CanonicalUser, services that the other does not host, an unknown element outside of a statement (ours refuses it), and null in the place of a block.
func TestBrokenPoliciesAreRefusedByBoth(t *testing.T) {
	const (
		good = `{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"}, "Action": "sts:*"}`
		head = `{"Version": "2012-10-17", "Statement": [`
	)
	with := func(replace, by string) string { return head + strings.Replace(good, replace, by, 1) + `]}` }
	for name, document := range map[string]string{
		"good":                        head + good + `]}`,
		"good, a single statement":    `{"Statement": ` + good + `}`,
		"good, with an empty block":   with(`"sts:*"`, `"sts:*", "Condition": {}`),
		"good, a number as value":     with(`"sts:*"`, `"sts:*", "Condition": {"StringEquals": {"oidc.example.com:sub": 1}}`),
		"good, a set operator":        with(`"sts:*"`, `"sts:*", "Condition": {"ForAnyValue:StringLikeIfExists": {"oidc.example.com:sub": ["a", true]}}`),
		"not JSON":                    `{`,
		"trailing garbage":            head + good + `]} x`,
		"another version":             `{"Version": "2020-01-01", "Statement": ` + good + `}`,
		"no statement":                `{"Version": "2012-10-17"}`,
		"an empty statement":          head + `]}`,
		"a string for a statement":    head + `"x"]}`,
		"duplicate Effect":            with(`"Effect": "Allow"`, `"Effect": "Allow", "Effect": "Deny"`),
		"duplicate condition key":     with(`"sts:*"`, `"sts:*", "Condition": {"StringEquals": {"a:sub": "x", "a:sub": "y"}}`),
		"duplicate Sid":               head + strings.Replace(good, `{`, `{"Sid": "A", `, 1) + `,` + strings.Replace(good, `{`, `{"Sid": "A", `, 1) + `]}`,
		"no Effect":                   with(`"Effect": "Allow", `, ``),
		"another Effect":              with(`Allow`, `allow`),
		"no Principal":                with(`"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"}, `, ``),
		"an empty Principal":          with(`{"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"}`, `{}`),
		"a list for a Principal":      with(`{"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"}`, `["*"]`),
		"an unknown kind":             with(`Federated`, `Federate`),
		"no Action":                   with(`, "Action": "sts:*"`, ``),
		"Action and NotAction":        with(`"sts:*"`, `"sts:*", "NotAction": "sts:*"`),
		"Resource":                    with(`"sts:*"`, `"sts:*", "Resource": "*"`),
		"NotResource":                 with(`"sts:*"`, `"sts:*", "NotResource": "*"`),
		"a misspelt element":          with(`"sts:*"`, `"sts:*", "Conditon": {}`),
		"an unknown operator":         with(`"sts:*"`, `"sts:*", "Condition": {"StringEqual": {}}`),
		"an unknown set operator":     with(`"sts:*"`, `"sts:*", "Condition": {"ForSomeValues:StringEquals": {}}`),
		"an operator in lower case":   with(`"sts:*"`, `"sts:*", "Condition": {"stringequals": {}}`),
		"NullIfExists":                with(`"sts:*"`, `"sts:*", "Condition": {"NullIfExists": {}}`),
		"a null value":                with(`"sts:*"`, `"sts:*", "Condition": {"StringEquals": {"a:sub": null}}`),
		"an object for a value":       with(`"sts:*"`, `"sts:*", "Condition": {"StringEquals": {"a:sub": {}}}`),
		"a list for a Condition":      with(`"sts:*"`, `"sts:*", "Condition": []`),
		"an Action that is no string": with(`"sts:*"`, `1`),
	} {
		_, err := ours.Parse([]byte(document))
		if refused := theirs.ParseTrust(document) != nil; refused != (err != nil) || refused == strings.HasPrefix(name, "good") {
			t.Errorf("%s: refused by theirs: %v, by ours: %v\n%s", name, refused, err, document)
		}
	}
}
