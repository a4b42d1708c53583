package incidenttest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
	"github.com/sre-sdk/sre/internal/lawtest"
)

func TestOurIncidentsKeepTheLaws(t *testing.T) {
	incidenttest.CheckPolicy(t, incident.Policy{ID: "p"}.MustCompile(), incidenttest.Range{Late: true, Services: true})
}

func TestAnyPolicyKeepsTheLaws(t *testing.T) {
	for seed := range 8 {
		policy := incidenttest.Policies(incidenttest.Range{}).Example(seed)
		for _, law := range incidenttest.Laws(incidenttest.Of(policy.MustCompile()), incidenttest.Range{Late: true, People: 3}) {
			if story := counterexample(law, 20); story != "" {
				t.Errorf("%s under %+v: %s", law.Name, policy, story)
			}
		}
	}
}

func counterexample(law incidenttest.Law, checks int) string {
	return lawtest.Counterexample(checks, func(tb *lawtest.Recorder) { rapid.Check(tb, law.Hold) })
}

// A mutant is an incident that goes wrong.
type mutant struct {
	incidenttest.Incident
	give  func(i incidenttest.Incident, r incident.Request, now time.Time) error
	facts func(f incidenttest.Facts) incidenttest.Facts
	last  incident.Request // the latest one that was accepted
}

func (m *mutant) Give(r incident.Request, now time.Time) error {
	give := func() error {
		if m.give != nil {
			return m.give(m.Incident, r, now)
		}
		return m.Incident.Give(r, now)
	}
	err := give()
	if err == nil {
		m.last = r
	}
	return err
}

func (m *mutant) Facts() incidenttest.Facts {
	f := m.Incident.Facts()
	if m.facts != nil {
		f = m.facts(f)
	}
	return f
}

// Each mutant breaks one law, and the kit must name that law.
func TestBrokenMachinesAreCaught(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	good := incidenttest.Of(policy)
	broken := func(give func(incidenttest.Incident, incident.Request, time.Time) error, facts func(incidenttest.Facts) incidenttest.Facts) incidenttest.Machine {
		return incidenttest.Machine{Open: func() incidenttest.Incident { return &mutant{Incident: good.Open(), give: give, facts: facts} }}
	}
	// twice is an incident in which whoever is assigned takes over at once.
	grab := func(i incidenttest.Incident, r incident.Request, now time.Time) error {
		offer, ok := r.Command.(incident.Offer)
		if err := i.Give(r, now); err != nil || !ok || offer.Role != incident.Commander {
			return err
		}
		return i.Give(incident.Request{By: sre.Actor{Kind: sre.Human, ID: offer.Person}, Command: incident.Accept{Role: incident.Commander}}, now)
	}
	for _, m := range []struct {
		name, law string
		machine   incidenttest.Machine
	}{
		{"has two commanders when a deputy is there", "one_commander", broken(nil, func(f incidenttest.Facts) incidenttest.Facts {
			for _, h := range f.Holders {
				if h.Role == incident.Deputy {
					f.Holders = append(slices.Clone(f.Holders), incidenttest.Held{Role: incident.Commander, Person: h.Person})
				}
			}
			return f
		})},
		{"lets the commander be scribe", "one_commander", broken(nil, func(f incidenttest.Facts) incidenttest.Facts {
			for _, h := range f.Holders {
				if h.Role == incident.Commander {
					f.Holders = append(slices.Clone(f.Holders), incidenttest.Held{Role: incident.Scribe, Person: h.Person})
				}
			}
			return f
		})},
		{"forgets the commander once it is mitigated", "command_kept", broken(nil, func(f incidenttest.Facts) incidenttest.Facts {
			if f.Status == incident.Mitigated {
				f.Holders = nil
			}
			return f
		})},
		{"hands the command off by telling", "handoff_accepted", broken(grab, nil)},
		{"keeps the latest severity as the worst", "worst_kept", broken(nil, func(f incidenttest.Facts) incidenttest.Facts {
			f.Worst = f.Severity
			return f
		})},
		{"invents reasons", "milder_explained", broken(func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			r.Reason = "none"
			return i.Give(r, now)
		}, nil)},
		{"reopens for a note", "closed_is_quiet", broken(func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			if r.Command.Kind() == incident.KindNote && i.Facts().Status == incident.Closed {
				return i.Give(incident.Request{By: r.By, Command: incident.Reopen{}}, now)
			}
			return i.Give(r, now)
		}, nil)},
		{"says no and does it", "refused_changes_nothing", broken(func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			if err := i.Give(r, now); err != nil {
				return err
			}
			if r.Command.Kind() == incident.KindResolve {
				return errors.New("no")
			}
			return nil
		}, nil)},
		{"says that somebody else may", "refusal_says_who", broken(func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			err := i.Give(r, now)
			var refusal *incident.Refusal
			if errors.As(err, &refusal) {
				return &incident.Refusal{Code: refusal.Code, Text: "ask somebody"}
			}
			return err
		}, nil)},
		{"says it in the list and not in the text", "refusal_says_who", broken(func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			err := i.Give(r, now)
			var refusal *incident.Refusal
			if errors.As(err, &refusal) {
				return &incident.Refusal{Code: refusal.Code, Text: "no", May: refusal.May}
			}
			return err
		}, nil)},
		{"goes by how many there are", "same_again", counting(good)},
		{"loses alerts in a merge", "split_returns", merging(good, func(child, root *mutant) {
			root.facts = func(f incidenttest.Facts) incidenttest.Facts { f.Alerts = f.Alerts[:min(1, len(f.Alerts))]; return f }
		}, nil)},
		{"keeps alerts after a split", "split_returns", merging(good, nil, func(child, root *mutant) {
			brought := child.Facts().Alerts
			root.facts = func(f incidenttest.Facts) incidenttest.Facts {
				f.Alerts = append(slices.Clone(f.Alerts), brought...)
				return f
			}
		})},
	} {
		t.Run(m.name, func(t *testing.T) {
			for _, law := range incidenttest.Laws(m.machine, incidenttest.Range{Late: true, People: 3}) {
				if law.Name != m.law {
					continue
				}
				story := counterexample(law, 2000)
				if story == "" {
					t.Fatalf("%s was not broken", m.law)
				}
				if !strings.Contains(story, ".") {
					t.Errorf("the counterexample is no story: %s", story)
				}
			}
		})
	}
}

