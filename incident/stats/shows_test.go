package stats_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre/incident/stats"
	"github.com/sre-sdk/sre/internal/stat"
)

// Random halves of the public cloud incidents differ by chance alone.
func TestSplitsWithoutChangeAreEvidenceAtMostAtTheStatedLevel(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	r, c := stat.NewRandom(*seed), compiled(199)
	for _, perSide := range []int{10, 25, 56} {
		hits := 0
		for range *simulations {
			shuffle(r, minutes)
			k, err := c.Compare(lasting("b", 2, minutes[:perSide]...), lasting("a", 2, minutes[perSide:2*perSide]...), stats.MTTR)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := k.Verdict.(stats.Evidence); ok {
				hits++
			}
		}
		atMost(t, "evidence between random halves", hits, *simulations, 0.05)
	}
}

func shuffle(r stat.Random, values []float64) {
	for i := range values {
		j := i + r.Below(len(values)-i)
		values[i], values[j] = values[j], values[i]
	}
}

// Half as long is found with 80 % power once the sample is as large as the MDE
// asks for, and its interval holds the truth.
func TestTrueCutByHalfIsFoundWithTheStatedPower(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	logs := make([]float64, len(minutes))
	for i, m := range minutes {
		logs[i] = math.Log(m)
	}
	sd := math.Sqrt(stat.MomentsOf(logs).Variance)
	// Invert the MDE: how many per side for a cut by half?
	perSide := 5
	for ; ; perSide++ {
		shift, _ := stat.DetectableT(float64(2*perSide-2), 0.05, 0.8)
		if shift*sd*math.Sqrt(2/float64(perSide)) <= math.Ln2 {
			break
		}
	}
	t.Logf("sd of ln %.3f: %d incidents per side for a cut by half", sd, perSide)
	r, c := stat.NewRandom(*seed), compiled(499)
	for _, v := range []struct {
		perSide int
		power   float64
	}{{perSide, 0.8}, {2 * perSide, 0.97}} {
		found, covered := 0, 0
		for range *simulations {
			k, err := c.Compare(lasting("b", 2, draw(r, minutes, v.perSide, 1)...), lasting("a", 2, draw(r, minutes, v.perSide, 0.5)...), stats.MTTR)
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := k.Verdict.(stats.Evidence); ok && e.Change.Factor.Times < 1 {
				found++
			}
			if k.Change.Low.Times <= 0.5 && 0.5 <= k.Change.High.Times {
				covered++
			}
		}
		// 2 points for the tails, which are a little heavier than lognormal, and for
		// the permutation test that must agree.
		atLeast(t, "true cut by half found", found, *simulations, v.power-0.02)
		atLeast(t, "interval of the change holds 0.5", covered, *simulations, 0.93)
		atMost(t, "interval of the change holds 0.5", covered, *simulations, 0.97)
	}
}

// The companies of Davidovic 2021, table 1: incidents of 2019, mean and standard
// deviation of the time to recovery in minutes.
var companies = []struct {
	name     string
	n        int
	mean, sd float64

	halfWidths  [2]float64 // table 2, minutes: N1+N2 = 100 and 1000
	not, false_ int        // percent: no improvement seen though all were 10 % shorter; half an hour seen without change
}{
	{"A", 173, 146, 316, [2]float64{104, 33}, 38, 19},
	{"B", 103, 151, 301, [2]float64{99, 31}, 40, 23},
	{"C", 609, 271, 413, [2]float64{136, 43}, 20, 10},
}

func TestNoiseOfTheMeanReproducesDavidovicTable2(t *testing.T) {
	for _, c := range companies {
		for i, perSide := range []int{50, 500} {
			got := stats.MeanNoise(time.Duration(c.sd*float64(time.Minute)), perSide, 0.9)
			want := c.halfWidths[i]
			t.Logf("company %s, N1+N2=%d: ±%v, published ±%.0fm", c.name, 2*perSide, got, want)
			if math.Abs(got.Duration.Minutes()-want) > 0.05*want {
				t.Errorf("company %s, N1+N2=%d: ±%v, want ±%.0fm within 5 %%", c.name, 2*perSide, got, want)
			}
		}
	}
}

