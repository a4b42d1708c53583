package pagerduty

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// MaxBytes is the largest export that is read.
const MaxBytes = 8 << 20

// Options say how an export is read.
type Options struct {
	Name string // of the file, for messages

	// WallClock reads turns of whole hours as turns on the wall clock, whose
	// handoffs stay at the same clock. Default: turns are elapsed time.
	WallClock bool
}

// An Import is what an export says.
type Import struct {
	Schedule schedule.Schedule // compiles
	Names    map[string]string // what PagerDuty calls the people, the layers and the schedule, by ID

	// Rendered is the final schedule as PagerDuty computed it, if the export has
	// it, by start.
	Rendered []Entry

	// Dropped lists what was understood but has no place in Schedule, and what
	// was not understood. Want says what stands instead.
	Dropped []sre.Problem
}

// An Entry is a part of the final schedule.
type Entry struct {
	Start, End time.Time
	Person     string
}

// Read reads one schedule. The error carries every [sre.Problem].
func Read(r io.Reader, o Options) (Import, error) {
	f, err := reading.Parse(r, o.Name, "pagerduty", MaxBytes)
	if err != nil {
		return Import{}, err
	}
	e := &export{Reading: f, wallClock: o.WallClock}
	in := e.read()
	if err := f.Compile(in.Schedule); err != nil {
		return Import{}, err
	}
	in.Names, in.Dropped = f.Names, f.Dropped()
	return in, nil
}

// export is one export as it is read.
type export struct {
	*reading.Reading
	wallClock bool
	zone      civil.Zone
}

func (e *export) read() Import {
	root := e.Root.Map()
	node := root.Required("schedule")
	overrides := root.Optional("overrides")
	reading.Skip(root, "limit", "offset", "more", "total")
	e.Rest(root)

	m := node.Map()
	in := Import{Schedule: schedule.Schedule{Compose: schedule.LastWins}}
	s := &in.Schedule
	s.ID = reading.ID(e.Place("id", m.Required("id")))
	e.Name(s.ID, m.Optional("name"))
	zone := e.Place("zone", m.Required("time_zone"))
	s.Zone, e.zone = zone.Text(), reading.Zone(zone)
	reading.Skip(m, "type", "summary", "self", "html_url", "http_cal_url", "web_cal_url", "personal_http_cal_url", "personal_web_cal_url", "users")
	e.Drop(m.Optional("description"), "not_imported", "nothing: a schedule has no description")
	for _, name := range []string{"escalation_policies", "teams"} {
		if n := m.Optional(name); len(n.List()) > 0 {
			e.Drop(n, "not_imported", "nothing: a schedule does not name who uses it")
		}
	}
	s.Layers = e.layers(m.Required("schedule_layers"))
	sub := m.Optional("overrides_subschedule").Map()
	if entries := sub.Optional("rendered_schedule_entries"); !overrides.Exists() {
		overrides = entries
	}
	s.Temporary = e.overrides(overrides)
	final := m.Optional("final_schedule").Map()
	for _, n := range final.Optional("rendered_schedule_entries").List() {
		in.Rendered = append(in.Rendered, e.entry(n.Map()))
	}
	slices.SortStableFunc(in.Rendered, func(a, b Entry) int { return a.Start.Compare(b.Start) })
	for _, part := range []*yamlfile.Map{sub, final} {
		reading.Skip(part, "name", "rendered_coverage_percentage")
		e.Rest(part)
	}
	e.Rest(m)
	return in
}

// layers reads the list from its end: it begins with the highest layer.
func (e *export) layers(n yamlfile.Node) []schedule.Layer {
	var layers []schedule.Layer
	for _, item := range slices.Backward(n.List()) {
		if l, ok := e.layer(item, fmt.Sprintf("layers[%d]", len(layers))); ok {
			layers = append(layers, l)
		}
	}
	return layers
}

// layer reads a layer; ok is false for one that never has anybody on call.
func (e *export) layer(n yamlfile.Node, path string) (l schedule.Layer, ok bool) {
	e.Place(path, n)
	m := n.Map()
	l.Name = reading.ID(e.Place(path+".name", m.Required("id")))
	e.Name(l.Name, m.Optional("name"))
	l.From = reading.Instant(e.Place(path+".from", m.Required("start")))
	until := e.Place(path+".until", m.Optional("end"))
	l.Until = reading.Instant(until)

	users := e.Place(path+".members", m.Required("users"))
	for i, item := range users.List() {
		wrapper := item.Map()
		user := e.Place(fmt.Sprintf("%s.members[%d]", path, i), wrapper.Required("user"))
		l.Members = append(l.Members, schedule.Slot{e.user(user)})
		e.Rest(wrapper)
	}
	l.Turn = e.turn(e.Place(path+".turn", m.Required("rotation_turn_length_seconds")))
	anchor := e.Place(path+".anchor", m.Required("rotation_virtual_start"))
	l.Anchor = e.anchor(anchor, l.Turn, len(l.Members))
	for _, item := range e.Place(path+".restrict", m.Optional("restrictions")).List() {
		for _, r := range e.restriction(item) {
			e.Place(fmt.Sprintf("%s.restrict[%d]", path, len(l.Restrict)), item)
			l.Restrict = append(l.Restrict, r)
		}
	}
	reading.Skip(m, "type", "summary", "self", "html_url", "rendered_schedule_entries", "rendered_coverage_percentage")
	e.Rest(m)
	switch {
	case users.IsList() && len(l.Members) == 0:
		e.Drop(n, "not_imported", "nothing: a layer without users has nobody on call")
	case !l.From.IsZero() && !l.Until.IsZero() && !l.Until.After(l.From):
		e.Drop(n, "not_imported", "nothing: the layer ends before it starts")
	default:
		return l, true
	}
	return l, false
}

