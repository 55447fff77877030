package chain_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
)

var errDenied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}

// pod is a chain of three scripted links, first, second and third, in a bubble.
type pod struct {
	first, second, third *chaintest.Provider
	log                  recorder
	*chain.Chain
}

func newPod(t *testing.T, policy chain.FallbackPolicy, optFns ...func(*chain.Options)) *pod {
	t.Helper()
	p := &pod{first: chaintest.NewProvider(), second: chaintest.NewProvider(), third: chaintest.NewProvider()}
	base := func(o *chain.Options) {
		o.Logger, o.Fallback, o.FS = p.log.Logger(), policy, fstest.MapFS{}
		o.LookupEnv = func(string) (string, bool) { return "", false }
	}
	p.Chain = chain.New([]chain.Link{{Name: "first", Provider: p.first}, {Name: "second", Provider: p.second}, {Name: "third", Provider: p.third}},
		append([]func(*chain.Options){base}, optFns...)...)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// key retrieves and returns the access key id.
func (p *pod) key(t *testing.T) string {
	t.Helper()
	creds, err := p.Retrieve(t.Context())
	require.NoError(t, err)
	return creds.AccessKeyID
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestTheFirstLinkWithCredentialsWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDSECOND", time.Hour))
		p.second.Describe(func(s *chaintest.Self) {
			s.ARN = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default-gryphon-0"
		})
		p.third.Describe(func(s *chaintest.Self) { s.Variables = "THIRD_URI" })
		assert.Equal(t, "AKIDSECOND", p.key(t))
		assert.Equal(t, 0, p.third.Calls(), "a link below the winner is not asked")
		line := p.log.One(t, "INFO aws credentials resolved")
		for _, part := range []string{"provider=second", "role=gryphon-dispatcher", "account=111122223333", "expires=2000-01-01T01:00:00Z",
			"shadowed=[third]", `passed_over="[first: nothing configures this provider]"`} {
			assert.Contains(t, line, part)
		}
		assert.Empty(t, p.log.Lines(slog.LevelWarn))

		status := p.Status()
		assert.Equal(t, "second", status.Provider)
		assert.Equal(t, "gryphon-dispatcher", status.Identity.Role)
		assert.Equal(t, []string{"third"}, status.Shadowed)
		assert.False(t, status.Fallback)
		require.Len(t, status.Attempts, 2)
		assert.Equal(t, chain.OutcomeUnavailable, status.Attempts[0].Outcome)
		assert.Equal(t, chain.OutcomeCredentials, status.Attempts[1].Outcome)
	})
}

func TestFirstWalk(t *testing.T) {
	bubble(t, "a failure stops the chain", func(t *testing.T) {
		p := newPod(t, chain.FallbackDefault)
		p.first.Answer(chaintest.Fail(errDenied))
		p.first.Describe(func(s *chaintest.Self) { s.Variables = "FIRST_TOKEN_FILE" })
		p.second.Answer(chaintest.Credentials("AKIDNODE"))
		_, err := p.Retrieve(t.Context())
		require.EqualError(t, err, "podrole: first is configured (FIRST_TOKEN_FILE) and failed, so the chain stopped: api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity")
		assert.Equal(t, 0, p.second.Calls())
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		var all *chain.Error
		require.ErrorAs(t, err, &all)
		assert.Len(t, all.Attempts, 1)
	})
	bubble(t, "FallbackNext goes on and says so", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.Fail(errDenied))
		p.second.Answer(chaintest.Credentials("AKIDNODE"))
		assert.Equal(t, "AKIDNODE", p.key(t))
		line := p.log.One(t, "WARN aws credentials resolved by fallback", "provider=second")
		assert.Contains(t, line, `failed="[first: api error AccessDenied`)
		assert.True(t, p.Status().Fallback)
		assert.EqualValues(t, 1, p.Status().Counters.Fallbacks)
	})
	bubble(t, "nothing anywhere is unavailable", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		_, err := p.Retrieve(t.Context())
		require.EqualError(t, err, "podrole: no AWS credentials found: first: nothing configures this provider; second: nothing configures this provider; third: nothing configures this provider")
		assert.ErrorIs(t, err, chain.ErrUnavailable)
	})
	bubble(t, "all failed under FallbackNext", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.Fail(errDenied))
		p.second.Answer(chaintest.Fail(errors.New("agent down")))
		_, err := p.Retrieve(t.Context())
		require.ErrorContains(t, err, "second failed, and nothing after it had credentials: agent down; failed before it: first: api error AccessDenied")
		require.ErrorContains(t, err, "passed over: third: nothing configures this provider")
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
	})
}

