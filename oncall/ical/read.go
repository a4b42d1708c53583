package ical

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Limits of the events of a calendar, part of the contract.
const (
	MaxEvents    = 10_000
	MaxRules     = 1000 // events with a recurrence rule
	MaxRuleYears = 200  // from the first recurrence to the time that is read
	MaxCount     = 5000 // COUNT of a rule: they are counted one by one
)

// maxBroken is how many recurrence rules may be wrong before no more are read: to
// see that a rule never occurs takes long.
const maxBroken = 20

// ReadOptions say how a calendar is read.
type ReadOptions struct {
	Name string // of the file, for messages

	ID   string // of the schedule; required
	Zone string // of the schedule, of floating times and of days; an IANA name, required

	From, To time.Time // what happens in [From, To) is read; required, at most schedule.MaxHorizon

	// Zones are the IANA names of the time zones that the calendar calls
	// otherwise, such as "W. Europe Standard Time". What a calendar says about a
	// zone itself, its VTIMEZONE, is not used.
	Zones map[string]string

	// People returns the IDs of those who are on call during an event. Default:
	// the person whom [Write] has named, or else the summary, which then must be an ID.
	People func(Event) ([]string, error)
}

// An Event is what names the people of an event.
type Event struct {
	UID, Summary, Description string
	Attendees                 []string // as written, mostly "mailto:" and an address
	Person                    string   // whom Write has named, or ""
}

// An Import is what a calendar says.
type Import struct {
	// Schedule has one temporary schedule with the shifts in [From, To), under
	// the ID "calendar". It compiles.
	Schedule schedule.Schedule

	// Dropped lists what was understood but has no place in Schedule, and what
	// was not understood. Want says what stands instead.
	Dropped []sre.Problem
}

// Read reads a calendar. The error carries every [sre.Problem].
//
// Recurrence rules go down to FREQ=DAILY, and the first occurrence must be
// DTSTART. UNTIL, EXDATE, RDATE and DTEND are dates where DTSTART is one, and
// times where it is. Events last as long as RFC 5545 says: the same exact time from start
// to DTEND at each recurrence, days of a DURATION on the wall clock. A time that
// the zone skips is the end of the gap; of one that it repeats, the first counts.
// Cancelled events have nobody on call.
func Read(r io.Reader, o ReadOptions) (Import, error) {
	f := &file{ReadOptions: o, zones: map[string]*time.Location{}, replaced: map[string]map[int64]bool{}, masters: map[string]int{}, found: map[string]map[int64]bool{}}
	var err error
	f.cal, err = parse(r, o.Name)
	if err != nil && len(sre.ProblemsIn(err)) == 0 {
		return Import{}, err
	}
	f.problems.Merge("", err)
	if f.checkOptions(); f.problems.Len() > 0 {
		return Import{}, f.problems.Err("ical")
	}
	f.read()
	s := schedule.Schedule{ID: o.ID, Zone: o.Zone, Temporary: []schedule.Temporary{{ID: "calendar", Start: o.From, End: o.To, Shifts: f.shifts}}}
	if f.problems.Len() == 0 {
		_, err := s.Compile(o.From, o.From)
		f.problems.Merge(o.Name, err)
	}
	if err := f.problems.Err("ical"); err != nil {
		return Import{}, err
	}
	return Import{s, sre.ProblemsIn(f.dropped.Err("ical"))}, nil
}

// file is one calendar as it is read.
type file struct {
	ReadOptions
	cal               calendar
	problems, dropped sre.Problems
	loc               *time.Location
	zones             map[string]*time.Location // by name
	rules, broken     int                       // recurrence rules, and those that are wrong
	items             []item
	masters           map[string]int            // by UID: the index in items of the event without RECURRENCE-ID
	replaced          map[string]map[int64]bool // by UID: the recurrences that stand apart
	found             map[string]map[int64]bool // by UID: those of replaced that there are
	shifts            []schedule.TemporaryShift
}

