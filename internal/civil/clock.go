package civil

import "cmp"

// A Clock is a time of day, 00:00:00 to 24:00:00. It is comparable; the zero
// value is midnight. 24:00 serves as the end of a day and is the same moment as
// 00:00 of the next.
type Clock struct {
	Hour, Minute, Second int
}

const clockForms = "15:04 or 15:04:05, up to 24:00"

// ParseClock reads "15:04" or "15:04:05", two digits each. There is no leap
// second: 23:59:60 is refused.
func ParseClock(s string) (Clock, error) {
	c, ok := scanClock(s)
	if !ok {
		return Clock{}, problem("invalid_clock", s, clockForms)
	}
	if !c.Valid() {
		return Clock{}, problem("impossible_clock", s, clockForms)
	}
	return c, nil
}

// scanClock reads the form of a clock, whether or not the day has it.
func scanClock(s string) (c Clock, ok bool) {
	if len(s) != len("15:04") && len(s) != len("15:04:05") {
		return Clock{}, false
	}
	for i, field := range []*int{&c.Hour, &c.Minute, &c.Second}[:(len(s)+1)/3] {
		if i > 0 && s[3*i-1] != ':' {
			return Clock{}, false
		}
		if *field, ok = scanDigits(s[3*i : 3*i+2]); !ok {
			return Clock{}, false
		}
	}
	return c, true
}

// Valid reports whether c lies in 00:00:00 to 24:00:00.
func (c Clock) Valid() bool {
	if c.Hour == 24 {
		return c.Minute == 0 && c.Second == 0
	}
	return c.Hour >= 0 && c.Hour < 24 && c.Minute >= 0 && c.Minute < 60 && c.Second >= 0 && c.Second < 60
}

// seconds counts from midnight, as the wall clock shows it.
func (c Clock) seconds() int64 {
	return int64(c.Hour)*hourSeconds + int64(c.Minute)*minuteSeconds + int64(c.Second)
}

// clockOf is the inverse of seconds.
func clockOf(seconds int64) Clock {
	return Clock{int(seconds / hourSeconds), int(seconds / minuteSeconds % 60), int(seconds % 60)}
}

// String returns "15:04", or "15:04:05" if there are seconds.
func (c Clock) String() string { return string(c.appendTo(nil)) }

func (c Clock) appendTo(b []byte) []byte {
	b = append(appendDigits(b, c.Hour, 2), ':')
	b = appendDigits(b, c.Minute, 2)
	if c.Second != 0 {
		b = appendDigits(append(b, ':'), c.Second, 2)
	}
	return b
}

// MarshalText returns [Clock.String]; it refuses a Clock that is not valid.
func (c Clock) MarshalText() ([]byte, error) {
	if !c.Valid() {
		return nil, problem("impossible_clock", c.String(), clockForms)
	}
	return c.appendTo(nil), nil
}

// UnmarshalText reads what [ParseClock] reads.
func (c *Clock) UnmarshalText(text []byte) (err error) {
	*c, err = ParseClock(string(text))
	return err
}

// Compare returns -1, 0 or +1 as c is before, equal to or after other.
func (c Clock) Compare(other Clock) int {
	return cmp.Or(cmp.Compare(c.Hour, other.Hour), cmp.Compare(c.Minute, other.Minute), cmp.Compare(c.Second, other.Second))
}
