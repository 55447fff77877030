package imds_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
)

func TestCredentialsAreWhatTheServiceSaid(t *testing.T) {
	for name, account := range map[string]string{"extended": "111122223333", "plain": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *options) { o.Plain = account == "" })
				p := w.provider()
				creds, err := p.Retrieve(t.Context())
				require.NoError(t, err)
				issued := w.service.Credentials()
				assert.Equal(t, aws.Credentials{
					AccessKeyID: issued.AccessKeyID, SecretAccessKey: issued.SecretAccessKey, SessionToken: issued.SessionToken,
					Source: "EC2RoleProvider", CanExpire: true, Expires: time.Now().Add(6 * time.Hour).UTC(), AccountID: account,
				}, creds)
				assert.Equal(t, "node-role", p.RoleName(creds))
				assert.WithinDuration(t, time.Now(), p.ServerTime(creds), time.Second)

				other := creds
				other.AccessKeyID = "ASIAOTHER"
				for _, creds := range []aws.Credentials{other, {}} {
					assert.Empty(t, p.RoleName(creds))
					assert.Zero(t, p.ServerTime(creds))
				}
			})
		})
	}
	assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceIMDS}, imds.New().ProviderSources())
}

func TestTheServersClockIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.service.Fail(-1, fault{Path: extendedPath, Header: http.Header{"Date": {"Sat, 01 Jan 2000 03:00:00 GMT"}}})
		p := w.provider()
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "2000-01-01T03:00:00Z", p.ServerTime(creds).UTC().Format(time.RFC3339))

		w.service.Rotate()
		w.service.Heal()
		w.service.Fail(-1, fault{Path: extendedPath, Header: http.Header{"Date": {"yesterday"}}})
		creds, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Zero(t, p.ServerTime(creds))
	})
}

// In the steady state a refresh is one request: the session and the role's name are kept, and what the endpoint does not offer is not asked for again.
func TestWhatIsKnownIsNotAskedAgain(t *testing.T) {
	for name, row := range map[string]struct {
		change        func(*options)
		first, second string
	}{
		"extended": {func(*options) {}, good, ", GET extended 200"},
		"plain":    {func(o *options) { o.Plain = true }, "PUT token 200, GET roles 200, GET extended 404, GET plain 200", ", GET plain 200"},
		"no role":  {func(o *options) { o.NoRole = true }, "PUT token 200, GET roles 404", ", GET roles 404"},
		"IMDSv1":   {func(o *options) { o.NoSessions, o.V1 = 404, true }, "PUT token 404, GET roles 200, GET extended 200", ", PUT token 404, GET roles 200, GET extended 200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, row.change)
				p := w.provider(func(o *imds.Options) { o.AllowV1 = true })
				_, _ = p.Retrieve(t.Context())
				assert.Equal(t, row.first, w.requests())
				_, _ = p.Retrieve(t.Context())
				assert.Equal(t, row.first+row.second, w.requests())
				_, _ = p.Retrieve(t.Context())
				assert.Equal(t, row.first+row.second+row.second, w.requests())
			})
		})
	}
}

// Only a 404 says that documents with an account id are not offered, and it says so for the life of a session.
func TestARefusalOfTheMomentDoesNotCostTheAccount(t *testing.T) {
	for _, code := range []int{400, 403, 404, 405} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.service.Fail(1, status("GET", extendedPath, code))
			p := w.provider()
			retrieve := func() string {
				creds, err := p.Retrieve(t.Context())
				require.NoError(t, err)
				return creds.AccountID
			}
			assert.Empty(t, retrieve())
			const account = "111122223333"
			want := account
			if code == 404 {
				want = ""
			}
			assert.Equal(t, want, retrieve(), code)
			time.Sleep(6 * time.Hour)
			assert.Equal(t, account, retrieve(), code)
		})
	}
}

