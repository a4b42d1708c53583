package slo

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An Objective is the share of events (or slices) that must be good, strictly
// between 0 and 1, as an exact rational. The zero value means "not set".
// Objectives are comparable with ==.
type Objective struct {
	good Ratio
}

// ParseObjective reads decimal text: "99.9%" is a percentage; without the %
// sign a number below 1 is a ratio ("0.999") and one above 1 a percentage
// ("99.9"). Exactly 0 and exactly 1 (and 0%, 100% and 100) are refused: the
// first promises nothing, the second leaves no budget, and a bare "1" could
// mean either 1 % or 100 %.
func ParseObjective(text string) (Objective, error) {
	invalid := sre.NewProblem("", "invalid_objective", text,
		fmt.Sprintf("decimal text strictly between 0%% and 100%%, such as 99.9%% or 0.999, of at most %d digits", MaxRatioDigits))
	body, percent := strings.CutSuffix(text, "%")
	r, ok := parseDecimal(body)
	if !ok {
		return Objective{}, invalid
	}
	if percent || r.Compare(Ratio{1, 1}) > 0 {
		if r, ok = r.Mul(Ratio{1, 100}); !ok {
			return Objective{}, invalid
		}
	}
	o, err := NewObjective(r)
	if err != nil {
		return Objective{}, invalid
	}
	return o, nil
}

// NewObjective returns the objective that a share r of all events is good;
// r must lie strictly between 0 and 1.
func NewObjective(r Ratio) (Objective, error) {
	if r.Sign() <= 0 || r.Compare(Ratio{1, 1}) >= 0 {
		return Objective{}, sre.Problem{Code: "invalid_objective", Value: r.String(), Want: "a ratio strictly between 0 and 1"}
	}
	return Objective{r}, nil
}

// MustParseObjective is ParseObjective for constants; it panics on a bad text.
func MustParseObjective(text string) Objective {
	o, err := ParseObjective(text)
	if err != nil {
		panic(err)
	}
	return o
}

// IsSet reports whether o is an objective.
func (o Objective) IsSet() bool { return o.good.IsSet() }

// Ratio returns the share of good events, S.
func (o Objective) Ratio() Ratio { return o.good }

// Budget returns the share of events that may be bad, 1-S: the error budget
// as a ratio. It is not set if o is not.
func (o Objective) Budget() Ratio {
	b, _ := o.good.OneMinus() // 0 < S < 1, so 1-S has the same denominator
	return b
}

// Compare returns -1, 0 or +1 as o is less strict than, equal to or stricter
// than p.
func (o Objective) Compare(p Objective) int { return o.good.Compare(p.good) }

// String returns the exact percentage, such as "99.9%"; "" if not set.
func (o Objective) String() string { return o.good.Percent() }

// MarshalText returns [Objective.String].
func (o Objective) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what [ParseObjective] reads and, since that is how an
// objective without exact decimal is written, a fraction such as "2/3".
func (o *Objective) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*o = Objective{}
		return nil
	}
	if strings.Contains(string(text), "/") {
		r, err := ParseRatio(string(text))
		if err != nil {
			return err
		}
		v, err := NewObjective(r)
		if err == nil {
			*o = v
		}
		return err
	}
	v, err := ParseObjective(string(text))
	if err == nil {
		*o = v
	}
	return err
}

// ParseLatency reads a percentile promise as the SLO that it means: "p99 <
// 500ms" says that 99 % of requests take less than 500 ms, so it returns the
// objective 99% and the threshold 500ms for [Latency]. A percentile itself
// cannot be added up over time or instances; a share of requests can.
//
// The form is p, a decimal percentile, "<" or "<=", and a duration as
// [time.ParseDuration] reads it; spaces may stand around the sign and before
// the unit. Histogram buckets count
// "at most", so both signs mean the same.
func ParseLatency(text string) (Objective, time.Duration, error) {
	invalid := sre.NewProblem("", "invalid_latency", text, `a percentile and a duration, such as "p99 < 500 ms"`)
	left, right, ok := strings.Cut(text, "<")
	percentile, isP := strings.CutPrefix(strings.TrimSpace(left), "p")
	duration := strings.Fields(strings.TrimPrefix(right, "="))
	if !ok || !isP || len(duration) < 1 || len(duration) > 2 { // at most one space, before the unit
		return Objective{}, 0, invalid
	}
	if _, isNumber := parseDecimal(duration[0]); len(duration) == 2 && !isNumber {
		return Objective{}, 0, invalid
	}
	under, err := time.ParseDuration(strings.Join(duration, ""))
	if err != nil || under <= 0 {
		return Objective{}, 0, invalid
	}
	o, err := ParseObjective(percentile + "%")
	if err != nil {
		return Objective{}, 0, invalid
	}
	return o, under, nil
}
