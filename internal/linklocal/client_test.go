package linklocal_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/memnet"
)

const agentAddress = "169.254.170.2:80"

// ask sends one request without a second attempt.
func ask(ctx context.Context, c *linklocal.Client, raw string) (*linklocal.Answer, error) {
	u, err := rules.Check(raw)
	if err != nil {
		return nil, err
	}
	var answer *linklocal.Answer
	err = c.Do(ctx, linklocal.Request{Method: "GET", URL: u, Rules: rules, Header: http.Header{"Authorization": {"s3cret"}}, Bound: time.Second},
		func(a *linklocal.Answer) error { answer = a; return nil })
	return answer, err
}

// served runs test in a bubble with a server at the agent's address.
func served(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, n *memnet.Net, c *linklocal.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		if handler != nil {
			t.Cleanup(n.Serve(agentAddress, handler))
		}
		test(t, n, linklocal.New(linklocal.Config{DialContext: n.DialContext}))
	})
}

func kindOf(t *testing.T, err error) linklocal.Kind {
	t.Helper()
	e, ok := errors.AsType[*linklocal.Error](err)
	require.True(t, ok, "%v", err)
	assert.NotContains(t, err.Error(), "s3cret")
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
	return e.Kind
}

func TestAnAnswerIsReadWhole(t *testing.T) {
	served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Test", r.Header.Get("Authorization"))
		w.WriteHeader(418)
		fmt.Fprint(w, "short and stout")
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		a, err := ask(t.Context(), c, "http://169.254.170.2/")
		require.NoError(t, err)
		assert.Equal(t, 418, a.Status)
		assert.Equal(t, "short and stout", string(a.Body))
		assert.Equal(t, "s3cret", a.Header.Get("X-Test"))
		assert.WithinDuration(t, time.Now(), a.Date, time.Second, "the server's clock")
	})
}

// net/http reads the proxy variables once, so they must be there when the process starts: the test runs itself in another one.
func TestNothingGoesThroughAProxy(t *testing.T) {
	const child = "PODROLE_TEST_WITH_PROXY"
	if os.Getenv(child) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1", "NO_PROXY=", "no_proxy=")
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
			cmd.Env = append(cmd.Env, name+"=http://user:s3cret@192.0.2.9:3128")
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	proxy, err := http.ProxyFromEnvironment(httptest.NewRequest(http.MethodGet, "http://169.254.170.2/creds", nil))
	require.NoError(t, err)
	require.NotNil(t, proxy, "the variables count in this process")
	served(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/creds", r.RequestURI, "a proxy would be asked by the whole URL")
		assert.Empty(t, r.Header.Get("Proxy-Authorization"))
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		_, err := ask(t.Context(), c, "http://169.254.170.2/creds")
		require.NoError(t, err)
		_, err = ask(t.Context(), c, "https://192.0.2.1/")
		assert.Error(t, err)
		assert.Equal(t, []string{agentAddress, "192.0.2.1:443"}, n.Dials())
	})
}

func TestNoRedirectIsFollowed(t *testing.T) {
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308} {
		served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://user:s3cret@evil.example/s3cret?s3cret")
			w.WriteHeader(code)
		}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
			_, err := ask(t.Context(), c, "http://169.254.170.2/")
			assert.Equal(t, linklocal.Redirect, kindOf(t, err))
			assert.ErrorContains(t, err, fmt.Sprintf("status %d to host evil.example", code))
			assert.Equal(t, []string{agentAddress}, n.Dials())
		})
	}
}

// Wherever it leads, and wherever it leads to nowhere.
func TestARedirectIsOneWhateverItsLocation(t *testing.T) {
	for location, shown := range map[string]bool{
		"": false, "/s3cret": false, "http://evil.example:s3cret/": false, "%zz-s3cret": false, "http://[s3cret": false, ":s3cret": false, "http://<s3cret>.example/": false, "http://<b>.example/": false,
		"//evil.example": true, "http://evil.example:80/s3cret": true,
	} {
		served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(302)
		}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
			_, err := ask(t.Context(), c, "http://169.254.170.2/")
			require.Equal(t, linklocal.Redirect, kindOf(t, err), "%q: %v", location, err)
			e, _ := errors.AsType[*linklocal.Error](err)
			assert.Equal(t, 302, e.Answer.Status)
			assert.Equal(t, shown, strings.Contains(err.Error(), "to host evil.example"), "%q: %v", location, err)
			assert.NotContains(t, err.Error(), "<")
		})
	}
}

