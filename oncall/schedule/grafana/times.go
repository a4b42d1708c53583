package grafana

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/schedule"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

var dayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"} // in the order of time.Weekday

// times says when the events of a shift are. The first begins at start, on the
// wall clock.
type times struct {
	zone     civil.Zone
	zoneName string
	start    civil.DateTime
	duration time.Duration
	until    time.Time
	begin    civil.DateTime // of a rotation: what is before it does not count; zero: start

	frequency string // hourly, daily, weekly, monthly or ""
	interval  int
	weekStart time.Weekday
	anyWeek   bool // week_start is not known
	byDay     []time.Weekday
	byMonth   []int
	monthDays []int

	// Where they stand, for problems. rotation is absent if it says the same as start.
	shift, startNode, zoneNode, untilNode, durationNode, frequencyNode, rotation yamlfile.Node
}

// times reads the fields about time. A shift that happens once has no
// frequency.
func (e *export) times(m *yamlfile.Map, kind string) *times {
	t := &times{zone: e.zone, zoneName: e.zone.String(), interval: 1, shift: m.Node()}
	if e.web || kind == "override" {
		t.zone, t.zoneName = utc, utc.String()
	}
	if t.zoneNode = m.Optional("time_zone"); t.zoneNode.Exists() {
		t.zone, t.zoneName = reading.Zone(t.zoneNode), t.zoneNode.Text()
	}
	t.startNode = m.Required("start")
	t.start = yamlfile.Value(t.startNode, civil.ParseDateTime)
	t.durationNode = m.Required("duration")
	t.duration = time.Duration(t.durationNode.Int(1, int(schedule.MaxRuleFor/time.Second))) * time.Second
	rotation := m.Optional("rotation_start")
	t.begin = yamlfile.Value(rotation, civil.ParseDateTime)
	switch {
	case t.begin.Compare(t.start) <= 0:
		t.begin = civil.DateTime{}
	case kind == "rolling_users":
		t.rotation = rotation
	default:
		e.Drop(rotation, "not_imported", "nothing: the first event is at start, and only rotations begin later")
		t.begin = civil.DateTime{}
	}
	t.untilNode = m.Optional("until")
	t.until = instant(yamlfile.Value(t.untilNode, civil.ParseDateTime), utc)

	t.frequencyNode = m.Optional("frequency")
	interval, weekStart := m.Optional("interval"), m.Optional("week_start")
	byDay, byMonth, monthDays := m.Optional("by_day"), m.Optional("by_month"), m.Optional("by_monthday")
	if kind == "rolling_users" && !t.frequencyNode.Exists() {
		return t // the first group, once
	}
	if kind == "override" && t.untilNode.Exists() {
		t.untilNode.Add("not_allowed", nil, "nothing: an override ends with its duration")
	}
	if kind == "single_event" || kind == "override" {
		for _, n := range []yamlfile.Node{t.frequencyNode, byDay, byMonth, monthDays} {
			if n.Exists() && (!n.IsList() || len(n.List()) > 0) {
				n.Add("not_allowed", nil, "nothing: the shift happens once")
			}
		}
		return t
	}
	if !t.frequencyNode.Exists() {
		t.frequencyNode.Add("missing", nil, "hourly, daily, weekly or monthly")
	}
	t.frequency = t.frequencyNode.Enum("hourly", "daily", "weekly", "monthly")
	if interval.Exists() {
		const most = 1000
		t.interval = max(1, interval.Int(1, most))
	}
	if t.anyWeek = !weekStart.Exists() && t.frequency != "weekly"; weekStart.Exists() {
		t.weekStart = yamlfile.Value(weekStart, parseDay) // default: Sunday
	}
	for _, item := range byDay.List() {
		t.byDay = append(t.byDay, yamlfile.Value(item, parseDay))
	}
	for _, item := range byMonth.List() {
		t.byMonth = append(t.byMonth, item.Int(1, 12))
	}
	for _, item := range monthDays.List() {
		d := item.Int(-31, 31)
		if d == 0 {
			item.Add("out_of_range", d, "1 to 31, or -31 to -1 from the end")
		}
		t.monthDays = append(t.monthDays, d)
	}
	t.byDay = slices.Compact(slices.Sorted(slices.Values(t.byDay)))
	return t
}

func parseDay(text string) (time.Weekday, error) {
	i := slices.Index(dayNames, text)
	if i < 0 {
		return 0, sre.NewProblem("", "unknown_day", text, "one of "+strings.Join(dayNames, ", "))
	}
	return time.Weekday(i), nil
}

// utc is where until stands, whatever the zone of the shift.
var utc, _ = civil.ZoneOf(time.UTC)

// instant returns when the wall clock shows dt; the zero time if either is not
// set.
func instant(dt civil.DateTime, zone civil.Zone) time.Time {
	if dt.IsZero() || zone.IsZero() {
		return time.Time{}
	}
	return time.Unix(zone.First(dt.Seconds()), 0).UTC()
}

func (t *times) instant(dt civil.DateTime) time.Time { return instant(dt, t.zone) }

