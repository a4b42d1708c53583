package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// changes are instants around which the difficult zones skip or repeat.
var changes = map[string][]string{
	"America/Santiago":    {"2026-09-06T04:00:00Z", "2026-04-05T03:00:00Z"},
	"America/Havana":      {"2026-03-08T05:00:00Z", "2026-11-01T05:00:00Z"},
	"Atlantic/Azores":     {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"Pacific/Apia":        {"2011-12-30T10:00:00Z"},
	"Australia/Lord_Howe": {"2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z"},
	"Africa/Monrovia":     {"1972-01-07T00:44:30Z"},
	"America/Chicago":     {"2026-03-08T08:00:00Z", "2026-11-01T07:00:00Z"},
	"Europe/Berlin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
}

func mustTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// drawRange draws a window of some days around a change of a difficult zone, and
// a generator of schedules that live there.
func drawRange(t *rapid.T) (r oncalltest.Range) {
	zone := rapid.SampledFrom(slices.Sorted(mapsKeys(changes))).Draw(t, "difficult zone")
	at := mustTime(rapid.SampledFrom(changes[zone]).Draw(t, "change")).Truncate(time.Hour)
	r.From = at.Add(-time.Duration(rapid.IntRange(20, 44).Draw(t, "hours before")) * time.Hour)
	r.To = at.Add(time.Duration(rapid.IntRange(6, 44).Draw(t, "hours after")) * time.Hour)
	r.Zones = []string{zone, zone, zone, "UTC", rapid.SampledFrom(oncalltest.DifficultZones).Draw(t, "another zone")}
	r.Worked, r.Rules = true, true
	return r
}

func mapsKeys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func holders(o schedule.OnCall) (on []holder) {
	for s := range o.All() {
		on = append(on, holder{s.Role, s.Person})
	}
	return distinct(on)
}

// print shows a schedule in a counterexample.
func print(s schedule.Schedule) string {
	return strings.NewReplacer("}, schedule.", "},\n  schedule.", "[]schedule.", "\n []schedule.").Replace(fmt.Sprintf("%#v", s))
}

// The engine says of every instant what the oracle says.
func TestEngineAgreesWithTheOracle(t *testing.T) { rapid.Check(t, engineAgrees) }

func FuzzEngineAgreesWithTheOracle(f *testing.F) { f.Fuzz(rapid.MakeFuzz(engineAgrees)) }

func engineAgrees(t *rapid.T) {
	r := drawRange(t)
	s := oncalltest.Schedules(r).Draw(t, "schedule")
	step := time.Minute
	if slices.Contains(r.Zones, "Africa/Monrovia") {
		step = 30 * time.Second // its offset has odd seconds
	}
	compiled, err := s.Compile(r.From, r.To)
	if err != nil {
		t.Fatal(err)
	}
	o := newOracle(t, s, r.From, r.To, step)
	for now := r.From; now.Before(r.To); now = now.Add(step) {
		if got, want := holders(compiled.At(now)), o.at(now); !slices.Equal(got, want) {
			t.Fatalf("at %s in %s:\n got %v\nwant %v\n%s", now.Format(time.RFC3339), s.Zone, got, want, print(s))
		}
	}
}

// All evaluators agree with each other: At with the horizon and without, the
// shifts of any window, and Explain.
func TestEvaluatorsAgree(t *testing.T) { rapid.Check(t, evaluatorsAgree) }

func FuzzEvaluatorsAgree(f *testing.F) { f.Fuzz(rapid.MakeFuzz(evaluatorsAgree)) }

func evaluatorsAgree(t *rapid.T) {
	r := drawRange(t)
	s := oncalltest.Schedules(r).Draw(t, "schedule")
	far := r.From.Add(-time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hours away")) * time.Hour)
	ready, bare := s.MustCompile(r.From, r.To), s.MustCompile(far, far)
	a, b := drawWindow(t, r), drawWindow(t, r)
	if b.Before(a) {
		a, b = b, a
	}
	if diff := cmp.Diff(ready.Shifts(a, b), bare.Shifts(a, b), sameInstant); diff != "" {
		t.Fatalf("the shifts from %s to %s differ with the horizon (-with +without):\n%s\n%s", a, b, diff, print(s))
	}
	for _, now := range interesting(ready, a, b) {
		want := holders(ready.At(now))
		if got := holders(bare.At(now)); !slices.Equal(got, want) {
			t.Fatalf("At(%s) is %v with the horizon and %v without\n%s", now, want, got, print(s))
		}
		if got := covering(ready.Shifts(a, b), now); !slices.Equal(got, want) {
			t.Fatalf("At(%s) is %v, and the shifts around it are %v\n%s", now, want, got, print(s))
		}
		if got := explained(ready.Explain(now)); !slices.Equal(got, want) {
			t.Fatalf("At(%s) is %v, and Explain has %v\n%s\n%s", now, want, got, ready.Explain(now), print(s))
		}
		for shift := range ready.At(now).All() {
			if !names(ready.Explain(now), shift) {
				t.Fatalf("at %s %s is on call by %+v, and Explain does not say so\n%s\n%s", now, shift.Person, shift.Cause, ready.Explain(now), print(s))
			}
		}
	}
}

// names reports whether the explanation has the cause of the shift, with its
// turn.
func names(x schedule.Explanation, s schedule.Shift) bool {
	for _, b := range x.On {
		for _, r := range b.Reasons {
			of, turn := "", ""
			for _, v := range r.Values {
				switch v.Name {
				case "layer", "temporary", "swap", "override":
					of = v.Text
				case "turn":
					turn = v.Text
				}
			}
			if b.Person == s.Person && b.Role == s.Role && of == s.Cause.ID && (s.Cause.Kind != schedule.ByLayer || turn == fmt.Sprint(s.Cause.Turn)) {
				return true
			}
		}
	}
	return false
}

var sameInstant = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func drawWindow(t *rapid.T, r oncalltest.Range) time.Time {
	return r.From.Add(time.Duration(rapid.IntRange(0, int(r.To.Sub(r.From)/time.Second)).Draw(t, "seconds")) * time.Second)
}

// interesting are the edges of shifts in [a, b), and the seconds around them.
func interesting(c *schedule.Compiled, a, b time.Time) (list []time.Time) {
	for s := range c.Flatten(a, b) {
		for _, at := range []time.Time{s.Start, s.End} {
			for _, d := range []time.Duration{-time.Second, 0, time.Second} {
				if at := at.Add(d); !at.Before(a) && at.Before(b) {
					list = append(list, at)
				}
			}
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

func covering(shifts []schedule.Shift, now time.Time) (on []holder) {
	for _, s := range shifts {
		if inside(now, s.Start, s.End) {
			on = append(on, holder{s.Role, s.Person})
		}
	}
	return distinct(on)
}

func explained(x schedule.Explanation) (on []holder) {
	for _, b := range x.On {
		on = append(on, holder{b.Role, b.Person})
	}
	return distinct(on)
}

// Next is the first of the shifts that start after the instant, and whole.
func TestNextAgreesWithTheShifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRange(t)
		s := oncalltest.Schedules(r).Draw(t, "schedule")
		ready := s.MustCompile(r.From, r.To)
		after := drawWindow(t, r)
		person := rapid.SampledFrom([]string{"", "p0", "p1", "p2"}).Draw(t, "person")
		next, ok := ready.Next(person, after)
		horizon := after.Add(40 * 24 * time.Hour)
		for _, want := range ready.Shifts(after, horizon) {
			if !want.Start.After(after) || person != "" && want.Person != person {
				continue
			}
			if !ok || !next.Start.Equal(want.Start) || next.Person != want.Person || next.Cause != want.Cause || !want.EndsAfter && !next.End.Equal(want.End) {
				t.Fatalf("Next(%q, %s) = %v, %v; the first shift is %v\n%s", person, after, next, ok, want, print(s))
			}
			return
		}
		if ok && next.Start.Before(horizon) {
			t.Fatalf("Next(%q, %s) = %v, and there is no such shift", person, after, next)
		}
	})
}