// A server may send back what it was sent, in what is shown of a redirect too.
func TestARedirectsHostIsNotShownWhereItRepeatsWhatWasSent(t *testing.T) {
	const secret = "AQAEAHnExampleSessionTokenOfTheService"
	for host, shown := range map[string]bool{
		secret: false, strings.ToLower(secret): false, secret + ".example": false, secret[3:20]: false, "x" + secret[10:] + "x.evil.example": false,
		secret[:4]: false, "evil.example": true, "a.b": true, "session.evil.example": true,
	} {
		served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://"+host+"/")
			w.WriteHeader(302)
		}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
			u, err := rules.Check("http://169.254.170.2/")
			require.NoError(t, err)
			err = c.Do(t.Context(), linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second, Header: http.Header{"X-Aws-Ec2-Metadata-Token": {secret}}}, nil)
			require.Equal(t, linklocal.Redirect, kindOf(t, err))
			assert.Equal(t, shown, strings.Contains(err.Error(), "to host "+host), "%v", err)
		})
	}
}

func TestAConnectionServesOneRequest(t *testing.T) {
	served(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		for range 3 {
			_, err := ask(t.Context(), c, "http://169.254.170.2/")
			require.NoError(t, err)
		}
		assert.Len(t, n.Dials(), 3)
	}) // the bubble would complain of a connection left open
}

func TestTheSizeOfAnAnswerIsBounded(t *testing.T) {
	const limit = 64 << 10
	for size, ok := range map[int]bool{0: true, limit: true, limit + 1: false, 10 * limit: false} {
		served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) },
			func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
				a, err := ask(t.Context(), c, "http://169.254.170.2/")
				if ok {
					require.NoError(t, err)
					assert.Len(t, a.Body, size)
					return
				}
				assert.Equal(t, linklocal.TooLarge, kindOf(t, err))
			})
	}
	served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", 2*limit))
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		_, err := ask(t.Context(), c, "http://169.254.170.2/")
		assert.Equal(t, linklocal.TooLarge, kindOf(t, err), "a header without end")
	})
}

// A host that sends its status line and header a byte at a time is there, and answers: that is not silence.
func TestAHeaderThatDripsIsAnAnswerThatStalls(t *testing.T) {
	for name, row := range map[string]struct {
		sent string
		want linklocal.Kind
	}{
		"nothing":           {"", linklocal.Silent},
		"a byte":            {"H", linklocal.Stalled},
		"half a header":     {"HTTP/1.1 200 OK\r\nServ", linklocal.Stalled},
		"a provisional one": {"HTTP/1.1 100 Continue\r\n\r\n", linklocal.Stalled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				n.Handle(agentAddress, func(conn net.Conn) {
					_, _ = conn.Read(make([]byte, 4096))
					for _, b := range []byte(row.sent) {
						time.Sleep(10 * time.Millisecond)
						_, _ = conn.Write([]byte{b})
					}
					_, _ = io.Copy(io.Discard, conn)
				})
				_, err := ask(t.Context(), linklocal.New(linklocal.Config{DialContext: n.DialContext}), "http://169.254.170.2/")
				assert.Equal(t, row.want, kindOf(t, err), "%v", err)
				assert.True(t, linklocal.IsTimeout(err))
			})
		})
	}
}

