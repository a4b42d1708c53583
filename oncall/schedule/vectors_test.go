package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// rotation is two people who take turns.
func rotation(zone, anchor string, turn schedule.Turn) schedule.Schedule {
	return schedule.Schedule{ID: "r", Zone: zone, Layers: []schedule.Layer{{Name: "r", Members: schedule.Each("a", "b"), Anchor: anchor, Turn: turn}}}
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z07:00", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

const stampForm = "2006-01-02T15:04Z07:00"

// show prints a shift in its zone.
func show(s schedule.Shift) string {
	return s.Start.Format(stampForm) + " " + s.End.Format(stampForm)
}

// Vectors of GoAlert's rotations, right and wrong, in the instants at which a
// turn begins.
func TestHandoffsAreOnTheWallClock(t *testing.T) {
	for _, row := range []struct {
		name, zone, anchor string
		turn               schedule.Turn
		from               string // the first handoff looked for is after it
		want, not          []string
	}{
		{name: "daily into a gap", zone: "America/Chicago", anchor: "2020-03-06 02:30", turn: schedule.Days(1), from: "2020-03-07T00:00:00-06:00",
			want: []string{"2020-03-07T02:30-06:00", "2020-03-08T03:00-05:00", "2020-03-09T02:30-05:00"},
			not:  []string{"2020-03-08T01:30-06:00", "2020-03-08T03:30-05:00"}},
		{name: "hourly over a gap", zone: "America/Chicago", anchor: "2020-03-06 02:30", turn: schedule.Hours(1), from: "2020-03-08T00:00:00-06:00",
			want: []string{"2020-03-08T00:30-06:00", "2020-03-08T01:30-06:00", "2020-03-08T03:00-05:00", "2020-03-08T03:30-05:00", "2020-03-08T04:30-05:00"}},
		{name: "hourly over a fold: one shift lasts two hours", zone: "America/Chicago", anchor: "2020-10-31 00:30", turn: schedule.Hours(1), from: "2020-11-01T00:00:00-05:00",
			want: []string{"2020-11-01T00:30-05:00", "2020-11-01T01:30-05:00", "2020-11-01T02:30-06:00"},
			not:  []string{"2020-11-01T01:30-06:00"}},
		{name: "hourly over half an hour's fold", zone: "Australia/Lord_Howe", anchor: "2021-04-03 00:30", turn: schedule.Hours(1), from: "2021-04-04T00:00:00+11:00",
			want: []string{"2021-04-04T00:30+11:00", "2021-04-04T01:30+11:00", "2021-04-04T02:30+10:30"}},
		{name: "daily into half an hour's gap", zone: "Australia/Lord_Howe", anchor: "2020-10-01 02:15", turn: schedule.Days(1), from: "2020-10-04T00:00:00+10:30",
			want: []string{"2020-10-04T02:30+11:00", "2020-10-05T02:15+11:00"}},
		{name: "weekly over a gap: 167 hours", zone: "America/Chicago", anchor: "2017-03-10 08:00", turn: schedule.Weeks(1), from: "2017-03-10T00:00:00-06:00",
			want: []string{"2017-03-10T08:00-06:00", "2017-03-17T08:00-05:00"}},
		{name: "three hours that last two", zone: "America/Chicago", anchor: "2017-03-12 00:00", turn: schedule.Hours(3), from: "2017-03-11T23:30:00-06:00",
			want: []string{"2017-03-12T00:00-06:00", "2017-03-12T03:00-05:00"}},
		{name: "three hours that last four", zone: "America/Chicago", anchor: "2017-11-05 00:00", turn: schedule.Hours(3), from: "2017-11-04T23:30:00-05:00",
			want: []string{"2017-11-05T00:00-05:00", "2017-11-05T03:00-06:00"}},

		{name: "a midnight that Santiago skips: GoAlert stands still for ever", zone: "America/Santiago", anchor: "2026-09-01 00:00", turn: schedule.Days(1), from: "2026-09-05T00:00:00-04:00",
			want: []string{"2026-09-06T01:00-03:00", "2026-09-07T00:00-03:00"}, not: []string{"2026-09-05T00:00-04:00", "2026-09-05T23:00-04:00"}},
		{name: "a day without midnight in Santiago", zone: "America/Santiago", anchor: "2026-09-01 09:00", turn: schedule.Days(1), from: "2026-09-05T09:00:00-04:00",
			want: []string{"2026-09-06T09:00-03:00", "2026-09-07T09:00-03:00"}, not: []string{"2026-09-05T09:00-04:00"}},
		{name: "hours around a midnight that Santiago skips", zone: "America/Santiago", anchor: "2026-09-01 00:00", turn: schedule.Hours(1), from: "2026-09-05T22:30:00-04:00",
			want: []string{"2026-09-05T23:00-04:00", "2026-09-06T01:00-03:00", "2026-09-06T02:00-03:00"}},
		{name: "a Sunday without midnight in Santiago: the handoff stays on Sunday", zone: "America/Santiago", anchor: "2026-08-30 00:00", turn: schedule.Weeks(1), from: "2026-08-30T00:00:00-04:00",
			want: []string{"2026-09-06T01:00-03:00", "2026-09-13T00:00-03:00"}, not: []string{"2026-09-05T00:00-04:00", "2026-09-12T00:00-03:00"}},
		{name: "a midnight that Havana skips", zone: "America/Havana", anchor: "2026-03-01 00:00", turn: schedule.Days(1), from: "2026-03-07T00:00:00-05:00",
			want: []string{"2026-03-08T01:00-04:00", "2026-03-09T00:00-04:00"}},
		{name: "a day without midnight in Havana", zone: "America/Havana", anchor: "2026-03-01 17:30", turn: schedule.Days(1), from: "2026-03-07T17:30:00-05:00",
			want: []string{"2026-03-08T17:30-04:00", "2026-03-09T17:30-04:00"}},
		{name: "a midnight that the Azores skip", zone: "Atlantic/Azores", anchor: "2026-03-01 00:00", turn: schedule.Days(1), from: "2026-03-28T00:00:00-01:00",
			want: []string{"2026-03-29T01:00Z", "2026-03-30T00:00Z"}},
		{name: "a day that Apia skips: its turn is empty and keeps its number", zone: "Pacific/Apia", anchor: "2011-12-28 00:00", turn: schedule.Days(1), from: "2011-12-29T00:00:00-10:00",
			want: []string{"2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"}},
		{name: "a zone of odd seconds", zone: "Africa/Monrovia", anchor: "1972-01-05 00:00", turn: schedule.Days(1), from: "1972-01-06T01:00:00Z",
			want: []string{"1972-01-07T00:44Z", "1972-01-08T00:00Z"}},

		{name: "the 31st of each month is its last day", zone: "America/Chicago", anchor: "2025-01-31 09:00", turn: schedule.Months(1), from: "2025-01-31T09:00:00-06:00",
			want: []string{"2025-02-28T09:00-06:00", "2025-03-31T09:00-05:00", "2025-04-30T09:00-05:00", "2025-05-31T09:00-05:00"},
			not:  []string{"2025-03-03T09:00-06:00", "2025-05-01T09:00-05:00", "2025-07-01T09:00-05:00", "2025-10-01T09:00-05:00"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			from := instant(t, row.from)
			c := rotation(row.zone, row.anchor, row.turn).MustCompile(from, from.Add(400*24*time.Hour))
			at := from
			var got []string
			for len(got) < len(row.want) {
				s, ok := c.Next("", at)
				if !ok {
					t.Fatal("there is no next shift")
				}
				got, at = append(got, s.Start.Format(stampForm)), s.Start
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("handoffs (-want +got):\n%s", diff)
			}
			for _, s := range c.Shifts(from, from.Add(400*24*time.Hour)) {
				for _, not := range row.not {
					if s.Start.After(from) && s.Start.Format(stampForm) == not {
						t.Errorf("not this: %s", not)
					}
				}
			}
		})
	}
}

func TestTurnsHoldTheirInstant(t *testing.T) {
	for _, row := range []struct {
		name, zone, anchor string
		turn               schedule.Turn
		at, want, not      string
	}{
		{"in the second pass of a fold", "America/Chicago", "2026-10-01 01:30", schedule.Days(1), "2026-11-01T01:15:00-06:00",
			"2026-11-01T01:30-05:00 2026-11-02T01:30-06:00", "2026-10-31T01:30-05:00 2026-11-01T01:30-05:00"},
		{"after the gap at midnight", "America/Santiago", "2026-08-30 00:00", schedule.Weeks(1), "2026-09-06T02:00:00-03:00",
			"2026-09-06T01:00-03:00 2026-09-13T00:00-03:00", "2026-09-05T00:00-04:00 2026-09-12T00:00-03:00"},
		{"monthly, exactly on a handoff before the anchor", "America/Chicago", "2025-06-10 09:00", schedule.Months(1), "2025-04-10T09:00:00-05:00",
			"2025-04-10T09:00-05:00 2025-05-10T09:00-05:00", "2025-03-10T09:00-05:00 2025-05-10T09:00-05:00"},
		{"a day that does not exist", "Pacific/Apia", "2011-12-28 09:00", schedule.Days(1), "2011-12-31T04:00:00+14:00",
			"2011-12-31T00:00+14:00 2011-12-31T09:00+14:00", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := instant(t, row.at)
			c := rotation(row.zone, row.anchor, row.turn).MustCompile(at.Add(-60*24*time.Hour), at.Add(60*24*time.Hour))
			for s := range c.At(at).All() {
				if got := show(s); got != row.want || got == row.not {
					t.Errorf("the shift is %s, want %s", got, row.want)
				}
				if x := c.Explain(at); !names(x, s) {
					t.Errorf("the turn is %d, and the explanation says\n%s", s.Cause.Turn, x)
				}
			}
			if c.At(at).Len() != 1 {
				t.Errorf("%d shifts run, want 1", c.At(at).Len())
			}
		})
	}
}

