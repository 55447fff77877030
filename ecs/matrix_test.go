package ecs_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

type (
	options      = ecstest.Options
	tokenOptions = ecstest.TokenOptions
	fault        = ecstest.Fault
)

func status(code int) *fault {
	return &fault{Status: code, Body: leak, Header: http.Header{"Content-Type": {"text/plain"}}}
}

func body(text string) *fault {
	return &fault{Status: 200, Body: text, Header: http.Header{"Content-Type": {"application/json"}}}
}

func upstream(code string) *fault { return new(ecstest.Upstream(code)) }

// TestFaultMatrix is what each fault comes to: the class of the answer, the (virtual) time until it, the answers that the agent
// gave, and what a reader of the error learns. The addresses are the real ones.
func TestFaultMatrix(t *testing.T) {
	const s = time.Second
	pod := func(w *world, t *testing.T) { w.pod(t) }
	task := func(w *world, _ *testing.T) { w.task() }
	podToken := func(optFn func(*tokenOptions)) func(*world, *testing.T) {
		return func(w *world, t *testing.T) { w.pod(t, optFn) }
	}
	podFile := func(content string) func(*world, *testing.T) {
		return func(w *world, t *testing.T) { w.pod(t); w.env[tokenFileVar] = w.file(t, content) }
	}
	full := func(uri string) func(*world, *testing.T) {
		return func(w *world, _ *testing.T) {
			w.env[fullVar], w.env[tokenVar] = uri, "token-that-must-not-leave"
			w.hidden = append(w.hidden, "token-that-must-not-leave")
		}
	}
	set := func(pairs ...string) func(*world, *testing.T) {
		return func(w *world, _ *testing.T) {
			for i := 0; i < len(pairs); i += 2 {
				w.env[pairs[i]] = pairs[i+1]
			}
		}
	}
	rows := []struct {
		name     string
		setup    func(*world, *testing.T)
		net      func(*memnet.Net)
		n        int // of requests that go wrong; 0 is all
		fault    *fault
		want     string
		min, max time.Duration
		requests string   // the agent's answers
		many     bool     // requests is what they begin with
		text     []string // parts of the error, or of the log where there is none
	}{
		{name: "pod", setup: pod, want: credentials, requests: "200"},
		{name: "pod, IPv6", setup: func(w *world, t *testing.T) { w.pod(t).env[fullVar] = "http://[fd00:ec2::23]/v1/credentials" }, want: credentials, requests: "200"},
		{name: "task", setup: task, want: credentials, requests: "200"},
		{name: "task, by the whole URL", setup: set(fullVar, "http://169.254.170.2"+ecstest.ECSPath), want: credentials, requests: "200"},

		// The configuration.
		{name: "nothing configured", setup: set(), want: nothing, text: []string{relativeVar, fullVar}},
		{name: "blank variables", setup: set(fullVar, " ", tokenVar, "\n"), want: nothing},
		{name: "token without URI", setup: set(tokenVar, "token"), want: final, text: []string{tokenVar, "half configured", fullVar}},
		{name: "token file without URI", setup: set(tokenFileVar, "/nowhere"), want: final, text: []string{tokenFileVar, "half configured"}},
		{name: "both URIs", setup: set(fullVar, "http://169.254.170.23/v1/credentials", relativeVar, ecstest.ECSPath), want: credentials, requests: "200", text: []string{"level=WARN", "both URIs", "provider=ecs", "used=" + relativeVar, "ignored=" + fullVar}},
		{name: "both forms of the token", setup: func(w *world, t *testing.T) { w.pod(t).env[tokenVar] = "wrong" }, want: credentials, requests: "200", text: []string{"level=WARN", "both forms", "provider=podidentity", "used=" + tokenFileVar, "ignored=" + tokenVar}},
		{name: "relative URI without slash", setup: set(relativeVar, "@evil.example/"), want: final, text: []string{relativeVar, "begins with one slash"}},
		{name: "relative URI that names a port", setup: set(relativeVar, ":80@evil.example/"), want: final, text: []string{"begins with one slash"}},
		{name: "relative URI that names a host", setup: set(relativeVar, "//evil.example/"), want: final, text: []string{"begins with one slash"}},
		{name: "relative URI with a control character", setup: set(relativeVar, "/a\x01"), want: final, text: []string{"not a URL"}},
		{name: "full URI elsewhere", setup: full("http://192.0.2.1/creds"), want: final, text: []string{fullVar, "192.0.2.1 is not allowed", "169.254.170.23", "https to any host"}},
		{name: "full URI at the metadata service", setup: full("http://169.254.169.254/latest/meta-data/iam/security-credentials/node"), want: final, text: []string{"not allowed"}},
		{name: "full URI, unspecified address", setup: full("http://0.0.0.0/"), want: final, text: []string{"not allowed"}},
		{name: "full URI in decimal", setup: full("http://2852039166/"), want: final, text: []string{"four decimal numbers"}},
		{name: "full URI in octal", setup: full("http://0251.0376.0252.0027/"), want: final, text: []string{"four decimal numbers"}},
		{name: "full URI in hexadecimal", setup: full("http://0xa9feaa17/"), want: final, text: []string{"four decimal numbers"}},
		{name: "full URI as a mapped address", setup: full("http://[::ffff:169.254.170.23]/"), want: final, text: []string{"disguised as IPv6"}},
		{name: "full URI with a zone", setup: full("http://[fe80::1%25eth0]/"), want: final, text: []string{"zone"}},
		{name: "full URI with user information", setup: full("http://169.254.170.23@192.0.2.1/"), want: final, text: []string{"user information"}},
		{name: "full URI with another scheme", setup: full("file:///etc/passwd"), want: final, text: []string{"http or https"}},
		{name: "full URI that does not parse", setup: full("http://[::1/"), want: final, text: []string{"not a URL"}},
		{name: "name without address", setup: full("http://agent.internal/"), want: failure, min: s / 10, max: s / 3, text: []string{"cannot look up agent.internal", "3 attempts"}},
		{name: "name that leads elsewhere", setup: func(w *world, t *testing.T) {
			full("http://agent.internal/")(w, t)
			w.hosts["agent.internal"] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		}, want: failure, text: []string{"agent.internal (192.0.2.1) is not allowed", "nothing was sent"}},
		{name: "name of which one address leads elsewhere", setup: func(w *world, t *testing.T) {
			full("http://agent.internal/")(w, t)
			w.hosts["agent.internal"] = []netip.Addr{netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("192.0.2.1")}
		}, want: failure, text: []string{"agent.internal (192.0.2.1) is not allowed"}},
		{name: "name that leads elsewhere at its second look-up: the first one is the one dialled", setup: func(w *world, t *testing.T) {
			full("http://agent.internal"+ecstest.ECSPath)(w, t)
			w.turns = map[string][][]netip.Addr{"agent.internal": {{netip.MustParseAddr("169.254.170.2")}, {netip.MustParseAddr("192.0.2.1")}}}
		}, want: credentials, requests: "200"},
		{name: "name that leads elsewhere at the second attempt", setup: func(w *world, t *testing.T) {
			full("http://agent.internal"+ecstest.ECSPath)(w, t)
			w.turns = map[string][][]netip.Addr{"agent.internal": {{netip.MustParseAddr("169.254.170.2")}, {netip.MustParseAddr("192.0.2.1")}}}
		}, fault: status(503), want: failure, min: s / 20, max: s / 10, requests: "503", text: []string{"agent.internal (192.0.2.1) is not allowed"}},
		{name: "name that leads to the agent", setup: func(w *world, t *testing.T) {
			full("http://agent.internal"+ecstest.ECSPath)(w, t)
			w.hosts["agent.internal"] = []netip.Addr{netip.MustParseAddr("::ffff:169.254.170.2")}
		}, want: credentials, requests: "200"},

		// The token.
		{name: "token file missing", setup: func(w *world, t *testing.T) { w.pod(t).env[tokenFileVar] = "/var/run/secrets/none" }, want: failure, min: s / 10, max: s / 10, text: []string{tokenFileVar, "/var/run/secrets/none", "not mounted"}},
		{name: "token file is a directory", setup: func(w *world, t *testing.T) { w.pod(t).env[tokenFileVar] = t.TempDir() }, want: failure, text: []string{"not a regular file"}},
		{name: "token file empty", setup: podFile(""), want: failure, min: s / 10, max: s / 10, text: []string{"empty"}},
		{name: "token file with a line break inside", setup: podFile("token-\r\nX-Evil: 1"), want: failure, text: []string{"line break"}},
		{name: "token file with two line breaks at its end", setup: podFile("token-token\n\n"), want: failure, text: []string{"line break"}},
		{name: "token file of 10 MB", setup: podFile(strings.Repeat("token", 2<<20)), want: failure, text: []string{"larger than 64 KiB"}},
		{name: "token file of 64 KiB, the most there may be", setup: podFile(strings.Repeat("t", 64<<10)), want: failure, requests: "400", text: []string{"it is not a JWT"}},
		{name: "token file of one byte more", setup: podFile(strings.Repeat("t", 64<<10+1)), want: failure, text: []string{"larger than 64 KiB"}},
		{name: "token file with binary", setup: podFile("token\x00\xff---"), want: failure, text: []string{"control or non-ASCII"}},
		{name: "token value with a line break", setup: set(fullVar, "http://169.254.170.23/v1/credentials", tokenVar, "a\nb"), want: final, text: []string{tokenVar, "line break"}},
		{name: "no token", setup: set(fullVar, "http://169.254.170.23/v1/credentials"), want: failure, requests: "400", text: []string{"status 400", "wants a service account token", tokenFileVar}},
		{name: "token that is no JWT", setup: podFile("not-a-token"), want: failure, requests: "400", text: []string{"it is not a JWT"}},
		{name: "token with Bearer", setup: func(w *world, t *testing.T) {
			w.pod(t).env[tokenFileVar] = w.file(t, "Bearer "+w.agent.Token(subject))
		}, want: failure, requests: "400", text: []string{`begins with "Bearer "`}},
		{name: "token expired", setup: podToken(func(o *tokenOptions) { o.Lifetime = -time.Hour }), want: failure, requests: "400", text: []string{"has expired", "1h0m0s ago"}},
		{name: "token for another audience", setup: podToken(func(o *tokenOptions) { o.Audience = "sts.amazonaws.com" }), want: final, requests: "400", text: []string{"InvalidTokenException", `audience is "sts.amazonaws.com"`, "pods.eks.amazonaws.com", "request req-1"}},
		{name: "token of another cluster", setup: podToken(func(o *tokenOptions) { o.Foreign = true }), want: final, requests: "400", text: []string{"InvalidTokenException", "this cluster"}},

		// The agent refuses.
		{name: "association missing", setup: func(w *world, t *testing.T) { w.pod(t).agent.Associate(subject, "") }, want: final, requests: "404", text: []string{"ResourceNotFoundException", "no Pod Identity association", subject, "create-pod-identity-association"}},
		{name: "role not assumable", setup: pod, fault: upstream("AccessDeniedException"), want: final, requests: "403", text: []string{"sts:TagSession", "pods.eks.amazonaws.com"}},
		{name: "token expired for EKS", setup: pod, fault: upstream("ExpiredTokenException"), want: failure, requests: "400", text: []string{"expired", "rotates"}},
		{name: "throttled twice", setup: pod, n: 2, fault: upstream("ThrottlingException"), want: credentials, min: s / 10, max: s / 3, requests: "429, 429, 200"},
		{name: "throttled", setup: pod, fault: upstream("ThrottlingException"), want: failure, min: 4 * s, max: 5 * s, requests: "429, 429, 429, 429, 429", many: true, text: []string{"ThrottlingException", "throttling", "attempts in"}},
		{name: "throttled by the agent itself", setup: pod, fault: status(429), want: failure, min: 4 * s, max: 5 * s, requests: "429, 429, 429, 429, 429", many: true, text: []string{"the agent is throttling"}},
		{name: "EKS down", setup: pod, fault: upstream("InternalServerException"), want: failure, min: 4 * s, max: 5 * s, requests: "500, 500, 500, 500, 500", many: true, text: []string{"InternalServerException", "EKS has trouble", "log of the EKS Pod Identity agent's pod"}},
		{name: "EKS unavailable twice", setup: pod, n: 2, fault: upstream("ServiceUnavailableException"), want: credentials, min: s / 10, max: s / 3, requests: "503, 503, 200"},
		{name: "EKS unavailable", setup: pod, fault: upstream("ServiceUnavailableException"), want: failure, min: 4 * s, max: 5 * s, requests: "503, 503, 503, 503, 503", many: true, text: []string{"ServiceUnavailableException", "EKS has trouble", "log of the EKS Pod Identity agent's pod"}},
		{name: "EKS does not understand a parameter", setup: pod, fault: upstream("InvalidParameterException"), want: failure, requests: "400", text: []string{"InvalidParameterException", "does not understand", "log of the EKS Pod Identity agent's pod"}},
		{name: "EKS does not understand the request", setup: pod, fault: upstream("InvalidRequestException"), want: failure, requests: "400", text: []string{"InvalidRequestException", "does not understand"}},
		{name: "EKS refuses in a word that is new", setup: pod, fault: upstream("TeapotException"), want: failure, requests: "400", text: []string{"TeapotException", "the agent's log"}},
		{name: "the ECS agent has trouble", setup: task, fault: &fault{Status: 500, Body: `{"code":"InternalServerError","message":"` + leak + `","HTTPErrorCode":500}`}, want: failure, min: 4 * s, max: 5 * s, requests: "500, 500, 500, 500, 500", many: true, text: []string{"InternalServerError", "the ECS agent has trouble", "its log"}},
		{name: "agent slow to say that EKS is down", setup: pod, fault: &fault{Delay: s, Status: 500, Body: leak}, want: failure, min: 4 * s, max: 5 * s, requests: "500, 500, 500", many: true, text: []string{"cannot reach EKS"}},
		{name: "host refused", setup: func(w *world, t *testing.T) {
			w.pod(t).env[fullVar] = "http://169.254.170.2/v1/credentials"
		}, want: failure, requests: "403", text: []string{"status 403", "authorization token"}},
		{name: "unknown path", setup: func(w *world, t *testing.T) { w.pod(t).env[fullVar] = "http://169.254.170.23/v2/none" }, want: failure, requests: "404", text: []string{"status 404", fullVar}},
		{name: "task unknown", setup: set(relativeVar, "/v2/credentials/other"), want: failure, requests: "400", text: []string{"InvalidIdInRequest", relativeVar}},
		{name: "task without id", setup: set(relativeVar, "/v2/credentials"), want: failure, requests: "400", text: []string{"NoIdInRequest"}},
		{name: "task not there yet", setup: task, n: 3, fault: &fault{Status: 503, Body: `{"code":"CredentialsUninitialized","message":"` + leak + `"}`}, want: credentials, min: s / 3, max: s, requests: "503, 503, 503, 200"},
		{name: "401", setup: task, fault: status(401), want: failure, requests: "401", text: []string{"authorization token is missing or wrong"}},
		{name: "403 for a pod", setup: pod, fault: status(403), want: failure, requests: "403", text: []string{"only to its own address"}},
		{name: "405", setup: task, fault: status(405), want: failure, requests: "405"},
		{name: "an error in JSON whose code is no word", setup: task, fault: &fault{Status: 400, Body: `{"code":"` + leak + ` 1","message":"` + leak + `"}`}, want: failure, requests: "400"},
		{name: "an error in text whose code is no word", setup: pod, fault: &fault{Status: 400, Body: `[` + leak + `!]: (` + leak + `): x`}, want: failure, requests: "400"},

		// The agent is not there, or not right.
		{name: "agent not installed", setup: pod, net: func(n *memnet.Net) { n.Refuse(eksAddress) }, want: failure, min: 4 * s, max: 5 * s, text: []string{"connection refused", "attempts in", "eks-pod-identity-agent"}},
		{name: "no route to the agent", setup: pod, net: func(n *memnet.Net) { n.NoRoute(eksAddress) }, want: failure, min: 4 * s, max: 5 * s, text: []string{"no route", "network policy"}},
		{name: "packets to the agent dropped", setup: pod, net: func(n *memnet.Net) { n.Blackhole(eksAddress) }, want: late, min: 5 * s, max: 5 * s, text: []string{"timed out after 5s", "network policy"}},
		{name: "task's agent not there", setup: task, net: func(n *memnet.Net) { n.Refuse(ecsAddress) }, want: failure, min: 4 * s, max: 5 * s, text: []string{relativeVar, "is the agent or the sidecar"}},
		{name: "no route to the task's agent", setup: task, net: func(n *memnet.Net) { n.NoRoute(ecsAddress) }, want: failure, min: 4 * s, max: 5 * s, text: []string{"no route", "nothing answers at the address that " + relativeVar + " names"}},
		{name: "packets to the task's agent dropped", setup: task, net: func(n *memnet.Net) { n.Blackhole(ecsAddress) }, want: late, min: 5 * s, max: 5 * s, text: []string{"timed out after 5s", "nothing answers at the address that " + relativeVar + " names"}},
		{name: "agent comes up after 2 s", setup: pod, net: func(n *memnet.Net) {
			n.Refuse(eksAddress)
		}, want: credentials, min: 2 * s, max: 3 * s, requests: "200"},
		{name: "agent takes the connection and is silent", setup: pod, fault: &fault{Hang: true}, want: late, min: 5 * s, max: 5 * s, requests: "0, 0, 0", text: []string{"timed out after 5s", "no answer"}},
		{name: "agent silent once", setup: pod, n: 1, fault: &fault{Hang: true}, want: credentials, min: 2 * s, max: 2*s + s/10, requests: "0, 200"},
		{name: "agent stalls after its headers", setup: pod, fault: &fault{Stall: true}, want: late, min: 5 * s, max: 5 * s, requests: "200, 200, 200", text: []string{"did not end"}},
		{name: "agent drips", setup: pod, fault: &fault{Drip: s / 10}, want: late, min: 5 * s, max: 5 * s, requests: "200, 200, 200"},
		{name: "agent's header drips", setup: pod, net: func(n *memnet.Net) { n.Handle(eksAddress, linktest.Drip) }, want: late, min: 5 * s, max: 5 * s, text: []string{"the answer began and did not end"}},
		{name: "connection reset twice", setup: pod, n: 2, fault: &fault{Reset: true}, want: credentials, min: s / 10, max: s / 3, requests: "0, 0, 200"},
		{name: "answer cut off", setup: pod, fault: &fault{Truncate: true}, want: failure, min: 4 * s, max: 5 * s, requests: "200, 200, 200, 200", many: true, text: []string{"cut off"}},
		{name: "not HTTP", setup: pod, net: func(n *memnet.Net) { n.Handle(eksAddress, linktest.Babble) }, want: failure, min: 4 * s, max: 5 * s, text: []string{"not HTTP"}},
		{name: "answer too large", setup: pod, fault: body(strings.Repeat(leak, 10000)), want: failure, requests: "200", text: []string{"64 KiB"}},
		{name: "redirect to another host", setup: pod, fault: &fault{Status: 307, Header: http.Header{"Location": {"http://evil.example/" + leak}}}, want: failure, requests: "307", text: []string{"evil.example", "not followed"}},
		{name: "redirect to nowhere that can be read", setup: pod, fault: &fault{Status: 307, Header: http.Header{"Location": {"http://%zz/" + leak}}}, want: failure, requests: "307", text: []string{"redirected with status 307: redirects are not followed"}},
		{name: "redirect without a location", setup: pod, fault: status(302), want: failure, requests: "302", text: []string{"redirected with status 302: redirects are not followed"}},
		{name: "header over 64 KiB", setup: pod, fault: &fault{Header: http.Header{"X-Filler": {strings.Repeat(leak, 10000)}}}, want: failure, requests: "200", text: []string{"64 KiB"}},
		{name: "agent switches protocols", setup: pod, fault: &fault{Status: 101, Header: linktest.SwitchProtocols()}, want: failure, min: 4 * s, max: 5 * s, requests: "101, 101, 101, 101, 101", many: true, text: []string{"switched protocols"}},
		{name: "agent switches protocols once", setup: pod, n: 1, fault: &fault{Status: 101, Header: linktest.SwitchProtocols()}, want: credentials, min: s / 20, max: s / 10, requests: "101, 200"},
		{name: "HTML", setup: pod, fault: body("<html>" + leak), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"HTML"}},
		{name: "null", setup: pod, fault: body("null"), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"it is null"}},
		{name: "{}", setup: pod, fault: body("{}"), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"no AccessKeyId"}},
		{name: "array", setup: pod, fault: body(`["` + leak + `"]`), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"not an object"}},
		{name: "half a document", setup: pod, fault: body(linktest.Document()[:80]), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"not JSON"}},
		{name: "empty answer", setup: pod, fault: body(""), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"empty"}},
		{name: "unreadable twice", setup: pod, n: 2, fault: body("{}"), want: credentials, min: s / 10, max: s / 3, requests: "200, 200, 200"},
		{name: "no secret", setup: pod, fault: body(linktest.Document("SecretAccessKey", "")), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"no SecretAccessKey"}},
		{name: "no token in it", setup: pod, fault: body(linktest.Document("Token", "")), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"no Token"}},
		{name: "bad date", setup: pod, fault: body(linktest.Document("Expiration", `"tomorrow"`)), want: failure, min: s / 10, max: s / 3, requests: "200, 200, 200", text: []string{"RFC 3339"}},
		{name: "no expiry", setup: pod, fault: body(linktest.Document("Expiration", "")), want: credentials, requests: "200"},
		{name: "already expired (a cache judges that)", setup: pod, fault: body(linktest.Document("Expiration", `"1999-12-31T23:00:00Z"`)), want: credentials, requests: "200"},
		{name: "15 s left, as from an agent that cannot reach EKS", setup: pod, fault: body(linktest.Document("Expiration", `"2000-01-01T00:00:15Z"`)), want: credentials, requests: "200"},
		{name: "credentials as text", setup: pod, fault: &fault{Status: 200, Body: linktest.Document(), Header: http.Header{"Content-Type": {"text/plain"}}}, want: credentials, requests: "200"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r.setup(w, t)
				if r.net != nil {
					r.net(w.net)
				}
				if strings.Contains(r.name, "comes up after") {
					time.AfterFunc(2*s, func() { t.Cleanup(w.net.Serve(eksAddress, w.agent)) })
				}
				if r.fault != nil {
					n := -1
					if r.n > 0 {
						n = r.n
					}
					w.agent.Fail(n, *r.fault)
				}
				var creds aws.Credentials
				var err error
				d := took(func() { creds, err = w.provider().Retrieve(t.Context()) })

				assert.Equal(t, r.want, class(creds, err), "class of: %v", err)
				checkError(t, w, err)
				text := w.log.String()
				if err != nil {
					text = err.Error()
				}
				for _, part := range r.text {
					assert.Contains(t, text, part)
				}
				assert.GreaterOrEqual(t, d, r.min, "time")
				assert.LessOrEqual(t, d, r.max, "time")
				if r.many {
					assert.True(t, strings.HasPrefix(w.requests(), r.requests), w.requests())
					assert.Less(t, len(w.agent.Requests()), 15, "no storm")
				} else {
					assert.Equal(t, r.requests, w.requests())
				}
				t.Logf("%-16s %6s  %v", class(creds, err), d.Round(time.Millisecond), err)
			})
		})
	}
}
