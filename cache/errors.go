package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
)

// ErrClosed is the error of Retrieve after Close.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "podrole: the credentials cache is closed" }
func (closedError) RetryableError() bool { return false }

// TimeoutError says that a refresh ran into its own deadline, or the provider into a bound of its own. It does not match
// [context.DeadlineExceeded], which is kept for a caller's context.
type TimeoutError = timeout.Error

// failure is why a refresh brought nothing, as callers see it. It has no Unwrap: what it is made of is found through Is and As,
// so that context errors, which are never those of the caller's own context, stay hidden.
type failure struct {
	cause    error
	text     string // of the cause
	more     string // what explain adds
	outcome  outcome
	terminal bool
}

// readFailure reads the error of a provider that was called with flight, once and for all. The error's methods are not our code either.
func readFailure(flight context.Context, err error) *failure {
	ctx, cancel := context.WithTimeoutCause(context.Background(), hookBound, &timeout.Error{Op: "Error", Bound: hookBound})
	defer cancel()
	f, bad := guard.Call(ctx, func(context.Context) (*failure, error) {
		err := cut(flight, err)
		return &failure{cause: err, text: err.Error(), outcome: outcomeOf(err), terminal: terminal.Is(err)}, nil
	})
	if bad != nil {
		return &failure{cause: bad, text: fmt.Sprintf("the provider's error, a %T, cannot be read: %v", err, bad), outcome: outcomeFailure}
	}
	return f
}

func (f *failure) Error() string {
	if strings.HasPrefix(f.text, prefix) {
		return f.text + f.more
	}
	return prefix + f.text + f.more
}

const prefix = "podrole: "

// RetryableError keeps the retry loop of an SDK client, which resolves credentials inside it, from asking the source three times over.
func (f *failure) RetryableError() bool { return false }

func (f *failure) Is(target error) bool {
	return target != context.Canceled && target != context.DeadlineExceeded && errors.Is(f.cause, target)
}

// As hides what would be taken for the end of the caller's own context.
func (f *failure) As(target any) bool {
	switch target.(type) {
	case **aws.RequestCanceledError, **smithy.CanceledError, *interface{ CanceledError() bool }:
		return false
	}
	return errors.As(f.cause, target)
}

// cut turns the error of a provider whose context ended into the reason for which it ended, and keeps what it was doing as text.
func cut(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	cause := context.Cause(ctx)
	if late, ok := errors.AsType[*timeout.Error](cause); ok && err != context.DeadlineExceeded {
		return &timeout.Error{Op: late.Op, Bound: late.Bound, Last: err.Error()}
	}
	return cause
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// explained adds what a caller who gets nothing wants to know beside the cause.
func (f *failure) explained(h *holding, t *trouble) *failure {
	if h.creds.AccessKeyID == "" {
		return f
	}
	was := "were invalidated"
	if h.valid {
		was = "expired at " + stamp(h.creds.Expires)
	}
	with := *f
	with.more = fmt.Sprintf(" (the credentials held before %s; failed refreshes since %s: %d; next try not before %s)",
		was, stamp(t.since.time()), t.count, stamp(t.keep.time()))
	return &with
}
