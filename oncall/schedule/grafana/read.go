package grafana

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
	e.findCut(s)
	return Import{Schedule: s, Names: f.Names, Dropped: f.Dropped()}, nil
}

// export is one export as it is read.
type export struct {
	*reading.Reading
	web       bool       // made in the web: the times of its shifts are UTC
	zone      civil.Zone // of the schedule
	overrides []override
	edges     []edge
}

// edge is where a rotation begins or ends, maybe in the middle of an event.
type edge struct {
	layer   int
	at      time.Time
	node    yamlfile.Node
	instead string
}

func (e *export) read() schedule.Schedule {
	root := e.Root.Map()
	node, shifts := root.Required("schedule"), root.Required("shifts")
	e.Rest(root)

	m := node.Map()
	s := schedule.Schedule{Compose: schedule.Priority}
	s.ID = reading.ID(e.Place("id", m.Required("id")))
	e.Name(s.ID, m.Optional("name"))
	kind := m.Required("type")
	switch kind.Enum("web", "calendar", "ical") {
	case "web":
		e.web = true
	case "ical":
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
		slots, at = groups(rolling, index), rolling
	}
	if len(slots) == 0 || len(slots[0]) == 0 {
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
		if t.frequency == "" {
			l.Members, l.Until = slots[:1], t.firstEnd()
			break
		}
		t.rolling(&l)
		l.From = t.from()
		e.edges = append(e.edges,
			edge{len(s.Layers), l.From, t.rotation, "the event from here on, as of a shift made in the web; of others Grafana OnCall leaves it out"},
			edge{len(s.Layers), l.Until, t.untilNode, "the event up to here, as of a shift made in the web; of others Grafana OnCall lets it end"})
	}
	e.place(path, n, at, t)
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

// findCut reports the events in the middle of which a rotation begins or ends.
func (e *export) findCut(s schedule.Schedule) {
	for _, edge := range e.edges {
		if !edge.node.Exists() {
			continue
		}
		l := s.Layers[edge.layer]
		l.From, l.Until = time.Time{}, time.Time{}
		alone := schedule.Schedule{ID: s.ID, Zone: s.Zone, Layers: []schedule.Layer{l}}
		c, err := alone.Compile(edge.at, edge.at)
		if err != nil {
			continue // it compiled with the others
		}
		before, after := first(c.At(edge.at.Add(-time.Second))), first(c.At(edge.at))
		if before.Person != "" && before.Person == after.Person && before.Cause == after.Cause {
			e.Drop(edge.node, "cut", edge.instead)
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

// groups returns the groups from index on, those without anybody last: their turns
// stay empty, and the others close up.
func groups(n, index yamlfile.Node) []schedule.Slot {
	var slots []schedule.Slot
	for _, item := range n.List() {
		slots = append(slots, people(item))
	}
	first := index.Int(0, max(0, len(slots)-1))
	slots = slices.Concat(slots[first:], slots[:first])
	slices.SortStableFunc(slots, func(a, b schedule.Slot) int { return cmp.Compare(min(1, len(b)), min(1, len(a))) })
	return slots
}
