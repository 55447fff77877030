package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity/ststest"
)

// outcome is what a run left behind.
type outcome struct {
	status         int
	stdout, stderr string
}

func (o outcome) firstLine() string {
	line, _, _ := strings.Cut(o.stdout, "\n")
	return line
}

// whoami runs the program in an environment that holds nothing but what is given.
func whoami(t *testing.T, environment map[string]string, stdin string, args ...string) outcome {
	t.Helper()
	environment = maps.Clone(environment) // the chain may still read it when run has returned, and the caller changes it
	lookup := func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, lookup, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const (
	canary     = "testdata/canary.jwt"
	dispatcher = "testdata/dispatcher.jwt"
	trust      = "testdata/gryphon-trust.json"
)

func TestTheFirstLineIsTheIncidentsCause(t *testing.T) {
	got := whoami(t, nil, "", "-token", canary, "-trust-policy", trust)
	assert.Equal(t, statusDenied, got.status)
	assert.Equal(t, `denied: statement 1 (Allow) does not apply: condition StringLike `+strings.TrimPrefix(exampleIssuer, "https://")+
		`:sub: "system:serviceaccount:default:gryphon-dispatcher-canary" does not match "system:serviceaccount:default:gryphon-dispatcher": from character 49: "-canary" is left over`,
		got.firstLine())
	assert.Empty(t, got.stderr)
}

// Whoever types the command of the documentation in another directory gets the same, and is told.
func TestTheSamplesAreThereInAnyDirectory(t *testing.T) {
	here := whoami(t, nil, "", "-token", canary, "-trust-policy", trust)
	t.Chdir(t.TempDir())
	got := whoami(t, nil, "", "-token", canary, "-trust-policy", trust)
	assert.Equal(t, statusDenied, got.status)
	assert.Equal(t, here.stdout, strings.Join(strings.Split(got.stdout, "\n")[:strings.Count(here.stdout, "\n")], "\n")+"\n")
	assert.Contains(t, got.stdout, "note  there is no file testdata/canary.jwt here: this is the sample of that name, which the program carries\n")
	assert.Contains(t, got.stdout, "note  there is no file testdata/gryphon-trust.json here: ")
	assert.Empty(t, got.stderr, "the cause is the first line, also where both streams are one")
	assert.Contains(t, whoami(t, nil, "", "-json", "-token", canary, "-trust-policy", trust).stdout, "the program carries")

	for _, other := range []string{dispatcher, "testdata", "./" + canary} {
		assert.Equal(t, statusBad, whoami(t, nil, "", "-token", other, "-trust-policy", trust).status, "%s is not carried", other)
	}
	live := whoami(t, map[string]string{roleVar: roleARN, "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"}, "", "-token", canary, "-explain")
	assert.Equal(t, statusBad, live.status, "no sample is sent to STS")
	assert.NotContains(t, live.stdout, "gryphon-dispatcher-canary")
}

func TestADenialNamesKeyTokenAndPolicy(t *testing.T) {
	got := whoami(t, nil, "", "-token", canary, "-trust-policy", trust)
	for _, line := range []string{
		`  condition key    ` + strings.TrimPrefix(exampleIssuer, "https://") + `:sub`,
		`  token's value    "system:serviceaccount:default:gryphon-dispatcher-canary"`,
		`  policy's values  StringLike "system:serviceaccount:default:gryphon-dispatcher"`,
		`  difference       from character 49: "-canary" is left over`,
		`  to let it in     StringLike ` + strings.TrimPrefix(exampleIssuer, "https://") + `:sub of statement 1 (Allow) must accept "system:serviceaccount:default:gryphon-dispatcher-canary"`,
		`  pod              "gryphon-dispatcher-canary-example"`,
	} {
		assert.Contains(t, got.stdout, line+"\n")
	}
	assert.NotContains(t, got.stdout, "✗", "the tree is for -explain")
	assert.Contains(t, whoami(t, nil, "", "-token", canary, "-trust-policy", trust, "-explain").stdout, "    ✗ condition StringLike ")
}

func TestTheTrustPolicyDecidesTheStatus(t *testing.T) {
	policy, err := os.ReadFile(trust)
	require.NoError(t, err)
	edit := func(old, by string) string { return strings.Replace(string(policy), old, by, 1) }
	for _, tt := range []struct {
		name, token, policy string
		status              int
		first               string
		more                string
	}{
		{"allowed", dispatcher, string(policy), statusFound, "allowed: statement 1 (Allow) applies", "STS also checks the token's signature"},
		{"denied", canary, string(policy), statusDenied, "denied: statement 1 (Allow) does not apply: condition StringLike", "to let it in"},
		{"denied by another issuer", canary, edit("oidc-provider/oidc.eks", "oidc-provider/oidc.eks2"), statusDenied, "denied: statement 1 (Allow) does not apply: principal Federated", "  element          Principal\n"},
		{"denied without a key", canary, edit(":aud", ":amr"), statusDenied, "denied: ", "amr of statement 1 (Allow) asks for what this token does not have"},
		{"denied by another issuer's key", canary, strings.ReplaceAll(string(policy), "0721EXAMPL:sub", "0722EXAMPL:sub"), statusDenied, "denied: ", ":sub, and it must accept"},
		{"forbidden", canary, edit(`"Statement": [`, `"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"StringLike": {"`+strings.TrimPrefix(exampleIssuer, "https://")+`:sub": "*-canary"}}}, `),
			statusDenied, "denied: statement 1 (Deny) applies", `  policy forbids  StringLike "*-canary"`},
		{"allowed by a negated operator", canary, edit(`"StringLike"`, `"StringNotLike"`), statusFound, "allowed: ", "StringNotLike only excludes"},
		{"excluded", dispatcher, edit(`"StringLike"`, `"StringNotLike"`), statusDenied, "denied: ", "must not exclude"},
		{"unknown", dispatcher, edit(`"StringLike": {`, `"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "StringLike": {`), statusUnknown,
			"cannot be known offline: statement 1 (Allow) may apply: condition IpAddress aws:SourceIp", ""},
		{"too wide", dispatcher, edit("default:gryphon-dispatcher", "*"), statusFound, "allowed: ", `note  statement 1 (Allow) accepts the subject "system:serviceaccount:*": any pod of the cluster can take the role`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, args := range [][]string{{"-trust-policy", write(t, "policy.json", tt.policy)}, {"-trust-policy", "-"}} {
				got := whoami(t, map[string]string{tokenFileVar: tt.token}, tt.policy, args...)
				assert.Equal(t, tt.status, got.status, got.stdout)
				assert.Contains(t, got.firstLine(), tt.first)
				assert.Contains(t, got.stdout, tt.more)
				assert.Empty(t, got.stderr)
			}
		})
	}
}

