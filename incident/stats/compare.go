package stats

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/stat"
)

// A Method is how two periods were compared; the package comment explains them.
type Method uint8

const (
	NoMethod     Method = iota // too few
	LogT                       // Welch's t test of logarithms
	BlockedLogT                // the same with one effect per stratum
	Gehan                      // Gehan's Wilcoxon test: some incidents are open
	BlockedGehan               // the same within strata
)

var methodNames = [...]string{"none", "log_t", "blocked_log_t", "gehan", "blocked_gehan"}

// String returns the lower-case name.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return fmt.Sprintf("method(%d)", uint8(m))
}

// A Comparison is what two periods say of a measure.
type Comparison struct {
	Measure       Measure
	Before, After Tally
	Unmatched     int // usable incidents whose stratum the other period lacks

	Method       Method
	Change       Change  // of the geometric mean; with open incidents of the whole distribution
	PTest        float64 // of the t test, or of the normal one with open incidents
	PPermutation float64
	Exact        bool    // every assignment was tried
	P            float64 // the larger one, adjusted for the other measures compared
	Alpha        float64 // what P was held against

	Mix     Mix
	Verdict Verdict
}

// A Mix says how the strata shifted between the periods.
type Mix struct {
	Strata   Strata
	Shares   []Share // by name
	P        float64 // that so large a shift is chance; 1 with one stratum
	Crude    Factor  // the change of the geometric mean that ignores strata
	Reversed bool    // Simpson: the crude change points the other way
}

// A Share counts the usable incidents of one stratum.
type Share struct {
	Name          string
	Before, After int
}

// Compare says whether a measure has changed from one period to the other. Its
// error carries every [sre.Problem] at once.
func (c *Compiled) Compare(before, after []Fact, m Measure) (Comparison, error) {
	list, err := c.CompareAll(before, after, m)
	if err != nil {
		return Comparison{}, err
	}
	return list[0], nil
}

// CompareAll compares several measures, and keeps the probability of any false
// evidence among them at most Alpha (Holm). The level of each interval is the one
// that the verdict used.
func (c *Compiled) CompareAll(before, after []Fact, measures ...Measure) ([]Comparison, error) {
	var p sre.Problems
	if len(measures) == 0 || len(measures) > MaxMeasures {
		p.Add("measures", "out_of_range", len(measures), fmt.Sprintf("1 to %d", MaxMeasures))
	} else {
		for i, m := range measures {
			m.check(&p, "measures["+strconv.Itoa(i)+"]")
		}
	}
	seen := map[string]bool{}
	checkFacts(&p, "before", before, MaxFacts, seen)
	checkFacts(&p, "after", after, MaxFacts, seen)
	if err := p.Err("incident/stats"); err != nil {
		return nil, err
	}
	list := make([]comparing, len(measures))
	raw := make([]float64, len(measures))
	for i, m := range measures {
		list[i] = c.test(before, after, m)
		raw[i] = list[i].P
	}
	adjusted, shares := stat.Holm(raw), stat.HolmShares(raw)
	out := make([]Comparison, len(measures))
	for i := range list {
		out[i] = list[i].judge(adjusted[i], c.policy.Alpha/float64(shares[i]))
	}
	return out, nil
}

// comparing is a comparison before its verdict.
type comparing struct {
	Comparison
	c     *Compiled
	pairs []stat.Pair // of logarithms; only strata with both sides
	shift stat.Shift  // without open incidents
	few   *TooFew
}

func (c *Compiled) test(before, after []Fact, m Measure) comparing {
	k := comparing{c: c, Comparison: Comparison{Measure: m, PTest: 1, PPermutation: 1, P: 1}}
	k.split(before, after)
	k.few = k.tooFew()
	switch {
	case k.few != nil:
	case k.Before.Censored+k.After.Censored > 0:
		k.testGehan()
	default:
		k.testLogs()
	}
	k.P = math.Max(k.PTest, k.PPermutation)
	return k
}

