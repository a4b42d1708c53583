package stats

import (
	"math"
	"time"
)

// A Length is a duration that may not be known: too few incidents, an end that
// lies beyond what was observed.
type Length struct {
	Duration time.Duration
	Known    bool
}

// An Estimate is a value and the interval that holds the true one with the
// probability Level. A bound that is not known means that nothing bounds it on
// that side.
type Estimate struct {
	Value, Low, High Length
	Level            float64 // 0..1; of order statistics the exact one, which is at least that of the policy
}

// A Factor is a ratio of after to before that may not be known.
type Factor struct {
	Times float64
	Known bool
}

// A Change is a factor with the interval that holds the true one with the
// probability Level.
type Change struct {
	Factor, Low, High Factor
	Level             float64
}

// An MDE is the minimum detectable effect: true changes beyond it would have been
// seen with probability Power at level Alpha.
type MDE struct {
	Cut   float64 // the share by which spans must have become shorter, 0..1
	Rise  float64 // the factor by which they must have become longer, above 1
	Power float64
	Alpha float64
	SD    float64 // of the natural logarithm of single spans; of counts 0
	Known bool    // false: no change, however large
}

// lengthOf turns seconds into a Length; what no duration can hold is not known.
func lengthOf(seconds float64) Length {
	nanoseconds := seconds * float64(time.Second)
	if math.IsNaN(nanoseconds) || math.Abs(nanoseconds) >= math.MaxInt64 {
		return Length{}
	}
	return Length{time.Duration(math.Round(nanoseconds)), true}
}

// factorOf turns a logarithm into a Factor.
func factorOf(log float64) Factor {
	times := math.Exp(log)
	if math.IsNaN(times) || math.IsInf(times, 0) || times < math.SmallestNonzeroFloat64 {
		return Factor{}
	}
	return Factor{times, true}
}

// mdeOf returns the MDE of a shift of logarithms.
func mdeOf(shift float64, ok bool, sd float64, policy Policy, alpha float64) MDE {
	m := MDE{Power: policy.Power, Alpha: alpha, SD: sd}
	rise := factorOf(shift)
	if !ok || !rise.Known || !factorOf(-shift).Known {
		return m
	}
	m.Cut, m.Rise, m.Known = -math.Expm1(-shift), rise.Times, true
	return m
}

// log returns the logarithm of a span in seconds, which is at least half of the
// resolution.
func (c *Compiled) log(d time.Duration) float64 {
	return math.Log(max(d.Seconds(), c.policy.Resolution.Seconds()/2))
}
