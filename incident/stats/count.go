package stats

import (
	"fmt"
	"math"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/stat"
)

// Counts are numbers of incidents in successive intervals of one length, such as
// weeks.
type Counts struct {
	PerInterval []int
	Interval    time.Duration
}

// MaxCount bounds one count, MaxIntervals how many there are.
const (
	MaxCount     = 1_000_000
	MaxIntervals = 10_000
)

func (n Counts) check(p *sre.Problems, path string) {
	if len(n.PerInterval) == 0 || len(n.PerInterval) > MaxIntervals {
		p.Add(path+".per_interval", "out_of_range", len(n.PerInterval), fmt.Sprintf("1 to %d counts", MaxIntervals))
		return
	}
	for i, v := range n.PerInterval {
		if v < 0 || v > MaxCount {
			p.Add(fmt.Sprintf("%s.per_interval[%d]", path, i), "out_of_range", v, fmt.Sprintf("0 to %d", MaxCount))
		}
	}
	if n.Interval <= 0 {
		p.Add(path+".interval", "out_of_range", n.Interval, "a positive duration")
	}
}

// Total is the number of incidents.
func (n Counts) Total() int {
	total := 0
	for _, v := range n.PerInterval {
		total += v
	}
	return total
}

// CountStarts counts incidents by their earliest milestone, in so many half-open
// intervals from an instant on, and how many began outside or have no time.
func CountStarts(facts []Fact, from time.Time, interval time.Duration, intervals int) (n Counts, outside int, err error) {
	n.Interval = interval
	if interval <= 0 || intervals < 1 || intervals > MaxIntervals {
		var p sre.Problems
		p.Add("interval", "out_of_range", fmt.Sprintf("%d of %v", intervals, interval), fmt.Sprintf("1 to %d of a positive length", MaxIntervals))
		return n, 0, p.Err("incident/stats")
	}
	n.PerInterval = make([]int, intervals)
	for _, f := range facts {
		start := f.start()
		i := int64(start.Sub(from) / interval)
		if start.IsZero() || start.Before(from) || i >= int64(intervals) {
			outside++
			continue
		}
		n.PerInterval[i]++
	}
	return n, outside, nil
}

