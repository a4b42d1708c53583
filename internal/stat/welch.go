package stat

import "math"

// A Shift is an estimated difference of means with its standard error.
type Shift struct {
	Value, Error float64
	DF           float64 // degrees of freedom
	SD           float64 // of single values, pooled
}

// Welch returns the difference of the means, after less before, with the
// standard error of unequal variances (Welch 1947). It is false if a side has
// fewer than two values or if no value differs from the others of its side.
func Welch(before, after []float64) (Shift, bool) {
	b, a := MomentsOf(before), MomentsOf(after)
	if b.N < 2 || a.N < 2 {
		return Shift{}, false
	}
	eb, ea := b.Variance/float64(b.N), a.Variance/float64(a.N)
	if !positive(eb + ea) {
		return Shift{}, false
	}
	df := (eb + ea) * (eb + ea) / (eb*eb/float64(b.N-1) + ea*ea/float64(a.N-1))
	pooled := (b.Variance*float64(b.N-1) + a.Variance*float64(a.N-1)) / float64(b.N+a.N-2)
	return Shift{Value: a.Mean - b.Mean, Error: math.Sqrt(eb + ea), DF: df, SD: math.Sqrt(pooled)}, true
}

// A Block is one stratum: values of both sides that may be compared.
type Block struct{ Before, After []float64 }

// Blocked returns the common difference of means over blocks, each with its own
// level: least squares with one effect per block and one of the side (Montgomery,
// Design and Analysis of Experiments, chapter 4). Blocks without one of the sides
// say nothing of the difference and count for the variance only.
func Blocked(blocks []Block) (Shift, bool) {
	var weights, weighted, squares float64
	df := -1.0
	for _, k := range blocks {
		all := MomentsOf(append(append([]float64(nil), k.Before...), k.After...))
		squares += all.Variance * float64(max(0, all.N-1))
		df += float64(max(0, all.N-1))
		if len(k.Before) == 0 || len(k.After) == 0 {
			continue
		}
		w := blockWeight(len(k.Before), len(k.After))
		weights += w
		weighted += w * (MomentsOf(k.After).Mean - MomentsOf(k.Before).Mean)
	}
	if !positive(weights) || df < 1 {
		return Shift{}, false
	}
	value := weighted / weights
	variance := (squares - value*value*weights) / df
	if !positive(variance) || variance*df <= tie*squares {
		return Shift{}, false
	}
	return Shift{Value: value, Error: math.Sqrt(variance / weights), DF: df, SD: math.Sqrt(variance)}, true
}

func blockWeight(before, after int) float64 {
	return float64(before) * float64(after) / float64(before+after)
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }
