package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An Edit changes a layer from an instant on. What is published before it stays
// as it is: the old layer ends there, and a new one, with a name of its own such as
// "weekly.2", begins.
//
// Nobody is reshuffled. Who has the turn at that instant keeps it, if he is
// still a member, until the handoff that the new turns bring; after him comes who
// follows him in the new list. Was he removed, it goes to the first of his
// successors in the old list who remains.
type Edit struct {
	Layer string    // the name of the layer that is in force at At
	At    time.Time // whole seconds

	Members []Slot // the new list; nil: as before
	Turn    Turn   // the new length; zero: as before
	Anchor  string // where the new turns are counted from; "": as before. It moves handoffs, not people
	Zone    string // the new zone, in which the anchor and the restrictions are read; "": as before

	Restrict    []Restriction // the new restrictions, with SetRestrict
	SetRestrict bool
}

// With returns the list with a slot inserted before that index, for an [Edit].
func With(members []Slot, index int, slot Slot) []Slot {
	return slices.Insert(slices.Clone(members), min(max(index, 0), len(members)), slot)
}

// Without returns the list without a person, for an [Edit]: slots that only he
// had go, other slots stay without him.
func Without(members []Slot, person string) []Slot {
	rest := []Slot{} // not nil, which an Edit takes for no change
	for _, slot := range members {
		left := slices.DeleteFunc(slices.Clone(slot), func(p string) bool { return p == person })
		if len(left) > 0 || len(slot) == 0 {
			rest = append(rest, left)
		}
	}
	return rest
}

// Edit returns the schedule with the edit, compiled for the same horizon, and who
// gains and loses what in the rest of the horizon.
//
// The error carries a [sre.Problem] for a layer that does not exist or has ended
// by then, and for whatever Compile does not like of the result. Layers that ended
// stay in the schedule and count against MaxLayers; remove them when their time
// need not be shown any more.
//
// With checks, an edit is refused that makes one of them find in the horizon what
// it did not find before, equal in every field: the error carries a [sre.Problem]
// for each such finding.
func (c *Compiled) Edit(e Edit, checks ...Check) (*Compiled, []Change, error) {
	s, err := c.edited(e)
	if err != nil {
		return nil, nil, err
	}
	from, to := c.Horizon()
	after, err := s.Compile(from, to)
	if err != nil {
		return nil, nil, err
	}
	if err := newFindings(c.Shifts(from, to), after.Shifts(from, to), checks); err != nil {
		return nil, nil, err
	}
	return after, Diff(c, after, from, to), nil
}

// newFindings reports what the checks find after an edit and did not before.
func newFindings(before, after []Shift, checks []Check) error {
	var p sre.Problems
	for _, check := range checks {
		known := map[Finding]bool{}
		for _, f := range check(before) {
			known[f] = true
		}
		for _, f := range check(after) {
			if !known[f] {
				p.Add("edit", f.Code, f.Person, "an edit after which this does not hold: "+f.String())
			}
		}
	}
	return p.Err("schedule")
}

// edited makes the patch.
func (c *Compiled) edited(e Edit) (Schedule, error) {
	var p sre.Problems
	i := slices.IndexFunc(c.spec.Layers, func(l Layer) bool { return l.Name == e.Layer })
	if i < 0 {
		p.Add("layer", "unknown_layer", e.Layer, "the name of a layer of the schedule")
		return Schedule{}, p.Err("schedule")
	}
	at := e.At.Unix()
	switch old := &c.layers[i]; {
	case at < minInstant || at >= maxInstant || e.At.Nanosecond() != 0:
		p.Add("at", "out_of_range", stamp(e.At), "whole seconds, the years 2 to 9998")
	case at >= old.until:
		p.Add("at", "layer_ended", stamp(e.At), "an instant before the layer ends, "+stamp(c.at(old.until))+"; or name the layer that follows it")
	}
	s := c.Schedule()
	next := e.apply(s.Layers[i])
	next.From, next.First = e.At, 0
	if len(next.Members) == 0 {
		p.Add("members", "missing", nil, "at least one slot")
	}
	if err := p.Err("schedule"); err != nil {
		return Schedule{}, err
	}
	inPlace := at <= c.layers[i].from
	if inPlace {
		next.From = s.Layers[i].From
	} else {
		next.Name = c.nextName(e.Layer)
	}
	ready, err := c.compileLayer(next)
	if err != nil {
		return Schedule{}, err
	}
	at = max(at, c.layers[i].from)
	next.First = first(ready.turnAt(at), len(next.Members), c.successor(i, at, next.Members))
	if inPlace {
		s.Layers[i] = next
		return s, nil
	}
	s.Layers[i].Until = e.At
	s.Layers = slices.Insert(s.Layers, i+1, next)
	return s, nil
}

// apply makes the changes that are named.
func (e Edit) apply(l Layer) Layer {
	if e.Members != nil {
		l.Members = e.Members
	}
	if e.Turn != (Turn{}) {
		l.Turn = e.Turn
	}
	if e.Anchor != "" {
		l.Anchor = e.Anchor
	}
	if e.Zone != "" {
		l.Zone = e.Zone
	}
	if e.SetRestrict {
		l.Restrict = e.Restrict
	}
	return l
}

// compileLayer compiles one layer by itself.
func (c *Compiled) compileLayer(l Layer) (*layer, error) {
	from, _ := c.Horizon() // the rest is compiled with the schedule
	alone, err := Schedule{ID: c.spec.ID, Zone: c.spec.Zone, Layers: []Layer{l}, Holidays: c.spec.Holidays}.Compile(from, from)
	if err != nil {
		return nil, err
	}
	return &alone.layers[0], nil
}

// turnAt returns the number that picks the slot at u.
func (l *layer) turnAt(u int64) int64 {
	i := l.turns.index(u)
	if l.worked {
		return l.workedBefore(i)
	}
	return i
}

// first returns the First with which slot has that turn.
func first(turn int64, members, slot int) int {
	n := int64(members)
	return int(((int64(slot)-turn)%n + n) % n)
}

// successor returns which of the new members has the turn at u: who has it now,
// or else the first who follows and remains. If he stands several times in the
// new list, it is where most of the old order goes on.
func (c *Compiled) successor(layer int, u int64, members []Slot) int {
	old := c.spec.Layers[layer].Members
	l := &c.layers[layer]
	now := l.slotIndex(l.turnAt(u), 0)
	for step := range old {
		at := (now + step) % len(old)
		best, most := -1, -1
		for j := range members {
			if !sameSlot(old[at], members[j]) {
				continue
			}
			if n := alike(old, at, members, j); n > most {
				best, most = j, n
			}
		}
		if best >= 0 {
			return best
		}
	}
	return 0
}

// alike counts how many slots in a row are the same from there on.
func alike(a []Slot, i int, b []Slot, j int) (n int) {
	for n < len(a) && n < len(b) && sameSlot(a[(i+n)%len(a)], b[(j+n)%len(b)]) {
		n++
	}
	return n
}

func sameSlot(a, b Slot) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// nextName returns the name with the next number that is free, shortened if it
// would be too long for an ID.
func (c *Compiled) nextName(name string) string {
	n := 2
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if k, err := strconv.Atoi(name[i+1:]); err == nil && k >= 2 && k < 1_000_000 {
			name, n = name[:i], k+1
		}
	}
	for ; ; n++ {
		number := fmt.Sprintf(".%d", n)
		next := name[:min(len(name), sre.MaxID-len(number))] + number
		if !slices.ContainsFunc(c.spec.Layers, func(l Layer) bool { return l.Name == next }) {
			return next
		}
	}
}
