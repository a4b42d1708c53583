package budget_test

import (
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

const day = 24 * time.Hour

var now = time.Date(2026, 3, 6, 14, 0, 0, 0, time.UTC)

// availability is an SLO of 99.9 % over 30 days.
func availability(id string, change ...func(*slo.SLO)) *slo.Compiled {
	spec := slo.SLO{ID: id, Service: "checkout",
		SLI:       slo.Availability(slo.Metric{Query: `http_requests_total`}, slo.Metric{Query: `http_requests_total{code=~"5.."}`}),
		Objective: slo.MustParseObjective("99.9%"), Window: slo.Rolling(30 * day)}
	for _, f := range change {
		f(&spec)
	}
	return spec.MustCompile()
}

// steady is a status in which a share of all events is bad, at perHour events
// an hour, in the period and in every window of the policy.
func steady(s *slo.Compiled, policy *budget.Compiled, perHour, share float64) budget.Status {
	counts := func(span time.Duration) slo.Counts {
		n := perHour * span.Hours()
		return slo.Counts{Good: n * (1 - share), Bad: n * share, Covered: span, Span: span}
	}
	start, _ := s.Period(now)
	var windows []slo.Counts
	for _, span := range policy.Spans(s) {
		windows = append(windows, counts(span))
	}
	return budget.NewStatus(s, now, counts(now.Sub(start)), windows...)
}

func BenchmarkDecide(b *testing.B) {
	policy := budget.Workbook().MustCompile()
	statuses := []budget.Status{steady(availability("checkout"), policy, 10_000, 0.0002)}
	change := budget.Change{Purpose: budget.Feature}
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := policy.Decide(statuses, change, sre.Unknown, now); d.Outcome != sre.Allow {
				b.Fatal(d)
			}
		}
	})
	b.Run("naive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := naiveDecide(policy.Policy(), statuses[0]); d != sre.Allow {
				b.Fatal(d)
			}
		}
	})
}

func BenchmarkEvaluateAlerts(b *testing.B) {
	policy := budget.Workbook().MustCompile()
	status := steady(availability("checkout"), policy, 10_000, 0.0002)
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]budget.AlertStatus, 0, 4)
		for b.Loop() {
			if dst = policy.EvaluateAlerts(dst[:0], status); dst[0].State != budget.Inactive {
				b.Fatal(dst)
			}
		}
	})
	b.Run("naive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if firing := naiveAlerts(policy.Policy(), status); len(firing) != 0 {
				b.Fatal(firing)
			}
		}
	})
}
