package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The picture has no background and only middle tones, so that it is readable on a light page and on a dark one.
const (
	width, height = 900, 430
	left, right   = 62, 12
	panel         = 140
	ink           = "#808890"
	warm, cool    = "#d9603b", "#2f8fd8"
	perPoint      = 12 // bins: the highest of two minutes is drawn
)

// plot writes the two loads, one above the other, each on a scale of its own.
func plot(w io.Writer, f fleet, ours, theirs load) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="%s">`+"\n",
		width, height, width, height, ink)
	fmt.Fprintf(&b, `<title>Refreshes of %d pods that started in the same second</title>`+"\n", f.pods)
	peak, mean := theirs.settled()
	draw(&b, f, theirs, 44, warm, fmt.Sprintf("aws.CredentialsCache: all at once, every hour (peak %d in 10 s, mean %.0f)", peak, mean))
	peak, mean = ours.settled()
	draw(&b, f, ours, 244, cool, fmt.Sprintf("podrole/cache: peak %d in 10 s from hour %d on, mean %.0f", peak, f.hours/2, mean))
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">calls of STS in 10 s, by hours since the start of %d pods in the same second; sessions of %s</text>`+"\n</svg>\n",
		left+(width-left-right)/2, height-8, f.pods, hours(f.life))
	_, err := io.WriteString(w, b.String())
	return err
}

func draw(b *strings.Builder, f fleet, l load, top int, colour, title string) {
	most := slices.Max(l.bins)
	inner := width - left - right
	bottom := top + panel
	x := func(point, points int) float64 { return left + float64(point)*float64(inner)/float64(points) }
	y := func(n int) float64 { return float64(bottom) - float64(n)*panel/float64(most) }

	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="14" fill="%s">%s</text>`+"\n", left, top-12, colour, title)
	for _, n := range []int{0, most / 2, most} {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s" stroke-opacity=".35"/><text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n",
			left, y(n), width-right, ink, left-6, y(n)+4, n)
	}
	for hour := 0; hour <= f.hours; hour += max(1, f.hours/12) {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(hour, f.hours), bottom+16, hour)
	}
	fmt.Fprintf(b, `<path d="M%d %d`, left, bottom)
	points := len(l.bins) / perPoint
	for point := range points {
		highest := slices.Max(l.bins[point*perPoint : (point+1)*perPoint])
		fmt.Fprintf(b, "L%.1f %.1f", x(point, points), y(highest))
	}
	fmt.Fprintf(b, `L%d %dZ" fill="%s" fill-opacity=".55" stroke="%s" stroke-width=".8"/>`+"\n", width-right, bottom, colour, colour)
}

func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}