// Wherever a token was put on the command line, it is not shown.
func TestATokenOnTheCommandLineIsNotShown(t *testing.T) {
	raw, err := os.ReadFile(canary)
	require.NoError(t, err)
	token := strings.TrimSpace(string(raw))
	for name, args := range map[string][]string{
		"an argument":        {token},
		"a policy":           {"-trust-policy", token},
		"a token":            {"-trust-policy", trust, "-token", " " + token},
		"a role":             {"-trust-policy", trust, "-token", canary, "-role", token},
		"a time":             {"-timeout", token},
		"a switch":           {"-json=" + token},
		"a flag that is not": {"-" + token},
	} {
		got := whoami(t, nil, "", args...)
		assert.Equal(t, statusBad, got.status, name)
		for part := range strings.SplitSeq(token, ".") {
			assert.NotContains(t, got.stdout+got.stderr, part, name)
		}
	}
}

// A token within a token is no less one.
func TestATokenInAClaimIsNotShown(t *testing.T) {
	raw, err := os.ReadFile(canary)
	require.NoError(t, err)
	inner := strings.TrimSpace(string(raw))
	issuer := ststest.New(func(o *ststest.Options) { o.Issuer = exampleIssuer })
	outer := write(t, "token", issuer.MintToken(ststest.Token{Subject: inner}))
	for _, args := range [][]string{{}, {"-json"}, {"-explain"}} {
		got := whoami(t, nil, "", append(args, "-trust-policy", trust, "-token", outer)...)
		assert.Equal(t, statusDenied, got.status)
		for part := range strings.SplitSeq(inner, ".") {
			assert.NotContains(t, got.stdout+got.stderr, part)
		}
	}
}

