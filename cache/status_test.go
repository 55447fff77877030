package cache_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestStatusFollowsTheLifeOfTheCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "EC2RoleProvider"
		c := cache.New(src)
		assert.Equal(t, cache.Status{State: cache.StateNone}, c.Status())

		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		st := c.Status()
		assert.Equal(t, cache.StateFresh, st.State)
		assert.Equal(t, "…0001", st.AccessKeyID)
		assert.Equal(t, "EC2RoleProvider", st.Source)
		assert.Equal(t, time.Hour, time.Until(st.Expires))
		assert.Positive(t, time.Until(st.NextRefresh))
		assert.Less(t, st.NextRefresh, st.Expires)

		src.set(func(s *source) { s.hang = true })
		time.Sleep(time.Until(st.NextRefresh) + time.Second)
		assert.Equal(t, cache.StateRefreshing, c.Status().State)

		time.Sleep(time.Until(st.Expires) - time.Second)
		st = c.Status()
		assert.Positive(t, st.Failures)
		assert.Contains(t, st.LastError, "podrole: credentials refresh: timed out after")
		assert.WithinDuration(t, time.Now(), st.LastErrorTime, time.Minute)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, cache.StateStale, c.Status().State)
		time.Sleep(15 * time.Minute)
		assert.Equal(t, cache.StateExpired, c.Status().State)

		src.set(func(s *source) { s.hang = false })
		time.Sleep(11 * time.Minute)
		st = c.Status()
		assert.Equal(t, cache.StateFresh, st.State)
		assert.Zero(t, st.Failures)
		assert.NotEmpty(t, st.LastError, "what went wrong last stays readable")
		require.NoError(t, c.Close())
		assert.Equal(t, cache.StateClosed, c.Status().State)
		assert.Zero(t, c.Status().NextRefresh)
	})
}

func TestStatusMarshalsAsDocumented(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.latency = time.Millisecond // so that the Retrieve below waits for what Invalidate started
		c := opened(t, src)
		c.Invalidate()
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(57 * time.Minute)
		st := c.Status()
		text, err := json.Marshal(st)
		require.NoError(t, err)
		assert.JSONEq(t, fmt.Sprintf(`{
			"state": "fresh",
			"access_key_id": "…0002",
			"source": "WebIdentityCredentials",
			"expires": "2000-01-01T01:00:00.002Z",
			"next_refresh": %q,
			"stale": false,
			"failures": %d,
			"last_error": "podrole: api error InternalFailure: STS is down",
			"last_error_time": %q,
			"counters": {"refreshes": 2, "failures": %[2]d, "rechecks": 0, "invalidations": 1, "waits": 2}
		}`, st.NextRefresh.Format(time.RFC3339Nano), st.Failures, st.LastErrorTime.Format(time.RFC3339Nano)), string(text))

		text, err = json.Marshal(cache.New(src).Status())
		require.NoError(t, err)
		assert.JSONEq(t, `{"state": "none", "stale": false, "failures": 0, "counters": {"refreshes": 0, "failures": 0, "rechecks": 0, "invalidations": 0, "waits": 0}}`, string(text))
	})
}

func TestNothingThatIsPrintedHoldsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		log := &logged{}
		c := opened(t, src, func(o *cache.Options) { o.Logger = slog.New(log) })
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(2 * time.Hour)
		require.NotEmpty(t, log.attrs)
		err := refused(t, c)
		status, marshalErr := json.Marshal(c.Status())
		require.NoError(t, marshalErr)
		text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s %v", c.Status(), c.Status(), c.Status(), status, err, err, err, err, log.attrs)
		for _, secret := range []string{"secret-of", "token-of", "ASIAEXAMPLE"} {
			assert.NotContains(t, text, secret)
		}
	})
}
