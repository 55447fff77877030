package imds_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"example.com/podrole/imds"
	"example.com/podrole/internal/unavailable"
)

// BenchmarkNothingThere is the time that "there is no metadata service here" takes: what a process that is not on EC2 pays at its start.
// The goal is under 50 ms; a new provider each time, since a process asks once.
func BenchmarkNothingThere(b *testing.B) {
	fail := func(errno syscall.Errno) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		}
	}
	closed := func(b *testing.B) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Skip("no loopback: ", err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	for _, row := range []struct {
		name   string
		option func(*testing.B) func(*imds.Options)
	}{
		{"refused/own-time", func(*testing.B) func(*imds.Options) {
			return func(o *imds.Options) { o.DialContext = fail(syscall.ECONNREFUSED) }
		}},
		{"no-route/own-time", func(*testing.B) func(*imds.Options) {
			return func(o *imds.Options) { o.DialContext = fail(syscall.ENETUNREACH) }
		}},
		{"refused/by-the-kernel", func(b *testing.B) func(*imds.Options) {
			endpoint := "http://" + closed(b)
			return func(o *imds.Options) { o.Endpoint = endpoint }
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			option := row.option(b)
			b.ReportAllocs()
			for b.Loop() {
				p := imds.New(option, func(o *imds.Options) {
					o.LookupEnv = func(string) (string, bool) { return "", false }
					o.Logger = quiet
				})
				if _, err := p.Retrieve(b.Context()); !errors.Is(err, unavailable.Err) {
					b.Fatal(err)
				}
			}
		})
	}
}
