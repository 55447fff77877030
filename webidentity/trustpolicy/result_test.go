package trustpolicy_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/trustpolicy"
)

func TestTheDifferenceOfTheClosestValueIsPointedOut(t *testing.T) {
	for _, tt := range []struct {
		name, operator, value, policy string
		want                          string
		caret                         int // the character that the picture marks, from 1; 0 where there is no picture
	}{
		{"left over at the end", "StringEquals", "abcd", `"ab"`, `from character 3: "cd" is left over`, 3},
		{"left over in the middle", "StringEquals", "abXc", `"abc"`, `from character 3: "X" is left over`, 3},
		{"missing at the end", "StringEquals", "ab", `"abcd"`, `from character 3: "cd" is missing`, 3},
		{"missing at the start", "StringEquals", "cd", `"abcd"`, `from character 1: "ab" is missing`, 1},
		{"another word", "StringEquals", "system:serviceaccount:prod:g", `"system:serviceaccount:test:g"`, `from character 23: "prod" in place of "test"`, 23},
		{"letter case", "StringEquals", "aBc", `"abc"`, `from character 2: only the letter case differs`, 2},
		{"white space", "StringEquals", "abc", `"abc "`, `from character 4: " " is missing`, 4},
		{"characters, not bytes", "StringEquals", "äöüx", `"äöü"`, `from character 4: "x" is left over`, 4},
		{"before the first star", "StringLike", "a:b:c", `"a:x:*"`, `from character 3: it goes on with "b:c", not with "x:"`, 3},
		{"nothing where the pattern goes on", "StringLike", "a:", `"a:x*"`, `from character 3: it goes on with nothing, not with "x"`, 3},
		{"after the last star", "StringLike", "a:b:c-canary", `"a:*:c"`, `it does not end with ":c"`, 13},
		{"between stars", "StringLike", "a:b:c", `"a:*x*:c"`, `from character 3: "b:c" is not of the form "*x*:c"`, 3},
		{"an empty value", "StringEquals", "", `"a"`, `from character 1: "a" is missing`, 1},
		{"wildcards in StringEquals", "StringEquals", "abc", `"a*"`, "StringEquals takes * and ? literally, with StringLike it would match", 0},
		{"the closest of several", "StringEquals", "abcd", `["xyz", "abce", "b"]`, `closest is "abce", from character 4: "d" in place of "e"`, 4},
		{"an empty list", "ForAnyValue:StringEquals", "abc", `[]`, `"abc" does not match an empty list`, 0},
		{"letter case that does not count", "StringEqualsIgnoreCase", "System:g-Canary", `"system:G"`, `from character 9: "-Canary" is left over`, 9},
		{"the closest where letter case does not count", "StringEqualsIgnoreCase", "abcd", `["abxx", "ABCE"]`, `closest is "ABCE", from character 4: "d" in place of "E"`, 4},
		{"letter case that StringLike would count", "StringEqualsIgnoreCase", "Abc", `"a*"`, "StringEqualsIgnoreCase takes * and ? literally", 0},
		{"control characters", "StringEquals", "a\x1b[31m", `"ab"`, `from character 2: "\x1b[31m" in place of "b"`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := rule{policy: on(`{"` + tt.operator + `": {"P:sub": ` + tt.policy + `}}`), claims: with("sub", tt.value)}.evaluate(t)
			require.Len(t, got.Mismatches, 1)
			assert.Equal(t, tt.want, got.Mismatches[0].Difference)
			assert.Contains(t, got.Cause, tt.want)
			detail := got.Reasons[0].Because[2].Detail
			if tt.caret == 0 {
				assert.Empty(t, detail)
				return
			}
			require.Len(t, detail, 3)
			mark := []rune(detail[2])
			at := strings.Index(string(mark), "^") // the line begins with spaces only
			assert.Equal(t, len(`token   "`)+tt.caret-1, at)
			assert.NotContains(t, got.String(), "\x1b")
		})
	}
}

func TestLongValuesAreCutShort(t *testing.T) {
	long := strings.Repeat("x", 10000)
	got := rule{policy: on(`{"StringEquals": {"P:sub": "` + long + `y"}}`), claims: with("sub", long)}.evaluate(t)
	assert.Less(t, len(got.String()), 3000)
	assert.Contains(t, got.Cause, `from character 10001: "y" is missing`)

	many := `["` + strings.Repeat(`a", "`, 500) + `b"]`
	got = rule{policy: on(`{"StringEquals": {"P:sub": ` + many + `}}`)}.evaluate(t)
	assert.Less(t, len(got.String()), 3000)
	assert.Contains(t, got.Cause, "and 493 more")
}