// counting refuses resolutions of every second incident that it opens.
func counting(good incidenttest.Machine) incidenttest.Machine {
	n := 0
	return incidenttest.Machine{Open: func() incidenttest.Incident {
		n++
		odd := n%2 == 1
		return &mutant{Incident: good.Open(), give: func(i incidenttest.Incident, r incident.Request, now time.Time) error {
			if odd && r.Command.Kind() == incident.KindResolve {
				return errors.New("no")
			}
			return i.Give(r, now)
		}}
	}}
}

// merging changes what comes of a merge and of a split.
func merging(good incidenttest.Machine, merged, split func(child, root *mutant)) incidenttest.Machine {
	m := incidenttest.Machine{Open: func() incidenttest.Incident { return &mutant{Incident: good.Open()} }}
	with := func(f func(a, b incidenttest.Incident, by sre.Actor, now time.Time) error, then func(child, root *mutant)) func(a, b incidenttest.Incident, by sre.Actor, now time.Time) error {
		return func(a, b incidenttest.Incident, by sre.Actor, now time.Time) error {
			child, root := a.(*mutant), b.(*mutant)
			err := f(child.Incident, root.Incident, by, now)
			if err == nil && then != nil {
				then(child, root)
			}
			return err
		}
	}
	m.Merge, m.Split = with(good.Merge, merged), with(good.Split, split)
	return m
}

func TestGeneratedPoliciesCompile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if _, err := incidenttest.Policies(incidenttest.Range{}).Draw(t, "policy").Compile(); err != nil {
			t.Fatal(err)
		}
	})
}

// Logs reach what tests are about: every status but merged, other episodes,
// handoffs and conflicts.
func TestGeneratedLogsReachEverything(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	seen := map[string]bool{}
	logs := incidenttest.Logs(incidenttest.Range{Steps: 60, Stale: true, Late: true, People: 3}, policy)
	for seed := range 300 {
		log := logs.Example(seed)
		s := incident.Fold(slices.Values(log))
		seen[s.Status.String()] = true
		seen["episodes"] = seen["episodes"] || s.Episode > 1
		seen["conflicts"] = seen["conflicts"] || s.Conflicts > 0
		for _, e := range log {
			seen[e.Command.Kind().String()] = seen[e.Command.Kind().String()] || e.Refused == ""
		}
	}
	for _, want := range []string{"declared", "triaged", "mitigated", "resolved", "closed", "canceled", "episodes", "conflicts",
		"accept", "decline", "leave", "verify", "correct", "reopen", "unlink", "record_step", "skip_postmortem"} {
		if !seen[want] {
			t.Errorf("no log has %s", want)
		}
	}
}
