package schedule

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
)

// Compiled is a checked schedule. It is immutable and safe for concurrent use.
// Inside the horizon for which it was compiled answers are read from a table;
// outside they are computed, exactly, and take longer. The zero value has
// nobody on call.
type Compiled struct {
	ready  timeline // of the horizon
	people []string // sorted; an index stands for a person everywhere below
	loc    *time.Location
	zone   civil.Zone
	spec   Schedule

	layers     []layer
	absences   []timed // who: the person
	temps      []timed // who: the index in spec.Temporary
	tempShifts []timed // who: the index in tempInfo
	tempInfo   []tempShift
	swaps      []timed // who: the index in swapInfo
	swapInfo   []swap
	overrides  []timed // who: the index in overInfo
	overInfo   []override

	conflicts []Conflict
	causes    [4][]string // the names of what puts people on call, by kind
}

// timed is something inside [start, end).
type timed struct {
	start, end int64
	who        int32
}

type tempShift struct {
	temp   int32
	person int32
	role   uint8
}

type swap struct {
	beneficiary, benefactor int32
	role                    uint8 // 0: every
}

type override struct {
	add, remove   int32 // nobody: -1
	role          uint8 // 0: every
	supersedes    int32 // -1: none
	overTemporary bool
	start         int64
}

const nobody = -1

// The instants in which schedules are known, years 2 to 9998 so that no handoff
// or range leaves the calendar. Outside nobody is on call.
var (
	minInstant = time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	maxInstant = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// Compile checks the schedule, fills in the defaults and prepares the horizon
// [from, to) for fast answers; with from = to it prepares nothing. The error
// carries every [sre.Problem] at once. The schedule is copied.
//
// It takes a time that grows with the shifts of the horizon: 0.8 ms for a year
// of five layers with two shifts a day each. Overrides that are active at the
// same time are compared with each other.
func (s Schedule) Compile(from, to time.Time) (*Compiled, error) {
	c := &Compiled{spec: s.withDefaults()}
	k := compiler{Compiled: c, zones: map[string]civil.Zone{}, index: map[string]int32{}}
	k.check(from, to)
	if err := k.Err("schedule"); err != nil {
		return nil, err
	}
	for i := range c.layers {
		c.layers[i].checkpoint(from.Unix())
	}
	c.ready.lo, c.ready.hi = from.Unix(), from.Unix()
	c.nameCauses()
	c.conflicts = c.findConflicts()
	if to.After(from) {
		c.ready = *c.evaluate(from.Unix(), to.Unix())
	}
	return c, nil
}

func (c *Compiled) nameCauses() {
	for _, l := range c.spec.Layers {
		c.causes[ByLayer] = append(c.causes[ByLayer], l.Name)
	}
	for _, t := range c.spec.Temporary {
		c.causes[ByTemporary] = append(c.causes[ByTemporary], t.ID)
	}
	for _, s := range c.spec.Swaps {
		c.causes[BySwap] = append(c.causes[BySwap], s.ID)
	}
	for _, o := range c.spec.Overrides {
		c.causes[ByOverride] = append(c.causes[ByOverride], o.ID)
	}
}

// MustCompile is Compile for schedules that are part of the program; it panics
// on an invalid one.
func (s Schedule) MustCompile(from, to time.Time) *Compiled {
	c, err := s.Compile(from, to)
	if err != nil {
		panic(err)
	}
	return c
}

// Schedule returns the schedule as it was compiled, defaults filled in.
func (c *Compiled) Schedule() Schedule { return c.spec.withDefaults() }

// Horizon returns the time for which answers were prepared.
func (c *Compiled) Horizon() (from, to time.Time) { return c.at(c.ready.lo), c.at(c.ready.hi) }

// People returns the IDs of everybody whom the schedule names, sorted.
func (c *Compiled) People() []string { return slices.Clone(c.people) }

// Location returns the time zone of the schedule.
func (c *Compiled) Location() *time.Location { return c.location() }

func (c *Compiled) location() *time.Location {
	if c.loc == nil {
		return time.UTC
	}
	return c.loc
}

// at shows an instant in the zone of the schedule.
func (c *Compiled) at(u int64) time.Time { return time.Unix(u, 0).In(c.location()) }

// withDefaults returns a copy that shares nothing with s.
func (s Schedule) withDefaults() Schedule {
	s.Layers = slices.Clone(s.Layers)
	for i := range s.Layers {
		l := &s.Layers[i]
		if l.Role == oncall.RoleUnknown {
			l.Role = oncall.Primary
		}
		if l.Zone == "" {
			l.Zone = s.Zone
		}
		l.Members = slices.Clone(l.Members)
		for j := range l.Members {
			l.Members[j] = slices.Clone(l.Members[j])
		}
		l.Positions = slices.Clone(l.Positions)
		l.Restrict = slices.Clone(l.Restrict)
		for j := range l.Restrict {
			l.Restrict[j] = l.Restrict[j].clone()
		}
	}
	s.Temporary = slices.Clone(s.Temporary)
	for i := range s.Temporary {
		t := &s.Temporary[i]
		t.Shifts = slices.Clone(t.Shifts)
		for j := range t.Shifts {
			if t.Shifts[j].Role == oncall.RoleUnknown {
				t.Shifts[j].Role = oncall.Primary
			}
		}
	}
	s.Overrides = slices.Clone(s.Overrides)
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.Add != "" && o.Remove == "" && o.Role == oncall.RoleUnknown {
			o.Role = oncall.Primary
		}
	}
	s.Swaps = slices.Clone(s.Swaps)
	s.Absences = slices.Clone(s.Absences)
	s.Holidays = slices.Clone(s.Holidays)
	for i := range s.Holidays {
		s.Holidays[i].Dates = slices.Clone(s.Holidays[i].Dates)
	}
	return s
}

// compiler collects the problems of a schedule while it builds the compiled
// form.
type compiler struct {
	sre.Problems
	*Compiled
	zones    map[string]civil.Zone
	index    map[string]int32 // of people
	holidays map[string][]dayRange
	from, to int64 // the horizon
}

func (k *compiler) check(from, to time.Time) {
	s := &k.spec
	k.CheckID("id", s.ID)
	k.zone = k.loadZone("zone", s.Zone)
	k.loc = k.zone.Location()
	k.horizon(from, to)
	if int(s.Compose) >= len(composeNames) {
		k.Add("compose", "unknown_compose", s.Compose, "union, priority or last_wins")
	}
	k.limit("layers", len(s.Layers), MaxLayers)
	k.limit("temporary", len(s.Temporary), MaxTemporary)
	k.limit("overrides", len(s.Overrides), MaxOverrides)
	k.limit("swaps", len(s.Swaps), MaxSwaps)
	k.limit("absences", len(s.Absences), MaxAbsences)
	k.limit("holidays", len(s.Holidays), MaxCalendars)
	if len(s.Layers)+len(s.Temporary)+len(s.Overrides) == 0 {
		k.Add("layers", "missing", nil, "a layer, a temporary schedule or an override: without any, nobody is ever on call")
	}
	if k.Len() > 0 && (len(s.Layers) > MaxLayers || len(s.Overrides) > MaxOverrides) {
		return // too much to look at
	}
	k.indexPeople()
	k.checkHolidays()
	names := unique{k, "a name that no other layer has", map[string]bool{}}
	for i := range s.Layers {
		path := fmt.Sprintf("layers[%d]", i)
		names.check(path, ".name", s.Layers[i].Name)
		k.layers = append(k.layers, k.layer(path, &s.Layers[i]))
	}
	k.checkTemporary()
	k.checkOverrides()
	k.checkSwaps()
	for i, a := range s.Absences {
		path := fmt.Sprintf("absences[%d]", i)
		k.id(path, ".person", a.Person)
		if start, end, ok := k.interval(path, a.Start, a.End); ok {
			k.absences = append(k.absences, timed{start, end, k.index[a.Person]})
		}
	}
	for _, list := range [][]timed{k.absences, k.temps, k.tempShifts, k.swaps, k.overrides} {
		slices.SortFunc(list, func(a, b timed) int {
			if a.start != b.start {
				return int(min(1, max(-1, a.start-b.start)))
			}
			return int(a.who - b.who)
		})
	}
	for i := 1; i < len(k.temps); i++ {
		if k.temps[i].start < k.temps[i-1].end {
			k.Add(fmt.Sprintf("temporary[%d]", k.temps[i].who), "overlap", s.Temporary[k.temps[i].who].ID, "a time in which no other temporary schedule is active, unlike "+s.Temporary[k.temps[i-1].who].ID)
		}
	}
	if k.Len() == 0 {
		k.checkSize()
	}
}

