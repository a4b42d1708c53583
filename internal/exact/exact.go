// Package exact compares a share of counts with a rational limit: quickly in
// floats where these cannot be wrong, and with exact rationals where they can.
package exact

import "math/big"

// Margin bounds the relative error of [Above]: at most eight roundings of
// 2^-53 in the limit, the sum and the product, with a wide reserve.
const Margin = 1e-14

// tiny is below which a relative error bound no longer holds, because the
// product may have been rounded as a subnormal number; zero is below it too.
const tiny = 1e-280

// Above reports whether bad > limit*total, and whether floats suffice to be
// sure. bad is exact; total and limit may each carry a few roundings.
func Above(bad, total, limit float64) (above, sure bool) {
	right := limit * total
	if right > tiny {
		return bad > right, bad > right*(1+Margin) || bad < right*(1-Margin)
	}
	return false, false
}

// AboveRat reports whether bad > limit*total, exactly.
func AboveRat(bad, total, limit *big.Rat) bool {
	return bad.Cmp(new(big.Rat).Mul(total, limit)) > 0
}

// Rat returns the exact value of a finite f.
func Rat(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }
