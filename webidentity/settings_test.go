package webidentity_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
)

func TestRoleAloneIsUnavailableAndSaysSo(t *testing.T) {
	p := webidentity.New(func(o *webidentity.Options) {
		o.LookupEnv = func(name string) (string, bool) { return role, name == "AWS_ROLE_ARN" }
	})
	_, err := p.Retrieve(t.Context())
	require.ErrorIs(t, err, webidentity.ErrRoleOnly)
	require.ErrorIs(t, err, unavailable.Err)
	assert.EqualError(t, err, "AWS_ROLE_ARN is set, but AWS_WEB_IDENTITY_TOKEN_FILE is not: a role without a token is no web identity")
	assert.Empty(t, p.Configured(), "it shadows nothing and is shadowed by nothing")

	_, err = webidentity.New(func(o *webidentity.Options) {
		o.RoleARN = role
		o.LookupEnv = func(string) (string, bool) { return "", false }
	}).Retrieve(t.Context())
	require.ErrorIs(t, err, webidentity.ErrRoleOnly)
	require.ErrorIs(t, err, unavailable.Err)
	assert.ErrorContains(t, err, "Options.RoleARN is set")
}

func TestConfiguredNamesWhatConfigures(t *testing.T) {
	configured := func(env string, optFns ...func(*webidentity.Options)) string {
		return webidentity.New(append(optFns, func(o *webidentity.Options) {
			o.LookupEnv = func(name string) (string, bool) {
				return "x", strings.Contains(" "+env+" ", " "+name+" ")
			}
		})...).Configured()
	}
	withRole := func(o *webidentity.Options) { o.RoleARN = role }
	withFile := func(o *webidentity.Options) { o.TokenFile = "/token" }
	assert.Empty(t, configured(""))
	assert.Empty(t, configured("AWS_ROLE_SESSION_NAME AWS_REGION"))
	assert.Equal(t, "AWS_WEB_IDENTITY_TOKEN_FILE", configured("AWS_WEB_IDENTITY_TOKEN_FILE"))
	assert.Equal(t, "AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE", configured("AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN"))
	assert.Equal(t, "Options.RoleARN, AWS_WEB_IDENTITY_TOKEN_FILE", configured("AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN", withRole))
	assert.Equal(t, "Options.RoleARN, Options.TokenFile", configured("", withRole, withFile))
}

