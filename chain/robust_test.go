package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
	"example.com/podrole/webidentity"
)

// odd is a provider whose optional methods misbehave.
type odd struct {
	aws.CredentialsProvider
	do func()
}

func (o odd) Kind() string       { o.do(); return "odd" }
func (o odd) Configured() string { o.do(); return "ODD" }
func (o odd) CallerARN(aws.Credentials) string {
	o.do()
	return "arn:aws:sts::111122223333:assumed-role/odd/s"
}
func (o odd) RoleName(aws.Credentials) string         { o.do(); return "odd" }
func (o odd) ServerTime(aws.Credentials) time.Time    { o.do(); return time.Now() }
func (o odd) ProviderSources() []aws.CredentialSource { o.do(); return nil }
func (o odd) Timeout() time.Duration                  { o.do(); return time.Minute }

func quiet(o *chain.Options) {
	o.Logger, o.FS, o.LookupEnv = slog.New(slog.DiscardHandler), fstest.MapFS{}, env(nil)
}

func TestOptionalMethodsThatMisbehaveOnlyTellNothing(t *testing.T) {
	for name, do := range map[string]func(){"panic": func() { panic("boom") }, "do not answer": func() { time.Sleep(time.Hour) }} {
		bubble(t, name, func(t *testing.T) {
			var log recorder
			c := chain.New([]chain.Link{
				{Name: "odd", Provider: odd{chaintest.NewProvider(chaintest.Session("AKIDODD", time.Hour)), do}},
				{Name: "below", Provider: odd{chaintest.NewProvider(), do}},
			}, quiet, func(o *chain.Options) { o.Logger = log.Logger() })
			creds, err := c.Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "AKIDODD", creds.AccessKeyID)
			log.One(t, "INFO aws credentials resolved", "provider=odd", "role=unknown")
			require.NoError(t, c.Close())
			time.Sleep(2 * time.Hour)
		})
	}
}

func TestLinkUnavailableIsAskedOnlyOfWhatTheProviderReturned(t *testing.T) {
	all := func(error) bool { return true }
	foreign := func(answer chaintest.Answer, optFns ...func(*chain.Options)) (*chain.Chain, *chaintest.Provider) {
		below := chaintest.NewProvider(chaintest.Credentials("AKIDBELOW"))
		p := chaintest.NewProvider(answer)
		p.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a" })
		return chain.New([]chain.Link{{Name: "vault", Provider: p, Unavailable: all}, {Name: "below", Provider: below}}, append([]func(*chain.Options){quiet}, optFns...)...), below
	}
	for _, row := range []struct {
		name   string
		answer chaintest.Answer
		option func(*chain.Options)
		text   string
	}{
		{"another identity", chaintest.Credentials("AKID"), func(o *chain.Options) { o.ExpectedRoleARN = gryphonRole }, "not of the expected role"},
		{"a refused node role", chaintest.From("EC2RoleProvider", chaintest.Credentials("AKID")), func(o *chain.Options) { o.NodeRole = chain.NodeRoleRefuse }, "is refused"},
		{"a time-out", chaintest.Hang(), func(*chain.Options) {}, "timed out after 10s"},
		{"a panic", func(context.Context) (aws.Credentials, error) { panic("boom") }, func(*chain.Options) {}, "panicked"},
		{"no keys", func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, nil }, func(*chain.Options) {}, "without an access key id"},
		{"expired", chaintest.Session("AKID", -time.Second), func(*chain.Options) {}, "already expired"},
		{"nearly expired", chaintest.Session("AKID", 500*time.Millisecond), func(*chain.Options) {}, "only 500ms to live"},
	} {
		bubble(t, row.name, func(t *testing.T) {
			c, below := foreign(row.answer, row.option)
			defer c.Close()
			_, err := c.Retrieve(t.Context())
			require.ErrorContains(t, err, row.text)
			assert.NotErrorIs(t, err, chain.ErrUnavailable)
			assert.Equal(t, 0, below.Calls())
		})
	}
	bubble(t, "a predicate that panics is no yes", func(t *testing.T) {
		c := chain.New([]chain.Link{{Name: "a", Provider: chaintest.NewProvider(chaintest.Fail(errDenied)), Unavailable: func(error) bool { panic("boom") }}}, quiet)
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.ErrorContains(t, err, "AccessDenied")
	})
}

