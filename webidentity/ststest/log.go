package ststest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Request is one call that came in. It holds no token and no secret.
type Request struct {
	Time        time.Time
	Action      string
	RoleARN     string
	SessionName string
	Duration    string // DurationSeconds as it was sent
	Policy      string
	PolicyARNs  []string
	Subject     string // of the token, unverified; empty if it is not a JWT
	Signed      bool
	AccessKeyID string // that it was signed with
	UserAgent   string
	Status      int    // of the answer; 0 if there was none
	Code        string // of an error
}

// Requests returns the calls so far, in order. One that hangs is among them.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Count returns how many calls of an action came in.
func (s *Server) Count(action string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Action == action {
			n++
		}
	}
	return n
}

func (s *Server) record(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
}

func (s *Server) entry(r *http.Request, form url.Values) Request {
	e := Request{
		Time:        time.Now(),
		Action:      form.Get("Action"),
		RoleARN:     form.Get("RoleArn"),
		SessionName: form.Get("RoleSessionName"),
		Duration:    form.Get("DurationSeconds"),
		Policy:      form.Get("Policy"),
		Signed:      r.Header.Get("Authorization") != "",
		AccessKeyID: AccessKeyID(r),
		UserAgent:   r.UserAgent(),
	}
	for name, values := range form {
		if strings.HasPrefix(name, "PolicyArns.member.") {
			e.PolicyARNs = append(e.PolicyARNs, values...)
		}
	}
	slices.Sort(e.PolicyARNs)
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(form.Get("WebIdentityToken"), claims); err == nil {
		e.Subject, _ = claims.GetSubject()
	}
	return e
}
