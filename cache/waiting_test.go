package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestConcurrentFirstCallersShareOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := cache.New(src)
		defer c.Close()
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				creds, err := c.Retrieve(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, 1, number(creds))
			})
		}
		wg.Wait()
		assert.Equal(t, 1, src.calls())
		assert.EqualValues(t, 500, c.Status().Counters.Waits)
	})
}

func TestCallerCancelDoesNotCancelSharedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.latency = 3 * time.Second
		c := cache.New(src)
		defer c.Close()
		why := errors.New("the user closed the tab")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(why) })
		_, err := c.Retrieve(ctx)
		assert.Equal(t, time.Second, time.Since(start), "at once")
		var canceled *aws.RequestCanceledError
		require.ErrorAs(t, err, &canceled)
		assert.True(t, canceled.CanceledError())
		assert.ErrorIs(t, err, why)

		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, number(instantly(t, c)), "its result is kept")
		assert.Equal(t, 1, src.calls())
	})
}

func TestEachWaiterHonoursItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.latency = 10 * time.Second
		c := cache.New(src)
		defer c.Close()
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				bound := time.Duration(n) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), bound)
				defer cancel()
				start := time.Now()
				_, err := c.Retrieve(ctx)
				if n < 10 {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					assert.Equal(t, bound, time.Since(start))
				} else if n > 10 {
					assert.NoError(t, err)
					assert.Equal(t, 10*time.Second, time.Since(start))
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 1, src.calls())
	})
}

func TestAnEndedContextMattersOnlyWhereRetrieveWouldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := cache.New(src)
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Retrieve(ctx)
		assert.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		assert.Zero(t, src.calls(), "nobody waits for it")

		_, err = c.Retrieve(t.Context())
		require.NoError(t, err)
		_, err = c.Retrieve(ctx)
		assert.NoError(t, err, "held: no waiting, no context")
	})
}

type key struct{}

func TestTheRefreshInheritsNothingFromItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got context.Context
		c := cache.New(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			got = ctx
			return sessionOf(1, time.Hour), nil
		}))
		defer c.Close()
		_, err := c.Retrieve(context.WithValue(t.Context(), key{}, "the caller's trace"))
		require.NoError(t, err)
		assert.Nil(t, got.Value(key{}))
		deadline, ok := got.Deadline()
		assert.True(t, ok)
		assert.Equal(t, 30*time.Second, time.Until(deadline))
	})
}

func TestARefreshEndsAtItsDeadline(t *testing.T) {
	for name, script := range map[string]func(*source){
		"a provider that listens to its context":          func(s *source) { s.hang = true },
		"a provider that does not":                        func(s *source) { s.deaf = true },
		"a provider that is slower than the deadline":     func(s *source) { s.latency = 31 * time.Second },
		"a provider that answers exactly at the deadline": func(s *source) { s.latency = 30*time.Second + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				script(src)
				c := cache.New(src)
				start := time.Now()
				err := refused(t, c)
				assert.Equal(t, 30*time.Second, time.Since(start))
				var late *cache.TimeoutError
				require.ErrorAs(t, err, &late)
				assert.Equal(t, 30*time.Second, late.Bound)
				assert.True(t, late.Timeout())
				assert.Contains(t, err.Error(), "podrole: credentials refresh: timed out after 30s")

				src.set(func(s *source) { s.hang, s.deaf, s.latency = false, false, 0 })
				time.Sleep(time.Second)
				creds, err := c.Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 1, number(creds))
				require.NoError(t, c.Close())
				time.Sleep(time.Hour) // the deaf one comes back, to nobody
			})
		})
	}
}

func TestALateResultIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(12 * time.Hour)
		src.deaf = true // it will answer after an hour
		c := cache.New(src)
		defer c.Close()
		refused(t, c)
		src.set(func(s *source) { s.deaf = false })
		time.Sleep(time.Second)
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 2, get(src, func(s *source) int { return s.served }), "it did")
		assert.Equal(t, 1, number(instantly(t, c)), "and was not listened to")
	})
}

func TestWithCredentialsInHandTheDeadlineLeavesTimeForAnotherTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Minute)
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.hang = true })
		time.Sleep(time.Until(end) - time.Second)
		assert.GreaterOrEqual(t, src.calls(), 1+2, "even at the end of the window there is time for two, though each of them hangs")
		assert.Equal(t, 1, number(instantly(t, c)))
	})
}

