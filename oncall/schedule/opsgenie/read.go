package opsgenie

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// MaxBytes is the largest export that is read.
const MaxBytes = 4 << 20

// Options say how an export is read.
type Options struct {
	Name string // of the file, for messages

	// People are those of a team or an escalation, by its ID, who are on call
	// together in its turn.
	People map[string][]string
}

// An Import is what an export says.
type Import struct {
	Schedule schedule.Schedule // compiles
	Names    map[string]string // what Opsgenie calls the people, teams, escalations, rotations and the schedule, by ID

	// Dropped lists what was understood but has no place in Schedule, and what
	// was not understood. Want says what stands instead.
	Dropped []sre.Problem
}

// Read reads one schedule. The error carries every [sre.Problem].
func Read(r io.Reader, o Options) (Import, error) {
	f, err := reading.Parse(r, o.Name, "opsgenie", MaxBytes)
	if err != nil {
		return Import{}, err
	}
	e := &export{Reading: f, people: o.People}
	s := e.read()
	if err := f.Compile(s); err != nil {
		return Import{}, err
	}
	return Import{Schedule: s, Names: f.Names, Dropped: f.Dropped()}, nil
}

// export is one export as it is read.
type export struct {
	*reading.Reading
	people map[string][]string
	zone   civil.Zone
}

func (e *export) read() schedule.Schedule {
	root := e.Root.Map()
	node, overrides := root.Required("data"), root.Optional("overrides")
	reading.Skip(root, "took", "requestId", "expandable")
	e.Rest(root)

	m := node.Map()
	s := schedule.Schedule{Compose: schedule.Union}
	s.ID = reading.ID(e.Place("id", m.Required("id")))
	e.Name(s.ID, m.Optional("name"))
	zone := e.Place("zone", m.Required("timezone"))
	s.Zone, e.zone = zone.Text(), reading.Zone(zone)
	e.Drop(m.Optional("description"), "not_imported", "nothing: a schedule has no description")
	e.Drop(m.Optional("ownerTeam"), "not_imported", "nothing: a schedule does not name its team")
	if n := m.Optional("enabled"); n.Exists() && !n.Bool() {
		e.Drop(n, "not_imported", "a schedule that counts: Opsgenie notifies nobody by a disabled one")
	}
	rotations := e.Place("layers", m.Required("rotations"))
	for _, item := range rotations.List() {
		if l, ok := e.rotation(item, fmt.Sprintf("layers[%d]", len(s.Layers))); ok {
			s.Layers = append(s.Layers, l)
		}
	}
	e.Rest(m)
	if !overrides.IsList() {
		m := overrides.Map()
		list := m.Optional("data")
		reading.Skip(m, "took", "requestId", "paging")
		e.Rest(m)
		overrides = list
	}
	s.Temporary = e.overrides(overrides, s.Layers)
	return s
}

// rotation reads a rotation; ok is false for one that is disabled.
func (e *export) rotation(n yamlfile.Node, path string) (l schedule.Layer, ok bool) {
	e.Place(path, n)
	m := n.Map()
	l.Name = reading.ID(e.Place(path+".name", m.Required("id")))
	e.Name(l.Name, m.Optional("name"))
	start := e.Place(path+".anchor", m.Required("startDate"))
	l.From = reading.Instant(start)
	l.Until = reading.Instant(e.Place(path+".until", m.Optional("endDate")))
	if !l.From.IsZero() && !e.zone.IsZero() {
		l.Anchor, _ = reading.OnWall(l.From, e.zone) // the layer begins there, so no earlier instant counts
	}
	length := 1
	if n := m.Optional("length"); n.Exists() {
		length = n.Int(1, schedule.MaxTurnUnits)
	}
	switch m.Required("type").Enum("hourly", "daily", "weekly") {
	case "hourly":
		l.Turn = schedule.Hours(length)
	case "daily":
		l.Turn = schedule.Days(length)
	case "weekly":
		l.Turn = schedule.Weeks(length)
	}
	participants := e.Place(path+".members", m.Required("participants"))
	for i, item := range participants.List() {
		l.Members = append(l.Members, e.participant(e.Place(fmt.Sprintf("%s.members[%d]", path, i), item)))
	}
	l.Restrict = e.restrictions(e.Place(path+".restrict", m.Optional("timeRestriction")))
	e.Drop(m.Optional("parent"), "not_imported", "nothing: it repeats the schedule")
	enabled := m.Optional("enabled")
	e.Rest(m)
	if ok = !enabled.Exists() || enabled.Bool(); !ok {
		e.Drop(n, "not_imported", "nothing: the rotation is disabled")
	}
	return l, ok
}

