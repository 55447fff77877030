package ststest

import (
	"net/http"
	"slices"
	"time"
)

// Fault is what a call gets in place of its answer. With Delay alone the answer comes, late.
type Fault struct {
	// Delay is how long nothing happens first, or until the client leaves.
	Delay time.Duration
	// Hang means that no answer comes until the client leaves.
	Hang bool
	// Reset means that the connection breaks without an answer.
	Reset bool
	// Code and Message are an error of STS's.
	Code, Message string
	// Body is sent as it stands, in place of an error of STS's.
	Body string
	// Header is added to the answer.
	Header http.Header
	// Status is the HTTP status. If zero, 400 with a Code and 200 with a Body.
	Status int
}

// The faults that occur in practice.
var (
	Throttling        = Fault{Code: "Throttling", Message: "Rate exceeded", Status: http.StatusBadRequest}
	InternalFailure   = Fault{Code: "InternalFailure", Message: "An internal error occurred", Status: http.StatusInternalServerError}
	Unavailable       = Fault{Code: "ServiceUnavailable", Message: "Service is unavailable", Status: http.StatusServiceUnavailable}
	IDPCommunication  = Fault{Code: "IDPCommunicationError", Message: "The identity provider could not be reached", Status: http.StatusBadRequest}
	NoVerificationKey = Fault{Code: "InvalidIdentityToken", Message: noKey, Status: http.StatusBadRequest}
	ProxyPage         = Fault{Status: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"text/html"}},
		Body: "<!DOCTYPE html>\n<html><head><title>503</title></head><body>The proxy could not reach the server.</body></html>\n"}
	Hang  = Fault{Hang: true}
	Reset = Fault{Reset: true}
)

// Fail scripts the next calls: each takes one fault, in order. A zero Fault leaves its call alone.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Break gives every call the fault, once those of Fail are used up, until Mend.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = f
}

// Mend drops every fault.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.broken = nil, Fault{}
}

func (s *Server) nextFault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return s.broken
	}
	next := s.faults[0]
	s.faults = slices.Delete(s.faults, 0, 1)
	return next
}

// answers reports whether the fault takes the answer's place.
func (f Fault) answers() bool {
	return f.Hang || f.Reset || f.Code != "" || f.Body != "" || f.Status != 0
}

func (f Fault) status() int {
	switch {
	case f.Hang || f.Reset:
		return 0
	case f.Status != 0:
		return f.Status
	case f.Code != "":
		return http.StatusBadRequest
	default:
		return http.StatusOK
	}
}

func (f Fault) wait(r *http.Request) {
	late := time.NewTimer(f.Delay)
	defer late.Stop()
	select {
	case <-late.C:
	case <-r.Context().Done():
	}
}

func (f Fault) answer(w http.ResponseWriter, r *http.Request, now time.Time) {
	switch {
	case f.Hang:
		<-r.Context().Done()
		return
	case f.Reset:
		panic(http.ErrAbortHandler)
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if f.Code != "" {
		refuse(f.status(), f.Code, "%s", f.Message).write(w, now)
		return
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.WriteHeader(f.status())
	_, _ = w.Write([]byte(f.Body))
}