func TestANestedChainServesWhileItHoldsUsableCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := chaintest.NewProvider(chaintest.Session("AKIDOWN", time.Hour), chaintest.Fail(errors.New("STS is down")))
		inner := chain.New([]chain.Link{{Name: "own", Provider: own}}, quiet)
		defer inner.Close()
		node := chaintest.NewProvider(chaintest.Credentials("AKIDNODE"))
		outer := chain.New([]chain.Link{{Name: "inner", Provider: inner}, {Name: "node", Provider: node}}, quiet)
		defer outer.Close()
		for start := time.Now(); time.Since(start) < 59*time.Minute+55*time.Second; time.Sleep(370 * time.Millisecond) {
			creds, err := outer.Retrieve(t.Context())
			require.NoError(t, err, "after %s", time.Since(start))
			require.Equal(t, "AKIDOWN", creds.AccessKeyID)
		}
		assert.Equal(t, 0, node.Calls())
	})
}

func TestANestedChainTellsWhoItsWinnerIs(t *testing.T) {
	losing, winning := chaintest.NewProvider(chaintest.Fail(errDenied)), chaintest.NewProvider(chaintest.Session("AKIDOTHER", time.Hour))
	losing.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/s" })
	winning.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/other/s" })
	synctest.Test(t, func(t *testing.T) {
		inner := chain.New([]chain.Link{{Name: "a", Provider: losing}, {Name: "b", Provider: winning}}, quiet, func(o *chain.Options) { o.Fallback = chain.FallbackNext })
		defer inner.Close()
		outer := chain.New([]chain.Link{{Name: "inner", Provider: inner}}, quiet, func(o *chain.Options) { o.ExpectedRoleARN = gryphonRole })
		defer outer.Close()
		_, err := outer.Retrieve(t.Context())
		require.ErrorContains(t, err, "its credentials are those of arn:aws:sts::111122223333:assumed-role/other/s")
		assert.Equal(t, "b", inner.Kind())
		assert.Empty(t, inner.CallerARN(aws.Credentials{AccessKeyID: "AKIDSTRANGER"}), "of others' credentials it knows nothing")
		assert.Empty(t, inner.CallerARN(aws.Credentials{}))
	})
	bubble(t, "also where the role's name is all that is known", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		inner := w.chain(t, vars(kubernetes))
		outer := chain.New([]chain.Link{{Name: "inner", Provider: inner}}, quiet, inPod, func(o *chain.Options) { o.Logger = w.log.Logger() })
		defer outer.Close()
		_, err := outer.Retrieve(t.Context())
		require.NoError(t, err)
		w.log.One(t, "INFO aws credentials resolved", "provider=inner", "kind=imds", "role=eks-node")
	})
	bubble(t, "the role alone in it stops the outer chain before the node's role", func(t *testing.T) {
		w := newWorld(t)
		w.serveIMDS(t)
		alone := vars(kubernetes, map[string]string{"AWS_ROLE_ARN": gryphonRole})
		inner := chain.New([]chain.Link{{Name: "web", Provider: webidentity.New(func(o *webidentity.Options) { o.LookupEnv = env(alone) })}}, quiet)
		defer inner.Close()
		node := chaintest.NewProvider(chaintest.From("EC2RoleProvider", chaintest.Credentials("AKIDNODE")))
		outer := chain.New([]chain.Link{{Name: "inner", Provider: inner}, {Name: "node", Provider: node}}, quiet, inPod)
		defer outer.Close()
		_, err := outer.Retrieve(t.Context())
		require.ErrorContains(t, err, "AWS_WEB_IDENTITY_TOKEN_FILE is not")
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		assert.Equal(t, 1, node.Calls(), "what it gives was not known before it was asked; it is not used")
	})
}

func TestARecheckAsksInTheChainsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the role alone is a failure only once the walk comes to the node's role, after the container's
		w := newWorld(t)
		w.serveIMDS(t)
		alone := vars(kubernetes, map[string]string{"AWS_ROLE_ARN": gryphonRole}, w.podIdentity())
		whole := vars(alone, w.irsa(t, "gryphon-dispatcher"))
		var now atomic.Pointer[map[string]string]
		now.Store(&alone)
		c := w.chain(t, nil, func(o *chain.Options) {
			o.Fallback = chain.FallbackNext
			o.LookupEnv = func(name string) (string, bool) { return env(*now.Load())(name) }
		})
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		require.Equal(t, "imds", c.Status().Provider)
		now.Store(&whole)
		w.servePodIdentity(t)
		time.Sleep(73 * time.Second)
		synctest.Wait()
		assert.Equal(t, "webidentity", c.Status().Provider)
	})
}

func TestEveryLinkGetsItsBoundWhereNothingIsHeld(t *testing.T) {
	bubble(t, "three links hang, the fourth answers", func(t *testing.T) {
		links := []chain.Link{}
		for i := range 3 {
			links = append(links, chain.Link{Name: fmt.Sprint("hangs-", i), Provider: chaintest.NewProvider(chaintest.Hang())})
		}
		links = append(links, chain.Link{Name: "slow", Provider: chaintest.NewProvider(chaintest.After(9*time.Second, chaintest.Credentials("AKIDSLOW")))})
		c := chain.New(links, quiet, func(o *chain.Options) { o.Fallback = chain.FallbackNext })
		defer c.Close()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "AKIDSLOW", creds.AccessKeyID)
		assert.GreaterOrEqual(t, c.Timeout(), 40*time.Second)
	})
	bubble(t, "a link above the floor that hangs leaves the floor its time", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDFLOOR", 50*time.Second))
		require.Equal(t, "AKIDFLOOR", p.key(t))
		p.first.Answer(chaintest.Hang())
		for range 10 * 60 * 2 {
			time.Sleep(500 * time.Millisecond)
			start := time.Now()
			require.Equal(t, "AKIDFLOOR", p.key(t))
			require.Zero(t, time.Since(start), "nobody waited")
		}
	})
	bubble(t, "a walk cut short says how far it came", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDFLOOR", 20*time.Second), chaintest.Hang())
		require.Equal(t, "AKIDFLOOR", p.key(t))
		time.Sleep(19 * time.Second)
		p.log.One(t, "WARN aws credentials could not be refreshed, those held stay in use", "second failed, so the chain stopped: timed out after")
		attempts := p.Status().Attempts
		require.Len(t, attempts, 2)
		assert.Contains(t, attempts[1].Reason, "timed out after")
	})
	bubble(t, "bounds without end do not add up to none", func(t *testing.T) {
		patient := chaintest.NewProvider(chaintest.After(time.Minute, chaintest.Credentials("AKIDPATIENT")))
		patient.Describe(func(s *chaintest.Self) { s.Bound = math.MaxInt64 })
		c := chain.New([]chain.Link{{Name: "patient", Provider: patient}, {Name: "other", Provider: chaintest.NewProvider()}}, quiet,
			func(o *chain.Options) { o.LinkTimeout = math.MaxInt64 })
		defer c.Close()
		assert.Greater(t, c.Timeout(), 100*time.Hour)
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
	})
	bubble(t, "a provider's own bound counts, the option's for others", func(t *testing.T) {
		slow := chaintest.NewProvider(chaintest.After(24*time.Second, chaintest.Credentials("AKIDSLOW")))
		slow.Describe(func(s *chaintest.Self) { s.Bound = 25 * time.Second })
		c := chain.New([]chain.Link{{Name: "slow", Provider: slow}}, quiet)
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		brief := chain.New([]chain.Link{{Name: "brief", Provider: chaintest.NewProvider(chaintest.Hang())}}, quiet, func(o *chain.Options) { o.LinkTimeout = 2 * time.Second })
		defer brief.Close()
		_, err = brief.Retrieve(t.Context())
		require.EqualError(t, err, "podrole: brief failed, so the chain stopped: timed out after 2s")
	})
}

