package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/recur"
)

// restriction is a Restriction made ready.
type restriction struct {
	weekdays  uint8  // bit of the weekday; 0: all
	months    uint16 // bit of the month; 0: all
	days      uint32 // bit of the day of the month
	fromEnd   uint32 // bit of the day counted from the end, 1 the last
	byDay     bool   // days and fromEnd count
	dates     []dayRange
	onDays    []dayRange
	notDays   []dayRange
	byDate    bool
	byHoliday bool

	clock  []clockRange // sorted by start
	rule   *recur.Rule
	perDay int   // at most so many occurrences begin on a day
	lasts  int64 // seconds of an occurrence
}

// dayRange is days [from, to), counted from 1970-01-01.
type dayRange struct{ from, to int64 }

// clockRange is civil seconds since midnight; to may lie in the next day.
type clockRange struct{ from, to int64 }

// span is [start, end), in civil time or instants.
type span struct{ start, end int64 }

func (r Restriction) clone() Restriction {
	r.Clock, r.Weekdays, r.MonthDays, r.Months = slices.Clone(r.Clock), slices.Clone(r.Weekdays), slices.Clone(r.MonthDays), slices.Clone(r.Months)
	r.Dates, r.OnHolidays, r.NotOnHolidays = slices.Clone(r.Dates), slices.Clone(r.OnHolidays), slices.Clone(r.NotOnHolidays)
	return r
}

func (k *compiler) checkHolidays() {
	k.holidays = map[string][]dayRange{}
	names := unique{k, "a name that no other calendar has", map[string]bool{}}
	for i, h := range k.spec.Holidays {
		path := fmt.Sprintf("holidays[%d]", i)
		names.check(path, ".name", h.Name)
		k.limit(path+".dates", len(h.Dates), MaxDates)
		k.holidays[h.Name] = k.days(path+".dates", h.Dates[:min(len(h.Dates), MaxDates)])
	}
}

// days reads dates and ranges of dates, and returns their union.
func (k *compiler) days(path string, list []string) []dayRange {
	var days []dayRange
	for i, text := range list {
		path := fmt.Sprintf("%s[%d]", path, i)
		first, last := text, text
		if len(text) > 10 && text[10] == '/' {
			first, last = text[:10], text[11:]
		}
		from, err := civil.ParseDate(first)
		k.Merge(path, err)
		to, err2 := civil.ParseDate(last)
		if err2 != nil && err == nil {
			k.Merge(path, err2)
		}
		if err == nil && err2 == nil && to.Compare(from) < 0 {
			k.Add(path, "out_of_range", text, "a last day that is not before the first")
		}
		days = append(days, dayRange{from.Number(), to.Number() + 1})
	}
	return uniteDays(days)
}

func uniteDays(days []dayRange) []dayRange {
	slices.SortFunc(days, func(a, b dayRange) int { return int(a.from - b.from) })
	var union []dayRange
	for _, d := range days {
		if n := len(union); n > 0 && d.from <= union[n-1].to {
			union[n-1].to = max(union[n-1].to, d.to)
		} else {
			union = append(union, d)
		}
	}
	return union
}

func (k *compiler) calendars(path string, names []string) []dayRange {
	var days []dayRange
	for i, name := range names {
		list, ok := k.holidays[name]
		switch {
		case !ok:
			k.Add(fmt.Sprintf("%s[%d]", path, i), "unknown_calendar", name, "the name of a holiday calendar of the schedule")
		case slices.Contains(names[:i], name):
			k.Add(fmt.Sprintf("%s[%d]", path, i), "duplicate", name, "a calendar once")
		}
		days = append(days, list...)
	}
	return uniteDays(days)
}

