package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

const (
	ecsAddress  = "169.254.170.2:80"
	eksAddress  = "169.254.170.23:80"
	eks6Address = "[fd00:ec2::23]:80"

	relativeVar  = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullVar      = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	tokenFileVar = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
	tokenVar     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

	subject = "system:serviceaccount:default:gryphon-dispatcher"
)

// world is a network with the two agents on it, inside a bubble.
type world struct {
	net    *memnet.Net
	agent  *ecstest.Agent
	env    map[string]string
	hosts  map[string][]netip.Addr   // what names resolve to
	turns  map[string][][]netip.Addr // or what they resolve to one time after the other
	log    linktest.Log
	hidden []string // more that may not be shown
}

func newWorld(t *testing.T, optFns ...func(*ecstest.Options)) *world {
	strict := func(o *ecstest.Options) { o.StrictHost = true }
	w := &world{net: memnet.New(), agent: ecstest.New(append([]func(*ecstest.Options){strict}, optFns...)...), env: map[string]string{}, hosts: map[string][]netip.Addr{}}
	for _, address := range []string{ecsAddress, eksAddress, eks6Address} {
		t.Cleanup(w.net.Serve(address, w.agent))
	}
	return w
}

// pod sets the environment that the EKS webhook sets, with a token in a file.
func (w *world) pod(t *testing.T, optFns ...func(*ecstest.TokenOptions)) *world {
	w.env[fullVar] = "http://169.254.170.23/v1/credentials"
	w.env[tokenFileVar] = w.file(t, w.agent.Token(subject, optFns...))
	return w
}

// task sets the environment that ECS sets.
func (w *world) task() *world {
	w.env[relativeVar] = ecstest.ECSPath
	return w
}

// file writes a token that may not be shown.
func (w *world) file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eks-pod-identity-token")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	if len(content) > 8 {
		w.hidden = append(w.hidden, strings.TrimSpace(content))
	}
	return path
}

func (w *world) provider(optFns ...func(*ecs.Options)) *ecs.Provider {
	return ecs.New(append([]func(*ecs.Options){func(o *ecs.Options) {
		o.DialContext = w.net.DialContext
		o.LookupNetIP = w.lookup
		o.LookupEnv = func(name string) (string, bool) { value, ok := w.env[name]; return value, ok }
		o.Logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}}, optFns...)...)
}

func (w *world) lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	if turns := w.turns[host]; len(turns) > 0 {
		w.turns[host] = turns[1:]
		return turns[0], nil
	}
	if addrs, ok := w.hosts[host]; ok {
		return addrs, nil
	}
	return nil, errors.New("no such host")
}

// requests lists the answers: "200, 503".
func (w *world) requests() string {
	var all []string
	for _, r := range w.agent.Requests() {
		all = append(all, fmt.Sprint(r.Status))
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
	assert.Empty(t, linktest.Complaints("ecs", err, w.log.String(), w.hidden...))
}
