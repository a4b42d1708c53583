package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// A fault is a time in which a share of the requests fails.
type fault struct {
	from, to time.Time
	share    float64
}

// baseShare is what fails at all times: a fifth of what 99.9% allows.
const baseShare = 0.0002

// The story. The budget of 30 days is about 1,500 failures.
var (
	faults = []fault{
		// A dependency times out: about a seventh of the budget goes.
		{april(14, 15, 10), april(14, 16, 0), 0.06},
		// A release fails one request in 25. Nobody rolls it back, and from 14:00
		// to the evening retries make it one in ten.
		{april(30, 13, 10), april(30, 14, 0), 0.04},
		{april(30, 14, 0), april(30, 17, 30), 0.10},
	}
	restart = april(12, 3, 17) // the counters begin at zero again
)

func april(day, hour, minute int) time.Time {
	return time.Date(2026, time.April, day, hour, minute, 0, 0, time.UTC)
}

// readRequests reads the number of requests in each minute.
func readRequests(file string) ([]int, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var requests []int
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue // whose numbers these are
		}
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		requests = append(requests, n)
	}
	if want := int(recording.End.Sub(recording.Start) / time.Minute); lines.Err() == nil && len(requests) != want {
		return nil, fmt.Errorf("%s: %d minutes, want %d", file, len(requests), want)
	}
	return requests, lines.Err()
}

// counters are the values of the two series after each minute.
type counters struct{ served, failed []int }

// inject splits requests into those that were served and those that failed.
func inject(requests []int) counters {
	var (
		c              counters
		served, failed int
		// The stream of a PCG is fixed for all versions of Go.
		coin = rand.NewPCG(1995, 2026)
	)
	for i, n := range requests {
		at := recording.Start.Add(time.Duration(i) * time.Minute)
		if at.Equal(restart) {
			served, failed = 0, 0
		}
		limit := uint64(shareAt(at) * (1 << 53))
		for range n {
			if coin.Uint64()>>11 < limit {
				failed++
			} else {
				served++
			}
		}
		c.served, c.failed = append(c.served, served), append(c.failed, failed)
	}
	return c
}

func shareAt(at time.Time) float64 {
	for _, f := range faults {
		if !at.Before(f.from) && at.Before(f.to) {
			return f.share
		}
	}
	return baseShare
}

// writeOpenMetrics writes the series as promtool reads them: a first sample of
// zero at the start and one at the end of each minute.
func writeOpenMetrics(w io.Writer, c counters) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "# HELP http_requests Requests that were answered.\n# TYPE http_requests counter")
	for _, series := range []struct {
		code   string
		values []int
	}{{"200", c.served}, {"500", c.failed}} {
		labels := fmt.Sprintf(`http_requests_total{job="checkout",code=%q}`, series.code)
		fmt.Fprintf(b, "%s 0 %d\n", labels, recording.Start.Unix())
		for i, v := range series.values {
			fmt.Fprintf(b, "%s %d %d\n", labels, v, recording.Start.Add(time.Duration(i+1)*time.Minute).Unix())
		}
	}
	fmt.Fprintln(b, "# EOF")
	return b.Flush()
}
