package ecs_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/timeout"
)

func TestCredentialsAreWhatTheAgentSaid(t *testing.T) {
	for name, row := range map[string]struct {
		setup         func(*world, *testing.T)
		kind, account string
		arn           string
	}{
		"pod":       {func(w *world, t *testing.T) { w.pod(t) }, "podidentity", "111122223333", ""},
		"pod, IPv6": {func(w *world, t *testing.T) { w.pod(t).env[fullVar] = "http://[fd00:ec2::23]:80/v1/credentials" }, "podidentity", "111122223333", ""},
		"task":      {func(w *world, _ *testing.T) { w.task() }, "ecs", "", "arn:aws:iam::111122223333:role/pod-role"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				row.setup(w, t)
				p := w.provider()
				creds, err := p.Retrieve(t.Context())
				require.NoError(t, err)
				issued, _, ok := w.agent.Issued(creds.AccessKeyID)
				require.True(t, ok)
				assert.Equal(t, aws.Credentials{
					AccessKeyID: issued.AccessKeyID, SecretAccessKey: issued.SecretAccessKey, SessionToken: issued.SessionToken,
					Source: "CredentialsEndpointProvider", CanExpire: true, Expires: time.Now().Add(6 * time.Hour).UTC(), AccountID: row.account,
				}, creds)
				assert.Equal(t, row.kind, p.Kind())
				assert.Equal(t, row.arn, p.CallerARN(creds))
				assert.WithinDuration(t, time.Now(), p.ServerTime(creds), time.Second)

				other := creds
				other.AccessKeyID = "ASIAOTHER"
				for _, creds := range []aws.Credentials{other, {}} {
					assert.Empty(t, p.CallerARN(creds))
					assert.Zero(t, p.ServerTime(creds))
				}
			})
		})
	}
	p := ecs.New()
	assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceHTTP}, p.ProviderSources())
	assert.Equal(t, 5*time.Second, p.Timeout())
	assert.Equal(t, time.Minute, ecs.New(func(o *ecs.Options) { o.Timeout = time.Minute }).Timeout())
}

func TestConfiguredNamesWhatConfigures(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		opts ecs.Options
		want string
		kind string
	}{
		{nil, ecs.Options{}, "", "ecs"},
		{map[string]string{fullVar: " "}, ecs.Options{}, "", "ecs"},
		{map[string]string{fullVar: "http://169.254.170.23/v1/credentials", tokenFileVar: "/t"}, ecs.Options{}, fullVar + ", " + tokenFileVar, "podidentity"},
		{map[string]string{relativeVar: "/x"}, ecs.Options{}, relativeVar, "ecs"},
		{map[string]string{tokenVar: "half"}, ecs.Options{}, tokenVar, "ecs"},
		{map[string]string{fullVar: "http://evil/", tokenVar: "x"}, ecs.Options{RelativeURI: "/x", AuthorizationTokenFile: "/t"}, "Options.RelativeURI, Options.AuthorizationTokenFile", "ecs"},
		{map[string]string{relativeVar: "/x", tokenFileVar: "/t"}, ecs.Options{FullURI: "http://[fd00:ec2::23]/", AuthorizationToken: "t"}, "Options.FullURI, Options.AuthorizationToken", "podidentity"},
	} {
		row.opts.LookupEnv = func(name string) (string, bool) { value, ok := row.env[name]; return value, ok }
		p := ecs.New(func(o *ecs.Options) { *o = row.opts })
		assert.Equal(t, row.want, p.Configured())
		assert.Equal(t, row.kind, p.Kind())
	}
}

func TestOptionsBeatVariables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.env[relativeVar], w.env[tokenFileVar] = "/from/the/environment", "/from/the/environment"
		token := w.agent.Token(subject)
		p := w.provider(func(o *ecs.Options) {
			o.FullURI, o.AuthorizationToken = "http://169.254.170.23/v1/credentials", token
		})
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, token, w.agent.Requests()[0].Header.Get("Authorization"))
		assert.Zero(t, w.log.Count("level=WARN"))
	})
}

// The kubelet rotates the token by swapping a symlink, and the file ends in a newline or not.
func TestTheTokenFileIsReadAnewAtEveryRetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dir := t.TempDir()
		link := filepath.Join(dir, "token")
		project := func(n int, end string) string {
			token := w.agent.Token(subject)
			file := filepath.Join(dir, fmt.Sprintf("..%d", n))
			require.NoError(t, os.WriteFile(file, []byte(token+end), 0o600))
			require.NoError(t, os.Symlink(file, link+"-new"))
			require.NoError(t, os.Rename(link+"-new", link))
			return token
		}
		w.env[fullVar], w.env[tokenFileVar] = "http://169.254.170.23/v1/credentials", link
		p := w.provider()
		for n, end := range []string{"", "\n", "\r\n"} {
			want := project(n, end)
			_, err := p.Retrieve(t.Context())
			require.NoError(t, err, "%q", end)
			assert.Equal(t, want, w.agent.Requests()[n].Header.Get("Authorization"))
		}
	})
}

func TestATokenFileThatIsGoneForAMomentIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		path := w.env[tokenFileVar]
		require.NoError(t, os.Rename(path, path+"~"))
		time.AfterFunc(50*time.Millisecond, func() { assert.NoError(t, os.Rename(path+"~", path)) })
		_, err := w.provider().Retrieve(t.Context())
		assert.NoError(t, err)
	})
}

// A hung file system costs one goroutine, and one thread of the system's, and not one for each Retrieve.
func TestWhileAReadingOfTheTokenFileHangsNoOtherBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		p := w.provider()
		letGo := p.Hang()
		for range 3 {
			var err error
			assert.Equal(t, 5*time.Second, took(func() { _, err = p.Retrieve(t.Context()) }))
			assert.EqualError(t, err, "ecs: container credentials: timed out after 5s (reading "+w.env[tokenFileVar]+")")
			assert.Equal(t, late, class(aws.Credentials{}, err))
		}
		time.AfterFunc(time.Second, letGo)
		_, err := p.Retrieve(t.Context())
		assert.NoError(t, err)
	})
}

func TestAnUnreadableTokenFileNamesTheCure(t *testing.T) {
	if os.Getuid() == 0 {
		// Root may read anything, so the refusal is the kernel's for a file that nobody may: the text is tested by itself.
		err := ecs.ExplainFile("/t", &fs.PathError{Op: "open", Path: "/t", Err: fs.ErrPermission})
		assert.ErrorContains(t, err, "securityContext.fsGroup")
		assert.ErrorIs(t, err, fs.ErrPermission)
		return
	}
	w := newWorld(t).pod(t)
	require.NoError(t, os.Chmod(w.env[tokenFileVar], 0))
	_, err := w.provider().Retrieve(t.Context())
	assert.ErrorContains(t, err, "securityContext.fsGroup")
	assert.ErrorIs(t, err, fs.ErrPermission)
}

func TestATokenMayGoWithATaskToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).task()
		w.env[tokenVar] = "Basic anything, as it is"
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "Basic anything, as it is", w.agent.Requests()[0].Header.Get("Authorization"))
		assert.Equal(t, "application/json", w.agent.Requests()[0].Header.Get("Accept"))
	})
}

func TestConcurrentCallersShareOneExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(-1, fault{Delay: time.Second})
		p := w.provider()
		for range 100 {
			go func() {
				_, err := p.Retrieve(t.Context())
				assert.NoError(t, err)
			}()
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second/2, func() { cancel(gone) })
		d := took(func() {
			_, err := p.Retrieve(ctx)
			assert.ErrorIs(t, err, gone)
		})
		assert.Equal(t, time.Second/2, d)
		time.Sleep(time.Second)
		assert.Len(t, w.agent.Requests(), 1)
	})
}

func TestACallersOwnDeadlineIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(-1, fault{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := took(func() {
			_, err := w.provider().Retrieve(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			_, ok := errors.AsType[*timeout.Error](err)
			assert.False(t, ok)
		})
		assert.Equal(t, time.Second, d)

		_, err := w.provider().Retrieve(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded, "an ended context is not asked for")
	})
}

func TestTheBoundIsTheOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(-1, fault{Hang: true})
		for _, bound := range []time.Duration{time.Millisecond, time.Second, 30 * time.Second} {
			d := took(func() {
				_, err := w.provider(func(o *ecs.Options) { o.Timeout = bound }).Retrieve(t.Context())
				late, ok := errors.AsType[*timeout.Error](err)
				if assert.True(t, ok, "%v", err) && late.Bound > 0 {
					assert.Equal(t, bound, late.Bound)
				}
			})
			assert.LessOrEqual(t, d, bound)
			assert.Greater(t, d, bound-time.Second)
		}
	})
}