// always is one person within restrictions.
func always(zone string, r ...schedule.Restriction) schedule.Schedule {
	return schedule.Schedule{ID: "r", Zone: zone, Layers: []schedule.Layer{{Name: "r", Members: schedule.Each("a"), Restrict: r}}}
}

func TestRestrictionsAreHalfOpenOnEveryDay(t *testing.T) {
	weekdays := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	for _, row := range []struct {
		name string
		s    schedule.Schedule
		at   string
		want bool
	}{
		{"GoAlert, equal clocks from Monday to Friday end on Saturday", always("Europe/Berlin", schedule.Restriction{Weekdays: weekdays, Clock: []string{"08:00-08:00"}}), "2026-01-10T07:59:59+01:00", true},
		{"and not later", always("Europe/Berlin", schedule.Restriction{Weekdays: weekdays, Clock: []string{"08:00-08:00"}}), "2026-01-10T08:00:00+01:00", false},
		{"nor earlier on Monday", always("Europe/Berlin", schedule.Restriction{Weekdays: weekdays, Clock: []string{"08:00-08:00"}}), "2026-01-12T07:59:59+01:00", false},
		{"over midnight into Saturday, from Friday", always("Europe/Berlin", schedule.Restriction{Weekdays: weekdays, Clock: []string{"22:00-06:00"}}), "2026-01-10T05:00:00+01:00", true},
		{"over midnight into Monday, from Sunday, which does not count", always("Europe/Berlin", schedule.Restriction{Weekdays: weekdays, Clock: []string{"22:00-06:00"}}), "2026-01-12T05:00:00+01:00", false},
		{"a range that the zone skips is empty: GoAlert's calendar has it, its paging has not", always("America/Chicago", schedule.Restriction{Clock: []string{"02:00-03:00"}}), "2026-03-08T03:00:00-05:00", false},
		{"a range that ended at 23:15, after a midnight that Cairo skips: GoAlert's calendar goes on", always("Africa/Cairo", schedule.Restriction{Clock: []string{"07:15-23:15"}}), "2026-04-25T00:00:00+03:00", false},
		{"alertmanager, the last day of March in New York", always("America/New_York", schedule.Restriction{MonthDays: []int{-1}}), "2021-03-31T12:00:00-04:00", true},
		{"and not the one before", always("America/New_York", schedule.Restriction{MonthDays: []int{-1}}), "2021-03-30T12:00:00-04:00", false},
		{"alertmanager, days 30 and 31 have no part in February", always("UTC", schedule.Restriction{MonthDays: []int{30, 31}}), "2026-02-28T12:00:00Z", false},
		{"days of the month count their own month", always("UTC", schedule.Restriction{MonthDays: []int{-29}}), "2028-02-01T12:00:00Z", true},
		{"24:00 belongs to the next day", always("UTC", schedule.Restriction{Clock: []string{"18:00-24:00"}}), "2026-02-28T00:00:00Z", false},
		{"weekly over the weekend", always("Europe/Berlin", schedule.Weekly(time.Friday, "17:00", time.Monday, "09:00")...), "2026-01-12T08:59:59+01:00", true},
		{"and not after it", always("Europe/Berlin", schedule.Weekly(time.Friday, "17:00", time.Monday, "09:00")...), "2026-01-12T09:00:00+01:00", false},
		{"weekly for almost a week", always("Europe/Berlin", schedule.Weekly(time.Monday, "09:00", time.Monday, "08:00")...), "2026-01-12T08:30:00+01:00", false},
		{"the second pass of an hour whose range ended in the first", always("America/Chicago", schedule.Restriction{Clock: []string{"00:00-01:30"}}), "2026-11-01T01:10:00-06:00", false},
		{"and it belongs to the range that begins there", always("America/Chicago", schedule.Restriction{Clock: []string{"01:30-02:00"}}), "2026-11-01T01:10:00-06:00", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := instant(t, row.at)
			if got := row.s.MustCompile(at, at.Add(time.Hour)).At(at).Has("a", oncall.Primary); got != row.want {
				t.Errorf("on call at %s: %v, want %v", row.at, got, row.want)
			}
		})
	}
}

