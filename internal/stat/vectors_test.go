package stat_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sre-sdk/sre/internal/stat"
)

// The vectors are those of R 4 (qt, pt, poisson.test, binom.test, t.test,
// power.t.test, p.adjust) unless a source is named.

func close(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Max(math.Abs(want), 1e-12)) {
		t.Errorf("%s = %.10g, want %.10g", what, got, want)
	}
}

func TestDistributionsAgreeWithR(t *testing.T) {
	close(t, "z 0.975", stat.NormalQuantile(0.975), 1.959963985, 1e-9)
	close(t, "tails of z 1.96", stat.NormalTails(-1.959963985), 0.05, 1e-8)
	close(t, "t 0.975 df 1", stat.TQuantile(0.975, 1), 12.70620474, 1e-8)
	close(t, "t 0.975 df 10", stat.TQuantile(0.975, 10), 2.228138852, 1e-8)
	close(t, "t 0.975 df 40", stat.TQuantile(0.975, 40), 2.021075390, 1e-8)
	close(t, "tails of t", stat.TTails(-2.228138852, 10), 0.05, 1e-8)
	close(t, "chi-square tail", stat.ChiSquareTail(3.841458821, 1), 0.05, 1e-8)
	close(t, "binomial at most 3 of 10", stat.BinomialAtMost(3, 10, 0.5), 0.171875, 1e-12)
	close(t, "binomial tails 3 of 10", stat.BinomialTails(3, 10, 0.5), 0.34375, 1e-12)
}

func TestExactIntervalsAgreeWithR(t *testing.T) {
	for _, v := range []struct {
		n         int
		low, high float64
	}{{0, 0, 3.688879454}, {1, 0.02531780798, 5.571643391}, {10, 4.795388699, 18.39035636}} {
		low, high := stat.PoissonInterval(v.n, 0.95)
		close(t, "Poisson low", low, v.low, 1e-7)
		close(t, "Poisson high", high, v.high, 1e-7)
	}
	low, high := stat.BinomialInterval(4, 10, 0.95)
	close(t, "Clopper-Pearson low", low, 0.1215522562, 1e-7)
	close(t, "Clopper-Pearson high", high, 0.7376219163, 1e-7)
}

func TestPowerAgreesWithR(t *testing.T) {
	close(t, "n=64, d=0.5", stat.PowerT(0.5*math.Sqrt(32), 126, 0.05), 0.8014596, 1e-6)
	close(t, "n=17, d=1", stat.PowerT(math.Sqrt(8.5), 32, 0.05), 0.8070367, 1e-6)
	for _, df := range []float64{1, 1.3, 2, 5, 40, 1000} {
		shift, ok := stat.DetectableT(df, 0.05, 0.8)
		if !ok {
			t.Errorf("df %v: nothing is detectable", df)
			continue
		}
		if shift < 37 {
			close(t, "power at the detectable shift", stat.PowerT(shift, df, 0.05), 0.8, 1e-6)
		}
	}
}

// A table of incident engineers: 23 and 19 incidents, sd of ln 1.24. The normal
// approximation gives 66 %; Student's t, which the sd of 42 incidents deserves, 67.
func TestDetectableCutOf23And19Incidents(t *testing.T) {
	standardError := 1.24 * math.Sqrt(1./23+1./19)
	normal := (stat.NormalQuantile(0.975) + stat.NormalQuantile(0.8)) * standardError
	close(t, "normal", 1-math.Exp(-normal), 0.66, 0.005)
	shift, _ := stat.DetectableT(40, 0.05, 0.8)
	close(t, "t", 1-math.Exp(-shift*standardError), 0.67, 0.005)
}

// Student's sleep data, as R has them.
var (
	sleep1 = []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2}
	sleep2 = []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
)

func TestWelchAgreesWithR(t *testing.T) {
	s, ok := stat.Welch(sleep1, sleep2)
	if !ok {
		t.Fatal("no estimate")
	}
	close(t, "t", s.Value/s.Error, 1.8608, 1e-4)
	close(t, "df", s.DF, 17.776, 1e-4)
	close(t, "p", stat.TTails(s.Value/s.Error, s.DF), 0.07939, 1e-4)
}

// With one value of each side per block, blocking is the paired t test.
func TestBlockedOfPairsIsThePairedTest(t *testing.T) {
	blocks := make([]stat.Block, len(sleep1))
	for i := range blocks {
		blocks[i] = stat.Block{Before: sleep1[i : i+1], After: sleep2[i : i+1]}
	}
	s, ok := stat.Blocked(blocks)
	if !ok {
		t.Fatal("no estimate")
	}
	close(t, "t", s.Value/s.Error, 4.0621, 1e-4)
	close(t, "df", s.DF, 9, 1e-12)
	close(t, "p", stat.TTails(s.Value/s.Error, s.DF), 0.002833, 1e-3)
}

