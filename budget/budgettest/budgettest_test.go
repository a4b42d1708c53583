package budgettest_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgettest"
	"github.com/sre-sdk/sre/internal/lawtest"
	"github.com/sre-sdk/sre/slo"
)

func TestPresetsKeepTheLaws(t *testing.T) {
	hysteresis := budget.Tiered()
	hysteresis.Name, hysteresis.Hysteresis = "hysteresis", slo.MustParseRatio("15%")
	forecast := budget.Workbook()
	forecast.Name, forecast.ForecastCalendar = "forecast", true
	strict := budget.Workbook()
	strict.Name, strict.FreezeReliability = "strict", true
	for i := range strict.Alerts {
		strict.Alerts[i].Effect = []sre.Outcome{sre.Hold, sre.Deny}[i%2]
	}
	for _, policy := range []budget.Policy{budget.Workbook(), budget.SLOGenerator(), budget.Tiered(), hysteresis, forecast, strict} {
		t.Run(policy.Name, func(t *testing.T) {
			compiled := policy.MustCompile()
			budgettest.CheckWith(t, budgettest.Of(compiled), budgettest.Options{Policy: compiled})
		})
	}
}

// Each mutant breaks one law, and the kit must name that law.
func TestBrokenPoliciesAreCaught(t *testing.T) {
	workbook := budgettest.Of(budget.Workbook().MustCompile())
	calls := 0
	for _, mutant := range []struct {
		name, law string
		decide    budgettest.Decide
	}{
		{"clamps an overspent budget", "less_budget_never_helps", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			for _, s := range st {
				if remaining, ok := s.Remaining(); ok && remaining < -1 && c.Purpose == budget.Feature {
					return sre.Warn
				}
			}
			return workbook(st, c, prev, now)
		}},
		{"makes rollbacks wait for the metrics", "exempt_changes_always_pass", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			for _, s := range st {
				if s.Err() != nil {
					return sre.Unknown
				}
			}
			return workbook(st, c, prev, now)
		}},
		{"looks at the first SLO only", "order_does_not_matter", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			return workbook(st[:min(len(st), 1)], c, prev, now)
		}},
		{"takes a failed source for a good one", "no_data_never_passes", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			for _, s := range st {
				if remaining, ok := s.Remaining(); ok && remaining < 0 {
					return workbook(st, c, prev, now)
				}
			}
			return sre.Allow
		}},
		{"refuses everything", "a_healthy_budget_passes", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			if c.Purpose == budget.Feature || c.Purpose == budget.Reliability {
				return sre.Deny
			}
			return sre.Allow
		}},
		{"throws a coin", "it_is_a_function", func(st []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
			if calls++; calls%2 == 0 && c.Purpose == budget.Feature {
				return sre.Deny
			}
			return sre.Allow
		}},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			for _, law := range budgettest.Laws(mutant.decide) {
				if law.Name != mutant.law {
					continue
				}
				story := counterexample(law)
				if story == "" {
					t.Fatalf("%s found no counterexample", law.Name)
				}
				if mutant.law != "it_is_a_function" && !strings.Contains(story, "The verdict: ") {
					t.Errorf("the counterexample is no story:\n%s", story)
				}
			}
		})
	}
}

// The policy of the example breaks just the law that its team means to break,
// and the story says on what day.
func TestNoFridayDeploysBreaksOneLaw(t *testing.T) {
	for _, law := range budgettest.Laws(noFridayDeploys) {
		if law.Name != "a_healthy_budget_passes" {
			t.Run(law.Name, law.Test)
		} else if story := counterexample(law); !strings.Contains(story, "On Friday, 20") {
			t.Errorf("%s: want a counterexample on a Friday, got:\n%s", law.Name, story)
		}
	}
}

// counterexample returns what the law says of the counterexample that it
// finds, or "".
func counterexample(law budgettest.Law) string {
	return lawtest.Counterexample(5000, func(tb *lawtest.Recorder) { rapid.Check(tb, law.Hold) })
}
