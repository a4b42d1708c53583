package prometheus

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A bucketMeter counts the requests of a classic histogram: total is the bucket
// le="+Inf", part the bucket whose bound is the SLI's.
type bucketMeter struct {
	query    string
	all      selector // every bucket, as given
	selector selector // the two buckets
	bound    float64  // seconds
}

func newBucket(l slo.LatencyHistogram, s selector, p *sre.Problems) meter {
	if s.matches(model.BucketLabel) {
		p.Add("sli.histogram.query", "not_allowed", l.Histogram.Query, "a selector without le, because the source selects the buckets")
	}
	bound := toSeconds(l.Under)
	return bucketMeter{
		query:    l.Histogram.Query,
		all:      s,
		selector: s.with(`le=~"` + boundPattern(bound) + `|[+]?[Ii]nf"`),
		bound:    bound,
	}
}

// toSeconds makes one division of whole numbers, so that the bound is the float
// that the same decimal text parses to; Duration.Seconds rounds twice.
func toSeconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }

// boundPattern matches every way in which client libraries write a bound:
// 0.5 and 0.50; 1 and 1.0 (Prometheus 3 and Python); 5e-05, 0.00005 and 5.0E-5
// (Java). It needs no escape in a PromQL string.
func boundPattern(bound float64) string {
	trailing := func(digits string) string {
		if whole, fraction, ok := strings.Cut(digits, "."); ok {
			return whole + "[.]" + fraction + "0*"
		}
		return digits + "([.]0*)?"
	}
	fixed := strconv.FormatFloat(bound, 'f', -1, 64)
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(bound, 'e', -1, 64), "e")
	sign := "[+]?"
	if exponent[0] == '-' {
		sign = "-"
	}
	exponent = strings.TrimLeft(exponent, "+-0")
	return trailing(fixed) + "|" + trailing(mantissa) + "[eE]" + sign + "0*" + exponent
}

func (m bucketMeter) text() string { return m.query }

func (m bucketMeter) selectors() []selector { return []selector{m.all} }

func (m bucketMeter) over(window time.Duration) string {
	return "sum by (le) (increase(" + m.selector.String() + "[" + duration(window) + "]))"
}

func (m bucketMeter) columnOf(metric model.Metric) column {
	if le, err := strconv.ParseFloat(string(metric[model.BucketLabel]), 64); err == nil && math.IsInf(le, 1) {
		return total
	}
	return part // nothing else is selected
}

func (m bucketMeter) counts(r reading, window time.Duration) (good, bad float64, measured bool, err error) {
	for _, value := range r.value { // several elements of one bound, le="1" and le="1.0", add up
		if err := checkCount(m.query, value); err != nil {
			return 0, 0, false, err
		}
	}
	if !r.has(part) {
		return 0, 0, false, &BucketError{Query: m.query, Want: m.bound}
	}
	bad, err = rest(m.selector.String(), m.query, r.value[total], r.value[part], window)
	return min(r.value[part], r.value[total]), bad, true, err
}

func (m bucketMeter) absent(step time.Duration) string {
	return counterAbsent(step) + ` and has a bucket le="+Inf"`
}

func (m bucketMeter) samples(window time.Duration) string {
	return "sum by (le) (count_over_time(" + m.selector.String() + "[" + duration(window) + "]))"
}

// sighted refuses time in which the histogram was scraped without the bucket:
// set against a total of the whole window, its requests would all seem slow.
func (m bucketMeter) sighted(r reading) (bool, error) {
	if r.has(total) && !r.has(part) {
		return false, &BucketError{Query: m.query, Want: m.bound}
	}
	return r.has(total), nil
}

// A nativeMeter counts the requests of a native histogram: total is its count,
// part the fraction of it that is fast enough.
type nativeMeter struct {
	query    string
	selector selector
	under    float64 // seconds
}

func (m nativeMeter) text() string { return m.query }

func (m nativeMeter) selectors() []selector { return []selector{m.selector} }

func (m nativeMeter) over(window time.Duration) string {
	histogram := "sum(increase(" + m.selector.String() + "[" + duration(window) + "]))"
	under := strconv.FormatFloat(m.under, 'f', -1, 64)
	return bothOf("histogram_count("+histogram+")", "histogram_fraction(0, "+under+", "+histogram+")")
}

func (m nativeMeter) columnOf(metric model.Metric) column { return partColumn(metric) }

func (m nativeMeter) counts(r reading, window time.Duration) (good, bad float64, measured bool, err error) {
	count, fraction := r.value[total], r.value[part]
	if err := checkCount(m.query, count); err != nil {
		return 0, 0, false, err
	}
	switch {
	case r.count[total] > 1 || r.count[part] != 1:
		return 0, 0, false, malformed(m.query, "%d counts and %d fractions of one histogram", r.count[total], r.count[part])
	case count == 0: // the fraction of nothing is NaN
		return 0, 0, true, nil
	case !(fraction >= 0 && fraction <= 1+Rounding):
		return 0, 0, false, badValue(m.query, fraction, "a fraction from 0 to 1")
	}
	good = min(fraction, 1) * count
	return good, count - good, true, nil
}

func (m nativeMeter) absent(step time.Duration) string {
	return counterAbsent(step) + " and is stored as a native histogram"
}

func (m nativeMeter) samples(window time.Duration) string {
	return "sum(count_over_time(" + m.selector.String() + "[" + duration(window) + "]))"
}

func (m nativeMeter) sighted(r reading) (bool, error) { return r.has(total), nil }
