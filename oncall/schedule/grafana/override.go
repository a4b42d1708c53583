package grafana

import (
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

// shifts lays overrides on each other: the highest level counts.
func shifts(list []override) []schedule.TemporaryShift {
	var edges []time.Time
	for _, o := range list {
		edges = append(edges, o.start, o.end)
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	var out []schedule.TemporaryShift
	last := map[string]int{} // the shift of each person that came last
	for i := 0; i+1 < len(edges); i++ {
		start, end := edges[i], edges[i+1]
		for _, person := range highest(list, start) {
			if at, ok := last[person]; ok && out[at].End.Equal(start) {
				out[at].End = end
				continue
			}
			last[person] = len(out)
			out = append(out, schedule.TemporaryShift{Person: person, Start: start, End: end})
		}
	}
	return out
}

// highest returns the people of the highest level at an instant, each once.
func highest(list []override, at time.Time) []string {
	level, people := -1, []string(nil)
	for _, o := range list {
		if o.start.After(at) || !o.end.After(at) || o.level < level {
			continue
		}
		if o.level > level {
			level, people = o.level, nil
		}
		for _, p := range o.people {
			if !slices.Contains(people, p) {
				people = append(people, p)
			}
		}
	}
	return people
}
