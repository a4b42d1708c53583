package stats

import (
	"math"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/stat"
)

// A Summary describes the spans of one period.
type Summary struct {
	Measure Measure
	Tally   Tally

	// Median is exact order statistics, or Kaplan-Meier if incidents are open.
	Median Estimate

	// Quantiles are P75, P90 and P95, computed likewise.
	Quantiles []Quantile

	// GeometricMean has a log-t interval. Not known with open incidents.
	GeometricMean Estimate

	// RestrictedMean is the mean of spans cut at Horizon, the longest observed. Its
	// interval is symmetric and, like that of Mean, may reach below zero: a sign
	// that a mean of so few spans says nothing.
	RestrictedMean Estimate
	Horizon        time.Duration

	// Mean is the arithmetic one, with a t interval, and not a headline: LongestTenth
	// is the share of all time that the longest tenth of incidents makes up. Not
	// known with open incidents.
	Mean         Estimate
	LongestTenth float64 // 0..1

	SDOfLog float64 // the standard deviation of the natural logarithm; 0 where it is not known
}

// A Quantile is the span that the share Q of incidents stays below.
type Quantile struct {
	Q float64 // 0..1
	Estimate
}

// The share of incidents that LongestTenth is of.
const tenth = 10

// Describe summarizes a measure over incidents. Its error carries every
// [sre.Problem] at once.
func (c *Compiled) Describe(facts []Fact, m Measure) (Summary, error) {
	var p sre.Problems
	m.check(&p, "measure")
	checkFacts(&p, "facts", facts, MaxFacts, map[string]bool{})
	if err := p.Err("incident/stats"); err != nil {
		return Summary{}, err
	}
	s := Summary{Measure: m}
	var observations []stat.Observation
	for _, f := range facts {
		span := m.Of(f)
		s.Tally.add(span.Validity)
		if span.Validity == Success || span.Validity == Censored {
			observations = append(observations, stat.Observation{Time: span.Duration.Seconds(), Event: span.Validity == Success})
		}
	}
	if len(observations) == 0 {
		return s, nil
	}
	curve := stat.KaplanMeier(observations)
	s.restrict(curve, 1-c.policy.Alpha)
	if s.Tally.Censored > 0 {
		s.Median = censoredQuantile(curve, 0.5, 1-c.policy.Alpha)
		for _, q := range quantiles {
			s.Quantiles = append(s.Quantiles, Quantile{q, censoredQuantile(curve, q, 1-c.policy.Alpha)})
		}
		return s, nil
	}
	c.complete(&s, observations)
	return s, nil
}

var quantiles = []float64{0.75, 0.9, 0.95}

// complete fills in what takes spans that have all ended.
func (c *Compiled) complete(s *Summary, observations []stat.Observation) {
	level := 1 - c.policy.Alpha
	seconds := make([]float64, len(observations))
	logs := make([]float64, len(observations))
	for i, o := range observations {
		seconds[i] = o.Time
		logs[i] = math.Log(max(o.Time, c.policy.Resolution.Seconds()/2))
	}
	slices.Sort(seconds)
	s.Median = exactQuantile(seconds, 0.5, level)
	for _, q := range quantiles {
		s.Quantiles = append(s.Quantiles, Quantile{q, exactQuantile(seconds, q, level)})
	}
	total, longest := 0.0, 0.0
	for i, v := range seconds {
		total += v
		if i >= len(seconds)-(len(seconds)+tenth-1)/tenth {
			longest += v
		}
	}
	if total > 0 {
		s.LongestTenth = longest / total
	}
	s.Mean, _ = tInterval(seconds, level, lengthOf)
	s.GeometricMean, s.SDOfLog = tInterval(logs, level, func(log float64) Length { return lengthOf(math.Exp(log)) })
}

// tInterval returns the mean with its t interval, and the standard deviation.
func tInterval(values []float64, level float64, length func(float64) Length) (Estimate, float64) {
	m := stat.MomentsOf(values)
	e := Estimate{Value: length(m.Mean), Level: level}
	if m.N < 2 {
		return e, 0
	}
	width := stat.TQuantile(1-(1-level)/2, float64(m.N-1)) * math.Sqrt(m.Variance/float64(m.N))
	e.Low, e.High = length(m.Mean-width), length(m.Mean+width)
	return e, math.Sqrt(m.Variance)
}

func exactQuantile(sorted []float64, q, level float64) Estimate {
	low, high, coverage := stat.QuantileRanks(len(sorted), q, level)
	e := Estimate{Value: lengthOf(stat.Quantile(sorted, q)), Level: coverage}
	if low >= 1 {
		e.Low = lengthOf(sorted[low-1])
	}
	if high <= len(sorted) {
		e.High = lengthOf(sorted[high-1])
	}
	return e
}

func censoredQuantile(curve stat.Curve, q, level float64) Estimate {
	e := Estimate{Level: level}
	if v, ok := curve.Quantile(q); ok {
		e.Value = lengthOf(v)
	}
	low, hasLow, high, hasHigh := curve.QuantileInterval(q, level)
	if hasLow {
		e.Low = lengthOf(low)
	}
	if hasHigh {
		e.High = lengthOf(high)
	}
	return e
}

func (s *Summary) restrict(curve stat.Curve, level float64) {
	mean, standardError := curve.RestrictedMean(curve.Last)
	width := stat.NormalQuantile(1-(1-level)/2) * standardError
	s.Horizon = lengthOf(curve.Last).Duration
	s.RestrictedMean = Estimate{Value: lengthOf(mean), Level: level}
	if s.Tally.Success > 1 {
		s.RestrictedMean.Low, s.RestrictedMean.High = lengthOf(mean-width), lengthOf(mean+width)
	}
}

// MeanNoise returns the half width of the interval of that level for the
// difference of two arithmetic means of perSide spans each, where single spans
// have the standard deviation sd: z·sqrt(2·sd²/n) (Davidovic 2021, "Analytical
// Approach"). It answers what an MTTR could tell at all. Not known for numbers
// out of range.
func MeanNoise(sd time.Duration, perSide int, level float64) Length {
	if sd < 0 || perSide < 1 || !(level > 0 && level < 1) {
		return Length{}
	}
	return lengthOf(stat.NormalQuantile(1-(1-level)/2) * sd.Seconds() * math.Sqrt(2/float64(perSide)))
}
