package webidentity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/notes"
	"example.com/podrole/internal/receipt"
	"example.com/podrole/internal/timeout"
)

// ProviderName is the Source of the credentials. It is the AWS SDK's own name for them.
const ProviderName = "WebIdentityCredentials"

// DefaultTimeout bounds one exchange unless Options say otherwise.
const DefaultTimeout = 10 * time.Second

// AssumeRoleWithWebIdentityAPIClient is the one method that the provider needs of an [sts.Client].
type AssumeRoleWithWebIdentityAPIClient interface {
	AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, optFns ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error)
}

// Options configure a [Provider] and [CallerIdentity]. What they leave out comes from the environment, which is read at every call.
type Options struct {
	// RoleARN is the role to assume. If empty, AWS_ROLE_ARN.
	RoleARN string
	// TokenFile is the path of the file that holds the token. If empty, AWS_WEB_IDENTITY_TOKEN_FILE.
	TokenFile string
	// SessionName is what CloudTrail shows, 2 to 64 characters out of letters, digits and _+=,.@-. If empty, AWS_ROLE_SESSION_NAME;
	// if that is not set either, it is made of the token's Kubernetes namespace and pod, or is random for a token without them.
	SessionName string
	// Duration is the life to ask for, in whole seconds, from 15 minutes to 12 hours; the role may allow less. If zero, STS decides: an hour.
	Duration time.Duration
	// Policy is a session policy, JSON, which narrows what the role may do. If empty, none.
	Policy string
	// PolicyARNs are managed policies that serve as session policies, at most 10. If nil, none.
	PolicyARNs []string

	// Region is the region of the STS to ask. If empty, AWS_REGION, then AWS_DEFAULT_REGION, then the region inside the token's
	// issuer where that is an EKS cluster.
	Region string
	// Client is the STS client to use; the options and variables for region, endpoint and HTTP then do not count. Its retries are
	// replaced by this package's for the call, which also caps its answers. If nil, one is made. [CallerIdentity] does not use it.
	Client AssumeRoleWithWebIdentityAPIClient
	// HTTPClient sends the requests to STS. It is used as it is: AWS_CA_BUNDLE does not reach it, and whether it follows a redirect is
	// its own decision. If nil, one is made for each exchange, with the AWS SDK's settings, proxy variables included, and no redirects.
	HTTPClient aws.HTTPClient
	// Timeout bounds one Retrieve from the reading of the file to the answer, retries included. If zero, [DefaultTimeout].
	Timeout time.Duration

	// LookupEnv reads an environment variable. If nil, os.LookupEnv. The proxy variables are net/http's and read from the process.
	LookupEnv func(name string) (string, bool)
	// Logger gets a WARN where a token goes to another host over plain http or has expired, an INFO where the region was taken from
	// the token, each once for every value, and a DEBUG for every exchange. If nil, slog.Default().
	Logger *slog.Logger

	tune func(*http.Transport) // tests put a network of their own under the client made here
}

// Provider exchanges a web identity token for a role's credentials. It keeps no credentials: a cache above it does. Its methods are
// safe for concurrent use, and none but Retrieve blocks.
type Provider struct {
	o       Options
	env     env.Lookup
	reading guard.Lane // of the token file
	notes   notes.Notes
	last    receipt.Last
}

var (
	_ aws.CredentialsProvider      = (*Provider)(nil)
	_ aws.CredentialProviderSource = (*Provider)(nil)
)

// New returns a provider. It does no I/O; what is wrong with the options is said by Retrieve.
func New(optFns ...func(*Options)) *Provider {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	return &Provider{o: o, env: o.LookupEnv, reading: make(guard.Lane, 1)}
}

// Retrieve reads the token file and exchanges the token for credentials. It blocks, at most for [Provider.Timeout].
//
// The error matches chain.ErrUnavailable if nothing configures the provider, and [ErrRoleOnly] too if the role alone does. Otherwise
// it is a [*TokenFileError], a [*DeniedError] if STS refused, an [*ExchangeError] if no usable answer came, a chain.TimeoutError if
// the time bound ran out, context.Cause(ctx) wrapped if ctx ended, or says which option or variable is wrong.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if ctx.Err() != nil {
		return aws.Credentials{}, fmt.Errorf("webidentity: %w", context.Cause(ctx))
	}
	s, err := p.o.resolve(p.env)
	if err != nil {
		return aws.Credentials{}, err
	}
	began := time.Now()
	bound := &timeout.Error{Op: "web identity", Bound: p.Timeout()}
	ctx, cancel := context.WithTimeoutCause(ctx, bound.Bound, bound)
	defer cancel()
	x := &exchange{o: &p.o, env: p.env, settings: s, reading: p.reading, notes: &p.notes}
	// The guard lets go of a file system that hangs and of a client that does not listen to its context, and catches its panics.
	got, err := guard.Call(ctx, x.run)
	if err := settle(ctx, err, bound, &x.call); err != nil {
		p.o.logger().LogAttrs(ctx, slog.LevelDebug, "web identity exchange failed",
			slog.String("role", s.roleARN), slog.Duration("duration", time.Since(began)), slog.Any("error", err))
		return aws.Credentials{}, err
	}
	p.last.Keep(got.receipt)
	p.o.logger().LogAttrs(ctx, slog.LevelDebug, "web identity exchanged",
		slog.String("role", s.roleARN), slog.Duration("duration", time.Since(began)), slog.Time("expires", got.creds.Expires))
	return got.creds, nil
}

// ProviderSources returns what the AWS SDK puts into its user agent for a web identity out of the environment.
func (p *Provider) ProviderSources() []aws.CredentialSource {
	return []aws.CredentialSource{aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceSTSAssumeRoleWebID}
}

// Configured names the variables and options that configure the provider, comma separated. It is empty if the token file is not
// named, with or without a role: a role alone is no identity.
func (p *Provider) Configured() string { return p.o.configured(p.env) }

// CallerARN returns the ARN that STS gave for these credentials, or "" if they are not those of the last successful Retrieve.
func (p *Provider) CallerARN(creds aws.Credentials) string { return p.last.Of(creds).Name }

// ServerTime returns the Date of the answer that brought these credentials, or the zero time if it is not known or they are not
// those of the last successful Retrieve.
func (p *Provider) ServerTime(creds aws.Credentials) time.Time { return p.last.Of(creds).ServerTime }

// Timeout is the bound of one Retrieve, which the provider enforces itself.
func (p *Provider) Timeout() time.Duration { return p.o.timeout() }

func (o *Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.Default()
	}
	return o.Logger
}

// configError is a mistake in options or environment, which asking again does not change.
type configError struct{ error }

func configErrorf(format string, args ...any) error {
	return configError{fmt.Errorf("webidentity: "+format, args...)}
}

func (e configError) Unwrap() error        { return errors.Unwrap(e.error) }
func (e configError) Terminal() bool       { return true }
func (e configError) RetryableError() bool { return false }