func (f *file) checkOptions() {
	f.problems.CheckID("id", f.ID)
	f.loc = f.location("zone", f.Zone)
	switch {
	case f.From.IsZero() || !f.To.After(f.From) || f.To.Sub(f.From) > schedule.MaxHorizon:
		f.problems.Add("to", "out_of_range", f.To, "an instant after From, at most "+schedule.MaxHorizon.String())
	case f.From.Nanosecond() != 0 || f.To.Nanosecond() != 0:
		f.problems.Add("to", "not_whole_seconds", f.To, "whole seconds")
	}
}

// location returns the zone of that name, if a schedule may have it: which names
// mean the same on every machine is decided there.
func (f *file) location(path, name string) *time.Location {
	if iana, ok := f.Zones[name]; ok {
		name = iana
	}
	loc, known := f.zones[name]
	if !known {
		always := schedule.Layer{Name: "always", Members: schedule.Each("x")}
		if c, err := (schedule.Schedule{ID: "zone", Zone: name, Layers: []schedule.Layer{always}}).Compile(time.Unix(0, 0), time.Unix(0, 0)); err == nil {
			loc = c.Location()
		}
		f.zones[name] = loc
	}
	if loc == nil {
		f.problems.Add(path, "unknown_zone", name, `an IANA name such as "Europe/Berlin" or "UTC"`)
	}
	return loc
}

func (f *file) read() {
	for _, p := range f.cal.CalendarProperties {
		if p.IANAToken == string(ics.PropertyMethod) && strings.EqualFold(p.Value, string(ics.MethodCancel)) {
			f.problems.Add(f.Name, "not_expressible", p.Value, "a calendar that tells what is, not one that takes events back")
			return
		}
	}
	for i, component := range f.cal.Components {
		event, ok := component.(*ics.VEvent)
		if !ok {
			if _, zone := component.(*ics.VTimezone); !zone {
				f.dropped.Add(f.path(i, ""), "not_imported", nil, "nothing: only events have somebody on call")
			}
			continue
		}
		if len(f.items) == MaxEvents {
			f.problems.Add(f.Name, "too_many", nil, fmt.Sprintf("at most %d events", MaxEvents))
			return
		}
		before := f.problems.Len()
		it := f.item(i, event)
		switch {
		case f.rules > MaxRules:
			f.problems.Add(f.Name, "too_many", nil, fmt.Sprintf("at most %d events with a recurrence rule", MaxRules))
			return
		case f.broken > maxBroken:
			f.problems.Add(f.Name, "too_many", nil, fmt.Sprintf("at most %d recurrence rules that are wrong; the rest was not read", maxBroken))
			return
		case f.problems.Len() == before:
			f.keep(it)
		}
	}
	for _, it := range f.items {
		if !it.cancelled {
			f.expand(it)
		}
		if len(f.shifts) > schedule.MaxTempShifts {
			f.problems.Add(f.Name, "too_many", nil, fmt.Sprintf("at most %d shifts in the time that is read", schedule.MaxTempShifts))
			return
		}
	}
	f.findOrphans()
}

// keep adds an event, whose UID and RECURRENCE-ID no other may have.
func (f *file) keep(it item) {
	if it.replaces {
		if f.replaced[it.uid] == nil {
			f.replaced[it.uid] = map[int64]bool{}
		}
		if f.replaced[it.uid][it.recurrence] {
			f.problems.Add(f.path(it.index, "RECURRENCE-ID"), "duplicate", it.uid, "one event of each UID and RECURRENCE-ID")
		}
		f.replaced[it.uid][it.recurrence] = true
	} else {
		if _, twice := f.masters[it.uid]; twice {
			f.problems.Add(f.path(it.index, "UID"), "duplicate", it.uid, "one event of each UID without RECURRENCE-ID")
		}
		f.masters[it.uid] = len(f.items)
	}
	f.items = append(f.items, it)
}

