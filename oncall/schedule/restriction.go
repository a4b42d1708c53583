package schedule

import "time"

// A Restriction is a set of times, on the wall clock of the layer. Its fields
// restrict each other, and a field that is empty allows everything; several
// restrictions of a layer add up.
//
// A day counts if it satisfies Weekdays, MonthDays, Months, Dates, OnHolidays
// and NotOnHolidays. The time of a day that counts is its Clock ranges, which
// belong to the day on which they start; without any it is the whole day, from
// midnight to midnight. With a Rule, only what lies in its occurrences remains.
//
// Start and end of each range are found on the wall clock in the same way, the
// first instant at which it has reached that time: a start or an end in a gap is the
// end of the gap, one in a fold is the first pass. So what touches on the wall
// clock touches in time, without overlap, on every day of the year.
type Restriction struct {
	// Clock is ranges such as "09:00-17:30". If the end is not after the start
	// the range runs over midnight, "22:00-06:00"; if they are equal it is 24
	// hours of the wall clock, so that "08:00-08:00" from Monday to Friday ends
	// on Saturday at 08:00. "00:00-24:00" is the day.
	Clock []string

	Weekdays  []time.Weekday
	MonthDays []int // 1 to 31, and -31 to -1 from the end: -1 is the last day. A day that a month lacks is none
	Months    []time.Month
	Dates     []string // "2026-12-25", or from one to another, both included: "2026-12-24/2027-01-01"

	OnHolidays    []string // names of calendars in [Schedule.Holidays]: only on days of one of them
	NotOnHolidays []string // only on days of none of them

	// Rule is a recurrence rule of RFC 5545, such as
	// "FREQ=MONTHLY;BYDAY=-1SU", daily or slower; BYHOUR names hours of a day. It
	// is counted from RuleStart, "2026-01-25 10:00", which is an occurrence only if
	// it fits the rule, and each occurrence lasts RuleFor on the wall clock.
	// All three are needed, or none. A time of the rule that the zone skips is
	// the end of the gap, not left out.
	Rule      string
	RuleStart string
	RuleFor   time.Duration // whole seconds, at most MaxRuleFor
}

// MaxRuleFor is how long an occurrence of a rule may last.
const MaxRuleFor = 366 * 24 * time.Hour

// Weekly returns the restrictions whose union runs each week from one weekday
// and clock to another, "Friday 17:00 to Monday 09:00", over midnights; from
// and to must not be the same. If to is not after from in a week that begins on Sunday, it
// lies in the next one.
func Weekly(from time.Weekday, fromClock string, to time.Weekday, toClock string) []Restriction {
	const midnight, end = "00:00", "24:00"
	if from == to && fromClock < toClock {
		return []Restriction{{Weekdays: []time.Weekday{from}, Clock: []string{fromClock + "-" + toClock}}}
	}
	list := []Restriction{{Weekdays: []time.Weekday{from}, Clock: []string{fromClock + "-" + end}}}
	var whole []time.Weekday
	for d := (from + 1) % 7; d != to; d = (d + 1) % 7 {
		whole = append(whole, d)
	}
	if whole != nil {
		list = append(list, Restriction{Weekdays: whole})
	}
	if toClock != midnight {
		list = append(list, Restriction{Weekdays: []time.Weekday{to}, Clock: []string{midnight + "-" + toClock}})
	}
	return list
}
