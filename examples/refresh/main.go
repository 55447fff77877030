// Command refresh drives 64 callers, each of which needs credentials every millisecond, through the refreshes and the outages of an
// STS, with package cache and with the SDK's aws.CredentialsCache. It runs in real time, about two minutes, and needs no network.
//
//	go run ./examples/refresh
//	go run ./examples/refresh -only b -outages 1
//
// The first fetch of each cache is not counted. "noise" is how often doing nothing took over 10 ms, which is what the machine itself
// adds. On a busy machine a few calls are interrupted by it; "counted" is how many really waited for STS.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.callers, "callers", 64, "how many callers")
	flag.DurationVar(&o.span, "span", 20*time.Second, "how long scenario a runs")
	flag.IntVar(&o.outages, "outages", 2, "how many outages scenarios b and c have")
	flag.DurationVar(&o.latency, "latency", 300*time.Millisecond, "of STS")
	only := flag.String("only", "abcd", "which scenarios to run")
	flag.Parse()
	if o.callers < 1 || o.span <= 0 || o.outages < 1 || o.latency < 0 {
		fmt.Fprintln(os.Stderr, "refresh: at least one caller and one outage, and positive times")
		os.Exit(2)
	}
	run(os.Stdout, o, *only)
}

func run(w io.Writer, o options, only string) {
	fmt.Fprintf(w, "%-38s %-8s %8s %6s %8s %10s %8s %8s %10s\n", "", "cache", "waited", "noise", "counted", "longest", "errors", "blocked", "STS calls")
	var texts []string
	for _, s := range scenarios {
		if !strings.Contains(only, s.key) {
			continue
		}
		title := s.key + "  " + s.title
		for _, k := range []kind{podrole, sdk} {
			f := s.run(o, k)
			counted := "–"
			if f.counted >= 0 {
				counted = fmt.Sprint(f.counted)
			}
			fmt.Fprintf(w, "%-38s %-8s %8d %6d %8s %10s %8d %8d %10d\n", title, k.name,
				f.waited, f.noise, counted, f.longest.Round(time.Millisecond), f.errors, f.blocked, f.calls)
			title = ""
			if s.key == "d" {
				texts = append(texts, fmt.Sprintf("%-8s the last error came %s after STS was back: %s", k.name, f.recovered.Round(time.Millisecond), f.text))
			}
		}
	}
	fmt.Fprintln(w, "\nwaited: calls of over 10 ms; counted: calls that waited for STS, by podrole's own count; blocked: callers that still hang a second after STS is back")
	if len(texts) > 0 {
		fmt.Fprintln(w, strings.Join(texts, "\n"))
	}
}
