package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"

	"example.com/podrole/internal/redact"
	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
)

const scope = "example.com/podrole/cache"

type outcome string

const (
	outcomeSuccess   outcome = "success"
	outcomeUnchanged outcome = "unchanged" // a recheck that kept the credentials, or an answer that Invalidate overtook
	outcomeFailure   outcome = "failure"
	outcomeTerminal  outcome = "terminal"
	outcomeTimeout   outcome = "timeout"
)

func outcomeOf(err error) outcome {
	if _, ok := errors.AsType[*timeout.Error](err); ok {
		return outcomeTimeout
	}
	if terminal.Is(err) {
		return outcomeTerminal
	}
	return outcomeFailure
}

// condition is what is wrong; each is logged once.
type condition struct {
	what     string
	terminal bool
}

const (
	failing = "failing" // usable credentials are held, and refreshes fail
	stale   = "stale"   // expired credentials are served
	bare    = "bare"    // there is nothing to serve
)

// news is what happened, as telemetry needs it once mu is released.
type news struct {
	outcome outcome // empty: no refresh ended
	recheck bool
	took    time.Duration
	failed  *failure
	skew    time.Duration // newly found: how far the local clock is ahead

	turned   condition // a condition that began; zero = none did
	after    trouble   // what a success ended
	failures int
	expires  time.Time
	until    instant // of serving stale credentials
	next     instant
	key      string
}

// take reads from the state what there is to tell. mu is held.
func (n *news) take(s *state, now instant) {
	n.failures, n.until, n.next = s.trouble.count, s.trouble.stale, earliest(s.next, s.recheck)
	n.key = redact.KeyID(s.held.creds.AccessKeyID)
	if s.held.creds.CanExpire {
		n.expires = s.held.creds.Expires.UTC()
	}
	if s.trouble.count == 0 {
		return
	}
	is := condition{bare, s.trouble.terminal}
	switch {
	case s.usable(now):
		is.what = failing
	case s.stale(now):
		is.what = stale
	case !now.reached(s.trouble.keep): // that long the failure is kept; then a caller may start the next try
		n.next = s.trouble.keep
	}
	if is != s.trouble.said {
		s.trouble.said, n.turned = is, is
		n.failed = s.trouble.last
	}
}

// telemetry is the log, the metrics and the traces. Nothing of it is called with a lock held.
type telemetry struct {
	opts      *Options
	refreshes metrics.Int64Counter
	duration  metrics.Float64Histogram
	waits     metrics.Int64Counter
	gauge     metrics.AsyncInstrument
	stopOnce  sync.Once
	tracer    tracing.Tracer
}

func newTelemetry(opts *Options, untilExpiry func() (time.Duration, bool)) *telemetry {
	t := &telemetry{opts: opts}
	traces := opts.TracerProvider
	if traces == nil {
		traces = tracing.NopTracerProvider{}
	}
	t.tracer = traces.Tracer(scope)
	meters := opts.MeterProvider
	if meters == nil {
		meters = metrics.NopMeterProvider{}
	}
	// An instrument that a meter refuses is done without.
	meter, nop := meters.Meter(scope), metrics.NopMeter{}
	var err error
	describe := func(unit, text string) metrics.InstrumentOption {
		return func(o *metrics.InstrumentOptions) { o.UnitLabel, o.Description = unit, text }
	}
	if t.refreshes, err = meter.Int64Counter("podrole.cache.refreshes", describe("{refresh}", "refreshes and rechecks that ended, by outcome")); err != nil {
		t.refreshes, _ = nop.Int64Counter("")
	}
	if t.duration, err = meter.Float64Histogram("podrole.cache.refresh.duration", describe("s", "how long a refresh took")); err != nil {
		t.duration, _ = nop.Float64Histogram("")
	}
	if t.waits, err = meter.Int64Counter("podrole.cache.waits", describe("{call}", "Retrieve calls that had to wait")); err != nil {
		t.waits, _ = nop.Int64Counter("")
	}
	observe := func(ctx context.Context, o metrics.Float64Observer) {
		if left, ok := untilExpiry(); ok {
			o.Observe(ctx, left.Seconds(), t.properties("", ""))
		}
	}
	if t.gauge, err = meter.Float64AsyncGauge("podrole.cache.seconds_to_expiry", observe, describe("s", "time until the held credentials expire")); err != nil {
		t.gauge = nil
	}
	return t
}