func TestTheNodeRoleIsKnownByItsSourcesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, inPod)
		p.third.Answer(chaintest.Session("AKIDNODE", time.Hour))
		p.third.Describe(func(s *chaintest.Self) { s.Sources = []aws.CredentialSource{aws.CredentialSourceIMDS} })
		p.key(t)
		p.log.One(t, "WARN running as the node")
	})
}

func TestAFailureAboveTheWinnerIsSaidOnceHoweverTheWalksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour), chaintest.Fail(errors.New("blip")), chaintest.Session("AKIDFLOOR2", time.Hour))
		require.Equal(t, "AKIDFLOOR", p.key(t))
		p.first.Answer(chaintest.Fail(errDenied))
		time.Sleep(10 * time.Hour)
		p.log.One(t, "WARN", "the identity stays", "first: ")
		assert.True(t, p.Status().Fallback)
		p.first.Answer(chaintest.Unavailable("its variables are gone"))
		time.Sleep(6 * time.Minute)
		p.log.One(t, "INFO", "the winner is no fallback now", "provider=second")
	})
}

func TestTheFloorDecidesWhetherAFailureIsTerminal(t *testing.T) {
	for _, policy := range []chain.FallbackPolicy{chain.FallbackStop, chain.FallbackNext} {
		bubble(t, "a refused node role does not take stale credentials away", func(t *testing.T) {
			p := newPod(t, policy, inPod, nodeRole(chain.NodeRoleRefuse))
			p.second.Answer(chaintest.From("CredentialsEndpointProvider", chaintest.Session("AKIDCONTAINER", time.Hour)), chaintest.Fail(errors.New("agent down")))
			node(p.third)
			require.Equal(t, "AKIDCONTAINER", p.key(t))
			time.Sleep(65 * time.Minute)
			assert.Equal(t, "AKIDCONTAINER", p.key(t))
			assert.True(t, p.Status().Stale)
		})
	}
	terminal := func(t *testing.T, answers ...chaintest.Answer) bool {
		var links []chain.Link
		for i, a := range answers {
			links = append(links, chain.Link{Name: fmt.Sprint(i), Provider: chaintest.NewProvider(a)})
		}
		c := chain.New(links, quiet, func(o *chain.Options) { o.Fallback = chain.FallbackNext })
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		var failed *chain.Error
		require.ErrorAs(t, err, &failed)
		return failed.Terminal()
	}
	bubble(t, "without a floor all must be terminal", func(t *testing.T) {
		down := chaintest.Fail(errors.New("down"))
		assert.True(t, terminal(t, chaintest.Fail(errDenied)))
		assert.True(t, terminal(t, chaintest.Fail(errDenied), chaintest.Unavailable("x")))
		assert.False(t, terminal(t, chaintest.Fail(errDenied), down))
		assert.False(t, terminal(t, down, chaintest.Fail(errDenied)))
		assert.False(t, terminal(t, chaintest.Unavailable("x")))
	})
}

func TestARefusedNodeRoleIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackNext, inPod, nodeRole(chain.NodeRoleRefuse))
		node(p.first)
		p.second.Answer(chaintest.Credentials("AKIDSTATIC"))
		require.Equal(t, "AKIDSTATIC", p.key(t))
		p.log.One(t, "WARN aws credentials resolved by fallback", "is refused")
		time.Sleep(10 * time.Hour)
		assert.Zero(t, p.Status().Counters.Rechecks)
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.False(t, creds.CanExpire)
	})
}

