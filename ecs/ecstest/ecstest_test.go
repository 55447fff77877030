package ecstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/internal/memnet"
)

const subject = "system:serviceaccount:default:app"

// client asks at a URL with a token; the host of the URL is also the Host of the request.
type client func(url, token string) (status int, contentType, body string)

func run(t *testing.T, change func(*ecstest.Options), test func(t *testing.T, a *ecstest.Agent, ask client)) {
	synctest.Test(t, func(t *testing.T) {
		a := ecstest.New(change)
		n := memnet.New()
		for _, address := range []string{"169.254.170.23:80", "[fd00:ec2::23]:80", "169.254.170.2:80", "127.0.0.1:8080", "localhost:8080", "[::1]:8080", "192.0.2.1:80"} {
			t.Cleanup(n.Serve(address, a))
		}
		c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}}
		test(t, a, func(url, token string) (int, string, string) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			require.NoError(t, err)
			if token != "" {
				req.Header.Set("Authorization", token)
			}
			res, err := c.Do(req)
			if err != nil {
				return 0, "", ""
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			return res.StatusCode, res.Header.Get("Content-Type"), string(body)
		})
	})
}

func same(*ecstest.Options) {}

const (
	pod  = "http://169.254.170.23" + ecstest.PodIdentityPath
	task = "http://169.254.170.2" + ecstest.ECSPath
	text = "text/plain; charset=utf-8"
)

func TestAPodGetsCredentialsForItsToken(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		for _, url := range []string{pod, "http://[fd00:ec2::23]" + ecstest.PodIdentityPath} {
			status, contentType, body := ask(url, a.Token(subject))
			require.Equal(t, 200, status)
			assert.Equal(t, "application/json", contentType)
			var doc map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &doc))
			creds, role, ok := a.Issued(doc["AccessKeyId"])
			require.True(t, ok)
			assert.Equal(t, map[string]string{
				"AccessKeyId": creds.AccessKeyID, "SecretAccessKey": creds.SecretAccessKey, "Token": creds.SessionToken, "AccountId": "111122223333", "Expiration": "2000-01-01T06:00:00Z",
			}, doc)
			assert.Equal(t, "arn:aws:iam::111122223333:role/pod-role", role)
		}
	})
}

// The agent's refusals as they were observed: text, whatever is asked for, and no "Bearer ".
func TestThePodIdentityAgentsRefusals(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		a.Associate("system:serviceaccount:default:nobody", "")
		token := func(change func(*ecstest.TokenOptions)) string { return a.Token(subject, change) }
		for name, row := range map[string]struct {
			url, token string
			status     int
			body       string
		}{
			"no token":         {pod, "", 400, "Service account token cannot be empty"},
			"no JWT":           {pod, "x", 400, "Service account token cannot be parsed"},
			"three dots":       {pod, "a.b.c", 400, "Service account token cannot be parsed"},
			"Bearer":           {pod, "Bearer " + a.Token(subject), 400, "Service account token cannot be parsed"},
			"expired":          {pod, token(func(o *ecstest.TokenOptions) { o.Lifetime = -time.Second }), 400, "token is expired"},
			"another audience": {pod, token(func(o *ecstest.TokenOptions) { o.Audience = "sts.amazonaws.com" }), 400, "(InvalidTokenException)"},
			"another cluster":  {pod, token(func(o *ecstest.TokenOptions) { o.Foreign = true }), 400, "(InvalidTokenException)"},
			"no association":   {pod, a.Token("system:serviceaccount:default:nobody"), 404, "(ResourceNotFoundException)"},
			"another host":     {"http://192.0.2.1" + ecstest.PodIdentityPath, a.Token(subject), 403, "Access Denied"},
			"another path":     {"http://169.254.170.23/v1", a.Token(subject), 404, "404"},
		} {
			status, contentType, body := ask(row.url, row.token)
			assert.Equal(t, row.status, status, name)
			assert.Equal(t, text, contentType, name)
			assert.Contains(t, body, row.body, name)
		}
	})
}

func TestLoopbackIsServedUnlessTheHostIsStrict(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		for _, strict := range []bool{false, true} {
			a.Change(func(o *ecstest.Options) { o.StrictHost = strict })
			for _, host := range []string{"127.0.0.1:8080", "localhost:8080", "[::1]:8080"} {
				status, _, _ := ask("http://"+host+ecstest.PodIdentityPath, a.Token(subject))
				assert.Equal(t, map[bool]int{false: 200, true: 403}[strict], status, host)
			}
			status, _, _ := ask(pod, a.Token(subject))
			assert.Equal(t, 200, status)
		}
	})
}