func (k *compiler) horizon(from, to time.Time) {
	switch {
	case from.IsZero() || to.IsZero() || to.Before(from):
		k.Add("horizon", "out_of_range", fmt.Sprintf("%s to %s", stamp(from), stamp(to)), "two instants in order")
	case to.Sub(from) > MaxHorizon:
		k.Add("horizon", "out_of_range", to.Sub(from), "at most "+MaxHorizon.String())
	}
	k.from = k.instant("horizon", ".from", from)
	k.to = k.instant("horizon", ".to", to)
}

// checkSize refuses a horizon with more in it than can be prepared.
func (k *compiler) checkSize() {
	pieces := int64(0)
	for i := range k.layers {
		l := &k.layers[i]
		pieces += l.expect(max(k.from, l.from), min(k.to, l.until))
	}
	if pieces > MaxPieces {
		k.Add("horizon", "too_many", pieces, fmt.Sprintf("at most %d turns and restricted times; a shorter horizon has fewer", MaxPieces))
	}
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func (k *compiler) limit(path string, n, most int) {
	if n > most {
		k.Add(path, "too_many", n, fmt.Sprintf("at most %d", most))
	}
}

func (k *compiler) loadZone(path, name string) civil.Zone {
	if z, ok := k.zones[name]; ok {
		return z
	}
	z, err := civil.LoadZone(name)
	k.Merge(path, err)
	if err == nil {
		k.zones[name] = z
	}
	return z
}

// instant returns t in seconds; a zero t is none.
func (k *compiler) instant(path, field string, t time.Time) int64 {
	u := t.Unix()
	switch {
	case t.IsZero():
	case u < minInstant || u >= maxInstant:
		k.Add(path+field, "out_of_range", stamp(t), "the years 2 to 9998")
	case t.Nanosecond() != 0:
		k.Add(path+field, "not_whole_seconds", stamp(t), "whole seconds")
	}
	return u
}

func (k *compiler) interval(path string, start, end time.Time) (from, to int64, ok bool) {
	before := k.Len()
	from, to = k.instant(path, ".start", start), k.instant(path, ".end", end)
	switch {
	case start.IsZero():
		k.Add(path+".start", "missing", nil, "an instant")
	case end.IsZero():
		k.Add(path+".end", "missing", nil, "an instant")
	case !end.After(start):
		k.Add(path+".end", "out_of_range", stamp(end), "an instant after the start, "+stamp(start))
	}
	return from, to, k.Len() == before
}

// id is CheckID; the path is put together only if it is needed.
func (k *compiler) id(path, field, id string) {
	if !sre.ValidID(id) {
		k.CheckID(path+field, id)
	}
}

// unique checks IDs that must not repeat.
type unique struct {
	k    *compiler
	want string
	seen map[string]bool
}

func (u unique) check(path, field, id string) {
	u.k.id(path, field, id)
	if u.seen[id] && id != "" {
		u.k.Add(path+field, "duplicate", id, u.want)
	}
	u.seen[id] = true
}

func (k *compiler) role(path string, r oncall.Role) {
	if r < oncall.Primary || r > oncall.Shadow {
		k.Add(path, "unknown_role", r, "primary, secondary or shadow")
	}
}

// indexPeople numbers everybody in the order of their IDs.
func (k *compiler) indexPeople() {
	add := func(id string) {
		if _, ok := k.index[id]; !ok && id != "" {
			k.index[id] = 0
			k.people = append(k.people, id)
		}
	}
	for _, l := range k.spec.Layers {
		for _, slot := range l.Members {
			for _, p := range slot {
				add(p)
			}
		}
	}
	for _, t := range k.spec.Temporary {
		for _, s := range t.Shifts {
			add(s.Person)
		}
	}
	for _, o := range k.spec.Overrides {
		add(o.Add)
		add(o.Remove)
	}
	for _, s := range k.spec.Swaps {
		add(s.Beneficiary)
		add(s.Benefactor)
	}
	for _, a := range k.spec.Absences {
		add(a.Person)
	}
	slices.Sort(k.people)
	for i, id := range k.people {
		k.index[id] = int32(i)
	}
}

// person returns the index of a person, or nobody.
func (k *compiler) person(id string) int32 {
	if id == "" {
		return nobody
	}
	return k.index[id]
}

const daySeconds = 24 * 60 * 60
