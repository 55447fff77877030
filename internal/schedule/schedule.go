// Package schedule says when credentials are refreshed, how long a refresh may take, and when a failed one is tried again.
// It is arithmetic only: no clock, no timer, no randomness of its own. A draw r is a number in [0, 1) that the caller drew.
package schedule

import (
	"math"
	"time"
)

const (
	// MaxSleep is the longest single sleep of the refresh timer. Timers run on the monotonic clock, which stands still while a
	// machine is suspended and knows nothing of a wall clock that is set: after this time at the latest both are looked at.
	MaxSleep = 5 * time.Minute
	// InvalidateEvery is the least time between two refreshes that Invalidate asked for.
	InvalidateEvery = time.Second
	// MaxDeadline is the longest that a refresh may take.
	MaxDeadline = 30 * time.Second

	// minDeadline leaves an answer of 300 ms its time even at the last moment at which the shortest sessions are refreshed
	// (life/8 before expiry: 500 ms for a life of 4 s).
	minDeadline = 500 * time.Millisecond

	// The AWS SDKs agreed in 2026 to leave a failing source alone for 5 to 10 minutes while the held credentials last.
	minBackoff = 300 * time.Second
	maxBackoff = 600 * time.Second

	noProgressFloor = 5 * time.Second
	noProgressLimit = time.Minute

	firstKeep = 250 * time.Millisecond
	maxKeep   = 5 * time.Second
)

// Advisory returns how long before expiry credentials of this life begin to be due for a refresh. The windows by lifetime are those
// that the AWS SDKs agreed on in 2026 (5, 15 and 60 minutes); half the life bounds them, so that short sessions are not refreshed
// as soon as they arrive.
func Advisory(life time.Duration) time.Duration {
	window := 60 * time.Minute
	switch {
	case life <= 20*time.Minute:
		window = 5 * time.Minute
	case life < 90*time.Minute:
		window = 15 * time.Minute
	}
	return min(window, life/2)
}

// Urgent returns by how much the expiry that is handed out lies before the true one.
func Urgent(life time.Duration) time.Duration { return min(time.Minute, life/10) }

// RefreshAfter returns when to refresh, counted from the receipt of credentials of this life: between Advisory before expiry and
// max(Advisory/4, Urgent) before it, at the place in that window that a number in [0, 1) gives, see Place.
func RefreshAfter(life time.Duration, place float64) time.Duration {
	advisory := Advisory(life)
	early, late := life-advisory, life-max(advisory/4, Urgent(life))
	return between(early, late, place)
}

// Place returns where in its window a cache refreshes: at its own pace, which it draws once, and up to half a window further on by
// a draw for each refresh, round and round. Any one refresh is uniformly distributed over the window.
//
// The pace makes caches that were started together drift apart in proportion to time, while draws alone would do so with its
// square root: after 12 hours of 1-hour sessions, 10,000 of them had peaks of 2.2 times the mean with draws alone, 1.8 with the
// pace alone (2.1 at worst), and 1.8 with both (1.9 at worst), where independent arrivals would have 1.7 (examples/fleet).
func Place(pace, r float64) float64 {
	_, place := math.Modf(pace + r/2)
	return place
}

// Deadline returns how long a refresh may take. With usable credentials held, half of what remains of them, so that another try
// fits in before they expire; never more than 30 s, nor less than 500 ms.
func Deadline(usable bool, remaining time.Duration) time.Duration {
	if !usable {
		return MaxDeadline
	}
	return max(minDeadline, min(MaxDeadline, remaining/2))
}

// RetryAfter returns when to try again after a failed refresh, while credentials of this life are usable for the remaining time:
// after a third of it, at most 5 to 10 minutes, and never later than at their expiry.
func RetryAfter(life, remaining time.Duration, r float64) time.Duration {
	floor := min(time.Second, life/50)
	return min(remaining, max(floor, min(Backoff(r), remaining/3)))
}

// Backoff returns how long a failing source is left alone when nobody asks: 5 to 10 minutes.
func Backoff(r float64) time.Duration { return between(minBackoff, maxBackoff, r) }

// NoProgressAfter returns when to ask again after a source answered with the credentials that were held already: the EKS Pod
// Identity agent does so while its own upstream is down, and serves them until 15 s before their expiry.
func NoProgressAfter(remaining time.Duration) time.Duration {
	return min(remaining, noProgressLimit, max(noProgressFloor, remaining/4))
}

// KeepError returns how long a failure is answered to everybody without asking again, when nothing usable is held: a terminal one
// for 1 to 5 s, another for 0.25 s, doubling with each failure before it to 5 s. The jitter shortens the latter by 10 to 30 %, so
// that a source that returns is noticed within 5 s, its own answer's time included.
func KeepError(terminal bool, failures int, r float64) time.Duration {
	if terminal {
		return between(time.Second, 5*time.Second, r)
	}
	keep := maxKeep
	if failures < 5 { // 0.25 s doubled 5 times is above the limit
		keep = min(maxKeep, firstKeep<<max(0, failures))
	}
	return between(keep*7/10, keep*9/10, r)
}

func between(low, high time.Duration, r float64) time.Duration {
	return low + time.Duration(r*float64(high-low))
}
