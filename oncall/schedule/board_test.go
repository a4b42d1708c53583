package schedule_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A board says what each schedule says, wherever it is moved, also back and
// beyond the horizon.
func TestBoardAgreesWithItsSchedules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		var list []*schedule.Compiled
		for range rapid.IntRange(1, 4).Draw(t, "schedules") {
			s := oncalltest.Schedules(oncalltest.Range{}).Draw(t, "schedule")
			list = append(list, s.MustCompile(from, from.AddDate(0, 0, rapid.IntRange(0, 10).Draw(t, "days"))))
		}
		board := schedule.NewBoard(list...)
		for range 6 {
			at := from.Add(time.Duration(rapid.IntRange(-2000, 14*1440).Draw(t, "minute")) * time.Minute)
			board.MoveTo(at)
			for i, c := range list {
				if got, want := board.OnCall(i).String(), c.At(at).String(); got != want {
					t.Fatalf("at %s schedule %d has %s, and the board %s", at, i, want, got)
				}
				if got, want := board.First(i, oncall.Primary), c.At(at).First(oncall.Primary); got != want {
					t.Fatalf("at %s schedule %d has %q first, and the board %q", at, i, want, got)
				}
			}
			if next, ok := board.Next(); !ok || !next.After(at) {
				t.Fatalf("after %s the next change is at %s, %v", at, next, ok)
			}
		}
	})
}

func TestAnswersDoNotAllocate(t *testing.T) {
	c := big().MustCompile(yearStart, yearEnd)
	board := schedule.NewBoard(c)
	now := yearStart.AddDate(0, 5, 3)
	for name, ask := range map[string]func(){
		"At":      func() { c.At(now).First(oncall.Primary) },
		"Has":     func() { c.At(now).Has("p00", oncall.Primary) },
		"Flatten": func() { countShifts(c) },
		"Board":   func() { board.MoveTo(now) },
	} {
		if n := testing.AllocsPerRun(10, ask); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func countShifts(c *schedule.Compiled) (n int) {
	for range c.Flatten(yearStart, yearEnd) {
		n++
	}
	return n
}

// The shifts of a year, counted and added up, are those of the naive version,
// which merges nothing and knows no gap and fold.
func TestBenchmarkedScheduleIsBig(t *testing.T) {
	c := big().MustCompile(yearStart, yearEnd)
	if n := countShifts(c); n < 3650 {
		t.Errorf("%d shifts, want five layers of about 730", n)
	}
	people := slices.Collect(func(yield func(string) bool) {
		for s := range c.Flatten(yearStart, yearStart.AddDate(0, 0, 7)) {
			if !yield(s.Person) {
				return
			}
		}
	})
	if len(people) == 0 {
		t.Error("nobody is on call")
	}
}
