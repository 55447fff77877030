package imds_test

import (
	"context"
	"errors"
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

	"example.com/podrole/imds"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

const session = "session-of-the-property-test"

// serviceBut answers as the metadata service does, but for the paths that contain bad: those get answer, a status or where to redirect to.
func serviceBut(bad, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(answer)
		switch list := strings.HasSuffix(r.URL.Path, "/"); {
		case strings.Contains(r.URL.Path, bad) && err == nil:
			w.WriteHeader(code)
		case strings.Contains(r.URL.Path, bad):
			http.Redirect(w, r, answer, http.StatusTemporaryRedirect)
		case r.Method == http.MethodPut:
			_, _ = io.WriteString(w, session)
		case list:
			_, _ = io.WriteString(w, "role")
		default:
			_, _ = io.WriteString(w, document())
		}
	}
}

// TestNoRequestLeavesForAForbiddenHost makes up environments and resolvers, and looks at every connection that the provider opens:
// it goes to the service's two addresses, to loopback, or to the one host that the endpoint names, and nowhere else. In a third of the
// rounds nobody takes the connection; in the others everybody does, and may redirect: what was sent is looked at too.
func TestNoRequestLeavesForAForbiddenHost(t *testing.T) {
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
		for range 5000 {
			env := map[string]string{
				"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": pick(r, "", "", "IPv4", "IPv6", "x"),
				"AWS_EC2_INSTANCE_PROFILE_NAME":          pick(r, "", "", "role", "../..", "@evil.example", "//evil.example/"),
				"AWS_EC2_METADATA_V1_DISABLED":           pick(r, "", "false", "true"),
			}
			if r.IntN(4) > 0 {
				env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = pick(r, "http://", "http://", "http://", "https://", "HTTP://", "ftp://", "//", "", "http:/\\") +
					pick(r, "", "", "", "169.254.169.254@", "u:p@", "@", "evil.example#@", "evil.example?@") +
					pick(r, "169.254.169.254", "[fd00:ec2::254]", "127.0.0.1", "localhost", "metadata.internal", "192.0.2.1", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.169.254.", "", "[fe80::1%25eth0]", "①") +
					pick(r, "", "", ":80", ":0", ":99999", "@192.0.2.7", ".evil.example") + pick(r, "", "/", "/latest", "//evil.example", "?@evil.example", "\r\nHost: evil.example")
			}
			named := ""
			if u, err := url.Parse(env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]); err == nil && env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] != "" {
				named = u.Hostname()
			}
			live := r.IntN(3) > 0
			bad := pick(r, "nothing", "api/token", "security-credentials/", "security-credentials-extended/", "")
			answer := pick(r, "401", "404", "503", "http://192.0.2.66/leak", "//evil.example/leak", "http://169.254.170.2/leak", "http://[fd00:ec2::254]/leak", "/leak")
			listeners.Begin(serviceBut(bad, answer))
			resolved := map[string]bool{}
			var mu sync.Mutex
			var dialled []string
			p := imds.New(func(o *imds.Options) {
				o.Timeout = 300 * time.Millisecond
				o.Logger = quiet
				o.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
				o.LookupNetIP = func(_ context.Context, _, host string) ([]netip.Addr, error) {
					assert.Equal(t, named, host, "only the endpoint's own name is looked up")
					addr := netip.MustParseAddr(pick(r, "169.254.169.254", "127.0.0.1", "192.0.2.1", "::ffff:192.0.2.1", "169.254.170.2"))
					resolved[addr.Unmap().String()] = host != "localhost" // which leads to loopback or nowhere
					return []netip.Addr{addr}, nil
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
			assert.True(t, live || err != nil)
			if err != nil {
				assert.NotContains(t, err.Error(), session)
			}
			if len(dialled) == 0 {
				refused++
			}
			for _, address := range dialled {
				connections++
				host, _, err := net.SplitHostPort(address)
				if !assert.NoError(t, err) {
					continue
				}
				ip, err := netip.ParseAddr(host)
				if !assert.NoError(t, err, "an address, not a name, is dialled") {
					continue
				}
				own := host == "169.254.169.254" || host == "fd00:ec2::254" || ip.IsLoopback()
				assert.True(t, own || host == named || resolved[host], "%s for %q", address, env)
				if named == "" {
					assert.Contains(t, []string{address4, address6}, address)
				}
			}
			for _, got := range listeners.Requests() {
				sent++
				at := netip.MustParseAddrPort(got.Address).Addr()
				own := got.Address == address4 || got.Address == address6 || at.IsLoopback()
				assert.True(t, own || at.String() == named || resolved[at.String()], "%+v for %q", got, env)
				assert.NotEqual(t, "/leak", got.Path, "a redirect was followed")
				token := got.Header.Get("X-aws-ec2-metadata-token")
				assert.Contains(t, []string{"", "none", session}, token)
				if host, err := url.Parse("//" + got.Host); assert.NoError(t, err) && named != "" {
					assert.Equal(t, named, host.Hostname(), "the request names the host that the endpoint names")
				}
				if token == session {
					tokens++
				}
				if strings.HasSuffix(answer, "/leak") && strings.Contains(got.Path, bad) {
					redirected++
				}
			}
		}
		t.Logf("5000 environments: %d led to no connection, the others to %d connections and %d requests, %d of them with a session token, %d redirected", refused, connections, sent, tokens, redirected)
		assert.Greater(t, connections, 500, "a test that connects nowhere shows nothing")
		assert.Greater(t, refused, 500)
		assert.Greater(t, sent, 500)
		assert.Greater(t, tokens, 200)
		assert.Greater(t, redirected, 100)
	})
}
