package schedule

import (
	"fmt"

	"github.com/sre-sdk/sre/oncall"
)

func (k *compiler) checkTemporary() {
	ids := unique{k, "an ID that no other temporary schedule has", map[string]bool{}}
	for i, t := range k.spec.Temporary {
		path := fmt.Sprintf("temporary[%d]", i)
		ids.check(path, ".id", t.ID)
		from, to, ok := k.interval(path, t.Start, t.End)
		if ok {
			k.temps = append(k.temps, timed{from, to, int32(i)})
		}
		k.limit(path+".shifts", len(t.Shifts), MaxTempShifts)
		for j, s := range t.Shifts {
			path := fmt.Sprintf("%s.shifts[%d]", path, j)
			k.id(path, ".person", s.Person)
			k.role(path+".role", s.Role)
			start, end, valid := k.interval(path, s.Start, s.End)
			if valid && ok && (start < from || end > to) {
				k.Add(path, "out_of_range", stamp(s.Start)+" to "+stamp(s.End), "a shift inside its temporary schedule")
			}
			k.tempShifts = append(k.tempShifts, timed{start, end, int32(len(k.tempInfo))})
			k.tempInfo = append(k.tempInfo, tempShift{int32(i), k.index[s.Person], uint8(s.Role)})
		}
	}
}

func (k *compiler) checkSwaps() {
	ids := unique{k, "an ID that no other swap has", map[string]bool{}}
	for i, s := range k.spec.Swaps {
		path := fmt.Sprintf("swaps[%d]", i)
		ids.check(path, ".id", s.ID)
		k.id(path, ".beneficiary", s.Beneficiary)
		if s.Benefactor != "" {
			k.id(path, ".benefactor", s.Benefactor)
		}
		if s.Beneficiary == s.Benefactor {
			k.Add(path+".benefactor", "not_allowed", s.Benefactor, "somebody else")
		}
		if s.Role != oncall.RoleUnknown {
			k.role(path+".role", s.Role)
		}
		start, end, ok := k.interval(path, s.Start, s.End)
		k.swapInfo = append(k.swapInfo, swap{k.person(s.Beneficiary), k.person(s.Benefactor), uint8(s.Role)})
		if ok && s.Benefactor != "" {
			k.swaps = append(k.swaps, timed{start, end, int32(i)})
		}
	}
}

func (k *compiler) checkOverrides() {
	ids := unique{k, "an ID that no other override has", map[string]bool{}}
	byID := map[string]int32{}
	for i, o := range k.spec.Overrides {
		byID[o.ID] = int32(i)
	}
	circular := circles(k.spec.Overrides, byID)
	for i, o := range k.spec.Overrides {
		path := fmt.Sprintf("overrides[%d]", i)
		ids.check(path, ".id", o.ID)
		for _, p := range []struct{ field, id string }{{".add", o.Add}, {".remove", o.Remove}} {
			if p.id != "" {
				k.id(path, p.field, p.id)
			}
		}
		switch {
		case o.Add == "" && o.Remove == "" && o.Supersedes == "":
			k.Add(path, "missing", nil, "somebody to add, to remove, or both, or an override that it supersedes")
		case o.Add == o.Remove && o.Add != "":
			k.Add(path+".add", "not_allowed", o.Add, "somebody else than who is removed")
		}
		if o.Role != oncall.RoleUnknown {
			k.role(path+".role", o.Role)
		}
		start, end, ok := k.interval(path, o.Start, o.End)
		if ok {
			k.overrides = append(k.overrides, timed{start, end, int32(i)})
		}
		supersedes := int32(nobody)
		if o.Supersedes != "" {
			other, known := byID[o.Supersedes]
			switch {
			case !known:
				k.Add(path+".supersedes", "unknown_override", o.Supersedes, "the ID of an override of the schedule")
			case circular[i]:
				k.Add(path+".supersedes", "circular", o.Supersedes, "an override that does not supersede this one")
			}
			supersedes = other
		}
		k.overInfo = append(k.overInfo, override{k.person(o.Add), k.person(o.Remove), uint8(o.Role), supersedes, o.OverTemporary, start})
	}
}

// circles tells which overrides supersede themselves, by way of others.
func circles(list []Override, byID map[string]int32) []bool {
	circular, seen := make([]bool, len(list)), make([]int, len(list)) // seen: on which walk
	for i := range list {
		at, walk := int32(i), i+1
		next := func() (ok bool) {
			if list[at].Supersedes == "" {
				return false
			}
			at, ok = byID[list[at].Supersedes]
			return ok
		}
		ok := true
		for ; ok && seen[at] == 0; ok = next() {
			seen[at] = walk
		}
		for ok && seen[at] == walk && !circular[at] { // the walk has come back to itself
			circular[at] = true
			next()
		}
	}
	return circular
}