func TestWhatIsAChangeOfIdentity(t *testing.T) {
	for _, row := range []struct {
		name        string
		before, now string
		changed     bool
	}{
		{"another user", "arn:aws:iam::111122223333:user/kim", "arn:aws:iam::111122223333:user/admin", true},
		{"another role", "arn:aws:sts::111122223333:assumed-role/a/s", "arn:aws:sts::111122223333:assumed-role/b/s", true},
		{"another account", "arn:aws:sts::111122223333:assumed-role/a/s", "arn:aws:sts::444455556666:assumed-role/a/s", true},
		{"another partition", "arn:aws:sts::111122223333:assumed-role/a/s", "arn:aws-cn:sts::111122223333:assumed-role/a/s", true},
		{"another session", "arn:aws:sts::111122223333:assumed-role/a/s", "arn:aws:sts::111122223333:assumed-role/a/t", false},
		{"known since", "", "arn:aws:sts::111122223333:assumed-role/a/s", false},
		{"not known any more", "arn:aws:sts::111122223333:assumed-role/a/s", "", false},
	} {
		bubble(t, row.name, func(t *testing.T) {
			p := newPod(t, chain.FallbackStop)
			p.first.Answer(chaintest.Session("AKID", time.Hour))
			p.first.Describe(func(s *chaintest.Self) { s.ARN = row.before })
			p.key(t)
			since := p.Status().Since
			assert.Equal(t, time.Now().UTC(), since)
			p.first.Describe(func(s *chaintest.Self) { s.ARN = row.now })
			time.Sleep(time.Hour)
			p.key(t)
			warnings := p.log.Lines(slog.LevelWarn)
			assert.Equal(t, row.changed, len(warnings) == 1, "%q", warnings)
			assert.Equal(t, row.changed, p.Status().Since.After(since))
		})
	}
}

func TestErrorsSayNothingUntrueOfTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := chain.New([]chain.Link{{Name: "x", Provider: chaintest.NewProvider()}}, quiet)
		require.NoError(t, closed.Close())
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.Fail(&aws.RequestCanceledError{Err: context.DeadlineExceeded}))
		p.second.Answer(func(ctx context.Context) (aws.Credentials, error) { return closed.Retrieve(ctx) })
		p.third.Answer(chaintest.Fail(fmt.Errorf("cut: %w", context.Canceled)))
		_, err := p.Retrieve(t.Context())
		var failed *chain.Error
		require.ErrorAs(t, err, &failed)
		for _, e := range []error{err, failed} {
			var canceled *aws.RequestCanceledError
			assert.False(t, errors.As(e, &canceled), "the caller's context has not ended")
			for _, not := range []error{context.Canceled, context.DeadlineExceeded, chain.ErrClosed, chain.ErrUnavailable} {
				assert.NotErrorIs(t, e, not)
			}
		}
		assert.False(t, failed.RetryableError())

		failed.Attempts[0].Reason = "changed by the caller"
		slices.Reverse(failed.Attempts)
		assert.Equal(t, "first", p.Status().Attempts[0].Link, "the error's attempts are the caller's own")
		assert.NotEqual(t, "changed by the caller", p.Status().Attempts[0].Reason)
	})
}

func TestGetCallerIdentityIsAskedOnceForEachLinksKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.AddIdentity("AKIDA", "arn:aws:sts::111122223333:assumed-role/other/s")
		w.sts.AddIdentity("AKIDB", "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/s")
		c := chain.New([]chain.Link{{Name: "a", Provider: chaintest.NewProvider(chaintest.Session("AKIDA", time.Hour))}, {Name: "b", Provider: chaintest.NewProvider(chaintest.Session("AKIDB", time.Hour))}},
			quiet, func(o *chain.Options) {
				o.Fallback, o.ExpectedRoleARN, o.LookupEnv, o.HTTPClient = chain.FallbackNext, gryphonRole, env(vars()), w.client
			})
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		time.Sleep(12 * time.Hour)
		assert.Equal(t, 2, asked(w, "GetCallerIdentity"))
	})
}

