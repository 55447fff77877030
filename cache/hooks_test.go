package cache_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

// extending is a provider with the SDK's rule for failed refreshes, as ec2rolecreds has it: what was held is good for another while.
type extending struct {
	*source
	by    time.Duration
	other bool // offer another session instead
	err   error
	given []aws.Credentials
}

func (e *extending) HandleFailToRefresh(_ context.Context, held aws.Credentials, err error) (aws.Credentials, error) {
	e.set(func(*source) { e.given = append(e.given, held) })
	switch {
	case e.err != nil:
		return aws.Credentials{}, e.err
	case e.other:
		return sessionOf(99, time.Hour), nil
	case !held.CanExpire || e.by == 0:
		return aws.Credentials{}, err
	}
	if time.Until(held.Expires) > 5*time.Minute {
		return held, nil
	}
	held.Expires = time.Now().Add(e.by)
	return held, nil
}

func (e *extending) seen() (given []aws.Credentials) {
	e.set(func(*source) { given = slices.Clone(e.given) })
	return given
}

func TestHandleFailToRefreshIsHonouredUpToStaleLimit(t *testing.T) {
	for name, row := range map[string]struct {
		by    time.Duration
		limit time.Duration
		err   error
		want  time.Duration // served past expiry
	}{
		"it extends, again and again: our limit counts": {10 * time.Minute, 0, errDown, 15 * time.Minute},
		"with a longer limit":                           {10 * time.Minute, time.Hour, errDown, time.Hour},
		"with none":                                     {10 * time.Minute, -1, errDown, 0},
		"it does not extend":                            {0, 0, errDown, 0},
		"a terminal answer is not shown to it":          {10 * time.Minute, 0, errDenied, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &extending{source: newSource(time.Hour), by: row.by}
				p.latency = 0
				c := opened(t, p, func(o *cache.Options) { o.StaleLimit = row.limit })
				end := c.Status().Expires
				p.set(func(s *source) { s.err = row.err })
				time.Sleep(time.Until(end))
				for past := time.Duration(0); past < row.want; past += time.Second {
					creds := instantly(t, c)
					assert.Equal(t, 1, number(creds))
					assert.LessOrEqual(t, time.Until(creds.Expires), time.Minute)
					time.Sleep(time.Second)
				}
				assert.ErrorIs(t, refused(t, c), row.err)
				if row.err == errDenied {
					assert.Empty(t, p.seen())
				}
				for _, held := range p.seen() {
					assert.True(t, held.Expires.Equal(end), "it is given the true expiry, not what it made of it itself")
				}
			})
		})
	}
}

func TestHandleFailToRefreshMayOfferOtherCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &extending{source: newSource(time.Hour), other: true}
		p.err, p.source.err = nil, errDown
		c := opened(t, p)
		assert.Equal(t, 99, number(instantly(t, c)))
		assert.Equal(t, []aws.Credentials{{}}, p.seen(), "nothing was held")
	})
}

func TestHandleFailToRefreshIsNotGivenWhatWasInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &extending{source: newSource(time.Hour), by: time.Hour}
		c := opened(t, p)
		p.set(func(s *source) { s.err = errDown })
		c.Invalidate()
		assert.ErrorIs(t, refused(t, c), errDown)
		assert.Equal(t, []aws.Credentials{{}}, p.seen())
	})
}

func TestHandleFailToRefreshThatFailsDoesNotHideTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &extending{source: newSource(time.Hour), err: errors.New("no")}
		p.source.err = errDown
		c := cache.New(p)
		defer c.Close()
		assert.ErrorIs(t, refused(t, c), errDown)
	})
}

// adjusting is a provider with a rule of its own for the expiry that is handed out.
type adjusting struct {
	*source
	adjust func(aws.Credentials, time.Duration) (aws.Credentials, error)
}

func (a adjusting) AdjustExpiresBy(creds aws.Credentials, by time.Duration) (aws.Credentials, error) {
	return a.adjust(creds, by)
}

