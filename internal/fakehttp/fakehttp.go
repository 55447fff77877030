// Package fakehttp is what the fake servers of this library have in common: scripted faults, a request log, made-up keys.
package fakehttp

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is documented at the fakes that export it.
type Fault struct {
	Method, Path string
	Delay        time.Duration
	Status       int
	Header       http.Header
	Body         string
	Hang         bool
	Reset        bool
	Truncate     bool
	Stall        bool
	Drip         time.Duration
}

// Request is documented at the fakes that export it.
type Request struct {
	Time   time.Time
	Method string
	Host   string
	Path   string
	Header http.Header
	Status int
}

// Script serves requests and lets some of them go wrong. The zero value lets none. It is safe for concurrent use.
type Script struct {
	mu     sync.Mutex
	faults []planned
	log    []*Request
}

type planned struct {
	left int // negative: for ever
	Fault
}

// Fail plans a fault for the next n requests that it fits, for all of them if n is negative. Faults are used in the order planned.
func (s *Script) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n != 0 {
		s.faults = append(s.faults, planned{n, f})
	}
}

// Heal drops all planned faults. Requests that hang go on hanging.
func (s *Script) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns all requests so far, in the order they came in.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.log))
	for i, r := range s.log {
		all[i] = *r
	}
	return all
}

// Serve answers a request as usual does, unless a fault is planned for it.
func (s *Script) Serve(w http.ResponseWriter, r *http.Request, usual http.HandlerFunc) {
	entry, fault, faulty := s.begin(r)
	answer := &recorder{header: http.Header{}}
	if !faulty {
		usual(answer, r)
		s.end(entry, answer.send(w))
		return
	}
	if !pause(r, fault.Delay) {
		return
	}
	switch {
	case fault.Hang:
		<-r.Context().Done()
		return
	case fault.Reset:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		answer.add(fault.Header)
		answer.status = fault.Status
		answer.body = []byte(fault.Body)
	default:
		usual(answer, r)
		answer.add(fault.Header)
	}
	s.end(entry, answer.code())
	fault.send(w, r, answer)
}

func (s *Script) begin(r *http.Request) (*Request, Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := &Request{Time: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, Header: r.Header.Clone()}
	s.log = append(s.log, entry)
	for i := range s.faults {
		f := &s.faults[i]
		if f.left == 0 || f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return entry, f.Fault, true
	}
	return entry, Fault{}, false
}

func (s *Script) end(entry *Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.Status = status
}

// send writes an answer, the way the fault has it.
func (f Fault) send(w http.ResponseWriter, r *http.Request, a *recorder) {
	if !f.Truncate && !f.Stall && f.Drip == 0 {
		a.send(w)
		return
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+1)) // at least a byte is missing in the end
	w.WriteHeader(a.code())
	flush := http.NewResponseController(w).Flush
	switch {
	case f.Drip > 0:
		for _, b := range a.body {
			if !pause(r, f.Drip) {
				return
			}
			_, _ = w.Write([]byte{b})
			_ = flush()
		}
	default:
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = flush()
	}
	if f.Truncate {
		panic(http.ErrAbortHandler)
	}
	<-r.Context().Done()
}

// pause waits, and returns false if the client left meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// recorder holds an answer back until it is whole.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (a *recorder) Header() http.Header         { return a.header }
func (a *recorder) WriteHeader(status int)      { a.status = status }
func (a *recorder) Write(p []byte) (int, error) { a.body = append(a.body, p...); return len(p), nil }

func (a *recorder) add(h http.Header) {
	for name, values := range h {
		a.header[http.CanonicalHeaderKey(name)] = values
	}
}

func (a *recorder) code() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}

func (a *recorder) send(w http.ResponseWriter) int {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.code())
	_, _ = w.Write(a.body)
	return a.code()
}

// Keys makes up an access key id, a secret and a session token that look like temporary ones of AWS and are nobody's.
func Keys() (id, secret, token string) {
	text := rand.Text() + rand.Text() // base32
	return "ASIA" + text[:16], fmt.Sprintf("fake/secret+%s", text[16:44]), "fake-session-token-" + rand.Text()
}
