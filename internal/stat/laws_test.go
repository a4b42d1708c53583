package stat_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/stat"
)

func values(t *rapid.T, label string, least int) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(-20, 20), least, 12).Draw(t, label)
}

// Without censoring the curve is the distribution of the sample.
func TestLawUncensoredCurveIsTheSample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := values(t, "values", 1)
		for i := range list {
			list[i] = math.Abs(list[i])
		}
		slices.Sort(list)
		observations := make([]stat.Observation, len(list))
		for i, v := range list {
			observations[i] = stat.Observation{Time: v, Event: true}
		}
		curve := stat.KaplanMeier(observations)
		for _, q := range []float64{0.25, 0.5, 0.9} {
			if got, ok := curve.Quantile(q); !ok || math.Abs(got-stat.Quantile(list, q)) > 1e-9 {
				t.Fatalf("quantile %v is %v of the curve and %v of the sample", q, got, stat.Quantile(list, q))
			}
		}
		m := stat.MomentsOf(list)
		mean, se := curve.RestrictedMean(curve.Last)
		n := float64(len(list))
		want := math.Sqrt(m.Variance * (n - 1) / n / n) // Greenwood divides by n
		if math.Abs(mean-m.Mean) > 1e-9 || math.Abs(se-want) > 1e-7 {
			t.Fatalf("restricted mean %v ± %v, want %v ± %v", mean, se, m.Mean, want)
		}
	})
}

// Gehan's score of each pair by its definition.
func TestLawGehanScoresCountPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stat.Observation {
			return stat.Observation{Time: float64(rapid.IntRange(0, 6).Draw(t, "time")), Event: rapid.Bool().Draw(t, "event")}
		}), 1, 8)
		pair := stat.Pair{Before: draw.Draw(t, "before"), After: draw.Draw(t, "after")}
		got := stat.Gehan([]stat.Pair{pair}, 0)[0].Values
		all := append(slices.Clone(pair.Before), pair.After...)
		longer := func(a, b stat.Observation) bool { // surely
			return b.Event && (a.Time > b.Time || !a.Event && a.Time >= b.Time)
		}
		for i, a := range all {
			want := 0
			for j, b := range all {
				switch {
				case i == j:
				case longer(a, b):
					want++
				case longer(b, a):
					want--
				}
			}
			if math.Abs(got[i]*float64(len(all)+1)-float64(want)) > 1e-9 {
				t.Fatalf("score %d of %v is %v, want %d", i, all, got[i], want)
			}
		}
	})
}

// The random test estimates the exact one.
func TestLawRandomPermutationApproachesExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(-20, 20), 6, 10).Draw(t, "values")
		strata := []stat.Labeled{{Values: list, After: rapid.IntRange(2, len(list)-2).Draw(t, "after")}}
		statistic := stat.WelchStatistic(list, strata[0].After)
		exact, _ := stat.Permute(strata, statistic, 1000, 0, stat.NewRandom(1))
		random, _ := stat.Permute(strata, statistic, 1, 4000, stat.NewRandom(rapid.Uint64().Draw(t, "seed")))
		if math.Abs(exact-random) > 6*math.Sqrt(0.25/4000) {
			t.Fatalf("exact %v, random %v", exact, random)
		}
		again, _ := stat.Permute(strata, statistic, 1, 100, stat.NewRandom(7))
		same, _ := stat.Permute(strata, statistic, 1, 100, stat.NewRandom(7))
		if again < same || again > same {
			t.Fatalf("one seed gave %v and %v", again, same)
		}
	})
}