// What can be known of an answer that is of no use is its status and who signed it, never its body.
func TestAnUnusableAnswerTellsWhoGaveIt(t *testing.T) {
	for name, row := range map[string]struct {
		answer string
		hold   bool
		want   linklocal.Kind
		status int // 0: nothing is known
	}{
		"stalled":           {"HTTP/1.1 200 OK\r\nServer: EC2ws\r\nContent-Length: 9\r\n\r\ns3cret", true, linklocal.Stalled, 200},
		"cut off":           {"HTTP/1.1 401 No\r\nServer: EC2ws\r\nContent-Length: 9\r\n\r\ns3cret", false, linklocal.Broken, 401},
		"too large":         {"HTTP/1.1 404 No\r\nServer: EC2ws\r\n\r\n" + strings.Repeat("s3cret", 20000), false, linklocal.TooLarge, 404},
		"redirect":          {"HTTP/1.1 302 No\r\nServer: EC2ws\r\nLocation: /s3cret\r\n\r\n", false, linklocal.Redirect, 302},
		"another protocol":  {"HTTP/1.1 101 No\r\nServer: EC2ws\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", true, linklocal.Broken, 101},
		"header stalled":    {"HTTP/1.1 200 OK\r\nServer: EC2ws\r\n", true, linklocal.Stalled, 0},
		"header cut off":    {"HTTP/1.1 200 OK\r\nServer: EC2ws\r\n", false, linklocal.Broken, 0},
		"nothing, and held": {"", true, linklocal.Silent, 0},
		"nothing":           {"", false, linklocal.Broken, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				n.Handle(agentAddress, func(conn net.Conn) {
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, row.answer)
					if row.hold {
						_, _ = io.Copy(io.Discard, conn)
					}
				})
				_, err := ask(t.Context(), linklocal.New(linklocal.Config{DialContext: n.DialContext}), "http://169.254.170.2/")
				require.Equal(t, row.want, kindOf(t, err), "%v", err)
				assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "s3cret")
				e, _ := errors.AsType[*linklocal.Error](err)
				if row.status == 0 {
					assert.Nil(t, e.Answer)
					return
				}
				require.NotNil(t, e.Answer)
				assert.Equal(t, row.status, e.Answer.Status)
				assert.Equal(t, "EC2ws", e.Answer.Header.Get("Server"))
				assert.Empty(t, e.Answer.Body)
			})
		})
	}
}

func TestNothingIsUnpacked(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(make([]byte, 8<<20))
	require.NoError(t, z.Close())
	served(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		a, err := ask(t.Context(), c, "http://169.254.170.2/")
		require.NoError(t, err)
		assert.Len(t, a.Body, packed.Len())
	})
}

// A resolver that says one thing for the check and another for the dial gets nowhere: it is asked once, all of its answers are
// checked, and what was checked is dialled.
func TestTheAddressThatWasCheckedIsTheOneDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		t.Cleanup(n.Serve(agentAddress, http.NotFoundHandler()))
		answers := [][]string{{"169.254.170.2"}, {"192.0.2.1"}, {"169.254.170.2", "192.0.2.1"}, {"::ffff:169.254.170.2"}, {"::ffff:192.0.2.1"}, {"fe80::1%eth0"}, {}}
		asked := 0
		c := linklocal.New(linklocal.Config{DialContext: n.DialContext, LookupNetIP: func(_ context.Context, network, host string) ([]netip.Addr, error) {
			assert.Equal(t, "ip", network)
			assert.Equal(t, "agent.internal", host)
			var addrs []netip.Addr
			for _, text := range answers[asked] {
				addrs = append(addrs, netip.MustParseAddr(text))
			}
			asked++
			return addrs, nil
		}})
		var kinds []string
		for range answers {
			_, err := ask(t.Context(), c, "http://agent.internal/")
			if err == nil {
				kinds = append(kinds, "ok")
				continue
			}
			kinds = append(kinds, map[linklocal.Kind]string{linklocal.Forbidden: "forbidden", linklocal.DNS: "dns"}[kindOf(t, err)])
		}
		assert.Equal(t, []string{"ok", "forbidden", "forbidden", "ok", "forbidden", "forbidden", "dns"}, kinds)
		assert.Equal(t, len(answers), asked, "one look-up for each attempt")
		assert.Equal(t, []string{agentAddress, agentAddress}, n.Dials())
	})
}

// A name may lead to a link-local address where https may go anywhere; it is no address without its zone.
func TestALinkLocalAddressKeepsItsZone(t *testing.T) {
	for addr, want := range map[string]string{"fe80::1%eth0": "[fe80::1%eth0]:443", "2001:db8::1%eth0": "[2001:db8::1]:443", "::1%lo": "[::1]:443"} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New()
			c := linklocal.New(linklocal.Config{DialContext: n.DialContext, LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr(addr)}, nil
			}})
			_, err := ask(t.Context(), c, "https://agent.internal/")
			assert.Equal(t, linklocal.Refused, kindOf(t, err))
			assert.Equal(t, []string{want}, n.Dials())
			_, err = ask(t.Context(), c, "http://agent.internal/")
			if addr != "::1%lo" {
				assert.Equal(t, linklocal.Forbidden, kindOf(t, err))
			}
		})
	}
}

