package cache

import (
	"math"
	"time"
)

// instant is a moment as both clocks show it: the wall clock, which may be set at any time, and the monotonic one, which stands
// still while the machine is suspended. A deadline is reached as soon as either of them says so. The zero instant always is.
type instant struct {
	wall int64 // Unix time in ns
	mono int64 // ns since the cache was made
}

// never is a deadline that is not reached.
var never = instant{math.MaxInt64, math.MaxInt64}

// maxAhead keeps the arithmetic within int64: nothing is planned further ahead.
const maxAhead = 100 * 365 * 24 * time.Hour

// clock reads instants. time.Now has both clocks in one reading.
type clock struct{ base time.Time }

func (c clock) now() instant             { return c.at(time.Now()) }
func (c clock) at(t time.Time) instant   { return instant{t.UnixNano(), int64(t.Sub(c.base))} }
func (i instant) time() time.Time        { return time.Unix(0, i.wall).UTC() }
func (i instant) reached(d instant) bool { return i.wall >= d.wall || i.mono >= d.mono }

func (i instant) add(d time.Duration) instant {
	d = min(d, maxAhead)
	return instant{i.wall + int64(d), i.mono + int64(d)}
}

// until returns the time that is left to d; it is not positive once d is reached.
func (i instant) until(d instant) time.Duration {
	if d == never {
		return maxAhead
	}
	return time.Duration(min(d.wall-i.wall, d.mono-i.mono))
}

func earliest(a instant, more ...instant) instant {
	for _, b := range more {
		a = instant{min(a.wall, b.wall), min(a.mono, b.mono)}
	}
	return a
}

func latest(a, b instant) instant { return instant{max(a.wall, b.wall), max(a.mono, b.mono)} }
