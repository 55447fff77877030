package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/ecs"
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

// TestNoRequestLeavesForAForbiddenHost makes up environments and resolvers that change their mind, and looks at every connection
// that the provider opens: http goes to the four places alone, https goes where a name leads, and nothing is sent before that.
func TestNoRequestLeavesForAForbiddenHost(t *testing.T) {
	allowed := map[string]bool{"169.254.170.2": true, "169.254.170.23": true, "fd00:ec2::23": true}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.9:3128")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 0))
		connections, refused := 0, 0
		for range 5000 {
			env := map[string]string{tokenVar: pick(r, "", "the-token")}
			if r.IntN(4) == 0 {
				env[relativeVar] = pick(r, "", "/", "/v2/credentials/x", "@", ":", "\\", "//", "http://", "/@", "?@", "#@", ".", "%2f") + pick(r, badHosts...) + pick(r, "", "/x", ":80/")
			}
			if r.IntN(4) > 0 {
				env[fullVar] = uri(r)
			}
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
						resolved[addr.Unmap().WithZone("").String()] = true
						addrs = append(addrs, addr)
					}
					return addrs, nil
				}
				o.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					dialled = append(dialled, address)
					return nil, errors.New("nothing is dialled in this test")
				}
			})
			_, err := p.Retrieve(t.Context())
			assert.Error(t, err)
			assert.NotContains(t, err.Error(), "the-token")
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
		}
		t.Logf("5000 environments: %d led to no connection, the others to %d connections", refused, connections)
		assert.Greater(t, connections, 500, "a test that connects nowhere shows nothing")
		assert.Greater(t, refused, 500)
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
