package integrations

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/memnet"
	"example.com/podrole/webidentity/ststest"
)

// account is an STS that gives sessions by AssumeRole and AssumeRoleWithWebIdentity, and a Kinesis that takes only sessions that
// STS gave and that have not expired.
type account struct {
	mu     sync.Mutex
	broken bool // STS answers 500
	asked  []time.Time
	until  map[string]time.Time
	roles  map[string]string // by access key id
	by     []string          // the access key ids that signed AssumeRole
	agents []string
}

func newAccount() *account {
	return &account{until: map[string]time.Time{}, roles: map[string]string{}}
}

func (a *account) STS(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, time.Now())
	if a.broken {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>`)
		return
	}
	life, err := time.ParseDuration(r.FormValue("DurationSeconds") + "s")
	if err != nil {
		life = time.Hour
	}
	a.by = append(a.by, ststest.AccessKeyID(r))
	id := fmt.Sprintf("ASIAEXAMPLE%09d", len(a.until)+1)
	role := r.FormValue("RoleArn")
	a.until[id], a.roles[id] = time.Now().Add(life), role[strings.LastIndex(role, "/")+1:]
	action := r.FormValue("Action")
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>%[2]s</AccessKeyId><SecretAccessKey>example</SecretAccessKey>`+
		`<SessionToken>example</SessionToken><Expiration>%[3]s</Expiration></Credentials>`+
		`<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/%[4]s/session</Arn></AssumedRoleUser></%[1]sResult></%[1]sResponse>`,
		action, id, a.until[id].UTC().Format(time.RFC3339), a.roles[id])
}

func (a *account) Kinesis(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.agents = append(a.agents, r.UserAgent())
	id := ststest.AccessKeyID(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if !time.Now().Before(a.until[id]) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "ExpiredTokenException", "message": id + " is not a session, or no longer"})
		return
	}
	fmt.Fprintf(w, `{"StreamDescription":{"StreamName":%q,"StreamStatus":"ACTIVE"}}`, a.roles[id])
}

func (a *account) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// place is where an account is reached, and how.
type place struct {
	client       *http.Client
	sts, kinesis string
}

// inMemory is for bubbles.
func inMemory(t *testing.T, a *account) place {
	net := memnet.New()
	t.Cleanup(net.Serve("127.0.0.1:7000", http.HandlerFunc(a.STS)))
	t.Cleanup(net.Serve("127.0.0.1:7001", http.HandlerFunc(a.Kinesis)))
	client := &http.Client{Transport: &http.Transport{DialContext: net.DialContext}}
	t.Cleanup(client.CloseIdleConnections)
	return place{client, "http://127.0.0.1:7000", "http://127.0.0.1:7001"}
}

// stsClient signs with creds.
func (p place) stsClient(creds aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &p.sts, HTTPClient: p.client, Credentials: creds})
}

// config loads the SDK's configuration around creds, and nothing of this machine's.
func (p place) config(t *testing.T, creds aws.CredentialsProvider) aws.Config {
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"), config.WithCredentialsProvider(creds),
		config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}))
	require.NoError(t, err)
	cfg.HTTPClient = p.client // afterwards: with AWS_CA_BUNDLE set, config takes no client whose transport it cannot change
	return cfg
}

func (p place) describe(ctx context.Context, cfg aws.Config) (string, error) {
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = &p.kinesis })
	out, err := client.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("events")})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.StreamDescription.StreamName), nil
}

var static = credentials.NewStaticCredentialsProvider("AKIAEXAMPLE000000001", "example", "")

func TestBehindWithCredentialsProviderTheCacheStillRefreshesInTime(t *testing.T) {
	for _, life := range []time.Duration{15 * time.Minute, time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAccount()
				p := inMemory(t, a)
				c := cache.New(stscreds.NewAssumeRoleProvider(p.stsClient(static), role, func(o *stscreds.AssumeRoleOptions) { o.Duration = life }))
				defer c.Close()
				cfg := p.config(t, c)
				require.IsType(t, &aws.CredentialsCache{}, cfg.Credentials, "the SDK wraps it")
				for range 1000 {
					start := time.Now()
					_, err := p.describe(t.Context(), cfg)
					require.NoError(t, err, "never an expired session")
					require.Zero(t, time.Since(start))
					time.Sleep(life / 100)
				}
				for n := 1; n < a.calls(); n++ {
					gap := a.asked[n].Sub(a.asked[n-1])
					assert.LessOrEqual(t, gap, life-time.Minute, "before the session expired, and before the SDK's cache would have asked")
					assert.GreaterOrEqual(t, gap, life/2)
				}
				assert.EqualValues(t, 1, c.Status().Counters.Waits, "the first call's")
			})
		})
	}
}

