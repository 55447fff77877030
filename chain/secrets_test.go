package chain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
	"example.com/podrole/chain"
	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/envcreds"
	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/trustpolicy"
)

// Every exported type of the library is printed in every way that a program prints things, after it has dealt with secrets, and none
// of them may show. The fakes are left out: their secrets are made up, and a test may want to see them.
func TestNoSecretInAnyExportedTypeErrorOrRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		w.servePodIdentity(t)
		secrets := map[string]bool{keys["AWS_SECRET_ACCESS_KEY"]: true}
		keep := func(creds aws.Credentials, err error) {
			require.NoError(t, err)
			secrets[creds.SecretAccessKey] = true
			if creds.SessionToken != "" {
				secrets[creds.SessionToken] = true
			}
		}
		failed := func(_ aws.Credentials, err error) error { require.Error(t, err); return err }

		irsa, agentToken := w.irsa(t, "gryphon-dispatcher"), w.agent.Token(gryphonSubject)
		jwt, err := os.ReadFile(irsa["AWS_WEB_IDENTITY_TOKEN_FILE"])
		require.NoError(t, err)
		secrets[string(jwt)], secrets[string(jwt[bytes.LastIndexByte(jwt, '.')+1:])] = true, true
		secrets[agentToken] = true

		// The chain, once with each source.
		var chains []*chain.Chain
		for _, set := range []map[string]string{keys, irsa, w.podIdentity(), nil} {
			c := w.chain(t, vars(kubernetes, set))
			keep(c.Retrieve(t.Context()))
			chains = append(chains, c)
			if token := set["AWS_CONTAINER_AUTHORIZATION_TOKEN"]; token != "" {
				secrets[token] = true
			}
		}

		// The providers, with the secrets in their options where there are any.
		env0, http := env(vars(keys)), w.client
		envOptions := envcreds.Options{LookupEnv: env0}
		envProvider := envcreds.New(func(o *envcreds.Options) { *o = envOptions })
		keep(envProvider.Retrieve(t.Context()))
		webOptions := webidentity.Options{RoleARN: irsa["AWS_ROLE_ARN"], TokenFile: irsa["AWS_WEB_IDENTITY_TOKEN_FILE"], LookupEnv: env(vars()), HTTPClient: http, Logger: w.log.Logger()}
		webProvider := webidentity.New(func(o *webidentity.Options) { *o = webOptions })
		keep(webProvider.Retrieve(t.Context()))
		ecsOptions := ecs.Options{FullURI: "http://169.254.170.23" + ecstest.PodIdentityPath, AuthorizationToken: agentToken, DialContext: w.net.DialContext, LookupEnv: env(nil), Logger: w.log.Logger()}
		ecsProvider := ecs.New(func(o *ecs.Options) { *o = ecsOptions })
		keep(ecsProvider.Retrieve(t.Context()))
		imdsOptions := imds.Options{DialContext: w.net.DialContext, LookupEnv: env(nil), Logger: w.log.Logger()}
		imdsProvider := imds.New(func(o *imds.Options) { *o = imdsOptions })
		keep(imdsProvider.Retrieve(t.Context()))
		for _, r := range w.imds.Requests() {
			if token := r.Header.Get("X-aws-ec2-metadata-token"); token != "" {
				secrets[token] = true
			}
		}
		sessions := cache.New(webProvider, func(o *cache.Options) { o.Logger = w.log.Logger() })
		defer sessions.Close()
		keep(sessions.Retrieve(t.Context()))

		// Failures that had secrets in hand.
		claims, err := webidentity.Inspect(string(jwt))
		require.NoError(t, err)
		request, err := trustpolicy.RequestFromToken(string(jwt))
		require.NoError(t, err)
		policy, err := trustpolicy.Parse([]byte(w.sts.TrustPolicy("nobody")))
		require.NoError(t, err)
		result := policy.Evaluate(request)
		_, parseErr := trustpolicy.Parse([]byte(`{"Version": "2012-10-17", "Statement": [` + "}"))
		require.Error(t, parseErr)

		denied := failed(w.chain(t, vars(w.irsa(t, canary))).Retrieve(t.Context()))
		half := failed(w.chain(t, vars(map[string]string{"AWS_SECRET_ACCESS_KEY": keys["AWS_SECRET_ACCESS_KEY"]})).Retrieve(t.Context()))
		noFile := failed(w.chain(t, vars(map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": "/none"})).Retrieve(t.Context()))
		w.agent.Fail(-1, ecstest.Fault{Status: 403, Body: "the token " + agentToken + " is not known"})
		agentRefused := failed(ecsProvider.Retrieve(t.Context()))
		w.agent.Heal()
		w.agent.Fail(-1, ecstest.Fault{Status: 200, Body: `{"AccessKeyId":"AKID","SecretAccessKey":"half-a-document-secret`})
		secrets["half-a-document-secret"] = true
		agentBroken := failed(ecsProvider.Retrieve(t.Context()))
		w.imds.Fail(-1, imdstest.Fault{Method: "GET", Status: 500, Body: "half-a-document-secret"})
		imdsRefused := failed(imdsProvider.Retrieve(t.Context()))
		w.sts.DeleteRole(gryphonRole)
		webRefused := failed(webProvider.Retrieve(t.Context()))

		status := chains[1].Status()
		all := map[string]any{
			"cache.SessionCache": sessions, "cache.Options": cache.Options{Logger: w.log.Logger()}, "cache.State": sessions.Status().State,
			"cache.Status": sessions.Status(), "cache.Counters": sessions.Status().Counters, "cache.TimeoutError": &timeout.Error{Op: "x"},
			"chain.Chain": chains, "chain.DefaultCredentialsChain": chains[0], "chain.TimeoutError": &timeout.Error{Op: "x", Last: "y"},
			"chain.Outcome": status.Attempts[0].Outcome, "chain.Attempt": status.Attempts, "chain.Error": denied, "chain.Identity": status.Identity,
			"chain.Link": chain.Link{Name: "container", Provider: ecsProvider}, "chain.FallbackPolicy": chain.FallbackNext, "chain.NodeRolePolicy": chain.NodeRoleRefuse,
			"chain.Options": chain.Options{LookupEnv: env0, HTTPClient: http}, "chain.Status": status, "chain.Counters": status.Counters,
			"chain.UnexpectedIdentityError": &chain.UnexpectedIdentityError{Expected: gryphonRole, Actual: status.Identity.ARN},
			"envcreds.Options":              envOptions, "envcreds.Provider": envProvider,
			"webidentity.Options": webOptions, "webidentity.Provider": webProvider, "webidentity.Claims": claims,
			"webidentity.Exchange": as[*webidentity.DeniedError](t, webRefused).Exchange, "webidentity.DeniedError": as[*webidentity.DeniedError](t, webRefused),
			"webidentity.ExchangeError": webidentity.ExchangeError{Exchange: as[*webidentity.DeniedError](t, denied).Exchange}, "webidentity.TokenFileError": as[*webidentity.TokenFileError](t, noFile),
			"ecs.Options": ecsOptions, "ecs.Provider": ecsProvider, "ecs.ResponseError": as[*ecs.ResponseError](t, agentRefused),
			"imds.Options": imdsOptions, "imds.Provider": imdsProvider, "imds.ResponseError": as[*imds.ResponseError](t, imdsRefused),
			"trustpolicy.ParseError": parseErr, "trustpolicy.Policy": policy, "trustpolicy.Request": request, "trustpolicy.Verdict": result.Verdict,
			"trustpolicy.Result": result, "trustpolicy.Answer": result, "trustpolicy.Reason": result, "trustpolicy.Mismatch": result,
		}
		for _, name := range exportedTypes(t, "cache", "chain", "envcreds", "webidentity", "webidentity/trustpolicy", "ecs", "imds") {
			_, ok := all[name]
			assert.True(t, ok, "the exported type %s is not in this test", name)
		}
		all["half a key pair"], all["a broken document"], all["a refusal"] = half, agentBroken, webRefused

		find := func(where, text string) {
			for secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows a secret (%d characters of it)", where, len(secret))
				}
			}
		}
		for name, value := range all {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				find(name+" as "+verb, fmt.Sprintf(verb, value))
			}
			if data, err := json.Marshal(value); err == nil {
				find(name+" as JSON", string(data))
			}
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "value", value)
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "value", value)
			find(name+" in a log", b.String())
			if err, ok := value.(error); ok {
				for _, e := range tree(err) {
					find(fmt.Sprintf("%T inside %s", e, name), fmt.Sprintf("%v %+v %#v", e, e, e))
				}
			}
		}
		for _, line := range w.log.Lines(slog.LevelDebug) {
			find("the record "+line[:min(len(line), 60)], line)
		}
		assert.Greater(t, len(secrets), 10)
	})
}

// as finds an error of the type.
func as[E error](t *testing.T, err error) E {
	t.Helper()
	var found E
	require.ErrorAs(t, err, &found)
	return found
}

// tree is an error and all that it wraps.
func tree(err error) []error {
	all := []error{err}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			all = append(all, tree(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			all = append(all, tree(inner)...)
		}
	}
	return all
}

// exportedTypes reads the exported types, but for interfaces, out of the source of packages beside this one.
func exportedTypes(t *testing.T, folders ...string) []string {
	t.Helper()
	var names []string
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, folder)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range parsed.Decls {
				group, ok := decl.(*ast.GenDecl)
				if !ok || group.Tok != token.TYPE {
					continue
				}
				for _, spec := range group.Specs {
					spec := spec.(*ast.TypeSpec)
					if _, isInterface := spec.Type.(*ast.InterfaceType); spec.Name.IsExported() && !isInterface {
						names = append(names, parsed.Name.Name+"."+spec.Name.Name)
					}
				}
			}
		}
	}
	return names
}
