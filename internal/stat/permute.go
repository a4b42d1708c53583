package stat

import "math"

// A Labeled is one stratum of a permutation test: all its values, of which the
// last After are those of the side after.
type Labeled struct {
	Values []float64
	After  int
}

// Sums are those of the values that an assignment gives to the side after.
type Sums struct{ Sum, Square float64 }

// Assignments returns in how many ways the labels can be dealt within the
// strata, or limit+1 if in more than limit.
func Assignments(strata []Labeled, limit int) int {
	ways := 1.0
	for _, s := range strata {
		n, k := len(s.Values), min(s.After, len(s.Values)-s.After)
		for i := range k {
			ways = ways * float64(n-i) / float64(i+1)
			if ways > float64(limit)+0.5 {
				return limit + 1
			}
		}
	}
	return int(math.Round(ways))
}

// Permute returns the share of assignments of labels, dealt within the strata,
// whose statistic is at least the one observed. Up to limit assignments are all
// tried and the share is exact; beyond, so many random ones are, and the observed
// one counts among them, so that the p-value keeps its level (Phipson and Smyth
// 2010). The statistic gets the sums of the side after, one per stratum.
func Permute(strata []Labeled, statistic func([]Sums) float64, limit, resamples int, random Random) (p float64, exact bool) {
	sums := make([]Sums, len(strata))
	for i, s := range strata {
		for _, v := range s.Values[len(s.Values)-s.After:] {
			sums[i].add(v)
		}
	}
	observed := statistic(sums)
	enough := observed - tie*math.Abs(observed) - math.SmallestNonzeroFloat64
	if Assignments(strata, limit) <= limit {
		d := deal{strata: strata, sums: sums, statistic: statistic, enough: enough}
		d.stratum(0)
		return float64(d.hits) / float64(d.all), true
	}
	hits := 1
	shuffled := make([][]float64, len(strata))
	for i, s := range strata {
		shuffled[i] = append([]float64(nil), s.Values...)
	}
	for range resamples {
		for i, s := range strata {
			sums[i] = draw(shuffled[i], s.After, random)
		}
		if statistic(sums) >= enough {
			hits++
		}
	}
	return float64(hits) / float64(resamples+1), false
}

func (s *Sums) add(v float64) { s.Sum += v; s.Square += v * v }

// draw sums k random values, and leaves the values in another order.
func draw(values []float64, k int, random Random) (s Sums) {
	for i := range k {
		j := i + random.Below(len(values)-i)
		values[i], values[j] = values[j], values[i]
		s.add(values[i])
	}
	return s
}

// deal tries every assignment.
type deal struct {
	strata    []Labeled
	sums      []Sums
	statistic func([]Sums) float64
	enough    float64
	hits, all int
}

func (d *deal) stratum(i int) {
	if i == len(d.strata) {
		d.all++
		if d.statistic(d.sums) >= d.enough {
			d.hits++
		}
		return
	}
	d.choose(i, 0, d.strata[i].After, Sums{})
}

func (d *deal) choose(i, from, left int, sum Sums) {
	if left == 0 {
		d.sums[i] = sum
		d.stratum(i + 1)
		return
	}
	values := d.strata[i].Values
	for j := from; j <= len(values)-left; j++ {
		next := sum
		next.add(values[j])
		d.choose(i, j+1, left-1, next)
	}
}

// WelchStatistic returns |t| of one stratum as a function of its sums. The
// studentized statistic keeps the level also where only the means are equal and
// the variances are not, for many values (Janssen 1997).
func WelchStatistic(values []float64, after int) func([]Sums) float64 {
	var all Sums
	for _, v := range values {
		all.add(v)
	}
	na, nb := float64(after), float64(len(values)-after)
	return func(sums []Sums) float64 {
		a := sums[0]
		b := Sums{all.Sum - a.Sum, all.Square - a.Square}
		difference := math.Abs(a.Sum/na - b.Sum/nb)
		variance := (a.Square-a.Sum*a.Sum/na)/(na-1)/na + (b.Square-b.Sum*b.Sum/nb)/(nb-1)/nb
		floor := tie * (all.Square/(na+nb) + math.SmallestNonzeroFloat64)
		return difference / math.Sqrt(math.Max(variance, floor))
	}
}

// BlockedStatistic returns the size of the weighted difference of means over
// strata. Over assignments within them it orders like |t| of [Blocked].
func BlockedStatistic(strata []Labeled) func([]Sums) float64 {
	totals := make([]float64, len(strata))
	for i, s := range strata {
		for _, v := range s.Values {
			totals[i] += v
		}
	}
	return func(sums []Sums) float64 {
		weighted := 0.0
		for i, s := range strata {
			na, nb := float64(s.After), float64(len(s.Values)-s.After)
			weighted += na * nb / (na + nb) * (sums[i].Sum/na - (totals[i]-sums[i].Sum)/nb)
		}
		return math.Abs(weighted)
	}
}

// SumStatistic returns how far the sum of scores is from the given one.
func SumStatistic(expected float64) func([]Sums) float64 {
	return func(sums []Sums) float64 {
		total := -expected
		for _, s := range sums {
			total += s.Sum
		}
		return math.Abs(total)
	}
}
