package stat

import (
	"math"
	"slices"
)

// RankBets watches a stream for a change without a price for looking often. It
// bets on the rank of each new value among all up to it. While the values are
// exchangeable, that rank is equally often each number whatever came before, so
// the stakes are a fair game: the probability that the wealth ever reaches
// 1/alpha is at most alpha (Ville 1939; Vovk, Gammerman and Shafer, Algorithmic
// Learning in a Random World, chapter 8). Equal values are ordered by the seed.
type RankBets struct {
	sorted []float64
	wealth []float64 // the logarithm, by stake
	random Random
}

// stakes are the shares that are bet on long (positive) and on short ranks, from
// careful to bold; the wealth is their mean. A change of d standard deviations is
// found fastest with a stake near 1.7 d.
var stakes = []float64{-0.95, -0.8, -0.6, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95}

// NewRankBets starts with values that are not bet on.
func NewRankBets(baseline []float64, seed uint64) *RankBets {
	b := &RankBets{sorted: slices.Sorted(slices.Values(baseline)), wealth: make([]float64, len(stakes)), random: NewRandom(seed)}
	return b
}

// Add bets on the next value and returns the logarithm of the wealth.
func (b *RankBets) Add(value float64) float64 {
	first, _ := slices.BinarySearch(b.sorted, value)
	last := first
	for last < len(b.sorted) && b.sorted[last] <= value {
		last++
	}
	at := first + b.random.Below(last-first+1)
	b.sorted = slices.Insert(b.sorted, at, value)
	if n := len(b.sorted); n > 1 {
		score := float64(2*at-(n-1)) / float64(n-1) // -1..1, 0 on average
		for i, stake := range stakes {
			b.wealth[i] += math.Log1p(stake * score)
		}
	}
	return b.LogWealth()
}

// LogWealth returns the logarithm of the mean over the stakes.
func (b *RankBets) LogWealth() float64 {
	highest := slices.Max(b.wealth)
	sum := 0.0
	for _, w := range b.wealth {
		sum += math.Exp(w - highest)
	}
	return highest + math.Log(sum/float64(len(b.wealth)))
}

// Longer reports whether bets on long values won more than those on short ones.
func (b *RankBets) Longer() bool {
	return slices.Max(b.wealth[len(b.wealth)/2:]) > slices.Max(b.wealth[:len(b.wealth)/2])
}
