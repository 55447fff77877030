package imds_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/imds"
)

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// TestNoRequestLeavesForAForbiddenHost makes up environments and resolvers, and looks at every connection that the provider opens:
// it goes to the service's two addresses, to loopback, or to the one host that the endpoint names, and nowhere else.
func TestNoRequestLeavesForAForbiddenHost(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.9:3128")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 0))
		connections, refused := 0, 0
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
			resolved := map[string]bool{}
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
				o.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
					dialled = append(dialled, address)
					return nil, errors.New("nothing is dialled in this test")
				}
			})
			_, err := p.Retrieve(t.Context())
			assert.Error(t, err)
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
		}
		t.Logf("5000 environments: %d led to no connection, the others to %d connections", refused, connections)
		assert.Greater(t, connections, 500, "a test that connects nowhere shows nothing")
		assert.Greater(t, refused, 500)
	})
}