// later returns the time so much later on the wall.
func later(dt civil.DateTime, by time.Duration) civil.DateTime {
	return civil.DateTimeOf(dt.Seconds() + int64(by/time.Second))
}

func (t *times) from() time.Time {
	if !t.begin.IsZero() {
		return t.instant(t.begin)
	}
	return t.instant(t.start)
}

// end returns when the shift ends for good; zero: never.
func (t *times) end() time.Time { return t.until }

// firstEnd returns the end of an event that happens once.
func (t *times) firstEnd() time.Time {
	end := t.instant(later(t.start, t.duration))
	if !t.until.IsZero() && t.until.Before(end) {
		return t.until
	}
	return end
}

func (t *times) refuse(n yamlfile.Node, value any, want string) {
	n.Add("not_expressible", value, want)
}

// ok says whether everything was read that the arithmetic below needs.
func (t *times) ok() bool {
	return t.start.Valid() && !t.start.IsZero() && t.frequency != "" && t.duration > 0
}

// recurrent restricts a layer without turns to the events.
func (t *times) recurrent(l *schedule.Layer) {
	switch {
	case !t.ok():
	case len(t.byDay) > 0 && !slices.Contains(t.byDay, t.start.Date.Weekday()):
		t.refuse(t.startNode, t.start, "a start on one of the days of by_day")
	case t.frequency == "hourly":
		l.Restrict = t.hours()
	default:
		l.Restrict = t.rule()
	}
}

// rolling gives a layer its turns, and restricts it to the events.
func (t *times) rolling(l *schedule.Layer) {
	if !t.ok() {
		return
	}
	if len(t.byMonth) > 0 {
		t.refuse(t.shift, "by_month", "a rotation on every month")
		return
	}
	t.toSelectedDay()
	t.toRotationStart()
	anchor := t.start
	switch t.frequency {
	case "hourly":
		l.Turn = schedule.Hours(t.interval)
		t.fits(time.Duration(t.interval) * time.Hour)
		l.Restrict = t.hours()
	case "daily":
		t.daily(l)
	case "weekly":
		l.Turn = schedule.Weeks(t.interval)
		t.keepsDay(later(t.start, time.Duration(t.interval)*week), t.ofWeek(t.start.Date.Weekday()) == 0)
		last := time.Duration(0)
		if len(t.byDay) > 0 {
			anchor.Date = anchor.Date.AddDays(-t.ofWeek(anchor.Date.Weekday()))
			for _, d := range t.byDay {
				last = max(last, time.Duration(t.ofWeek(d))*day)
			}
		}
		t.fits(time.Duration(t.interval)*week - last)
		l.Restrict = t.rule()
	case "monthly":
		l.Turn = schedule.Months(t.interval)
		anchor = t.monthly(anchor)
		l.Restrict = t.rule()
	}
	if (t.frequency == "daily" || t.frequency == "weekly") && len(t.monthDays) > 0 {
		t.refuse(t.frequencyNode, t.frequency, "monthly for events on days of the month")
	}
	l.Anchor = anchor.Date.String() + " " + reading.Clock(anchor.Clock)
}

// toSelectedDay moves the first event to the first of the selected days, in the
// order of the week, that is not before it.
func (t *times) toSelectedDay() {
	if len(t.byDay) == 0 || slices.Contains(t.byDay, t.start.Date.Weekday()) {
		return
	}
	if t.rotation.Exists() {
		t.refuse(t.startNode, t.start, "a start on one of the days of by_day, because rotation_start differs")
		return
	}
	first := func(weekStart time.Weekday) time.Weekday {
		return slices.MinFunc(t.byDay, func(a, b time.Weekday) int { return ofWeek(a, weekStart) - ofWeek(b, weekStart) })
	}
	target := first(t.weekStart)
	if t.anyWeek && target != first(time.Monday) { // the API tells week_start of weekly shifts only
		t.refuse(t.startNode, t.start, "a start on one of the days of by_day, because week_start is not known")
		return
	}
	t.start.Date = t.start.Date.AddDays(int(target-t.start.Date.Weekday()+7) % 7)
}

// toRotationStart moves the first event of an hourly or daily rotation to the one
// that runs at rotation_start, or else to the next: the first group has that. Those
// of weekly and monthly rotations count from start on.
func (t *times) toRotationStart() {
	var step time.Duration
	switch {
	case !t.rotation.Exists():
		return
	case t.frequency == "hourly":
		step = time.Duration(t.interval) * time.Hour
	case t.frequency == "daily":
		step = time.Duration(t.interval) * day
	default:
		return
	}
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	turns := max(0, t.begin.Seconds()-t.start.Seconds()-seconds(t.duration)) / seconds(step)
	t.start = civil.DateTimeOf(t.start.Seconds() + turns*seconds(step))
	for range 1 + 7 { // the next, on one of seven days
		if later(t.start, t.duration).Compare(t.begin) > 0 && (len(t.byDay) == 0 || slices.Contains(t.byDay, t.start.Date.Weekday())) {
			break
		}
		t.start = later(t.start, step)
	}
	if t.begin.Compare(t.start) < 0 {
		t.begin = t.start
	}
}

