package cache

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/schedule"
)

const (
	// Once the Expires that was handed out has passed and the credentials are still good (an outage, a recheck under way), they
	// are handed out for briefGrant at a time, so that a cache around this one asks again soon.
	briefGrant = 3 * time.Second
	// tellingBound is how long Close waits for the log records of what went before: a handler that itself calls Close must not wait
	// for itself.
	tellingBound = time.Second
	// Stale credentials are handed out for staleGrant at a time.
	staleGrant = time.Minute
)

// snapshot is what the hot path of Retrieve reads. It is immutable.
type snapshot struct {
	// Before both of these, creds may be handed out without looking at anything else. They are hot, in the form that is compared
	// fastest: two times that have a monotonic reading are compared by that alone.
	hotWall int64
	hotMono time.Time
	creds   aws.Credentials // as they are handed out
	hot     instant
	sources []aws.CredentialSource
}

// holding is the last credentials that the source gave.
type holding struct {
	creds   aws.Credentials // with their true expiry; zero = there never were any
	valid   bool            // not invalidated
	life    time.Duration   // at receipt; 0 = they never expire
	expires instant
	handed  instant // the expiry that callers are told
	planned instant // of the refresh that was drawn for them
}

// trouble is what went wrong since the last success.
type trouble struct {
	count    int // failures
	bare     int // those of them that left nothing usable
	since    instant
	last     *failure
	terminal bool      // one of them was
	kept     *failure  // the answer to callers while nothing usable is held,
	keep     instant   // until then
	stale    instant   // until when the held credentials may be served after their expiry
	said     condition // the last condition that was logged
}

// state is all of a cache but its handle. Its methods that say so need mu held; mu is never held while foreign code runs.
type state struct {
	asker   asker
	clock   clock
	pace    float64 // see schedule.Place
	opts    Options
	tel     *telemetry
	snap    atomic.Pointer[snapshot]
	dropped atomic.Bool // the handle was garbage collected
	waits   atomic.Int64
	telling sync.WaitGroup // flights and timer fires that have not ended, their log records included; mu is held to add to it

	mu       sync.Mutex
	closed   bool
	held     holding
	sources  []aws.CredentialSource
	flight   *flight // the refresh under way, nil = none
	next     instant // of the next refresh or retry by timer
	recheck  instant // of the recheck that the source asked for,
	every    time.Duration
	trouble  trouble
	gate     instant // before it, Invalidate starts no other refresh
	timer    *time.Timer
	skewed   bool // the server's clock is known to differ
	counters Counters

	lastError   *failure // also after a success
	lastErrorAt time.Time
}

func newState(p aws.CredentialsProvider, opts Options) *state {
	s := &state{asker: asker{p}, clock: clock{time.Now()}, pace: draw(), opts: opts, next: never, recheck: never}
	s.sources = withCode(guard.Ask(s.asker.sources))
	s.snap.Store(&snapshot{sources: s.sources})
	// The meter holds the gauge's callback for as long as it likes, but not the state of a cache that was dropped.
	watched := weak.Make(s)
	s.tel = newTelemetry(&s.opts, func() (time.Duration, bool) {
		if s := watched.Value(); s != nil {
			return s.untilExpiry()
		}
		return 0, false
	})
	return s
}

// retrieve is Retrieve off the hot path.
func (s *state) retrieve(ctx context.Context) (aws.Credentials, error) {
	var joined *flight
	for {
		ended := ctx.Err() != nil // asked here: a context is the caller's code
		s.mu.Lock()
		now := s.clock.now()
		if s.closed {
			s.mu.Unlock()
			return aws.Credentials{}, ErrClosed
		}
		s.startDue(now)
		if snap := s.publish(now); !now.reached(snap.hot) {
			s.mu.Unlock()
			return snap.creds, nil
		}
		if err := s.refusal(joined, now); err != nil {
			s.mu.Unlock()
			return aws.Credentials{}, err
		}
		if ended {
			s.mu.Unlock()
			return aws.Credentials{}, &aws.RequestCanceledError{Err: context.Cause(ctx)}
		}
		if s.flight == nil {
			s.start(false, 0)
		}
		first := joined == nil
		joined = s.flight
		s.mu.Unlock()

		if first {
			s.waits.Add(1)
			s.tel.waited()
		}
		select {
		case <-joined.done:
		case <-ctx.Done():
			return aws.Credentials{}, &aws.RequestCanceledError{Err: context.Cause(ctx)}
		}
	}
}

// refusal returns the failure that answers a caller for whom there are no credentials: that of the refresh it waited for, or the
// one that is kept. mu is held.
func (s *state) refusal(joined *flight, now instant) error {
	if joined != nil && joined.err != nil {
		return joined.err
	}
	if s.trouble.kept != nil && !now.reached(s.trouble.keep) {
		return s.trouble.kept
	}
	return nil
}