func TestAnyTokenMeansAnyReadableOne(t *testing.T) {
	run(t, func(o *ecstest.Options) { o.AnyToken = true }, func(t *testing.T, a *ecstest.Agent, ask client) {
		status, _, _ := ask(pod, a.Token(subject, func(o *ecstest.TokenOptions) { o.Foreign = true }))
		assert.Equal(t, 200, status)
		status, _, _ = ask(pod, "x.y.z")
		assert.Equal(t, 400, status)
		status, _, _ = ask(pod, a.Token(subject, func(o *ecstest.TokenOptions) { o.Foreign, o.Lifetime = true, -time.Second }))
		assert.Equal(t, 400, status)
	})
}

func TestEachServiceAccountHasItsRole(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		role := func(subject string) string {
			_, _, body := ask(pod, a.Token(subject))
			var doc map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &doc), body)
			_, role, _ := a.Issued(doc["AccessKeyId"])
			return role + " " + doc["AccountId"]
		}
		a.Associate("a", "arn:aws:iam::444455556666:role/a")
		assert.Equal(t, "arn:aws:iam::444455556666:role/a 444455556666", role("a"))
		assert.Equal(t, "arn:aws:iam::111122223333:role/pod-role 111122223333", role("b"))
		a.Change(func(o *ecstest.Options) { o.RoleARN = "arn:aws:iam::777788889999:role/b" })
		assert.Equal(t, "arn:aws:iam::777788889999:role/b 777788889999", role("b"))
	})
}

func TestATaskGetsCredentialsAndItsRole(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		status, contentType, body := ask(task, "")
		require.Equal(t, 200, status)
		assert.Equal(t, "application/json", contentType)
		var doc map[string]string
		require.NoError(t, json.Unmarshal([]byte(body), &doc))
		assert.Equal(t, "arn:aws:iam::111122223333:role/pod-role", doc["RoleArn"])
		assert.NotContains(t, doc, "AccountId")

		for path, code := range map[string]string{"/v2/credentials": "NoIdInRequest", "/v2/credentials/": "NoIdInRequest", "/v2/credentials/other": "InvalidIdInRequest"} {
			status, contentType, body := ask("http://169.254.170.2"+path, "")
			assert.Equal(t, 400, status)
			assert.Equal(t, "application/json", contentType)
			assert.Contains(t, body, `"code":"`+code+`"`)
			assert.Contains(t, body, `"HTTPErrorCode":400`)
		}
	})
}

func TestCredentialsRotate(t *testing.T) {
	run(t, func(o *ecstest.Options) { o.Lifetime = time.Hour }, func(t *testing.T, a *ecstest.Agent, ask client) {
		key := func() string {
			_, _, body := ask(task, "")
			var doc map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &doc))
			return doc["AccessKeyId"]
		}
		first := key()
		time.Sleep(30*time.Minute - time.Second)
		assert.Equal(t, first, key())
		time.Sleep(time.Second)
		second := key()
		assert.NotEqual(t, first, second, "the same ones for half of their life")
		a.Rotate()
		assert.NotEqual(t, second, key())
		_, _, ok := a.Issued(first)
		assert.True(t, ok)
	})
}

func TestFaultsAndTheLog(t *testing.T) {
	run(t, same, func(t *testing.T, a *ecstest.Agent, ask client) {
		for code, want := range map[string]int{
			"AccessDeniedException": 403, "ResourceNotFoundException": 404, "InvalidTokenException": 400, "ExpiredTokenException": 400, "ThrottlingException": 429, "InternalServerException": 500, "ServiceUnavailableException": 503,
		} {
			a.Fail(1, ecstest.Upstream(code))
			taskStatus, _, _ := ask(task, "")
			assert.Equal(t, 200, taskStatus, "what comes from EKS does not happen to ECS")
			status, contentType, body := ask(pod, a.Token(subject))
			assert.Equal(t, want, status)
			assert.Equal(t, text, contentType)
			assert.Regexp(t, `^\[req-0\]: \(`+code+`\): .*, fault: (client|server)\n$`, body)
		}
		a.Fail(-1, ecstest.Fault{Reset: true})
		status, _, _ := ask(task, "the-token")
		assert.Zero(t, status)
		a.Heal()
		log := a.Requests()
		assert.Equal(t, "the-token", log[len(log)-1].Header.Get("Authorization"))
		assert.Zero(t, log[len(log)-1].Status)
	})
}
