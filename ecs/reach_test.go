package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/ecs"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

func lookupDocumentation(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
}

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

var (
	goodHosts = []string{"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "127.0.0.1", "[::1]", "localhost", "agent.internal"}
	badHosts  = []string{
		"169.254.169.254", "192.0.2.1", "0.0.0.0", "[::]", "[::ffff:169.254.170.2]", "[::ffff:192.0.2.1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "2852039170", "0xc0000201",
		"0251.0376.0252.0002", "169.254.43522", "evil.example", "127.0.0.1.evil.example", "169.254.170.2.", "", "-", "①", "a b", "%31", "[169.254.170.2]", "169.254.170.2,192.0.2.1",
	}
	addresses = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "::ffff:169.254.170.2", "192.0.2.1", "169.254.169.254", "::ffff:192.0.2.1", "fe80::1%eth0", "0.0.0.0", "::"}
)

// uri makes up a URL, more often a broken or malicious one than not.
func uri(r *rand.Rand) string {
	host := pick(r, append(goodHosts, badHosts...)...)
	return pick(r, "http://", "http://", "http://", "https://", "HTTP://", "hTTps://", "ftp://", "//", "http:", "", "http:/\\", "http://http://") +
		pick(r, "", "", "", "169.254.170.2@", "u:p@", "@", "169.254.170.2%40", "169.254.170.2\\@", "evil.example#@", "evil.example?@", "evil.example/@") +
		host + pick(r, "", "", ":80", ":8080", ":0", ":99999", ":", ":80:80", "@192.0.2.1", "\\192.0.2.1", ".evil.example") +
		pick(r, "", "/", "/v1/credentials", "//evil.example/", "/..//@evil.example", "?x=@evil.example", "#@evil.example", "/\r\nHost: evil.example", "\x00", "/%00")
}

// agentThat answers with a status, credentials, or where to redirect to.
func agentThat(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if code, err := strconv.Atoi(answer); err == nil {
			w.WriteHeader(code)
		} else if strings.HasPrefix(answer, "{") {
			_, _ = io.WriteString(w, answer)
		} else {
			http.Redirect(w, r, answer, http.StatusTemporaryRedirect)
		}
	}
}