// split sorts the spans into strata.
func (k *comparing) split(before, after []Fact) {
	pairs := map[string]*stat.Pair{}
	side := func(facts []Fact, tally *Tally, of func(*stat.Pair) *[]stat.Observation) {
		for _, f := range facts {
			span := k.Measure.Of(f)
			tally.add(span.Validity)
			if span.Validity != Success && span.Validity != Censored {
				continue
			}
			name := k.c.policy.Strata.of(f)
			if pairs[name] == nil {
				pairs[name] = &stat.Pair{}
			}
			list := of(pairs[name])
			*list = append(*list, stat.Observation{Time: k.c.log(span.Duration), Event: span.Validity == Success})
		}
	}
	side(before, &k.Before, func(p *stat.Pair) *[]stat.Observation { return &p.Before })
	side(after, &k.After, func(p *stat.Pair) *[]stat.Observation { return &p.After })

	k.Mix = Mix{Strata: k.c.policy.Strata, P: 1}
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		p := *pairs[name]
		k.Mix.Shares = append(k.Mix.Shares, Share{name, len(p.Before), len(p.After)})
		if len(p.Before) == 0 || len(p.After) == 0 {
			k.Unmatched += len(p.Before) + len(p.After)
			continue
		}
		k.pairs = append(k.pairs, p)
	}
	k.Mix.P = mixP(k.Mix.Shares, k.c.policy)
}

// tooFew returns why no assignment of these incidents to the periods could have
// been evidence, or nil.
func (k *comparing) tooFew() *TooFew {
	few := func(code, text string) *TooFew {
		return &TooFew{Before: k.Before.Used(), After: k.After.Used(), Reason: sre.Reason{Code: code, Text: text}}
	}
	strata := labeled(k.pairs)
	if len(strata) == 0 {
		return few("nothing_to_compare", "no stratum has incidents in both periods")
	}
	least := 1.0
	for _, s := range strata {
		if 2*s.After != len(s.Values) {
			least = 0.5
		}
	}
	// The most extreme assignment is one of all, or one of two where the sides are
	// of one size and can change places.
	ways := stat.Assignments(strata, int(4/k.c.policy.Alpha))
	if 2*least/float64(ways) > k.c.policy.Alpha {
		return few("too_few_incidents", "even if each incident after were shorter than each before, that would happen by chance too often")
	}
	if k.Before.Censored+k.After.Censored > 0 {
		if _, ok := stat.GehanZ(stat.Gehan(k.pairs, 0)); !ok {
			return few("no_spread", "the incidents that have ended do not differ")
		}
		return nil
	}
	shift, ok := k.estimate()
	if !ok {
		return few("no_spread", "one period has a single incident, or all lasted equally long")
	}
	k.shift = shift
	return nil
}

// estimate returns the shift of the logarithms.
func (k *comparing) estimate() (stat.Shift, bool) {
	if len(k.pairs) == 1 {
		return stat.Welch(times(k.pairs[0].Before), times(k.pairs[0].After))
	}
	blocks := make([]stat.Block, len(k.pairs))
	for i, p := range k.pairs {
		blocks[i] = stat.Block{Before: times(p.Before), After: times(p.After)}
	}
	return stat.Blocked(blocks)
}

func (k *comparing) testLogs() {
	strata := labeled(k.pairs)
	statistic := stat.BlockedStatistic(strata)
	k.Method = BlockedLogT
	if len(strata) == 1 {
		k.Method = LogT
		statistic = stat.WelchStatistic(strata[0].Values, strata[0].After)
	}
	k.PTest = stat.TTails(k.shift.Value/k.shift.Error, k.shift.DF)
	k.permute(strata, statistic)
	k.crude()
}

func (k *comparing) testGehan() {
	strata := stat.Gehan(k.pairs, 0)
	k.Method = Gehan
	if len(strata) > 1 {
		k.Method = BlockedGehan
	}
	z, _ := stat.GehanZ(strata)
	k.PTest = stat.NormalTails(z)
	k.permute(strata, stat.SumStatistic(0)) // scores sum to 0 in each stratum
}

func (k *comparing) permute(strata []stat.Labeled, statistic func([]stat.Sums) float64) {
	policy := k.c.policy
	k.PPermutation, k.Exact = stat.Permute(strata, statistic, policy.Exact, policy.Resamples, stat.NewRandom(policy.Seed))
}

