package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"example.com/podrole/webidentity/trustpolicy"
)

// maxPolicy is more than the IAM API takes, so that the parser says what is wrong with a longer one.
const maxPolicy = 1 << 20

// trustReport is what is said of a token and a trust policy.
type trustReport struct {
	trustpolicy.Result
	Role  string      `json:"role,omitempty"`
	Token tokenClaims `json:"token"`
	Notes []string    `json:"notes,omitempty"`
}

// trust evaluates a trust policy against the token, and calls nobody.
func (p program) trust(ctx context.Context) int {
	policy, err := p.readPolicy(ctx)
	if err != nil {
		return p.bad("%v", err)
	}
	token, err := p.readToken(ctx)
	if err != nil {
		return p.bad("%v", err)
	}
	request, err := trustpolicy.RequestFromToken(token)
	if err != nil {
		path, _ := p.tokenFile()
		return p.bad("%s: %v", path, trimmed(err))
	}
	role, account, err := p.roleAccount()
	if err != nil {
		return p.bad("%v", err)
	}
	request.Account = account
	report := trustReport{Result: policy.Evaluate(request), Role: role}
	if report.Token, report.Notes, err = inspect(token, time.Now()); err != nil {
		return p.bad("%v", err)
	}
	for _, name := range *p.carried {
		report.Notes = append(report.Notes, fmt.Sprintf("there is no file %s here: this is the sample of that name, which the program carries", name))
	}
	if p.json {
		printJSON(p.stdout, report)
	} else {
		p.printTrust(report)
	}
	switch report.Verdict {
	case trustpolicy.Allowed:
		return statusFound
	case trustpolicy.Denied:
		return statusDenied
	}
	return statusUnknown
}

func (p program) readPolicy(ctx context.Context) (*trustpolicy.Policy, error) {
	name, read := p.trustPolicy, p.readFile
	if name == "-" {
		name, read = "standard input", p.readStdin
	}
	raw, err := read(ctx, name, maxPolicy)
	if err != nil {
		return nil, fmt.Errorf("the trust policy: %w", err)
	}
	policy, err := trustpolicy.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", name, trimmed(err))
	}
	return policy, nil
}

// roleForm is that of a role's ARN, with its path (IAM API Reference, Role).
var roleForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/([!-~]+/)?[\w+=,.@-]+$`)

// roleAccount returns the role whose trust policy it is, and its account; both are "" if nothing names it.
func (p program) roleAccount() (role, account string, err error) {
	role, from := p.role, "-role"
	if role == "" {
		role, from = p.env.Get(roleVar), roleVar
	}
	if role == "" {
		return "", "", nil
	}
	if !roleForm.MatchString(role) {
		return "", "", fmt.Errorf("%s %q is %w", from, role, errNotRole)
	}
	return role, strings.Split(role, ":")[4], nil
}

func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "trustpolicy: ") }

// mismatch is one thing that keeps the token out, for people.
func mismatch(m trustpolicy.Mismatch) []field {
	key, policys := field{"condition key", m.Key}, field{"policy's values", quoted(m.Policy)}
	switch {
	case m.Operator == "": // a principal or an action
		key.label = "element"
	default:
		policys.value = m.Operator + " " + policys.value
	}
	if m.Kind == trustpolicy.KindForbidden {
		policys.label = "policy forbids"
	}
	action := field{"action", m.Action}
	if m.Action == "sts:AssumeRoleWithWebIdentity" { // what everybody expects
		action.value = ""
	}
	return []field{action, key, {"token's value", quoted(m.Token)}, policys, {"difference", m.Difference}, {"to let it in", m.Cure}}
}

// printTrust prints a report for people. Its first line is the verdict and its cause.
func (p program) printTrust(r trustReport) {
	fmt.Fprintf(p.stdout, "%s: %s\n", r.Verdict, r.Cause)
	for _, m := range r.Mismatches {
		fmt.Fprintln(p.stdout)
		table(p.stdout, mismatch(m)...)
	}
	if p.explain {
		fmt.Fprint(p.stdout, "\nthe policy, statement by statement\n")
		for _, reason := range r.Reasons {
			for line := range strings.Lines(reason.String()) {
				fmt.Fprint(p.stdout, "  "+line)
			}
		}
	}
	fmt.Fprint(p.stdout, "\nthe token, which was not verified\n")
	table(p.stdout, append(r.Token.fields(), field{"role", r.Role})...)
	if r.Verdict == trustpolicy.Allowed {
		r.Notes = append(r.Notes, "STS also checks the token's signature and expiry, and that the OIDC provider in IAM lists its audience")
	}
	if notes := append(r.Warnings, r.Notes...); len(notes) > 0 {
		fmt.Fprintln(p.stdout)
		for _, note := range notes {
			table(p.stdout, field{"note", note})
		}
	}
}
