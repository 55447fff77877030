package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/webidentity/ststest"
)

const (
	roleARN = "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	subject = "system:serviceaccount:default:gryphon-dispatcher"
	keyID   = "AKIAIOSFODNN7EXAMPLE"
	secret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// world is a pod's surroundings over loopback: STS, the node's metadata service, the Pod Identity agent.
type world struct {
	sts    *ststest.Server
	node   *imdstest.Server
	agent  *ecstest.Agent
	tokens *ststest.TokenDir
	agents string            // the agent's URL
	bearer string            // the token for it
	env    map[string]string // what every container has
}

func newWorld(t *testing.T) *world {
	t.Helper()
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	w := &world{sts: ststest.New(), node: imdstest.New(), agent: ecstest.New()}
	require.NoError(t, w.sts.SetTrustPolicy(roleARN, w.sts.TrustPolicy(subject)))
	w.agents = serve(w.agent) + ecstest.PodIdentityPath
	w.env = map[string]string{
		"AWS_REGION": "ap-northeast-2", "AWS_ENDPOINT_URL_STS": serve(w.sts), "AWS_EC2_METADATA_SERVICE_ENDPOINT": serve(w.node),
		"KUBERNETES_SERVICE_HOST": "10.100.0.1",
	}
	return w
}

// inject sets what the EKS webhook does.
func (w *world) inject(t *testing.T, serviceAccount string) {
	t.Helper()
	var err error
	w.tokens, err = w.sts.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: serviceAccount, Pod: "gryphon-0"})
	require.NoError(t, err)
	w.env[roleVar], w.env[tokenFileVar] = roleARN, w.tokens.Path()
}

// associate sets what EKS Pod Identity does.
func (w *world) associate(t *testing.T) {
	t.Helper()
	w.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = w.agents
	w.bearer = w.agent.Token(subject)
	w.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write(t, "token", w.bearer)
}

func TestTheWebIdentityIsNamedWithTheReasons(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	w.associate(t)
	got := whoami(t, w.env, "")
	assert.Equal(t, statusFound, got.status, got.stdout+got.stderr)
	assert.Equal(t, "gryphon-dispatcher, by webidentity", got.firstLine())
	for _, part := range []string{
		"arn         arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.gryphon-0\n", "account     111122223333\n",
		"source      WebIdentityCredentials\n", "env          nothing here: ", "webidentity  has them (", "shadowed     container",
	} {
		assert.Contains(t, got.stdout, part)
	}
	assert.NotContains(t, got.stdout, "imds", "it was not asked")
	assert.Empty(t, got.stderr)
}

func TestARefusalIsTheFirstLine(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher-canary")
	got := whoami(t, w.env, "")
	assert.Equal(t, statusNone, got.status)
	assert.Contains(t, got.firstLine(), "no credentials: web identity is configured (")
	assert.Contains(t, got.firstLine(), subject+"-canary")
	assert.Contains(t, got.stdout, "webidentity  failed (")
	assert.Empty(t, w.node.Requests(), "the node's role is not asked for")
}

func TestWhatNobodyMayMissIsNoted(t *testing.T) {
	const node, fallback, shadow = "running as the node: these credentials are those of the EC2 instance", "aws credentials resolved by fallback", "aws keys in the environment shadow this workload's own identity"
	w := newWorld(t)
	got := whoami(t, w.env, "")
	assert.Equal(t, statusFound, got.status)
	assert.Equal(t, "node-role, by imds", got.firstLine())
	assert.Contains(t, got.stdout, "  note        "+node)

	w.inject(t, "gryphon-dispatcher-canary")
	w.env["PODROLE_FALLBACK"] = "next"
	got = whoami(t, w.env, "")
	assert.Equal(t, "node-role, by imds", got.firstLine())
	assert.Contains(t, got.stdout, "  note        "+fallback)
	assert.Contains(t, got.stdout, "\n              "+node)
	assert.Contains(t, got.stdout, "cause: web identity is configured and failed")

	w.associate(t)
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = keyID, secret
	assert.Contains(t, whoami(t, w.env, "").stdout, "  note        "+shadow)
	assert.Contains(t, whoami(t, w.env, "", "-json").stdout, shadow)
}

