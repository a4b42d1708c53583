package civil

import (
	"cmp"
	"time"
)

// A DateTime is a date with a clock, in no zone. It is comparable; the zero
// value means not set.
type DateTime struct {
	Date  Date
	Clock Clock
}

const dateTimeForms = "2006-01-02, 2006-01-02 15:04 or 2006-01-02 15:04:05, without a UTC offset"

// ParseDateTime reads "2006-01-02" (midnight), "2006-01-02 15:04" and
// "2006-01-02 15:04:05", with a space or a T between date and clock. A UTC
// offset or Z is refused: the zone is said elsewhere, once.
func ParseDateTime(s string) (DateTime, error) {
	cut := min(len(s), len(dateLayout))
	d, ok := scanDate(s[:cut])
	var c Clock
	if ok && len(s) > cut {
		c, ok = scanClock(s[cut+1:])
		ok = ok && (s[cut] == ' ' || s[cut] == 'T')
	}
	if !ok {
		return DateTime{}, problem("invalid_datetime", s, dateTimeForms)
	}
	dt := DateTime{d, c}
	if !dt.Valid() {
		return DateTime{}, problem("impossible_datetime", s, "a day of the calendar, years 0001 to 9999, and a clock up to 24:00")
	}
	return dt, nil
}

// Of returns what calendar and wall clock show in the zone at t; a fraction of
// a second is dropped. It is the zero DateTime if the zone is not set or the
// year is not one that a [Date] has.
func Of(t time.Time, zone Zone) DateTime {
	if zone.IsZero() {
		return DateTime{}
	}
	u := t.Unix()
	if u < minDay*daySeconds-daySeconds || u > maxDay*daySeconds+2*daySeconds {
		return DateTime{} // and the sum below cannot overflow
	}
	return dateTimeOf(u + zone.rules.offset(u))
}

// dateTimeOf splits civil seconds since 1970-01-01 00:00; the zero DateTime if
// no Date has that year.
func dateTimeOf(seconds int64) DateTime {
	day := floorDiv(seconds, daySeconds)
	if day < minDay || day > maxDay {
		return DateTime{}
	}
	return DateTime{dateOf(day), clockOf(seconds - day*daySeconds)}
}

// seconds counts civil seconds from 1970-01-01 00:00, days of 86,400 each.
func (dt DateTime) seconds() int64 { return dt.Date.number()*daySeconds + dt.Clock.seconds() }

// IsZero reports whether dt is not set.
func (dt DateTime) IsZero() bool { return dt == DateTime{} }

// Valid reports whether date and clock are both valid.
func (dt DateTime) Valid() bool { return dt.Date.Valid() && dt.Clock.Valid() }

// String returns "2006-01-02T15:04", or "2006-01-02T15:04:05" if there are
// seconds, and "" for the zero DateTime.
func (dt DateTime) String() string { return string(dt.appendTo(nil)) }

func (dt DateTime) appendTo(b []byte) []byte {
	if dt.IsZero() {
		return b
	}
	return dt.Clock.appendTo(append(dt.Date.appendTo(b), 'T'))
}

// MarshalText returns [DateTime.String]. It refuses a DateTime that is neither
// zero nor valid.
func (dt DateTime) MarshalText() ([]byte, error) {
	if !dt.IsZero() && !dt.Valid() {
		return nil, problem("impossible_datetime", dt.String(), "a day of the calendar, years 0001 to 9999, and a clock up to 24:00")
	}
	return dt.appendTo(nil), nil
}

// UnmarshalText reads what [ParseDateTime] reads, and empty text as the zero
// DateTime.
func (dt *DateTime) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*dt = DateTime{}
		return nil
	}
	*dt, err = ParseDateTime(string(text))
	return err
}

// Compare returns -1, 0 or +1 as dt is before, at or after other on the wall
// clock. 24:00 equals 00:00 of the next day although == tells them apart. A
// DateTime that is not valid is before all that are.
func (dt DateTime) Compare(other DateTime) int {
	switch valid, otherValid := dt.Valid(), other.Valid(); {
	case valid && otherValid:
		return cmp.Compare(dt.seconds(), other.seconds())
	case valid:
		return 1
	case otherValid:
		return -1
	}
	return 0
}

// Add returns the civil time n units later on the calendar. Days and longer
// units keep the clock and move the date as [Date.Add] does; hours move the
// clock, and the date with it, at the edges of the calendar up to 0001-01-01
// 00:00 and 9999-12-31 24:00. A DateTime that is not valid and a Unit that is
// not declared yield the zero DateTime.
func (dt DateTime) Add(unit Unit, n int) DateTime {
	switch {
	case !dt.Valid() || !unit.valid():
		return DateTime{}
	case unit == Hour:
		return dt.addHours(int64(n))
	}
	return DateTime{dt.Date.Add(unit, n), dt.Clock}
}

func (dt DateTime) addHours(n int64) DateTime {
	first, end := minDay*daySeconds, (maxDay+1)*daySeconds
	span := (end - first) / hourSeconds
	sum := dt.seconds() + clamp(n, -span, span)*hourSeconds
	switch {
	case sum < first:
		return dateTimeOf(first)
	case sum >= end:
		return DateTime{dateOf(maxDay), Clock{Hour: 24}}
	}
	return dateTimeOf(sum)
}
