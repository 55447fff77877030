package linklocal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"example.com/podrole/internal/redact"
)

// maxBody is the most that is read of an answer. A credential document is under 2 KiB; aws-c-auth draws the line at 64 KiB too.
const maxBody = 64 << 10

// Config is what a [Client] is made of. The zero value works.
type Config struct {
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)  // nil: a [net.Dialer]
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error) // nil: [net.DefaultResolver]
	RootCAs     *x509.CertPool                                                        // nil: the system's
}

// Client sends requests under [Rules]. It is safe for concurrent use and holds no connection between requests.
type Client struct {
	transport *http.Transport
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	lookup    func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// New returns a client.
func New(cfg Config) *Client {
	c := &Client{dial: cfg.DialContext, lookup: cfg.LookupNetIP}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	if c.lookup == nil {
		c.lookup = net.DefaultResolver.LookupNetIP
	}
	c.transport = &http.Transport{
		Proxy:                  nil,
		DialContext:            c.connect,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxBody,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
	}
	return c
}

// Request is one question, which may take several attempts.
type Request struct {
	Method string
	URL    *url.URL // as Rules.Check returned it
	Shown  string   // the URL as errors show it; if empty, without its query
	Rules  Rules
	Header http.Header
	Bound  time.Duration // of one attempt

	// Tries returns how many attempts an error is worth in all: 1 or less ends the question with that error. If nil, 1 always.
	Tries func(err error) int
	// Failed, if not nil, is told of each attempt that another one follows.
	Failed func(err error, next time.Duration)
}

// Answer is a response with a status other than 3xx, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Date   time.Time // the server's clock; zero where it does not say
}

// Do asks until use returns nil for an answer, until an error is not worth another attempt, or until ctx ends. It returns the
// last attempt's error: an [*Error] where no answer came, else what use returned; after several attempts inside a [*Tried]. The
// silence of an attempt that ctx cut short says nothing: then it is the error before. No pause begins that ctx would cut short.
func (c *Client) Do(ctx context.Context, r Request, use func(*Answer) error) error {
	started := time.Now()
	var last error
	for n := 1; ; n++ {
		began := time.Now()
		answer, err := c.once(ctx, r)
		if err == nil {
			err = use(answer)
		}
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*Error](err); !ok || !e.Timeout() || e.Bound == r.Bound || last == nil {
			last = err
		}
		if r.Tries == nil || n >= r.Tries(err) || !c.pause(ctx, r, err, Backoff(n, rand.Float64())-time.Since(began)) {
			if n > 1 {
				return &Tried{last, n, time.Since(started)}
			}
			return last
		}
	}
}

