package civil_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

func clockRange(t testing.TB, s string) civil.ClockRange {
	t.Helper()
	r, err := civil.ParseClockRange(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everyDay are the hours that have the same ranges on all seven days.
func everyDay(t testing.TB, zoneName string, ranges ...string) civil.Hours {
	t.Helper()
	h := civil.Hours{Zone: zone(t, zoneName)}
	for weekday := range h.Week {
		for _, r := range ranges {
			h.Week[weekday] = append(h.Week[weekday], clockRange(t, r))
		}
	}
	return h
}

// office is 09:00-17:00 from Monday to Friday.
func office(t testing.TB, zoneName string) civil.Hours {
	t.Helper()
	h := everyDay(t, zoneName, "09:00-17:00")
	h.Week[time.Saturday], h.Week[time.Sunday] = nil, nil
	return h
}

func compile(t testing.TB, h civil.Hours) *civil.Calendar {
	t.Helper()
	c, err := h.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHoursReportEveryProblem(t *testing.T) {
	h := civil.Hours{Holidays: []civil.Date{date(2026, 1, 1), date(2026, 2, 30), {}}}
	nine, ten := civil.Clock{Hour: 9}, civil.Clock{Hour: 10}
	h.Week[time.Monday] = []civil.ClockRange{{nine, ten}, {nine, nine}, {civil.Clock{Hour: 24}, nine}}
	h.Week[time.Tuesday] = []civil.ClockRange{{nine, civil.Clock{Hour: 25}}}
	h.Week[time.Sunday] = make([]civil.ClockRange, civil.MaxRangesPerDay+1)
	_, err := h.Compile()
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"zone zone_missing", "week.sunday too_many", "week.monday[1] ambiguous_clock_range", "week.monday[2] impossible_clock",
		"week.tuesday[0] impossible_clock", "holidays[1] impossible_date", "holidays[2] impossible_date"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestHoursThatAreNeverOpenAreRefused(t *testing.T) {
	_, err := civil.Hours{Zone: zone(t, "UTC")}.Compile()
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != "never_open" {
		t.Errorf("got %v", err)
	}
	_, err = civil.Hours{Zone: zone(t, "UTC"), Holidays: make([]civil.Date, civil.MaxHolidays+1)}.Compile()
	if p := sre.ProblemsIn(err); len(p) != 2 || p[1].Code != "too_many" {
		t.Errorf("got %v", err)
	}
}

func TestCalendarDoesNotShareTheHours(t *testing.T) {
	h := office(t, "UTC")
	h.Holidays = []civil.Date{date(2026, 1, 6), date(2026, 1, 1)}
	c := compile(t, h)
	h.Week[time.Monday][0] = clockRange(t, "00:00-01:00")
	h.Holidays[0] = date(2026, 1, 5)
	if !c.Open(instant(t, "2026-01-05 09:00 +00:00")) || h.Holidays[1] != date(2026, 1, 1) {
		t.Error("it does")
	}
}

func TestOpenIsWhatTheWallClockShows(t *testing.T) {
	nights := everyDay(t, "Europe/Berlin", "22:00-06:00")
	nights.Holidays = []civil.Date{date(2026, 12, 25)}
	for _, row := range []struct {
		name string
		h    civil.Hours
		at   string
		want bool
	}{
		{"opening", office(t, "Europe/Berlin"), "2026-11-23 09:00 +01:00", true},
		{"before it", office(t, "Europe/Berlin"), "2026-11-23 08:59:59 +01:00", false},
		{"closing is exclusive", office(t, "Europe/Berlin"), "2026-11-23 17:00 +01:00", false},
		{"Sunday", office(t, "Europe/Berlin"), "2026-11-22 12:00 +01:00", false},
		{"another zone's morning", office(t, "Asia/Tokyo"), "2026-11-23 01:00 +01:00", true},
		{"over midnight, evening", nights, "2026-11-22 23:00 +01:00", true},
		{"over midnight, morning", nights, "2026-11-23 05:59 +01:00", true},
		{"over the end of the week", nights, "2026-11-23 00:00 +01:00", true},
		{"a holiday cuts the night before at midnight", nights, "2026-12-25 00:00 +01:00", false},
		{"a holiday's own night is closed before midnight", nights, "2026-12-25 23:59 +01:00", false},
		{"and open after it", nights, "2026-12-26 00:00 +01:00", true},
		{"first pass of a fold", everyDay(t, "America/Chicago", "01:30-03:00"), "2026-11-01 01:45 -05:00", true},
		{"between the passes", everyDay(t, "America/Chicago", "01:30-03:00"), "2026-11-01 01:15 -06:00", false},
		{"second pass of a fold", everyDay(t, "America/Chicago", "01:30-03:00"), "2026-11-01 01:45 -06:00", true},
		{"Chicago, hours that lie in the gap", everyDay(t, "America/Chicago", "02:00-03:00"), "2026-03-08 03:00 -05:00", false},
		{"Cairo, a midnight that does not exist", everyDay(t, "Africa/Cairo", "07:15-23:15"), "2026-04-24 01:00 +03:00", false},
		{"Santiago, opening at a midnight that does not exist", everyDay(t, "America/Santiago", "00:00-02:00"), "2026-09-06 01:00 -03:00", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := compile(t, row.h).Open(instant(t, row.at)); got != row.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestBetweenCountsRealTime(t *testing.T) {
	holiday := office(t, "Europe/Berlin")
	holiday.Holidays = []civil.Date{date(2026, 11, 24), date(2026, 11, 24), date(2026, 11, 28)}
	for _, row := range []struct {
		name, from, to string
		h              civil.Hours
		want           time.Duration
	}{
		{"a week", "2026-11-23 00:00 +01:00", "2026-11-30 00:00 +01:00", office(t, "Europe/Berlin"), 40 * time.Hour},
		{"a week with a holiday", "2026-11-23 00:00 +01:00", "2026-11-30 00:00 +01:00", holiday, 32 * time.Hour},
		{"backward", "2026-11-23 10:00 +01:00", "2026-11-20 16:00 +01:00", office(t, "Europe/Berlin"), -2 * time.Hour},
		{"a night of 7 hours in spring", "2026-03-28 12:00 +01:00", "2026-03-29 12:00 +02:00", everyDay(t, "Europe/Berlin", "22:00-06:00"), 7 * time.Hour},
		{"a night of 9 hours in autumn", "2026-10-24 12:00 +02:00", "2026-10-25 12:00 +01:00", everyDay(t, "Europe/Berlin", "22:00-06:00"), 9 * time.Hour},
		{"a whole day that does not exist", "2011-12-29 12:00 -10:00", "2011-12-31 12:00 +14:00", everyDay(t, "Pacific/Apia", "00:00-24:00"), 24 * time.Hour},
		{"overlapping ranges count once", "2026-11-23 00:00 +01:00", "2026-11-24 00:00 +01:00", everyDay(t, "Europe/Berlin", "09:00-12:00", "11:00-13:00", "13:00-14:00"), 5 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := compile(t, row.h).Between(instant(t, row.from), instant(t, row.to)); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestBetweenStopsAtWhatADurationHolds(t *testing.T) {
	c := compile(t, everyDay(t, "Europe/Berlin", "00:00-24:00"))
	first, last := time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64-1<<40, 0)
	if a, b := c.Between(first, last), c.Between(last, first); a != math.MaxInt64 || b != -math.MaxInt64 {
		t.Errorf("got %v, %v", a, b)
	}
}

func TestAddEndsWithBusiness(t *testing.T) {
	h := office(t, "America/New_York")
	h.Holidays = []civil.Date{date(2026, 11, 26)} // a Thursday
	c := compile(t, h)
	for _, row := range []struct {
		name, from string
		d          time.Duration
		want       string
	}{
		{"nothing", "2026-11-22 12:00 -05:00", 0, "2026-11-22 12:00 -05:00"},
		{"within a day", "2026-11-23 10:00 -05:00", 2 * time.Hour, "2026-11-23 12:00 -05:00"},
		{"from a closed time", "2026-11-22 12:00 -05:00", 2 * time.Hour, "2026-11-23 11:00 -05:00"},
		{"exactly until closing", "2026-11-23 15:00 -05:00", 2 * time.Hour, "2026-11-23 17:00 -05:00"},
		{"over the night", "2026-11-23 15:00 -05:00", 3 * time.Hour, "2026-11-24 10:00 -05:00"},
		{"over a holiday", "2026-11-25 15:00 -05:00", 4 * time.Hour, "2026-11-27 11:00 -05:00"},
		{"over a weekend", "2026-11-27 16:00 -05:00", 2 * time.Hour, "2026-11-30 10:00 -05:00"},
		{"over a transition", "2026-03-06 16:00 -05:00", 2 * time.Hour, "2026-03-09 10:00 -04:00"},
		{"a year of 261 weekdays and a holiday", "2026-01-01 00:00 -05:00", 2080 * time.Hour, "2026-12-31 17:00 -05:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := c.Add(instant(t, row.from), row.d)
			if !ok || show(got) != row.want {
				t.Errorf("got %v, %v, want %v", show(got), ok, row.want)
			}
		})
	}
}

func TestAddRefusesWhatIsNotThere(t *testing.T) {
	c := compile(t, office(t, "Europe/Berlin"))
	for name, d := range map[string]time.Duration{"negative": -1, "more than the calendar holds": math.MaxInt64} {
		if at, ok := c.Add(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC), d); ok {
			t.Errorf("%s: %v", name, at)
		}
	}
	if at, ok := c.Add(time.Unix(math.MaxInt64-1<<40, 0), time.Hour); ok {
		t.Errorf("after year 9999: %v", at)
	}
	// One second a week, for 292 years of business time, is more than 7,973 years.
	week := civil.Hours{Zone: zone(t, "America/New_York")}
	week.Week[time.Monday] = []civil.ClockRange{{civil.Clock{}, civil.Clock{Second: 1}}}
	if at, ok := compile(t, week).Add(time.Unix(0, 0), math.MaxInt64); ok {
		t.Errorf("one second a week: %v", at)
	}
}

func TestNextFindsOpeningAndClosing(t *testing.T) {
	h := office(t, "Europe/Berlin")
	h.Holidays = []civil.Date{date(2026, 11, 24)}
	always := everyDay(t, "Europe/Berlin", "00:00-24:00")
	closedOnce := everyDay(t, "Europe/Berlin", "00:00-12:00", "12:00-24:00")
	closedOnce.Holidays = []civil.Date{date(2026, 12, 25), date(2026, 12, 26)}
	for _, row := range []struct {
		name string
		h    civil.Hours
		at   string
		want string
		open bool
	}{
		{"opening", h, "2026-11-22 12:00 +01:00", "2026-11-23 09:00 +01:00", true},
		{"closing", h, "2026-11-23 09:00 +01:00", "2026-11-23 17:00 +01:00", false},
		{"over a holiday", h, "2026-11-23 17:00 +01:00", "2026-11-25 09:00 +01:00", true},
		{"never", always, "2026-11-23 17:00 +01:00", "", false},
		{"a holiday closes", closedOnce, "2026-11-23 17:00 +01:00", "2026-12-25 00:00 +01:00", false},
		{"and its end opens", closedOnce, "2026-12-25 00:00 +01:00", "2026-12-27 00:00 +01:00", true},
		{"once", closedOnce, "2026-12-27 00:00 +01:00", "", false},
		{"a transition closes", everyDay(t, "America/Chicago", "01:30-02:30"), "2026-03-08 01:45 -06:00", "2026-03-08 03:00 -05:00", false},
		{"a transition opens", everyDay(t, "America/Chicago", "02:30-04:00"), "2026-03-08 01:45 -06:00", "2026-03-08 03:00 -05:00", true},
		{"a fold closes between its passes", everyDay(t, "America/Chicago", "01:30-03:00"), "2026-11-01 01:45 -05:00", "2026-11-01 01:00 -06:00", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			at, open, ok := compile(t, row.h).Next(instant(t, row.at))
			got := ""
			if ok {
				got = show(at)
			}
			if got != row.want || open != row.open {
				t.Errorf("got %v, %v, want %v, %v", got, open, row.want, row.open)
			}
		})
	}
}

func TestTheNilCalendarIsNeverOpen(t *testing.T) {
	var c *civil.Calendar
	_, added := c.Add(time.Unix(0, 0), time.Hour)
	_, _, changed := c.Next(time.Unix(0, 0))
	if c.Open(time.Unix(0, 0)) || c.Between(time.Unix(0, 0), time.Unix(9e9, 0)) != 0 || added || changed {
		t.Error("it is")
	}
}

func drawHours(t *rapid.T, z civil.Zone, near time.Time) civil.Hours {
	h := civil.Hours{Zone: z}
	edges := rapid.SampledFrom([]int{0, 30, 60, 90, 120, 135, 150, 180, 540, 1020, 1320, 1380, 1439, 1440})
	for range rapid.IntRange(1, 12).Draw(t, "ranges") {
		weekday := rapid.IntRange(0, 6).Draw(t, "weekday")
		from, to := edges.Draw(t, "from")%1440, edges.Draw(t, "to")
		if from == to {
			to = from + 1
		}
		h.Week[weekday] = append(h.Week[weekday], civil.ClockRange{
			From: civil.Clock{Hour: from / 60, Minute: from % 60}, To: civil.Clock{Hour: to / 60, Minute: to % 60}})
	}
	today := civil.Of(near, z).Date
	for range rapid.IntRange(0, 6).Draw(t, "holidays") {
		h.Holidays = append(h.Holidays, today.AddDays(rapid.IntRange(-5, 5).Draw(t, "holiday")))
	}
	return h
}

func TestPropertyCalendarsAgreeWithCountedMinutes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		at := drawInstant(rt, z)
		if year := at.Year(); year < 1973 || year > 9990 {
			at = time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC) // a table by the second would take long
		}
		w := newWallTable(z.Location(), at.Unix()-100*hour, at.Unix()+100*hour)
		checkCalendar(rt, 0, drawHours(rt, z, at), w)
	})
}

func TestPropertyBetweenAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		a, b, c := drawInstant(rt, z), drawInstant(rt, z), drawInstant(rt, z)
		cal := mustCompile(rt, drawHours(rt, z, a))
		ab, bc, ac := cal.Between(a, b), cal.Between(b, c), cal.Between(a, c)
		const limit = math.MaxInt64 / 4
		if max(ab, bc, ac, -ab, -bc, -ac) > limit {
			return // near what a Duration holds
		}
		if ab+bc != ac || cal.Between(b, a) != -ab || a.Before(b) && ab < 0 {
			rt.Fatalf("%v, %v, %v: %v + %v != %v", a, b, c, ab, bc, ac)
		}
	})
}

