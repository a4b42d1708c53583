package oncalltest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// A Staff is a directory from maps, the same at every instant. What is not in
// them is not known.
type Staff struct {
	Schedules map[string][]string // by the ID of the schedule, for every role
	Teams     map[string][]string
	Plans     map[string][]oncall.ContactStep
	Loads     map[string]int
}

var _ escalation.Directory = (*Staff)(nil)

// OnCall answers from Schedules.
func (s *Staff) OnCall(id string, _ oncall.Role, _ time.Time) ([]string, bool) {
	people, known := s.Schedules[id]
	return people, known
}

// Team answers from Teams.
func (s *Staff) Team(id string) ([]string, bool) {
	people, known := s.Teams[id]
	return people, known
}

// Plan answers from Plans.
func (s *Staff) Plan(person string, _ sre.Severity) ([]oncall.ContactStep, bool) {
	steps, known := s.Plans[person]
	return steps, known
}

// Load answers from Loads.
func (s *Staff) Load(person string) (int, bool) {
	open, known := s.Loads[person]
	return open, known
}

// String shows the maps.
func (s *Staff) String() string {
	return fmt.Sprintf("schedules %v, teams %v, plans %v, loads %v", s.Schedules, s.Teams, s.Plans, s.Loads)
}

// Staffs generates whoever may be on call for a policy: nobody, a person, two,
// or that is not known; people without a contact, or of whom it is not known.
// The people of the last resort have one, as [escalation.CompiledRoster.Check]
// demands.
func Staffs(p escalation.Policy) *rapid.Generator[escalation.Directory] {
	last := map[string]bool{}
	for _, target := range p.LastResort.Targets {
		last[target.ID] = true
	}
	return rapid.Custom(func(t *rapid.T) escalation.Directory {
		s := &Staff{Schedules: map[string][]string{}, Teams: map[string][]string{}, Plans: map[string][]oncall.ContactStep{}, Loads: map[string]int{}}
		people := []string{"p0", "p1", "p2"}
		for _, target := range p.LastResort.Targets {
			people = append(people, target.ID)
		}
		for _, l := range p.Levels {
			for _, target := range l.Targets {
				switch target.Kind {
				case escalation.TargetPerson:
					people = append(people, target.ID)
				case escalation.TargetRoundRobin:
					people = append(people, target.People...)
				case escalation.TargetSchedule:
					onCall(t, s.Schedules, target.ID, 2)
				case escalation.TargetTeam:
					onCall(t, s.Teams, target.ID, 3)
				}
			}
		}
		slices.Sort(people)
		for _, person := range slices.Compact(people) {
			least := 0
			if last[person] {
				least = 1
			}
			switch rapid.IntRange(least, 3).Draw(t, "plan of "+person) {
			case 0:
				s.Plans[person] = nil // nothing reaches this person
			case 1, 2:
				s.Plans[person] = plan(t, max(least, 1))
			}
			if rapid.IntRange(0, 2).Draw(t, "load") == 0 {
				s.Loads[person] = rapid.IntRange(0, 5).Draw(t, "open")
			}
		}
		return s
	})
}

func onCall(t *rapid.T, m map[string][]string, id string, most int) {
	if n := rapid.IntRange(-1, most).Draw(t, "on call in "+id); n >= 0 {
		m[id] = []string{"p0", "p1", "p2"}[:n]
	}
}

func plan(t *rapid.T, least int) (steps []oncall.ContactStep) {
	after := 0
	for _, id := range []string{"push", "sms", "voice"}[:rapid.IntRange(least, 3).Draw(t, "contacts")] {
		steps = append(steps, oncall.ContactStep{Contact: id, After: time.Duration(after) * time.Minute})
		after += rapid.IntRange(0, 6).Draw(t, "minutes later")
	}
	return steps
}

// PolicyRange limits what [Policies] makes.
type PolicyRange struct {
	Levels   int           // at most; default: 3
	Repeat   int           // at most; default: 2; negative: none
	MaxDelay time.Duration // of a level; default: 10 minutes
}

