package alert_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

func stories(t *rapid.T) *story {
	n := func(lo, hi int, name string) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	one := func(name string, of ...int) int { return rapid.SampledFrom(of).Draw(t, name) }
	s := &story{
		Wait: one("wait", 0, 3, 7), Interval: one("interval", 0, 10, 25), AsOf: never, End: 160,
		ThrottleMax: one("throttle", 0, 1, 2), Per: one("per", 20, 45),
		Flaps: one("flaps", 0, 2, 3, 4), Within: one("within", 15, 30), Calm: one("calm", 8, 20),
		Inhibit: rapid.Bool().Draw(t, "inhibit"),
	}
	if n(0, 3, "stale") == 0 {
		s.AsOf = n(0, 30, "as_of") // a clock less than MaxFactsAge ahead
	}
	for i := range n(0, 2, "silences") {
		start := n(0, 100, "start")
		s.Silences = append(s.Silences, span{fmt.Sprintf("s%d", i), rapid.SampledFrom([]string{"db", "web"}).Draw(t, "team"), start, start + n(1, 60, "lasts")})
	}
	for i := range n(0, 2, "sources") {
		start := n(0, 100, "since")
		s.Sources = append(s.Sources, span{fmt.Sprintf("z%d", i), rapid.SampledFrom([]string{"source", "both"}).Draw(t, "role"), start, start + n(1, 60, "lasts")})
	}
	for range n(1, 12, "batches") {
		b := batch{At: n(0, 120, "at")}
		for range n(1, 3, "alerts") {
			b.Alerts = append(b.Alerts, said{
				ID: n(0, 5, "id"), Firing: n(0, 4, "firing") > 1, Severity: sre.Severity(n(0, 3, "severity")),
				Starts: one("starts", never, b.At, max(b.At-6, 0)), Ends: one("ends", never, b.At, max(b.At-9, 0)), Observed: one("observed", never, never, b.At, max(b.At-7, 0)),
			})
		}
		s.Batches = append(s.Batches, b)
	}
	slices.SortStableFunc(s.Batches, func(a, b batch) int { return a.At - b.At })
	return s
}

// run steps the engine through a story, with ticks at the seconds that tick
// names besides the one at the end. after may change the state between steps.
func run(t interface{ Fatalf(string, ...any) }, s *story, tick func(state alert.State, second int) bool, after func(alert.State) alert.State) []alert.Effect {
	policy, err := s.policy().Compile()
	if err != nil {
		t.Fatalf("%v", err)
	}
	var (
		state   alert.State
		effects []alert.Effect
	)
	step := func(second int, in alert.Input) {
		next, out, err := policy.Step(state, in, s.facts(second), sec(second), effects)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if due := alert.NextDue(next); !due.IsZero() && !due.After(sec(second)) {
			t.Fatalf("after second %d due %v", second, due)
		}
		state, effects = after(next), out
	}
	for second := 0; second <= s.End; second++ {
		if tick(state, second) {
			step(second, alert.Input{})
		}
		for _, b := range s.Batches {
			if b.At == second {
				in := alert.Input{Group: "g"}
				for _, a := range b.Alerts {
					in.Alerts = append(in.Alerts, a.alert())
				}
				step(second, in)
			}
		}
	}
	step(s.End, alert.Input{})
	return effects
}

func same(s alert.State) alert.State { return s }
func whenDue(s alert.State, second int) bool {
	due := alert.NextDue(s)
	return !due.IsZero() && !due.After(sec(second))
}
func always(alert.State, int) bool       { return true }
func onlyInTheEnd(alert.State, int) bool { return false }

func checkStories(t *testing.T, law func(t *rapid.T, s *story)) {
	rapid.Check(t, func(t *rapid.T) { law(t, stories(t)) })
}

// What the engine does is what the oracle works out from the whole history. So
// nothing is lost, every suppression has a reason that holds then, and what a
// silence held back is triggered when it ends.
func TestStepDoesWhatTheOracleSays(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		want, got := tell(s), lines(run(t, s, whenDue, same))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-oracle +engine):\n%s\n%+v", diff, *s)
		}
	})
}

func TestLateAndFrequentTicksHaveTheSameEffects(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		want := run(t, s, whenDue, same)
		some := rand.New(rand.NewSource(int64(rapid.IntRange(0, 1<<30).Draw(t, "seed"))))
		for _, tick := range []func(alert.State, int) bool{always, onlyInTheEnd, func(alert.State, int) bool { return some.Intn(20) == 0 }} {
			if diff := cmp.Diff(want, run(t, s, tick, same), cmp.Comparer(func(a, b sre.Labels) bool { return a == b })); diff != "" {
				t.Fatalf("(-when due +otherwise):\n%s", diff)
			}
		}
	})
}

func TestStateSurvivesJSON(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		want := run(t, s, whenDue, same)
		got := run(t, s, whenDue, func(state alert.State) alert.State {
			data, err := json.Marshal(state)
			if err != nil {
				t.Fatalf("%v", err)
			}
			var back alert.State
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(state, back, labelsEqual); diff != "" {
				t.Fatalf("(-before +after):\n%s", diff)
			}
			return back
		})
		if diff := cmp.Diff(want, got, labelsEqual); diff != "" {
			t.Fatalf("(-kept +encoded):\n%s", diff)
		}
	})
}