func TestASessionIsReplacedBeforeItEnds(t *testing.T) {
	for name, row := range map[string]struct {
		ttl, margin time.Duration
	}{
		"6 h":  {0, 2 * time.Minute},
		"60 s": {time.Minute, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *options) { o.SessionTTL = row.ttl })
				life := row.ttl
				if life == 0 {
					life = 6 * time.Hour
				}
				p := w.provider()
				retrieve := func() {
					_, err := p.Retrieve(t.Context())
					require.NoError(t, err)
				}
				retrieve()
				time.Sleep(life - row.margin - time.Millisecond)
				retrieve()
				assert.Equal(t, good+", GET extended 200", w.requests())
				time.Sleep(time.Millisecond)
				retrieve()
				assert.Equal(t, good+", GET extended 200, PUT token 200, GET extended 200", w.requests())
			})
		})
	}
}

func TestASessionThatDiesEarlyIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		w.service.EndSessions()
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, good+", GET extended 401, PUT token 200, GET extended 200", w.requests())
	})
}

// Once the service has given out a session token, or a role by IMDSv1, it is known to be here: that nobody answers any more, or somebody
// else does, is not "nothing for me here", whether the session still lives or has ended.
func TestAServiceThatGoesAwayIsAFailure(t *testing.T) {
	refuse := func(w *world) {
		w.service.Change(func(o *options) { o.ServerHeader, o.NoSessions, o.V1 = "-", 404, false })
	}
	foreign := func(name, value string, code int) func(*world) {
		return func(w *world) { w.service.Change(unsigned(nil)); w.service.Fail(-1, *signed(code, name, value)) }
	}
	for name, row := range map[string]struct {
		away    func(*world)
		session bool // lives on
		v1      bool
		want    string
		text    string
	}{
		"refused":                       {func(w *world) { w.net.Refuse(address4) }, true, false, failure, "connection refused"},
		"silent":                        {func(w *world) { w.net.Blackhole(address4) }, true, false, late, "timed out"},
		"no tokens":                     {func(w *world) { w.service.EndSessions(); w.service.Change(func(o *options) { o.NoSessions = 404 }) }, true, false, failure, "gives out no session tokens"},
		"no answers":                    {func(w *world) { w.service.EndSessions(); w.service.Change(func(o *options) { o.HopLimit1 = true }) }, true, false, late, "hop limit of 1"},
		"ended, refused":                {func(w *world) { w.net.Refuse(address4) }, false, false, failure, "connection refused: EC2's metadata service answered here before"},
		"ended, no route":               {func(w *world) { w.net.NoRoute(address4) }, false, false, failure, "answered here before"},
		"ended, silent":                 {func(w *world) { w.net.Blackhole(address4) }, false, false, late, "answered here before"},
		"ended, no answers":             {func(w *world) { w.service.Change(func(o *options) { o.HopLimit1 = true }) }, false, false, late, "hop limit of 1"},
		"ended, no tokens":              {func(w *world) { w.service.Change(func(o *options) { o.NoSessions = 404 }) }, false, false, failure, "gives out no session tokens"},
		"ended, somebody else":          {func(w *world) { w.service.Change(unsigned(nil)); w.service.Fail(-1, status("", "", 404)) }, false, false, failure, "not EC2 instance metadata; but EC2's metadata service answered here before"},
		"ended, and no telling who":     {func(w *world) { refuse(w); w.service.Fail(-1, fault{Method: "GET", Reset: true}) }, false, false, failure, "whether this is EC2 could not be told"},
		"ended, trouble alone":          {func(w *world) { refuse(w); w.service.Fail(-1, status("GET", "", 503)) }, false, false, failure, "told by a GET: status 503; but EC2's metadata service answered here before"},
		"ended, Google Cloud":           {foreign("Metadata-Flavor", "Google", 405), false, false, failure, "answered here before"},
		"ended, Azure":                  {foreign("Server", "IMDS/1", 400), false, false, failure, "answered here before"},
		"ended, trouble":                {func(w *world) { w.service.Fail(-1, status("", "", 503)) }, false, false, failure, "status 503"},
		"IMDSv1, refused":               {func(w *world) { w.net.Refuse(address4) }, false, true, failure, "answered here before"},
		"IMDSv1, somebody else":         {func(w *world) { w.service.Change(unsigned(nil)); w.service.Fail(-1, status("", "", 404)) }, false, true, failure, "answered here before"},
		"IMDSv1, the role was detached": {func(w *world) { w.service.Change(func(o *options) { o.NoRole = true }) }, false, true, nothing, "no role is attached"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *options) {
					if row.v1 {
						o.NoSessions, o.V1 = 404, true
					}
				})
				p := w.provider(func(o *imds.Options) { o.AllowV1 = row.v1 })
				_, err := p.Retrieve(t.Context())
				require.NoError(t, err)
				if !row.session {
					time.Sleep(6 * time.Hour)
				}
				row.away(w)
				for range 2 {
					creds, err := p.Retrieve(t.Context())
					assert.Equal(t, row.want, class(creds, err), "%v", err)
					assert.ErrorContains(t, err, row.text)
					checkError(t, w, err)
				}
			})
		})
	}
}

func TestARoleThatWasSwappedIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		before, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		w.service.Change(func(o *options) { o.Role = "other-role" })
		after, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, before.AccessKeyID, after.AccessKeyID)
		assert.Equal(t, "other-role", p.RoleName(after))
		assert.Empty(t, p.RoleName(before), "one pair is kept, the last")
		assert.Equal(t, "111122223333", after.AccountID, "a missing role is not a missing endpoint")

		w.service.Change(func(o *options) { o.NoRole = true })
		_, err = p.Retrieve(t.Context())
		assert.ErrorIs(t, err, unavailable.Err)
		assert.ErrorContains(t, err, "no role is attached")
	})
}

func TestTheSwitchesOfIMDSv1(t *testing.T) {
	for _, row := range []struct {
		variable string
		option   bool
		want     string
		warnings int
	}{
		{"", false, failure, 0},
		{"", true, credentials, 1},
		{"false", false, credentials, 1},
		{"FALSE", false, credentials, 1},
		{"true", false, failure, 0},
		{"True", true, failure, 0}, // the operator's word
		{"0", false, failure, 1},   // neither true nor false
		{"0", true, credentials, 2},
	} {
		t.Run(fmt.Sprintf("%s=%q AllowV1=%v", "AWS_EC2_METADATA_V1_DISABLED", row.variable, row.option), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *options) { o.NoSessions, o.V1 = 405, true })
				w.env["AWS_EC2_METADATA_V1_DISABLED"] = row.variable
				p := w.provider(func(o *imds.Options) { o.AllowV1 = row.option })
				for range 2 {
					creds, err := p.Retrieve(t.Context())
					assert.Equal(t, row.want, class(creds, err), "%v", err)
				}
				assert.Equal(t, row.warnings, w.log.Count("level=WARN"), w.log.String())
				for _, r := range w.service.Requests() {
					if row.want == failure {
						assert.Equal(t, "PUT", r.Method, "nothing is asked without a token")
					}
				}
			})
		})
	}
}

// The question that looks for signs of EC2 has a token, made up, so that no counter of IMDSv1 requests counts it.
func TestLookingForEC2IsNotAnIMDSv1Request(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.HopLimit1 = true })
		_, err := w.provider().Retrieve(t.Context())
		assert.ErrorIs(t, err, unavailable.Err)
		requests := w.service.Requests()
		require.Len(t, requests, 3)
		require.Equal(t, "GET", requests[1].Method)
		assert.NotEmpty(t, requests[1].Header.Get("X-aws-ec2-metadata-token"))
	})
}

