package ecs

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/notes"
	"example.com/podrole/internal/receipt"
)

const (
	// ProviderName is the Source of the credentials. It is the AWS SDK's own name for them.
	ProviderName = "CredentialsEndpointProvider"

	// DefaultTimeout bounds one Retrieve. The EKS agent gives its own upstream call 1 s, so this leaves room for a few attempts.
	DefaultTimeout = 5 * time.Second

	// attemptTimeout bounds one request; botocore's container provider has the same.
	attemptTimeout = 2 * time.Second
)

// Options configure a [Provider]. If one of the URIs is set here, both URI variables are ignored, and likewise for the token.
type Options struct {
	// RelativeURI is a path at http://169.254.170.2. If empty, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
	RelativeURI string
	// FullURI is the URL to ask. If empty, AWS_CONTAINER_CREDENTIALS_FULL_URI. RelativeURI counts first.
	FullURI string
	// AuthorizationTokenFile names a file that holds the value of the Authorization header.
	// If empty, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
	AuthorizationTokenFile string
	// AuthorizationToken is the value of the Authorization header. If empty, AWS_CONTAINER_AUTHORIZATION_TOKEN.
	// AuthorizationTokenFile counts first.
	AuthorizationToken string

	// Timeout bounds one Retrieve with all its attempts. If zero or negative, DefaultTimeout.
	Timeout time.Duration
	// RootCAs verify an https server. If nil, the system's.
	RootCAs *x509.CertPool
	// Logger gets warnings about contradicting variables, and failed attempts at DEBUG. If nil, slog.Default().
	Logger *slog.Logger

	// LookupEnv reads an environment variable. If nil, os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// LookupNetIP resolves a URL's host name; network is "ip". If nil, net.DefaultResolver's. For tests.
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// DialContext connects to an address that was checked, "ip:port". If nil, a net.Dialer's. For tests.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Provider asks the agent beside a container. It keeps no credentials. Its methods are safe for concurrent use.
type Provider struct {
	opts    Options
	env     env.Lookup
	client  *linklocal.Client
	shared  linklocal.Shared[aws.Credentials]
	reading guard.Lane // of the token file
	notes   notes.Notes
	last    receipt.Last
}

var (
	_ aws.CredentialsProvider      = (*Provider)(nil)
	_ aws.CredentialProviderSource = (*Provider)(nil)
)

// New returns a provider. It does no I/O and reads no variable: that is for [Provider.Retrieve].
func New(optFns ...func(*Options)) *Provider {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return &Provider{
		opts:    o,
		env:     o.LookupEnv,
		reading: make(guard.Lane, 1),
		client:  linklocal.New(linklocal.Config{DialContext: o.DialContext, LookupNetIP: o.LookupNetIP, RootCAs: o.RootCAs}),
	}
}

// Retrieve asks the agent. It blocks for at most [Provider.Timeout]; callers of one moment share one exchange, and one whose ctx
// ends gets an error that wraps context.Cause(ctx) at once. The error matches chain.ErrUnavailable when nothing configures this
// provider. A [*ResponseError] is the agent's refusal; running out of time is a chain.TimeoutError. A failure that asking again
// will not change has a method Terminal that returns true. Credentials without an expiry have CanExpire false.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if ctx.Err() != nil {
		return aws.Credentials{}, &edge{context.Cause(ctx)}
	}
	p.warn()
	t, err := p.target()
	if err != nil {
		return aws.Credentials{}, &edge{err}
	}
	creds, err := p.shared.Do(ctx, func(ctx context.Context) (aws.Credentials, error) { return p.fetch(ctx, t) })
	if err != nil {
		return aws.Credentials{}, &edge{err}
	}
	return creds, nil
}

// ProviderSources reports an HTTP endpoint.
func (p *Provider) ProviderSources() []aws.CredentialSource {
	return []aws.CredentialSource{aws.CredentialSourceHTTP}
}

// Timeout returns the bound of one Retrieve.
func (p *Provider) Timeout() time.Duration { return p.opts.Timeout }

// Configured names the options and variables that configure the provider, comma separated, a token without its URI included; it
// is empty when there are none. It does no I/O.
func (p *Provider) Configured() string {
	var set []string
	for _, s := range []setting{p.relativeURI(), p.fullURI(), p.tokenFile(), p.tokenValue()} {
		if s.value != "" {
			set = append(set, s.name)
		}
	}
	return strings.Join(set, ", ")
}

// Kind returns "podidentity" where the configured URL is that of the EKS Pod Identity agent, else "ecs". It does no I/O.
func (p *Provider) Kind() string {
	if t, err := p.target(); err == nil {
		return t.kind()
	}
	return kindECS
}

// CallerARN returns the ARN of the role of the last credentials, as the ECS agent gave it; "" where the agent does not say (EKS
// Pod Identity does not) and for other credentials.
func (p *Provider) CallerARN(creds aws.Credentials) string { return p.last.Of(creds).Name }

// ServerTime returns what the agent's clock said when it answered with the last credentials: the Date of its response. It is zero
// where unknown, and for other credentials.
func (p *Provider) ServerTime(creds aws.Credentials) time.Time { return p.last.Of(creds).ServerTime }

// logger puts the kind into every record, so that a log tells a pod's role from a task's.
func (p *Provider) logger() *slog.Logger {
	logger := p.opts.Logger
	if logger == nil {
		logger = slog.Default()
	}
	return logger.With("provider", p.Kind())
}
