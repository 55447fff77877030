// Command fleet simulates the load that a fleet of pods puts on STS when all of them start in the same second: with the schedule of
// package cache, and beside it with the SDK's cache, which renews at the instant of expiry. Nothing but arithmetic runs; it takes
// less than a second.
//
//	go run ./examples/fleet                # the figures
//	go run ./examples/fleet -svg fleet.svg # and a picture of them
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

func main() {
	f := fleet{}
	flag.IntVar(&f.pods, "pods", 10_000, "how many pods start in the same second")
	flag.DurationVar(&f.life, "life", time.Hour, "how long a session lives")
	flag.IntVar(&f.hours, "hours", 24, "how many hours are simulated; the second half is what the figures are taken from")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	svg := flag.String("svg", "", "write a picture to this file")
	flag.Parse()
	if f.pods < 1 || f.hours < 1 || f.life < time.Minute || f.life > time.Duration(f.hours)*time.Hour/2 {
		fmt.Fprintln(os.Stderr, "fleet: at least one pod and one hour, and sessions between a minute and half of the hours")
		os.Exit(2)
	}
	ours, theirs := f.both(*seed)
	report(os.Stdout, f, ours, theirs)
	if *svg != "" {
		if err := save(*svg, f, ours, theirs); err != nil {
			fmt.Fprintln(os.Stderr, "fleet:", err)
			os.Exit(1)
		}
	}
}

func (f fleet) both(seed uint64) (ours, theirs load) {
	return f.run(rand.New(rand.NewPCG(seed, 0)), f.podrole), f.run(rand.New(rand.NewPCG(seed, 0)), f.sdk)
}

func save(name string, f fleet, ours, theirs load) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := plot(file, f, ours, theirs); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

func report(w io.Writer, f fleet, ours, theirs load) {
	ourPeak, ourMean := ours.settled()
	theirPeak, theirMean := theirs.settled()
	fmt.Fprintf(w, "%d pods, started in the same second; sessions of %s; %d hours\n\n", f.pods, hours(f.life), f.hours)
	fmt.Fprintf(w, "%-46s %10s %10s\n", "calls of STS", "podrole", "SDK")
	fmt.Fprintf(w, "%-46s %10d %10d\n", "in all", ours.total, theirs.total)
	fmt.Fprintf(w, "%-46s %10d %10d\n", "first renewal, most in one second", ours.firstPeak(), theirs.firstPeak())
	fmt.Fprintf(w, "%-46s %10.0f\n", fmt.Sprintf("  limit: 2.5 × %d ÷ %.0f s", f.pods, f.window().Seconds()), f.firstLimit())
	fmt.Fprintf(w, "%-46s %10.1f %10.1f\n", fmt.Sprintf("hours %d to %d, mean of 10 s", f.hours/2, f.hours), ourMean, theirMean)
	fmt.Fprintf(w, "%-46s %10d %10d\n", fmt.Sprintf("hours %d to %d, most in 10 s", f.hours/2, f.hours), ourPeak, theirPeak)
	fmt.Fprintf(w, "%-46s %10.2f %10.1f\n", "  that is × the mean (limit: 2)", float64(ourPeak)/ourMean, float64(theirPeak)/theirMean)
}