func TestTheClosestOfTheFirstFiftyValuesIsPointedOut(t *testing.T) {
	for others, want := range map[int]string{49: dispatcher, 50: "x"} {
		many := strings.Repeat(`"x", `, others) + `"` + dispatcher + `"`
		got := rule{policy: on(`{"StringEquals": {"P:sub": [` + many + `]}}`)}.evaluate(t)
		assert.Contains(t, got.Cause, `closest is "`+want+`"`)
	}
}

func TestVariablesCannotFillTheMemory(t *testing.T) {
	many := strings.Repeat("${"+provider+":sub}", 1000)
	got := rule{policy: on(`{"StringLike": {"P:aud": "` + many + `"}}`), claims: with("sub", strings.Repeat("x", 20000))}.evaluate(t)
	assert.Equal(t, trustpolicy.Unknown, got.Verdict)
	assert.Contains(t, got.Cause, "its policy variables make it longer than a policy may be")
}

func TestValuesAreCompiledOneAtATime(t *testing.T) {
	many := `["` + strings.Repeat(`${`+provider+`:sub}x", "`, 1500) + `"]`
	p, err := trustpolicy.Parse([]byte(on(`{"StringEquals": {"P:aud": ` + many + `}}`)))
	require.NoError(t, err)
	request := trustpolicy.Request{Provider: provider, Claims: with("sub", strings.Repeat("s", 14000))}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := p.Evaluate(request)
	runtime.ReadMemStats(&after)
	assert.Equal(t, trustpolicy.Denied, got.Verdict)
	const most = 16 << 20 // one pattern takes 110 kB, its buffer a few times that while it grows; all of them 500 MB
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most))
}

// A policy of 128 kB and a claim of 15 kB, as long as Parse and RequestFromToken let them be, would take some 10^12 steps.
func TestTheWorkOfOneEvaluationIsBounded(t *testing.T) {
	sub := strings.Repeat("a", 15000)
	many := `["` + strings.Repeat(`*${`+provider+`:sub}*b", "`, 1800) + `"]`
	got := rule{policy: on(`{"StringLike": {"P:sub": ` + many + `}}`), claims: with("sub", sub)}.evaluate(t)
	assert.Equal(t, trustpolicy.Unknown, got.Verdict)
	assert.Contains(t, got.Cause, "to compare all of this policy with this token would take too long")

	got = rule{policy: on(`{"StringLike": {"P:sub": "*` + strings.Repeat("a", 110000) + `b"}}`), claims: with("sub", sub)}.evaluate(t)
	assert.Equal(t, trustpolicy.Unknown, got.Verdict)

	// What variables stand for is work as well: 1,400 values of 8 of them are two hundred million characters.
	p, err := trustpolicy.Parse([]byte(policy("2012-10-17", statement("Allow", `"Principal": "*"`, `"Action": "*"`, `{"StringEquals": {"a.b:aud": ["`+strings.Repeat(strings.Repeat("${a.b:sub}", 8)+`", "`, 1400)+`"]}}`))))
	require.NoError(t, err)
	got = p.Evaluate(trustpolicy.Request{Provider: "a.b", Claims: claims{"sub": {sub}, "aud": {"x"}}})
	assert.Equal(t, trustpolicy.Unknown, got.Verdict)
	assert.Contains(t, got.Cause, "to compare all of this policy with this token would take too long")

	// A hint that would take too long is left out, and costs nothing.
	got = rule{policy: policy("2012-10-17", allow(`{"StringEquals": {"P:sub": "*`+strings.Repeat("a", 110000)+`"}}`), allow(`{"StringLike": {"P:sub": "a*"}}`)), claims: with("sub", sub)}.evaluate(t)
	assert.Equal(t, trustpolicy.Allowed, got.Verdict)
	assert.NotContains(t, got.String(), "takes * and ? literally")

	many = `["` + strings.Repeat(`system:*:gryphon-*-*", "`, 4000) + dispatcher + `-canary"]`
	got = rule{policy: on(`{"StringLike": {"P:sub": ` + many + `}}`)}.evaluate(t)
	assert.Equal(t, trustpolicy.Allowed, got.Verdict, "a long policy of an ordinary kind is far below the bound")
}

