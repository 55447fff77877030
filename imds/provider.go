package imds

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/notes"
	"example.com/podrole/internal/receipt"
)

const (
	// ProviderName is the Source of the credentials. It is the AWS SDK's own name for them.
	ProviderName = "EC2RoleProvider"

	// DefaultAttemptTimeout bounds one request; botocore's default for the metadata service.
	DefaultAttemptTimeout = time.Second
)

// Options configure a [Provider]. A field that is set beats its variable.
type Options struct {
	// Endpoint is the service's URL; its path is ignored. If empty, AWS_EC2_METADATA_SERVICE_ENDPOINT, else by EndpointMode.
	Endpoint string
	// EndpointMode is "IPv4" or "IPv6", in any case. If empty, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, else IPv4.
	EndpointMode string
	// InstanceProfileName is the role to ask for, as the service lists it. If empty, AWS_EC2_INSTANCE_PROFILE_NAME, else the
	// first role listed.
	InstanceProfileName string
	// AllowV1 asks for the fallback to IMDSv1 where session tokens are refused (403, 404, 405) or their request is never
	// answered. AWS_EC2_METADATA_V1_DISABLED=false asks for it too; =true forbids it, whatever stands here.
	AllowV1 bool

	// AttemptTimeout bounds one request. If zero or negative, AWS_METADATA_SERVICE_TIMEOUT, else DefaultAttemptTimeout.
	AttemptTimeout time.Duration
	// Attempts is how often a request is tried whose failure may pass by itself. If zero or negative, AWS_METADATA_SERVICE_NUM_ATTEMPTS;
	// else it goes by the failure: once where nobody is there, twice at silence if Timeout has room for two, three times at 429, 5xx
	// and broken answers.
	Attempts int
	// Timeout bounds one Retrieve with all its requests together, where botocore bounds each of them. If zero or negative,
	// Attempts × AttemptTimeout + 1 s, with 1 for Attempts where nobody set them, and 100 h at most: 2 s by default.
	Timeout time.Duration

	// Logger gets warnings about IMDSv1, foreign hosts and unknown values, and failed attempts at DEBUG. If nil, slog.Default().
	Logger *slog.Logger

	// LookupEnv reads an environment variable. If nil, os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// LookupNetIP resolves the endpoint's host name; network is "ip". If nil, net.DefaultResolver's. For tests.
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// DialContext connects to an address that was checked, "ip:port". If nil, a net.Dialer's. For tests.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Provider asks the EC2 instance metadata service. It keeps a session token and the role's name, and no credentials. Its methods
// are safe for concurrent use.
type Provider struct {
	opts   Options
	env    env.Lookup
	client *linklocal.Client
	shared linklocal.Shared[aws.Credentials]
	notes  notes.Notes
	last   receipt.Last

	mu     sync.Mutex
	memory memory
}

// memory is what one Retrieve leaves to the next, of one endpoint.
type memory struct {
	endpoint string
	served   bool // it has given out a session token, or a role by IMDSv1: EC2's service is here, whatever it does later
	token    string
	until    time.Time // when the token is to be replaced
	role     string
	plain    bool // the endpoint does not offer documents with an account id
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
	return &Provider{
		opts:   o,
		env:    o.LookupEnv,
		client: linklocal.New(linklocal.Config{DialContext: o.DialContext, LookupNetIP: o.LookupNetIP}),
	}
}

// Retrieve asks the metadata service: for a session token if none is held, for the role's name if it is not known, for the role's
// credentials. It blocks for at most [Provider.Timeout]; callers of one moment share one exchange, and one whose ctx ends gets an
// error that wraps context.Cause(ctx) at once. The error matches chain.ErrUnavailable where there is nothing for us, see the
// package's text. A [*ResponseError] is the service's refusal; running out of time is a chain.TimeoutError. A failure that asking
// again will not change has a method Terminal that returns true.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if ctx.Err() != nil {
		return aws.Credentials{}, &edge{context.Cause(ctx)}
	}
	s, err := p.settings()
	if err != nil {
		return aws.Credentials{}, &edge{err}
	}
	creds, err := p.shared.Do(ctx, func(ctx context.Context) (aws.Credentials, error) { return p.fetch(ctx, s) })
	if err != nil {
		return aws.Credentials{}, &edge{err}
	}
	return creds, nil
}

// ProviderSources reports the instance metadata service.
func (p *Provider) ProviderSources() []aws.CredentialSource {
	return []aws.CredentialSource{aws.CredentialSourceIMDS}
}

// Timeout returns the bound of one Retrieve, as the options and variables stand now.
func (p *Provider) Timeout() time.Duration {
	b, _ := p.bounds()
	return b.total
}

// Configured names the options and variables that mean this provider in particular, comma separated; it is empty when there are
// none, in which case it asks the default address all the same. It does no I/O.
func (p *Provider) Configured() string {
	if p.env.True(disabledVar) {
		return ""
	}
	var set []string
	for _, s := range []setting{p.endpointSetting(), p.profile()} {
		if s.value != "" {
			set = append(set, s.name)
		}
	}
	return strings.Join(set, ", ")
}

// RoleName returns the role of the last credentials, as the service lists it; "" for other credentials.
func (p *Provider) RoleName(creds aws.Credentials) string { return p.last.Of(creds).Name }

// ServerTime returns what the service's clock said when it answered with the last credentials: the Date of its response. It is
// zero where unknown, and for other credentials.
func (p *Provider) ServerTime(creds aws.Credentials) time.Time { return p.last.Of(creds).ServerTime }

// remembered returns what is known of an endpoint.
func (p *Provider) remembered(endpoint string) memory {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.memory.endpoint != endpoint {
		return memory{endpoint: endpoint}
	}
	return p.memory
}

func (p *Provider) remember(m memory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory = m
}

// warnOnce logs a warning the first time its key comes up.
func (p *Provider) warnOnce(key, message string, attrs ...any) {
	if p.notes.First(key, "") {
		p.logger().Warn(message, attrs...)
	}
}

func (p *Provider) logger() *slog.Logger {
	if p.opts.Logger != nil {
		return p.opts.Logger
	}
	return slog.Default()
}
