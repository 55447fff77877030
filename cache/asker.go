package cache

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/schedule"
	"example.com/podrole/internal/session"
	"example.com/podrole/internal/timeout"
)

// hookBound is how long a provider's hook may take that makes a decision and is no place for I/O.
const hookBound = guard.Brief

// asker asks the provider, by whichever of its optional interfaces it has, and judges the answer. Everything in it calls code that
// is not ours, so it runs within guard.Call.
type asker struct{ provider aws.CredentialsProvider }

// answer is a provider's answer with what the cache makes of it.
type answer struct {
	session.Answer
	at     instant       // of receipt
	life   time.Duration // from receipt; 0 = the credentials never expire
	handed time.Duration // life as it is told to callers
	skew   time.Duration // how far the local clock is ahead, where expiry was judged by the server's
}

func (a asker) ask(ctx context.Context, c clock, held session.Held) (answer, error) {
	got, err := a.fetch(ctx, held)
	found := answer{Answer: got, at: c.now()}
	switch {
	case err != nil:
		return found, err
	case got.Kept && !held.Usable:
		return found, errors.New("source kept credentials where none were held")
	case got.Kept:
		return found, nil
	}
	return a.judge(found)
}

func (a asker) fetch(ctx context.Context, held session.Held) (session.Answer, error) {
	if a.provider == nil {
		return session.Answer{}, errors.New("cache.New was given a nil provider")
	}
	if source, ok := a.provider.(session.Source); ok {
		return source.Fetch(ctx, held)
	}
	creds, err := a.provider.Retrieve(ctx)
	if err != nil {
		return session.Answer{}, err
	}
	got := session.Answer{Credentials: creds, Sources: a.sources()}
	if server, ok := a.provider.(interface {
		ServerTime(aws.Credentials) time.Time
	}); ok {
		got.ServerTime = server.ServerTime(creds)
	}
	return got, nil
}

// budget is what the source says that it needs at most, zero if it does not say.
func (a asker) budget() time.Duration {
	source, ok := a.provider.(session.Budgeter)
	if !ok {
		return 0
	}
	return guard.Ask(source.Budget)
}

func (a asker) sources() []aws.CredentialSource {
	if source, ok := a.provider.(aws.CredentialProviderSource); ok {
		return source.ProviderSources()
	}
	return nil
}

// longestSession is the longest life that STS gives a session (STS API Reference, DurationSeconds). Other sources give less.
const longestSession = 12 * time.Hour

// lifeOf is how long credentials live that expire in left by the local clock, which is ahead of the server's by skew: by the server's
// clock. But that lengthens a life to no more than a session can have: a clock that is slow by years, a proxy's say, must not make
// dead credentials live for as long.
func lifeOf(left, skew time.Duration) time.Duration {
	if skew > 0 {
		return max(left, min(left+skew, longestSession))
	}
	return min(left+skew, maxAhead)
}

// judge works out how long the credentials live, and refuses those that are of no use.
func (a asker) judge(found answer) (answer, error) {
	creds := found.Credentials
	if !creds.HasKeys() {
		return found, errors.New("provider answered without an access key id and a secret access key, and without an error")
	}
	if !creds.CanExpire {
		return found, nil
	}
	local := found.at.time()
	found.skew = session.Skew(found.ServerTime, local)
	if err := session.CheckExpiry(creds, found.ServerTime); err != nil {
		return found, err
	}
	found.life = lifeOf(creds.Expires.Sub(local), found.skew)
	urgent := schedule.Urgent(found.life)
	found.handed = found.life - urgent
	if adjuster, ok := a.provider.(aws.AdjustExpiresByCredentialsCacheStrategy); ok {
		if adjusted, err := adjuster.AdjustExpiresBy(creds, -urgent); err == nil {
			found.handed = found.life - min(found.life, max(0, creds.Expires.Sub(adjusted.Expires)))
		}
	}
	return found, nil
}

// extends reports whether the provider has a rule of its own for failed refreshes, as the SDK's ec2rolecreds has.
func (a asker) extends() bool {
	_, ok := a.provider.(aws.HandleFailRefreshCredentialsCacheStrategy)
	return ok
}

// extend asks the provider for that rule. It returns until when the held credentials may be served, zero where they may not; or
// other credentials, if the provider has such to offer. held is zero where nothing may be served any more.
func (a asker) extend(c clock, held aws.Credentials, failed error) (other *answer, until time.Time) {
	if !a.extends() {
		return nil, time.Time{}
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), hookBound, &timeout.Error{Op: "HandleFailToRefresh", Bound: hookBound})
	defer cancel()
	got, err := guard.Call(ctx, func(ctx context.Context) (answer, error) {
		creds, err := a.provider.(aws.HandleFailRefreshCredentialsCacheStrategy).HandleFailToRefresh(ctx, held, failed)
		got := answer{Answer: session.Answer{Credentials: creds, Sources: a.sources()}, at: c.now()}
		if err != nil || creds.AccessKeyID == held.AccessKeyID {
			return got, err
		}
		return a.judge(got)
	})
	switch {
	case err != nil:
		return nil, time.Time{}
	case got.Credentials.AccessKeyID != held.AccessKeyID:
		return &got, time.Time{}
	default:
		return nil, got.Credentials.Expires
	}
}

// withCode is the prebuilt answer of ProviderSources.
func withCode(sources []aws.CredentialSource) []aws.CredentialSource {
	if n := len(sources); n > 0 && sources[n-1] == aws.CredentialSourceCode {
		return sources
	}
	return slices.Concat(sources, []aws.CredentialSource{aws.CredentialSourceCode})
}
