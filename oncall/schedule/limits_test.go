package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// soon fails if something that is within the limits takes long: what is wrong
// here takes minutes to hours.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("%s takes %s", what, took)
	}
}

// All overrides at once: nothing is compared with everything else thrice.
func TestManyOverridesAreCompiledSoon(t *testing.T) {
	const n = 3000
	at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
	for name, make := range map[string]func(i int) schedule.Override{
		"one takes over from all": func(i int) schedule.Override {
			return schedule.Override{Add: "z", Remove: fmt.Sprint("p", i)}
		},
		"each supersedes the one before": func(i int) schedule.Override {
			return schedule.Override{Add: fmt.Sprint("p", i+1), Remove: "a", Supersedes: fmt.Sprint("o", i-1)}
		},
		"all contradict": func(i int) schedule.Override {
			return schedule.Override{Add: fmt.Sprint("p", i), Remove: "a"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fixed("a")
			for i := range n {
				o := make(i)
				o.ID, o.Start, o.End = fmt.Sprint("o", i), at(i), at(2*n+i)
				if i == 0 {
					o.Supersedes = ""
				}
				s.Overrides = append(s.Overrides, o)
			}
			soon(t, name, func() {
				found := s.MustCompile(noon, noon.Add(4*time.Hour)).Conflicts()
				if len(found) > schedule.MaxConflicts || !slices.IsSortedFunc(found, func(a, b schedule.Conflict) int { return a.Start.Compare(b.Start) }) {
					t.Errorf("%d conflicts, not by start", len(found))
				}
			})
		})
	}
}

func TestOverridesThatSupersedeInACircleAreRefused(t *testing.T) {
	s := fixed("a")
	for i, supersedes := range []string{"1", "2", "0", "0", ""} { // 0, 1 and 2 are a circle, 3 leads into it
		o := override(fmt.Sprint(i), "b", "a", 0, 1)
		o.Supersedes = supersedes
		s.Overrides = append(s.Overrides, o)
	}
	_, err := s.Compile(noon, noon)
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	if want := []string{"overrides[0].supersedes circular", "overrides[1].supersedes circular", "overrides[2].supersedes circular"}; !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}

func TestHorizonsOfTooManyTurnsAreRefused(t *testing.T) {
	code := func(s schedule.Schedule, years int) string {
		_, err := s.Compile(noon, noon.AddDate(years, 0, 0))
		if p := sre.ProblemsIn(err); len(p) > 0 {
			return p[0].Path + " " + p[0].Code
		}
		return ""
	}
	s := rotation("UTC", "2026-01-01", schedule.Elapsed(time.Minute))
	if got := code(s, 3); got != "" {
		t.Errorf("three years of minutes: %s", got)
	}
	if got := code(s, 9); got != "horizon too_many" {
		t.Errorf("nine years of minutes: %q, want too_many", got)
	}
	s = always("UTC", schedule.Restriction{Rule: "FREQ=DAILY;BYHOUR=" + numbers(24) + ";BYMINUTE=" + numbers(60), RuleStart: "2026-01-01", RuleFor: time.Second})
	if got := code(s, 0); got != "layers[0].restrict[0].rule too_many" {
		t.Errorf("a rule for each minute: %q, want too_many", got)
	}
}

func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return strings.Join(list, ",")
}

// Turns that count as worked end MaxWorkedTurns after the anchor; a horizon that
// goes on would have nobody on call, silently.
func TestWorkedTurnsLastForTheHorizon(t *testing.T) {
	s := rotation("UTC", "2026-05-01", schedule.Elapsed(time.Minute))
	s.Layers[0].TurnsBy, s.Layers[0].Restrict = schedule.ByWorked, []schedule.Restriction{{Clock: []string{"00:00-24:00"}}}
	if _, err := s.Compile(noon, noon.AddDate(1, 0, 0)); err != nil {
		t.Error(err)
	}
	_, err := s.Compile(noon, noon.AddDate(2, 0, 0))
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != "too_far" {
		t.Errorf("problems %v, want too_far", p)
	}
}

