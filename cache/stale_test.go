package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestStaleServingDependsOnTheSource(t *testing.T) {
	for _, row := range []struct {
		source string
		limit  time.Duration // option
		err    error
		want   time.Duration // past expiry
	}{
		{"EC2RoleProvider", 0, errDown, 15 * time.Minute},
		{"CredentialsEndpointProvider", 0, errDown, 15 * time.Minute},
		{"CredentialsEndpointProvider", 2 * time.Hour, errDown, 2 * time.Hour},
		{"EC2RoleProvider", 30 * time.Second, errDown, 30 * time.Second},
		{"EC2RoleProvider", -1, errDown, 0},
		{"EC2RoleProvider", 0, errDenied, 0},
		{"WebIdentityCredentials", 0, errDown, 0},
		{"WebIdentityCredentials", 2 * time.Hour, errDown, 0},
		{"AssumeRoleProvider", 0, errDown, 0},
		{"", 0, errDown, 0},
	} {
		t.Run(row.source+row.limit.String()+row.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				src.name, src.latency = row.source, 0
				c := opened(t, src, func(o *cache.Options) { o.StaleLimit = row.limit })
				end := c.Status().Expires
				src.set(func(s *source) { s.err = row.err })
				time.Sleep(time.Until(end))
				for past := time.Duration(0); past < row.want; past += time.Second {
					creds := instantly(t, c)
					assert.Equal(t, 1, number(creds))
					assert.False(t, creds.Expired())
					assert.LessOrEqual(t, time.Until(creds.Expires), time.Minute)
					assert.False(t, creds.Expires.After(end.Add(row.want)))
					assert.True(t, c.Status().Stale)
					assert.Equal(t, cache.StateStale, c.Status().State)
					assert.Equal(t, end, c.Status().Expires, "the true one")
					time.Sleep(time.Second)
				}
				assert.ErrorIs(t, refused(t, c), row.err)
				assert.False(t, c.Status().Stale)
				assert.Equal(t, cache.StateExpired, c.Status().State)
			})
		})
	}
}

func TestNothingIsServedStaleBeforeTheSourceFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "EC2RoleProvider"
		c := opened(t, src)
		cache.ShiftWall(c, 61*time.Minute) // woken from a suspension
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))

		src.set(func(s *source) { s.err = errDown })
		cache.ShiftWall(c, 61*time.Minute)
		start := time.Now()
		creds, err = c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds), "now it did")
		assert.Equal(t, src.latency, time.Since(start), "it was asked first")
	})
}

func TestATerminalAnswerEndsStaleServingForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "EC2RoleProvider"
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(time.Until(end) + time.Minute)
		instantly(t, c)
		src.set(func(s *source) { s.err = errDenied })
		time.Sleep(6 * time.Second)
		refused(t, c)
		src.set(func(s *source) { s.err = errDown })
		for range 60 {
			refused(t, c)
			time.Sleep(time.Second)
		}
		src.set(func(s *source) { s.err = nil })
		time.Sleep(5 * time.Second)
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))
	})
}

func TestStaleCredentialsAreReplacedWithoutACallerWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "CredentialsEndpointProvider"
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(time.Until(end) + 10*time.Minute)
		assert.Equal(t, 1, number(instantly(t, c)))
		src.set(func(s *source) { s.err = nil })
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			instantly(t, c)
		}
		assert.Equal(t, 2, number(instantly(t, c)))
		assert.False(t, c.Status().Stale)
	})
}
