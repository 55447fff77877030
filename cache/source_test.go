package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

// errDown is an STS that answers 500; errDenied one that will not change its mind.
var (
	errDown   = &smithy.GenericAPIError{Code: "InternalFailure", Message: "STS is down"}
	errDenied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
)

// source is a provider with a script. Its keys are numbered: the first session's access key id ends in 1.
type source struct {
	mu        sync.Mutex
	life      time.Duration // of each new session; 0 = they do not expire
	latency   time.Duration
	err       error
	hang      bool // accept and never answer, until the context ends
	deaf      bool // do not listen to the context either
	same      bool // answer with the session that was answered last
	name      string
	tellsTime bool          // see ServerTime
	ahead     time.Duration // its server's clock

	last   aws.Credentials
	asked  []time.Time
	served int // sessions
	active int
	most   int // at once
}

func newSource(life time.Duration) *source {
	return &source{life: life, latency: 300 * time.Millisecond, name: "WebIdentityCredentials"}
}

// set changes the script.
func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	s.active++
	s.most = max(s.most, s.active)
	latency, hang, deaf := s.latency, s.hang, s.deaf
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	switch {
	case deaf:
		time.Sleep(time.Hour)
	case hang:
		<-ctx.Done()
		return aws.Credentials{}, fmt.Errorf("Post https://sts.example.com/: %w", ctx.Err())
	default:
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return aws.Credentials{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return aws.Credentials{}, s.err
	}
	if !s.same || s.served == 0 {
		s.served++
		s.last = sessionOf(s.served, s.life)
		s.last.Source = s.name
	}
	return s.last, nil
}

// sessionOf makes the n-th session's credentials: the three strings belong together.
func sessionOf(n int, life time.Duration) aws.Credentials {
	creds := aws.Credentials{
		AccessKeyID:     fmt.Sprintf("ASIAEXAMPLE%09d", n),
		SecretAccessKey: fmt.Sprintf("secret-of-%09d", n),
		SessionToken:    fmt.Sprintf("token-of-%09d", n),
	}
	if life != 0 {
		creds.CanExpire, creds.Expires = true, time.Now().Add(life)
	}
	return creds
}

// number is the session's number, 0 for no credentials; -1 where the strings do not belong together.
func number(creds aws.Credentials) int {
	if creds.AccessKeyID == "" {
		return 0
	}
	var n int
	if _, err := fmt.Sscanf(strings.TrimPrefix(creds.AccessKeyID, "ASIAEXAMPLE"), "%d", &n); err != nil {
		return -1
	}
	if want := sessionOf(n, 0); creds.SecretAccessKey != want.SecretAccessKey || creds.SessionToken != want.SessionToken {
		return -1
	}
	return n
}

func (s *source) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// since returns how long after start the source was asked for the n-th time.
func (s *source) since(start time.Time, n int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[n].Sub(start)
}

// gap returns the time between the source's n-th call, from 0, and the one before.
func (s *source) gap(n int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[n].Sub(s.asked[n-1])
}

// get reads one of the source's fields.
func get[T any](s *source, field func(*source) T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return field(s)
}

// opened returns a cache that is closed with the test, and holds the source's first session.
func opened(t *testing.T, p aws.CredentialsProvider, optFns ...func(*cache.Options)) *cache.SessionCache {
	t.Helper()
	c := cache.New(p, optFns...)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	_, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	return c
}

// instantly retrieves and requires that no time passed.
func instantly(t *testing.T, c *cache.SessionCache) aws.Credentials {
	t.Helper()
	start := time.Now()
	creds, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	require.Zero(t, time.Since(start), "Retrieve waited")
	require.Positive(t, number(creds), "strings that do not belong together")
	return creds
}

// refused retrieves and requires an error.
func refused(t *testing.T, c *cache.SessionCache) error {
	t.Helper()
	creds, err := c.Retrieve(t.Context())
	require.Error(t, err)
	require.Equal(t, aws.Credentials{}, creds)
	var retry interface{ RetryableError() bool }
	require.ErrorAs(t, err, &retry)
	require.False(t, retry.RetryableError(), "an SDK client would repeat the whole refresh")
	require.False(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), "taken for the caller's own context")
	return err
}

// provide is a provider of one line.
func provide(fn func() (aws.Credentials, error)) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return fn() })
}