func TestAPolicysKeysDoNothingToTheTerminal(t *testing.T) {
	policy, err := os.ReadFile(trust)
	require.NoError(t, err)
	hostile := strings.Replace(string(policy), `0721EXAMPL:sub"`, `0721EXAMPL:sub\u001b[2J\u0007\u202e"`, 1)
	require.NotEqual(t, string(policy), hostile)
	for _, args := range [][]string{{}, {"-explain"}} {
		got := whoami(t, nil, hostile, append(args, "-token", canary, "-trust-policy", "-")...)
		assert.Equal(t, statusDenied, got.status, got.stderr)
		assert.False(t, strings.ContainsAny(got.stdout, "\x1b\a\u202e"), "%q", got.stdout)
	}
}

// Nobody has to wait for who types nothing.
func TestAnInterruptEndsTheWaitForThePolicy(t *testing.T) {
	stdin, never := io.Pipe()
	defer never.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"-token", canary, "-trust-policy", "-"}, func(string) (string, bool) { return "", false }, stdin, &stdout, &stderr)
	assert.Equal(t, statusBad, status)
	assert.Equal(t, "whoami: the trust policy: context canceled\n", stderr.String())
}

func TestTheRolesAccountMustBeTheProviders(t *testing.T) {
	assert.Equal(t, statusFound, whoami(t, map[string]string{roleVar: ""}, "", "-token", dispatcher, "-trust-policy", trust).status, "no role is named")
	for role, status := range map[string]int{
		"arn:aws:iam::111122223333:role/gryphon": statusFound,
		"arn:aws:iam::444455556666:role/gryphon": statusDenied,
	} {
		assert.Equal(t, status, whoami(t, nil, "", "-token", dispatcher, "-trust-policy", trust, "-role", role).status, role)
		assert.Equal(t, status, whoami(t, map[string]string{roleVar: role}, "", "-token", dispatcher, "-trust-policy", trust).status, role)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	broken := write(t, "broken.json", "{\n  \"Statement\": [}\n")
	empty := write(t, "empty", " \n")
	opaque := write(t, "opaque", "bm90LWEtand0LXNlY3JldA")
	large := write(t, "large", strings.Repeat("x", 30000))
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown flag", []string{"-trust"}, "flag provided but not defined"},
		{"an argument", []string{"x"}, `whoami: unexpected argument "x"`},
		{"no such policy", []string{"-token", canary, "-trust-policy", "testdata/none.json"}, "whoami: the trust policy: open testdata/none.json"},
		{"a policy that is not JSON", []string{"-token", canary, "-trust-policy", broken}, "broken.json: line 2, column 17: not valid JSON"},
		{"an empty standard input", []string{"-token", canary, "-trust-policy", "-"}, "standard input: line 1, column 1: the policy is empty"},
		{"no token", []string{"-trust-policy", trust}, "whoami: no token: give -token FILE, or set AWS_WEB_IDENTITY_TOKEN_FILE"},
		{"no such token", []string{"-trust-policy", trust, "-token", "testdata/none.jwt"}, "whoami: the token of -token: open testdata/none.jwt"},
		{"a directory for a token", []string{"-trust-policy", trust, "-token", "testdata"}, "whoami: the token of -token: read testdata"},
		{"an empty token", []string{"-trust-policy", trust, "-token", empty}, "empty is empty"},
		{"a large token", []string{"-trust-policy", trust, "-token", large}, "large is larger than the 21024 bytes that it may have"},
		{"not a JWT", []string{"-trust-policy", trust, "-token", opaque}, "opaque: not a JWT: it has 1 parts between dots, not 3"},
		{"a role that is none", []string{"-trust-policy", trust, "-token", canary, "-role", "gryphon"}, `whoami: -role "gryphon" is not the ARN of a role`},
		{"a role of a short account", []string{"-trust-policy", trust, "-token", canary, "-role", "arn:aws:iam::123:role/gryphon"}, "is not the ARN of a role"},
		{"a role with a line break", []string{"-trust-policy", trust, "-token", canary, "-role", roleARN + "\nallowed: x"}, "is not the ARN of a role"},
		{"a role that is none, without a policy", []string{"-role", "nonsense"}, "is not the ARN of a role"},
		{"a role without a token", []string{"-role", roleARN}, "whoami: -role needs a token: give -token FILE, or set AWS_WEB_IDENTITY_TOKEN_FILE"},
		{"a token without a role", []string{"-token", canary}, "whoami: -token needs a role: give -role ARN, or set AWS_ROLE_ARN"},
		{"no such token, without a policy", []string{"-role", roleARN, "-token", "testdata/none.jwt"}, "whoami: the token of -token: open testdata/none.jwt"},
		{"a role without an account", []string{"-trust-policy", trust, "-token", canary, "-role", "arn:aws:iam:::role/gryphon"}, "is not the ARN of a role"},
		{"a role without a name", []string{"-trust-policy", trust, "-token", canary, "-role", "arn:aws:iam::111122223333:role/"}, "is not the ARN of a role"},
		{"an empty policy's name", []string{"-trust-policy", "", "-token", canary}, "whoami: -trust-policy is empty"},
		{"an empty token's name", []string{"-trust-policy", trust, "-token="}, "whoami: -token is empty"},
		{"an empty role", []string{"-role", ""}, "whoami: -role is empty"},
		{"a session in place of a role", []string{"-trust-policy", trust, "-token", canary, "-role", "arn:aws:sts::111122223333:assumed-role/gryphon/x"}, "is not the ARN of a role"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := whoami(t, nil, "", tt.args...)
			assert.Equal(t, statusBad, got.status)
			assert.Contains(t, got.stderr, tt.want)
			assert.Empty(t, got.stdout)
			assert.NotContains(t, got.stderr, "bm90LWEtand0LXNlY3JldA")
		})
	}
}

