package workload

import (
	"bytes"
	"math/big"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Number is an exact rational: a share, a score, an amount of money in minor
// units. The zero value is 0. Numbers are immutable.
type Number struct {
	r *big.Rat
}

// Fraction returns num/den; it panics if den is 0.
func Fraction(num, den int64) Number { return Number{big.NewRat(num, den)} }

var zero = new(big.Rat)

func (n Number) rat() *big.Rat {
	if n.r == nil {
		return zero
	}
	return n.r
}

// Rat returns the value as a copy.
func (n Number) Rat() *big.Rat { return new(big.Rat).Set(n.rat()) }

// Compare returns -1, 0 or +1 as n is less than, equal to or greater than m.
func (n Number) Compare(m Number) int { return n.rat().Cmp(m.rat()) }

// Equal reports whether n and m have the same value.
func (n Number) Equal(m Number) bool { return n.Compare(m) == 0 }

// Sign returns -1, 0 or +1.
func (n Number) Sign() int { return n.rat().Sign() }

// String returns the exact value: an integer, or a fraction such as "2/3".
func (n Number) String() string { return n.rat().RatString() }

// MarshalText returns the exact value.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads an integer, a decimal or a fraction of at most 1000
// bytes.
func (n *Number) UnmarshalText(text []byte) error {
	ok := len(text) <= 1000 && !bytes.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789+-./", r) }) // no exponent, which could be a billion digits
	if ok {
		var r *big.Rat
		if r, ok = new(big.Rat).SetString(decimal(string(text))); ok {
			n.r = r
		}
	}
	if !ok {
		return sre.NewProblem("", "invalid_number", string(text), "an integer, a decimal or a fraction")
	}
	return nil
}

// decimal takes the leading zeros off both parts of a fraction: to the reader of
// rationals 010/1 is octal, and 8.
func decimal(text string) string {
	num, den, ok := strings.Cut(text, "/")
	if !ok {
		return text
	}
	sign := num[:len(num)-len(strings.TrimLeft(num, "+-"))]
	trim := func(digits string) string {
		if rest := strings.TrimLeft(digits, "0"); rest != "" || digits == "" {
			return rest
		}
		return "0"
	}
	return sign + trim(num[len(sign):]) + "/" + trim(den)
}

// Decimal shows the value with that many digits after the point, the half
// rounded to even: for display and for a payout, never for a comparison.
func (n Number) Decimal(digits int) string {
	digits = min(max(digits, 0), 100)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	v := halfEven(new(big.Rat).Mul(n.rat(), new(big.Rat).SetInt(scale)))
	text := new(big.Int).Abs(v).String()
	if pad := digits + 1 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	if v.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// Percent shows 100 times the value with two digits, without the sign.
func (n Number) Percent() string { return n.times(100).Decimal(2) }

func (n Number) times(k int64) Number {
	return Number{new(big.Rat).Mul(n.rat(), new(big.Rat).SetInt64(k))}
}

func (n Number) plus(m Number) Number { return Number{new(big.Rat).Add(n.rat(), m.rat())} }

func (n Number) over(k int64) Number {
	return Number{new(big.Rat).Quo(n.rat(), new(big.Rat).SetInt64(k))}
}

// halfEven rounds to an integer, the half to even, as Python's round and
// IEEE 754 do.
func halfEven(r *big.Rat) *big.Int {
	two := big.NewInt(2)
	// floor((2 num + den) / (2 den)), less 1 at an exact half above an even number
	num := new(big.Int).Add(new(big.Int).Mul(r.Num(), two), r.Denom())
	q, m := new(big.Int).DivMod(num, new(big.Int).Mul(r.Denom(), two), new(big.Int))
	if m.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// round returns the nearest integer, the half to even; it must fit.
func (n Number) round() int64 { return halfEven(n.rat()).Int64() }
