package cache

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/session"
)

// ShiftWall makes the cache see its wall clock set by d from now on: forward as after a suspension of the machine or a step by NTP,
// back if d is negative. The monotonic clock runs on as before, as it does then.
func ShiftWall(c *SessionCache, d time.Duration) {
	s := c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range []*instant{&s.held.expires, &s.held.handed, &s.held.planned, &s.next, &s.recheck, &s.trouble.keep, &s.trouble.stale} {
		if *at != never {
			at.wall -= int64(d)
		}
	}
	s.held.creds.Expires = s.held.creds.Expires.Add(-d)
	snap := *s.snap.Load()
	if snap.hot != never {
		snap.hot.wall -= int64(d)
		snap.hotWall = snap.hot.wall
	}
	snap.creds.Expires = snap.creds.Expires.Add(-d)
	s.snap.Store(&snap)
}

// StopTimer stops the background timer, as if it never fired again.
func StopTimer(c *SessionCache) {
	s := c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// Drop does what the garbage collector's cleanup does.
func Drop(c *SessionCache) { c.state.dropped.Store(true) }

// Inner is what a cache leaves behind for its timer and refreshes when its handle is collected.
type Inner struct{ state *state }

func InnerOf(c *SessionCache) *Inner { return &Inner{c.state} }

func (i *Inner) Dropped() bool { return i.state.dropped.Load() }

// Republish makes creds the credentials held, as a refresh would.
func Republish(c *SessionCache, creds aws.Credentials) {
	s := c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	got, _ := s.asker.judge(answer{Answer: session.Answer{Credentials: creds}, at: s.clock.now()})
	s.adopt(got)
	s.publish(s.clock.now())
}

// Cut is what becomes of an error that a provider returns as its context ends.
var Cut = cut

// ReadFailure is what the cache makes of the error of a provider that was called with flight.
func ReadFailure(flight context.Context, err error) error { return readFailure(flight, err) }

// Secrets returns every secret access key and session token that the cache holds anywhere.
func Secrets(c *SessionCache) string {
	s := c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.snap.Load()
	return s.held.creds.SecretAccessKey + s.held.creds.SessionToken + snap.creds.SecretAccessKey + snap.creds.SessionToken
}
