package openslo

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

const day = 24 * time.Hour

// A shorthand is OpenSLO's duration-shorthand: a positive integer and a unit.
type shorthand struct {
	n    int
	unit string
}

// exact holds the units that have one length.
var exact = map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day}

// inexact holds the length that is probably meant by the other units.
var inexact = map[string]string{"M": "30d", "Q": "90d", "Y": "365d"}

var calendarUnits = map[string]slo.Unit{"d": slo.Day, "w": slo.Week, "M": slo.Month, "Q": slo.Quarter, "Y": slo.Year}

// Nine digits of minutes are far beyond the longest window.
var shorthandForm = regexp.MustCompile(`^([0-9]{1,9})([mhdwMQY])$`)

// parseShorthand is for [yamlfile.Value]; it never returns a valid zero.
func parseShorthand(text string) (shorthand, error) {
	parts := shorthandForm.FindStringSubmatch(text)
	if parts == nil {
		return shorthand{}, sre.Problem{Code: "invalid_duration", Value: clip(text), Want: "a positive integer and one of m h d w M Q Y, such as 28d"}
	}
	count, _ := strconv.Atoi(parts[1]) // nine digits fit
	if count == 0 {
		return shorthand{}, sre.Problem{Code: "out_of_range", Value: text, Want: "more than 0"}
	}
	return shorthand{count, parts[2]}, nil
}

func (s shorthand) String() string { return strconv.Itoa(s.n) + s.unit }

// length returns the exact length; false if there is none or it is longer than
// any window.
func (s shorthand) length() (time.Duration, bool) {
	unit := exact[s.unit]
	if unit == 0 || time.Duration(s.n) > slo.MaxWindow/unit {
		return 0, false
	}
	return time.Duration(s.n) * unit, true
}

// readWindow reads timeWindow, a list of one.
func (rd *reader) readWindow(obj *object, spec *yamlfile.Map, where places) slo.Window {
	list := spec.Optional("timeWindow")
	if !list.Exists() {
		if spec.Exists() && rd.opts.Window == (slo.Window{}) {
			list.Add("missing", nil, "one time window")
		}
		return rd.opts.Window
	}
	items := list.List()
	if len(items) != 1 || !items[0].Exists() {
		if list.IsList() {
			list.Add("wrong_count", len(items), "exactly one time window")
		}
		return slo.Window{}
	}
	m := items[0].Map()
	duration, rolling, calendar := m.Required("duration"), m.Optional("isRolling"), m.Optional("calendar")
	obj.unknown(m)
	before := obj.problems.Len()
	isRolling := rolling.Bool()
	if obj.problems.Len() > before {
		return slo.Window{}
	}
	length := yamlfile.Value(duration, parseShorthand)
	switch {
	case isRolling && calendar.Exists():
		calendar.Add("conflict", nil, "no calendar, because isRolling is true")
	case isRolling:
		return readRolling(duration, length, where)
	case calendar.Exists():
		return obj.readCalendar(duration, length, calendar.Map(), where)
	case rolling.Exists():
		calendar.Add("missing", nil, "calendar with startTime and timeZone, because isRolling is false")
	case m.Exists():
		rolling.Add("missing", nil, "isRolling: true, or a calendar")
	}
	return slo.Window{}
}

func readRolling(n yamlfile.Node, s shorthand, where places) slo.Window {
	if s.n == 0 {
		return slo.Window{} // reported
	}
	if days, ok := inexact[s.unit]; ok {
		n.Add("inexact_duration", s,
			"a length in m, h, d or w, because months, quarters and years differ (1"+s.unit+" as "+days+"), or isRolling: false with a calendar")
		return slo.Window{}
	}
	length, ok := s.length()
	if !ok {
		n.Add("out_of_range", s, "at most 400d")
		return slo.Window{}
	}
	where["window"] = n
	return slo.Rolling(length)
}

// readCalendar reads periods that follow each other from startTime.
func (obj *object) readCalendar(duration yamlfile.Node, s shorthand, m *yamlfile.Map, where places) slo.Window {
	start, zone := m.Required("startTime"), m.Required("timeZone")
	obj.unknown(m)
	unit, isCalendar := calendarUnits[s.unit]
	switch {
	case s.n == 0: // reported
	case s.unit == "m":
		duration.Add("wrong_unit", s, strconv.Itoa(s.n)+"M if months are meant: m is minutes, and a calendar period has whole days")
	case !isCalendar:
		duration.Add("wrong_unit", s, "d, w, M, Q or Y: a calendar period has whole days")
	default:
		where["window"], where["window.anchor"], where["window.zone"] = duration, start, zone
	}
	return slo.Window{Unit: unit, Every: s.n, Zone: zone.Text(), Anchor: yamlfile.Value(start, parseStart)}
}

// parseStart checks a startTime and keeps its text.
func parseStart(text string) (string, error) {
	if _, err := time.Parse(time.DateTime, text); err != nil {
		return "", sre.Problem{Code: "invalid_datetime", Value: clip(text), Want: "a date and a clock without zone, such as 2022-01-01 12:00:00"}
	}
	return text, nil
}

// clip bounds how much of a foreign text a problem repeats.
func clip(text string) string {
	const limit = 64
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}
