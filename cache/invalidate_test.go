package cache_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestInvalidateMakesTheHeldCredentialsUnusableAndRefreshesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		c.Invalidate()
		assert.Equal(t, cache.StateExpired, c.Status().State)
		synctest.Wait()
		assert.Equal(t, 2, src.calls(), "in the background")
		start := time.Now()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))
		assert.Equal(t, src.latency, time.Since(start), "callers wait: nothing usable is held")
		assert.Equal(t, 2, src.calls())
	})
}

func TestInvalidateCredentialsGoesByTheAccessKeyID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		for _, other := range []aws.Credentials{sessionOf(7, time.Hour), {}} {
			c.InvalidateCredentials(other)
			instantly(t, c)
		}
		assert.Equal(t, 1, src.calls())
		assert.Zero(t, c.Status().Counters.Invalidations)

		refusedByService := instantly(t, c)
		for range 64 { // as many callers' requests failed with the same session
			c.InvalidateCredentials(refusedByService)
		}
		time.Sleep(time.Second)
		for range 64 { // and as many a bit later
			c.InvalidateCredentials(refusedByService)
		}
		assert.Equal(t, 2, number(instantly(t, c)))
		assert.Equal(t, 2, src.calls())
	})
}

func TestInvalidatedCredentialsAreNotServedEvenStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "EC2RoleProvider"
		c := opened(t, src)
		src.set(func(s *source) { s.err = errDown })
		c.Invalidate()
		for range 3 * 3600 {
			refused(t, c)
			time.Sleep(time.Second)
		}
		assert.ErrorContains(t, refused(t, c), "(the credentials held before were invalidated; failed refreshes since ")
	})
}

func TestInvalidateLiftsTheRetryGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(12 * time.Hour)
		c := opened(t, src)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(11*time.Hour + 55*time.Minute)
		tried := src.calls()
		src.set(func(s *source) { s.err = nil })
		c.Invalidate()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))
		assert.Equal(t, tried+1, src.calls())
	})
}

func TestInvalidateLiftsAKeptFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.err, src.latency = errDenied, 0
		c := cache.New(src)
		defer c.Close()
		refused(t, c)
		src.set(func(s *source) { s.err = nil })
		assert.ErrorIs(t, refused(t, c), errDenied, "kept for 1 to 5 s")
		c.Invalidate()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, number(creds))
	})
}

func TestInvalidateRefreshesAtMostOnceASecond(t *testing.T) {
	for name, script := range map[string]func(*source){
		"new sessions":     func(*source) {},
		"the same session": func(s *source) { s.same = true },
		"failures":         func(s *source) { s.err = errDown },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				src.latency = time.Millisecond
				c := opened(t, src)
				src.set(script)
				start := time.Now()
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						for time.Since(start) < 20*time.Second {
							c.Invalidate()
							_, _ = c.Retrieve(t.Context())
							time.Sleep(10 * time.Millisecond)
						}
					})
				}
				wg.Wait()
				assert.LessOrEqual(t, src.calls(), 2*22, "a try, and what follows it by its own rule, a second")
				assert.GreaterOrEqual(t, src.calls(), 15)
				if name != "failures" {
					assert.LessOrEqual(t, src.calls(), 23)
				}
			})
		})
	}
}

func TestARefreshBegunBeforeInvalidateCountsOnlyIfItBringsAnotherKey(t *testing.T) {
	for name, same := range map[string]bool{"another": false, "the same": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				c := opened(t, src)
				src.set(func(s *source) { s.latency, s.same = 10*time.Second, same })
				cache.ShiftWall(c, 58*time.Minute)
				instantly(t, c) // starts it
				time.Sleep(time.Second)
				c.Invalidate()
				start := time.Now()
				creds, err := c.Retrieve(t.Context())
				require.NoError(t, err)
				if same {
					assert.Equal(t, 1, number(creds), "a refresh begun later brought it again: it is good after all")
					assert.Equal(t, 19*time.Second, time.Since(start))
					assert.Equal(t, 3, src.calls())
				} else {
					assert.Equal(t, 2, number(creds))
					assert.Equal(t, 9*time.Second, time.Since(start))
					assert.Equal(t, 2, src.calls())
				}
			})
		})
	}
}

func TestInvalidateWithNothingHeldAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := cache.New(src)
		c.Invalidate()
		c.InvalidateCredentials(aws.Credentials{})
		time.Sleep(time.Hour)
		assert.Zero(t, src.calls())
		require.NoError(t, c.Close())
		c.Invalidate()
		time.Sleep(time.Hour)
		assert.Zero(t, src.calls())
	})
}

func TestCredentialsThatNeverExpireCanBeInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(0)
		c := opened(t, src)
		time.Sleep(24 * time.Hour)
		c.Invalidate()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))
	})
}
