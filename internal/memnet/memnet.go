// Package memnet is an in-memory network for tests: servers listen on any address, 169.254.169.254:80 say, and clients reach them
// through [Net.DialContext]. Nothing leaves the process, and in a testing/synctest bubble time-outs pass in virtual time.
//
// Make the network, its servers and its clients inside the bubble, and close idle client connections before the bubble ends.
package memnet

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
)

// Net is a network. Use [New]. It is safe for concurrent use.
type Net struct {
	mu    sync.Mutex
	hosts map[string]dialer // by "ip:port"
	dials []string          // every address dialled, in order
}

type dialer func(ctx context.Context, address addr) (net.Conn, error)

// Everywhere stands for every address at which nothing else was put, for a test of what goes where: what is served there finds the
// address that was dialled in its connection's LocalAddr, an HTTP handler in [http.LocalAddrContextKey].
const Everywhere = "*"

// New returns a network on which every connection is refused.
func New() *Net { return &Net{hosts: map[string]dialer{}} }

// DialContext connects to whatever was put at the address; with nothing there the connection is refused.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials = append(n.dials, address)
	dial, ok := n.hosts[address]
	if !ok {
		dial = n.hosts[Everywhere]
	}
	n.mu.Unlock()
	if dial == nil {
		dial = fail(syscall.ECONNREFUSED)
	}
	conn, err := dial(ctx, addr(address))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: addr(address), Err: err}
	}
	return conn, nil
}

// Dials returns every address dialled so far, in order.
func (n *Net) Dials() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.dials...)
}

// Refuse takes away whatever is at the address.
func (n *Net) Refuse(address string) { n.put(address, nil) }

// NoRoute makes the address unreachable.
func (n *Net) NoRoute(address string) { n.put(address, fail(syscall.ENETUNREACH)) }

// Blackhole makes the address swallow connection attempts, as a firewall's drop rule does.
func (n *Net) Blackhole(address string) {
	n.put(address, func(ctx context.Context, _ addr) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
}

// Handle puts a function at the address that gets the server's end of every connection, in a goroutine of its own, and closes it when it returns.
func (n *Net) Handle(address string, serve func(net.Conn)) {
	n.put(address, func(_ context.Context, dialled addr) (net.Conn, error) {
		client, server := pipe(clientAddr, dialled)
		go func() { defer server.Close(); serve(server) }()
		return client, nil
	})
}

// Serve runs an HTTP server at the address until stop is called.
func (n *Net) Serve(address string, handler http.Handler) (stop func()) {
	l := n.Listen(address)
	s := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	return func() { _ = s.Close(); <-done; n.put(address, nil) }
}

// Listen returns a listener at the address.
func (n *Net) Listen(address string) net.Listener {
	l := &listener{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.put(address, func(ctx context.Context, dialled addr) (net.Conn, error) {
		client, server := pipe(clientAddr, dialled)
		select {
		case l.conns <- server:
			return client, nil
		case <-l.closed:
			return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return l
}

func (n *Net) put(address string, d dialer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[address] = d
}

func fail(errno syscall.Errno) dialer {
	return func(context.Context, addr) (net.Conn, error) { return nil, os.NewSyscallError("connect", errno) }
}

type listener struct {
	address string
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
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
func (l *listener) Addr() net.Addr { return addr(l.address) }

// clientAddr is the address of every client (RFC 5737: documentation).
const clientAddr addr = "192.0.2.1:49152"

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }
