package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/cache"
	"example.com/podrole/internal/schedule"
)

func TestNothingHappensBeforeTheFirstRetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := cache.New(src)
		defer c.Close()
		time.Sleep(24 * time.Hour)
		assert.Zero(t, src.calls())
		assert.Equal(t, cache.StateNone, c.Status().State)
	})
}

func TestRefreshesRunInTheBackgroundWithoutTraffic(t *testing.T) {
	for _, life := range []time.Duration{4 * time.Second, 15 * time.Second, 15 * time.Minute, time.Hour, 6 * time.Hour, 12 * time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(life)
				opened(t, src)
				start := time.Now()
				const cycles = 50
				time.Sleep(cycles * life)
				calls := src.calls() - 1
				// Each refresh comes between Advisory before expiry and a quarter of that.
				assert.GreaterOrEqual(t, calls, cycles)
				assert.LessOrEqual(t, calls, 2*cycles+1)
				before := time.Duration(0)
				for n := 1; n <= calls; n++ {
					at := src.since(start, n)
					gap := at - before
					assert.GreaterOrEqual(t, gap, schedule.RefreshAfter(life, 0))
					assert.LessOrEqual(t, gap, schedule.RefreshAfter(life, 1)+src.latency)
					before = at
				}
			})
		})
	}
}

func TestCachesStartedTogetherRefreshApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		src.latency = 0
		start := time.Now()
		for range 100 {
			opened(t, src)
		}
		time.Sleep(57 * time.Minute)
		seconds := map[time.Duration]int{}
		for n := 100; n < src.calls(); n++ {
			seconds[src.since(start, n).Truncate(time.Second)]++
		}
		assert.Equal(t, 200, src.calls())
		assert.Greater(t, len(seconds), 60, "a hundred refreshes in a window of 675 s")
	})
}

func TestTrafficPastThePlannedInstantStartsTheRefreshWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		cache.StopTimer(c)
		time.Sleep(57 * time.Minute)
		assert.Equal(t, 1, src.calls(), "no timer, no refresh")
		assert.Equal(t, 1, number(instantly(t, c)))
		assert.Equal(t, cache.StateRefreshing, c.Status().State)
		for range 50 { // nor do those that come while it is under way
			assert.Equal(t, 1, number(instantly(t, c)))
		}
		time.Sleep(time.Second)
		assert.Equal(t, 2, number(instantly(t, c)))
		assert.Equal(t, 2, src.calls())
		time.Sleep(56*time.Minute + 15*time.Second)
		assert.Equal(t, 3, src.calls(), "the timer is armed again")
	})
}

func TestASuspendedMachineCatchesUpWithinOneSleepOfTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(6 * time.Hour)
		c := opened(t, src)
		time.Sleep(time.Minute)
		cache.ShiftWall(c, 5*time.Hour+50*time.Minute) // what a suspension looks like: the monotonic clock stood still
		assert.Equal(t, 1, src.calls())
		time.Sleep(schedule.MaxSleep + time.Second)
		assert.Equal(t, 2, src.calls(), "nobody asked; the timer looked at the wall clock")
		assert.Equal(t, 2, number(instantly(t, c)))
	})
}

func TestAWallClockSetBackDoesNotKeepTheRefreshFromComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		cache.ShiftWall(c, -3*time.Hour)
		time.Sleep(58 * time.Minute)
		assert.Equal(t, 2, src.calls())
		assert.Equal(t, 2, number(instantly(t, c)))
	})
}

func TestOneSleepIsAtMostFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(12 * time.Hour)
		c := opened(t, src)
		for range 100 { // each small step of the wall clock is seen at the next look, not at the end of one long sleep
			cache.ShiftWall(c, 5*time.Minute)
			time.Sleep(schedule.MaxSleep)
			synctest.Wait()
			if src.calls() > 1 {
				break
			}
		}
		elapsed := src.gap(1)
		assert.InDelta(t, elapsed, 5*time.Hour+41*time.Minute, float64(15*time.Minute), "twelve hours by the wall, half of them by the timer")
	})
}

func TestTheTimerIsArmedAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		src.set(func(s *source) { s.err = errDown })
		time.Sleep(58 * time.Minute)
		for get(src, func(s *source) int { return s.active }) > 0 { // one that is under way would succeed
			time.Sleep(10 * time.Millisecond)
		}
		failed := src.calls()
		assert.Greater(t, failed, 1)
		src.set(func(s *source) { s.err = nil })
		time.Sleep(2*time.Minute - src.latency)
		assert.Equal(t, failed+1, src.calls())
		assert.Equal(t, 2, number(instantly(t, c)))
	})
}

func TestAnAnswerWithoutProgressIsAskedAboutOnceAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(time.Hour)
		c := opened(t, src)
		end := c.Status().Expires
		src.set(func(s *source) { s.same = true }) // an agent whose upstream is down, or metadata not yet rotated
		time.Sleep(time.Until(end) - time.Second)
		calls := src.calls() - 1
		assert.GreaterOrEqual(t, calls, 4)
		assert.LessOrEqual(t, calls, 16+8)
		for n := 2; n <= calls; n++ {
			assert.GreaterOrEqual(t, src.gap(n), 5*time.Second)
		}
		assert.Equal(t, 1, number(instantly(t, c)))
		assert.Zero(t, c.Status().Failures, "the source answered")
		src.set(func(s *source) { s.same = false })
		time.Sleep(2 * time.Second)
		creds, err := c.Retrieve(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, 2, number(creds))
	})
}

func TestVeryShortSessionsMakeNoHotLoop(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 1500 * time.Millisecond} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(life)
				src.latency = 0
				c := opened(t, src)
				for range 600 {
					instantly(t, c)
					time.Sleep(100 * time.Millisecond)
				}
				assert.LessOrEqual(t, src.calls(), 1+int(2*time.Minute/life))
			})
		})
	}
}
