package prometheus

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A meter asks for one SLI and understands the answer.
type meter interface {
	// text is the query that errors name.
	text() string

	// selectors is what it reads, as given; none for an expression without
	// ranges.
	selectors() []selector

	// over is an instant vector: what happened in the window that ends at the
	// evaluation time. Its elements are told apart by columnOf.
	over(window time.Duration) string
	columnOf(model.Metric) column

	// counts judges one result of over. Without an element in total it is not
	// called, because nothing was measured.
	counts(r reading, window time.Duration) (good, bad float64, measured bool, err error)

	// absent is why there may be nothing at all when steps of that length were
	// asked for, and what to do.
	absent(step time.Duration) string
}

// An eventMeter counts events, so that a window of any length is one query.
type eventMeter interface {
	meter

	// samples is an instant vector: how many raw samples lie in the window,
	// told apart by columnOf.
	samples(window time.Duration) string

	// sighted judges one result of samples: is this time covered?
	sighted(r reading) (bool, error)
}

// newMeter returns nil for an SLI that it does not know.
func newMeter(sli slo.SLI, p *sre.Problems) meter {
	switch sli := sli.(type) {
	case slo.EventRatio:
		return newRatio(sli, p)
	case slo.LatencyHistogram:
		selector := newSelector("sli.histogram.query", sli.Histogram.Query, p)
		if sli.Native {
			return nativeMeter{query: sli.Histogram.Query, selector: selector, under: toSeconds(sli.Under)}
		}
		return newBucket(sli, selector, p)
	case slo.RateFloor:
		return newFloor(sli, p)
	case slo.GaugeRatio:
		return newGauge("sli.gauge.query", sli.Gauge.Query, ratioGauge(sli.IsBad), p)
	case slo.GaugeThreshold:
		return newGauge("sli.gauge.query", sli.Gauge.Query, thresholdGauge(sli.Op, sli.Limit), p)
	case slo.ProbeSuccess:
		return newGauge("sli.gauge.query", sli.Gauge.Query, probeGauge, p)
	}
	return nil
}

// partLabel marks the elements of the second query where one request asks two.
// Both are then read from one snapshot of the database: asked one after the
// other, a scrape in between could make the part exceed its total.
const (
	partLabel  = "sre_part"
	partLabels = `, "` + partLabel + `", "part", "", "")`
)

func bothOf(totalExpr, partExpr string) string {
	return `label_replace(` + totalExpr + `, "` + partLabel + `", "total", "", "") or label_replace(` + partExpr + partLabels
}

func partColumn(m model.Metric) column {
	if m[partLabel] == "part" {
		return part
	}
	return total
}

// checkCount refuses a value that cannot be a number of events.
func checkCount(query string, value float64) error {
	if !(value >= 0 && value <= slo.MaxCount) { // false for NaN
		return badValue(query, value, "a number of events from 0 to 1e18")
	}
	return nil
}

func badValue(query string, value float64, want string) error {
	return &ValueError{Query: query, Value: model.SampleValue(value).String(), Want: want}
}

// Rounding is the relative error that sums of floats may carry. A part that
// exceeds its total by more than that is a contradiction and no rounding.
const Rounding = 1e-9

// rest returns total-part, at least 0.
func rest(totalQuery, partQuery string, total, part float64, window time.Duration) (float64, error) {
	if part > total*(1+Rounding) {
		return 0, &ContradictionError{PartQuery: partQuery, TotalQuery: totalQuery, Part: part, Total: total, Window: window}
	}
	return math.Max(0, total-part), nil
}
