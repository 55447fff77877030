package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/schedule"
	"example.com/podrole/internal/session"
)

const (
	ms = time.Millisecond
	s  = time.Second
	m  = time.Minute
	h  = time.Hour
)

// first and last are the two ends of what a draw can be.
const first, last = 0.0, 1 - 1e-9

func TestWindowsFollowTheLifeOfTheCredentials(t *testing.T) {
	for _, row := range []struct {
		life             time.Duration
		advisory, urgent time.Duration
		early, late      time.Duration // bounds of the refresh, from receipt
	}{
		{1 * s, 500 * ms, 100 * ms, 500 * ms, 875 * ms},
		{4 * s, 2 * s, 400 * ms, 2 * s, 3500 * ms},
		{8 * s, 4 * s, 800 * ms, 4 * s, 7 * s},
		{15 * s, 7500 * ms, 1500 * ms, 7500 * ms, 13125 * ms}, // what the EKS agent still serves during an outage
		{5*m - s, 149500 * ms, 29900 * ms, 149500 * ms, 261625 * ms},
		{5 * m, 150 * s, 30 * s, 150 * s, 262500 * ms},
		{5*m + s, 150500 * ms, 30100 * ms, 150500 * ms, 263375 * ms},
		{10*m - s, 299500 * ms, 59900 * ms, 299500 * ms, 524125 * ms}, // half the life is just below 5 min
		{10*m + s, 300 * s, 60 * s, 301 * s, 526 * s},
		{15 * m, 5 * m, 1 * m, 10 * m, 13*m + 45*s}, // the shortest session STS gives
		{20*m - s, 5 * m, 1 * m, 15*m - s, 18*m + 44*s},
		{20 * m, 5 * m, 1 * m, 15 * m, 18*m + 45*s},
		{20*m + s, 10*m + 500*ms, 1 * m, 10*m + 500*ms, 17*m + 30*s + 875*ms}, // the 15 min window, but half the life bounds it
		{30*m + s, 15 * m, 1 * m, 15*m + s, 26*m + 16*s},
		{1 * h, 15 * m, 1 * m, 45 * m, 56*m + 15*s},
		{90*m - s, 15 * m, 1 * m, 75*m - s, 86*m + 14*s},
		{90 * m, 45 * m, 1 * m, 45 * m, 78*m + 45*s},
		{90*m + s, 45*m + 500*ms, 1 * m, 45*m + 500*ms, 78*m + 45*s + 875*ms},
		{6 * h, 1 * h, 1 * m, 5 * h, 5*h + 45*m},
		{12 * h, 1 * h, 1 * m, 11 * h, 11*h + 45*m},
	} {
		t.Run(row.life.String(), func(t *testing.T) {
			assert.Equal(t, row.advisory, schedule.Advisory(row.life), "advisory")
			assert.Equal(t, row.urgent, schedule.Urgent(row.life), "urgent")
			assert.Equal(t, row.early, schedule.RefreshAfter(row.life, first), "earliest refresh")
			assert.InDelta(t, row.late, schedule.RefreshAfter(row.life, last), float64(ms), "latest refresh")
			assert.InDelta(t, (row.early+row.late)/2, schedule.RefreshAfter(row.life, 0.5), float64(ms), "middle")
		})
	}
}

func TestPlaceGoesRoundFromTheCachesOwnPace(t *testing.T) {
	assert.Equal(t, 0.25, schedule.Place(0.25, 0))
	assert.Equal(t, 0.5, schedule.Place(0.25, 0.5))
	assert.InDelta(t, 0.25, schedule.Place(0.75, last), 1e-6)
	assert.Less(t, schedule.Place(last, last), 1.0)
	quarters := [4]int{}
	for pace := range 1000 {
		for r := range 100 {
			quarters[int(4*schedule.Place(float64(pace)/1000, float64(r)/100))]++
		}
	}
	for _, n := range quarters {
		assert.InDelta(t, 25_000, n, 250, "uniform over the window")
	}
}

func TestDeadlineLeavesRoomForAnotherTry(t *testing.T) {
	for _, row := range []struct {
		usable          bool
		remaining, want time.Duration
	}{
		{false, 0, 30 * s},
		{false, -h, 30 * s},
		{true, 12 * h, 30 * s},
		{true, 60 * s, 30 * s},
		{true, 59 * s, 29500 * ms},
		{true, 4 * s, 2 * s},
		{true, 1 * s, 500 * ms},
		{true, 300 * ms, 500 * ms},
		{true, 0, 500 * ms},
	} {
		assert.Equal(t, row.want, schedule.Deadline(row.usable, row.remaining), "usable %v, %s left", row.usable, row.remaining)
	}
}

func TestRetryComesAfterAThirdOfWhatIsLeft(t *testing.T) {
	for _, row := range []struct {
		life, remaining time.Duration
		r               float64
		want            time.Duration
	}{
		{12 * h, 1 * h, first, 300 * s},
		{12 * h, 1 * h, 0.5, 450 * s},
		{1 * h, 15 * m, first, 5 * m},
		{1 * h, 15 * m, 0.5, 5 * m}, // a third of what is left, before 450 s
		{1 * h, 3 * m, 0.5, 1 * m},
		{1 * h, 3 * s, 0.5, 1 * s},
		{1 * h, 2 * s, 0.5, 1 * s}, // the floor
		{1 * h, 500 * ms, 0.5, 500 * ms},
		{8 * s, 2 * s, 0.5, 666666666},
		{8 * s, 300 * ms, 0.5, 160 * ms}, // the floor of a short life
		{8 * s, 100 * ms, 0.5, 100 * ms},
	} {
		assert.Equal(t, row.want, schedule.RetryAfter(row.life, row.remaining, row.r), "life %s, %s left", row.life, row.remaining)
	}
	assert.InDelta(t, 600*s, schedule.Backoff(last), float64(ms))
}

