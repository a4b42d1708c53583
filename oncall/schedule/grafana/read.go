package grafana

import (
	"fmt"
	"io"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Limits of an export, part of the contract.
const (
	MaxBytes     = 4 << 20
	MaxOverrides = schedule.MaxTemporary
	MaxLevel     = 1000
)

// An Import is what an export says.
type Import struct {
	Schedule schedule.Schedule // compiles
	Names    map[string]string // what Grafana OnCall calls the schedule and the shifts, by ID

	// Dropped lists what was understood but has no place in Schedule, and what
	// was not understood. Want says what stands instead.
	Dropped []sre.Problem
}

// Read reads one schedule; name is the file's, for messages. The error carries
// every [sre.Problem].
func Read(r io.Reader, name string) (Import, error) {
	f, err := reading.Parse(r, name, "grafana", MaxBytes)
	if err != nil {
		return Import{}, err
	}
	e := &export{Reading: f}
	s := e.read()
	if err := f.Compile(s); err != nil {
		return Import{}, err
	}
	e.findPartial(s)
	return Import{Schedule: s, Names: f.Names, Dropped: f.Dropped()}, nil
}

// export is one export as it is read.
type export struct {
	*reading.Reading
	zone      civil.Zone // of the schedule
	overrides []override
	late      []late
}

// late is a layer that begins after the first of its events.
type late struct {
	layer int
	node  yamlfile.Node
}

func (e *export) read() schedule.Schedule {
	root := e.Root.Map()
	node, shifts := root.Required("schedule"), root.Required("shifts")
	e.Rest(root)

	m := node.Map()
	s := schedule.Schedule{Compose: schedule.Priority}
	s.ID = reading.ID(e.Place("id", m.Required("id")))
	e.Name(s.ID, m.Optional("name"))
	if kind := m.Required("type"); kind.Enum("web", "calendar", "ical") == "ical" {
		kind.Add("not_expressible", "ical", "web or calendar: the shifts of an imported calendar stand in its iCalendar files")
	}
	zone := e.Place("zone", m.Required("time_zone"))
	s.Zone, e.zone = zone.Text(), reading.Zone(zone)
	listed := m.Optional("shifts")
	reading.Skip(m, "on_call_now", "enable_web_overrides")
	e.Drop(m.Optional("ical_url_primary"), "not_imported", "nothing: the calendar behind the address is not read")
	e.Drop(m.Optional("ical_url_overrides"), "not_imported", "nothing: the calendar behind the address is not read")
	e.Drop(m.Optional("team_id"), "not_imported", "nothing: a schedule does not name its team")
	e.Drop(m.Optional("slack"), "not_imported", "nothing: a schedule does not notify")
	e.Rest(m)

	known := map[string]bool{}
	for _, item := range e.results(shifts) {
		known[e.shift(&s, item)] = true
	}
	for _, item := range listed.List() {
		if id := item.Text(); !known[id] {
			item.Add("missing_shift", id, "a shift of that ID in shifts")
		}
	}
	e.Place("layers", shifts)
	e.Place("temporary", shifts)
	s.Temporary = e.temporary()
	return s
}

// results returns the items of a list, or of a page of the API.
func (e *export) results(n yamlfile.Node) []yamlfile.Node {
	if n.IsList() {
		return n.List()
	}
	m := n.Map()
	results := m.Required("results")
	if next := m.Optional("next"); next.Exists() {
		next.Add("incomplete", nil, "the last page: the shifts of all pages in one list")
	}
	reading.Skip(m, "count", "previous", "page_size", "current_page_number", "total_pages")
	e.Rest(m)
	return results.List()
}

// shift reads one shift into the schedule and returns its ID.
func (e *export) shift(s *schedule.Schedule, n yamlfile.Node) string {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	e.Name(id, m.Optional("name"))
	kind := m.Required("type").Enum("rolling_users", "recurrent_event", "single_event", "override")
	t := e.times(m, kind)
	level := m.Optional("level").Int(0, MaxLevel)
	users, rolling, index := m.Optional("users"), m.Optional("rolling_users"), m.Optional("start_rotation_from_user_index")
	reading.Skip(m, "source")
	e.Drop(m.Optional("team_id"), "not_imported", "nothing: a shift does not name its team")
	e.Rest(m)

	path := fmt.Sprintf("layers[%d]", len(s.Layers))
	slots, at := []schedule.Slot{people(users)}, users
	if kind == "rolling_users" || kind == "override" && !users.Exists() {
		slots, at = groups(rolling), rolling
	}
	if !anybody(slots) {
		e.Drop(n, "not_imported", "nothing: the shift has no users")
		return id
	}
	if kind == "override" {
		e.overrides = append(e.overrides, override{id, level, slots[0], t.from(), t.firstEnd(), n})
		return id
	}
	l := schedule.Layer{Name: id, Priority: level, Members: slots, From: t.from(), Until: t.end()}
	if t.zoneName != s.Zone {
		l.Zone = t.zoneName
	}
	switch kind {
	case "single_event":
		l.Until = t.firstEnd()
	case "recurrent_event":
		t.recurrent(&l)
	case "rolling_users":
		l.First = index.Int(0, max(0, len(slots)-1))
		if t.frequency == "" && len(slots) > 0 {
			l.Members, l.First, l.Until = slots[l.First:l.First+1], 0, t.firstEnd()
			break
		}
		t.rolling(&l)
	}
	e.place(path, n, at, t)
	if t.rotation.Exists() {
		e.late = append(e.late, late{len(s.Layers), t.rotation})
	}
	s.Layers = append(s.Layers, l)
	return id
}

// place remembers where the parts of a layer stand.
func (e *export) place(path string, n, users yamlfile.Node, t *times) {
	e.Place(path, n)
	e.Place(path+".members", users)
	e.Place(path+".zone", t.zoneNode)
	e.Place(path+".until", t.untilNode)
	e.Place(path+".anchor", t.startNode)
	e.Place(path+".restrict", t.startNode)
}

// findPartial reports the layers that begin in the middle of an event.
func (e *export) findPartial(s schedule.Schedule) {
	for _, late := range e.late {
		l := s.Layers[late.layer]
		from := l.From
		l.From = time.Time{}
		alone := schedule.Schedule{ID: s.ID, Zone: s.Zone, Layers: []schedule.Layer{l}}
		c, err := alone.Compile(from, from)
		if err != nil {
			continue // it compiled with the others
		}
		before, after := first(c.At(from.Add(-time.Second))), first(c.At(from))
		if before.Person != "" && before.Person == after.Person && before.Cause == after.Cause {
			e.Drop(late.node, "cut", "the event from here on: Grafana OnCall shows an event that is running at rotation_start in whole if it was made in the web, else not at all")
		}
	}
}

func first(o schedule.OnCall) schedule.Shift {
	for s := range o.All() {
		return s
	}
	return schedule.Shift{}
}

func people(n yamlfile.Node) schedule.Slot {
	slot := schedule.Slot{}
	for _, item := range n.List() {
		if !item.Exists() {
			item.Add("missing", nil, "the ID of a user")
			continue
		}
		slot = append(slot, reading.ID(item))
	}
	return slot
}

func groups(n yamlfile.Node) []schedule.Slot {
	var slots []schedule.Slot
	for _, item := range n.List() {
		slots = append(slots, people(item))
	}
	return slots
}

func anybody(slots []schedule.Slot) bool {
	for _, s := range slots {
		if len(s) > 0 {
			return true
		}
	}
	return false
}
