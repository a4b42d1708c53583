package escalation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A Roster is the people, teams and schedules that policies speak of.
type Roster struct {
	People    []oncall.Person
	Teams     []oncall.Team // whose members are people or other teams
	Schedules []*schedule.Compiled
}

// Compile checks the roster, reporting every [sre.Problem]: people that are not
// valid, members that do not exist, IDs that are used twice, also by a person
// and a team, and teams that contain themselves.
func (r Roster) Compile() (*CompiledRoster, error) {
	var problems sre.Problems
	c := &CompiledRoster{
		people: map[string]oncall.Person{}, teams: map[string][]string{}, schedules: map[string]*schedule.Compiled{},
	}
	for i, p := range r.People {
		path := fmt.Sprintf("people[%d]", i)
		problems.Merge(path, p.Validate())
		if _, ok := c.people[p.ID]; ok {
			problems.Add(path+".id", "duplicate", p.ID, "an ID that nobody else has")
		}
		c.people[p.ID] = copyPerson(p)
	}
	teams := map[string]oncall.Team{}
	for i, t := range r.Teams {
		path := fmt.Sprintf("teams[%d]", i)
		problems.CheckID(path+".id", t.ID)
		if _, ok := teams[t.ID]; ok {
			problems.Add(path+".id", "duplicate", t.ID, "an ID that no other team has")
		}
		if _, ok := c.people[t.ID]; ok {
			problems.Add(path+".id", "duplicate", t.ID, "an ID that no person has")
		}
		teams[t.ID] = t
	}
	for i, t := range r.Teams {
		members := expansion{people: c.people, teams: teams, problems: &problems, seen: map[string]bool{}}
		members.add(fmt.Sprintf("teams[%d]", i), t, nil)
		c.teams[t.ID] = members.list
	}
	for i, s := range r.Schedules {
		path := fmt.Sprintf("schedules[%d]", i)
		if s == nil {
			problems.Add(path, "missing", nil, "a compiled schedule")
			continue
		}
		id := s.Schedule().ID
		if c.schedules[id] != nil {
			problems.Add(path+".id", "duplicate", id, "an ID that no other schedule has")
		}
		c.schedules[id] = s
		for _, p := range s.People() {
			if _, ok := c.people[p]; !ok {
				problems.Add(path, "unknown_person", p, "a person of the roster")
			}
		}
	}
	if err := problems.Err("escalation"); err != nil {
		return nil, err
	}
	return c, nil
}

func copyPerson(p oncall.Person) oncall.Person {
	p.Contacts, p.Rules, p.Skills = slices.Clone(p.Contacts), slices.Clone(p.Rules), slices.Clone(p.Skills)
	return p
}

// expansion collects the people of a team.
type expansion struct {
	people   map[string]oncall.Person
	teams    map[string]oncall.Team
	problems *sre.Problems
	seen     map[string]bool
	list     []string
}

func (x *expansion) add(path string, t oncall.Team, above []string) {
	if slices.Contains(above, t.ID) {
		x.problems.Add(path, "cycle", fmt.Sprint(append(above, t.ID)), "a team that does not contain itself")
		return
	}
	above = append(slices.Clip(above), t.ID)
	for i, id := range t.Members {
		inner, isTeam := x.teams[id]
		_, isPerson := x.people[id]
		switch {
		case x.seen[id]:
			if isTeam && slices.Contains(above, id) {
				x.add(path, inner, above) // reports the cycle
			}
		case isPerson:
			x.seen[id] = true
			x.list = append(x.list, id)
		case isTeam:
			x.seen[id] = true
			x.add(path, inner, above)
		case len(above) == 1: // else the inner team's own expansion reports it
			x.problems.Add(fmt.Sprintf("%s.members[%d]", path, i), "unknown_member", id, "a person or a team of the roster")
		}
	}
}

// CompiledRoster is a checked roster and a [Directory]. It is immutable and safe
// for concurrent use. It knows no loads; [CompiledRoster.WithLoad] adds them.
type CompiledRoster struct {
	people    map[string]oncall.Person
	teams     map[string][]string
	schedules map[string]*schedule.Compiled
	load      func(person string) (open int, known bool)
}

