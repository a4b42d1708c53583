package workload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/workload"
)

// A week around Easter with one of everything.
func TestReportTellsTheStory(t *testing.T) {
	policy := workload.Policy{
		Name: "checkout", Zone: "Europe/Berlin", Holidays: []string{"2026-04-03", "2026-04-06"},
		People: []workload.Person{{ID: "ann", PerHour: 5000}, {ID: "bob", Zone: "America/New_York", Holidays: []string{}, PerHour: 7000}, {ID: "cat"}, {ID: "dan"}},
		Limits: workload.Limits{MaxRun: 72 * time.Hour, MinRest: 11 * time.Hour},
		Pay: &workload.Pay{Currency: "EUR", Digits: 2, Cap: 60_000, Rates: []workload.Rate{
			{Name: "holiday", Classes: []workload.Class{workload.Holiday}, PerHour: 1500},
			{Name: "night", Classes: []workload.Class{workload.Night, workload.Weekend}, Percent: 33},
			{Name: "secondary", Roles: []oncall.Role{oncall.Secondary}, PerHour: 333},
		}},
	}
	at := func(d, h int) time.Time { return time.Date(2026, 3, 30+d, h, 0, 0, 0, time.UTC) }
	f := workload.Facts{From: at(0, 0), To: at(7, 0),
		Shifts: []workload.Shift{
			{Person: "ann", Start: at(-1, 0), End: at(1, 12)},
			{Person: "bob", Start: at(1, 12), End: at(4, 18)},
			{Person: "ann", Start: at(1, 20), End: at(2, 4), Role: oncall.Secondary},
			{Person: "cat", Start: at(4, 20), End: at(7, 0)},
			{Person: "dan", Start: at(4, 20), End: at(5, 0), Role: oncall.Shadow},
		},
		Pages: []workload.Page{
			{At: at(1, 13), Person: "bob", Incident: "inc-1"}, {At: at(1, 14), Person: "bob", Incident: "inc-1"},
			{At: at(1, 18), Person: "bob", Incident: "inc-2", Severity: 2}, {At: at(2, 0), Person: "bob", Incident: "inc-3"},
			{At: at(4, 21), Person: "dan"},
		}}
	c := policy.MustCompile()
	golden(t, "testdata/policy.md", c.Markdown())
	r := measure(t, policy, f)
	golden(t, "testdata/report.md", r.Markdown())
	text := ""
	for _, p := range []string{"ann", "bob", "nobody"} {
		text += r.Explain(p)
	}
	golden(t, "testdata/explain.txt", text)
}

// IDs may begin and end with what Markdown takes for emphasis.
func TestMarkdownShowsIDsAsTheyAre(t *testing.T) {
	policy := workload.Policy{Name: "_load_", Zone: "UTC", People: []workload.Person{{ID: "_ann_"}}}
	text := policy.MustCompile().Markdown() + measure(t, policy, workload.Facts{From: monday, To: monday.Add(day)}).Markdown()
	if plain := strings.ReplaceAll(text, `\_`, ""); strings.Contains(plain, "_") || !strings.Contains(text, `\_ann\_`) {
		t.Errorf("an underscore is not escaped:\n%s", text)
	}
}
