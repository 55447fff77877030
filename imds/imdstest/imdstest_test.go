package imdstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/memnet"
)

const (
	tokenPath    = "/latest/api/token"
	rolesPath    = "/latest/meta-data/iam/security-credentials/"
	extendedPath = "/latest/meta-data/iam/security-credentials-extended/"
	ttlHeader    = "X-aws-ec2-metadata-token-ttl-seconds"
	tokenHeader  = "X-aws-ec2-metadata-token"
)

type client func(method, path string, header ...string) (status int, body string, h http.Header)

func run(t *testing.T, change func(*imdstest.Options), test func(t *testing.T, s *imdstest.Server, ask client)) {
	synctest.Test(t, func(t *testing.T) {
		s := imdstest.New(change)
		n := memnet.New()
		t.Cleanup(n.Serve("169.254.169.254:80", s))
		c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}}
		test(t, s, func(method, path string, header ...string) (int, string, http.Header) {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://169.254.169.254"+path, nil)
			require.NoError(t, err)
			for i := 0; i < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			res, err := c.Do(req)
			if err != nil {
				return 0, "", nil
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			return res.StatusCode, string(body), res.Header
		})
	})
}

func same(*imdstest.Options) {}

func session(t *testing.T, ask client) string {
	status, token, h := ask("PUT", tokenPath, ttlHeader, "21600")
	require.Equal(t, 200, status)
	require.Equal(t, "21600", h.Get(ttlHeader))
	return token
}

func document(t *testing.T, ask client, path string) map[string]string {
	status, body, _ := ask("GET", path, tokenHeader, session(t, ask))
	require.Equal(t, 200, status)
	var doc map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	return doc
}

func TestASessionTokenIsAskedForProperly(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		for name, row := range map[string]struct {
			method string
			header []string
			want   int
		}{
			"good":            {"PUT", []string{ttlHeader, "60"}, 200},
			"no TTL":          {"PUT", nil, 400},
			"TTL 0":           {"PUT", []string{ttlHeader, "0"}, 400},
			"TTL over 6 h":    {"PUT", []string{ttlHeader, "21601"}, 400},
			"TTL no number":   {"PUT", []string{ttlHeader, "x"}, 400},
			"GET":             {"GET", []string{ttlHeader, "60"}, 405},
			"through a proxy": {"PUT", []string{ttlHeader, "60", "X-Forwarded-For", "192.0.2.1"}, 403},
		} {
			status, _, h := ask(row.method, tokenPath, row.header...)
			assert.Equal(t, row.want, status, name)
			assert.Equal(t, "EC2ws", h.Get("Server"))
		}
	})
}

func TestASessionEnds(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		_, token, _ := ask("PUT", tokenPath, ttlHeader, "60")
		get := func() int { status, _, _ := ask("GET", rolesPath, tokenHeader, token); return status }
		assert.Equal(t, 200, get())
		time.Sleep(59 * time.Second)
		assert.Equal(t, 200, get())
		time.Sleep(time.Second)
		assert.Equal(t, 401, get())

		token = session(t, ask)
		assert.Equal(t, 200, get())
		s.EndSessions()
		assert.Equal(t, 401, get())

		s.Change(func(o *imdstest.Options) { o.SessionTTL = 5 * time.Second })
		_, _, h := ask("PUT", tokenPath, ttlHeader, "60")
		assert.Equal(t, "5", h.Get(ttlHeader))
	})
}

func TestWithoutATokenOnlyIMDSv1Answers(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		status, _, _ := ask("GET", rolesPath)
		assert.Equal(t, 401, status)
		s.Change(func(o *imdstest.Options) { o.V1 = true })
		status, body, _ := ask("GET", rolesPath)
		assert.Equal(t, 200, status)
		assert.Equal(t, "node-role", body)
		status, _, _ = ask("GET", rolesPath, tokenHeader, "wrong")
		assert.Equal(t, 401, status, "a wrong token is refused all the same")
	})
}

func TestWhatTheServiceHandsOut(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		doc := document(t, ask, rolesPath+"node-role")
		creds := s.Credentials()
		assert.Equal(t, map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2000-01-01T00:00:00Z", "Expiration": "2000-01-01T06:00:00Z",
			"AccessKeyId": creds.AccessKeyID, "SecretAccessKey": creds.SecretAccessKey, "Token": creds.SessionToken,
		}, doc)
		assert.Equal(t, "111122223333", document(t, ask, extendedPath+"node-role")["AccountId"])

		issued, arn, ok := s.Issued(creds.AccessKeyID)
		assert.True(t, ok)
		assert.Equal(t, creds, issued)
		assert.Equal(t, "arn:aws:sts::111122223333:assumed-role/node-role/i-0f0a1b2c3d4e5f607", arn)
		_, _, ok = s.Issued("ASIAOTHER")
		assert.False(t, ok)

		token := session(t, ask)
		for path, want := range map[string]int{
			"/latest/meta-data/": 200, "/latest/meta-data/instance-id": 200, rolesPath + "other": 404, extendedPath + "other": 404, "/latest/user-data": 404, "/": 404, rolesPath + "x/y": 404,
		} {
			status, _, _ := ask("GET", path, tokenHeader, token)
			assert.Equal(t, want, status, path)
		}
		status, _, _ := ask("POST", rolesPath, tokenHeader, token)
		assert.Equal(t, 405, status)
	})
}

