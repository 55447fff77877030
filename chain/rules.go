package chain

import "time"

// The rules of a walk, without I/O. The floor is the link that won last.

// position is where a link stands in relation to the floor.
type position int

const (
	noFloor position = iota // nothing has won yet
	aboveFloor
	atFloor
	belowFloor
)

func positionOf(link, floor int) position {
	switch {
	case floor < 0:
		return noFloor
	case link < floor:
		return aboveFloor
	case link == floor:
		return atFloor
	}
	return belowFloor
}

// goesOn reports whether the walk asks the next link after this one failed.
//
//	walk                     above the floor   the floor          below the floor
//	first (no floor)         FallbackNext only
//	usable credentials held  yes, ignored      no: held are kept   never asked
//	nothing usable held      yes, ignored      FallbackNext only   yes (FallbackNext brought it here)
func goesOn(at position, usable bool, policy FallbackPolicy) bool {
	switch at {
	case aboveFloor:
		return true
	case atFloor:
		return !usable && policy == FallbackNext
	default:
		return policy == FallbackNext
	}
}

// The failed links above a fallback winner are asked again after a minute, doubling to five, 20 % to either side: often enough that
// an IAM edit is seen while its author watches, seldom enough for STS.
const (
	recheckFirst = time.Minute
	recheckMost  = 5 * time.Minute
)

// recheckAfter is the time to the recheck number n, from 0; jitter is uniform in [0, 1).
func recheckAfter(n int, jitter float64) time.Duration {
	d := recheckMost
	if n < 3 { // 1, 2 and 4 minutes; the next doubling is past the most
		d = recheckFirst << n
	}
	return time.Duration(float64(d) * (0.8 + 0.4*jitter))
}
