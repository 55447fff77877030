package chain

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/session"
)

// walker asks the links. It is the session cache's source: the cache decides when, the walker whom.
type walker struct {
	links []Link
	*settings
	misconfigured error // of New's arguments or the environment: the answer to every walk
	standard      bool  // the links are those of NewDefault
	meters        meters

	place func() place // found at the first walk, then kept

	turn chan struct{} // holds a token while a walk is under way, and guards what follows
	memory

	view          atomic.Pointer[view] // what Status shows
	profileSaid   sync.Once
	winnerChanges atomic.Int64
	fallbacks     atomic.Int64
}

// memory is what the walker keeps from one walk to the next. None of it is secret.
type memory struct {
	floor    int        // the link that won last; -1 before any did
	won      []bool     // the links that have won once, and count as configured from then on
	attempts []Attempt  // the last answer of each link, from the first to the last asked
	failed   []int      // the links above the winner that failed, in order: what a recheck asks
	said     []int      // those of them that were logged
	rechecks int        // since the last link joined the failed ones
	verified []verified // the last answer of GetCallerIdentity, by link
}

// view is the walker's part of Status: immutable, replaced by every walk.
type view struct {
	provider string
	identity Identity
	keyID    string // of the winner's credentials
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
		memory:        memory{floor: -1, won: make([]bool, len(links)), verified: make([]verified, len(links))},
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

// Budget is the longest that a walk may take: every link's bound, and the questions of whose the credentials are.
func (w *walker) Budget() time.Duration {
	if w.misconfigured != nil {
		return 0
	}
	budget := time.Second // for the walk itself
	for _, link := range w.links {
		budget += link.bound(w.LinkTimeout) + w.verifyBound()
	}
	return budget
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
	early, cancel := inTime(ctx)
	defer cancel()
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
		slices.Sort(failed)
		return !goesOn(positionOf(i, w.floor), usable, w.fallback)
	}

	for i, link := range w.links {
		if link.asksInstance() && nodeRoleStops() {
			return w.lose(attempts, failed, true)
		}
		at := positionOf(i, w.floor)
		bound := link.bound(w.LinkTimeout)
		if deadline, ok := early.Deadline(); ok && usable && at == aboveFloor {
			bound = min(bound, time.Until(deadline)/2) // what is left is the floor's
		}
		creds, identity, attempt := w.ask(early, i, bound)
		if ctx.Err() != nil {
			return session.Answer{}, context.Cause(ctx)
		}
		if attempt.Outcome == OutcomeCredentials && isNodeRole(link, creds) && nodeRoleStops() {
			return w.lose(attempts, failed, true)
		}
		attempts = append(attempts, attempt)
		switch attempt.Outcome {
		case OutcomeCredentials:
			return w.win(i, creds, identity, attempts, failed), nil
		case OutcomeFailed:
			failed = append(failed, i)
			if early.Err() != nil || !goesOn(at, usable, w.fallback) {
				return w.lose(attempts, failed, true)
			}
		case OutcomeUnavailable:
			if roleAlone(attempt) {
				roleOnly = i
			}
		}
	}
	return w.lose(attempts, failed, false)
}

