package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logWriter prints records for a person: one attribute on a line, since some of them are sentences. What else is printed goes through
// it too, since records come from another goroutine.
type logWriter struct {
	mu   sync.Mutex
	out  io.Writer
	last time.Time // when the last record came; zero if none has since the last await
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// await waits until records have come and no more do: a chain writes them after it has answered.
func (w *logWriter) await() error {
	const quiet, limit = 100 * time.Millisecond, 10 * time.Second
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(quiet / 10) {
		w.mu.Lock()
		came := !w.last.IsZero() && time.Since(w.last) > quiet
		if came {
			w.last = time.Time{}
		}
		w.mu.Unlock()
		if came {
			return nil
		}
	}
	return errors.New("the chain wrote no record")
}

func (w *logWriter) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (w *logWriter) WithAttrs([]slog.Attr) slog.Handler               { return w }
func (w *logWriter) WithGroup(string) slog.Handler                    { return w }

func (w *logWriter) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "log       %-5s %s\n", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		switch value := a.Value.Any().(type) {
		case []string:
			for _, one := range value {
				b.WriteString(wrap(a.Key+": "+one, 16))
			}
		case time.Time:
			b.WriteString(wrap(a.Key+"="+value.Format(time.RFC3339), 16))
		default:
			b.WriteString(wrap(a.Key+"="+a.Value.String(), 16))
		}
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	_, err := io.WriteString(w.out, b.String())
	return err
}

// wrap breaks a text into lines of about a hundred characters, the first indented, the others somewhat more.
func wrap(text string, indent int) string {
	const width = 104
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			column, _ = fmt.Fprintf(&b, "%*s%s", indent, "", word)
		case column+1+len(word) > width:
			column, _ = fmt.Fprintf(&b, "\n%*s%s", indent+2, "", word)
			column--
		default:
			n, _ := fmt.Fprintf(&b, " %s", word)
			column += n
		}
	}
	return b.String() + "\n"
}
