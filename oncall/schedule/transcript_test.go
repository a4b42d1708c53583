package schedule_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
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

// database is the rota of the transcripts: four people, a week each from Monday
// 09:00 in Berlin, the next one as secondary; New York takes the evenings.
func database() schedule.Schedule {
	berlin := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		return at
	}
	return schedule.Schedule{
		ID: "database", Zone: "Europe/Berlin", Compose: schedule.Priority,
		Layers: []schedule.Layer{
			{Name: "weekly", Members: schedule.Each("alice", "bob", "carol", "dave"), Anchor: "2026-01-05 09:00", Turn: schedule.Weeks(1),
				Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}}},
			{Name: "new-york", Priority: 1, Members: schedule.Each("erin", "frank"), Zone: "America/New_York", Anchor: "2026-01-05 13:00", Turn: schedule.Days(1), TurnsBy: schedule.ByWorked,
				Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}, Clock: []string{"13:00-18:00"}, NotOnHolidays: []string{"us"}}}},
			{Name: "trainee", Role: oncall.Shadow, Members: schedule.Each("gina"), Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{2}, Clock: []string{"09:00-17:00"}}}},
		},
		Holidays: []schedule.HolidayCalendar{{Name: "us", Dates: []string{"2026-05-25", "2026-07-03"}}},
		Absences: []schedule.Absence{{Person: "erin", Start: berlin("2026-05-21T00:00:00+02:00"), End: berlin("2026-05-23T00:00:00+02:00"), Reason: "moving house"}},
		Swaps: []schedule.Swap{
			{ID: "s1", Beneficiary: "dave", Benefactor: "bob", Start: berlin("2026-05-19T00:00:00+02:00"), End: berlin("2026-05-20T00:00:00+02:00")},
			{ID: "s2", Beneficiary: "alice", Start: berlin("2026-05-25T09:00:00+02:00"), End: berlin("2026-06-01T09:00:00+02:00")},
		},
		Overrides: []schedule.Override{
			{ID: "o1", Add: "carol", Remove: "dave", Start: berlin("2026-05-20T08:00:00+02:00"), End: berlin("2026-05-20T18:00:00+02:00")},
			{ID: "o2", Add: "alice", Remove: "carol", Start: berlin("2026-05-20T10:00:00+02:00"), End: berlin("2026-05-20T12:00:00+02:00")},
			{ID: "o3", Add: "gina", Role: oncall.Secondary, Start: berlin("2026-05-23T09:00:00+02:00"), End: berlin("2026-05-24T09:00:00+02:00")},
		},
		Temporary: []schedule.Temporary{{ID: "migration", Start: berlin("2026-05-22T20:00:00+02:00"), End: berlin("2026-05-23T02:00:00+02:00"), Shifts: []schedule.TemporaryShift{
			{Person: "bob", Start: berlin("2026-05-22T20:00:00+02:00"), End: berlin("2026-05-23T01:00:00+02:00")}}}},
	}
}

// week is Monday to Monday in May 2026.
func week(t *testing.T) (from, to time.Time) {
	return instant(t, "2026-05-18T00:00:00+02:00"), instant(t, "2026-05-25T12:00:00+02:00")
}

func list(shifts func(func(schedule.Shift) bool)) string {
	var b strings.Builder
	for s := range shifts {
		cut := func(is bool) string {
			if is {
				return "~"
			}
			return " "
		}
		cause := s.Cause.Kind.String() + " " + s.Cause.ID
		if s.Cause.Kind == schedule.ByLayer {
			cause += fmt.Sprintf(" turn %d", s.Cause.Turn)
		}
		fmt.Fprintf(&b, "%s%s to %s%s  %-9s %-6s %s\n", cut(s.StartsBefore), s.Start.Format("Mon 02 15:04"), s.End.Format("Mon 02 15:04"), cut(s.EndsAfter), s.Role, s.Person, cause)
	}
	return b.String()
}

func TestTranscriptOfAWeek(t *testing.T) {
	from, to := week(t)
	c := database().MustCompile(from, to)
	golden(t, "week.txt", list(c.Flatten(from, to)))
}

func TestTranscriptOfExplanations(t *testing.T) {
	c := database().MustCompile(week(t))
	var b strings.Builder
	for _, at := range []string{
		"2026-05-18T10:00:00+02:00", // Monday, plain
		"2026-05-19T20:00:00+02:00", // a swap, and New York
		"2026-05-20T11:00:00+02:00", // overrides that are no chain
		"2026-05-21T20:00:00+02:00", // absent in New York
		"2026-05-22T21:00:00+02:00", // the temporary schedule
		"2026-05-23T01:30:00+02:00", // its hole
		"2026-05-25T20:00:00+02:00", // a holiday in New York
	} {
		fmt.Fprintln(&b, c.Explain(instant(t, at)))
	}
	golden(t, "explain.txt", b.String())
}

