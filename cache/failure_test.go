package cache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestCallersNeverSeeAFailureWhileUsableCredentialsAreHeld(t *testing.T) {
	for name, script := range map[string]func(*source){
		"an error":                     func(s *source) { s.err = errDown },
		"a terminal answer":            func(s *source) { s.err = errDenied },
		"silence":                      func(s *source) { s.hang = true },
		"credentials without keys":     func(s *source) { s.same, s.last = true, aws.Credentials{Source: "nothing"} },
		"credentials already expired":  func(s *source) { s.life = -time.Minute },
		"credentials of half a second": func(s *source) { s.life = 500 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				c := opened(t, src)
				end := c.Status().Expires
				time.Sleep(40 * time.Minute)
				src.set(script)
				for time.Until(end) > 30*time.Second {
					assert.Equal(t, 1, number(instantly(t, c)))
					time.Sleep(time.Second)
				}
				assert.Positive(t, c.Status().Failures)
				assert.LessOrEqual(t, src.calls(), 12, "few calls")
				src.set(func(s *source) {
					s.life, s.err, s.hang, s.same, s.served = time.Hour, nil, false, false, 1
				})
				time.Sleep(25 * time.Second)
				assert.Equal(t, 2, number(instantly(t, c)))
				assert.Zero(t, c.Status().Failures)
			})
		})
	}
}

func TestOneFailureAnswersAllCallersForAWhile(t *testing.T) {
	for name, row := range map[string]struct {
		err      error
		min, max time.Duration // between tries, once they no longer grow
		calls    int           // in 10 minutes at most
	}{
		"transient": {errDown, 3500 * time.Millisecond, 4500 * time.Millisecond, 600*10/35 + 6},
		"terminal":  {errDenied, time.Second, 5 * time.Second, 600},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				src.err, src.latency = row.err, 0
				c := cache.New(src)
				defer c.Close()
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						for range 60_000 {
							_, err := c.Retrieve(t.Context())
							if !errors.Is(err, row.err) {
								t.Errorf("got %v", err)
								return
							}
							time.Sleep(10 * time.Millisecond)
						}
					})
				}
				wg.Wait()
				assert.LessOrEqual(t, src.calls(), row.calls)
				for n := 10; n < src.calls(); n++ {
					gap := src.gap(n)
					assert.GreaterOrEqual(t, gap, row.min)
					assert.LessOrEqual(t, gap, row.max+10*time.Millisecond)
				}
			})
		})
	}
}

func TestFailuresAreKeptForADoublingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.err, src.latency = errDown, 0
		c := cache.New(src)
		defer c.Close()
		for range 12_000 {
			refused(t, c)
			time.Sleep(time.Millisecond)
		}
		for n, base := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second} {
			gap := src.gap(n + 1)
			assert.GreaterOrEqual(t, gap, base*7/10)
			assert.LessOrEqual(t, gap, base*9/10+time.Millisecond)
		}
	})
}

func TestASourceThatReturnsIsNoticedWithinFiveSeconds(t *testing.T) {
	for name, err := range map[string]error{"transient": errDown, "terminal": errDenied} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(time.Hour)
				c := opened(t, src)
				src.set(func(s *source) { s.err = err })
				time.Sleep(3 * time.Hour)
				for range 1000 {
					refused(t, c)
					time.Sleep(10 * time.Millisecond)
				}
				src.set(func(s *source) { s.err = nil })
				back := time.Now()
				for {
					if _, err := c.Retrieve(t.Context()); err == nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				assert.LessOrEqual(t, time.Since(back), 5*time.Second+src.latency)
			})
		})
	}
}

func TestAnIdleProcessRecoversWithoutACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(8 * time.Hour)
		assert.LessOrEqual(t, src.calls(), 20+7*12, "once in 5 to 10 minutes while nobody asks")
		src.set(func(s *source) { s.err = nil })
		time.Sleep(10*time.Minute + time.Second)
		assert.Equal(t, 2, number(instantly(t, c)))
	})
}

func TestTheErrorSaysWhatCallersNeedToKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.latency = 0
		c := opened(t, src)
		src.set(func(s *source) {
			s.err = &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: errDenied}
		})
		time.Sleep(2 * time.Hour)
		err := refused(t, c)
		var api smithy.APIError
		require.ErrorAs(t, err, &api, "the cause stays reachable")
		assert.Equal(t, "AccessDenied", api.ErrorCode())
		assert.ErrorIs(t, err, errDenied)
		assert.Regexp(t, `^podrole: operation error STS: AssumeRole, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity `+
			`\(the credentials held before expired at 2000-01-01T01:00:00Z; failed refreshes since 2000-01-01T00:\d\d:\d\dZ: \d+; next try not before 2000-01-01T02:00:0\dZ\)$`, err.Error())
	})
}

func TestAPrefixIsNotRepeatedAndContextErrorsOfTheProviderAreHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		for _, row := range []struct {
			err  error
			text string
		}{
			{errors.New("podrole: the chain stopped"), "podrole: the chain stopped"},
			{fmt.Errorf("imds: %w", dial), "podrole: imds: dial tcp: connection refused"},
			// A bound of the provider's own, which is not the caller's: refused() checks that it is not taken for it.
			{fmt.Errorf("ec2imds: %w", context.DeadlineExceeded), "podrole: ec2imds: context deadline exceeded"},
		} {
			c := cache.New(provide(func() (aws.Credentials, error) { return aws.Credentials{}, row.err }))
			defer c.Close()
			assert.EqualError(t, refused(t, c), row.text)
		}
		var op *net.OpError
		c := cache.New(provide(func() (aws.Credentials, error) { return aws.Credentials{}, fmt.Errorf("imds: %w", dial) }))
		defer c.Close()
		assert.ErrorAs(t, refused(t, c), &op)
	})
}

