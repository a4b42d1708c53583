package escalation

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/hours"
)

// Compiled is a checked policy. It is immutable and safe for concurrent use;
// the zero value steps nothing.
type Compiled struct {
	policy Policy // defaults filled in
	levels []level
	rules  [256]rule // by severity
	digest Digest
}

type level struct {
	Level
	hours *civil.Calendar // nil: always
}

// rule is a Rule with the levels looked up.
type rule struct {
	start        int
	ack, respond time.Duration // 0: no promise
	ackLevel     int
	respondLevel int
	ackFor       time.Duration
}

// Policy returns the policy with its defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.withDefaults() }

// Digest identifies the policy.
func (c *Compiled) Digest() Digest { return c.digest }

// lastResort is the index that stands for the last resort.
func (c *Compiled) lastResort() int { return len(c.levels) }

// index returns where a level stands, lastResort for LastResortLevel, or -1.
func (c *Compiled) index(id string) int {
	for i := range c.levels {
		if c.levels[i].ID == id {
			return i
		}
	}
	if id == LastResortLevel {
		return c.lastResort()
	}
	return -1
}

func (c *Compiled) name(i int) string {
	if i >= len(c.levels) {
		return LastResortLevel
	}
	return c.levels[i].ID
}

// Compile checks the policy, reporting every [sre.Problem]. Whether the people,
// teams and schedules exist is a question for [Roster.Check].
func (p Policy) Compile() (*Compiled, error) {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	p = p.withDefaults()
	c := &Compiled{policy: p}
	c.checkLevels(&problems)
	if p.Repeat < 0 || p.Repeat > MaxRepeat {
		problems.Add("repeat", "out_of_range", p.Repeat, fmt.Sprintf("0 to %d", MaxRepeat))
	}
	if p.MaxSnooze < 0 || p.MaxSnooze > MaxWithin {
		problems.Add("max_snooze", "out_of_range", p.MaxSnooze, "up to "+MaxWithin.String()+", or 0 for the default")
	}
	c.checkLastResort(&problems)
	c.checkRules(&problems)
	if err := problems.Err("escalation"); err != nil {
		return nil, err
	}
	canonical, err := EncodePolicy(p)
	if err != nil {
		return nil, fmt.Errorf("escalation: %w", err)
	}
	c.digest = sha256.Sum256(canonical)
	return c, nil
}

