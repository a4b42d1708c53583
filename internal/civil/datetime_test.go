package civil_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

func TestParseDateTimeForms(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-08":          "2026-03-08T00:00",
		"2026-03-08 02:30":    "2026-03-08T02:30",
		"2026-03-08T02:30":    "2026-03-08T02:30",
		"2026-03-08 02:30:15": "2026-03-08T02:30:15",
		"2026-03-08T02:30:15": "2026-03-08T02:30:15",
		"2026-03-08 24:00":    "2026-03-08T24:00",
	} {
		if got, err := civil.ParseDateTime(text); err != nil || got.String() != want {
			t.Errorf("ParseDateTime(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"2026-02-30 02:30":          "impossible_datetime",
		"2026-02-28 24:30":          "impossible_datetime",
		"":                          "invalid_datetime",
		"2026-03-08 ":               "invalid_datetime",
		"2026-03-08t02:30":          "invalid_datetime",
		"2026-03-08  02:30":         "invalid_datetime",
		"2026-03-08T02:30Z":         "invalid_datetime",
		"2026-03-08T02:30:00Z":      "invalid_datetime",
		"2026-03-08T02:30:00+01:00": "invalid_datetime",
		"2026-03-08T02":             "invalid_datetime",
		"02:30":                     "invalid_datetime",
	} {
		dt, err := civil.ParseDateTime(text)
		if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != want || !dt.IsZero() {
			t.Errorf("ParseDateTime(%q) = %v, %v; want %s", text, dt, err, want)
		}
	}
}

func TestDateTimeAdd(t *testing.T) {
	for _, row := range []struct {
		name, from string
		unit       civil.Unit
		n          int
		want       string
	}{
		{"hours over midnight", "2026-02-28 23:30", civil.Hour, 2, "2026-03-01T01:30"},
		{"hours back", "2026-03-01 01:30:15", civil.Hour, -2, "2026-02-28T23:30:15"},
		{"days keep the clock", "2026-03-07 02:30", civil.Day, 1, "2026-03-08T02:30"},
		{"weeks", "2026-03-07 02:30", civil.Week, -1, "2026-02-28T02:30"},
		{"months are clamped", "2026-01-31 24:00", civil.Month, 1, "2026-02-28T24:00"},
		{"quarters", "2026-01-31 09:00", civil.Quarter, 1, "2026-04-30T09:00"},
		{"years", "2024-02-29 09:00", civil.Year, 1, "2025-02-28T09:00"},
		{"24:00 plus hours", "2026-01-31 24:00", civil.Hour, 1, "2026-02-01T01:00"},
		{"hours at the end of the calendar", "9999-12-31 22:30", civil.Hour, 2, "9999-12-31T24:00"},
		{"hours exactly up to the end", "9999-12-31 22:00", civil.Hour, 2, "9999-12-31T24:00"},
		{"as many hours as can be", "2026-01-01 00:00", civil.Hour, math.MaxInt, "9999-12-31T24:00"},
		{"hours at its beginning", "2026-01-01 00:30", civil.Hour, math.MinInt, "0001-01-01T00:00"},
		{"a unit that is not declared", "2026-01-01", 99, 1, ""},
		{"no unit", "2026-01-01", 0, 1, ""},
	} {
		if got := dateTime(t, row.from).Add(row.unit, row.n).String(); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestWhatIsNotValidStaysUnset(t *testing.T) {
	for _, dt := range []civil.DateTime{{}, {Date: date(2026, 2, 30)}, {Date: date(2026, 1, 1), Clock: civil.Clock{Hour: 25}}} {
		for unit := civil.Hour; unit <= civil.Year; unit++ {
			if got := dt.Add(unit, 1); !got.IsZero() || dt.Valid() {
				t.Errorf("%v plus one %v = %v", dt, unit, got)
			}
		}
		if valid := dateTime(t, "0001-01-01"); dt.Compare(valid) != -1 || valid.Compare(dt) != 1 || dt.Compare(dt) != 0 {
			t.Errorf("%v is not before all that are valid", dt)
		}
	}
}

func TestDateTimeCompareKnows24(t *testing.T) {
	a, b := dateTime(t, "2026-01-31 24:00"), dateTime(t, "2026-02-01")
	if a == b || a.Compare(b) != 0 || a.Compare(dateTime(t, "2026-01-31 23:59:59")) != 1 {
		t.Error("24:00 is not 00:00 of the next day")
	}
}

func TestDateTimeText(t *testing.T) {
	var dt civil.DateTime
	if text, err := dt.MarshalText(); err != nil || string(text) != "" || dt.UnmarshalText(nil) != nil {
		t.Errorf("zero: %q, %v", text, err)
	}
	if _, err := (civil.DateTime{Clock: civil.Clock{Hour: 1}}).MarshalText(); err == nil {
		t.Error("a clock without a date has a text form")
	}
}

func TestPropertyDateTimeTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dt := civil.DateTime{Date: drawDate(rt, "date"), Clock: drawClock(rt, "clock")}
		text, err := dt.MarshalText()
		var back civil.DateTime
		if err2 := back.UnmarshalText(text); err != nil || err2 != nil || back != dt {
			rt.Fatalf("%v: %q, %v, %v, %v", dt, text, back, err, err2)
		}
	})
}

