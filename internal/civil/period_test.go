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

// Each row is an instant at which a widely used rotation is wrong: it answers
// with an interval that ended before the instant, or with the same interval for
// ever, or with a day that moved.
func TestPeriodBoundsNamedInstants(t *testing.T) {
	for _, row := range []struct {
		name, zone, anchor string
		unit               civil.Unit
		every              int
		at, start, end     string
	}{
		{"Chicago 01:30 fold, second pass before the clock shows 01:30", "America/Chicago", "2026-10-01 01:30", civil.Day, 1,
			"2026-11-01 01:15 -06:00", "2026-11-01 01:30 -05:00", "2026-11-02 01:30 -06:00"},
		{"Chicago 01:30 fold, first pass", "America/Chicago", "2026-10-01 01:30", civil.Day, 1,
			"2026-11-01 01:15 -05:00", "2026-10-31 01:30 -05:00", "2026-11-01 01:30 -05:00"},
		{"Chicago 02:30 gap, that day", "America/Chicago", "2020-03-06 02:30", civil.Day, 1,
			"2020-03-08 03:00 -05:00", "2020-03-08 03:00 -05:00", "2020-03-09 02:30 -05:00"},
		{"Chicago 02:30 gap, the day before", "America/Chicago", "2020-03-06 02:30", civil.Day, 1,
			"2020-03-08 01:59 -06:00", "2020-03-07 02:30 -06:00", "2020-03-08 03:00 -05:00"},
		{"Chicago hourly into the gap", "America/Chicago", "2020-03-06 02:30", civil.Hour, 1,
			"2020-03-08 01:59 -06:00", "2020-03-08 01:30 -06:00", "2020-03-08 03:00 -05:00"},
		{"Chicago hourly out of the gap", "America/Chicago", "2020-03-06 02:30", civil.Hour, 1,
			"2020-03-08 03:00 -05:00", "2020-03-08 03:00 -05:00", "2020-03-08 03:30 -05:00"},
		{"Chicago hourly, two hours in the fold", "America/Chicago", "2020-03-06 02:30", civil.Hour, 1,
			"2020-11-01 01:45 -06:00", "2020-11-01 01:30 -05:00", "2020-11-01 02:30 -06:00"},
		{"Chicago weekly, 167 hours", "America/Chicago", "2017-03-10 08:00", civil.Week, 1,
			"2017-03-12 12:00 -05:00", "2017-03-10 08:00 -06:00", "2017-03-17 08:00 -05:00"},
		{"Chicago three-hourly, two hours in spring", "America/Chicago", "2017-03-12 00:00", civil.Hour, 3,
			"2017-03-12 01:00 -06:00", "2017-03-12 00:00 -06:00", "2017-03-12 03:00 -05:00"},
		{"Chicago three-hourly, four hours in autumn", "America/Chicago", "2017-11-05 00:00", civil.Hour, 3,
			"2017-11-05 01:00 -06:00", "2017-11-05 00:00 -05:00", "2017-11-05 03:00 -06:00"},
		{"Havana midnight handoff", "America/Havana", "2026-01-01 00:00", civil.Day, 1,
			"2026-03-07 12:00 -05:00", "2026-03-07 00:00 -05:00", "2026-03-08 01:00 -04:00"},
		{"Havana 09:00 handoff", "America/Havana", "2026-01-01 09:00", civil.Day, 1,
			"2026-03-07 09:00 -05:00", "2026-03-07 09:00 -05:00", "2026-03-08 09:00 -04:00"},
		{"Havana hourly", "America/Havana", "2026-01-01 00:00", civil.Hour, 1,
			"2026-03-08 01:00 -04:00", "2026-03-08 01:00 -04:00", "2026-03-08 02:00 -04:00"},
		{"Azores midnight handoff", "Atlantic/Azores", "2026-01-01 00:00", civil.Day, 1,
			"2026-03-29 01:00 +00:00", "2026-03-29 01:00 +00:00", "2026-03-30 00:00 +00:00"},
		{"Azores 17:30 handoff", "Atlantic/Azores", "2026-01-01 17:30", civil.Day, 1,
			"2026-03-28 17:30 -01:00", "2026-03-28 17:30 -01:00", "2026-03-29 17:30 +00:00"},
		{"Santiago midnight handoff", "America/Santiago", "2026-09-01 00:00", civil.Day, 1,
			"2026-09-05 09:00 -04:00", "2026-09-05 00:00 -04:00", "2026-09-06 01:00 -03:00"},
		{"Santiago 09:00 handoff", "America/Santiago", "2026-09-01 09:00", civil.Day, 1,
			"2026-09-05 09:00 -04:00", "2026-09-05 09:00 -04:00", "2026-09-06 09:00 -03:00"},
		{"Santiago weekly on that Sunday", "America/Santiago", "2026-08-30 00:00", civil.Week, 1,
			"2026-09-06 02:00 -03:00", "2026-09-06 01:00 -03:00", "2026-09-13 00:00 -03:00"},
		{"Apia, midnight into a day that does not exist", "Pacific/Apia", "2011-12-01 00:00", civil.Day, 1,
			"2011-12-29 23:00 -10:00", "2011-12-29 00:00 -10:00", "2011-12-31 00:00 +14:00"},
		{"Apia, midnight after the day that does not exist", "Pacific/Apia", "2011-12-01 00:00", civil.Day, 1,
			"2011-12-31 00:00 +14:00", "2011-12-31 00:00 +14:00", "2012-01-01 00:00 +14:00"},
		{"Apia, 09:00 of the day that does not exist", "Pacific/Apia", "2011-12-01 09:00", civil.Day, 1,
			"2011-12-31 08:59 +14:00", "2011-12-31 00:00 +14:00", "2011-12-31 09:00 +14:00"},
		{"Kwajalein, the second pass of a repeated day", "Pacific/Kwajalein", "1969-09-01 09:00", civil.Day, 1,
			"1969-09-30 08:00 -12:00", "1969-09-30 09:00 +11:00", "1969-10-01 09:00 -12:00"},
		{"Lord Howe hourly, half an hour in the fold", "Australia/Lord_Howe", "2021-04-03 00:30", civil.Hour, 1,
			"2021-04-04 01:45 +10:30", "2021-04-04 01:30 +11:00", "2021-04-04 02:30 +10:30"},
		{"Lord Howe 02:15 gap", "Australia/Lord_Howe", "2020-10-01 02:15", civil.Day, 1,
			"2020-10-04 02:30 +11:00", "2020-10-04 02:30 +11:00", "2020-10-05 02:15 +11:00"},
		{"monthly from the 31st, February", "America/Chicago", "2025-01-31 09:00", civil.Month, 1,
			"2025-03-01 00:00 -06:00", "2025-02-28 09:00 -06:00", "2025-03-31 09:00 -05:00"},
		{"monthly from the 31st, April", "America/Chicago", "2025-01-31 09:00", civil.Month, 1,
			"2025-05-01 09:00 -05:00", "2025-04-30 09:00 -05:00", "2025-05-31 09:00 -05:00"},
		{"monthly before the anchor and exactly on a handoff", "America/Chicago", "2025-06-10 09:00", civil.Month, 1,
			"2025-04-10 09:00 -05:00", "2025-04-10 09:00 -05:00", "2025-05-10 09:00 -05:00"},
		{"just before the anchor", "America/Chicago", "2025-06-10 09:00", civil.Month, 1,
			"2025-06-10 08:59 -05:00", "2025-05-10 09:00 -05:00", "2025-06-10 09:00 -05:00"},
		{"quarterly from 30 November", "Europe/Berlin", "2025-11-30 00:00", civil.Quarter, 1,
			"2026-03-01 00:00 +01:00", "2026-02-28 00:00 +01:00", "2026-05-30 00:00 +02:00"},
		{"yearly from 29 February", "Europe/Berlin", "2024-02-29 00:00", civil.Year, 1,
			"2026-03-01 00:00 +01:00", "2026-02-28 00:00 +01:00", "2027-02-28 00:00 +01:00"},
		{"24:00 of the last of the month", "Europe/Berlin", "2025-01-31 24:00", civil.Month, 1,
			"2025-03-15 00:00 +01:00", "2025-03-01 00:00 +01:00", "2025-04-01 00:00 +02:00"},
		{"New York gap", "America/New_York", "2026-01-01 02:30", civil.Day, 1,
			"2026-03-08 03:00 -04:00", "2026-03-08 03:00 -04:00", "2026-03-09 02:30 -04:00"},
		{"Berlin gap", "Europe/Berlin", "2026-01-01 02:30", civil.Day, 1,
			"2026-03-29 03:00 +02:00", "2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"},
		{"New York fold", "America/New_York", "2026-01-01 01:30", civil.Day, 1,
			"2026-11-01 01:00 -05:00", "2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"},
		{"Berlin fold", "Europe/Berlin", "2026-01-01 02:30", civil.Day, 1,
			"2026-10-25 02:00 +01:00", "2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := civil.Recurrence{Anchor: dateTime(t, row.anchor), Unit: row.unit, Every: row.every, Zone: zone(t, row.zone)}
			p := mustPeriod(t, r)
			start, end := p.Bounds(instant(t, row.at))
			if diff := cmp.Diff([]string{show(start), show(end)}, []string{row.start, row.end}); diff != "" {
				t.Error(diff)
			}
			checkPeriodLaws(t, r, p, instant(t, row.at))
		})
	}
}