func TestTranscriptOfLint(t *testing.T) {
	s := database()
	s.Layers = append(s.Layers,
		schedule.Layer{Name: "backup", Priority: -1, Members: schedule.Each("zoe"), Restrict: []schedule.Restriction{{Clock: []string{"00:00-24:00"}}, {MonthDays: []int{30}, Months: []time.Month{time.February}}}},
		schedule.Layer{Name: "old", Members: schedule.Each("yan"), Until: instant(t, "2026-01-01T00:00:00Z")},
		schedule.Layer{Name: "night", Role: oncall.Secondary, Priority: 2, Members: schedule.Each("alice", "carol"), Anchor: "2026-03-01 02:30", Turn: schedule.Days(1), Restrict: []schedule.Restriction{{Clock: []string{"02:30-04:00"}}}})
	s.Absences = append(s.Absences, schedule.Absence{Person: "bob", Start: instant(t, "2026-05-19T12:00:00Z"), End: instant(t, "2026-05-19T13:00:00Z")})
	from, to := instant(t, "2026-03-01T00:00:00+01:00"), instant(t, "2026-06-01T00:00:00+02:00")
	c := s.MustCompile(from, to)
	var b strings.Builder
	for _, f := range c.Lint(from, to) {
		fmt.Fprintln(&b, f)
	}
	golden(t, "lint.txt", b.String())
}

func TestTranscriptOfEdits(t *testing.T) {
	from, to := instant(t, "2026-05-18T00:00:00+02:00"), instant(t, "2026-06-22T00:00:00+02:00")
	s := database()
	s.Layers, s.Temporary = s.Layers[:1], nil
	c := s.MustCompile(from, to)
	members := c.Schedule().Layers[0].Members
	var b strings.Builder
	for _, row := range []struct {
		what string
		edit schedule.Edit
	}{
		{"hana joins after alice, in the midst of dave's turn", schedule.Edit{Members: schedule.With(members, 1, schedule.Slot{"hana"})}},
		{"dave leaves in the midst of his turn", schedule.Edit{Members: schedule.Without(members, "dave")}},
		{"turns of two weeks", schedule.Edit{Turn: schedule.Weeks(2)}},
		{"the team moves to London", schedule.Edit{Zone: "Europe/London"}},
	} {
		row.edit.Layer, row.edit.At = "weekly", instant(t, "2026-05-20T15:00:00+02:00")
		after, changes, err := c.Edit(row.edit)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n\n", row.what)
		for _, l := range after.Schedule().Layers {
			fmt.Fprintf(&b, "layer %s: %v, first %d, %s, %s\n", l.Name, l.Members, l.First, l.Turn, l.Zone)
		}
		for _, c := range changes {
			b.WriteString(c.String())
		}
		b.WriteString("\n")
	}
	golden(t, "edits.txt", b.String())
}

func TestTranscriptOfAHandoff(t *testing.T) {
	c := database().MustCompile(week(t))
	at := instant(t, "2026-05-25T09:00:00+02:00")
	golden(t, "handoff.md", c.HandoffReport(at, facts(at)).Markdown())
	golden(t, "handoff_into_a_hole.md", c.HandoffReport(instant(t, "2026-05-23T01:00:00+02:00"), schedule.HandoffFacts{}).Markdown())
}

func facts(at time.Time) schedule.HandoffFacts {
	return schedule.HandoffFacts{
		Pages: []schedule.OpenPage{
			{ID: "p-2", Title: "replica lag > 30s", Severity: 2, Since: at.Add(-3 * time.Hour), AckedBy: "dave", Link: "https://pages.example.com/p-2"},
			{ID: "p-1", Title: "disk *almost* full\n# not a heading", Severity: 0, Since: at.Add(-10 * time.Minute), Link: "javascript:alert(1)"},
		},
		Incidents: []schedule.OpenIncident{{ID: "i-7", Title: "slow checkout", Severity: 1, Since: at.Add(-26 * time.Hour), Commander: "carol", Link: "https://incidents.example.com/i-7"}},
		Freezes:   []schedule.Freeze{{ID: "f-1", Title: "end of the month", Start: at.Add(80 * time.Hour), End: at.Add(200 * time.Hour)}},
		Changes:   []schedule.RecentChange{{ID: "c-1", Title: "postgres 18", Service: "orders", By: "dave", At: at.Add(-20 * time.Hour)}},
		Risks:     []schedule.Risk{{Title: "certificate of db.internal runs out", At: at.Add(60 * time.Hour)}},
		Notes:     []string{"the replica in zone b is slow: do not fail over to it"},
	}
}

func TestScheduleDescribesItself(t *testing.T) {
	golden(t, "database.md", database().MustCompile(week(t)).Markdown())
}
