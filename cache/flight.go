package cache

import (
	"context"
	"time"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/schedule"
	"example.com/podrole/internal/session"
	"example.com/podrole/internal/timeout"
)

// Sources whose services honour a session for some time after its expiry when they are late with the next one, which is why the SDK
// extends the first of them too.
const (
	sourceInstance  = "EC2RoleProvider"
	sourceContainer = "CredentialsEndpointProvider"
)

// flight is one refresh under way. It ends at its deadline, give or take the second that each of the provider's hooks has, or when
// Close cancels it, whatever the provider does.
type flight struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed once its result is published

	wantRecheck bool
	held        session.Held // set when it begins
	begun       bool         // it passed its delay; guarded by mu
	tainted     bool         // Invalidate was called after it began; guarded by mu
	err         error        // the answer to those who wait for it; set before done is closed
}

// start starts a flight. mu is held, and there is none.
func (s *state) start(recheck bool, delay time.Duration) {
	f := &flight{done: make(chan struct{}), wantRecheck: recheck}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	s.flight = f
	s.telling.Add(1)
	go s.fly(f, delay)
}

func (s *state) fly(f *flight, delay time.Duration) {
	defer s.telling.Done()
	defer f.cancel(nil)
	if delay > 0 {
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-f.ctx.Done():
			t.Stop()
		}
	}
	bound := s.begin(f, s.asker.budget())
	ctx, cancel := context.WithTimeoutCause(f.ctx, bound, &timeout.Error{Op: "credentials refresh", Bound: bound})
	defer cancel()

	began := time.Now()
	got, err := answer{}, context.Cause(ctx) // closed before it began
	if err == nil {
		got, err = guard.Call(ctx, func(ctx context.Context) (answer, error) {
			ctx, end := s.tel.span(ctx)
			got, err := s.asker.ask(ctx, s.clock, f.held)
			end(err)
			return got, err
		})
	}
	if got.at == (instant{}) { // the call was cut off
		got.at = s.clock.now()
	}
	var failed *failure
	var grant time.Time
	if err != nil {
		failed = readFailure(ctx, err)
	}
	if failed != nil && f.ctx.Err() == nil && !f.held.Recheck && !failed.terminal {
		if other, until := s.asker.extend(s.clock, f.held.Credentials, failed.cause); other != nil {
			got, failed = *other, nil
		} else {
			grant = until
		}
	}
	news := s.land(f, got, failed, grant)
	news.took = time.Since(began)
	close(f.done)
	if got.Tell != nil {
		got.Tell()
	}
	s.tel.tell(news)
}

// begin marks the flight as begun and returns its deadline. budget is what the source asks for while nothing usable is held.
func (s *state) begin(f *flight, budget time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	usable := s.usable(now)
	f.begun = true
	f.held = session.Held{Usable: usable, Recheck: f.wantRecheck && usable}
	if s.held.valid {
		f.held.Credentials = s.held.creds
	}
	bound := schedule.Deadline(usable, now.until(s.held.expires))
	if usable {
		return bound
	}
	return max(bound, budget)
}

// land takes in what a flight brought, plans what comes next and publishes it.
func (s *state) land(f *flight, got answer, failed *failure, grant time.Time) news {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	s.flight = nil
	if s.closed {
		f.err = ErrClosed
		return news{}
	}
	n := news{recheck: f.held.Recheck, failed: failed, skew: s.learnSkew(got)}
	if f.held.Recheck {
		s.counters.Rechecks++
	}
	s.planRecheck(now, got.Recheck, failed)
	switch {
	case failed != nil && f.held.Recheck:
		n.outcome = failed.outcome // the credentials held are no worse for it, and those who wait want a refresh
	case failed != nil && (f.tainted || failed.outcome == outcomeTimeout && f.held.Usable && !s.usable(now)):
		// It was begun before Invalidate, or on the short time that was left of credentials that have expired meanwhile. It does not
		// count: whoever waits is to have a refresh with the whole time.
		n.outcome = failed.outcome
		s.next = now
	case failed != nil:
		n.outcome = failed.outcome
		f.err = s.fail(now, failed, grant)
	case got.Kept:
		n.outcome = outcomeUnchanged
		if !f.held.Recheck {
			s.next = now.add(schedule.NoProgressAfter(now.until(s.held.expires)))
		}
	case f.tainted && got.Credentials.AccessKeyID == s.held.creds.AccessKeyID:
		n.outcome = outcomeUnchanged // asked before Invalidate, and the same again: it does not count
	default:
		n.outcome = outcomeSuccess
		n.after = s.trouble
		if !s.adopt(got) {
			s.trouble.said, n.after.said = n.after.said, condition{} // neither the end of trouble nor, later, its beginning
		}
	}
	if f.tainted && !s.held.valid && f.err == nil {
		s.startGated(now)
	}
	s.publish(now)
	s.arm(now)
	n.take(s, now)
	return n
}

