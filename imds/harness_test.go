package imds_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

const (
	address4 = "169.254.169.254:80"
	address6 = "[fd00:ec2::254]:80"
)

// world is a network with a metadata service on it, inside a bubble.
type world struct {
	net     *memnet.Net
	service *imdstest.Server
	env     map[string]string
	hosts   map[string][]netip.Addr // what names resolve to
	log     linktest.Log
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

// Short names for the tables.
const (
	leak        = linktest.Leak
	credentials = linktest.Credentials
	nothing     = linktest.Nothing
	failure     = linktest.Failure
	final       = linktest.Final
	late        = linktest.Late
)

var (
	class = linktest.Class
	took  = linktest.Took
)

// checkError holds for whatever Retrieve returns on a context that has not ended.
func checkError(t *testing.T, w *world, err error) {
	t.Helper()
	creds := w.service.Credentials()
	assert.Empty(t, linktest.Complaints("imds", err, w.log.String(), creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken))
}
