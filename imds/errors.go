package imds

import (
	"errors"
	"fmt"
	"net/http"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/redact"
)

// edge prefixes what leaves the package. It keeps an SDK client's retry loop from repeating what was already retried here.
type edge struct{ err error }

func (e *edge) Error() string        { return "imds: " + e.err.Error() }
func (e *edge) Unwrap() error        { return e.err }
func (e *edge) RetryableError() bool { return false }

// terminalError is a failure that asking again will not change.
type terminalError struct{ error }

func misconfigured(format string, args ...any) error {
	return terminalError{fmt.Errorf(format, args...)}
}

func (e terminalError) Unwrap() error { return e.error }
func (terminalError) Terminal() bool  { return true }

// ResponseError is the service's refusal: an answer with a status other than 200.
type ResponseError struct {
	Method     string
	URL        string
	StatusCode int

	sign sign
}

func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s %s: status %d", e.Method, e.URL, e.StatusCode)
	if meaning := e.meaning(); meaning != "" {
		text += ": " + meaning
	}
	return text
}

// meaning is for the statuses that say the same whatever was asked (EC2 user guide, response codes of the metadata service).
func (e *ResponseError) meaning() string {
	switch {
	case e.StatusCode == http.StatusBadRequest:
		return "it does not understand the request"
	case e.StatusCode == http.StatusForbidden && e.Method == http.MethodGet:
		return "it is switched off for this instance, or a proxy before it refuses this process"
	case e.StatusCode == http.StatusTooManyRequests:
		return "it is throttling"
	case e.StatusCode >= 500:
		return "it has trouble at the moment"
	}
	return ""
}

// refusal makes an error of an answer, of which it keeps the status and what its header says about who answered.
func refusal(r linklocal.Request, a *linklocal.Answer) *ResponseError {
	return &ResponseError{Method: r.Method, URL: redact.URL(r.URL.String()), StatusCode: a.Status, sign: signOf(a.Header)}
}

// noSession is why there is no session token for a request, so that its status is not taken for the answer to that request.
type noSession struct{ error }

func (e *noSession) Unwrap() error { return e.error }

// status returns the status of a request's refusal, 0 where err is something else.
func status(err error) int {
	if _, ok := errors.AsType[*noSession](err); ok {
		return 0
	}
	if e, ok := errors.AsType[*ResponseError](err); ok {
		return e.StatusCode
	}
	return 0
}

// unreadable is an answer with status 200 that is not what was asked for.
type unreadable struct {
	method, url, what string
	sign              sign
	err               error
}

func (e *unreadable) Error() string {
	return fmt.Sprintf("%s %s: the answer (status 200) is not %s: %s", e.method, e.url, e.what, e.err)
}
func (e *unreadable) Unwrap() error { return e.err }

func unreadableAnswer(r linklocal.Request, a *linklocal.Answer, what string, err error) error {
	return &unreadable{r.Method, redact.URL(r.URL.String()), what, signOf(a.Header), err}
}

// passing reports whether an error may pass by itself within the time of a Retrieve: 429, 5xx, a broken or unfinished answer.
func passing(err error) bool {
	if code := status(err); code != 0 {
		return passingStatus(code)
	}
	if _, ok := errors.AsType[*unreadable](err); ok {
		return true
	}
	return linklocal.IsKind(err, linklocal.Broken, linklocal.Stalled)
}

func passingStatus(code int) bool { return code == http.StatusTooManyRequests || code >= 500 }

// absent reports that there is nobody to answer, by the kernel's or the resolver's own word.
func absent(err error) bool {
	return linklocal.IsKind(err, linklocal.Refused, linklocal.NoRoute, linklocal.DNS)
}
