package civil

import (
	"cmp"
	"strconv"
	"time"
)

// The years that a [Date] can have, those of RFC 3339 without year 0. Date
// arithmetic that would leave them stops at 0001-01-01 and 9999-12-31.
const (
	MinYear = 1
	MaxYear = 9999
)

// A Date is a day of the proleptic Gregorian calendar. It is comparable; the
// zero value means not set.
//
// A Date that is not [Date.Valid], the zero one included, has no place in the
// calendar: arithmetic on it yields the zero Date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// The first and the last day, in days since 1970-01-01.
var (
	minDay = Date{MinYear, time.January, 1}.number()
	maxDay = Date{MaxYear, time.December, 31}.number()
)

const dateLayout = "2006-01-02"

// ParseDate reads "2006-01-02", ten bytes exactly. Days that do not exist, such
// as 30 February, are refused.
func ParseDate(s string) (Date, error) {
	d, ok := scanDate(s)
	if !ok {
		return Date{}, problem("invalid_date", s, dateLayout)
	}
	if !d.Valid() {
		return Date{}, problem("impossible_date", s, "a day of the calendar, years 0001 to 9999")
	}
	return d, nil
}

// scanDate reads the form of a date, whether or not the day exists.
func scanDate(s string) (Date, bool) {
	if len(s) != len(dateLayout) || s[4] != '-' || s[7] != '-' {
		return Date{}, false
	}
	year, okYear := scanDigits(s[:4])
	month, okMonth := scanDigits(s[5:7])
	day, okDay := scanDigits(s[8:])
	return Date{year, time.Month(month), day}, okYear && okMonth && okDay
}

// scanDigits reads s, which must consist of ASCII digits only.
func scanDigits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

// appendDigits appends n with leading zeros to width digits.
func appendDigits(b []byte, n, width int) []byte {
	for least := 10; width > 1; least, width = 10*least, width-1 {
		if n < least && n >= 0 {
			b = append(b, "000"[:width-1]...)
			break
		}
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// IsZero reports whether d is not set.
func (d Date) IsZero() bool { return d == Date{} }

// Valid reports whether d is a day of the calendar between 0001-01-01 and
// 9999-12-31.
func (d Date) Valid() bool {
	return d.Year >= MinYear && d.Year <= MaxYear &&
		d.Month >= time.January && d.Month <= time.December &&
		d.Day >= 1 && d.Day <= daysIn(int64(d.Year), d.Month)
}

// daysIn returns the length of a month.
func daysIn(year int64, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	}
	return 31
}

// number counts days from 1970-01-01. The month must be declared; the year may
// be one that no Date has.
func (d Date) number() int64 {
	const epoch = 719_162 // days from 0001-01-01 to 1970-01-01
	y := int64(d.Year) - 1
	days := 365*y + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) - epoch
	days += int64(daysBefore[d.Month-1]) + int64(d.Day-1)
	if d.Month > time.February && daysIn(y+1, time.February) == 29 {
		days++
	}
	return days
}

// daysBefore counts the days of a common year before each month.
var daysBefore = [12]int16{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// dateOf is the inverse of number; it stops at the first and the last Date.
func dateOf(day int64) Date {
	year, month, mday := time.Unix(clamp(day, minDay, maxDay)*daySeconds, 0).UTC().Date()
	return Date{year, month, mday}
}

// String returns "2006-01-02", "" for the zero Date, and the plain numbers for
// another Date that is not valid.
func (d Date) String() string { return string(d.appendTo(nil)) }

func (d Date) appendTo(b []byte) []byte {
	if d.IsZero() {
		return b
	}
	b = append(appendDigits(b, d.Year, 4), '-')
	b = append(appendDigits(b, int(d.Month), 2), '-')
	return appendDigits(b, d.Day, 2)
}

// MarshalText returns [Date.String]. It refuses a Date that is neither zero nor
// valid.
func (d Date) MarshalText() ([]byte, error) {
	if !d.IsZero() && !d.Valid() {
		return nil, problem("impossible_date", d.String(), "a day of the calendar, years 0001 to 9999")
	}
	return d.appendTo(nil), nil
}

// UnmarshalText reads what [ParseDate] reads, and empty text as the zero Date.
func (d *Date) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	*d, err = ParseDate(string(text))
	return err
}

// Compare returns -1, 0 or +1 as d is before, equal to or after other. The zero
// Date is before all valid ones.
func (d Date) Compare(other Date) int {
	return cmp.Or(cmp.Compare(d.Year, other.Year), cmp.Compare(d.Month, other.Month), cmp.Compare(d.Day, other.Day))
}

