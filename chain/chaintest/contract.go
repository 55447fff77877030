package chaintest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/unavailable"
)

// Contract is what [TestProvider] needs to know of a provider. The functions are called anew for each check.
type Contract struct {
	// Working returns a provider that is configured and has credentials. Required.
	Working func(t *testing.T) aws.CredentialsProvider
	// Unconfigured returns a provider that nothing configures. Nil where that cannot be.
	Unconfigured func(t *testing.T) aws.CredentialsProvider
	// Failing returns a provider that is configured, or half configured, and fails. Nil where that cannot be.
	Failing func(t *testing.T) aws.CredentialsProvider
	// WithoutIO says that Retrieve reads memory alone, so that it need not look at its context.
	WithoutIO bool
	// Secrets are strings that no error may hold.
	Secrets []string
}

// TestProvider checks that a provider keeps the contract of a chain's link.
func TestProvider(t *testing.T, c Contract) {
	t.Helper()
	t.Run("gives credentials that name their source", func(t *testing.T) {
		creds, err := c.Working(t).Retrieve(t.Context())
		if err != nil {
			t.Fatalf("Retrieve: %v", err)
		}
		if !creds.HasKeys() {
			t.Error("the credentials lack the access key id or the secret access key")
		}
		if creds.Expired() {
			t.Error("the credentials have expired already")
		}
		if creds.Source == "" {
			t.Error("the credentials have no Source")
		}
	})
	t.Run("is safe for concurrent use", func(t *testing.T) {
		p := c.Working(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := p.Retrieve(t.Context()); err != nil {
					t.Errorf("Retrieve: %v", err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("returns an ended context as such", func(t *testing.T) {
		if c.WithoutIO {
			return
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the caller gave up")
		cancel(reason)
		_, err := c.Working(t).Retrieve(ctx)
		switch {
		case err == nil:
			t.Error("Retrieve with an ended context gave credentials")
		case errors.Is(err, unavailable.Err):
			t.Errorf("the error %q matches chain.ErrUnavailable: a chain would take the caller's leaving as \"try the next\"", err)
		case !errors.Is(err, context.Canceled) && !errors.Is(err, reason):
			t.Errorf("the error %q matches neither context.Canceled nor the context's cause", err)
		}
	})
	t.Run("tells nothing here from a failure", func(t *testing.T) {
		if c.Unconfigured != nil {
			_, err := c.Unconfigured(t).Retrieve(t.Context())
			if !errors.Is(err, unavailable.Err) {
				t.Errorf("unconfigured: the error %v does not match chain.ErrUnavailable", err)
			}
			c.checkText(t, err)
		}
		if c.Failing != nil {
			_, err := c.Failing(t).Retrieve(t.Context())
			if err == nil || errors.Is(err, unavailable.Err) {
				t.Errorf("failing: the error %v is nil or matches chain.ErrUnavailable: a chain would go on quietly", err)
			}
			c.checkText(t, err)
		}
	})
	t.Run("says what configures it without I/O", func(t *testing.T) {
		if p, ok := c.Working(t).(interface{ Configured() string }); ok {
			_ = p.Configured()
		}
		if c.Unconfigured != nil {
			if p, ok := c.Unconfigured(t).(interface{ Configured() string }); ok && p.Configured() != "" {
				t.Errorf("unconfigured, but Configured() = %q", p.Configured())
			}
		}
	})
}

// checkText looks for secrets in every form an error is printed in.
func (c Contract) checkText(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf(" %+v", e)
	}
	for _, secret := range c.Secrets {
		if strings.Contains(text, secret) {
			t.Error("the error's text holds a secret")
		}
	}
}
