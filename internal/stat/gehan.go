package stat

import (
	"math"
	"slices"
	"sort"
)

// A Pair is one stratum of two sides with censored values, on a scale where a
// change of rate is a shift, such as logarithms.
type Pair struct{ Before, After []Observation }

// Gehan returns for each stratum, before and then after, how many others are
// surely shorter less how many are surely longer, once after is moved down by
// shift, divided by the size of the stratum plus one: Gehan's Wilcoxon scores
// (1965) in van Elteren's weights (1960). Strata with one side only are left out.
func Gehan(pairs []Pair, shift float64) []Labeled {
	var list []Labeled
	for _, p := range pairs {
		if len(p.Before) == 0 || len(p.After) == 0 {
			continue
		}
		all := slices.Clone(p.Before)
		for _, o := range p.After {
			all = append(all, Observation{o.Time - shift, o.Event})
		}
		list = append(list, Labeled{Values: gehanScores(all), After: len(p.After)})
	}
	return list
}

func gehanScores(all []Observation) []float64 {
	var events, censored []float64
	for _, o := range all {
		if o.Event {
			events = append(events, o.Time)
		} else {
			censored = append(censored, o.Time)
		}
	}
	slices.Sort(events)
	slices.Sort(censored)
	scores := make([]float64, len(all))
	for i, o := range all {
		shorter, _ := slices.BinarySearch(events, o.Time)
		upTo := sort.Search(len(events), func(j int) bool { return events[j] > o.Time })
		if !o.Event {
			scores[i] = float64(upTo)
		} else {
			before, _ := slices.BinarySearch(censored, o.Time)
			scores[i] = float64(shorter - (len(events) - upTo) - (len(censored) - before))
		}
		scores[i] /= float64(len(all) + 1)
	}
	return scores
}

// GehanZ returns the standardized sum of the scores of after, with the variance
// that dealing the labels within the strata has (Mantel 1967), or false if that
// is none.
func GehanZ(strata []Labeled) (float64, bool) {
	var sum, variance float64
	for _, s := range strata {
		n, after := float64(len(s.Values)), float64(s.After)
		squares := 0.0
		for i, v := range s.Values {
			squares += v * v
			if i >= len(s.Values)-s.After {
				sum += v
			}
		}
		variance += after * (n - after) / (n * (n - 1)) * squares
	}
	if !positive(variance) {
		return 0, false
	}
	return sum / math.Sqrt(variance), true
}

// GehanShift returns the shift of after against before that leaves nothing to
// see, if there is one, and those shifts that a test of that level does not refuse (Wei and Gail
// 1983). An end that no shift in the range of the values reaches is infinite.
func GehanShift(pairs []Pair, level float64) (value float64, ok bool, low, high float64) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, p := range pairs {
		for _, o := range slices.Concat(p.Before, p.After) {
			least, most = math.Min(least, o.Time), math.Max(most, o.Time)
		}
	}
	reach := 1 + most - least
	z := NormalQuantile(1 - (1-level)/2)
	below := func(bound float64) (float64, bool) {
		return bisect(-reach, reach, func(shift float64) bool {
			got, ok := GehanZ(Gehan(pairs, shift))
			return ok && got <= bound
		})
	}
	low, high = math.Inf(-1), math.Inf(1)
	if x, ok := below(z); ok && x > -reach+tie {
		low = x
	}
	if x, ok := below(-z); ok {
		high = x
	}
	first, ok := below(tie)
	last, ok2 := below(-tie)
	if !ok || !ok2 || first <= -reach+tie {
		return 0, false, low, high
	}
	return first + (last-first)/2, true, low, high
}
