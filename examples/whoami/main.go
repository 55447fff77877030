// Command whoami answers, in the environment it is started in: which AWS identity would a process run as here, why, and why not as
// another? It asks what the default chain of podrole asks.
//
//	whoami            the identity, and what each provider said
//	whoami -explain   and everything else that is known of each provider
//	whoami -json      the same for programs
//
// With a trust policy it calls nobody, and says whether the policy lets a web identity token take its role:
//
//	aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument | whoami -trust-policy -
//
// The token is the pod's own, AWS_WEB_IDENTITY_TOKEN_FILE, or that of -token FILE. -role ARN, or AWS_ROLE_ARN, says whose trust policy
// it is: the role's account must be that of the OIDC provider. Without -trust-policy both take the place of those variables.
//
// The first line of a denial is its cause. Try it on the token of a canary that was refused; the program carries both files, and takes
// its own where there are none of these names:
//
//	go run ./examples/whoami -token testdata/canary.jwt -trust-policy testdata/gryphon-trust.json
//
// # Exit status
//
//	0  credentials were found; the trust policy allows the token
//	1  no credentials were found
//	2  bad input: a flag, the token, the policy
//	3  the trust policy denies the token
//	4  what the trust policy does cannot be known offline
//
// No output holds a secret: of an access key id its last four characters, of a token its claims.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/redact"
)

// The exit statuses.
const (
	statusFound   = 0
	statusNone    = 1
	statusBad     = 2
	statusDenied  = 3
	statusUnknown = 4
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // the next interrupt ends the program, whatever it is doing
	status := run(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// program is one run.
type program struct {
	flags
	env     env.Lookup
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	logger  *slog.Logger // what the providers warn of goes to stderr
	carried *[]string    // names of the samples that were taken
}

type flags struct {
	json        bool
	explain     bool
	trustPolicy string
	token       string
	role        string
	timeout     time.Duration
}

// run does what the arguments ask, and returns the exit status.
func run(ctx context.Context, args []string, lookup env.Lookup, stdin io.Reader, stdout, stderr io.Writer) int {
	// A token may have been put anywhere, into a flag or a variable that is shown.
	stdout, stderr = redact.Writer(stdout), redact.Writer(stderr)
	p := program{env: lookup, stdin: stdin, stdout: stdout, stderr: stderr, logger: warnings(stderr), carried: new([]string)}
	set := flag.NewFlagSet("whoami", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&p.json, "json", false, "print JSON, for programs")
	set.BoolVar(&p.explain, "explain", false, "print everything that is known of each provider, or the whole tree of a trust policy's reasons")
	set.StringVar(&p.trustPolicy, "trust-policy", "", "evaluate the trust policy in `FILE` (- is the standard input) against the token, and call nobody")
	set.StringVar(&p.token, "token", "", "the web identity token is in `FILE`, in place of AWS_WEB_IDENTITY_TOKEN_FILE")
	set.StringVar(&p.role, "role", "", "the role is `ARN`, in place of AWS_ROLE_ARN")
	set.DurationVar(&p.timeout, "timeout", 30*time.Second, "wait so long for credentials, or for a file, at most")
	set.Usage = func() {
		fmt.Fprintln(stderr, "usage: whoami [flags]")
		set.PrintDefaults()
		fmt.Fprintln(stderr, "exit status: 0 credentials found, or allowed by the trust policy; 1 no credentials; 2 bad input;\n"+
			"             3 denied by the trust policy; 4 cannot be known offline")
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return statusFound
	case err != nil:
		return statusBad
	case set.NArg() > 0:
		return p.bad("unexpected argument %q", set.Arg(0))
	}
	// An empty value is a variable of a script that was not set. It must not mean what leaving the flag out does.
	empty := ""
	set.Visit(func(f *flag.Flag) {
		if f.Value.String() == "" {
			empty = f.Name
		}
	})
	switch {
	case empty != "":
		return p.bad("-%s is empty", empty)
	case p.trustPolicy != "":
		return p.trust(ctx)
	}
	return p.identity(ctx)
}

// warnings returns a logger of warnings, without their time.
func warnings(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// bad reports input that nothing can be done with.
func (p program) bad(format string, args ...any) int {
	fmt.Fprintf(p.stderr, "whoami: "+format+"\n", args...)
	return statusBad
}