// findOrphans reports the events that stand apart from a recurrence that there is
// not, before the first or in the time that is read: they stand beside the others.
func (f *file) findOrphans() {
	for _, it := range f.items {
		m, ok := f.masters[it.uid]
		if !ok || !it.replaces || f.items[m].cancelled {
			continue
		}
		before := it.recurrence < f.items[m].start.instant().Unix()
		inTime := it.recurrence >= f.From.Unix() && it.recurrence < f.To.Unix()
		if (before || inTime) && !f.found[it.uid][it.recurrence] {
			at := time.Unix(it.recurrence, 0).UTC().Format(utcForm)
			f.dropped.Add(f.path(it.index, "RECURRENCE-ID"), "not_found", at, "an event beside the others: none of that UID starts then")
		}
	}
}

// path says where a property of a component stands.
func (f *file) path(component int, property string) string {
	path := fmt.Sprintf("%s: component[%d]", place(f.Name, f.cal.lines[component]), component)
	if property != "" {
		path += "." + property
	}
	return path
}

// understood are the properties that are read, or that say nothing about who is on
// call when.
var understood = []string{
	"UID", "SUMMARY", "DESCRIPTION", "ATTENDEE", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS", PropertyPerson, PropertyRole,
	"DTSTAMP", "SEQUENCE", "CREATED", "LAST-MODIFIED", "TRANSP", "CLASS", "PRIORITY", "URL",
}

// single are those that an event has once.
var single = []string{"UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "STATUS", PropertyPerson, PropertyRole}

// item reads one event.
func (f *file) item(i int, event *ics.VEvent) item {
	count := map[string]int{}
	for _, p := range event.Properties {
		name := p.IANAToken
		if count[name]++; count[name] == 2 && slices.Contains(single, name) {
			f.problems.Add(f.path(i, name), "duplicate", nil, "the property once")
		}
		if count[name] == 1 && !slices.Contains(understood, name) {
			if name == "EXRULE" {
				f.problems.Add(f.path(i, name), "not_expressible", nil, "EXDATE: RFC 5545 has no EXRULE")
				continue
			}
			f.dropped.Add(f.path(i, name), "not_imported", nil, "nothing: a shift has no such property")
		}
	}
	if len(event.Components) > 0 {
		f.dropped.Add(f.path(i, "VALARM"), "not_imported", nil, "nothing: a shift has no alarms")
	}
	it := item{index: i, uid: value(event, ics.ComponentPropertyUniqueId), role: oncall.Primary}
	if it.uid == "" {
		f.problems.Add(f.path(i, "UID"), "missing", nil, "a UID")
	}
	it.cancelled = isCancelled(event)
	f.times(&it, event)
	if it.cancelled {
		return it
	}
	if role := value(event, ics.ComponentProperty(PropertyRole)); role != "" {
		parsed, err := oncall.ParseRole(role)
		f.problems.Merge(f.path(i, PropertyRole), err)
		it.role = parsed
	}
	it.people = f.people(i, event)
	return it
}

func (f *file) people(i int, event *ics.VEvent) []string {
	e := Event{
		UID:         value(event, ics.ComponentPropertyUniqueId),
		Summary:     strings.TrimSpace(value(event, ics.ComponentPropertySummary)),
		Description: value(event, ics.ComponentPropertyDescription),
		Person:      value(event, ics.ComponentProperty(PropertyPerson)),
	}
	for _, a := range event.GetProperties(ics.ComponentPropertyAttendee) {
		e.Attendees = append(e.Attendees, a.Value)
	}
	people, path := []string{firstOf(e.Person, e.Summary)}, f.path(i, "SUMMARY")
	if f.People != nil {
		var err error
		people, err = f.People(e)
		f.problems.Merge(path, err)
	}
	for _, p := range people {
		f.problems.CheckID(path, p)
	}
	return people
}
