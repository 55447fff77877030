package webidentity_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

var update = flag.Bool("update", false, "write the golden texts anew")

// mounted is where the EKS webhook has the token: the texts have it in place of the test's own directory.
const mounted = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"

// The texts that people will see most, whole. go test -run Golden -update writes them anew.
func TestGoldenTexts(t *testing.T) {
	answer := func(status int, code, message string) func(*world) error {
		return func(w *world) error {
			w.sts.Break(ststest.Fault{Status: status, Body: errorXML(code, message), Header: http.Header{"Content-Type": {"text/xml"}}})
			return nil
		}
	}
	cases := []struct {
		name   string
		change func(*world) error
	}{
		{"the trust policy names another service account, or there is no such role", func(w *world) error {
			err := w.tokens.Rotate(func(tok *ststest.Token) { tok.ServiceAccount = "gryphon-dispatcher-canary" })
			return firstError(err, answer(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")(w))
		}},
		{"no IAM OIDC provider for the cluster in the role's account", answer(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+ststest.DefaultIssuer)},
		{"the provider does not know the audience, and the token is the one for the Kubernetes API", func(w *world) error {
			err := w.tokens.Rotate(func(tok *ststest.Token) { tok.Audience = []string{"https://kubernetes.default.svc"} })
			return firstError(err, answer(400, "InvalidIdentityToken", "Incorrect token audience")(w))
		}},
		{"the issuer's keys cannot be fetched", answer(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")},
		{"an InvalidIdentityToken that does not say why", answer(400, "InvalidIdentityToken", "The web identity token that was passed could not be validated by AWS.")},
		{"a legacy token out of a Secret", func(w *world) error {
			err := w.tokens.Rotate(func(tok *ststest.Token) { tok.Legacy = true })
			return firstError(err, answer(400, "InvalidIdentityToken", "Missing a required claim: aud")(w))
		}},
		{"the token was not rotated", func(w *world) error {
			time.Sleep(25*time.Hour + 17*time.Minute)
			return answer(400, "ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time 0")(w)
		}},
		{"STS is not activated in the region", answer(403, "RegionDisabledException", "STS is not activated in this region for account:111122223333.")},
		{"the session is longer than the role allows", answer(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")},
		{"throttling", answer(400, "Throttling", "Rate exceeded")},
		{"STS is down", answer(503, "ServiceUnavailable", "Service is unavailable")},
		{"a proxy's page", func(w *world) error { w.sts.Break(ststest.ProxyPage); return nil }},
		{"no way to STS", func(w *world) error { w.net.NoRoute(stsHost + ":443"); return nil }},
		{"STS never answers", func(w *world) error { w.sts.Break(ststest.Hang); return nil }},
		{"a proxy with a certificate of its own", func(w *world) error { w.env["AWS_CA_BUNDLE"] = newAuthority(w.t).file; return nil }},
		{"the token is not mounted", func(w *world) error { return os.Remove(w.tokens.Path()) }},
		{"the token is empty", func(w *world) error { return w.tokens.Write("") }},
		{"no region", func(w *world) error {
			delete(w.env, "AWS_REGION")
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Issuer = "https://kubernetes.default.svc.cluster.local" })
		}},
		{"the token file without the role", func(w *world) error { delete(w.env, "AWS_ROLE_ARN"); return nil }},
		{"the role without the token file", func(w *world) error { delete(w.env, "AWS_WEB_IDENTITY_TOKEN_FILE"); return nil }},
	}
	var all strings.Builder
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				require.NoError(t, c.change(w))
				_, err := w.provider().Retrieve(t.Context())
				require.Error(t, err)
				text := strings.ReplaceAll(err.Error(), w.tokens.Path(), mounted)
				assert.NotContains(t, text, "\n")
				fmt.Fprintf(&all, "# %s\n%s\n\n", c.name, text)
			})
		})
	}
	const file = "testdata/errors.golden"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(all.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), all.String(), "go test -run Golden -update writes the texts anew; then read them")
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// The sentence that the design promises.
func TestIncidentsTextIsTheOnePromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.ServiceAccount = "gryphon-dispatcher-canary" }))
		assert.ErrorContains(t, w.fail(func(*webidentity.Options) {}), "STS refused role "+role+
			" (AccessDenied): its trust policy must accept sub=system:serviceaccount:default:gryphon-dispatcher-canary aud=sts.amazonaws.com from "+ststest.DefaultIssuer)
	})
}
