package linklocal

import (
	"context"
	"sync"

	"example.com/podrole/internal/guard"
)

// Shared lets the callers of one moment share one call. The zero value is ready.
type Shared[T any] struct {
	mu     sync.Mutex
	flight *flight[T]
}

type flight[T any] struct {
	done    chan struct{} // closed when value and err are set
	cancel  context.CancelFunc
	waiters int // under Shared.mu
	value   T
	err     error
}

// Do returns what fn returns, from the call under way if there is one. fn runs in a goroutine of its own, on a context that has
// nothing of the callers' and is cancelled when the last of them has gone. A caller whose ctx ends gets context.Cause(ctx) at once.
// A panic in fn is an error.
func (s *Shared[T]) Do(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	if ctx.Err() != nil {
		var none T
		return none, context.Cause(ctx)
	}
	f := s.join(fn)
	select {
	case <-f.done:
		s.leave(f)
		return f.value, f.err
	case <-ctx.Done():
		s.leave(f)
		var none T
		return none, context.Cause(ctx)
	}
}

func (s *Shared[T]) join(fn func(context.Context) (T, error)) *flight[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f := &flight[T]{done: make(chan struct{}), cancel: cancel}
		s.flight = f
		go func() {
			f.value, f.err = guard.Call(ctx, fn)
			s.end(f)
			close(f.done)
		}()
	}
	s.flight.waiters++
	return s.flight
}

func (s *Shared[T]) leave(f *flight[T]) {
	s.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && s.flight == f {
		s.flight = nil // nobody may join what is about to be cancelled
	}
	s.mu.Unlock()
	if last {
		f.cancel()
	}
}

// end makes the next caller start a call of its own.
func (s *Shared[T]) end(f *flight[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == f {
		s.flight = nil
	}
}