func TestTheNextAddressIsTriedAndEachGetsItsShareOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Blackhole("[::1]:80")
		t.Cleanup(n.Serve("127.0.0.1:80", http.NotFoundHandler()))
		c := linklocal.New(linklocal.Config{DialContext: n.DialContext, LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}, nil
		}})
		start := time.Now()
		a, err := ask(t.Context(), c, "http://localhost/")
		require.NoError(t, err)
		assert.Equal(t, 404, a.Status)
		assert.Equal(t, 500*time.Millisecond, time.Since(start), "half of the attempt's second")

		n.Refuse("127.0.0.1:80")
		_, err = ask(t.Context(), c, "http://localhost/")
		assert.Equal(t, linklocal.Silent, kindOf(t, err), "the first address speaks for all")
		assert.EqualError(t, err, "GET http://localhost/: ::1: timed out: no connection within 500ms; 127.0.0.1: connection refused")

		n.NoRoute("[::1]:80")
		_, err = ask(t.Context(), c, "http://localhost/")
		assert.Equal(t, linklocal.NoRoute, kindOf(t, err), "the first address speaks for all")
	})
}

func TestAnAttemptAndAllItsPartsEndInTime(t *testing.T) {
	hang := func(ctx context.Context) { <-ctx.Done() }
	for name, cfg := range map[string]linklocal.Config{
		"look-up": {LookupNetIP: func(ctx context.Context, _, _ string) ([]netip.Addr, error) { hang(ctx); return nil, ctx.Err() }},
		"dial": {LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{agent}, nil },
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { hang(ctx); return nil, ctx.Err() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := ask(t.Context(), linklocal.New(cfg), "http://agent.internal/")
				assert.Equal(t, linklocal.Silent, kindOf(t, err))
				assert.Equal(t, time.Second, time.Since(start))
			})
		})
	}
}

func TestAttemptsStopWhereThePauseWouldOutliveTheContext(t *testing.T) {
	served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		u, err := rules.Check("http://169.254.170.2/")
		require.NoError(t, err)
		start, failed := time.Now(), 0
		again := errors.New("again")
		err = c.Do(ctx, linklocal.Request{
			Method: "GET", URL: u, Rules: rules, Bound: time.Second,
			Tries:  func(err error) int { assert.ErrorIs(t, err, again); return 1000 },
			Failed: func(_ error, next time.Duration) { failed++; assert.Greater(t, next, 49*time.Millisecond) },
		}, func(*linklocal.Answer) error { return again })
		assert.ErrorIs(t, err, again)
		assert.Less(t, time.Since(start), 2*time.Second)
		assert.NoError(t, ctx.Err(), "there was time left, but not enough")
		assert.Equal(t, failed+1, len(n.Dials()))
		assert.ErrorContains(t, err, fmt.Sprintf("(%d attempts in ", failed+1))
	})
}

func TestTheSilenceOfACutAttemptDoesNotHideTheAnswerBefore(t *testing.T) {
	served(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(900 * time.Millisecond):
		case <-r.Context().Done():
		}
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		u, err := rules.Check("http://169.254.170.2/")
		require.NoError(t, err)
		refusal := errors.New("refusal")
		err = c.Do(ctx, linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second, Tries: func(error) int { return 9 }},
			func(*linklocal.Answer) error { return refusal })
		assert.ErrorIs(t, err, refusal)
		assert.Equal(t, "refusal (2 attempts in 1.2s)", err.Error())
		assert.False(t, linklocal.IsTimeout(err))
	})
}

// An attempt that took its time has waited already: as many attempts fit into a bound as it has room for.
func TestSilenceIsNotPausedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Blackhole(agentAddress)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		u, err := rules.Check("http://169.254.170.2/")
		require.NoError(t, err)
		err = linklocal.New(linklocal.Config{DialContext: n.DialContext}).Do(ctx,
			linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second, Tries: func(error) int { return 100 }}, nil)
		assert.ErrorContains(t, err, "(100 attempts in 1m40s)")
		assert.Len(t, n.Dials(), 100)
	})
}

