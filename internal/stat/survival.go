package stat

import (
	"cmp"
	"math"
	"slices"
)

// An Observation is a time until an event, or, without Event, a time after which
// it still had not come.
type Observation struct {
	Time  float64
	Event bool
}

// A Step is one of the survival curve: from Time on it is Survival.
type Step struct {
	Time           float64
	AtRisk, Events int
	Survival       float64
	greenwood      float64 // the sum whose root is the relative standard error
}

// Error returns Greenwood's standard error of the survival.
func (s Step) Error() float64 { return s.Survival * math.Sqrt(s.greenwood) }

// band returns the interval of the survival on the log(-log) scale (Kalbfleisch
// and Prentice), which keeps it in 0..1; false where the curve is at 1 or 0.
func (s Step) band(z float64) (low, high float64, ok bool) {
	if s.Events == s.AtRisk || s.Survival >= 1 {
		return 0, 1, false
	}
	width := z * math.Sqrt(s.greenwood) / math.Abs(math.Log(s.Survival))
	return math.Pow(s.Survival, math.Exp(width)), math.Pow(s.Survival, math.Exp(-width)), true
}

// A Curve is an estimate of the share that has not had the event yet.
type Curve struct {
	Steps []Step  // at event times, ascending
	Last  float64 // the latest time observed
}

// KaplanMeier returns the product-limit estimate (Kaplan and Meier 1958). Where
// times tie, events come before censorings.
func KaplanMeier(observations []Observation) Curve {
	sorted := slices.SortedFunc(slices.Values(observations), func(a, b Observation) int { return cmp.Compare(a.Time, b.Time) })
	c := Curve{}
	survival, greenwood := 1.0, 0.0
	for i := 0; i < len(sorted); {
		s := Step{Time: sorted[i].Time, AtRisk: len(sorted) - i}
		for ; i < len(sorted) && sorted[i].Time <= s.Time; i++ {
			if sorted[i].Event {
				s.Events++
			}
		}
		c.Last = s.Time
		if s.Events == 0 {
			continue
		}
		survival *= 1 - float64(s.Events)/float64(s.AtRisk)
		if s.Events < s.AtRisk {
			greenwood += float64(s.Events) / (float64(s.AtRisk) * float64(s.AtRisk-s.Events))
		}
		s.Survival, s.greenwood = survival, greenwood
		c.Steps = append(c.Steps, s)
	}
	return c
}

// Quantile returns the time by which the share q has had the event, averaged
// where the curve is flat at that height, or false if it does not fall so far.
func (c Curve) Quantile(q float64) (float64, bool) {
	for i, s := range c.Steps {
		switch {
		case s.Survival > 1-q+tie:
		case s.Survival >= 1-q-tie && i+1 < len(c.Steps):
			return s.Time + (c.Steps[i+1].Time-s.Time)/2, true
		default:
			return s.Time, true
		}
	}
	return 0, false
}

// QuantileInterval returns the times at which the curve's own interval, on the
// log(-log) scale, admits that share (Brookmeyer and Crowley 1982), and whether
// each is there.
func (c Curve) QuantileInterval(q, level float64) (low float64, hasLow bool, high float64, hasHigh bool) {
	z := NormalQuantile(1 - (1-level)/2)
	for _, s := range c.Steps {
		l, h, ok := s.band(z)
		if !hasLow && l <= 1-q+tie {
			low, hasLow = s.Time, true
		}
		if ok && h <= 1-q+tie {
			return low, hasLow, s.Time, true
		}
	}
	return low, hasLow, 0, false
}

// RestrictedMean returns the mean of the times cut at the horizon, the area
// below the curve, with its standard error (Irwin 1949; Klein and Moeschberger
// 4.5). The horizon is at most Last.
func (c Curve) RestrictedMean(horizon float64) (mean, standardError float64) {
	area := func(from int) float64 { // below the curve from Steps[from] on
		sum := 0.0
		for i := from; i < len(c.Steps) && c.Steps[i].Time < horizon; i++ {
			end := horizon
			if i+1 < len(c.Steps) {
				end = math.Min(horizon, c.Steps[i+1].Time)
			}
			sum += c.Steps[i].Survival * (end - c.Steps[i].Time)
		}
		return sum
	}
	first := horizon
	if len(c.Steps) > 0 {
		first = math.Min(horizon, c.Steps[0].Time)
	}
	total := area(0)
	mean = first + total
	variance := 0.0
	for i, s := range c.Steps {
		if s.Time >= horizon || s.Events == s.AtRisk {
			break
		}
		variance += total * total * float64(s.Events) / (float64(s.AtRisk) * float64(s.AtRisk-s.Events))
		end := horizon
		if i+1 < len(c.Steps) {
			end = math.Min(horizon, c.Steps[i+1].Time)
		}
		total -= s.Survival * (end - s.Time)
	}
	return mean, math.Sqrt(variance)
}