// crude compares the geometric means of the same incidents, strata aside.
func (k *comparing) crude() {
	var all stat.Block
	for _, p := range k.pairs {
		all.Before = append(all.Before, times(p.Before)...)
		all.After = append(all.After, times(p.After)...)
	}
	crude := stat.MomentsOf(all.After).Mean - stat.MomentsOf(all.Before).Mean
	k.Mix.Crude = factorOf(crude)
	k.Mix.Reversed = crude*k.shift.Value < 0
}

// judge makes the verdict at the level that Holm leaves.
func (k comparing) judge(adjusted, alpha float64) Comparison {
	out := k.Comparison
	out.P, out.Alpha = adjusted, alpha
	if k.few != nil {
		out.Verdict = *k.few
		return out
	}
	var mde MDE
	if k.shift.DF > 0 {
		out.Change, mde = k.fromT(alpha)
	} else {
		out.Change, mde = k.fromGehan(alpha)
	}
	if adjusted <= k.c.policy.Alpha {
		out.Verdict = Evidence{out.Change, adjusted}
	} else {
		out.Verdict = NoEvidence{adjusted, mde}
	}
	return out
}

func (k comparing) fromT(alpha float64) (Change, MDE) {
	width := stat.TQuantile(1-alpha/2, k.shift.DF) * k.shift.Error
	change := Change{
		Factor: factorOf(k.shift.Value), Level: 1 - alpha,
		Low: factorOf(k.shift.Value - width), High: factorOf(k.shift.Value + width),
	}
	errors, ok := stat.DetectableT(k.shift.DF, alpha, k.c.policy.Power)
	return change, mdeOf(errors*k.shift.Error, ok, k.shift.SD, k.c.policy, alpha)
}

// fromGehan takes the standard error from the width of the interval.
func (k comparing) fromGehan(alpha float64) (Change, MDE) {
	value, ok, low, high := stat.GehanShift(k.pairs, 1-alpha)
	change := Change{Level: 1 - alpha, Low: factorOf(low), High: factorOf(high)}
	if ok {
		change.Factor = factorOf(value)
	}
	if !change.Low.Known || !change.High.Known {
		return change, mdeOf(0, false, 0, k.c.policy, alpha)
	}
	z := stat.NormalQuantile(1 - alpha/2)
	standardError := (high - low) / (2 * z)
	n, m := 0, 0
	for _, p := range k.pairs {
		n, m = n+len(p.Before), m+len(p.After)
	}
	sd := standardError / math.Sqrt(1/float64(n)+1/float64(m))
	return change, mdeOf((z+stat.NormalQuantile(k.c.policy.Power))*standardError, true, sd, k.c.policy, alpha)
}

func times(list []stat.Observation) []float64 {
	out := make([]float64, len(list))
	for i, o := range list {
		out[i] = o.Time
	}
	return out
}

func labeled(pairs []stat.Pair) []stat.Labeled {
	out := make([]stat.Labeled, len(pairs))
	for i, p := range pairs {
		out[i] = stat.Labeled{Values: append(times(p.Before), times(p.After)...), After: len(p.After)}
	}
	return out
}

// mixResamples are enough to say whether the mix changed.
const mixResamples = 999

// mixP tests by permutation of the chi-square statistic whether the periods have
// one mix of strata.
func mixP(shares []Share, policy Policy) float64 {
	var kinds []int
	after, before := 0, 0
	for i, s := range shares {
		for range s.Before + s.After {
			kinds = append(kinds, i)
		}
		before, after = before+s.Before, after+s.After
	}
	if len(shares) < 2 || before == 0 || after == 0 {
		return 1
	}
	chiSquare := func(counts []int) float64 {
		sum := 0.0
		for i, s := range shares {
			expected := float64(s.Before+s.After) * float64(after) / float64(before+after)
			sum += (float64(counts[i]) - expected) * (float64(counts[i]) - expected) / expected
		}
		return sum
	}
	counts := make([]int, len(shares))
	for i, s := range shares {
		counts[i] = s.After
	}
	observed := chiSquare(counts) * (1 - 1e-9)
	random := stat.NewRandom(policy.Seed)
	hits := 1
	for range mixResamples {
		clear(counts)
		for i := range after {
			j := i + random.Below(len(kinds)-i)
			kinds[i], kinds[j] = kinds[j], kinds[i]
			counts[kinds[i]]++
		}
		if chiSquare(counts) >= observed {
			hits++
		}
	}
	return float64(hits) / (mixResamples + 1)
}