// properties are those of a record: the cache's name, if it has one, and one more.
func (t *telemetry) properties(key, value string) metrics.RecordMetricOption {
	return func(o *metrics.RecordMetricOptions) { t.set(&o.Properties, key, value) }
}

func (t *telemetry) set(p *smithy.Properties, key, value string) {
	if t.opts.Name != "" {
		p.Set("cache", t.opts.Name)
	}
	if key != "" {
		p.Set(key, value)
	}
}

func (t *telemetry) waited() { t.waits.Add(context.Background(), 1, t.properties("", "")) }

// stop unregisters the gauge, whose callback would otherwise hold the state for ever.
func (t *telemetry) stop() {
	t.stopOnce.Do(func() {
		if t.gauge != nil {
			t.gauge.Stop()
		}
	})
}

// span starts a refresh's root span. It ends with the refresh, also where the provider does not come back.
func (t *telemetry) span(ctx context.Context) (context.Context, func(error)) {
	ctx, span := t.tracer.StartSpan(ctx, "podrole.cache.refresh", func(o *tracing.SpanOptions) { t.set(&o.Properties, "", "") })
	var once sync.Once
	end := func(err error) {
		once.Do(func() {
			status := tracing.SpanStatusOK
			if err != nil {
				status = tracing.SpanStatusError
				span.SetProperty("outcome", string(outcomeOf(err)))
			}
			span.SetStatus(status)
			span.End()
		})
	}
	cut := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	return ctx, func(err error) { cut(); end(err) }
}

// tell records and logs the news.
func (t *telemetry) tell(n news) {
	ctx := context.Background()
	if n.outcome != "" {
		outcome := t.properties("outcome", string(n.outcome))
		t.refreshes.Add(ctx, 1, outcome)
		t.duration.Record(ctx, n.took.Seconds(), outcome)
	}
	log := t.opts.logger()
	if n.skew != 0 {
		log.Warn("the local clock differs from the credential server's: expiry is judged by the server's", "ahead", n.skew.Round(time.Second).String())
	}
	switch {
	case n.turned.what == failing:
		log.Warn("aws credentials could not be refreshed, those held stay in use", n.trouble()...)
	case n.turned.what == stale:
		log.Warn("aws credentials expired and could not be refreshed, stale ones are served", append(n.trouble(), slog.Time("stale_until", n.until.time()))...)
	case n.turned.what == bare:
		log.Warn("no usable aws credentials", n.trouble()...)
	case n.outcome == outcomeSuccess && n.after.said.what != "":
		log.Info("aws credentials are refreshed again", append(n.held(), slog.Int("failures", n.after.count), slog.Time("since", n.after.since.time()))...)
	case n.outcome == outcomeSuccess:
		log.Debug("aws credentials refreshed", append(n.held(), slog.Bool("recheck", n.recheck), slog.Duration("took", n.took))...)
	case n.failed != nil:
		log.Debug("aws credentials refresh failed", append(n.trouble(), slog.Bool("recheck", n.recheck))...)
	}
}

// held are the attributes of what is held.
func (n *news) held() []any {
	attrs := []any{slog.String("access_key_id", n.key)}
	if !n.expires.IsZero() {
		attrs = append(attrs, slog.Time("expires", n.expires))
	}
	if n.next != never {
		attrs = append(attrs, slog.Time("next_refresh", n.next.time()))
	}
	return attrs
}

// trouble are the attributes of a failure.
func (n *news) trouble() []any {
	attrs := []any{slog.String("error", n.failed.text), slog.Bool("terminal", n.failed.terminal), slog.Int("failures", n.failures)}
	if !n.expires.IsZero() {
		attrs = append(attrs, slog.Time("expires", n.expires))
	}
	if n.next != never {
		attrs = append(attrs, slog.Time("next_try", n.next.time()))
	}
	return attrs
}