func TestOneAPICallMakesThreeSTSCallsAtMostWhenSTSIsDown(t *testing.T) {
	token := stscreds.IdentityTokenRetriever(tokenFunc(func() ([]byte, error) { return []byte("e30.e30.e30"), nil }))
	for name, provider := range map[string]func(*sts.Client) aws.CredentialsProvider{
		"AssumeRole": func(c *sts.Client) aws.CredentialsProvider { return stscreds.NewAssumeRoleProvider(c, role) },
		"AssumeRoleWithWebIdentity": func(c *sts.Client) aws.CredentialsProvider {
			return stscreds.NewWebIdentityRoleProvider(c, role, token)
		},
	} {
		for wiring, row := range map[string]struct {
			wire  func(*testing.T, place, aws.CredentialsProvider) aws.Config
			calls int
		}{
			"cache, set directly": {func(t *testing.T, p place, c aws.CredentialsProvider) aws.Config {
				cfg := p.config(t, static)
				cfg.Credentials = cache.New(c)
				return cfg
			}, 3},
			"cache, WithCredentialsProvider":  {func(t *testing.T, p place, c aws.CredentialsProvider) aws.Config { return p.config(t, cache.New(c)) }, 3},
			"no cache of ours, as a contrast": {func(t *testing.T, p place, c aws.CredentialsProvider) aws.Config { return p.config(t, c) }, 9},
		} {
			t.Run(name+"/"+wiring, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newAccount()
					p := inMemory(t, a)
					a.broken = true
					cfg := row.wire(t, p, provider(p.stsClient(static)))
					_, err := p.describe(t.Context(), cfg)
					assert.ErrorContains(t, err, "InternalFailure")
					assert.Equal(t, row.calls, a.calls())
				})
			})
		}
	}
}

type tokenFunc func() ([]byte, error)

func (f tokenFunc) GetIdentityToken() ([]byte, error) { return f() }

// The SDK's own instance provider extends what it gave before, again and again, whenever it is asked in vain. Under the cache that ends.
func TestTheSDKsInstanceProviderIsServedStaleUpToOurLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := imdstest.New(func(o *imdstest.Options) { o.Lifetime = time.Hour })
		net := memnet.New()
		t.Cleanup(net.Serve("169.254.169.254:80", service))
		client := &http.Client{Transport: &http.Transport{DialContext: net.DialContext}}
		t.Cleanup(client.CloseIdleConnections)
		c := cache.New(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.New(imds.Options{HTTPClient: client}) }),
			func(o *cache.Options) { o.StaleLimit = 10 * time.Minute })
		defer c.Close()
		held, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceIMDS, aws.CredentialSourceCode}, c.ProviderSources())

		service.Fail(-1, imdstest.Fault{Status: http.StatusInternalServerError})
		end := c.Status().Expires
		time.Sleep(time.Until(end))
		for time.Until(end) > -10*time.Minute {
			start := time.Now()
			creds, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			require.Zero(t, time.Since(start))
			require.Equal(t, held.AccessKeyID, creds.AccessKeyID)
			require.False(t, creds.Expired())
			require.Equal(t, cache.StateStale, c.Status().State)
			time.Sleep(time.Second)
		}
		_, err = c.Retrieve(t.Context())
		require.ErrorContains(t, err, "podrole: ")

		service.Heal()
		time.Sleep(5 * time.Second)
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, held.AccessKeyID, creds.AccessKeyID)
	})
}

func TestTheUserAgentStillSaysWhereTheCredentialsComeFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount()
		p := inMemory(t, a)
		provider := stscreds.NewAssumeRoleProvider(p.stsClient(static), role, func(o *stscreds.AssumeRoleOptions) {
			o.CredentialSources = []aws.CredentialSource{aws.CredentialSourceEnvVars}
		})
		c := cache.New(provider)
		defer c.Close()
		for _, creds := range []aws.CredentialsProvider{provider, c} {
			_, err := p.describe(t.Context(), p.config(t, creds))
			require.NoError(t, err)
		}
		bare, ours := features(a.agents[0]), features(a.agents[1])
		assert.NotEmpty(t, bare)
		assert.Subset(t, ours, bare)
		assert.Contains(t, ours, "e", "CREDENTIALS_CODE")
	})
}

// features are the feature ids in a user agent, "m/E,e,g".
func features(agent string) []string {
	for word := range strings.FieldsSeq(agent) {
		if ids, ok := strings.CutPrefix(word, "m/"); ok {
			return strings.Split(ids, ",")
		}
	}
	return nil
}

// Role chaining: the process's own role takes another one, in another account perhaps. Both sessions are refreshed in the
// background, each by its own cache; AWS limits the second one to an hour.
func Example_roleChaining() {
	a := newAccount()
	stsServer, kinesisServer := httptest.NewServer(http.HandlerFunc(a.STS)), httptest.NewServer(http.HandlerFunc(a.Kinesis))
	defer stsServer.Close()
	defer kinesisServer.Close()
	p := place{http.DefaultClient, stsServer.URL, kinesisServer.URL}

	// The process's own identity. In a pod this is chain.NewDefault(), which has a cache inside.
	own := cache.New(stscreds.NewAssumeRoleProvider(p.stsClient(static), "arn:aws:iam::111122223333:role/gryphon-dispatcher"))
	defer own.Close()
	// The role that it takes to do its work.
	other := cache.New(stscreds.NewAssumeRoleProvider(p.stsClient(own), "arn:aws:iam::444455556666:role/events-reader"))
	defer other.Close()

	who, err := p.describe(context.Background(), aws.Config{Region: "us-east-1", Credentials: other})
	fmt.Println(who, err)
	fmt.Println("signed by", a.by)
	// Output:
	// events-reader <nil>
	// signed by [AKIAEXAMPLE000000001 ASIAEXAMPLE000000001]
}
