package oncalltest_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/lawtest"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// rota is a week of two shifts a day, with a buffer week that nobody has.
func rota(t testing.TB, name string) (*schedule.Compiled, oncalltest.Promise) {
	loc := zone(t, name)
	p := oncalltest.Promise{From: time.Date(2026, 2, 1, 0, 0, 0, 0, loc), To: time.Date(2026, 12, 1, 0, 0, 0, 0, loc),
		Covered: []oncall.Role{oncall.Primary}, Handoffs: []string{"02:30", "14:30"}, Zone: loc}
	s := schedule.Schedule{ID: "db", Zone: name, Layers: []schedule.Layer{{
		Name: "half-days", Members: []schedule.Slot{{"alice"}, {"bob"}, {}, {"carol"}}, Anchor: "2026-01-05 02:30", Turn: schedule.Hours(12)}}}
	return s.MustCompile(p.From, p.To), p
}

func TestSchedulesKeepTheLaws(t *testing.T) {
	for _, name := range []string{"America/Santiago", "America/Chicago", "Australia/Lord_Howe", "Europe/Berlin"} {
		t.Run(name, func(t *testing.T) {
			c, p := rota(t, name)
			oncalltest.CheckRota(t, oncalltest.Of(c), p)
		})
	}
}

// Any schedule keeps the laws that promise nothing about coverage.
func TestGeneratedSchedulesKeepTheLaws(t *testing.T) {
	for seed := range 8 {
		r := oncalltest.Range{Worked: true, Rules: true}
		s := oncalltest.Schedules(r).Example(seed)
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		to := from.Add(30 * 24 * time.Hour)
		for _, law := range oncalltest.Laws(oncalltest.Of(s.MustCompile(from, to)), oncalltest.Promise{From: from, To: to}) {
			if story := counterexample(law, 20); story != "" {
				t.Errorf("%s: %s", law.Name, story)
			}
		}
	}
}

// Each mutant breaks one law, and the kit must name that law.
func TestBrokenRotasAreCaught(t *testing.T) {
	c, p := rota(t, "America/Chicago")
	good := oncalltest.Of(c)
	for _, mutant := range []struct {
		name, law string
		rota      func() oncalltest.Rota
	}{
		{"pages by the clock of another zone", "equal_evaluators", func() oncalltest.Rota {
			r := good
			r.At = func(t time.Time) []oncalltest.Duty { return good.At(t.Add(time.Hour)) }
			return r
		}},
		{"explains yesterday", "equal_evaluators", func() oncalltest.Rota {
			r := good
			r.Explain = func(t time.Time) []oncalltest.Duty { return good.Explain(t.Add(-24 * time.Hour)) }
			return r
		}},
		{"has both on call at the handoff", "half_open", func() oncalltest.Rota {
			r := good
			r.At = func(t time.Time) []oncalltest.Duty {
				on := append(good.At(t), good.At(t.Add(-time.Second))...)
				slices.SortFunc(on, func(a, b oncalltest.Duty) int { return strings.Compare(a.String(), b.String()) })
				return slices.Compact(on)
			}
			return r
		}},
		{"begins a second late", "half_open", func() oncalltest.Rota {
			r := good
			r.At = func(t time.Time) []oncalltest.Duty { return good.At(t.Add(-time.Second)) }
			return r
		}},
		{"loses the shift that runs when the window begins", "tiling", func() oncalltest.Rota {
			r := good
			r.Flatten = func(from, to time.Time) (list []oncalltest.Span) {
				for _, s := range good.Flatten(from.Add(-time.Second), to) {
					if !s.Start.Before(from) {
						list = append(list, s)
					}
				}
				return list
			}
			return r
		}},
		{"does not cut shifts at the window", "tiling", func() oncalltest.Rota {
			r := good
			r.Flatten = func(from, to time.Time) []oncalltest.Span {
				list := good.Flatten(from, to)
				for i := range list {
					list[i].End = list[i].End.Add(time.Minute)
				}
				return list
			}
			return r
		}},
		{"forgets Sunday", "no_undeclared_gap", func() oncalltest.Rota {
			r := good
			r.At = func(t time.Time) []oncalltest.Duty {
				if t.Weekday() == time.Sunday {
					return nil
				}
				return good.At(t)
			}
			return r
		}},
		{"counts shifts in hours instead of on the clock", "civil_handoffs", func() oncalltest.Rota {
			s := c.Schedule()
			s.Layers[0].Turn = schedule.Elapsed(12 * time.Hour)
			return oncalltest.Of(s.MustCompile(p.From, p.To))
		}},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			caught := false
			for _, law := range oncalltest.Laws(mutant.rota(), p) {
				if law.Name == mutant.law {
					caught = counterexample(law, 2000) != ""
				}
			}
			if !caught {
				t.Errorf("%s found no counterexample", mutant.law)
			}
		})
	}
}

// counterexample returns what the law says of the counterexample that it finds, or
// "".
func counterexample(law oncalltest.Law, checks int) string {
	return lawtest.Counterexample(checks, func(tb *lawtest.Recorder) { rapid.Check(tb, law.Hold) })
}
