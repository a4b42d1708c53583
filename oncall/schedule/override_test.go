package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/schedule"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// fixed has these people on call, always.
func fixed(people ...string) schedule.Schedule {
	return schedule.Schedule{ID: "f", Zone: "UTC", Layers: []schedule.Layer{{Name: "fixed", Members: []schedule.Slot{people}}}}
}

func override(id, add, remove string, from, to int) schedule.Override {
	return schedule.Override{ID: id, Add: add, Remove: remove, Start: noon.Add(time.Duration(from) * time.Hour), End: noon.Add(time.Duration(to) * time.Hour)}
}

func TestOverridesAreJudgedOnWhoIsOnCallBeforeThem(t *testing.T) {
	for _, row := range []struct {
		name      string
		people    []string
		overrides []schedule.Override
		want      string
		conflict  string // kind and who decides
	}{
		{"add", []string{"a"}, []schedule.Override{override("1", "b", "", 0, 1)}, "primary a, b", ""},
		{"remove", []string{"a", "b"}, []schedule.Override{override("1", "", "a", 0, 1)}, "primary b", ""},
		{"replace", []string{"a"}, []schedule.Override{override("1", "b", "a", 0, 1)}, "primary b", ""},
		{"replace somebody who is not on call", []string{"a"}, []schedule.Override{override("1", "b", "c", 0, 1)}, "primary a", ""},
		{"a chain is none: not c, as a loop over the rows has it", []string{"a"}, []schedule.Override{override("1", "b", "a", 0, 1), override("2", "c", "b", 0, 1)}, "primary b", "chained 1"},
		{"two replace each other", []string{"a", "b"}, []schedule.Override{override("1", "b", "a", 0, 1), override("2", "a", "b", 0, 1)}, "primary a, b", "chained 2"},
		{"two replace one: the later start decides", []string{"a"}, []schedule.Override{override("9", "b", "a", -2, 1), override("1", "c", "a", -1, 1)}, "primary c", "both_remove 1"},
		{"two replace one from the same start: the greater ID decides", []string{"a"}, []schedule.Override{override("1", "b", "a", 0, 1), override("2", "c", "a", 0, 1)}, "primary c", "both_remove 2"},
		{"remove and replace one", []string{"a"}, []schedule.Override{override("1", "b", "a", 0, 1), override("2", "", "a", 0, 1)}, "nobody", "both_remove 2"},
		{"add and remove one: he is on call", []string{"a"}, []schedule.Override{override("1", "a", "", 0, 1), override("2", "", "a", 0, 1)}, "primary a", "added_and_removed 1"},
		{"the same twice", []string{"a"}, []schedule.Override{override("1", "b", "a", 0, 1), override("2", "b", "a", 0, 1)}, "primary b", "repeated 2"},
		{"one takes over from two", []string{"a", "b"}, []schedule.Override{override("1", "c", "a", 0, 1), override("2", "c", "b", 0, 1)}, "primary c", ""},
		{"of another role", []string{"a"}, []schedule.Override{{ID: "1", Remove: "a", Role: oncall.Secondary, Start: noon, End: noon.Add(time.Hour)}}, "primary a", ""},
		{"it has ended", []string{"a"}, []schedule.Override{override("1", "b", "a", -1, 0)}, "primary a", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, list := range [][]schedule.Override{row.overrides, reversed(row.overrides)} {
				s := fixed(row.people...)
				s.Overrides = list
				c := s.MustCompile(noon, noon.Add(time.Hour))
				if got := c.At(noon).String(); got != row.want {
					t.Errorf("on call: %s, want %s", got, row.want)
				}
				conflict := ""
				for i, k := range c.Conflicts() {
					if i == 0 {
						conflict = k.Kind.String() + " " + k.Decides
					}
				}
				if conflict != row.conflict {
					t.Errorf("conflict %q, want %q", conflict, row.conflict)
				}
			}
		})
	}
}

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func TestOrderOfOverridesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := oncalltest.Range{Specials: 6}
		s := oncalltest.Schedules(r).Draw(t, "schedule")
		shuffled := s
		shuffled.Overrides = rapid.Permutation(s.Overrides).Draw(t, "order")
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		a, b := s.MustCompile(from, from.AddDate(0, 0, 20)), shuffled.MustCompile(from, from.AddDate(0, 0, 20))
		if diff := schedule.Diff(a, b, from, from.AddDate(0, 0, 20)); len(diff) > 0 {
			t.Fatalf("the order of the overrides changes %v\n%s", diff, print(s))
		}
	})
}