// Policies generates valid policies of every shape: all kinds of targets,
// conditions, several acknowledgements, promises by severity.
func Policies(r PolicyRange) *rapid.Generator[escalation.Policy] {
	if r.Levels <= 0 {
		r.Levels = 3
	}
	if r.Repeat == 0 {
		r.Repeat = 2
	}
	if r.MaxDelay < time.Minute {
		r.MaxDelay = 10 * time.Minute
	}
	return rapid.Custom(func(t *rapid.T) escalation.Policy {
		minutes := func(what string) time.Duration {
			return time.Duration(rapid.IntRange(1, int(r.MaxDelay/(30*time.Second))).Draw(t, what)) * 30 * time.Second
		}
		p := escalation.Policy{ID: "p", Zone: "UTC", Repeat: rapid.IntRange(0, max(0, r.Repeat)).Draw(t, "repeat"),
			LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: max(escalation.MinEvery, minutes("every"))}}
		for i := range rapid.IntRange(1, r.Levels).Draw(t, "levels") {
			l := escalation.Level{ID: fmt.Sprintf("l%d", i), Delay: minutes("delay"), Targets: rapid.SliceOfN(rapid.SampledFrom([]escalation.Target{
				escalation.ToPerson("p0"), escalation.ToPerson("p1"), escalation.ToSchedule("rota", oncall.Primary), escalation.ToSchedule("rota", oncall.Secondary),
				escalation.ToTeam("team"), escalation.ToRoundRobin("p0", "p1", "p2"),
			}), 1, 3).Draw(t, "targets")}
			l.Acks = rapid.IntRange(1, len(l.Targets)).Draw(t, "acks")
			if rapid.IntRange(0, 3).Draw(t, "condition") == 0 {
				l.When = escalation.When{AtLeast: sre.Severity(rapid.IntRange(0, 3).Draw(t, "at least")), MaxLoad: rapid.IntRange(0, 3).Draw(t, "load")}
			}
			p.Levels = append(p.Levels, l)
		}
		level := func(what string) string {
			return fmt.Sprintf("l%d", rapid.IntRange(0, len(p.Levels)-1).Draw(t, what))
		}
		for _, s := range rapid.SampledFrom([][]sre.Severity{nil, {1}, {1, 3}, {4}}).Draw(t, "rules") {
			rule := escalation.Rule{AtLeast: s, Start: level("start")}
			if rapid.Bool().Draw(t, "acknowledge") {
				rule.Acknowledge = escalation.Promise{Within: minutes("within"), Level: rapid.SampledFrom([]string{level("level"), escalation.LastResortLevel}).Draw(t, "promise")}
			}
			if rapid.Bool().Draw(t, "respond") {
				rule.Respond = escalation.Promise{Within: minutes("within"), Level: level("level")}
			}
			if rapid.Bool().Draw(t, "expires") {
				rule.AckFor = minutes("holds")
			}
			p.BySeverity = append(p.BySeverity, rule)
		}
		return p
	})
}

// ActRange limits what [Acts] makes.
type ActRange struct {
	People []string      // who acts; default: p0 and p1
	For    time.Duration // within this time after the trigger; default: an hour
	Most   int           // default: 6
}

// Acts generates what people do, also what makes no sense.
func Acts(r ActRange) *rapid.Generator[[]Act] {
	if len(r.People) == 0 {
		r.People = []string{"p0", "p1"}
	}
	if r.For <= 0 {
		r.For = time.Hour
	}
	if r.Most <= 0 {
		r.Most = 6
	}
	act := rapid.Custom(func(t *rapid.T) Act {
		by := rapid.SampledFrom(r.People).Draw(t, "by")
		severity := sre.Severity(rapid.IntRange(0, 4).Draw(t, "severity"))
		return Act{time.Duration(rapid.Int64Range(0, int64(r.For/time.Second)).Draw(t, "after")) * time.Second, rapid.SampledFrom([]escalation.Input{
			escalation.Ack{By: by}, escalation.Respond{By: by}, escalation.Escalate{By: by}, escalation.Escalate{By: by, To: escalation.LastResortLevel},
			escalation.HandOff{By: by, To: r.People[0]}, escalation.SetSeverity{By: by, Severity: severity}, escalation.Trigger{ID: "e", Severity: severity},
			escalation.Resolve{By: by}, escalation.AddNote{By: by, Text: strings.Repeat("n", int(severity))}, escalation.Undelivered{Entry: 1, Person: by}, escalation.Tick{},
		}).Draw(t, "act")}
	})
	return rapid.SliceOfN(act, 0, r.Most)
}
