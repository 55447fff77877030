// Package timeout holds the error of a time bound that the library set itself. Packages cache and chain export it as TimeoutError.
package timeout

import "time"

// Error says that a bound of this library ran out: a link's, an exchange's or a refresh's. It never matches
// [context.DeadlineExceeded]: that error is kept for the deadline of a caller's own context, and a service that
// mistook the one for the other would blame its own request for an STS that does not answer.
type Error struct {
	Op    string        // what ran out of time, for example "web identity"; empty where the text around it says so
	Bound time.Duration // the bound; zero where it is not known
	Last  string        // what was going on when it did: the last error's text, free of secrets; may be empty
}

func (e *Error) Error() string {
	text := "timed out"
	if e.Op != "" {
		text = e.Op + ": timed out"
	}
	if e.Bound > 0 {
		text += " after " + e.Bound.Round(time.Millisecond).String()
	}
	if e.Last != "" {
		text += " (" + e.Last + ")"
	}
	return text
}

// Timeout reports true, as the standard library's time-out errors do.
func (e *Error) Timeout() bool { return true }

// RetryableError reports false, so that an SDK client's retry loop does not repeat a whole chain of providers.
func (e *Error) RetryableError() bool { return false }
