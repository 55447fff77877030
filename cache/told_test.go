package cache_test

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
	"example.com/podrole/internal/session"
)

// told is a log at DEBUG, as text, without its times of writing.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *told) options(o *cache.Options) {
	o.Logger = slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// lines are the records so far; what is drawn at random in them is cut out.
func (l *told) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	drawn := regexp.MustCompile(` (next_refresh|next_try)=\S+`)
	return strings.Split(strings.TrimSpace(drawn.ReplaceAllString(l.text.String(), " $1")), "\n")
}

func TestEveryRefreshIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log told
		src := newSource(time.Hour)
		c := opened(t, src, log.options)
		synctest.Wait()
		assert.Equal(t, []string{
			`level=DEBUG msg="aws credentials refreshed" access_key_id=…0001 expires=2000-01-01T01:00:00.300Z next_refresh recheck=false took=300ms`,
		}, log.lines())

		src.set(func(s *source) { s.err = errDown })
		for src.calls() < 3 {
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		assert.Equal(t, []string{
			`level=WARN msg="aws credentials could not be refreshed, those held stay in use" error="api error InternalFailure: STS is down" terminal=false failures=1 expires=2000-01-01T01:00:00.300Z next_try`,
			`level=DEBUG msg="aws credentials refresh failed" error="api error InternalFailure: STS is down" terminal=false failures=2 expires=2000-01-01T01:00:00.300Z next_try recheck=false`,
		}, log.lines()[1:3])

		src.set(func(s *source) { s.err = nil })
		for number(instantly(t, c)) == 1 {
			time.Sleep(time.Second)
		}
		synctest.Wait()
		last := log.lines()[len(log.lines())-1]
		assert.Regexp(t, `^level=INFO msg="aws credentials are refreshed again" access_key_id=…0002 expires=\S+ next_refresh failures=\d+ since=\S+$`, last)
	})
}

// nextTry is what the last record that has one says.
func (l *told) nextTry(t *testing.T) time.Time {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	i := strings.LastIndex(l.text.String(), "next_try=")
	require.NotEqual(t, -1, i)
	at, err := time.Parse(time.RFC3339Nano, strings.Fields(l.text.String()[i+len("next_try="):])[0])
	require.NoError(t, err)
	return at
}

// Where nobody holds anything a caller starts the next try, and no caller before it.
func TestTheNextTryWithNothingHeldIsWhenItIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log told
		src := newSource(time.Hour)
		src.err = errDenied
		c := cache.New(src, log.options)
		defer c.Close()
		refused(t, c)
		synctest.Wait()
		next := log.nextTry(t)
		time.Sleep(time.Until(next) - time.Millisecond)
		refused(t, c)
		assert.Equal(t, 1, src.calls())
		time.Sleep(2 * time.Millisecond) // slog writes whole milliseconds
		refused(t, c)
		assert.Equal(t, 2, src.calls())
	})
}

// Whoever reads next_try can wait for it.
func TestTheNextTryIsWhenItIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log told
		src := newSource(time.Hour)
		src.latency = 0
		opened(t, src, log.options)
		src.set(func(s *source) { s.err = errDown })
		for src.calls() < 2 {
			time.Sleep(time.Second)
		}
		synctest.Wait()
		next := log.nextTry(t)
		time.Sleep(time.Until(next) - time.Millisecond)
		assert.Equal(t, 2, src.calls())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 3, src.calls())
	})
}

func TestAClockThatDiffersIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log told
		answer := func(n int) step {
			return func(session.Held) (session.Answer, error) {
				server := time.Now().Add(-2 * time.Hour)
				creds := sessionOf(n, time.Hour)
				creds.Expires = server.Add(time.Hour)
				return session.Answer{Credentials: creds, ServerTime: server}, nil
			}
		}
		src := &script{answers: []step{answer(1), answer(2), answer(3)}}
		opened(t, src, log.options)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		require.GreaterOrEqual(t, src.calls(), 3)
		assert.Equal(t, 1, strings.Count(strings.Join(log.lines(), "\n"), "the local clock differs from the credential server's: expiry is judged by the server's\" ahead=2h0m0s"))
	})
}

func TestARecheckComesNoSoonerThanAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, time.Hour, time.Nanosecond), keeps(time.Nanosecond)}}
		opened(t, src)
		time.Sleep(10 * time.Second)
		for n := 1; n < src.calls(); n++ {
			assert.GreaterOrEqual(t, src.gap(n), time.Second)
		}
		assert.Greater(t, src.calls(), 5)
	})
}

// extendingScript has the hook of a provider that is also asked by Fetch.
type extendingScript struct {
	script
	asked int
}

func (e *extendingScript) HandleFailToRefresh(_ context.Context, held aws.Credentials, _ error) (aws.Credentials, error) {
	e.asked++
	return held, nil
}

func TestHandleFailToRefreshIsForRefreshesThatCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &extendingScript{script: script{answers: []step{gives(1, time.Hour, time.Minute), fails(errDown, time.Minute)}}}
		opened(t, src)
		time.Sleep(10 * time.Minute)
		require.Greater(t, src.calls(), 5)
		assert.Zero(t, src.asked, "a recheck that fails takes nothing away")
	})
	synctest.Test(t, func(t *testing.T) {
		src := &extendingScript{script: script{answers: []step{gives(1, time.Hour, 0), func(session.Held) (session.Answer, error) {
			time.Sleep(time.Second)
			return session.Answer{}, errDown
		}}}}
		c := opened(t, src)
		c.Invalidate()
		time.Sleep(200 * time.Millisecond)
		require.NoError(t, c.Close())
		time.Sleep(time.Minute)
		assert.Zero(t, src.asked, "the cache was closed meanwhile")
	})
}

func TestCloseForgetsTheSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := opened(t, newSource(time.Hour))
		require.NotEmpty(t, cache.Secrets(c))
		require.NoError(t, c.Close())
		assert.Empty(t, cache.Secrets(c))
	})
}
