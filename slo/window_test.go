package slo_test

import (
	"math/big"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

func base() slo.SLO {
	return slo.SLO{ID: "a", Service: "s", SLI: slo.Availability(slo.Metric{Query: "total"}, slo.Metric{Query: "bad"}),
		Objective: slo.MustParseObjective("99%"), Window: slo.Rolling(30 * day)}
}

func TestCalendarPeriods(t *testing.T) {
	for _, row := range []struct {
		name       string
		window     slo.Window
		at         string
		start, end string
	}{
		{"month", slo.Calendar(slo.Month, "UTC"), "2026-02-14T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"its first instant belongs to it", slo.Calendar(slo.Month, "UTC"), "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"month with a change of the clock is 743 hours", slo.Calendar(slo.Month, "Europe/Berlin"), "2026-03-31T21:59:59Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		{"week starts on Monday", slo.Calendar(slo.Week, "UTC"), "2026-03-08T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		{"week that starts on Sunday", slo.Window{Unit: slo.Week, Zone: "UTC", Anchor: "2026-01-04"}, "2026-03-08T00:00:00Z", "2026-03-08T00:00:00Z", "2026-03-15T00:00:00Z"},
		{"quarter", slo.Calendar(slo.Quarter, "UTC"), "2026-05-20T00:00:00Z", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"},
		{"fiscal year", slo.Window{Unit: slo.Year, Zone: "Europe/London", Anchor: "2025-04-06"}, "2026-04-05T22:59:59Z", "2025-04-05T23:00:00Z", "2026-04-05T23:00:00Z"},
		{"month from the 31st takes the last day", slo.Window{Unit: slo.Month, Zone: "UTC", Anchor: "2026-01-31"}, "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"week as OpenSLO's example anchors it", slo.Window{Unit: slo.Week, Zone: "America/New_York", Anchor: "2022-01-01 12:00:00"}, "2026-03-06T14:00:00Z", "2026-02-28T17:00:00Z", "2026-03-07T17:00:00Z"},
		{"day that starts an hour late", slo.Calendar(slo.Day, "America/Santiago"), "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"day of 25 hours", slo.Calendar(slo.Day, "America/New_York"), "2026-11-01T06:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := base()
			spec.Window = row.window
			start, end := spec.MustCompile().Period(instant(row.at))
			if !start.Equal(instant(row.start)) || !end.Equal(instant(row.end)) {
				t.Errorf("the period at %s is [%s, %s), want [%s, %s)", row.at, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339), row.start, row.end)
			}
		})
	}
}

func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

func TestPeriodsTileTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := slotest.SLOs("").Draw(t, "slo")
		s := spec.MustCompile()
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		start, end := s.Period(at)
		if spec.Window.Unit == slo.NoUnit {
			if !end.Equal(at) || end.Sub(start) != spec.Window.Length {
				t.Fatalf("the rolling period at %s is [%s, %s)", at, start, end)
			}
			return
		}
		if start.After(at) || !end.After(at) {
			t.Fatalf("the period at %s is [%s, %s), which does not hold it", at, start, end)
		}
		if next, _ := s.Period(end); !next.Equal(end) {
			t.Fatalf("the period ends at %s and the next starts at %s", end, next)
		}
		if aligned := s.Align(at); aligned.After(at) || at.Sub(aligned) >= max(spec.Budgeting.Slice, 1) || aligned.Before(start) {
			t.Fatalf("%s aligns to %s in slices of %s from %s", at, aligned, spec.Budgeting.Slice, start)
		}
	})
}

// Slices are the same whenever one looks, also in years that a Duration from
// 1970 does not reach.
func TestSlicesAreCountedFromOneInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slice := rapid.SampledFrom([]time.Duration{time.Second, 1500 * time.Millisecond, time.Minute, 7 * time.Minute, time.Hour, day}).Draw(t, "slice")
		spec := base()
		spec.Window, spec.Budgeting = slo.Rolling(slice*60), slo.ByRatioTimeslices(slice)
		s := spec.MustCompile()
		const years = 3000 * 365 * 86400
		at := time.Unix(rapid.Int64Range(-years, years).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		aligned := s.Align(at)
		if since := at.Sub(aligned); since < 0 || since >= slice || !s.Align(aligned).Equal(aligned) || !s.Align(aligned.Add(slice-1)).Equal(aligned) {
			t.Fatalf("%s aligns to %s in slices of %s", at, aligned, slice)
		}
		ns := new(big.Int).Mul(big.NewInt(aligned.Unix()), big.NewInt(1e9))
		if ns.Add(ns, big.NewInt(int64(aligned.Nanosecond()))); new(big.Int).Mod(ns, big.NewInt(int64(slice))).Sign() != 0 {
			t.Fatalf("%s is no whole number of slices of %s from 1970", aligned, slice)
		}
	})
}