func TestRefreshWithUsableCredentials(t *testing.T) {
	for _, policy := range []chain.FallbackPolicy{chain.FallbackStop, chain.FallbackNext} {
		bubble(t, "a failure above the floor is ignored, said once and rechecked", func(t *testing.T) {
			p := newPod(t, policy)
			p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour))
			assert.Equal(t, "AKIDFLOOR", p.key(t))
			p.first.Answer(chaintest.Fail(errDenied))
			p.log.Reset()
			time.Sleep(58 * time.Minute)
			assert.Equal(t, "AKIDFLOOR", p.key(t))
			assert.GreaterOrEqual(t, p.second.Calls(), 2, "the floor was asked after the failed link")
			line := p.log.One(t, "WARN", "the identity stays")
			assert.Contains(t, line, "provider=second")

			p.first.Answer(chaintest.Session("AKIDFIRST", time.Hour))
			time.Sleep(6 * time.Minute)
			assert.Equal(t, "AKIDFIRST", p.key(t), "the recheck raised the floor")
		})
		bubble(t, "the floor's failure keeps the held credentials and never asks below", func(t *testing.T) {
			p := newPod(t, policy)
			p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour), chaintest.Fail(errDenied))
			p.third.Answer(chaintest.Credentials("AKIDNODE"))
			assert.Equal(t, "AKIDFLOOR", p.key(t))
			for range 58 {
				time.Sleep(time.Minute)
				assert.Equal(t, "AKIDFLOOR", p.key(t))
			}
			assert.Greater(t, p.second.Calls(), 1, "it was asked again meanwhile")
			assert.Equal(t, 0, p.third.Calls())
		})
		bubble(t, "the floor's unavailable is a failure", func(t *testing.T) {
			p := newPod(t, policy)
			p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour), chaintest.Unavailable("its variables are gone"))
			p.third.Answer(chaintest.Credentials("AKIDNODE"))
			assert.Equal(t, "AKIDFLOOR", p.key(t))
			time.Sleep(58 * time.Minute)
			assert.Equal(t, "AKIDFLOOR", p.key(t))
			assert.Equal(t, 0, p.third.Calls())
			attempts := p.Status().Attempts
			assert.Equal(t, chain.OutcomeFailed, attempts[len(attempts)-1].Outcome)
			assert.Contains(t, attempts[len(attempts)-1].Reason, "gave credentials before and has none now: its variables are gone")
		})
	}
}

