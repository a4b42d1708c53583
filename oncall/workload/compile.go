package workload

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
)

// Compiled is a checked policy. It is immutable and safe for concurrent use.
type Compiled struct {
	policy Policy
	people map[string]member
	other  *wall // of people who are not listed
}

type member struct {
	Person
	wall *wall
}

// Compile checks the policy, fills in the defaults and returns the form that
// measures. The error carries every [sre.Problem] at once.
func (policy Policy) Compile() (*Compiled, error) {
	policy = policy.withDefaults()
	k := compiler{Compiled: &Compiled{policy: policy, people: map[string]member{}}, walls: map[string]*wall{}}
	k.CheckID("name", policy.Name)
	k.knobs()
	k.night, k.work = k.clock("night", policy.Night), k.clock("work", policy.Work)
	k.other = k.wall("", policy.Zone, policy.Holidays)
	if len(policy.People) > MaxPeople {
		k.Add("people", "too_many", len(policy.People), fmt.Sprintf("at most %d", MaxPeople))
	} else {
		for i, p := range policy.People {
			k.person(fmt.Sprintf("people[%d]", i), p)
		}
	}
	policy.Limits.check("limits", &k.Problems)
	if policy.Pay != nil {
		policy.Pay.check("pay", &k.Problems)
	}
	if err := k.Err("workload"); err != nil {
		return nil, err
	}
	return k.Compiled, nil
}

// MustCompile is Compile for policies that are part of the program; it panics
// on an invalid one.
func (policy Policy) MustCompile() *Compiled {
	c, err := policy.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// Policy returns the policy as it was compiled, defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.withDefaults() }

func (c *Compiled) wallOf(person string) *wall {
	if m, ok := c.people[person]; ok {
		return m.wall
	}
	return c.other
}

type compiler struct {
	sre.Problems
	*Compiled
	night, work civil.ClockRange
	walls       map[string]*wall // by zone and holidays
}

func (k *compiler) knobs() {
	policy := &k.policy
	if policy.MaxIncidents < 0 || policy.MaxIncidents > MaxCount {
		k.Add("max_incidents", "out_of_range", policy.MaxIncidents, fmt.Sprintf("1 to %d", MaxCount))
	}
	if !wholeDuration(policy.IncidentWindow, MaxWindow) || policy.IncidentWindow == 0 {
		k.Add("incident_window", "out_of_range", policy.IncidentWindow, "whole seconds, at most "+MaxWindow.String())
	}
	if policy.MaxOnCallPercent < 0 || policy.MaxOnCallPercent > 100 {
		k.Add("max_on_call_percent", "out_of_range", policy.MaxOnCallPercent, "1 to 100")
	}
	for i, d := range policy.Weekend {
		if d < time.Sunday || d > time.Saturday {
			k.Add(fmt.Sprintf("weekend[%d]", i), "unknown_weekday", int(d), "Sunday, 0, to Saturday, 6")
		}
	}
	for i, r := range policy.Cover {
		path := fmt.Sprintf("cover[%d]", i)
		switch {
		case r != oncall.Primary && r != oncall.Secondary:
			k.Add(path, "not_allowed", r, "primary or secondary")
		case slices.Index(policy.Cover, r) != i:
			k.Add(path, "duplicate", r, "each role once")
		}
	}
	if len(policy.Cover) == 0 {
		k.Add("cover", "empty", nil, "at least one role, or none at all for the primary")
	}
}

func wholeDuration(d, most time.Duration) bool { return d >= 0 && d <= most && d%time.Second == 0 }

func (k *compiler) clock(path, text string) civil.ClockRange {
	r, err := civil.ParseClockRange(text)
	k.Merge(path, err)
	return r
}

func (k *compiler) person(path string, p Person) {
	k.CheckID(path+".id", p.ID)
	if _, ok := k.people[p.ID]; ok {
		k.Add(path+".id", "duplicate", p.ID, "an ID that nobody else has")
	}
	if p.PerHour < 0 || p.PerHour > MaxMinor {
		k.Add(path+".per_hour", "out_of_range", p.PerHour, fmt.Sprintf("0 to %d minor units", int64(MaxMinor)))
	}
	if p.Salary < 0 || p.Salary > MaxMinor {
		k.Add(path+".salary", "out_of_range", p.Salary, fmt.Sprintf("0 to %d minor units", int64(MaxMinor)))
	}
	k.people[p.ID] = member{p, k.wall(path, p.Zone, p.Holidays)}
}

// wall returns the wall clock and calendar of a zone with holidays, made once.
// It is nil after a problem. Of a person what is inherited was reported where it
// stands.
func (k *compiler) wall(path, name string, holidays []string) *wall {
	key := fmt.Sprintf("%q%q", name, holidays) // unambiguous also where a name is nonsense
	if w, ok := k.walls[key]; ok {
		return w
	}
	before := k.Len()
	zone, err := civil.LoadZone(name)
	if path == "" || name != k.policy.Zone {
		k.Merge(sre.JoinPath(path, "zone"), err)
	}
	days := k.days(sre.JoinPath(path, "holidays"), holidays, path != "" && slices.Equal(holidays, k.policy.Holidays))
	if err != nil || k.Len() > before {
		return nil
	}
	k.walls[key] = newWall(zone, k.night, k.work, k.policy.Weekend, days)
	return k.walls[key]
}

// days reads dates. Inherited ones were reported where they stand.
func (k *compiler) days(path string, list []string, inherited bool) (days []civil.Date) {
	if len(list) > MaxHolidays && !inherited {
		k.Add(path, "too_many", len(list), fmt.Sprintf("at most %d", MaxHolidays))
		return nil
	}
	for i, text := range list {
		d, err := civil.ParseDate(text)
		if !inherited {
			k.Merge(fmt.Sprintf("%s[%d]", path, i), err)
		}
		days = append(days, d)
	}
	return days
}
