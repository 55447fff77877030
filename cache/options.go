package cache

import (
	"log/slog"
	"time"

	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
)

// defaultStaleLimit is what the AWS SDKs allow at most when an instance's metadata service does not renew a role in time
// (ec2rolecreds extends an expiry by 5 to 15 minutes).
const defaultStaleLimit = 15 * time.Minute

// Options are the options of [New]. Every field may be left zero.
type Options struct {
	// Name tells this cache from others of the process in log records, metrics and traces. If empty, it is left out.
	Name string

	// Logger gets a WARN when refreshes begin to fail, and another when that leaves only stale credentials, or none; an INFO
	// when they succeed again; and a DEBUG for every refresh. It is called with no lock held: its handler may itself call Retrieve.
	// If nil, slog.Default() is used. Pass slog.New(slog.DiscardHandler) for silence.
	Logger *slog.Logger

	// StaleLimit is how long past their expiry credentials may still be served while their source does not answer. It applies to
	// sessions from instance metadata and from container endpoints (ECS, EKS Pod Identity), whose services honour them for a
	// while, and caps what a provider grants by its own HandleFailToRefresh. Others, web identity sessions among them, are
	// never served after expiry, nor is anything after a terminal answer such as AccessDenied, or after Invalidate.
	// If zero, 15 minutes; if negative, nothing is served after its expiry.
	StaleLimit time.Duration

	// MeterProvider gets, with meter scope example.com/podrole/cache:
	//
	//	podrole.cache.refreshes          counter    refreshes and rechecks that ended, by "outcome": success, unchanged, failure, terminal, timeout
	//	podrole.cache.refresh.duration   histogram  how long they took, in seconds
	//	podrole.cache.waits              counter    Retrieve calls that had to wait
	//	podrole.cache.seconds_to_expiry  gauge      read on demand; negative once expired
	//
	// If nil, nothing is measured.
	MeterProvider metrics.MeterProvider

	// TracerProvider gets a root span "podrole.cache.refresh" for each refresh, which the provider finds in its context: the
	// trace of the caller that happened to start it is not continued. If nil, nothing is traced.
	TracerProvider tracing.TracerProvider
}

func (o *Options) staleLimit() time.Duration {
	if o.StaleLimit == 0 {
		return defaultStaleLimit
	}
	return max(0, o.StaleLimit)
}

func (o *Options) logger() *slog.Logger {
	log := o.Logger
	if log == nil {
		log = slog.Default()
	}
	if o.Name != "" {
		log = log.With("cache", o.Name)
	}
	return log
}