func TestNothingUsableHeld(t *testing.T) {
	expire := func(t *testing.T, policy chain.FallbackPolicy) *pod {
		p := newPod(t, policy)
		p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour), chaintest.Fail(errDenied))
		p.third.Answer(chaintest.Session("AKIDNODE", 6*time.Hour))
		assert.Equal(t, "AKIDFLOOR", p.key(t))
		time.Sleep(61 * time.Minute)
		return p
	}
	bubble(t, "FallbackStop: an error, and below the floor is never asked", func(t *testing.T) {
		p := expire(t, chain.FallbackStop)
		_, err := p.Retrieve(t.Context())
		require.ErrorContains(t, err, "second failed, so the chain stopped")
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		assert.Equal(t, 0, p.third.Calls())

		p.second.Answer(chaintest.Session("AKIDBACK", time.Hour))
		time.Sleep(6 * time.Second)
		assert.Equal(t, "AKIDBACK", p.key(t), "it heals at the next try")
	})
	bubble(t, "FallbackNext: below the floor is asked, WARN, the floor goes down and comes back", func(t *testing.T) {
		p := expire(t, chain.FallbackNext)
		time.Sleep(10 * time.Second)
		assert.Equal(t, "AKIDNODE", p.key(t))
		line := p.log.One(t, "WARN aws credentials resolved by fallback")
		assert.Contains(t, line, "provider=third")
		assert.Contains(t, line, "previous.provider=second")
		assert.EqualValues(t, 1, p.Status().Counters.WinnerChanges)

		p.second.Answer(chaintest.Session("AKIDBACK", time.Hour))
		time.Sleep(6 * time.Minute)
		assert.Equal(t, "AKIDBACK", p.key(t))
		p.log.One(t, "INFO aws credentials resolved", "provider=second", "previous.provider=third")
		assert.False(t, p.Status().Fallback)
	})
	bubble(t, "a failure above the floor is ignored, whatever the policy", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour))
		assert.Equal(t, "AKIDFLOOR", p.key(t))
		p.first.Answer(chaintest.Fail(errDenied))
		p.second.Answer(chaintest.Session("AKIDAGAIN", time.Hour))
		p.Invalidate()
		time.Sleep(2 * time.Second)
		assert.Equal(t, "AKIDAGAIN", p.key(t))
	})
	bubble(t, "the floor outlives Invalidate", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.second.Answer(chaintest.Session("AKIDFLOOR", time.Hour), chaintest.Unavailable("gone"))
		p.third.Answer(chaintest.Credentials("AKIDNODE"))
		assert.Equal(t, "AKIDFLOOR", p.key(t))
		p.Invalidate()
		time.Sleep(2 * time.Second)
		_, err := p.Retrieve(t.Context())
		require.Error(t, err)
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		assert.Equal(t, 0, p.third.Calls())
	})
}

func TestHealing(t *testing.T) {
	fallen := func(t *testing.T, node chaintest.Answer) *pod {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.Fail(errDenied))
		p.second.Answer(node)
		require.Equal(t, "AKIDNODE", p.key(t))
		return p
	}
	for _, row := range []struct {
		name string
		node chaintest.Answer
	}{
		{"a fallback that lives six hours", chaintest.Session("AKIDNODE", 6*time.Hour)},
		{"a fallback that never expires", chaintest.Credentials("AKIDNODE")},
	} {
		bubble(t, row.name+" heals within one recheck", func(t *testing.T) {
			p := fallen(t, row.node)
			p.first.Answer(chaintest.Session("AKIDOWN", time.Hour))
			time.Sleep(73 * time.Second)
			assert.Equal(t, "AKIDOWN", p.key(t))
			assert.Equal(t, 1, p.second.Calls(), "a recheck asks the failed links alone")
		})
		bubble(t, row.name+" is asked again ever more seldom, without traffic", func(t *testing.T) {
			p := fallen(t, row.node)
			time.Sleep(30 * time.Minute)
			calls := p.first.Calls()
			assert.GreaterOrEqual(t, calls, 6)
			assert.LessOrEqual(t, calls, 11)
			assert.Equal(t, "AKIDNODE", p.key(t))
		})
		bubble(t, row.name+" heals behind a cache outside this one", func(t *testing.T) {
			p := fallen(t, row.node)
			outer := aws.NewCredentialsCache(p.Chain)
			creds, err := outer.Retrieve(t.Context())
			require.NoError(t, err)
			assert.True(t, creds.CanExpire)
			assert.LessOrEqual(t, time.Until(creds.Expires), 72*time.Second, "Expires is no later than the recheck")
			p.first.Answer(chaintest.Session("AKIDOWN", time.Hour))
			time.Sleep(75 * time.Second)
			creds, err = outer.Retrieve(t.Context())
			require.NoError(t, err)
			if creds.AccessKeyID != "AKIDOWN" { // the outer cache asked in the instant of the recheck itself
				time.Sleep(2 * time.Second)
				creds, err = outer.Retrieve(t.Context())
				require.NoError(t, err)
			}
			assert.Equal(t, "AKIDOWN", creds.AccessKeyID)
		})
	}
	bubble(t, "a failed link that turns out to be unavailable is let go", func(t *testing.T) {
		p := fallen(t, chaintest.Session("AKIDNODE", 6*time.Hour))
		p.first.Answer(chaintest.Unavailable("its variables are gone"))
		time.Sleep(73 * time.Second)
		assert.False(t, p.Status().Fallback)
		calls := p.first.Calls()
		time.Sleep(time.Hour)
		assert.Equal(t, calls, p.first.Calls())
	})
	bubble(t, "a winner that never expires, with nothing failed above it, is not walked again", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.second.Answer(chaintest.Credentials("AKIDSTATIC"))
		require.Equal(t, "AKIDSTATIC", p.key(t))
		time.Sleep(240 * time.Hour)
		require.Equal(t, "AKIDSTATIC", p.key(t))
		assert.Equal(t, 1, p.first.Calls())
		assert.Equal(t, 1, p.second.Calls())
		p.Invalidate()
		require.Equal(t, "AKIDSTATIC", p.key(t))
		assert.Equal(t, 2, p.first.Calls())
	})
}

