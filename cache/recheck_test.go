package cache_test

import (
	"context"
	"errors"
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

// script is a source that answers by the number of the call, the last entry again and again.
type script struct {
	mu      sync.Mutex
	answers []func(session.Held) (session.Answer, error)
	held    []session.Held
	at      []time.Time
}

func (s *script) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("a source is asked by Fetch")
}

func (s *script) Fetch(_ context.Context, held session.Held) (session.Answer, error) {
	time.Sleep(100 * time.Millisecond)
	s.mu.Lock()
	n := len(s.held)
	s.held, s.at = append(s.held, held), append(s.at, time.Now())
	answer := s.answers[min(n, len(s.answers)-1)]
	s.mu.Unlock()
	return answer(held)
}

func (s *script) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// call returns when the n-th call, from 0, was made, and with what.
func (s *script) call(n int) (time.Time, session.Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[n], s.held[n]
}

func (s *script) heldIn(n int) session.Held { _, held := s.call(n); return held }

func (s *script) gap(n int) time.Duration {
	before, _ := s.call(n - 1)
	at, _ := s.call(n)
	return at.Sub(before)
}

type step = func(session.Held) (session.Answer, error)

func gives(n int, life, recheck time.Duration) step {
	return func(session.Held) (session.Answer, error) {
		return session.Answer{Credentials: sessionOf(n, life), Recheck: recheck, Sources: []aws.CredentialSource{aws.CredentialSourceIMDS}}, nil
	}
}

func keeps(recheck time.Duration) step {
	return func(session.Held) (session.Answer, error) { return session.Answer{Kept: true, Recheck: recheck}, nil }
}

func fails(err error, recheck time.Duration) step {
	return func(session.Held) (session.Answer, error) { return session.Answer{Recheck: recheck}, err }
}

func TestARecheckIsAskedForInTimeAndKeptAnswersKeep(t *testing.T) {
	for name, life := range map[string]time.Duration{"expiring credentials": 12 * time.Hour, "credentials that never expire": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &script{answers: []step{gives(1, life, time.Minute), keeps(2 * time.Minute), keeps(4 * time.Minute), gives(2, time.Hour, 0)}}
				c := opened(t, src)
				start := time.Now()
				creds := instantly(t, c)
				assert.True(t, creds.CanExpire, "an outer cache is to come back")
				assert.Equal(t, time.Minute, time.Until(creds.Expires), "no later than the recheck")
				assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceIMDS, aws.CredentialSourceCode}, c.ProviderSources())

				time.Sleep(time.Minute + 50*time.Millisecond) // it is under way
				creds = instantly(t, c)
				assert.Equal(t, 1, number(creds))
				assert.InDelta(t, 3*time.Second, time.Until(creds.Expires), float64(time.Second/2))
				time.Sleep(100 * time.Millisecond)
				assert.Equal(t, 2*time.Minute, time.Until(instantly(t, c).Expires).Round(time.Second))

				time.Sleep(7 * time.Minute)
				creds = instantly(t, c)
				assert.Equal(t, 2, number(creds), "healed")
				assert.Equal(t, 4, src.calls())
				for n, after := range []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute} {
					at, held := src.call(n)
					assert.InDelta(t, after, at.Sub(start), float64(time.Second))
					assert.Equal(t, n > 0, held.Recheck)
					assert.Equal(t, n > 0, held.Usable)
					if n > 0 {
						assert.Equal(t, 1, number(held.Credentials))
						assert.Equal(t, life > 0, held.Credentials.CanExpire, "as the source gave them")
					}
				}
				assert.EqualValues(t, 3, c.Status().Counters.Rechecks)
				time.Sleep(30 * time.Minute)
				assert.Equal(t, 4, src.calls(), "no recheck was asked for any more")
			})
		})
	}
}

func TestARecheckThatFailsHarmsNothingAndComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, 12*time.Hour, time.Minute),
			fails(errDown, 2*time.Minute), fails(errDown, 0), func(session.Held) (session.Answer, error) { panic("x") }, gives(2, time.Hour, 0)}}
		c := opened(t, src)
		start := time.Now()
		for number(instantly(t, c)) == 1 {
			time.Sleep(time.Second)
			require.Less(t, time.Since(start), time.Hour)
		}
		assert.InDelta(t, 7*time.Minute, time.Since(start), float64(5*time.Second), "1, then 2 as asked, then 2 and 2 since nobody asked otherwise")
		assert.Equal(t, 0, c.Status().Failures)
		assert.Zero(t, c.Status().Counters.Failures)
	})
}