// Each of them is as long as Parse and RequestFromToken let it be, and took seconds and gigabytes once. An allocation is what can be
// counted without a clock.
func TestNoPolicyTakesLong(t *testing.T) {
	const most = 64 << 20
	many := func(n int, of func(i int) string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = of(i)
		}
		return strings.Join(list, ", ")
	}
	claimed, tags := canary(), canary()
	for i := range 1800 {
		claimed["email"] = []string{""}
		claimed[fmt.Sprintf("c%d", i)] = []string{"x"}
	}
	for i := range 1300 {
		tags[fmt.Sprintf("https://aws.amazon.com/tags/principal_tags/t%d", i)] = []string{"x"}
	}
	denies := func(n int, condition func(i int) string) string {
		return policy("2012-10-17", many(n, func(i int) string {
			return `{"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": ` + strings.ReplaceAll(condition(i), "P:", provider+":") + `}`
		}))
	}
	for _, tt := range []struct {
		name, policy string
		claims       claims
	}{
		{"variables of claims", on(`{"StringEquals": {"P:sub": ["` + strings.Repeat("${P:email}", 1700) + `"]}}`), claimed},
		{"a variable of a claim in many values", on(`{"StringEquals": {"P:sub": [` + many(1700, func(int) string { return `"${P:aMR}"` }) + `]}}`), claimed},
		{"variables of tags", on(`{"StringEquals": {"P:sub": ["` + strings.Repeat("${aws:RequestTag/t0}", 6000) + `"]}}`), tags},
		{"a variable of a tag in many values", on(`{"StringEquals": {"P:sub": [` + many(5000, func(int) string { return `"${aws:RequestTag/0}"` }) + `]}}`), tags},
		{"conditions on claims that are not there", on(`{"Null": {` + many(1800, func(i int) string { return fmt.Sprintf(`"P:%d": "true"`, i) }) + `}}`), claimed},
		{"conditions on a long subject", denies(750, func(int) string { return `{"StringLike": {"P:sub": "x"}}` }), with("sub", strings.Repeat("s", 14000))},
		{"keys in many letter cases", denies(750, func(i int) string {
			return fmt.Sprintf(`{"StringLike": {"%s:sUB": "x%d"}}`, strings.ToUpper(provider), i)
		}), with("sub", strings.Repeat("s", 14000))},
		{"several long values without one", denies(700, func(int) string { return `{"ForAllValues:StringEquals": {"P:amr": ["a", "b"]}}` }), with("amr", many(1, func(int) string { return strings.Repeat("s", 7000) }), strings.Repeat("t", 7000))},
		{"subjects full of wildcards", on(`{"StringLike": {"P:sub": [` + many(184, func(int) string { return `"` + strings.Repeat("*?", 338) + `"` }) + `]}}`), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := rule{policy: strings.ReplaceAll(tt.policy, "${P:", "${"+provider+":"), claims: tt.claims}.evaluate(t)
			runtime.ReadMemStats(&after)
			assert.NotEmpty(t, got.Cause)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most))
			t.Logf("%d kB", (after.TotalAlloc-before.TotalAlloc)>>10)
		})
	}
}

func TestTheStatementThatCameClosestIsTheCause(t *testing.T) {
	p := policy("2012-10-17",
		statement("Allow", `"Principal": {"AWS": "111122223333"}`, `"Action": "sts:AssumeRole"`, ""),
		statement("Allow", `"Principal": {"Federated": "`+providerARN+`"}`, `"Action": "sts:AssumeRole"`, ""),
		allow(`{"StringEquals": {"P:sub": "x", "P:aud": "y"}}`),
		allow(`{"StringEquals": {"P:sub": "`+dispatcher+`", "P:aud": "sts.amazonaws.com"}}`),
	)
	got := rule{policy: p}.evaluate(t)
	assert.Contains(t, got.Cause, "statement 4 (Allow) does not apply: condition StringEquals")
	require.Len(t, got.Mismatches, 3, "of statement 4 first, then of 3; those with another action do not count")
	assert.Equal(t, trustpolicy.Mismatch{
		Statement: "statement 4 (Allow)", Action: "sts:AssumeRoleWithWebIdentity", Kind: trustpolicy.KindUnmatched, Operator: "StringEquals", Key: provider + ":sub",
		Token: []string{dispatcher + "-canary"}, Policy: []string{dispatcher}, Difference: `from character 49: "-canary" is left over`,
		Cure: "StringEquals " + provider + ":sub of statement 4 (Allow) must accept \"" + dispatcher + "-canary\"",
	}, got.Mismatches[0])
	assert.Equal(t, "statement 3 (Allow)", got.Mismatches[1].Statement)
	assert.Len(t, got.Reasons, 4)
}