func TestUselessCredentialsAreAFailure(t *testing.T) {
	for name, row := range map[string]struct {
		creds aws.Credentials
		text  string
	}{
		"no keys":           {aws.Credentials{}, "without an access key id"},
		"no secret":         {aws.Credentials{AccessKeyID: "ASIAEXAMPLE000000001"}, "without an access key id and a secret"},
		"expired":           {expiring(-time.Hour), "podrole: the credentials had already expired when they arrived: at 1999-12-31T23:00:00Z (the clock here says 2000-01-01T00:00:00Z)"},
		"no time of expiry": {aws.Credentials{AccessKeyID: "A", SecretAccessKey: "s", CanExpire: true}, "when they arrived: at 0001-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				creds := row.creds
				if !creds.Expires.IsZero() {
					creds = expiring(-time.Hour)
				}
				c := cache.New(provide(func() (aws.Credentials, error) { return creds, nil }))
				defer c.Close()
				assert.ErrorContains(t, refused(t, c), row.text)
			})
		})
	}
}

func expiring(life time.Duration) aws.Credentials {
	creds := sessionOf(1, time.Hour)
	creds.Expires = time.Now().Add(life)
	return creds
}

// ServerTime makes the source tell its server's clock.
func (s *source) ServerTime(aws.Credentials) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tellsTime {
		return time.Time{}
	}
	return time.Now().Add(s.ahead)
}

func TestExpiryIsJudgedByTheServersClockWhereOursIsWrong(t *testing.T) {
	for name, row := range map[string]struct {
		ahead   time.Duration // of the server's clock
		life    time.Duration // as it looks by the local clock
		usable  time.Duration // what it is; 0 = refused
		warning bool
	}{
		"our clock is 2 h fast":               {-2 * time.Hour, -time.Hour, time.Hour, true},
		"our clock is 50 min slow":            {50 * time.Minute, 110 * time.Minute, time.Hour, true},
		"our clock is 2 h slow, expired":      {2 * time.Hour, time.Hour, 0, true},
		"5 min are within what AWS tolerates": {5 * time.Minute, time.Hour, time.Hour, false},
		"5 min, and expired by ours":          {-5 * time.Minute, -time.Minute, 0, false},
		"5 min and a second are not":          {-5*time.Minute - time.Second, 55 * time.Minute, time.Hour + time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(row.life)
				src.latency, src.tellsTime, src.ahead = 0, true, row.ahead
				src.last, src.same, src.served = expiring(row.life), true, 1
				log := &logged{}
				c := cache.New(src, func(o *cache.Options) { o.Logger = slog.New(log) })
				defer c.Close()
				creds, err := c.Retrieve(t.Context())
				synctest.Wait()
				if row.warning {
					assert.Contains(t, log.text(), "WARN the local clock differs from the credential server's: expiry is judged by the server's")
				} else {
					assert.NotContains(t, fmt.Sprint(log.text()), "clock")
				}
				if row.usable == 0 {
					require.ErrorContains(t, err, "the clock here says 2000-01-01T00:00:00Z, the server's says "+time.Now().Add(row.ahead).UTC().Format(time.RFC3339))
					return
				}
				require.NoError(t, err)
				assert.Equal(t, row.usable-min(time.Minute, row.usable/10), time.Until(creds.Expires), "handed out by the local clock")
				assert.True(t, c.Status().Expires.Equal(get(src, func(s *source) time.Time { return s.last.Expires })), "the true one is the server's")
				time.Sleep(row.usable - time.Nanosecond)
				assert.Equal(t, 1, number(instantly(t, c)))
				time.Sleep(time.Nanosecond)
				src.set(func(s *source) { s.err = errDown })
				refused(t, c)
			})
		})
	}
}

func TestEachConditionIsLoggedOnceAndTheRecoveryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.name = "EC2RoleProvider"
		log := &logged{}
		c := opened(t, src, func(o *cache.Options) { o.Logger = slog.New(log) })
		synctest.Wait()
		assert.Empty(t, log.text(), "a refresh that succeeds is not news")
		end := c.Status().Expires
		src.set(func(s *source) { s.err = errDown })
		for time.Until(end) > -20*time.Minute {
			_, _ = c.Retrieve(t.Context())
			time.Sleep(time.Second)
		}
		src.set(func(s *source) { s.err = nil })
		time.Sleep(10 * time.Minute)
		instantly(t, c)
		synctest.Wait()
		assert.Equal(t, []string{
			"WARN aws credentials could not be refreshed, those held stay in use",
			"WARN aws credentials expired and could not be refreshed, stale ones are served",
			"WARN no usable aws credentials",
			"INFO aws credentials are refreshed again",
		}, log.text())
		for _, attrs := range log.attrs[:3] {
			next, err := time.Parse(time.DateTime, attrs["next_try"][:19])
			assert.NoError(t, err, attrs)
			assert.True(t, next.After(end.Add(-time.Hour)), attrs)
			assert.Contains(t, attrs["error"], "STS is down")
		}
	})
}

func TestATerminalAnswerIsAConditionOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		log := &logged{}
		c := opened(t, src, func(o *cache.Options) { o.Logger = slog.New(log) })
		time.Sleep(44 * time.Minute)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(13 * time.Minute)
		src.set(func(s *source) { s.err = errDenied })
		time.Sleep(2 * time.Minute)
		instantly(t, c)
		synctest.Wait()
		assert.Equal(t, []string{
			"WARN aws credentials could not be refreshed, those held stay in use",
			"WARN aws credentials could not be refreshed, those held stay in use",
		}, log.text())
		assert.Equal(t, "false", log.attrs[0]["terminal"])
		assert.Equal(t, "true", log.attrs[1]["terminal"])
	})
}