func TestPropertyTwentyFourHoursAreADayOnTheWall(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dt := civil.DateTime{Date: date(1, 1, 1).AddDays(rapid.IntRange(400_000, 3_000_000).Draw(rt, "day")), Clock: drawClock(rt, "clock")}
		n := rapid.IntRange(-400_000, 400_000).Draw(rt, "n")
		if a, b := dt.Add(civil.Day, n), dt.Add(civil.Hour, 24*n); a.Compare(b) != 0 {
			rt.Fatalf("%v: %d days: %v, as many hours: %v", dt, n, a, b)
		}
	})
}

func TestEnumerationsHaveOneTextFormEach(t *testing.T) {
	var got []string
	for unit := civil.Unit(0); unit <= civil.Year+1; unit++ {
		text, err := unit.MarshalText()
		back, err2 := civil.ParseUnit(string(text))
		if (err == nil) != (err2 == nil) || err == nil && back != unit {
			t.Errorf("%v: %q, %v, %v, %v", unit, text, err, back, err2)
		}
		got = append(got, unit.String())
	}
	for _, gap := range []civil.Gap{civil.GapEnd, civil.GapShift, civil.GapSkip} {
		var back civil.Gap
		if text, err := gap.MarshalText(); err != nil || back.UnmarshalText(text) != nil || back != gap {
			t.Errorf("%v: %q, %v", gap, text, err)
		}
		got = append(got, gap.String())
	}
	for _, fold := range []civil.Fold{civil.FoldFirst, civil.FoldSecond} {
		var back civil.Fold
		if text, err := fold.MarshalText(); err != nil || back.UnmarshalText(text) != nil || back != fold {
			t.Errorf("%v: %q, %v", fold, text, err)
		}
		got = append(got, fold.String())
	}
	got = append(got, civil.Unresolved.String(), civil.Exact.String(), civil.InGap.String(), civil.InFold.String(), civil.Kind(9).String())
	want := []string{"unit(0)", "hour", "day", "week", "month", "quarter", "year", "unit(7)", "end", "shift", "skip", "first", "second",
		"unresolved", "exact", "in_gap", "in_fold", "kind(9)"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	var gap civil.Gap
	if p := sre.ProblemsIn(gap.UnmarshalText([]byte("End"))); len(p) != 1 || p[0].Code != "unknown_gap" || p[0].Want != "one of end, shift, skip" {
		t.Errorf("got %+v", p)
	}
}

// FuzzParseDateTime: no panic, and what is read prints as what was read.
func FuzzParseDateTime(f *testing.F) {
	for _, s := range []string{"2026-02-28", "2026-02-28 24:00", "2026-02-28T23:59:59", "2026-02-30 00:00", "2026-02-28T", "", "2026-02-28 é12:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dt, err := civil.ParseDateTime(s)
		if err != nil {
			if len(sre.ProblemsIn(err)) != 1 || !dt.IsZero() {
				t.Fatalf("ParseDateTime(%q) = %v, %v", s, dt, err)
			}
			return
		}
		d, errDate := civil.ParseDate(s[:10])
		c := civil.Clock{}
		var errClock error
		if len(s) > 10 {
			c, errClock = civil.ParseClock(s[11:])
		}
		if errDate != nil || errClock != nil || dt != (civil.DateTime{Date: d, Clock: c}) {
			t.Fatalf("ParseDateTime(%q) = %v; its parts are %v, %v", s, dt, d, c)
		}
		if back, err := civil.ParseDateTime(dt.String()); err != nil || back != dt {
			t.Fatalf("ParseDateTime(%q) = %v, which reads as %v, %v", s, dt, back, err)
		}
	})
}