func TestOfATokenWithSeveralAudiencesAndNoPartyOnlyADenialIsKnown(t *testing.T) {
	const bound = `{"StringEquals": {"P:sub": "` + dispatcher + `-canary"}, "ForAnyValue:StringEquals": {"P:aud": "sts.amazonaws.com"}}`
	const cause = `the token has several audiences ("a", "sts.amazonaws.com") and no azp: STS is known to refuse such a token, whatever the policy says; project one with exactly one audience`
	audiences := with("aud", "a", "sts.amazonaws.com")
	for name, document := range map[string]string{"the policy would allow it": bound, "the policy is not known": `{"StringEquals": {"aws:SourceIp": "x"}}`} {
		t.Run(name, func(t *testing.T) {
			got := rule{policy: on(document), claims: audiences}.evaluate(t)
			assert.Equal(t, trustpolicy.Unknown, got.Verdict)
			assert.Equal(t, cause, got.Cause)
			assert.Empty(t, got.Mismatches)
			require.Len(t, got.Reasons, 2)
			assert.Contains(t, got.String(), "\n  ? "+cause+"\n")
		})
	}
	got := rule{policy: on(`{"StringEquals": {"P:sub": "x"}}`), claims: audiences}.evaluate(t)
	assert.Equal(t, trustpolicy.Denied, got.Verdict)
	assert.Contains(t, got.Cause, "statement 1 (Allow) does not apply: condition StringEquals "+provider+":sub")
	assert.Len(t, got.Mismatches, 1)
	got = rule{policy: on(`{"ForAnyValue:StringEquals": {"P:aud": "b"}}`), claims: audiences}.evaluate(t)
	assert.Equal(t, []string{"a", "sts.amazonaws.com"}, got.Mismatches[0].Token)

	audiences["azp"] = []string{"sts.amazonaws.com"}
	assert.Equal(t, trustpolicy.Allowed, rule{policy: on(bound), claims: audiences}.evaluate(t).Verdict)
	audiences["azp"] = []string{""}
	assert.Equal(t, trustpolicy.Unknown, rule{policy: on(bound), claims: audiences}.evaluate(t).Verdict)
	for _, odd := range [][]string{{"sts.amazonaws.com", "sts.amazonaws.com"}, {"sts.amazonaws.com", ""}} {
		assert.Equal(t, trustpolicy.Unknown, rule{policy: on(bound), claims: with("aud", odd...)}.evaluate(t).Verdict)
	}
	assert.Equal(t, trustpolicy.Allowed, rule{policy: on(bound)}.evaluate(t).Verdict)
}

func TestResultMarshalsAsJSON(t *testing.T) {
	got, err := json.Marshal(rule{policy: on(`{"StringEquals": {"P:amr": "x"}, "StringLike": {"P:sub": "` + dispatcher + `-c*"}}`)}.evaluate(t))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"verdict": "denied",
		"cause": "statement 1 (Allow) does not apply: condition StringEquals `+provider+`:amr: the token has no amr, and the policy asks for \"x\"",
		"reasons": [{"answer": "no", "text": "statement 1 (Allow) does not apply", "because": [
			{"answer": "yes", "text": "principal Federated \"`+providerARN+`\" is the token's issuer"},
			{"answer": "yes", "text": "action \"sts:AssumeRoleWithWebIdentity\""},
			{"answer": "no", "text": "condition StringEquals `+provider+`:amr: the token has no amr, and the policy asks for \"x\""},
			{"answer": "yes", "text": "condition StringLike `+provider+`:sub: \"`+dispatcher+`-canary\" matches \"`+dispatcher+`-c*\""}]}],
		"mismatches": [{"statement": "statement 1 (Allow)", "action": "sts:AssumeRoleWithWebIdentity", "kind": "missing", "operator": "StringEquals", "key": "`+provider+`:amr", "token": [], "policy": ["x"],
			"difference": "the token has no amr, and the policy asks for \"x\"",
			"cure": "StringEquals `+provider+`:amr of statement 1 (Allow) asks for what this token does not have: remove the condition, or use a token that has it"}],
		"warnings": ["statement 1 (Allow) has no condition that binds aud of \"`+provider+`\": a token that was made for another service can take the role"]
	}`, string(got))
}

func TestVerdictsReadWell(t *testing.T) {
	assert.Equal(t, "denied", trustpolicy.Denied.String())
	assert.Equal(t, "allowed", trustpolicy.Allowed.String())
	assert.Equal(t, "cannot be known offline", trustpolicy.Unknown.String())
	assert.Equal(t, "Verdict(7)", trustpolicy.Verdict(7).String())
	assert.Equal(t, "Answer(7)", trustpolicy.Answer(7).String())
	assert.Equal(t, trustpolicy.Denied, trustpolicy.Result{}.Verdict, "the zero value lets nobody in")
}

func TestAReasonPrintsItsPartOfTheTree(t *testing.T) {
	got := rule{policy: on("")}.evaluate(t)
	assert.Equal(t, "✓ action \"sts:AssumeRoleWithWebIdentity\"\n", got.Reasons[0].Because[1].String())
}

func TestAnEmptyRequestIsDeniedAndDoesNotPanic(t *testing.T) {
	p, err := trustpolicy.Parse([]byte(on(`{"StringEquals": {"P:sub": "x"}}`)))
	require.NoError(t, err)
	assert.Equal(t, trustpolicy.Denied, p.Evaluate(trustpolicy.Request{}).Verdict)
}
