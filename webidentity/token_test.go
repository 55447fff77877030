package webidentity_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

func TestTokenFileWithoutATokenIsExplained(t *testing.T) {
	write := func(content string) func(*testing.T) string {
		return func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			return path
		}
	}
	for name, c := range map[string]struct {
		path  func(*testing.T) string
		cause error
		want  string
	}{
		"missing": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "token") }, fs.ErrNotExist,
			": no such file or directory: is the projected volume with the token mounted in this container, and at this path?"},
		"below a file": {func(t *testing.T) string { return filepath.Join(write("x")(t), "token") }, nil,
			": not a directory: the file could not be read"},
		"a directory": {func(t *testing.T) string { return t.TempDir() }, nil,
			`: it is a directory: name the file in it, mostly "token"`},
		"empty":       {write(""), nil, ": it is empty: it was still empty after a second look; is the kubelet, or whoever writes the token, at work?"},
		"white space": {write(" \r\n\t\n"), nil, ": it is empty: "},
		"too long":    {write(strings.Repeat("a", 20001)), nil, ": it has more than 20000 bytes, which is STS's limit for a token: it is no token; name the right file"},
		"much space":  {write("a" + strings.Repeat(" ", 30000)), nil, ": it has more than 20000 bytes"},
		"10 MB":       {write(strings.Repeat("a", 10<<20)), nil, ": it has more than 20000 bytes, which is STS's limit for a token: it is no token; name the right file"},
		"endless":     {func(*testing.T) string { return "/dev/zero" }, nil, ": it has more than 20000 bytes"},
		"a broken link": {func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.Symlink("..data/token", path))
			return path
		}, fs.ErrNotExist, ": no such file or directory: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				path := c.path(t)
				w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = path
				begin := time.Now()
				err := w.fail()
				assert.LessOrEqual(t, time.Since(begin), 100*time.Millisecond)
				var file *webidentity.TokenFileError
				require.ErrorAs(t, err, &file)
				assert.Equal(t, path, file.Path)
				assert.Equal(t, 1, strings.Count(err.Error(), path), "%v", err)
				assert.ErrorContains(t, err, "web identity token file "+path+c.want)
				assert.ErrorContains(t, err, file.Cure)
				if c.cause != nil {
					require.ErrorIs(t, err, c.cause)
					var path *fs.PathError
					assert.ErrorAs(t, err, &path)
				}
				assert.NotErrorIs(t, err, unavailable.Err)
				assert.False(t, terminal.Is(err), "the file may come")
				assert.Empty(t, w.net.Dials())
			})
		})
	}
}

func TestTokenOfTheGreatestSizeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Write(strings.Repeat("a", webidentity.MaxTokenSize)+"\n"))
		var denied *webidentity.DeniedError
		require.ErrorAs(t, w.fail(), &denied)
		assert.Equal(t, "InvalidIdentityToken", denied.Code)
	})
}

func TestWhiteSpaceAroundTheTokenIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Write("\n "+w.tokens.Token()+"\r\n"))
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
	})
}

// A file that is not there for a moment, because whoever writes it does not do so atomically, is looked at again.
func TestTokenThatIsBeingRotatedIsReadOnceMore(t *testing.T) {
	for name, gap := range map[string]func(path string) error{
		"absent": os.Remove,
		"empty":  func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				path := filepath.Join(t.TempDir(), "token")
				require.NoError(t, os.WriteFile(path, []byte(w.tokens.Token()), 0o600))
				w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = path
				require.NoError(t, gap(path))
				time.AfterFunc(50*time.Millisecond, func() { assert.NoError(t, os.WriteFile(path, []byte(w.tokens.Token()), 0o600)) })
				_, err := w.provider().Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 1, w.sts.Count("AssumeRoleWithWebIdentity"))
			})
		})
	}
}

func TestCallerNeedNotWaitForTheSecondLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := webidentity.ReadToken(ctx, filepath.Join(t.TempDir(), "token"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.Equal(t, time.Millisecond, time.Since(begin))
	})
}

// A reader sees the old token or the new one, whenever it looks.
func TestReaderNeverSeesHalfARotation(t *testing.T) {
	s := ststest.New()
	tokens, err := s.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: "gryphon"})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			assert.NoError(t, tokens.Rotate())
		}
	}()
	reads := 0
	for {
		token, err := webidentity.ReadToken(t.Context(), tokens.Path())
		require.NoError(t, err)
		_, err = webidentity.Inspect(token)
		require.NoError(t, err)
		reads++
		select {
		case <-done:
			assert.Greater(t, reads, 10)
			return
		default:
		}
	}
}

func TestTokenThatIsNoJWTIsSentAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Write("opaque-token-of-another-provider"))
		err := w.fail()
		var denied *webidentity.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.Equal(t, "InvalidIdentityToken", denied.Code)
		assert.ErrorContains(t, err, "the token in "+w.tokens.Path()+" is not a JWT: not three parts with dots between them")
		assert.Zero(t, denied.Claims)
		assert.Contains(t, w.sts.Requests()[0].SessionName, "podrole-", "no claim says which pod it is")
	})
}

func TestExpiredTokenIsToldFromAWrongClock(t *testing.T) {
	for name, c := range map[string]struct {
		age   time.Duration // of the token, when STS is asked
		clock time.Duration // STS's clock, ahead of the one here
		want  []string
	}{
		"not replaced":                   {25 * time.Hour, 0, []string{"expired 1h0m0s ago, at 2000-01-02T00:00:00Z: it was not replaced in time", "(STS's clock agrees with the one here: 2000-01-02T01:00:00Z)"}},
		"just after the grace":           {24*time.Hour + 341*time.Second, 0, []string{"expired 5m41s ago", "clock agrees"}},
		"our clock is behind":            {23 * time.Hour, 90 * time.Minute, []string{"expired 30m0s ago", "(the clock here is 1h30m0s behind STS's: 2000-01-01T23:00:00Z and 2000-01-02T00:30:00Z)"}},
		"our clock is ahead, and it did": {26 * time.Hour, -time.Hour, []string{"expired 1h0m0s ago", "(the clock here is 1h0m0s ahead of STS's: 2000-01-02T02:00:00Z and 2000-01-02T01:00:00Z)"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.SetClock(c.clock)
				time.Sleep(c.age)
				err := w.fail()
				var denied *webidentity.DeniedError
				require.ErrorAs(t, err, &denied)
				require.Equal(t, "ExpiredTokenException", denied.Code)
				assert.False(t, denied.Terminal(), "the next token may be there in a minute")
				for _, want := range c.want {
					assert.ErrorContains(t, err, want)
				}
			})
		})
	}
}

// What waiting cures is not terminal.
func TestTokenThatIsNotValidYetIsNotTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.NotBefore = time.Now().Add(time.Minute) }))
		assert.False(t, terminal.Is(w.fail()))
		time.Sleep(time.Minute)
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)

		w.sts.DeleteRole(role)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Claims = map[string]any{"nbf": nil} }))
		w.sts.SetClock(-time.Second)
		assert.True(t, terminal.Is(w.fail()), "the role is not there, whatever the clocks say")
	})
}

// Whatever refuses a token as expired that has not, by its own exp and the answer's own Date, the text does not contradict itself.
func TestTokenThatHasNotExpiredIsNotSaidToHave(t *testing.T) {
	for name, c := range map[string]struct {
		skew time.Duration
		want string
	}{
		"clocks agree":                  {0, "is good until 2000-01-02T00:00:00Z by its own exp, and it is 2000-01-01T00:00:00Z by STS's clock: what refused it goes by another clock (STS's clock agrees with the one here: 2000-01-01T00:00:00Z)"},
		"a minute apart":                {time.Minute, "and it is 2000-01-01T00:01:00Z by STS's clock: what refused it goes by another clock (STS's clock agrees with the one here: 2000-01-01T00:01:00Z)"},
		"a day apart, within the grace": {24*time.Hour + time.Minute, "expired 1m0s ago, at 2000-01-02T00:00:00Z, which AWS's STS would not have held against it yet: it must be replaced, and what refused it gives no grace"},
		"an hour apart":                 {time.Hour, "and it is 2000-01-01T01:00:00Z by STS's clock: what refused it goes by another clock (the clock here is 1h0m0s behind STS's"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.SetClock(c.skew)
				w.sts.Break(ststest.Fault{Status: 400, Code: "ExpiredTokenException"})
				assert.ErrorContains(t, w.fail(), c.want)
			})
		})
	}
}

func TestExpiredTokenIsWarnedAboutOnceAndSTSAskedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.SetClock(-30 * time.Hour) // by STS's clock the token is good
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Life = 24 * time.Hour }))
		p := w.provider()
		for range 3 {
			_, err := p.Retrieve(t.Context())
			require.NoError(t, err, "STS's clock is the one that counts")
		}
		assert.Equal(t, 1, countLines(w.log.String(), `level=WARN msg="web identity token has expired by the clock here"`))
	})
}

func TestLegacyTokenIsRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Legacy = true }))
		err := w.fail()
		var denied *webidentity.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.ErrorContains(t, err, "is a legacy service account token out of a Secret (iss kubernetes/serviceaccount, no audience, no expiry), which STS does not take: mount a projected one with the audience sts.amazonaws.com")
		assert.Equal(t, "default", denied.Claims.Namespace)
		assert.Equal(t, "gryphon-dispatcher", denied.Claims.ServiceAccount)
		assert.Equal(t, "default.gryphon-dispatcher", w.sts.Requests()[0].SessionName)
	})
}

func TestTokenForTheKubernetesAPIIsRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Rotate(func(tok *ststest.Token) { tok.Audience = []string{"https://kubernetes.default.svc"} }))
		err := w.fail()
		var denied *webidentity.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.ErrorContains(t, err, "does not list the token's audience https://kubernetes.default.svc among its client ids; this looks like the token for the Kubernetes API")
	})
}

// What a real run of the fake comes to, from the token to the error.
func TestRefusalsOfTheFakeAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world) error
		code   string
		want   string
	}{
		"the founding incident": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.ServiceAccount = "gryphon-dispatcher-canary" })
		}, "AccessDenied", "its trust policy must accept sub=system:serviceaccount:default:gryphon-dispatcher-canary aud=sts.amazonaws.com from " + ststest.DefaultIssuer},
		"no such role": {func(w *world) error { w.sts.DeleteRole(role); return nil }, "AccessDenied", "unless there is no such role"},
		"another issuer": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Issuer = "https://issuer.example/cluster" })
		}, "InvalidIdentityToken", "account 111122223333 has no IAM OIDC provider for https://issuer.example/cluster: create it, or use a role in the account that has it"},
		"two audiences": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Audience = []string{"sts.amazonaws.com", "vault"} })
		}, "InvalidIdentityToken", "the token has more than one audience (sts.amazonaws.com,vault) and no azp that says which counts, and STS does not take such a token: project one with exactly one audience"},
		"azp is no client id": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Claims = map[string]any{"azp": "app"} })
		}, "InvalidIdentityToken", "does not list the token's audience app among its client ids"},
		"azp among several audiences is no client id": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) {
				tok.Audience, tok.Claims = []string{"sts.amazonaws.com", "vault"}, map[string]any{"azp": "app"}
			})
		}, "InvalidIdentityToken", "does not list the token's audience app among its client ids"},
		"azp is a client id, and the policy wants another": {func(w *world) error {
			if err := w.tokens.Rotate(func(tok *ststest.Token) {
				tok.Audience, tok.Claims = []string{"a", "b"}, map[string]any{"azp": "sts.amazonaws.com"}
			}); err != nil {
				return err
			}
			return w.sts.SetTrustPolicy(role, strings.ReplaceAll(w.sts.TrustPolicy(subject), `:aud": "sts.amazonaws.com"`, `:aud": "a"`))
		}, "AccessDenied", "aud=sts.amazonaws.com from " + ststest.DefaultIssuer + " (condition keys oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub and " +
			"oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:aud, where STS takes azp for aud;"},
		"another audience, and not valid yet": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.NotBefore, tok.Audience = time.Now().Add(time.Minute), []string{"vault"} })
		}, "InvalidIdentityToken", "does not list the token's audience vault among its client ids"},
		"minted this second, by a server whose Date is that of the last": {func(w *world) error {
			w.sts.Break(ststest.Fault{Status: 400, Body: errorXML("InvalidIdentityToken", "could not be validated"), Header: http.Header{"Date": {time.Now().Add(-2 * time.Second).UTC().Format(http.TimeFormat)}}})
			return nil
		}, "InvalidIdentityToken", "must have an IAM OIDC provider"},
		"an expiry of nought": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Claims = map[string]any{"exp": 0} })
		}, "InvalidIdentityToken", "lacks exp"},
		"no expiry": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.Claims = map[string]any{"exp": nil, "aud": nil} })
		}, "InvalidIdentityToken", "lacks aud, exp, or has it in another form than STS reads, and STS takes none without iss, sub, aud, exp and iat: mount a projected one"},
		"not valid yet": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.NotBefore = time.Now().Add(time.Hour) })
		}, "InvalidIdentityToken", "is not valid before 2000-01-01T01:00:00Z (nbf), and it is 2000-01-01T00:00:00Z by STS's clock"},
		"not valid yet by STS's clock alone": {func(w *world) error {
			w.sts.SetClock(-time.Hour)
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.NotBefore = time.Now() })
		}, "InvalidIdentityToken", "is not valid before 2000-01-01T00:00:00Z (nbf), and it is 1999-12-31T23:00:00Z by STS's clock"},
		"another key": {func(w *world) error {
			return w.tokens.Rotate(func(tok *ststest.Token) { tok.ForeignKey = true })
		}, "InvalidIdentityToken", "STS could not fetch the keys"},
		"a tampered token": {func(w *world) error {
			parts := strings.Split(w.tokens.Token(), ".")
			return w.tokens.Write(parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])))
		}, "InvalidIdentityToken", "the token must be signed with a key that the issuer publishes"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				require.NoError(t, c.change(w))
				err := w.fail()
				denied, ok := errors.AsType[*webidentity.DeniedError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, c.code, denied.Code)
				assert.ErrorContains(t, err, c.want)
			})
		})
	}
}