// LinkedIn's events are offsets in a week, resolved for both ends alike: what
// touches in the template touches on each day, also where the clocks change.
func TestRangesThatTouchTile(t *testing.T) {
	loc := "America/New_York"
	s := always(loc, schedule.Weekly(time.Monday, "09:00", time.Sunday, "02:30")...)
	s.Layers = append(s.Layers, schedule.Layer{Name: "rest", Members: schedule.Each("b"), Restrict: schedule.Weekly(time.Sunday, "02:30", time.Monday, "09:00")})
	from := instant(t, "2026-01-01T00:00:00Z")
	c := s.MustCompile(from, from.AddDate(1, 0, 0))
	var last schedule.Shift
	for shift := range c.Flatten(c.Horizon()) {
		if !last.End.IsZero() && (!shift.Start.Equal(last.End) || shift.Person == last.Person) {
			t.Errorf("%s %s does not follow on %s %s", shift.Person, show(shift), last.Person, show(last))
		}
		last = shift
	}
}

// Grafana OnCall's example of a day: priorities hide each other, and overrides
// are one level above all.
func TestPrioritiesMaskAsInGrafana(t *testing.T) {
	day := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	at := func(hour float64) time.Time { return day.Add(time.Duration(hour * float64(time.Hour))) }
	s := schedule.Schedule{ID: "g", Zone: "UTC", Compose: schedule.Priority}
	for i, l := range []struct {
		person     string
		priority   int
		start, end float64
	}{
		{"A", 1, 10, 15}, {"B", 1, 11, 13}, {"A", 1, 16, 19}, {"A", 1, 21, 22}, {"B", 1, 22, 24},
		{"C", 2, 12, 14}, {"D", 2, 14, 15}, {"D", 2, 17, 18}, {"D", 2, 20, 23},
		{"E", 100, 22, 23}, {"A", 101, 22, 22.5}, // overrides, of level 0 and 1
	} {
		s.Layers = append(s.Layers, schedule.Layer{Name: fmt.Sprint("shift-", i), Members: schedule.Each(l.person), Priority: l.priority, From: at(l.start), Until: at(l.end)})
	}
	var got []string
	c := s.MustCompile(day, day.AddDate(0, 0, 1))
	for shift := range c.Flatten(c.Horizon()) {
		got = append(got, fmt.Sprintf("%s %s-%s", shift.Person, shift.Start.Format("15:04"), shift.End.Format("15:04")))
	}
	want := []string{"A 10:00-12:00", "B 11:00-12:00", "C 12:00-14:00", "D 14:00-15:00", "A 16:00-17:00", "D 17:00-18:00", "A 18:00-19:00",
		"D 20:00-22:00", "A 22:00-22:30", "E 22:30-23:00", "B 23:00-00:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
	gaps := 0
	for _, f := range c.Lint(c.Horizon()) {
		if f.Code == schedule.CodeGap {
			gaps = f.Count
		}
	}
	if gaps != 3 {
		t.Errorf("%d gaps, want 3: 0-10, 15-16, 19-20", gaps)
	}
}

// PagerDuty has one person: the last layer that covers the time.
func TestLastLayerWinsAsInPagerDuty(t *testing.T) {
	s := schedule.Schedule{ID: "pd", Zone: "Europe/Berlin", Compose: schedule.LastWins, Layers: []schedule.Layer{
		{Name: "layer-1", Members: schedule.Each("a"), Priority: 9}, // priorities do not count
		{Name: "layer-2", Members: schedule.Each("b"), Restrict: []schedule.Restriction{{Clock: []string{"09:00-17:00"}}}},
		{Name: "layer-3", Members: schedule.Each("c"), Restrict: []schedule.Restriction{{Clock: []string{"12:00-13:00"}}}},
	}}
	from := instant(t, "2026-05-04T00:00:00+02:00")
	c := s.MustCompile(from, from.AddDate(0, 0, 1))
	for clock, want := range map[string]string{"08:59": "a", "09:00": "b", "12:00": "c", "13:00": "b", "17:00": "a"} {
		if got := c.At(instant(t, "2026-05-04T"+clock+":00+02:00")).String(); got != "primary "+want {
			t.Errorf("at %s: %s, want %s", clock, got, want)
		}
	}
	// Who is absent exposes the layer below, and so does a slot of nobody.
	s.Absences = []schedule.Absence{{Person: "c", Start: from, End: from.AddDate(0, 0, 1)}}
	s.Layers[1].Members = []schedule.Slot{{}}
	if got := s.MustCompile(from, from).At(instant(t, "2026-05-04T12:30:00+02:00")).String(); got != "primary a" {
		t.Errorf("with c absent and layer 2 empty: %s, want a", got)
	}
}

// Five people, daily, on weekdays. Grafana counts the days worked, PagerDuty and
// GoAlert those of the calendar.
func TestTurnsByCalendarAndByWork(t *testing.T) {
	s := schedule.Schedule{ID: "d", Zone: "Europe/Berlin", Layers: []schedule.Layer{{
		Name: "daily", Members: schedule.Each("A", "B", "C", "D", "E"), Anchor: "2026-01-05 09:00", Turn: schedule.Days(1),
		Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}, Clock: []string{"09:00-17:00"}}}}}}
	for _, row := range []struct {
		by         schedule.TurnsBy
		want       string
		lastMonday string
	}{
		{schedule.ByWorked, "ABCDEABCDE", "A"},
		{schedule.ByCalendar, "ABCDECDEAB", "D"},
	} {
		s.Layers[0].TurnsBy = row.by
		from := instant(t, "2026-01-05T00:00:00+01:00")
		c := s.MustCompile(from, from.AddDate(0, 0, 14))
		var got strings.Builder
		for shift := range c.Flatten(c.Horizon()) {
			got.WriteString(shift.Person)
		}
		if got.String() != row.want {
			t.Errorf("by %s: %s, want %s", row.by, got.String(), row.want)
		}
		if got := c.At(instant(t, "2025-12-29T10:00:00+01:00")).First(oncall.Primary); got != row.lastMonday {
			t.Errorf("by %s: a week before the anchor it is %s, want %s", row.by, got, row.lastMonday)
		}
	}
}