// The normal approximation of the same shares gives them within a percent point.
func TestNormalApproximationReproducesDavidovicShares(t *testing.T) {
	for _, c := range companies {
		n := float64(c.n)
		spread := c.sd * math.Sqrt((1+0.9*0.9)/(n/2))
		not := 100 * stat.NormalTails(0.1*c.mean/spread) / 2
		false_ := 100 * stat.NormalTails(30/(c.sd*math.Sqrt(2/n))) / 2
		t.Logf("company %s: no improvement seen in %.1f %% (published %d), false half hour in %.1f %% (published %d)", c.name, not, c.not, false_, c.false_)
		if math.Abs(not-float64(c.not)) > 0.8 || math.Abs(false_-float64(c.false_)) > 0.8 {
			t.Errorf("company %s: %.1f and %.1f, want %d and %d", c.name, not, false_, c.not, c.false_)
		}
	}
}

// The report states two shares per company. The first comes of two samples of
// half the year's incidents each, as it says. The second comes only if each
// sample is as large as the year: with halves it is 25, 30 and 18 %.
func TestSharesOfSimulationsReproduceDavidovic(t *testing.T) {
	n := 5 * *simulations
	r := stat.NewRandom(*seed)
	mean := func(size int, mean, sd float64) float64 {
		sum := 0.0
		for range size {
			sum += lognormal(r, mean, sd)
		}
		return sum / float64(size)
	}
	for _, c := range companies {
		not, false_, halves := 0, 0, 0
		for range n {
			if 0.9*mean(c.n/2, c.mean, c.sd) >= mean(c.n/2, c.mean, c.sd) {
				not++
			}
			if mean(c.n/2, c.mean, c.sd)-mean(c.n/2, c.mean, c.sd) >= 30 {
				halves++
			}
			if mean(c.n, c.mean, c.sd)-mean(c.n, c.mean, c.sd) >= 30 {
				false_++
			}
		}
		percent := func(hits int) float64 { return 100 * float64(hits) / float64(n) }
		t.Logf("company %s: no improvement seen in %.1f %% (published %d), false half hour in %.1f %% (published %d; in halves %.1f), %d simulations, seed %d",
			c.name, percent(not), c.not, percent(false_), c.false_, percent(halves), n, *seed)
		for _, v := range []struct{ got, want float64 }{{percent(not), float64(c.not)}, {percent(false_), float64(c.false_)}} {
			// A lognormal of the same moments is not the empirical distribution: it is off
			// by up to 3 points.
			noise := 4 * math.Sqrt(v.want*(100-v.want)/float64(n))
			if math.Abs(v.got-v.want) > 3+noise {
				t.Errorf("company %s: %.1f %%, published %.0f", c.name, v.got, v.want)
			}
		}
	}
}

// Tables 3 to 5: for the same incidents the noise of the geometric mean is least,
// then that of the median, the mean and the 95th percentile.
func TestNoiseOfStatisticsIsOrderedAsDavidovicFound(t *testing.T) {
	const size = 50
	r := stat.NewRandom(*seed)
	for _, c := range companies {
		var widths [4][]float64
		for range *simulations {
			var sides [2][4]float64
			for s := range sides {
				list, logs := make([]float64, size), make([]float64, size)
				for i := range list {
					list[i] = lognormal(r, c.mean, c.sd)
					logs[i] = math.Log(list[i])
				}
				slices.Sort(list)
				sides[s] = [4]float64{
					math.Exp(stat.MomentsOf(logs).Mean), stat.Quantile(list, 0.5),
					stat.MomentsOf(list).Mean, stat.Quantile(list, 0.95),
				}
			}
			for i := range widths {
				widths[i] = append(widths[i], math.Abs(sides[1][i]-sides[0][i]))
			}
		}
		var half [4]float64
		for i := range widths {
			slices.Sort(widths[i])
			half[i] = stat.Quantile(widths[i], 0.9)
		}
		t.Logf("company %s, N1+N2=100: geometric mean ±%.0fm, median ±%.0fm, mean ±%.0fm, p95 ±%.0fm; %d simulations, seed %d",
			c.name, half[0], half[1], half[2], half[3], *simulations, *seed)
		if !slices.IsSorted(half[:]) {
			t.Errorf("company %s: not ordered: %v", c.name, half)
		}
	}
}

