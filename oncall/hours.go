package oncall

import "time"

// Hours are a range of clocks on some weekdays, on the wall clock of a zone.
type Hours struct {
	Weekdays []time.Weekday // on which the range begins; default: every day
	From, To string         // "09:00", "17:30"; To is not included. To before From ends on the next day; a whole day is "00:00" to "24:00"
}

// MaxHours is the largest number of Hours in one condition.
const MaxHours = 50
