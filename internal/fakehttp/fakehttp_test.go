package fakehttp_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/fakehttp"
	"example.com/podrole/internal/memnet"
)

const address = "192.0.2.1:80"

// outcome is what a client sees of a request.
type outcome struct {
	status int
	body   string
	broken bool
	took   time.Duration
}

func run(t *testing.T, test func(t *testing.T, s *fakehttp.Script, ask func(method, path string) outcome)) {
	synctest.Test(t, func(t *testing.T) {
		var script fakehttp.Script
		n := memnet.New()
		t.Cleanup(n.Serve(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			script.Serve(w, r, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Usual", "yes")
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, "usual answer")
			})
		})))
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}}
		test(t, &script, func(method, path string) outcome {
			start := time.Now()
			req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
			require.NoError(t, err)
			res, err := client.Do(req)
			if err != nil {
				return outcome{broken: true, took: time.Since(start)}
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			return outcome{res.StatusCode, string(body), err != nil, time.Since(start)}
		})
	})
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	const s = time.Second
	for name, row := range map[string]struct {
		fault fakehttp.Fault
		want  outcome
		log   int
	}{
		"status":             {fakehttp.Fault{Status: 503, Body: "no"}, outcome{503, "no", false, 0}, 503},
		"delay":              {fakehttp.Fault{Delay: s}, outcome{202, "usual answer", false, s}, 202},
		"delay, then status": {fakehttp.Fault{Delay: s, Status: 400}, outcome{400, "", false, s}, 400},
		"hang":               {fakehttp.Fault{Hang: true}, outcome{0, "", true, 10 * s}, 0},
		"reset":              {fakehttp.Fault{Reset: true}, outcome{0, "", true, 0}, 0},
		"truncate":           {fakehttp.Fault{Truncate: true}, outcome{202, "usual ", true, 0}, 202},
		"stall":              {fakehttp.Fault{Stall: true}, outcome{202, "usual ", true, 10 * s}, 202},
		"drip":               {fakehttp.Fault{Drip: s, Status: 200, Body: "abc"}, outcome{200, "abc", true, 10 * s}, 200},
		"drip, cut off":      {fakehttp.Fault{Drip: s, Truncate: true, Status: 200, Body: "abc"}, outcome{200, "abc", true, 3 * s}, 200},
		"drip that is slow":  {fakehttp.Fault{Drip: 4 * s}, outcome{202, "us", true, 10 * s}, 202},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, script *fakehttp.Script, ask func(string, string) outcome) {
				script.Fail(1, row.fault)
				assert.Equal(t, row.want, ask("GET", "/"))
				assert.Equal(t, outcome{202, "usual answer", false, 0}, ask("GET", "/"), "the next request goes well")
				log := script.Requests()
				require.Len(t, log, 2)
				assert.Equal(t, row.log, log[0].Status)
				assert.Equal(t, 202, log[1].Status)
			})
		})
	}
}

func TestFaultsAreUsedInOrderAndOnlyWhereTheyFit(t *testing.T) {
	run(t, func(t *testing.T, script *fakehttp.Script, ask func(string, string) outcome) {
		script.Fail(2, fakehttp.Fault{Method: "PUT", Status: 501})
		script.Fail(1, fakehttp.Fault{Path: "/a/", Status: 502})
		script.Fail(0, fakehttp.Fault{Status: 599})
		script.Fail(-1, fakehttp.Fault{Path: "/z", Status: 503})
		var got []int
		for _, r := range [][2]string{{"GET", "/"}, {"PUT", "/a/b"}, {"GET", "/a/b"}, {"GET", "/a/b"}, {"PUT", "/"}, {"PUT", "/"}, {"GET", "/z"}, {"GET", "/z"}} {
			got = append(got, ask(r[0], r[1]).status)
		}
		assert.Equal(t, []int{202, 501, 502, 202, 501, 202, 503, 503}, got)
		script.Heal()
		assert.Equal(t, 202, ask("GET", "/z").status)
	})
}

func TestTheLogIsASnapshot(t *testing.T) {
	run(t, func(t *testing.T, script *fakehttp.Script, ask func(string, string) outcome) {
		start := time.Now()
		ask("GET", "/x?secret=1")
		log := script.Requests()
		require.Len(t, log, 1)
		assert.Equal(t, "GET 192.0.2.1:80 /x", log[0].Method+" "+log[0].Host+" "+log[0].Path)
		assert.True(t, log[0].Time.Equal(start))
		log[0].Path = "changed"
		assert.Equal(t, "/x", script.Requests()[0].Path)
	})
}

func TestKeysLookLikeAWSsAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id, secret, token := fakehttp.Keys()
		assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, id)
		assert.Len(t, secret, 40)
		assert.NotEmpty(t, token)
		for _, s := range []string{id, secret, token} {
			assert.False(t, seen[s])
			seen[s] = true
		}
	}
}