func TestInvalidSLOsNameEveryProblem(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*slo.SLO)
		want   []string // path and code of each problem
	}{
		{"nothing at all", func(s *slo.SLO) { *s = slo.SLO{} }, []string{"id invalid_id", "service invalid_id", "sli missing", "objective missing", "window.length out_of_range"}},
		{"a query that is missing", func(s *slo.SLO) { s.SLI = slo.GoodTotal(slo.Metric{}, slo.Metric{Query: " "}) }, []string{"sli.total.query missing", "sli.bad.query missing"}},
		{"a total that may be absent", func(s *slo.SLO) {
			s.SLI = slo.BadTotal(slo.Metric{Query: "bad"}, slo.Metric{Query: "total", AbsentIsZero: true})
		}, []string{"sli.total.absent_is_zero not_allowed"}},
		{"a latency of nothing", func(s *slo.SLO) { s.SLI = slo.Latency(slo.Metric{Query: "h"}, 0) }, []string{"sli.under out_of_range"}},
		{"an SLI that could change later", func(s *slo.SLO) { s.SLI = &slo.ProbeSuccess{Gauge: slo.Metric{Query: "up"}} }, []string{"sli unknown_sli"}},
		{"an SLI of somebody else's", func(s *slo.SLO) { s.SLI = struct{ slo.SLI }{s.SLI} }, []string{"sli unknown_sli"}},
		{"an operator that is none", func(s *slo.SLO) { s.SLI = slo.Threshold(slo.Metric{Query: "g"}, "==", 1) }, []string{"sli.op unknown_op"}},
		{"no rate", func(s *slo.SLO) { s.SLI = slo.Throughput(slo.Metric{Query: "g"}, 0) }, []string{"sli.per_second out_of_range"}},
		{"a zone that is the machine's", func(s *slo.SLO) { s.Window = slo.Calendar(slo.Month, "Local") }, []string{"window.zone"}},
		{"no zone", func(s *slo.SLO) { s.Window = slo.Calendar(slo.Month, "") }, []string{"window.zone"}},
		{"a zone that does not exist", func(s *slo.SLO) { s.Window = slo.Calendar(slo.Month, "Europe/Atlantis") }, []string{"window.zone"}},
		{"a day that does not exist", func(s *slo.SLO) { s.Window = slo.Window{Unit: slo.Month, Zone: "UTC", Anchor: "2026-02-30"} }, []string{"window.anchor"}},
		{"a length and a unit", func(s *slo.SLO) { s.Window = slo.Window{Unit: slo.Month, Zone: "UTC", Length: day} }, []string{"window.length conflict"}},
		{"a zone for a rolling window", func(s *slo.SLO) { s.Window = slo.Window{Length: day, Zone: "UTC"} }, []string{"window.unit missing"}},
		{"too many months", func(s *slo.SLO) { s.Window = slo.Window{Unit: slo.Month, Zone: "UTC", Every: 14} }, []string{"window.every out_of_range"}},
		{"slices that do not divide the window", func(s *slo.SLO) { s.Budgeting = slo.ByTimeslices(7*time.Hour, slo.MustParseRatio("1")) }, []string{"budgeting.slice not_a_divisor"}},
		{"slices that the clock change would cut", func(s *slo.SLO) {
			s.Window = slo.Calendar(slo.Month, "UTC")
			s.Budgeting = slo.ByRatioTimeslices(2 * time.Hour)
		}, []string{"budgeting.slice not_a_divisor"}},
		{"a slice target above 1", func(s *slo.SLO) { s.Budgeting = slo.ByTimeslices(time.Minute, slo.MustParseRatio("1.1")) }, []string{"budgeting.target out_of_range"}},
		{"too many slices", func(s *slo.SLO) { s.Budgeting = slo.ByRatioTimeslices(time.Second) }, []string{"budgeting.slice out_of_range"}},
		{"slices without a method", func(s *slo.SLO) { s.Budgeting.Slice = time.Minute }, []string{"budgeting.slice not_allowed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := base()
			row.change(&spec)
			_, err := spec.Compile()
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
				if p.Want == "" {
					t.Errorf("%s says not what would be right", p.Path)
				}
			}
			if len(got) != len(row.want) {
				t.Fatalf("problems %q, want %q", got, row.want)
			}
			for i := range got {
				if len(got[i]) < len(row.want[i]) || got[i][:len(row.want[i])] != row.want[i] {
					t.Errorf("problem %d is %q, want %q", i, got[i], row.want[i])
				}
			}
		})
	}
}