var _ Directory = (*CompiledRoster)(nil)

// WithLoad returns the roster with loads from a function.
func (c *CompiledRoster) WithLoad(load func(person string) (open int, known bool)) *CompiledRoster {
	with := *c
	with.load = load
	return &with
}

// OnCall returns who holds a role in a schedule at t, sorted.
func (c *CompiledRoster) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	s := c.schedules[id]
	if s == nil {
		return nil, false
	}
	return s.At(t).People(role), true
}

// Team returns the members of a team and of the teams in it, each once.
func (c *CompiledRoster) Team(id string) ([]string, bool) {
	members, known := c.teams[id]
	return members, known
}

// Plan returns oncall.Person.Plan of a person.
func (c *CompiledRoster) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	p, known := c.people[person]
	return p.Plan(severity), known
}

// Load asks the function of WithLoad.
func (c *CompiledRoster) Load(person string) (int, bool) {
	if c.load == nil {
		return 0, false
	}
	return c.load(person)
}

// Person returns the person of that ID.
func (c *CompiledRoster) Person(id string) (oncall.Person, bool) {
	p, ok := c.people[id]
	return copyPerson(p), ok
}

// Schedule returns the schedule of that ID, or nil.
func (c *CompiledRoster) Schedule(id string) *schedule.Compiled { return c.schedules[id] }

// Check reports, as every [sre.Problem], what of a policy cannot page anybody:
// people, teams and schedules that the roster does not have, people without a
// contact, also in teams and schedules, roles that nobody holds at any time of a
// schedule's horizon, and a last resort without a human.
func (c *CompiledRoster) Check(policy *Compiled) error {
	var problems sre.Problems
	for i, l := range policy.policy.Levels {
		for k, t := range l.Targets {
			c.checkTarget(&problems, fmt.Sprintf("levels[%d].targets[%d]", i, k), t)
		}
	}
	human := false
	for k, t := range policy.policy.LastResort.Targets {
		c.checkTarget(&problems, fmt.Sprintf("last_resort.targets[%d]", k), t)
		human = human || len(c.people[t.ID].Contacts) > 0
	}
	if !human {
		problems.Add("last_resort.targets", "no_human", nil, "at least one person with a contact")
	}
	return problems.Err("escalation: policy " + policy.policy.ID)
}

func (c *CompiledRoster) checkTarget(problems *sre.Problems, path string, t Target) {
	for i, id := range t.People { // of a round robin
		c.checkPeople(problems, fmt.Sprintf("%s.people[%d]", path, i), id)
	}
	path += ".id"
	switch t.Kind {
	case TargetPerson:
		c.checkPeople(problems, path, t.ID)
	case TargetTeam:
		members, ok := c.teams[t.ID]
		if !ok {
			problems.Add(path, "unknown_team", t.ID, "a team of the roster")
		} else if len(members) == 0 {
			problems.Add(path, "empty_team", t.ID, "a team with a person in it")
		}
		c.checkPeople(problems, path, members...)
	case TargetSchedule:
		s := c.schedules[t.ID]
		if s == nil {
			problems.Add(path, "unknown_schedule", t.ID, "a schedule of the roster")
			return
		}
		on := map[string]bool{}
		for shift := range s.Flatten(s.Horizon()) {
			if shift.Role == t.Role {
				on[shift.Person] = true
			}
		}
		if len(on) == 0 {
			problems.Add(path, "never_on_call", t.String(), "a role that somebody holds at some time")
		}
		c.checkPeople(problems, path, slices.Sorted(maps.Keys(on))...)
	}
}

func (c *CompiledRoster) checkPeople(problems *sre.Problems, path string, ids ...string) {
	for _, id := range ids {
		if p, ok := c.people[id]; !ok {
			problems.Add(path, "unknown_person", id, "a person of the roster")
		} else if len(p.Contacts) == 0 {
			problems.Add(path, "no_contact", id, "a person with a contact")
		}
	}
}