// pause waits before the next attempt, and returns false if there is no time for one.
func (c *Client) pause(ctx context.Context, r Request, err error, d time.Duration) bool {
	d = max(d, 0)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	if r.Failed != nil {
		r.Failed(err, d)
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Backoff returns the time from the beginning of the n-th attempt to the next: an attempt that took longer has waited already, so
// that pauses cost nothing of the time that attempts were given. It is 100 ms, doubling up to 1 s, of which jitter, in [0,1),
// takes off up to a half.
func Backoff(n int, jitter float64) time.Duration {
	full := min(100*time.Millisecond<<min(max(n-1, 0), 4), time.Second)
	return full - time.Duration(jitter*float64(full)/2)
}

// attempt travels with the request to the dialer.
type attempt struct {
	ctx       context.Context
	url       *url.URL
	rules     Rules
	connected atomic.Bool
	began     atomic.Bool // a byte of the answer came; the transport says so in a goroutine of its own
}

type attemptKey struct{}

// once makes one attempt.
func (c *Client) once(parent context.Context, r Request) (*Answer, error) {
	bound := r.Bound
	if deadline, ok := parent.Deadline(); ok {
		bound = min(bound, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(parent, bound)
	defer cancel()
	a := &attempt{ctx: ctx, url: r.URL, rules: r.Rules}
	shown := r.Shown
	if shown == "" {
		shown = redact.URL(r.URL.String())
	}
	fail := func(kind Kind, detail string, cause error) *Error {
		return &Error{Kind: kind, Method: r.Method, URL: shown, Connected: a.connected.Load(), Bound: bound, detail: detail, cause: cause}
	}
	if _, err := r.Rules.Check(r.URL.String()); err != nil {
		return nil, fail(Forbidden, err.Error(), nil)
	}
	traced := httptrace.WithClientTrace(context.WithValue(ctx, attemptKey{}, a), &httptrace.ClientTrace{GotFirstResponseByte: func() { a.began.Store(true) }})
	req, err := http.NewRequestWithContext(traced, r.Method, r.URL.String(), nil)
	if err != nil {
		return nil, fail(Forbidden, "it is not a request", nil)
	}
	maps.Copy(req.Header, r.Header)
	res, err := c.transport.RoundTrip(req) // an http.Client would read Location before we do
	if err != nil {
		kind, detail, cause := classify(ctx, err)
		if kind == Silent && a.began.Load() { // its header drips
			kind = Stalled
		}
		e := fail(kind, detail, cause)
		if f, ok := errors.AsType[*dialFailure](err); ok {
			e.each = f.each
		}
		return nil, e
	}
	defer res.Body.Close()
	date, _ := http.ParseTime(res.Header.Get("Date"))
	answer := &Answer{Status: res.StatusCode, Header: res.Header, Date: date}
	unusable := func(kind Kind, detail string, cause error) error {
		err := fail(kind, detail, cause)
		err.Answer = answer
		return err
	}
	if res.StatusCode == http.StatusSwitchingProtocols { // its body is the bare connection, which heeds no context
		return nil, unusable(Broken, "it switched protocols", nil)
	}
	if res.StatusCode/100 == 3 {
		return nil, unusable(Redirect, location(res, r), nil)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil && (ctx.Err() != nil || isTimeout(err)):
		return nil, unusable(Stalled, "", nil)
	case err != nil:
		return nil, unusable(Broken, "the answer was cut off", safeCause(err))
	case len(body) > maxBody:
		return nil, unusable(TooLarge, "", nil)
	}
	answer.Body = body
	return answer, nil
}

// connect is the transport's dialer. It goes to the URL that was checked, whatever the transport names, and lives as long as its
// attempt: the transport would detach a dial from its request, for the sake of a later one, and here no later one can use it.
func (c *Client) connect(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	defer func() { // the transport's goroutine is not ours: a panic of a dialer given in Options would end the process
		if recover() != nil {
			conn, err = nil, &dialFailure{kind: Broken, detail: "the dialer or the resolver panicked"}
		}
	}()
	a := ctx.Value(attemptKey{}).(*attempt)
	addrs, err := c.resolve(a)
	if err != nil {
		return nil, err
	}
	port := a.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[a.url.Scheme]
	}
	deadline, _ := a.ctx.Deadline() // every attempt has one
	var first *dialFailure          // speaks for all
	var each []string
	for i, addr := range addrs {
		share := time.Until(deadline) / time.Duration(len(addrs)-i)
		conn, failure := c.dialOne(a.ctx, share, network, net.JoinHostPort(addr.String(), port))
		if failure == nil {
			a.connected.Store(true)
			return conn, nil
		}
		if first == nil {
			first = failure
		}
		each = append(each, addr.String()+": "+(&Error{Kind: failure.kind, Bound: share, detail: failure.detail, cause: failure.cause}).Reason())
	}
	if len(each) > 1 {
		first.each = strings.Join(each, "; ")
	}
	return nil, first
}

// dialOne gives an address its share of the time.
func (c *Client) dialOne(ctx context.Context, share time.Duration, network, address string) (net.Conn, *dialFailure) {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	conn, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	return conn, nil
}

// resolve returns the addresses of the attempt's host, all of which its rules allow.
func (c *Client) resolve(a *attempt) ([]netip.Addr, error) {
	host := a.url.Hostname()
	addr, err := literal(host)
	if err != nil {
		return nil, &dialFailure{kind: Forbidden, detail: err.Error()}
	}
	addrs := []netip.Addr{addr}
	if !addr.IsValid() {
		addrs, err = c.lookup(a.ctx, "ip", host)
		switch {
		case err != nil && a.ctx.Err() != nil:
			return nil, &dialFailure{kind: Silent}
		case err != nil:
			return nil, &dialFailure{kind: DNS, detail: "cannot look up " + host, cause: safeCause(err)}
		case len(addrs) == 0:
			return nil, &dialFailure{kind: DNS, detail: host + " has no address"}
		}
	}
	checked := make([]netip.Addr, len(addrs))
	for i, addr := range addrs {
		addr = addr.Unmap() // the resolver returns IPv4 addresses in either form
		if !addr.IsLinkLocalUnicast() {
			addr = addr.WithZone("") // fe80::1 is nowhere without its zone; elsewhere a zone says nothing, and would make an address look another
		}
		if !a.rules.allow(a.url, addr) {
			return nil, &dialFailure{kind: Forbidden, detail: a.rules.refusal(a.url, addr).Error()}
		}
		checked[i] = addr
	}
	return checked, nil
}
