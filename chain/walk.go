package chain

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/session"
	"example.com/podrole/webidentity"
)

// walker asks the links. It is the session cache's source: the cache decides when, the walker whom.
type walker struct {
	links []Link
	*settings
	misconfigured error // of New's arguments or the environment: the answer to every walk
	profileUnread bool  // say once that AWS_PROFILE is not read
	meters        meters

	place func() place // found at the first walk, then kept

	turn chan struct{} // holds a token while a walk is under way, and guards what follows
	memory

	view          atomic.Pointer[view] // what Status shows
	winnerChanges atomic.Int64
	fallbacks     atomic.Int64
}

// memory is what the walker keeps from one walk to the next. None of it is secret.
type memory struct {
	floor    int       // the link that won last; -1 before any did
	won      []bool    // the links that have won once, and count as configured from then on
	attempts []Attempt // the last answer of each link, from the first to the last asked
	failed   []int     // the links above the winner that failed: what a recheck asks
	rechecks int       // rechecks since failed became what it is
	identity Identity  // the winner's
	since    time.Time // when it became the winner

	verifiedKey, verifiedARN string // the last answer of GetCallerIdentity, by access key id
}

// view is the walker's part of Status: immutable, replaced by every walk.
type view struct {
	provider string
	identity Identity
	since    time.Time
	fallback bool
	attempts []Attempt
	shadowed []string
}

func newWalker(links []Link, s *settings, misconfigured error) *walker {
	w := &walker{
		links:         slices.Clone(links),
		settings:      s,
		misconfigured: misconfigured,
		meters:        newMeters(s.MeterProvider),
		place:         sync.OnceValue(func() place { return findPlace(s.env, s.FS) }),
		turn:          make(chan struct{}, 1),
		memory:        memory{floor: -1, won: make([]bool, len(links))},
	}
	w.view.Store(&view{})
	return w
}

// Retrieve makes the walker an [aws.CredentialsProvider]; the cache asks by Fetch.
func (w *walker) Retrieve(ctx context.Context) (aws.Credentials, error) {
	answer, err := w.Fetch(ctx, session.Held{})
	return answer.Credentials, err
}

// IsCredentialsProvider answers for the provider that won last.
func (w *walker) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	provider := w.view.Load().provider
	i := slices.IndexFunc(w.links, func(l Link) bool { return l.Name == provider })
	return i >= 0 && aws.IsCredentialsProvider(w.links[i].Provider, target)
}

// Fetch implements session.Source.
func (w *walker) Fetch(ctx context.Context, held session.Held) (session.Answer, error) {
	if w.misconfigured != nil {
		return session.Answer{}, w.misconfigured
	}
	select { // the cache asks one at a time, but does not wait for a walk that outlived its deadline
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return session.Answer{}, context.Cause(ctx)
	}
	if held.Recheck && held.Usable && len(w.failed) > 0 {
		return w.recheck(ctx)
	}
	return w.walk(ctx, held.Usable)
}

// walk asks the links in order until one has credentials or the rules say stop.
func (w *walker) walk(ctx context.Context, usable bool) (session.Answer, error) {
	var attempts []Attempt
	var failed []int
	roleOnly := -1 // the link that found AWS_ROLE_ARN alone

	// nodeRoleStops is asked where the walk comes to the instance's role. A role that is named but cannot be asked for was
	// passed over so far; in a pod or a task it is a failure now.
	nodeRoleStops := func() bool {
		if roleOnly < 0 || w.place() == anywhere {
			return false
		}
		i := roleOnly
		roleOnly = -1
		attempts[i].Outcome, attempts[i].configured = OutcomeFailed, "AWS_ROLE_ARN"
		failed = append(failed, i)
		return !goesOn(positionOf(i, w.floor), usable, w.fallback)
	}

	for i, link := range w.links {
		if link.asksInstance() && nodeRoleStops() {
			return w.lose(attempts, failed)
		}
		creds, identity, attempt := w.ask(ctx, i)
		if ctx.Err() != nil {
			return session.Answer{}, context.Cause(ctx)
		}
		if attempt.Outcome == OutcomeCredentials && isNodeRole(creds) && nodeRoleStops() {
			return w.lose(attempts, failed)
		}
		attempts = append(attempts, attempt)
		switch attempt.Outcome {
		case OutcomeCredentials:
			return w.win(i, creds, identity, attempts, failed), nil
		case OutcomeFailed:
			failed = append(failed, i)
			if !goesOn(positionOf(i, w.floor), usable, w.fallback) {
				return w.lose(attempts, failed)
			}
		case OutcomeUnavailable:
			if errors.Is(attempt.Err, webidentity.ErrRoleOnly) {
				roleOnly = i
			}
		}
	}
	return w.lose(attempts, failed)
}

