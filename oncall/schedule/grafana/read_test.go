package grafana_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/schedule/grafana"
)

func read(t *testing.T, text string) grafana.Import {
	t.Helper()
	in, err := grafana.Read(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func stretches(in grafana.Import, from, to time.Time) []string {
	return readingtest.Stretches(in.Schedule, from, to, "02 15:04")
}

func TestLevelsHideWhatIsBelow(t *testing.T) {
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	want := []string{
		"05 00:00 -", "05 10:00 UA", "05 11:00 UA, UB", "05 12:00 UC", "05 14:00 UD", "05 15:00 -", "05 16:00 UA", "05 17:00 UD",
		"05 18:00 UA", "05 19:00 -", "05 20:00 UD", "05 22:00 UA", "05 22:30 UE", "05 23:00 UB",
	}
	if diff := cmp.Diff(want, stretches(read(t, readingtest.Open(t, "levels.json")), day, day.AddDate(0, 0, 1))); diff != "" {
		t.Errorf("final schedule (-want +got):\n%s", diff)
	}
}

// one is an export with one rotation of the groups A, B and C.
func one(zone, fields string) string {
	if !strings.Contains(fields, "rolling_users") {
		fields = `"rolling_users": [["A"], ["B"], ["C"]], ` + fields
	}
	return `{"schedule": {"id": "S", "type": "calendar", "time_zone": "` + zone + `"}, "shifts": [{"id": "O", "type": "rolling_users", ` + fields + `}]}`
}

func TestRotations(t *testing.T) {
	for _, row := range []struct {
		name, fields string
		days         int
		want         string
	}{
		{"hourly", `"start": "2026-01-05T00:00:00", "duration": 14400, "frequency": "hourly", "interval": 8`, 1, "05 00:00 A|05 04:00 -|05 08:00 B|05 12:00 -|05 16:00 C|05 20:00 -"},
		{"every second day", `"start": "2026-01-05T00:00:00", "duration": 172800, "frequency": "daily", "interval": 2`, 8, "05 00:00 A|07 00:00 B|09 00:00 C|11 00:00 A"},
		{"every second day, for half a day", `"start": "2026-01-05T12:00:00", "duration": 43200, "frequency": "daily", "interval": 2`, 4, "05 00:00 -|05 12:00 A|06 00:00 -|07 12:00 B|08 00:00 -"},
		{"work days: after Friday's comes the next one on Monday", `"start": "2026-01-07T09:00:00", "duration": 28800, "frequency": "daily", "by_day": ["MO", "WE", "FR"]`, 10, "05 00:00 -|07 09:00 A|07 17:00 -|09 09:00 B|09 17:00 -|12 09:00 C|12 17:00 -|14 09:00 A|14 17:00 -"},
		{"two work days each", `"start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "daily", "interval": 2, "by_day": ["MO", "TU", "WE", "TH", "FR"]`, 8, "05 00:00 A|07 00:00 B|09 00:00 C|10 00:00 -|12 00:00 C"},
		{"a start on another day than the selected ones", `"start": "2026-01-05T09:00:00", "duration": 28800, "frequency": "daily", "by_day": ["WE", "TH"]`, 5, "05 00:00 -|07 09:00 A|07 17:00 -|08 09:00 B|08 17:00 -"},
		{"weekly", `"start": "2026-01-07T09:00:00", "duration": 604800, "frequency": "weekly"`, 15, "05 00:00 -|07 09:00 A|14 09:00 B"},
		{"weekly on days, from the middle of the week", `"start": "2026-01-07T22:00:00", "duration": 36000, "frequency": "weekly", "by_day": ["MO", "WE"]`, 15, "05 00:00 -|07 22:00 A|08 08:00 -|12 22:00 B|13 08:00 -|14 22:00 B|15 08:00 -|19 22:00 C"},
		{"weekly on days, with weeks from Sunday", `"start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "weekly", "week_start": "SU", "by_day": ["SU", "MO"]`, 9, "05 00:00 A|06 00:00 -|11 00:00 B|13 00:00 -"},
		{"every second week on Monday", `"start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "weekly", "interval": 2, "by_day": ["MO"]`, 16, "05 00:00 A|06 00:00 -|19 00:00 B|20 00:00 -"},
		{"monthly", `"start": "2026-01-07T00:00:00", "duration": 86400, "frequency": "monthly"`, 40, "05 00:00 -|07 00:00 A|08 00:00 -|07 00:00 B|08 00:00 -"},
		{"monthly on days", `"start": "2026-01-07T00:00:00", "duration": 86400, "frequency": "monthly", "by_monthday": [-1, 7]`, 40, "05 00:00 -|07 00:00 A|08 00:00 -|31 00:00 A|01 00:00 -|07 00:00 B|08 00:00 -"},
		{"from the second group on, until", `"start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "daily", "start_rotation_from_user_index": 1, "until": "2026-01-07T00:00:00"`, 4, "05 00:00 B|06 00:00 C|07 00:00 -"},
		{"daily from rotation_start on: the first group has that", `"start": "2026-01-05T00:00:00", "rotation_start": "2026-01-06T00:00:00", "duration": 86400, "frequency": "daily"`, 3, "05 00:00 -|06 00:00 A|07 00:00 B"},
		{"daily, from the event that runs at rotation_start", `"start": "2026-01-01T00:00:00", "rotation_start": "2026-01-06T12:00:00", "duration": 86400, "frequency": "daily"`, 3, "05 00:00 -|06 12:00 A|07 00:00 B"},
		{"work days from rotation_start on", `"start": "2025-12-01T09:00:00", "rotation_start": "2026-01-06T17:00:00", "duration": 28800, "frequency": "daily", "by_day": ["MO", "TU", "FR"]`, 10, "05 00:00 -|09 09:00 A|09 17:00 -|12 09:00 B|12 17:00 -|13 09:00 C|13 17:00 -"},
		{"weekly from rotation_start on: groups count from start", `"start": "2025-12-29T00:00:00", "rotation_start": "2026-01-14T00:00:00", "duration": 86400, "frequency": "weekly", "week_start": "MO", "by_day": ["MO", "FR"]`, 20, "05 00:00 -|16 00:00 C|17 00:00 -|19 00:00 A|20 00:00 -|23 00:00 A|24 00:00 -"},
		{"an empty group: the others close up, and its turn stays empty", `"rolling_users": [["A"], [], ["B"]], "start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "daily", "start_rotation_from_user_index": 2`, 5, "05 00:00 B|06 00:00 A|07 00:00 none|08 00:00 B|09 00:00 A"},
		{"an empty group among work days", `"rolling_users": [["A"], [], ["B"]], "start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "daily", "by_day": ["MO", "TU", "WE"]`, 4, "05 00:00 A|06 00:00 B|07 00:00 A|08 00:00 -"},
		{"once, without frequency", `"start": "2026-01-05T00:00:00", "duration": 3600`, 3, "05 00:00 A|05 01:00 -"},
	} {
		t.Run(row.name, func(t *testing.T) {
			monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
			got := strings.Join(stretches(read(t, one("UTC", row.fields)), monday, monday.AddDate(0, 0, row.days)), "|")
			if got != row.want {
				t.Errorf("on call\n%s, want\n%s", got, row.want)
			}
		})
	}
}

// Rotations of whole days of which Grafana OnCall's own tests say who has which.
func TestRotationsOfWholeDays(t *testing.T) {
	const workdays, weekend = `["MO", "TU", "WE", "TH", "FR"]`, `["SA", "SU"]`
	for _, row := range []struct {
		groups, start, byDay, frequency string
		interval                        int
		want                            string // by day from start on
	}{
		{"A B C", "2024-08-01", `["FR"]`, "daily", 1, ".A......B......C....."},
		{"A B C D E", "2024-08-05", workdays, "daily", 1, "ABCDE..ABCDE.."},
		{"A B C D", "2024-08-05", workdays, "daily", 2, "AABBC..CDDAA.."},
		{"A B C D E", "2024-08-05", workdays, "weekly", 1, "AAAAA..BBBBB.."},
		{"A B C D E", "2024-08-26", workdays, "monthly", 1, "AAAAA..BBBBB.."},
		{"A B C D E", "2024-08-08", workdays, "daily", 1, "AB..CDEAB..CDE"},
		{"A B C D E", "2024-08-08", workdays, "weekly", 1, "AA..BBBBB..CCC"},
		{"A B C D E", "2024-08-29", workdays, "monthly", 1, "AA..BBBBB..BBB"},
		{"AB C", "2024-08-14", "null", "daily", 1, "+C+C+C+C+"},
		{"A B C", "2024-08-03", weekend, "daily", 1, "AB.....CA.....B"},
		{"A B C D E", "2024-08-03", weekend, "daily", 1, "AB.....CD....."},
		{"A", "2024-08-01", weekend, "daily", 1, "..AA."},
		{"A B C D E F", "2024-08-01", weekend, "daily", 1, "..AB.....CD.....E"},
		{"A B C", "2024-08-01", weekend, "daily", 2, "..AA.....BB.....C"},
		{"A B C", "2024-08-01", weekend, "weekly", 1, "..AA.....BB.....CC"},
		{"A B C", "2024-08-01", weekend, "weekly", 2, "..AA............BB"},
		{"A B C", "2024-08-29", weekend, "monthly", 1, "..AB.....BB.....BB"},
	} {
		var groups []string
		for _, g := range strings.Fields(row.groups) {
			groups = append(groups, `["`+strings.Join(strings.Split(g, ""), `", "`)+`"]`)
		}
		fields := fmt.Sprintf(`"rolling_users": [%s], "start": "%sT00:00:00", "duration": 86400, "frequency": %q, "interval": %d, "week_start": "MO", "by_day": %s`, strings.Join(groups, ", "), row.start, row.frequency, row.interval, row.byDay)
		start, err := time.Parse(time.DateOnly, row.start)
		if err != nil {
			t.Fatal(err)
		}
		c := read(t, one("UTC", fields)).Schedule.MustCompile(start, start)
		got := ""
		for d := range len(row.want) {
			people := c.At(start.AddDate(0, 0, d)).People(oncall.Primary)
			got += map[int]string{0: ".", 1: strings.Join(people, ""), 2: "+"}[len(people)]
		}
		if got != row.want {
			t.Errorf("%s: on call %s, want %s", fields, got, row.want)
		}
	}
}

// Shifts and overrides made in the web, and overrides of any schedule, are in UTC
// if they name no zone, and until always is.
func TestWhatIsInUTC(t *testing.T) {
	text := `{"schedule": {"id": "S", "type": "calendar", "time_zone": "Europe/Berlin"}, "shifts": [
		{"id": "O1", "type": "rolling_users", "rolling_users": [["A"]], "start": "2026-01-05T09:00:00", "duration": 3600, "frequency": "daily", "until": "2026-01-06T08:30:00"},
		{"id": "O2", "type": "override", "users": ["B"], "start": "2026-01-05T12:00:00", "duration": 3600},
		{"id": "O3", "type": "override", "users": ["C"], "start": "2026-01-05T12:00:00", "duration": 3600, "time_zone": "Asia/Tokyo"}]}`
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	want := []string{"05 01:00 -", "05 04:00 C", "05 05:00 -", "05 09:00 A", "05 10:00 -", "05 13:00 B", "05 14:00 -", "06 09:00 A", "06 09:30 -"}
	if diff := cmp.Diff(want, stretches(read(t, text), from, from.AddDate(0, 0, 2))); diff != "" {
		t.Errorf("calendar (-want +got):\n%s", diff)
	}
	want = []string{"05 01:00 -", "05 04:00 C", "05 05:00 -", "05 10:00 A", "05 11:00 -", "05 13:00 B", "05 14:00 -"}
	if diff := cmp.Diff(want, stretches(read(t, strings.Replace(text, "calendar", "web", 1)), from, from.AddDate(0, 0, 2))); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
}

// A thousand overrides of a hundred people, all at the same time.
func TestOverridesOnEachOtherAreReadInTime(t *testing.T) {
	var people, shifts []string
	for i := range 100 {
		people = append(people, fmt.Sprintf(`"P%d"`, i))
	}
	for i := range grafana.MaxOverrides {
		shifts = append(shifts, fmt.Sprintf(`{"id": "O%d", "type": "override", "level": %d, "users": [%s], "start": "2026-01-05T%02d:%02d:00", "duration": 86400}`, i, i%3, strings.Join(people, ", "), i/60, i%60))
	}
	in := read(t, `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC"}, "shifts": [{"id": "L", "type": "rolling_users", "rolling_users": [["A"]], "start": "2026-01-05T00:00:00", "duration": 86400, "frequency": "daily"}, `+strings.Join(shifts, ", ")+`]}`)
	if n := len(in.Schedule.Temporary[0].Shifts); len(in.Schedule.Temporary) != 1 || n != len(people) {
		t.Errorf("%d temporary schedules with %d shifts, want 1 with %d", len(in.Schedule.Temporary), n, len(people))
	}
}

func TestRecurrentEventHasAllUsersEachTime(t *testing.T) {
	in := read(t, `{"schedule": {"id": "S", "type": "calendar", "time_zone": "UTC"}, "shifts": [{"id": "O", "type": "recurrent_event", "users": ["A", "B"], "time_zone": "Europe/Berlin",
		"start": "2026-01-05T09:00:00", "duration": 3600, "frequency": "weekly", "by_day": ["MO", "TU"]}]}`)
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	want := []string{"05 00:00 -", "05 08:00 A, B", "05 09:00 -", "06 08:00 A, B", "06 09:00 -"}
	if diff := cmp.Diff(want, stretches(in, monday, monday.AddDate(0, 0, 4))); diff != "" {
		t.Errorf("on call (-want +got):\n%s", diff)
	}
}

// The handoff stays on the wall clock when the clocks change.
func TestHandoffsStayOnTheWallClock(t *testing.T) {
	in := read(t, one("Europe/Berlin", `"start": "2026-03-28T09:00:00", "duration": 86400, "frequency": "daily"`))
	from := time.Date(2026, 3, 28, 8, 0, 0, 0, time.UTC)
	want := []string{"28 09:00 A", "29 09:00 B", "30 09:00 C", "31 09:00 A"}
	if diff := cmp.Diff(want, stretches(in, from, from.AddDate(0, 0, 3))); diff != "" {
		t.Errorf("on call (-want +got):\n%s", diff)
	}
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	const start = `"start": "2026-01-05T09:00:00", `
	readingtest.Problems(t, readSchedule, []readingtest.Row{
		{"nothing", "", []string{" wrong_count"}},
		{"a schedule alone", `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC", "shifts": ["O1"]}}`, []string{"line 1: shifts missing", "line 1: schedule.shifts[0] missing_shift"}},
		{"an imported calendar", strings.Replace(one("UTC", start+`"duration": 60, "frequency": "daily"`), "calendar", "ical", 1), []string{"line 1: schedule.type not_expressible"}},
		{"the first of several pages", `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC"}, "shifts": {"results": [], "next": "https://x"}}`, []string{"line 1: shifts.next incomplete"}},
		{"values that are none", one("Mars", `"start": "noon", "duration": 0, "frequency": "yearly", "by_day": ["MON"], "by_monthday": [0], "level": -1`), []string{
			"line 1: schedule.time_zone unknown_zone", "line 1: shifts[0].start invalid_datetime", "line 1: shifts[0].duration out_of_range",
			"line 1: shifts[0].frequency unknown_value", "line 1: shifts[0].by_day[0] unknown_day", "line 1: shifts[0].by_monthday[0] out_of_range", "line 1: shifts[0].level out_of_range",
		}},
		{"a shift that outlasts its turn", one("UTC", start+`"duration": 90000, "frequency": "daily"`), []string{"line 1: shifts[0].duration not_expressible"}},
		{"a last day that runs into the next week", one("UTC", start+`"duration": 172800, "frequency": "weekly", "week_start": "MO", "by_day": ["SU"]`), []string{"line 1: shifts[0].duration not_expressible"}},
		{"a day that not every month has", one("UTC", `"start": "2026-01-31T09:00:00", "duration": 60, "frequency": "monthly"`), []string{"line 1: shifts[0].start not_expressible"}},
		{"every five hours, for one", one("UTC", start+`"duration": 3600, "frequency": "hourly", "interval": 5`), []string{"line 1: shifts[0].frequency not_expressible"}},
		{"a rotation in some months", one("UTC", start+`"duration": 3600, "frequency": "daily", "by_month": [1]`), []string{"line 1: shifts[0] not_expressible"}},
		{"a first day that depends on the start of the week", one("UTC", start+`"duration": 3600, "frequency": "daily", "by_day": ["WE", "SU"]`), []string{"line 1: shifts[0].start not_expressible"}},
		{"a rotation_start after which the day changes", one("UTC", `"start": "2026-01-07T09:00:00", "duration": 3600, "frequency": "weekly", "rotation_start": "2026-01-21T09:00:00"`), []string{"line 1: shifts[0].rotation_start not_expressible"}},
		{"a rotation_start without end", one("UTC", `"start": "0001-01-01T09:00:00", "duration": 3600, "frequency": "hourly", "rotation_start": "9999-12-31T23:00:00"`), []string{"line 1: shifts[0] out_of_range"}},
		{"what Compile finds", one("UTC", start+`"duration": 3600, "frequency": "daily", "until": "2026-01-05T09:00:00"`), []string{"line 1: shifts[0].until out_of_range"}},
	})
}

func TestWhatIsDroppedIsReported(t *testing.T) {
	in := read(t, `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC", "ical_url_overrides": "https://x", "team_id": "T", "color": "red"}, "shifts": [
{"id": "O1", "type": "single_event", "users": [], "start": "2026-01-05T00:00:00", "duration": 60},
{"id": "O2", "type": "rolling_users", "rolling_users": [["A"]], "start": "2026-01-05T00:00:00", "rotation_start": "2026-01-06T12:00:00", "duration": 86400, "frequency": "daily", "until": "2026-02-01T01:00:00"},
{"id": "O3", "type": "recurrent_event", "users": ["B"], "start": "2026-01-05T00:00:00", "rotation_start": "2026-01-06T12:00:00", "duration": 3600, "frequency": "daily"}]}`)
	want := []string{
		"line 1: schedule.ical_url_overrides not_imported", "line 1: schedule.team_id not_imported", "line 1: schedule.color unknown_field",
		"line 2: shifts[0] not_imported", "line 4: shifts[2].rotation_start not_imported", "line 3: shifts[1].rotation_start cut", "line 3: shifts[1].until cut",
	}
	if diff := cmp.Diff(want, readingtest.Brief(in.Dropped)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(in.Names); got != "map[]" {
		t.Errorf("names %s", got)
	}
}

func readSchedule(text string) (schedule.Schedule, error) {
	in, err := grafana.Read(strings.NewReader(text), "")
	return in.Schedule, err
}

func FuzzRead(f *testing.F) {
	readingtest.Fuzz(f, readSchedule, readingtest.Open(f, "rotations.json"), readingtest.Open(f, "levels.json"),
		one("UTC", `"start": "2026-01-07T00:00:00", "duration": 86400, "frequency": "monthly", "by_monthday": [-1, 7]`),
		one("UTC", `"start": "2026-01-07T00:00:00", "rotation_start": "2026-02-07T00:00:00", "until": "2026-03-07T00:00:00", "duration": 86400, "frequency": "daily", "interval": 2, "by_day": ["WE"]`),
		one("Europe/Berlin", `"start": "2026-01-07T00:00:00", "duration": 3600, "frequency": "weekly", "by_day": ["SU"], "week_start": "SU"`))
}
