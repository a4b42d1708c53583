package ical

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// item is an event as it is read.
type item struct {
	index      int
	uid        string
	people     []string
	role       oncall.Role
	cancelled  bool
	recurrence int64 // the instant of the recurrence that this event replaces; 0: none

	start  moment
	length length
	rule   string
	dates  []period // RDATE
	except map[int64]bool
}

// moment is a time of a calendar.
type moment struct {
	wall   time.Time // what the wall clock shows, as if in UTC
	loc    *time.Location
	allDay bool
}

func (m moment) instant() time.Time { return resolve(m.wall, m.loc) }

// length is how long an event lasts: days on the wall clock, and then exact
// time.
type length struct {
	days  int
	exact time.Duration
}

// end returns the end of an event that starts at an instant.
func (l length) end(start time.Time, loc *time.Location) time.Time {
	if l.days != 0 {
		start = resolve(wallOf(start, loc).AddDate(0, 0, l.days), loc)
	}
	return start.Add(l.exact)
}

// period is a recurrence that is named one by one; a zero end stands for the
// length of the event.
type period struct{ start, end time.Time }

// wallOf returns what the wall clock shows at t, as if in UTC.
func wallOf(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// resolve returns the first instant at which the wall clock of the zone has
// reached that time: of a time that is skipped the end of the gap, of one that
// is repeated the first. Package time alone answers differently from zone to zone.
func resolve(wall time.Time, loc *time.Location) time.Time {
	const around = 48 * time.Hour // no zone is farther from UTC, nor changes twice in so short a time
	_, before := wall.Add(-around).In(loc).Zone()
	_, after := wall.Add(around).In(loc).Zone()
	first := wall.Add(-time.Duration(max(before, after)) * time.Second)
	for _, offset := range []int{max(before, after), min(before, after)} {
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, got := t.In(loc).Zone(); got == offset {
			return t.UTC()
		}
	}
	_, end := first.In(loc).ZoneBounds() // first lies before the transition, at the old offset
	return end.UTC()
}

// times reads when an event is.
func (f *file) times(it *item, event *ics.VEvent) {
	at := func(name string) (*ics.IANAProperty, string) {
		return event.GetProperty(ics.ComponentProperty(name)), f.path(it.index, name)
	}
	p, path := at("DTSTART")
	if p == nil {
		f.problems.Add(path, "missing", nil, "when the event starts")
		return
	}
	var ok bool
	if it.start, ok = f.moment(path, p, p.Value); !ok {
		return
	}
	f.length(it, event)
	if p, path := at("RECURRENCE-ID"); p != nil {
		if _, ranged := p.ICalParameters["RANGE"]; ranged {
			f.problems.Add(path, "not_expressible", "RANGE", "one recurrence: a change of this and all later ones as an event of its own")
		}
		if m, ok := f.moment(path, p, p.Value); ok {
			it.recurrence = m.instant().Unix()
		}
	}
	if p, path := at("RRULE"); p != nil {
		it.rule = f.rule(path, p.Value, it.start)
		f.synchronized(path, it)
	}
	it.except = map[int64]bool{}
	for _, p := range event.GetProperties("EXDATE") {
		for _, text := range strings.Split(p.Value, ",") {
			if m, ok := f.moment(f.path(it.index, "EXDATE"), p, text); ok {
				it.except[m.instant().Unix()] = true
			}
		}
	}
	for _, p := range event.GetProperties("RDATE") {
		for _, text := range strings.Split(p.Value, ",") {
			f.rdate(it, p, text)
		}
	}
}

func (f *file) rdate(it *item, p *ics.IANAProperty, text string) {
	path := f.path(it.index, "RDATE")
	begin, rest, isPeriod := strings.Cut(text, "/")
	start, ok := f.moment(path, p, begin)
	if !ok {
		return
	}
	date := period{start: start.instant()}
	if isPeriod {
		if l, ok := parseDuration(rest); ok {
			date.end = l.end(date.start, start.loc)
		} else if end, ok := f.moment(path, p, rest); ok {
			date.end = end.instant()
		}
		if !date.end.After(date.start) {
			f.problems.Add(path, "out_of_range", text, "a period that ends after it starts")
		}
	}
	it.dates = append(it.dates, date)
}

// moment reads a date, a time in UTC, in a named zone, or floating.
func (f *file) moment(path string, p *ics.IANAProperty, text string) (moment, bool) {
	m := moment{loc: f.loc}
	if id := p.ICalParameters["TZID"]; len(id) > 0 {
		if m.loc = f.location(path, id[0]); m.loc == nil {
			return m, false
		}
	}
	var err error
	switch {
	case len(text) == len(dateForm):
		m.allDay = true
		m.wall, err = time.Parse(dateForm, text)
	case strings.HasSuffix(text, "Z"):
		m.loc = time.UTC
		m.wall, err = time.Parse(utcForm, text)
	default:
		m.wall, err = time.Parse(localForm, text)
	}
	if year := m.wall.Year(); err != nil || year < minYear || year > maxYear {
		f.problems.Add(path, "invalid_time", text, "a time such as 20260105T090000Z, in the years 3 to 9990")
		return m, false
	}
	return m, true
}

// Schedules know the years 2 to 9998.
const minYear, maxYear = 3, 9990

// length reads DTEND or DURATION.
func (f *file) length(it *item, event *ics.VEvent) {
	end, duration := event.GetProperty(ics.ComponentPropertyDtEnd), event.GetProperty("DURATION")
	path := f.path(it.index, "DTEND")
	switch {
	case end != nil && duration != nil:
		f.problems.Add(path, "not_allowed", nil, "DTEND or DURATION, not both")
	case end != nil:
		m, ok := f.moment(path, end, end.Value)
		switch {
		case !ok:
			return
		case m.allDay != it.start.allDay:
			f.problems.Add(path, "wrong_type", end.Value, "a date or a time, as DTSTART is")
			return
		case m.allDay:
			it.length.days = int(m.wall.Sub(it.start.wall) / (24 * time.Hour))
		default:
			it.length.exact = m.instant().Sub(it.start.instant())
		}
	case duration != nil:
		path = f.path(it.index, "DURATION")
		l, ok := parseDuration(duration.Value)
		if !ok {
			f.problems.Add(path, "invalid_duration", duration.Value, "a duration such as PT8H or P1D")
			return
		}
		it.length = l
	case it.start.allDay:
		it.length.days = 1 // RFC 5545, 3.6.1
	}
	if l := it.length; l.days < 0 || l.exact < 0 || l == (length{}) || l.days > maxDays || l.exact > maxDays*24*time.Hour {
		f.problems.Add(path, "out_of_range", nil, "an event that lasts, at most 366 days")
	}
}

// maxDays is how long an event may last.
const maxDays = 366

var durationForm = regexp.MustCompile(`^\+?P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)$`)

// parseDuration reads a duration of RFC 5545, 3.3.6, that is not negative.
func parseDuration(text string) (length, bool) {
	parts := durationForm.FindStringSubmatch(text)
	if parts == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return length{}, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(parts[i]); return v }
	return length{
		days:  7*n(1) + n(2),
		exact: time.Duration(n(3))*time.Hour + time.Duration(n(4))*time.Minute + time.Duration(n(5))*time.Second,
	}, true
}