// Of 14 people in a daily rotation on weekdays 4 never serve (GoAlert #55).
func TestStarvationIsProven(t *testing.T) {
	var people []string
	for i := range 14 {
		people = append(people, fmt.Sprintf("p%02d", i))
	}
	s := schedule.Schedule{ID: "s", Zone: "America/Chicago", Layers: []schedule.Layer{{
		Name: "daily", Members: schedule.Each(people...), Anchor: "2026-01-05 00:00", Turn: schedule.Days(1),
		Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}}}}}}
	from := instant(t, "2026-01-05T06:00:00Z")
	count := func(s schedule.Schedule) (n int, found []schedule.Finding) {
		for _, f := range s.MustCompile(from, from).Lint(from, from.AddDate(1, 0, 0)) {
			if f.Code == schedule.CodeStarvation || f.Code == schedule.CodeNeverOnCall {
				n, found = n+f.Count, append(found, f)
			}
		}
		return n, found
	}
	n, found := count(s)
	if n != 4 || len(found) != 1 || !strings.HasPrefix(found[0].Text, "p05, p06, p12, p13 of layer daily never serve") {
		t.Fatalf("%d starve: %v; want p05, p06, p12 and p13", n, found)
	}
	at := found[0].At
	if x := s.MustCompile(from, from).Explain(at); len(x.Out) != 1 || x.Out[0].Person != "p05" || x.Out[0].Reasons[0].Code != "restricted" {
		t.Errorf("the witness, %s, does not show it:\n%s", at, x)
	}
	s.Layers[0].Members = schedule.Each(people[:13]...) // 13 and 7 have no common factor
	if n, found := count(s); n != 0 {
		t.Errorf("of 13 people %d starve: %v", n, found)
	}
	s.Layers[0].Members, s.Layers[0].TurnsBy = schedule.Each(people...), schedule.ByWorked
	if n, found := count(s); n != 0 {
		t.Errorf("by turns worked %d starve: %v", n, found)
	}
}

