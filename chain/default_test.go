package chain_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

func TestConstructionDoesNoIO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		c := w.chain(t, vars(kubernetes, w.irsa(t, "gryphon-dispatcher")))
		time.Sleep(time.Hour)
		assert.Equal(t, chain.Status{}.Provider, c.Status().Provider)
		assert.Empty(t, w.net.Dials())
	})
}

func TestEachSourceWinsWhereItIsConfigured(t *testing.T) {
	for _, row := range []struct {
		name     string
		env      func(t *testing.T, w *world) map[string]string
		serve    func(w *world, t *testing.T)
		provider string
		identity chain.Identity
		kind     string
	}{
		{name: "environment keys", env: func(*testing.T, *world) map[string]string { return vars(keys) }, provider: "env",
			identity: chain.Identity{Source: "EnvConfigCredentials"}},
		{name: "web identity", env: func(t *testing.T, w *world) map[string]string {
			return vars(kubernetes, w.irsa(t, "gryphon-dispatcher"))
		}, provider: "webidentity", identity: chain.Identity{
			ARN:     "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.gryphon-dispatcher-0",
			Account: "111122223333", Role: "gryphon-dispatcher", Session: "default.gryphon-dispatcher-0", Source: "WebIdentityCredentials"}},
		{name: "Pod Identity", env: func(_ *testing.T, w *world) map[string]string { return vars(kubernetes, w.podIdentity()) }, serve: (*world).servePodIdentity,
			provider: "container", kind: "kind=podidentity", identity: chain.Identity{Account: "111122223333", Source: "CredentialsEndpointProvider"}},
		{name: "an ECS task", env: func(*testing.T, *world) map[string]string { return vars(ecsTask()) }, serve: (*world).serveECS,
			provider: "container", kind: "kind=ecs", identity: chain.Identity{
				ARN: "arn:aws:iam::111122223333:role/pod-role", Account: "111122223333", Role: "pod-role", Source: "CredentialsEndpointProvider"}},
		{name: "an EC2 instance", env: func(*testing.T, *world) map[string]string { return vars() }, serve: (*world).serveIMDS,
			provider: "imds", identity: chain.Identity{Account: "111122223333", Role: "eks-node", Source: "EC2RoleProvider"}},
	} {
		bubble(t, row.name, func(t *testing.T) {
			w := newWorld(t)
			if row.serve != nil {
				row.serve(w, t)
			}
			c := w.chain(t, row.env(t, w))
			creds, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			assert.True(t, creds.HasKeys())
			status := c.Status()
			assert.Equal(t, row.provider, status.Provider)
			assert.Equal(t, row.identity, status.Identity)
			line := w.log.One(t, "INFO aws credentials resolved", "provider="+row.provider)
			assert.Contains(t, line, row.kind)
			assert.Empty(t, w.log.Lines(slog.LevelWarn))
			assert.Equal(t, aws.CredentialSourceCode, c.ProviderSources()[len(c.ProviderSources())-1])
		})
	}
}

// heal replays the incident: STS refuses, then the trust policy is mended.
func heal(t *testing.T, fallback chain.FallbackPolicy, outer func(aws.CredentialsProvider) aws.CredentialsProvider, within time.Duration) {
	w := newWorld(t)
	w.serveIMDS(t)
	c := w.chain(t, vars(kubernetes, w.irsa(t, canary)), func(o *chain.Options) { o.Fallback = fallback })
	provider := outer(c)
	_, err := provider.Retrieve(t.Context())
	if fallback == chain.FallbackNext {
		require.NoError(t, err)
		require.Equal(t, "eks-node", c.Status().Identity.Role)
	} else {
		require.Error(t, err)
	}
	require.NoError(t, w.sts.SetTrustPolicy(gryphonRole, w.sts.TrustPolicy(gryphonSubject+"*")))
	mended := time.Now()
	for {
		creds, err := provider.Retrieve(t.Context())
		if err == nil {
			if arn, ok := w.sts.Identity(creds.AccessKeyID); ok {
				assert.Contains(t, arn, "assumed-role/gryphon-dispatcher/")
				break
			}
		}
		require.LessOrEqual(t, time.Since(mended), within, "it did not heal in time")
		time.Sleep(100 * time.Millisecond)
	}
	assert.False(t, c.Status().Fallback)
}

