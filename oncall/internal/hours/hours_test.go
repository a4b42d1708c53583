package hours_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/hours"
)

// The calendar is open exactly where the clock on the wall is within a range
// that began on one of its weekdays, over a week in which the clocks change.
func TestCalendarEqualsTheClockOnTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]oncall.Hours{
		{{From: "09:00", To: "17:30"}},
		{{From: "22:00", To: "06:00", Weekdays: []time.Weekday{time.Friday, time.Saturday, time.Saturday}}},
		{{From: "09:00", To: "12:00"}, {From: "11:00", To: "13:00"}, {From: "13:00", To: "14:00"}},
		{{From: "00:00", To: "24:00", Weekdays: []time.Weekday{time.Sunday}}},
	} {
		var problems sre.Problems
		c := hours.Compile(&problems, "hours", "Europe/Berlin", list)
		if err := problems.Err("test"); err != nil {
			t.Fatal(err)
		}
		for at := time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC); at.Before(time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)); at = at.Add(7 * time.Minute) {
			local := at.In(berlin)
			clock, day := local.Format("15:04"), local.Weekday()
			want := false
			for _, h := range list {
				on := func(d time.Weekday) bool {
					if len(h.Weekdays) == 0 {
						return true
					}
					for _, w := range h.Weekdays {
						if w == d {
							return true
						}
					}
					return false
				}
				if h.From < h.To {
					want = want || on(day) && h.From <= clock && clock < h.To
				} else {
					want = want || on(day) && h.From <= clock || on((day+6)%7) && clock < h.To
				}
			}
			if got := c.Open(at); got != want {
				t.Fatalf("%v at %v: open %t, want %t", list, local, got, want)
			}
		}
	}
}

func TestCompileReportsAllProblems(t *testing.T) {
	var problems sre.Problems
	hours.Compile(&problems, "hours", "Local", []oncall.Hours{
		{From: "09:00", To: "09:00"}, {From: "09:00-10:00", To: "11:00"}, {From: "", To: "24:00"}, {From: "09:00", To: "10:00", Weekdays: []time.Weekday{7}},
	})
	err := problems.Err("test")
	for _, want := range []string{"zone", "hours[0]", "hours[1]", "hours[2]", "hours[3].weekdays: out_of_range"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\tdoes not say %q", err, want)
		}
	}
	if hours.Compile(&problems, "hours", "", nil) != nil {
		t.Error("no hours have a calendar")
	}
}