func TestTimeBounds(t *testing.T) {
	bubble(t, "a link that hangs fails at its bound, and the next still gets its whole bound", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.Hang())
		p.second.Answer(chaintest.After(9*time.Second, chaintest.Credentials("AKIDNODE")))
		start := time.Now()
		assert.Equal(t, "AKIDNODE", p.key(t))
		assert.Equal(t, 19*time.Second, time.Since(start))
		p.log.One(t, "WARN", "first: timed out after 10s")
	})
	bubble(t, "its time-out is a TimeoutError and not the caller's", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.first.Answer(chaintest.Hang())
		_, err := p.Retrieve(t.Context())
		var timeout *chain.TimeoutError
		require.ErrorAs(t, err, &timeout)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	})
	bubble(t, "a provider that ignores its context does not hold the chain up", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		release := make(chan struct{})
		p.first.Answer(func(context.Context) (aws.Credentials, error) { <-release; return aws.Credentials{}, nil })
		p.second.Answer(chaintest.Credentials("AKIDNODE"))
		assert.Equal(t, "AKIDNODE", p.key(t))
		close(release)
	})
	bubble(t, "the caller's ended context is returned as such, and the walk goes on", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext)
		p.first.Answer(chaintest.After(5*time.Second, chaintest.Session("AKIDOWN", time.Hour)))
		p.second.Answer(chaintest.Credentials("AKIDNODE"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Retrieve(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var canceled *aws.RequestCanceledError
		require.ErrorAs(t, err, &canceled)
		time.Sleep(5 * time.Second)
		assert.Equal(t, "AKIDOWN", p.key(t))
		assert.Equal(t, 1, p.first.Calls())
		assert.Equal(t, 0, p.second.Calls(), "it was not read as: try the next")
	})
}

func TestMistakesOfCodeAreClearErrors(t *testing.T) {
	var unset *chaintest.Provider
	fine := chaintest.NewProvider()
	for _, row := range []struct {
		name  string
		links []chain.Link
		err   string
	}{
		{"no links", nil, "podrole: the chain has no links"},
		{"nil provider", []chain.Link{{Name: "a", Provider: fine}, {Name: "b"}}, "podrole: link 1 (b) has a nil provider"},
		{"nil pointer", []chain.Link{{Name: "a", Provider: unset}}, "podrole: link 0 (a) has a nil provider"},
		{"no name", []chain.Link{{Provider: fine}}, "podrole: link 0 has no name"},
		{"name repeated", []chain.Link{{Name: "a", Provider: fine}, {Name: "b", Provider: fine}, {Name: "a", Provider: fine}}, `podrole: link 2 repeats the name "a" of link 0`},
	} {
		bubble(t, row.name, func(t *testing.T) {
			c := chain.New(row.links, func(o *chain.Options) { o.Logger = slog.New(slog.DiscardHandler) })
			defer c.Close()
			_, err := c.Retrieve(t.Context())
			require.ErrorContains(t, err, row.err)
			assert.NotErrorIs(t, err, chain.ErrUnavailable)
		})
	}
}

