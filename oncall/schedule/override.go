package schedule

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A ConflictKind says how two overrides contradict each other.
type ConflictKind uint8

const (
	// BothRemove: both speak of the same person on call, and do not do the same.
	// The one called Decides has its way, the other has none.
	BothRemove ConflictKind = iota
	// AddedAndRemoved: one puts on call whom the other takes off. He is on call.
	AddedAndRemoved
	// Chained: one puts a person on call whom the other replaces. The second
	// replaces only what the person has without the first: no chain is made.
	Chained
	// Repeated: both do the same. One would be enough.
	Repeated
)

var conflictNames = []string{BothRemove: "both_remove", AddedAndRemoved: "added_and_removed", Chained: "chained", Repeated: "repeated"}

// String returns the lower-case name, which is a stable code.
func (k ConflictKind) String() string { return enumString(conflictNames, k, "conflict") }

// A Conflict is two overrides that contradict each other for some time. What
// then holds is stated and does not depend on their order in the list.
type Conflict struct {
	Kind       ConflictKind
	Decides    string // the ID of the override that has its way
	Other      string
	Person     string // of whom both speak
	Start, End time.Time
}

// String says it in a line.
func (c Conflict) String() string {
	return fmt.Sprintf("%s: overrides %s and %s both speak of %s from %s; %s decides", c.Kind, c.Decides, c.Other, c.Person, c.Start.Format(time.RFC3339), c.Decides)
}

// Conflicts returns the pairs of overrides that contradict each other, by
// start. Pairs of which one is superseded, by the other or by a third, are
// none. Of more than MaxConflicts only so many are returned.
func (c *Compiled) Conflicts() []Conflict { return slices.Clone(c.conflicts) }

// MaxConflicts bounds the list of conflicts.
const MaxConflicts = 1000

// findConflicts compares the overrides that speak of the same person.
func (c *Compiled) findConflicts() (found []Conflict) {
	byPerson, superseding := make(map[int32][]timed), make(map[int32][]timed)
	for _, t := range c.overrides { // by start
		o := &c.overInfo[t.who]
		if o.supersedes != nobody {
			superseding[o.supersedes] = append(superseding[o.supersedes], t)
		}
		for _, p := range []int32{o.add, o.remove} {
			if p != nobody {
				byPerson[p] = append(byPerson[p], t)
			}
		}
	}
	superseded := func(o, other timed) bool {
		return c.superseded(o.who, superseding[o.who], max(o.start, other.start), min(o.end, other.end))
	}
	for person := int32(0); int(person) < len(c.people) && len(found) < MaxConflicts; person++ {
		var open []timed
		for _, b := range byPerson[person] {
			open = slices.DeleteFunc(open, func(a timed) bool { return a.end <= b.start })
			for _, a := range open {
				if conflict, ok := c.conflict(person, a, b); ok && !superseded(a, b) && !superseded(b, a) {
					found = append(found, conflict)
				}
			}
			if len(found) >= MaxConflicts {
				break
			}
			open = append(open, b)
		}
	}
	slices.SortStableFunc(found, func(a, b Conflict) int { return a.Start.Compare(b.Start) })
	return found[:min(len(found), MaxConflicts)]
}

func (c *Compiled) conflict(person int32, a, b timed) (Conflict, bool) {
	oa, ob := &c.overInfo[a.who], &c.overInfo[b.who]
	if !rolesMeet(oa, ob) {
		return Conflict{}, false
	}
	adds, removes := btoi(oa.add == person)+btoi(ob.add == person), btoi(oa.remove == person)+btoi(ob.remove == person)
	out := Conflict{Person: c.people[person], Start: c.at(b.start), End: c.at(min(a.end, b.end))}
	decides, other := a.who, b.who
	if c.decidesOver(other, decides) {
		decides, other = other, decides
	}
	switch {
	case removes == 2 && oa.add == ob.add:
		out.Kind = Repeated
	case removes == 2:
		out.Kind = BothRemove
	case adds == 2 && oa.remove == nobody && ob.remove == nobody:
		out.Kind = Repeated
	case adds == 2:
		return Conflict{}, false // one person takes over from two
	default: // one adds whom the other removes
		if ob.add == person {
			decides, other = b.who, a.who
		} else {
			decides, other = a.who, b.who
		}
		out.Kind = AddedAndRemoved
		if c.overInfo[other].add != nobody {
			out.Kind = Chained
		}
	}
	out.Decides, out.Other = c.spec.Overrides[decides].ID, c.spec.Overrides[other].ID
	return out, true
}