// usable reports whether unexpired credentials are held that were not invalidated. mu is held.
func (s *state) usable(now instant) bool { return s.held.valid && !now.reached(s.held.expires) }

// stale reports whether expired credentials may still be served. mu is held.
func (s *state) stale(now instant) bool {
	return s.held.valid && now.reached(s.held.expires) && !now.reached(s.trouble.stale)
}

// publish stores, and returns, the snapshot that follows from the state at this moment. mu is held.
func (s *state) publish(now instant) *snapshot {
	snap := s.view(now)
	snap.hotWall, snap.hotMono = snap.hot.wall, s.clock.base.Add(time.Duration(min(snap.hot.mono, int64(maxAhead))))
	s.snap.Store(snap)
	return snap
}

func (s *state) view(now instant) *snapshot {
	snap := &snapshot{sources: s.sources}
	var grant instant // the expiry handed out
	switch {
	case s.closed:
		return snap
	case s.usable(now):
		grant = earliest(s.held.handed, s.recheck)
		snap.hot = grant
		if now.reached(grant) {
			grant = earliest(s.held.expires, now.add(briefGrant))
			snap.hot = earliest(s.held.expires, now.add(briefGrant/2))
		}
	case s.stale(now):
		grant = earliest(s.trouble.stale, now.add(staleGrant))
		snap.hot = earliest(s.trouble.stale, now.add(staleGrant/2))
	default:
		return snap
	}
	if s.flight == nil { // while one is under way there is nothing that a caller would have to start
		snap.hot = earliest(snap.hot, s.next, s.recheck)
	}
	snap.creds = s.held.creds
	if grant != never {
		// By the clock of this moment: the wall clock may have been set since the grant was worked out.
		snap.creds.CanExpire, snap.creds.Expires = true, now.add(now.until(grant)).time()
	}
	return snap
}

// startDue starts the refresh or recheck whose time has come. mu is held.
func (s *state) startDue(now instant) {
	switch {
	case s.closed || s.flight != nil:
	case now.reached(s.next):
		s.start(false, 0)
	case now.reached(s.recheck):
		s.start(true, 0)
	}
}

// arm sets the timer to the next moment at which something is to be done without a caller. mu is held.
func (s *state) arm(now instant) {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.closed {
		return
	}
	at := never
	if s.flight == nil {
		at = earliest(s.next, s.recheck)
	}
	if s.trouble.count > 0 { // to say that credentials became stale, or that none are left
		for _, turn := range []instant{s.held.expires, s.trouble.stale} {
			if s.held.valid && !now.reached(turn) {
				at = earliest(at, turn)
			}
		}
	}
	if at == never {
		return
	}
	s.timer = time.AfterFunc(min(max(now.until(at), time.Millisecond), schedule.MaxSleep), s.wake)
}

// wake is the timer's fire.
func (s *state) wake() {
	if s.dropped.Load() {
		s.tel.stop()
		return
	}
	s.mu.Lock()
	now := s.clock.now()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.startDue(now)
	s.publish(now)
	s.arm(now)
	var n news
	n.take(s, now)
	s.telling.Add(1)
	s.mu.Unlock()
	defer s.telling.Done()
	s.tel.tell(n)
}

func (s *state) invalidate(only *aws.Credentials) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	if s.closed || only != nil && (only.AccessKeyID == "" || only.AccessKeyID != s.held.creds.AccessKeyID) {
		return
	}
	s.counters.Invalidations++
	s.held.valid = false
	s.trouble.kept = nil
	switch {
	case s.flight != nil && s.flight.begun:
		s.flight.tainted = true
	case s.flight == nil && s.held.creds.AccessKeyID != "": // before the first Retrieve nothing is asked
		s.startGated(now)
	}
	s.publish(now)
	s.arm(now)
}

// startGated starts a refresh on behalf of Invalidate. mu is held.
func (s *state) startGated(now instant) {
	delay := max(0, now.until(s.gate))
	s.gate = now.add(delay + schedule.InvalidateEvery)
	s.start(false, delay)
}

func (s *state) close() {
	s.mu.Lock()
	s.closed = true
	s.held.creds.SecretAccessKey, s.held.creds.SessionToken = "", "" // nobody will be given them any more
	now := s.clock.now()
	s.publish(now)
	s.arm(now)
	f := s.flight
	if f != nil {
		f.cancel(ErrClosed)
	}
	s.mu.Unlock()
	s.tel.stop()
	told := make(chan struct{})
	go func() { s.telling.Wait(); close(told) }()
	if f != nil {
		<-f.done
	}
	select {
	case <-told:
	case <-time.After(tellingBound):
	}
}

// untilExpiry is what the gauge shows; false = nothing that expires is held.
func (s *state) untilExpiry() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.held.creds.AccessKeyID == "" || s.held.expires == never {
		return 0, false
	}
	return s.clock.now().until(s.held.expires), true
}

func draw() float64 { return rand.Float64() }