func TestTheIncidentHealsWithoutARestart(t *testing.T) {
	direct := func(p aws.CredentialsProvider) aws.CredentialsProvider { return p }
	behindTheSDKsCache := func(p aws.CredentialsProvider) aws.CredentialsProvider { return aws.NewCredentialsCache(p) }
	bubble(t, "FallbackNext, set directly: within one recheck", func(t *testing.T) { heal(t, chain.FallbackNext, direct, 73*time.Second) })
	bubble(t, "FallbackNext, behind the SDK's cache: within one recheck", func(t *testing.T) { heal(t, chain.FallbackNext, behindTheSDKsCache, 75*time.Second) })
	bubble(t, "the default, set directly: at the next try", func(t *testing.T) { heal(t, chain.FallbackDefault, direct, 6*time.Second) })
	bubble(t, "the default, behind the SDK's cache: at the next try", func(t *testing.T) { heal(t, chain.FallbackDefault, behindTheSDKsCache, 6*time.Second) })
}

func TestTheRefusalNamesTheClaimAndTheRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		_, err := w.chain(t, vars(kubernetes, w.irsa(t, canary))).Retrieve(t.Context())
		for _, part := range []string{"podrole: web identity is configured (AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE) and failed, so the chain stopped: STS refused role " + gryphonRole + " (AccessDenied): ",
			"sub=system:serviceaccount:default:gryphon-dispatcher-canary", "aud=sts.amazonaws.com", w.sts.Issuer()} {
			assert.ErrorContains(t, err, part)
		}
		var denied *webidentity.DeniedError
		require.ErrorAs(t, err, &denied)
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, "AccessDenied", api.ErrorCode())
		assert.Empty(t, w.imds.Requests(), "the node's role was not asked for")
	})
}