var labelsEqual = cmp.Comparer(func(a, b sre.Labels) bool { return a == b })

func TestOrderInABatchDoesNotMatter(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		want := run(t, s, whenDue, same)
		for i := range s.Batches {
			s.Batches[i].Alerts = rapid.Permutation(s.Batches[i].Alerts).Draw(t, "order")
		}
		if diff := cmp.Diff(want, run(t, s, whenDue, same), labelsEqual); diff != "" {
			t.Fatalf("(-before +permuted):\n%s", diff)
		}
	})
}

// A webhook that comes twice changes nothing, not even the state.
func TestDuplicatesChangeNothing(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		policy := s.policy().MustCompile()
		var state alert.State
		for _, b := range s.Batches {
			in := alert.Input{Group: "g"}
			seen := map[int]bool{} // two statements about one alert are a transition each time
			for _, a := range b.Alerts {
				if !seen[a.ID] {
					in.Alerts = append(in.Alerts, a.alert())
				}
				seen[a.ID] = true
			}
			first, effects, err := policy.Step(state, in, s.facts(b.At), sec(b.At), nil)
			if err != nil {
				t.Fatalf("%v", err)
			}
			again, repeated, err := policy.Step(first, in, s.facts(b.At), sec(b.At), nil)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(first, again, labelsEqual); diff != "" {
				t.Fatalf("(-once +twice):\n%s", diff)
			}
			for _, e := range repeated { // what is too late is written down under the same ID
				if !slices.ContainsFunc(effects, func(f alert.Effect) bool { return e.ID == f.ID }) {
					t.Fatalf("the repetition has the effect %+v", e)
				}
			}
			state = first
		}
	})
}

func TestStepLeavesTheStateBeforeAlone(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		var before alert.State
		var copied string
		run(t, s, whenDue, func(state alert.State) alert.State {
			if now := fmt.Sprintf("%+v", before); copied != "" && now != copied {
				t.Fatalf("was %s\nis  %s", copied, now)
			}
			before, copied = state, fmt.Sprintf("%+v", state)
			return state
		})
	})
}

// Effects have an identity of their own that fits a runner's, and of a page the
// revisions count up from the trigger.
func TestEffectsHaveIdentities(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		seen := map[string]bool{}
		revisions := map[string]uint64{}
		for _, e := range run(t, s, whenDue, same) {
			if !sre.ValidID(e.ID) {
				t.Fatalf("the ID %q", e.ID)
			}
			if seen[e.ID] && e.By.Cause != alert.ByOrder {
				t.Fatalf("twice: %+v", e)
			}
			seen[e.ID] = true
			if data, err := json.Marshal(e); err != nil || len(data) > alert.MaxEffectBytes {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if e.Reason.Code != "" {
				continue
			}
			if revisions[e.Key]++; e.Revision != revisions[e.Key] || (e.Kind == alert.Trigger) != (e.Revision == 1) {
				t.Fatalf("%s has revision %d", e.Kind, e.Revision)
			}
		}
	})
}

// Nothing is lost: in a state after a step, what fires is in the page, waits no
// longer than it must, or has a reason that a reader of the facts can check.
func TestNothingIsLost(t *testing.T) {
	checkStories(t, func(t *rapid.T, s *story) {
		policy := s.policy().MustCompile()
		second := 0
		run(t, s, func(_ alert.State, at int) bool { second = at; return true }, func(state alert.State) alert.State {
			facts := s.facts(second)
			told := map[string]alert.Finding{}
			for _, f := range policy.Explain(state, facts, sec(second)) {
				told[f.Alert.Fingerprint] = f
			}
			for _, e := range state.Alerts {
				if e.Status != alert.Firing {
					continue
				}
				f, ok := told[e.Fingerprint]
				switch {
				case !ok:
					t.Fatalf("nothing is said of %s", e.Fingerprint)
				case f.Reason.Code == "paged":
				case f.Reason.Code == "waiting" && state.Page.Open:
					if sec(second).Sub(state.Page.Sent) >= time.Duration(s.Interval)*time.Second {
						t.Fatalf("%s is not told since %v", e.Fingerprint, e.Since)
					}
				case f.Reason.Code == "waiting":
					if sec(second).Sub(e.Since) >= time.Duration(s.Wait)*time.Second {
						t.Fatalf("%s waits since %v", e.Fingerprint, e.Since)
					}
				case f.By.Cause == alert.BySilence:
					holds := slices.ContainsFunc(facts.Silences, func(x alert.Silence) bool {
						return x.ID == f.By.ID && x.Active(sec(second)) && x.Matchers.Matches(e.Labels)
					})
					if !holds || s.AsOf != never && second >= s.AsOf+maxAge {
						t.Fatalf("%s does not hold", f)
					}
				case f.By.Cause == alert.ByInhibition, f.By.Cause == alert.ByThrottle:
				default:
					t.Fatalf("%s has no reason: %s", e.Fingerprint, f)
				}
			}
			return state
		})
	})
}
