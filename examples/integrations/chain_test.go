package integrations

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	sdkimds "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/memnet"
	"example.com/podrole/webidentity/ststest"
)

const role = "arn:aws:iam::111122223333:role/gryphon-dispatcher"

// pod is the network of the incident: an STS that refuses the canary's service account, a node's role at the metadata service, and a
// Kinesis that answers by identity. Clients reach all of them in memory, so a bubble's virtual time counts.
type pod struct {
	sts    *ststest.Server
	imds   *imdstest.Server
	client *http.Client
	agents []string // the user agents that Kinesis saw
	env    map[string]string
	net    *memnet.Net
}

func newPod(t *testing.T) *pod {
	t.Helper()
	p := &pod{sts: ststest.New(), imds: imdstest.New(func(o *imdstest.Options) { o.Role = "eks-node" }), net: memnet.New()}
	require.NoError(t, p.sts.SetTrustPolicy(role, p.sts.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher")))
	tokens, err := p.sts.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher-canary"})
	require.NoError(t, err)
	p.env = map[string]string{
		"KUBERNETES_SERVICE_HOST": "10.96.0.1", "AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path(),
		"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:7000",
	}
	t.Cleanup(p.net.Serve("127.0.0.1:7000", p.sts))
	t.Cleanup(p.net.Serve("169.254.169.254:80", p.imds))
	t.Cleanup(p.net.Serve("127.0.0.1:7001", http.HandlerFunc(p.kinesis)))
	p.client = &http.Client{Transport: &http.Transport{DialContext: p.net.DialContext}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

func (p *pod) kinesis(w http.ResponseWriter, r *http.Request) {
	p.agents = append(p.agents, r.UserAgent())
	id := ststest.AccessKeyID(r)
	arn, ok := p.sts.Identity(id)
	if !ok {
		_, arn, _ = p.imds.Issued(id)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if !strings.Contains(arn, ":assumed-role/gryphon-dispatcher/") {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "AccessDeniedException", "message": "User: " + arn + " is not authorized to perform: kinesis:DescribeStream"})
		return
	}
	fmt.Fprint(w, `{"StreamDescription":{"StreamName":"events","StreamStatus":"ACTIVE"}}`)
}

func (p *pod) chain(t *testing.T, optFns ...func(*chain.Options)) *chain.Chain {
	t.Helper()
	c := chain.NewDefault(append([]func(*chain.Options){func(o *chain.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := p.env[name]; return v, ok }
		o.HTTPClient, o.FS, o.Logger = p.client, fstest.MapFS{}, slog.New(slog.DiscardHandler)
		o.IMDS = func(o *imds.Options) { o.DialContext = p.net.DialContext }
	}}, optFns...)...)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// wirings are the two ways in which a provider gets into a client.
var wirings = map[string]func(t *testing.T, p *pod, c *chain.Chain) aws.Config{
	"set as aws.Config.Credentials": func(_ *testing.T, p *pod, c *chain.Chain) aws.Config {
		return aws.Config{Region: "us-east-1", Credentials: c, HTTPClient: p.client}
	},
	"given through config.WithCredentialsProvider": func(t *testing.T, p *pod, c *chain.Chain) aws.Config {
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithCredentialsProvider(c), config.WithRegion("us-east-1"), config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil))
		require.NoError(t, err)
		cfg.HTTPClient = p.client
		require.IsType(t, &aws.CredentialsCache{}, cfg.Credentials, "config puts a cache of its own around the chain")
		return cfg
	},
}

func describe(ctx context.Context, cfg aws.Config) (types.StreamStatus, error) {
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = aws.String("http://127.0.0.1:7001") })
	out, err := client.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("events")})
	if err != nil {
		return "", err
	}
	return out.StreamDescription.StreamStatus, nil
}

func TestAChainDrivesARealClient(t *testing.T) {
	for name, wire := range wirings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPod(t)
				require.NoError(t, p.sts.SetTrustPolicy(role, p.sts.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher*")))
				c := p.chain(t)
				cfg := wire(t, p, c)
				for range 20 { // hourly sessions, for as long as the token lives
					status, err := describe(t.Context(), cfg)
					require.NoError(t, err)
					require.Equal(t, types.StreamStatusActive, status)
					time.Sleep(time.Hour)
				}
				assert.Contains(t, p.agents[0], "m/", "the source of the credentials is in the user agent")
			})
		})
	}
}

func TestTheClientsErrorIsTheChains(t *testing.T) {
	for name, wire := range wirings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPod(t)
				_, err := describe(t.Context(), wire(t, p, p.chain(t)))
				require.ErrorContains(t, err, "sub=system:serviceaccount:default:gryphon-dispatcher-canary")
				var failed *chain.Error
				require.ErrorAs(t, err, &failed)
				assert.Empty(t, p.agents, "Kinesis was not called")
			})
		})
	}
}

func TestOneCallWithABrokenSTSAsksItAtMostThreeTimes(t *testing.T) {
	for name, wire := range wirings {
		for fault, f := range map[string]ststest.Fault{"500": ststest.InternalFailure, "throttling": ststest.Throttling} {
			t.Run(name+", "+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPod(t)
					p.sts.Break(f)
					_, err := describe(t.Context(), wire(t, p, p.chain(t)))
					require.Error(t, err)
					assert.LessOrEqual(t, len(p.sts.Requests()), 3, "the SDK alone makes 9")
				})
			})
		}
	}
}

func TestTheIncidentHealsInARealClient(t *testing.T) {
	for name, wire := range wirings {
		for _, row := range []struct {
			name   string
			policy chain.FallbackPolicy
			within time.Duration
		}{{"FallbackNext, within one recheck", chain.FallbackNext, 75 * time.Second}, {"the default, at the next try", chain.FallbackDefault, 6 * time.Second}} {
			t.Run(name+", "+row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPod(t)
					c := p.chain(t, func(o *chain.Options) { o.Fallback = row.policy })
					cfg := wire(t, p, c)
					_, err := describe(t.Context(), cfg)
					require.Error(t, err)
					require.NoError(t, p.sts.SetTrustPolicy(role, p.sts.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher*")))
					mended := time.Now()
					for err != nil {
						require.LessOrEqual(t, time.Since(mended), row.within, "last: %v", err)
						time.Sleep(500 * time.Millisecond)
						_, err = describe(t.Context(), cfg)
					}
				})
			})
		}
	}
}

// The SDK's own providers are links too. Unavailable says which of their errors mean that nothing is there.
func TestTheSDKsProvidersAsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t)
		notHere := func(err error) bool { return strings.Contains(err.Error(), "static credentials are empty") }
		node := ec2rolecreds.New(func(o *ec2rolecreds.Options) {
			o.Client = sdkimds.New(sdkimds.Options{HTTPClient: p.client})
		})
		c := chain.New([]chain.Link{
			{Name: "static", Provider: credentials.NewStaticCredentialsProvider("", "", ""), Unavailable: notHere},
			{Name: "instance", Provider: node},
		}, func(o *chain.Options) {
			o.LookupEnv = func(string) (string, bool) { return "", false }
			o.FS, o.Logger = fstest.MapFS{}, slog.New(slog.DiscardHandler)
		})
		defer c.Close()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "EC2RoleProvider", creds.Source)
		assert.Equal(t, "instance", c.Status().Provider)
		assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceIMDS, aws.CredentialSourceCode}, c.ProviderSources())
	})
}
