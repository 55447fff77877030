package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"example.com/podrole/cache"
	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
)

// ErrUnavailable means "nothing for me here: try the next". A provider returns an error that wraps it when nothing configures the
// provider, or when the place that it asks does not exist on this machine. Any other error stops the chain.
var ErrUnavailable error = unavailable.Err

// ErrClosed is returned by a chain that was closed.
var ErrClosed = cache.ErrClosed

// TimeoutError says that a bound of the chain's own ran out: a link's or a refresh's. It does not match
// context.DeadlineExceeded, which is kept for the deadline of the caller's context.
type TimeoutError = timeout.Error

// Outcome is how a link answered.
type Outcome string

const (
	OutcomeCredentials Outcome = "credentials" // it wins
	OutcomeUnavailable Outcome = "unavailable" // nothing for it here
	OutcomeFailed      Outcome = "failed"      // it is configured, or half configured, and failed
)

// Attempt is one link's answer in one walk of the chain.
type Attempt struct {
	Link     string
	Outcome  Outcome
	Reason   string // why it was not the winner; without secrets
	Duration time.Duration
	Err      error // the cause behind Reason; nil for a winner

	configured string // the variables that configure the link, for the error's text
}

// MarshalJSON gives link, outcome, reason and duration_ms.
func (a Attempt) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Link     string  `json:"link"`
		Outcome  Outcome `json:"outcome"`
		Reason   string  `json:"reason,omitempty"`
		Duration float64 `json:"duration_ms"`
	}{a.Link, a.Outcome, a.Reason, float64(a.Duration.Microseconds()) / 1000})
}

func (a Attempt) String() string { return a.Link + ": " + a.Reason }

// Error says that a walk of the chain ended without credentials. It unwraps to the causes of the links that failed, and matches
// [ErrUnavailable] if and only if every link was unavailable.
type Error struct {
	Attempts []Attempt // in the order asked

	stopped  bool   // by a rule, before the last link
	hint     string // what the place suggests
	terminal bool
}

func (e *Error) Error() string {
	failed := e.failed()
	var passed []string
	for _, a := range e.Attempts {
		if a.Outcome == OutcomeUnavailable {
			passed = append(passed, a.String())
		}
	}
	var b strings.Builder
	switch {
	case len(e.Attempts) == 0:
		b.WriteString("podrole: the chain has no links")
	case len(failed) == 0:
		fmt.Fprintf(&b, "podrole: no AWS credentials found: %s", strings.Join(passed, "; "))
	default:
		last := failed[len(failed)-1]
		fmt.Fprintf(&b, "podrole: %s", title(last.Link))
		if last.configured != "" {
			fmt.Fprintf(&b, " is configured (%s) and", last.configured)
		}
		outcome := "so the chain stopped"
		if !e.stopped && e.Attempts[len(e.Attempts)-1].Outcome != OutcomeFailed {
			outcome = "and nothing after it had credentials"
		}
		fmt.Fprintf(&b, " failed, %s: %s", outcome, last.Reason)
		if before := failed[:len(failed)-1]; len(before) > 0 {
			fmt.Fprintf(&b, "; failed before it: %s", joinAttempts(before))
		}
		if len(passed) > 0 {
			fmt.Fprintf(&b, "; passed over: %s", strings.Join(passed, "; "))
		}
	}
	if e.hint != "" {
		fmt.Fprintf(&b, " (%s)", e.hint)
	}
	return b.String()
}

// Unwrap returns the causes of the links that failed.
func (e *Error) Unwrap() []error {
	var causes []error
	for _, a := range e.failed() {
		causes = append(causes, failure{a.Err})
	}
	return causes
}

// Is matches [ErrUnavailable] if and only if every link was unavailable, and webidentity.ErrRoleOnly if one of them found the role
// alone, so that a chain around this one knows it too.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnavailable:
		return len(e.Attempts) > 0 && len(e.failed()) == 0
	case webidentity.ErrRoleOnly:
		return slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return a.Outcome == OutcomeUnavailable && roleAlone(a) })
	}
	return false
}

// Terminal reports whether asking again will not change the failure: that of the link that won last, or while none has, of all.
func (e *Error) Terminal() bool { return e.terminal }

// isTerminal judges a lost walk for [Error.Terminal].
func isTerminal(attempts []Attempt, floor int) bool {
	if floor >= 0 && floor < len(attempts) && attempts[floor].Outcome == OutcomeFailed {
		return terminal.Is(attempts[floor].Err)
	}
	failed := 0
	for _, a := range attempts {
		if a.Outcome == OutcomeFailed {
			if failed++; !terminal.Is(a.Err) {
				return false
			}
		}
	}
	return failed > 0
}

// RetryableError reports false: an SDK client's retry loop must not repeat the chain, which has retries of its own.
func (e *Error) RetryableError() bool { return false }

func (e *Error) failed() []Attempt {
	return slices.DeleteFunc(slices.Clone(e.Attempts), func(a Attempt) bool { return a.Outcome != OutcomeFailed })
}

// failure is the cause of a link that failed. It lets errors.As and errors.Is through to the cause, but for the errors that would say
// something untrue of the whole: that nothing is here, that the caller's own context ended, that this chain is closed.
type failure struct{ cause error }

func (f failure) Error() string { return f.cause.Error() }

func (f failure) As(target any) bool {
	switch target.(type) {
	case **aws.RequestCanceledError, **smithy.CanceledError:
		return false
	}
	return errors.As(f.cause, target)
}

func (f failure) Is(target error) bool {
	switch target {
	case ErrUnavailable, ErrClosed, context.Canceled, context.DeadlineExceeded:
		return false
	}
	return errors.Is(f.cause, target)
}

// title is a link's name as a sentence has it.
func title(link string) string {
	switch link {
	case LinkEnv:
		return "the environment's key pair"
	case LinkWebIdentity:
		return "web identity"
	case LinkContainer:
		return "the container's credential endpoint"
	case LinkIMDS:
		return "instance metadata"
	}
	return link
}

func joinAttempts(attempts []Attempt) string {
	texts := make([]string, len(attempts))
	for i, a := range attempts {
		texts[i] = a.String()
	}
	return strings.Join(texts, "; ")
}

// orList renders the keys of a set of values: "next or stop".
func orList[V any](values map[string]V) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}
