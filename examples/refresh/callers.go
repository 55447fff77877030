package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// slow is what counts as having waited.
const slow = 10 * time.Millisecond

// callers are goroutines that need credentials every millisecond, as a busy service does to sign its requests.
type callers struct {
	waited  atomic.Int64 // calls that took longer than slow
	noise   atomic.Int64 // the same of doing nothing: what the machine adds
	errors  atomic.Int64
	longest atomic.Int64 // ns, of calls that came back
	inside  []atomic.Int64
	lastErr atomic.Pointer[failed]
	stop    chan struct{}
	wg      sync.WaitGroup
}

type failed struct {
	at  time.Time
	err error
}

func start(n int, p aws.CredentialsProvider) *callers {
	c := &callers{stop: make(chan struct{}), inside: make([]atomic.Int64, n)}
	for n := range n {
		c.wg.Go(func() { c.call(n, p) })
	}
	return c
}

func (c *callers) call(n int, p aws.CredentialsProvider) {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		begun := time.Now()
		idle := time.Since(begun)
		if idle > slow {
			c.noise.Add(1)
		}
		begun = time.Now()
		c.inside[n].Store(begun.UnixNano())
		_, err := p.Retrieve(context.Background())
		took := time.Since(begun)
		c.inside[n].Store(0)
		if took > slow {
			c.waited.Add(1)
		}
		for longest := c.longest.Load(); int64(took) > longest && !c.longest.CompareAndSwap(longest, int64(took)); longest = c.longest.Load() {
		}
		if err != nil {
			c.errors.Add(1)
			c.lastErr.Store(&failed{time.Now(), err})
		}
		time.Sleep(time.Millisecond)
	}
}

// blocked returns how many are inside a call for longer than slow at this moment.
func (c *callers) blocked() int {
	blocked := 0
	for n := range c.inside {
		if since := c.inside[n].Load(); since != 0 && time.Since(time.Unix(0, since)) > slow {
			blocked++
		}
	}
	return blocked
}

// figures are what a run showed.
type figures struct {
	waited, noise, errors int64
	longest               time.Duration
	blocked               int   // at the end of the outage
	counted               int64 // callers that waited for STS by the cache's own count; -1 = it does not count
	calls                 int   // of STS, the first one not counted
	recovered             time.Duration
	text                  string // of the last error
}