// recheck asks the failed links above the winner alone. The first that has credentials takes over.
func (w *walker) recheck(ctx context.Context) (session.Answer, error) {
	attempts := slices.Clone(w.attempts)
	var failed []int
	for _, i := range w.failed {
		creds, identity, attempt := w.ask(ctx, i)
		if ctx.Err() != nil {
			return session.Answer{Recheck: w.nextRecheck()}, context.Cause(ctx)
		}
		if errors.Is(attempt.Err, webidentity.ErrRoleOnly) {
			attempt.Outcome, attempt.configured = OutcomeFailed, "AWS_ROLE_ARN"
		}
		attempts[i] = attempt
		switch attempt.Outcome {
		case OutcomeCredentials:
			return w.win(i, creds, identity, attempts[:i+1], failed), nil
		case OutcomeFailed:
			failed = append(failed, i)
		}
	}
	w.attempts, w.failed = attempts, failed
	w.rechecks++
	w.show()
	return session.Answer{Kept: true, Recheck: w.nextRecheck(), Tell: func() { w.logAttempts(attempts) }}, nil
}

// ask asks one link and judges its answer.
func (w *walker) ask(ctx context.Context, i int) (aws.Credentials, Identity, Attempt) {
	link := w.links[i]
	start := time.Now()
	creds, identity, err := w.credentials(ctx, link)
	attempt := Attempt{Link: link.Name, Outcome: OutcomeCredentials, Duration: time.Since(start), Err: err}
	if err != nil {
		attempt.Outcome, attempt.Reason = OutcomeFailed, reason(err)
		if link.unavailable(err) {
			if attempt.Outcome = OutcomeUnavailable; w.won[i] {
				attempt.Outcome, attempt.Reason = OutcomeFailed, "gave credentials before and has none now: "+reason(err)
			}
		}
		if attempt.Outcome == OutcomeFailed && !link.asksInstance() {
			attempt.configured = link.configured()
		}
	}
	return creds, identity, attempt
}

// win makes the link the winner.
func (w *walker) win(i int, creds aws.Credentials, identity Identity, attempts []Attempt, failed []int) session.Answer {
	first, previous := w.floor < 0, w.view.Load()
	changed := first || w.floor != i || !w.identity.same(identity)
	sameFailed := slices.Equal(failed, w.failed)
	if changed {
		w.since = time.Now()
	}
	if changed || !sameFailed {
		w.rechecks = 0
	}
	w.floor, w.won[i], w.identity, w.attempts, w.failed = i, true, identity, attempts, failed
	now := w.show()

	link := w.links[i]
	answer := session.Answer{Credentials: creds, Sources: link.sources(), ServerTime: link.serverTime(creds), Recheck: w.nextRecheck()}
	n := news{first: first, changed: changed, newlyFailed: len(failed) > 0 && !sameFailed, link: link, creds: creds, view: now, previous: previous}
	answer.Tell = func() { w.tell(n) }
	return answer
}

// lose ends a walk without credentials.
func (w *walker) lose(attempts []Attempt, failed []int) (session.Answer, error) {
	w.attempts = attempts
	w.failed = slices.DeleteFunc(failed, func(i int) bool { return i >= w.floor })
	w.show()
	answer := session.Answer{Recheck: w.nextRecheck(), Tell: func() { w.logAttempts(attempts) }}
	return answer, &Error{Attempts: attempts, hint: w.hint(attempts)}
}

// hint is what an error says besides the links' reasons.
func (w *walker) hint(attempts []Attempt) string {
	failed := slices.ContainsFunc(attempts, func(a Attempt) bool {
		return a.Outcome == OutcomeFailed && !errors.Is(a.Err, errNodeRoleRefused)
	})
	switch {
	case !failed && w.place() != anywhere:
		return "in a " + string(w.place()) + ": " + w.place().likelyCause(false)
	case !failed && w.profileUnread:
		return profileNotRead(w.env)
	}
	return ""
}

// nextRecheck is zero when nothing above the winner failed.
func (w *walker) nextRecheck() time.Duration {
	if len(w.failed) == 0 {
		return 0
	}
	return recheckAfter(w.rechecks, rand.Float64())
}

// show publishes what Status shows, and returns it.
func (w *walker) show() *view {
	v := &view{attempts: w.attempts, identity: w.identity, since: w.since, fallback: len(w.failed) > 0}
	if w.floor >= 0 {
		v.provider = w.links[w.floor].Name
		for _, below := range w.links[w.floor+1:] {
			if below.configured() != "" && !below.asksInstance() { // the instance's role is there or not, whatever is configured
				v.shadowed = append(v.shadowed, below.Name)
			}
		}
	}
	w.view.Store(v)
	return v
}
