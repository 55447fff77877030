package webidentity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
)

// dialing makes every connection of the provider's client by this function.
func dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(*webidentity.Options) {
	return webidentity.Tune(func(tr *http.Transport) { tr.DialContext, tr.Proxy = dial, nil })
}

func TestUnreachableSTSIsExplained(t *testing.T) {
	const address = stsHost + ":443"
	dnsError := func(notFound bool) func(*world) func(*webidentity.Options) {
		return func(*world) func(*webidentity.Options) {
			return dialing(func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: stsHost, IsNotFound: notFound, IsTemporary: !notFound}}
			})
		}
	}
	for name, c := range map[string]struct {
		change func(*world) func(*webidentity.Options)
		want   string
		cause  error
		calls  int
	}{
		"refused": {func(w *world) func(*webidentity.Options) { w.net.Refuse(address); return nil },
			"https://" + stsHost + " refused the connection: is it the right region, and can this host reach it", syscall.ECONNREFUSED, 3},
		"no route": {func(w *world) func(*webidentity.Options) { w.net.NoRoute(address); return nil },
			"there is no route to https://" + stsHost, syscall.ENETUNREACH, 3},
		"no such host": {dnsError(true),
			"the host " + stsHost + " does not resolve: is the region, or the endpoint that was set, right?", nil, 1},
		"DNS at fault": {dnsError(false), "the host " + stsHost + " could not be resolved: is this host's DNS at work?", nil, 3},
		"hangs up": {func(w *world) func(*webidentity.Options) { w.net.Handle(address, func(net.Conn) {}); return nil },
			"the connection to https://" + stsHost + " broke 3 times", nil, 3},
		"another authority": {func(w *world) func(*webidentity.Options) { w.env["AWS_CA_BUNDLE"] = newAuthority(w.t).file; return nil },
			`TLS: the certificate is signed by an authority that is not known here, "CN=test authority": where a proxy or the endpoint has a certificate of your own authority, AWS_CA_BUNDLE must name a file with it`, nil, 3},
		"another host's certificate": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_REGION"] = "us-east-2"
			l := w.net.Listen("sts.us-east-2.amazonaws.com:443")
			w.serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{w.ca.issue(w.t, "evil.example")}}))
			return nil
		}, "TLS: x509: certificate is valid for evil.example, not sts.us-east-2.amazonaws.com: another server answers at this address", nil, 3},
		"a clock that is off": {func(w *world) func(*webidentity.Options) { time.Sleep(2000 * time.Hour); return nil },
			"TLS: x509: certificate has expired or is not yet valid: current time 2000-03-24T08:00:00Z is after 2000-02-11T16:00:00Z: is the clock here right?", nil, 3},
		"a certificate with a demand of its own": {func(w *world) func(*webidentity.Options) {
			w.serve(tls.NewListener(w.net.Listen(address), &tls.Config{Certificates: []tls.Certificate{w.ca.issue(w.t, stsHost,
				pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})}}))
			return nil
		}, "TLS: tls: failed to verify certificate: x509: unhandled critical extension: the certificate was not accepted", nil, 3},
		"plain http": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_ENDPOINT_URL_STS"] = "https://sts.example"
			w.t.Cleanup(w.net.Serve("sts.example:443", w.sts))
			return nil
		}, "TLS: what answered speaks plain http: is the endpoint http instead of https, or is a proxy in between?", nil, 3},
		"neither TLS nor http": {func(w *world) func(*webidentity.Options) {
			w.net.Handle(address, func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.6\r\n"); _, _ = io.Copy(io.Discard, c) })
			return nil
		}, "TLS: what answered does not speak it", nil, 3},
		"a TLS alert": {func(w *world) func(*webidentity.Options) {
			w.serve(tls.NewListener(w.net.Listen(address), &tls.Config{
				Certificates: []tls.Certificate{w.ca.issue(w.t, stsHost)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MaxVersion: tls.VersionTLS12,
			}))
			return nil
		}, "TLS: remote error: tls: ", nil, 3},
		"a proxy that is down": {func(w *world) func(*webidentity.Options) { return w.throughProxy() },
			"the proxy cannot be reached: HTTPS_PROXY or HTTP_PROXY names it", syscall.ECONNREFUSED, 3},
		"a SOCKS proxy that does not speak it": {func(w *world) func(*webidentity.Options) {
			l := w.net.Listen("proxy.example:1080")
			w.t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 64))
					_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
					_ = conn.Close()
				}
			}()
			return webidentity.Tune(func(tr *http.Transport) {
				tr.DialContext, tr.Proxy = w.net.DialContext, http.ProxyURL(&url.URL{Scheme: "socks5", Host: "proxy.example:1080"})
			})
		}, "the proxy cannot be reached: HTTPS_PROXY or HTTP_PROXY names it", nil, 3},
		"a proxy that forbids": {func(w *world) func(*webidentity.Options) {
			w.t.Cleanup(w.net.Serve("proxy.example:3128", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(http.StatusForbidden)
				fmt.Fprint(rw, "<html>hunter2</html>")
			})))
			return w.throughProxy()
		}, "the proxy proxy.example:3128 did not let the connection through (HTTP 403): let the proxy through to it, or add its host to NO_PROXY", nil, 3},
		"no answer to the dial": {func(w *world) func(*webidentity.Options) {
			return dialing(func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded} // as a net.Dialer's own Timeout has it
			})
		}, "no answer from https://" + stsHost + " in time", nil, 3},
		"something else": {func(w *world) func(*webidentity.Options) {
			return dialing(func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("hunter2") })
		}, "no answer came from https://" + stsHost, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var optFns []func(*webidentity.Options)
				if change := c.change(w); change != nil {
					optFns = append(optFns, func(o *webidentity.Options) { change(o) })
				}
				calls := 0 // every attempt dials anew
				err := w.fail(append(optFns, webidentity.AlsoTune(func(tr *http.Transport) {
					dial := tr.DialContext
					tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
						calls++
						return dial(ctx, network, address)
					}
				}))...)
				var failed *webidentity.ExchangeError
				require.ErrorAs(t, err, &failed)
				require.ErrorContains(t, err, c.want)
				assert.ErrorContains(t, err, "AssumeRoleWithWebIdentity for role "+role+": ")
				assert.Equal(t, c.calls, calls)
				if c.cause != nil {
					require.ErrorIs(t, err, c.cause, "the system's own error is still there")
				}
				assert.NotContains(t, err.Error(), "hunter2")
				assert.NotErrorIs(t, err, context.DeadlineExceeded, "it was not the caller's deadline")
				assert.NotErrorIs(t, err, unavailable.Err)
				assert.False(t, terminal.Is(err))
			})
		})
	}
}

// throughProxy sends the provider's requests through proxy.example:3128.
func (w *world) throughProxy() func(*webidentity.Options) {
	return webidentity.Tune(func(tr *http.Transport) {
		tr.DialContext = w.net.DialContext
		tr.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example:3128", User: url.UserPassword("user", "hunter2")})
	})
}

func TestTokenGoesThroughTheProxyInATunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var asked []string
		stop := w.net.Serve("proxy.example:3128", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.Host)
			server, err := w.net.DialContext(r.Context(), "tcp", r.Host)
			if !assert.NoError(t, err) {
				return
			}
			client, _, err := http.NewResponseController(rw).Hijack()
			if !assert.NoError(t, err) {
				return
			}
			fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
			go func() { defer client.Close(); _, _ = io.Copy(client, server) }()
			go func() { defer server.Close(); _, _ = io.Copy(server, client) }()
		}))
		t.Cleanup(stop)
		_, err := w.provider(w.throughProxy()).Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"CONNECT " + stsHost + ":443"}, asked)
	})
}
