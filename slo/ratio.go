package slo

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Ratio is an exact rational number: a share of a budget, a burn-rate
// factor, a threshold. It is written as decimal text ("14.4", "0.02"), as a
// percentage ("2%") or as a fraction ("7/30"), and no float stands between
// that text and a comparison. The zero value means "not set", which is not 0.
//
// Ratios are kept in lowest terms, so == compares them by value.
type Ratio struct {
	num, den int64 // den > 0, or both 0 when not set
}

// MaxRatioDigits is how many digits, leading zeros aside, a decimal may have.
const MaxRatioDigits = 18

// NewRatio returns num/den in lowest terms. den must be positive.
func NewRatio(num, den int64) (Ratio, error) {
	if den <= 0 || num == -1<<63 {
		return Ratio{}, sre.Problem{Code: "invalid_ratio", Value: fmt.Sprintf("%d/%d", num, den), Want: "a fraction with a positive denominator"}
	}
	g := gcd(num, den)
	return Ratio{num / g, den / g}, nil
}

// gcd returns the greatest common divisor of |a| and b, which must be positive.
func gcd(a, b int64) int64 {
	if a < 0 {
		a = -a
	}
	for a != 0 {
		a, b = b%a, a
	}
	return b
}

// ParseRatio reads "14.4", "-0.5", "2%" or "7/30".
func ParseRatio(text string) (Ratio, error) {
	invalid := sre.NewProblem("", "invalid_ratio", text, fmt.Sprintf("a decimal such as 14.4, a percentage such as 2%% or a fraction such as 7/30, of at most %d digits", MaxRatioDigits))
	if a, b, ok := strings.Cut(text, "/"); ok {
		num, err1 := strconv.ParseInt(a, 10, 64)
		den, err2 := strconv.ParseInt(b, 10, 64)
		if err1 != nil || err2 != nil || a[0] == '+' || b[0] == '+' {
			return Ratio{}, invalid
		}
		r, err := NewRatio(num, den)
		if err != nil {
			return Ratio{}, invalid
		}
		return r, nil
	}
	body, percent := strings.CutSuffix(text, "%")
	r, ok := parseDecimal(body)
	if !ok {
		return Ratio{}, invalid
	}
	if percent {
		r, ok = r.Mul(Ratio{1, 100})
	}
	if !ok {
		return Ratio{}, invalid
	}
	return r, nil
}

// parseDecimal reads [-]digits[.digits], at least one digit on each side of
// the point that is there, no exponent, no sign but minus.
func parseDecimal(text string) (Ratio, bool) {
	body, negative := strings.CutPrefix(text, "-")
	whole, frac, point := strings.Cut(body, ".")
	if whole == "" || point && frac == "" {
		return Ratio{}, false
	}
	frac = strings.TrimRight(frac, "0")
	digits := strings.TrimLeft(whole+frac, "0")
	if len(digits) > MaxRatioDigits || len(frac) > MaxRatioDigits {
		return Ratio{}, false
	}
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return Ratio{}, false
		}
	}
	num, den := int64(0), int64(1)
	for _, c := range digits {
		num = num*10 + int64(c-'0')
	}
	for range frac {
		den *= 10
	}
	if negative {
		num = -num
	}
	g := gcd(num, den)
	return Ratio{num / g, den / g}, true
}

// MustParseRatio is ParseRatio for constants; it panics on a bad text.
func MustParseRatio(text string) Ratio {
	r, err := ParseRatio(text)
	if err != nil {
		panic(err)
	}
	return r
}

// IsSet reports whether r is a number.
func (r Ratio) IsSet() bool { return r.den != 0 }

// Fraction returns numerator and denominator in lowest terms; 0, 0 if not set.
func (r Ratio) Fraction() (num, den int64) { return r.num, r.den }

// Rat returns the exact value; nil if not set.
func (r Ratio) Rat() *big.Rat {
	if !r.IsSet() {
		return nil
	}
	return big.NewRat(r.num, r.den)
}

// Float returns the nearest float64; 0 if not set. It is for display and for
// estimates: engines compare with the exact value.
func (r Ratio) Float() float64 {
	if !r.IsSet() {
		return 0
	}
	if absUint(r.num) <= 1<<53 && r.den <= 1<<53 {
		return float64(r.num) / float64(r.den) // one correctly rounded division
	}
	f, _ := r.Rat().Float64()
	return f
}

