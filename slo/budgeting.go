package slo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Method says what a budget is made of.
type Method uint8

const (
	Occurrences     Method = iota // events: a busy minute weighs more than a quiet one
	Timeslices                    // slices of time, each good or bad by its own ratio
	RatioTimeslices               // slices of time, each worth its own ratio
)

var methodNames = [...]string{"Occurrences", "Timeslices", "RatioTimeslices"}

// String returns the name as OpenSLO writes it.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return fmt.Sprintf("method(%d)", uint8(m))
}

// MarshalText returns the name; it refuses values that have none.
func (m Method) MarshalText() ([]byte, error) { return marshalName(m.String(), methodNames[:]) }

// UnmarshalText reads the name.
func (m *Method) UnmarshalText(text []byte) error {
	i, err := indexOfName(string(text), methodNames[:])
	if err == nil {
		*m = Method(i)
	}
	return err
}

// A BudgetingMethod says what is counted against the objective. The zero
// value counts events.
//
// RatioTimeslices (and a [RawRatio]) average ratios, so a slice with few
// events weighs as much as one with many: 144 slices of 10,000 requests with
// 1 % errors and 144 slices of 100 requests without make an SLI of 99.5 %,
// where events make it 99.01 %. That is why it must be asked for by name.
type BudgetingMethod struct {
	Method Method

	// Slice is the length of a slice, at least one second, of which the window
	// holds a whole number, at most [MaxSlices]. A calendar window needs a
	// divisor of one hour; where the clocks change by less than a slice (half an
	// hour on Lord Howe Island), the rest at its end is not judged. Zero for
	// Occurrences.
	Slice time.Duration

	// Target is the share of good events that makes a slice a good one, more
	// than 0 and at most 1. Set for Timeslices only.
	Target Ratio
}

// MaxSlices is the most slices that one window may hold: a year of minutes
// fits, a year of seconds does not.
const MaxSlices = 600_000

// MinSlice is the shortest slice.
const MinSlice = time.Second

// ByOccurrences counts events; it is the zero value with a name.
func ByOccurrences() BudgetingMethod { return BudgetingMethod{} }

// ByTimeslices counts slices; one is good if at least target of its events are.
func ByTimeslices(slice time.Duration, target Ratio) BudgetingMethod {
	return BudgetingMethod{Method: Timeslices, Slice: slice, Target: target}
}

// ByRatioTimeslices averages the ratios of slices.
func ByRatioTimeslices(slice time.Duration) BudgetingMethod {
	return BudgetingMethod{Method: RatioTimeslices, Slice: slice}
}

func (m BudgetingMethod) check(path string, w window, p *sre.Problems) {
	switch m.Method {
	case Occurrences:
		if m.Slice != 0 {
			p.Add(path+".slice", "not_allowed", m.Slice, "none, because Occurrences has no slices")
		}
		if m.Target.IsSet() {
			p.Add(path+".target", "not_allowed", m.Target, "none, because Occurrences has no slices")
		}
		return
	case Timeslices:
		if m.Target.Sign() <= 0 || m.Target.Compare(Ratio{1, 1}) > 0 {
			p.Add(path+".target", "out_of_range", m.Target, "a ratio above 0 and at most 1")
		}
	case RatioTimeslices:
		if m.Target.IsSet() {
			p.Add(path+".target", "not_allowed", m.Target, "none, because a slice is worth its ratio")
		}
	default:
		p.Add(path+".method", "unknown_method", m.Method, "Occurrences, Timeslices or RatioTimeslices")
		return
	}
	switch {
	case m.Slice < MinSlice:
		p.Add(path+".slice", "out_of_range", m.Slice, "at least 1s")
	case w.calendar && time.Hour%m.Slice != 0:
		// A period is longer or shorter than usual where the clocks change.
		p.Add(path+".slice", "not_a_divisor", m.Slice, "a divisor of one hour, because the window follows the calendar")
	case !w.calendar && w.length > 0 && w.length%m.Slice != 0:
		p.Add(path+".slice", "not_a_divisor", m.Slice, "a divisor of the window, "+w.length.String())
	case w.length/m.Slice > MaxSlices:
		p.Add(path+".slice", "out_of_range", m.Slice, fmt.Sprintf("at most %d slices in the window", MaxSlices))
	}
}

// Fold turns the events of consecutive slices, each Counts of Span m.Slice,
// into the counts of the whole: sources that can only count events measure
// slices and call this.
//
// A slice that is not covered whole is unmeasured: it adds to Span and nothing
// else, because the missing part could have made it bad. A slice that was
// measured and had no events is covered, and neither good nor bad. For
// Occurrences the events, Covered and Span are added up. Counts that do not
// validate are unmeasured whatever the method: what is no number is no success.
func (m BudgetingMethod) Fold(slices []Counts) Counts {
	var sum Counts
	for _, c := range slices {
		sum.Span += c.Span
		if !c.valid() {
			continue
		}
		if m.Method == Occurrences {
			sum.Good += c.Good
			sum.Bad += c.Bad
			sum.Covered += c.Covered
			continue
		}
		if c.Covered < c.Span {
			continue
		}
		sum.Covered += c.Span
		sli, ok := c.Ratio()
		switch {
		case !ok:
		case m.Method == RatioTimeslices:
			sum.Good += sli
			sum.Bad += 1 - sli
		case m.isBad(c):
			sum.Bad++
		default:
			sum.Good++
		}
	}
	return sum
}

// isBad reports whether fewer than Target of the events are good, exactly.
func (m BudgetingMethod) isBad(c Counts) bool {
	allowed, _ := m.Target.OneMinus()
	return c.BadAbove(allowed)
}

// MissingData says what unmeasured time counts as. Coverage is reported next
// to every result, whatever is chosen here.
type MissingData uint8

const (
	Ignore      MissingData = iota // it is left out: the SLI speaks of measured time only
	CountAsGood                    // it is taken to have been good
	CountAsBad                     // it is taken to have been bad
)

var missingNames = [...]string{"Ignore", "CountAsGood", "CountAsBad"}

// String returns the name.
func (m MissingData) String() string {
	if int(m) < len(missingNames) {
		return missingNames[m]
	}
	return fmt.Sprintf("missing_data(%d)", uint8(m))
}

// MarshalText returns the name; it refuses values that have none.
func (m MissingData) MarshalText() ([]byte, error) { return marshalName(m.String(), missingNames[:]) }

// UnmarshalText reads the name.
func (m *MissingData) UnmarshalText(text []byte) error {
	i, err := indexOfName(string(text), missingNames[:])
	if err == nil {
		*m = MissingData(i)
	}
	return err
}

func marshalName(name string, names []string) ([]byte, error) {
	if _, err := indexOfName(name, names); err != nil {
		return nil, err
	}
	return []byte(name), nil
}

func indexOfName(name string, names []string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, sre.NewProblem("", "unknown_value", name, "one of "+strings.Join(names, ", "))
}