func TestOrderStatisticsOfTheMedian(t *testing.T) {
	for _, v := range []struct {
		n, low, high int
		coverage     float64
	}{{5, 0, 6, 1}, {6, 1, 6, 0.96875}, {10, 2, 9, 0.978515625}} {
		low, high, coverage := stat.QuantileRanks(v.n, 0.5, 0.95)
		if low != v.low || high != v.high {
			t.Errorf("n=%d: ranks %d and %d, want %d and %d", v.n, low, high, v.low, v.high)
		}
		close(t, "coverage", coverage, v.coverage, 1e-9)
	}
	close(t, "median of four", stat.Quantile([]float64{1, 2, 4, 9}, 0.5), 3, 0)
	close(t, "median of five", stat.Quantile([]float64{1, 2, 4, 9, 10}, 0.5), 4, 0)
	close(t, "p95 of 20", stat.Quantile([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 0.95), 19.5, 1e-12)
}

func TestHolmAgreesWithR(t *testing.T) {
	got := stat.Holm([]float64{0.01, 0.04, 0.03, 0.005})
	if d := cmp.Diff(got, []float64{0.03, 0.06, 0.06, 0.02}, cmpopts.EquateApprox(1e-12, 0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(stat.HolmShares([]float64{0.01, 0.04, 0.03, 0.005}), []int{3, 1, 2, 4}); d != "" {
		t.Error(d)
	}
}

func observe(events string, times ...float64) []stat.Observation {
	list := make([]stat.Observation, len(times))
	for i, x := range times {
		list[i] = stat.Observation{Time: x, Event: events[i] == 'x'}
	}
	return list
}

// Collett, Modelling Survival Data in Medical Research, table 2.2: times to
// discontinuation of an IUD, with Greenwood's errors.
func TestKaplanMeierAgreesWithCollett(t *testing.T) {
	curve := stat.KaplanMeier(observe("x--x-xx---xxxx-x--", 10, 13, 18, 19, 23, 30, 36, 38, 54, 56, 59, 75, 93, 97, 104, 107, 107, 107))
	want := []struct{ time, survival, se float64 }{
		{10, 0.9444, 0.0540}, {19, 0.8815, 0.0790}, {30, 0.8137, 0.0978}, {36, 0.7459, 0.1107}, {59, 0.6526, 0.1303},
		{75, 0.5594, 0.1412}, {93, 0.4662, 0.1452}, {97, 0.3729, 0.1430}, {107, 0.2486, 0.1392},
	}
	if len(curve.Steps) != len(want) {
		t.Fatalf("%d steps, want %d", len(curve.Steps), len(want))
	}
	for i, w := range want {
		s := curve.Steps[i]
		close(t, "time", s.Time, w.time, 0)
		close(t, "survival", s.Survival, w.survival, 3e-4)
		close(t, "standard error", s.Error(), w.se, 1e-3)
	}
	median, ok := curve.Quantile(0.5)
	if !ok {
		t.Fatal("no median")
	}
	close(t, "median", median, 93, 0)
	if _, _, _, hasHigh := curve.QuantileInterval(0.5, 0.95); hasHigh {
		t.Error("the curve's upper band ends above one half, and yet the median has an upper end")
	}
	if _, ok := curve.Quantile(0.9); ok {
		t.Error("the curve ends above 0.1, and yet there is a 0.9 quantile")
	}
}

// Lee and Wang, Statistical Methods for Survival Data Analysis, 5.1: remission
// under 6-MP and placebo (Freireich 1963). W = 271.
func TestGehanAgreesWithLee(t *testing.T) {
	pair := stat.Pair{
		Before: observe("xxxxxxxxxxxxxxxxxxxxx", 1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23),
		After:  observe("xxx-x-x--xx---xx-----", 6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35),
	}
	strata := stat.Gehan([]stat.Pair{pair}, 0)
	sum := 0.0
	for _, v := range strata[0].Values[21:] {
		sum += v * 43 // the weight of van Elteren
	}
	close(t, "W", sum, 271, 1e-12)
}

// The variance of the sum of scores is that over all assignments of the labels.
func TestGehanVarianceIsThatOfAllAssignments(t *testing.T) {
	pair := stat.Pair{Before: observe("xx-xx", 1, 3, 3, 4, 6), After: observe("x-xx-", 2, 2, 5, 7, 9)}
	strata := stat.Gehan([]stat.Pair{pair}, 0)
	squares, all := 0.0, 0.0
	stat.Permute(strata, func(sums []stat.Sums) float64 {
		squares += sums[0].Sum * sums[0].Sum
		all++
		return 0
	}, 1000, 0, stat.NewRandom(1))
	observed := 0.0
	for _, v := range strata[0].Values[5:] {
		observed += v
	}
	squares, all = squares-observed*observed, all-1 // the statistic was asked for the observed one first
	z, ok := stat.GehanZ(strata)
	if !ok {
		t.Fatal("no variance")
	}
	close(t, "Z", z, observed/math.Sqrt(squares/all), 1e-9)
}

func TestExactPermutationCountsAssignments(t *testing.T) {
	strata := []stat.Labeled{{Values: []float64{1, 2, 3, 4, 5, 6}, After: 3}}
	p, exact := stat.Permute(strata, stat.WelchStatistic(strata[0].Values, 3), 1000, 10, stat.NewRandom(1))
	if !exact {
		t.Error("20 assignments were not all tried")
	}
	close(t, "p", p, 2./20, 1e-12)

	two := []stat.Labeled{{Values: []float64{1, 2, 3, 4}, After: 2}, {Values: []float64{11, 12, 13, 14}, After: 2}}
	p, _ = stat.Permute(two, stat.BlockedStatistic(two), 1000, 10, stat.NewRandom(1))
	close(t, "p in blocks", p, 2./36, 1e-12)
	if got := stat.Assignments(two, 1000); got != 36 {
		t.Errorf("%d assignments, want 36", got)
	}
	if got := stat.Assignments(two, 30); got != 31 {
		t.Errorf("%d assignments, want 31 for more than 30", got)
	}
}

// gonum 0.17 answers 81.65 here.
func TestTQuantileFarOutIsTheNormalOneForManyDegreesOfFreedom(t *testing.T) {
	close(t, "t", stat.TQuantile(1-5e-9, 1e5), stat.NormalQuantile(1-5e-9), 1e-3)
	close(t, "median", stat.TQuantile(0.5, 7), 0, 0)
}