func TestWhatAProviderWarnsOfGoesToTheErrorStream(t *testing.T) {
	w := newWorld(t)
	w.node.Change(func(o *imdstest.Options) { o.V1, o.NoSessions = true, http.StatusNotFound })
	w.env["AWS_EC2_METADATA_V1_DISABLED"] = "false"
	got := whoami(t, w.env, "")
	assert.Equal(t, statusFound, got.status, got.stdout)
	assert.Contains(t, got.stderr, "level=WARN msg=")
	assert.NotContains(t, got.stderr, "time=")
}

func TestNothingConfiguredIsStatusOne(t *testing.T) {
	w := newWorld(t)
	w.env["AWS_EC2_METADATA_DISABLED"] = "true"
	got := whoami(t, w.env, "")
	assert.Equal(t, statusNone, got.status)
	assert.Contains(t, got.firstLine(), "no credentials: no AWS credentials found: ")
	for _, link := range []string{"env", "webidentity", "container", "imds"} {
		assert.Contains(t, got.stdout, "\n  "+link+" ")
	}
}

func TestKeysOfTheEnvironmentAreAskedOfSTS(t *testing.T) {
	w := newWorld(t)
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = keyID, secret
	w.sts.AddIdentity(keyID, "arn:aws:iam::111122223333:user/left-over")
	got := whoami(t, w.env, "")
	assert.Equal(t, statusFound, got.status)
	assert.Equal(t, "arn:aws:iam::111122223333:user/left-over, by env", got.firstLine())
	assert.Contains(t, got.stdout, "access key  …MPLE\n")
	assert.Contains(t, got.stdout, "expires     never\n")

	w.sts.Break(ststest.Fault{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: http.StatusForbidden})
	got = whoami(t, w.env, "")
	assert.Equal(t, statusFound, got.status, "there are credentials, whosever they are")
	assert.Equal(t, "an identity that is not known, by env", got.firstLine())
	assert.Contains(t, got.stdout, "arn         not known: ")
	assert.Contains(t, got.stdout, "InvalidClientTokenId")
}

func TestTheTimeoutEndsTheWait(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	got := whoami(t, w.env, "", "-timeout", "0s")
	assert.Equal(t, statusNone, got.status)
	assert.Contains(t, got.firstLine(), "no credentials: ")
	assert.Contains(t, got.firstLine(), "context deadline exceeded")
}

func TestTokenAndRoleCanBeGivenAsFlags(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	delete(w.env, roleVar)
	delete(w.env, tokenFileVar)
	got := whoami(t, w.env, "", "-role", roleARN, "-token", w.tokens.Path())
	assert.Equal(t, statusFound, got.status, got.stdout)
	assert.Equal(t, "gryphon-dispatcher, by webidentity", got.firstLine())
}

