package oncallfile_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
	"github.com/sre-sdk/sre/oncall/oncallfile"
	"github.com/sre-sdk/sre/oncall/routing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func team(t *testing.T) oncallfile.Set {
	t.Helper()
	set, err := oncallfile.ReadFS(os.DirFS("testdata/team"))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEveryFieldOfEveryKindIsRead(t *testing.T) {
	got := team(t)
	if len(got.Schedules) != 1 || got.Schedules[0].ID != "db" {
		t.Errorf("schedules %+v, want db", got.Schedules)
	}
	got.Schedules = nil
	if got.Alerts[0].GroupBy == nil {
		t.Error("group_by: [] is read as none, which is the default")
	}
	want := oncallfile.Set{
		People: []oncall.Person{
			{
				ID: "alice", Name: "Alice Adams", Zone: "Europe/Berlin", Skills: []string{"database"},
				Contacts: []oncall.Contact{{ID: "app", Kind: oncall.Push, Address: "alice-phone"}, {ID: "mobile", Kind: oncall.Voice, Address: "+4915100000001"}},
				Rules:    []oncall.ContactRule{{Contact: "app"}, {Contact: "mobile", After: 2 * time.Minute, AtLeast: 2}},
			},
			{ID: "bob", Contacts: []oncall.Contact{{ID: "mobile", Kind: oncall.SMS, Address: "+4915100000002"}}},
			{ID: "carol", Contacts: []oncall.Contact{{ID: "mobile", Kind: oncall.Voice, Address: "+4915100000003"}}},
		},
		Teams: []oncall.Team{{ID: "sre", Name: "Reliability", Members: []string{"alice", "bob"}}, {ID: "everybody", Members: []string{"sre", "carol"}}},
		Policies: []escalation.Policy{
			{
				ID: "db", Name: "Database", Zone: "Europe/Berlin", Repeat: 1, MaxSnooze: 8 * time.Hour,
				Levels: []escalation.Level{
					{
						ID: "l1", Name: "On call", Delay: 5 * time.Minute, Acks: 2,
						Targets: []escalation.Target{escalation.ToSchedule("db", 0), escalation.ToSchedule("db", oncall.Secondary)},
						When: escalation.When{AtLeast: 2, MaxLoad: 3, Hours: []oncall.Hours{
							{Weekdays: []time.Weekday{time.Monday, time.Friday}, From: "09:00", To: "17:00"}, {From: "22:00", To: "06:00"},
						}},
					},
					{ID: "l2", Delay: 10 * time.Minute, Targets: []escalation.Target{escalation.ToPerson("alice"), escalation.ToTeam("sre"), escalation.ToRoundRobin("alice", "bob")}},
				},
				LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("carol")}, Every: 20 * time.Minute},
				BySeverity: []escalation.Rule{{
					AtLeast: 1, Start: "l2", AckFor: 30 * time.Minute,
					Acknowledge: escalation.Promise{Within: 5 * time.Minute, Level: "l2"},
					Respond:     escalation.Promise{Within: 15 * time.Minute, Level: escalation.LastResortLevel},
				}},
			},
			{
				ID:         "catchall",
				Levels:     []escalation.Level{{ID: "all", Targets: []escalation.Target{escalation.ToTeam("everybody")}, Delay: 15 * time.Minute}},
				LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("carol")}},
			},
		},
		Routing: []routing.Policy{{
			ID: "main", Zone: "Europe/Berlin", Default: "catchall",
			Require: routing.Requirements{Labels: []string{"team"}, Annotations: []string{"runbook_url"}, Service: true, Demote: 3},
			Routes: []routing.Route{
				{
					Name: "night", Match: alert.MustMatchers(`team="db", env!~"dev|test"`), Services: []string{"db", "cache"}, AtLeast: 3, AtMost: 2,
					Hours:  []oncall.Hours{{Weekdays: []time.Weekday{time.Saturday}, From: "00:00", To: "24:00"}},
					Action: routing.Page, Policy: "db", Owner: "sre", Severity: 2,
				},
				{Name: "rest", Action: routing.Ticket},
			},
		}},
		Alerts: []alert.Policy{{
			Name: "alerts", GroupWait: alert.AtOnce, GroupInterval: 2 * time.Minute, MaxFactsAge: time.Minute, MaxAlerts: 500, KeepResolved: time.Hour,
			Inhibitions: []alert.Inhibition{{Name: "cluster", Source: alert.MustMatchers(`alertname="ClusterDown"`), Target: alert.MustMatchers(`severity=~"warning|info"`), Equal: []string{"cluster"}}},
			Throttles:   []alert.Throttle{{Name: "hourly", ByService: true, Max: 5, Per: time.Hour, Exempt: 2}},
			Flap:        &alert.Flap{Transitions: 4, Within: 10 * time.Minute, Quiet: 15 * time.Minute},
			Heartbeats: []alert.Heartbeat{{
				Name: "watchdog", Match: alert.MustMatchers(`alertname="Watchdog"`), Interval: time.Minute, Grace: 30 * time.Second,
				Severity: 1, Service: "monitoring", Summary: "Prometheus is silent",
			}},
		}},
	}
	got.Alerts[0].GroupBy = nil
	matchers := cmp.Comparer(func(a, b alert.Matchers) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, matchers, cmpopts.IgnoreUnexported(oncallfile.Set{})); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func TestASetThatFitsTogetherCompiles(t *testing.T) {
	c, err := team(t).Compile(day(1, 1), day(12, 31))
	if err != nil {
		t.Fatal(err)
	}
	if on, known := c.Roster.OnCall("db", oncall.Primary, day(1, 6)); !known || len(on) != 1 || on[0] != "alice" {
		t.Errorf("on call are %v, %v; want alice", on, known)
	}
	if c.Policy("db") == nil || c.Policy("nothing") != nil || len(c.Policies) != 2 || len(c.Routing) != 1 || len(c.Alerts) != 1 {
		t.Errorf("compiled %+v", c)
	}
}

