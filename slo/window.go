package slo

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

// A Unit is a unit of the calendar.
type Unit uint8

const (
	NoUnit Unit = iota // a rolling window has none
	Day
	Week
	Month
	Quarter
	Year
)

var units = [...]struct {
	name    string
	civil   civil.Unit
	nominal time.Duration
	anchor  string // the default start of a period
}{
	Day:     {"day", civil.Day, 24 * time.Hour, "1970-01-01"},
	Week:    {"week", civil.Week, 7 * 24 * time.Hour, "1970-01-05"}, // a Monday, as in ISO 8601
	Month:   {"month", civil.Month, 30 * 24 * time.Hour, "1970-01-01"},
	Quarter: {"quarter", civil.Quarter, 90 * 24 * time.Hour, "1970-01-01"},
	Year:    {"year", civil.Year, 365 * 24 * time.Hour, "1970-01-01"},
}

// String returns the lower-case name.
func (u Unit) String() string {
	if NoUnit < u && int(u) < len(units) {
		return units[u].name
	}
	return fmt.Sprintf("unit(%d)", uint8(u))
}

// A Window is the time over which an objective must hold: the last Length
// before each instant (rolling), or a calendar period in a time zone, at whose
// start the budget is whole again. Make one with [Rolling] or [Calendar].
type Window struct {
	Length time.Duration // of a rolling window; at least a minute and at most [MaxWindow]

	Unit   Unit   // of a calendar window
	Every  int    // how many units make a period; default: 1
	Zone   string // an IANA name such as "Europe/Berlin" or "UTC"; never "" or "Local"
	Anchor string // the local start of one period, "2026-04-06" or "2026-04-06 09:00"; default: see [Calendar]
}

// MaxWindow is the longest window: 400 days, so that a leap year fits.
const MaxWindow = 400 * 24 * time.Hour

// MinWindow is the shortest rolling window.
const MinWindow = time.Minute

// Rolling is the window of the last length.
func Rolling(length time.Duration) Window { return Window{Length: length} }

// Calendar is the window of one calendar unit in a time zone: days start at
// 00:00, weeks on Monday, months on the 1st, quarters on the first of January,
// April, July and October, years on January 1. For other periods (a fiscal
// year, weeks that start on Sunday, two weeks) set Anchor and Every: period i
// starts i times Every units after Anchor, at Anchor's local time; a day that
// a month does not have becomes its last.
func Calendar(unit Unit, zone string) Window { return Window{Unit: unit, Zone: zone} }

// String returns "30d rolling" or "calendar month in Europe/Berlin".
func (w Window) String() string {
	if w.Unit == NoUnit {
		return formatSpan(w.Length) + " rolling"
	}
	text := "calendar " + w.Unit.String()
	if w.Every > 1 {
		text = fmt.Sprintf("%d calendar %ss", w.Every, w.Unit)
	}
	if w.Anchor != "" {
		text += " from " + w.Anchor
	}
	return text + " in " + w.Zone
}

// formatSpan prints whole days as such: 30d, not 720h0m0s.
func formatSpan(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// window is a checked Window with its zone resolved.
type window struct {
	calendar bool
	length   time.Duration // rolling length, or the nominal one
	periods  civil.Period
}

func (w Window) compile(path string, p *sre.Problems) window {
	if w.Unit == NoUnit {
		if w.Length < MinWindow || w.Length > MaxWindow {
			p.Add(path+".length", "out_of_range", w.Length, "a length from 1m to 9600h (400 days), or a calendar unit")
		}
		if w.Every != 0 || w.Zone != "" || w.Anchor != "" {
			p.Add(path+".unit", "missing", nil, "a calendar unit, because every, zone and anchor belong to calendar windows")
		}
		return window{length: w.Length}
	}
	if int(w.Unit) >= len(units) {
		p.Add(path+".unit", "unknown_unit", uint8(w.Unit), "Day, Week, Month, Quarter or Year")
		return window{}
	}
	if w.Length != 0 {
		p.Add(path+".length", "conflict", w.Length, "either a length or a calendar unit")
	}
	every := w.Every
	if every == 0 {
		every = 1
	}
	u := units[w.Unit]
	length := time.Duration(0)
	if every < 1 || every > int(MaxWindow/u.nominal) {
		p.Add(path+".every", "out_of_range", w.Every, fmt.Sprintf("1 to %d, at most 400 days in all", MaxWindow/u.nominal))
	} else {
		length = time.Duration(every) * u.nominal
	}
	zone, err := civil.LoadZone(w.Zone)
	if err != nil {
		p.Merge(path+".zone", err)
	}
	text := w.Anchor
	if text == "" {
		text = u.anchor
	}
	anchor, err := civil.ParseDateTime(text)
	if err != nil {
		p.Merge(path+".anchor", err)
	}
	if zone.IsZero() || length == 0 || !anchor.Valid() {
		return window{calendar: true}
	}
	periods, err := civil.Recurrence{Anchor: anchor, Unit: u.civil, Every: every, Zone: zone}.Compile()
	if err != nil {
		p.Merge(path, err)
	}
	return window{calendar: true, length: length, periods: periods}
}

func (w window) period(at time.Time) (start, end time.Time) {
	if !w.calendar {
		return at.Add(-w.length), at
	}
	return w.periods.Bounds(at)
}