func TestAdjustExpiresByShapesWhatIsHandedOutAndNothingElse(t *testing.T) {
	for name, row := range map[string]struct {
		adjust func(aws.Credentials, time.Duration) (aws.Credentials, error)
		want   time.Duration // handed out, of an hour
	}{
		"as asked": {func(c aws.Credentials, by time.Duration) (aws.Credentials, error) {
			c.Expires = c.Expires.Add(by)
			return c, nil
		}, 59 * time.Minute},
		"not at all": {func(c aws.Credentials, _ time.Duration) (aws.Credentials, error) { return c, nil }, time.Hour},
		"more": {func(c aws.Credentials, by time.Duration) (aws.Credentials, error) {
			c.Expires = c.Expires.Add(10 * by)
			return c, nil
		}, 50 * time.Minute},
		"later": {func(c aws.Credentials, _ time.Duration) (aws.Credentials, error) {
			c.Expires = c.Expires.Add(time.Hour)
			return c, nil
		}, time.Hour},
		"an error": {func(aws.Credentials, time.Duration) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no")
		}, 59 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := opened(t, adjusting{newSource(time.Hour), row.adjust})
				creds := instantly(t, c)
				assert.Equal(t, row.want, time.Until(creds.Expires))
				assert.Equal(t, time.Hour, time.Until(c.Status().Expires))
				assert.Equal(t, 1, number(creds))
			})
		})
	}
}

// named is a provider that says where its credentials come from.
type named struct {
	*source
	sources []aws.CredentialSource
}

func (n *named) ProviderSources() []aws.CredentialSource { return n.sources }

func TestProviderSourcesEndInCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &named{newSource(time.Hour), []aws.CredentialSource{aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceSTSAssumeRoleWebID}}
		c := cache.New(p)
		defer c.Close()
		want := append(slices.Clone(p.sources), aws.CredentialSourceCode)
		assert.Equal(t, want, c.ProviderSources(), "before the first refresh")
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, c.ProviderSources())
		assert.Zero(t, testing.AllocsPerRun(100, func() { c.ProviderSources() }), "prebuilt")

		p.sources = []aws.CredentialSource{aws.CredentialSourceIMDS}
		c.Invalidate()
		_, err = c.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceIMDS, aws.CredentialSourceCode}, c.ProviderSources())

		p.sources = []aws.CredentialSource{aws.CredentialSourceCode}
		assert.Equal(t, p.sources, cache.New(p).ProviderSources(), "not twice")
		assert.Equal(t, p.sources, cache.New(p.source).ProviderSources(), "a provider that does not say")
	})
}

func TestIsCredentialsProviderLooksThroughTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		anonymous := cache.New(aws.AnonymousCredentials{})
		assert.True(t, aws.IsCredentialsProvider(anonymous, aws.AnonymousCredentials{}))
		assert.True(t, aws.IsCredentialsProvider(aws.NewCredentialsCache(anonymous), (*aws.AnonymousCredentials)(nil)))
		assert.False(t, aws.IsCredentialsProvider(cache.New(newSource(0)), aws.AnonymousCredentials{}))
	})
}

// The SDK puts a cache of its own, without any window, around whatever config.WithCredentialsProvider is given.
func TestInAnSDKCacheTheCredentialsAreStillRefreshedInTime(t *testing.T) {
	for _, life := range []time.Duration{15 * time.Second, 15 * time.Minute, time.Hour, 12 * time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(life)
				c := opened(t, src)
				outer := aws.NewCredentialsCache(c)
				step := life / 1000
				for range 5000 {
					start := time.Now()
					creds, err := outer.Retrieve(t.Context())
					require.NoError(t, err)
					require.Zero(t, time.Since(start), "nobody waits")
					require.Positive(t, number(creds))
					require.False(t, creds.Expired())
					time.Sleep(step)
				}
				src.set(func(s *source) { s.err = errDown }) // and an outage does not make it keep them past their end
				end := c.Status().Expires
				time.Sleep(time.Until(end) - life/20)
				for time.Until(end) > 2*time.Second {
					_, err := outer.Retrieve(t.Context())
					require.NoError(t, err)
					time.Sleep(200 * time.Millisecond)
				}
				src.set(func(s *source) { s.err = nil })
			})
		})
	}
}
