// Package hours compiles oncall.Hours.
package hours

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
)

// Compile returns the calendar that is open within any of the hours, on the
// wall clock of a zone, or nil if there are none, adding to problems what is
// wrong with them.
func Compile(problems *sre.Problems, path, zoneName string, list []oncall.Hours) *civil.Calendar {
	if len(list) == 0 {
		return nil
	}
	if len(list) > oncall.MaxHours {
		problems.Add(path, "too_many", len(list), fmt.Sprintf("at most %d", oncall.MaxHours))
		return nil
	}
	var inner sre.Problems
	hours := civil.Hours{}
	zone, err := civil.LoadZone(zoneName)
	inner.Merge("zone", err)
	hours.Zone = zone
	for i, h := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		r, err := civil.ParseClockRange(h.From + "-" + h.To)
		inner.Merge(at, err)
		days := h.Weekdays
		if len(days) == 0 {
			days = []time.Weekday{0, 1, 2, 3, 4, 5, 6}
		}
		for _, d := range days {
			if d < time.Sunday || d > time.Saturday {
				inner.Add(at+".weekdays", "out_of_range", int(d), "0 (Sunday) to 6 (Saturday)")
			} else if err == nil {
				hours.Week[d] = append(hours.Week[d], r)
			}
		}
	}
	var calendar *civil.Calendar
	if inner.Len() == 0 {
		calendar, err = hours.Compile()
		inner.Merge(path, err)
	}
	problems.Merge("", inner.Err(""))
	return calendar
}
