package civil_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

func TestParseDateRefusesWhatIsNoDay(t *testing.T) {
	for text, want := range map[string]string{
		"2026-02-30":             "impossible_date",
		"2025-02-29":             "impossible_date",
		"1900-02-29":             "impossible_date",
		"2026-04-31":             "impossible_date",
		"2026-13-01":             "impossible_date",
		"2026-00-10":             "impossible_date",
		"2026-01-00":             "impossible_date",
		"0000-01-01":             "impossible_date",
		"":                       "invalid_date",
		"2026-1-1":               "invalid_date",
		"2026/01/01":             "invalid_date",
		"2026-01-01 ":            "invalid_date",
		"+026-01-01":             "invalid_date",
		"-026-01-01":             "invalid_date",
		"２026-01-01":             "invalid_date",
		"10000-01-01":            "invalid_date",
		"2026-01-01T00:00":       "invalid_date",
		strings.Repeat("1", 1e6): "invalid_date",
	} {
		d, err := civil.ParseDate(text)
		if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != want || !d.IsZero() {
			t.Errorf("ParseDate(%.20q) = %v, %v; want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29"} {
		if d, err := civil.ParseDate(text); err != nil || d.String() != text {
			t.Errorf("ParseDate(%q) = %v, %v", text, d, err)
		}
	}
}

func TestDateStringOfWhatIsNotValid(t *testing.T) {
	got := []string{civil.Date{}.String(), date(2026, 2, 30).String(), date(-5, 1, 1).String(), date(12345, 6, 7).String(), date(math.MinInt, 99, math.MaxInt).String()}
	want := []string{"", "2026-02-30", "-5-01-01", "12345-06-07", "-9223372036854775808-99-9223372036854775807"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestMonthsAreClampedToTheirLastDay(t *testing.T) {
	for _, row := range []struct {
		name string
		got  civil.Date
		want string
	}{
		{"January 31 plus one month", date(2026, 1, 31).AddMonths(1), "2026-02-28"},
		{"in a leap year", date(2024, 1, 31).AddMonths(1), "2024-02-29"},
		{"plus two months, from the anchor", date(2026, 1, 31).AddMonths(2), "2026-03-31"},
		{"minus one month", date(2026, 3, 31).AddMonths(-1), "2026-02-28"},
		{"minus thirteen months", date(2026, 3, 31).AddMonths(-13), "2025-02-28"},
		{"a quarter", date(2026, 11, 30).AddQuarters(1), "2027-02-28"},
		{"a year from February 29", date(2024, 2, 29).AddYears(1), "2025-02-28"},
		{"four years from February 29", date(2024, 2, 29).AddYears(4), "2028-02-29"},
		{"a century from February 29", date(2000, 2, 29).AddYears(100), "2100-02-28"},
		{"weeks", date(2026, 12, 28).AddWeeks(1), "2027-01-04"},
	} {
		if row.got.String() != row.want {
			t.Errorf("%s: got %v, want %s", row.name, row.got, row.want)
		}
	}
}

func TestDateArithmeticStopsAtTheEdgesOfTheCalendar(t *testing.T) {
	first, last := date(1, 1, 1), date(9999, 12, 31)
	for _, n := range []int{1, 4_000_000, math.MaxInt} {
		for _, unit := range []civil.Unit{civil.Day, civil.Week, civil.Month, civil.Quarter, civil.Year} {
			if got := last.Add(unit, n); got != last {
				t.Errorf("%v plus %d %v = %v", last, n, unit, got)
			}
			if got := first.Add(unit, -n); got != first {
				t.Errorf("%v minus %d %v = %v", first, n, unit, got)
			}
		}
	}
	if got := date(2026, 1, 1).AddDays(math.MinInt); got != first {
		t.Errorf("got %v", got)
	}
	if got := last.Last(civil.Week); got != last {
		t.Errorf("last week ends %v", got)
	}
}

func TestArithmeticOnWhatIsNoDayYieldsNoDay(t *testing.T) {
	for _, d := range []civil.Date{{}, date(2026, 2, 30), date(2026, 13, 1), date(0, 1, 1), date(10000, 1, 1), date(math.MaxInt, math.MinInt, 5)} {
		got := []any{d.Valid(), d.AddDays(1), d.AddWeeks(1), d.AddMonths(1), d.AddQuarters(1), d.AddYears(1), d.Add(civil.Day, 1),
			d.First(civil.Month), d.Last(civil.Month), d.Last(civil.Week), d.Sub(date(2026, 1, 1)), date(2026, 1, 1).Sub(d), d.Weekday()}
		none := civil.Date{}
		want := []any{false, none, none, none, none, none, none, none, none, none, 0, 0, time.Sunday}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%v: %s", d, diff)
		}
	}
	d := date(2026, 1, 1)
	for _, unit := range []civil.Unit{0, civil.Hour, 99} {
		if got := []civil.Date{d.Add(unit, 1), d.First(unit), d.Last(unit)}; got[0] != got[1] || got[1] != got[2] || !got[0].IsZero() {
			t.Errorf("%v: %v", unit, got)
		}
	}
}

func TestFirstAndLastOfUnits(t *testing.T) {
	d := date(2024, 2, 17) // a Saturday
	var got []string
	for unit := civil.Day; unit <= civil.Year; unit++ {
		got = append(got, d.First(unit).String()+" "+d.Last(unit).String())
	}
	want := []string{"2024-02-17 2024-02-17", "2024-02-12 2024-02-18", "2024-02-01 2024-02-29", "2024-01-01 2024-03-31", "2024-01-01 2024-12-31"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestDateText(t *testing.T) {
	var d civil.Date
	if err := d.UnmarshalText([]byte("2026-11-22")); err != nil || d != date(2026, 11, 22) {
		t.Errorf("got %v, %v", d, err)
	}
	if err := d.UnmarshalText(nil); err != nil || !d.IsZero() {
		t.Errorf("empty text: %v, %v", d, err)
	}
	if text, err := d.MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("zero: %q, %v", text, err)
	}
	if _, err := date(2026, 2, 30).MarshalText(); err == nil {
		t.Error("30 February has a text form")
	}
}

func drawDate(t *rapid.T, label string) civil.Date {
	return date(1, 1, 1).AddDays(rapid.IntRange(0, 3_652_058).Draw(t, label))
}

func utc(d civil.Date) time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func TestPropertyDatesAgreeWithPackageTimeInUTC(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawDate(rt, "a"), drawDate(rt, "b")
		if a.String() != utc(a).Format("2006-01-02") || a.Weekday() != utc(a).Weekday() {
			rt.Fatalf("%v is a %v; package time says %v", a, a.Weekday(), utc(a))
		}
		if got, want := a.Sub(b), int((utc(a).Unix()-utc(b).Unix())/86400); got != want || a.Compare(b) != utc(a).Compare(utc(b)) {
			rt.Fatalf("%v.Sub(%v) = %d, want %d; Compare %d", a, b, got, want, a.Compare(b))
		}
		year, week := utc(a).ISOWeek()
		for _, d := range []civil.Date{a.First(civil.Week), a.Last(civil.Week)} {
			if y, w := utc(d).ISOWeek(); y != year || w != week {
				rt.Fatalf("%v lies in week %d-%d, %v in %d-%d", a, year, week, d, y, w)
			}
		}
	})
}

func TestPropertyAddDaysIsTheInverseOfSub(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawDate(rt, "a"), drawDate(rt, "b")
		if got := a.AddDays(b.Sub(a)); got != b {
			rt.Fatalf("%v + (%v - %v) = %v", a, b, a, got)
		}
	})
}

