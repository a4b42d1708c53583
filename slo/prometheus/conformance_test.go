package prometheus_test

import (
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

// load turns a World into counters that are scraped at the end of each
// measured minute, and once before the first.
func load(w slotest.World) *fake {
	start := w.End.Add(-time.Duration(len(w.Minutes)) * time.Minute)
	total, bad := []sample{{start, 0}}, []sample{{start, 0}}
	all, errors := 0.0, 0.0
	for i, m := range w.Minutes {
		all += m.Good + m.Bad
		errors += m.Bad
		if m.Measured {
			t := start.Add(time.Duration(i+1) * time.Minute)
			total, bad = append(total, sample{t, all}), append(bad, sample{t, errors})
		}
	}
	return &fake{series: map[string][]sample{"requests_total": total, "errors_total": bad}}
}

func TestSourceConforms(t *testing.T) {
	slotest.TestSource(t, func(t *testing.T, w slotest.World) slotest.Subject {
		return slotest.Subject{
			Source:    load(w).source(t),
			SLI:       slo.Availability(metric("requests_total"), metric("errors_total")),
			Absent:    slo.Availability(metric("nothing_total"), metric("errors_total")),
			Tolerance: 0.02,
		}
	})
}