func TestTemporarySchedulesWinAlone(t *testing.T) {
	s := fixed("a")
	s.Temporary = []schedule.Temporary{{ID: "launch", Start: noon, End: noon.Add(4 * time.Hour), Shifts: []schedule.TemporaryShift{
		{Person: "b", Start: noon, End: noon.Add(time.Hour)}, {Person: "c", Start: noon.Add(2 * time.Hour), End: noon.Add(4 * time.Hour)}}}}
	s.Overrides = []schedule.Override{override("ignored", "x", "", 0, 4), override("counts", "d", "c", 3, 4)}
	s.Overrides[1].OverTemporary = true
	s.Swaps = []schedule.Swap{{ID: "ignored", Beneficiary: "b", Benefactor: "x", Start: noon, End: noon.Add(4 * time.Hour)}}
	c := s.MustCompile(noon, noon.Add(6*time.Hour))
	for hour, want := range []string{"primary b", "nobody", "primary c", "primary d", "primary a"} {
		if got := c.At(noon.Add(time.Duration(hour) * time.Hour)).String(); got != want {
			t.Errorf("after %d hours: %s, want %s", hour, got, want)
		}
	}
}

func TestOnlyTakenSwapsCount(t *testing.T) {
	s := fixed("a")
	swap := func(id, from, to string, start, end int) schedule.Swap {
		return schedule.Swap{ID: id, Beneficiary: from, Benefactor: to, Start: noon.Add(time.Duration(start) * time.Hour), End: noon.Add(time.Duration(end) * time.Hour)}
	}
	s.Swaps = []schedule.Swap{swap("open", "a", "", 0, 9), swap("first", "a", "b", 0, 3), swap("second", "b", "c", 1, 2)}
	c := s.MustCompile(noon, noon.Add(9*time.Hour))
	for hour, want := range []string{"primary b", "primary c", "primary b", "primary a"} {
		if got := c.At(noon.Add(time.Duration(hour) * time.Hour)).String(); got != want {
			t.Errorf("after %d hours: %s, want %s", hour, got, want)
		}
	}
}

// The running shift can be handed over at any moment, and handed on, and back.
func TestRunningShiftIsHandedOver(t *testing.T) {
	s := rotation("UTC", "2026-05-04 00:00", schedule.Days(1))
	hand := func(id string, hour int, from, to string) {
		t.Helper()
		c := s.MustCompile(noon, noon.Add(time.Hour))
		list, err := c.HandOff(id, noon.Add(time.Duration(hour)*time.Hour), oncall.Primary, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if want := noon.Add(12 * time.Hour); len(list) != 1 || !list[0].End.Equal(want) {
			t.Errorf("%s: %+v, want one that ends with the shift, %s", id, list, want)
		}
		s.Overrides = append(s.Overrides, list...)
	}
	hand("one", 1, "a", "x")
	hand("two", 2, "x", "y")
	hand("three", 3, "y", "a")
	hand("four", 4, "a", "z")
	c := s.MustCompile(noon, noon.Add(24*time.Hour))
	for hour, want := range map[int]string{0: "a", 1: "x", 2: "y", 3: "a", 4: "z", 11: "z", 12: "b"} {
		if got := c.At(noon.Add(time.Duration(hour) * time.Hour)).String(); got != "primary "+want {
			t.Errorf("after %d hours: %s, want %s", hour, got, want)
		}
	}
	if k := c.Conflicts(); len(k) > 0 {
		t.Errorf("what was handed on is no conflict: %v", k)
	}
	if _, err := c.HandOff("five", noon, oncall.Primary, "b", "x"); err == nil {
		t.Error("somebody who is not on call handed over")
	}
}

// What is handed on ends with the shift, not with the override that gave it.
func TestHandoffEndsWithTheShift(t *testing.T) {
	s := rotation("UTC", "2026-05-04 00:00", schedule.Days(1))
	s.Overrides = []schedule.Override{override("one", "x", "a", 0, 48)}
	list, err := s.MustCompile(noon, noon.Add(time.Hour)).HandOff("two", noon.Add(time.Hour), oncall.Primary, "x", "y")
	if err != nil || len(list) != 1 || !list[0].End.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("%+v, %v; want one that ends at midnight", list, err)
	}
}

