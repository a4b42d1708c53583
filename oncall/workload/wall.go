package workload

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
)

// wall measures time by the clock and calendar of one zone. Each calendar
// counts the seconds of one class; nil counts none.
type wall struct {
	zone  civil.Zone
	of    [Holiday]*civil.Calendar // the classes before Holiday, holidays left out
	plain *civil.Calendar          // all time but holidays; nil if there are no holidays
	night *civil.Calendar          // the night of every day, whatever its class
}

const secondsPerDay = 24 * 60 * 60

// newWall compiles ranges and days that were checked. Ranges that Compile has
// refused may come in too: then the wall is never used.
func newWall(zone civil.Zone, night, work civil.ClockRange, weekend []time.Weekday, holidays []civil.Date) *wall {
	var week [Holiday][7][]civil.ClockRange
	var nights, all [7][]civil.ClockRange
	cuts := []int64{0, night.From.Seconds(), night.To.Seconds(), work.From.Seconds(), work.To.Seconds(), secondsPerDay}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for day := range 7 {
		isWeekend := slices.Contains(weekend, time.Weekday(day))
		all[day] = []civil.ClockRange{{To: clockOf(secondsPerDay)}}
		for i, from := range cuts[:len(cuts)-1] {
			r := civil.ClockRange{From: clockOf(from), To: clockOf(cuts[i+1])}
			class := Off
			if within(night, from) {
				class = Night
				nights[day] = append(nights[day], r)
			} else if within(work, from) {
				class = Work
			}
			if isWeekend {
				class = Weekend
			}
			week[class][day] = append(week[class][day], r)
		}
	}
	w := &wall{zone: zone, night: calendar(zone, nights, nil)}
	for class := range w.of {
		w.of[class] = calendar(zone, week[class], holidays)
	}
	if len(holidays) > 0 {
		w.plain = calendar(zone, all, holidays)
	}
	return w
}

// calendar returns nil, which is never open, for a week without ranges.
func calendar(zone civil.Zone, week [7][]civil.ClockRange, holidays []civil.Date) *civil.Calendar {
	c, err := civil.Hours{Zone: zone, Week: week, Holidays: holidays}.Compile()
	if err != nil {
		return nil
	}
	return c
}

func clockOf(second int64) civil.Clock {
	return civil.Clock{Hour: int(second / 3600), Minute: int(second / 60 % 60), Second: int(second % 60)}
}

// within says whether a second of the day lies in a range, over midnight too.
func within(r civil.ClockRange, second int64) bool {
	from, to := r.From.Seconds(), r.To.Seconds()
	if from < to {
		return from <= second && second < to
	}
	return second >= from || second < to
}

// split shares out the time from a to b, and says how much of it is night.
func (w *wall) split(a, b time.Time) (s Split, night time.Duration) {
	for class, c := range w.of {
		s[class] = c.Between(a, b)
	}
	if w.plain != nil {
		s[Holiday] = b.Sub(a) - w.plain.Between(a, b)
	}
	return s, w.night.Between(a, b)
}

// Split shares out the time from a to b by the wall clock of the person, and
// says how much of it is night on whatever day, weekends and holidays too. Both
// are zero unless a is before b, by at most [MaxSpan], in the years 2 to 9998.
func (c *Compiled) Split(person string, a, b time.Time) (s Split, night time.Duration) {
	if c == nil || c.other == nil || !a.Before(b) || b.Sub(a) > MaxSpan || a.Year() < 2 || b.Year() > 9998 {
		return s, 0
	}
	return c.wallOf(person).split(a, b)
}
