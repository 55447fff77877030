package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/cache"
)

// options of a run.
type options struct {
	callers int
	span    time.Duration // of scenario a
	outages int           // of scenarios b and c
	latency time.Duration // of STS
}

// kind is one of the two caches.
type kind struct {
	name string
	make func(aws.CredentialsProvider) aws.CredentialsProvider
	// begin returns how long after a fetch the outage of scenarios b and c begins, for sessions of this life. Both are as bad for
	// the cache as may be. Ours asks in the second half of the life, until an eighth of it before expiry, so the outage begins
	// 3 s after the fetch and ends 1 s before expiry; the SDK's asks at expiry only, so the outage is over that.
	begin func(life time.Duration) time.Duration
}

var (
	podrole = kind{"podrole", func(p aws.CredentialsProvider) aws.CredentialsProvider {
		return cache.New(p, func(o *cache.Options) { o.Logger = slog.New(slog.DiscardHandler) })
	}, func(time.Duration) time.Duration { return 3 * time.Second }}
	sdk = kind{"SDK", func(p aws.CredentialsProvider) aws.CredentialsProvider { return aws.NewCredentialsCache(p) },
		func(life time.Duration) time.Duration { return life - time.Second }}
)

// scenario is one line of the table.
type scenario struct {
	key, title string
	run        func(options, kind) figures
}

var scenarios = []scenario{
	{"a", "STS takes 300 ms, sessions of 4 s", steady},
	{"b", "sessions of 8 s, STS down for 4 s", func(o options, k kind) figures { return outage(o, k, down) }},
	{"c", "the same, STS accepts and hangs", func(o options, k kind) figures { return outage(o, k, hung) }},
	{"d", "sessions of 8 s, STS down for 16 s", longOutage},
}

// stage is a cache that has fetched its first session, which is not counted, and its callers.
func stage(o options, k kind, life time.Duration) (s *sts, c *callers, end func(recovered time.Duration, blocked int) figures) {
	s = newSTS(o.latency, life)
	p := k.make(s)
	if _, err := p.Retrieve(context.Background()); err != nil {
		panic(err) // the STS is up
	}
	before := s.asked()
	c = start(o.callers, p)
	return s, c, func(recovered time.Duration, blocked int) figures {
		close(c.stop)
		close(s.over)
		c.wg.Wait()
		counted := int64(-1)
		if ours, ok := p.(*cache.SessionCache); ok {
			counted = ours.Status().Counters.Waits - 1 // the first fetch
			_ = ours.Close()
		}
		f := figures{counted: counted, waited: c.waited.Load(), noise: c.noise.Load(), errors: c.errors.Load(), longest: time.Duration(c.longest.Load()),
			blocked: blocked, calls: s.asked() - before, recovered: recovered}
		if last := c.lastErr.Load(); last != nil {
			f.text = last.err.Error()
		}
		return f
	}
}

func steady(o options, k kind) figures {
	_, _, end := stage(o, k, 4*time.Second)
	time.Sleep(o.span)
	return end(0, 0)
}

func outage(o options, k kind, m mode) figures {
	const life, length = 8 * time.Second, 4 * time.Second
	s, c, end := stage(o, k, life)
	blocked := 0
	for n := range o.outages {
		if n > 0 {
			s.awaitFetch()
		}
		time.Sleep(k.begin(life))
		s.turn(m)
		time.Sleep(length)
		s.turn(up)
		if time.Sleep(time.Second); c.blocked() > 0 { // STS answers again, but not what it swallowed
			blocked = c.blocked()
			break
		}
	}
	time.Sleep(life / 4)
	return end(0, blocked)
}

func longOutage(o options, k kind) figures {
	s, c, end := stage(o, k, 8*time.Second)
	s.turn(down)
	time.Sleep(16 * time.Second)
	s.turn(up)
	back := time.Now()
	time.Sleep(6 * time.Second)
	recovered := time.Duration(0)
	if last := c.lastErr.Load(); last != nil && last.at.After(back) {
		recovered = last.at.Sub(back)
	}
	return end(recovered, c.blocked())
}
