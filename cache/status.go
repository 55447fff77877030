package cache

import (
	"time"

	"example.com/podrole/internal/redact"
)

// State is what a cache can do for its callers at a moment.
type State string

const (
	StateNone       State = "none"       // nothing was ever held
	StateFresh      State = "fresh"      // usable credentials are held
	StateRefreshing State = "refreshing" // usable credentials are held, and a refresh is under way
	StateStale      State = "stale"      // expired credentials are served, since their source does not answer
	StateExpired    State = "expired"    // what is held is expired or invalidated: callers wait, or get an error
	StateClosed     State = "closed"
)

// Status is a picture of a cache, without secrets, that marshals as JSON. Times are in UTC; zero ones are left out.
type Status struct {
	State         State     `json:"state"`
	AccessKeyID   string    `json:"access_key_id,omitzero"` // its last four characters
	Source        string    `json:"source,omitzero"`        // aws.Credentials.Source
	Expires       time.Time `json:"expires,omitzero"`       // the true expiry; zero = never, or nothing is held
	NextRefresh   time.Time `json:"next_refresh,omitzero"`  // the next planned refresh, retry or recheck
	Stale         bool      `json:"stale"`                  // the credentials served are expired
	Failures      int       `json:"failures"`               // since the last success
	LastError     string    `json:"last_error,omitzero"`    // of the last refresh that failed, also after a success
	LastErrorTime time.Time `json:"last_error_time,omitzero"`
	Counters      Counters  `json:"counters"`
}

// Counters count since the cache was made.
type Counters struct {
	Refreshes     int64 `json:"refreshes"`     // refreshes and rechecks that brought credentials
	Failures      int64 `json:"failures"`      // refreshes that brought none
	Rechecks      int64 `json:"rechecks"`      // rechecks that a source asked for, whatever they brought
	Invalidations int64 `json:"invalidations"` // calls of Invalidate and InvalidateCredentials that matched
	Waits         int64 `json:"waits"`         // Retrieve calls that had to wait
}

func (s *state) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	st := Status{
		State:         s.name(now),
		AccessKeyID:   redact.KeyID(s.held.creds.AccessKeyID),
		Source:        s.held.creds.Source,
		Failures:      s.trouble.count,
		LastErrorTime: s.lastErrorAt,
		Counters:      s.counters,
	}
	if s.lastError != nil {
		st.LastError = s.lastError.Error()
	}
	st.Counters.Waits = s.waits.Load()
	st.Stale = st.State == StateStale
	if s.held.creds.CanExpire {
		st.Expires = s.held.creds.Expires.UTC().Round(0)
	}
	if at := earliest(s.next, s.recheck); at != never && !now.reached(at) && !s.closed {
		st.NextRefresh = at.time()
	}
	return st
}

func (s *state) name(now instant) State {
	switch {
	case s.closed:
		return StateClosed
	case s.held.creds.AccessKeyID == "":
		return StateNone
	case s.usable(now) && s.flight != nil:
		return StateRefreshing
	case s.usable(now):
		return StateFresh
	case s.stale(now):
		return StateStale
	default:
		return StateExpired
	}
}
