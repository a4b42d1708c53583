package workload_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/workload"
)

// minuteWalk is the second implementation: it looks at every minute by itself.
type minuteWalk struct {
	policy workload.Policy
	facts  workload.Facts
}

func (m minuteWalk) person(id string) workload.Person {
	for _, p := range m.policy.People {
		if p.ID == id {
			return p
		}
	}
	return workload.Person{ID: id, Zone: m.policy.Zone, Holidays: m.policy.Holidays}
}

// class reads the wall clock: night and class of the minute that begins at t.
// Its night is 22:00-06:00 and its work 09:00-17:00.
func (m minuteWalk) class(id string, t time.Time) (class workload.Class, night bool) {
	p := m.person(id)
	loc, err := time.LoadLocation(p.Zone)
	if err != nil {
		panic(err)
	}
	t = t.In(loc)
	night = t.Hour() >= 22 || t.Hour() < 6
	switch {
	case slices.Contains(p.Holidays, t.Format("2006-01-02")):
		class = workload.Holiday
	case t.Weekday() == time.Saturday, t.Weekday() == time.Sunday:
		class = workload.Weekend
	case night:
		class = workload.Night
	case t.Hour() >= 9 && t.Hour() < 17:
		class = workload.Work
	default:
		class = workload.Off
	}
	return class, night
}

// role is the highest role of the person at t.
func (m minuteWalk) role(id string, t time.Time) (role oncall.Role) {
	for _, s := range m.facts.Shifts {
		r := max(s.Role, oncall.Primary)
		if s.Person == id && !t.Before(s.Start) && t.Before(s.End) && (role == oncall.RoleUnknown || r < role) {
			role = r
		}
	}
	return role
}

func (m minuteWalk) load(id string) (hours workload.Hours, night, longest, shortest time.Duration) {
	var run, rest time.Duration
	var runs int
	shortest = -1
	for t := m.facts.From; t.Before(m.facts.To); t = t.Add(time.Minute) {
		role := m.role(id, t)
		if role != oncall.RoleUnknown {
			class, atNight := m.class(id, t)
			hours[role][class] += time.Minute
			if atNight && role != oncall.Shadow {
				night += time.Minute
			}
		}
		if role == oncall.Primary || role == oncall.Secondary {
			if run == 0 {
				if runs > 0 && (shortest < 0 || rest < shortest) {
					shortest = rest
				}
				runs++
			}
			run, rest = run+time.Minute, 0
			longest = max(longest, run)
		} else {
			run, rest = 0, rest+time.Minute
		}
	}
	return hours, night, longest, max(shortest, 0)
}

func (m minuteWalk) covered() (share workload.Number) {
	var held, all int64
	for t := m.facts.From; t.Before(m.facts.To); t = t.Add(time.Minute) {
		all++
		if slices.ContainsFunc(m.facts.Shifts, func(s workload.Shift) bool {
			return s.Role <= oncall.Primary && !t.Before(s.Start) && t.Before(s.End)
		}) {
			held++
		}
	}
	return workload.Fraction(held, all)
}

// worst looks at the window that begins at each incident.
func worst(at []time.Time, window time.Duration) (most int) {
	for _, from := range at {
		n := 0
		for _, t := range at {
			if !t.Before(from) && t.Before(from.Add(window)) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// Days on which the clocks change in zones that do it in every way.
var changes = []time.Time{
	time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC),   // New York, Havana at midnight
	time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),  // Berlin
	time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), // Berlin, back
	time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),  // New York, Havana, back
	time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC),   // Lord Howe, by half an hour
	time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC),   // Santiago at midnight
	time.Date(2011, 12, 30, 0, 0, 0, 0, time.UTC), // the day that Apia does not have
	time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC),
}

var zones = []string{"UTC", "America/New_York", "America/Havana", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Asia/Kolkata"}

var people = []string{"ann", "bob", "cat", "dan"}

// drawFacts makes a few days of shifts and pages around a change of clocks, in
// whole minutes.
func drawFacts(t *rapid.T) (workload.Policy, workload.Facts) {
	from := rapid.SampledFrom(changes).Draw(t, "around").Add(-time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "before")) * time.Minute)
	policy := workload.Policy{Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Holidays: []string{from.Format("2006-01-02"), "2026-12-25"}}
	for _, id := range people[:3] {
		p := workload.Person{ID: id, Zone: rapid.SampledFrom(zones).Draw(t, id), PerHour: 5000, Salary: 900_000}
		if rapid.Bool().Draw(t, "own holidays") {
			p.Holidays = []string{from.AddDate(0, 0, 2).Format("2006-01-02")}
		} else {
			p.Holidays = policy.Holidays
		}
		policy.People = append(policy.People, p)
	}
	const span = 5 * 24 * 60
	f := workload.Facts{From: from, To: from.Add(span * time.Minute)}
	for range rapid.IntRange(0, 10).Draw(t, "shifts") {
		start := from.Add(time.Duration(rapid.IntRange(-600, span+60).Draw(t, "start")) * time.Minute)
		f.Shifts = append(f.Shifts, workload.Shift{
			Person: rapid.SampledFrom(people).Draw(t, "person"), Role: oncall.Role(rapid.IntRange(0, 3).Draw(t, "role")),
			Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "length")) * time.Minute),
			StartsBefore: rapid.Bool().Draw(t, "starts before"), EndsAfter: rapid.Bool().Draw(t, "ends after"),
		})
	}
	for range rapid.IntRange(0, 8).Draw(t, "pages") {
		at := from.Add(time.Duration(rapid.IntRange(-60, 3000).Draw(t, "at"))*time.Minute + time.Duration(rapid.IntRange(0, 9).Draw(t, "tenths"))*time.Second/10)
		p := workload.Page{At: at, Person: rapid.SampledFrom(people).Draw(t, "paged")}
		if rapid.Bool().Draw(t, "shared") {
			p.Incident = fmt.Sprint("inc-", rapid.IntRange(1, 3).Draw(t, "incident"))
		}
		f.Pages = append(f.Pages, p)
	}
	return policy, f
}

