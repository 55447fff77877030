package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/chain"
	"example.com/podrole/ecs"
	"example.com/podrole/imds"
	"example.com/podrole/webidentity"
)

// identityReport is what is said of the identity.
type identityReport struct {
	Found     bool             `json:"found"`
	Error     string           `json:"error,omitempty"`     // why no credentials were found
	ARN       string           `json:"arn,omitempty"`       // whom they act as
	ARNError  string           `json:"arn_error,omitempty"` // why that is not known
	Status    chain.Status     `json:"status"`
	Notes     []string         `json:"notes,omitempty"`     // what nobody may miss about the identity
	Providers []providerReport `json:"providers,omitempty"` // with -explain
}

// identity asks the default chain, once.
func (p program) identity(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if err := p.checkFlags(ctx); err != nil {
		return p.bad("%v", err)
	}
	var warned notebook
	c := chain.NewDefault(func(o *chain.Options) {
		o.LookupEnv = p.env
		o.Logger = slog.New(&warned) // into the report; what a provider warns of, an endpoint without TLS for example, goes to stderr
		o.WebIdentity = p.webIdentity
		o.Container = func(o *ecs.Options) { o.Logger = p.logger }
		o.IMDS = func(o *imds.Options) { o.Logger = p.logger }
	})
	creds, err := c.Retrieve(ctx)
	report := identityReport{Found: err == nil, Error: flagNames.Replace(oneLine(err)), Status: c.Status()}
	_ = c.Close() // waits for what the chain has to say
	if report.Found {
		report.ARN, report.ARNError = p.callerARN(ctx, creds, report.Status)
		report.Notes = warned.all()
	}
	if p.explain {
		report.Providers = p.explainProviders(ctx, report.Status)
	}
	if p.json {
		printJSON(p.stdout, report)
	} else {
		p.printIdentity(report)
	}
	if !report.Found {
		return statusNone
	}
	return statusFound
}

// checkFlags looks at -token and -role before anybody is asked: with half of a web identity the chain would go on to another one.
func (p program) checkFlags(ctx context.Context) error {
	if p.token == "" && p.role == "" {
		return nil
	}
	role, _, err := p.roleAccount()
	path, _ := p.tokenFile()
	switch {
	case err != nil:
		return err
	case role == "":
		return fmt.Errorf("-token needs a role: give -role ARN, or set %s", roleVar)
	case path == "":
		return fmt.Errorf("-role needs a token: give -token FILE, or set %s", tokenFileVar)
	case p.token != "":
		_, err = p.readToken(ctx)
	}
	return err
}

// flagNames puts the names of the flags in the place of the options that they fill.
var flagNames = strings.NewReplacer("Options.RoleARN", "-role", "Options.TokenFile", "-token")

// webIdentity puts -token and -role in the place of the variables.
func (p program) webIdentity(o *webidentity.Options) {
	o.TokenFile, o.RoleARN, o.Logger = cmp.Or(p.token, o.TokenFile), cmp.Or(p.role, o.RoleARN), p.logger
}

// callerARN is the ARN that the source of the credentials knows, else the one that STS does.
func (p program) callerARN(ctx context.Context, creds aws.Credentials, status chain.Status) (arn, why string) {
	if status.Identity.ARN != "" {
		return status.Identity.ARN, ""
	}
	arn, err := webidentity.CallerIdentity(ctx, creds, func(o *webidentity.Options) { o.LookupEnv, o.Logger = p.env, p.logger })
	return arn, oneLine(err)
}

// printIdentity prints a report for people. Its first line is the answer.
func (p program) printIdentity(r identityReport) {
	id := r.Status.Identity
	if r.Found {
		whom := cmp.Or(id.Role, r.ARN, "an identity that is not known")
		fmt.Fprintf(p.stdout, "%s, by %s\n\n", whom, r.Status.Provider)
		expires := "never"
		if !r.Status.Expires.IsZero() {
			expires = fmt.Sprintf("%s, in %s", stamp(r.Status.Expires), time.Until(r.Status.Expires).Round(time.Second))
		}
		table(p.stdout, field{"arn", cmp.Or(r.ARN, "not known: "+r.ARNError)}, field{"account", id.Account}, field{"role", id.Role},
			field{"session", id.Session}, field{"source", id.Source}, field{"access key", r.Status.AccessKeyID}, field{"expires", expires},
			field{"note", strings.Join(r.Notes, "\n")})
	} else {
		fmt.Fprintln(p.stdout, "no credentials: "+strings.TrimPrefix(r.Error, "podrole: "))
	}
	if p.explain {
		p.printProviders(r.Providers)
		return
	}
	fmt.Fprintln(p.stdout, "\nwhy")
	var fields []field
	for _, a := range r.Status.Attempts {
		fields = append(fields, field{a.Link, answer(a)})
	}
	fields = append(fields, field{"shadowed", strings.Join(r.Status.Shadowed, ", ")})
	table(p.stdout, fields...)
}

// answer is what a link answered, for people.
func answer(a chain.Attempt) string {
	took := a.Duration.Round(time.Millisecond)
	switch a.Outcome {
	case chain.OutcomeCredentials:
		return fmt.Sprintf("has them (%s)", took)
	case chain.OutcomeUnavailable:
		return "nothing here: " + a.Reason
	default:
		return fmt.Sprintf("failed (%s): %s", took, a.Reason)
	}
}
