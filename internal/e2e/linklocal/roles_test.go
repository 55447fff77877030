//go:build linux

package linklocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"

	"example.com/podrole/chain"
	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
)

// TestMain lets the test binary play the other roles, inside a namespace.
func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv("PODROLE_E2E"); role {
	case "":
		os.Exit(m.Run())
	case "serve imds":
		err = serveIMDS()
	case "serve agents":
		err = serveAgents()
	case "ask imds":
		err = report(map[string]aws.CredentialsProvider{
			"podrole":  imds.New(quiet),
			"sdk imds": ec2rolecreds.New(),
			"sdk all":  sdkChain{},
		})
	case "ask container":
		err = report(map[string]aws.CredentialsProvider{
			"podrole": ecs.New(func(o *ecs.Options) { o.Logger = slog.New(slog.DiscardHandler) }),
			"sdk all": sdkChain{},
		})
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func quiet(o *imds.Options) { o.Logger = slog.New(slog.DiscardHandler) }

// finding is what a provider answered, and how long it took the first time.
type finding struct {
	Class   string
	Took    time.Duration
	Error   string
	Key     string
	Account string
}

func (f finding) String() string {
	return fmt.Sprintf("%s in %.3f s", f.Class, f.Took.Seconds())
}

// report asks the providers at the same time, each once, and prints what they found as JSON.
func report(providers map[string]aws.CredentialsProvider) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		found = map[string]finding{}
	)
	for name, p := range providers {
		wg.Go(func() {
			f := ask(p)
			mu.Lock()
			defer mu.Unlock()
			found[name] = f
		})
	}
	wg.Wait()
	return json.NewEncoder(os.Stdout).Encode(found)
}

func ask(p aws.CredentialsProvider) finding {
	start := time.Now()
	creds, err := p.Retrieve(context.Background())
	f := finding{Class: "credentials", Took: time.Since(start), Key: creds.AccessKeyID, Account: creds.AccountID}
	switch {
	case errors.Is(err, chain.ErrUnavailable):
		f.Class, f.Error = "unavailable", err.Error()
	case err != nil:
		f.Class, f.Error = "failure", err.Error()
	}
	return f
}

// sdkChain is what a program without this library does.
type sdkChain struct{}

func (sdkChain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"))
	if err != nil {
		return aws.Credentials{}, err
	}
	return cfg.Credentials.Retrieve(ctx)
}

// serveIMDS serves the fake metadata service at ADDRESSES. Where HOP_LIMIT is set, the packets of an answer to a PUT get that much
// time to live, as on EC2.
func serveIMDS() error {
	handler := http.Handler(imdstest.New())
	if limit, err := strconv.Atoi(os.Getenv("HOP_LIMIT")); err == nil {
		handler = hopLimit(limit, handler)
	}
	return serve(handler, "Server")
}

// serveAgents serves the fake container agents, strict about hosts, at ADDRESSES, and writes a pod's token to TOKEN_FILE.
func serveAgents() error {
	agent := ecstest.New(func(o *ecstest.Options) { o.StrictHost = true })
	token := agent.Token("system:serviceaccount:default:gryphon-dispatcher")
	if err := os.WriteFile(os.Getenv("TOKEN_FILE"), []byte(token), 0o600); err != nil {
		return err
	}
	return serve(agent, "agents")
}

// serve listens at ADDRESSES, says so, and never returns without an error.
func serve(handler http.Handler, what string) error {
	failed := make(chan error)
	for address := range strings.FieldsSeq(os.Getenv("ADDRESSES")) {
		l, err := net.Listen("tcp", net.JoinHostPort(address, "80"))
		if err != nil {
			return err
		}
		server := &http.Server{Handler: unproxied(handler), ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }}
		go func() { failed <- server.Serve(l) }()
	}
	if _, err := io.WriteString(os.Stdout, what+" up\n"); err != nil {
		return err
	}
	return <-failed
}

// unproxied refuses what a client would send to a proxy.
func unproxied(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.IsAbs() || r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Proxy-Connection") != "" {
			http.Error(w, "this is not a proxy", http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

type connKey struct{}

func hopLimit(limit int, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			raw, err := r.Context().Value(connKey{}).(*net.TCPConn).SyscallConn()
			if err == nil {
				_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TTL, limit) })
			}
		}
		handler.ServeHTTP(w, r)
	})
}
