package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, life := range map[string]time.Duration{"expiring": time.Hour, "never expiring": 0} {
			c := opened(t, newSource(life))
			ctx := t.Context()
			assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = c.Retrieve(ctx) }), name)
		}
	})
}

func TestHandedOutExpiryLeavesAnOuterCacheTime(t *testing.T) {
	for _, life := range []time.Duration{4 * time.Second, 15 * time.Minute, time.Hour, 12 * time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := opened(t, newSource(life))
				creds := instantly(t, c)
				assert.Equal(t, life-min(time.Minute, life/10), time.Until(creds.Expires))
				assert.Equal(t, life, time.Until(c.Status().Expires), "the true one")
			})
		})
	}
}

// A stopped timer stands for everything that may keep a background refresh from running: what counts is that Retrieve itself
// looks at both clocks.
func TestDeadCredentialsAreNeverServed(t *testing.T) {
	const life = time.Hour
	for name, step := range map[string]func(*cache.SessionCache){
		"the wall clock steps past expiry":            func(c *cache.SessionCache) { cache.ShiftWall(c, life) },
		"the monotonic age runs out":                  func(*cache.SessionCache) { time.Sleep(life) },
		"the wall clock steps back, the age runs out": func(c *cache.SessionCache) { cache.ShiftWall(c, -2*life); time.Sleep(life) },
		"both clocks run out exactly":                 func(*cache.SessionCache) { time.Sleep(life - time.Nanosecond); time.Sleep(time.Nanosecond) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(life)
				c := opened(t, src)
				cache.StopTimer(c)
				step(c)
				src.set(func(s *source) { s.err = errDown })
				assert.ErrorIs(t, refused(t, c), errDown)

				src.set(func(s *source) { s.err = nil })
				time.Sleep(5 * time.Second)
				creds, err := c.Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 2, number(creds))
			})
		})
	}
}

func TestCredentialsAreServedToTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(time.Until(end) - time.Nanosecond)
		creds := instantly(t, c)
		assert.Equal(t, 1, number(creds))
		assert.Equal(t, end, creds.Expires, "never later than the true expiry")
		time.Sleep(time.Nanosecond)
		assert.ErrorIs(t, refused(t, c), errDown)
	})
}

func TestAnOutageHandsOutThreeSecondsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.hang = true })
		time.Sleep(time.Until(end) - time.Minute + time.Nanosecond) // the Expires that was handed out has just passed
		for range 100 {
			creds := instantly(t, c)
			assert.False(t, creds.Expired())
			assert.LessOrEqual(t, time.Until(creds.Expires), 3*time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		src.set(func(s *source) { s.hang = false })
		time.Sleep(time.Until(end))
		assert.Equal(t, 2, number(instantly(t, c)), "refreshed before anybody had to wait")
	})
}

func TestCredentialsThatNeverExpireAreNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(0)
		c := opened(t, src)
		time.Sleep(365 * 24 * time.Hour)
		creds := instantly(t, c)
		assert.False(t, creds.CanExpire)
		assert.Equal(t, 1, src.calls())
		assert.Equal(t, cache.StateFresh, c.Status().State)
		assert.Zero(t, c.Status().NextRefresh)
	})
}

func TestTheProvidersCredentialsAreHandedOutUnchangedButForExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := aws.Credentials{AccessKeyID: "ASIAEXAMPLE000000001", SecretAccessKey: "secret-of-000000001", SessionToken: "token-of-000000001",
			Source: "Anything", AccountID: "111122223333", CanExpire: true, Expires: time.Now().Add(time.Hour)}
		c := opened(t, provide(func() (aws.Credentials, error) { return want, nil }))
		got := instantly(t, c)
		want.Expires = want.Expires.Add(-time.Minute)
		assert.True(t, want.Expires.Equal(got.Expires))
		got.Expires = want.Expires
		assert.Equal(t, want, got)
	})
}
