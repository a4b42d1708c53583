package grafana_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/schedule/grafana"
)

func open(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func read(t *testing.T, text string) grafana.Import {
	t.Helper()
	in, err := grafana.Read(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func brief(problems []sre.Problem) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Path+" "+p.Code)
	}
	return list
}

// stretches prints who is on call in [from, to), without holes.
func stretches(in grafana.Import, from, to time.Time) []string {
	c := in.Schedule.MustCompile(from, to)
	var list []string
	last := ""
	for at := from; at.Before(to); {
		on := c.At(at)
		_, end := on.Bounds()
		who := strings.TrimPrefix(on.String(), "primary ")
		if who != last && who != "nobody" {
			list = append(list, at.In(c.Location()).Format("02 15:04 ")+who)
		} else if who == "nobody" && last != "nobody" {
			list = append(list, at.In(c.Location()).Format("02 15:04 ")+"-")
		}
		last, at = who, end
	}
	return list
}

func TestLevelsHideWhatIsBelow(t *testing.T) {
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	want := []string{
		"05 00:00 -", "05 10:00 UA", "05 11:00 UA, UB", "05 12:00 UC", "05 14:00 UD", "05 15:00 -", "05 16:00 UA", "05 17:00 UD",
		"05 18:00 UA", "05 19:00 -", "05 20:00 UD", "05 22:00 UA", "05 22:30 UE", "05 23:00 UB",
	}
	if diff := cmp.Diff(want, stretches(read(t, open(t, "levels.json")), day, day.AddDate(0, 0, 1))); diff != "" {
		t.Errorf("final schedule (-want +got):\n%s", diff)
	}
}

// one is an export with one rotation of the groups A, B and C.
func one(zone, fields string) string {
	return `{"schedule": {"id": "S", "type": "calendar", "time_zone": "` + zone + `"}, "shifts": [{"id": "O", "type": "rolling_users", "rolling_users": [["A"], ["B"], ["C"]], ` + fields + `}]}`
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
		{"rotation_start keeps the phase of start", `"start": "2026-01-05T00:00:00", "rotation_start": "2026-01-06T00:00:00", "duration": 86400, "frequency": "daily"`, 3, "05 00:00 -|06 00:00 B|07 00:00 C"},
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
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{" wrong_count"}},
		{"a schedule alone", `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC", "shifts": ["O1"]}}`, []string{"line 1: shifts missing", "line 1: schedule.shifts[0] missing_shift"}},
		{"an imported calendar", strings.Replace(one("UTC", start+`"duration": 60, "frequency": "daily"`), "calendar", "ical", 1), []string{"line 1: schedule.type not_expressible"}},
		{"the first of several pages", `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC"}, "shifts": {"results": [], "next": "https://x"}}`, []string{"line 1: shifts.next incomplete"}},
		{"values that are none", one("Mars", `"start": "noon", "duration": 0, "frequency": "yearly", "by_day": ["MON"], "by_monthday": [0], "level": -1`), []string{
			"line 1: schedule.time_zone unknown_zone", "line 1: shifts[0].start invalid_datetime", "line 1: shifts[0].duration out_of_range",
			"line 1: shifts[0].frequency unknown_value", "line 1: shifts[0].by_day[0] unknown_day", "line 1: shifts[0].by_monthday[0] out_of_range", "line 1: shifts[0].level out_of_range",
		}},
		{"a shift that outlasts its turn", one("UTC", start+`"duration": 90000, "frequency": "daily"`), []string{"line 1: shifts[0].duration not_expressible"}},
		{"a last day that runs into the next week", one("UTC", start+`"duration": 172800, "frequency": "weekly", "by_day": ["SU"]`), []string{"line 1: shifts[0].duration not_expressible"}},
		{"a day that not every month has", one("UTC", `"start": "2026-01-31T09:00:00", "duration": 60, "frequency": "monthly"`), []string{"line 1: shifts[0].start not_expressible"}},
		{"every five hours, for one", one("UTC", start+`"duration": 3600, "frequency": "hourly", "interval": 5`), []string{"line 1: shifts[0].frequency not_expressible"}},
		{"a rotation in some months", one("UTC", start+`"duration": 3600, "frequency": "daily", "by_month": [1]`), []string{"line 1: shifts[0] not_expressible"}},
		{"what Compile finds", one("UTC", start+`"duration": 3600, "frequency": "daily", "until": "2026-01-05T09:00:00"`), []string{"line 1: shifts[0].until out_of_range"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := grafana.Read(strings.NewReader(row.text), "")
			if diff := cmp.Diff(row.want, brief(sre.ProblemsIn(err))); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestWhatIsDroppedIsReported(t *testing.T) {
	in := read(t, `{"schedule": {"id": "S", "type": "web", "time_zone": "UTC", "ical_url_overrides": "https://x", "team_id": "T", "color": "red"}, "shifts": [
{"id": "O1", "type": "single_event", "users": [], "start": "2026-01-05T00:00:00", "duration": 60},
{"id": "O2", "type": "rolling_users", "rolling_users": [["A"]], "start": "2026-01-05T00:00:00", "rotation_start": "2026-01-06T12:00:00", "duration": 86400, "frequency": "daily"}]}`)
	want := []string{
		"line 1: schedule.ical_url_overrides not_imported", "line 1: schedule.team_id not_imported", "line 1: schedule.color unknown_field",
		"line 2: shifts[0] not_imported", "line 3: shifts[1].rotation_start cut",
	}
	if diff := cmp.Diff(want, brief(in.Dropped)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(in.Names); got != "map[]" {
		t.Errorf("names %s", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(open(f, "rotations.json"))
	f.Add(open(f, "levels.json"))
	f.Add(one("UTC", `"start": "2026-01-07T00:00:00", "duration": 86400, "frequency": "monthly", "by_monthday": [-1, 7]`))
	f.Add(one("Europe/Berlin", `"start": "2026-01-07T00:00:00", "duration": 3600, "frequency": "weekly", "by_day": ["SU"], "week_start": "SU"`))
	f.Fuzz(func(t *testing.T, text string) {
		in, err := grafana.Read(strings.NewReader(text), "")
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("an error without a problem: %v", err)
			}
			return
		}
		if _, err := in.Schedule.Compile(time.Unix(1767571200, 0), time.Unix(1767571200, 0)); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}
