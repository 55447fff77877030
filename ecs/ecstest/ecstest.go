// Package ecstest is a fake of the two agents that hand a container its credentials, for tests: the EKS Pod Identity agent and the
// ECS agent. It answers as they do, errors included, follows a scripted plan of faults and keeps a request log.
//
//	agent := ecstest.New()
//	server := httptest.NewServer(agent)
//	defer server.Close()
//	provider := ecs.New(func(o *ecs.Options) {
//		o.FullURI = server.URL + ecstest.PodIdentityPath
//		o.AuthorizationToken = agent.Token("system:serviceaccount:default:app")
//	})
//
// The agent is an [http.Handler], so it fits anything that serves one, and follows the clock of a testing/synctest bubble.
// Its keys are made up and of no use anywhere.
package ecstest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/fakehttp"
)

const (
	// PodIdentityPath is where the EKS Pod Identity agent answers: at http://169.254.170.23 and http://[fd00:ec2::23].
	PodIdentityPath = "/v1/credentials"
	// ECSPath is where the ECS agent answers, at http://169.254.170.2: the value of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
	ECSPath = "/v2/credentials/5b0c9e8e-3c4f-4a52-9d1c-6f1d0b2a7e11"
)

// Options say what agent an [Agent] is. They can be changed while it runs, by [Agent.Change].
type Options struct {
	// RoleARN is the task's role, and that of every service account which has no association of its own ([Agent.Associate]).
	// If empty, "arn:aws:iam::111122223333:role/pod-role".
	RoleARN string
	// Lifetime is how long credentials live. If zero, 6 h. The agent hands out the same ones for half of their life.
	Lifetime time.Duration
	// StrictHost answers requests for pods only where the Host header is the agent's own address, as the real one does.
	// If false, loopback hosts are answered too, so that a test can serve the agent there.
	StrictHost bool
	// AnyToken accepts every service account token that can be read and is in date, not only those made by [Agent.Token].
	AnyToken bool
}

// Fault is something that goes wrong with a request. [Upstream] makes the ones that come from AWS.
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

// Agent is the fake. Use [New]. It is safe for concurrent use.
type Agent struct {
	script fakehttp.Script

	mu       sync.Mutex
	opts     Options
	roles    map[string]string // by service account, those of Associate
	tokens   map[string]bool   // made by Token
	current  map[string]issued // by service account; "" is the task
	all      map[string]issued // by access key id
	requests int
}

type issued struct {
	creds aws.Credentials
	role  string
}

// New returns an agent. It listens nowhere: serve it as any other handler.
func New(optFns ...func(*Options)) *Agent {
	a := &Agent{roles: map[string]string{}, tokens: map[string]bool{}, current: map[string]issued{}, all: map[string]issued{}}
	a.Change(optFns...)
	return a
}

// Change changes the agent while it runs. It makes new credentials.
func (a *Agent) Change(optFns ...func(*Options)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, fn := range optFns {
		fn(&a.opts)
	}
	clear(a.current)
}

// Associate gives a service account ("system:serviceaccount:namespace:name") a role of its own. With an empty ARN it has none.
func (a *Agent) Associate(subject, roleARN string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles[subject] = roleARN
	delete(a.current, subject)
}

// Rotate makes new credentials for the next request, though the old ones live on.
func (a *Agent) Rotate() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.current)
}

// Fail makes the next n requests that f fits go wrong, all of them if n is negative. Faults are used in the order planned.
func (a *Agent) Fail(n int, f Fault) { a.script.Fail(n, fakehttp.Fault(f)) }

// Heal drops all planned faults.
func (a *Agent) Heal() { a.script.Heal() }

// Requests returns all requests so far, in the order they came in.
func (a *Agent) Requests() []Request {
	var all []Request
	for _, r := range a.script.Requests() {
		all = append(all, Request(r))
	}
	return all
}

// Issued returns the credentials with that access key id and the ARN of the role they belong to, for a fake of an AWS service that
// checks who calls.
func (a *Agent) Issued(accessKeyID string) (creds aws.Credentials, roleARN string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.all[accessKeyID]
	return i.creds, i.role, ok
}

// Upstream is a refusal of EKS Auth that the Pod Identity agent passes on: "AccessDeniedException", "ResourceNotFoundException",
// "InvalidTokenException", "ExpiredTokenException", "ThrottlingException", "InternalServerException" or another code of
// AssumeRoleForPodIdentity.
func Upstream(code string) Fault {
	status, fault := http.StatusBadRequest, "client"
	switch code {
	case "AccessDeniedException":
		status = http.StatusForbidden
	case "ResourceNotFoundException":
		status = http.StatusNotFound
	case "ThrottlingException":
		status = http.StatusTooManyRequests
	case "InternalServerException":
		status, fault = http.StatusInternalServerError, "server"
	case "ServiceUnavailableException":
		status, fault = http.StatusServiceUnavailable, "server"
	}
	return Fault{
		Path:   PodIdentityPath,
		Status: status,
		Header: textHeader(),
		Body:   fmt.Sprintf("[req-0]: (%s): made up by a test, fault: %s\n", code, fault),
	}
}