func TestEndpoints(t *testing.T) {
	const variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	for name, row := range map[string]struct {
		env     map[string]string
		option  string
		dials   string
		warned  bool
		outcome string
	}{
		"default":                          {nil, "", address4, false, credentials},
		"IPv6":                             {map[string]string{variable + "_MODE": "IPv6"}, "", address6, false, credentials},
		"IPv4":                             {map[string]string{variable + "_MODE": "ipv4"}, "", address4, false, credentials},
		"the endpoint beats the mode":      {map[string]string{variable + "_MODE": "IPv6", variable: "http://169.254.169.254"}, "", address4, false, credentials},
		"the endpoint spares a bad mode":   {map[string]string{variable + "_MODE": "IPv9", variable: "http://169.254.169.254"}, "", address4, false, credentials},
		"the option beats the variable":    {map[string]string{variable: "http://192.0.2.1"}, "http://[fd00:ec2::254]", address6, false, credentials},
		"a path is ignored":                {map[string]string{variable: "http://169.254.169.254/latest?x=y#z"}, "", address4, false, credentials},
		"loopback":                         {map[string]string{variable: "http://127.0.0.1:1338/"}, "", "127.0.0.1:1338", false, nothing},
		"localhost":                        {map[string]string{variable: "http://localhost:1338/"}, "", "127.0.0.1:1338", false, nothing},
		"another address, named":           {map[string]string{variable: "http://192.0.2.1:8080"}, "", "192.0.2.1:8080", true, credentials},
		"another name, named":              {map[string]string{variable: "http://metadata.internal"}, "", "192.0.2.1:80", true, nothing},
		"another name, named by an option": {nil, "http://metadata.internal", "192.0.2.1:80", true, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				t.Cleanup(w.net.Serve("192.0.2.1:8080", w.service))
				w.env = row.env
				w.hosts["metadata.internal"] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
				w.hosts["localhost"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
				p := w.provider(func(o *imds.Options) { o.Endpoint = row.option })
				for range 2 {
					creds, err := p.Retrieve(t.Context())
					assert.Equal(t, row.outcome, class(creds, err), "%v", err)
				}
				for _, dial := range w.net.Dials() {
					assert.Equal(t, row.dials, dial)
				}
				warnings := 0
				if row.warned {
					warnings = 1
				}
				assert.Equal(t, warnings, w.log.Count("level=WARN"), w.log.String())
			})
		})
	}
}

func TestLocalhostMustBeLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hosts["localhost"] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		_, err := w.provider(func(o *imds.Options) { o.Endpoint = "http://localhost" }).Retrieve(t.Context())
		assert.ErrorContains(t, err, "http to localhost (192.0.2.1) is not allowed")
		assert.NotErrorIs(t, err, unavailable.Err)
		assert.Empty(t, w.net.Dials())
	})
}

func TestConcurrentCallersShareOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Blackhole(address4)
		p := w.provider()
		for range 100 {
			go func() {
				_, err := p.Retrieve(t.Context())
				assert.ErrorIs(t, err, unavailable.Err)
			}()
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second/2, func() { cancel(gone) })
		d := took(func() {
			_, err := p.Retrieve(ctx)
			assert.ErrorIs(t, err, gone)
			assert.NotErrorIs(t, err, unavailable.Err)
		})
		assert.Equal(t, time.Second/2, d)
		time.Sleep(2 * time.Second)
		assert.Len(t, w.net.Dials(), 2, "two attempts for all of them")
	})
}

func TestACallersOwnDeadlineIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Blackhole(address4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		d := took(func() {
			_, err := w.provider().Retrieve(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.NotErrorIs(t, err, unavailable.Err)
			_, ok := errors.AsType[*timeout.Error](err)
			assert.False(t, ok)
		})
		assert.Equal(t, time.Second/10, d)
		_, err := w.provider().Retrieve(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded, "an ended context is not asked for")
	})
}

