package stat

import (
	"math/bits"

	"gonum.org/v1/gonum/mathext/prng"
)

// A Random is a stream of numbers that its seed determines.
type Random struct{ source *prng.Xoshiro256plusplus }

// NewRandom returns the stream of that seed.
func NewRandom(seed uint64) Random { return Random{prng.NewXoshiro256plusplus(seed)} }

// Below returns a number in [0, n), all with the same probability (Lemire 2019).
func (r Random) Below(n int) int {
	for {
		high, low := bits.Mul64(r.source.Uint64(), uint64(n))
		if low >= uint64(n) || low >= -uint64(n)%uint64(n) {
			return int(high)
		}
	}
}

// Float returns a number in [0, 1).
func (r Random) Float() float64 { return float64(r.source.Uint64()>>11) / (1 << 53) }

// Normal returns a standard normal number.
func (r Random) Normal() float64 {
	return NormalQuantile((float64(r.source.Uint64()>>11) + 0.5) / (1 << 53))
}