func TestPropertyAddMonthsMovesTheMonthAndClampsTheDay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDate(rt, "date")
		n := rapid.IntRange(-30_000, 30_000).Draw(rt, "months")
		got := d.AddMonths(n)
		want := time.Date(d.Year, d.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		if want.Year() < 1 || want.Year() > 9999 {
			return // at the edge, tested apart
		}
		last := want.AddDate(0, 1, -1).Day()
		if got != date(want.Year(), int(want.Month()), min(d.Day, last)) {
			rt.Fatalf("%v plus %d months = %v", d, n, got)
		}
		if got.First(civil.Month) != d.First(civil.Month).AddMonths(n) || got.Last(civil.Month).Day != last {
			rt.Fatalf("%v plus %d months: month %v to %v", d, n, got.First(civil.Month), got.Last(civil.Month))
		}
	})
}

func TestPropertyUnitsTileTheCalendar(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDate(rt, "date")
		unit := civil.Unit(rapid.IntRange(int(civil.Day), int(civil.Year)).Draw(rt, "unit"))
		first, last := d.First(unit), d.Last(unit)
		if first.Compare(d) > 0 || last.Compare(d) < 0 || first.First(unit) != first || last.First(unit) != first {
			rt.Fatalf("%v: %v from %v to %v", d, unit, first, last)
		}
		if next := last.AddDays(1); next != last && next != first.Add(unit, 1) {
			rt.Fatalf("%v: %v from %v to %v, the next from %v", d, unit, first, last, next)
		}
	})
}

func TestPropertyDateTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDate(rt, "date")
		text, err := d.MarshalText()
		var back civil.Date
		if err2 := back.UnmarshalText(text); err != nil || err2 != nil || back != d {
			rt.Fatalf("%v: %q, %v, %v, %v", d, text, back, err, err2)
		}
	})
}

// FuzzParseDate: exactly what package time reads, but for year 0.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-02-28", "2026-02-30", "0000-01-01", "9999-12-31", "", "2026-1-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := civil.ParseDate(s)
		want, wantErr := time.Parse("2006-01-02", s)
		if (err == nil) != (wantErr == nil && want.Year() > 0) {
			t.Fatalf("ParseDate(%q) = %v, %v; package time says %v, %v", s, d, err, want, wantErr)
		}
		if err == nil && (d.String() != s || !utc(d).Equal(want)) {
			t.Fatalf("ParseDate(%q) = %v", s, d)
		}
	})
}
