package oncall

import "time"

// Hours are a range of clocks on some weekdays, on the wall clock of a zone.
type Hours struct {
	Weekdays []time.Weekday // on which the range begins; default: every day
	From, To string         // "09:00", "17:30"; To is not included. To at or before From ends on the next day
}

// MaxHours is the largest number of Hours in one condition.
const MaxHours = 50