func TestASilenceOfTheWholeBoundIsTheLastWord(t *testing.T) {
	refusal := errors.New("refusal")
	requests := 0
	served(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests > 1 {
			<-r.Context().Done()
		}
	}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		u, err := rules.Check("http://169.254.170.2/")
		require.NoError(t, err)
		err = c.Do(t.Context(), linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second, Tries: func(error) int { return 2 }},
			func(*linklocal.Answer) error { return refusal })
		assert.Equal(t, linklocal.Silent, kindOf(t, err))
	})
}

// Whoever makes a request without Rules.Check gets no further than with it: the dialer alone would not see a password.
func TestARequestThatWasNotCheckedIsRefused(t *testing.T) {
	served(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		u := &url.URL{Scheme: "http", User: url.UserPassword("u", "s3cret"), Host: "169.254.170.2", Path: "/"}
		err := c.Do(t.Context(), linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second}, nil)
		assert.Equal(t, linklocal.Forbidden, kindOf(t, err))
		assert.Empty(t, n.Dials())
	})
}

func TestAPanicOfAGivenDialerIsAnError(t *testing.T) {
	for _, cfg := range []linklocal.Config{
		{DialContext: func(context.Context, string, string) (net.Conn, error) { panic("s3cret") }, LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{agent}, nil }},
		{LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) { panic("s3cret") }},
	} {
		_, err := ask(t.Context(), linklocal.New(cfg), "http://agent.internal/")
		assert.Equal(t, linklocal.Broken, kindOf(t, err))
		assert.ErrorContains(t, err, "panicked")
	}
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, func(t *testing.T, n *memnet.Net, c *linklocal.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		u, err := rules.Check("http://169.254.170.2/")
		require.NoError(t, err)
		start := time.Now()
		err = c.Do(ctx, linklocal.Request{Method: "GET", URL: u, Rules: rules, Bound: time.Second, Tries: func(error) int { return 9 }},
			func(*linklocal.Answer) error { return errors.New("again") })
		assert.Error(t, err)
		assert.Equal(t, 10*time.Millisecond, time.Since(start))
	})
}

func TestBackoffGrowsAndStaysWithinASecond(t *testing.T) {
	for n, full := range map[int]time.Duration{-1: 100, 0: 100, 1: 100, 2: 200, 3: 400, 4: 800, 5: 1000, 6: 1000, 60: 1000, 1 << 40: 1000} {
		full *= time.Millisecond
		assert.Equal(t, full, linklocal.Backoff(n, 0), n)
		assert.Equal(t, full*3/4, linklocal.Backoff(n, 0.5), n)
		assert.Greater(t, linklocal.Backoff(n, 0.999999), full/2, n)
	}
}

// What a system says of a failed connection, and what that is for us. The names of errors differ between systems, so Windows' numbers are tried everywhere.
func TestConnectionErrorsByKind(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for name, row := range map[string]struct {
		err  error
		want linklocal.Kind
	}{
		"refused":               {dial(syscall.ECONNREFUSED), linklocal.Refused},
		"no route to network":   {dial(syscall.ENETUNREACH), linklocal.NoRoute},
		"no route to host":      {dial(syscall.EHOSTUNREACH), linklocal.NoRoute},
		"no such local address": {dial(syscall.EADDRNOTAVAIL), linklocal.NoRoute},
		"no IPv6":               {dial(syscall.EAFNOSUPPORT), linklocal.NoRoute},
		"prohibited":            {dial(syscall.EACCES), linklocal.NoRoute},
		"not permitted":         {dial(syscall.EPERM), linklocal.NoRoute},
		"kernel gave up":        {dial(syscall.ETIMEDOUT), linklocal.Silent},
		"i/o timeout":           {&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, linklocal.Silent},
		"deadline":              {context.DeadlineExceeded, linklocal.Silent},
		"reset":                 {dial(syscall.ECONNRESET), linklocal.Broken},
		"anything else":         {errors.New("a dialer's own"), linklocal.Broken},
		"Windows refused":       {dial(syscall.Errno(10061)), linklocal.Refused},
		"Windows no network":    {dial(syscall.Errno(10051)), linklocal.NoRoute},
		"Windows no host":       {dial(syscall.Errno(10065)), linklocal.NoRoute},
		"Windows gave up":       {dial(syscall.Errno(10060)), linklocal.Silent},
		"Windows not allowed":   {dial(syscall.Errno(10013)), linklocal.NoRoute},
	} {
		t.Run(name, func(t *testing.T) {
			c := linklocal.New(linklocal.Config{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, row.err }})
			_, err := ask(t.Context(), c, "http://169.254.170.2/")
			assert.Equal(t, row.want, kindOf(t, err), "%v", err)
			assert.True(t, linklocal.IsKind(err, linklocal.TLS, row.want))
			assert.False(t, linklocal.IsKind(err, linklocal.TLS))
		})
	}
}

