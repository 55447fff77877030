package cache_test

import (
	"context"
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

func TestCloseEndsEverythingAndIsIdempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		for range 3 {
			require.NoError(t, c.Close())
		}
		assert.ErrorIs(t, refused(t, c), cache.ErrClosed)
		assert.Equal(t, cache.StateClosed, c.Status().State)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 1, src.calls(), "no timer is left")
		assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceCode}, c.ProviderSources())
	})
}

func TestCloseCancelsTheRefreshInFlightAndWaitsForIt(t *testing.T) {
	for name, script := range map[string]func(*source){
		"a provider that listens":      func(s *source) { s.hang = true },
		"a provider that does not":     func(s *source) { s.deaf = true },
		"a provider that takes a time": func(s *source) { s.latency = 20 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				script(src)
				c := cache.New(src)
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						_, err := c.Retrieve(t.Context())
						assert.ErrorIs(t, err, cache.ErrClosed)
					})
				}
				time.Sleep(time.Second)
				start := time.Now()
				for range 5 { // all of them wait, and none for long
					wg.Go(func() { assert.NoError(t, c.Close()) })
				}
				wg.Wait()
				assert.Zero(t, time.Since(start))
				time.Sleep(2 * time.Hour)
				assert.Equal(t, cache.StateClosed, c.Status().State)
			})
		})
	}
}

func TestCloseEndsARefreshThatInvalidatePutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		for range 2 {
			c.Invalidate()
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
		}
		c.Invalidate()
		calls := src.calls()
		require.NoError(t, c.Close())
		time.Sleep(time.Minute)
		assert.Equal(t, calls, src.calls())
	})
}

func TestAProviderMayCloseItsCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *cache.SessionCache
		c = cache.New(provide(func() (aws.Credentials, error) {
			_ = c.Close()
			return sessionOf(1, time.Hour), nil
		}))
		assert.ErrorIs(t, refused(t, c), cache.ErrClosed)
	})
}

func TestADroppedCacheStopsAtTheNextFireOfItsTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		time.Sleep(time.Hour)
		assert.Equal(t, 2, src.calls())
		cache.Drop(c)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 2, src.calls())
	})
}

// The garbage collector's cleanup runs outside of every bubble, which is why it must not touch a timer, a channel or a context.
func TestACacheForgottenInABubbleIsCollectedWithoutACrash(t *testing.T) {
	var inner *cache.Inner
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := cache.New(src)
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		time.Sleep(90 * time.Minute)
		inner = cache.InnerOf(c) // and no Close
	})
	collected(t, inner)
}

func TestACacheForgottenInABubbleIsCollectedWhileTheBubbleRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		inner := func() *cache.Inner {
			c := cache.New(src)
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			return cache.InnerOf(c)
		}()
		collected(t, inner)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 1, src.calls())
	})
}

func collected(t *testing.T, inner *cache.Inner) {
	t.Helper()
	for range 1000 {
		runtime.GC()
		if inner.Dropped() {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("the handle was not collected: something holds it")
}

func TestACacheIsNotDroppedWhileACallerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, release := make(chan struct{}), make(chan struct{})
		var inner *cache.Inner
		var wg sync.WaitGroup
		wg.Go(func() {
			c := cache.New(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				close(started)
				<-release
				return sessionOf(1, time.Hour), nil
			}))
			inner = cache.InnerOf(c)
			creds, err := c.Retrieve(t.Context()) // the last use of c
			assert.NoError(t, err)
			assert.Equal(t, 1, number(creds))
		})
		<-started
		for range 10 {
			runtime.GC()
		}
		assert.False(t, inner.Dropped())
		close(release)
		wg.Wait()
	})
}

func TestMistakesInCodeAreErrorsAndNotPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, p := range map[string]aws.CredentialsProvider{
			"was given a nil provider":              nil,
			"nil pointer dereference":               (*source)(nil),
			"invalid memory address or nil pointer": aws.CredentialsProviderFunc(nil),
		} {
			c := cache.New(p, nil)
			assert.ErrorContains(t, refused(t, c), name)
			c.Invalidate()
			c.Status()
			c.ProviderSources()
			c.IsCredentialsProvider(aws.AnonymousCredentials{})
			require.NoError(t, c.Close())
		}
	})
}
