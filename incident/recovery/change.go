package recovery

import (
	"fmt"
	"math"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// MaxChangeSlices bounds the slices in which [FindImpact] looks: its time grows
// with their square.
const MaxChangeSlices = 2000

// A Moment is an instant that was estimated, in [From, To] with the confidence
// that was asked for.
type Moment struct {
	At       time.Time
	From, To time.Time
}

// A Change is when the share of failed events rose, and when it fell again.
type Change struct {
	SLO   string
	Begin Moment
	End   Moment // zero: it has not fallen yet

	// The shares of failed events without and with impact, 0..1, and how much
	// better they explain the counts than one share does, as the difference of
	// log-likelihoods, and how much better they had to.
	Usual, During    float64
	Evidence, Needed float64
}

// Found reports whether there was an impact.
func (c *Change) Found() bool { return !c.Begin.At.IsZero() }

// FindImpact says when the impact began and ended.
//
// It takes the slices of the series as counts of independent events that fail
// with one share during a single stretch of slices, and with a smaller one
// before and after, and chooses the stretch of the largest likelihood (a scan
// statistic, Kulldorff 1997). There is an impact if that exceeds the likelihood
// of one share for all slices by the logarithm of how many stretches there are
// over 1-confidence, which bounds chance by the sum over all stretches.
//
// The intervals hold all begins (or ends) whose profile likelihood is within
// -ln(1-sqrt(confidence)) of the largest: that of the true one lies below by the
// larger of two maxima of random walks that drift down, each of which is above y
// with a probability of at most e^-y. They are widened by a slice to both sides,
// since what began within a slice may be seen in it or only in the next.
//
// Begin is never before the first slice and is meaningless if there was impact
// from the first one on: give slices from well before.
func FindImpact(s *Series, confidence slo.Ratio) (Change, error) {
	change := Change{SLO: s.SLO}
	if err := s.Validate(); err != nil {
		return change, err
	}
	if !confidence.IsSet() {
		confidence = slo.MustParseRatio("95%")
	}
	n := len(s.Slices)
	level := confidence.Float()
	switch {
	case n > MaxChangeSlices:
		return change, sre.Problem{Path: "slices", Code: "too_many", Value: fmt.Sprint(n), Want: fmt.Sprintf("at most %d: add slices up", MaxChangeSlices)}
	case !(level > 0 && level < 1):
		return change, sre.Problem{Path: "confidence", Code: "out_of_range", Value: confidence.String(), Want: "more than 0% and less than 100%"}
	case n < 2:
		return change, nil
	}
	l := likelihoodOf(s.Slices)
	best, begin, end := math.Inf(-1), 0, 0
	byBegin, byEnd := fill(n), fill(n+1)
	for a := 0; a < n; a++ {
		for b := a + 1; b <= n; b++ {
			v := l.of(a, b)
			byBegin[a], byEnd[b] = math.Max(byBegin[a], v), math.Max(byEnd[b], v)
			if v > best {
				best, begin, end = v, a, b
			}
		}
	}
	change.Evidence = best - l.single()
	change.Needed = math.Log(float64(n)*float64(n+1)/2) - math.Log(1-level)
	if !(change.Evidence > change.Needed) {
		return change, nil
	}
	change.Usual, change.During = l.shares(begin, end)
	within := -math.Log(1 - math.Sqrt(level))
	starts := func(i int) time.Time {
		if i == n {
			return s.Slices[n-1].End
		}
		return s.Slices[i].begin()
	}
	change.Begin = moment(byBegin, begin, best-within, starts, n)
	if end < n {
		change.End = moment(byEnd, end, best-within, starts, n)
	}
	return change, nil
}

func fill(n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = math.Inf(-1)
	}
	return list
}

// moment returns the instant before slice i, with those that are as good.
func moment(profile []float64, i int, least float64, starts func(int) time.Time, n int) Moment {
	low, high := i, i
	for k, v := range profile {
		if v >= least {
			low, high = min(low, k), max(high, k)
		}
	}
	return Moment{At: starts(i), From: starts(max(low-1, 0)), To: starts(min(high+1, n))}
}

// likelihood is that of counts, by their sums from the beginning.
type likelihood struct {
	bad, total []float64
}

func likelihoodOf(slices []Slice) *likelihood {
	l := &likelihood{bad: make([]float64, len(slices)+1), total: make([]float64, len(slices)+1)}
	for i := range slices {
		l.bad[i+1] = l.bad[i] + slices[i].Counts.Bad
		l.total[i+1] = l.total[i] + slices[i].Counts.Total()
	}
	return l
}

// of returns the log-likelihood of an impact in the slices [a, b), and that of no
// impact if the share is not larger there.
func (l *likelihood) of(a, b int) float64 {
	n := len(l.bad) - 1
	bad, total := l.bad[b]-l.bad[a], l.total[b]-l.total[a]
	otherBad, otherTotal := l.bad[n]-bad, l.total[n]-total
	if bad*otherTotal <= otherBad*total || otherTotal == 0 {
		return math.Inf(-1)
	}
	return term(bad, total) + term(otherBad, otherTotal)
}

func (l *likelihood) single() float64 {
	n := len(l.bad) - 1
	return term(l.bad[n], l.total[n])
}

func (l *likelihood) shares(a, b int) (usual, during float64) {
	n := len(l.bad) - 1
	bad, total := l.bad[b]-l.bad[a], l.total[b]-l.total[a]
	return (l.bad[n] - bad) / (l.total[n] - total), bad / total
}

// term is the largest log-likelihood of a share behind bad of total events.
func term(bad, total float64) float64 {
	good := total - bad
	v := 0.0
	if bad > 0 {
		v += bad * math.Log(bad/total)
	}
	if good > 0 {
		v += good * math.Log(good/total)
	}
	return v
}
