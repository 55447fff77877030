// Package guard calls code that is not ours, a provider's, so that whatever it does the caller gets an answer.
package guard

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// Call runs fn in a goroutine of its own and returns what it returns. A panic or a [runtime.Goexit] in fn becomes an error.
// When ctx ends first, Call returns context.Cause(ctx) at once; fn was told by the same context, and if it does not listen its
// goroutine stays until fn returns by itself, its result dropped: Go has no way to end it.
func Call[T any](ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: &Error{"provider ended its goroutine (runtime.Goexit)"}}
		defer func() {
			if p := recover(); p != nil {
				r.err = &Error{"provider panicked: " + describe(p)}
			}
			done <- r
		}()
		value, err := fn(ctx)
		r = result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// Lane is what one call at a time may be in. It is made by make(Lane, 1).
type Lane chan struct{}

// CallIn is [Call] for an fn that may hang and does not listen, such as the reading of a file: it waits until the lane is free, as long as
// ctx lets it, and the lane is free again when fn returns, however long ago its caller left. So one goroutine, and one thread of
// the system's, is all that hangs, and not one for each call.
func CallIn[T any](ctx context.Context, lane Lane, fn func(context.Context) (T, error)) (T, error) {
	select {
	case lane <- struct{}{}:
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
	return Call(ctx, func(ctx context.Context) (T, error) {
		defer func() { <-lane }()
		return fn(ctx)
	})
}

// Brief is the time in which foreign code has to answer that ought to answer at once. It is no constant of AWS's: such answers need no I/O.
const Brief = time.Second

// Ask asks foreign code that ought to answer at once, about itself for instance. A panic, or silence for longer than [Brief], gives
// the zero value.
func Ask[T any](fn func() T) T {
	ctx, cancel := context.WithTimeout(context.Background(), Brief)
	defer cancel()
	value, _ := Call(ctx, func(context.Context) (T, error) { return fn(), nil })
	return value
}

// Error says that fn did not return: it panicked, or ended its goroutine.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// describe names a panic's value without printing it, unless it is the runtime's own: a provider's may hold a secret.
func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", p)
}
