package civil_test

import (
	"testing"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
)

// The naive versions beside ours are those that most code has. They are wrong
// at the instants that the other tests name.

var sink time.Time

func BenchmarkResolve(b *testing.B) {
	for _, row := range []struct{ name, zone, civil string }{
		{"New_York/2026", "America/New_York", "2026-06-01 09:00"},
		{"New_York/gap", "America/New_York", "2026-03-08 02:30"},
		{"New_York/fold", "America/New_York", "2026-11-01 01:30"},
		{"New_York/2090", "America/New_York", "2090-06-01 09:00"},
		{"UTC/2026", "UTC", "2026-06-01 09:00"},
	} {
		z, dt := zone(b, row.zone), dateTime(b, row.civil)
		b.Run(row.name+"/civil", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _, _ = z.Resolve(dt, civil.GapEnd, civil.FoldFirst)
			}
		})
		loc := z.Location()
		b.Run(row.name+"/time.Date", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = time.Date(dt.Date.Year, dt.Date.Month, dt.Date.Day, dt.Clock.Hour, dt.Clock.Minute, dt.Clock.Second, 0, loc)
			}
		})
	}
}

// naiveWeek finds a weekly period by dividing elapsed time and repairing the
// result with AddDate.
func naiveWeek(anchor, t time.Time) (start, end time.Time) {
	weeks := int(t.Sub(anchor) / (7 * 24 * time.Hour))
	start = anchor.AddDate(0, 0, 7*weeks)
	for start.After(t) {
		start = start.AddDate(0, 0, -7)
	}
	for end = start.AddDate(0, 0, 7); !end.After(t); end = start.AddDate(0, 0, 7) {
		start = end
	}
	return start, end
}

// naiveMonth walks from the anchor, as AddDate suggests.
func naiveMonth(anchor, t time.Time) (start, end time.Time) {
	for i := 1; ; i++ {
		if end = anchor.AddDate(0, i, 0); end.After(t) {
			return anchor.AddDate(0, i-1, 0), end
		}
	}
}

func BenchmarkPeriodBounds(b *testing.B) {
	z := zone(b, "America/New_York")
	now := time.Date(2026, 6, 17, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		anchor string
		unit   civil.Unit
		naive  func(anchor, t time.Time) (start, end time.Time)
	}{
		{"weekly/1 year old", "2025-06-06 08:00", civil.Week, naiveWeek},
		{"weekly/50 years old", "1976-06-04 08:00", civil.Week, naiveWeek},
		{"monthly/1 year old", "2025-06-06 08:00", civil.Month, naiveMonth},
		{"monthly/50 years old", "1976-06-04 08:00", civil.Month, naiveMonth},
	} {
		p := mustPeriod(b, civil.Recurrence{Anchor: dateTime(b, row.anchor), Unit: row.unit, Every: 1, Zone: z})
		b.Run(row.name+"/civil", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = p.Bounds(now)
			}
		})
		b.Run(row.name+"/AddDate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = row.naive(p.At(0), now)
			}
		})
	}
}

func BenchmarkCalendar(b *testing.B) {
	h := office(b, "America/New_York")
	for year := 2020; year < 2035; year++ {
		h.Holidays = append(h.Holidays, date(year, 1, 1), date(year, 7, 4), date(year, 12, 25))
	}
	c := compile(b, h)
	now := time.Date(2026, 6, 17, 12, 0, 0, 0, time.UTC)
	later := now.AddDate(1, 0, 0)
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Open(now)
		}
	})
	b.Run("Between/1 year", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Between(now, later)
		}
	})
	b.Run("Add/40 hours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink, _ = c.Add(now, 40*time.Hour)
		}
	})
	b.Run("Next", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink, _, _ = c.Next(now)
		}
	})
}

func BenchmarkLoadZone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := civil.LoadZone("America/New_York"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestQueriesDoNotAllocate(t *testing.T) {
	z := zone(t, "America/New_York")
	p := mustPeriod(t, civil.Recurrence{Anchor: dateTime(t, "1976-01-31 08:00"), Unit: civil.Month, Every: 1, Zone: z})
	c := compile(t, office(t, "America/New_York"))
	dt, now := dateTime(t, "2026-03-08 02:30"), time.Date(2026, 6, 17, 12, 0, 0, 0, time.UTC)
	for name, query := range map[string]func(){
		"Resolve": func() { sink, _, _ = z.Resolve(dt, civil.GapEnd, civil.FoldFirst) },
		"Of":      func() { civil.Of(now, z) },
		"Bounds":  func() { sink, _ = p.Bounds(now) },
		"Index":   func() { p.Index(now) },
		"At":      func() { sink = p.At(600) },
		"Open":    func() { c.Open(now) },
		"Between": func() { c.Between(now, now.AddDate(1, 0, 0)) },
		"Add":     func() { sink, _ = c.Add(now, 40*time.Hour) },
		"Next":    func() { sink, _, _ = c.Next(now) },
	} {
		if n := testing.AllocsPerRun(100, query); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
