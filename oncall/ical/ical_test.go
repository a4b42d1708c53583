package ical_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/ical"
	"github.com/sre-sdk/sre/oncall/schedule"
)

var update = flag.Bool("update", false, "write the golden file anew")

var (
	from  = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	to    = from.AddDate(0, 0, 14)
	stamp = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

func rota(members ...string) schedule.Schedule {
	return schedule.Schedule{ID: "db", Zone: "Europe/Berlin", Layers: []schedule.Layer{
		{Name: "weekly", Members: schedule.Each(members...), Anchor: "2026-01-05 10:00", Turn: schedule.Weeks(1)},
		{Name: "nights", Role: oncall.Secondary, Members: schedule.Each("zoe"), Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{time.Friday}, Clock: []string{"22:00-06:00"}}}},
	}}
}

func write(t *testing.T, s schedule.Schedule, o ical.Options) string {
	t.Helper()
	if o.Stamp.IsZero() {
		o.Stamp = stamp
	}
	var b bytes.Buffer
	if err := ical.Write(&b, s.MustCompile(from, to), from, to, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// events prints the events of a calendar: start, summary, sequence, status.
func events(text string) []string {
	var list []string
	field := map[string]string{}
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n ", ""), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		field[name] = value
		if line == "END:VEVENT" {
			list = append(list, fmt.Sprint(field["DTSTART"], " ", field["DTEND"], " ", field["SUMMARY"], " ", field["SEQUENCE"], " ", field["STATUS"]))
		}
	}
	return list
}

func TestExportIsAsRecorded(t *testing.T) {
	s := rota("alice", "bob")
	got := write(t, s, ical.Options{Name: "Database, on call; 24/7", Names: map[string]string{"alice": "Alice Ødegård-Müller, the one with a name that is so long that its line is folded 😀😀😀😀😀😀😀😀😀😀😀", "bob": "Bob \\ \"B\"\r\nEND:VEVENT"}})
	const golden = "testdata/export.golden.ics"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
	for _, line := range strings.Split(got, "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d bytes, want at most 75: %q", len(line), line)
		}
	}
	if n := strings.Count(got, "END:VEVENT\r\n"); n != len(events(got)) || n != 5 {
		t.Errorf("%d events, want 5", n)
	}
}

func TestUnchangedExportIsTheSameBytes(t *testing.T) {
	names := map[string]string{"alice": `A, B; C \\ \n "D"`, "bob": strings.Repeat("é 😀, ", 40)}
	first := write(t, rota("alice", "bob"), ical.Options{Names: names})
	second := write(t, rota("alice", "bob"), ical.Options{Names: names, Previous: []byte(first), Stamp: stamp.AddDate(0, 0, 1)})
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second export (-first +second):\n%s", diff)
	}
}

