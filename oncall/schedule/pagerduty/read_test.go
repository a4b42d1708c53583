package pagerduty_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/schedule/pagerduty"
)

func read(t *testing.T, text string, o pagerduty.Options) pagerduty.Import {
	t.Helper()
	in, err := pagerduty.Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestScheduleIsWhatPagerDutyRendered(t *testing.T) {
	for _, row := range []struct {
		file string
		wall bool
	}{{"week.json", false}, {"week.json", true}, {"phase.json", false}, {"phase.json", true}, {"clocks-change.json", false}, {"clocks-change-wall.json", true}} {
		t.Run(fmt.Sprintf("%s wall clock %t", row.file, row.wall), func(t *testing.T) {
			in := read(t, readingtest.Open(t, row.file), pagerduty.Options{WallClock: row.wall})
			if len(in.Rendered) == 0 {
				t.Fatal("nothing was rendered")
			}
			for _, p := range in.Check() {
				t.Error(p)
			}
			// Not only by Check: entry by entry.
			from, to := in.Rendered[0].Start, in.Rendered[len(in.Rendered)-1].End
			var got, want []string
			for s := range in.Schedule.MustCompile(from, to).Flatten(from, to) {
				got = append(got, fmt.Sprint(s.Start.Unix(), s.End.Unix(), s.Person))
			}
			for _, e := range in.Rendered {
				want = append(want, fmt.Sprint(e.Start.Unix(), e.End.Unix(), e.Person))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Flatten (-rendered +ours):\n%s", diff)
			}
		})
	}
}

func TestCheckTellsElapsedFromWallClock(t *testing.T) {
	for _, row := range []struct {
		file string
		wall bool
		want string
	}{
		{"clocks-change.json", true, `final_schedule: differs "PALICE from 2026-03-29T09:00:00+01:00 to 2026-03-29T10:00:00+01:00": want PBOB, as PagerDuty rendered it`},
		{"clocks-change-wall.json", false, `final_schedule: differs "PBOB from 2026-03-29T09:00:00+01:00 to 2026-03-29T10:00:00+01:00": want PALICE, as PagerDuty rendered it`},
	} {
		got := read(t, readingtest.Open(t, row.file), pagerduty.Options{WallClock: row.wall}).Check()
		if len(got) == 0 || got[0].Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.file, got, row.want)
		}
	}
}

func TestCheckRefusesEntriesThatOverlap(t *testing.T) {
	text := strings.Replace(readingtest.Open(t, "phase.json"), `"start": "2026-01-07T00:00:00Z"`, `"start": "2026-01-06T20:00:00Z"`, 1)
	if got := readingtest.Brief(read(t, text, pagerduty.Options{}).Check()); len(got) != 1 || got[0] != "final_schedule overlap" {
		t.Errorf("got %v", got)
	}
}

func TestCheckIsBounded(t *testing.T) {
	text := strings.TrimSuffix(strings.Replace(oneLayer("UTC", ""), "86400", "60", 1), "}}") + `, "final_schedule": {"rendered_schedule_entries": [
		{"start": "2026-01-05T06:00:00Z", "end": "2026-01-05T07:00:00Z", "user": {"id": "C"}}, {"start": "2026-02-05T06:00:00Z", "end": "2026-02-05T07:00:00Z", "user": {"id": "C"}}]}}}`
	if got := read(t, text, pagerduty.Options{}).Check(); len(got) != pagerduty.MaxDifferences+1 || got[len(got)-1].Code != "too_many" {
		t.Errorf("%d problems, want %d and then too_many", len(got), pagerduty.MaxDifferences)
	}
	if got := readingtest.Brief(read(t, strings.ReplaceAll(text, "2026-02-05", "2036-02-05"), pagerduty.Options{}).Check()); len(got) != 1 || got[0] != "final_schedule out_of_range" {
		t.Errorf("got %v", got)
	}
}

