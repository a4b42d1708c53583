package civil_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/civil"
)

// Each row is an instant at which some implementation is wrong.
func TestResolveNamedInstants(t *testing.T) {
	for _, row := range []struct {
		name, zone, civil string
		kind              civil.Kind
		// a gap: end and shift; a fold: first and second; exact: the same twice
		first, second string
	}{
		{"New York spring, where time.Date goes back", "America/New_York", "2026-03-08 02:30", civil.InGap, "2026-03-08 03:00 -04:00", "2026-03-08 03:30 -04:00"},
		{"Berlin spring, where time.Date goes forth", "Europe/Berlin", "2026-03-29 02:30", civil.InGap, "2026-03-29 03:00 +02:00", "2026-03-29 03:30 +02:00"},
		{"New York autumn, where time.Date takes the first", "America/New_York", "2026-11-01 01:30", civil.InFold, "2026-11-01 01:30 -04:00", "2026-11-01 01:30 -05:00"},
		{"Berlin autumn, where time.Date takes the second", "Europe/Berlin", "2026-10-25 02:30", civil.InFold, "2026-10-25 02:30 +02:00", "2026-10-25 02:30 +01:00"},
		{"last second before the fold", "Europe/Berlin", "2026-10-25 01:59:59", civil.Exact, "2026-10-25 01:59:59 +02:00", "2026-10-25 01:59:59 +02:00"},
		{"first second of the fold", "Europe/Berlin", "2026-10-25 02:00", civil.InFold, "2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00"},
		{"first second after the fold", "Europe/Berlin", "2026-10-25 03:00", civil.Exact, "2026-10-25 03:00 +01:00", "2026-10-25 03:00 +01:00"},
		{"first second after the gap", "Europe/Berlin", "2026-03-29 03:00", civil.Exact, "2026-03-29 03:00 +02:00", "2026-03-29 03:00 +02:00"},
		{"Chicago 02:30 gap", "America/Chicago", "2020-03-08 02:30", civil.InGap, "2020-03-08 03:00 -05:00", "2020-03-08 03:30 -05:00"},
		{"Chicago 01:30 fold", "America/Chicago", "2026-11-01 01:30", civil.InFold, "2026-11-01 01:30 -05:00", "2026-11-01 01:30 -06:00"},
		{"Havana midnight", "America/Havana", "2026-03-08", civil.InGap, "2026-03-08 01:00 -04:00", "2026-03-08 01:00 -04:00"},
		{"Azores midnight", "Atlantic/Azores", "2026-03-29", civil.InGap, "2026-03-29 01:00 +00:00", "2026-03-29 01:00 +00:00"},
		{"Santiago midnight", "America/Santiago", "2026-09-06", civil.InGap, "2026-09-06 01:00 -03:00", "2026-09-06 01:00 -03:00"},
		{"Santiago 24:00 of the day before", "America/Santiago", "2026-09-05 24:00", civil.InGap, "2026-09-06 01:00 -03:00", "2026-09-06 01:00 -03:00"},
		{"Apia, a day that does not exist", "Pacific/Apia", "2011-12-30 09:00", civil.InGap, "2011-12-31 00:00 +14:00", "2011-12-31 09:00 +14:00"},
		{"Kwajalein, a day that does not exist", "Pacific/Kwajalein", "1993-08-21 12:00", civil.InGap, "1993-08-22 00:00 +12:00", "1993-08-22 12:00 +12:00"},
		{"Kwajalein, a day that comes twice", "Pacific/Kwajalein", "1969-09-30 12:00", civil.InFold, "1969-09-30 12:00 +11:00", "1969-09-30 12:00 -12:00"},
		{"Lord Howe half hour gap", "Australia/Lord_Howe", "2020-10-04 02:15", civil.InGap, "2020-10-04 02:30 +11:00", "2020-10-04 02:45 +11:00"},
		{"Lord Howe half hour fold", "Australia/Lord_Howe", "2021-04-04 01:45", civil.InFold, "2021-04-04 01:45 +11:00", "2021-04-04 01:45 +10:30"},
	} {
		t.Run(row.name, func(t *testing.T) {
			z, dt := zone(t, row.zone), dateTime(t, row.civil)
			first, kind, ok := z.Resolve(dt, civil.GapEnd, civil.FoldFirst)
			second, _, _ := z.Resolve(dt, civil.GapShift, civil.FoldSecond)
			if kind != row.kind || !ok || !first.Equal(instant(t, row.first)) || !second.Equal(instant(t, row.second)) {
				t.Errorf("got %v: %v, %v (%v); want %v: %v, %v", kind, first, second, ok, row.kind, row.first, row.second)
			}
			if first.Location() != z.Location() {
				t.Errorf("shown in %v, want %v", first.Location(), z)
			}
			if skipped, _, ok := z.Resolve(dt, civil.GapSkip, civil.FoldFirst); ok != (kind != civil.InGap) || !ok && !skipped.IsZero() {
				t.Errorf("GapSkip: %v, %v", skipped, ok)
			}
		})
	}
}