func (f Fact) start() time.Time {
	var first time.Time
	for m := Impact; m <= Resolved; m++ {
		if t := f.Times.At(m); !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// A CountSummary says how many incidents an interval has on average.
type CountSummary struct {
	Total      int
	Intervals  int
	Mean, Low  float64 // per interval
	High       float64
	Level      float64
	Dispersion float64 // variance by mean of the counts, about 1 for Poisson; 0 where it is not known
	P          float64 // that chance alone scatters a Poisson so much; 1 where it is not known

	// Overdispersed says that P is at most alpha: incidents come in clusters. Then
	// the interval is that of a negative binomial with the variance observed, which
	// is wider; else it is the exact one of Poisson. Whether they come in clusters
	// shows late: of 13 counts that scatter four times as much as Poisson, nine
	// intervals of ten hold the truth.
	Overdispersed bool
}

// Count summarizes counts. Its error carries every [sre.Problem] at once.
func (c *Compiled) Count(n Counts) (CountSummary, error) {
	var p sre.Problems
	n.check(&p, "counts")
	if err := p.Err("incident/stats"); err != nil {
		return CountSummary{}, err
	}
	intervals := float64(len(n.PerInterval))
	moments := stat.MomentsOf(floats(n.PerInterval))
	s := CountSummary{Total: n.Total(), Intervals: len(n.PerInterval), Mean: moments.Mean, Level: 1 - c.policy.Alpha, P: 1}
	s.Low, s.High = stat.PoissonInterval(s.Total, s.Level)
	s.Low, s.High = s.Low/intervals, s.High/intervals
	if s.Intervals < 2 || s.Total == 0 {
		return s, nil
	}
	s.Dispersion = moments.Variance / moments.Mean
	s.P = stat.ChiSquareTail(s.Dispersion*(intervals-1), intervals-1) // Fisher's index of dispersion
	if s.Overdispersed = s.P <= c.policy.Alpha; s.Overdispersed {
		width := stat.TQuantile(1-c.policy.Alpha/2, intervals-1) * math.Sqrt(moments.Variance/intervals) / moments.Mean
		if math.Exp(width) > math.MaxFloat64/s.Mean {
			return s, nil // no such interval is known; the one of Poisson stands, with the dispersion beside
		}
		s.Low, s.High = s.Mean*math.Exp(-width), s.Mean*math.Exp(width)
	}
	return s, nil
}

// A CountComparison is what two periods say of the number of incidents.
type CountComparison struct {
	Before, After CountSummary
	Change        Change // of the rate
	P             float64
	Alpha         float64

	// Clustered says that one of the periods scatters more than Poisson: the test
	// is then Welch's t and a permutation of whole intervals, else the exact
	// conditional binomial one (Przyborowski and Wilenski 1940).
	Clustered bool
	Verdict   Verdict
}

// CompareCounts says whether the rate of incidents has changed. Both periods must
// have intervals of one length. Its error carries every [sre.Problem] at once.
func (c *Compiled) CompareCounts(before, after Counts) (CountComparison, error) {
	var p sre.Problems
	before.check(&p, "before")
	after.check(&p, "after")
	if before.Interval != after.Interval {
		p.Add("after.interval", "mismatch", after.Interval, before.Interval.String()+", as before")
	}
	if err := p.Err("incident/stats"); err != nil {
		return CountComparison{}, err
	}
	k := CountComparison{Alpha: c.policy.Alpha, P: 1}
	k.Before, _ = c.Count(before)
	k.After, _ = c.Count(after)
	if k.Clustered = k.Before.Overdispersed || k.After.Overdispersed; k.Clustered {
		k.Verdict = c.clustered(&k, floats(before.PerInterval), floats(after.PerInterval))
	} else {
		k.Verdict = c.conditional(&k)
	}
	return k, nil
}

// conditional judges two Poisson counts: given their sum, the later one is
// binomial.
func (c *Compiled) conditional(k *CountComparison) Verdict {
	sum, alpha := k.Before.Total+k.After.Total, c.policy.Alpha
	share := float64(k.After.Intervals) / float64(k.Before.Intervals+k.After.Intervals)
	few := TooFew{k.Before.Total, k.After.Total, sre.Reason{Code: "too_few_incidents", Text: "even if all incidents lay in one period, that would happen by chance too often"}}
	if sum == 0 || math.Min(stat.BinomialTails(0, sum, share), stat.BinomialTails(sum, sum, share)) > alpha {
		return few
	}
	odds := func(p float64) Factor {
		if p <= 0 || p >= 1 {
			return Factor{}
		}
		return factorOf(math.Log(p/(1-p)) - math.Log(share/(1-share)))
	}
	low, high := stat.BinomialInterval(k.After.Total, sum, 1-alpha)
	k.Change = Change{Factor: odds(float64(k.After.Total) / float64(sum)), Low: odds(low), High: odds(high), Level: 1 - alpha}
	k.P = stat.BinomialTails(k.After.Total, sum, share)
	if k.P <= alpha {
		return Evidence{k.Change, k.P}
	}
	return NoEvidence{k.P, c.mdeOfCounts(sum, share)}
}

// mdeOfCounts searches the change of the rate that the binomial test of so many
// incidents finds with the power wanted.
func (c *Compiled) mdeOfCounts(sum int, share float64) MDE {
	alpha := c.policy.Alpha
	// The test refuses at most few or at least many.
	few, many := -1, sum+1
	for few < sum && stat.BinomialAtMost(few+1, sum, share) <= alpha/2 {
		few++
	}
	for many > 0 && 1-stat.BinomialAtMost(many-2, sum, share) <= alpha/2 {
		many--
	}
	found := func(log float64) bool {
		p := 1 / (1 + (1-share)/share*math.Exp(-log))
		return stat.BinomialAtMost(few, sum, p)+1-stat.BinomialAtMost(many-1, sum, p) >= c.policy.Power
	}
	const reach = 20 // of the logarithm: a factor of half a billion
	m := MDE{Power: c.policy.Power, Alpha: alpha}
	down, up := 0.0, 0.0
	for found(-reach) && reach > down && !found(-down) {
		down += 0.005
	}
	for found(reach) && reach > up && !found(up) {
		up += 0.005
	}
	if down > 0 {
		m.Cut = -math.Expm1(-down)
	}
	if up > 0 {
		m.Rise = math.Exp(up)
	}
	m.Known = down > 0 && up > 0
	return m
}

// clustered judges counts that scatter more than Poisson, one value per interval.
func (c *Compiled) clustered(k *CountComparison, before, after []float64) Verdict {
	alpha := c.policy.Alpha
	few := TooFew{k.Before.Total, k.After.Total, sre.Reason{Code: "too_few_intervals", Text: "incidents come in clusters, and there are too few intervals to tell"}}
	stratum := stat.Labeled{Values: append(append([]float64(nil), before...), after...), After: len(after)}
	least := 1.0
	if len(before) == len(after) {
		least = 2
	}
	shift, ok := stat.Welch(before, after)
	if !ok || least/float64(stat.Assignments([]stat.Labeled{stratum}, int(4/alpha))) > alpha {
		return few
	}
	permuted, _ := stat.Permute([]stat.Labeled{stratum}, stat.WelchStatistic(stratum.Values, len(after)),
		c.policy.Exact, c.policy.Resamples, stat.NewRandom(c.policy.Seed))
	k.P = math.Max(stat.TTails(shift.Value/shift.Error, shift.DF), permuted)
	k.Change.Level = 1 - alpha
	if k.Before.Mean <= 0 || k.After.Mean <= 0 {
		return c.verdictOf(k, MDE{Power: c.policy.Power, Alpha: alpha})
	}
	// The delta method on the logarithm of the ratio of means.
	b, a := stat.MomentsOf(before), stat.MomentsOf(after)
	spread := math.Sqrt(b.Variance/float64(b.N)/(b.Mean*b.Mean) + a.Variance/float64(a.N)/(a.Mean*a.Mean))
	log, width := math.Log(a.Mean/b.Mean), stat.TQuantile(1-alpha/2, shift.DF)*spread
	k.Change = Change{Factor: factorOf(log), Low: factorOf(log - width), High: factorOf(log + width), Level: 1 - alpha}
	errors, ok := stat.DetectableT(shift.DF, alpha, c.policy.Power)
	return c.verdictOf(k, mdeOf(errors*spread, ok, 0, c.policy, alpha))
}

func (c *Compiled) verdictOf(k *CountComparison, mde MDE) Verdict {
	if k.P <= c.policy.Alpha {
		return Evidence{k.Change, k.P}
	}
	return NoEvidence{k.P, mde}
}

func floats(list []int) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out
}
