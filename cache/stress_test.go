package cache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/cache"
)

// TestStress lets thousands of callers meet rotating sessions, failures, hangs, panics, cancelled contexts, Invalidate and, at
// last, Close. Whatever they get, it is one session's three strings, or an error that belongs to the story.
func TestStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(4 * time.Second)
		src.latency = 50 * time.Millisecond
		var turn atomic.Int64
		c := cache.New(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			switch turn.Add(1) % 7 {
			case 3:
				return aws.Credentials{}, errDown
			case 5:
				select { // longer than the deadline while credentials are held, mostly
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
				}
				return aws.Credentials{}, errors.New("silence")
			case 6:
				panic("the provider's bug")
			}
			return src.Retrieve(ctx)
		}))
		const callers = 2000
		var served, failed, cancelled, closed atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for {
					ctx, cancel := context.WithCancel(context.Background())
					if rand.N(10) == 0 {
						time.AfterFunc(rand.N(100*time.Millisecond), cancel)
					}
					creds, err := c.Retrieve(ctx)
					cancel()
					var canceled *aws.RequestCanceledError
					switch {
					case err == nil:
						served.Add(1)
						if number(creds) <= 0 || creds.Expired() {
							t.Errorf("got %q, which is torn or expired", creds.AccessKeyID)
						}
					case errors.Is(err, cache.ErrClosed):
						closed.Add(1)
						return
					case errors.As(err, &canceled):
						cancelled.Add(1)
					default:
						failed.Add(1)
					}
					switch rand.N(10_000) {
					case 0:
						c.Invalidate()
					case 1:
						c.InvalidateCredentials(creds)
					case 2:
						c.Status()
						c.ProviderSources()
					}
					time.Sleep(rand.N(time.Second))
				}
			})
		}
		time.Sleep(25 * time.Second)
		assert.NoError(t, c.Close())
		wg.Wait()
		assert.EqualValues(t, callers, closed.Load())
		for name, n := range map[string]int64{"served": served.Load(), "failed": failed.Load(), "cancelled": cancelled.Load()} {
			assert.Positive(t, n, name)
		}
		assert.LessOrEqual(t, get(src, func(s *source) int { return s.most }), 1, "one refresh at a time")
		assert.Less(t, turn.Load(), int64(200), "few calls of the source")
		t.Logf("%d served, %d failed, %d cancelled; the source was asked %d times", served.Load(), failed.Load(), cancelled.Load(), turn.Load())
	})
}

// The same on the real clock, where goroutines run truly side by side all the time: for a fixed number of calls, not for a time.
func TestStressOnTheRealClock(t *testing.T) {
	var n atomic.Int64
	c := cache.New(provide(func() (aws.Credentials, error) { return sessionOf(int(n.Add(1)), time.Hour), nil }))
	defer c.Close()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			last := 0
			for call := range 5000 {
				creds, err := c.Retrieve(context.Background())
				if got := number(creds); err != nil || got < last {
					t.Errorf("got session %d after %d, %v", got, last, err)
					return
				} else {
					last = got
				}
				if w == 0 && call%10 == 0 {
					cache.Republish(c, sessionOf(int(n.Add(1)), time.Hour))
				}
			}
		})
	}
	wg.Wait()
}