func (k *compiler) restriction(path string, r *Restriction) restriction {
	var out restriction
	for _, l := range []struct {
		field string
		n     int
	}{{"clock", len(r.Clock)}, {"weekdays", len(r.Weekdays)}, {"month_days", len(r.MonthDays)}, {"months", len(r.Months)}, {"dates", len(r.Dates)},
		{"on_holidays", len(r.OnHolidays)}, {"not_on_holidays", len(r.NotOnHolidays)}} {
		if l.n > MaxListed {
			k.limit(path+"."+l.field, l.n, MaxListed)
			return out
		}
	}
	for i, d := range r.Weekdays {
		if d < time.Sunday || d > time.Saturday {
			k.Add(fmt.Sprintf("%s.weekdays[%d]", path, i), "unknown_weekday", int(d), "Sunday, 0, to Saturday, 6")
			continue
		}
		out.weekdays |= 1 << d
	}
	for i, m := range r.Months {
		if m < time.January || m > time.December {
			k.Add(fmt.Sprintf("%s.months[%d]", path, i), "unknown_month", int(m), "January, 1, to December, 12")
			continue
		}
		out.months |= 1 << m
	}
	for i, d := range r.MonthDays {
		switch {
		case d >= 1 && d <= 31:
			out.days |= 1 << d
		case d >= -31 && d <= -1:
			out.fromEnd |= 1 << -d
		default:
			k.Add(fmt.Sprintf("%s.month_days[%d]", path, i), "out_of_range", d, "1 to 31, or -31 to -1 from the end")
		}
		out.byDay = true
	}
	out.dates, out.byDate = k.days(path+".dates", r.Dates), len(r.Dates) > 0
	out.onDays, out.byHoliday = k.calendars(path+".on_holidays", r.OnHolidays), len(r.OnHolidays) > 0
	out.notDays = k.calendars(path+".not_on_holidays", r.NotOnHolidays)
	for i, text := range r.Clock {
		c, err := parseRange(text)
		k.Merge(fmt.Sprintf("%s.clock[%d]", path, i), err)
		out.clock = append(out.clock, c)
	}
	slices.SortFunc(out.clock, func(a, b clockRange) int { return int(a.from - b.from) })
	if len(out.clock) == 0 {
		out.clock = []clockRange{{0, daySeconds}}
	}
	k.rule(path, r, &out)
	return out
}

// parseRange reads "22:00-06:00". Unlike a range of business hours, one whose
// clocks are equal is 24 hours.
func parseRange(text string) (clockRange, error) {
	const want = "15:04-15:04, that starts before 24:00"
	for i := range len(text) {
		if text[i] != '-' {
			continue
		}
		from, err := civil.ParseClock(text[:i])
		to, err2 := civil.ParseClock(text[i+1:])
		if err != nil || err2 != nil || from.Hour == 24 {
			break
		}
		r := clockRange{from.Seconds(), to.Seconds()}
		if r.to <= r.from {
			r.to += daySeconds
		}
		return r, nil
	}
	return clockRange{}, problem("invalid_clock_range", text, want)
}

func (k *compiler) rule(path string, r *Restriction, out *restriction) {
	if r.Rule == "" && r.RuleStart == "" && r.RuleFor == 0 {
		return
	}
	if r.Rule == "" {
		k.Add(path+".rule", "missing", nil, "a recurrence rule, or neither a start nor a length")
		return
	}
	if r.RuleFor <= 0 || r.RuleFor > MaxRuleFor || r.RuleFor%time.Second != 0 {
		k.Add(path+".rule_for", "out_of_range", r.RuleFor, "whole seconds, at most "+MaxRuleFor.String())
	}
	out.lasts = int64(r.RuleFor / time.Second)
	start, err := civil.ParseDateTime(r.RuleStart)
	k.Merge(path+".rule_start", err)
	if err == nil {
		out.rule, err = recur.Parse(r.Rule, start)
		k.Merge(path+".rule", err)
	}
	if out.perDay = perDay(r.Rule); out.perDay > MaxListed {
		k.limit(path+".rule", out.perDay, MaxListed)
		out.rule = nil
	}
}

// perDay returns how many times of a day a rule may name.
func perDay(rule string) int {
	n := 1
	for _, part := range strings.Split(strings.ToUpper(rule), ";") {
		key, list, _ := strings.Cut(part, "=")
		switch strings.TrimPrefix(strings.TrimSpace(key), "RRULE:") {
		case "BYHOUR", "BYMINUTE", "BYSECOND":
			n *= strings.Count(list, ",") + 1
		}
	}
	return n
}

// plain says that the days and clocks allow everything.
func (r *restriction) plain() bool {
	return r.weekdays == 0 && r.months == 0 && !r.byDay && !r.byDate && !r.byHoliday && len(r.notDays) == 0 &&
		r.clock[0].from == 0 && r.clock[0].to >= daySeconds
}

