// Package imdstest is a fake EC2 instance metadata service for tests: sessions that expire, a role that can be swapped or taken
// away, credentials that rotate, IMDSv1 where it is asked for, scripted faults and a request log.
//
//	service := imdstest.New()
//	server := httptest.NewServer(service)
//	defer server.Close()
//	provider := imds.New(func(o *imds.Options) { o.Endpoint = server.URL })
//
// The service is an [http.Handler], so it fits anything that serves one, and follows the clock of a testing/synctest bubble.
// Its keys are made up and of no use anywhere.
package imdstest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/fakehttp"
)

// Options say what service a [Server] is. They can be changed while it runs, by [Server.Change].
type Options struct {
	// Role is the attached role. If empty, "node-role".
	Role string
	// NoRole is an instance to which no role is attached.
	NoRole bool
	// AccountID is the role's account. If empty, "111122223333".
	AccountID string
	// InstanceID is the session name of the role. If empty, "i-0f0a1b2c3d4e5f607".
	InstanceID string
	// Plain is a service that does not offer documents with an account id (…/security-credentials-extended/).
	Plain bool
	// V1 answers requests without a session token too.
	V1 bool
	// NoSessions, if not zero, is the status that requests for a session token get: 403, 404 or 405.
	NoSessions int
	// HopLimit1 loses every answer to a request for a session token, as a hop limit of 1 does for a container.
	HopLimit1 bool
	// Off answers 403 to everything, as a service does that was switched off for the instance.
	Off bool
	// ServerHeader is the Server header of every response. If empty, "EC2ws"; "-" sends none.
	ServerHeader string
	// Code is the Code of credential documents. If empty, "Success"; with any other they hold no keys.
	Code string
	// Lifetime is how long credentials live. If zero, 6 h. Like EC2, the service hands out the same ones until 5 min before their
	// end, or for half of their life if that is longer; then it makes new ones.
	Lifetime time.Duration
	// SessionTTL, if not zero, is the most a session token lives, whatever the request asks for.
	SessionTTL time.Duration
}

// Fault is something that goes wrong with a request.
type Fault struct {
	// Method and the beginning of the Path that it happens to. If empty, any.
	Method, Path string
	// Delay comes before anything else.
	Delay time.Duration
	// Status is answered, with Header and Body, instead of the usual. If zero, the usual answer is sent, with Header added.
	Status int
	Header http.Header
	Body   string
	// Hang never answers. Reset drops the connection instead of answering.
	Hang, Reset bool
	// Truncate drops the connection in the middle of the body. Stall stops there and keeps it open.
	Truncate, Stall bool
	// Drip, if not zero, is the pause before each byte of the body; the last one never comes.
	Drip time.Duration
}

// Request is an entry of the request log.
type Request struct {
	Time   time.Time
	Method string
	Host   string
	Path   string
	Header http.Header
	Status int // that was answered; 0 where none was, or not yet
}

// Server is the service. Use [New]. It is safe for concurrent use.
type Server struct {
	script fakehttp.Script

	mu       sync.Mutex
	opts     Options
	sessions map[string]time.Time // token to its end
	current  issued
	all      map[string]issued // by access key id
}

type issued struct {
	creds  aws.Credentials
	role   string
	arn    string
	issued time.Time
}

// New returns a service. It listens nowhere: serve it as any other handler.
func New(optFns ...func(*Options)) *Server {
	s := &Server{sessions: map[string]time.Time{}, all: map[string]issued{}}
	s.Change(optFns...)
	return s
}

// Change changes the service while it runs. A change of the role, the account or the lifetime makes new credentials.
func (s *Server) Change(optFns ...func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.opts
	for _, fn := range optFns {
		fn(&s.opts)
	}
	if s.opts.Role != before.Role || s.opts.AccountID != before.AccountID || s.opts.Lifetime != before.Lifetime {
		s.current = issued{}
	}
}

// Rotate makes new credentials for the next request, though the old ones live on.
func (s *Server) Rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = issued{}
}

// EndSessions makes all session tokens invalid: requests with them get a 401.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// Fail makes the next n requests that f fits go wrong, all of them if n is negative. Faults are used in the order planned.
func (s *Server) Fail(n int, f Fault) { s.script.Fail(n, fakehttp.Fault(f)) }

// Heal drops all planned faults.
func (s *Server) Heal() { s.script.Heal() }

// Requests returns all requests so far, in the order they came in.
func (s *Server) Requests() []Request {
	var all []Request
	for _, r := range s.script.Requests() {
		all = append(all, Request(r))
	}
	return all
}

// Credentials returns what the service hands out now. Source is empty.
func (s *Server) Credentials() aws.Credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issue().creds
}

