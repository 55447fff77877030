package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"example.com/podrole/internal/schedule"
)

// bin is the resolution of the figures: what STS's throttling would see as a burst.
const bin = 10 * time.Second

// fleet is what is simulated.
type fleet struct {
	pods  int
	life  time.Duration // of a session
	hours int
}

// load is how many refreshes reach STS.
type load struct {
	bins   []int // by bin
	second []int // by second, of the first renewal of every pod only
	total  int
}

// run starts every pod within the same second, and lets each one renew its sessions until the end. next returns, for one pod, how
// long after the receipt of a session it renews it.
func (f fleet) run(random *rand.Rand, next func(*rand.Rand) func() time.Duration) load {
	end := time.Duration(f.hours) * time.Hour
	l := load{bins: make([]int, end/bin), second: make([]int, 2*f.life/time.Second)}
	for range f.pods {
		renew := next(random)
		at := time.Duration(random.Float64() * float64(time.Second))
		for first := true; ; first = false {
			at += renew()
			if at >= end {
				break
			}
			if first {
				l.second[at/time.Second]++
			}
			l.bins[at/bin]++
			l.total++
		}
	}
	return l
}

// podrole is the schedule of package cache: a pod has a pace of its own.
func (f fleet) podrole(random *rand.Rand) func() time.Duration {
	pace := random.Float64()
	return func() time.Duration { return schedule.RefreshAfter(f.life, schedule.Place(pace, random.Float64())) }
}

// sdk is aws.CredentialsCache as config sets it up: without a window, so that a busy pod renews at the instant of expiry.
func (f fleet) sdk(*rand.Rand) func() time.Duration {
	return func() time.Duration { return f.life }
}

// window is the time over which the first renewals are spread.
func (f fleet) window() time.Duration {
	return schedule.RefreshAfter(f.life, 1) - schedule.RefreshAfter(f.life, 0)
}

// firstPeak is the most first renewals in one second, firstLimit what it should stay below.
func (l load) firstPeak() int       { return slices.Max(l.second) }
func (f fleet) firstLimit() float64 { return 2.5 * float64(f.pods) / f.window().Seconds() }

// settled returns the peak and the mean of the bins in the second half of the time.
func (l load) settled() (peak int, mean float64) {
	half := l.bins[len(l.bins)/2:]
	sum := 0
	for _, n := range half {
		sum += n
	}
	return slices.Max(half), float64(sum) / float64(len(half))
}