// rule returns the rule in the form of a restriction: UNTIL is on the wall
// clock.
func (f *file) rule(path, text string, start moment) string {
	parts := strings.Split(strings.ToUpper(text), ";")
	for i, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "BYSECOND" || key == "BYMINUTE":
			f.problems.Add(path, "not_expressible", text, "a rule without BYSECOND and BYMINUTE")
		case key == "UNTIL" && strings.HasSuffix(value, "Z"):
			until, err := time.Parse(utcForm, value)
			if err != nil {
				f.problems.Add(path, "invalid_rule", text, "UNTIL as a time such as 20260105T090000Z")
				continue
			}
			parts[i] = "UNTIL=" + wallOf(until, start.loc).Format(localForm)
		}
	}
	return strings.Join(parts, ";")
}

// synchronized checks the rule, and that it begins with DTSTART: what a
// calendar means that does not, RFC 5545 leaves undefined.
func (f *file) synchronized(path string, it *item) {
	before := f.problems.Len()
	start := it.start.instant()
	first := f.starts(path, it, start, start.Add(time.Second))
	if f.problems.Len() == before && !slices.ContainsFunc(first, start.Equal) {
		f.problems.Add(path, "not_synchronized", it.rule, "a rule whose first occurrence is DTSTART")
	}
}

// starts returns the recurrences of the rule that start in [from, to). The
// schedule engine expands it on the wall clock; resolve knows gaps and folds.
func (f *file) starts(path string, it *item, from, to time.Time) []time.Time {
	rule := schedule.Schedule{ID: "rule", Zone: "UTC", Layers: []schedule.Layer{{
		Name: "rule", Members: schedule.Each("x"),
		Restrict: []schedule.Restriction{{Rule: it.rule, RuleStart: it.start.wall.Format("2006-01-02 15:04:05"), RuleFor: time.Second}},
	}}}
	c, err := rule.Compile(from, from)
	if err != nil {
		for _, p := range sre.ProblemsIn(err) {
			p.Path = ""
			f.problems.Merge(path, p)
		}
		return nil
	}
	const beyond = 48 * time.Hour // no wall clock is farther from UTC
	var list []time.Time
	for s := range c.Flatten(from.Add(-beyond), to.Add(beyond)) {
		if t := resolve(s.Start.UTC(), it.start.loc); !t.Before(from) && t.Before(to) {
			list = append(list, t)
		}
	}
	return list
}

// expand adds the shifts of an event.
func (f *file) expand(it item) {
	start := it.start.instant()
	periods := []period{{start: start}}
	if it.rule != "" {
		periods = nil
		const day = 24 * time.Hour // more than a clock change moves an end
		lookBack := time.Duration(it.length.days+1)*day + it.length.exact
		for _, t := range f.starts(f.path(it.index, "RRULE"), &it, f.From.Add(-lookBack), f.To) {
			periods = append(periods, period{start: t})
		}
	}
	taken := map[int64]bool{}
	for _, p := range append(periods, it.dates...) {
		u := p.start.Unix()
		if it.except[u] || taken[u] || it.recurrence == 0 && f.replaced[it.uid][u] {
			continue
		}
		taken[u] = true
		if p.end.IsZero() {
			p.end = it.length.end(p.start, it.start.loc)
		}
		f.add(it, p)
	}
}

// add adds a shift of each person, cut to the time that is read.
func (f *file) add(it item, p period) {
	if p.start.Before(f.From) {
		p.start = f.From
	}
	if p.end.After(f.To) {
		p.end = f.To
	}
	if !p.end.After(p.start) {
		return
	}
	for _, person := range it.people {
		f.shifts = append(f.shifts, schedule.TemporaryShift{Person: person, Role: it.role, Start: p.start, End: p.end})
	}
}
