package chain_test

import (
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/envcreds"
	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

// The providers of this library, and a chain, keep the contract that others' providers are tested against.

func TestEnvironmentKeysKeepTheContract(t *testing.T) {
	provider := func(set map[string]string) func(*testing.T) aws.CredentialsProvider {
		return func(*testing.T) aws.CredentialsProvider {
			return envcreds.New(func(o *envcreds.Options) { o.LookupEnv = env(set) })
		}
	}
	chaintest.TestProvider(t, chaintest.Contract{
		Working: provider(keys), Unconfigured: provider(nil), Secrets: []string{keys["AWS_SECRET_ACCESS_KEY"]},
		Failing: provider(map[string]string{"AWS_SECRET_ACCESS_KEY": keys["AWS_SECRET_ACCESS_KEY"]}),
	})
}

func TestWebIdentityKeepsTheContract(t *testing.T) {
	sts := ststest.New()
	require.NoError(t, sts.SetTrustPolicy(gryphonRole, sts.TrustPolicy(gryphonSubject)))
	server := httptest.NewServer(sts)
	t.Cleanup(server.Close)
	provider := func(t *testing.T, serviceAccount string) aws.CredentialsProvider {
		tokens, err := sts.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: serviceAccount})
		require.NoError(t, err)
		return webidentity.New(func(o *webidentity.Options) {
			o.LookupEnv = env(map[string]string{"AWS_ROLE_ARN": gryphonRole, "AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path(), "AWS_ENDPOINT_URL_STS": server.URL, "AWS_REGION": "us-east-1"})
		})
	}
	chaintest.TestProvider(t, chaintest.Contract{
		Working: func(t *testing.T) aws.CredentialsProvider { return provider(t, "gryphon-dispatcher") },
		Failing: func(t *testing.T) aws.CredentialsProvider { return provider(t, canary) },
		Unconfigured: func(*testing.T) aws.CredentialsProvider {
			return webidentity.New(func(o *webidentity.Options) { o.LookupEnv = env(nil) })
		},
	})
}

func TestContainerCredentialsKeepTheContract(t *testing.T) {
	agent := ecstest.New()
	server := httptest.NewServer(agent)
	t.Cleanup(server.Close)
	token := agent.Token(gryphonSubject)
	provider := func(set map[string]string) func(*testing.T) aws.CredentialsProvider {
		return func(*testing.T) aws.CredentialsProvider {
			return ecs.New(func(o *ecs.Options) { o.LookupEnv = env(set) })
		}
	}
	chaintest.TestProvider(t, chaintest.Contract{
		Working: provider(map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + ecstest.PodIdentityPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN": token}),
		Failing: provider(map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": token}), Unconfigured: provider(nil), Secrets: []string{token},
	})
}

func TestInstanceMetadataKeepsTheContract(t *testing.T) {
	provider := func(change func(*imdstest.Options), set map[string]string) func(*testing.T) aws.CredentialsProvider {
		return func(t *testing.T) aws.CredentialsProvider {
			server := httptest.NewServer(imdstest.New(change))
			t.Cleanup(server.Close)
			return imds.New(func(o *imds.Options) { o.Endpoint, o.LookupEnv = server.URL, env(set) })
		}
	}
	nothing := func(*imdstest.Options) {}
	chaintest.TestProvider(t, chaintest.Contract{
		Working: provider(nothing, nil),
		Failing: provider(func(o *imdstest.Options) { o.Code = "AssumeRoleUnauthorizedAccess" }, nil),
		Unconfigured: func(*testing.T) aws.CredentialsProvider {
			return imds.New(func(o *imds.Options) { o.LookupEnv = env(map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}) })
		},
	})
}

func TestAChainKeepsTheContract(t *testing.T) {
	of := func(answer chaintest.Answer) func(*testing.T) aws.CredentialsProvider {
		return func(t *testing.T) aws.CredentialsProvider {
			c := chain.New([]chain.Link{{Name: "one", Provider: chaintest.NewProvider(answer)}}, func(o *chain.Options) { o.Logger = (&recorder{}).Logger() })
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
	}
	chaintest.TestProvider(t, chaintest.Contract{
		Working: of(chaintest.Credentials("AKID")), Unconfigured: of(chaintest.Unavailable("nothing")), Failing: of(chaintest.Fail(errDenied)),
	})
}