func TestVanishedShiftsAreCancelledAndChangedOnesRevised(t *testing.T) {
	first := write(t, rota("alice", "bob"), ical.Options{})
	changed := rota("alice", "carol")
	changed.Layers[1].Restrict[0].Clock[0] = "22:00-07:00"
	second := write(t, changed, ical.Options{Previous: []byte(first), Stamp: stamp.AddDate(0, 0, 1)})
	want := []string{
		"20251229T090000Z 20260105T090000Z bob (primary) 1 CANCELLED",
		"20251229T090000Z 20260105T090000Z carol (primary) 0 CONFIRMED",
		"20260105T090000Z 20260112T090000Z alice (primary) 0 CONFIRMED",
		"20260109T210000Z 20260110T060000Z zoe (secondary) 1 CONFIRMED",
		"20260112T090000Z 20260119T090000Z bob (primary) 1 CANCELLED",
		"20260112T090000Z 20260119T090000Z carol (primary) 0 CONFIRMED",
		"20260116T210000Z 20260117T060000Z zoe (secondary) 1 CONFIRMED",
	}
	got := events(second)
	sorted := map[string]bool{}
	for _, e := range got {
		sorted[e] = true
	}
	for _, w := range want {
		if !sorted[w] {
			t.Errorf("no event %q in\n%s", w, strings.Join(got, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d events, want %d", len(got), len(want))
	}
	// What comes back is revised again; what is cancelled stays as it was.
	third := write(t, rota("alice", "bob"), ical.Options{Previous: []byte(second), Stamp: stamp.AddDate(0, 0, 2)})
	for _, w := range []string{"20260112T090000Z 20260119T090000Z bob (primary) 2 CONFIRMED", "20260112T090000Z 20260119T090000Z carol (primary) 1 CANCELLED", "20260109T210000Z 20260110T050000Z zoe (secondary) 2 CONFIRMED"} {
		if !strings.Contains(strings.Join(events(third), "\n"), w) {
			t.Errorf("no event %q in the third export", w)
		}
	}
	fourth := write(t, rota("alice", "bob"), ical.Options{Previous: []byte(third), Stamp: stamp.AddDate(0, 0, 3)})
	if diff := cmp.Diff(third, fourth); diff != "" {
		t.Errorf("the fourth export (-third +fourth):\n%s", diff)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	s := rota("alice", "bob")
	in, err := ical.Read(strings.NewReader(write(t, s, ical.Options{Names: map[string]string{"alice": "Alice A"}})), ical.ReadOptions{ID: "copy", Zone: "Europe/Berlin", From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	brief := func(s schedule.Schedule) []string {
		var list []string
		for shift := range s.MustCompile(from, to).Flatten(from, to) {
			list = append(list, fmt.Sprint(shift.Start, shift.End, shift.Person, shift.Role))
		}
		return list
	}
	if diff := cmp.Diff(brief(s), brief(in.Schedule)); diff != "" {
		t.Errorf("shifts (-written +read):\n%s", diff)
	}
}

func rotaFile(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/rota.ics")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRecurrencesAreReadExactly(t *testing.T) {
	in, err := ical.Read(strings.NewReader(rotaFile(t)), ical.ReadOptions{
		Name: "rota.ics", ID: "copy", Zone: "Europe/Berlin", From: from, To: from.AddDate(1, 0, 0),
		Zones: map[string]string{"W. Europe Standard Time": "Europe/Berlin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for s := range in.Schedule.MustCompile(from, from).Flatten(from, from.AddDate(1, 0, 0)) {
		got = append(got, s.Start.Format("01-02 15:04")+" "+s.End.Format("01-02 15:04")+" "+s.Person)
	}
	want := []string{
		"03-27 22:00 03-28 06:00 alice",
		"03-28 22:00 03-29 07:00 alice", // eight exact hours, over the change of the clocks
		"03-29 22:00 03-30 06:00 alice",
		"03-31 23:00 04-01 00:00 bob", // 03-30 is in EXDATE, and 03-31 stands apart
		"04-01 22:00 04-02 06:00 alice",
		"04-02 00:00 04-04 00:00 carol",
		"04-04 09:00 04-04 10:00 dora", "04-04 11:00 04-04 11:30 dora",
		"04-05 22:00 04-06 06:00 alice",
		"04-06 12:00 04-06 13:00 alice", "04-07 12:00 04-07 14:00 alice",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
	var dropped []string
	for _, p := range in.Dropped {
		dropped = append(dropped, p.Path+" "+p.Code)
	}
	if diff := cmp.Diff([]string{"rota.ics:13: component[1].LOCATION not_imported", "rota.ics:58: component[7] not_imported"}, dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestGapsAndFolds(t *testing.T) {
	for _, row := range []struct{ zone, start, want string }{
		{"America/New_York", "20260308T023000", "2026-03-08T03:00:00-04:00"},
		{"Europe/Berlin", "20260329T023000", "2026-03-29T03:00:00+02:00"},
		{"America/New_York", "20261101T013000", "2026-11-01T01:30:00-04:00"},
		{"Europe/Berlin", "20261025T023000", "2026-10-25T02:30:00+02:00"},
		{"America/Santiago", "20260906T000000", "2026-09-06T01:00:00-03:00"},
		{"Pacific/Apia", "20111230T120000", "2011-12-31T00:00:00+14:00"},
	} {
		for _, rule := range []string{"", "RRULE:FREQ=DAILY;COUNT=1\n"} {
			day, err := time.Parse("20060102", row.start[:8])
			if err != nil {
				t.Fatal(err)
			}
			in, err := ical.Read(strings.NewReader("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:a\nDTSTART;TZID="+row.zone+":"+row.start+"\nDURATION:PT1H\n"+rule+"END:VEVENT\nEND:VCALENDAR\n"),
				ical.ReadOptions{ID: "s", Zone: row.zone, From: day.AddDate(0, 0, -3), To: day.AddDate(0, 0, 3)})
			if err != nil || len(in.Schedule.Temporary[0].Shifts) != 1 {
				t.Errorf("%s %s %s: %v, %v", row.zone, row.start, rule, in.Schedule, err)
				continue
			}
			loc, _ := time.LoadLocation(row.zone)
			if got := in.Schedule.Temporary[0].Shifts[0].Start.In(loc).Format(time.RFC3339); got != row.want {
				t.Errorf("%s %s %sstarts at %s, want %s", row.zone, row.start, rule, got, row.want)
			}
		}
	}
}

// RFC 5545 has names in any case, and so it has the values of STATUS.
func TestCaseOfNamesDoesNotMatter(t *testing.T) {
	text := strings.NewReplacer("DTSTART", "dtstart", "TZID", "tzid", "RRULE", "rrule", "EXDATE", "Exdate", "VEVENT", "vevent", "VALUE=DATE", "value=date", "STATUS:CANCELLED", "status:cancelled").Replace(rotaFile(t))
	for _, text := range []string{text, "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n"} {
		o := ical.ReadOptions{ID: "copy", Zone: "Europe/Berlin", From: from, To: from.AddDate(1, 0, 0), Zones: map[string]string{"W. Europe Standard Time": "Europe/Berlin"}}
		want, err := ical.Read(strings.NewReader(rotaFile(t)), o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ical.Read(strings.NewReader(text), o)
		if diff := cmp.Diff(want.Schedule, got.Schedule); err != nil || diff != "" {
			t.Errorf("%v; schedule (-upper +lower):\n%s", err, diff)
		}
	}
}

// Google Calendar writes such a RECURRENCE-ID where a series of days became one of
// times.
func TestAnEventApartFromNothingIsReported(t *testing.T) {
	in, err := ical.Read(strings.NewReader("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:a\nDTSTART;VALUE=DATE:20260105\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n"+
		"BEGIN:VEVENT\nUID:a\nSUMMARY:b\nRECURRENCE-ID;TZID=Europe/Warsaw:19700101T010000\nDTSTART:20260106T100000Z\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n"),
		ical.ReadOptions{ID: "copy", Zone: "UTC", From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(in.Dropped); got != `[line 8: component[1].RECURRENCE-ID: not_found "19700101T000000Z": want an event beside the others: none of that UID starts then]` || len(in.Schedule.Temporary[0].Shifts) != 3 {
		t.Errorf("dropped %s, shifts %v", got, in.Schedule.Temporary[0].Shifts)
	}
}

// To see that a rule never occurs takes a tenth of a second.
func TestBrokenRulesAreNotReadForEver(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "BEGIN:VEVENT\nUID:%d\nSUMMARY:a\nDTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTH=6\nEND:VEVENT\n", i)
	}
	_, err := ical.Read(strings.NewReader("BEGIN:VCALENDAR\n"+b.String()+"END:VCALENDAR\n"), ical.ReadOptions{ID: "s", Zone: "UTC", From: from, To: to})
	if problems := sre.ProblemsIn(err); len(problems) != 22 || problems[21].Code != "too_many" {
		t.Errorf("%d problems, want 22, of which the last is too_many", len(problems))
	}
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	event := func(lines string) string {
		return "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:a\n" + lines + "END:VEVENT\nEND:VCALENDAR\n"
	}
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "c.ics invalid_calendar"},
		{"half of a calendar", "BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "c.ics invalid_calendar"},
		{"no start", event(""), "c.ics:2: component[0].DTSTART missing"},
		{"no end", event("DTSTART:20260105T000000Z\n"), "c.ics:2: component[0].DTEND out_of_range"},
		{"an end before the start", event("DTSTART:20260105T000000Z\nDTEND:20260104T000000Z\n"), "c.ics:2: component[0].DTEND out_of_range"},
		{"a zone of its own", event("DTSTART;TZID=Mars:20260105T000000\nDURATION:PT1H\n"), "c.ics:2: component[0].DTSTART unknown_zone"},
		{"a rule that is none", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\n"), "c.ics:2: component[0].RRULE invalid_rule"},
		{"every minute", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=MINUTELY\n"), "c.ics:2: component[0].RRULE invalid_rule"},
		{"a start that the rule does not have", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=TU\n"), "c.ics:2: component[0].RRULE not_synchronized"},
		{"this and all later ones", event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260105T000000Z\nDTSTART:20260105T000000Z\nDURATION:PT1H\n"), "c.ics:2: component[0].RECURRENCE-ID not_expressible"},
		{"a zone that is another one on each machine", event("DTSTART;TZID=localtime:20260105T000000\nDURATION:PT1H\n"), "c.ics:2: component[0].DTSTART unknown_zone"},
		{"a date that is none", event("DTSTART;VALUE=DATE:20260105T000000\nDURATION:PT1H\n"), "c.ics:2: component[0].DTSTART wrong_type"},
		{"days taken from times", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260106\n"), "c.ics:2: component[0].EXDATE wrong_type"},
		{"days added to times", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRDATE;VALUE=DATE:20260106\n"), "c.ics:2: component[0].RDATE wrong_type"},
		{"times until a day", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260106\n"), "c.ics:2: component[0].RRULE wrong_type"},
		{"days until a time", event("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY;UNTIL=20260106T000000Z\n"), "c.ics:2: component[0].RRULE wrong_type"},
		{"a rule that counts for ever", event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2000000000\n"), "c.ics:2: component[0].RRULE out_of_range"},
		{"a rule from of old", event("DTSTART:18000105T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\n"), "c.ics:2: component[0].RRULE out_of_range"},
		{"a calendar that takes back", strings.Replace(event("DTSTART:20260105T000000Z\nDURATION:PT1H\n"), "BEGIN:VEVENT", "METHOD:CANCEL\nBEGIN:VEVENT", 1), "c.ics not_expressible"},
		{"one recurrence twice", strings.Replace(event("DTSTART:20260105T000000Z\nDURATION:PT1H\nRECURRENCE-ID:20260105T000000Z\n"), "END:VCALENDAR", "BEGIN:VEVENT\nUID:a\nSUMMARY:b\nDTSTART:20260105T000000Z\nDURATION:PT1H\nRECURRENCE-ID:20260105T000000Z\nEND:VEVENT\nEND:VCALENDAR", 1), "c.ics:9: component[1].RECURRENCE-ID duplicate"},
		{"a name that is none", event("@DTSTART:20260105T000000Z\n"), "c.ics:5 invalid_calendar"},
		{"Latin 1", event("X-PLACE:K\xf6ln\n"), "c.ics invalid_calendar"},
		{"components without end", strings.Repeat("BEGIN:VEVENT\n", 600_000) + "END:VCALENDAR", "c.ics:9 too_deep"},
		{"a line without end", event("X" + strings.Repeat(";a=b", 1_000_000) + ":x\n"), "c.ics:5 too_large"},
		{"parameters without end", event("X" + strings.Repeat(";a=b", 1000) + ":x\n"), "c.ics:5 invalid_calendar"},
		{"a summary that is no ID", strings.Replace(event("DTSTART:20260105T000000Z\nDURATION:PT1H\n"), "SUMMARY:a", "SUMMARY:Alice A", 1), "c.ics:2: component[0].SUMMARY invalid_id"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := ical.Read(strings.NewReader(row.text), ical.ReadOptions{Name: "c.ics", ID: "s", Zone: "UTC", From: from, To: to})
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
			}
			if strings.Join(got, "|") != row.want {
				t.Errorf("got %v, want %s (%v)", got, row.want, err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(rotaFile(f))
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:a\nDTSTART;VALUE=DATE:20260105\nRRULE:FREQ=MONTHLY;BYDAY=-1MO\nEND:VEVENT\nEND:VCALENDAR")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := ical.Read(strings.NewReader(text), ical.ReadOptions{ID: "s", Zone: "Europe/Berlin", From: from, To: to})
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("an error without a problem: %v", err)
			}
			return
		}
		if _, err := in.Schedule.Compile(from, to); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}

// Whatever people are called, lines are folded where RFC 5545 allows, nothing breaks
// out of its property, and the file reads as what was written.
func FuzzWrite(f *testing.F) {
	f.Add("Alice Ødegård, the 2nd; \\n \"A\"", "rota\r\nEND:VCALENDAR")
	f.Add(strings.Repeat("😀", 40)+"\xff<b>", strings.Repeat("x", 200))
	f.Fuzz(func(t *testing.T, alice, name string) {
		o := ical.Options{Name: name, Names: map[string]string{"alice": alice}}
		text := write(t, rota("alice", "bob"), o)
		for _, line := range strings.SplitAfter(text, "\r\n") {
			body := strings.TrimSuffix(line, "\r\n")
			if len(body) > 75 || !utf8.ValidString(body) || strings.ContainsAny(body, "\r\n") || line != "" && body == line {
				t.Errorf("line %q", line)
			}
		}
		o.Previous, o.Stamp = []byte(text), stamp.AddDate(0, 0, 1)
		if again := write(t, rota("alice", "bob"), o); again != text {
			t.Errorf("the second export (-first +second):\n%s", cmp.Diff(text, again))
		}
		in, err := ical.Read(strings.NewReader(text), ical.ReadOptions{ID: "copy", Zone: "UTC", From: from, To: to})
		if err != nil || len(in.Schedule.Temporary[0].Shifts) != 5 || len(in.Dropped) != 0 {
			t.Errorf("read %v, %v", in, err)
		}
	})
}
