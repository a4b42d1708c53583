package ical

import (
	"fmt"
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
	replaces   bool  // a recurrence of the event with the same UID
	recurrence int64 // when that would have started

	start    moment
	length   length
	rule     string
	compiled *schedule.Compiled // the rule; nil: none
	dates    []period           // RDATE
	except   map[int64]bool
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
			it.replaces, it.recurrence = true, m.instant().Unix()
		}
	}
	if p, path := at("RRULE"); p != nil {
		f.rule(path, p.Value, it)
	}
	it.except = map[int64]bool{}
	for _, p := range event.GetProperties("EXDATE") {
		for _, text := range strings.Split(p.Value, ",") {
			if m, ok := f.sameType(it, f.path(it.index, "EXDATE"), p, text); ok {
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
	read := f.sameType
	if isPeriod {
		read = func(_ *item, path string, p *ics.IANAProperty, text string) (moment, bool) {
			return f.moment(path, p, text)
		}
	}
	start, ok := read(it, path, p, begin)
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

// sameType reads a date where the event starts on one, else a time.
func (f *file) sameType(it *item, path string, p *ics.IANAProperty, text string) (moment, bool) {
	m, ok := f.moment(path, p, text)
	if ok && m.allDay != it.start.allDay {
		f.problems.Add(path, "wrong_type", text, "a date or a time, as DTSTART is")
		return m, false
	}
	return m, ok
}

// moment reads a date, a time in UTC, in a named zone, or floating.
func (f *file) moment(path string, p *ics.IANAProperty, text string) (moment, bool) {
	m := moment{loc: f.loc}
	if id := p.ICalParameters["TZID"]; len(id) > 0 {
		if m.loc = f.location(path, id[0]); m.loc == nil {
			return m, false
		}
	}
	m.allDay = len(text) == len(dateForm)
	if kind := p.ICalParameters["VALUE"]; len(kind) > 0 && strings.EqualFold(kind[0], "DATE") != m.allDay {
		f.problems.Add(path, "wrong_type", text, "a value of the type "+kind[0])
		return m, false
	}
	var err error
	switch {
	case m.allDay:
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
		m, ok := f.sameType(it, path, end, end.Value)
		switch {
		case !ok:
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

// rule reads a rule and checks that it begins with DTSTART: what a calendar means
// that does not, RFC 5545 leaves undefined.
func (f *file) rule(path, text string, it *item) {
	before := f.problems.Len()
	f.rules++
	it.rule = f.onWall(path, text, it.start)
	if f.problems.Len() == before {
		c, err := ruleSchedule(*it).Compile(f.From, f.From)
		for _, p := range sre.ProblemsIn(err) {
			p.Path = ""
			f.problems.Merge(path, p)
		}
		if start := it.start.instant(); err == nil && !slices.ContainsFunc(it.occurrences(c, start, start.Add(time.Second)), start.Equal) {
			f.problems.Add(path, "not_synchronized", it.rule, "a rule whose first occurrence is DTSTART")
		}
		it.compiled = c
	}
	if f.problems.Len() > before {
		f.broken++
	}
}

// onWall returns the rule in the form of a restriction: UNTIL is on the wall
// clock.
func (f *file) onWall(path, text string, start moment) string {
	if years := f.From.Year() - start.wall.Year(); years > MaxRuleYears {
		f.problems.Add(path, "out_of_range", text, fmt.Sprintf("a rule that began at most %d years before the time that is read", MaxRuleYears))
	}
	parts := strings.Split(strings.ToUpper(text), ";")
	for i, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "BYSECOND" || key == "BYMINUTE":
			f.problems.Add(path, "not_expressible", text, "a rule without BYSECOND and BYMINUTE")
		case key == "COUNT":
			if n, err := strconv.Atoi(value); err != nil || n > MaxCount {
				f.problems.Add(path, "out_of_range", text, fmt.Sprintf("COUNT of at most %d", MaxCount))
			}
		case key == "UNTIL" && (len(value) == len(dateForm)) != start.allDay:
			f.problems.Add(path, "wrong_type", text, "UNTIL as a date or a time, as DTSTART is")
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

// ruleSchedule is a schedule that has somebody on call for a second at each
// recurrence, on the wall clock as if in UTC.
func ruleSchedule(it item) schedule.Schedule {
	return schedule.Schedule{ID: "rule", Zone: "UTC", Layers: []schedule.Layer{{
		Name: "rule", Members: schedule.Each("x"),
		Restrict: []schedule.Restriction{{Rule: it.rule, RuleStart: it.start.wall.Format("2006-01-02 15:04:05"), RuleFor: time.Second}},
	}}}
}

// occurrences returns when the rule, compiled as c, starts in [from, to). The
// schedule engine expands it on the wall clock; resolve knows gaps and folds.
func (it item) occurrences(c *schedule.Compiled, from, to time.Time) []time.Time {
	const beyond = 48 * time.Hour // no wall clock is farther from UTC
	var list []time.Time
	for s := range c.Flatten(from.Add(-beyond), to.Add(beyond)) {
		if t := resolve(s.Start.UTC(), it.start.loc); !t.Before(from) && t.Before(to) {
			list = append(list, t)
		}
	}
	return list
}

// starts returns the recurrences of an event, before others replace them: those
// of its rule that start in [from, to), or else its own, and each RDATE.
func (it item) starts(from, to time.Time) []period {
	if it.compiled == nil {
		return append([]period{{start: it.start.instant()}}, it.dates...)
	}
	var list []period
	for _, t := range it.occurrences(it.compiled, from, to) {
		list = append(list, period{start: t})
	}
	return append(list, it.dates...)
}

// expand adds the shifts of an event.
func (f *file) expand(it item) {
	const day = 24 * time.Hour // more than a clock change moves an end
	lookBack := time.Duration(it.length.days+1)*day + it.length.exact
	taken := map[int64]bool{}
	for _, p := range it.starts(f.From.Add(-lookBack), f.To) {
		u := p.start.Unix()
		if !it.replaces && f.isReplaced(it.uid, u) || it.except[u] || taken[u] {
			continue
		}
		taken[u] = true
		if p.end.IsZero() {
			p.end = it.length.end(p.start, it.start.loc)
		}
		f.add(it, p)
	}
}

// isReplaced reports whether another event stands in the place of a recurrence, and
// remembers that there is such a recurrence.
func (f *file) isReplaced(uid string, u int64) bool {
	if !f.replaced[uid][u] {
		return false
	}
	if f.found[uid] == nil {
		f.found[uid] = map[int64]bool{}
	}
	f.found[uid][u] = true
	return true
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
