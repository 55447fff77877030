package chain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The table of walks, row by row: what happens after a link failed.
func TestWalkGoesOnAfterAFailureByPositionAndPolicy(t *testing.T) {
	const stops, goes = false, true
	for _, row := range []struct {
		walk       string
		at         position
		usable     bool
		stop, next bool // under FallbackStop, FallbackNext
	}{
		{"first", noFloor, false, stops, goes},
		{"refresh with usable credentials, above the floor", aboveFloor, true, goes, goes},
		{"refresh with usable credentials, the floor", atFloor, true, stops, stops},
		{"nothing usable, above the floor", aboveFloor, false, goes, goes},
		{"nothing usable, the floor", atFloor, false, stops, goes},
		{"nothing usable, below the floor", belowFloor, false, stops, goes},
	} {
		t.Run(row.walk, func(t *testing.T) {
			assert.Equal(t, row.stop, goesOn(row.at, row.usable, FallbackStop), "FallbackStop")
			assert.Equal(t, row.next, goesOn(row.at, row.usable, FallbackNext), "FallbackNext")
		})
	}
}

func TestPositionIsRelativeToTheLinkThatWonLast(t *testing.T) {
	assert.Equal(t, noFloor, positionOf(0, -1))
	assert.Equal(t, aboveFloor, positionOf(0, 2))
	assert.Equal(t, atFloor, positionOf(2, 2))
	assert.Equal(t, belowFloor, positionOf(3, 2))
}

func TestRecheckDoublesFromOneMinuteToFiveWithJitter(t *testing.T) {
	for n, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		assert.Equal(t, want*8/10, recheckAfter(n, 0), "recheck %d, least", n)
		assert.Equal(t, want, recheckAfter(n, 0.5), "recheck %d, middle", n)
		assert.Less(t, recheckAfter(n, 0.999), want*12/10, "recheck %d, most", n)
	}
	assert.Equal(t, 5*time.Minute, recheckAfter(1<<30, 0.5), "a count that has grown for years does not overflow")
}