// ServeHTTP answers as the agents do.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.script.Serve(w, r, a.serve) }

func (a *Agent) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case r.URL.Path == PodIdentityPath:
		a.servePod(w, r)
	case strings.HasPrefix(r.URL.Path, "/v2/credentials"):
		a.serveTask(w, r)
	default:
		http.NotFound(w, r)
	}
}

// servePod answers as the EKS Pod Identity agent does: errors are text, whatever the client accepts.
func (a *Agent) servePod(w http.ResponseWriter, r *http.Request) {
	if !a.hostOK(r.Host) {
		http.Error(w, "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23] address not "+r.Host, http.StatusForbidden)
		return
	}
	token := r.Header.Get("Authorization")
	claims, err := parse(token)
	switch {
	case token == "":
		http.Error(w, "Service account token cannot be empty", http.StatusBadRequest)
	case err != nil:
		http.Error(w, "Service account token cannot be parsed: "+err.Error(), http.StatusBadRequest)
	case !time.Now().Before(time.Unix(claims.Expires, 0)):
		http.Error(w, "Service account token failed basic claim validations: token has invalid claims: token is expired", http.StatusBadRequest)
	case !a.opts.AnyToken && !a.tokens[token]:
		a.upstream(w, "InvalidTokenException", "the token was not issued by this cluster")
	case !claims.meant(Audience):
		a.upstream(w, "InvalidTokenException", "the token's audience is not the service's")
	case a.roleOf(claims.Subject) == "":
		a.upstream(w, "ResourceNotFoundException", "no association found for the service account")
	default:
		creds := a.issue(claims.Subject)
		writeJSON(w, http.StatusOK, map[string]string{
			"AccessKeyId":     creds.AccessKeyID,
			"SecretAccessKey": creds.SecretAccessKey,
			"Token":           creds.SessionToken,
			"AccountId":       creds.AccountID,
			"Expiration":      creds.Expires.Format(time.RFC3339Nano),
		})
	}
}

func (a *Agent) upstream(w http.ResponseWriter, code, message string) {
	a.requests++
	f := Upstream(code)
	http.Error(w, fmt.Sprintf("[req-%d]: (%s): %s, fault: client", a.requests, code, message), f.Status)
}

func (a *Agent) hostOK(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "169.254.170.23" || host == "fd00:ec2::23" {
		return true
	}
	ip := net.ParseIP(host)
	return !a.opts.StrictHost && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// serveTask answers as the ECS agent does: errors are JSON.
func (a *Agent) serveTask(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, code, message string) {
		writeJSON(w, status, map[string]any{"code": code, "message": "CredentialsV2Request: " + message, "HTTPErrorCode": status})
	}
	switch role := a.roleOf(""); {
	case strings.Trim(strings.TrimPrefix(r.URL.Path, "/v2/credentials"), "/") == "":
		fail(http.StatusBadRequest, "NoIdInRequest", "No Credential ID in the request")
	case r.URL.Path != ECSPath || role == "":
		fail(http.StatusBadRequest, "InvalidIdInRequest", "Credentials not found")
	default:
		creds := a.issue("")
		writeJSON(w, http.StatusOK, map[string]string{
			"RoleArn":         role,
			"AccessKeyId":     creds.AccessKeyID,
			"SecretAccessKey": creds.SecretAccessKey,
			"Token":           creds.SessionToken,
			"Expiration":      creds.Expires.Format(time.RFC3339),
		})
	}
}

// roleOf returns the role of a service account, or of the task for "". The caller holds the lock, here and below.
func (a *Agent) roleOf(subject string) string {
	if role, ok := a.roles[subject]; ok {
		return role
	}
	if a.opts.RoleARN != "" {
		return a.opts.RoleARN
	}
	return "arn:aws:iam::111122223333:role/pod-role"
}

func (a *Agent) issue(subject string) aws.Credentials {
	life := a.opts.Lifetime
	if life <= 0 {
		life = 6 * time.Hour
	}
	now := time.Now()
	if i, ok := a.current[subject]; ok && i.creds.Expires.Sub(now) > life/2 {
		return i.creds
	}
	id, secret, token := fakehttp.Keys()
	role := a.roleOf(subject)
	account := ""
	if parts := strings.Split(role, ":"); len(parts) > 4 {
		account = parts[4]
	}
	i := issued{role: role, creds: aws.Credentials{
		AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, AccountID: account,
		CanExpire: true, Expires: now.Add(life).UTC().Truncate(time.Second),
	}}
	a.current[subject] = i
	a.all[id] = i
	return i.creds
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, _ := json.Marshal(value)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func textHeader() http.Header {
	return http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}
}
