package budgettest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
)

// Decide is a policy, seen from outside. It must be a function of its
// arguments, because counterexamples are made smaller by asking it again.
type Decide func(statuses []budget.Status, change budget.Change, prev sre.Outcome, now time.Time) sre.Outcome

// Of returns a compiled policy as a Decide.
func Of(policy *budget.Compiled) Decide {
	return func(statuses []budget.Status, change budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
		return policy.Decide(statuses, change, prev, now).Outcome
	}
}

// A Law is a property that a policy about error budgets should have, whatever
// its numbers.
type Law struct {
	Name string // such as "less_budget_never_helps"
	Why  string // what goes wrong without it
	Hold func(*rapid.T)
}

// Test looks for a counterexample with rapid.
func (l Law) Test(t *testing.T) { rapid.Check(t, l.Hold) }

// Options says what the laws may assume of a policy. The zero value is the
// usual.
type Options struct {
	// Exempt are the purposes that always pass. Default (nil): rollback,
	// emergency and security. The laws about refusals do not speak of them.
	Exempt []budget.Purpose

	// Policy is the one for whose alerts windows are measured. Default:
	// [budget.Workbook].
	Policy *budget.Compiled
}

func (o Options) withDefaults() Options {
	if o.Exempt == nil {
		o.Exempt = []budget.Purpose{budget.Rollback, budget.Emergency, budget.Security}
	}
	if o.Policy == nil {
		o.Policy = budget.Workbook().MustCompile()
	}
	return o
}

// Check tests decide against each of the [Laws], each in a subtest of its
// name, with the default options.
func Check(t *testing.T, decide Decide) {
	t.Helper()
	CheckWith(t, decide, Options{})
}

// CheckWith is [Check] with options.
func CheckWith(t *testing.T, decide Decide, o Options) {
	t.Helper()
	for _, law := range LawsWith(decide, o) {
		t.Run(law.Name, law.Test)
	}
}

// Laws returns the laws about decide, for use with rapid:
//
//   - less_budget_never_helps: turning good events into bad ones never lets a
//     change pass that did not pass before
//   - exempt_changes_always_pass: also without data
//   - order_does_not_matter: of the statuses
//   - no_data_never_passes: neither no status at all, nor one that failed, was
//     hardly measured, is old or counted nothing, lets a change pass that is
//     not exempt
//   - a_healthy_budget_passes: a policy that refuses everything gates nothing
//   - it_is_a_function: the same facts get the same verdict
func Laws(decide Decide) []Law { return LawsWith(decide, Options{}) }

// LawsWith is [Laws] with options.
func LawsWith(decide Decide, o Options) []Law {
	o = o.withDefaults()
	l := laws{decide, o}
	return []Law{
		{"less_budget_never_helps", "who burns more budget must not get more freedom", l.monotone},
		{"exempt_changes_always_pass", "a rollback that waits for a budget prolongs the outage", l.exempt},
		{"order_does_not_matter", "the verdict must not depend on how a list was sorted", l.order},
		{"no_data_never_passes", "an outage of the metrics must not open the gate", l.noData},
		{"a_healthy_budget_passes", "a gate that never opens will be taken down", l.healthy},
		{"it_is_a_function", "a verdict that cannot be repeated cannot be defended", l.function},
	}
}

type laws struct {
	decide Decide
	Options
}

// gated generates a purpose that is not exempt.
func (l laws) gated() *rapid.Generator[budget.Purpose] {
	return Purposes().Filter(func(p budget.Purpose) bool { return !slices.Contains(l.Exempt, p) })
}

// scene is what a law shows to the policy.
type scene struct {
	now      time.Time
	facts    []Facts
	change   budget.Change
	previous sre.Outcome
}

func (l laws) draw(t *rapid.T, purpose *rapid.Generator[budget.Purpose]) scene {
	now := Instants().Draw(t, "now")
	return scene{
		now:      now,
		facts:    rapid.SliceOfN(FactsAt(now, l.Policy), 1, 3).Draw(t, "slos"),
		change:   budget.Change{ID: "change-1", Purpose: purpose.Draw(t, "purpose")},
		previous: Outcomes().Draw(t, "previous"),
	}
}

