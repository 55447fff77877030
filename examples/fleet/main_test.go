package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var usual = fleet{pods: 10_000, life: time.Hour, hours: 24}

func TestAFleetStartedTogetherSpreadsOut(t *testing.T) {
	for seed := range uint64(20) {
		ours, theirs := usual.both(seed)
		peak, mean := ours.settled()
		assert.LessOrEqual(t, float64(peak), 2*mean, "seed %d", seed)
		assert.LessOrEqual(t, float64(ours.firstPeak()), usual.firstLimit(), "seed %d", seed)
		assert.LessOrEqual(t, ours.total, theirs.total*5/4, "and it costs at most a quarter more calls")

		peak, mean = theirs.settled()
		assert.Equal(t, usual.pods, peak, "the SDK's fleet stays in step")
		assert.Greater(t, float64(peak), 100*mean)
	}
}

func TestTheShortestSessionsOfSTSSpreadToo(t *testing.T) {
	f := fleet{pods: 10_000, life: 15 * time.Minute, hours: 6}
	for seed := range uint64(10) {
		ours, _ := f.both(seed)
		peak, mean := ours.settled()
		assert.LessOrEqual(t, float64(peak), 2*mean, "seed %d", seed)
		assert.LessOrEqual(t, float64(ours.firstPeak()), f.firstLimit(), "seed %d", seed)
	}
}

func TestTheCommittedPictureIsCurrentAndWellFormed(t *testing.T) {
	var b bytes.Buffer
	ours, theirs := usual.both(1)
	require.NoError(t, plot(&b, usual, ours, theirs))
	committed, err := os.ReadFile("fleet.svg")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(b.Bytes(), committed), "go run ./examples/fleet -svg examples/fleet/fleet.svg")
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
	assert.Less(t, len(committed), 64<<10)
}

func Example() {
	ours, theirs := usual.both(1)
	report(os.Stdout, usual, ours, theirs)
	// Output:
	// 10000 pods, started in the same second; sessions of 1 h; 24 hours
	//
	// calls of STS                                      podrole        SDK
	// in all                                             279920     230000
	// first renewal, most in one second                      27      10000
	//   limit: 2.5 × 10000 ÷ 675 s                           37
	// hours 12 to 24, mean of 10 s                         33.1       27.8
	// hours 12 to 24, most in 10 s                           57      10000
	//   that is × the mean (limit: 2)                      1.72      360.0
}
