package ststest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/podrole/webidentity/trustpolicy"
)

const (
	// DefaultIssuer has the form of an EKS cluster's.
	DefaultIssuer   = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
	defaultAccount  = "111122223333"
	defaultAudience = "sts.amazonaws.com"
)

// Options configure a [Server].
type Options struct {
	// Issuer is the cluster's, an https URL. If empty, [DefaultIssuer].
	Issuer string
	// Account has the IAM OIDC provider for the issuer. Roles of other accounts do not have it. If empty, 111122223333.
	Account string
	// ClientIDs are the audiences that the provider accepts. If nil, sts.amazonaws.com.
	ClientIDs []string
	// Lifetime is the life of the credentials, whatever the request asks for. If zero, what it asks for, or an hour.
	Lifetime time.Duration
	// MaxDuration is the roles' maximum session duration. If zero, 12 h.
	MaxDuration time.Duration
}

// Server is a fake STS. Use [New].
type Server struct {
	o      Options
	issuer issuer

	mu       sync.Mutex
	roles    map[string]*trustpolicy.Policy // by role ARN
	sessions map[string]session             // by access key id
	faults   []Fault
	broken   Fault
	skew     time.Duration
	log      []Request
}

type session struct {
	arn, userID, token string
	expires            time.Time // zero = never
}

// New returns a server that knows no role yet.
func New(optFns ...func(*Options)) *Server {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	o.Issuer, o.Account = cmp.Or(o.Issuer, DefaultIssuer), cmp.Or(o.Account, defaultAccount)
	o.MaxDuration = cmp.Or(o.MaxDuration, 12*time.Hour)
	if o.ClientIDs == nil {
		o.ClientIDs = []string{defaultAudience}
	}
	return &Server{o: o, issuer: newIssuer(o.Issuer), roles: map[string]*trustpolicy.Policy{}, sessions: map[string]session{}}
}

// Issuer is the URL in the tokens' iss.
func (s *Server) Issuer() string { return s.o.Issuer }

// MintToken returns a signed token.
func (s *Server) MintToken(t Token) string { return s.issuer.mint(t, s.now()) }

// TrustPolicy returns the usual trust policy, which accepts the server's issuer, the audience sts.amazonaws.com and the subjects that
// match the pattern (StringLike).
func (s *Server) TrustPolicy(subject string) string {
	provider := strings.TrimPrefix(s.o.Issuer, "https://")
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::%s:oidc-provider/%s"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {
      "StringEquals": {"%[2]s:aud": "sts.amazonaws.com"},
      "StringLike": {"%[2]s:sub": %[3]q}
    }
  }]
}`, s.o.Account, provider, subject)
}

// SetTrustPolicy creates the role, or replaces its trust policy: the edit that heals.
func (s *Server) SetTrustPolicy(roleARN, policy string) error {
	if _, _, ok := parseRole(roleARN); !ok {
		return fmt.Errorf("ststest: %q is not the ARN of a role", roleARN)
	}
	p, err := trustpolicy.Parse([]byte(policy))
	if err != nil {
		return fmt.Errorf("ststest: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[roleARN] = p
	return nil
}

// DeleteRole makes the role unknown.
func (s *Server) DeleteRole(roleARN string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.roles, roleARN)
}

// SetLifetime is Options.Lifetime, from now on.
func (s *Server) SetLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Lifetime = d
}

// SetClock puts the server's clock ahead of the one here, or behind it if d is negative: its Date headers, the expiry it gives and
// how it reads a token's times.
func (s *Server) SetClock(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.skew)
}

// AddIdentity makes GetCallerIdentity and [Server.Identity] know an access key that this server did not give out: a node role's out of
// a fake metadata service, a user's. Any session token goes with it.
func (s *Server) AddIdentity(accessKeyID, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[accessKeyID] = session{arn: arn, userID: "AIDAEXAMPLE"}
}

// Identity returns the ARN that an access key acts as, so that another fake AWS service can answer by identity. It is not ok if the
// key is not known or its session has expired.
func (s *Server) Identity(accessKeyID string) (arn string, ok bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.sessions[accessKeyID]
	if !ok || !session.expires.IsZero() && !now.Before(session.expires) {
		return "", false
	}
	return session.arn, true
}

// ServeHTTP answers AssumeRoleWithWebIdentity and GetCallerIdentity.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	form, refused := parseForm(w, r)
	entry := s.entry(r, form)
	fault := s.nextFault()
	if fault.Delay > 0 {
		fault.wait(r)
		now = s.now()
	}
	if fault.answers() {
		entry.Status, entry.Code = fault.status(), fault.Code
		s.record(entry)
		fault.answer(w, r, now)
		return
	}
	a := refused
	if a == nil {
		a = s.answer(r, form, now)
	}
	entry.Status = a.status
	if e, ok := a.body.(errorResponse); ok {
		entry.Code = e.Error.Code
	}
	s.record(entry)
	a.write(w, now)
}

func (s *Server) answer(r *http.Request, form url.Values, now time.Time) *answer {
	switch action := form.Get("Action"); {
	case form.Get("Version") != "2011-06-15":
		return refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", action, form.Get("Version"))
	case action == "AssumeRoleWithWebIdentity":
		return s.assumeRole(r, form, now)
	case action == "GetCallerIdentity":
		return s.callerIdentity(r, now)
	default:
		return refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version 2011-06-15", action)
	}
}