func TestHelpNamesTheStatuses(t *testing.T) {
	got := whoami(t, nil, "", "-h")
	assert.Equal(t, statusFound, got.status)
	assert.Contains(t, got.stderr, "3 denied by the trust policy; 4 cannot be known offline")
}

func TestATokenThatSTSWouldNotTakeIsNoted(t *testing.T) {
	issuer := ststest.New(func(o *ststest.Options) { o.Issuer = exampleIssuer })
	account := ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher"}
	expired, late, early, legacy, endless := account, account, account, account, account
	endless.Claims = map[string]any{"exp": nil, "iat": nil}
	late.NotBefore, late.Life = time.Now().Add(-24*time.Hour), 24*time.Hour-2*time.Minute
	expired.NotBefore, expired.Life = time.Now().Add(-48*time.Hour), 24*time.Hour
	early.NotBefore = time.Now().Add(time.Hour)
	legacy.Legacy = true
	for want, token := range map[string]ststest.Token{
		"the token lacks exp, iat, or has it": endless, "the token expired 24h": expired, `the token expired 2m\ds ago by the clock here: STS still takes it, until `: late, "the token is not valid before": early, "the token is a legacy one out of a Secret": legacy,
	} {
		got := whoami(t, nil, "", "-trust-policy", trust, "-token", write(t, "token", issuer.MintToken(token)))
		assert.Regexp(t, "note  "+want, got.stdout)
	}
}

func TestTrustReportMarshalsAsJSON(t *testing.T) {
	got := whoami(t, nil, "", "-json", "-token", canary, "-trust-policy", trust, "-role", "arn:aws:iam::111122223333:role/gryphon-dispatcher")
	assert.Equal(t, statusDenied, got.status)
	var report struct {
		Verdict, Cause, Role string
		Mismatches           []struct{ Key, Difference, Cure string }
		Reasons              []struct{ Because []any }
		Token                struct {
			Subject string
			Expires time.Time
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &report))
	assert.Equal(t, "denied", report.Verdict)
	assert.Contains(t, report.Cause, "-canary")
	assert.Equal(t, "arn:aws:iam::111122223333:role/gryphon-dispatcher", report.Role)
	require.Len(t, report.Mismatches, 1)
	assert.Equal(t, `from character 49: "-canary" is left over`, report.Mismatches[0].Difference)
	require.Len(t, report.Reasons, 1)
	assert.Len(t, report.Reasons[0].Because, 4)
	assert.Equal(t, "system:serviceaccount:default:gryphon-dispatcher-canary", report.Token.Subject)
	assert.Equal(t, 2125, report.Token.Expires.Year())
	assert.Contains(t, report.Mismatches[0].Cure, "must accept")
}