// Sign returns -1, 0 or +1; 0 also if not set.
func (r Ratio) Sign() int {
	switch {
	case r.num < 0:
		return -1
	case r.num > 0:
		return 1
	}
	return 0
}

// Compare returns -1, 0 or +1 as r is less than, equal to or greater than s,
// exactly. A Ratio that is not set sorts before every other.
func (r Ratio) Compare(s Ratio) int {
	if !r.IsSet() || !s.IsSet() {
		switch {
		case r.IsSet():
			return 1
		case s.IsSet():
			return -1
		}
		return 0
	}
	if r.Sign() != s.Sign() {
		return cmpInt(r.Sign(), s.Sign())
	}
	// Same sign: compare |r.num|*s.den with |s.num|*r.den in 128 bits.
	ah, al := bits.Mul64(absUint(r.num), uint64(s.den))
	bh, bl := bits.Mul64(absUint(s.num), uint64(r.den))
	c := cmpInt(ah, bh)
	if c == 0 {
		c = cmpInt(al, bl)
	}
	if r.num < 0 {
		return -c
	}
	return c
}

func absUint(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

func cmpInt[T int | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Mul returns r*s, or false if the product has no numerator and denominator
// below 2^63, or if either is not set.
func (r Ratio) Mul(s Ratio) (Ratio, bool) {
	if !r.IsSet() || !s.IsSet() {
		return Ratio{}, false
	}
	return ratioOf(new(big.Rat).Mul(r.Rat(), s.Rat()))
}

// Add returns r+s, or false if the sum has no numerator and denominator below
// 2^63, or if either is not set.
func (r Ratio) Add(s Ratio) (Ratio, bool) {
	if !r.IsSet() || !s.IsSet() {
		return Ratio{}, false
	}
	return ratioOf(new(big.Rat).Add(r.Rat(), s.Rat()))
}

// OneMinus returns 1-r, or false if that leaves the range or r is not set.
func (r Ratio) OneMinus() (Ratio, bool) {
	if !r.IsSet() {
		return Ratio{}, false
	}
	return ratioOf(new(big.Rat).Sub(big.NewRat(1, 1), r.Rat()))
}

func ratioOf(x *big.Rat) (Ratio, bool) {
	if !x.Num().IsInt64() || !x.Denom().IsInt64() || x.Num().Int64() == -1<<63 {
		return Ratio{}, false
	}
	return Ratio{x.Num().Int64(), x.Denom().Int64()}, true
}

// String returns decimal text if that is exact, else a fraction; "" if not
// set. [ParseRatio] reads both back to the same value.
func (r Ratio) String() string {
	if !r.IsSet() {
		return ""
	}
	if text, ok := r.decimal(); ok {
		return text
	}
	return strconv.FormatInt(r.num, 10) + "/" + strconv.FormatInt(r.den, 10)
}

// Percent returns r as an exact percentage such as "99.9%", or as a fraction
// if no decimal is exact; "" if not set.
func (r Ratio) Percent() string {
	if p, ok := r.Mul(Ratio{100, 1}); ok {
		if text, ok := p.decimal(); ok {
			return text + "%"
		}
	}
	return r.String()
}

// decimal returns the terminating decimal, if there is one within
// MaxRatioDigits places.
func (r Ratio) decimal() (string, bool) {
	twos, fives := 0, 0
	d := r.den
	for ; d%2 == 0; d /= 2 {
		twos++
	}
	for ; d%5 == 0; d /= 5 {
		fives++
	}
	places := max(twos, fives)
	if d != 1 || places > MaxRatioDigits {
		return "", false
	}
	text := r.Rat().FloatString(places)
	if _, ok := parseDecimal(text); !ok {
		return "", false
	}
	return text, true
}

// MarshalText returns [Ratio.String]; not set becomes the empty text.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRatio] reads; the empty text is "not set".
func (r *Ratio) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Ratio{}
		return nil
	}
	v, err := ParseRatio(string(text))
	if err == nil {
		*r = v
	}
	return err
}
