package workload_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/workload"
)

func TestLawTotalIsTheSumOfTheClasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := workload.Policy{Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Holidays: []string{"2026-03-29", "2026-12-25"}}.MustCompile()
		a := rapid.SampledFrom(changes).Draw(t, "around").Add(time.Duration(rapid.IntRange(-200_000, 200_000).Draw(t, "seconds")) * time.Second)
		b := a.Add(time.Duration(rapid.IntRange(1, 40_000_000).Draw(t, "length")) * time.Second)
		split, night := c.Split("somebody", a, b)
		if split.Total() != b.Sub(a) {
			t.Fatalf("%v sums up to %s, want %s", split, split.Total(), b.Sub(a))
		}
		for class, d := range split {
			if d < 0 || d%time.Second != 0 {
				t.Fatalf("%s of %s", d, workload.Class(class))
			}
		}
		if night < split[workload.Night] || night > b.Sub(a) {
			t.Fatalf("%s of night in all, %s of them on weekdays", night, split[workload.Night])
		}
	})
}

func TestLawSplitIsAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := workload.Policy{Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Holidays: []string{"2026-03-29"}}.MustCompile()
		a := rapid.SampledFrom(changes).Draw(t, "around")
		b := a.Add(time.Duration(rapid.IntRange(1, 500_000).Draw(t, "first")) * time.Second)
		d := b.Add(time.Duration(rapid.IntRange(1, 500_000).Draw(t, "second")) * time.Second)
		whole, _ := c.Split("x", a, d)
		first, _ := c.Split("x", a, b)
		second, _ := c.Split("x", b, d)
		for i := range whole {
			if first[i]+second[i] != whole[i] {
				t.Fatalf("%s: %s + %s, want %s", workload.Class(i), first[i], second[i], whole[i])
			}
		}
	})
}

func TestLawOrderOfFactsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		want := measure(t, policy, f)
		f.Shifts, f.Pages = slices.Clone(f.Shifts), slices.Clone(f.Pages)
		slices.Reverse(f.Shifts)
		slices.Reverse(f.Pages)
		if diff := cmp.Diff(want, measure(t, policy, f), cmpopts.IgnoreUnexported(workload.Report{})); diff != "" {
			t.Fatalf("(-in order +reversed):\n%s", diff)
		}
	})
}

func TestLawAnOverlapCoversNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		before := measure(t, policy, f)
		f.Shifts = append(slices.Clone(f.Shifts), f.Shifts...)
		after := measure(t, policy, f)
		if !before.Score.Total.Equal(after.Score.Total) {
			t.Fatalf("score %s, %s after all shifts were doubled", before.Score.Total, after.Score.Total)
		}
	})
}

func TestLawAScoreOf1HasNoHole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		r := measure(t, policy, f)
		one := workload.Fraction(1, 1)
		hole := slices.ContainsFunc(r.Findings, func(x workload.Finding) bool { return x.Code == workload.Hole })
		if r.Score.Covered.Equal(one) == hole {
			t.Fatalf("covered %s, hole reported: %v", r.Score.Covered, hole)
		}
		if r.Score.Total.Sign() < 0 || r.Score.Total.Compare(one) > 0 {
			t.Fatalf("score %s", r.Score.Total)
		}
	})
}

func TestLawMoreIdlePeopleNeverRaiseTheScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		before := measure(t, policy, f)
		policy.People = append(slices.Clone(policy.People), workload.Person{ID: "idle"})
		if after := measure(t, policy, f); before.Score.Total.Compare(after.Score.Total) < 0 {
			t.Fatalf("score %s, %s with somebody more who does nothing", before.Score.Total, after.Score.Total)
		}
	})
}

