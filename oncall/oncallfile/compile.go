package oncallfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/routing"
)

// Compiled is a [Set] of which the parts fit together.
type Compiled struct {
	Roster   *escalation.CompiledRoster
	Policies []*escalation.Compiled // by ID
	Routing  []*routing.Compiled    // by ID
	Alerts   []*alert.Compiled      // by name
}

// Policy returns the escalation policy of that ID, or nil.
func (c *Compiled) Policy(id string) *escalation.Compiled {
	i := slices.IndexFunc(c.Policies, func(p *escalation.Compiled) bool { return p.Policy().ID == id })
	if i < 0 {
		return nil
	}
	return c.Policies[i]
}

// Compile checks that the parts fit together: that the people, teams and
// schedules of each policy exist and can be reached, and that routing names
// policies that exist. Schedules are worked out for [from, to); any other time
// is answered too, more slowly. The error carries every [sre.Problem], each
// with the file and line that [ReadAll] has found it in.
func (s Set) Compile(from, to time.Time) (*Compiled, error) {
	var problems sre.Problems
	merge := func(path string, err error) {
		for _, p := range sre.ProblemsIn(err) {
			p.Path = s.place(sre.JoinPath(path, p.Path))
			problems.Merge("", p)
		}
		if err != nil && len(sre.ProblemsIn(err)) == 0 {
			problems.Merge(s.place(path), err)
		}
	}
	roster := escalation.Roster{People: s.People, Teams: s.Teams}
	for i, v := range s.Schedules {
		c, err := v.Compile(from, to)
		merge(fmt.Sprintf("schedules[%d]", i), err)
		if err == nil {
			roster.Schedules = append(roster.Schedules, c)
		}
	}
	if problems.Len() > 0 {
		return nil, problems.Err(prefix) // the roster counts only schedules that compile
	}
	out := &Compiled{}
	var err error
	out.Roster, err = roster.Compile()
	merge("", err)
	for i, v := range s.Policies {
		path := fmt.Sprintf("policies[%d]", i)
		c, err := v.Compile()
		merge(path, err)
		if err == nil && out.Roster != nil {
			merge(path, out.Roster.Check(c))
			out.Policies = append(out.Policies, c)
		}
	}
	known := func(id string) bool {
		return slices.ContainsFunc(s.Policies, func(p escalation.Policy) bool { return p.ID == id })
	}
	for i, v := range s.Routing {
		path := fmt.Sprintf("routing[%d]", i)
		c, err := v.Compile()
		merge(path, err)
		if err == nil {
			out.Routing = append(out.Routing, c)
		}
		var unknown sre.Problems
		if !known(v.Default) {
			unknown.Add("default", "unknown_policy", v.Default, "the ID of an "+KindPolicy)
		}
		for k, r := range v.Routes {
			if r.Policy != "" && !known(r.Policy) {
				unknown.Add(fmt.Sprintf("routes[%d].policy", k), "unknown_policy", r.Policy, "the ID of an "+KindPolicy)
			}
		}
		merge(path, unknown.Err(prefix))
	}
	for i, v := range s.Alerts {
		c, err := v.Compile()
		merge(fmt.Sprintf("alerts[%d]", i), err)
		out.Alerts = append(out.Alerts, c)
	}
	if err := problems.Err(prefix); err != nil {
		return nil, err
	}
	slices.SortFunc(out.Policies, func(a, b *escalation.Compiled) int { return cmp.Compare(a.Policy().ID, b.Policy().ID) })
	slices.SortFunc(out.Routing, func(a, b *routing.Compiled) int { return cmp.Compare(a.Policy().ID, b.Policy().ID) })
	slices.SortFunc(out.Alerts, func(a, b *alert.Compiled) int { return cmp.Compare(a.Policy().Name, b.Policy().Name) })
	return out, nil
}

// place returns where the value of a path, or what holds it, stands; the path
// itself for what was not read from a file.
func (s Set) place(path string) string {
	for at := path; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if place, ok := s.places[at]; ok {
			return place
		}
	}
	return path
}