func TestMisbehavingProvidersFailTheirLink(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer chaintest.Answer
		reason string
	}{
		{"panic", func(context.Context) (aws.Credentials, error) { panic("the secret is hunter2") }, "provider panicked: a value of type string"},
		{"no keys, no error", func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, nil }, "first answered without an access key id or a secret access key"},
		{"already expired", chaintest.Session("AKIDOLD", -time.Minute), "the credentials had already expired when they arrived: at 1999-12-31T23:59:00Z (the clock here says 2000-01-01T00:00:00Z)"},
	} {
		bubble(t, row.name, func(t *testing.T) {
			p := newPod(t, chain.FallbackStop)
			p.first.Answer(row.answer)
			p.second.Answer(chaintest.Credentials("AKIDNODE"))
			_, err := p.Retrieve(t.Context())
			require.EqualError(t, err, "podrole: first failed, so the chain stopped: "+row.reason)
		})
	}
}

func TestForeignErrorsCanMeanUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errNoProfile := errors.New("no such profile")
		foreign := chaintest.NewProvider(chaintest.Fail(errNoProfile))
		last := chaintest.NewProvider(chaintest.Credentials("AKIDLAST"))
		c := chain.New([]chain.Link{
			{Name: "profile", Provider: foreign, Unavailable: func(err error) bool { return errors.Is(err, errNoProfile) }},
			{Name: "last", Provider: last},
		}, func(o *chain.Options) { o.Logger = slog.New(slog.DiscardHandler) })
		defer c.Close()
		creds, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "AKIDLAST", creds.AccessKeyID)
	})
}

func TestAChainNestedInAChain(t *testing.T) {
	nested := func(t *testing.T, inner chaintest.Answer) (aws.Credentials, error) {
		quiet := func(o *chain.Options) { o.Logger = slog.New(slog.DiscardHandler) }
		in := chain.New([]chain.Link{{Name: "inner", Provider: chaintest.NewProvider(inner)}}, quiet)
		t.Cleanup(func() { _ = in.Close() })
		out := chain.New([]chain.Link{{Name: "nested", Provider: in}, {Name: "node", Provider: chaintest.NewProvider(chaintest.Credentials("AKIDNODE"))}}, quiet)
		t.Cleanup(func() { _ = out.Close() })
		return out.Retrieve(t.Context())
	}
	bubble(t, "nothing in it: the outer chain goes on", func(t *testing.T) {
		creds, err := nested(t, chaintest.Unavailable("not here"))
		require.NoError(t, err)
		assert.Equal(t, "AKIDNODE", creds.AccessKeyID)
	})
	bubble(t, "a failure in it: the outer chain stops", func(t *testing.T) {
		_, err := nested(t, chaintest.Fail(errDenied))
		require.Error(t, err)
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, "AccessDenied", api.ErrorCode())
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
	})
}

func TestAfterCloseRetrieveSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.first.Answer(chaintest.Session("AKIDFIRST", time.Hour))
		require.Equal(t, "AKIDFIRST", p.key(t))
		require.NoError(t, p.Close())
		_, err := p.Retrieve(t.Context())
		require.ErrorIs(t, err, chain.ErrClosed)
		require.NoError(t, p.Close())
	})
}

func TestALogHandlerThatNeedsCredentialsDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *chain.Chain
		handler := handlerFunc(func(ctx context.Context) { _, _ = c.Retrieve(ctx) })
		c = chain.New([]chain.Link{{Name: "a", Provider: chaintest.NewProvider(chaintest.Session("AKID", time.Hour))}}, func(o *chain.Options) { o.Logger = slog.New(handler) })
		defer c.Close()
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
	})
}

type handlerFunc func(context.Context)

func (h handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (h handlerFunc) Handle(ctx context.Context, _ slog.Record) error { h(ctx); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return h }
func (h handlerFunc) WithGroup(string) slog.Handler                   { return h }