// Weekday returns the day of the week; of a Date that is not valid, Sunday.
func (d Date) Weekday() time.Weekday {
	if !d.Valid() {
		return time.Sunday
	}
	return weekday(d.number())
}

// weekday of a day number: 1970-01-01 was a Thursday.
func weekday(day int64) time.Weekday {
	w := (day + int64(time.Thursday)) % 7
	if w < 0 {
		w += 7
	}
	return time.Weekday(w)
}

// AddDays returns the date n days later, or earlier for negative n.
func (d Date) AddDays(n int) Date {
	if !d.Valid() {
		return Date{}
	}
	// Beyond the length of the calendar every n means its edge.
	span := maxDay - minDay
	return dateOf(d.number() + clamp(int64(n), -span, span))
}

// AddWeeks returns the date n weeks later.
func (d Date) AddWeeks(n int) Date { return d.AddDays(scale(n, 7)) }

// AddMonths returns the same day n months later, or the last day of that month
// if it is shorter: January 31 plus one month is February 28 or 29.
//
// Months must be added to the anchor of a recurrence, never one after the
// other: January 31 plus two months is March 31, but twice plus one month is
// March 28.
func (d Date) AddMonths(n int) Date {
	if !d.Valid() {
		return Date{}
	}
	const span = MaxYear * 12
	year, month := splitMonths(d.months() + clamp(int64(n), -span, span))
	switch {
	case year < MinYear:
		return dateOf(minDay)
	case year > MaxYear:
		return dateOf(maxDay)
	}
	return Date{int(year), month, min(d.Day, daysIn(year, month))}
}

// AddQuarters returns the date 3n months later, clamped as by [Date.AddMonths].
func (d Date) AddQuarters(n int) Date { return d.AddMonths(scale(n, 3)) }

// AddYears returns the date 12n months later, clamped as by [Date.AddMonths]:
// February 29 plus one year is February 28.
func (d Date) AddYears(n int) Date { return d.AddMonths(scale(n, 12)) }

// scale multiplies, with n cut to what no Date arithmetic can exceed.
func scale(n, by int) int {
	const beyond = 10_000_000 // days; the calendar has 3,652,059
	return int(clamp(int64(n), -beyond, beyond)) * by
}

// Add returns the date n units later. An [Hour] is no step of dates: it, like a
// Unit that is not declared, yields the zero Date.
func (d Date) Add(unit Unit, n int) Date {
	switch unit {
	case Day:
		return d.AddDays(n)
	case Week:
		return d.AddWeeks(n)
	case Month, Quarter, Year:
		return d.AddMonths(scale(n, int(unit.months())))
	}
	return Date{}
}

// Sub returns the days from other to d; 0 if either is not valid.
func (d Date) Sub(other Date) int {
	if !d.Valid() || !other.Valid() {
		return 0
	}
	return int(d.number() - other.number())
}

// First returns the first day of the day, ISO week (a Monday), month, quarter
// or year in which d lies; for another unit, the zero Date.
func (d Date) First(unit Unit) Date {
	if !d.Valid() {
		return Date{}
	}
	switch unit {
	case Day:
		return d
	case Week:
		return d.AddDays(-((int(d.Weekday()) + 6) % 7)) // days since Monday
	case Month:
		return Date{d.Year, d.Month, 1}
	case Quarter:
		return Date{d.Year, d.Month - (d.Month-1)%3, 1}
	case Year:
		return Date{d.Year, time.January, 1}
	}
	return Date{}
}

// Last returns the last day of the day, ISO week (a Sunday), month, quarter or
// year in which d lies; for another unit, the zero Date. The calendar ends on
// 9999-12-31, a Friday, and so does its last week.
func (d Date) Last(unit Unit) Date {
	first := d.First(unit)
	switch {
	case !first.Valid():
		return Date{}
	case unit == Week:
		return first.AddDays(6)
	case unit.months() > 0:
		year, month := splitMonths(first.months() + unit.months() - 1)
		return Date{int(year), month, daysIn(year, month)}
	}
	return first
}

// months counts months from January of year 0.
func (d Date) months() int64 { return int64(d.Year)*12 + int64(d.Month-time.January) }

// splitMonths is the inverse of months.
func splitMonths(months int64) (year int64, month time.Month) {
	year = floorDiv(months, 12)
	return year, time.January + time.Month(months-12*year)
}