// The turns worked since a far anchor, in either direction, are as many as one
// counts day by day.
func TestFarAnchorsCountEveryTurnWorked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchor := time.Date(rapid.IntRange(1900, 2150).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 364).Draw(t, "day"))
		every := rapid.SampledFrom([]int{1, 2, 3, 7, 10, 45, 500, 9000}).Draw(t, "days of a turn")
		r := rapid.SampledFrom([]schedule.Restriction{
			{Weekdays: []time.Weekday{1, 2, 3, 4, 5}},
			{MonthDays: []int{-1, 31}, Months: []time.Month{2, 3}},
			{Months: []time.Month{2}, MonthDays: []int{29}},
			{Dates: []string{"2026-05-01/2026-05-09", "1990-03-03"}},
		}).Draw(t, "restriction")
		s := schedule.Schedule{ID: "far", Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Anchor: anchor.Format(time.DateOnly), Turn: schedule.Days(every), TurnsBy: schedule.ByWorked, Restrict: []schedule.Restriction{r}}}}
		n := rapid.IntRange(1, 9).Draw(t, "members")
		for i := range n {
			s.Layers[0].Members = append(s.Layers[0].Members, schedule.Slot{fmt.Sprint("p", i)})
		}
		from := time.Date(rapid.IntRange(2000, 2040).Draw(t, "from"), 2, 20, 0, 0, 0, 0, time.UTC)
		to := from.AddDate(0, 0, rapid.IntRange(1, 100).Draw(t, "days"))
		c := s.MustCompile(from, to)
		o := oracleLayer{Layer: s.Layers[0], loc: time.UTC}
		turnOf := func(day time.Time) int { return floor(int(day.Sub(anchor)/(24*time.Hour)), every) }
		worked := map[int]bool{}
		first, last := anchor, to
		if from.Before(first) {
			first = from
		}
		if anchor.After(last) {
			last = anchor
		}
		for day := first.AddDate(0, 0, -every); day.Before(last.AddDate(0, 0, every)); day = day.AddDate(0, 0, 1) {
			if o.dayCounts(r, day) {
				worked[turnOf(day)] = true
			}
		}
		before := map[int]int{0: 0} // turns worked from the anchor to a turn
		for i := 0; i <= turnOf(last); i++ {
			before[i+1] = before[i] + btoi(worked[i])
		}
		for i := -1; i >= turnOf(first); i-- {
			before[i] = before[i+1] - btoi(worked[i])
		}
		for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
			want := "nobody"
			if o.dayCounts(r, day) {
				want = fmt.Sprint("primary p", ((before[turnOf(day)]%n)+n)%n)
			}
			if got := c.At(day.Add(time.Hour)).String(); got != want {
				t.Fatalf("on %s: %s, want %s\n%s", day, got, want, print(s))
			}
		}
	})
}

func floor(a, b int) int {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Next looks MaxLookahead far, whatever the horizon.
func TestHorizonsDoNotLengthenTheLookahead(t *testing.T) {
	s := rotation("UTC", "2026-01-01", schedule.Months(50))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ready, bare := s.MustCompile(start, start.AddDate(9, 0, 0)), s.MustCompile(start, start)
	for month := range 60 {
		at := start.AddDate(0, month, 0)
		for _, person := range []string{"", "a", "b"} {
			a, okA := ready.Next(person, at)
			b, okB := bare.Next(person, at)
			if okA != okB || a != b {
				t.Errorf("Next(%q, %s) is %v, %v with the horizon, and %v, %v without", person, at, a, okA, b, okB)
			}
		}
	}
}

// A restriction that ends where the time begins, and a member who comes back in
// the midst of a turn: a layer has people from when it has.
func TestShadowedLayersAreSeenWhereTheyHavePeople(t *testing.T) {
	s := always("UTC")
	s.Compose = schedule.LastWins
	s.Layers = append([]schedule.Layer{{Name: "low", Members: schedule.Each("b"), Restrict: []schedule.Restriction{{Dates: []string{"2026-05-03"}}}}}, s.Layers...)
	day := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	shadowed := func() (at time.Time) {
		for _, f := range s.MustCompile(day, day).Lint(day, day.AddDate(0, 0, 3)) {
			if f.Code == schedule.CodeShadowed {
				at = f.At
			}
		}
		return at
	}
	if at := shadowed(); !at.IsZero() {
		t.Errorf("a layer whose last people go at the beginning is shadowed at %s", at)
	}
	s.Layers[0].Restrict = nil
	s.Absences = []schedule.Absence{{Person: "b", Start: day.AddDate(0, 0, -1), End: day.AddDate(0, 0, 1)}}
	if at, want := shadowed(), day.AddDate(0, 0, 1); !at.Equal(want) {
		t.Errorf("shadowed at %s, want when b is back, %s", at, want)
	}
}

func TestRemovingEverybodyIsNoEdit(t *testing.T) {
	c := fixed("a").MustCompile(noon, noon.AddDate(0, 0, 1))
	_, _, err := c.Edit(schedule.Edit{Layer: "fixed", At: noon, Members: schedule.Without(c.Schedule().Layers[0].Members, "a")})
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Path != "members" || p[0].Code != "missing" {
		t.Errorf("problems %v, want that members are missing", p)
	}
}

func TestEditsOfLongNamesHaveNames(t *testing.T) {
	s := rotation("UTC", "2026-01-05", schedule.Days(1))
	s.Layers[0].Name = strings.Repeat("n", sre.MaxID)
	c := s.MustCompile(noon, noon.AddDate(0, 0, 9))
	for i := range 11 {
		layers := c.Schedule().Layers
		var err error
		if c, _, err = c.Edit(schedule.Edit{Layer: layers[len(layers)-1].Name, At: noon.Add(time.Duration(i+1) * time.Hour), Turn: schedule.Days(2)}); err != nil {
			t.Fatal(err)
		}
	}
}

// A shift that begins in the horizon and ends after years is handed over whole.
func TestLongShiftsAreHandedOverWhole(t *testing.T) {
	c := rotation("UTC", "2026-05-01", schedule.Months(30)).MustCompile(noon, noon.AddDate(0, 0, 1))
	list, err := c.HandOff("h", noon, oncall.Primary, "a", "x")
	if want := time.Date(2028, 11, 1, 0, 0, 0, 0, time.UTC); err != nil || len(list) != 1 || !list[0].End.Equal(want) {
		t.Errorf("%+v, %v; want until %s", list, err, want)
	}
}
