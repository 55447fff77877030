package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is a label and what stands behind it.
type field struct{ label, value string }

// table writes fields below one another, their values aligned. Those without a value are left out.
func table(w io.Writer, fields ...field) {
	width := 0
	for _, f := range fields {
		if f.value != "" {
			width = max(width, utf8.RuneCountInString(f.label))
		}
	}
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(f.label))
		lines := strings.Split(strings.Map(printable, f.value), "\n")
		fmt.Fprintf(w, "  %s%s  %s\n", f.label, pad, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(w, "  %s  %s\n", strings.Repeat(" ", width), line)
		}
	}
}

// printable keeps foreign text, a policy's keys for one, from doing something to a terminal.
func printable(r rune) rune {
	if r == '\n' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// printJSON writes a value as JSON. All of ours can be.
func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		fmt.Fprintf(w, "{\"error\": %q}\n", err.Error())
	}
}
