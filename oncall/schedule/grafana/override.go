package grafana

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/schedule"
)

type override struct {
	id         string
	level      int
	people     schedule.Slot
	start, end time.Time
	node       yamlfile.Node
}

// temporary makes a temporary schedule of all overrides that overlap each
// other.
func (e *export) temporary() []schedule.Temporary {
	list := e.overrides
	if len(list) > MaxOverrides {
		e.Root.Add("too_many", len(list), fmt.Sprintf("at most %d overrides", MaxOverrides))
		return nil
	}
	slices.SortStableFunc(list, func(a, b override) int { return a.start.Compare(b.start) })
	var all []schedule.Temporary
	for len(list) > 0 {
		n, end := 1, list[0].end
		for n < len(list) && list[n].start.Before(end) {
			if list[n].end.After(end) {
				end = list[n].end
			}
			n++
		}
		e.Place(fmt.Sprintf("temporary[%d]", len(all)), list[0].node)
		all = append(all, schedule.Temporary{ID: list[0].id, Start: list[0].start, End: end, Shifts: shifts(list[:n])})
		list = list[n:]
	}
	return all
}

// shifts lays overrides, sorted by start, on each other: the highest level counts.
func shifts(list []override) []schedule.TemporaryShift {
	ending := slices.SortedFunc(slices.Values(list), func(a, b override) int { return a.end.Compare(b.end) })
	var edges []time.Time
	for _, o := range list {
		edges = append(edges, o.start, o.end)
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	var out []schedule.TemporaryShift
	last := map[string]int{} // the shift of each person that came last
	on := levels{}
	for i := 0; i+1 < len(edges) && len(out) <= schedule.MaxTempShifts; i++ {
		start, end := edges[i], edges[i+1]
		for ; len(list) > 0 && !list[0].start.After(start); list = list[1:] {
			on.add(list[0], 1)
		}
		for ; len(ending) > 0 && !ending[0].end.After(start); ending = ending[1:] {
			on.add(ending[0], -1)
		}
		for person := range on.highest() {
			if at, ok := last[person]; ok && out[at].End.Equal(start) {
				out[at].End = end
				continue
			}
			last[person] = len(out)
			out = append(out, schedule.TemporaryShift{Person: person, Start: start, End: end})
		}
	}
	slices.SortFunc(out, func(a, b schedule.TemporaryShift) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Person, b.Person))
	})
	return out
}

// levels counts the overrides that are on, by level and person.
type levels map[int]map[string]int

func (l levels) add(o override, n int) {
	people := l[o.level]
	if people == nil {
		people = map[string]int{}
		l[o.level] = people
	}
	for _, p := range o.people {
		if people[p] += n; people[p] == 0 {
			delete(people, p)
		}
	}
}

// highest returns the people of the highest level that has any.
func (l levels) highest() map[string]int {
	level := -1
	for n, people := range l {
		if len(people) > 0 {
			level = max(level, n)
		}
	}
	return l[level]
}