func TestExpectedRoleAgainstEachSource(t *testing.T) {
	const other = "arn:aws:iam::111122223333:role/other"
	for _, row := range []struct {
		name  string
		right string // the expected role that is the source's own
		asks  bool   // GetCallerIdentity is needed
		env   func(t *testing.T, w *world) map[string]string
	}{
		{"web identity", gryphonRole, false, func(t *testing.T, w *world) map[string]string { return vars(w.irsa(t, "gryphon-dispatcher")) }},
		{"an ECS task", "arn:aws:iam::111122223333:role/pod-role", false, func(t *testing.T, w *world) map[string]string { w.serveECS(t); return vars(ecsTask()) }},
		{"Pod Identity, whose answer holds no role", "arn:aws:iam::111122223333:role/pod-role", true, func(t *testing.T, w *world) map[string]string {
			w.servePodIdentity(t)
			return vars(w.podIdentity())
		}},
		{"environment keys", "arn:aws:iam::111122223333:role/ci", true, func(_ *testing.T, w *world) map[string]string {
			w.sts.AddIdentity(keys["AWS_ACCESS_KEY_ID"], "arn:aws:sts::111122223333:assumed-role/ci/job-7")
			return vars(keys)
		}},
		{"IMDS, whose answer holds a role's name", "arn:aws:iam::111122223333:role/eks-node", true, func(t *testing.T, w *world) map[string]string {
			w.serveIMDS(t)
			w.sts.AddIdentity(w.imds.Credentials().AccessKeyID, "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a")
			return vars()
		}},
	} {
		environment := func(t *testing.T, w *world) map[string]string {
			e := row.env(t, w)
			if strings.HasPrefix(row.name, "Pod Identity") { // STS knows whose the agent's keys are, as it would
				w.sts.AddIdentity(agentKey(t, w), "arn:aws:sts::111122223333:assumed-role/pod-role/eks-cluster-gryphon")
			}
			return e
		}
		expect := func(arn string) func(*chain.Options) { return func(o *chain.Options) { o.ExpectedRoleARN = arn } }
		bubble(t, row.name+": the expected role", func(t *testing.T) {
			w := newWorld(t)
			_, err := w.chain(t, environment(t, w), expect(row.right)).Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, row.asks, asked(w, "GetCallerIdentity") > 0)
		})
		bubble(t, row.name+": another role", func(t *testing.T) {
			w := newWorld(t)
			c := w.chain(t, environment(t, w), expect(other))
			_, err := c.Retrieve(t.Context())
			require.ErrorContains(t, err, "not of the expected role "+other)
			assert.Equal(t, "none", string(c.Status().State), "they were not used")
		})
		bubble(t, row.name+": verified always", func(t *testing.T) {
			w := newWorld(t)
			c := w.chain(t, environment(t, w), func(o *chain.Options) { o.VerifyIdentity = true })
			_, err := c.Retrieve(t.Context())
			if row.asks || row.name == "web identity" {
				require.NoError(t, err)
				assert.Contains(t, c.Status().Identity.ARN, ":assumed-role/"+row.right[strings.LastIndexByte(row.right, '/')+1:]+"/")
			} else {
				require.ErrorContains(t, err, "identity could not be verified") // STS does not know the agent's keys here
			}
			assert.GreaterOrEqual(t, asked(w, "GetCallerIdentity"), 1)
		})
	}
	bubble(t, "no answer fails the link", func(t *testing.T) {
		w := newWorld(t)
		w.sts.Break(ststest.Hang)
		_, err := w.chain(t, vars(keys), func(o *chain.Options) { o.ExpectedRoleARN = gryphonRole }).Retrieve(t.Context())
		require.ErrorContains(t, err, "its credentials' identity could not be verified: ")
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	})
	bubble(t, "a foreign link", func(t *testing.T) {
		w := newWorld(t)
		w.sts.AddIdentity("AKIDFOREIGN", "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a")
		foreign := aws.CredentialsProviderFunc(chaintest.Session("AKIDFOREIGN", time.Hour))
		c := chain.New([]chain.Link{{Name: "sso", Provider: foreign}}, func(o *chain.Options) {
			o.LookupEnv, o.HTTPClient, o.ExpectedRoleARN, o.Logger = env(vars()), w.client, gryphonRole, slog.New(slog.DiscardHandler)
		})
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.ErrorContains(t, err, "its credentials are those of arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a, not of the expected role "+gryphonRole)
	})
	bubble(t, "asked once for each access key", func(t *testing.T) {
		w := newWorld(t)
		w.sts.AddIdentity(keys["AWS_ACCESS_KEY_ID"], "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/x")
		c := w.chain(t, vars(keys), func(o *chain.Options) { o.ExpectedRoleARN = gryphonRole })
		for range 3 {
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			c.Invalidate()
			time.Sleep(2 * time.Second)
		}
		assert.Equal(t, 1, asked(w, "GetCallerIdentity"))
	})
}

// asked counts the calls of an operation of STS.
func asked(w *world, operation string) int {
	n := 0
	for _, r := range w.sts.Requests() {
		if r.Action == operation {
			n++
		}
	}
	return n
}

// agentKey is the access key id that the Pod Identity agent hands out now.
func agentKey(t *testing.T, w *world) string {
	t.Helper()
	c := w.chain(t, vars(w.podIdentity()))
	creds, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	return creds.AccessKeyID
}

// The role alone (AWS_ROLE_ARN without the token file variable).
func TestTheRoleAlone(t *testing.T) {
	roleAlone := map[string]string{"AWS_ROLE_ARN": gryphonRole}
	bubble(t, "does not stop container credentials", func(t *testing.T) {
		w := newWorld(t)
		w.servePodIdentity(t)
		c := w.chain(t, vars(kubernetes, roleAlone, w.podIdentity()))
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "container", c.Status().Provider)
		assert.Empty(t, w.log.Lines(slog.LevelWarn))
	})
	bubble(t, "in a pod stops before the node's role", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		_, err := w.chain(t, vars(kubernetes, roleAlone)).Retrieve(t.Context())
		require.ErrorContains(t, err, "podrole: web identity is configured (AWS_ROLE_ARN) and failed, so the chain stopped: AWS_ROLE_ARN is set, but AWS_WEB_IDENTITY_TOKEN_FILE is not")
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		assert.Empty(t, w.imds.Requests())
	})
	bubble(t, "in a task stops before the node's role", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		_, err := w.chain(t, vars(roleAlone, map[string]string{"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"})).Retrieve(t.Context())
		require.ErrorContains(t, err, "so the chain stopped")
		assert.Empty(t, w.imds.Requests())
	})
	bubble(t, "in a pod under FallbackNext: WARN, and rechecked", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		c := w.chain(t, vars(kubernetes, roleAlone), func(o *chain.Options) { o.Fallback = chain.FallbackNext })
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.True(t, c.Status().Fallback)
		w.log.One(t, "WARN aws credentials resolved by fallback", "AWS_WEB_IDENTITY_TOKEN_FILE is not")
		w.log.One(t, "WARN running as the node", "AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE")
		time.Sleep(10 * time.Minute)
		assert.True(t, c.Status().Fallback, "a recheck that finds the role alone again has not healed")
	})
	bubble(t, "on an instance: WARN", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		c := w.chain(t, vars(roleAlone))
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "imds", c.Status().Provider)
		w.log.One(t, "WARN AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE")
	})
}

