package stat

import "math"

// tie is how close two numbers that come from different sums may be and still
// count as the same. It errs to the side of "no evidence".
const tie = 1e-9

// Quantile returns the q-quantile of sorted values: the inverse of their
// distribution function, averaged where that jumps (Hyndman and Fan 1996,
// definition 2). The median is the usual one.
func Quantile(sorted []float64, q float64) float64 {
	position := q * float64(len(sorted))
	low := int(math.Floor(position + tie))
	if math.Abs(position-math.Round(position)) <= tie && low >= 1 && low < len(sorted) {
		return sorted[low-1] + (sorted[low]-sorted[low-1])/2
	}
	return sorted[min(low, len(sorted)-1)]
}

// QuantileRanks returns the order statistics that enclose the q-quantile of n
// values with at least that probability, whatever the distribution, and the
// probability itself (David and Nagaraja, Order Statistics, 7.1). Rank 0 and
// rank n+1 mean that no value is far enough out.
func QuantileRanks(n int, q, level float64) (low, high int, coverage float64) {
	tail := (1 - level) / 2
	for low < n && BinomialAtMost(low, n, q) <= tail {
		low++
	}
	high = n + 1
	for high > 1 && 1-BinomialAtMost(high-2, n, q) <= tail {
		high--
	}
	return low, high, BinomialAtMost(high-1, n, q) - BinomialAtMost(low-1, n, q)
}

// Moments are those of a sample.
type Moments struct {
	N              int
	Mean, Variance float64 // Variance divides by N-1; 0 if N is below 2
}

// MomentsOf returns the moments, by centered sums.
func MomentsOf(values []float64) Moments {
	m := Moments{N: len(values)}
	for _, v := range values {
		m.Mean += v / float64(m.N)
	}
	for _, v := range values {
		m.Variance += (v - m.Mean) * (v - m.Mean)
	}
	if m.N < 2 {
		m.Variance = 0
		return m
	}
	m.Variance /= float64(m.N - 1)
	return m
}

// Holm returns the p-values adjusted for each other (Holm 1979): rejecting those
// at most alpha keeps the probability of any false rejection at most alpha.
func Holm(p []float64) []float64 {
	adjusted := make([]float64, len(p))
	highest := 0.0
	for rank, i := range byValue(p) {
		highest = math.Max(highest, math.Min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}

// HolmShares returns by how much Holm divides alpha for each p-value.
func HolmShares(p []float64) []int {
	shares := make([]int, len(p))
	for rank, i := range byValue(p) {
		shares[i] = len(p) - rank
	}
	return shares
}
