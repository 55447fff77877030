package cache

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/schedule"
)

var (
	_ aws.CredentialsProvider      = (*SessionCache)(nil)
	_ aws.CredentialProviderSource = (*SessionCache)(nil)
)

// RefreshTimeout is the longest that a refresh of an [aws.CredentialsProvider] may take.
const RefreshTimeout = schedule.MaxDeadline

// SessionCache holds one provider's credentials and keeps them fresh in the background. Use [New]; the zero value is not usable.
// All its methods are safe for concurrent use.
//
// A SessionCache that is dropped without [SessionCache.Close] stops refreshing by itself some time after the garbage collector found it.
type SessionCache struct {
	// The timer and the refresh in flight hold the state, never this handle: so it can be collected while they run.
	state *state
}

// New returns a cache in front of p. It does no I/O and starts nothing: the first Retrieve does.
//
// p is asked for one refresh at a time, on a context of the cache's own with a deadline of at most 30 s. It is called while an
// earlier call still runs only if that one ignored the end of its context. It need not cache anything itself, and must not: wrap the bare provider, not an [aws.CredentialsCache] around it, which would answer a
// refresh with the credentials that it still holds. A nil p makes every Retrieve fail.
//
// Beside [aws.CredentialsProvider], these optional interfaces of p are honoured: [aws.CredentialProviderSource],
// [aws.HandleFailRefreshCredentialsCacheStrategy], [aws.AdjustExpiresByCredentialsCacheStrategy], and a method
// ServerTime(aws.Credentials) time.Time, which returns the clock of the server that issued the credentials, or zero.
func New(p aws.CredentialsProvider, optFns ...func(*Options)) *SessionCache {
	var opts Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	c := &SessionCache{state: newState(p, opts)}
	// The cleanup does no more than set a flag, which the next fire of the timer reads: it runs outside of any synctest bubble in
	// which the cache may have been made, where stopping the bubble's timer would end the process.
	runtime.AddCleanup(c, func(dropped *atomic.Bool) { dropped.Store(true) }, &c.state.dropped)
	return c
}

// Retrieve returns the credentials. While usable ones are held it never waits: it takes no lock and allocates nothing, and a
// refresh that is due starts in the background. It waits for a refresh only when nothing usable is held: none yet, invalidated or
// expired.
//
// Waiting ends with ctx, as an [aws.RequestCanceledError] around its [context.Cause]; the refresh itself goes on and its result is
// kept. A refresh that fails with nothing usable held is answered to all callers, for up to 5 s without asking again. Such an
// error says so by RetryableError() false, since an SDK client would otherwise repeat the whole refresh; the provider's error can be
// found in it by [errors.As] and [errors.Is], but for context errors: those would be taken for ctx's own. After Close it is [ErrClosed].
//
// Expires of the returned credentials lies before the true expiry, which [SessionCache.Status] tells, by a tenth of their life, at
// most 60 s: a cache around this one then asks again while there is time.
func (c *SessionCache) Retrieve(ctx context.Context) (aws.Credentials, error) {
	snap, now := c.state.snap.Load(), time.Now()
	if now.UnixNano() < snap.hotWall && now.Before(snap.hotMono) {
		return snap.creds, nil
	}
	return c.retrieve(ctx)
}

// retrieve is Retrieve off the hot path.
func (c *SessionCache) retrieve(ctx context.Context) (aws.Credentials, error) {
	defer runtime.KeepAlive(c) // not dropped while somebody waits
	return c.state.retrieve(ctx)
}

// Invalidate makes the held credentials unusable, for instance after a service refused them: they are not served again, not even
// as stale ones, unless a refresh that begins after this call brings them again. Such a refresh is started at once, also where
// an earlier failure would have put it off, but at most once a second. Invalidate does not wait for it.
func (c *SessionCache) Invalidate() { c.state.invalidate(nil) }

// InvalidateCredentials is [SessionCache.Invalidate] if the held credentials have creds' access key id, and nothing if not: of many
// callers whose requests were refused with the same session, only the first one has an effect.
func (c *SessionCache) InvalidateCredentials(creds aws.Credentials) { c.state.invalidate(&creds) }

// Status returns a picture of the cache at this moment, without secrets. It does not wait for anything.
func (c *SessionCache) Status() Status { return c.state.status() }

// ProviderSources tells the SDK's user agent where the credentials come from: what the provider says, then
// [aws.CredentialSourceCode]. It is prepared at each refresh and must not be changed.
//
// That last element is a plain statement, the provider was set in code, and one that has a purpose: SDK versions to come put a cache of
// their own, which serves expired credentials, around providers whose last source is a remote one.
func (c *SessionCache) ProviderSources() []aws.CredentialSource { return c.state.snap.Load().sources }

// IsCredentialsProvider reports whether the provider behind the cache is of target's type, as the SDK asks it to find out about [aws.AnonymousCredentials].
func (c *SessionCache) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	return aws.IsCredentialsProvider(c.state.asker.provider, target)
}

// Close stops the refreshing, cancels a refresh in flight and waits for it to end, which it does also when its provider ignores
// its context. It also waits, for a second at most, for the log records of what went before. Calls from then on, and those that
// wait, fail with [ErrClosed]. It returns nil, and may be called more than once.
func (c *SessionCache) Close() error {
	c.state.close()
	return nil
}
