package main

import (
	"context"
	"log/slog"
	"sync"
)

// notebook is a log handler that keeps what the chain warns of, for the report.
type notebook struct {
	mu    sync.Mutex
	notes []string
}

func (n *notebook) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (n *notebook) WithAttrs([]slog.Attr) slog.Handler               { return n }
func (n *notebook) WithGroup(string) slog.Handler                    { return n }

// Handle keeps the message, and what is said of cause and cure. The rest stands in the report already.
func (n *notebook) Handle(_ context.Context, r slog.Record) error {
	note := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "cause" || a.Key == "cure" {
			note += "; " + a.Key + ": " + a.Value.String()
		}
		return true
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, note)
	return nil
}

// all returns the notes; call it once the chain is closed, which waits for its records.
func (n *notebook) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.notes
}
