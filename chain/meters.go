package chain

import (
	"context"

	"github.com/aws/smithy-go/metrics"
)

// meters counts what happens to the winner; the session cache measures the refreshes.
type meters struct{ changes, falls metrics.Int64Counter }

// newMeters makes the instruments. A provider that is nil, or fails to make one, counts nothing.
func newMeters(provider metrics.MeterProvider) meters {
	if provider == nil {
		provider = metrics.NopMeterProvider{}
	}
	meter := provider.Meter("example.com/podrole/chain")
	counter := func(name, description string) metrics.Int64Counter {
		c, err := meter.Int64Counter(name, func(o *metrics.InstrumentOptions) { o.UnitLabel, o.Description = "1", description })
		if err != nil {
			return nil
		}
		return c
	}
	return meters{
		changes: counter("podrole.chain.winner_changes", "Changes of the provider or principal that the process runs as"),
		falls:   counter("podrole.chain.fallbacks", "Winners that came after a provider that failed"),
	}
}

func (m meters) winnerChanges(provider string) { count(m.changes, provider) }
func (m meters) fallbacks(provider string)     { count(m.falls, provider) }

func count(c metrics.Int64Counter, provider string) {
	if c != nil {
		c.Add(context.Background(), 1, func(o *metrics.RecordMetricOptions) { o.Properties.Set("provider", provider) })
	}
}