func TestPanicAndGoexitInAProviderAreContained(t *testing.T) {
	for name, do := range map[string]func(){
		"panic":                 func() { panic("secret-of-000000001") },
		"panic(nil)":            func() { panic(nil) },
		"nil pointer":           func() { var s *source; s.served++ },
		"Goexit":                runtime.Goexit,
		"panic with a deferral": func() { defer func() { panic("again") }(); panic("once") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := true
				c := cache.New(provide(func() (aws.Credentials, error) {
					if bad {
						do()
					}
					return sessionOf(1, time.Hour), nil
				}))
				defer c.Close()
				err := refused(t, c)
				assert.Contains(t, err.Error(), "podrole: provider ")
				assert.NotContains(t, err.Error(), "secret-of")
				bad = false
				time.Sleep(time.Second)
				creds, err := c.Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 1, number(creds))
			})
		})
	}
}

func TestALogHandlerThatNeedsCredentialsDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Minute)
		log := &logged{}
		c := cache.New(src, func(o *cache.Options) { o.Logger = slog.New(log) })
		defer c.Close()
		log.then = func() { _, _ = c.Retrieve(context.Background()); c.Status() }
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(2 * time.Minute)
		refused(t, c)
		src.set(func(s *source) { s.err = nil })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		assert.Len(t, log.text(), 3, log.text())
		instantly(t, c)
	})
}

func TestALogHandlerMayCloseTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.err = errDown
		log := &logged{}
		c := cache.New(src, func(o *cache.Options) { o.Logger = slog.New(log) })
		log.then = func() { _ = c.Close() }
		_, err := c.Retrieve(t.Context())
		assert.Error(t, err)
		synctest.Wait()
		assert.ErrorIs(t, refused(t, c), cache.ErrClosed)
		time.Sleep(time.Second) // Close waits no longer for the record that it was called from
		synctest.Wait()
	})
}

func TestCloseWaitsForTheRecordsOfWhatWentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logged{then: func() { time.Sleep(500 * time.Millisecond) }}
		src := newSource(time.Hour)
		src.err = errDown
		c := cache.New(src, func(o *cache.Options) { o.Logger = slog.New(log) })
		_, err := c.Retrieve(t.Context())
		require.Error(t, err)
		start := time.Now()
		require.NoError(t, c.Close())
		assert.Equal(t, 500*time.Millisecond, time.Since(start))
	})
}

// rude is an error whose text cannot be had.
type rude struct{ do func() string }

func (r *rude) Error() string { return r.do() }

func TestAProvidersErrorThatMisbehavesIsContained(t *testing.T) {
	for name, do := range map[string]func() string{
		"panics":        func() string { panic("no text") },
		"is a nil":      nil,
		"ends":          func() string { runtime.Goexit(); return "" },
		"never returns": func() string { time.Sleep(time.Hour); return "" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := &rude{do}
				if do == nil {
					bad = nil
				}
				c := cache.New(provide(func() (aws.Credentials, error) { return aws.Credentials{}, bad }))
				assert.ErrorContains(t, refused(t, c), "podrole: the provider's error, a *cache_test.rude, cannot be read: ")
				assert.NotEmpty(t, c.Status().LastError)
				require.NoError(t, c.Close())
				time.Sleep(time.Hour)
			})
		})
	}
}

// comparing is an error that misbehaves when it is compared, as it is when the deadline runs out the moment it comes.
type comparing struct{ do func() }

func (*comparing) Error() string   { return "late" }
func (e *comparing) Is(error) bool { e.do(); return false }

func TestAProvidersErrorThatMisbehavesWhenComparedIsContained(t *testing.T) {
	for name, do := range map[string]func(){
		"panics": func() { panic("no comparison") }, "ends": runtime.Goexit, "never returns": func() { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended, end := context.WithCancel(t.Context())
				end()
				assert.ErrorContains(t, cache.ReadFailure(ended, &comparing{do}), "cannot be read: ")
				time.Sleep(24 * time.Hour) // until the last comparison has ended
			})
		})
	}
}

func TestAProvidersErrorMayAskTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *cache.SessionCache
		c = cache.New(provide(func() (aws.Credentials, error) {
			return aws.Credentials{}, &rude{func() string { return string(c.Status().State) + ", said the cache" }}
		}))
		defer c.Close()
		assert.ErrorContains(t, refused(t, c), "podrole: none, said the cache")
	})
}