// superseded reports whether one of the overrides that supersede this one does so
// in all its roles, all the time.
func (c *Compiled) superseded(override int32, superseding []timed, start, end int64) bool {
	return slices.ContainsFunc(superseding, func(t timed) bool {
		role := c.overInfo[t.who].role
		return t.start <= start && t.end >= end && (role == allRoles || role == c.overInfo[override].role)
	})
}

func rolesMeet(a, b *override) bool {
	return a.role == allRoles || b.role == allRoles || a.role == b.role
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// HandOff returns the overrides that hand a running shift over: from at until
// its end, what from has in that role is to's, and nobody else gains or loses
// anything at that instant. They may be added to the schedule at any moment, and
// ask for no reason. Mostly it is one; if from is on call because of overrides
// too, there is one for each, which supersedes it, and so is each that would
// take from to what is handed back to him; they are named after id with a
// number. During a temporary schedule they count. A shift without an end is
// handed over for MaxLookahead.
//
// To hand over for a shorter time, change End. The error carries a
// [sre.Problem] for an id that is not valid or not free, for a to who is from or
// is no ID, and if from is not on call in that role.
func (c *Compiled) HandOff(id string, at time.Time, role oncall.Role, from, to string) ([]Override, error) {
	at = at.In(c.location()).Truncate(time.Second)
	var p sre.Problems
	p.CheckID("id", id)
	p.CheckID("to", to)
	if from == to {
		p.Add("to", "not_allowed", to, "somebody else")
	}
	var running Shift
	for s := range c.At(at).All() {
		if s.Person == from && s.Role == role {
			running = s
		}
	}
	if running.Person == "" {
		p.Add("from", "not_on_call", from, fmt.Sprintf("somebody who is %s at %s", role, at.Format(time.RFC3339)))
	}
	if err := p.Err("schedule"); err != nil {
		return nil, err
	}
	list := c.takeOver(at.Unix(), role, from, to)
	end := c.whole(running).End
	for i := range list {
		o := &list[i]
		o.ID, o.Role, o.Start = id, role, at
		if i > 0 {
			o.ID = fmt.Sprintf("%s.%d", id, i+1)
		}
		if o.End.IsZero() || o.End.After(end) {
			o.End = end
		}
		p.CheckID("id", o.ID)
		if slices.ContainsFunc(c.spec.Overrides, func(x Override) bool { return x.ID == o.ID }) {
			p.Add("id", "duplicate", o.ID, "an ID that no override has")
		}
	}
	return list, p.Err("schedule")
}

// takeOver makes an override for each reason for which from is on call.
func (c *Compiled) takeOver(u int64, role oncall.Role, from, to string) (list []Override) {
	e := c.newEvaluator(u, u+1)
	e.moveTo(u)
	e.beforeOverrides()
	decides := func(person int32) int32 { return e.decisive(makeDuty(uint8(role), person, ByLayer, 0, 0)) }
	for _, d := range e.duties {
		if c.people[d.person()] == from && oncall.Role(d.role()) == role && decides(d.person()) == nobody {
			list = append(list, Override{Add: to, Remove: from, OverTemporary: e.temporary != nobody})
		}
	}
	inRole := func(o Override) bool { return o.Role == role || o.Role == oncall.RoleUnknown }
	for _, t := range e.overrides.now {
		before, info := c.spec.Overrides[t.who], c.overInfo[t.who]
		if before.Add != from || !inRole(before) || !e.counts(t.who, uint8(role)) || info.remove != nobody && decides(info.remove) != t.who {
			continue
		}
		if before.Remove != to {
			list = append(list, Override{Add: to, Remove: before.Remove, End: before.End, Supersedes: before.ID, OverTemporary: before.OverTemporary})
			continue
		}
		for _, t := range e.overrides.now { // handed back: this one goes, and what it decided over
			if o := c.spec.Overrides[t.who]; o.Remove == to && inRole(o) && e.counts(t.who, uint8(role)) {
				list = append(list, Override{End: o.End, Supersedes: o.ID, OverTemporary: o.OverTemporary})
			}
		}
	}
	return list
}

// whole looks beyond the horizon for the end of a shift that begins in it.
func (c *Compiled) whole(s Shift) Shift {
	for span := 32 * 24 * time.Hour; s.EndsAfter && span < 4*MaxLookahead; span *= 4 {
		span = min(span, MaxLookahead)
		for longer := range c.Flatten(s.Start, s.Start.Add(span)) {
			if longer.Person == s.Person && longer.Role == s.Role && longer.Cause == s.Cause && longer.Start.Equal(s.Start) {
				s.End, s.EndsAfter = longer.End, longer.EndsAfter
			}
		}
	}
	return s
}
