package workload

import "math"

// Exceeds returns the probability that more than limit incidents come in a
// shift, if on average mean do and they come independently of each other
// (Poisson): 1 - sum of e^-m m^i/i! for i = 0..limit. It is accurate to some
// 1e-13 relatively also where it is tiny. It is NaN for a mean that is
// negative, infinite or NaN, and 1 for a negative limit.
//
// Incidents cluster, so the truth is rather worse.
func Exceeds(limit int, mean float64) float64 {
	switch {
	case math.IsNaN(mean), math.IsInf(mean, 0), mean < 0:
		return math.NaN()
	case limit < 0:
		return 1
	case mean == 0:
		return 0
	}
	if mean < float64(limit)+1 {
		return upperTail(limit+1, mean)
	}
	// The sum is at most about a half here, so that 1 minus it loses nothing.
	sum := 0.0
	for i := 0; i <= limit; i++ {
		sum += point(i, mean)
	}
	return max(0, 1-sum)
}

// upperTail adds the terms from k on, which fall: k is above the mean.
func upperTail(k int, mean float64) float64 {
	term := point(k, mean)
	sum := term
	for i := k + 1; term > sum*0x1p-60; i++ {
		term *= mean / float64(i)
		sum += term
	}
	return sum
}

// point is e^-m m^k/k!.
func point(k int, mean float64) float64 {
	if k <= 100 && mean <= 100 {
		p := math.Exp(-mean)
		for i := 1; i <= k; i++ {
			p *= mean / float64(i)
		}
		return p
	}
	log, _ := math.Lgamma(float64(k) + 1)
	return math.Exp(float64(k)*math.Log(mean) - mean - log)
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
