package recur_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/recur"
)

func start(t interface{ Fatal(...any) }, text string) civil.DateTime {
	dt, err := civil.ParseDateTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return dt
}

func list(r *recur.Rule, from, to civil.DateTime) (found []string) {
	r.Between(from.Seconds(), to.Seconds(), func(at int64) { found = append(found, civil.DateTimeOf(at).String()) })
	return found
}

func TestRulesExpandOnTheWallClock(t *testing.T) {
	for _, row := range []struct {
		name, rule, start, from, to string
		want                        []string
	}{
		{"every day at a time that New York skips", "FREQ=DAILY", "2026-03-07 02:30", "2026-03-07", "2026-03-10", []string{"2026-03-07T02:30", "2026-03-08T02:30", "2026-03-09T02:30"}},
		{"every day at a midnight that Santiago skips", "FREQ=DAILY", "2026-09-05", "2026-09-05", "2026-09-08", []string{"2026-09-05T00:00", "2026-09-06T00:00", "2026-09-07T00:00"}},
		{"the last Sunday of the month", "FREQ=MONTHLY;BYDAY=-1SU", "2020-01-26 10:00", "2026-02-01", "2026-04-01", []string{"2026-02-22T10:00", "2026-03-29T10:00"}},
		{"counted from the start", "FREQ=DAILY;COUNT=3", "2026-01-01", "2026-01-03", "2027-01-01", []string{"2026-01-03T00:00"}},
		{"until a day, which is included", "RRULE:FREQ=DAILY;UNTIL=20260102", "2026-01-01 09:00", "2026-01-01", "2027-01-01", []string{"2026-01-01T09:00", "2026-01-02T09:00"}},
		{"every second week, long after the start", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2020-01-06", "2026-01-01", "2026-01-20", []string{"2026-01-02T00:00", "2026-01-12T00:00", "2026-01-16T00:00"}},
		{"leap days", "FREQ=YEARLY", "2020-02-29", "2021-01-01", "2029-01-01", []string{"2024-02-29T00:00", "2028-02-29T00:00"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := recur.Parse(row.rule, start(t, row.start))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, list(r, start(t, row.from), start(t, row.to))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadRulesAreRefused(t *testing.T) {
	for _, text := range []string{"", "FREQ=", "FREQ=HOURLY", "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;UNTIL=20260101T000000Z",
		"FREQ=DAILY;FREQ=WEEKLY", "FREQ=DAILY;DTSTART=20260101", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20250101", "FREQ=DAILY\nFREQ=DAILY",
		"FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;INTERVAL=99999999999999999999", "FREQ=DAILY;BYHOUR=" + strings.Repeat("1,", 500)} {
		if _, err := recur.Parse(text, start(t, "2026-01-01")); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// A window gives what the whole list gives, wherever it begins.
func TestWindowsAgreeWithTheWholeList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		freq := rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq")
		text := fmt.Sprintf("FREQ=%s;INTERVAL=%d", freq, rapid.IntRange(1, 5).Draw(t, "interval"))
		text += rapid.SampledFrom([]string{"", ";BYDAY=MO,TH", ";BYMONTH=2,7", ";BYHOUR=6,18", ";COUNT=40", ";WKST=SU;BYDAY=SU"}).Draw(t, "by")
		if freq == "MONTHLY" {
			text += rapid.SampledFrom([]string{"", ";BYSETPOS=-1"}).Draw(t, "setpos")
		}
		first := civil.DateTimeOf(start(t, "2015-01-01").Seconds() + 86400*rapid.Int64Range(0, 1500).Draw(t, "day") + 3600*7)
		r, err := recur.Parse(text, first)
		if err != nil {
			t.Skip(err)
		}
		from := first.Add(civil.Day, rapid.IntRange(-100, 3000).Draw(t, "from"))
		to := from.Add(civil.Day, rapid.IntRange(0, 400).Draw(t, "days"))
		var want []string
		for _, s := range list(r, first, to) {
			if s >= from.String() {
				want = append(want, s)
			}
		}
		if diff := cmp.Diff(want, list(r, from, to)); diff != "" {
			t.Fatalf("%s from %s: %s", text, first, diff)
		}
	})
}