// The intervals of one period hold the truth as often as they say.
func TestIntervalsCover(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	truth := slices.Sorted(slices.Values(minutes))
	logs := 0.0
	for _, m := range minutes {
		logs += math.Log(m) / float64(len(minutes))
	}
	r, c := stat.NewRandom(*seed), compiled(499)
	for _, size := range []int{20, 60} {
		var median, geometric, kaplanMeier, level float64
		n := 2 * *simulations
		for range n {
			list := draw(r, minutes, size, 1)
			s, err := c.Describe(lasting("x", 1, list...), stats.MTTR)
			if err != nil {
				t.Fatal(err)
			}
			level += s.Median.Level / float64(n)
			median += holds(s.Median, stat.Quantile(truth, 0.5)) / float64(n)
			geometric += holds(s.GeometricMean, math.Exp(logs)) / float64(n)

			facts := make([]stats.Fact, 0, size)
			for i := range size { // lognormal without ties, about a third still open
				facts = append(facts, lasting(fmt.Sprint(i), 1, math.Exp(4.25+1.25*r.Normal()))...)
				until := facts[i].Times.Impact.Add(time.Duration(math.Exp(5.1+1.25*r.Normal()) * float64(time.Minute)))
				if until.Before(facts[i].Times.Resolved) {
					facts[i].Times.Resolved, facts[i].Open, facts[i].ObservedUntil = time.Time{}, true, until
				}
			}
			if s, err = c.Describe(facts, stats.MTTR); err != nil {
				t.Fatal(err)
			}
			kaplanMeier += holds(s.Median, math.Exp(4.25)) / float64(n)
		}
		t.Logf("%d incidents: median %.1f %% (stated %.1f), geometric mean %.1f %% (95), Kaplan-Meier median %.1f %% (95); %d simulations, seed %d",
			size, 100*median, 100*level, 100*geometric, 100*kaplanMeier, n, *seed)
		noise := 4 * math.Sqrt(0.05*0.95/float64(n))
		for name, got := range map[string]float64{"geometric mean": geometric, "Kaplan-Meier median": kaplanMeier} {
			if got < 0.93-noise || got > 0.97+noise {
				t.Errorf("%d incidents: the interval of the %s holds the truth in %.1f %%", size, name, 100*got)
			}
		}
		// Ties in the data make order statistics hold it more often than stated.
		if median < level-noise {
			t.Errorf("%d incidents: the interval of the median holds the truth in %.1f %%, stated %.1f", size, 100*median, 100*level)
		}
	}
}

func holds(e stats.Estimate, minutes float64) float64 {
	if e.Low.Known && e.Low.Duration.Minutes() > minutes+1e-6 || e.High.Known && e.High.Duration.Minutes() < minutes-1e-6 {
		return 0
	}
	return 1
}

// The mean time to repair that the Ministry of Justice published went 27m, 225h10m,
// 55m, 10h55m, 35h36m, 3h21m, 1h39m.
func TestQuartersOfTheMinistryOfJusticeAreNoEvidence(t *testing.T) {
	keys, minutes := column(t, "moj.csv")
	byQuarter := map[string][]float64{}
	for i, k := range keys {
		byQuarter[k] = append(byQuarter[k], minutes[i])
	}
	quarters := []string{"2022-Q4", "2023-Q1", "2023-Q2", "2023-Q3", "2023-Q4", "2024-Q2", "2024-Q3"}
	published := []string{"27m", "225h10m", "55m", "10h55m", "35h36m", "3h21m", "1h39m"}
	c := stats.Policy{}.MustCompile()
	for i, q := range quarters {
		s, err := c.Describe(lasting(q, 0, byQuarter[q]...), stats.MTTR)
		if err != nil {
			t.Fatal(err)
		}
		if got := stats.Text(s.Mean.Value.Duration.Truncate(time.Minute)); got != published[i] {
			t.Errorf("%s: mean %s, published %s", q, got, published[i])
		}
		if got := s.Tally.Success; got < 1 || got > 4 {
			t.Errorf("%s: %d incidents, want 1 to 4", q, got)
		}
	}
	for i := range quarters {
		for j := i + 1; j < len(quarters); j++ {
			k, err := c.Compare(lasting(quarters[i], 0, byQuarter[quarters[i]]...), lasting(quarters[j], 0, byQuarter[quarters[j]]...), stats.MTTR)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := k.Verdict.(stats.Evidence); ok {
				t.Errorf("%s against %s: %s", quarters[i], quarters[j], k.Sentence())
			}
			if j == i+1 || strings.HasPrefix(k.Verdict.String(), "no evidence") {
				t.Logf("%s to %s: %s", quarters[i], quarters[j], k.Sentence())
			}
		}
	}
}
