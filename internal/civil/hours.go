package civil

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Limits of [Hours].
const (
	MaxRangesPerDay = 100
	MaxHolidays     = 10_000
)

// A ClockRange is the part of a day from one clock, inclusive, to another,
// exclusive. If To is not after From the range runs over midnight into the next
// day: 22:00-06:00. A whole day is 00:00-24:00; From = To is refused because it
// could mean a whole day as well as nothing.
type ClockRange struct {
	From, To Clock
}

// ParseClockRange reads "09:00-17:30".
func ParseClockRange(s string) (ClockRange, error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		return ClockRange{}, problem("invalid_clock_range", s, "15:04-15:04")
	}
	var r ClockRange
	var p sre.Problems
	p.Merge("from", r.From.UnmarshalText([]byte(from)))
	p.Merge("to", r.To.UnmarshalText([]byte(to)))
	if p.Len() == 0 {
		r.check(&p, "")
	}
	if err := p.Err("civil"); err != nil {
		return ClockRange{}, err
	}
	return r, nil
}

// String returns "09:00-17:30".
func (r ClockRange) String() string { return r.From.String() + "-" + r.To.String() }

// MarshalText returns [ClockRange.String]; it refuses a range that
// [ParseClockRange] would refuse.
func (r ClockRange) MarshalText() ([]byte, error) {
	var p sre.Problems
	r.check(&p, "")
	if err := p.Err("civil"); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what [ParseClockRange] reads.
func (r *ClockRange) UnmarshalText(text []byte) (err error) {
	*r, err = ParseClockRange(string(text))
	return err
}

func (r ClockRange) check(p *sre.Problems, path string) {
	switch {
	case !r.From.Valid() || !r.To.Valid():
		p.Add(path, "impossible_clock", r, "clocks from 00:00 to 24:00")
	case r.From == r.To:
		p.Add(path, "ambiguous_clock_range", r, "00:00-24:00 for a whole day; no range for a closed one")
	case r.From.Hour == 24:
		p.Add(path, "impossible_clock", r, "a range that begins before 24:00; write 00:00 of the next weekday")
	}
}

// Hours describes business time: a weekly pattern of clock ranges in a zone,
// less holidays. [Hours.Compile] makes the [Calendar] that answers questions.
type Hours struct {
	// Zone is the one whose wall clock counts. Required.
	Zone Zone

	// Week holds the ranges of each day, indexed by [time.Weekday]; a range
	// belongs to the day on which it begins. Ranges may touch and overlap: what
	// counts is their union. A day without ranges is closed.
	Week [7][]ClockRange

	// Holidays are closed from their midnight to the next, whatever the week
	// says. A range that runs over midnight into a holiday ends at midnight; of
	// one that begins on a holiday, the part after midnight remains. Repeated
	// dates count once.
	Holidays []Date
}

// Compile checks the hours, reporting every [sre.Problem]. Hours that are never
// open are refused, because time spent in them would never pass.
func (h Hours) Compile() (*Calendar, error) {
	var p sre.Problems
	h.Zone.check(&p, "zone")
	ranges := 0
	for weekday, list := range h.Week {
		path := "week." + strings.ToLower(time.Weekday(weekday).String())
		if len(list) > MaxRangesPerDay {
			p.Add(path, "too_many", len(list), fmt.Sprintf("at most %d ranges", MaxRangesPerDay))
			continue
		}
		for i, r := range list {
			r.check(&p, fmt.Sprintf("%s[%d]", path, i))
		}
		ranges += len(list)
	}
	if ranges == 0 && p.Len() == 0 {
		p.Add("week", "never_open", nil, "at least one range")
	}
	h.checkHolidays(&p)
	if err := p.Err("civil"); err != nil {
		return nil, err
	}
	return h.calendar(), nil
}

func (h Hours) checkHolidays(p *sre.Problems) {
	if len(h.Holidays) > MaxHolidays {
		p.Add("holidays", "too_many", len(h.Holidays), fmt.Sprintf("at most %d dates", MaxHolidays))
		return
	}
	for i, d := range h.Holidays {
		if !d.Valid() {
			p.Add(fmt.Sprintf("holidays[%d]", i), "impossible_date", d, "a day of the calendar, years 0001 to 9999")
		}
	}
}

// calendar compiles hours that were checked.
func (h Hours) calendar() *Calendar {
	c := &Calendar{zone: h.Zone, open: h.weekSpans()}
	for i := range c.open {
		c.open[i].before = c.perWeek
		c.perWeek += c.open[i].end - c.open[i].start
	}
	for _, d := range h.Holidays {
		c.holidays = append(c.holidays, holiday{day: d.number()})
	}
	slices.SortFunc(c.holidays, func(a, b holiday) int { return int(a.day - b.day) })
	c.holidays = slices.Compact(c.holidays)
	var lost int64
	for i := range c.holidays {
		c.holidays[i].before = lost
		start := sinceMonday(c.holidays[i].day * daySeconds)
		lost += c.inWeek(start+daySeconds) - c.inWeek(start)
	}
	c.lost = lost
	return c
}

// weekSpans returns the union of all ranges as disjoint spans of civil seconds
// since Monday 00:00, ascending; what runs over the end of the week is cut and
// continues at its start.
func (h Hours) weekSpans() []weekSpan {
	var spans []weekSpan
	for weekday, list := range h.Week {
		midnight := int64((weekday+6)%7) * daySeconds
		for _, r := range list {
			start, end := midnight+r.From.seconds(), midnight+r.To.seconds()
			if end <= start {
				end += daySeconds
			}
			spans = append(spans, weekSpan{start: start, end: min(end, weekSeconds)})
			if end > weekSeconds {
				spans = append(spans, weekSpan{start: 0, end: end - weekSeconds})
			}
		}
	}
	slices.SortFunc(spans, func(a, b weekSpan) int { return int(a.start - b.start) })
	union := spans[:1]
	for _, s := range spans[1:] {
		if last := &union[len(union)-1]; s.start <= last.end {
			last.end = max(last.end, s.end)
		} else {
			union = append(union, s)
		}
	}
	return union
}