// One role is handed on, and the other stays where it is.
func TestSupersedingIsByRole(t *testing.T) {
	s := fixed("a")
	s.Layers = append(s.Layers, schedule.Layer{Name: "second", Role: oncall.Secondary, Members: schedule.Each("a")})
	s.Overrides = []schedule.Override{override("one", "b", "a", 0, 4)}
	list, err := s.MustCompile(noon, noon).HandOff("two", noon.Add(time.Hour), oncall.Primary, "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	s.Overrides = append(s.Overrides, list...)
	c := s.MustCompile(noon, noon.Add(6*time.Hour))
	for hour, want := range []string{"primary b; secondary b", "primary c; secondary b", "primary c; secondary b", "primary c; secondary b", "primary a; secondary a"} {
		if got := c.At(noon.Add(time.Duration(hour) * time.Hour)).String(); got != want {
			t.Errorf("after %d hours: %s, want %s", hour, got, want)
		}
	}
}

// Whoever holds whatever: after a handoff the one is off, the other is on, and
// nobody else changes.
func TestHandoffMovesOnePerson(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		r := oncalltest.Range{From: from, To: from.AddDate(0, 0, 4), People: 4, Specials: 8}
		s := oncalltest.Schedules(r).Draw(t, "schedule")
		at := from.Add(time.Duration(rapid.IntRange(0, 4*24*60).Draw(t, "minute")) * time.Minute)
		c := s.MustCompile(from, from.AddDate(0, 0, 15))
		if c.At(at).Len() == 0 {
			t.Skip("nobody is on call")
		}
		running := rapid.SampledFrom(slices.Collect(c.At(at).All())).Draw(t, "shift")
		to := rapid.SampledFrom([]string{"new", "p0", "p1", "p2"}).Draw(t, "to")
		if to == running.Person {
			t.Skip("to himself")
		}
		list, err := c.HandOff("handoff", at, running.Role, running.Person, to)
		if err != nil {
			t.Fatal(err)
		}
		s.Overrides = append(s.Overrides, list...)
		after := s.MustCompile(from, from.AddDate(0, 0, 15))
		want := holders(c.At(at))
		want[slices.Index(want, holder{running.Role, running.Person})].person = to
		if got := holders(after.At(at)); !slices.Equal(got, distinct(want)) {
			t.Fatalf("after %+v: %v, want %v\n%s\n%s", list, got, want, c.Explain(at), print(s))
		}
	})
}