// A kernel may time out by itself, long before the provider does, and then there may be no time for another attempt.
func TestABoundThatDidNotRunOutIsNotNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorld(t).pod(t).provider(func(o *ecs.Options) {
			o.Timeout = 40 * time.Millisecond
			o.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ETIMEDOUT }
		})
		var err error
		assert.Zero(t, took(func() { _, err = p.Retrieve(t.Context()) }))
		late, ok := errors.AsType[*timeout.Error](err)
		require.True(t, ok, "%v", err)
		assert.Zero(t, late.Bound)
		assert.ErrorContains(t, err, "container credentials: timed out (GET ")
	})
}

// Credentials with little life left are handed out as they are, by one request: what to make of them is for a cache to decide.
func TestShortLivedCredentialsCostOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.Lifetime = 15 * time.Second }).pod(t)
		p := w.provider()
		for n := range 3 {
			creds, err := p.Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 15*time.Second, time.Until(creds.Expires))
			assert.Len(t, w.agent.Requests(), n+1)
		}
	})
}

func TestCredentialsWithoutExpiryDoNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(-1, *body(linktest.Document("Expiration", "")))
		creds, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		assert.True(t, creds.HasKeys())
		assert.False(t, creds.CanExpire)
		assert.False(t, creds.Expired())
	})
}

func TestARefusalCanBeExamined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(1, ecstest.Upstream("AccessDeniedException"))
		_, err := w.provider().Retrieve(t.Context())
		refusal, ok := errors.AsType[*ecs.ResponseError](err)
		require.True(t, ok)
		assert.Equal(t, 403, refusal.StatusCode)
		assert.Equal(t, "AccessDeniedException", refusal.Code)
		assert.Equal(t, "req-0", refusal.RequestID)
		assert.Equal(t, "http://169.254.170.23/v1/credentials", refusal.URL)
		assert.True(t, refusal.Terminal())
	})
}

// A server may send back what it was sent in the places that are shown.
func TestATokenThatComesBackIsNotShown(t *testing.T) {
	const token = "OpaqueValueOfTheHeader"
	for _, f := range []fault{
		{Status: 400, Body: "[" + token + "]: (ThrottlingException): x"},
		{Status: 400, Body: "[req-1]: (" + token + "): x"},
		{Status: 400, Body: "[id-" + token[3:15] + "]: (Not" + token[8:] + "): x"},
		{Status: 400, Body: `{"code":"` + token + `"}`},
		{Status: 400, Body: `{"code":"X` + token[:12] + `"}`},
		{Status: 302, Header: http.Header{"Location": {"http://" + token + ".example/"}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t).task()
			w.env[tokenVar] = token
			w.hidden = append(w.hidden, token[3:15], token[8:20], token[:12])
			w.agent.Fail(-1, f)
			_, err := w.provider().Retrieve(t.Context())
			assert.ErrorContains(t, err, fmt.Sprint("status ", f.Status))
			checkError(t, w, err)
		})
	}
}

func TestATasksIdIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).task()
		w.hidden = append(w.hidden, "5b0c9e8e-3c4f-4a52-9d1c-6f1d0b2a7e11")
		for _, f := range []fault{{Status: 400}, {Hang: true}, {Reset: true}, {Status: 200, Body: "{}"}, {Status: 302}, {Stall: true}} {
			w.agent.Heal()
			w.agent.Fail(-1, f)
			_, err := w.provider().Retrieve(t.Context())
			assert.ErrorContains(t, err, "http://169.254.170.2/v2/credentials/...")
			checkError(t, w, err)
		}
	})
}

// What a path holds may be all it takes to get credentials: the agents' own are shown, without the id, and no other.
func TestOnlyWellKnownPathsOfAURLAreShown(t *testing.T) {
	for raw, want := range map[string]string{
		"http://169.254.170.23/v1/credentials":                                     "http://169.254.170.23/v1/credentials",
		"http://[fd00:ec2::23]:80/v1/credentials?x=secret#secret":                  "http://[fd00:ec2::23]:80/v1/credentials",
		"http://169.254.170.2/v2/credentials/5b0c9e8e-3c4f-4a52-9d1c-6f1d0b2a7e11": "http://169.254.170.2/v2/credentials/...",
		"http://169.254.170.2/v2/credentials/secret":                               "http://169.254.170.2/v2/credentials/...",
		"http://169.254.170.2/v2/credentials//secret":                              "http://169.254.170.2/v2/credentials/...",
		"http://169.254.170.2/v2/%63redentials/secret":                             "http://169.254.170.2/v2/credentials/...",
		"http://169.254.170.2//v2/credentials/secret":                              "http://169.254.170.2/...",
		"http://169.254.170.23/v1/credentials/secret":                              "http://169.254.170.23/...",
		"http://127.0.0.1:1234/get-credentials/secret":                             "http://127.0.0.1:1234/...",
		"http://127.0.0.1:1234/2016-11-01/credentialprovider/":                     "http://127.0.0.1:1234/...",
		"http://localhost/secret":                                                  "http://localhost/...",
		"http://localhost/":                                                        "http://localhost/",
		"http://localhost":                                                         "http://localhost",
		"https://agent.example:8443/v1?token=secret#secret":                        "https://agent.example:8443/...",
		"http://user:secret@localhost/":                                            "", // refused
	} {
		assert.Equal(t, want, ecs.Shown(raw), raw)
	}
}

func TestAWarningIsGivenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.env[tokenVar], w.env[relativeVar] = "ignored", ecstest.ECSPath
		p := w.provider()
		for range 3 {
			_, err := p.Retrieve(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 2, w.log.Count("level=WARN"), w.log.String())
	})
}

func TestFailedAttemptsAreLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).pod(t)
		w.agent.Fail(2, ecstest.Upstream("ThrottlingException"))
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, w.log.Count("level=DEBUG"))
	})
}

func TestEveryRecordNamesTheKind(t *testing.T) {
	for kind, setup := range map[string]func(*world, *testing.T){
		"podidentity": func(w *world, t *testing.T) { w.pod(t).env[tokenVar] = "ignored" },
		"ecs": func(w *world, t *testing.T) {
			w.pod(t).env[tokenVar] = "ignored"
			w.task()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			setup(w, t)
			w.agent.Fail(2, fault{Status: 503})
			_, err := w.provider().Retrieve(t.Context())
			require.NoError(t, err)
			assert.GreaterOrEqual(t, w.log.Count("\n"), 3, "warnings and attempts")
			assert.Equal(t, w.log.Count("\n"), w.log.Count("provider="+kind), w.log.String())
		})
	}
}

func TestAPanicInASeamIsAnError(t *testing.T) {
	p := ecs.New(func(o *ecs.Options) {
		o.RelativeURI, o.Timeout = "/x", 10*time.Millisecond
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { panic("no") }
		o.LookupEnv = func(string) (string, bool) { return "", false }
	})
	_, err := p.Retrieve(t.Context())
	assert.ErrorContains(t, err, "panicked")
}

func TestHTTPSGoesToAnyHostThatProvesItsName(t *testing.T) {
	agent := ecstest.New()
	server := httptest.NewTLSServer(agent)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	var dialer net.Dialer
	p := ecs.New(func(o *ecs.Options) {
		o.FullURI, o.RootCAs = "https://example.com:8443"+ecstest.ECSPath, roots // a name that the test server's certificate has
		o.LookupEnv = func(string) (string, bool) { return "", false }
		o.LookupNetIP = lookupDocumentation
		o.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			assert.Equal(t, "192.0.2.1:8443", address)
			return dialer.DialContext(ctx, network, server.Listener.Addr().String())
		}
	})
	creds, err := p.Retrieve(t.Context())
	require.NoError(t, err)
	assert.True(t, creds.HasKeys())
}

// A certificate does not get better by asking again, and no token goes out before it is found good.
func TestABadCertificateIsAskedForOnce(t *testing.T) {
	agent := ecstest.New()
	server := httptest.NewUnstartedServer(agent)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for name, row := range map[string]struct {
		host  string
		roots *x509.CertPool
	}{
		"of an unknown authority": {"example.com", x509.NewCertPool()},
		"of another name":         {"agent.example", roots},
	} {
		t.Run(name, func(t *testing.T) {
			dials := 0
			_, err := ecs.New(func(o *ecs.Options) {
				o.FullURI, o.AuthorizationToken, o.RootCAs = "https://"+row.host+"/", "the-token", row.roots
				o.LookupEnv = func(string) (string, bool) { return "", false }
				o.LookupNetIP = lookupDocumentation
				o.Logger = quiet
				o.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
					dials++
					return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
				}
			}).Retrieve(t.Context())
			assert.ErrorContains(t, err, "certificate is not trusted")
			assert.Equal(t, 1, dials)
			assert.Empty(t, agent.Requests())
		})
	}
}

func TestFormattingShowsNoToken(t *testing.T) {
	o := ecs.Options{AuthorizationToken: "s3cret"}
	p := ecs.New(func(x *ecs.Options) { *x = o })
	assert.Equal(t, "ecs.Options ecs.Options ecs.Options ecs.Provider", fmt.Sprintf("%v %+v %#v %s", o, o, o, p))
	assert.NotContains(t, fmt.Sprintf("%+v %#v", &o, []any{o, p}), "s3cret")
}
