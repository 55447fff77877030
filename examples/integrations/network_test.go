package integrations

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
)

// dialer is a network in memory, one server at an address: what a test in a synctest bubble needs, since real sockets keep the
// bubble's clock from moving.
type dialer map[string]chan net.Conn

func (d dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	server, ok := d[address]
	if !ok {
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
	ours, theirs := net.Pipe()
	select {
	case server <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d dialer) serve(t *testing.T, address string, h http.Handler) {
	t.Helper()
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	d[address] = l.conns
	server := &http.Server{Handler: h}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); done.Wait() })
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
