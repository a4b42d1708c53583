package workload

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Class is a kind of time. An instant has the first of these that applies, on
// the wall clock of the person: Holiday, Weekend, Night, Work, Off.
type Class uint8

const (
	Work    Class = iota // the policy's working hours on a weekday
	Off                  // the rest of a weekday, in the morning and the evening
	Night                // the policy's night on a weekday
	Weekend              // all of a weekend day
	Holiday              // all of a holiday
	classes = iota
)

var classNames = [classes]string{"work", "off", "night", "weekend", "holiday"}

// Classes returns every class, in the order in which reports list them.
func Classes() []Class { return []Class{Work, Off, Night, Weekend, Holiday} }

// String returns the lower-case name.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (c Class) MarshalText() ([]byte, error) {
	if int(c) >= len(classNames) {
		return nil, sre.NewProblem("", "unknown_class", c, "a declared Class")
	}
	return []byte(classNames[c]), nil
}

// UnmarshalText reads the lower-case name.
func (c *Class) UnmarshalText(text []byte) error {
	for i, name := range classNames {
		if string(text) == name {
			*c = Class(i)
			return nil
		}
	}
	return sre.NewProblem("", "unknown_class", string(text), "work, off, night, weekend or holiday")
}

// A Split is how long of each [Class], which indexes it; of a report, whole seconds.
type Split [classes]time.Duration

// Total returns the sum of the classes.
func (s Split) Total() (sum time.Duration) {
	for _, d := range s {
		sum += d
	}
	return sum
}

func (s Split) plus(other Split) Split {
	for i, d := range other {
		s[i] += d
	}
	return s
}

const roles = int(oncall.Shadow) + 1

// Hours is a Split for each role, indexed by [oncall.Role].
type Hours [roles]Split

// OnCall returns the hours as primary and secondary together.
func (h Hours) OnCall() Split { return h[oncall.Primary].plus(h[oncall.Secondary]) }
