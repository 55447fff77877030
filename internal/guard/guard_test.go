package guard_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/guard"
)

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

func TestTheAnswerIsTheFunctionsOwn(t *testing.T) {
	refused := errors.New("refused")
	value, err := guard.Call(t.Context(), func(context.Context) (string, error) { return "credentials", nil })
	require.NoError(t, err)
	assert.Equal(t, "credentials", value)

	value, err = guard.Call(t.Context(), func(context.Context) (string, error) { return "partial", refused })
	assert.Same(t, refused, err)
	assert.Equal(t, "partial", value)
}

func TestTheFunctionGetsTheCallersContext(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "traced")
	got, err := guard.Call(ctx, func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil })
	require.NoError(t, err)
	assert.Equal(t, "traced", got)
}

func TestAPanicBecomesAnErrorThatDoesNotShowItsValue(t *testing.T) {
	var none map[string]int
	for name, tc := range map[string]struct {
		fn   func()
		want string
	}{
		"a string":        {func() { panic("token " + secret) }, "provider panicked: a value of type string"},
		"an error":        {func() { panic(errors.New(secret)) }, "provider panicked: a value of type *errors.errorString"},
		"nil":             {func() { panic(nil) }, "provider panicked: panic called with nil argument"},
		"the runtime's":   {func() { none["key"] = 1 }, "provider panicked: assignment to entry in nil map"},
		"nil dereference": {func() { _ = *(*int)(nil) }, "provider panicked: runtime error: invalid memory address or nil pointer dereference"},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := guard.Call(t.Context(), func(context.Context) (int, error) { tc.fn(); return 1, nil })
			require.EqualError(t, err, tc.want)
			assert.Zero(t, value)
		})
	}
}

func TestGoexitBecomesAnError(t *testing.T) {
	value, err := guard.Call(t.Context(), func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
	require.EqualError(t, err, "provider ended its goroutine (runtime.Goexit)")
	assert.Zero(t, value)
}

func TestAnEndedContextReturnsItsCauseWithoutWaitingForTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shutdown := errors.New("shutting down")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, shutdown)
		defer cancel()
		var finished atomic.Bool
		begin := time.Now()

		value, err := guard.Call(ctx, func(context.Context) (string, error) { // does not listen
			time.Sleep(time.Hour)
			finished.Store(true)
			return "late", nil
		})
		require.ErrorIs(t, err, shutdown)
		assert.Empty(t, value)
		assert.Equal(t, time.Second, time.Since(begin))
		assert.False(t, finished.Load())

		time.Sleep(time.Hour) // its goroutine ends by itself, and nobody is left waiting for its answer
		assert.True(t, finished.Load())
	})
}

func TestAPanicAfterTheCallerHasGoneIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := guard.Call(ctx, func(context.Context) (int, error) { time.Sleep(time.Minute); panic("late") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Hour)
	})
}

func TestALaneHoldsOneCallHoweverManyGaveUpOnIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := make(guard.Lane, 1)
		gone := errors.New("gone")
		var started atomic.Int32
		call := func(fn func()) (int32, error) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
			defer cancel()
			return guard.CallIn(ctx, lane, func(context.Context) (int32, error) {
				n := started.Add(1)
				fn()
				return n, nil
			})
		}
		hung := make(chan struct{})
		for range 5 {
			begin := time.Now()
			_, err := call(func() { <-hung })
			require.ErrorIs(t, err, gone)
			assert.Equal(t, time.Second, time.Since(begin))
		}
		assert.EqualValues(t, 1, started.Load())

		time.AfterFunc(time.Second/2, func() { close(hung) })
		n, err := call(func() {}) // gets the lane when the first one leaves it, and an answer of its own
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)

		for _, fn := range []func(){func() { panic("boom") }, runtime.Goexit} {
			_, err = call(fn)
			assert.Error(t, err)
		}
		_, err = call(func() {})
		assert.NoError(t, err, "the lane is free again")
	})
}

func TestAskTakesAPanicAndSilenceForNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, "here", guard.Ask(func() string { return "here" }))
		assert.Empty(t, guard.Ask(func() string { panic("boom") }))
		start := time.Now()
		assert.Empty(t, guard.Ask(func() string { time.Sleep(time.Hour); return "late" }))
		assert.Equal(t, guard.Brief, time.Since(start))
		time.Sleep(time.Hour) // its goroutine ends by itself
	})
}
