package memnet_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/memnet"
)

const imds = "169.254.169.254:80"

// client returns a client of the network, for use inside one bubble.
func client(t *testing.T, network *memnet.Net, timeout time.Duration) *http.Client {
	transport := &http.Transport{DialContext: network.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: timeout}
}

func TestNothingListensAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		begin := time.Now()
		_, err := client(t, network, time.Second).Get("http://169.254.169.254/latest/")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Zero(t, time.Since(begin))

		var op *net.OpError
		require.ErrorAs(t, err, &op)
		assert.EqualError(t, op, "dial tcp "+imds+": connect: connection refused", "it reads as the real one does")
	})
}

func TestEverywhereIsWhereNothingElseIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		name := func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Context().Value(http.LocalAddrContextKey))
		}
		stop := network.Serve(memnet.Everywhere, http.HandlerFunc(name))
		network.NoRoute("192.0.2.7:80")
		network.Refuse("192.0.2.8:80")
		c := client(t, network, time.Second)
		for _, address := range []string{imds, "[fd00:ec2::254]:8080", "192.0.2.9:1"} {
			res, err := c.Get("http://" + address + "/")
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.NoError(t, res.Body.Close())
			assert.Equal(t, address, string(body))
		}
		_, err := c.Get("http://192.0.2.7/")
		assert.ErrorIs(t, err, syscall.ENETUNREACH)
		_, err = c.Get("http://192.0.2.8/")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		stop()
		_, err = c.Get("http://192.0.2.9:2/")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		network.NoRoute(imds)
		_, err := client(t, network, time.Second).Get("http://169.254.169.254/")
		require.ErrorIs(t, err, syscall.ENETUNREACH)
	})
}

func TestABlackholeAnswersNeitherYesNorNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		network.Blackhole(imds)
		begin := time.Now()
		_, err := client(t, network, 2*time.Second).Get("http://169.254.169.254/")
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
		assert.Equal(t, 2*time.Second, time.Since(begin))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = network.DialContext(ctx, "tcp", imds)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestServeAnswersAtTheDefaultAddressUntilItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		stop := network.Serve(imds, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second) // in virtual time
			fmt.Fprint(w, r.Host, r.URL.Path)
		}))
		c := client(t, network, time.Minute)
		begin := time.Now()
		for range 2 {
			resp, err := c.Get("http://169.254.169.254/latest")
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, "169.254.169.254/latest", string(body))
		}
		assert.Equal(t, 6*time.Second, time.Since(begin))
		assert.Equal(t, []string{imds}, network.Dials(), "the connection was kept")

		stop()
		c.CloseIdleConnections()
		_, err := c.Get("http://169.254.169.254/latest")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, []string{imds, imds}, network.Dials())
	})
}

func TestServersAtDifferentAddressesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		for _, address := range []string{imds, "[fd00:ec2::254]:80", "127.0.0.1:8080"} {
			stop := network.Serve(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, address) }))
			defer stop()
		}
		c := client(t, network, time.Second)
		defer c.CloseIdleConnections()
		for url, want := range map[string]string{
			"http://169.254.169.254/": imds, "http://[fd00:ec2::254]": "[fd00:ec2::254]:80", "http://127.0.0.1:8080": "127.0.0.1:8080",
		} {
			resp, err := c.Get(url)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, want, string(body))
		}
	})
}

func TestHandleGetsEveryConnectionAndClosesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		network.Handle(imds, func(conn net.Conn) { // reads the request, then hangs up
			_, _ = http.ReadRequest(bufio.NewReader(conn))
		})
		_, err := client(t, network, time.Second).Get("http://169.254.169.254/")
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestAClosedListenerRefusesAndItsAcceptReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		l := network.Listen(imds)
		assert.Equal(t, imds, l.Addr().String())
		go func() {
			time.Sleep(time.Second)
			assert.NoError(t, l.Close())
			assert.NoError(t, l.Close(), "twice is once")
		}()
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = network.DialContext(t.Context(), "tcp", imds)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestADialWaitsForAcceptNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		l := network.Listen(imds) // nobody accepts: a backlog that is full
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := network.DialContext(ctx, "tcp", imds)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
