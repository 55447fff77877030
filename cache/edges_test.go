package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

// dated is a source whose server says another time than the clock here.
type dated struct {
	*source
	behind time.Duration
}

func (d dated) ServerTime(aws.Credentials) time.Time { return time.Now().Add(-d.behind) }

func TestASlowServerClockDoesNotMakeASessionLiveForYears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, dated{src, 30 * 365 * 24 * time.Hour})
		time.Sleep(12 * time.Hour)
		instantly(t, c)
		assert.GreaterOrEqual(t, src.calls(), 2, "12 hours is the longest that a session lives")
	})
}

func TestInvalidateDuringARefreshThatFailsStartsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		src.set(func(s *source) { s.latency, s.err = 2*time.Second, errDenied })
		time.Sleep(time.Until(c.Status().NextRefresh) + time.Second) // it is under way
		c.Invalidate()
		src.set(func(s *source) { s.err = nil })
		time.Sleep(10 * time.Second) // and nobody asks
		assert.Equal(t, cache.StateFresh, c.Status().State)
	})
}

func TestASecondInvalidateAsksAgainWhileRefreshesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		src.set(func(s *source) { s.err = errDown })
		c.Invalidate()
		time.Sleep(10 * time.Second)
		src.set(func(s *source) { s.err = nil })
		c.Invalidate()
		time.Sleep(10 * time.Second)
		assert.Equal(t, cache.StateFresh, c.Status().State)
	})
}

func TestACallerAtExpiryGetsARefreshOfWholeLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.hang = true })
		time.Sleep(time.Until(end) - 10*time.Millisecond)
		src.set(func(s *source) { s.hang, s.latency = false, 2*time.Second })
		time.Sleep(10 * time.Millisecond)
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err, "not the time-out of a refresh that was begun on what little was left")
	})
}

func TestAProvidersOwnCancellationIsNotTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.err = &aws.RequestCanceledError{Err: context.DeadlineExceeded}
		c := cache.New(src)
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.Error(t, err)
		var canceled *aws.RequestCanceledError
		var says interface{ CanceledError() bool }
		assert.False(t, errors.As(err, &canceled) || errors.As(err, &says))
	})
}

// stuck is a provider that does not say where its credentials come from.
type stuck struct{ *source }

func (stuck) ProviderSources() []aws.CredentialSource { time.Sleep(time.Hour); return nil }

func TestNewWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := cache.New(stuck{newSource(time.Hour)})
		assert.LessOrEqual(t, time.Since(start), time.Second)
		require.NoError(t, c.Close())
		time.Sleep(2 * time.Hour)
	})
}