func TestMonthlyPeriodsAreCountedFromTheAnchor(t *testing.T) {
	p := mustPeriod(t, civil.Recurrence{Anchor: dateTime(t, "2025-01-31 09:00"), Unit: civil.Month, Every: 1, Zone: zone(t, "America/Chicago")})
	var got []string
	for i := range int64(10) {
		got = append(got, p.At(i).Format("01-02"))
	}
	want := []string{"01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptyPeriodKeepsItsNumberAndIsNeverCurrent(t *testing.T) {
	z := zone(t, "Pacific/Apia")
	p := mustPeriod(t, civil.Recurrence{Anchor: dateTime(t, "2011-12-29"), Unit: civil.Day, Every: 1, Zone: z})
	got := []any{show(p.At(1)), show(p.At(2)), p.Index(p.At(1)), p.Index(p.At(1).Add(-1)), p.Index(p.At(3))}
	want := []any{"2011-12-31 00:00 +14:00", "2011-12-31 00:00 +14:00", int64(2), int64(0), int64(3)}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestAShiftedBoundaryNeverPassesTheNext(t *testing.T) {
	// Hourly at half past and a gap that swallows 02:30: shifted to 03:30,
	// which is where the next one stands.
	r := civil.Recurrence{Anchor: dateTime(t, "2020-03-06 02:30"), Unit: civil.Hour, Every: 1, Zone: zone(t, "America/Chicago"), Gap: civil.GapShift}
	p := mustPeriod(t, r)
	start, end := p.Bounds(instant(t, "2020-03-08 03:15 -05:00"))
	if diff := cmp.Diff([]string{show(start), show(end)}, []string{"2020-03-08 01:30 -06:00", "2020-03-08 03:30 -05:00"}); diff != "" {
		t.Error(diff)
	}
	// A whole skipped day, hour by hour: those after 00:00 would otherwise come
	// after the first hours of the next day.
	r = civil.Recurrence{Anchor: dateTime(t, "2011-12-01"), Unit: civil.Hour, Every: 5, Zone: zone(t, "Pacific/Apia"), Gap: civil.GapShift}
	for u := instant(t, "2011-12-29 00:00 -10:00"); u.Before(instant(t, "2012-01-02 00:00 +14:00")); u = u.Add(13 * time.Minute) {
		checkPeriodLaws(t, r, mustPeriod(t, r), u)
	}
}

func TestFoldSecondMovesTheBoundaryIntoTheSecondPass(t *testing.T) {
	r := civil.Recurrence{Anchor: dateTime(t, "2026-10-01 01:30"), Unit: civil.Day, Every: 1, Zone: zone(t, "America/Chicago"), Fold: civil.FoldSecond}
	start, end := mustPeriod(t, r).Bounds(instant(t, "2026-11-01 01:45 -05:00"))
	if diff := cmp.Diff([]string{show(start), show(end)}, []string{"2026-10-31 01:30 -05:00", "2026-11-01 01:30 -06:00"}); diff != "" {
		t.Error(diff)
	}
}

func TestRecurrenceReportsEveryProblem(t *testing.T) {
	_, err := civil.Recurrence{Anchor: civil.DateTime{Date: date(2026, 2, 30)}, Unit: 99, Every: civil.MaxEvery + 1, Gap: civil.GapSkip, Fold: 9}.Compile()
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"anchor invalid_datetime", "unit unknown_unit", "every out_of_range", "zone zone_missing", "gap unknown_gap", "fold unknown_fold"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestTheZeroPeriodAnswersWithZeroValues(t *testing.T) {
	var p civil.Period
	start, end := p.Bounds(time.Unix(0, 0))
	if !p.IsZero() || p.Index(time.Unix(9e9, 0)) != 0 || !p.At(7).IsZero() || !start.IsZero() || !end.IsZero() || !p.Zone().IsZero() {
		t.Error("it does not")
	}
}

func TestPeriodsSurviveExtremeInstantsAndNumbers(t *testing.T) {
	for unit := civil.Hour; unit <= civil.Year; unit++ {
		for _, every := range []int{1, 7, civil.MaxEvery} {
			for _, anchor := range []string{"0001-01-01", "1970-01-01", "9999-12-31 24:00"} {
				r := civil.Recurrence{Anchor: dateTime(t, anchor), Unit: unit, Every: every, Zone: zone(t, "America/Santiago")}
				p := mustPeriod(t, r)
				for _, u := range []int64{-1 << 48, 1 << 48, -62135596800, 253402300800} {
					checkPeriodLaws(t, r, p, time.Unix(u, 0))
				}
				for _, u := range []int64{math.MinInt64, math.MaxInt64} {
					start, end := p.Bounds(time.Unix(u, 0))
					if !start.Before(end) {
						t.Errorf("%+v: Bounds(%d) = %v, %v", r, u, start, end)
					}
					if first, second := p.At(u), p.At(u/2); !first.Equal(second) && unit < civil.Month {
						t.Errorf("%+v: At(%d) = %v, At(%d) = %v", r, u, first, u/2, second)
					}
				}
			}
		}
	}
}

func drawRecurrence(t *rapid.T, z civil.Zone) civil.Recurrence {
	clock := civil.Clock{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.SampledFrom([]int{0, 15, 30, 59}).Draw(t, "minute")}
	day := date(1, 1, 1).AddDays(rapid.IntRange(0, 3_652_058).Draw(t, "day"))
	if rapid.Bool().Draw(t, "anchored in our time") {
		day = date(1960, 1, 1).AddDays(rapid.IntRange(0, 40_000).Draw(t, "day"))
	}
	return civil.Recurrence{
		Anchor: civil.DateTime{Date: day, Clock: clock},
		Unit:   civil.Unit(rapid.IntRange(int(civil.Hour), int(civil.Year)).Draw(t, "unit")),
		Every:  rapid.IntRange(1, 60).Draw(t, "every"),
		Zone:   z,
		Gap:    civil.Gap(rapid.IntRange(0, 1).Draw(t, "gap")),
		Fold:   civil.Fold(rapid.IntRange(0, 1).Draw(t, "fold")),
	}
}

func TestPropertyPeriodsTileTimeAndContainTheInstant(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		r := drawRecurrence(rt, z)
		p, err := r.Compile()
		if err != nil {
			rt.Fatal(err)
		}
		checkPeriodLaws(rt, r, p, drawInstant(rt, z))
	})
}

func TestPropertyIndexNeverDecreasesWithTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := drawZone(rt, t)
		p, err := drawRecurrence(rt, z).Compile()
		if err != nil {
			rt.Fatal(err)
		}
		a := drawInstant(rt, z)
		b := a.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(rt, "later")))
		if p.Index(a) > p.Index(b) {
			rt.Fatalf("Index(%v) = %d, Index(%v) = %d", a, p.Index(a), b, p.Index(b))
		}
	})
}
