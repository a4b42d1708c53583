package pagerduty

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Limits of [Import.Check], part of the contract. PagerDuty renders at most 90 days
// at a time.
const (
	MaxChecked     = 400 * 24 * time.Hour // from the first rendered entry to the last
	MaxDifferences = 1000                 // that are listed
)

// Check compares the schedule with the final schedule that PagerDuty rendered,
// at every instant from the start of the first rendered entry to the end of the
// last, and returns a problem for each stretch in which they differ. None means
// that they are equal there; an export without rendered entries proves nothing.
//
// PagerDuty keeps the past as it was, so entries before the last edit may differ.
func (in Import) Check() []sre.Problem {
	var problems sre.Problems
	if len(in.Rendered) == 0 {
		return nil
	}
	from, to := in.Rendered[0].Start, in.Rendered[0].End
	for i, e := range in.Rendered {
		if i > 0 && e.Start.Before(to) || !e.End.After(e.Start) {
			problems.Add("final_schedule", "overlap", fmt.Sprintf("%s from %s to %s", e.Person, e.Start.Format(time.RFC3339), e.End.Format(time.RFC3339)), "entries that last and do not overlap: one person at a time")
			return sre.ProblemsIn(problems.Err("pagerduty"))
		}
		if e.End.After(to) {
			to = e.End
		}
	}
	if to.Sub(from) > MaxChecked {
		problems.Add("final_schedule", "out_of_range", to.Sub(from), "at most "+MaxChecked.String())
		return sre.ProblemsIn(problems.Err("pagerduty"))
	}
	c, err := in.Schedule.Compile(from, to)
	if err != nil {
		return sre.ProblemsIn(err)
	}
	var ours []Entry
	for s := range c.Flatten(from, to) {
		if s.Role == oncall.Primary {
			ours = append(ours, Entry{s.Start, s.End, s.Person})
		}
	}
	compare(&problems, c.Location(), ours, in.Rendered)
	return sre.ProblemsIn(problems.Err("pagerduty"))
}

// compare reports where two lists, both sorted by start, differ.
func compare(problems *sre.Problems, loc *time.Location, ours, theirs []Entry) {
	var edges []time.Time
	for _, e := range slices.Concat(ours, theirs) {
		edges = append(edges, e.Start, e.End)
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)

	our, their := cursor{list: ours}, cursor{list: theirs}
	var since time.Time // of a stretch that differs
	var got, want string
	flush := func(end time.Time) {
		if got != want {
			value := fmt.Sprintf("%s from %s to %s", got, since.In(loc).Format(time.RFC3339), end.In(loc).Format(time.RFC3339))
			problems.Add("final_schedule", "differs", value, want+", as PagerDuty rendered it")
		}
	}
	for _, at := range edges {
		if g, w := our.at(at), their.at(at); g != got || w != want {
			flush(at)
			since, got, want = at, g, w
		}
		if problems.Len() == MaxDifferences {
			problems.Add("final_schedule", "too_many", nil, fmt.Sprintf("at most %d differences; what comes after %s was not compared", MaxDifferences, at.In(loc).Format(time.RFC3339)))
			return
		}
	}
}

// cursor walks a list of entries in the order of their starts.
type cursor struct {
	list []Entry
	on   []Entry
}

// at says who is on call at t, which never decreases.
func (c *cursor) at(t time.Time) string {
	for len(c.list) > 0 && !c.list[0].Start.After(t) {
		c.on = append(c.on, c.list[0])
		c.list = c.list[1:]
	}
	c.on = slices.DeleteFunc(c.on, func(e Entry) bool { return !e.End.After(t) })
	var people []string
	for _, e := range c.on {
		people = append(people, e.Person)
	}
	slices.Sort(people)
	if people = slices.Compact(people); len(people) > 0 {
		return strings.Join(people, ", ")
	}
	return "nobody"
}
