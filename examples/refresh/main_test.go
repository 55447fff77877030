package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

const few = 16

// In a bubble the two minutes pass in no time, and the machine adds nothing to what the caches do.
func runIn(t *testing.T, key string, k kind) (f figures) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, s := range scenarios {
			if s.key == key {
				f = s.run(options{callers: few, span: 20 * time.Second, outages: 2, latency: 300 * time.Millisecond}, k)
			}
		}
	})
	return f
}

func TestNobodyWaitsAndNobodyFailsWhereUsableCredentialsAreHeld(t *testing.T) {
	for _, key := range []string{"a", "b", "c"} {
		t.Run(key, func(t *testing.T) {
			f := runIn(t, key, podrole)
			assert.Zero(t, f.waited)
			assert.Zero(t, f.counted)
			assert.Zero(t, f.errors)
			assert.Zero(t, f.blocked)
			assert.Zero(t, f.longest)
			assert.LessOrEqual(t, f.calls, 25)
		})
	}
}

func TestAnOutageLongerThanTheSessionIsBoundedAndExplained(t *testing.T) {
	f := runIn(t, "d", podrole)
	assert.Positive(t, f.errors, "the session is over")
	assert.LessOrEqual(t, f.longest, 300*time.Millisecond)
	assert.LessOrEqual(t, f.calls, 20)
	assert.LessOrEqual(t, f.recovered, 5*time.Second)
	assert.Zero(t, f.blocked)
	assert.True(t, strings.HasPrefix(f.text, "podrole: STS: api error InternalFailure: 500 (the credentials held before expired at "), f.text)
}

func TestTheSDKsCacheHoldsItsCallersUp(t *testing.T) {
	f := runIn(t, "a", sdk)
	assert.GreaterOrEqual(t, f.waited, int64(4*few), "all callers, at each of four expiries")
	f = runIn(t, "b", sdk)
	assert.GreaterOrEqual(t, f.errors, int64(9*few))
	f = runIn(t, "c", sdk)
	assert.Equal(t, few, f.blocked, "without end")
	f = runIn(t, "d", sdk)
	assert.GreaterOrEqual(t, f.calls, 25)
}

func TestTheTableHasALineForEachCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		run(&b, options{callers: 2, span: time.Second, outages: 1, latency: 300 * time.Millisecond}, "ad")
		assert.Equal(t, 2, strings.Count(b.String(), "\n"+strings.Repeat(" ", 39)+"SDK"))
		assert.Contains(t, b.String(), "podrole  the last error came")
	})
}
