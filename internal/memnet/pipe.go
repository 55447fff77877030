package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is what a connection takes in each direction before a writer waits for the reader, as the kernel's socket buffers do.
// With net.Pipe, which has none, two TLS ends that hang up on each other wait for ever.
const bufferSize = 64 << 10

// pipe returns the two ends of a connection.
func pipe(clientAddr, serverAddr addr) (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &conn{in: down, out: up, local: clientAddr, remote: serverAddr}, &conn{in: up, out: down, local: serverAddr, remote: clientAddr}
}

// stream is one direction. Whoever waits, waits for changed or for a deadline, with no lock held.
type stream struct {
	mu      sync.Mutex
	data    []byte
	ended   bool          // the writer has closed its end: the reader gets the rest, then EOF
	broken  bool          // the reader has closed its end: writing fails
	changed chan struct{} // closed and replaced at every change
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// try runs step under the lock until it reports that it is done or the deadline passes.
func (s *stream) try(d *deadline, step func() (done bool)) error {
	for {
		passed := d.wait()
		select {
		case <-passed:
			return os.ErrDeadlineExceeded
		default:
		}
		s.mu.Lock()
		done, changed := step(), s.changed
		if done {
			close(s.changed)
			s.changed = make(chan struct{})
		}
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-passed:
		}
	}
}

func (s *stream) read(b []byte, d *deadline) (n int, err error) {
	late := s.try(d, func() bool {
		switch {
		case s.broken:
			err = net.ErrClosed
		case len(s.data) > 0:
			n = copy(b, s.data)
			s.data = s.data[n:]
		case s.ended:
			err = io.EOF
		default:
			return len(b) == 0
		}
		return true
	})
	if late != nil {
		err = late
	}
	return n, err
}

func (s *stream) write(b []byte, d *deadline) (n int, err error) {
	for len(b) > 0 && err == nil {
		late := s.try(d, func() bool {
			switch room := bufferSize - len(s.data); {
			case s.ended:
				err = net.ErrClosed
			case s.broken:
				err = os.NewSyscallError("write", syscall.EPIPE)
			case room <= 0:
				return false
			default:
				part := min(room, len(b))
				s.data = append(s.data, b[:part]...)
				n, b = n+part, b[part:]
			}
			return true
		})
		if late != nil {
			err = late
		}
	}
	return n, err
}

func (s *stream) close(flag *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*flag = true
	close(s.changed)
	s.changed = make(chan struct{})
}

// conn is one end of a connection.
type conn struct {
	in, out       *stream
	local, remote addr
	read, write   deadline
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b, &c.read)
	return n, c.opError("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b, &c.write)
	return n, c.opError("write", err)
}

func (c *conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// Close lets the other end read what is on its way, and then EOF.
func (c *conn) Close() error {
	c.out.close(&c.out.ended)
	c.in.close(&c.in.broken)
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.read.reset(t)
	c.write.reset(t)
	return nil
}
func (c *conn) SetReadDeadline(t time.Time) error  { c.read.reset(t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.write.reset(t); return nil }

// deadline closes a channel when its time comes.
type deadline struct {
	mu     sync.Mutex
	set    int // how often it was set: the timer of an earlier setting does nothing
	passed chan struct{}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed == nil {
		d.passed = make(chan struct{})
	}
	return d.passed
}

// reset leaves those who wait for the old deadline waiting for the new one.
func (d *deadline) reset(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set++
	if d.passed == nil || isClosed(d.passed) {
		d.passed = make(chan struct{})
	}
	set, left := d.set, time.Until(t)
	switch {
	case t.IsZero():
	case left <= 0:
		close(d.passed)
	default:
		time.AfterFunc(left, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.set == set {
				close(d.passed)
			}
		})
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
