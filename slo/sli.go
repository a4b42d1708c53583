package slo

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Metric names measurements in the query language of the [Source] that
// will read it. See the Source for the forms that it accepts; slo/prometheus
// takes a selector such as http_requests_total{job="shop"}.
type Metric struct {
	Query string `json:"query"`

	// Source names the data source when an SLO is read from a file that knows
	// several; empty for the only one.
	Source string `json:"source,omitempty"`

	// AbsentIsZero states that no series means no events, as it does for a
	// counter of errors that appears with the first error. Without it an
	// absent series is an error, because a typing mistake looks the same. It
	// is only believed where the total of the same SLI was measured.
	AbsentIsZero bool `json:"absent_is_zero,omitempty"`
}

// MaxQuery is the longest query of a Metric, in bytes.
const MaxQuery = 16 << 10

func (m Metric) check(path string, p *sre.Problems) {
	switch {
	case strings.TrimSpace(m.Query) == "":
		p.Add(path+".query", "missing", nil, "a query in the language of the source")
	case len(m.Query) > MaxQuery:
		p.Add(path+".query", "too_long", len(m.Query), fmt.Sprintf("at most %d bytes", MaxQuery))
	}
}

// An SLI says how good events are told from bad ones. It is one of
// [EventRatio], [LatencyHistogram], [RateFloor], [GaugeRatio],
// [GaugeThreshold] and [ProbeSuccess]; the set is closed, so that a Source can
// switch over it. Make one with [Availability], [Latency], [NativeLatency],
// [Throughput], [GoodTotal], [BadTotal], [RawRatio], [Threshold] or [Probe].
type SLI interface {
	// Kind names what the SLI measures.
	Kind() Kind
	// Metrics returns every Metric that it reads.
	Metrics() []Metric

	check(path string, p *sre.Problems)
}

// A Kind names what an SLI measures.
type Kind string

const (
	KindAvailability Kind = "availability"    // share of requests that were served
	KindLatency      Kind = "latency"         // share of requests that were fast enough
	KindThroughput   Kind = "throughput"      // share of time with a sufficient rate
	KindGoodTotal    Kind = "good_total"      // share of good events
	KindBadTotal     Kind = "bad_total"       // share of events that are not bad
	KindRawRatio     Kind = "raw_ratio"       // mean of a gauge that is a ratio already
	KindThreshold    Kind = "gauge_threshold" // share of time in which a gauge is in bounds
	KindProbe        Kind = "probe"           // share of probes that succeeded
)

// EventRatio counts events: Total of them, of which either Good or Bad is
// given by a counter of its own. Exactly one of Good and Bad has a query.
type EventRatio struct {
	Of               Kind // KindAvailability, KindGoodTotal or KindBadTotal
	Good, Bad, Total Metric
}

// Availability is the share of requests that were served: total counts all
// valid requests, bad those that failed.
func Availability(total, bad Metric) SLI {
	return EventRatio{Of: KindAvailability, Total: total, Bad: bad}
}

// GoodTotal is the share of good events.
func GoodTotal(good, total Metric) SLI {
	return EventRatio{Of: KindGoodTotal, Good: good, Total: total}
}

// BadTotal is the share of events that are not bad.
func BadTotal(bad, total Metric) SLI {
	return EventRatio{Of: KindBadTotal, Bad: bad, Total: total}
}

// Kind returns Of.
func (e EventRatio) Kind() Kind { return e.Of }

// Metrics returns Total and then Good or Bad.
func (e EventRatio) Metrics() []Metric {
	if e.Good.Query != "" {
		return []Metric{e.Total, e.Good}
	}
	return []Metric{e.Total, e.Bad}
}

func (e EventRatio) check(path string, p *sre.Problems) {
	switch e.Of {
	case KindAvailability, KindGoodTotal, KindBadTotal:
	default:
		p.Add(path+".of", "unknown_kind", e.Of, "availability, good_total or bad_total")
	}
	e.Total.check(path+".total", p)
	if e.Total.AbsentIsZero {
		p.Add(path+".total.absent_is_zero", "not_allowed", true, "false: without a total nothing was measured")
	}
	switch {
	case e.Good.Query != "" && e.Bad.Query != "":
		p.Add(path+".good", "conflict", e.Good.Query, "either good or bad, not both")
	case e.Good.Query != "":
		e.Good.check(path+".good", p)
		if e.Good.AbsentIsZero {
			p.Add(path+".good.absent_is_zero", "not_allowed", true, "false: only bad events may be absent")
		}
	default:
		e.Bad.check(path+".bad", p)
	}
}

// LatencyHistogram counts the requests of a histogram and, among them, the
// ones that took at most Under.
type LatencyHistogram struct {
	Histogram Metric // classic: the series ..._bucket; native: the histogram itself
	Under     time.Duration
	Native    bool // a native histogram; Under is interpolated within one bucket of it
}

// Latency is the share of requests in a classic histogram that took at most
// under. A bucket with exactly that bound must exist.
func Latency(buckets Metric, under time.Duration) SLI {
	return LatencyHistogram{Histogram: buckets, Under: under}
}

