package chain

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/cache"
	"example.com/podrole/ecs"
	"example.com/podrole/envcreds"
	"example.com/podrole/imds"
	"example.com/podrole/webidentity"
)

// Chain gives the credentials of the first of its links that has them, under a session cache. Make it with [NewDefault] or [New].
// It is safe for concurrent use.
type Chain struct {
	walker *walker
	cache  *cache.SessionCache
}

// DefaultCredentialsChain is the chain that [NewDefault] makes.
type DefaultCredentialsChain = Chain

var (
	_ aws.CredentialsProvider      = (*Chain)(nil)
	_ aws.CredentialProviderSource = (*Chain)(nil)
)

// NewDefault returns the chain of environment keys, web identity, container credentials and EC2 instance metadata, the order of the
// AWS SDK for Go v2 for the same sources. It does no I/O: the first Retrieve does. Mistakes in the options, or in the variables of
// package chain, are returned by Retrieve.
func NewDefault(optFns ...func(*Options)) *DefaultCredentialsChain {
	s, err := newSettings(optFns)
	with := func(change func(*webidentity.Options)) func(*webidentity.Options) {
		return func(o *webidentity.Options) {
			s.stsOptions(o)
			if change != nil {
				change(o)
			}
		}
	}
	c := newChain([]Link{
		{Name: LinkEnv, Provider: envcreds.New(func(o *envcreds.Options) { o.LookupEnv = s.LookupEnv })},
		{Name: LinkWebIdentity, Provider: webidentity.New(with(s.WebIdentity))},
		{Name: LinkContainer, Provider: ecs.New(func(o *ecs.Options) {
			o.LookupEnv, o.Logger = s.LookupEnv, s.Logger
			if s.Container != nil {
				s.Container(o)
			}
		})},
		{Name: LinkIMDS, Provider: imds.New(func(o *imds.Options) {
			o.LookupEnv, o.Logger = s.LookupEnv, s.Logger
			if s.IMDS != nil {
				s.IMDS(o)
			}
		})},
	}, s, err)
	c.walker.standard = true
	return c
}

// New returns a chain of the links given, asked in their order. It does no I/O, and copies the slice. A nil provider, an empty or
// repeated name and an empty chain are errors that Retrieve returns.
func New(links []Link, optFns ...func(*Options)) *Chain {
	s, err := newSettings(optFns)
	return newChain(links, s, errors.Join(err, checkLinks(links)))
}

func newChain(links []Link, s *settings, err error) *Chain {
	w := newWalker(links, s, err)
	return &Chain{walker: w, cache: cache.New(w, func(o *cache.Options) {
		o.Logger, o.MeterProvider, o.TracerProvider = s.Logger, s.MeterProvider, s.TracerProvider
		if s.Cache != nil {
			s.Cache(o)
		}
	})}
}

// Retrieve returns the held credentials without blocking, locking or allocating. It waits, for a walk of the chain that all waiting
// callers share, only while no usable credentials are held; each caller's wait ends with its own context, the walk goes on.
//
// The error of a walk that found nothing is an [*Error]; that of an ended context an *aws.RequestCanceledError; after Close it is
// [ErrClosed]. The Expires of the credentials is somewhat earlier than the true one, which Status shows, so that a cache outside
// this one asks in time.
func (c *Chain) Retrieve(ctx context.Context) (aws.Credentials, error) { return c.cache.Retrieve(ctx) }

// Invalidate makes the held credentials unusable: they are never returned again, and the next Retrieve walks the chain, at most once
// a second.
func (c *Chain) Invalidate() { c.cache.Invalidate() }

// InvalidateCredentials does what Invalidate does, if the credentials held are those given, told by the access key id.
func (c *Chain) InvalidateCredentials(creds aws.Credentials) { c.cache.InvalidateCredentials(creds) }

// ProviderSources returns the sources of the winner and then aws.CredentialSourceCode, for the SDK's user agent. It does not block.
// The caller must not change the slice.
func (c *Chain) ProviderSources() []aws.CredentialSource { return c.cache.ProviderSources() }

// IsCredentialsProvider reports whether the winner's provider is of the target's type, as the SDK asks to find anonymous credentials.
func (c *Chain) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	return c.cache.IsCredentialsProvider(target)
}

// Close stops the background refresh and waits for one in flight, which is cancelled. Later calls of Retrieve return [ErrClosed].
// It may be called more than once. A chain that is dropped without Close stops by itself.
func (c *Chain) Close() error { return c.cache.Close() }

// The rest lets a chain be a link of another.

// CallerARN returns the ARN that the credentials act as, "" where it is not known or they are not the chain's latest.
func (c *Chain) CallerARN(creds aws.Credentials) string { return c.identityOf(creds).ARN }

// RoleName returns the name of the role whose credentials these are, "" where CallerARN would return "" too and no name is known.
func (c *Chain) RoleName(creds aws.Credentials) string { return c.identityOf(creds).Role }

func (c *Chain) identityOf(creds aws.Credentials) Identity {
	if v := c.walker.view.Load(); v.keyID != "" && v.keyID == creds.AccessKeyID {
		return v.identity
	}
	return Identity{}
}

// Kind returns the name of the link that won last, "" before any did.
func (c *Chain) Kind() string { return c.walker.view.Load().provider }

// Configured names the variables that configure the chain's links, "" where none does.
func (c *Chain) Configured() string {
	var all []string
	for _, link := range c.walker.links {
		if names := link.configured(); names != "" {
			all = append(all, names)
		}
	}
	return strings.Join(all, ", ")
}

// Timeout is the longest that Retrieve waits for a refresh.
func (c *Chain) Timeout() time.Duration { return max(cache.RefreshTimeout, c.walker.Budget()) }
