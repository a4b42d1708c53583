package prometheus

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A gaugeMeter judges one value for each step; each is one event.
type gaugeMeter struct {
	query  string
	reads  []selector
	expr   func(step time.Duration) string
	judge  judge
	hint   func(step time.Duration) string
	remedy string // against several series
	raw    bool   // each step with a sample has a value, so a rhythm of holes is that of the samples
}

// A judge says what one value is worth, or in want what it should have been.
type judge func(value float64, step time.Duration) (good, bad float64, want string)

func (m gaugeMeter) text() string                     { return m.query }
func (m gaugeMeter) selectors() []selector            { return m.reads }
func (m gaugeMeter) over(step time.Duration) string   { return m.expr(step) }
func (m gaugeMeter) columnOf(model.Metric) column     { return total }
func (m gaugeMeter) absent(step time.Duration) string { return m.hint(step) }

// counts leaves out a NaN: it is what a ratio of nothing yields, so the gauge
// measured nothing in that step.
func (m gaugeMeter) counts(r reading, step time.Duration) (good, bad float64, measured bool, err error) {
	value := r.value[total]
	switch {
	case r.count[total] > 1:
		return 0, 0, false, &SeriesError{Query: m.query, Count: r.count[total], Remedy: m.remedy}
	case math.IsNaN(value):
		return 0, 0, false, nil
	case math.IsInf(value, 0):
		return 0, 0, false, badValue(m.query, value, "a finite number")
	}
	good, bad, want := m.judge(value, step)
	if want != "" {
		return 0, 0, false, badValue(m.query, value, want)
	}
	return good, bad, true, nil
}

// newGauge compiles the query of a gauge: a selector, of which the last sample
// in each step counts, or an expression that is evaluated at the end of each,
// with the step in place of a window placeholder.
func newGauge(path, query string, judge judge, p *sre.Problems) meter {
	m := gaugeMeter{
		query:  query,
		judge:  judge,
		hint:   func(time.Duration) string { return "check the query" },
		remedy: "combine them with avg, min or max, or select one",
	}
	tokens := scanQuery(path, query, p)
	if s, n := selectorAt(tokens); n > 0 && n == len(tokens) {
		m.raw, m.reads = true, []selector{s}
		m.expr = func(step time.Duration) string {
			return "last_over_time(" + s.String() + "[" + duration(justUnder(step)) + "])"
		}
		return m
	}
	for i, t := range tokens {
		if functions[t.text] == "constant" && is(tokens, i+1, tokenMark, "(") {
			refuseDefault(path, query, p)
			break
		}
	}
	m.expr = func(step time.Duration) string { return render(tokens, duration(step)) }
	return m
}

// ratioGauge adds up the ratio itself, so that the sum is its mean times the
// number of steps.
func ratioGauge(isBad bool) judge {
	return func(value float64, _ time.Duration) (good, bad float64, want string) {
		if value < -Rounding || value > 1+Rounding {
			return 0, 0, "a ratio from 0 to 1"
		}
		value = min(max(value, 0), 1)
		if isBad {
			return 1 - value, value, ""
		}
		return value, 1 - value, ""
	}
}

func thresholdGauge(op slo.Op, limit float64) judge {
	return func(value float64, _ time.Duration) (good, bad float64, want string) {
		return oneEvent(op.Holds(value, limit))
	}
}

func probeGauge(value float64, _ time.Duration) (good, bad float64, want string) {
	if value != 0 && value != 1 {
		return 0, 0, "1 for a success or 0 for a failure"
	}
	return oneEvent(value == 1)
}

func oneEvent(isGood bool) (good, bad float64, want string) {
	if isGood {
		return 1, 0, ""
	}
	return 0, 1, ""
}

// newFloor judges the rate of a counter over each step.
func newFloor(r slo.RateFloor, p *sre.Problems) meter {
	c := newMeasured("sli.counter.query", r.Counter.Query, p)
	return gaugeMeter{
		query:  c.text,
		reads:  c.ranges,
		expr:   c.over,
		hint:   counterAbsent,
		remedy: "aggregate it with sum",
		judge: func(value float64, step time.Duration) (good, bad float64, want string) {
			if value < 0 {
				return 0, 0, "a growth that is not negative"
			}
			return oneEvent(c.events(value, step)/step.Seconds() >= r.PerSecond)
		},
	}
}

// justUnder is the range that holds the samples after t-step up to t. Up to
// Prometheus 2 a range includes the sample at its very start, which belongs to
// the step before; since Prometheus 3 it does not, and the millisecond is lost.
func justUnder(step time.Duration) time.Duration { return step - time.Millisecond }
