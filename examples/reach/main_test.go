package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func files(vendor string) []string {
	return []string{
		"-" + vendor, filepath.Join("testdata", vendor, "account.json"), filepath.Join("testdata", vendor, "database.json"),
	}
}

func both(vendor string) []string {
	return append(files(vendor), filepath.Join("testdata", vendor, "batch.json"))
}

// Each row is a command line, and what it prints is in a file of testdata.
func TestOutput(t *testing.T) {
	for _, row := range []struct {
		golden string
		args   []string
		status int
	}{
		{"tour.txt", nil, exitFine},
		{"migration.txt", append(append(both("pagerduty"), both("grafana")...), "-from", "2026-02-01", "-days", "28"), exitBroken},
		{"migration.out.json", append([]string{"-o", "json", "-days", "3"}, append(both("pagerduty"), both("grafana")...)...), exitBroken},
		{"opsgenie.txt", append(files("opsgenie"), "-days", "14", "-within", "13m"), exitFine},
		{"opsgenie-late.txt", append(files("opsgenie"), "-days", "14", "-count", "voice"), exitBroken},
		{"from-day.txt", append(files("opsgenie"), "-from", "2026-01-09T12:00:00+01:00", "-days", "3"), exitBroken},
	} {
		t.Run(row.golden, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(row.args, now, &out, &errs); status != row.status || errs.Len() > 0 {
				t.Errorf("status %d, want %d; %s", status, row.status, errs.String())
			}
			name := filepath.Join("testdata", row.golden)
			if *update {
				if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, _ := os.ReadFile(name)
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAccountPagesTheSamePeopleAsItself(t *testing.T) {
	for _, vendor := range vendors {
		args := append(files(vendor), append(files(vendor), "-o", "json", "-within", "1h")...)
		if vendor != "opsgenie" {
			args = append(both(vendor), append(both(vendor), "-o", "json", "-within", "1h")...)
		}
		var out, errs bytes.Buffer
		run(args, now, &out, &errs)
		var answer struct{ Data report }
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			t.Fatal(err, errs.String())
		}
		if m := answer.Data.Migration; m == nil || !m.Same {
			t.Errorf("%s differs from itself: %+v", vendor, m)
		}
	}
}

// At any instant two policies differ if and only if it lies in a stretch in
// which they are said to.
func TestStretchesInWhichAccountsDifferAreExact(t *testing.T) {
	o, _, err := parse(nil, now)
	if err != nil {
		t.Fatal(err)
	}
	before, after := o.accounts[0], o.accounts[1]
	m, err := compare(before, after, o)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, d := range m.Policies {
		p := before.account.Policies[slices.IndexFunc(before.account.Policies, named(d.Name))]
		q := after.account.Policies[slices.IndexFunc(after.account.Policies, named(d.Name))]
		a, _ := before.walker(p)
		b, _ := after.walker(q)
		instants := []time.Time{o.from, o.to.Add(-time.Nanosecond)}
		for _, w := range d.Ways {
			for _, h := range w.When {
				instants = append(instants, h.From, h.From.Add(-time.Nanosecond), h.To, h.To.Add(-time.Nanosecond))
			}
		}
		for range 3000 {
			instants = append(instants, o.from.Add(time.Duration(rnd.Int64N(int64(o.to.Sub(o.from))))))
		}
		for _, at := range instants {
			if at.Before(o.from) || !at.Before(o.to) {
				continue
			}
			hold := time.Hour
			x, y := a.course(at, 0, &hold), b.course(at, 0, &hold)
			said := slices.ContainsFunc(d.Ways, func(w way) bool {
				return slices.Equal(w.Before, x) && slices.Equal(w.After, y) &&
					slices.ContainsFunc(w.When, func(h hole) bool { return !at.Before(h.From) && at.Before(h.To) })
			})
			if differs := !slices.Equal(x, y); differs != said {
				t.Fatalf("%s at %s: %v and %v, said to differ: %v", d.Name, at, x, y, said)
			}
		}
	}
}

func named(name string) func(escalation.Policy) bool {
	return func(p escalation.Policy) bool { return p.Name == name }
}

func TestBadInputIsRefusedWithEveryProblem(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"users": [{"id": "a b"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		want []string
	}{
		{"flags", []string{"-from", "today", "-days", "0", "-within", "soon", "-count", "pigeon", "-o", "xml", "-loud"}, []string{
			"command line invalid_flag", "-from invalid_instant", "-days out_of_range", "-within invalid_duration", "-count unknown_kind", "-o unknown_format",
		}},
		{"files of nobody", []string{"a.json"}, []string{"command line unexpected_argument"}},
		{"no files", []string{"-pagerduty"}, []string{"-pagerduty missing"}},
		{"too many accounts", []string{"-grafana", "-grafana", "-grafana"}, []string{"command line too_many", "-grafana missing", "-grafana missing", "-grafana missing"}},
		{"no such file, and a broken one", []string{"-pagerduty", filepath.Join(dir, "x.json"), broken}, []string{
			filepath.Join(dir, "x.json") + " unreadable", broken + ":1: users[0].id invalid_id",
			broken + ":1: users[0].contact_methods missing", broken + ":1: users[0].notification_rules missing",
		}},
		{"schedules only", []string{"-pagerduty", "testdata/pagerduty/batch.json"}, []string{"-pagerduty missing", "-pagerduty missing"}},
		{"a policy without its schedule", files("pagerduty"), []string{"-pagerduty missing"}},
		{"of another vendor", []string{"-opsgenie", "testdata/pagerduty/batch.json"}, []string{"testdata/pagerduty/batch.json:1 missing"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := parse(row.args, now)
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
			var out, errs bytes.Buffer
			if status := run(row.args, now, &out, &errs); status != exitInput || out.Len() > 0 || errs.Len() == 0 {
				t.Errorf("status %d, %q on the standard output", status, out.String())
			}
		})
	}
}

// The vendors page somebody whom no rule reaches, and wait.
func TestWhoCannotBeReachedHoldsTheLevelUp(t *testing.T) {
	name := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(name, []byte(`{"escalation_policies": [{"id": "P", "name": "Mail only", "escalation_rules": [
	{"escalation_delay_in_minutes": 7, "targets": [{"id": "A", "type": "user_reference"}]},
	{"escalation_delay_in_minutes": 8, "targets": [{"id": "X", "type": "user_reference", "summary": "Xavier"}]},
	{"escalation_delay_in_minutes": 9, "targets": [{"id": "B", "type": "user_reference"}]}]}],
	"users": [{"id": "A", "contact_methods": [], "notification_rules": []},
	{"id": "B", "name": "Bea", "contact_methods": [{"id": "C", "type": "phone_contact_method", "address": "1"}],
	"notification_rules": [{"start_delay_in_minutes": 1, "urgency": "high", "contact_method": {"id": "C"}}]}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	o, _, err := parse([]string{"-pagerduty", name, "-days", "1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze(o, func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Accounts[0].Policies[0].Worst; got.after != 16*time.Minute || got.Person != "Bea" {
		t.Errorf("at worst %+v, want Bea after 7m, 8m and 1m", got)
	}
	if got := r.Accounts[0].Unknown; !slices.Equal(got, []string{"Xavier"}) {
		t.Errorf("unknown people %v, want Xavier", got)
	}
}

func TestHelpIsTheDocumentation(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"-help"}, now, &out, &errs); status != exitFine || !strings.HasPrefix(out.String(), "Command reach says") || !strings.Contains(out.String(), "-within duration") {
		t.Errorf("status %d:\n%s", status, out.String())
	}
}
