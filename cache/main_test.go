package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// logged records log records as "LEVEL message", above debug; each also runs then, if it is set.
type logged struct {
	mu    sync.Mutex
	lines []string
	attrs []map[string]string
	then  func()
}

func (l *logged) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelDebug }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logged) WithGroup(string) slog.Handler                    { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	attrs := map[string]string{}
	r.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.String(); return true })
	l.mu.Lock()
	l.lines = append(l.lines, fmt.Sprintf("%s %s", r.Level, r.Message))
	l.attrs = append(l.attrs, attrs)
	l.mu.Unlock()
	if l.then != nil {
		l.then()
	}
	return nil
}

func (l *logged) text() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}
