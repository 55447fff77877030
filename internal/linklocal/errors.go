package linklocal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/podrole/internal/redact"
)

// Kind says why no answer came.
type Kind int

const (
	Broken    Kind = iota // the connection broke, or what came was not HTTP
	Refused               // nobody listens
	NoRoute               // the address cannot be reached from here, by the kernel's own word
	DNS                   // the name has no address
	Silent                // not a byte of an answer came in time, nor a connection, nor an address
	Stalled               // an answer began and did not end in time
	TLS                   // the certificate or the handshake was bad
	Forbidden             // the rules forbid the address; nothing was sent
	Redirect              // a 3xx answer
	TooLarge              // an answer over 64 KiB
)

// Error is an attempt to which no usable answer came.
type Error struct {
	Kind      Kind
	Method    string
	URL       string        // without query
	Bound     time.Duration // the attempt's
	Connected bool          // a connection was made: a host is there
	Answer    *Answer       // what came of one, without its body: for its status and who signed it; nil where its header did not come whole

	detail string
	each   string // instead of the kind's text: what each of several addresses came to
	cause  error
}

// Timeout reports whether time ran out.
func (e *Error) Timeout() bool { return e.Kind == Silent || e.Kind == Stalled }

// IsTimeout reports whether err is an [*Error] for which time ran out.
func IsTimeout(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Timeout()
}

func (e *Error) Error() string { return e.Method + " " + e.URL + ": " + e.Reason() }

// Reason is the text without method and URL.
func (e *Error) Reason() string {
	if e.each != "" {
		return e.each
	}
	bound := e.Bound.Round(time.Millisecond)
	switch e.Kind {
	case Refused:
		return "connection refused"
	case NoRoute:
		return "no route to this address"
	case Silent:
		if e.Connected {
			return fmt.Sprintf("timed out: connected, but no answer within %s", bound)
		}
		return fmt.Sprintf("timed out: no connection within %s", bound)
	case Stalled:
		return fmt.Sprintf("timed out: the answer began and did not end within %s", bound)
	case Redirect:
		return "redirected " + e.detail + ": redirects are not followed"
	case TooLarge:
		return fmt.Sprintf("the answer is larger than %d KiB", maxBody>>10)
	}
	if e.cause != nil {
		return e.detail + ": " + e.cause.Error()
	}
	return e.detail
}

// Unwrap returns the cause where it may be shown. It never matches context.DeadlineExceeded: the bound was not the caller's.
func (e *Error) Unwrap() error { return e.cause }

// Tried is the last error of several attempts.
type Tried struct {
	err      error
	attempts int
	took     time.Duration
}

func (e *Tried) Error() string {
	return fmt.Sprintf("%s (%d attempts in %s)", e.err, e.attempts, e.took.Round(time.Millisecond))
}
func (e *Tried) Unwrap() error { return e.err }

// IsKind reports whether err is an [*Error] of one of the kinds.
func IsKind(err error, kinds ...Kind) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	return slices.Contains(kinds, e.Kind)
}

// dialFailure carries what the dialer found through the transport.
type dialFailure struct {
	kind   Kind
	detail string
	cause  error
	each   string // what each address came to, where there were several
}

func (f *dialFailure) Error() string { return f.detail }

func dialError(ctx context.Context, err error) *dialFailure {
	kind, detail := Broken, "cannot connect"
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), isErrno(err, wsaRefused):
		kind = Refused
	case ctx.Err() != nil, isTimeout(err):
		kind = Silent
	case isErrno(err, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM, syscall.ENETDOWN, syscall.EHOSTDOWN,
		wsaNetUnreach, wsaHostUnreach, wsaAddrNotAvail, wsaAFNoSupport, wsaAccess, wsaNetDown, wsaHostDown):
		kind = NoRoute
	}
	return &dialFailure{kind: kind, detail: detail, cause: safeCause(err)}
}

// Windows has error numbers of its own for sockets, which package syscall does not map; no other system uses these numbers.
const (
	wsaAccess       syscall.Errno = 10013
	wsaAFNoSupport  syscall.Errno = 10047
	wsaAddrNotAvail syscall.Errno = 10049
	wsaNetDown      syscall.Errno = 10050
	wsaNetUnreach   syscall.Errno = 10051
	wsaTimedOut     syscall.Errno = 10060
	wsaRefused      syscall.Errno = 10061
	wsaHostDown     syscall.Errno = 10064
	wsaHostUnreach  syscall.Errno = 10065
)

func isErrno(err error, numbers ...syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	return slices.Contains(numbers, errno)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || isErrno(err, syscall.ETIMEDOUT, wsaTimedOut)
}

// headerTooLarge ends the text of the transport's error for which there is no value. What it quotes of an answer ends in a quotation mark.
var headerTooLarge = fmt.Sprintf("server response headers exceeded %d bytes; aborted", maxBody)

// classify says why the transport returned no response.
func classify(ctx context.Context, err error) (kind Kind, detail string, cause error) {
	if f, ok := errors.AsType[*dialFailure](err); ok {
		return f.kind, f.detail, f.cause
	}
	if ctx.Err() != nil || isTimeout(err) {
		return Silent, "", nil
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return TLS, "its certificate is not trusted", bad
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return TLS, "it does not speak TLS", nil
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return TLS, "it refused the TLS handshake", safeCause(err)
	}
	if cause := safeCause(err); cause != nil {
		return Broken, "the connection broke", cause
	}
	if strings.HasSuffix(err.Error(), headerTooLarge) {
		return TooLarge, "", nil
	}
	return Broken, "what came back is not HTTP", nil // the transport's text quotes what came back
}

// safeCause returns the part of an error that quotes nothing foreign and does not match a context's error, or nil.
func safeCause(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return nil
}

// location describes where a redirect leads by its host alone: the rest may hold anything. Nor is the host shown where it gives back
// what was sent, a token perhaps.
func location(res *http.Response, r Request) string {
	text := fmt.Sprintf("with status %d", res.StatusCode)
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil || !isHostName(u.Hostname()) {
		return text
	}
	sent := []string{r.URL.RawQuery}
	for _, values := range r.Header {
		sent = append(sent, values...)
	}
	if slices.ContainsFunc(sent, func(value string) bool { return echoes(u.Hostname(), value) }) {
		return text + " to a host that repeats what was sent"
	}
	return text + " to host " + u.Hostname()
}

// echoes reports whether a and b have 8 characters in a row in common, or the shorter one is part of the other. A host has no case.
func echoes(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return redact.Share(a, b, min(8, len(a), len(b)))
}