// Issued returns the credentials with that access key id and the ARN of the session they belong to, for a fake of an AWS service
// that checks who calls.
func (s *Server) Issued(accessKeyID string) (creds aws.Credentials, arn string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.all[accessKeyID]
	return i.creds, i.arn, ok
}

const (
	tokenPath    = "/latest/api/token"
	metadataPath = "/latest/meta-data/"
	rolesPath    = metadataPath + "iam/security-credentials/"
	extendedPath = metadataPath + "iam/security-credentials-extended/"

	maxTTL = 21600 // s; EC2 user guide, "Configure the Instance Metadata Service options"
)

// ServeHTTP answers as the metadata service does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	header := or(s.opts.ServerHeader, "EC2ws")
	s.mu.Unlock()
	if header != "-" {
		w.Header().Set("Server", header)
	}
	s.script.Serve(w, r, s.serve)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	lost := s.opts.HopLimit1 && r.Method == http.MethodPut
	s.mu.Unlock()
	if lost {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain")
	switch {
	case s.opts.Off:
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == tokenPath && s.opts.NoSessions != 0:
		w.WriteHeader(s.opts.NoSessions)
	case r.URL.Path == tokenPath:
		s.open(w, r)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !s.admitted(r):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		s.metadata(w, r)
	}
}

// open makes a session.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds"))
	switch {
	case r.Method != http.MethodPut:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.Header.Get("X-Forwarded-For") != "":
		w.WriteHeader(http.StatusForbidden) // the service refuses what a proxy sends on
		return
	case err != nil || seconds < 1 || seconds > maxTTL:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	life := time.Duration(seconds) * time.Second
	if s.opts.SessionTTL > 0 {
		life = min(life, s.opts.SessionTTL)
	}
	token := rand.Text() + rand.Text() + "=="
	s.sessions[token] = time.Now().Add(life)
	w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", strconv.Itoa(int(life/time.Second)))
	fmt.Fprint(w, token)
}

func (s *Server) admitted(r *http.Request) bool {
	token := r.Header.Get("X-aws-ec2-metadata-token")
	if token == "" {
		return s.opts.V1
	}
	return time.Now().Before(s.sessions[token])
}

func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	list, role := r.URL.Path, ""
	if i := strings.LastIndex(list, "/"); i >= 0 {
		list, role = list[:i+1], list[i+1:]
	}
	switch {
	case list == metadataPath && role == "":
		fmt.Fprint(w, "iam/\ninstance-id")
	case list == metadataPath && role == "instance-id":
		fmt.Fprint(w, or(s.opts.InstanceID, "i-0f0a1b2c3d4e5f607"))
	case s.opts.NoRole, list != rolesPath && (list != extendedPath || s.opts.Plain):
		w.WriteHeader(http.StatusNotFound)
	case role == "":
		fmt.Fprint(w, s.role())
	case role != s.role():
		w.WriteHeader(http.StatusNotFound)
	default:
		s.document(w, list == extendedPath)
	}
}

func (s *Server) document(w http.ResponseWriter, extended bool) {
	doc := map[string]string{"Code": or(s.opts.Code, "Success"), "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC().Format(time.RFC3339)}
	if doc["Code"] == "Success" {
		i := s.issue()
		doc["LastUpdated"] = i.issued.UTC().Format(time.RFC3339)
		doc["AccessKeyId"] = i.creds.AccessKeyID
		doc["SecretAccessKey"] = i.creds.SecretAccessKey
		doc["Token"] = i.creds.SessionToken
		doc["Expiration"] = i.creds.Expires.UTC().Format(time.RFC3339)
		if extended {
			doc["AccountId"] = s.account()
		}
	}
	body, _ := json.MarshalIndent(doc, "", "  ")
	_, _ = w.Write(body) // as text/plain, like EC2's service
}

// issue returns the credentials of the moment. The caller holds the lock.
func (s *Server) issue() issued {
	life := s.opts.Lifetime
	if life <= 0 {
		life = 6 * time.Hour
	}
	now := time.Now()
	if s.current.creds.AccessKeyID != "" && s.current.creds.Expires.Sub(now) > min(5*time.Minute, life/2) {
		return s.current
	}
	id, secret, token := fakehttp.Keys()
	s.current = issued{
		creds: aws.Credentials{
			AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, AccountID: s.account(),
			CanExpire: true, Expires: now.Add(life).UTC().Truncate(time.Second),
		},
		role:   s.role(),
		arn:    fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", s.account(), s.role(), or(s.opts.InstanceID, "i-0f0a1b2c3d4e5f607")),
		issued: now,
	}
	s.all[id] = s.current
	return s.current
}

func (s *Server) role() string    { return or(s.opts.Role, "node-role") }
func (s *Server) account() string { return or(s.opts.AccountID, "111122223333") }

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
