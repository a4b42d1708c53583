package schedule

import (
	"fmt"
	"time"
)

// A Unit is a step of the calendar.
type Unit uint8

const (
	NoUnit Unit = iota
	Hour        // of the wall clock: from 01:30 to 02:30, also where that lasts two hours or none
	Day
	Week
	Month // the day is clamped to the month, counted from the anchor: Jan 31, Feb 28, Mar 31
)

// A Turn is the length of a turn: a number of calendar units, or elapsed time.
// The zero Turn never ends.
//
// Turns of calendar units keep the clock on the wall and may last an hour more
// or less where the zone changes its offset. A handoff that falls into a gap
// takes place at the end of the gap, and one that the zone repeats takes place
// the first time. Elapsed turns all last the same, and their handoffs move on
// the wall clock.
type Turn struct {
	Every   int
	Unit    Unit
	Elapsed time.Duration // instead of Every and Unit; whole seconds
}

// Hours is a turn of n hours on the wall clock.
func Hours(n int) Turn { return Turn{Every: n, Unit: Hour} }

// Days is a turn of n days.
func Days(n int) Turn { return Turn{Every: n, Unit: Day} }

// Weeks is a turn of n weeks.
func Weeks(n int) Turn { return Turn{Every: n, Unit: Week} }

// Months is a turn of n months.
func Months(n int) Turn { return Turn{Every: n, Unit: Month} }

// Elapsed is a turn of so much time, whatever the wall clock does.
func Elapsed(d time.Duration) Turn { return Turn{Elapsed: d} }

// String returns "2 weeks", "36h0m0s elapsed" or "no end".
func (t Turn) String() string {
	switch {
	case t == Turn{}:
		return "no end"
	case t.Elapsed != 0:
		return t.Elapsed.String() + " elapsed"
	case t.Every == 1:
		return "1 " + t.Unit.String()
	}
	return fmt.Sprintf("%d %ss", t.Every, t.Unit)
}