func TestShadowing(t *testing.T) {
	bubble(t, "keys over a web identity: WARN", func(t *testing.T) {
		w := newWorld(t)
		c := w.chain(t, vars(kubernetes, keys, w.irsa(t, "gryphon-dispatcher")))
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"webidentity"}, c.Status().Shadowed)
		w.log.One(t, "INFO aws credentials resolved", "provider=env", "shadowed=[webidentity]")
		w.log.One(t, "WARN aws keys in the environment shadow this workload's own identity", "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY")
	})
	bubble(t, "web identity over Pod Identity: INFO", func(t *testing.T) {
		w := newWorld(t)
		c := w.chain(t, vars(kubernetes, w.irsa(t, "gryphon-dispatcher"), w.podIdentity()))
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		w.log.One(t, "INFO aws credentials resolved", "provider=webidentity", "shadowed=[container]")
		assert.Empty(t, w.log.Lines(slog.LevelWarn))
	})
	bubble(t, "AWS_PROFILE is said once", func(t *testing.T) {
		w := newWorld(t)
		c := w.chain(t, vars(keys, map[string]string{"AWS_PROFILE": "dev"}))
		for range 3 {
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			c.Invalidate()
			time.Sleep(2 * time.Second)
		}
		w.log.One(t, "INFO AWS_PROFILE is set (dev), which this chain does not read")
	})
	bubble(t, "AWS_PROFILE is said where nothing is found", func(t *testing.T) {
		w := newWorld(t)
		_, err := w.chain(t, vars(map[string]string{"AWS_PROFILE": "dev"})).Retrieve(t.Context())
		require.ErrorIs(t, err, chain.ErrUnavailable)
		require.ErrorContains(t, err, "(AWS_PROFILE is set (dev), which this chain does not read")
	})
}