func TestLayersStandFromTheLowestUp(t *testing.T) {
	in := read(t, readingtest.Open(t, "week.json"), pagerduty.Options{})
	var got []string
	for _, l := range in.Schedule.Layers {
		got = append(got, l.Name+" "+in.Names[l.Name]+" "+l.Anchor+" "+l.Turn.String())
	}
	want := []string{"PL1 Weekly 2026-01-05 09:00 168h0m0s elapsed", "PL2 Nights 2026-01-05 20:00 24h0m0s elapsed", "PL3 Weekend 2026-01-03 00:00 168h0m0s elapsed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if in.Schedule.Compose != schedule.LastWins {
		t.Errorf("composed by %s", in.Schedule.Compose)
	}
}

// oneLayer is an export with one layer in a zone.
func oneLayer(zone, fields string) string {
	return `{"schedule": {"id": "P1", "name": "x", "time_zone": "` + zone + `", "schedule_layers": [{"id": "L1", "start": "2026-01-01T00:00:00Z", "rotation_virtual_start": "2026-01-01T00:00:00Z", "rotation_turn_length_seconds": 86400, "users": [{"user": {"id": "A"}}, {"user": {"id": "B"}}]` + fields + `}]}}`
}

func TestRestrictionsCoverWhatTheySay(t *testing.T) {
	week := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday
	for _, row := range []struct{ restriction, want string }{
		{`{"type": "daily_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 86400}`, "0-168"},
		{`{"type": "daily_restriction", "start_time_of_day": "22:00:00", "duration_seconds": 7200}`, "22-24 46-48 70-72 94-96 118-120 142-144 166-168"},
		{`{"type": "weekly_restriction", "start_day_of_week": 1, "start_time_of_day": "08:00:00", "duration_seconds": 604800}`, "0-168"},
		{`{"type": "weekly_restriction", "start_day_of_week": 7, "start_time_of_day": "20:00:00", "duration_seconds": 43200}`, "0-8 164-168"},
		{`{"type": "weekly_restriction", "start_day_of_week": 1, "start_time_of_day": "00:00:00", "duration_seconds": 432000}`, "0-120"},
		{`{"type": "weekly_restriction", "start_day_of_week": 2, "start_time_of_day": "12:00:00", "duration_seconds": 601200}`, "0-35 36-168"},
		{`{"type": "weekly_restriction", "start_day_of_week": 2, "start_time_of_day": "12:00:00", "duration_seconds": 3600}`, "36-37"},
	} {
		in := read(t, oneLayer("UTC", `, "restrictions": [`+row.restriction+`]`), pagerduty.Options{})
		var spans []string
		last := time.Time{}
		for s := range in.Schedule.MustCompile(week, week).Flatten(week, week.AddDate(0, 0, 7)) {
			start, end := int(s.Start.Sub(week).Hours()), int(s.End.Sub(week).Hours())
			if s.Start.Equal(last) {
				from, _, _ := strings.Cut(spans[len(spans)-1], "-")
				spans[len(spans)-1] = fmt.Sprintf("%s-%d", from, end)
			} else {
				spans = append(spans, fmt.Sprintf("%d-%d", start, end))
			}
			last = s.End
		}
		if got := strings.Join(spans, " "); got != row.want {
			t.Errorf("%s covers the hours %s of the week, want %s", row.restriction, got, row.want)
		}
	}
}

// A turn that begins when the wall clock shows 01:30 the second time.
func TestAnchorInAFoldKeepsThePhase(t *testing.T) {
	text := strings.Replace(oneLayer("America/New_York", ""), `"rotation_virtual_start": "2026-01-01T00:00:00Z"`, `"rotation_virtual_start": "2026-11-01T01:30:00-05:00"`, 1)
	in := read(t, text, pagerduty.Options{})
	c := in.Schedule.MustCompile(time.Unix(0, 0), time.Unix(0, 0))
	at := time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC)
	before, after := c.At(at.Add(-time.Second)), c.At(at)
	if before.String() != "primary B" || after.String() != "primary A" {
		t.Errorf("before the anchor %s, after it %s; want B and A", before, after)
	}
}

