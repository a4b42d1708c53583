package oncalltest_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
)

var pagePolicy = escalation.Policy{
	ID: "db",
	Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("rota", oncall.Primary)}, Delay: 4 * time.Minute},
		{ID: "manager", Targets: []escalation.Target{escalation.ToPerson("manager")}, Delay: 10 * time.Minute, When: escalation.When{AtLeast: 2}},
	},
	Repeat:     1,
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
}

// What the team demands of it, whoever is on call.
var pageDemands = oncalltest.Demands{
	Within: map[sre.Severity]time.Duration{1: 5 * time.Minute, 2: 5 * time.Minute},
	Every:  15 * time.Minute,
	Never:  func(s sre.Severity, page oncalltest.Event) bool { return s == 3 && page.Effect.Person == "manager" },
}

func TestPolicyKeepsTheLaws(t *testing.T) {
	oncalltest.CheckEscalation(t, pagePolicy.MustCompile(), pageDemands)
}

// Any policy keeps the laws that demand nothing of its numbers.
func TestGeneratedPoliciesKeepTheLaws(t *testing.T) {
	for i, law := range oncalltest.EscalationLaws(oncalltest.Escalator{}, oncalltest.Demands{}) {
		t.Run(law.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := oncalltest.Policies(oncalltest.PolicyRange{}).Draw(t, "policy")
				c, err := p.Compile()
				if err != nil {
					t.Fatal(err)
				}
				d := oncalltest.Demands{Directories: oncalltest.Staffs(p)}
				oncalltest.EscalationLaws(oncalltest.EscalatorOf(c), d)[i].Hold(t)
			})
		})
	}
}

// Each mutant breaks one law, and the kit must name that law.
func TestBrokenEscalatorsAreCaught(t *testing.T) {
	c := pagePolicy.MustCompile()
	good := oncalltest.EscalatorOf(c)
	type step = func(state any, in escalation.Input, d escalation.Directory, now time.Time) (any, []escalation.Effect, error)
	// after does something to each step that was not refused.
	after := func(spoil func(s *escalation.State, before escalation.State, in escalation.Input, now time.Time, effects []escalation.Effect) []escalation.Effect) oncalltest.Escalator {
		e := good
		e.Step = func(state any, in escalation.Input, d escalation.Directory, now time.Time) (any, []escalation.Effect, error) {
			before, _ := state.(escalation.State)
			next, effects, err := good.Step(state, in, d, now)
			if err != nil {
				return next, effects, err
			}
			s := next.(escalation.State)
			effects = spoil(&s, before, in, now, effects)
			return s, effects, nil
		}
		return e
	}
	calls := 0
	for _, mutant := range []struct {
		name, law string
		engine    oncalltest.Escalator
	}{
		{"waits where nobody is on call", "paged_in_time", func() oncalltest.Escalator {
			e := good
			e.Step = func(state any, in escalation.Input, d escalation.Directory, now time.Time) (any, []escalation.Effect, error) {
				if people, _ := d.OnCall("rota", oncall.Primary, now); len(people) == 0 {
					if s, ok := state.(escalation.State); ok && now.Sub(s.Triggered) < 6*time.Minute {
						s.LevelDue = s.Triggered.Add(6 * time.Minute)
						return s, nil, nil
					}
					next, _, err := good.Step(state, in, d, now)
					return next, nil, err
				}
				return good.Step(state, in, d, now)
			}
			return e
		}()},
		{"gives up after the last resort", "never_dropped", after(func(s *escalation.State, _ escalation.State, _ escalation.Input, _ time.Time, effects []escalation.Effect) []escalation.Effect {
			if s.Level == escalation.LastResortLevel {
				s.LevelDue = time.Time{}
			}
			return effects
		})},
		{"wants pages after somebody has it", "quiet_when_taken", func() oncalltest.Escalator {
			e := good
			e.Wants = func(state any, _ escalation.Effect) bool {
				return state.(escalation.State).Status != escalation.Resolved
			}
			return e
		}()},
		{"wants pages after the end", "resolved_is_over", func() oncalltest.Escalator {
			e := good
			e.Wants = func(state any, _ escalation.Effect) bool {
				return state.(escalation.State).Status != escalation.Acknowledged
			}
			return e
		}()},
		{"counts from when it was stepped", "no_drift", after(func(s *escalation.State, before escalation.State, in escalation.Input, now time.Time, effects []escalation.Effect) []escalation.Effect {
			if s.Entry != before.Entry {
				s.LevelDue = now.Add(s.LevelDue.Sub(s.Entered))
			}
			return effects
		})},
		{"gives each entry the same number", "own_keys", after(func(s *escalation.State, _ escalation.State, _ escalation.Input, _ time.Time, effects []escalation.Effect) []escalation.Effect {
			for i := range effects {
				effects[i].Entry = 1
			}
			return effects
		})},
		{"remembers outside of the state", "same_again", after(func(s *escalation.State, _ escalation.State, in escalation.Input, _ time.Time, effects []escalation.Effect) []escalation.Effect {
			if calls++; calls%2 == 0 && len(effects) > 0 {
				return effects[1:]
			}
			return effects
		})},
		{"pages the manager for anything", "never_paged", func() oncalltest.Escalator {
			p := pagePolicy
			p.Levels = append([]escalation.Level(nil), p.Levels...)
			p.Levels[1].When = escalation.When{}
			return oncalltest.EscalatorOf(p.MustCompile())
		}()},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			d := pageDemands
			d.Directories = oncalltest.Staffs(pagePolicy)
			caught := ""
			for _, law := range oncalltest.EscalationLaws(mutant.engine, d) {
				if law.Name == mutant.law {
					caught = counterexample(law, 2000)
				}
			}
			if caught == "" {
				t.Errorf("%s found no counterexample", mutant.law)
			}
			t.Log(caught)
		})
	}
	var _ step = good.Step
}

// A policy can be read as a story before it goes live.
func ExampleSimulate() {
	policy := pagePolicy.MustCompile()
	staff := &oncalltest.Staff{
		Schedules: map[string][]string{"rota": {"alice"}},
		Plans:     map[string][]oncall.ContactStep{"alice": {{Contact: "push"}, {Contact: "voice", After: 2 * time.Minute}}},
	}
	night := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	for _, e := range oncalltest.Simulate(policy, staff, escalation.Trigger{ID: "db-down", Severity: 1}, night, time.Hour,
		oncalltest.Act{After: 5 * time.Minute, Input: escalation.Ack{By: "manager"}}) {
		if e.Page() {
			fmt.Println(e)
		}
	}
	// Output:
	// +0s l1 pages alice by push
	// +2m0s l1 pages alice by voice
	// +4m0s manager pages manager
}