func TestEveryProblemIsReported(t *testing.T) {
	later := noon.Add(time.Hour)
	s := schedule.Schedule{ID: "a b", Zone: "Mars/Base", Compose: 9,
		Layers: []schedule.Layer{
			{Name: "l", Members: schedule.Each("a", "a b"), First: 2, TurnsBy: 7, Zone: "Local", From: later, Until: noon,
				Positions: []schedule.Position{{Role: 9, Offset: 2}, {Role: oncall.Primary}, {Role: oncall.Primary}},
				Restrict: []schedule.Restriction{{Clock: []string{"9-17"}, Weekdays: []time.Weekday{7}, MonthDays: []int{0, 32}, Months: []time.Month{13}, Dates: []string{"2026-02-30", "2026-03-02/2026-03-01"},
					OnHolidays: []string{"x"}, Rule: "FREQ=SECONDLY", RuleStart: "2026-01-01", RuleFor: -1}}},
			{Name: "l", Members: []schedule.Slot{{"a", "a"}, {}}, Anchor: "2026-01-01T09:00Z", Turn: schedule.Turn{Every: 0, Unit: schedule.Day}},
			{Name: "m", Role: 8, TurnsBy: schedule.ByWorked, Turn: schedule.Turn{Every: 1, Unit: schedule.Day, Elapsed: time.Millisecond}},
		},
		Temporary: []schedule.Temporary{{ID: "t", Start: noon, End: later, Shifts: []schedule.TemporaryShift{{Person: "", Start: noon, End: later.Add(1)}}}, {ID: "t", Start: noon, End: later}},
		Overrides: []schedule.Override{{ID: "o", Start: noon, End: noon, Supersedes: "?"}, {ID: "p", Add: "a", Remove: "a", Start: noon.Add(1), End: later, Supersedes: "p"}},
		Swaps:     []schedule.Swap{{ID: "", Benefactor: "", Start: noon, End: later}},
		Absences:  []schedule.Absence{{Person: "a", Start: noon}},
		Holidays:  []schedule.HolidayCalendar{{Name: "h", Dates: []string{"soon"}}, {Name: "h"}},
	}
	_, err := s.Compile(later, noon)
	var got string
	for _, p := range sre.ProblemsIn(err) {
		got += fmt.Sprintf("%s %s\n", p.Path, p.Code)
	}
	golden(t, "problems.txt", got)
}

// Turns that count as worked are counted one by one, so they must not be many.
func TestAnchorsOfWorkedTurnsAreNear(t *testing.T) {
	s := rotation("UTC", "0002-01-01", schedule.Elapsed(time.Minute))
	s.Layers[0].TurnsBy, s.Layers[0].Restrict = schedule.ByWorked, []schedule.Restriction{{Weekdays: []time.Weekday{1}}}
	_, err := s.Compile(noon, noon)
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != "too_far" || p[0].Path != "layers[0].anchor" {
		t.Errorf("problems %v, want too_far", p)
	}
}

// Nothing panics, whatever the schedule says.
func TestBrokenSchedulesAreRefusedQuietly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := oncalltest.Schedules(oncalltest.Range{Worked: true, Rules: true}).Draw(t, "schedule")
		l := &s.Layers[0]
		text := rapid.SampledFrom([]string{"", "x", "2026-02-30", "9999-12-31 24:00", "9998-12-31", "0001-01-01", "0002-01-01", "25:00", "-", "Local"}).Draw(t, "text")
		switch rapid.IntRange(0, 6).Draw(t, "break") {
		case 0:
			l.Anchor = text
		case 1:
			l.Turn = schedule.Turn{Every: rapid.Int().Draw(t, "every"), Unit: schedule.Unit(rapid.Byte().Draw(t, "unit"))}
		case 2:
			l.Turn = schedule.Elapsed(time.Duration(rapid.Int64().Draw(t, "elapsed")))
		case 3:
			l.Zone = text
		case 4:
			l.First = rapid.Int().Draw(t, "first")
		case 5:
			l.Restrict = []schedule.Restriction{{Clock: []string{text + "-" + text}, Rule: text, RuleStart: text}}
		case 6:
			l.From = time.Unix(rapid.Int64().Draw(t, "from"), 0)
		}
		from := rapid.SampledFrom([]time.Time{noon, {}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), time.Date(9998, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC)}).Draw(t, "at")
		c, err := s.Compile(from, from.AddDate(0, 0, 3))
		if err != nil {
			return
		}
		for _, at := range []time.Time{from, noon, {}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC)} {
			_ = c.At(at).String()
			_ = c.Explain(at).String()
			c.Shifts(at, at.Add(time.Hour))
		}
		c.Next("", time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC))
	})
}

func TestZeroValuesAnswerNothing(t *testing.T) {
	var c schedule.Compiled
	if got := c.At(noon).String(); got != "nobody" {
		t.Errorf("the zero Compiled has %s", got)
	}
	if _, ok := c.Next("", noon); ok || len(c.Shifts(noon, noon.Add(time.Hour))) > 0 || len(c.Lint(noon, noon.Add(time.Hour))) > 0 {
		t.Error("the zero Compiled has shifts")
	}
	_ = c.Explain(noon).String()
	var b schedule.Board
	b.MoveTo(noon)
}
