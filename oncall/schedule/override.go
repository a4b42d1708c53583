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
// none. At most MaxConflicts are returned.
func (c *Compiled) Conflicts() []Conflict { return slices.Clone(c.conflicts) }

// MaxConflicts bounds the list of conflicts.
const MaxConflicts = 1000

// findConflicts compares the overrides that speak of the same person.
func (c *Compiled) findConflicts() (found []Conflict) {
	byPerson := make(map[int32][]timed)
	for _, t := range c.overrides { // by start
		o := &c.overInfo[t.who]
		for _, p := range []int32{o.add, o.remove} {
			if p != nobody {
				byPerson[p] = append(byPerson[p], t)
			}
		}
	}
	for person := range int32(len(c.people)) {
		var open []timed
		for _, b := range byPerson[person] {
			open = slices.DeleteFunc(open, func(a timed) bool { return a.end <= b.start })
			for _, a := range open {
				if len(found) == MaxConflicts {
					return found
				}
				if conflict, ok := c.conflict(person, a, b); ok {
					found = append(found, conflict)
				}
			}
			open = append(open, b)
		}
	}
	slices.SortStableFunc(found, func(a, b Conflict) int { return a.Start.Compare(b.Start) })
	return found
}

func (c *Compiled) conflict(person int32, a, b timed) (Conflict, bool) {
	oa, ob := &c.overInfo[a.who], &c.overInfo[b.who]
	if !rolesMeet(oa, ob) || c.superseded(a.who, b.start, min(a.end, b.end)) || c.superseded(b.who, b.start, min(a.end, b.end)) {
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

// superseded reports whether another override takes the place of this one, in
// all its roles, all the time.
func (c *Compiled) superseded(override int32, start, end int64) bool {
	return slices.ContainsFunc(c.overrides, func(t timed) bool {
		by := &c.overInfo[t.who]
		return by.supersedes == override && t.start <= start && t.end >= end && (by.role == allRoles || by.role == c.overInfo[override].role)
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
// its end, what from has in that role is to's. They may be added to the schedule
// at any moment, and ask for no reason. Mostly it is one; if from is on call
// because of overrides too, there is one for each, which supersedes it, named
// after id with a number. During a temporary schedule they count.
//
// To hand over for a shorter time, change End.
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
	now := e.overrides.now
	for i, t := range now {
		before := c.spec.Overrides[t.who]
		if before.Add != from || before.Role != role && before.Role != oncall.RoleUnknown || !e.counts(i, uint8(role)) {
			continue
		}
		o := Override{Add: to, Remove: before.Remove, End: before.End, Supersedes: before.ID, OverTemporary: before.OverTemporary}
		if o.Remove == to { // handed back
			o.Add, o.Remove = "", ""
		}
		list = append(list, o)
	}
	e.overrides.now = nil
	e.decide()
	if slices.ContainsFunc(e.duties, func(d duty) bool { return c.people[d.person()] == from && oncall.Role(d.role()) == role }) {
		list = append([]Override{{Add: to, Remove: from, OverTemporary: e.temporary != nobody}}, list...)
	}
	return list
}

// whole looks beyond the horizon for the end of a shift that begins in it.
func (c *Compiled) whole(s Shift) Shift {
	for span := 32 * 24 * time.Hour; s.EndsAfter && span <= MaxLookahead; span *= 4 {
		for longer := range c.Flatten(s.Start, s.Start.Add(span)) {
			if longer.Person == s.Person && longer.Role == s.Role && longer.Cause == s.Cause && longer.Start.Equal(s.Start) {
				s.End, s.EndsAfter = longer.End, longer.EndsAfter
			}
		}
	}
	return s
}
