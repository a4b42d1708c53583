package slotest_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

var (
	total  = slo.Metric{Query: "requests_total"}
	errors = slo.Metric{Query: "errors_total"}
	absent = slo.Metric{Query: "absent_total"}
)

// world is the Source of a World that knows two metrics.
func world(w slotest.World) slo.Source {
	return slo.SourceFunc(func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
		for _, m := range s.Spec().SLI.Metrics() {
			if m == absent {
				return nil, slo.ErrNoData
			}
		}
		return w.Source().Counts(ctx, s, at, spans)
	})
}

func TestWorldIsASource(t *testing.T) {
	slotest.TestSource(t, func(t *testing.T, w slotest.World) slotest.Subject {
		return slotest.Subject{Source: world(w), SLI: slo.Availability(total, errors), Absent: slo.Availability(absent, absent)}
	})
}

func TestGeneratedSLOsCompile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if _, err := slotest.SLOs("a-").Draw(t, "slo").Compile(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestGeneratedCountsValidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := slotest.Counts(30*24*time.Hour, 0.2).Draw(t, "counts").Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