// A mistake in the configuration is told before anything is sent, names what is wrong, and stays.
func TestBadConfigurationIsAClearErrorBeforeSTSIsAsked(t *testing.T) {
	set := func(name, value string) func(*world) func(*webidentity.Options) {
		return func(w *world) func(*webidentity.Options) { w.env[name] = value; return func(*webidentity.Options) {} }
	}
	option := func(change func(*webidentity.Options)) func(*world) func(*webidentity.Options) {
		return func(*world) func(*webidentity.Options) { return change }
	}
	for name, c := range map[string]struct {
		change func(*world) func(*webidentity.Options)
		want   string
	}{
		"token file without role":  {set("AWS_ROLE_ARN", ""), `webidentity: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both, or neither`},
		"token file, blank role":   {set("AWS_ROLE_ARN", " \n"), `AWS_ROLE_ARN is not`},
		"role no ARN":              {set("AWS_ROLE_ARN", "gryphon-dispatcher"), `webidentity: AWS_ROLE_ARN is "gryphon-dispatcher", which is not an ARN: a role's is arn:aws:iam::ACCOUNT:role/NAME`},
		"role of another service":  {set("AWS_ROLE_ARN", "arn:aws:sts::111122223333:assumed-role/gryphon/x"), `which is not the ARN of an IAM role`},
		"instance profile":         {set("AWS_ROLE_ARN", "arn:aws:iam::111122223333:instance-profile/gryphon"), `which is not the ARN of an IAM role`},
		"role without name":        {set("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/"), `which is not the ARN of an IAM role`},
		"role with a path only":    {set("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/path/"), `which is not the ARN of an IAM role`},
		"role of no account":       {set("AWS_ROLE_ARN", "arn:aws:iam:::role/gryphon"), `where the account must have 12 digits`},
		"role of a short account":  {set("AWS_ROLE_ARN", "arn:aws-cn:iam::11112222333:role/gryphon"), `where the account must have 12 digits`},
		"role option":              {option(func(o *webidentity.Options) { o.RoleARN = "x" }), `Options.RoleARN is "x"`},
		"role with control codes":  {set("AWS_ROLE_ARN", "a\x1b[31m\nb"), "AWS_ROLE_ARN is \"a\uFFFD[31m\uFFFDb\""},
		"session name, short":      {set("AWS_ROLE_SESSION_NAME", "a"), `webidentity: AWS_ROLE_SESSION_NAME is "a", which STS does not take as a session name: it must have 2 to 64 characters out of letters, digits and _+=,.@-`},
		"session name, long":       {set("AWS_ROLE_SESSION_NAME", strings.Repeat("a", 65)), `AWS_ROLE_SESSION_NAME is "aaa`},
		"session name, space":      {set("AWS_ROLE_SESSION_NAME", "my pod"), `AWS_ROLE_SESSION_NAME is "my pod"`},
		"session name, slash":      {option(func(o *webidentity.Options) { o.SessionName = "ns/pod" }), `Options.SessionName is "ns/pod"`},
		"session name, letter":     {set("AWS_ROLE_SESSION_NAME", "größe"), `AWS_ROLE_SESSION_NAME is "größe"`},
		"duration, short":          {option(func(o *webidentity.Options) { o.Duration = 899 * time.Second }), `webidentity: Options.Duration is 14m59s: STS takes 15m0s to 12h0m0s`},
		"duration, long":           {option(func(o *webidentity.Options) { o.Duration = 12*time.Hour + 1 }), `Options.Duration is 12h0m0.000000001s`},
		"duration, negative":       {option(func(o *webidentity.Options) { o.Duration = -time.Hour }), `Options.Duration is -1h0m0s`},
		"region, FIPS of nothing":  {set("AWS_REGION", "x--fips"), `webidentity: AWS_REGION is "x--fips", which is not a region`},
		"region, a URL":            {set("AWS_REGION", "evil.example/x"), `webidentity: AWS_REGION is "evil.example/x", which is not a region`},
		"region option":            {option(func(o *webidentity.Options) { o.Region = "US-EAST-1" }), `Options.Region is "US-EAST-1"`},
		"FIPS, a number":           {set("AWS_USE_FIPS_ENDPOINT", "1"), `webidentity: AWS_USE_FIPS_ENDPOINT is "1": it must be true or false`},
		"dual stack, a word":       {set("AWS_USE_DUALSTACK_ENDPOINT", "yes"), `AWS_USE_DUALSTACK_ENDPOINT is "yes": it must be true or false`},
		"ignore, a word":           {set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "on"), `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is "on": it must be true or false`},
		"endpoint without scheme":  {set("AWS_ENDPOINT_URL_STS", "sts.example"), `webidentity: AWS_ENDPOINT_URL_STS is not an http or https URL with a host`},
		"endpoint, another scheme": {set("AWS_ENDPOINT_URL", "ftp://user:hunter2@sts.example"), `webidentity: AWS_ENDPOINT_URL is not an http or https URL with a host`},
		"endpoint without host":    {set("AWS_ENDPOINT_URL", "http://:8080/"), `AWS_ENDPOINT_URL is not an http or https URL with a host`},
		"endpoint, unparsable":     {set("AWS_ENDPOINT_URL", "http://[::1"), `AWS_ENDPOINT_URL is not an http or https URL with a host`},
		"CA bundle missing":        {set("AWS_CA_BUNDLE", "/does/not/exist.pem"), `webidentity: AWS_CA_BUNDLE: open /does/not/exist.pem: `},
		"endpoint and FIPS": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_ENDPOINT_URL_STS"], w.env["AWS_USE_FIPS_ENDPOINT"] = "https://sts.example", "true"
			return func(*webidentity.Options) {}
		}, `webidentity: AWS_ENDPOINT_URL_STS cannot be used with AWS_USE_FIPS_ENDPOINT`},
		"endpoint and a region of FIPS": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_ENDPOINT_URL_STS"], w.env["AWS_REGION"] = "https://sts.example", "us-east-1-fips"
			return func(*webidentity.Options) {}
		}, `webidentity: AWS_ENDPOINT_URL_STS cannot be used with the region us-east-1-fips`},
		"endpoint and dual stack": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_ENDPOINT_URL"], w.env["AWS_USE_DUALSTACK_ENDPOINT"] = "https://sts.example", "TRUE"
			return func(*webidentity.Options) {}
		}, `webidentity: AWS_ENDPOINT_URL cannot be used with AWS_USE_DUALSTACK_ENDPOINT`},
		"CA bundle without certificates": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_CA_BUNDLE"] = w.tokens.Path()
			return func(*webidentity.Options) {}
		}, `holds no PEM certificate`},
		"CA bundle, a directory": {func(w *world) func(*webidentity.Options) {
			w.env["AWS_CA_BUNDLE"] = w.t.TempDir()
			return func(*webidentity.Options) {}
		}, `webidentity: AWS_CA_BUNDLE: read `},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				err := w.fail(c.change(w))
				require.ErrorContains(t, err, c.want)
				assert.NotErrorIs(t, err, unavailable.Err)
				assert.True(t, terminal.Is(err), "asking again does not change it")
				assert.NotContains(t, err.Error(), "hunter2")
				assert.Empty(t, w.net.Dials())
				assert.Equal(t, 1, strings.Count(err.Error(), "webidentity: "), "%v", err)
			})
		})
	}
}
