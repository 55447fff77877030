package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

// meter records what is measured, by "name outcome".
type meter struct {
	metrics.NopMeter
	mu       sync.Mutex
	values   map[string][]float64
	callback metrics.Float64Callback
	stopped  bool
	scope    string
	refuse   bool
}

func (m *meter) Meter(scope string, _ ...metrics.MeterOption) metrics.Meter {
	m.scope = scope
	return m
}

func (m *meter) instrument(name string, opts ...metrics.InstrumentOption) (instrument, error) {
	var o metrics.InstrumentOptions
	for _, fn := range opts {
		fn(&o)
	}
	if o.UnitLabel == "" || o.Description == "" {
		return instrument{}, errors.New("an instrument says what it measures")
	}
	if m.refuse {
		return instrument{}, errors.New("refused")
	}
	return instrument{m, name}, nil
}

func (m *meter) Int64Counter(name string, opts ...metrics.InstrumentOption) (metrics.Int64Counter, error) {
	i, err := m.instrument(name, opts...)
	return counter{i}, err
}

func (m *meter) Float64Histogram(name string, opts ...metrics.InstrumentOption) (metrics.Float64Histogram, error) {
	i, err := m.instrument(name, opts...)
	return i, err
}

func (m *meter) Float64AsyncGauge(name string, callback metrics.Float64Callback, opts ...metrics.InstrumentOption) (metrics.AsyncInstrument, error) {
	i, err := m.instrument(name, opts...)
	m.callback = callback
	return i, err
}

// read reads the gauge: ok is false where nothing was observed.
func (m *meter) read() (value float64, ok bool) {
	m.mu.Lock()
	before := len(m.values["podrole.cache.seconds_to_expiry gauge"])
	m.mu.Unlock()
	m.callback(context.Background(), instrument{m, "podrole.cache.seconds_to_expiry"})
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.values["podrole.cache.seconds_to_expiry gauge"]
	if len(all) == before {
		return 0, false
	}
	return all[len(all)-1], true
}

// stop says that the gauge was stopped, or asks.
func (m *meter) stop(now bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = m.stopped || now
	return m.stopped
}

func (m *meter) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name, values := range m.values {
		names = append(names, fmt.Sprintf("%s ×%d", name, len(values)))
	}
	sort.Strings(names)
	return names
}

type instrument struct {
	m    *meter
	name string
}

func (i instrument) record(value float64, opts ...metrics.RecordMetricOption) {
	var o metrics.RecordMetricOptions
	for _, fn := range opts {
		fn(&o)
	}
	i.m.mu.Lock()
	defer i.m.mu.Unlock()
	if i.m.values == nil {
		i.m.values = map[string][]float64{}
	}
	words := []string{i.name}
	for _, key := range []string{"cache", "outcome"} {
		if v := o.Properties.Get(key); v != nil {
			words = append(words, v.(string))
		}
	}
	name := strings.Join(words, " ")
	i.m.values[name] = append(i.m.values[name], value)
}

func (i instrument) Record(_ context.Context, v float64, opts ...metrics.RecordMetricOption) {
	i.record(v, opts...)
}
func (i instrument) Observe(_ context.Context, v float64, opts ...metrics.RecordMetricOption) {
	i.record(v, opts...)
}
func (i instrument) Stop() { i.m.stop(true) }

type counter struct{ instrument }

func (c counter) Add(_ context.Context, n int64, opts ...metrics.RecordMetricOption) {
	c.record(float64(n), opts...)
}

func TestRefreshesWaitsAndExpiryAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		src := newSource(time.Hour)
		c := cache.New(src, func(o *cache.Options) { o.MeterProvider, o.Name = m, "gauge" })
		assert.Equal(t, "example.com/podrole/cache", m.scope)
		_, ok := m.read()
		assert.False(t, ok, "nothing is held")
		for range 3 {
			_, err := c.Retrieve(t.Context())
			require.NoError(t, err)
		}
		left, ok := m.read()
		assert.True(t, ok)
		assert.Equal(t, 3600.0, left)

		src.set(func(s *source) { s.err = errDenied })
		time.Sleep(time.Hour)
		refused(t, c)
		src.set(func(s *source) { s.err, s.hang = nil, true })
		time.Sleep(6 * time.Second)
		refused(t, c)
		left, _ = m.read()
		assert.Less(t, left, -30.0)
		src.set(func(s *source) { s.hang, s.err = false, errDown })
		time.Sleep(6 * time.Second)
		refused(t, c)
		synctest.Wait()

		assert.Equal(t, 0.3, m.values["podrole.cache.refresh.duration gauge success"][0])
		assert.Equal(t, []float64{30}, m.values["podrole.cache.refresh.duration gauge timeout"])
		assert.Len(t, m.values["podrole.cache.refreshes gauge success"], 1)
		assert.Greater(t, len(m.values["podrole.cache.refreshes gauge terminal"]), 3)
		assert.NotEmpty(t, m.values["podrole.cache.refreshes gauge failure"])
		assert.Len(t, m.values["podrole.cache.waits gauge"], int(c.Status().Counters.Waits))
		assert.False(t, m.stop(false))
		require.NoError(t, c.Close())
		assert.True(t, m.stop(false), "or the meter would hold the cache for ever")
	})
}

func TestADroppedCacheLetsItsGaugeGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		c := opened(t, newSource(time.Hour), func(o *cache.Options) { o.MeterProvider = m })
		cache.Drop(c)
		time.Sleep(time.Hour)
		assert.True(t, m.stop(false))
	})
}

func TestAMeterThatRefusesIsDoneWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{refuse: true}
		c := opened(t, newSource(time.Hour), func(o *cache.Options) { o.MeterProvider = m })
		time.Sleep(2 * time.Hour)
		instantly(t, c)
		assert.Empty(t, m.names())
	})
}

// tracer records the spans, and whether they have a parent.
type tracer struct {
	mu    sync.Mutex
	spans []*span
}

func (tr *tracer) Tracer(string, ...tracing.TracerOption) tracing.Tracer { return tr }
func (tr *tracer) StartSpan(ctx context.Context, name string, opts ...tracing.SpanOption) (context.Context, tracing.Span) {
	var o tracing.SpanOptions
	for _, fn := range opts {
		fn(&o)
	}
	_, child := tracing.GetSpan(ctx)
	s := &span{name: name, child: child, properties: o.Properties}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.spans = append(tr.spans, s)
	return tracing.WithSpan(ctx, s), s
}

type span struct {
	name       string
	child      bool
	status     tracing.SpanStatus
	ended      int
	properties smithy.Properties
}

func (s *span) Name() string                            { return s.name }
func (s *span) Context() tracing.SpanContext            { return tracing.SpanContext{} }
func (s *span) AddEvent(string, ...tracing.EventOption) {}
func (s *span) SetStatus(status tracing.SpanStatus)     { s.status = status }
func (s *span) SetProperty(k, v any)                    { s.properties.Set(k, v) }
func (s *span) End()                                    { s.ended++ }

func TestARefreshIsARootSpanOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &tracer{}
		var inside []bool
		src := newSource(time.Hour)
		c := cache.New(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			s, ok := tracing.GetSpan(ctx)
			inside = append(inside, ok && s.Name() == "podrole.cache.refresh")
			return src.Retrieve(ctx)
		}), func(o *cache.Options) { o.TracerProvider, o.Name = tr, "mine" })
		defer c.Close()
		ctx, _ := tr.StartSpan(t.Context(), "the caller's")
		_, err := c.Retrieve(ctx)
		require.NoError(t, err)
		src.set(func(s *source) { s.err = errDown })
		c.Invalidate()
		refused(t, c)
		src.set(func(s *source) { s.deaf = true })
		time.Sleep(time.Second)
		refused(t, c)
		synctest.Wait()

		assert.Equal(t, []bool{true, true, true}, inside, "the provider's own spans are its children")
		require.Len(t, tr.spans, 4)
		for n, s := range tr.spans[1:] {
			assert.Equal(t, "podrole.cache.refresh", s.name)
			assert.False(t, s.child, "not in the trace of the caller that happened to start it")
			assert.Equal(t, 1, s.ended, "ended once, whatever the provider does")
			assert.Equal(t, "mine", s.properties.Get("cache"))
			assert.Equal(t, []any{nil, "failure", "timeout"}[n], s.properties.Get("outcome"))
			assert.Equal(t, []tracing.SpanStatus{tracing.SpanStatusOK, tracing.SpanStatusError, tracing.SpanStatusError}[n], s.status)
		}
		require.NoError(t, c.Close())
		time.Sleep(time.Hour) // the deaf provider comes back
	})
}
