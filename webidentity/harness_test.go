package webidentity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/memnet"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

const (
	role    = "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	subject = "system:serviceaccount:default:gryphon-dispatcher"
	stsHost = "sts.us-east-1.amazonaws.com"
)

// world is a pod: its environment, its token and the STS of its region, reached over TLS at its own name.
type world struct {
	t      *testing.T
	net    *memnet.Net
	sts    *ststest.Server
	tokens *ststest.TokenDir
	env    map[string]string
	log    bytes.Buffer
	ca     authority
}

// newWorld has a role that trusts the pod's service account. What follows runs in a bubble.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, net: memnet.New(), sts: ststest.New(), ca: newAuthority(t)}
	require.NoError(t, w.sts.SetTrustPolicy(role, w.sts.TrustPolicy(subject)))
	var err error
	w.tokens, err = w.sts.NewTokenDir(t.TempDir(), ststest.Token{
		Namespace: "default", ServiceAccount: "gryphon-dispatcher", Pod: "gryphon-dispatcher-0", Node: "ip-10-0-0-1",
	})
	require.NoError(t, err)
	w.env = map[string]string{
		"AWS_ROLE_ARN":                role,
		"AWS_WEB_IDENTITY_TOKEN_FILE": w.tokens.Path(),
		"AWS_REGION":                  "us-east-1",
		"AWS_CA_BUNDLE":               w.ca.file,
	}
	w.serveTLS(stsHost)
	return w
}

// serveTLS lets the fake STS answer at host:443 with a certificate of the world's authority.
func (w *world) serveTLS(host string) {
	w.serve(tls.NewListener(w.net.Listen(host+":443"), &tls.Config{Certificates: []tls.Certificate{w.ca.issue(w.t, host)}}))
}

// serve lets the fake STS answer at a listener.
func (w *world) serve(l net.Listener) {
	s := &http.Server{Handler: w.sts, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	w.t.Cleanup(func() { _ = s.Close(); <-done })
}

// options are those of a provider in the world.
func (w *world) options(o *webidentity.Options) {
	webidentity.Tune(func(tr *http.Transport) { tr.DialContext, tr.Proxy = w.net.DialContext, nil })(o)
	o.LookupEnv = w.lookup
	o.Logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) lookup(name string) (string, bool) { v, ok := w.env[name]; return v, ok }

func (w *world) provider(optFns ...func(*webidentity.Options)) *webidentity.Provider {
	return webidentity.New(append([]func(*webidentity.Options){w.options}, optFns...)...)
}

// fail retrieves and returns the error that must come.
func (w *world) fail(optFns ...func(*webidentity.Options)) error {
	w.t.Helper()
	_, err := w.provider(optFns...).Retrieve(w.t.Context())
	require.Error(w.t, err)
	require.NotContains(w.t, err.Error(), w.tokens.Token())
	return err
}

// authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // the certificate as PEM
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return authority{cert, key, file}
}

func (a authority) issue(t *testing.T, host string, extensions ...pkix.Extension) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, ExtraExtensions: extensions,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func countLines(log, part string) int {
	n := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// plainClient reaches the world's addresses by plain http, and keeps no connection.
func (w *world) plainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: w.net.DialContext, DisableKeepAlives: true}}
}
