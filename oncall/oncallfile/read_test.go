package oncallfile_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
	"github.com/sre-sdk/sre/oncall/oncallfile"
	"github.com/sre-sdk/sre/oncall/schedule"
)

func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }

func TestEveryFieldIsRead(t *testing.T) {
	got, err := oncallfile.Read(strings.NewReader(readingtest.Open(t, "full.yaml")), "full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := schedule.Schedule{
		ID: "db", Zone: "Europe/Berlin", Compose: schedule.Priority,
		Layers: []schedule.Layer{
			{
				Name: "weekly", Priority: 1, First: 2,
				Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}},
				Members:   []schedule.Slot{{"alice"}, {"bob", "carol"}, {}},
				Anchor:    "2026-01-05 09:00", Turn: schedule.Weeks(2), TurnsBy: schedule.ByWorked,
				Restrict: []schedule.Restriction{
					{Weekdays: []time.Weekday{time.Monday, time.Friday}, Clock: []string{"22:00-06:00"}},
					{MonthDays: []int{1, -1}, Months: []time.Month{time.January}, Dates: []string{"2026-12-24/2027-01-01"}, OnHolidays: []string{"berlin"}, NotOnHolidays: []string{"berlin"}},
					{Rule: "FREQ=MONTHLY;BYDAY=-1SU", RuleStart: "2026-01-25 10:00", RuleFor: 4 * time.Hour},
				},
				Zone: "America/New_York",
				From: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 5, 8, 0, 0, 0, time.UTC),
			},
			{Name: "always", Role: oncall.Shadow, Members: schedule.Each("dora")},
			{Name: "short", Members: schedule.Each("erik", "alice"), Anchor: "2026-01-05 09:00", Turn: schedule.Elapsed(36 * time.Hour)},
		},
		Temporary: []schedule.Temporary{{ID: "fair", Start: day(5, 1), End: day(5, 2), Shifts: []schedule.TemporaryShift{
			{Person: "dora", Role: oncall.Secondary, Start: day(5, 1), End: day(5, 1).Add(12 * time.Hour)},
		}}},
		Overrides: []schedule.Override{
			{ID: "o1", Add: "dora", Remove: "alice", Start: day(3, 1), End: day(3, 2), Role: oncall.Primary, Supersedes: "o0", OverTemporary: true},
			{ID: "o0", Add: "erik", Start: day(3, 1), End: day(3, 2)},
		},
		Swaps:    []schedule.Swap{{ID: "s1", Beneficiary: "alice", Benefactor: "bob", Start: day(3, 3), End: day(3, 4), Role: oncall.Primary}},
		Absences: []schedule.Absence{{Person: "alice", Start: day(7, 1), End: day(7, 15), Reason: "holiday"}},
		Holidays: []schedule.HolidayCalendar{{Name: "berlin", Dates: []string{"2026-03-08"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
}

func TestJSONIsRead(t *testing.T) {
	s, err := oncallfile.Read(strings.NewReader(readingtest.Open(t, "rota.json")), "rota.json")
	if err != nil || len(s.Layers) != 1 || len(s.Layers[0].Members) != 2 {
		t.Errorf("read %+v, %v", s, err)
	}
}

func TestProblemsNameFileAndLine(t *testing.T) {
	const (
		head  = "apiVersion: sre-sdk/v1\nkind: OnCallSchedule\nid: db\nzone: UTC\n"
		layer = head + "layers:\n  - name: a\n    members: [x, y]\n    anchor: 2026-01-05 09:00\n    turn: 1 day\n"
	)
	readingtest.Problems(t, read, []readingtest.Row{
		{"an empty file", "", []string{"s.yaml wrong_count"}},
		{"two schedules", layer + "---\n" + layer, []string{"s.yaml wrong_count"}},
		{"another kind", strings.Replace(layer, "OnCallSchedule", "BudgetPolicy", 1), []string{"s.yaml:2: kind unknown_value"}},
		{"nothing in it", head, []string{"s.yaml:1: layers missing"}},
		{"unknown fields", layer + "    rotation: x\nlayer: []\n", []string{"s.yaml:10: layers[0].rotation unknown_field", "s.yaml:11: layer unknown_field"}},
		{"values that are none", layer + "    turns_by: magic\n    role: boss\n    from: 2026-01-05\n    restrict:\n      - weekdays: [mon]\n        months: [may, 13]\n        month_days: [32]\n", []string{
			"s.yaml:11: layers[0].role unknown_role", "s.yaml:10: layers[0].turns_by unknown_turns_by",
			"s.yaml:14: layers[0].restrict[0].weekdays[0] unknown_weekday", "s.yaml:16: layers[0].restrict[0].month_days[0] out_of_range",
			"s.yaml:15: layers[0].restrict[0].months[1] unknown_month", "s.yaml:12: layers[0].from invalid_instant",
		}},
		{"a role beside positions", layer + "    role: primary\n    positions: [{role: primary}]\n", []string{"s.yaml:10: layers[0].role not_allowed"}},
		{"what Compile finds, where it stands", strings.Replace(layer, "01-05", "02-30", 1) + "    restrict:\n      - clock:\n          - 9-17\n      - on_holidays: [mars]\noverrides:\n  - {id: o, start: 2026-01-01T00:00:00Z, end: 2026-01-01T00:00:00Z}\n", []string{
			"s.yaml:8: layers[0].anchor impossible_datetime", "s.yaml:12: layers[0].restrict[0].clock[0] invalid_clock_range",
			"s.yaml:13: layers[0].restrict[1].on_holidays[0] unknown_calendar", "s.yaml:15: overrides[0] missing", "s.yaml:15: overrides[0].end out_of_range",
		}},
	})
}

// To see that a rule never occurs takes a tenth of a second.
func TestBrokenRulesAreNotReadForEver(t *testing.T) {
	text := "apiVersion: sre-sdk/v1\nkind: OnCallSchedule\nid: db\nzone: UTC\nlayers:\n  - name: a\n    members: [x]\n    restrict:\n" +
		strings.Repeat("      - {rule: FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTH=6, rule_start: 2026-01-25 10:00, rule_for: 4h}\n", 100)
	_, err := oncallfile.Read(strings.NewReader(text), "s.yaml")
	problems := sre.ProblemsIn(err)
	if len(problems) != 22 || problems[0].Path != "s.yaml:9: layers[0].restrict[0].rule" || problems[21].Code != "too_many" {
		t.Errorf("%d problems, want 22, of which the last is too_many: %v", len(problems), err)
	}
}

func TestParseTurnReadsWhatStringWrites(t *testing.T) {
	for _, turn := range []schedule.Turn{schedule.Hours(1), schedule.Hours(12), schedule.Days(1), schedule.Weeks(2), schedule.Months(3), schedule.Elapsed(36 * time.Hour), schedule.Elapsed(90 * time.Second)} {
		if got, err := oncallfile.ParseTurn(turn.String()); err != nil || got != turn {
			t.Errorf("%q is read as %v, %v", turn, got, err)
		}
	}
	for _, text := range []string{"", "week", "0 days", "-1 days", "1  day", "1 year", "1 ", "1 s", "1.5 days", "0s elapsed", "soon elapsed", "no end"} {
		if got, err := oncallfile.ParseTurn(text); err == nil {
			t.Errorf("%q is read as %v, want a problem", text, got)
		}
	}
}

func read(text string) (schedule.Schedule, error) {
	return oncallfile.Read(strings.NewReader(text), "s.yaml")
}

func FuzzRead(f *testing.F) {
	readingtest.Fuzz(f, read, readingtest.Open(f, "full.yaml"), readingtest.Open(f, "rota.json"), "apiVersion: sre-sdk/v1\nkind: OnCallSchedule\n")
}
