package imds_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/memnet"
)

type (
	options = imdstest.Options
	fault   = imdstest.Fault
)

const (
	tokenPath    = "/latest/api/token"
	indexPath    = "/latest/meta-data/"
	rolesPath    = "/latest/meta-data/iam/security-credentials/"
	extendedPath = "/latest/meta-data/iam/security-credentials-extended/"

	v1Asked = "AWS_EC2_METADATA_V1_DISABLED=false"
	good    = "PUT token 200, GET roles 200, GET extended 200"
)

func times(n int, what string) string { return strings.TrimSuffix(strings.Repeat(what+", ", n), ", ") }

func status(method, path string, code int) fault {
	return fault{Method: method, Path: path, Status: code, Body: leak, Header: http.Header{"Content-Type": {"text/plain"}}}
}

func body(path, text string) fault {
	return fault{Method: "GET", Path: path, Status: 200, Body: text, Header: http.Header{"Content-Type": {"application/json"}}}
}

// document is what EC2's service gives out, with members replaced.
func document(members ...string) string {
	return linktest.Document(append([]string{"Code", `"Success"`}, members...)...)
}

// TestFaultMatrix is what each fault comes to: the class of the answer, the (virtual) time until it, the requests that were made,
// and what a reader of the error learns. The addresses are the real ones.
func TestFaultMatrix(t *testing.T) {
	const s = time.Second
	type row struct {
		name     string
		env      string // space separated
		service  func(*options)
		net      func(*memnet.Net)
		n        int // of requests that go wrong; 0 is all
		fault    *fault
		want     string
		min, max time.Duration
		requests string
		text     []string // parts of the error, or of the log where there is none
	}
	rows := []row{
		{name: "all is well", want: credentials, requests: good},
		{name: "all is well, IPv6", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv6", want: credentials, requests: good},

		// Nobody there: unavailable.
		{name: "connection refused", net: func(n *memnet.Net) { n.Refuse(address4) }, want: nothing, text: []string{"PUT http://169.254.169.254/latest/api/token", "connection refused", "not an EC2 instance"}},
		{name: "connection refused, three attempts asked for", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=3", net: func(n *memnet.Net) { n.Refuse(address4) }, want: nothing, min: s / 10, max: s / 3, text: []string{"connection refused"}},
		{name: "no route", net: func(n *memnet.Net) { n.NoRoute(address4) }, want: nothing, text: []string{"no route"}},
		{name: "dropped packets", net: func(n *memnet.Net) { n.Blackhole(address4) }, want: nothing, min: 3 * s / 2, max: 2 * s, text: []string{"timed out", "firewall or network policy"}},
		{name: "dropped packets, one attempt of 3 s asked for", env: "AWS_METADATA_SERVICE_TIMEOUT=3 AWS_METADATA_SERVICE_NUM_ATTEMPTS=1", net: func(n *memnet.Net) { n.Blackhole(address4) }, want: nothing, min: 3 * s, max: 3 * s, text: []string{"timed out", "within 3s"}},
		{name: "dropped packets, two attempts of 2 s asked for", env: "AWS_METADATA_SERVICE_TIMEOUT=2 AWS_METADATA_SERVICE_NUM_ATTEMPTS=2", net: func(n *memnet.Net) { n.Blackhole(address4) }, want: nothing, min: 4 * s, max: 4*s + s/5, text: []string{"timed out"}},
		{name: "dropped packets, an attempt of 5 s asked for", env: "AWS_METADATA_SERVICE_TIMEOUT=5", net: func(n *memnet.Net) { n.Blackhole(address4) }, want: nothing, min: 5 * s, max: 5 * s, text: []string{"no connection within 5s"}},
		{name: "the name has no address", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://metadata.internal", want: nothing, text: []string{"cannot look up metadata.internal", "AWS_EC2_METADATA_SERVICE_ENDPOINT"}},
		{name: "switched off by variable", env: "AWS_EC2_METADATA_DISABLED=TRUE", want: nothing, text: []string{"AWS_EC2_METADATA_DISABLED"}},
		{name: "switched off by a variable that says something else", env: "AWS_EC2_METADATA_DISABLED=1", want: credentials, requests: good, text: []string{"level=WARN", "neither true nor false"}},

		// Someone there who takes connections and says nothing.
		{name: "silence to everything", net: func(n *memnet.Net) { n.Handle(address4, linktest.Swallow) }, want: nothing, min: 9 * s / 5, max: 9 * s / 5, text: []string{"timed out", "hop limit"}},
		{name: "hop limit 1", service: func(o *options) { o.HopLimit1 = true }, want: nothing, min: 3 * s / 2, max: 8 * s / 5, requests: "PUT token 0, GET index 401, PUT token 0", text: []string{"no answer within 1s", "status 401", "--http-put-response-hop-limit 2", "IRSA or EKS Pod Identity"}},
		{name: "hop limit 1, IMDSv1 offered but not asked for", service: func(o *options) { o.HopLimit1, o.V1 = true, true }, want: nothing, min: 3 * s / 2, max: 8 * s / 5, requests: "PUT token 0, GET index 401, PUT token 0", text: []string{"hop limit"}},
		{name: "hop limit 1, IMDSv1 asked for and offered", env: v1Asked, service: func(o *options) { o.HopLimit1, o.V1 = true, true }, want: credentials, min: s, max: s, requests: "PUT token 0, GET roles 200, GET extended 200", text: []string{"level=WARN", "IMDSv1 is used"}},
		{name: "hop limit 1, IMDSv1 asked for and refused", env: v1Asked, service: func(o *options) { o.HopLimit1 = true }, want: nothing, min: s, max: s, requests: "PUT token 0, GET roles 401", text: []string{"hop limit"}},
		{name: "silence to everything, IMDSv1 asked for", env: v1Asked, net: func(n *memnet.Net) { n.Handle(address4, linktest.Swallow) }, want: nothing, min: 3 * s / 2, max: 2 * s, text: []string{"timed out"}},
		{name: "token unanswered, a GET is by somebody unknown", service: unsigned(func(o *options) { o.HopLimit1 = true }), fault: &fault{Method: "GET", Status: 404, Body: leak}, want: nothing, min: 3 * s / 2, max: 8 * s / 5, requests: "PUT token 0, GET index 404, PUT token 0", text: []string{"status 404", "need not be EC2's", "hop limit"}},
		{name: "token unanswered, a GET is by Google Cloud", service: unsigned(func(o *options) { o.HopLimit1 = true }), fault: &fault{Method: "GET", Status: 404, Header: http.Header{"Metadata-Flavor": {"Google"}}}, want: nothing, min: s, max: s, requests: "PUT token 0, GET index 404", text: []string{"Google Cloud"}},
		{name: "token unanswered, a GET stalls after EC2's header", service: func(o *options) { o.HopLimit1 = true }, fault: &fault{Method: "GET", Stall: true}, want: nothing, min: 8 * s / 5, max: 9 * s / 5, requests: "PUT token 0, GET index 401, PUT token 0", text: []string{"EC2's metadata service is there", "hop limit"}},
		{name: "the first token request is lost", n: 1, fault: &fault{Method: "PUT", Hang: true}, want: credentials, min: s, max: s, requests: "PUT token 0, GET index 401, PUT token 200, GET roles 200, GET extended 200"},
		{name: "two token requests of three are lost", n: 2, fault: &fault{Method: "PUT", Hang: true}, env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=3", want: credentials, min: 2 * s, max: 2 * s,
			requests: "PUT token 0, GET index 401, PUT token 0, PUT token 200, GET roles 200, GET extended 200"},

		// The token request is answered, but not with a token.
		{name: "token 400", fault: new(status("PUT", tokenPath, 400)), want: failure, requests: "PUT token 400", text: []string{"status 400"}},
		{name: "token 401", fault: new(status("PUT", tokenPath, 401)), want: failure, requests: "PUT token 401", text: []string{"status 401"}},
		{name: "token 403, EC2", fault: new(status("PUT", tokenPath, 403)), want: failure, requests: "PUT token 403", text: []string{"status 403", "switched off", "IMDSv1", "was not asked for", "Options.AllowV1", "AWS_EC2_METADATA_V1_DISABLED=false"}},
		{name: "token 404, EC2", fault: new(status("PUT", tokenPath, 404)), want: failure, requests: "PUT token 404", text: []string{"status 404", "was not asked for"}},
		{name: "token 405, EC2", fault: new(status("PUT", tokenPath, 405)), want: failure, requests: "PUT token 405", text: []string{"status 405", "was not asked for"}},
		{name: "token 403, no sign of EC2", service: unsigned(nil), fault: new(status("", "", 403)), want: nothing, requests: "PUT token 403, GET index 403", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, no sign of EC2", service: unsigned(nil), fault: new(status("", "", 404)), want: nothing, requests: "PUT token 404, GET index 404", text: []string{"not EC2 instance metadata"}},
		{name: "token 405, no sign of EC2", service: unsigned(nil), fault: new(status("", "", 405)), want: nothing, requests: "PUT token 405, GET index 405", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, unsigned, a GET wants a token", service: unsigned(func(o *options) { o.NoSessions = 404 }), want: failure, requests: "PUT token 404, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, an emulator that speaks IMDSv1 alone", service: unsigned(nil), fault: new(status("PUT", "", 404)), want: failure, requests: "PUT token 404, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, the GET that tells is lost once", service: noTokens, n: 1, fault: &fault{Method: "GET", Hang: true}, want: failure, min: s / 2, max: s, requests: "PUT token 404, GET index 0, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, the GET that tells is reset twice", service: noTokens, n: 2, fault: &fault{Method: "GET", Reset: true}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, GET index 0, GET index 0, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, the GET that tells gets 503 once", service: noTokens, n: 1, fault: new(status("GET", indexPath, 503)), want: failure, min: s / 20, max: s / 10, requests: "PUT token 404, GET index 503, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, the GET that tells gets 429 twice", service: noTokens, n: 2, fault: new(status("GET", indexPath, 429)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, GET index 429, GET index 429, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, whose it is cannot be told: silence", service: noTokens, fault: &fault{Method: "GET", Hang: true}, want: failure, min: 3 * s / 2, max: 9 * s / 5, requests: "PUT token 404, " + times(3, "GET index 0"), text: []string{"could not be told", "timed out", "3 attempts"}},
		{name: "token 404, unsigned, whose it is cannot be told: reset", service: noTokens, fault: &fault{Method: "GET", Reset: true}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET index 0"), text: []string{"could not be told", "the connection broke"}},
		{name: "token 404, unsigned, whose it is cannot be told: 503", service: noTokens, fault: new(status("GET", indexPath, 503)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET index 503"), text: []string{"could not be told", "status 503"}},
		{name: "token 404, unsigned, one attempt asked for", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=1", service: noTokens, n: 1, fault: &fault{Method: "GET", Reset: true}, want: failure, requests: "PUT token 404, GET index 0", text: []string{"could not be told"}},
		{name: "token 404, unsigned, a GET is redirected", service: noTokens, fault: &fault{Method: "GET", Status: 302, Header: http.Header{"Location": {"http://evil.example/"}}}, want: nothing, requests: "PUT token 404, GET index 302", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, unsigned, a GET is redirected by EC2", service: noTokens, fault: signedGET(302, "Server", "EC2ws"), want: failure, requests: "PUT token 404, GET index 302", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, a GET switches protocols", service: noTokens, fault: &fault{Method: "GET", Status: 101, Header: linktest.SwitchProtocols()}, want: nothing, requests: "PUT token 404, GET index 101", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, unsigned, a GET is answered without end", service: noTokens, fault: &fault{Method: "GET", Status: 404, Body: strings.Repeat(leak, 10000)}, want: nothing, requests: "PUT token 404, GET index 404", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, unsigned, a GET gives out something without end", service: noTokens, fault: &fault{Method: "GET", Status: 200, Body: strings.Repeat(leak, 10000)}, want: failure, requests: "PUT token 404, GET index 200", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, a GET wants a token and stalls", service: noTokens, fault: &fault{Method: "GET", Status: 401, Body: leak, Stall: true}, want: failure, min: s / 2, max: s / 2, requests: "PUT token 404, GET index 401", text: []string{"was not asked for"}},
		{name: "token 404, unsigned, a GET stalls", service: noTokens, fault: &fault{Method: "GET", Status: 404, Body: leak, Stall: true}, want: nothing, min: s / 2, max: s / 2, requests: "PUT token 404, GET index 404", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, IMDSv1 asked for and offered", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, want: credentials, requests: "PUT token 404, GET roles 200, GET extended 200", text: []string{"level=WARN", "IMDSv1 is used"}},
		{name: "token 403, IMDSv1 asked for, service off", env: v1Asked, service: func(o *options) { o.Off = true }, want: failure, requests: "PUT token 403, GET roles 403", text: []string{"switched off", "does not work either"}},
		{name: "token 404, IMDSv1 asked for, no role", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1, o.NoRole = 404, true, true }, want: nothing, requests: "PUT token 404, GET roles 404", text: []string{"no role is attached"}},
		{name: "token 404, IMDSv1 asked for, not EC2", env: v1Asked, service: unsigned(nil), fault: new(status("", "", 404)), want: nothing, requests: "PUT token 404, GET roles 404", text: []string{"not EC2 instance metadata"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list reset", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: &fault{Method: "GET", Reset: true}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 0"), text: []string{"the connection broke", "asked by IMDSv1", "status 404"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list hangs", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: &fault{Method: "GET", Hang: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 404, " + times(2, "GET roles 0"), text: []string{"no answer", "asked by IMDSv1"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list stalls", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: &fault{Method: "GET", Stall: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 404, " + times(2, "GET roles 200"), text: []string{"did not end", "asked by IMDSv1"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list is HTML", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: new(body(rolesPath, "<html>"+leak)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 200"), text: []string{"not a list of roles", "asked by IMDSv1"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list redirected", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: &fault{Method: "GET", Status: 302, Header: http.Header{"Location": {"/" + leak}}}, want: failure, requests: "PUT token 404, GET roles 302", text: []string{"not followed", "asked by IMDSv1"}},
		{name: "token 404 by EC2, IMDSv1 asked for, list 503", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: new(status("GET", rolesPath, 503)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 503"), text: []string{"status 503", "asked by IMDSv1"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list reset", env: v1Asked, service: noTokens, fault: &fault{Method: "GET", Reset: true}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 0"), text: []string{"could not be told", "the connection broke"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list hangs", env: v1Asked, service: noTokens, fault: &fault{Method: "GET", Hang: true}, want: failure, min: 3 * s / 2, max: 2 * s, requests: "PUT token 404, " + times(2, "GET roles 0"), text: []string{"could not be told", "timed out"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list stalls", env: v1Asked, service: noTokens, fault: &fault{Method: "GET", Status: 200, Body: leak, Stall: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 404, " + times(2, "GET roles 200"), text: []string{"did not end"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list is HTML", env: v1Asked, service: noTokens, fault: new(body(rolesPath, "<html>"+leak)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 200"), text: []string{"not a list of roles"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list redirected", env: v1Asked, service: noTokens, fault: &fault{Method: "GET", Status: 302, Header: http.Header{"Location": {"http://evil.example/"}}}, want: nothing, requests: "PUT token 404, GET roles 302", text: []string{"not EC2 instance metadata"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list is HTML by Google Cloud", env: v1Asked, service: noTokens, fault: &fault{Method: "GET", Status: 200, Body: "<html>" + leak, Header: http.Header{"Metadata-Flavor": {"Google"}}}, want: nothing, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 200"), text: []string{"Google Cloud"}},
		{name: "token 404, unsigned, IMDSv1 asked for, list 503", env: v1Asked, service: noTokens, fault: new(status("GET", rolesPath, 503)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 404, " + times(3, "GET roles 503"), text: []string{"could not be told", "status 503"}},
		{name: "hop limit 1, IMDSv1 asked for, list 503 by EC2", env: v1Asked, service: func(o *options) { o.HopLimit1, o.V1 = true, true }, fault: new(status("GET", rolesPath, 503)), want: failure, min: s, max: 3 * s / 2, requests: "PUT token 0, " + times(3, "GET roles 503"), text: []string{"status 503", "asked by IMDSv1"}},
		{name: "hop limit 1, IMDSv1 asked for, list is HTML", env: v1Asked, service: func(o *options) { o.HopLimit1, o.V1 = true, true }, fault: new(body(rolesPath, "<html>"+leak)), want: failure, min: s, max: 3 * s / 2, requests: "PUT token 0, " + times(3, "GET roles 200"), text: []string{"not a list of roles", "asked by IMDSv1"}},
		{name: "token 404 by EC2, IMDSv1 asked for, and switched off after the list", env: v1Asked, service: func(o *options) { o.NoSessions, o.V1 = 404, true }, fault: new(status("GET", extendedPath, 401)), want: failure, requests: "PUT token 404, GET roles 200, GET extended 401", text: []string{"status 401: a session token is required, and there is none (PUT http://169.254.169.254/latest/api/token: status 404)"}},
		{name: "hop limit 1, IMDSv1 asked for, named role that is not there", env: v1Asked + " AWS_EC2_INSTANCE_PROFILE_NAME=other", service: func(o *options) { o.HopLimit1, o.V1 = true, true }, want: failure, min: s, max: s, requests: "PUT token 0, GET " + extendedPath + "other 404, GET " + rolesPath + "other 404", text: []string{"status 404", "AWS_EC2_INSTANCE_PROFILE_NAME"}},
		{name: "token 404, IMDSv1 asked for, EC2 may not assume the named role", env: v1Asked + " AWS_EC2_INSTANCE_PROFILE_NAME=node-role", service: unsigned(func(o *options) { o.NoSessions, o.V1, o.Code = 404, true, "AssumeRoleUnauthorizedAccess" }), want: final, requests: "PUT token 404, GET extended 200", text: []string{"AssumeRoleUnauthorizedAccess", "asked by IMDSv1"}},
		{name: "Google Cloud", service: unsigned(nil), fault: signed(405, "Metadata-Flavor", "Google"), want: nothing, requests: "PUT token 405", text: []string{"Google Cloud"}},
		{name: "Azure", service: unsigned(nil), fault: signed(400, "Server", "IMDS/150.870.65.1854"), want: nothing, requests: "PUT token 400", text: []string{"Azure"}},
		{name: "Google Cloud, redirecting", service: unsigned(nil), fault: signed(302, "Metadata-Flavor", "Google"), want: nothing, requests: "PUT token 302", text: []string{"Google Cloud"}},
		{name: "Azure, without end", service: unsigned(nil), fault: &fault{Status: 200, Body: strings.Repeat(leak, 10000), Header: http.Header{"Server": {"IMDS/150"}}}, want: nothing, requests: "PUT token 200", text: []string{"Azure"}},
		{name: "token 429 once", n: 1, fault: new(status("PUT", tokenPath, 429)), want: credentials, min: s / 20, max: s / 10, requests: "PUT token 429, " + good},
		{name: "token 429", fault: new(status("PUT", tokenPath, 429)), want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 429"), text: []string{"status 429"}},
		{name: "token 500", fault: new(status("PUT", tokenPath, 500)), want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 500"), text: []string{"status 500"}},
		{name: "token 503 twice", n: 2, fault: new(status("PUT", tokenPath, 503)), want: credentials, min: s / 10, max: s / 3, requests: times(2, "PUT token 503") + ", " + good},
		{name: "token 503, two attempts asked for", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=2", fault: new(status("PUT", tokenPath, 503)), want: failure, min: s / 20, max: s / 10, requests: times(2, "PUT token 503")},
		{name: "token redirect", fault: &fault{Method: "PUT", Status: 307, Header: http.Header{"Location": {"http://evil.example/?" + leak}}}, want: failure, requests: "PUT token 307", text: []string{"to host evil.example", "not followed"}},
		{name: "token switches protocols", fault: &fault{Method: "PUT", Status: 101, Header: linktest.SwitchProtocols()}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 101"), text: []string{"switched protocols"}},
		{name: "token is HTML", fault: &fault{Method: "PUT", Status: 200, Body: "<html>" + leak}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 200"), text: []string{"not a session token"}},
		{name: "token is empty", fault: &fault{Method: "PUT", Status: 200}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 200"), text: []string{"empty"}},
		{name: "token with a line break", fault: &fault{Method: "PUT", Status: 200, Body: "a\r\nX-Evil: " + leak}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 200")},
		{name: "token connection reset", fault: &fault{Method: "PUT", Reset: true}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 0"), text: []string{"the connection broke"}},
		{name: "token cut off", fault: &fault{Method: "PUT", Truncate: true}, want: failure, min: s / 10, max: s / 3, requests: times(3, "PUT token 200"), text: []string{"cut off"}},
		{name: "token stalls after its headers", fault: &fault{Method: "PUT", Stall: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: times(2, "PUT token 200"), text: []string{"did not end"}},
		{name: "token drips", fault: &fault{Method: "PUT", Drip: s / 10}, want: late, min: 3 * s / 2, max: 2 * s, requests: times(2, "PUT token 200")},
		{name: "token's header drips", net: func(n *memnet.Net) { n.Handle(address4, linktest.Drip) }, want: late, min: 3 * s / 2, max: 2 * s, text: []string{"the answer began and did not end"}},
		{name: "token too large", fault: &fault{Method: "PUT", Status: 200, Body: strings.Repeat(leak, 10000)}, want: failure, requests: "PUT token 200", text: []string{"larger than 64 KiB"}},
		{name: "not HTTP", net: func(n *memnet.Net) { n.Handle(address4, linktest.Babble) }, want: failure, min: s / 10, max: s / 3, text: []string{"not HTTP"}},
		{name: "slow, but in time", fault: &fault{Delay: s / 2}, want: credentials, min: 3 * s / 2, max: 3 * s / 2, requests: good},

		// The role.
		{name: "no role attached", service: func(o *options) { o.NoRole = true }, want: nothing, requests: "PUT token 200, GET roles 404", text: []string{"no role is attached"}},
		{name: "no role attached, three attempts asked for", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=3", service: func(o *options) { o.NoRole = true }, want: nothing, requests: "PUT token 200, GET roles 404"},
		{name: "list 500, two attempts asked for", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=2", fault: new(status("GET", rolesPath, 500)), want: failure, min: s / 20, max: s / 10, requests: "PUT token 200, " + times(2, "GET roles 500")},
		{name: "empty list", fault: &fault{Path: rolesPath, Status: 200, Body: "\n"}, want: nothing, requests: "PUT token 200, GET roles 200", text: []string{"no role is attached"}},
		{name: "list is HTML", fault: &fault{Path: rolesPath, Status: 200, Body: "<html>" + leak}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, " + times(3, "GET roles 200"), text: []string{"not a list of roles"}},
		{name: "list 403", fault: new(status("GET", rolesPath, 403)), want: failure, requests: "PUT token 200, GET roles 403"},
		{name: "list 401 once", n: 1, fault: new(status("GET", rolesPath, 401)), want: credentials, requests: "PUT token 200, GET roles 401, " + good},
		{name: "list 401", fault: new(status("GET", rolesPath, 401)), want: failure, requests: times(2, "PUT token 200, GET roles 401"), text: []string{"just issued is not accepted"}},
		{name: "list 500", fault: new(status("GET", rolesPath, 500)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, " + times(3, "GET roles 500")},
		{name: "list hangs", fault: &fault{Path: rolesPath, Hang: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 200, " + times(2, "GET roles 0"), text: []string{"no answer"}},
		{name: "list hangs once", n: 1, fault: &fault{Path: rolesPath, Hang: true}, want: credentials, min: s, max: 2 * s, requests: "PUT token 200, GET roles 0, GET roles 200, GET extended 200"},
		{name: "named role", env: "AWS_EC2_INSTANCE_PROFILE_NAME=node-role", want: credentials, requests: "PUT token 200, GET extended 200"},
		{name: "named role that is not there", env: "AWS_EC2_INSTANCE_PROFILE_NAME=other", want: failure, requests: "PUT token 200, GET " + extendedPath + "other 404, GET " + rolesPath + "other 404", text: []string{"AWS_EC2_INSTANCE_PROFILE_NAME"}},
		{name: "named role that leads elsewhere", env: "AWS_EC2_INSTANCE_PROFILE_NAME=../../user-data", want: final, text: []string{"not the name of a role"}},

		// The document.
		{name: "no account offered", service: func(o *options) { o.Plain = true }, want: credentials, requests: "PUT token 200, GET roles 200, GET extended 404, GET plain 200"},
		{name: "account refused by a proxy", fault: new(status("GET", extendedPath, 403)), want: credentials, requests: "PUT token 200, GET roles 200, GET extended 403, GET plain 200"},
		{name: "document 401 once: the token died midway", n: 1, fault: new(status("GET", extendedPath, 401)), want: credentials, requests: "PUT token 200, GET roles 200, GET extended 401, PUT token 200, GET extended 200"},
		{name: "document 401", fault: new(status("GET", extendedPath, 401)), want: failure, requests: "PUT token 200, GET roles 200, GET extended 401, PUT token 200, GET extended 401", text: []string{"just issued is not accepted"}},
		{name: "document 400", fault: new(status("GET", rolesPath+"node", 400)), service: func(o *options) { o.Plain = true }, want: failure, requests: "PUT token 200, GET roles 200, GET extended 404, GET plain 400"},
		{name: "document 503 once", n: 1, fault: new(status("GET", extendedPath, 503)), want: credentials, min: s / 20, max: s / 10, requests: "PUT token 200, GET roles 200, GET extended 503, GET extended 200"},
		{name: "document hangs", fault: &fault{Path: extendedPath, Hang: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 200, GET roles 200, " + times(2, "GET extended 0")},
		{name: "document stalls", fault: &fault{Path: extendedPath, Stall: true}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 200, GET roles 200, " + times(2, "GET extended 200")},
		{name: "document drips", fault: &fault{Path: extendedPath, Drip: s / 100}, want: late, min: 3 * s / 2, max: 2 * s, requests: "PUT token 200, GET roles 200, " + times(2, "GET extended 200")},
		{name: "document cut off", fault: &fault{Path: extendedPath, Truncate: true}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200")},
		{name: "document too large", fault: new(body(extendedPath, strings.Repeat(leak, 10000))), want: failure, requests: "PUT token 200, GET roles 200, GET extended 200", text: []string{"64 KiB"}},
		{name: "document redirected", fault: &fault{Path: extendedPath, Status: 302, Header: http.Header{"Location": {"/" + leak}}}, want: failure, requests: "PUT token 200, GET roles 200, GET extended 302", text: []string{"not followed"}},
		{name: "document switches protocols", fault: &fault{Path: extendedPath, Status: 101, Header: linktest.SwitchProtocols()}, want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 101"), text: []string{"switched protocols"}},
		{name: "document is null", fault: new(body(extendedPath, "null")), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"null"}},
		{name: "document is {}", fault: new(body(extendedPath, "{}")), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"AccessKeyId"}},
		{name: "document is HTML", fault: new(body(extendedPath, "<html>"+leak)), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"HTML"}},
		{name: "document without secret", fault: new(body(extendedPath, document("SecretAccessKey", ""))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"SecretAccessKey"}},
		{name: "document without token", fault: new(body(extendedPath, document("Token", ""))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"no Token"}},
		{name: "document without expiry", fault: new(body(extendedPath, document("Expiration", ""))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"no Expiration"}},
		{name: "document with a bad date", fault: new(body(extendedPath, document("Expiration", `"`+leak+`"`))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"Expiration", "RFC 3339"}},
		{name: "document with a number for a date", fault: new(body(extendedPath, document("Expiration", "946728000"))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"Expiration", "not a string"}},
		{name: "document with a line break in the key", fault: new(body(extendedPath, document("AccessKeyId", `"ASIA\r\nX: y"`))), want: failure, min: s / 10, max: s / 3, requests: "PUT token 200, GET roles 200, " + times(3, "GET extended 200"), text: []string{"AccessKeyId"}},
		{name: "credentials already expired (a cache judges that)", fault: new(body(extendedPath, document("Expiration", `"1999-12-31T23:00:00Z"`))), want: credentials, requests: good},
		{name: "credentials with 15 s left", service: func(o *options) { o.Lifetime = 15 * s }, want: credentials, requests: good},
		{name: "credentials as text", fault: &fault{Path: extendedPath, Status: 200, Body: document(), Header: http.Header{"Content-Type": {"text/html"}}}, want: credentials, requests: good},
		{name: "Code: EC2 may not assume the role", service: func(o *options) { o.Code = "AssumeRoleUnauthorizedAccess" }, want: final, requests: good, text: []string{"AssumeRoleUnauthorizedAccess", "ec2.amazonaws.com", "node-role"}},
		{name: "Code: Failed", service: func(o *options) { o.Code = "Failed" }, want: failure, requests: good, text: []string{"Failed instead of Success"}},
		{name: "Code: not a word", service: func(o *options) { o.Code = leak + "!" }, want: failure, requests: good},

		// The configuration.
		{name: "endpoint mode unknown", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5", want: final, text: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 nor IPv6"}},
		{name: "endpoint with user information", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://169.254.169.254@evil/", want: final, text: []string{"user information"}},
		{name: "endpoint in decimal", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://2852039166/", want: final, text: []string{"four decimal numbers"}},
		{name: "endpoint in octal", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://0251.0376.0251.0376/", want: final, text: []string{"four decimal numbers"}},
		{name: "endpoint as a mapped address", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[::ffff:169.254.169.254]/", want: final, text: []string{"disguised as IPv6"}},
		{name: "endpoint elsewhere", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://192.0.2.1/", net: func(n *memnet.Net) { n.Refuse("192.0.2.1:80") }, want: nothing, text: []string{"http://192.0.2.1/"}},
		{name: "two variables that are neither true nor false", env: "AWS_EC2_METADATA_DISABLED=no AWS_EC2_METADATA_V1_DISABLED=no", want: credentials, requests: good, text: []string{"variable=AWS_EC2_METADATA_DISABLED", "variable=AWS_EC2_METADATA_V1_DISABLED"}},
		{name: "timeout variable unreadable", env: "AWS_METADATA_SERVICE_TIMEOUT=1s", want: final, text: []string{"AWS_METADATA_SERVICE_TIMEOUT", "whole number"}},
		{name: "attempts variable at its limit", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=100", want: credentials, requests: "PUT token 200, GET roles 200, GET extended 200"},
		{name: "attempts variable beyond its limit", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=101", want: final, text: []string{"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1 to 100"}},
		{name: "timeout variable at its limit", env: "AWS_METADATA_SERVICE_TIMEOUT=3600", want: credentials, requests: "PUT token 200, GET roles 200, GET extended 200"},
		{name: "timeout variable beyond its limit", env: "AWS_METADATA_SERVICE_TIMEOUT=3601", want: final, text: []string{"AWS_METADATA_SERVICE_TIMEOUT", "1 to 3600"}},
		{name: "role named ..", env: "AWS_EC2_INSTANCE_PROFILE_NAME=..", want: final, text: []string{"AWS_EC2_INSTANCE_PROFILE_NAME is not the name of a role"}},
		{name: "list of a role named .", fault: &fault{Method: "GET", Path: rolesPath, Status: 200, Body: "."}, want: failure, min: s / 10, max: 3 * s / 10, requests: "PUT token 200, GET roles 200, GET roles 200, GET roles 200", text: []string{"characters that no role's name has"}},
		{name: "attempts variable out of range", env: "AWS_METADATA_SERVICE_NUM_ATTEMPTS=0", want: final, text: []string{"AWS_METADATA_SERVICE_NUM_ATTEMPTS"}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var optFns []func(*options)
				if r.service != nil {
					optFns = append(optFns, r.service)
				}
				w := newWorld(t, optFns...)
				for v := range strings.FieldsSeq(r.env) {
					name, value, _ := strings.Cut(v, "=")
					w.env[name] = value
				}
				if r.net != nil {
					r.net(w.net)
				}
				if r.fault != nil {
					n := -1
					if r.n > 0 {
						n = r.n
					}
					w.service.Fail(n, *r.fault)
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
				assert.Equal(t, r.requests, w.requests())
				t.Logf("%-11s %7s  %v", class(creds, err), d.Round(time.Millisecond), err)
			})
		})
	}
}

// unsigned is a service without a Server header.
func unsigned(more func(*options)) func(*options) {
	return func(o *options) {
		o.ServerHeader = "-"
		if more != nil {
			more(o)
		}
	}
}

// noTokens is a service without a Server header that knows no session tokens.
func noTokens(o *options) { o.ServerHeader, o.NoSessions = "-", 404 }

func signedGET(code int, name, value string) *fault {
	f := signed(code, name, value)
	f.Method = "GET"
	return f
}

func signed(code int, name, value string) *fault {
	return &fault{Status: code, Body: leak, Header: http.Header{name: {value}}}
}