// recheck asks the failed links above the winner alone. The first that has credentials takes over.
func (w *walker) recheck(ctx context.Context) (session.Answer, error) {
	early, cancel := inTime(ctx)
	defer cancel()
	attempts := slices.Clone(w.attempts)
	var failed []int
	for _, i := range w.failed {
		creds, identity, attempt := w.ask(early, i, w.links[i].bound(w.LinkTimeout))
		if ctx.Err() != nil {
			return session.Answer{Recheck: w.nextRecheck()}, context.Cause(ctx)
		}
		if attempt.Outcome == OutcomeUnavailable && roleAlone(attempt) {
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
	over := len(failed) == 0
	w.attempts, w.failed, w.said = attempts, failed, keep(w.said, failed)
	w.rechecks++
	v := *w.view.Load()
	v.attempts, v.fallback = attempts, !over
	w.view.Store(&v)
	return session.Answer{Kept: true, Recheck: w.nextRecheck(), Tell: func() { w.tellRecheck(attempts, over, v.provider) }}, nil
}

// inTime ends a little before ctx does, so that a walk that runs out of time can still say how far it came.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(250*time.Millisecond, time.Until(deadline)/20)))
}

// ask asks one link and judges its answer.
func (w *walker) ask(ctx context.Context, i int, bound time.Duration) (aws.Credentials, Identity, Attempt) {
	start := time.Now()
	creds, identity, outcome, err := w.credentials(ctx, i, bound)
	attempt := Attempt{Link: w.links[i].Name, Outcome: outcome, Duration: time.Since(start), Err: err}
	if err != nil {
		attempt.Reason = reason(err)
		if outcome == OutcomeUnavailable && w.won[i] {
			attempt.Outcome, attempt.Reason = OutcomeFailed, "gave credentials before and has none now: "+attempt.Reason
		}
		if attempt.Outcome == OutcomeFailed && !w.links[i].asksInstance() {
			attempt.configured = w.links[i].configured()
		}
	}
	return creds, identity, attempt
}

// win makes the link the winner.
func (w *walker) win(i int, creds aws.Credentials, identity Identity, attempts []Attempt, failed []int) session.Answer {
	link, first, previous := w.links[i], w.floor < 0, w.view.Load()
	now := &view{
		provider: link.Name, identity: identity, keyID: creds.AccessKeyID, since: previous.since,
		fallback: len(failed) > 0, attempts: attempts, shadowed: w.shadowed(i),
	}
	n := news{first: first, link: link, kind: link.kind(), configured: link.configured(), nodeRole: isNodeRole(link, creds), creds: creds, view: now, previous: previous}
	n.changed = first || w.floor != i || !identity.same(previous.identity)
	if n.changed {
		now.since = time.Now()
	}
	answer := session.Answer{Credentials: creds, Sources: link.sources(), ServerTime: link.serverTime(creds)}

	recheckable := slices.DeleteFunc(failed, func(i int) bool { return errors.Is(attempts[i].Err, errNodeRoleRefused) })
	n.newlyFailed = len(keep(recheckable, w.said)) < len(recheckable)
	if n.changed || len(keep(recheckable, w.failed)) < len(recheckable) {
		w.rechecks = 0
	}
	w.floor, w.won[i], w.attempts, w.failed, w.said = i, true, attempts, recheckable, recheckable
	w.view.Store(now)
	answer.Recheck = w.nextRecheck()
	answer.Tell = func() { w.tell(n) }
	return answer
}

// lose ends a walk without credentials; stopped says that links were left that were not asked.
func (w *walker) lose(attempts []Attempt, failed []int, stopped bool) (session.Answer, error) {
	w.attempts = attempts
	w.failed = slices.DeleteFunc(failed, func(i int) bool { return i >= w.floor || errors.Is(attempts[i].Err, errNodeRoleRefused) })
	w.said = keep(w.said, w.failed)
	v := *w.view.Load()
	v.attempts, v.fallback = attempts, len(w.failed) > 0
	w.view.Store(&v)
	answer := session.Answer{Recheck: w.nextRecheck(), Tell: func() { w.logAttempts(attempts); w.sayProfile() }}
	return answer, &Error{Attempts: slices.Clone(attempts), stopped: stopped, hint: w.hint(attempts), terminal: isTerminal(attempts, w.floor)}
}

// hint is what an error says besides the links' reasons.
func (w *walker) hint(attempts []Attempt) string {
	var hints []string
	failed := slices.ContainsFunc(attempts, func(a Attempt) bool {
		return a.Outcome == OutcomeFailed && !errors.Is(a.Err, errNodeRoleRefused)
	})
	if !failed && len(w.injected()) == 0 && w.place() != anywhere {
		hints = append(hints, "in a "+string(w.place())+": "+w.place().nothingInjected())
	}
	if text := w.profileUnread(); text != "" {
		hints = append(hints, text)
	}
	return strings.Join(hints, "; ")
}

// nextRecheck is zero when nothing above the winner failed.
func (w *walker) nextRecheck() time.Duration {
	if len(w.failed) == 0 {
		return 0
	}
	return recheckAfter(w.rechecks, rand.Float64())
}

// shadowed names the links below the winner that are configured. The instance's role is not among them: it is there or not,
// whatever is configured.
func (w *walker) shadowed(winner int) []string {
	names := []string{}
	for _, below := range w.links[winner+1:] {
		if below.configured() != "" && !below.asksInstance() {
			names = append(names, below.Name)
		}
	}
	return names
}

// keep returns those of the links that are among the others too.
func keep(links, among []int) []int {
	return slices.DeleteFunc(slices.Clone(links), func(i int) bool { return !slices.Contains(among, i) })
}