func TestTheCauseOfABrokenConnectionStaysReachable(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	c := linklocal.New(linklocal.Config{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, reset }})
	_, err := ask(t.Context(), c, "http://169.254.170.2/")
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, ok := errors.AsType[*net.OpError](err)
	assert.True(t, ok)
}

func TestHTTPSChecksTheCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())

	a, err := ask(t.Context(), linklocal.New(linklocal.Config{RootCAs: trusted}), server.URL)
	require.NoError(t, err)
	assert.Equal(t, 404, a.Status)

	_, err = ask(t.Context(), linklocal.New(linklocal.Config{RootCAs: x509.NewCertPool()}), server.URL)
	assert.Equal(t, linklocal.TLS, kindOf(t, err))
	assert.ErrorContains(t, err, "certificate is not trusted")
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	assert.True(t, ok)

	_, err = ask(t.Context(), linklocal.New(linklocal.Config{}), strings.Replace(plain.URL, "http:", "https:", 1))
	assert.Equal(t, linklocal.TLS, kindOf(t, err), "%v", err)
}

func TestCallersOfOneMomentShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s linklocal.Shared[int]
		var calls atomic.Int32
		work := func(ctx context.Context) (int, error) {
			n := calls.Add(1)
			time.Sleep(time.Second)
			return int(n), ctx.Err()
		}
		start := time.Now()
		for range 100 {
			go func() {
				n, err := s.Do(t.Context(), work)
				assert.NoError(t, err)
				assert.Equal(t, 1, n)
			}()
		}
		time.Sleep(2 * time.Second)
		assert.EqualValues(t, 1, calls.Load())
		n, err := s.Do(t.Context(), work)
		require.NoError(t, err)
		assert.Equal(t, 2, n, "the next caller gets a call of its own")
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestACallersEndIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s linklocal.Shared[string]
		work := func(ctx context.Context) (string, error) {
			select {
			case <-time.After(time.Second):
				return "done", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second/2, func() { cancel(gone) })
		go func() {
			_, err := s.Do(ctx, work)
			assert.ErrorIs(t, err, gone)
		}()
		synctest.Wait()
		got, err := s.Do(t.Context(), work)
		require.NoError(t, err)
		assert.Equal(t, "done", got)

		_, err = s.Do(ctx, func(context.Context) (string, error) { t.Error("called for nobody"); return "", nil })
		assert.ErrorIs(t, err, gone)
	})
}

func TestTheCallEndsWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s linklocal.Shared[string]
		ended := make(chan time.Time, 1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		for range 3 {
			go func() {
				_, _ = s.Do(ctx, func(ctx context.Context) (string, error) {
					<-ctx.Done()
					ended <- time.Now()
					return "", ctx.Err()
				})
			}()
		}
		start := time.Now()
		assert.Equal(t, time.Second, (<-ended).Sub(start))
		got, err := s.Do(t.Context(), func(context.Context) (string, error) { return "new", nil })
		require.NoError(t, err)
		assert.Equal(t, "new", got, "nobody joins a call that was given up")
	})
}

// Between the last caller's leaving and the end of the call there is a moment, in which whoever comes gets a call of his own.
func TestNobodyJoinsACallThatWasGivenUp(t *testing.T) {
	for range 1000 {
		var s linklocal.Shared[string]
		ctx, cancel := context.WithCancel(t.Context())
		_, _ = s.Do(ctx, func(ctx context.Context) (string, error) { cancel(); <-ctx.Done(); return "", ctx.Err() })
		got, err := s.Do(t.Context(), func(context.Context) (string, error) { return "new", nil })
		require.NoError(t, err)
		require.Equal(t, "new", got)
	}
}

func TestAPanicInACallIsItsCallersError(t *testing.T) {
	var s linklocal.Shared[string]
	_, err := s.Do(t.Context(), func(context.Context) (string, error) { panic("s3cret") })
	assert.ErrorContains(t, err, "panicked")
	assert.NotContains(t, err.Error(), "s3cret")
}