// MustCompile is Compile for policies that are known to be right. It panics.
func (p Policy) MustCompile() *Compiled {
	c, err := p.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// withDefaults returns a copy that shares nothing that the caller could change.
func (p Policy) withDefaults() Policy {
	if p.Name == "" {
		p.Name = p.ID
	}
	if p.MaxSnooze == 0 {
		p.MaxSnooze = DefaultMaxSnooze
	}
	if p.LastResort.Every == 0 {
		p.LastResort.Every = DefaultEvery
	}
	p.LastResort.Targets = copyTargets(p.LastResort.Targets)
	levels := make([]Level, len(p.Levels))
	for i, l := range p.Levels {
		if l.Name == "" {
			l.Name = l.ID
		}
		if l.Acks == 0 {
			l.Acks = 1
		}
		l.Targets = copyTargets(l.Targets)
		list := make([]oncall.Hours, len(l.When.Hours))
		for k, h := range l.When.Hours {
			h.Weekdays = append([]time.Weekday(nil), h.Weekdays...)
			list[k] = h
		}
		l.When.Hours = list
		levels[i] = l
	}
	p.Levels = levels
	p.BySeverity = append([]Rule(nil), p.BySeverity...)
	return p
}

func copyTargets(list []Target) []Target {
	targets := make([]Target, len(list))
	for i, t := range list {
		if t.Kind == TargetSchedule && t.Role == oncall.RoleUnknown {
			t.Role = oncall.Primary
		}
		t.People = append([]string(nil), t.People...)
		targets[i] = t
	}
	return targets
}

func (c *Compiled) checkLevels(problems *sre.Problems) {
	p := c.policy
	if len(p.Levels) == 0 || len(p.Levels) > MaxLevels {
		problems.Add("levels", "out_of_range", len(p.Levels), fmt.Sprintf("1 to %d levels", MaxLevels))
	}
	seen := map[string]bool{LastResortLevel: true}
	for i, l := range p.Levels {
		path := fmt.Sprintf("levels[%d]", i)
		problems.CheckID(path+".id", l.ID)
		if seen[l.ID] {
			problems.Add(path+".id", "duplicate", l.ID, "an ID that no other level has, and not "+LastResortLevel)
		}
		seen[l.ID] = true
		checkTargets(problems, path+".targets", l.Targets, false)
		if l.Delay < MinDelay || l.Delay > MaxDelay {
			problems.Add(path+".delay", "out_of_range", l.Delay, MinDelay.String()+" to "+MaxDelay.String())
		}
		if l.Acks < 1 || l.Acks > MaxPeople {
			problems.Add(path+".acks", "out_of_range", l.Acks, fmt.Sprintf("1 to %d", MaxPeople))
		} else if most := mostPeople(l.Targets); most > 0 && l.Acks > most {
			problems.Add(path+".acks", "too_many", l.Acks, fmt.Sprintf("at most %d, since the level has no more people", most))
		}
		if l.When.MaxLoad < 0 {
			problems.Add(path+".when.max_load", "out_of_range", l.When.MaxLoad, "0 or more")
		}
		c.levels = append(c.levels, level{l, hours.Compile(problems, path+".when.hours", p.Zone, l.When.Hours)})
	}
}

// mostPeople returns how many people the targets can be at most, 0 if that is
// not known.
func mostPeople(targets []Target) int {
	for _, t := range targets {
		if t.Kind == TargetSchedule || t.Kind == TargetTeam {
			return 0
		}
	}
	return len(targets)
}

func checkTargets(problems *sre.Problems, path string, targets []Target, peopleOnly bool) {
	if len(targets) == 0 || len(targets) > MaxTargets {
		problems.Add(path, "out_of_range", len(targets), fmt.Sprintf("1 to %d targets", MaxTargets))
	}
	for i, t := range targets {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch t.Kind {
		case TargetPerson, TargetSchedule, TargetTeam:
			problems.CheckID(path+".id", t.ID)
			if len(t.People) > 0 {
				problems.Add(path+".people", "unexpected", len(t.People), "nothing, except in a round robin")
			}
		case TargetRoundRobin:
			if len(t.People) == 0 || len(t.People) > MaxPeople {
				problems.Add(path+".people", "out_of_range", len(t.People), fmt.Sprintf("1 to %d people", MaxPeople))
			}
			for k, id := range t.People {
				problems.CheckID(fmt.Sprintf("%s.people[%d]", path, k), id)
			}
		default:
			problems.Add(path+".kind", "unknown_kind", t.Kind, "a person, schedule, team or round robin")
		}
		if t.Kind == TargetSchedule && t.Role != oncall.Primary && t.Role != oncall.Secondary {
			problems.Add(path+".role", "out_of_range", t.Role, "primary or secondary: a shadow is never paged")
		}
		if peopleOnly && t.Kind != TargetPerson {
			problems.Add(path+".kind", "not_a_person", t.Kind, "a person: a schedule or a team may be empty when it matters")
		}
	}
}

func (c *Compiled) checkLastResort(problems *sre.Problems) {
	checkTargets(problems, "last_resort.targets", c.policy.LastResort.Targets, true)
	if every := c.policy.LastResort.Every; every < MinEvery || every > MaxDelay {
		problems.Add("last_resort.every", "out_of_range", every, MinEvery.String()+" to "+MaxDelay.String()+", or 0 for the default")
	}
}

func (c *Compiled) checkRules(problems *sre.Problems) {
	seen := map[sre.Severity]bool{}
	for i, r := range c.policy.BySeverity {
		path := fmt.Sprintf("by_severity[%d]", i)
		if r.AtLeast == 0 || seen[r.AtLeast] {
			problems.Add(path+".at_least", "duplicate", r.AtLeast, "a severity from 1 that no other rule has")
		}
		seen[r.AtLeast] = true
		ready := rule{ackFor: r.AckFor, ack: r.Acknowledge.Within, respond: r.Respond.Within}
		if r.Start != "" {
			if ready.start = c.index(r.Start); ready.start < 0 || ready.start == c.lastResort() {
				problems.Add(path+".start", "unknown_level", r.Start, "the ID of a level")
			}
		}
		ready.ackLevel = c.checkPromise(problems, path+".acknowledge", r.Acknowledge)
		ready.respondLevel = c.checkPromise(problems, path+".respond", r.Respond)
		if r.AckFor != 0 && (r.AckFor < MinDelay || r.AckFor > MaxWithin) {
			problems.Add(path+".ack_for", "out_of_range", r.AckFor, MinDelay.String()+" to "+MaxWithin.String()+", or 0 for ever")
		}
		for s := range c.rules {
			if best := c.policy.ruleFor(sre.Severity(s)); best == i {
				c.rules[s] = ready
			}
		}
	}
}

// ruleFor returns the index of the rule for a severity, or -1.
func (p Policy) ruleFor(s sre.Severity) int {
	best := -1
	for i, r := range p.BySeverity {
		if s.Effective() <= r.AtLeast && (best < 0 || r.AtLeast < p.BySeverity[best].AtLeast) {
			best = i
		}
	}
	return best
}

func (c *Compiled) checkPromise(problems *sre.Problems, path string, p Promise) (index int) {
	if p == (Promise{}) {
		return 0
	}
	if p.Within < MinDelay || p.Within > MaxWithin {
		problems.Add(path+".within", "out_of_range", p.Within, MinDelay.String()+" to "+MaxWithin.String())
	}
	if index = c.index(p.Level); index < 0 {
		problems.Add(path+".level", "unknown_level", p.Level, "the ID of a level, or "+LastResortLevel)
	}
	return index
}
