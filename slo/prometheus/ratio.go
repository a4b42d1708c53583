package prometheus

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A ratioMeter counts events with two counters.
type ratioMeter struct {
	total, part counter
	partIsGood  bool
	absentZero  bool // no part means no bad events
}

func newRatio(e slo.EventRatio, p *sre.Problems) meter {
	m := ratioMeter{total: newMeasured("sli.total.query", e.Total.Query, p)}
	if e.Good.Query != "" {
		m.part, m.partIsGood = newMeasured("sli.good.query", e.Good.Query, p), true
	} else {
		m.part, m.absentZero = newCounter("sli.bad.query", e.Bad.Query, p), e.Bad.AbsentIsZero
	}
	return m
}

func (m ratioMeter) text() string { return m.total.text }

func (m ratioMeter) selectors() []selector { return m.total.ranges }

func (m ratioMeter) over(window time.Duration) string {
	return bothOf(m.total.over(window), m.part.over(window))
}

func (m ratioMeter) columnOf(metric model.Metric) column { return partColumn(metric) }

func (m ratioMeter) counts(r reading, window time.Duration) (good, bad float64, measured bool, err error) {
	for c, query := range [...]string{total: m.total.text, part: m.part.text} {
		if r.count[c] > 1 {
			return 0, 0, false, &SeriesError{Query: query, Count: r.count[c], Remedy: "aggregate it with sum"}
		}
		if err := checkCount(query, r.value[c]); err != nil {
			return 0, 0, false, err
		}
	}
	if !r.has(part) && !m.absentZero {
		return 0, 0, false, m.absentPart(window)
	}
	all := m.total.events(r.value[total], window)
	some := m.part.events(r.value[part], window)
	others, err := rest(m.total.text, m.part.text, all, some, window)
	if m.partIsGood {
		return min(some, all), others, true, err
	}
	return others, min(some, all), true, err
}

func (m ratioMeter) absentPart(window time.Duration) error {
	remedy := "the total has data over " + duration(window) + ", so check the selector and initialize the counter with 0"
	if !m.partIsGood {
		remedy += "; if it only appears with the first bad event, set AbsentIsZero"
	}
	return &NoDataError{Query: m.part.text, Remedy: remedy}
}

func (m ratioMeter) absent(step time.Duration) string { return counterAbsent(step) }

func counterAbsent(step time.Duration) string {
	return "check the selector, and that each " + duration(step) + " holds at least two scrapes"
}

func (m ratioMeter) samples(window time.Duration) string { return m.total.samples(window) }

func (m ratioMeter) sighted(r reading) (bool, error) { return r.has(total), nil }
