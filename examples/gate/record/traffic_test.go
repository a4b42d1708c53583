package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

func TestCountersKeepEveryRequest(t *testing.T) {
	requests, err := readRequests(filepath.Join("..", "testdata", "requests-per-minute.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	c := inject(requests)
	served, failed, resets := 0, 0, 0
	for i, n := range requests {
		if recording.Start.Add(time.Duration(i) * time.Minute).Equal(restart) {
			served, failed = 0, 0
			resets++
		}
		if got := c.served[i] - served + c.failed[i] - failed; got != n {
			t.Fatalf("minute %d: got %d requests, want %d", i, got, n)
		}
		if c.served[i] < served || c.failed[i] < failed {
			t.Fatalf("minute %d: a counter falls without a restart", i)
		}
		served, failed = c.served[i], c.failed[i]
	}
	if resets != 1 {
		t.Errorf("got %d restarts, want one", resets)
	}
}

func TestFaultsLieInThePeriodAndApart(t *testing.T) {
	before := recording.Start
	for _, f := range faults {
		if f.from.Before(before) || !f.to.After(f.from) || f.to.After(recording.End) || f.share <= baseShare || f.share > 1 {
			t.Errorf("%v to %v with a share of %v", f.from, f.to, f.share)
		}
		before = f.to
	}
}
