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
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			for _, problem := range check.problems(t, c) {
				t.Error(problem)
			}
		})
	}
}

// checks return what is wrong; nothing is the good answer.
var checks = []struct {
	name     string
	problems func(t *testing.T, c Contract) []string
}{
	{"gives credentials that name their source", checkCredentials},
	{"is safe for concurrent use", checkConcurrency},
	{"returns an ended context as such", checkEndedContext},
	{"tells nothing here from a failure", checkErrors},
	{"says that nothing configures it", checkConfigured},
}

func checkCredentials(t *testing.T, c Contract) (problems []string) {
	creds, err := c.Working(t).Retrieve(t.Context())
	if err != nil {
		return []string{"Retrieve: " + err.Error()}
	}
	if !creds.HasKeys() {
		problems = append(problems, "the credentials lack the access key id or the secret access key")
	}
	if creds.Expired() {
		problems = append(problems, "the credentials have expired already")
	}
	if creds.Source == "" {
		problems = append(problems, "the credentials have no Source")
	}
	return problems
}

func checkConcurrency(t *testing.T, c Contract) (problems []string) {
	p := c.Working(t)
	errs := make(chan error, 8)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() { _, err := p.Retrieve(t.Context()); errs <- err })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			problems = append(problems, "Retrieve among others: "+err.Error())
		}
	}
	return problems
}

func checkEndedContext(t *testing.T, c Contract) []string {
	if c.WithoutIO {
		return nil
	}
	reason := errors.New("the caller gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	_, err := c.Working(t).Retrieve(ctx)
	switch {
	case err == nil:
		return []string{"Retrieve with an ended context gave credentials"}
	case errors.Is(err, unavailable.Err):
		return []string{fmt.Sprintf("the error %q matches chain.ErrUnavailable: a chain would take the caller's leaving as \"try the next\"", err)}
	case !errors.Is(err, context.Canceled) && !errors.Is(err, reason):
		return []string{fmt.Sprintf("the error %q matches neither context.Canceled nor the context's cause", err)}
	}
	return nil
}

func checkErrors(t *testing.T, c Contract) (problems []string) {
	if c.Unconfigured != nil {
		_, err := c.Unconfigured(t).Retrieve(t.Context())
		if !errors.Is(err, unavailable.Err) {
			problems = append(problems, fmt.Sprintf("unconfigured: the error %v does not match chain.ErrUnavailable", err))
		}
		problems = append(problems, c.leaks(err)...)
	}
	if c.Failing != nil {
		_, err := c.Failing(t).Retrieve(t.Context())
		if err == nil || errors.Is(err, unavailable.Err) {
			problems = append(problems, fmt.Sprintf("failing: the error %v is nil or matches chain.ErrUnavailable: a chain would go on quietly", err))
		}
		problems = append(problems, c.leaks(err)...)
	}
	return problems
}

func checkConfigured(t *testing.T, c Contract) []string {
	if c.Unconfigured == nil {
		return nil
	}
	p, ok := c.Unconfigured(t).(interface{ Configured() string })
	if ok && p.Configured() != "" {
		return []string{fmt.Sprintf("unconfigured, but Configured() = %q", p.Configured())}
	}
	return nil
}

// leaks looks for secrets in every form an error is printed in.
func (c Contract) leaks(err error) (problems []string) {
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, secret := range c.Secrets {
			if strings.Contains(text, secret) {
				problems = append(problems, fmt.Sprintf("the text of a %T holds a secret", e))
			}
		}
	}
	return problems
}