func (l laws) ask(s scene) sre.Outcome {
	return l.decide(statuses(s.facts), s.change, s.previous, s.now)
}

func statuses(facts []Facts) []budget.Status {
	list := make([]budget.Status, len(facts))
	for i, f := range facts {
		list[i] = f.Status()
	}
	return list
}

func (l laws) monotone(t *rapid.T) {
	s := l.draw(t, l.gated())
	i := rapid.IntRange(0, len(s.facts)-1).Draw(t, "which")
	share := rapid.Float64Range(0, 1).Draw(t, "share_that_turns_bad")
	before := l.ask(s)
	worse := s
	worse.facts = slices.Clone(s.facts)
	worse.facts[i] = s.facts[i].Worse(share)
	if after := l.ask(worse); after.Passes() && !before.Passes() {
		t.Fatalf("less budget helped.\n%s\nThen %.4g%% of the good events of SLO %d turned out to be bad:\n%s",
			s.story(before), 100*share, i+1, worse.story(after))
	}
}

func (l laws) exempt(t *rapid.T) {
	if len(l.Exempt) == 0 {
		t.Skip("nothing is exempt")
	}
	s := l.draw(t, rapid.SampledFrom(l.Exempt))
	if rapid.Bool().Draw(t, "metrics_are_down") {
		i := rapid.IntRange(0, len(s.facts)-1).Draw(t, "which")
		s.facts[i].Failed = true
	}
	if got := l.ask(s); !got.Passes() {
		t.Fatalf("an exempt change was refused.\n%s", s.story(got))
	}
}

func (l laws) order(t *rapid.T) {
	s := l.draw(t, Purposes())
	want := l.ask(s)
	other := s
	other.facts = rapid.Permutation(s.facts).Draw(t, "order")
	if got := l.ask(other); got != want {
		t.Fatalf("the order of the SLOs changed the verdict.\n%s\nIn another order:\n%s", s.story(want), other.story(got))
	}
}

func (l laws) noData(t *rapid.T) {
	s := l.draw(t, l.gated())
	i := rapid.IntRange(0, len(s.facts)-1).Draw(t, "which")
	switch rapid.SampledFrom([]string{"no_slos", "failed", "hardly_measured", "old", "no_events"}).Draw(t, "what_is_missing") {
	case "no_slos":
		s.facts = nil
	case "failed":
		s.facts[i].Failed = true
	case "hardly_measured":
		s.facts[i] = s.facts[i].Covered(0.01)
	case "old":
		s.facts[i] = s.facts[i].Aged(30 * 24 * time.Hour)
	case "no_events":
		s.facts[i] = s.facts[i].Without()
	}
	if got := l.ask(s); got.Passes() {
		t.Fatalf("a change passed without data.\n%s", s.story(got))
	}
}

func (l laws) healthy(t *rapid.T) {
	s := l.draw(t, l.gated())
	s.previous = rapid.SampledFrom([]sre.Outcome{sre.Unknown, sre.Allow}).Draw(t, "previous_was_fine")
	for i := range s.facts {
		s.facts[i] = s.facts[i].Healthy()
	}
	if got := l.ask(s); !got.Passes() {
		t.Fatalf("a change was refused though no budget was touched.\n%s", s.story(got))
	}
}

func (l laws) function(t *rapid.T) {
	s := l.draw(t, Purposes())
	if first, second := l.ask(s), l.ask(s); first != second {
		t.Fatalf("the same facts got %s and then %s.\n%s", first, second, s.story(first))
	}
}

// story tells what the policy was shown and what it said.
func (s scene) story(verdict sre.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "On %s a %s change asked to go ahead; the verdict before was %s.", s.now.Format("Monday, 2006-01-02 15:04 MST"), s.change.Purpose, s.previous)
	if len(s.facts) == 0 {
		b.WriteString("\n  No SLO was measured.")
	}
	for i, f := range s.facts {
		fmt.Fprintf(&b, "\n  SLO %d: %s", i+1, f)
	}
	fmt.Fprintf(&b, "\n  The verdict: %s.", verdict)
	return b.String()
}
