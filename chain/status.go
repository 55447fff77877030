package chain

import (
	"time"

	"example.com/podrole/cache"
)

// Status is a snapshot of a chain, free of secrets. As JSON its names are lower_snake, times RFC 3339 in UTC, durations in
// milliseconds; what is zero is left out.
type Status struct {
	cache.Status
	Provider string    `json:"provider,omitempty"` // the link that won last
	Identity Identity  `json:"identity,omitzero"`  // whose credentials it gave, as far as it is known
	Since    time.Time `json:"since,omitzero"`     // when that link, with that identity, became the winner
	Fallback bool      `json:"fallback"`           // a link above the winner failed
	Attempts []Attempt `json:"attempts"`           // the last answer of each link asked, in order
	Shadowed []string  `json:"shadowed"`           // links below the winner that are configured too
	Counters Counters  `json:"counters"`
}

// Counters count since the chain was made.
type Counters struct {
	cache.Counters
	WinnerChanges int64 `json:"winner_changes"` // changes of the winner, or of its identity, after the first
	Fallbacks     int64 `json:"fallbacks"`      // winners that came after a failed link
}

// Status returns a snapshot. It does not block, and does no I/O.
func (c *Chain) Status() Status {
	inner, v := c.cache.Status(), c.walker.view.Load()
	return Status{
		Status:   inner,
		Provider: v.provider,
		Identity: v.identity,
		Since:    v.since.UTC(),
		Fallback: v.fallback && v.provider != "",
		Attempts: append([]Attempt{}, v.attempts...),
		Shadowed: append([]string{}, v.shadowed...),
		Counters: Counters{Counters: inner.Counters, WinnerChanges: c.walker.winnerChanges.Load(), Fallbacks: c.walker.fallbacks.Load()},
	}
}
