package chain_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// recorder keeps log records as lines, "WARN message key=value …", at DEBUG and above.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Logger() *slog.Logger { return slog.New(recorderHandler{r, nil}) }

// Lines returns the records at the level and above, once every goroutine of the bubble is at rest: records are written after the
// credentials are published.
func (r *recorder) Lines(level slog.Level) []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, line := range r.lines {
		var l slog.Level
		_ = l.UnmarshalText([]byte(line[:strings.IndexByte(line, ' ')]))
		if l >= level {
			lines = append(lines, line)
		}
	}
	return lines
}

// Reset forgets what was recorded.
func (r *recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = nil
}

// One returns the only record whose line holds all the parts; it fails the test if there is none, or more.
func (r *recorder) One(t assert.TestingT, parts ...string) string {
	var found []string
	for _, line := range r.Lines(slog.LevelDebug) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			found = append(found, line)
		}
	}
	if assert.Len(t, found, 1, "records with %q among:\n%s", parts, strings.Join(r.Lines(slog.LevelDebug), "\n")) {
		return found[0]
	}
	return ""
}

type recorderHandler struct {
	r    *recorder
	with []slog.Attr
}

func (h recorderHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h recorderHandler) WithGroup(string) slog.Handler            { panic("not used by this library") }
func (h recorderHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return recorderHandler{h.r, slices.Concat(h.with, attrs)}
}

func (h recorderHandler) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(h.with...)
	var b bytes.Buffer
	text := slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	if err := text.Handle(ctx, record); err != nil {
		return err
	}
	h.r.mu.Lock()
	defer h.r.mu.Unlock()
	h.r.lines = append(h.r.lines, fmt.Sprintf("%s %s %s", record.Level, record.Message, strings.TrimSpace(b.String())))
	return nil
}
