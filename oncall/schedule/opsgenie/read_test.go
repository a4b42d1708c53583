package opsgenie_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/schedule/opsgenie"
)

func read(t *testing.T, text string, o opsgenie.Options) opsgenie.Import {
	t.Helper()
	in, err := opsgenie.Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestRotationsAreOnCallTogether(t *testing.T) {
	in := read(t, readingtest.Open(t, "follow-the-sun.json"), opsgenie.Options{People: map[string][]string{"t-boston": {"u-flo", "u-gus"}}})
	from := time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC) // Monday 09:00 in Istanbul
	want := []string{
		"Mon 09:00 u-ada", "Mon 15:00 u-eve", "Mon 16:00 u-ada", "Mon 17:00 u-ada, u-cal", "Mon 18:00 u-cal",
		"Tue 09:00 none", "Tue 17:00 u-cal", "Wed 09:00 u-bea", "Wed 17:00 u-bea, u-cal", "Wed 18:00 u-cal",
	}
	if diff := cmp.Diff(want, readingtest.Stretches(in.Schedule, from, from.AddDate(0, 0, 3), "Mon 15:04")); diff != "" {
		t.Errorf("on call (-want +got):\n%s", diff)
	}
	saturday := from.AddDate(0, 0, 5)
	want = []string{
		"Sat 09:00 u-bea, u-dan", "Sat 17:00 u-bea, u-cal, u-dan", "Sat 18:00 u-cal, u-dan", "Sun 09:00 u-ada, u-dan", "Sun 17:00 u-ada, u-cal, u-dan",
		"Sun 18:00 u-cal, u-dan", "Mon 09:00 none", "Mon 17:00 u-flo, u-gus",
	}
	if diff := cmp.Diff(want, readingtest.Stretches(in.Schedule, saturday, saturday.AddDate(0, 0, 3).Add(-12*time.Hour), "Mon 15:04")); diff != "" {
		t.Errorf("on call at the weekend (-want +got):\n%s", diff)
	}
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	rotation := func(fields string) string {
		return `{"data": {"id": "S", "timezone": "UTC", "rotations": [{"id": "R", ` + fields + `}]}}`
	}
	const plain = `"type": "daily", "startDate": "2026-01-05T00:00:00Z", "participants": [{"type": "user", "id": "A"}]`
	readingtest.Problems(t, readSchedule, []readingtest.Row{
		{"nothing", "", []string{" wrong_count"}},
		{"an error", `{"message": "no", "took": 1}`, []string{"line 1: data missing"}},
		{"no rotation", `{"data": {"id": "S", "timezone": "UTC", "rotations": []}}`, []string{"line 1: data.rotations missing"}},
		{"values that are none", rotation(`"type": "monthly", "length": 0, "startDate": "tomorrow", "participants": [{"type": "robot"}, {"type": "user", "username": "a@example.com"}]`), []string{
			"line 1: data.rotations[0].startDate invalid_instant", "line 1: data.rotations[0].length out_of_range", "line 1: data.rotations[0].type unknown_value",
			"line 1: data.rotations[0].participants[0].type unknown_value", "line 1: data.rotations[0].participants[1].id missing",
		}},
		{"times that are none", rotation(plain + `, "timeRestriction": {"type": "weekday-and-time-of-day", "restrictions": [{"startDay": "mon", "startHour": 25, "endDay": "friday", "endHour": 24, "endMin": 30}]}`), []string{
			"line 1: data.rotations[0].timeRestriction.restrictions[0].startHour out_of_range", "line 1: data.rotations[0].timeRestriction.restrictions[0].endMin out_of_range",
			"line 1: data.rotations[0].timeRestriction.restrictions[0].startDay unknown_day",
		}},
		{"a range of nothing or of all", rotation(plain + `, "timeRestriction": {"type": "time-of-day", "restriction": {"startHour": 8, "endHour": 8}}`), []string{"line 1: data.rotations[0].timeRestriction.restriction not_expressible"}},
		{"what Compile finds", rotation(plain + `, "endDate": "2026-01-05T00:00:00Z"`), []string{"line 1: data.rotations[0].endDate out_of_range"}},
	})
}

func TestOverrideOfSomeRotationsIsReported(t *testing.T) {
	text := strings.Replace(readingtest.Open(t, "follow-the-sun.json"), `"rotations": []}`, `"rotations": [{"id": "a1a9d8a1-0000-4000-8000-000000000001"}]}`, 1)
	in := read(t, text, opsgenie.Options{})
	if got := readingtest.Brief(in.Dropped); got[len(got)-1] != "line 50: overrides.data[0] not_imported" || len(in.Schedule.Temporary) != 0 {
		t.Errorf("dropped %v, temporary %v", got, in.Schedule.Temporary)
	}
}

func TestDisabledRotationIsReported(t *testing.T) {
	text := strings.Replace(readingtest.Open(t, "follow-the-sun.json"), `"name": "Boston",
        "startDate"`, `"name": "Boston", "enabled": false,
        "startDate"`, 1)
	in := read(t, text, opsgenie.Options{People: map[string][]string{"t-boston": {"u-flo"}}})
	if got := readingtest.Brief(in.Dropped); len(in.Schedule.Layers) != 2 || got[len(got)-1] != "line 24: data.rotations[1] not_imported" {
		t.Errorf("layers %v, dropped %v", in.Schedule.Layers, got)
	}
}

func readSchedule(text string) (schedule.Schedule, error) {
	in, err := opsgenie.Read(strings.NewReader(text), opsgenie.Options{People: map[string][]string{"t-boston": {"a"}}})
	return in.Schedule, err
}

func FuzzRead(f *testing.F) {
	readingtest.Fuzz(f, readSchedule, readingtest.Open(f, "follow-the-sun.json"), `{"data": {"id": "S", "timezone": "UTC", "rotations": []}, "overrides": []}`)
}