// Two rotations of different length meet in one person; positions of one never do.
func TestPositionsKeepPrimaryAndSecondaryApart(t *testing.T) {
	from := instant(t, "2026-01-05T00:00:00Z")
	two := schedule.Schedule{ID: "two", Zone: "UTC", Layers: []schedule.Layer{
		{Name: "primary", Members: schedule.Each("a", "b", "c"), Anchor: "2026-01-05", Turn: schedule.Weeks(1)},
		{Name: "secondary", Role: oncall.Secondary, Members: schedule.Each("b", "c", "a", "d"), Anchor: "2026-01-05", Turn: schedule.Weeks(1)},
	}}
	one := schedule.Schedule{ID: "one", Zone: "UTC", Layers: []schedule.Layer{{Name: "both", Members: schedule.Each("a", "b", "c"), Anchor: "2026-01-05", Turn: schedule.Weeks(1),
		Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}}}}}
	for _, row := range []struct {
		s    schedule.Schedule
		want bool
	}{{two, true}, {one, false}} {
		c := row.s.MustCompile(from, from)
		found := false
		for _, f := range c.Lint(from, from.AddDate(1, 0, 0)) {
			if f.Code != schedule.CodeSamePerson {
				continue
			}
			found = true
			if on := c.At(f.At); !on.Has(f.Person, oncall.Primary) || !on.Has(f.Person, oncall.Secondary) {
				t.Errorf("the witness %s shows %s", f.At, on)
			}
		}
		if found != row.want {
			t.Errorf("%s: found %v, want %v", row.s.ID, found, row.want)
		}
	}
}
