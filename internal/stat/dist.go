package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// NormalQuantile returns the p-quantile of the standard normal distribution.
func NormalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// NormalTails returns the probability that a standard normal value is at least
// as far from 0 as z.
func NormalTails(z float64) float64 { return math.Min(1, math.Erfc(math.Abs(z)/math.Sqrt2)) }

// TQuantile returns the p-quantile of Student's t with df > 0 degrees of
// freedom, which need not be whole.
func TQuantile(p, df float64) float64 {
	q := distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p)
	tails := 2 * math.Min(p, 1-p)
	if math.Abs(TTails(q, df)-tails) <= 1e-6*tails { // not with NaN
		return q
	}
	// gonum's inverse goes astray far out, such as at 1-5e-9 with 100,000 degrees
	// of freedom, where its tails do not: invert those.
	log, ok := bisect(-20, math.Log(math.MaxFloat64)/2, func(log float64) bool { return TTails(math.Exp(log), df) <= tails })
	if !ok {
		log = math.Log(math.MaxFloat64) / 2
	}
	return math.Copysign(math.Exp(log), p-0.5)
}

// TTails returns the probability that a value of Student's t is at least as far
// from 0 as t.
func TTails(t, df float64) float64 {
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// ChiSquareTail returns the probability of x or more with df degrees of freedom.
func ChiSquareTail(x, df float64) float64 {
	if x <= 0 {
		return 1
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// PoissonInterval returns the exact interval for the mean of a Poisson count
// (Garwood 1936): quantiles of chi-square with 2n and 2n+2 degrees of freedom.
func PoissonInterval(n int, level float64) (low, high float64) {
	tail := (1 - level) / 2
	if n > 0 {
		low = mathext.GammaIncRegInv(float64(n), tail)
	}
	return low, mathext.GammaIncRegCompInv(float64(n)+1, tail)
}

// BinomialInterval returns the exact interval for the share behind k of n
// (Clopper and Pearson 1934).
func BinomialInterval(k, n int, level float64) (low, high float64) {
	tail := (1 - level) / 2
	high = 1
	if k > 0 {
		low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		high = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return low, high
}

// BinomialAtMost returns the probability of at most k of n with share p.
func BinomialAtMost(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	case p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// BinomialTails returns twice the smaller tail of k of n, at most 1.
func BinomialTails(k, n int, p float64) float64 {
	return math.Min(1, 2*math.Min(BinomialAtMost(k, n, p), 1-BinomialAtMost(k-1, n, p)))
}

// PowerT returns the probability that a two-sided t test of that level finds a
// shift of so many standard errors.
func PowerT(shift, df, alpha float64) float64 {
	critical := TQuantile(1-alpha/2, df)
	t := distuv.NoncentralT{Nu: df, Mu: math.Abs(shift)}
	power := 1 - t.CDF(critical) + t.CDF(-critical)
	if math.IsNaN(power) { // the series of AS 243 gives up far out, where the normal is exact enough
		power = 1 - distuv.UnitNormal.CDF(critical-math.Abs(shift))
	}
	return math.Max(0, math.Min(1, power))
}

// maxShift bounds the search for a shift. AS 243 is documented to 37.62; beyond
// it the normal stands in.
const maxShift = 1e4

// DetectableT returns the shift, in standard errors, that such a test finds with
// that power, or false if none up to maxShift is.
func DetectableT(df, alpha, power float64) (float64, bool) {
	return bisect(0, maxShift, func(shift float64) bool { return powerT(shift, df, alpha) >= power })
}

func powerT(shift, df, alpha float64) float64 {
	const reachOfAS243 = 37
	if shift <= reachOfAS243 {
		return PowerT(shift, df, alpha)
	}
	critical := TQuantile(1-alpha/2, df)
	// P(Z + shift > critical * sqrt(chi2/df)), the chi-square part by its own law.
	x := shift / critical
	return 1 - ChiSquareTail(x*x*df, df)
}

// bisect returns the smallest x in [low, high] with yes(x), for a yes that once
// true stays true, or false if there is none.
func bisect(low, high float64, yes func(float64) bool) (float64, bool) {
	const steps = 64 // to the last bits
	if !yes(high) {
		return 0, false
	}
	for range steps {
		middle := low + (high-low)/2
		if yes(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high, true
}
