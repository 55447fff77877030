package imds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/memnet"
	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
)

const (
	address4 = "169.254.169.254:80"
	address6 = "[fd00:ec2::254]:80"

	// leak is in every foreign body of the tests, and in no error and no log record.
	leak = "LEAKED-BODY"
)

// world is a network with a metadata service on it, inside a bubble.
type world struct {
	net     *memnet.Net
	service *imdstest.Server
	env     map[string]string
	hosts   map[string][]netip.Addr // what names resolve to
	log     syncBuffer
}

func newWorld(t *testing.T, optFns ...func(*imdstest.Options)) *world {
	w := &world{net: memnet.New(), service: imdstest.New(optFns...), env: map[string]string{}, hosts: map[string][]netip.Addr{}}
	for _, address := range []string{address4, address6} {
		t.Cleanup(w.net.Serve(address, w.service))
	}
	return w
}

func (w *world) provider(optFns ...func(*imds.Options)) *imds.Provider {
	return imds.New(append([]func(*imds.Options){func(o *imds.Options) {
		o.DialContext = w.net.DialContext
		o.LookupNetIP = w.lookup
		o.LookupEnv = func(name string) (string, bool) { value, ok := w.env[name]; return value, ok }
		o.Logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}}, optFns...)...)
}

func (w *world) lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addrs, ok := w.hosts[host]; ok {
		return addrs, nil
	}
	return nil, errors.New("no such host")
}

// requests lists what the service was asked, and its answers: "PUT token 200, GET roles 200".
func (w *world) requests() string {
	var all []string
	for _, r := range w.service.Requests() {
		path := r.Path
		for long, short := range map[string]string{
			"/latest/api/token":                                             "token",
			"/latest/meta-data/":                                            "index",
			"/latest/meta-data/iam/security-credentials/":                   "roles",
			"/latest/meta-data/iam/security-credentials/node-role":          "plain",
			"/latest/meta-data/iam/security-credentials-extended/node-role": "extended",
		} {
			if r.Path == long {
				path = short
			}
		}
		all = append(all, fmt.Sprintf("%s %s %d", r.Method, path, r.Status))
	}
	return strings.Join(all, ", ")
}

// The classes of an answer.
const (
	credentials = "credentials"
	nothing     = "unavailable"
	failure     = "failure"
	final       = "terminal failure"
	late        = "timeout"
)

func class(creds aws.Credentials, err error) string {
	switch _, isTimeout := errors.AsType[*timeout.Error](err); {
	case err == nil && creds.HasKeys():
		return credentials
	case err == nil:
		return "nothing at all"
	case errors.Is(err, unavailable.Err):
		return nothing
	case isTimeout:
		return late
	case terminal.Is(err):
		return final
	}
	return failure
}

// checkError holds for whatever Retrieve returns on a context that has not ended.
func checkError(t *testing.T, w *world, err error) {
	t.Helper()
	if err == nil {
		return
	}
	assert.NotErrorIs(t, err, context.DeadlineExceeded, "only a caller's own deadline may match")
	assert.NotErrorIs(t, err, context.Canceled)
	assert.True(t, strings.HasPrefix(err.Error(), "imds: "), "prefix: %s", err)
	assert.Equal(t, 1, strings.Count(err.Error(), "imds: "), "prefix once: %s", err)
	retryable, ok := errors.AsType[interface {
		error
		RetryableError() bool
	}](err)
	assert.True(t, ok && !retryable.RetryableError())
	creds := w.service.Credentials()
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err), w.log.String()} {
		for _, secret := range []string{leak, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken} {
			assert.NotContains(t, text, secret)
		}
	}
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *syncBuffer) count(text string) int { return strings.Count(b.String(), text) }

// took measures in the bubble's time.
func took(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}
