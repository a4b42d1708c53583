package schedule

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
)

func (k *compiler) layer(path string, l *Layer) layer {
	out := layer{zone: k.zone, priority: l.Priority, worked: l.TurnsBy == ByWorked, from: math.MinInt64, until: math.MaxInt64}
	if l.Zone != k.spec.Zone {
		out.zone = k.loadZone(path+".zone", l.Zone)
	}
	k.members(path, l, &out)
	k.positions(path, l, &out)
	if int(l.TurnsBy) >= len(turnsByNames) {
		k.Add(path+".turns_by", "unknown_turns_by", l.TurnsBy, "calendar or worked")
	}
	out.turns = k.turns(path, l, out.zone)
	if out.worked && len(l.Restrict) == 0 {
		k.Add(path+".turns_by", "not_allowed", l.TurnsBy, "calendar, or restrictions: without any, every turn is worked")
	}
	if out.worked && l.Turn == (Turn{}) {
		k.Add(path+".turns_by", "not_allowed", l.TurnsBy, "a turn that ends")
	}
	k.limit(path+".restrict", len(l.Restrict), MaxRestrictions)
	for i := range l.Restrict {
		out.restrict = append(out.restrict, k.restriction(fmt.Sprintf("%s.restrict[%d]", path, i), &l.Restrict[i]))
	}
	from, until := k.instant(path, ".from", l.From), k.instant(path, ".until", l.Until)
	if !l.From.IsZero() {
		out.from = from
	}
	if !l.Until.IsZero() {
		out.until = until
	}
	if out.until <= out.from {
		k.Add(path+".until", "out_of_range", stamp(l.Until), "an instant after from, "+stamp(l.From))
	}
	if out.worked && k.Len() == 0 {
		first, last := out.turns.countable()
		out.from, out.until = max(out.from, first), min(out.until, last)
		if k.from < first || k.to > last || k.from == last {
			k.Add(path+".anchor", "too_far", l.Anchor, fmt.Sprintf("at most %d turns, and %d years, from the horizon, because they are counted one by one", MaxWorkedTurns, MaxWorkedYears))
		}
	}
	return out
}

func (k *compiler) members(path string, l *Layer, out *layer) {
	k.limit(path+".members", len(l.Members), MaxSlots)
	if len(l.Members) == 0 {
		k.Add(path+".members", "missing", nil, "at least one slot; an empty one is nobody")
	}
	if l.First < 0 || l.First >= max(1, len(l.Members)) {
		k.Add(path+".first", "out_of_range", l.First, "an index in members")
	}
	out.first = int64(l.First)
	for i, slot := range l.Members {
		if len(slot) > MaxSlotPeople {
			k.limit(fmt.Sprintf("%s.members[%d]", path, i), len(slot), MaxSlotPeople)
		}
		people := make([]int32, 0, len(slot))
		for j, id := range slot {
			person := k.person(id)
			if !sre.ValidID(id) || slices.Contains(people, person) {
				k.member(fmt.Sprintf("%s.members[%d][%d]", path, i, j), id)
			}
			people = append(people, person)
		}
		out.slots = append(out.slots, people)
	}
}

// member says what is wrong with a member.
func (k *compiler) member(path, id string) {
	k.CheckID(path, id)
	if sre.ValidID(id) {
		k.Add(path, "duplicate", id, "a person once in a slot")
	}
}

func (k *compiler) positions(path string, l *Layer, out *layer) {
	if len(l.Positions) == 0 {
		k.role(path+".role", l.Role)
		out.positions = []position{{role: uint8(l.Role)}}
		return
	}
	seen := map[oncall.Role]bool{}
	for i, p := range l.Positions {
		path := fmt.Sprintf("%s.positions[%d]", path, i)
		k.role(path+".role", p.Role)
		if seen[p.Role] {
			k.Add(path+".role", "duplicate", p.Role, "a role once in a layer")
		}
		seen[p.Role] = true
		if p.Offset < 0 || p.Offset >= max(1, len(l.Members)) {
			k.Add(path+".offset", "out_of_range", p.Offset, "0 to the number of members less one")
		}
		out.positions = append(out.positions, position{uint8(p.Role), p.Offset})
	}
}

func (k *compiler) turns(path string, l *Layer, zone civil.Zone) turns {
	t := turns{zone: zone}
	var anchor civil.DateTime
	if l.Anchor == "" && l.Turn != (Turn{}) {
		k.Add(path+".anchor", "missing", nil, "where turn 0 begins, such as 2026-01-05 09:00")
	} else if l.Anchor != "" {
		dt, err := civil.ParseDateTime(l.Anchor)
		k.Merge(path+".anchor", err)
		if err == nil && (dt.Date.Year < 2 || dt.Date.Year > 9998) {
			k.Add(path+".anchor", "out_of_range", l.Anchor, "the years 2 to 9998")
		}
		anchor = dt
	}
	switch n := l.Turn; {
	case n == Turn{}:
		if len(l.Members) > 1 {
			k.Add(path+".turn", "missing", nil, "a length, because there is more than one member")
		}
	case n.Elapsed != 0:
		if n.Every != 0 || n.Unit != NoUnit {
			k.Add(path+".turn", "not_allowed", n, "calendar units or elapsed time, not both")
		}
		if n.Elapsed < MinElapsed || n.Elapsed > MaxElapsed || n.Elapsed%time.Second != 0 {
			k.Add(path+".turn", "out_of_range", n.Elapsed, "whole seconds, from a minute to 100 years")
			return t
		}
		t.step, t.elapsed = int64(n.Elapsed/time.Second), true
	case n.Unit == NoUnit || int(n.Unit) >= len(unitNames):
		k.Add(path+".turn.unit", "unknown_unit", n.Unit, "hour, day, week or month")
	case n.Every < 1 || n.Every > MaxTurnUnits:
		k.Add(path+".turn.every", "out_of_range", n.Every, fmt.Sprintf("1 to %d", MaxTurnUnits))
	case n.Unit == Month:
		t.months = n.Every
	default:
		t.step = int64(n.Every) * map[Unit]int64{Hour: 3600, Day: daySeconds, Week: 7 * daySeconds}[n.Unit]
	}
	t.date, t.anchor = anchor, anchor.Seconds()
	if t.elapsed && !zone.IsZero() {
		t.anchor = zone.First(t.anchor)
	}
	return t
}
