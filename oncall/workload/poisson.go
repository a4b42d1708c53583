package workload

import "math"

// Exceeds returns the probability that more than limit incidents come in a
// shift, if on average mean do and they come independently of each other
// (Poisson): 1 - sum of e^-m m^i/i! for i = 0..limit. It is accurate to some
// 1e-12 relatively also where it is tiny, down to 1e-307. It is NaN for a mean
// that is negative, infinite or NaN and for a limit above [MaxCount], and 1 for
// a negative limit.
//
// Incidents cluster, so the truth is rather worse.
func Exceeds(limit int, mean float64) float64 {
	switch {
	case math.IsNaN(mean), math.IsInf(mean, 0), mean < 0, limit > MaxCount:
		return math.NaN()
	case limit < 0:
		return 1
	case mean == 0:
		return 0
	}
	// Both tails begin at their largest term.
	if mean < float64(limit)+1 {
		return tail(point(limit+1, mean), func(step int) float64 { return mean / float64(limit+1+step) })
	}
	// The sum is at most about a half here, so that 1 minus it loses nothing.
	return 1 - tail(point(limit, mean), func(step int) float64 { return float64(limit+1-step) / mean })
}

// tail adds terms that fall, each being the one before times ratio(1), ratio(2),
// and so on, down to those that change nothing.
func tail(term float64, ratio func(step int) float64) (sum float64) {
	sum = term
	for step := 1; term > sum*0x1p-60; step++ {
		term *= ratio(step)
		sum += term
	}
	return sum
}

// point is e^-m m^k/k!. The power of e is shared out over the factors, so that
// their product neither overflows nor vanishes on the way.
func point(k int, mean float64) float64 {
	if k == 0 {
		return math.Exp(-mean)
	}
	p, share := 1.0, math.Exp(-mean/float64(k))
	for i := 1; i <= k; i++ {
		p *= mean / float64(i) * share
	}
	return p
}

// MeanFor returns the largest mean for which [Exceeds] is at most p: what a
// team may bear so that a shift with more than limit incidents stays that
// rare. It is NaN unless p is in (0, 1) and limit in 0..[MaxCount].
func MeanFor(limit int, p float64) float64 {
	if !(p > 0 && p < 1) || limit < 0 || limit > MaxCount {
		return math.NaN()
	}
	low, high := 0.0, 1.0
	for Exceeds(limit, high) <= p {
		low, high = high, 2*high
	}
	for {
		mid := low + (high-low)/2
		if mid <= low || mid >= high {
			return low
		}
		if Exceeds(limit, mid) <= p {
			low = mid
		} else {
			high = mid
		}
	}
}
