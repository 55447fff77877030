package chain

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"

	"example.com/podrole/cache"
	"example.com/podrole/ecs"
	"example.com/podrole/imds"
	"example.com/podrole/internal/env"
	"example.com/podrole/internal/redact"
	"example.com/podrole/webidentity"
)

// FallbackPolicy says what the chain does when a link that is configured fails.
type FallbackPolicy int

const (
	// FallbackDefault reads PODROLE_FALLBACK ("stop" or "next"); where that is not set it is FallbackStop.
	FallbackDefault FallbackPolicy = iota
	// FallbackStop stops the chain with an error that says what failed and why. The AWS SDKs for Go, Rust, Python and
	// JavaScript do so when a web identity fails.
	FallbackStop
	// FallbackNext asks the next link, as Java's DefaultAWSCredentialsProviderChain does, but logs the winner at WARN with
	// every failed link and its reason, and goes back to the failed link once it recovers.
	FallbackNext
)

// NodeRolePolicy says what the chain does with credentials of the EC2 instance that hosts the pod or the task.
type NodeRolePolicy int

const (
	// NodeRoleDefault reads PODROLE_NODE_ROLE ("warn", "allow" or "refuse"); where that is not set it is NodeRoleWarn.
	NodeRoleDefault NodeRolePolicy = iota
	// NodeRoleWarn uses them and, in a Kubernetes pod or an ECS task, logs a WARN with the likely cause.
	NodeRoleWarn
	// NodeRoleAllow uses them; the winner's INFO record is all there is.
	NodeRoleAllow
	// NodeRoleRefuse fails the link before it is asked, wherever the process runs.
	NodeRoleRefuse
)

// The variables with which an operator decides without a rebuild. An option set in code wins over its variable.
const (
	envFallback     = "PODROLE_FALLBACK"
	envNodeRole     = "PODROLE_NODE_ROLE"
	envExpectedRole = "PODROLE_EXPECTED_ROLE_ARN"
)

// Options configures a [Chain]. The zero value is usable.
type Options struct {
	// Logger receives the records described in the package documentation. Nil means [slog.Default], because a winner that
	// nobody sees is what this package exists against; [slog.DiscardHandler] is how to silence it.
	Logger *slog.Logger

	// Fallback says what happens when a configured link fails. Zero reads PODROLE_FALLBACK, else stops.
	Fallback FallbackPolicy

	// NodeRole says what happens with the host instance's role. Zero reads PODROLE_NODE_ROLE, else warns.
	NodeRole NodeRolePolicy

	// ExpectedRoleARN is the IAM role that the process must run as, arn:aws:iam::111122223333:role/name; partition, account
	// and the last element of the path are compared. A link whose credentials are somebody else's fails. What a link does not
	// know of its own identity is asked of sts:GetCallerIdentity with the new credentials before they are used. If empty,
	// PODROLE_EXPECTED_ROLE_ARN is read; two different values are an error.
	ExpectedRoleARN string

	// VerifyIdentity asks sts:GetCallerIdentity for every new set of credentials, also where the link knows its identity.
	VerifyIdentity bool

	// Region is the region of STS. If empty: AWS_REGION, AWS_DEFAULT_REGION, and for the web identity exchange the region in
	// an EKS issuer.
	Region string

	// LinkTimeout bounds one call of a link whose provider states no bound of its own by a method Timeout() time.Duration.
	// Zero means 10 seconds.
	LinkTimeout time.Duration

	// LookupEnv reads environment variables. Nil means [os.LookupEnv].
	LookupEnv func(name string) (string, bool)

	// HTTPClient reaches STS. Nil means a client of the SDK's kind, proxy variables included.
	HTTPClient aws.HTTPClient

	// FS is the root of the file system in which the marks of a Kubernetes pod are looked for: the service account's mount
	// and the kubelet's hosts file. Nil means the machine's own.
	FS fs.FS

	// WebIdentity, Container and IMDS change the options of the links of [NewDefault]; WebIdentity also those with which
	// sts:GetCallerIdentity is asked. Nil changes nothing.
	WebIdentity func(*webidentity.Options)
	Container   func(*ecs.Options)
	IMDS        func(*imds.Options)

	// Cache changes the options of the session cache, StaleLimit among them. Nil changes nothing.
	Cache func(*cache.Options)

	// MeterProvider and TracerProvider receive what the chain and its cache measure. Nil means none.
	MeterProvider  metrics.MeterProvider
	TracerProvider tracing.TracerProvider
}

// settings are Options with every default and every variable decided.
type settings struct {
	Options
	env      env.Lookup
	fallback FallbackPolicy
	nodeRole NodeRolePolicy
	expected *roleID // nil: any role will do
}

// newSettings decides the defaults. The error is of the caller's code or the operator's environment, and no walk can succeed with it.
func newSettings(optFns []func(*Options)) (*settings, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.LinkTimeout <= 0 {
		o.LinkTimeout = 10 * time.Second
	}
	if o.FS == nil {
		o.FS = os.DirFS("/")
	}
	s := &settings{Options: o, env: o.LookupEnv}
	var err error
	if s.fallback, err = choose(s.env, envFallback, o.Fallback, FallbackStop, map[string]FallbackPolicy{"stop": FallbackStop, "next": FallbackNext}); err != nil {
		return s, err
	}
	if s.nodeRole, err = choose(s.env, envNodeRole, o.NodeRole, NodeRoleWarn, map[string]NodeRolePolicy{"warn": NodeRoleWarn, "allow": NodeRoleAllow, "refuse": NodeRoleRefuse}); err != nil {
		return s, err
	}
	s.expected, err = expectedRole(o.ExpectedRoleARN, s.env.Get(envExpectedRole))
	return s, err
}

// choose decides one policy: the option, else the variable, else the default. A value that it does not know is an error even where
// the option would win: a typing error in a safety switch must not go unseen.
func choose[P ~int](lookup env.Lookup, variable string, option, fallback P, values map[string]P) (P, error) {
	if option < 0 || int(option) > len(values) {
		return 0, configError("the option for %s has the unknown value %d", variable, option)
	}
	chosen := fallback
	if value := lookup.Get(variable); value != "" {
		p, ok := values[strings.ToLower(value)]
		if !ok {
			return 0, configError("%s has the unknown value %q: it takes %s", variable, redact.Tokens(value), orList(values))
		}
		chosen = p
	}
	if option != 0 {
		chosen = option
	}
	return chosen, nil
}

// expectedRole decides which role is expected, from the option and the variable.
func expectedRole(option, variable string) (*roleID, error) {
	var expected *roleID
	for _, from := range []struct{ name, arn string }{{"Options.ExpectedRoleARN", option}, {envExpectedRole, variable}} {
		if from.arn == "" {
			continue
		}
		role, err := parseRole(from.arn)
		if err != nil {
			return nil, configError("%s: %w", from.name, err)
		}
		if expected != nil && *expected != role {
			return nil, configError("Options.ExpectedRoleARN (%s) and %s (%s) name different roles: unset one", expected, envExpectedRole, role)
		}
		expected = &role
	}
	return expected, nil
}

func configError(format string, args ...any) error {
	return &misconfigured{fmt.Errorf("podrole: "+format, args...)}
}

// misconfigured is an error of code or environment that no later walk can mend.
type misconfigured struct{ error }

func (m *misconfigured) Unwrap() error        { return m.error }
func (m *misconfigured) Terminal() bool       { return true }
func (m *misconfigured) RetryableError() bool { return false }