func TestCredentialsRotate(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		key := func() string { return document(t, ask, rolesPath+"node-role")["AccessKeyId"] }
		first := key()
		time.Sleep(6*time.Hour - 5*time.Minute - time.Second)
		assert.Equal(t, first, key(), "the same until 5 min before the end")
		time.Sleep(time.Second)
		second := key()
		assert.NotEqual(t, first, second)
		_, _, ok := s.Issued(first)
		assert.True(t, ok, "the old ones are known still")

		s.Rotate()
		assert.NotEqual(t, second, key())

		s.Change(func(o *imdstest.Options) { o.Lifetime = 10 * time.Second })
		third := key()
		time.Sleep(4 * time.Second)
		assert.Equal(t, third, key())
		time.Sleep(time.Second)
		assert.NotEqual(t, third, key(), "short ones live half of their life")
	})
}

func TestTheServiceCanBeAnotherOne(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*imdstest.Options)
		test   func(t *testing.T, ask client)
	}{
		"no role": {func(o *imdstest.Options) { o.NoRole = true }, func(t *testing.T, ask client) {
			status, _, _ := ask("GET", rolesPath, tokenHeader, session(t, ask))
			assert.Equal(t, 404, status)
		}},
		"another role and account": {func(o *imdstest.Options) { o.Role, o.AccountID = "eks-node", "444455556666" }, func(t *testing.T, ask client) {
			assert.Equal(t, "444455556666", document(t, ask, extendedPath+"eks-node")["AccountId"])
		}},
		"plain": {func(o *imdstest.Options) { o.Plain = true }, func(t *testing.T, ask client) {
			status, _, _ := ask("GET", extendedPath+"node-role", tokenHeader, session(t, ask))
			assert.Equal(t, 404, status)
			assert.NotEmpty(t, document(t, ask, rolesPath+"node-role")["AccessKeyId"])
		}},
		"off": {func(o *imdstest.Options) { o.Off = true }, func(t *testing.T, ask client) {
			status, _, _ := ask("PUT", tokenPath, ttlHeader, "60")
			assert.Equal(t, 403, status)
		}},
		"without sessions": {func(o *imdstest.Options) { o.NoSessions = 405 }, func(t *testing.T, ask client) {
			status, _, _ := ask("PUT", tokenPath, ttlHeader, "60")
			assert.Equal(t, 405, status)
		}},
		"hop limit 1": {func(o *imdstest.Options) { o.HopLimit1 = true }, func(t *testing.T, ask client) {
			start := time.Now()
			status, _, _ := ask("PUT", tokenPath, ttlHeader, "60")
			assert.Zero(t, status)
			assert.Equal(t, time.Minute, time.Since(start), "the client's own time-out")
			status, _, _ = ask("GET", rolesPath)
			assert.Equal(t, 401, status)
		}},
		"a Code": {func(o *imdstest.Options) { o.Code = "AssumeRoleUnauthorizedAccess" }, func(t *testing.T, ask client) {
			doc := document(t, ask, rolesPath+"node-role")
			assert.Equal(t, "AssumeRoleUnauthorizedAccess", doc["Code"])
			assert.NotContains(t, doc, "AccessKeyId")
		}},
		"nameless": {func(o *imdstest.Options) { o.ServerHeader = "-" }, func(t *testing.T, ask client) {
			_, _, h := ask("PUT", tokenPath)
			assert.Empty(t, h.Get("Server"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, row.change, func(t *testing.T, _ *imdstest.Server, ask client) { row.test(t, ask) })
		})
	}
}

func TestFaultsAndTheLog(t *testing.T) {
	run(t, same, func(t *testing.T, s *imdstest.Server, ask client) {
		s.Fail(1, imdstest.Fault{Method: "PUT", Status: 503, Header: http.Header{"server": {"other"}}, Body: strings.Repeat("x", 10)})
		status, body, h := ask("PUT", tokenPath, ttlHeader, "60")
		assert.Equal(t, 503, status)
		assert.Len(t, body, 10)
		assert.Equal(t, "other", h.Get("Server"))
		s.Fail(-1, imdstest.Fault{Reset: true})
		status, _, _ = ask("PUT", tokenPath, ttlHeader, "60")
		assert.Zero(t, status)
		s.Heal()
		session(t, ask)
		var log []int
		for _, r := range s.Requests() {
			log = append(log, r.Status)
		}
		assert.Equal(t, []int{503, 0, 200}, log)
		assert.Equal(t, "60", s.Requests()[0].Header.Get(ttlHeader))
	})
}