// The decision matrix of client chains: condition × provider → stop, next quietly, or credentials; the level of the record and the text.
func TestDecisionMatrix(t *testing.T) {
	const (
		stop    = "stop"
		next    = "next" // quietly: the chain's answer is then the node's role
		heals   = "heals inside the call"
		nowhere = "unavailable" // nothing is left: the error matches ErrUnavailable
	)
	write := func(t *testing.T, w *world, name, content string) string {
		path := filepath.Join(w.dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	fails := func(faults ...ststest.Fault) func(*testing.T, *world) map[string]string {
		return func(t *testing.T, w *world) map[string]string {
			if len(faults) == 1 {
				w.sts.Break(faults[0])
			} else {
				w.sts.Fail(faults...)
			}
			return w.irsa(t, "gryphon-dispatcher")
		}
	}
	agent := func(f ecstest.Fault) func(*testing.T, *world) map[string]string {
		return func(t *testing.T, w *world) map[string]string {
			w.servePodIdentity(t)
			w.agent.Fail(-1, f)
			return w.podIdentity()
		}
	}
	metadata := func(change func(*imdstest.Options)) func(*testing.T, *world) map[string]string {
		return func(_ *testing.T, w *world) map[string]string { w.imds.Change(change); return nil }
	}
	only := func(set map[string]string) func(*testing.T, *world) map[string]string {
		return func(*testing.T, *world) map[string]string { return set }
	}
	for _, row := range []struct {
		condition string
		decision  string
		text      string // in the error, or in the winner's record
		env       func(t *testing.T, w *world) map[string]string
	}{
		{"nothing configured", next, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", only(nil)},
		{"env: key without secret", stop, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not", only(map[string]string{"AWS_ACCESS_KEY_ID": "AKID"})},
		{"env: secret without key", stop, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not", only(map[string]string{"AWS_SECRET_ACCESS_KEY": "hidden"})},
		{"env: blank", next, "are not set", only(map[string]string{"AWS_ACCESS_KEY_ID": " ", "AWS_SECRET_ACCESS_KEY": ""})},
		{"web identity: token file without role", stop, "AWS_ROLE_ARN", func(t *testing.T, w *world) map[string]string {
			set := w.irsa(t, "gryphon-dispatcher")
			delete(set, "AWS_ROLE_ARN")
			return set
		}},
		{"web identity: token file missing", stop, "is the projected volume", func(t *testing.T, w *world) map[string]string {
			return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": filepath.Join(w.dir, "none")}
		}},
		{"web identity: token file a directory", stop, "directory", func(t *testing.T, w *world) map[string]string {
			return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": w.dir}
		}},
		{"web identity: token file empty", stop, "empty", func(t *testing.T, w *world) map[string]string {
			return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, w, "empty", " \n")}
		}},
		{"web identity: token file of 10 MB", stop, "more than 20000 bytes", func(t *testing.T, w *world) map[string]string {
			return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, w, "big", strings.Repeat("x", 10<<20))}
		}},
		{"web identity: not a JWT", stop, "InvalidIdentityToken", func(t *testing.T, w *world) map[string]string {
			return map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, w, "opaque", "not-a-jwt")}
		}},
		{"web identity: not a role's ARN", stop, "AWS_ROLE_ARN", func(t *testing.T, w *world) map[string]string {
			return vars(w.irsa(t, "gryphon-dispatcher"), map[string]string{"AWS_ROLE_ARN": "gryphon"})
		}},
		{"web identity: STS AccessDenied", stop, "AccessDenied", func(t *testing.T, w *world) map[string]string { return w.irsa(t, canary) }},
		{"web identity: STS IDPRejectedClaim", stop, "IDPRejectedClaim", fails(ststest.Fault{Code: "IDPRejectedClaim", Status: 403})},
		{"web identity: STS RegionDisabled", stop, "RegionDisabledException", fails(ststest.Fault{Code: "RegionDisabledException", Status: 403})},
		{"web identity: STS InvalidIdentityToken, once", heals, "provider=webidentity", fails(ststest.NoVerificationKey, ststest.Fault{})},
		{"web identity: STS InvalidIdentityToken", stop, "InvalidIdentityToken", fails(ststest.NoVerificationKey)},
		{"web identity: STS IDPCommunicationError, twice", heals, "provider=webidentity", fails(ststest.IDPCommunication, ststest.IDPCommunication)},
		{"web identity: STS 5xx, twice", heals, "provider=webidentity", fails(ststest.InternalFailure, ststest.Unavailable)},
		{"web identity: STS 5xx", stop, "500", fails(ststest.InternalFailure)},
		{"web identity: STS throttles", stop, "Throttling", fails(ststest.Throttling)},
		{"web identity: STS accepts and hangs", stop, "timed out", fails(ststest.Hang)},
		{"web identity: a proxy's page", stop, "HTML", fails(ststest.ProxyPage)},
		{"web identity: nobody listens", stop, "refused", func(t *testing.T, w *world) map[string]string {
			return vars(w.irsa(t, "gryphon-dispatcher"), map[string]string{"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
		}},
		{"container: token without URI", stop, "AWS_CONTAINER_AUTHORIZATION_TOKEN", only(map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "hidden"})},
		{"container: forbidden host", stop, "203.0.113.7", only(map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://203.0.113.7/x"})},
		{"container: relative URI that leaves the box", stop, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", only(map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "@203.0.113.7/x"})},
		{"container: agent AccessDenied", stop, "AccessDeniedException", agent(ecstest.Upstream("AccessDeniedException"))},
		{"container: no association", stop, "404", agent(ecstest.Upstream("ResourceNotFoundException"))},
		{"container: agent 500", stop, "500", agent(ecstest.Upstream("InternalServerException"))},
		{"container: HTML", stop, "", agent(ecstest.Fault{Status: 200, Body: "<html>"})},
		{"container: null", stop, "", agent(ecstest.Fault{Status: 200, Body: "null"})},
		{"container: {}", stop, "AccessKeyId", agent(ecstest.Fault{Status: 200, Body: "{}"})},
		{"container: agent down", stop, "refused", func(_ *testing.T, w *world) map[string]string { return w.podIdentity() }},
		{"imds: disabled", nowhere, "AWS_EC2_METADATA_DISABLED", only(map[string]string{"AWS_EC2_METADATA_DISABLED": "TRUE"})},
		{"imds: disabled, misspelt", next, "", only(map[string]string{"AWS_EC2_METADATA_DISABLED": "yes"})},
		{"imds: no role attached", nowhere, "no role", metadata(func(o *imdstest.Options) { o.NoRole = true })},
		{"imds: session token 403", stop, "403", metadata(func(o *imdstest.Options) { o.NoSessions = 403 })},
		{"imds: Code is not Success", stop, "AssumeRoleUnauthorizedAccess", metadata(func(o *imdstest.Options) { o.Code = "AssumeRoleUnauthorizedAccess" })},
		{"imds: not EC2's", nowhere, "not EC2", func(_ *testing.T, w *world) map[string]string {
			w.imds.Change(func(o *imdstest.Options) { o.ServerHeader = "Metadata Server for VM" })
			w.imds.Fail(-1, imdstest.Fault{Status: 404})
			return nil
		}},
	} {
		for _, policy := range []chain.FallbackPolicy{chain.FallbackStop, chain.FallbackNext} {
			bubble(t, row.condition, func(t *testing.T) {
				w := newWorld(t)
				w.serveIMDS(t)
				c := w.chain(t, vars(row.env(t, w)), func(o *chain.Options) { o.Fallback = policy })
				_, err := c.Retrieve(t.Context())
				imdsFails := strings.HasPrefix(row.condition, "imds:")
				switch {
				case row.decision == heals:
					require.NoError(t, err)
					w.log.One(t, "INFO aws credentials resolved", row.text)
				case row.decision == next:
					require.NoError(t, err)
					w.log.One(t, "INFO aws credentials resolved", "provider=imds", row.text)
				case row.decision == nowhere:
					require.ErrorIs(t, err, chain.ErrUnavailable)
					require.ErrorContains(t, err, row.text)
				case policy == chain.FallbackNext && !imdsFails:
					require.NoError(t, err)
					w.log.One(t, "WARN aws credentials resolved by fallback", "provider=imds", row.text)
				default:
					require.Error(t, err)
					assert.NotErrorIs(t, err, chain.ErrUnavailable)
					assert.NotErrorIs(t, err, context.DeadlineExceeded)
					assert.ErrorContains(t, err, "podrole: ")
					assert.ErrorContains(t, err, row.text)
					assert.NotContains(t, err.Error(), "hidden")
					if !imdsFails {
						assert.Empty(t, w.imds.Requests(), "the node's role was asked for")
					}
				}
			})
		}
	}
}

func TestCausesStayReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.chain(t, vars(map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": filepath.Join(w.dir, "none")})).Retrieve(t.Context())
		require.ErrorIs(t, err, fs.ErrNotExist)
		var path *fs.PathError
		require.ErrorAs(t, err, &path)
		var retryable interface{ RetryableError() bool }
		require.True(t, errors.As(err, &retryable))
		assert.False(t, retryable.RetryableError())
	})
}

func TestTheTokenIsReadAtEveryRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		tokens, err := w.sts.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher", Life: 2 * time.Hour})
		require.NoError(t, err)
		c := w.chain(t, vars(map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path()}))
		for range 24 { // a day, with the kubelet rotating the token each hour
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Hour)
			require.NoError(t, tokens.Rotate())
		}
		assert.Empty(t, w.log.Lines(slog.LevelWarn))
	})
}