// keepsDay refuses a rotation_start after the second turn begins, unless the
// first event is at the start of its week or month: without selected days Grafana
// OnCall goes on from there, on another day than the first event's.
func (t *times) keepsDay(second civil.DateTime, first bool) {
	if !first && len(t.byDay)+len(t.monthDays) == 0 && t.begin.Compare(second) > 0 {
		t.refuse(t.rotation, t.begin, "at most "+second.String()+", one turn after start, or selected days")
	}
}

// ofWeek counts the days from the start of the week.
func (t *times) ofWeek(d time.Weekday) int { return ofWeek(d, t.weekStart) }

func ofWeek(d, weekStart time.Weekday) int { return int(d-weekStart+7) % 7 }

// fits refuses events that outlast the turn: the next group would be on call
// together with the one before.
func (t *times) fits(most time.Duration) {
	if t.duration > most {
		t.refuse(t.durationNode, t.duration, "at most "+most.String()+", so that an event ends within its turn")
	}
}

func (t *times) daily(l *schedule.Layer) {
	if len(t.byDay) == 0 {
		l.Turn = schedule.Days(t.interval)
		t.fits(time.Duration(t.interval) * day)
		l.Restrict = t.rule()
		return
	}
	// A turn is so many worked days as interval says: the group has that many
	// turns of one day.
	t.fits(day)
	l.Turn, l.TurnsBy = schedule.Days(1), schedule.ByWorked
	l.Members = slices.DeleteFunc(l.Members, func(s schedule.Slot) bool { return len(s) == 0 })
	if len(l.Members)*t.interval <= schedule.MaxSlots {
		var members []schedule.Slot
		for _, slot := range l.Members {
			members = append(members, slices.Repeat([]schedule.Slot{slot}, t.interval)...)
		}
		l.Members = members
	} else {
		t.refuse(t.frequencyNode, t.interval, "a smaller interval")
	}
	l.Restrict = []schedule.Restriction{{Weekdays: t.byDay, Clock: []string{reading.ClockRange(t.start.Clock, min(t.duration, day))}}}
}

// monthly checks that events end within their turn, and returns the anchor.
func (t *times) monthly(anchor civil.DateTime) civil.DateTime {
	const shortest = 28 // days of a month
	slack := time.Duration(t.interval-1) * shortest * day
	switch {
	case len(t.byDay) == 0 && len(t.monthDays) == 0:
		if anchor.Date.Day > shortest {
			t.refuse(t.startNode, t.start, "a day that every month has")
		}
		t.fits(shortest*day + slack)
		t.keepsDay(civil.DateTime{Date: anchor.Date.AddMonths(t.interval), Clock: anchor.Clock}, anchor.Date.Day == 1)
		return anchor
	case len(t.byDay) > 0:
		t.fits(day + slack)
	}
	for _, d := range t.monthDays {
		if d > 0 {
			t.fits(time.Duration(max(shortest, d)-d+1)*day + slack)
		} else {
			t.fits(time.Duration(-d)*day + slack)
		}
	}
	anchor.Date.Day = 1
	return anchor
}

// hours returns the events of every so many hours, nil for always.
func (t *times) hours() []schedule.Restriction {
	every := time.Duration(t.interval) * time.Hour
	if len(t.byDay)+len(t.byMonth)+len(t.monthDays) > 0 {
		t.refuse(t.frequencyNode, t.frequency, "daily, weekly or monthly for events on certain days")
		return nil
	}
	if t.duration >= every {
		return nil
	}
	if day%every != 0 {
		t.refuse(t.frequencyNode, t.interval, "an interval that divides the day, or a duration of all of it")
		return nil
	}
	var r schedule.Restriction
	for at := time.Duration(0); at < day; at += every {
		clock, _ := civil.ParseClock(reading.ClockAfter(t.start.Clock, at))
		r.Clock = append(r.Clock, reading.ClockRange(clock, t.duration))
	}
	return []schedule.Restriction{r}
}

// rule returns the events as a recurrence rule.
func (t *times) rule() []schedule.Restriction {
	rule := fmt.Sprintf("FREQ=%s;INTERVAL=%d", strings.ToUpper(t.frequency), t.interval)
	list := func(name string, items []string) {
		if len(items) > 0 {
			rule += ";" + name + "=" + strings.Join(items, ",")
		}
	}
	var days []string
	for _, d := range t.byDay {
		days = append(days, dayNames[d])
	}
	list("BYDAY", days)
	list("BYMONTH", texts(t.byMonth))
	list("BYMONTHDAY", texts(t.monthDays))
	if t.frequency == "weekly" {
		rule += ";WKST=" + dayNames[t.weekStart]
	}
	return []schedule.Restriction{{Rule: rule, RuleStart: t.start.Date.String() + " " + reading.Clock(t.start.Clock), RuleFor: t.duration}}
}

func texts(numbers []int) []string {
	var list []string
	for _, n := range numbers {
		list = append(list, strconv.Itoa(n))
	}
	return list
}