func TestPropertyAddIsTheFirstInstantByWhichAsMuchHasPassed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		at := drawInstant(rt, z)
		cal := mustCompile(rt, drawHours(rt, z, at))
		d := time.Duration(rapid.Int64Range(0, int64(3000*time.Hour)).Draw(rt, "d"))
		if rapid.Bool().Draw(rt, "whole minutes") {
			d = d.Truncate(time.Minute)
		}
		end, ok := cal.Add(at, d)
		if !ok {
			if at.Year() < 9000 {
				rt.Fatalf("Add(%v, %v): no such instant", at, d)
			}
			return
		}
		if got := cal.Between(at, end); got != d || end.Before(at) {
			rt.Fatalf("Add(%v, %v) = %v, by when %v have passed", at, d, end, got)
		}
		if got := cal.Between(at, end.Add(-1)); d > 0 && got >= d {
			rt.Fatalf("Add(%v, %v) = %v is not the first", at, d, end)
		}
	})
}

func TestPropertyNextAlternates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		at := drawInstant(rt, z)
		cal := mustCompile(rt, drawHours(rt, z, at))
		for range 20 {
			was := cal.Open(at)
			next, open, ok := cal.Next(at)
			if !ok {
				return
			}
			if !next.After(at) || open == was || cal.Open(next) != open || cal.Open(next.Add(-1)) != was {
				rt.Fatalf("Open(%v) = %v, Next = %v, %v", at, was, next, open)
			}
			if just, _, _ := cal.Next(next.Add(-1)); !just.Equal(next) {
				rt.Fatalf("Next(%v) = %v, but a nanosecond before that it is %v", at, next, just)
			}
			if passed := cal.Between(at, next); was && passed != next.Sub(at) || !was && passed != 0 {
				rt.Fatalf("from %v to %v it is open: %v, but %v of business time pass", at, next, was, passed)
			}
			at = next
		}
	})
}