func TestOverrideHasItsTimeAlone(t *testing.T) {
	const overrides = `, "overrides": [{"id": "O1", "start": "2026-01-05T06:00:00Z", "end": "2026-01-05T07:00:00Z", "user": {"id": "C", "summary": "Cleo"}}]}`
	text := strings.TrimSuffix(oneLayer("UTC", ""), "}") + overrides
	in := read(t, text, pagerduty.Options{})
	if got := in.Schedule.MustCompile(time.Unix(0, 0), time.Unix(0, 0)).At(time.Date(2026, 1, 5, 6, 30, 0, 0, time.UTC)).String(); got != "primary C" {
		t.Errorf("during the override %s, want C alone", got)
	}
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	readingtest.Problems(t, readSchedule, []readingtest.Row{
		{"nothing", "", []string{" wrong_count"}},
		{"another answer", `{"error": {}}`, []string{"line 1: schedule missing"}},
		{"a schedule of nothing", `{"schedule": {}}`, []string{"line 1: schedule.id missing", "line 1: schedule.time_zone missing", "line 1: schedule.schedule_layers missing"}},
		{"a zone that is none", oneLayer("Eastern Time (US & Canada)", ""), []string{"line 1: schedule.time_zone unknown_zone"}},
		{"values that are none", strings.Replace(oneLayer("UTC", `, "restrictions": [{"type": "monthly_restriction", "start_time_of_day": "25:00:00", "duration_seconds": 1}, {"type": "weekly_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 700000}, {"type": "daily_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 90000}]`), "86400", "10", 1), []string{
			"line 1: schedule.schedule_layers[0].rotation_turn_length_seconds out_of_range",
			"line 1: schedule.schedule_layers[0].restrictions[0].type unknown_value",
			"line 1: schedule.schedule_layers[0].restrictions[0].start_time_of_day impossible_clock",
			"line 1: schedule.schedule_layers[0].restrictions[1].start_day_of_week missing",
			"line 1: schedule.schedule_layers[0].restrictions[1].duration_seconds out_of_range",
			"line 1: schedule.schedule_layers[0].restrictions[2].duration_seconds out_of_range",
		}},
		{"what Compile finds", strings.TrimSuffix(oneLayer("UTC", ""), "}") + `, "overrides": [{"id": "O1", "start": "2026-01-05T06:00:00Z", "end": "2026-01-05T06:00:00Z", "user": {"id": "C"}}]}`, []string{"line 1: overrides[0].end out_of_range"}},
	})
}

func TestWhatIsDroppedIsReported(t *testing.T) {
	in := read(t, strings.Replace(oneLayer("UTC", `, "color": "red"`), `"schedule_layers": [`, `"description": "d", "teams": [{"id": "T"}], "schedule_layers": [
{"id": "L9", "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z", "rotation_virtual_start": "2026-01-01T00:00:00Z", "rotation_turn_length_seconds": 86400, "users": [{"user": {"id": "A"}}]},
{"id": "L8", "start": "2026-01-02T00:00:00Z", "rotation_virtual_start": "2026-01-01T00:00:00Z", "rotation_turn_length_seconds": 86400, "users": []},
`, 1), pagerduty.Options{})
	want := []string{
		"line 1: schedule.description not_imported", "line 1: schedule.teams not_imported",
		"line 4: schedule.schedule_layers[2].color unknown_field",
		"line 3: schedule.schedule_layers[1] not_imported", "line 2: schedule.schedule_layers[0] not_imported",
	}
	if diff := cmp.Diff(want, readingtest.Brief(in.Dropped)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func readSchedule(text string) (schedule.Schedule, error) {
	in, err := pagerduty.Read(strings.NewReader(text), pagerduty.Options{})
	return in.Schedule, err
}

func FuzzRead(f *testing.F) {
	seeds := []string{readingtest.Open(f, "week.json"), readingtest.Open(f, "phase.json"), readingtest.Open(f, "clocks-change.json"), oneLayer("UTC", "")}
	readingtest.Fuzz(f, readSchedule, seeds...)
}

func FuzzReadWallClock(f *testing.F) {
	readingtest.Fuzz(f, func(text string) (schedule.Schedule, error) {
		in, err := pagerduty.Read(strings.NewReader(text), pagerduty.Options{WallClock: true})
		return in.Schedule, err
	}, readingtest.Open(f, "week.json"), readingtest.Open(f, "clocks-change-wall.json"))
}