// adopt makes the answer the credentials held, and reports whether they are others, or live longer. mu is held.
func (s *state) adopt(got answer) (progress bool) {
	old := s.held
	s.counters.Refreshes++
	s.trouble = trouble{}
	s.sources = withCode(got.Sources)
	s.held = holding{creds: got.Credentials, valid: true, life: got.life, expires: never, handed: never, planned: never}
	progress = got.Credentials.AccessKeyID != old.creds.AccessKeyID || !got.Credentials.CanExpire || got.Credentials.Expires.After(old.creds.Expires)
	if got.Credentials.CanExpire {
		s.held.expires = got.at.add(got.life)
		s.held.handed = got.at.add(got.handed)
		s.held.planned = got.at.add(schedule.RefreshAfter(got.life, schedule.Place(s.pace, draw())))
		if !progress {
			// What was planned for these credentials stays, where it is still to come.
			s.held.planned = latest(got.at.add(schedule.NoProgressAfter(got.life)), earliest(old.planned, s.held.planned))
		}
	}
	s.next = s.held.planned
	return progress
}

// fail takes in a refresh that brought nothing, and returns the answer to those who waited for it, nil if there is something else
// for them. grant is until when the provider itself allows the held credentials to be served. mu is held.
func (s *state) fail(now instant, failed *failure, grant time.Time) error {
	t := &s.trouble
	if t.count == 0 {
		t.since = now
	}
	t.count++
	t.last = failed
	s.counters.Failures++
	t.terminal = t.terminal || failed.terminal
	t.stale = s.staleUntil(now, grant)
	s.lastErrorAt = now.time()
	if s.usable(now) {
		s.lastError = failed
		s.next = now.add(schedule.RetryAfter(s.held.life, now.until(s.held.expires), draw()))
		return nil
	}
	keep := schedule.KeepError(failed.terminal, t.bare, draw())
	t.bare++
	t.keep = now.add(keep)
	t.kept = failed.explained(&s.held, t)
	s.lastError = t.kept
	if s.stale(now) {
		s.next = t.keep
		return nil
	}
	if s.held.creds.AccessKeyID != "" { // nobody may be asking: then a process that sleeps through an outage still wakes up with credentials
		s.next = now.add(schedule.Backoff(draw()))
	}
	return t.kept
}

// staleUntil returns until when the held credentials may be served after their expiry. mu is held.
func (s *state) staleUntil(now instant, grant time.Time) instant {
	if !s.held.valid || s.held.expires == never || s.trouble.terminal {
		return instant{}
	}
	limit := s.held.expires.add(s.opts.staleLimit())
	if s.asker.extends() {
		return earliest(limit, now.add(grant.Sub(now.time())))
	}
	if source := s.held.creds.Source; source != sourceInstance && source != sourceContainer {
		return instant{}
	}
	return limit
}

// planRecheck plans the recheck that the source asked for. mu is held.
func (s *state) planRecheck(now instant, asked time.Duration, failed *failure) {
	switch {
	case asked > 0:
		s.every = max(asked, time.Second)
		s.recheck = now.add(s.every)
	case failed == nil:
		s.recheck = never
	case now.reached(s.recheck): // cut off before it could say: as before
		s.recheck = now.add(s.every)
	}
}

// learnSkew returns how far the local clock is ahead of the server's, when that is news. mu is held.
func (s *state) learnSkew(got answer) time.Duration {
	known := s.skewed
	s.skewed = got.skew != 0 || known && got.ServerTime.IsZero()
	if known {
		return 0
	}
	return got.skew
}