func TestWhatDoesNotFitTogetherIsFoundAtItsLine(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"alerts.yaml", "db.json", "policies.yaml", "roster.yaml"} {
		text := readingtest.Open(t, filepath.Join("team", name))
		text = strings.NewReplacer(
			`members: [sre, carol]}`, "members: [sre, everybody, zoe]}",
			`[{person: alice}, {team: sre}, {round_robin: [alice, bob]}]`, `[{person: zoe}, {team: ops}, {round_robin: [alice, zoe]}]`,
			`{schedule: db}`, `{schedule: dba}`, `policy: db`, `policy: dba`, `"alice", "bob"`, `"alice", "zoe"`, `default: catchall`, `default: nobody`,
			`    contacts: [{id: mobile, kind: voice, address: "+4915100000003"}]`, "",
		).Replace(text)
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := oncallfile.ReadFS(fsys)
	if err != nil {
		t.Fatal(err)
	}
	_, err = set.Compile(day(1, 1), day(12, 31))
	want := []string{
		"roster.yaml:20: teams[1] cycle", "roster.yaml:20: teams[1].members[2] unknown_member", "db.json:1 unknown_person",
		"alerts.yaml:5: default unknown_policy", "alerts.yaml:15: routes[0].policy unknown_policy",
	}
	if diff := cmp.Diff(want, readingtest.Brief(sre.ProblemsIn(err))); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}

	// Policies are looked at once the roster itself is right.
	fsys["roster.yaml"].Data = []byte(strings.Replace(string(fsys["roster.yaml"].Data), "[sre, everybody, zoe]", "[sre, carol]", 1))
	fsys["db.json"].Data = []byte(strings.Replace(string(fsys["db.json"].Data), "zoe", "bob", 1))
	fsys["alerts.yaml"].Data = []byte(readingtest.Open(t, "team/alerts.yaml"))
	if set, err = oncallfile.ReadFS(fsys); err != nil {
		t.Fatal(err)
	}
	_, err = set.Compile(day(1, 1), day(12, 31))
	want = []string{
		"policies.yaml:11: levels[0].targets[0].schedule unknown_schedule", "policies.yaml:21: levels[1].targets[0].person unknown_person",
		"policies.yaml:21: levels[1].targets[1].team unknown_team", "policies.yaml:21: levels[1].targets[2].round_robin[1] unknown_person",
		"policies.yaml:23: last_resort.people[0] no_contact", "policies.yaml:23: last_resort.people no_human",
		"policies.yaml:34: levels[0].targets[0].team no_contact", "policies.yaml:35: last_resort.people[0] no_contact", "policies.yaml:35: last_resort.people no_human",
	}
	if diff := cmp.Diff(want, readingtest.Brief(sre.ProblemsIn(err))); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A file of testdata/broken has all its problems, in words, beside it.
