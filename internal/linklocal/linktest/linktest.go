// Package linktest is what the tests of the providers that ask a link-local service have in common: the classes of an answer, what holds
// for every error, a log to look into, credential documents, and peers that misbehave below HTTP.
package linktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
)

// Leak is in every foreign body of the tests, and in no error and no log record.
const Leak = "LEAKED-BODY"

// The classes of an answer.
const (
	Credentials = "credentials"
	Nothing     = "unavailable"
	Failure     = "failure"
	Final       = "terminal failure"
	Late        = "timeout"
)

// Class returns the class of what a Retrieve returned.
func Class(creds aws.Credentials, err error) string {
	switch _, late := errors.AsType[*timeout.Error](err); {
	case err == nil && creds.HasKeys():
		return Credentials
	case err == nil:
		return "nothing at all"
	case errors.Is(err, unavailable.Err):
		return Nothing
	case late:
		return Late
	case terminal.Is(err):
		return Final
	}
	return Failure
}

// Complaints returns what is wrong with an error, nil included, of a Retrieve on a context that has not ended, and with what was logged
// meanwhile: neither may show a secret.
func Complaints(provider string, err error, log string, secrets ...string) []string {
	var all []string
	complain := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	texts := []string{log}
	if err != nil {
		texts = append(texts, err.Error(), fmt.Sprintf("%+v %#v", err, err))
		complain(errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), "it matches a context's error, and only the caller's own may: %s", err)
		complain(!strings.HasPrefix(err.Error(), provider+": ") || strings.Count(err.Error(), provider+": ") > 1, "it has not one prefix %q: %s", provider+": ", err)
		retryable, ok := errors.AsType[interface {
			error
			RetryableError() bool
		}](err)
		complain(!ok || retryable.RetryableError(), "an SDK client would ask again: %s", err)
	}
	for _, text := range texts {
		for _, secret := range append([]string{Leak}, secrets...) {
			complain(strings.Contains(text, secret), "%q is shown: %s", secret, text)
		}
	}
	return all
}

// Took measures in the bubble's time.
func Took(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}

// Log is a log that several goroutines write. The zero value is empty.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Count returns how often a text stands in the log.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// Document is a credential document for a bubble's first six hours. Members, a name and its JSON each, replace its own or come on top;
// an empty JSON leaves one out.
func Document(members ...string) string {
	fields := []string{"AccessKeyId", `"ASIAEXAMPLEEXAMPLE00"`, "SecretAccessKey", `"secret"`, "Token", `"token"`, "Expiration", `"2000-01-01T06:00:00Z"`}
	values := map[string]string{}
	var names []string
	for all := append(fields, members...); len(all) > 1; all = all[2:] {
		if _, ok := values[all[0]]; !ok {
			names = append(names, all[0])
		}
		values[all[0]] = all[1]
	}
	doc := []string{`"Note":"` + Leak + `"`}
	for _, name := range names {
		if values[name] != "" {
			doc = append(doc, `"`+name+`":`+values[name])
		}
	}
	return "{" + strings.Join(doc, ",") + "}"
}

// SwitchProtocols is the header of a response with status 101, for which nobody asked.
func SwitchProtocols() http.Header {
	return http.Header{"Connection": {"Upgrade"}, "Upgrade": {"x"}}
}

// Swallow reads and says nothing.
func Swallow(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// Babble answers with something that is not HTTP.
func Babble(c net.Conn) {
	_, _ = c.Read(make([]byte, 1024))
	_, _ = io.WriteString(c, "SSH-2.0-"+Leak+"\r\n")
}

// Drip answers with a header a byte at a time, which never ends, until the client hangs up.
func Drip(c net.Conn) {
	buf := make([]byte, 1024)
	_, _ = c.Read(buf)
	for _, b := range []byte("HTTP/1.1 200 OK\r\nServer: EC2ws\r\nX-Filler: " + strings.Repeat(Leak, 100)) {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Read(buf); errors.Is(err, io.EOF) {
			return
		}
		_, _ = c.Write([]byte{b})
	}
}

// Request is what an [Everybody] got.
type Request struct {
	Address    string // that was dialled, "ip:port"
	Host, Path string
	Header     http.Header
}

// Everybody serves at memnet.Everywhere: it listens at every address there is, writes down what comes, and answers as it is told.
type Everybody struct {
	mu     sync.Mutex
	answer http.HandlerFunc
	got    []Request
}

// Begin sets the answer and forgets the requests so far.
func (e *Everybody) Begin(answer http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer, e.got = answer, nil
}

// Requests returns those since Begin.
func (e *Everybody) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got
}

// ServeHTTP implements http.Handler.
func (e *Everybody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.got = append(e.got, Request{fmt.Sprint(r.Context().Value(http.LocalAddrContextKey)), r.Host, r.URL.Path, r.Header.Clone()})
	answer := e.answer
	e.mu.Unlock()
	answer(w, r)
}