func TestARefreshThatFailsStillPlansTheRecheckItAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, 12*time.Hour, 0), fails(errDown, 30*time.Second), gives(2, 12*time.Hour, 0)}}
		c := opened(t, src)
		cache.ShiftWall(c, 11*time.Hour+46*time.Minute)
		instantly(t, c) // starts the refresh, which fails: by itself it would be tried again in 280 s
		time.Sleep(31 * time.Second)
		assert.Equal(t, 2, number(instantly(t, c)))
		assert.Equal(t, []bool{false, false, true}, []bool{src.heldIn(0).Recheck, src.heldIn(1).Recheck, src.heldIn(2).Recheck})
	})
}

func TestARecheckWithNothingUsableHeldIsARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{fails(errDenied, time.Minute), gives(1, time.Hour, 0)}}
		c := cache.New(src)
		defer c.Close()
		refused(t, c)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 1, number(instantly(t, c)), "nobody asked: the source did")
		assert.Equal(t, session.Held{}, src.heldIn(1))
	})
}

func TestARefreshThatIsDueComesBeforeARecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, time.Hour, time.Minute), gives(2, time.Hour, 0)}}
		c := opened(t, src)
		cache.ShiftWall(c, 58*time.Minute)
		instantly(t, c)
		time.Sleep(time.Second)
		assert.Equal(t, 2, number(instantly(t, c)))
		assert.False(t, src.heldIn(1).Recheck)
	})
}

func TestKeptAnswersARefreshTooAsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, time.Hour, 0), keeps(0)}}
		c := opened(t, src)
		end := c.Status().Expires
		time.Sleep(time.Until(end) - time.Second)
		assert.Equal(t, 1, number(instantly(t, c)))
		assert.Zero(t, c.Status().Failures)
		for n := 2; n < src.calls(); n++ {
			assert.GreaterOrEqual(t, src.gap(n), 5*time.Second)
			assert.LessOrEqual(t, src.gap(n), time.Minute+time.Second)
		}
	})
}

func TestKeptWhereNothingIsHeldIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(&script{answers: []step{keeps(0)}})
		defer c.Close()
		assert.ErrorContains(t, refused(t, c), "podrole: source kept credentials where none were held")
	})
}

func TestKeptDoesNotSurviveAnInvalidateThatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{answers: []step{gives(1, time.Hour, time.Minute), keeps(time.Minute), gives(2, time.Hour, 0)}}
		c := opened(t, src)
		time.Sleep(time.Minute + 50*time.Millisecond)
		c.Invalidate()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, number(creds))
		assert.Equal(t, session.Held{}, src.heldIn(2))
	})
}

func TestTellIsCalledOnceTheAnswerIsPublished(t *testing.T) {
	for name, err := range map[string]error{"credentials": nil, "an error": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c *cache.SessionCache
				var told []string
				c = cache.New(&script{answers: []step{func(session.Held) (session.Answer, error) {
					return session.Answer{Credentials: sessionOf(1, time.Hour), Tell: func() {
						start := time.Now()
						creds, _ := c.Retrieve(context.Background())
						told = append(told, creds.AccessKeyID)
						assert.Zero(t, time.Since(start), "a log handler that needs credentials")
					}}, err
				}}})
				defer c.Close()
				_, got := c.Retrieve(t.Context())
				assert.ErrorIs(t, got, err)
				synctest.Wait()
				if err != nil {
					assert.Equal(t, []string{""}, told)
				} else {
					assert.Equal(t, []string{sessionOf(1, 0).AccessKeyID}, told)
				}
			})
		})
	}
}

func TestTheSourcesOwnServerTimeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := opened(t, &script{answers: []step{func(session.Held) (session.Answer, error) {
			return session.Answer{Credentials: expiring(-time.Hour), ServerTime: time.Now().Add(-2 * time.Hour)}, nil
		}}})
		assert.Equal(t, 59*time.Minute, time.Until(instantly(t, c).Expires))
	})
}
