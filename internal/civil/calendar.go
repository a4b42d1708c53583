package civil

import (
	"math"
	"sort"
	"time"
)

// A Calendar answers questions about business time. [Hours.Compile] makes it.
//
// It is open at t exactly if the wall clock shows, at t, a time that the hours
// call open. So in a fold both passes of 01:30 are open or both are closed, and
// time that a gap skips does not count.
//
// Open is a few binary searches. Between and Add take such a search for each
// transition of the zone in the time that they span, two a year in most zones
// and none in many, not for each day. Next looks at each boundary of the week
// until the state changes, so at most at a week's and at those of adjacent
// holidays. Nothing allocates.
//
// Business time outside the years 0001 to 9999 is not counted.
//
// The nil Calendar is never open.
type Calendar struct {
	zone     Zone
	open     []weekSpan // disjoint, ascending
	perWeek  int64      // open seconds in a week without holidays
	holidays []holiday  // distinct, ascending
	lost     int64      // open seconds that all holidays take away
}

// A weekSpan is open time, in civil seconds since Monday 00:00.
type weekSpan struct {
	start, end int64
	before     int64 // open seconds in the week before it
}

// A holiday is a day, counted from 1970-01-01.
type holiday struct {
	day    int64
	before int64 // open seconds that earlier holidays take away
}

// The instants within which business time is counted, in seconds since 1970.
var (
	firstInstant = minDay * daySeconds
	lastInstant  = (maxDay + 1) * daySeconds
)

// Open reports whether t is business time.
func (c *Calendar) Open(t time.Time) bool {
	u := t.Unix()
	return c != nil && firstInstant <= u && u < lastInstant && c.openCivil(u+c.zone.rules.offset(u))
}

// Between returns how much business time passes from a to b, in real time: an
// open hour that a zone repeats counts twice, one that it skips not at all. It
// is negative if b is before a, and stops at what a Duration can hold, some 292
// years.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if c == nil {
		return 0
	}
	if b.Before(a) {
		return -c.Between(b, a)
	}
	from, to := clamp(a.Unix(), firstInstant, lastInstant), clamp(b.Unix(), firstInstant, lastInstant)
	var seconds int64
	for from < to {
		offset, end := c.zone.rules.spanAt(from)
		end = min(end, to)
		seconds += c.upTo(end+offset) - c.upTo(from+offset)
		from = end
	}
	if seconds > math.MaxInt64/int64(time.Second)-1 {
		return math.MaxInt64
	}
	return time.Duration(seconds)*time.Second + c.fraction(b) - c.fraction(a)
}

// fraction returns the part of the second of t that is business time before t.
func (c *Calendar) fraction(t time.Time) time.Duration {
	if !c.Open(t) {
		return 0
	}
	return time.Duration(t.Nanosecond())
}

// Add returns the first instant at or after t by which d of business time has
// passed, in the zone of the calendar: Between(t, Add(t, d)) = d. If d ends
// exactly when business does, that is the end of business, not the next
// opening. Add(t, 0) is t. ok is false if d is negative or the calendar does
// not hold so much time before the end of year 9999.
func (c *Calendar) Add(t time.Time, d time.Duration) (end time.Time, ok bool) {
	switch {
	case c == nil || d < 0:
		return time.Time{}, false
	case d == 0:
		return t.In(c.zone.rules.loc), true
	}
	// Count whole seconds from the one in which t lies. If a fraction is left,
	// the answer lies inside the open second that begins after need seconds.
	need := int64(d / time.Second)
	rest := d%time.Second + c.fraction(t)
	need, rest = need+int64(rest/time.Second), rest%time.Second
	if rest > 0 {
		need++
	}
	u, ok := c.addSeconds(max(t.Unix(), firstInstant), need)
	if !ok {
		return time.Time{}, false
	}
	if rest > 0 {
		u--
	}
	return time.Unix(u, int64(rest)).In(c.zone.rules.loc), true
}

// addSeconds returns the first instant by which need whole seconds of business
// time have passed since u.
func (c *Calendar) addSeconds(u, need int64) (int64, bool) {
	for u < lastInstant {
		offset, end := c.zone.rules.spanAt(u)
		end = min(end, lastInstant)
		from := c.upTo(u + offset)
		if here := c.upTo(end+offset) - from; here < need {
			u, need = end, need-here
			continue
		}
		for low := u; ; { // upTo(low) < wanted <= upTo(end)
			if end-low <= 1 {
				return end, true
			}
			if mid := low + (end-low)/2; c.upTo(mid+offset)-from < need {
				low = mid
			} else {
				end = mid
			}
		}
	}
	return 0, false
}

// Next returns the first instant after t at which business opens or closes, in
// the zone of the calendar, and whether it is open from there on. ok is false
// if there is none before the end of year 9999, as with hours that never close.
func (c *Calendar) Next(t time.Time) (at time.Time, open, ok bool) {
	if c == nil {
		return time.Time{}, false, false
	}
	u := max(t.Unix(), firstInstant)
	was := c.Open(t)
	for u < lastInstant {
		offset, end := c.zone.rules.spanAt(u)
		civilEnd := min(end, lastInstant) + offset
		if change := c.nextChange(u+offset, civilEnd, was); change < civilEnd {
			return c.zone.at(change - offset), !was, true
		}
		if c.settled(u + offset) {
			break
		}
		// The transition itself may open or close.
		if u = end; u < lastInstant && c.openCivil(u+c.zone.rules.offset(u)) != was {
			return c.zone.at(u), !was, true
		}
	}
	return time.Time{}, false, false
}

// settled reports whether nothing changes any more after the civil time s:
// every week is open throughout and no holiday is left.
func (c *Calendar) settled(s int64) bool {
	n := len(c.holidays)
	return c.perWeek == weekSeconds && (n == 0 || c.holidays[n-1].day < floorDiv(s, daySeconds))
}

// nextChange returns the first civil time after s, and before end, that is open
// if was is false and closed if it is true; if there is none, end.
func (c *Calendar) nextChange(s, end int64, was bool) int64 {
	for {
		s = min(c.nextEdge(s), end)
		if s == end || c.openCivil(s) != was {
			return s
		}
	}
}

// nextEdge returns a civil time after s before which the state is that of s: an
// edge of the week's pattern or its end, or the start or the end of a holiday.
func (c *Calendar) nextEdge(s int64) int64 {
	edge := int64(math.MaxInt64)
	if c.perWeek < weekSeconds {
		edge = s + c.toWeekEdge(sinceMonday(s))
	}
	day := floorDiv(s, daySeconds)
	if i := c.holidaysBefore(day); i < len(c.holidays) {
		next := c.holidays[i].day
		if next == day {
			next++
		}
		edge = min(edge, next*daySeconds)
	}
	return edge
}

// toWeekEdge returns the seconds from w, in the week, to the next edge of its
// pattern or the end of the week.
func (c *Calendar) toWeekEdge(w int64) int64 {
	i := c.spanFrom(w)
	switch {
	case i >= 0 && w < c.open[i].end:
		return c.open[i].end - w
	case i+1 < len(c.open):
		return c.open[i+1].start - w
	}
	return weekSeconds - w
}

// openCivil reports whether the civil time s is business time.
func (c *Calendar) openCivil(s int64) bool {
	w := sinceMonday(s)
	i := c.spanFrom(w)
	return i >= 0 && w < c.open[i].end && !c.isHoliday(floorDiv(s, daySeconds))
}

func (c *Calendar) isHoliday(day int64) bool {
	i := c.holidaysBefore(day)
	return i < len(c.holidays) && c.holidays[i].day == day
}

// holidaysBefore returns the number of holidays before the day.
func (c *Calendar) holidaysBefore(day int64) int {
	return sort.Search(len(c.holidays), func(i int) bool { return c.holidays[i].day >= day })
}

// spanFrom returns the last span of the week that starts at w or before, or -1.
func (c *Calendar) spanFrom(w int64) int {
	return sort.Search(len(c.open), func(i int) bool { return c.open[i].start > w }) - 1
}

// upTo returns the open civil seconds before the civil time s, counted from an
// origin of its own: only differences mean something.
func (c *Calendar) upTo(s int64) int64 {
	w := sinceMonday(s)
	total := week(s)*c.perWeek + c.inWeek(w)
	day := floorDiv(s, daySeconds)
	i := c.holidaysBefore(day)
	if i == len(c.holidays) {
		return total - c.lost
	}
	total -= c.holidays[i].before
	if c.holidays[i].day == day {
		midnight := w - (s - day*daySeconds)
		total -= c.inWeek(w) - c.inWeek(midnight)
	}
	return total
}

// inWeek returns the open seconds of a week before w, 0 <= w <= a week.
func (c *Calendar) inWeek(w int64) int64 {
	i := c.spanFrom(w)
	if i < 0 {
		return 0
	}
	return c.open[i].before + min(w, c.open[i].end) - c.open[i].start
}

// week counts weeks from that of 1970-01-01, a Thursday, three days after its
// Monday.
func week(s int64) int64 { return floorDiv(s+3*daySeconds, weekSeconds) }

// sinceMonday returns the civil seconds from Monday 00:00 to s.
func sinceMonday(s int64) int64 { return s + 3*daySeconds - week(s)*weekSeconds }
