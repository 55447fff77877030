package chaintest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/unavailable"
)

// Answer is what a [Provider] answers to one call.
type Answer func(ctx context.Context) (aws.Credentials, error)

// Credentials answers with credentials that do not expire. Their secret parts are made of the access key id, so that a test sees
// parts of different sets mixed up.
func Credentials(accessKeyID string) Answer {
	return func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: accessKeyID, SecretAccessKey: "secret-of-" + accessKeyID, SessionToken: "token-of-" + accessKeyID, Source: "chaintest",
		}, nil
	}
}

// Session answers with credentials that live for the time given from the moment of the call.
func Session(accessKeyID string, life time.Duration) Answer {
	return func(ctx context.Context) (aws.Credentials, error) {
		creds, err := Credentials(accessKeyID)(ctx)
		creds.CanExpire, creds.Expires = true, time.Now().Add(life)
		return creds, err
	}
}

// From changes the Source of an answer's credentials, "EC2RoleProvider" for those of an EC2 instance.
func From(source string, answer Answer) Answer {
	return func(ctx context.Context) (aws.Credentials, error) {
		creds, err := answer(ctx)
		creds.Source = source
		return creds, err
	}
}

// Fail answers with the error.
func Fail(err error) Answer {
	return func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, err }
}

// Unavailable answers with an error that matches chain.ErrUnavailable.
func Unavailable(reason string) Answer {
	return Fail(unavailable.Errorf("%s", reason))
}

// Hang answers when the caller's context ends, with its cause.
func Hang() Answer {
	return func(ctx context.Context) (aws.Credentials, error) {
		<-ctx.Done()
		return aws.Credentials{}, context.Cause(ctx)
	}
}

// After answers after a delay, or when the caller's context ends, with its cause.
func After(delay time.Duration, answer Answer) Answer {
	return func(ctx context.Context) (aws.Credentials, error) {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
			return answer(ctx)
		case <-ctx.Done():
			return aws.Credentials{}, context.Cause(ctx)
		}
	}
}

// Provider is an aws.CredentialsProvider whose answers a test decides. It is safe for concurrent use.
type Provider struct {
	mu      sync.Mutex
	answers []Answer
	calls   int
	self    Self
}

// Self is what a [Provider] says of itself.
type Self struct {
	Sources   []aws.CredentialSource // ProviderSources
	ARN       string                 // CallerARN, whatever the credentials
	Variables string                 // Configured
	Bound     time.Duration          // Timeout
}

// NewProvider returns a provider that gives the answers in order, and then the last one for ever. With none it is unavailable.
func NewProvider(answers ...Answer) *Provider {
	p := &Provider{}
	p.Answer(answers...)
	return p
}

// Answer replaces the answers that are left.
func (p *Provider) Answer(answers ...Answer) {
	if len(answers) == 0 {
		answers = []Answer{Unavailable("nothing configures this provider")}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
}

// Calls returns how often the provider was asked.
func (p *Provider) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// Retrieve gives the next answer.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	p.mu.Lock()
	p.calls++
	answer := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return aws.Credentials{}, fmt.Errorf("chaintest: %w", context.Cause(ctx))
	}
	return answer(ctx)
}

// Describe changes what the provider says of itself.
func (p *Provider) Describe(change func(*Self)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.self)
}

func (p *Provider) describe() Self {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.self
}

// ProviderSources returns Self.Sources.
func (p *Provider) ProviderSources() []aws.CredentialSource { return p.describe().Sources }

// CallerARN returns Self.ARN.
func (p *Provider) CallerARN(aws.Credentials) string { return p.describe().ARN }

// Configured returns Self.Variables.
func (p *Provider) Configured() string { return p.describe().Variables }

// Timeout returns Self.Bound.
func (p *Provider) Timeout() time.Duration { return p.describe().Bound }