func TestResolveAtAGapOf44MinutesAnd30Seconds(t *testing.T) {
	z := zone(t, "Africa/Monrovia")
	got, kind, _ := z.Resolve(dateTime(t, "1972-01-07 00:44:29"), civil.GapEnd, civil.FoldFirst)
	if want := time.Date(1972, 1, 7, 0, 44, 30, 0, time.UTC); kind != civil.InGap || !got.Equal(want) {
		t.Errorf("got %v, %v, want %v", got, kind, want)
	}
	got, kind, _ = z.Resolve(dateTime(t, "1972-01-06 23:59:59"), civil.GapEnd, civil.FoldFirst)
	if want := time.Date(1972, 1, 7, 0, 44, 29, 0, time.UTC); kind != civil.Exact || !got.Equal(want) {
		t.Errorf("got %v, %v, want %v", got, kind, want)
	}
}

func TestResolveRefusesWhatIsNotSetOrNotValid(t *testing.T) {
	z, dt := zone(t, "UTC"), dateTime(t, "2026-01-01")
	type result struct {
		Kind civil.Kind
		OK   bool
	}
	for name, resolve := range map[string]func() (time.Time, civil.Kind, bool){
		"no zone":     func() (time.Time, civil.Kind, bool) { return civil.Zone{}.Resolve(dt, 0, 0) },
		"no date":     func() (time.Time, civil.Kind, bool) { return z.Resolve(civil.DateTime{}, 0, 0) },
		"30 February": func() (time.Time, civil.Kind, bool) { return z.Resolve(civil.DateTime{Date: date(2026, 2, 30)}, 0, 0) },
		"year 10000":  func() (time.Time, civil.Kind, bool) { return z.Resolve(civil.DateTime{Date: date(10000, 1, 1)}, 0, 0) },
		"24:00:01": func() (time.Time, civil.Kind, bool) {
			return z.Resolve(civil.DateTime{dt.Date, civil.Clock{24, 0, 1}}, 0, 0)
		},
		"unknown policy": func() (time.Time, civil.Kind, bool) { return z.Resolve(dt, 7, 0) },
		"unknown fold":   func() (time.Time, civil.Kind, bool) { return z.Resolve(dt, 0, 7) },
	} {
		at, kind, ok := resolve()
		if diff := cmp.Diff(result{kind, ok}, result{civil.Unresolved, false}); diff != "" || !at.IsZero() {
			t.Errorf("%s: %v %s", name, at, diff)
		}
	}
}

// drawZone draws a zone with preference for the named ones.
func drawZone(t *rapid.T, tb testing.TB) civil.Zone {
	if rapid.Bool().Draw(t, "named") {
		return zone(tb, rapid.SampledFrom(namedZones).Draw(t, "zone"))
	}
	return zone(tb, rapid.SampledFrom(allZones()).Draw(t, "zone"))
}