func measure(t interface{ Fatal(...any) }, policy workload.Policy, f workload.Facts) *workload.Report {
	c, err := policy.Compile()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Measure(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMeasureEqualsAMinuteWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		r := measure(t, policy, f)
		m := minuteWalk{policy, f}
		for i := range r.People {
			l := &r.People[i]
			hours, night, longest, shortest := m.load(l.Person)
			if diff := cmp.Diff(hours, l.Hours); diff != "" {
				t.Fatalf("hours of %s (-walk +engine):\n%s", l.Person, diff)
			}
			if night != l.AtNight || longest != l.Longest.Length() || shortest != l.Shortest.Length() {
				t.Fatalf("%s: night %s, longest %s, shortest %s, the walk has %s, %s, %s", l.Person, l.AtNight, l.Longest.Length(), l.Shortest.Length(), night, longest, shortest)
			}
		}
		if got, want := r.Score.Covered, m.covered(); !got.Equal(want) {
			t.Fatalf("covered %s, the walk has %s", got, want)
		}
	})
}

func TestBusiestWindowEqualsCountingEachWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		policy.MaxIncidents = rapid.IntRange(1, 3).Draw(t, "most")
		r := measure(t, policy, f)
		for _, l := range r.People {
			var at []time.Time
			seen := map[string]bool{}
			pages := slices.Clone(f.Pages)
			slices.SortStableFunc(pages, func(a, b workload.Page) int { return a.At.Compare(b.At) })
			for _, p := range pages {
				if p.Person != l.Person || p.At.Before(f.From) || !p.At.Before(f.To) || p.Incident != "" && seen[p.Incident] {
					continue
				}
				seen[p.Incident] = true
				at = append(at, p.At)
			}
			want := worst(at, 12*time.Hour)
			if l.Busiest.Incidents != want || l.Incidents != len(at) {
				t.Fatalf("%s: %d of %d incidents in a window, want %d of %d", l.Person, l.Busiest.Incidents, l.Incidents, want, len(at))
			}
			reported := slices.ContainsFunc(r.Findings, func(x workload.Finding) bool {
				return x.Code == workload.TooManyIncidents && x.Person == l.Person
			})
			if reported != (want > policy.MaxIncidents) {
				t.Fatalf("%s: reported %v although the busiest window has %d of %d", l.Person, reported, want, policy.MaxIncidents)
			}
		}
	})
}

func TestPagesOfAShiftAreThoseInsideIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		for _, s := range measure(t, policy, f).Shifts {
			want := 0
			for _, p := range f.Pages {
				if p.Person == s.Person && !p.At.Before(s.Start) && p.At.Before(s.End) {
					want++
				}
			}
			if s.Pages != want || s.Incidents > s.Pages || s.Busiest.Incidents > s.Incidents {
				t.Fatalf("%s from %s: %d pages, %d incidents, at most %d at once; want %d pages", s.Person, s.Start, s.Pages, s.Incidents, s.Busiest.Incidents, want)
			}
		}
	})
}

// The share is used up at the witness: until then exactly the limit.
func TestLawTheShareIsUsedUpAtItsWitness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		policy.MaxOnCallPercent = rapid.IntRange(1, 100).Draw(t, "most")
		r := measure(t, policy, f)
		limit := f.To.Sub(f.From) * time.Duration(policy.MaxOnCallPercent) / 100
		for _, l := range r.People {
			i := slices.IndexFunc(r.Findings, func(x workload.Finding) bool {
				return x.Code == workload.ShareTooHigh && x.Person == l.Person
			})
			if (i >= 0) != (l.OnCall() > limit) {
				t.Fatalf("%s is on call for %s of %s; reported: %v", l.Person, l.OnCall(), limit, i >= 0)
			}
			if i < 0 {
				continue
			}
			f := f
			f.To = r.Findings[i].At
			for _, before := range measure(t, policy, f).People {
				if before.Person == l.Person && before.OnCall() != limit {
					t.Fatalf("%s: %s until the witness, want %s", l.Person, before.OnCall(), limit)
				}
			}
		}
	})
}

func TestOnlyPagesAsSevereCount(t *testing.T) {
	f := workload.Facts{From: monday, To: monday.Add(day), Shifts: []workload.Shift{{Person: "ann", Start: monday, End: monday.Add(day)}}}
	for severity := range sre.Severity(5) { // 0 is unknown and counts as the worst
		f.Pages = append(f.Pages, workload.Page{At: monday.Add(time.Hour), Person: "ann", Severity: severity})
	}
	for least, want := range []int{5, 2, 3, 4, 5} {
		r := measure(t, workload.Policy{Zone: "UTC", IncidentSeverity: sre.Severity(least)}, f)
		if got := r.People[0].Pages; got != want {
			t.Errorf("%d of the pages are %s or worse, want %d", got, sre.Severity(least), want)
		}
	}
}