func TestTimeoutFollowsOptionsAndVariables(t *testing.T) {
	for _, row := range []struct {
		seconds, attempts string
		opts              imds.Options
		want              time.Duration
	}{
		{"", "", imds.Options{}, 2 * time.Second},
		{"1", "1", imds.Options{}, 2 * time.Second},
		{"", "3", imds.Options{}, 4 * time.Second},
		{"5", "", imds.Options{}, 6 * time.Second},
		{"5", "3", imds.Options{}, 16 * time.Second},
		{"5", "3", imds.Options{AttemptTimeout: 2 * time.Second}, 7 * time.Second},
		{"5", "3", imds.Options{Attempts: 1}, 6 * time.Second},
		{"5", "3", imds.Options{Timeout: time.Second}, time.Second},
		{"", "", imds.Options{Timeout: -1, AttemptTimeout: -1, Attempts: -1}, 2 * time.Second},
		{"five", "3", imds.Options{}, 4 * time.Second}, // Retrieve says what is wrong
		{"3600", "100", imds.Options{}, 100*time.Hour + time.Second},
		{"3600", "100", imds.Options{Attempts: math.MaxInt}, 100*time.Hour + time.Second}, // no overflow
		{"", "", imds.Options{AttemptTimeout: math.MaxInt64}, 100*time.Hour + time.Second},
		{"", "2", imds.Options{AttemptTimeout: math.MaxInt64/2 + 1}, 100*time.Hour + time.Second},
		{"", "", imds.Options{AttemptTimeout: math.MaxInt64 - time.Second}, 100*time.Hour + time.Second},
	} {
		set := map[string]string{"AWS_METADATA_SERVICE_TIMEOUT": row.seconds, "AWS_METADATA_SERVICE_NUM_ATTEMPTS": row.attempts}
		row.opts.LookupEnv = func(name string) (string, bool) { value, ok := set[name]; return value, ok }
		assert.Equal(t, row.want, imds.New(func(o *imds.Options) { *o = row.opts }).Timeout(), "%v", row)
	}
}

// However slow the service, a Retrieve ends in time.
func TestNoRetrieveOutlivesItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for delay := time.Duration(0); delay < 2*time.Second; delay += 50 * time.Millisecond {
			w := newWorld(t)
			w.service.Fail(-1, fault{Delay: delay})
			d := took(func() {
				_, err := w.provider().Retrieve(t.Context())
				checkError(t, w, err)
				assert.Equal(t, 3*delay < 2*time.Second, err == nil, "%s: %v", delay, err)
			})
			assert.LessOrEqual(t, d, 2*time.Second, delay)
		}
	})
}

// As botocore has it: so many attempts of so many seconds each, if nobody answers.
func TestAsManyAttemptsAreMadeAsWereAskedFor(t *testing.T) {
	for _, n := range []int{1, 3, 10, 100} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.net.Blackhole(address4)
			w.env["AWS_METADATA_SERVICE_NUM_ATTEMPTS"] = strconv.Itoa(n)
			d := took(func() {
				creds, err := w.provider().Retrieve(t.Context())
				assert.Equal(t, nothing, class(creds, err), "%v", err)
			})
			assert.Equal(t, time.Duration(n)*time.Second, d)
			assert.Len(t, w.net.Dials(), n)
		})
	}
}

// A caller that gives the provider no more time than it says that it needs gets the verdict, and not the end of its own context.
func TestTheVerdictIsOutWithinTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Blackhole(address4)
		p := w.provider()
		ctx, cancel := context.WithTimeout(t.Context(), p.Timeout())
		defer cancel()
		_, err := p.Retrieve(ctx)
		assert.ErrorIs(t, err, unavailable.Err)
		assert.NoError(t, ctx.Err())
	})
}

// An option that the variable overrules is not advised.
func TestIMDSv1ForbiddenByTheVariableIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.NoSessions, o.V1 = 404, true })
		w.env["AWS_EC2_METADATA_V1_DISABLED"] = "true"
		_, err := w.provider(func(o *imds.Options) { o.AllowV1 = true }).Retrieve(t.Context())
		require.Error(t, err)
		assert.ErrorContains(t, err, "IMDSv1, which needs no token, is allowed by Options.AllowV1 and forbidden by AWS_EC2_METADATA_V1_DISABLED=true, which counts")
		assert.NotContains(t, err.Error(), "was not asked for")
	})
}