func TestExplainTellsWhatConfiguresEachProvider(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	w.associate(t)
	w.env["AWS_PROFILE"], w.env["PODROLE_FALLBACK"] = "dev", "stop"
	got := whoami(t, w.env, "", "-explain")
	assert.Equal(t, statusFound, got.status)
	env, rest := section(t, got.stdout, "env", "webidentity")
	assert.Contains(t, env, "configured by  nothing")
	web, rest := section(t, rest, "webidentity", "container")
	assert.Contains(t, web, "answer                       has them (")
	assert.Contains(t, web, `AWS_ROLE_ARN                 "`+roleARN+`"`)
	assert.Contains(t, web, `token's subject              "`+subject+`"`)
	container, rest := section(t, rest, "container", "imds")
	assert.Contains(t, container, "not asked: the chain ended with webidentity, which shadows it")
	assert.Contains(t, container, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	node, rest := section(t, rest, "imds", "the chain")
	assert.Contains(t, node, "not asked: the chain ended with webidentity\n")
	assert.Contains(t, rest, `PODROLE_FALLBACK  "stop"`)
	assert.Contains(t, rest, `AWS_PROFILE       "dev", which this chain does not read`)
}

func TestExplainSaysWhatIsWrongWithTheToken(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	require.NoError(t, w.tokens.Write("bm90LWEtand0"))
	assert.Contains(t, whoami(t, w.env, "", "-explain").stdout, "the token is not a JWT")
	w.env[tokenFileVar] = "testdata/none.jwt"
	assert.Contains(t, whoami(t, w.env, "", "-explain").stdout, "note                         the token of AWS_WEB_IDENTITY_TOKEN_FILE: open testdata/none.jwt")
}

// section returns what stands under one heading of the output, up to the next, and the rest.
func section(t *testing.T, text, heading, next string) (body, rest string) {
	t.Helper()
	_, text, ok := strings.Cut("\n"+text, "\n"+heading+"\n")
	require.True(t, ok, heading)
	body, rest, ok = strings.Cut(text, "\n"+next+"\n")
	require.True(t, ok, next)
	return body, next + "\n" + rest
}

func TestIdentityMarshalsAsJSON(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	type report struct {
		Found     bool
		Error     string
		ARN       string
		Status    struct{ Provider, State string }
		Providers []struct {
			Name  string
			Asked bool
			Token *struct{ Subject string }
		}
	}
	var found report
	got := whoami(t, w.env, "", "-json", "-explain")
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &found))
	assert.Equal(t, statusFound, got.status)
	assert.True(t, found.Found)
	assert.Equal(t, "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.gryphon-0", found.ARN)
	assert.Equal(t, "webidentity", found.Status.Provider)
	require.Len(t, found.Providers, 4)
	assert.True(t, found.Providers[1].Asked)
	assert.False(t, found.Providers[2].Asked)
	require.NotNil(t, found.Providers[1].Token)
	assert.Equal(t, subject, found.Providers[1].Token.Subject)

	w.sts.DeleteRole(roleARN)
	var none report
	got = whoami(t, w.env, "", "-json")
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &none))
	assert.Equal(t, statusNone, got.status)
	assert.False(t, none.Found)
	assert.Contains(t, none.Error, "AccessDenied")
	assert.Empty(t, none.Providers)
}

// Every way to run the program, with every secret there is in its surroundings: none comes out.
func TestNoOutputHoldsASecret(t *testing.T) {
	w := newWorld(t)
	w.inject(t, "gryphon-dispatcher")
	w.associate(t)
	const session, password, relative = "FwoGZXIvYXdzEXAMPLESESSIONTOKEN", "hunter2-in-a-url", "/v2/credentials/5b0c9e8e-secret"
	w.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "authorization-" + session
	w.env["AWS_ENDPOINT_URL"] = "http://user:" + password + "@127.0.0.1:1/?q=" + password
	surroundings := map[string]map[string]string{"web identity": w.env}
	for name, change := range map[string]map[string]string{
		"keys":        {"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session},
		"half a pair": {"AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session},
		"container":   {roleVar: "", tokenFileVar: ""},
		"ecs":         {roleVar: "", tokenFileVar: "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "x" + relative},
		"node":        {roleVar: "", tokenFileVar: "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "", "AWS_CONTAINER_AUTHORIZATION_TOKEN": ""},
		"refused":     {roleVar: "arn:aws:iam::111122223333:role/none"},
		"misplaced":   {roleVar: w.tokens.Token(), "AWS_ROLE_SESSION_NAME": w.tokens.Token(), "AWS_REGION": w.tokens.Token()},
		"no path":     {tokenFileVar: w.tokens.Token()},
	} {
		env := maps.Clone(w.env)
		maps.Copy(env, change)
		surroundings[name] = env
	}
	node := w.node.Credentials()
	secrets := []string{keyID, secret, session, password, relative[1:], node.AccessKeyID, node.SecretAccessKey, node.SessionToken, w.bearer}
	secrets = append(secrets, strings.Split(w.tokens.Token(), ".")...)
	policy := write(t, "policy.json", w.sts.TrustPolicy(subject))
	for name, env := range surroundings {
		for _, args := range [][]string{{}, {"-json"}, {"-explain"}, {"-explain", "-json"}, {"-trust-policy", policy, "-token", w.tokens.Path(), "-explain"}, {"-trust-policy", policy, "-token", w.tokens.Path(), "-json"}} {
			got := whoami(t, env, "", args...)
			require.NotEmpty(t, got.stdout+got.stderr)
			for _, s := range secrets {
				assert.NotContains(t, got.stdout+got.stderr, s, "%s %v", name, args)
			}
		}
	}
}