// A game is fair if over all orders of the values the wealth is 1 on average, at
// every length.
func TestLawRankBetsAreAFairGame(t *testing.T) {
	const n = 6
	base := []float64{1, 2, 3, 4, 5, 6}
	wealth, games := make([]float64, n), 0.0
	var play func(order []float64, rest []float64)
	play = func(order, rest []float64) {
		if len(rest) == 0 {
			bets := stat.NewRankBets(nil, 1)
			for i, v := range order {
				wealth[i] += math.Exp(bets.Add(v))
			}
			games++
			return
		}
		for i := range rest {
			play(append(slices.Clone(order), rest[i]), slices.Delete(slices.Clone(rest), i, i+1))
		}
	}
	play(nil, base)
	for _, w := range wealth {
		close(t, "mean wealth", w/games, 1, 1e-9)
	}
}

// Nothing that is returned with true is NaN or infinite.
func TestLawEstimatesAreFinite(t *testing.T) {
	finite := func(t *rapid.T, list ...float64) {
		for _, v := range list {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%v", list)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		block := stat.Block{Before: values(t, "before", 0), After: values(t, "after", 0)}
		if s, ok := stat.Welch(block.Before, block.After); ok {
			finite(t, s.Value, s.Error, s.DF, s.SD, stat.TTails(s.Value/s.Error, s.DF), stat.TQuantile(0.999, s.DF))
			if shift, ok := stat.DetectableT(s.DF, 0.01, 0.9); ok {
				finite(t, shift)
			}
		}
		if s, ok := stat.Blocked([]stat.Block{block, {Before: values(t, "b2", 0), After: values(t, "a2", 0)}}); ok {
			finite(t, s.Value, s.Error, s.DF, s.SD, stat.TTails(s.Value/s.Error, s.DF))
		}
	})
}

// Far out, where series end and powers overflow, the answers are numbers still.
func TestExtremeLevelsAreFinite(t *testing.T) {
	for _, df := range []float64{1, 1.001, 2, 3.7, 30, 1e5} {
		for _, alpha := range []float64{0.5, 1e-3, 1e-6, 1e-8} {
			q := stat.TQuantile(1-alpha/2, df)
			close(t, "t quantile and its tails", stat.TTails(q, df), alpha, 1e-5)
			if shift, ok := stat.DetectableT(df, alpha, 0.999); ok && (math.IsNaN(shift) || math.IsInf(shift, 0) || shift <= 0) {
				t.Errorf("df %v, alpha %v: detectable %v", df, alpha, shift)
			}
		}
	}
}

// The power grows with the shift, also where one formula hands over to another.
func TestLawPowerGrowsWithTheShift(t *testing.T) {
	for _, df := range []float64{1, 2, 5, 40} {
		for _, alpha := range []float64{0.05, 1e-4} {
			last := 0.0
			for shift := 0.5; shift < 37; shift += 0.5 {
				p := stat.PowerT(shift, df, alpha)
				if p < last-1e-6 {
					t.Fatalf("df %v, alpha %v: power %v at shift %v, less than %v before", df, alpha, p, shift, last)
				}
				last = p
			}
		}
	}
}

// The ends of exact intervals are where the tails are what the level leaves,
// also for counts far beyond tables.
func TestExactIntervalsEndAtTheirTails(t *testing.T) {
	for _, n := range []int{1, 7, 60, 1000, 54_321, 1_000_000, 100_000_000} {
		for _, level := range []float64{0.5, 0.95, 0.9999} {
			tail := (1 - level) / 2
			low, high := stat.PoissonInterval(n, level)
			close(t, "Poisson: n or more at the low end", 1-stat.ChiSquareTail(2*low, 2*float64(n)), tail, 1e-3)
			close(t, "Poisson: n or fewer at the high end", stat.ChiSquareTail(2*high, 2*float64(n)+2), tail, 1e-3)
			for _, all := range []int{n + 1, 2 * n, 50 * n} {
				low, high := stat.BinomialInterval(n, all, level)
				close(t, "binomial: n or more at the low end", 1-stat.BinomialAtMost(n-1, all, low), tail, 1e-3)
				if n < all {
					close(t, "binomial: n or fewer at the high end", stat.BinomialAtMost(n, all, high), tail, 1e-3)
				}
			}
		}
	}
}
