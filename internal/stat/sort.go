package stat

import (
	"cmp"
	"slices"
)

// byValue returns the indices of values in ascending order, equal ones as they
// stand.
func byValue(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	return order
}