// A role that is named is asked for, by IMDSv1 too, and no list decides.
func TestIMDSv1AsksForTheRoleThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.NoSessions, o.V1, o.Role = 404, true, "named" })
		w.env["AWS_EC2_INSTANCE_PROFILE_NAME"] = "named"
		w.service.Fail(-1, status("GET", rolesPath, 404))
		creds, err := w.provider(func(o *imds.Options) { o.AllowV1 = true }).Retrieve(t.Context())
		assert.Equal(t, credentials, class(creds, err), "%v", err)
		assert.NotContains(t, w.requests(), "GET roles")
	})
}

// A session token belongs to the service that gave it out: no other endpoint gets it, and none its role.
func TestNothingRememberedGoesToAnotherEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		first := w.service.Requests()
		token := first[len(first)-1].Header.Get("X-Aws-Ec2-Metadata-Token")
		require.NotEmpty(t, token)

		other := imdstest.New(func(o *options) { o.Role = "other" })
		t.Cleanup(w.net.Serve("127.0.0.1:1338", other))
		w.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1338"
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "other", p.RoleName(creds))
		for _, r := range other.Requests() {
			assert.NotEqual(t, token, r.Header.Get("X-Aws-Ec2-Metadata-Token"))
		}
	})
}

// A named role is not kept as the one that is attached.
func TestANamedRoleIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.env["AWS_EC2_INSTANCE_PROFILE_NAME"] = "node-role"
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		delete(w.env, "AWS_EC2_INSTANCE_PROFILE_NAME")
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "PUT token 200, GET extended 200, GET roles 200, GET extended 200", w.requests())
	})
}

// One Retrieve replaces its session once, however many requests find it refused.
func TestASessionIsReplacedOnceInARetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.service.Fail(1, status("GET", rolesPath, 401))
		w.service.Fail(-1, status("GET", extendedPath, 401))
		creds, err := w.provider().Retrieve(t.Context())
		assert.Equal(t, failure, class(creds, err), "%v", err)
		assert.Equal(t, "PUT token 200, GET roles 401, PUT token 200, GET roles 200, GET extended 401", w.requests())
	})
}

// The text of a time-out names the whole bound only where that ran out.
func TestATimeoutNamesTheBoundThatRanOut(t *testing.T) {
	for bound, named := range map[time.Duration]bool{2 * time.Second: true, 10 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.service.Fail(-1, fault{Path: rolesPath, Hang: true})
			_, err := w.provider(func(o *imds.Options) { o.Timeout = bound }).Retrieve(t.Context())
			ranOut, ok := errors.AsType[*timeout.Error](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, named, ranOut.Bound != 0, "%v", err)
		})
	}
}

// What the first GET showed is kept: a later one that is lost does not unsay it.
func TestWhoIsThereIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.HopLimit1 = true })
		w.env["AWS_METADATA_SERVICE_NUM_ATTEMPTS"] = "3"
		_, err := w.provider().Retrieve(t.Context())
		assert.ErrorContains(t, err, "EC2's metadata service is there")
		assert.Equal(t, "PUT token 0, GET index 401, PUT token 0, PUT token 0", w.requests())
	})
}

// A name that leads to an allowed address and then to another gets the first request and no more.
func TestAnAddressThatChangesIsCheckedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		t.Cleanup(w.net.Serve("127.0.0.1:80", w.service))
		asked := 0
		creds, err := w.provider(func(o *imds.Options) {
			o.Endpoint = "http://localhost"
			o.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) {
				if asked++; asked > 1 {
					return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
		}).Retrieve(t.Context())
		assert.Equal(t, failure, class(creds, err), "%v", err)
		assert.ErrorContains(t, err, "http to localhost (192.0.2.1) is not allowed")
		assert.Equal(t, "PUT token 200", w.requests())
		assert.Equal(t, []string{"127.0.0.1:80"}, w.net.Dials())
	})
}

func TestABoundWithoutEndIsNoMoment(t *testing.T) {
	for _, opts := range []imds.Options{{AttemptTimeout: math.MaxInt64}, {Attempts: math.MaxInt}, {Timeout: math.MaxInt64}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.service.Fail(1, status("PUT", tokenPath, 503))
			_, err := w.provider(func(o *imds.Options) {
				o.AttemptTimeout, o.Attempts, o.Timeout = opts.AttemptTimeout, opts.Attempts, opts.Timeout
			}).Retrieve(t.Context())
			assert.NoError(t, err)
		})
	}
}

// However tight the bound, the question that explains an unanswered token request is asked, and no error tells of one that was not.
func TestATightBoundLeavesTimeToExplainSilence(t *testing.T) {
	for _, bound := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 300 * time.Millisecond, time.Second, 1200 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(o *options) { o.HopLimit1 = true })
			d := took(func() {
				creds, err := w.provider(func(o *imds.Options) { o.Timeout = bound }).Retrieve(t.Context())
				assert.Equal(t, nothing, class(creds, err))
				assert.ErrorContains(t, err, "while a GET is answered (status 401)", bound)
			})
			assert.LessOrEqual(t, d, bound)
			want := "PUT token 0, GET index 401"
			if bound >= 2*time.Second { // room for two attempts
				want += ", PUT token 0"
			}
			assert.Equal(t, want, w.requests())

			w.net.Handle(address4, linktest.Swallow)
			_, err := w.provider(func(o *imds.Options) { o.Timeout = bound }).Retrieve(t.Context())
			assert.ErrorContains(t, err, "nor does a GET show who is there (GET http://169.254.169.254/latest/meta-data/: timed out", bound)
		})
	}
}

func TestConfiguredNamesWhatConfigures(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		opts imds.Options
		want string
	}{
		{nil, imds.Options{}, ""},
		{map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6", "AWS_EC2_METADATA_V1_DISABLED": "true"}, imds.Options{}, ""},
		{map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x", "AWS_EC2_INSTANCE_PROFILE_NAME": "y"}, imds.Options{}, "AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_INSTANCE_PROFILE_NAME"},
		{map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x", "AWS_EC2_METADATA_DISABLED": "true"}, imds.Options{}, ""},
		{map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x"}, imds.Options{Endpoint: "http://y", InstanceProfileName: "z"}, "Options.Endpoint, Options.InstanceProfileName"},
	} {
		row.opts.LookupEnv = func(name string) (string, bool) { value, ok := row.env[name]; return value, ok }
		assert.Equal(t, row.want, imds.New(func(o *imds.Options) { *o = row.opts }).Configured())
	}
}

func TestARefusalCanBeExamined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.Off = true })
		_, err := w.provider().Retrieve(t.Context())
		refusal, ok := errors.AsType[*imds.ResponseError](err)
		require.True(t, ok)
		assert.Equal(t, imds.ResponseError{Method: "PUT", URL: "http://169.254.169.254/latest/api/token", StatusCode: 403}, imds.ResponseError{Method: refusal.Method, URL: refusal.URL, StatusCode: refusal.StatusCode})
	})
}

func TestFailedAttemptsAreLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.service.Fail(2, fault{Status: 503, Body: leak})
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, w.log.Count("level=DEBUG"))
		assert.Equal(t, 2, w.log.Count("\n"), w.log.String())
	})
}

func TestFormattingShowsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		token := w.service.Requests()[1].Header.Get("X-aws-ec2-metadata-token")
		require.NotEmpty(t, token)
		assert.Equal(t, "imds.Provider", fmt.Sprint(p))
		assert.NotContains(t, fmt.Sprintf("%+v %#v", p, []any{p}), token)
	})
}

// Nothing that a resolver or a dialer does ends the process.
func TestAPanicInASeamIsAnError(t *testing.T) {
	p := imds.New(func(o *imds.Options) {
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { panic("no") }
		o.LookupEnv = func(string) (string, bool) { return "", false }
		o.Attempts = 1
	})
	_, err := p.Retrieve(t.Context())
	assert.ErrorContains(t, err, "panicked")
}
