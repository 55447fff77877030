package webidentity_test

import (
	"maps"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

// Nothing listens but at the regional endpoint: what is dialled says which STS would be asked.
func TestRegionAndVariablesDecideWhichSTSIsAsked(t *testing.T) {
	type env = map[string]string
	for name, c := range map[string]struct {
		env    env
		option string
		issuer string
		want   string // the address dialled; empty = an error that says that there is no region
	}{
		"AWS_REGION":                     {env: env{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, want: "sts.eu-west-1.amazonaws.com:443"},
		"AWS_DEFAULT_REGION":             {env: env{"AWS_REGION": " ", "AWS_DEFAULT_REGION": "eu-west-2"}, want: "sts.eu-west-2.amazonaws.com:443"},
		"the option before both":         {env: env{"AWS_REGION": "eu-west-1"}, option: "eu-west-3", want: "sts.eu-west-3.amazonaws.com:443"},
		"China":                          {env: env{"AWS_REGION": "cn-north-1"}, want: "sts.cn-north-1.amazonaws.com.cn:443"},
		"a new region":                   {env: env{"AWS_REGION": "xx-nowhere-9"}, want: "sts.xx-nowhere-9.amazonaws.com:443"},
		"the global endpoint":            {env: env{"AWS_REGION": "aws-global"}, want: "sts.amazonaws.com:443"},
		"FIPS":                           {env: env{"AWS_REGION": "us-east-2", "AWS_USE_FIPS_ENDPOINT": "true"}, want: "sts-fips.us-east-2.amazonaws.com:443"},
		"FIPS off":                       {env: env{"AWS_REGION": "us-east-2", "AWS_USE_FIPS_ENDPOINT": "False"}, want: "sts.us-east-2.amazonaws.com:443"},
		"FIPS, as of old":                {env: env{"AWS_REGION": "us-east-2-fips"}, want: "sts-fips.us-east-2.amazonaws.com:443"},
		"FIPS, as of older":              {env: env{"AWS_REGION": "fips-us-east-2"}, want: "sts-fips.us-east-2.amazonaws.com:443"},
		"dual stack":                     {env: env{"AWS_REGION": "us-east-2", "AWS_USE_DUALSTACK_ENDPOINT": "TRUE"}, want: "sts.us-east-2.api.aws:443"},
		"AWS_ENDPOINT_URL_STS":           {env: env{"AWS_REGION": "us-east-2", "AWS_ENDPOINT_URL_STS": "https://vpce.example/x", "AWS_ENDPOINT_URL": "https://all.example"}, want: "vpce.example:443"},
		"AWS_ENDPOINT_URL":               {env: env{"AWS_REGION": "us-east-2", "AWS_ENDPOINT_URL": "https://all.example:8443"}, want: "all.example:8443"},
		"endpoints ignored":              {env: env{"AWS_REGION": "us-east-2", "AWS_ENDPOINT_URL_STS": "nonsense", "AWS_ENDPOINT_URL": "https://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, want: "sts.us-east-2.amazonaws.com:443"},
		"an endpoint needs a region too": {env: env{"AWS_ENDPOINT_URL_STS": "https://vpce.example"}, issuer: "https://issuer.example"},
		"EKS issuer":                     {issuer: "https://oidc.eks.ap-northeast-2.amazonaws.com/id/0721", want: "sts.ap-northeast-2.amazonaws.com:443"},
		"EKS issuer, GovCloud":           {issuer: "https://oidc.eks.us-gov-west-1.amazonaws.com/id/0721", want: "sts.us-gov-west-1.amazonaws.com:443"},
		"EKS issuer, China":              {issuer: "https://oidc.eks.cn-northwest-1.amazonaws.com.cn/id/0721", want: "sts.cn-northwest-1.amazonaws.com.cn:443"},
		"EKS issuer after the variables": {env: env{"AWS_REGION": "eu-west-1"}, issuer: "https://oidc.eks.ap-northeast-2.amazonaws.com/id/0721", want: "sts.eu-west-1.amazonaws.com:443"},
		"China without .cn":              {issuer: "https://oidc.eks.cn-north-1.amazonaws.com/id/0721"},
		".cn outside China":              {issuer: "https://oidc.eks.us-east-1.amazonaws.com.cn/id/0721"},
		"another scheme":                 {issuer: "http://oidc.eks.us-east-1.amazonaws.com/id/0721"},
		"a host before":                  {issuer: "https://x.oidc.eks.us-east-1.amazonaws.com/id/0721"},
		"a host after":                   {issuer: "https://oidc.eks.us-east-1.amazonaws.com.evil.example/id/0721"},
		"a port":                         {issuer: "https://oidc.eks.us-east-1.amazonaws.com:8443/id/0721"},
		"user information":               {issuer: "https://oidc.eks.us-east-1.amazonaws.com@evil.example/id/0721"},
		"dots in the region":             {issuer: "https://oidc.eks.evil.us-east-1.amazonaws.com/id/0721"},
		"no number in the region":        {issuer: "https://oidc.eks.us-east.amazonaws.com/id/0721"},
		"no region":                      {issuer: "https://oidc.eks..amazonaws.com/id/0721"},
		"another service":                {issuer: "https://oidc.sks.us-east-1.amazonaws.com/id/0721"},
		"capitals":                       {issuer: "https://OIDC.eks.us-east-1.amazonaws.com/id/0721"},
		"a line break behind":            {issuer: "https://oidc.eks.us-east-1.amazonaws.com\n/id/0721"},
		"GitHub":                         {issuer: "https://token.actions.githubusercontent.com"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Issuer = c.issuer }))
				delete(w.env, "AWS_REGION")
				maps.Copy(w.env, c.env)
				err := w.fail(func(o *webidentity.Options) { o.Region = c.option })
				if c.want == "" {
					require.ErrorContains(t, err, "webidentity: no region for STS: set Options.Region, AWS_REGION or AWS_DEFAULT_REGION (the token's issuer, ")
					assert.Empty(t, w.net.Dials())
					return
				}
				var failed *webidentity.ExchangeError
				require.ErrorAs(t, err, &failed)
				require.NotEmpty(t, w.net.Dials())
				assert.Equal(t, c.want, w.net.Dials()[0])
			})
		})
	}
}