func TestLawGrossIsTheSumOfItsLinesAndDueIsWithinCaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		policy.Pay = &workload.Pay{
			Currency: "EUR", Digits: 2, Cap: int64(rapid.IntRange(0, 100_000).Draw(t, "cap")), CapPercent: rapid.IntRange(0, 20).Draw(t, "percent"),
			Rates: []workload.Rate{
				{Name: "holiday", Classes: []workload.Class{workload.Holiday}, PerHour: 1001, Percent: 66},
				{Name: "primary", Roles: []oncall.Role{oncall.Primary}, PerHour: 700, Percent: 33},
				{Name: "secondary", Roles: []oncall.Role{oncall.Secondary}, PerHour: 333},
			},
		}
		r := measure(t, policy, f)
		for i, slip := range r.Payslips {
			sum, naive := workload.Number{}.Rat(), workload.Number{}.Rat()
			var hours time.Duration
			for _, line := range slip.Lines {
				sum.Add(sum, line.Amount.Rat())
				hours += line.Time
				perHour := map[string]int64{"holiday": 1001, "primary": 700, "secondary": 333}[line.Rate] * 100
				if slip.Person != "dan" {
					perHour += 5000 * map[string]int64{"holiday": 66, "primary": 33}[line.Rate]
				}
				minutes := workload.Fraction(int64(line.Time/time.Minute)*perHour, 60*100)
				naive.Add(naive, minutes.Rat())
			}
			var all time.Duration
			for _, split := range r.People[i].Hours {
				all += split.Total()
			}
			if sum.Cmp(slip.Gross.Rat()) != 0 || sum.Cmp(naive) != 0 || hours != all {
				t.Fatalf("%s: gross %s, sum %s, by hand %s; %s of %s", slip.Person, slip.Gross, sum, naive, hours, all)
			}
			if policy.Pay.Cap > 0 && slip.Due.Compare(workload.Fraction(policy.Pay.Cap, 1)) > 0 || slip.Due.Compare(slip.Gross) > 0 {
				t.Fatalf("%s: due %s of %s with a cap of %d", slip.Person, slip.Due, slip.Gross, policy.Pay.Cap)
			}
		}
	})
}

func TestLawAFindingIsBrokenAtItsWitness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, f := drawFacts(t)
		limits := workload.Limits{MaxRun: time.Duration(rapid.IntRange(1, 3000).Draw(t, "run")) * time.Minute, MinRest: time.Duration(rapid.IntRange(1, 3000).Draw(t, "rest")) * time.Minute}
		found, err := limits.Check(f.Shifts)
		if err != nil {
			t.Fatal(err)
		}
		m := minuteWalk{facts: f}
		on := func(id string, at time.Time) bool {
			r := m.role(id, at)
			return r == oncall.Primary || r == oncall.Secondary
		}
		for _, x := range found {
			if !on(x.Person, x.At) {
				t.Fatalf("%s, but nobody is on call", x)
			}
			for at := x.From; at.Before(x.To); at = at.Add(time.Minute) {
				if on(x.Person, at) != (x.Code == workload.RunTooLong) {
					t.Fatalf("%s, not so at %s", x, at)
				}
			}
			if x.Code == workload.RunTooLong && x.At.Sub(x.From) != limits.MaxRun || x.Code == workload.RestTooShort && x.To.Sub(x.From) >= limits.MinRest {
				t.Fatalf("%s from %s to %s", x, x.From, x.To)
			}
		}
	})
}

// A report of each month finds together what one look at all shifts does.
func TestLawPeriodsTogetherFindWhatCheckFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, f := drawFacts(t)
		for i := range f.Shifts { // none that goes on beyond what is measured
			s := &f.Shifts[i]
			s.StartsBefore, s.EndsAfter = false, false
			if s.Start.Before(f.From) {
				f.From = s.Start
			}
			if f.To.Before(s.End) {
				f.To = s.End
			}
		}
		policy.Limits = workload.Limits{MaxRun: time.Duration(rapid.IntRange(1, 3000).Draw(t, "run")) * time.Minute, MinRest: time.Duration(rapid.IntRange(1, 3000).Draw(t, "rest")) * time.Minute}
		found, err := policy.Limits.Check(f.Shifts)
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[string]bool{}, map[string]bool{}
		for _, x := range found {
			want[x.String()] = true
		}
		cut := f.From.Add(time.Duration(rapid.IntRange(1, int(f.To.Sub(f.From)/time.Minute)-1).Draw(t, "cut")) * time.Minute)
		for _, period := range [][2]time.Time{{f.From, cut}, {cut, f.To}} {
			f.From, f.To = period[0], period[1]
			for _, x := range measure(t, policy, f).Findings {
				if x.Code == workload.RunTooLong || x.Code == workload.RestTooShort {
					got[x.String()] = true
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-all at once +period by period):\n%s", diff)
		}
	})
}
