package workload_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/workload"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", path, diff)
	}
}

var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// The vectors that Grafana OnCall's own tests have.
func TestGrafanaQualityVectors(t *testing.T) {
	all := []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"}
	var week []workload.Event
	for d := range 5 {
		start := monday.Add(time.Duration(d) * day)
		week = append(week,
			workload.Event{Start: start, End: start.Add(12 * time.Hour), People: all[:4]},
			workload.Event{Start: start.Add(12 * time.Hour), End: start.Add(day), People: all[4:]})
	}
	weekend := func(people []string) []workload.Event {
		return append(slices.Clone(week), workload.Event{Start: monday.Add(5 * day), End: monday.Add(7 * day), People: people})
	}
	for name, row := range map[string]struct {
		events []workload.Event
		want   workload.Quality
	}{
		"Monday to Friday 2 x 12 h by 4 and 4": {week, workload.Quality{Total: 86, Cover: 71, Balance: 100}},
		"and the weekend by all 8":             {weekend(all), workload.Quality{Total: 100, Cover: 100, Balance: 100}},
		"and the weekend by 4 of the 8": {weekend(all[:4]), workload.Quality{Total: 88, Cover: 100, Balance: 75,
			Overloaded: []workload.Overloaded{{"u1", 29}, {"u2", 29}, {"u3", 29}, {"u4", 29}}}},
		"nobody":             {nil, workload.Quality{Total: 50, Cover: 0, Balance: 100}},
		"events of nobody":   {[]workload.Event{{Start: monday, End: monday.Add(7 * day)}}, workload.Quality{Total: 50, Cover: 0, Balance: 100}},
		"a half to the even": {[]workload.Event{{Start: monday, End: monday.Add(7 * day * 41 / 100), People: all[:1]}}, workload.Quality{Total: 70, Cover: 41, Balance: 100}}, // 70.5
		"not this: two at noon hide the night": {[]workload.Event{
			{Start: monday, End: monday.Add(84 * time.Hour), People: all[:1]}, {Start: monday, End: monday.Add(84 * time.Hour), People: all[1:2]},
		}, workload.Quality{Total: 100, Cover: 100, Balance: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, workload.GrafanaQuality(row.events, monday, monday.Add(7*day))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The vectors of a calendar of September 2022 that Grafana OnCall's own tests
// have, as the events that its reader makes of it: entries of people whom it does
// not know are left out, and one names a second person in its description.
func TestGrafanaQualityOfACalendar(t *testing.T) {
	at := func(text string) time.Time {
		instant, err := time.Parse("01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return instant.AddDate(2022, 0, 0)
	}
	event := func(start, end string, people ...string) workload.Event {
		return workload.Event{Start: at(start), End: at(end), People: people}
	}
	calendar := []workload.Event{
		event("09-05 00:00", "09-06 00:00", "user1"),
		event("09-08 16:00", "09-08 22:00", "user2"),
		event("09-09 01:30", "09-09 02:00", "user1"),
		event("09-09 04:00", "09-09 06:00", "user2"),
		event("09-09 04:30", "09-09 05:30", "user1"),
		event("09-09 07:45", "09-09 08:45", "user2", "user1"),
		event("09-12 00:00", "09-16 00:00", "user1"),
		event("09-19 03:00", "09-19 05:45", "user1"),
		event("09-19 07:00", "09-19 08:30", "user1"),
		event("09-19 11:00", "09-19 12:00", "user1"),
		event("09-19 15:00", "09-19 18:00", "user1"),
		event("09-19 19:30", "09-19 21:00", "user1"),
	}
	for _, row := range []struct {
		from string
		days time.Duration
		want workload.Quality
	}{
		{"09-05 00:00", 7, workload.Quality{Total: 28, Cover: 21, Balance: 34, Overloaded: []workload.Overloaded{{"user1", 49}}}},
		{"09-09 00:00", 1, workload.Quality{Total: 51, Cover: 19, Balance: 83, Overloaded: []workload.Overloaded{{"user2", 9}}}},
		{"09-12 00:00", 4, workload.Quality{Total: 100, Cover: 100, Balance: 100}},
		{"09-19 00:00", 1, workload.Quality{Total: 70, Cover: 41, Balance: 100}},
	} {
		if diff := cmp.Diff(row.want, workload.GrafanaQuality(calendar, at(row.from), at(row.from).Add(row.days*day))); diff != "" {
			t.Errorf("%d days from %s (-want +got):\n%s", row.days, row.from, diff)
		}
	}
}

// pairs is the definition of the balance in percent, pair by pair.
func pairs(lengths []int64) *big.Rat {
	sum, n := new(big.Rat), int64(0)
	for i, d := range lengths {
		for _, e := range lengths[:i] {
			sum.Add(sum, big.NewRat(min(d, e), max(d, e)))
			n++
		}
	}
	if n == 0 {
		return big.NewRat(100, 1)
	}
	return sum.Mul(sum, big.NewRat(100, n))
}

func TestGrafanaBalanceEqualsALoopOverPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.Int64Range(1, 600_000), 0, 9).Draw(t, "lengths")
		var events []workload.Event
		for i, d := range lengths {
			events = append(events, workload.Event{Start: monday, End: monday.Add(time.Duration(d) * time.Second), People: []string{fmt.Sprint(i)}})
		}
		got := workload.GrafanaQuality(events, monday, monday.Add(7*day)).Balance
		exact := pairs(lengths)
		if exact.Cmp(big.NewRat(189, 2)) > 0 { // 94.5 and more round to 95, or are a tie to 94
			exact.SetInt64(100)
		}
		off := new(big.Rat).Sub(big.NewRat(int64(got), 1), exact)
		if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 {
			t.Fatalf("balance %d, pair by pair %s", got, exact.FloatString(6))
		}
	})
}

func TestOurScoreSeesWhatGrafanaDoesNot(t *testing.T) {
	half := monday.Add(84 * time.Hour)
	f := workload.Facts{From: monday, To: monday.Add(7 * day), Shifts: []workload.Shift{
		{Person: "u1", Start: monday, End: half}, {Person: "u2", Role: oncall.Secondary, Start: monday, End: half},
	}}
	r := measure(t, workload.Policy{Zone: "UTC", People: []workload.Person{{ID: "u1"}, {ID: "u2"}, {ID: "u3"}}}, f)
	if r.Grafana.Total != 100 || !r.Score.Covered.Equal(workload.Fraction(1, 2)) || !r.Score.Hours.Equal(workload.Fraction(2, 3)) {
		t.Errorf("Grafana's %d, ours covered %s, even hours %s; want 100, 1/2, 2/3", r.Grafana.Total, r.Score.Covered, r.Score.Hours)
	}
	want := []string{workload.ZeroHours, workload.ShareTooHigh, workload.ShareTooHigh, workload.Hole}
	var codes []string
	for _, x := range r.Findings {
		codes = append(codes, x.Code)
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if at := r.Findings[1].At; !at.Equal(monday.Add(42 * time.Hour)) {
		t.Errorf("the share is used up at %s, want after 25%% of a week", at)
	}
}

func TestAnEmptyScheduleIsGoodForNothing(t *testing.T) {
	s := measure(t, workload.Policy{Zone: "UTC", People: []workload.Person{{ID: "u1"}, {ID: "u2"}}}, workload.Facts{From: monday, To: monday.Add(7 * day)}).Score
	if s.Total.Sign() != 0 || s.People != 2 {
		t.Errorf("score %s of %d people, want 0 of 2", s.Total, s.People)
	}
}

// What one month cannot see alone: a run and a rest over its end.
func TestLimitsHoldOverTheEndOfThePeriod(t *testing.T) {
	policy := workload.Policy{Zone: "UTC", Limits: workload.Limits{MaxRun: day, MinRest: day}}
	hour := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	f := workload.Facts{From: monday, To: monday.Add(10 * day), Shifts: []workload.Shift{
		{Person: "ann", Start: hour(-72), End: hour(-60)}, {Person: "ann", Start: hour(-58), End: hour(-50)}, // all before
		{Person: "ann", Start: hour(-20), End: hour(5)},
		{Person: "bob", Start: hour(-20), End: hour(-3)}, {Person: "bob", Start: hour(0), End: hour(3)},
		{Person: "cat", Start: hour(-30), End: hour(0)},
		{Person: "dan", Start: hour(239), End: hour(290)}, {Person: "dan", Start: hour(300), End: hour(301)},
	}}
	var got []string
	for _, x := range measure(t, policy, f).Findings {
		if x.Code == workload.RunTooLong || x.Code == workload.RestTooShort {
			got = append(got, x.String())
		}
	}
	want := []string{
		"2026-01-05T00:00:00Z rest_too_short: bob rests for 3h0m0s, less than 24h0m0s",
		"2026-01-05T04:00:00Z run_too_long: ann is on call for 25h0m0s without a break, more than 24h0m0s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAWindowIsExactToTheNanosecond(t *testing.T) {
	at := func(d time.Duration) workload.Page { return workload.Page{Person: "ann", At: monday.Add(d)} }
	for last, want := range map[time.Duration]int{12*time.Hour + 900*time.Millisecond - 1: 3, 12*time.Hour + 900*time.Millisecond: 2} {
		f := workload.Facts{From: monday, To: monday.Add(day), Pages: []workload.Page{at(900 * time.Millisecond), at(time.Hour), at(last)}}
		if got := measure(t, workload.Policy{Zone: "UTC"}, f).People[0].Busiest.Incidents; got != want {
			t.Errorf("%d incidents in the 12 h from 0.9 s with the last at %s, want %d", got, last, want)
		}
	}
}

// Pages to people who are not on call say nothing of how busy a shift is.
func TestTheMeanIsOfIncidentsOnCall(t *testing.T) {
	f := workload.Facts{From: monday, To: monday.Add(day), Shifts: []workload.Shift{{Person: "ann", Start: monday, End: monday.Add(12 * time.Hour)}},
		Pages: []workload.Page{{Person: "ann", At: monday}, {Person: "ann", At: monday.Add(13 * time.Hour)}, {Person: "bob", At: monday}}}
	r := measure(t, workload.Policy{Zone: "UTC"}, f)
	if mean, _ := r.MeanIncidents(); !mean.Equal(workload.Fraction(1, 1)) || r.People[0].OffCall != 1 || r.People[1].OffCall != 1 {
		t.Errorf("%s incidents in 12 h on call, want 1; off call %d and %d", mean, r.People[0].OffCall, r.People[1].OffCall)
	}
}

func TestASplitTooLongToCountIsNone(t *testing.T) {
	c := workload.Policy{Zone: "UTC", Holidays: []string{"2026-03-29"}}.MustCompile()
	if s, _ := c.Split("x", monday, monday.Add(workload.MaxSpan)); s.Total() != workload.MaxSpan {
		t.Errorf("%v of the longest span adds up to %s", s, s.Total())
	}
	if s, night := c.Split("x", monday.AddDate(-2000, 0, 0), monday.AddDate(7000, 0, 0)); s != (workload.Split{}) || night != 0 {
		t.Errorf("%v and %s of night, want none", s, night)
	}
}

func TestDaysOf23And25Hours(t *testing.T) {
	berlin := workload.Policy{Zone: "Europe/Berlin"}.MustCompile()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		date  time.Time
		hours time.Duration
		night time.Duration
	}{
		"spring": {time.Date(2026, 3, 29, 0, 0, 0, 0, loc), 23 * time.Hour, 7 * time.Hour},
		"autumn": {time.Date(2026, 10, 25, 0, 0, 0, 0, loc), 25 * time.Hour, 9 * time.Hour},
		"plain":  {time.Date(2026, 6, 7, 0, 0, 0, 0, loc), 24 * time.Hour, 8 * time.Hour},
	} {
		split, night := berlin.Split("ann", row.date, row.date.AddDate(0, 0, 1))
		if split != (workload.Split{workload.Weekend: row.hours}) || night != row.night {
			t.Errorf("%s: %v with %s of night, want a weekend of %s with %s", name, split, night, row.hours, row.night)
		}
	}
}

// exceeds is the definition, with so many bits that a difference of 1e-323 from
// 1 remains.
func exceeds(limit int, mean float64) float64 {
	const bits = 8000
	num := func() *big.Float { return new(big.Float).SetPrec(bits) }
	m := num().SetFloat64(mean)
	// e^m = (sum of (m/2^k)^i/i!) ^ 2^k
	const halvings = 60
	small := num().SetMantExp(m, -halvings)
	exp, term := num().SetInt64(1), num().SetInt64(1)
	for i := int64(1); i < 200; i++ {
		term.Mul(term, small).Quo(term, num().SetInt64(i))
		exp.Add(exp, term)
	}
	for range halvings {
		exp.Mul(exp, exp)
	}
	sum, p := num(), num().SetInt64(1)
	for i := int64(0); i <= int64(limit); i++ {
		if i > 0 {
			p.Mul(p, m).Quo(p, num().SetInt64(i))
		}
		sum.Add(sum, p)
	}
	sum.Quo(sum, exp)
	f, _ := num().Sub(num().SetInt64(1), sum).Float64()
	return f
}

func TestExceedsEqualsTheDefinition(t *testing.T) {
	for _, limit := range []int{0, 1, 2, 3, 5, 20, 150, workload.MaxCount} {
		for _, mean := range []float64{5e-324, 1e-100, 1e-9, 1e-3, 0.1, 0.5, 1, 2, 2.9999, 3, 3.5, 10, 40, 120, 200, 900, 1001, 2000} {
			got, want := workload.Exceeds(limit, mean), exceeds(limit, mean)
			if math.Abs(got-want) > 1e-12*want && math.Abs(got-want) > 1e-318 { // the latter where floats are sparse
				t.Errorf("P(> %d | %g) = %g, want %g", limit, mean, got, want)
			}
		}
	}
	nan := math.NaN()
	for _, row := range []struct {
		limit      int
		mean, want float64
	}{
		{2, -1, nan}, {2, nan, nan}, {2, math.Inf(1), nan}, {workload.MaxCount + 1, 1, nan}, {math.MaxInt, 1, nan}, {math.MaxInt, 1e300, nan},
		{2, 0, 0}, {2, 5000, 1}, {2, math.MaxFloat64, 1}, {workload.MaxCount, math.MaxFloat64, 1}, {-1, 0, 1}, {math.MinInt, 1, 1},
	} {
		if got := workload.Exceeds(row.limit, row.mean); got != row.want && !(math.IsNaN(got) && math.IsNaN(row.want)) {
			t.Errorf("P(> %d | %g) = %g, want %g", row.limit, row.mean, got, row.want)
		}
	}
}

func TestMeanForIsTheInverseOfExceeds(t *testing.T) {
	for _, p := range []float64{1e-6, 0.01, 0.05, 0.5, 0.99} {
		for _, limit := range []int{0, 2, 10} {
			mean := workload.MeanFor(limit, p)
			if workload.Exceeds(limit, mean) > p || workload.Exceeds(limit, mean*1.000001) <= p {
				t.Errorf("MeanFor(%d, %g) = %g", limit, p, mean)
			}
		}
	}
}

func TestTeamSizesOfTheBook(t *testing.T) {
	for name, row := range map[string]struct {
		need workload.Need
		want workload.Size
	}{
		"one site":                  {workload.Need{}, workload.Size{ByShare: 8, PerSite: 8, Total: 8, AtMost: 26}},
		"two sites, by share alone": {workload.Need{Sites: 2}, workload.Size{ByShare: 4, PerSite: 4, Total: 8, AtMost: 13}},
		"two sites":                 {workload.Need{Sites: 2, CriticalMass: 6}, workload.Size{ByShare: 4, PerSite: 6, Total: 12, AtMost: 13}},
		"only the primary":          {workload.Need{Roles: 1}, workload.Size{ByShare: 4, PerSite: 4, Total: 4, AtMost: 13}},
		"business hours":            {workload.Need{Cover: 40 * time.Hour}, workload.Size{ByShare: 2, PerSite: 2, Total: 2, AtMost: 6}},
		"not this: one person in both roles at once": {workload.Need{Cover: 10 * time.Hour}, workload.Size{ByShare: 1, PerSite: 2, Total: 2, AtMost: 1}},
		"a little more than 25%":                     {workload.Need{MaxPercent: 24}, workload.Size{ByShare: 9, PerSite: 9, Total: 9, AtMost: 26}},
	} {
		got, err := row.need.Size()
		if err != nil {
			t.Fatal(err)
		}
		row.want.Need = got.Need
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNumbersShowTheHalfRoundedToEven(t *testing.T) {
	for _, row := range []struct {
		num, den int64
		digits   int
		want     string
	}{{1, 2, 0, "0"}, {3, 2, 0, "2"}, {5, 2, 0, "2"}, {-1, 2, 0, "0"}, {-3, 2, 0, "-2"}, {-5, 2, 0, "-2"}, {1, 8, 2, "0.12"}, {3, 8, 2, "0.38"}, {-2, 3, 3, "-0.667"}, {141, 2, 0, "70"}, {171, 2, 0, "86"}, {7, 1, 2, "7.00"}} {
		if got := workload.Fraction(row.num, row.den).Decimal(row.digits); got != row.want {
			t.Errorf("%d/%d with %d digits is %s, want %s", row.num, row.den, row.digits, got, row.want)
		}
	}
}

func TestCompileReportsEveryProblem(t *testing.T) {
	_, err := workload.Policy{
		Name: "a b", Zone: "Mars/Base", Night: "25:00-06:00", Work: "x", Weekend: []time.Weekday{9}, Holidays: []string{"2026-02-30"},
		Cover: []oncall.Role{oncall.Shadow, oncall.Primary, oncall.Primary}, MaxIncidents: -1, IncidentWindow: time.Millisecond, MaxOnCallPercent: 101,
		People: []workload.Person{{ID: "ann", Zone: "UTC"}, {ID: "ann", Zone: "UTC", PerHour: -1}, {ID: "bob", Zone: "Local"}},
		Limits: workload.Limits{MaxRun: -1, MinRest: time.Millisecond},
		Pay:    &workload.Pay{Digits: 9, Cap: -1, Rates: []workload.Rate{{Roles: []oncall.Role{7}, Classes: []workload.Class{9}, Percent: -1}}},
	}.Compile()
	var got string
	for _, p := range sre.ProblemsIn(err) {
		got += fmt.Sprintln(p)
	}
	golden(t, "testdata/problems.txt", got)
}

func TestCompileReportsEachWrongZoneOnceWhereItStands(t *testing.T) {
	dates := []string{"2026-01-01", "2026-01-02"}
	for name, row := range map[string]struct {
		policy workload.Policy
		want   []string
	}{
		"inherited":         {workload.Policy{Zone: "Mars/Base", People: []workload.Person{{ID: "a"}, {ID: "b", Holidays: dates}}}, []string{"zone"}},
		"of two people":     {workload.Policy{Zone: "UTC", People: []workload.Person{{ID: "a", Zone: "Mars/Base"}, {ID: "b", Zone: "Mars/Base"}}}, []string{"people[0].zone", "people[1].zone"}},
		"that holds a date": {workload.Policy{Zone: "UTC", Holidays: dates, People: []workload.Person{{ID: "a", Zone: "UTC\n2026-01-01", Holidays: dates[1:]}}}, []string{"people[0].zone"}},
	} {
		_, err := row.policy.Compile()
		var got []string
		for _, p := range sre.ProblemsIn(err) {
			got = append(got, p.Path)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMeasureRefusesImpossibleFacts(t *testing.T) {
	c := workload.Policy{Zone: "UTC"}.MustCompile()
	r, err := c.Measure(workload.Facts{From: monday, To: monday.Add(day),
		Shifts: []workload.Shift{{Person: "ann", Start: monday, End: monday}, {Person: "", Role: 9, Start: monday.Add(time.Millisecond), End: monday.Add(day)}},
		Pages:  []workload.Page{{}}})
	if r != nil || len(sre.ProblemsIn(err)) != 6 {
		t.Errorf("%d problems, want 6:\n%v", len(sre.ProblemsIn(err)), err)
	}
	if _, err := c.Measure(workload.Facts{From: monday.Add(1), To: monday.Add(-1)}); len(sre.ProblemsIn(err)) != 3 {
		t.Errorf("%d problems, want both instants and their order:\n%v", len(sre.ProblemsIn(err)), err)
	}
	if _, err := (workload.Limits{MinRest: -1}).Check(nil); len(sre.ProblemsIn(err)) != 1 || sre.ProblemsIn(err)[0].Path != "min_rest" {
		t.Errorf("a rest below zero says %v", err)
	}
	var zero workload.Compiled
	if _, err := zero.Measure(workload.Facts{}); !errors.As(err, new(sre.Problem)) {
		t.Errorf("a policy that was not compiled says %v", err)
	}
}
