package chain_test

import (
	"maps"
	"net/http"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/memnet"
	"example.com/podrole/webidentity/ststest"
)

const (
	gryphonRole    = "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	gryphonSubject = "system:serviceaccount:default:gryphon-dispatcher"
	canary         = "gryphon-dispatcher-canary"
)

// world is the network of a pod, in memory and at the real addresses, with the fakes in it. What a test does not serve refuses
// connections, as on a machine without it.
type world struct {
	net    *memnet.Net
	sts    *ststest.Server
	imds   *imdstest.Server
	agent  *ecstest.Agent
	client *http.Client
	dir    string
	log    recorder
}

// newWorld is to be called inside a bubble.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{net: memnet.New(), dir: t.TempDir()}
	w.sts = ststest.New()
	w.imds = imdstest.New(func(o *imdstest.Options) { o.Role = "eks-node" })
	w.agent = ecstest.New()
	require.NoError(t, w.sts.SetTrustPolicy(gryphonRole, w.sts.TrustPolicy(gryphonSubject)))
	w.client = &http.Client{Transport: &http.Transport{DialContext: w.net.DialContext}}
	t.Cleanup(w.client.CloseIdleConnections)
	w.serve(t, "127.0.0.1:7000", w.sts)
	return w
}

func (w *world) serve(t *testing.T, address string, h http.Handler) {
	t.Helper()
	t.Cleanup(w.net.Serve(address, h))
}

func (w *world) serveIMDS(t *testing.T)        { w.serve(t, "169.254.169.254:80", w.imds) }
func (w *world) servePodIdentity(t *testing.T) { w.serve(t, "169.254.170.23:80", w.agent) }
func (w *world) serveECS(t *testing.T)         { w.serve(t, "169.254.170.2:80", w.agent) }

// vars is an environment: sets of variables, the later ones winning.
func vars(sets ...map[string]string) map[string]string {
	all := map[string]string{"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:7000"}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

var kubernetes = map[string]string{"KUBERNETES_SERVICE_HOST": "10.96.0.1"}

// irsa is what the EKS webhook puts into a pod of the service account.
func (w *world) irsa(t *testing.T, serviceAccount string) map[string]string {
	t.Helper()
	tokens, err := w.sts.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: serviceAccount, Pod: serviceAccount + "-0"})
	require.NoError(t, err)
	return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path()}
}

// podIdentity is what EKS puts into a pod whose service account has an association.
func (w *world) podIdentity() map[string]string {
	return map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23" + ecstest.PodIdentityPath,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN":  w.agent.Token(gryphonSubject),
	}
}

func ecsTask() map[string]string {
	return map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ecstest.ECSPath, "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}
}

var keys = map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENVEXAMPLE000001", "AWS_SECRET_ACCESS_KEY": "env-secret-value"}

// chain is the default chain in this world and the environment given.
func (w *world) chain(t *testing.T, environment map[string]string, optFns ...func(*chain.Options)) *chain.Chain {
	t.Helper()
	c := chain.NewDefault(append([]func(*chain.Options){func(o *chain.Options) {
		o.Logger, o.LookupEnv, o.FS, o.HTTPClient = w.log.Logger(), env(environment), fstest.MapFS{}, w.client
		o.IMDS = func(o *imds.Options) { o.DialContext = w.net.DialContext }
		o.Container = func(o *ecs.Options) { o.DialContext = w.net.DialContext }
	}}, optFns...)...)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}
