package pagerduty_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall/pagerduty"
)

// TestNoMinuteSeesMoreCallsThanAllowed places the arrival of each call anywhere
// between its start and its end, and then looks at every minute.
func TestNoMinuteSeesMoreCallsThanAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const per = time.Minute
		limit := &pagerduty.Window{N: rapid.IntRange(1, 5).Draw(t, "n"), Per: per}
		now := start
		var begun, arrivals []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 25_000).Draw(t, "ms")) * time.Millisecond)
			if len(begun) > 0 && rapid.Bool().Draw(t, "end one") {
				i := rapid.IntRange(0, len(begun)-1).Draw(t, "which")
				way := now.Sub(begun[i])
				arrivals = append(arrivals, begun[i].Add(time.Duration(rapid.Float64Range(0, 1).Draw(t, "where")*float64(way))))
				begun = append(begun[:i], begun[i+1:]...)
				limit.Done(now)
				continue
			}
			switch wait := limit.Take(now); {
			case wait == 0:
				begun = append(begun, now)
			case wait > per:
				t.Fatalf("a wait of %s, longer than %s", wait, per)
			}
		}
		for _, from := range arrivals {
			seen := 0
			for _, a := range arrivals {
				if !a.Before(from) && a.Before(from.Add(per)) {
					seen++
				}
			}
			if seen > limit.N {
				t.Fatalf("%d calls in the minute from %s, want at most %d", seen, from, limit.N)
			}
		}
	})
}

func TestWaitIsNeitherTooLongNorTooShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := &pagerduty.Window{N: rapid.IntRange(1, 4).Draw(t, "n"), Per: time.Minute}
		now := start
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "ms")) * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(t, "block") == 0 {
				limit.Block(time.Duration(rapid.IntRange(1, 90_000).Draw(t, "pause"))*time.Millisecond, now)
			}
			if wait := limit.Take(now); wait > 0 {
				if again := limit.Take(now.Add(wait - 1)); again != 1 {
					t.Fatalf("one nanosecond before the end of the wait: %s, want 1ns", again)
				}
				now = now.Add(wait)
				if again := limit.Take(now); again != 0 {
					t.Fatalf("after the wait of %s: another %s", wait, again)
				}
			}
			limit.Done(now)
		}
	})
}

func TestClockSetBackDoesNotStopCalls(t *testing.T) {
	limit := &pagerduty.Window{N: 1, Per: time.Minute}
	if limit.Take(start) != 0 {
		t.Fatal("the first call was not admitted")
	}
	limit.Done(start)
	back := start.Add(-24 * time.Hour)
	if wait := limit.Take(back); wait <= 0 || wait > time.Minute {
		t.Errorf("wait %s after the clock was set back, want at most a minute", wait)
	}
	if wait := limit.Take(back.Add(time.Minute)); wait != 0 {
		t.Errorf("wait %s a minute later, want 0", wait)
	}
}
