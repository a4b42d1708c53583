package workload_test

import (
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/workload"
)

// yearOfShifts is a year of daily shifts of ten people, primary and secondary.
func yearOfShifts() (workload.Policy, workload.Facts) {
	policy := workload.Policy{Zone: "Europe/Berlin", Holidays: []string{"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25", "2026-12-26"}}
	for i := range 10 {
		policy.People = append(policy.People, workload.Person{ID: string(rune('a' + i))})
	}
	f := workload.Facts{From: monday, To: monday.Add(365 * day)}
	for d := range 365 {
		start := monday.Add(time.Duration(d) * day)
		f.Shifts = append(f.Shifts,
			workload.Shift{Person: policy.People[d%10].ID, Role: oncall.Primary, Start: start, End: start.Add(day)},
			workload.Shift{Person: policy.People[(d+1)%10].ID, Role: oncall.Secondary, Start: start, End: start.Add(day)})
		f.Pages = append(f.Pages, workload.Page{At: start.Add(5 * time.Hour), Person: policy.People[d%10].ID})
	}
	return policy, f
}

func BenchmarkMeasureYear(b *testing.B) {
	policy, f := yearOfShifts()
	c := policy.MustCompile()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Measure(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplitYear(b *testing.B) {
	c := workload.Policy{Zone: "Europe/Berlin", Holidays: []string{"2026-12-25"}}.MustCompile()
	for b.Loop() {
		c.Split("ann", monday, monday.Add(365*day))
	}
}

// BenchmarkNaiveSplitYear looks at each minute.
func BenchmarkNaiveSplitYear(b *testing.B) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var split workload.Split
		for t := monday.In(loc); t.Before(monday.Add(365 * day)); t = t.Add(time.Minute) {
			switch weekday, hour := t.Weekday(), t.Hour(); {
			case t.Month() == time.December && t.Day() == 25:
				split[workload.Holiday] += time.Minute
			case weekday == time.Saturday || weekday == time.Sunday:
				split[workload.Weekend] += time.Minute
			case hour >= 22 || hour < 6:
				split[workload.Night] += time.Minute
			case hour >= 9 && hour < 17:
				split[workload.Work] += time.Minute
			default:
				split[workload.Off] += time.Minute
			}
		}
	}
}

func BenchmarkExceeds(b *testing.B) {
	for b.Loop() {
		workload.Exceeds(2, 0.7)
	}
}

func BenchmarkGrafanaQualityYear(b *testing.B) {
	_, f := yearOfShifts()
	events := workload.Events(f.Shifts)
	for b.Loop() {
		workload.GrafanaQuality(events, f.From, f.To)
	}
}