// open returns the union of the restrictions in [lo, hi), as instants.
func (l *layer) open(lo, hi int64) []span {
	from, to := l.zone.Reached(lo), l.zone.Reached(hi)+1
	union := l.restrict[0].civil(nil, from, to)
	for i := range l.restrict[1:] {
		union = unite(union, l.restrict[i+1].civil(nil, from, to))
	}
	placer := l.zone.Placer()
	kept := union[:0]
	for _, s := range union {
		start, end := max(lo, placer.First(s.start)), min(hi, placer.First(s.end))
		if start < end {
			kept = append(kept, span{start, end})
		}
	}
	return kept
}

// civil appends the ranges of a restriction that meet the civil time [from, to),
// in order, none touching another.
func (r *restriction) civil(dst []span, from, to int64) []span {
	if r.rule == nil {
		return r.daily(dst, from, to)
	}
	var times []span
	r.rule.Between(from-r.lasts, to, func(at int64) { times = appendSpan(times, span{at, at + r.lasts}) })
	if r.plain() {
		return append(dst, times...)
	}
	return append(dst, intersect(times, r.daily(nil, from, to))...)
}

// daily appends the ranges of the days that count.
func (r *restriction) daily(dst []span, from, to int64) []span {
	first, last := floorDiv(from, daySeconds)-1, floorDiv(to, daySeconds) // a range may begin the day before
	if r.plain() {
		return append(dst, span{first * daySeconds, (last + 1) * daySeconds})
	}
	if dst == nil {
		dst = make([]span, 0, int(last-first+1)*len(r.clock))
	}
	weekday := int(((first+4)%7 + 7) % 7) // 1970-01-01 was a Thursday
	date := civil.DateOf(first)
	length := daysIn(date.Year, date.Month)
	dates, on, not := dayCursor{list: r.dates}, dayCursor{list: r.onDays}, dayCursor{list: r.notDays}
	for day := first; day <= last; day++ {
		if r.counts(weekday, date, length) && (!r.byDate || dates.has(day)) && (!r.byHoliday || on.has(day)) && !not.has(day) {
			for _, c := range r.clock {
				dst = appendSpan(dst, span{day*daySeconds + c.from, day*daySeconds + c.to})
			}
		}
		if weekday++; weekday == 7 {
			weekday = 0
		}
		if date.Day++; date.Day > length {
			date.Day = 1
			if date.Month++; date.Month > time.December {
				date.Month, date.Year = time.January, date.Year+1
			}
			length = daysIn(date.Year, date.Month)
		}
	}
	return dst
}

// counts judges the fields that need no list of days.
func (r *restriction) counts(weekday int, d civil.Date, length int) bool {
	if r.weekdays != 0 && r.weekdays>>weekday&1 == 0 || r.months != 0 && r.months>>d.Month&1 == 0 {
		return false
	}
	return !r.byDay || (r.days>>d.Day|r.fromEnd>>(length+1-d.Day))&1 != 0
}

func daysIn(year int, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	}
	return 31
}

// dayCursor asks whether days, which must rise, lie in a list of ranges.
type dayCursor struct {
	list []dayRange
	sure bool
}

func (c *dayCursor) has(day int64) bool {
	if !c.sure { // skip what lies long before
		i, _ := slices.BinarySearchFunc(c.list, day, func(r dayRange, day int64) int { return int(r.to - day - 1) })
		c.list, c.sure = c.list[i:], true
	}
	for len(c.list) > 0 && c.list[0].to <= day {
		c.list = c.list[1:]
	}
	return len(c.list) > 0 && c.list[0].from <= day
}

// appendSpan appends a span that does not start before the last one, joining
// what touches.
func appendSpan(dst []span, s span) []span {
	if n := len(dst); n > 0 && s.start <= dst[n-1].end {
		dst[n-1].end = max(dst[n-1].end, s.end)
		return dst
	}
	return append(dst, s)
}

// unite merges two ordered lists.
func unite(a, b []span) []span {
	union := make([]span, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].start <= b[0].start {
			union, a = appendSpan(union, a[0]), a[1:]
		} else {
			union, b = appendSpan(union, b[0]), b[1:]
		}
	}
	return union
}

// intersect keeps what lies in both of two ordered lists.
func intersect(a, b []span) (both []span) {
	for len(a) > 0 && len(b) > 0 {
		if start, end := max(a[0].start, b[0].start), min(a[0].end, b[0].end); start < end {
			both = append(both, span{start, end})
		}
		if a[0].end < b[0].end {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}
