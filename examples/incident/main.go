// Command incident replays the incident that podrole was made for, on this machine alone: fakes of STS, of the EC2 instance metadata
// service and of Kinesis listen on loopback, and no AWS account is needed.
//
// A canary pod uses the service account gryphon-dispatcher-canary. The trust policy of its role accepts gryphon-dispatcher. STS refuses
// the exchange, the worker node's role waits at the metadata service, and the service wants to describe a Kinesis stream. Each act runs
// the default chain under another setting and shows what the process logs, whom it would run as, and what Kinesis says.
//
//	go run ./examples/incident          the acts, in a few seconds
//	go run ./examples/incident -patient and watches the fallback heal by itself, which takes a minute
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	patient := flag.Bool("patient", false, "also wait for a fallback to heal by itself, about a minute")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *patient); err != nil {
		fmt.Fprintln(os.Stderr, "incident:", err)
		os.Exit(1)
	}
}

// run plays the acts.
func run(ctx context.Context, out io.Writer, patient bool) error {
	s, err := newStage(out)
	if err != nil {
		return err
	}
	defer s.close()
	for i, act := range acts(patient) {
		s.title(i+1, act.title)
		s.text(act.before)
		if err := act.play(ctx, s); err != nil {
			return fmt.Errorf("act %d: %w", i+1, err)
		}
		s.text(act.after)
	}
	return nil
}