// user returns the ID of a user and remembers the name.
func (e *export) user(n yamlfile.Node) string {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	e.Name(id, m.Optional("summary"))
	return id
}

func (e *export) turn(n yamlfile.Node) schedule.Turn {
	seconds := n.Int(int(schedule.MinElapsed/time.Second), int(schedule.MaxElapsed/time.Second))
	const hour, day, week = 60 * 60, 24 * 60 * 60, 7 * 24 * 60 * 60
	switch {
	case !e.wallClock:
		return schedule.Elapsed(time.Duration(seconds) * time.Second)
	case seconds%hour != 0:
		n.Add("not_expressible", seconds, "whole hours for turns on the wall clock")
		return schedule.Turn{}
	case seconds%week == 0:
		return schedule.Weeks(seconds / week)
	case seconds%day == 0:
		return schedule.Days(seconds / day)
	}
	return schedule.Hours(seconds / hour)
}

// anchor returns the start of a turn 0 on the wall clock. If the clock shows
// that time a second time, when it was set back, the text alone would mean an
// hour before; then the start of an earlier round of all members is the anchor.
func (e *export) anchor(n yamlfile.Node, turn schedule.Turn, members int) string {
	t := reading.Instant(n)
	if t.IsZero() || e.zone.IsZero() {
		return ""
	}
	const rounds = 20 // enough to leave the hour, even if a round is a year or two
	for range rounds {
		text, ok := reading.OnWall(t, e.zone)
		if ok || turn.Elapsed == 0 {
			return text
		}
		t = t.Add(-turn.Elapsed * time.Duration(max(1, min(members, schedule.MaxSlots))))
	}
	n.Add("not_expressible", t.Format(time.RFC3339), "a start that the wall clock shows once")
	return ""
}

func (e *export) restriction(n yamlfile.Node) []schedule.Restriction {
	m := n.Map()
	const day, week = 24 * 60 * 60, 7 * 24 * 60 * 60
	kind := m.Required("type").Enum("daily_restriction", "weekly_restriction")
	from := yamlfile.Value(m.Required("start_time_of_day"), civil.ParseClock)
	duration := m.Required("duration_seconds")
	weekday := m.Optional("start_day_of_week")
	var list []schedule.Restriction
	switch kind {
	case "daily_restriction":
		lasts := time.Duration(duration.Int(1, day)) * time.Second
		if weekday.Exists() {
			e.Drop(weekday, "not_imported", "nothing: a daily restriction holds on every day")
		}
		list = []schedule.Restriction{{Clock: []string{reading.ClockRange(from, lasts)}}}
	case "weekly_restriction":
		if !weekday.Exists() {
			weekday.Add("missing", nil, "the day, 1 is Monday and 7 is Sunday")
		}
		first := weekday.Int(1, 7)
		lasts := duration.Int(1, week)
		if lasts == week {
			list = []schedule.Restriction{{}} // always
			break
		}
		start := time.Duration(from.Seconds()) * time.Second
		days := (start + time.Duration(lasts)*time.Second) / (day * time.Second)
		list = schedule.Weekly(time.Weekday(first%7), reading.Clock(from), time.Weekday((first+int(days))%7), reading.ClockAfter(from, time.Duration(lasts)*time.Second))
	}
	e.Rest(m)
	return list
}

func (e *export) overrides(n yamlfile.Node) []schedule.Temporary {
	var list []schedule.Temporary
	for i, item := range n.List() {
		path := fmt.Sprintf("temporary[%d]", i)
		e.Place(path, item)
		m := item.Map()
		id := reading.ID(e.Place(path+".id", m.Optional("id")))
		o := e.entry(m)
		for _, at := range []string{path, path + ".shifts[0]"} {
			e.Place(at+".end", m.Optional("end"))
		}
		list = append(list, schedule.Temporary{
			ID: cmp.Or(id, fmt.Sprintf("override-%d", i+1)), Start: o.Start, End: o.End,
			Shifts: []schedule.TemporaryShift{{Person: o.Person, Start: o.Start, End: o.End}},
		})
	}
	return list
}

func (e *export) entry(m *yamlfile.Map) Entry {
	entry := Entry{
		Start:  reading.Instant(m.Required("start")),
		End:    reading.Instant(m.Required("end")),
		Person: e.user(m.Required("user")),
	}
	reading.Skip(m, "id", "type", "summary", "self", "html_url")
	e.Rest(m)
	return entry
}