func TestNilFunctionsAreNoProviders(t *testing.T) {
	var unset aws.CredentialsProviderFunc
	c := chain.New([]chain.Link{{Name: "a", Provider: unset}}, nil, quiet)
	defer c.Close()
	_, err := c.Retrieve(t.Context())
	require.EqualError(t, err, "podrole: link 0 (a) has a nil provider")
	require.NoError(t, chain.NewDefault(nil).Close())
}

func TestAProfileIsSaidWhateverTheWalkComesTo(t *testing.T) {
	profile := map[string]string{"AWS_PROFILE": "dev"}
	bubble(t, "nothing found in a pod", func(t *testing.T) {
		w := newWorld(t)
		_, err := w.chain(t, vars(kubernetes, profile)).Retrieve(t.Context())
		require.ErrorContains(t, err, "no identity was injected into this pod")
		require.ErrorContains(t, err, "AWS_PROFILE is set (dev)")
		w.log.One(t, "INFO AWS_PROFILE is set (dev)")
	})
	bubble(t, "a failure", func(t *testing.T) {
		w := newWorld(t)
		_, err := w.chain(t, vars(profile, w.irsa(t, canary))).Retrieve(t.Context())
		require.ErrorContains(t, err, "AWS_PROFILE is set (dev)")
	})
	bubble(t, "a chain of one's own may read it", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, func(o *chain.Options) { o.LookupEnv = env(profile) })
		_, err := p.Retrieve(t.Context())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "AWS_PROFILE")
	})
}

// The names are those that dashboards read.
func TestStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(func(ctx context.Context) (aws.Credentials, error) {
			time.Sleep(1500 * time.Microsecond)
			return aws.Credentials{}, errDenied
		})
		p.second.Answer(chaintest.Session("AKIDEXAMPLE00001234", time.Hour))
		p.second.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/s" })
		p.third.Describe(func(s *chaintest.Self) { s.Variables = "THIRD" })
		empty, err := json.Marshal(p.Status())
		require.NoError(t, err)
		assert.JSONEq(t, `{"state":"none","stale":false,"failures":0,"fallback":false,"attempts":[],"shadowed":[],
			"counters":{"refreshes":0,"failures":0,"rechecks":0,"invalidations":0,"waits":0,"winner_changes":0,"fallbacks":0}}`, string(empty))
		p.key(t)
		synctest.Wait()
		status := p.Status()
		status.NextRefresh = time.Time{} // it is drawn
		full, err := json.Marshal(status)
		require.NoError(t, err)
		assert.JSONEq(t, `{"state":"fresh","provider":"second","access_key_id":"…1234","source":"chaintest","expires":"2000-01-01T01:00:00.0015Z",
			"identity":{"arn":"arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/s","account":"111122223333","role":"gryphon-dispatcher","session":"s","source":"chaintest"},
			"since":"2000-01-01T00:00:00.0015Z","stale":false,"failures":0,"fallback":true,
			"attempts":[{"link":"first","outcome":"failed","reason":"api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity","duration_ms":1.5},{"link":"second","outcome":"credentials","duration_ms":0}],
			"shadowed":["third"],"counters":{"refreshes":1,"failures":0,"rechecks":0,"invalidations":0,"waits":1,"winner_changes":0,"fallbacks":1}}`, string(full))
	})
}

func TestIsCredentialsProviderAnswersForTheWinner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := chain.New([]chain.Link{{Name: "none", Provider: chaintest.NewProvider()}, {Name: "func", Provider: aws.CredentialsProviderFunc(chaintest.Session("AKID", time.Hour))}}, quiet)
		defer c.Close()
		assert.False(t, c.IsCredentialsProvider(aws.CredentialsProviderFunc(nil)))
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.True(t, aws.IsCredentialsProvider(c, aws.CredentialsProviderFunc(nil)))
		assert.False(t, aws.IsCredentialsProvider(c, aws.AnonymousCredentials{}))
	})
}
