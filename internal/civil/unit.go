package civil

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Unit is a step of the calendar. The zero value means not set.
type Unit uint8

const (
	// Hour is an hour of the wall clock, not of elapsed time: from 01:30 it
	// leads to 02:30 also where that lasts two hours or none.
	Hour Unit = iota + 1
	Day
	Week // begins on Monday, as in ISO 8601
	Month
	Quarter // three months; the first begins in January
	Year
)

var unitNames = [...]string{Hour: "hour", Day: "day", Week: "week", Month: "month", Quarter: "quarter", Year: "year"}

// String returns the lower-case name.
func (u Unit) String() string { return enumString(unitNames[:], u, "unit") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (u Unit) MarshalText() ([]byte, error) { return marshalEnum(unitNames[:], u, "unit") }

// UnmarshalText reads the lower-case name.
func (u *Unit) UnmarshalText(text []byte) error {
	return unmarshalEnum(unitNames[:], u, "unit", text)
}

// ParseUnit reads the lower-case name.
func ParseUnit(name string) (u Unit, err error) {
	err = u.UnmarshalText([]byte(name))
	return u, err
}

// valid reports whether u is a declared unit.
func (u Unit) valid() bool { return Hour <= u && u <= Year }

// seconds is the civil length of the units that have a fixed one, else 0.
func (u Unit) seconds() int64 {
	switch u {
	case Hour:
		return hourSeconds
	case Day:
		return daySeconds
	case Week:
		return weekSeconds
	}
	return 0
}

// months is the length of the units that are counted in months, else 0.
func (u Unit) months() int64 {
	switch u {
	case Month:
		return 1
	case Quarter:
		return 3
	case Year:
		return 12
	}
	return 0
}

// The lengths of civil units, in civil seconds.
const (
	minuteSeconds = 60
	hourSeconds   = 60 * minuteSeconds
	daySeconds    = 24 * hourSeconds
	weekSeconds   = 7 * daySeconds
)

// floorDiv divides rounding down, so that counting goes on evenly below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func clamp(v, low, high int64) int64 { return min(max(v, low), high) }

// The names of an enumeration stand at the index of their value; "" marks a
// value that has no name and hence no text form.

func enumString[E ~uint8](names []string, e E, what string) string {
	if int(e) < len(names) && names[e] != "" {
		return names[e]
	}
	return fmt.Sprintf("%s(%d)", what, uint8(e))
}

func marshalEnum[E ~uint8](names []string, e E, what string) ([]byte, error) {
	if int(e) < len(names) && names[e] != "" {
		return []byte(names[e]), nil
	}
	return nil, problem("unknown_"+what, enumString(names, e, what), "a declared "+what)
}

func unmarshalEnum[E ~uint8](names []string, e *E, what string, text []byte) error {
	var known []string
	for i, name := range names {
		if name == "" {
			continue
		}
		if name == string(text) {
			*e = E(i)
			return nil
		}
		known = append(known, name)
	}
	return problem("unknown_"+what, string(text), "one of "+strings.Join(known, ", "))
}

// problem is one [sre.Problem] as an error of this package.
func problem(code, value, want string) error {
	var p sre.Problems
	p.Add("", code, value, want)
	return p.Err("civil")
}