// Without a region STS is not asked, and cannot say that it does not take the token.
func TestLegacyTokenWithoutARegionIsRecognisedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Legacy = true }))
		delete(w.env, "AWS_REGION")
		assert.EqualError(t, w.fail(), "webidentity: no region for STS: set Options.Region, AWS_REGION or AWS_DEFAULT_REGION; "+
			"and STS will not take this token, a legacy one out of a Secret: mount a projected one")
	})
}

func TestRegionFromTheTokenIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		delete(w.env, "AWS_REGION")
		p := w.provider()
		for range 3 {
			_, err := p.Retrieve(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 1, countLines(w.log.String(), `level=INFO msg="region for STS taken from the token's issuer" region=us-east-1`))
	})
}

func TestTokenOverPlainHTTPIsAWarningOnceForEachHost(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint, address string
		warnings          int
	}{
		"another host":     {"http://user:hunter2@sts.example:9000/path?key=hunter2", "sts.example:9000", 1},
		"an address":       {"http://198.51.100.20", "198.51.100.20:80", 1},
		"loopback, IPv4":   {"http://127.0.0.1:9000", "127.0.0.1:9000", 0},
		"loopback, IPv6":   {"http://[::1]:9000", "[::1]:9000", 0},
		"loopback, a name": {"http://LocalHost:9000", "LocalHost:9000", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				t.Cleanup(w.net.Serve(c.address, w.sts))
				w.env["AWS_ENDPOINT_URL_STS"] = c.endpoint
				p := w.provider()
				for range 2 {
					_, err := p.Retrieve(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, c.warnings, countLines(w.log.String(), `level=WARN msg="web identity token is sent over plain http"`), w.log.String())
				assert.NotContains(t, w.log.String(), "hunter2")
			})
		})
	}
}

func TestCABundleReplacesTheSystemsAuthorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err, "the authority in AWS_CA_BUNDLE is believed")

		other := newAuthority(t)
		w.env["AWS_CA_BUNDLE"] = other.file
		assert.ErrorContains(t, w.fail(), "TLS: the certificate is signed by an authority that is not known here")
		delete(w.env, "AWS_CA_BUNDLE")
		assert.ErrorContains(t, w.fail(), "TLS: the certificate is signed by an authority that is not known here")
	})
}

// clientDo is an HTTP client that is no *http.Client.
type clientDo func(*http.Request) (*http.Response, error)

func (f clientDo) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestGivenHTTPClientIsUsedAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.env["AWS_CA_BUNDLE"] = "/does/not/exist.pem"
		w.env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:9000"
		t.Cleanup(w.net.Serve("127.0.0.1:9000", w.sts))
		client, sent := w.plainClient(), 0
		p := w.provider(func(o *webidentity.Options) {
			o.HTTPClient = clientDo(func(r *http.Request) (*http.Response, error) { sent++; return client.Do(r) })
		})
		for range 2 {
			_, err := p.Retrieve(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 2, sent)
		assert.Equal(t, 1, countLines(w.log.String(), `level=WARN msg="AWS_CA_BUNDLE is not used for STS, because an HTTP client was given" file=/does/not/exist.pem`))
	})
}