// participant returns the people of a turn.
func (e *export) participant(n yamlfile.Node) schedule.Slot {
	m := n.Map()
	kind := m.Required("type").Enum("user", "team", "escalation", "none")
	idNode := m.Optional("id")
	id := reading.ID(idNode)
	name, username := m.Optional("name"), m.Optional("username")
	e.Rest(m)
	if kind == "none" || kind == "" {
		return schedule.Slot{}
	}
	if !idNode.Exists() {
		idNode.Add("missing", nil, "the ID: names and addresses change")
		return schedule.Slot{}
	}
	if kind == "user" {
		e.Name(id, username)
		e.Name(id, name)
		return schedule.Slot{id}
	}
	if people, ok := e.people[id]; ok {
		e.Name(id, name)
		return slices.Clone(schedule.Slot(people))
	}
	id = kind + ":" + id
	e.Name(id, name)
	e.Drop(n, "not_resolved", id+" in place of people: name those in Options.People")
	return schedule.Slot{id}
}

func (e *export) restrictions(n yamlfile.Node) []schedule.Restriction {
	if !n.Exists() {
		return nil
	}
	m := n.Map()
	kind := m.Required("type").Enum("time-of-day", "weekday-and-time-of-day")
	single, several := m.Optional("restriction"), m.Optional("restrictions")
	e.Rest(m)
	items := several.List()
	if single.Exists() {
		items = append(items, single)
	}
	if len(items) == 0 {
		n.Add("missing", nil, "a restriction")
	}
	var list []schedule.Restriction
	for _, item := range items {
		list = append(list, e.restriction(item, kind == "weekday-and-time-of-day")...)
	}
	return list
}

func (e *export) restriction(n yamlfile.Node, weekdays bool) []schedule.Restriction {
	m := n.Map()
	from, to := clock(m, "start"), clock(m, "end")
	if !weekdays {
		e.Rest(m)
		if from == to {
			n.Add("not_expressible", from, "a start and an end that differ")
		}
		return []schedule.Restriction{{Clock: []string{from + "-" + to}}}
	}
	fromDay := yamlfile.Value(m.Required("startDay"), parseDay)
	toDay := yamlfile.Value(m.Required("endDay"), parseDay)
	e.Rest(m)
	if fromDay == toDay && from == to {
		n.Add("not_expressible", from, "a start and an end that differ")
		return nil
	}
	return schedule.Weekly(fromDay, from, toDay, to)
}

// clock reads the hour and the minute of a start or an end, at which hour 24 is
// the end of the day.
func clock(m *yamlfile.Map, which string) string {
	most := 23
	if which == "end" {
		most = 24
	}
	hour := m.Required(which+"Hour").Int(0, most)
	minutes := m.Optional(which + "Min")
	minute := minutes.Int(0, 59)
	if hour == 24 && minute != 0 {
		minutes.Add("out_of_range", minute, "0: the day ends at 24:00")
	}
	return fmt.Sprintf("%02d:%02d", hour, minute)
}

func parseDay(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()) {
			return d, nil
		}
	}
	return 0, sre.NewProblem("", "unknown_day", text, "monday to sunday")
}

func (e *export) overrides(n yamlfile.Node, layers []schedule.Layer) []schedule.Temporary {
	var list []schedule.Temporary
	for i, item := range n.List() {
		m := item.Map()
		path := fmt.Sprintf("temporary[%d]", len(list))
		id := reading.ID(m.Optional("alias"))
		start, endNode := reading.Instant(m.Required("startDate")), m.Required("endDate")
		end := reading.Instant(endNode)
		people := e.participant(m.Required("user"))
		some := map[string]bool{}
		for _, rotation := range m.Optional("rotations").List() {
			r := rotation.Map()
			some[reading.ID(r.Required("id"))] = true
			reading.Skip(r, "name")
			e.Rest(r)
		}
		reading.Skip(m, "_parent", "parent")
		e.Rest(m)
		if len(some) > 0 && slices.ContainsFunc(layers, func(l schedule.Layer) bool { return !some[l.Name] }) {
			e.Drop(item, "not_imported", "nothing: a schedule overrides people, not rotations")
			continue
		}
		for _, at := range []string{path, path + ".shifts[0]"} {
			e.Place(at, item)
			e.Place(at+".end", endNode)
		}
		t := schedule.Temporary{ID: cmp.Or(id, fmt.Sprintf("override-%d", i+1)), Start: start, End: end}
		for _, p := range people {
			t.Shifts = append(t.Shifts, schedule.TemporaryShift{Person: p, Start: start, End: end})
		}
		list = append(list, t)
	}
	return list
}