// drawInstant draws an instant of the years 2 to 9998, often near a transition
// of the zone.
func drawInstant(t *rapid.T, z civil.Zone) time.Time {
	low, high := time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC).Unix()
	if rapid.IntRange(0, 9).Draw(t, "when") > 0 {
		low, high = time.Date(1965, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	at := time.Unix(rapid.Int64Range(low, high).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
	if rapid.Bool().Draw(t, "near a transition") {
		if start, end := at.In(z.Location()).ZoneBounds(); !end.IsZero() && end.Year() < 9998 {
			at = end
		} else if start.Year() > 2 {
			at = start
		}
		at = at.Add(time.Duration(rapid.Int64Range(-30*3600, 30*3600).Draw(t, "off by")) * time.Second)
	}
	return at
}

func TestPropertyOfAgreesWithPackageTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		at := drawInstant(rt, z)
		local := at.In(z.Location())
		want := civil.DateTime{
			Date:  date(local.Year(), int(local.Month()), local.Day()),
			Clock: civil.Clock{Hour: local.Hour(), Minute: local.Minute(), Second: local.Second()},
		}
		if got := civil.Of(at, z); got != want {
			rt.Fatalf("Of(%v, %v) = %v, want %v", at, z, got, want)
		}
	})
}

func TestPropertyEveryInstantIsTheFirstOrTheLastOfItsCivilTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		at := drawInstant(rt, z).Truncate(time.Second)
		dt := civil.Of(at, z)
		first, kind, ok1 := z.Resolve(dt, civil.GapSkip, civil.FoldFirst)
		second, _, ok2 := z.Resolve(dt, civil.GapSkip, civil.FoldSecond)
		if !ok1 || !ok2 || !first.Equal(at) && !second.Equal(at) || first.Equal(second) != (kind == civil.Exact) {
			rt.Fatalf("%v shows %v in %v; that resolves (%v) to %v and %v", at, dt, z, kind, first, second)
		}
	})
}

func TestPropertyGapEndKeepsTheOrderOfCivilTimes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		a := civil.Of(drawInstant(rt, z), zone(t, "UTC"))
		b := a.Add(civil.Hour, rapid.IntRange(0, 50).Draw(rt, "hours"))
		for _, fold := range []civil.Fold{civil.FoldFirst, civil.FoldSecond} {
			first, _, _ := z.Resolve(a, civil.GapEnd, fold)
			second, _, _ := z.Resolve(b, civil.GapEnd, fold)
			if first.After(second) {
				rt.Fatalf("%v: %v is %v, but %v is %v", z, a, first, b, second)
			}
		}
	})
}

// RFC 5545 section 3.3.5: the offset before the gap.
func TestPropertyGapShiftAddsTheLengthOfTheGap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		dt := civil.Of(drawInstant(rt, z), zone(t, "UTC"))
		end, kind, _ := z.Resolve(dt, civil.GapEnd, civil.FoldFirst)
		if kind != civil.InGap {
			return
		}
		shifted, _, _ := z.Resolve(dt, civil.GapShift, civil.FoldFirst)
		_, before := end.Add(-time.Second).Zone()
		_, after := end.Zone()
		utc, _, _ := zone(t, "UTC").Resolve(dt, civil.GapEnd, civil.FoldFirst)
		if want := utc.Add(-time.Duration(before) * time.Second); after <= before || !shifted.Equal(want) {
			rt.Fatalf("%v: %v: %v, want %v; gap ends %v", z, dt, shifted, want, end)
		}
	})
}

func TestPropertyTheZeroZoneIsNeverResolved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		at := drawInstant(rt, zone(t, "UTC"))
		if got := civil.Of(at, civil.Zone{}); !got.IsZero() {
			rt.Fatalf("Of(%v) = %v", at, got)
		}
	})
}