func TestProblemsOfEveryKind(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		base := filepath.Base(name)
		_, err := oncallfile.ReadAll(strings.NewReader(readingtest.Open(t, "broken/"+base)), base)
		if err == nil {
			t.Errorf("%s is read without a problem", base)
			continue
		}
		got, golden := err.Error()+"\n", strings.TrimSuffix(name, ".yaml")+".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, _ := os.ReadFile(golden)
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", base, diff)
		}
	}
}

func TestAddressesAreNotRepeated(t *testing.T) {
	for _, name := range []string{"contacts.yaml", "roster.yaml"} {
		_, err := oncallfile.ReadAll(strings.NewReader(readingtest.Open(t, "broken/"+name)), name)
		for _, secret := range []string{"hunter2", "+49151000"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the message repeats %q:\n%v", name, secret, err)
			}
		}
	}
}

func TestFolders(t *testing.T) {
	roster := &fstest.MapFile{Data: []byte("apiVersion: sre-sdk/v1\nkind: Roster\npeople: [{id: alice}]\n")}
	for _, row := range []struct {
		name string
		fsys fstest.MapFS
		want []string
	}{
		{"nothing in it", fstest.MapFS{"notes.txt": roster, ".hidden.yaml": roster, ".git/x.yaml": roster}, []string{" missing"}},
		{"an empty file", fstest.MapFS{"a.yaml": {}, "b/c.yml": roster}, []string{"a.yaml missing"}},
		{"the same person twice", fstest.MapFS{"a.yaml": roster, "b/c.yml": roster}, []string{"b/c.yml:3: people[0].id duplicate"}},
		{"one broken, one not YAML", fstest.MapFS{"a.yaml": {Data: []byte("kind: {")}, "b.yaml": {Data: []byte("kind: Roster")}}, []string{"a.yaml:1 invalid_yaml", "b.yaml:1: apiVersion missing"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := oncallfile.ReadFS(row.fsys)
			if diff := cmp.Diff(row.want, readingtest.Brief(sre.ProblemsIn(err))); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := oncallfile.ReadFS(os.DirFS("testdata/nowhere")); err == nil {
		t.Error("a folder that does not exist is read")
	}
}

// What is read compiles, kind by kind, or is refused with problems.
func FuzzReadAll(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yaml", "testdata/*/*.json", "testdata/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			f.Add(readingtest.Open(f, strings.TrimPrefix(name, "testdata/")))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := oncallfile.ReadAll(strings.NewReader(text), "x.yaml")
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("an error without a problem: %v", err)
			}
			return
		}
		for _, p := range set.Policies {
			if _, err := p.Compile(); err != nil {
				t.Errorf("a policy that was read does not compile: %v", err)
			}
		}
		for _, p := range set.Routing {
			if _, err := p.Compile(); err != nil {
				t.Errorf("routing that was read does not compile: %v", err)
			}
		}
		for _, p := range set.Alerts {
			if _, err := p.Compile(); err != nil {
				t.Errorf("an alert policy that was read does not compile: %v", err)
			}
		}
		at := day(1, 5)
		if _, err := set.Compile(at, at); err != nil && len(sre.ProblemsIn(err)) == 0 {
			t.Errorf("an error without a problem: %v", err)
		}
	})
}