func TestNoProgressIsAskedAboutAgainAfterAWhile(t *testing.T) {
	for remaining, want := range map[time.Duration]time.Duration{
		6 * h: 60 * s, 5 * m: 60 * s, 240 * s: 60 * s, 200 * s: 50 * s, 20 * s: 5 * s, 15 * s: 5 * s, 6 * s: 5 * s, 4 * s: 4 * s,
	} {
		assert.Equal(t, want, schedule.NoProgressAfter(remaining), "%s left", remaining)
	}
}

func TestFailuresAreKeptForSeconds(t *testing.T) {
	assert.Equal(t, 1*s, schedule.KeepError(true, 0, first))
	assert.InDelta(t, 5*s, schedule.KeepError(true, 9, last), float64(ms))
	for failures, base := range []time.Duration{250 * ms, 500 * ms, 1 * s, 2 * s, 4 * s, 5 * s, 5 * s} {
		assert.Equal(t, base*7/10, schedule.KeepError(false, failures, first), "after %d failures", failures)
		assert.InDelta(t, base*9/10, schedule.KeepError(false, failures, last), float64(ms), "after %d failures", failures)
	}
	assert.Less(t, schedule.KeepError(false, 1<<40, last), 5*s)
}

// FuzzSchedule checks what must hold whatever the life and the draw: nothing is planned past expiry, nothing makes a hot loop, a
// later draw or more time left never makes anything earlier.
func FuzzSchedule(f *testing.F) {
	for _, life := range []time.Duration{s, 4 * s, 15 * s, 5 * m, 20 * m, 20*m + s, h, 90 * m, 12 * h} {
		f.Add(int64(life), int64(life)/7, uint32(1<<31), uint32(1<<30), 3)
	}
	f.Fuzz(func(t *testing.T, lifeNS, remainingNS int64, draw, other uint32, failures int) {
		life := time.Duration(lifeNS)
		if life < session.MinLife || life > 100*365*24*h {
			t.Skip("the cache refuses less, and caps more")
		}
		remaining := time.Duration(remainingNS)
		if remaining <= 0 || remaining > life {
			t.Skip()
		}
		r, r2 := float64(draw)/(1<<32), float64(other)/(1<<32)
		r, r2 = min(r, r2), max(r, r2)

		assert.True(t, schedule.Place(r, r2) >= 0 && schedule.Place(r, r2) < 1)
		refresh := schedule.RefreshAfter(life, r)
		urgent := schedule.Urgent(life)
		assert.GreaterOrEqual(t, refresh, life/2, "a session is used for half its life at least")
		assert.LessOrEqual(t, refresh, life-urgent, "refreshed before the expiry handed out")
		assert.LessOrEqual(t, refresh, schedule.RefreshAfter(life, r2), "monotone in the draw")
		assert.Positive(t, urgent)

		deadline := schedule.Deadline(true, remaining)
		assert.GreaterOrEqual(t, deadline, 500*ms)
		assert.LessOrEqual(t, deadline, 30*s)
		assert.LessOrEqual(t, deadline, schedule.Deadline(true, remaining+s), "monotone in what is left")
		if remaining >= s {
			assert.LessOrEqual(t, deadline, remaining/2, "time for another try")
		}

		retry := schedule.RetryAfter(life, remaining, r)
		assert.LessOrEqual(t, retry, remaining, "not past expiry")
		assert.LessOrEqual(t, retry, schedule.Backoff(r))
		assert.GreaterOrEqual(t, retry, min(remaining, life/50, s), "no hot loop")
		assert.LessOrEqual(t, retry, schedule.RetryAfter(life, remaining, r2), "monotone in the draw")
		assert.LessOrEqual(t, retry, schedule.RetryAfter(life, remaining+s, r), "monotone in what is left")
		tries := 0 // how often a source that fails at once is asked, from here to expiry
		for left := remaining; left > 0; tries++ {
			left -= schedule.RetryAfter(life, left, r)
		}
		assert.LessOrEqual(t, tries, 60+int(life/(300*s)), "few tries")

		again := schedule.NoProgressAfter(remaining)
		assert.LessOrEqual(t, again, min(remaining, m), "not past expiry")
		assert.GreaterOrEqual(t, again, min(remaining, 5*s), "no hot loop")
		assert.LessOrEqual(t, again, schedule.NoProgressAfter(remaining+s), "monotone in what is left")

		for _, terminal := range []bool{false, true} {
			keep := schedule.KeepError(terminal, failures, r)
			assert.GreaterOrEqual(t, keep, 175*ms, "no hot loop")
			assert.LessOrEqual(t, keep, 5*s, "a source that returns is noticed soon")
			assert.LessOrEqual(t, keep, schedule.KeepError(terminal, failures, r2), "monotone in the draw")
		}
	})
}
