package exact_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/exact"
)

// Where Above is sure, it says what exact rationals say; limit and total carry
// the roundings that callers make.
func TestAboveIsRightWhereItIsSure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		num := rapid.Int64Range(1, 1<<53).Draw(t, "num")
		den := rapid.Int64Range(1, 1<<53).Draw(t, "den")
		good := rapid.Float64Range(0, 1e18).Draw(t, "good")
		bad := rapid.OneOf(
			rapid.Float64Range(0, 1e18),
			rapid.Just(good*float64(num)/float64(den)),                       // near the boundary of bad > limit*good
			rapid.Just(math.Nextafter(good*float64(num)/float64(den), 1e18)), // one step above it
		).Draw(t, "bad")
		if bad > 1e18 || math.IsNaN(bad) {
			t.Skip()
		}
		above, sure := exact.Above(bad, good+bad, float64(num)/float64(den))
		total := new(big.Rat).Add(exact.Rat(good), exact.Rat(bad))
		want := exact.AboveRat(exact.Rat(bad), total, big.NewRat(num, den))
		if sure && above != want {
			t.Fatalf("Above(%v of %v, %d/%d) = %v, exact arithmetic says %v", bad, good+bad, num, den, above, want)
		}
	})
}

func TestAboveIsNeverSureOfNothing(t *testing.T) {
	for _, c := range []struct{ bad, total, limit float64 }{{0, 0, 0.001}, {0, 10, 0}, {1, 10, 0}, {5e-324, 1e-323, 0.5}} {
		if _, sure := exact.Above(c.bad, c.total, c.limit); sure {
			t.Errorf("Above(%v, %v, %v) is sure, want it left to exact arithmetic", c.bad, c.total, c.limit)
		}
	}
}