func mustCompile(t *rapid.T, h civil.Hours) *civil.Calendar {
	c, err := h.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClockRangeText(t *testing.T) {
	for text, want := range map[string]string{
		"09:00-17:30":       "",
		"22:00-06:00":       "",
		"00:00-24:00":       "",
		"09:00:30-09:00:31": "",
		"09:00-09:00":       "ambiguous_clock_range",
		"24:00-06:00":       "impossible_clock",
		"09:00":             "invalid_clock_range",
		"9-17":              "invalid_clock",
		"09:00 - 17:00":     "invalid_clock",
		"":                  "invalid_clock_range",
	} {
		var r civil.ClockRange
		err := r.UnmarshalText([]byte(text))
		if want == "" {
			if got, err2 := r.MarshalText(); err != nil || err2 != nil || string(got) != text {
				t.Errorf("%q: %q, %v, %v", text, got, err, err2)
			}
		} else if p := sre.ProblemsIn(err); len(p) == 0 || p[0].Code != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := (civil.ClockRange{}).MarshalText(); err == nil {
		t.Error("the zero range has a text form")
	}
}

func FuzzParseClockRange(f *testing.F) {
	for _, s := range []string{"09:00-17:00", "22:00-06:00", "00:00-24:00", "-", "24:00-24:00", "09:00:00-09:00:01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := civil.ParseClockRange(s)
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if back, err := civil.ParseClockRange(r.String()); err != nil || back != r {
			t.Fatalf("%q: %v reads as %v, %v", s, r, back, err)
		}
		h := civil.Hours{Zone: zone(t, "UTC")}
		h.Week[1] = []civil.ClockRange{r}
		if _, err := h.Compile(); err != nil {
			t.Fatalf("%q is read but not compiled: %v", s, err)
		}
	})
}