// TestNoRequestLeavesForAForbiddenHost makes up environments and resolvers that change their mind, and looks at every connection
// that the provider opens: http goes to the four places alone, https goes where a name leads, and nothing is sent before that. In
// a third of the rounds nobody takes the connection; in the others everybody does, and may redirect: what was sent is looked at too.
func TestNoRequestLeavesForAForbiddenHost(t *testing.T) {
	allowed := map[string]bool{"169.254.170.2": true, "169.254.170.23": true, "fd00:ec2::23": true}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.9:3128")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 0))
		network, listeners := memnet.New(), &linktest.Everybody{}
		t.Cleanup(network.Serve(memnet.Everywhere, listeners))
		connections, refused, sent, tokens, redirected := 0, 0, 0, 0, 0
		for range 10000 {
			env := map[string]string{tokenVar: pick(r, "", "the-token")}
			if r.IntN(4) == 0 {
				env[relativeVar] = pick(r, "", "/", "/v2/credentials/x", "@", ":", "\\", "//", "http://", "/@", "?@", "#@", ".", "%2f") + pick(r, badHosts...) + pick(r, "", "/x", ":80/")
			}
			if r.IntN(4) > 0 {
				env[fullVar] = uri(r)
			}
			live := r.IntN(3) > 0
			answer := pick(r, linktest.Document(), "403", "503", "http://192.0.2.66/leak", "//evil.example/leak", "http://169.254.169.254/leak", "http://169.254.170.2/leak", "/leak")
			listeners.Begin(agentThat(answer))
			var mu sync.Mutex
			var dialled []string
			resolved := map[string]bool{} // what the resolver has said
			p := ecs.New(func(o *ecs.Options) {
				o.Timeout = 300 * time.Millisecond
				o.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
				o.Logger = quiet
				o.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) {
					var addrs []netip.Addr
					for range r.IntN(3) {
						addr := netip.MustParseAddr(pick(r, addresses...))
						resolved[addr.Unmap().String()] = true
						addrs = append(addrs, addr)
					}
					return addrs, nil
				}
				o.DialContext = func(ctx context.Context, kind, address string) (net.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					dialled = append(dialled, address)
					if live {
						return network.DialContext(ctx, kind, address)
					}
					return nil, errors.New("nobody takes connections in this round")
				}
			})
			_, err := p.Retrieve(t.Context())
			if err != nil {
				assert.NotContains(t, err.Error(), "the-token")
			} else {
				assert.True(t, live && answer == linktest.Document())
			}
			if len(dialled) == 0 {
				refused++
			}
			for _, address := range dialled {
				connections++
				host, _, err := net.SplitHostPort(address)
				if !assert.NoError(t, err, "an address, not a name, is dialled") {
					continue
				}
				ip, err := netip.ParseAddr(host)
				if !assert.NoError(t, err, "an address, not a name, is dialled: %s for %v", address, env) {
					continue
				}
				secure := env[relativeVar] == "" && strings.HasPrefix(strings.ToLower(env[fullVar]), "https://")
				assert.True(t, allowed[host] || ip.IsLoopback() || secure && (resolved[host] || strings.Contains(env[fullVar], host)), "%s for %q", address, env)
			}
			for _, got := range listeners.Requests() {
				sent++
				at := netip.MustParseAddrPort(got.Address).Addr()
				assert.True(t, allowed[at.String()] || at.IsLoopback(), "%+v for %q", got, env) // over http: nobody here has a certificate
				assert.NotEqual(t, "/leak", got.Path, "a redirect was followed")
				token := got.Header.Get("Authorization")
				assert.Equal(t, env[tokenVar], token)
				if host, err := url.Parse("//" + got.Host); assert.NoError(t, err) {
					if ip, err := netip.ParseAddr(host.Hostname()); err == nil {
						assert.Equal(t, at, ip, "the request names the address that it goes to")
					}
				}
				if token != "" {
					tokens++
				}
				if strings.HasSuffix(answer, "/leak") {
					redirected++
				}
			}
		}
		t.Logf("10000 environments: %d led to no connection, the others to %d connections and %d requests, %d of them with a token, %d redirected", refused, connections, sent, tokens, redirected)
		assert.Greater(t, connections, 500, "a test that connects nowhere shows nothing")
		assert.Greater(t, refused, 500)
		assert.Greater(t, sent, 200)
		assert.Greater(t, tokens, 50)
		assert.Greater(t, redirected, 50)
	})
}

// The token goes out with the request and not before the address was found good: on a forbidden one nothing is even dialled.
func TestTheTokenIsSentOnlyToAllowedAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sent := make(chan string, 10)
		for _, address := range []string{"192.0.2.1:80", "169.254.170.2:80"} {
			w.net.Handle(address, func(c net.Conn) {
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				sent <- fmt.Sprint(address, strings.Contains(string(buf[:n]), "the-token"))
			})
		}
		w.env[fullVar], w.env[tokenVar] = "http://agent.internal/", "the-token"
		w.hosts["agent.internal"] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		p := w.provider(func(o *ecs.Options) { o.Timeout = 40 * time.Millisecond })
		_, err := p.Retrieve(t.Context())
		assert.ErrorContains(t, err, "not allowed")
		assert.Empty(t, w.net.Dials())

		w.hosts["agent.internal"] = []netip.Addr{netip.MustParseAddr("169.254.170.2")}
		_, err = p.Retrieve(t.Context())
		assert.Error(t, err)
		assert.Equal(t, "169.254.170.2:80true", <-sent)
		assert.Empty(t, sent)
	})
}