// NativeLatency is the share of requests in a native histogram that took at
// most under, interpolated within the bucket that holds the bound: choose a
// bound that is a power of two of a second for an exact answer.
func NativeLatency(histogram Metric, under time.Duration) SLI {
	return LatencyHistogram{Histogram: histogram, Under: under, Native: true}
}

// Kind returns KindLatency.
func (LatencyHistogram) Kind() Kind { return KindLatency }

// Metrics returns the histogram.
func (l LatencyHistogram) Metrics() []Metric { return []Metric{l.Histogram} }

func (l LatencyHistogram) check(path string, p *sre.Problems) {
	l.Histogram.check(path+".histogram", p)
	noAbsent(l.Histogram, path+".histogram", p)
	if l.Under <= 0 {
		p.Add(path+".under", "out_of_range", l.Under, "a positive duration")
	}
}

func noAbsent(m Metric, path string, p *sre.Problems) {
	if m.AbsentIsZero {
		p.Add(path+".absent_is_zero", "not_allowed", true, "false: only a counter of bad events may be absent")
	}
}

// RateFloor is good while a counter grows by at least PerSecond.
type RateFloor struct {
	Counter   Metric
	PerSecond float64
}

// Throughput is the share of time in which counter grows by at least
// perSecond events per second.
func Throughput(counter Metric, perSecond float64) SLI {
	return RateFloor{Counter: counter, PerSecond: perSecond}
}

// Kind returns KindThroughput.
func (RateFloor) Kind() Kind { return KindThroughput }

// Metrics returns the counter.
func (r RateFloor) Metrics() []Metric { return []Metric{r.Counter} }

func (r RateFloor) check(path string, p *sre.Problems) {
	r.Counter.check(path+".counter", p)
	noAbsent(r.Counter, path+".counter", p)
	if !(r.PerSecond > 0) || math.IsInf(r.PerSecond, 0) {
		p.Add(path+".per_second", "out_of_range", r.PerSecond, "a positive, finite rate")
	}
}

// GaugeRatio averages a gauge that is a ratio already. Every measurement
// weighs the same, however many events stood behind it, so a quiet minute
// counts as much as a busy one; prefer counters where there are some.
type GaugeRatio struct {
	Gauge Metric
	IsBad bool // the gauge is the share of bad events, not of good ones
}

// RawRatio is the mean of a gauge that holds the share of good events, 0..1,
// or with isBad that of bad events.
func RawRatio(gauge Metric, isBad bool) SLI { return GaugeRatio{Gauge: gauge, IsBad: isBad} }

// Kind returns KindRawRatio.
func (GaugeRatio) Kind() Kind { return KindRawRatio }

// Metrics returns the gauge.
func (g GaugeRatio) Metrics() []Metric { return []Metric{g.Gauge} }

func (g GaugeRatio) check(path string, p *sre.Problems) {
	g.Gauge.check(path+".gauge", p)
	noAbsent(g.Gauge, path+".gauge", p)
}

// An Op compares a gauge with its limit.
type Op string

const (
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Holds reports whether value Op limit. NaN holds for none.
func (o Op) Holds(value, limit float64) bool {
	switch o {
	case Less:
		return value < limit
	case LessEqual:
		return value <= limit
	case Greater:
		return value > limit
	case GreaterEqual:
		return value >= limit
	}
	return false
}

// GaugeThreshold is good while Gauge Op Limit holds.
type GaugeThreshold struct {
	Gauge Metric
	Op    Op
	Limit float64
}

// Threshold is the share of time in which gauge op limit holds.
func Threshold(gauge Metric, op Op, limit float64) SLI {
	return GaugeThreshold{Gauge: gauge, Op: op, Limit: limit}
}

// Kind returns KindThreshold.
func (GaugeThreshold) Kind() Kind { return KindThreshold }

// Metrics returns the gauge.
func (g GaugeThreshold) Metrics() []Metric { return []Metric{g.Gauge} }

func (g GaugeThreshold) check(path string, p *sre.Problems) {
	g.Gauge.check(path+".gauge", p)
	noAbsent(g.Gauge, path+".gauge", p)
	switch g.Op {
	case Less, LessEqual, Greater, GreaterEqual:
	default:
		p.Add(path+".op", "unknown_op", g.Op, "<, <=, > or >=")
	}
	if math.IsNaN(g.Limit) || math.IsInf(g.Limit, 0) {
		p.Add(path+".limit", "out_of_range", g.Limit, "a finite number")
	}
}

// ProbeSuccess is good while a prober reports success: 1 is a success and 0 a
// failure, as in probe_success of the Blackbox exporter.
type ProbeSuccess struct {
	Gauge Metric
}

// Probe is the share of probes that succeeded.
func Probe(gauge Metric) SLI { return ProbeSuccess{Gauge: gauge} }

// Kind returns KindProbe.
func (ProbeSuccess) Kind() Kind { return KindProbe }

// Metrics returns the gauge.
func (b ProbeSuccess) Metrics() []Metric { return []Metric{b.Gauge} }

func (b ProbeSuccess) check(path string, p *sre.Problems) {
	b.Gauge.check(path+".gauge", p)
	noAbsent(b.Gauge, path+".gauge", p)
}
