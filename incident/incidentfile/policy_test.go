package incidentfile_test

import (
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentfile"
)

// always is a clock on which somebody is always on call.
type always struct{}

func (always) Add(from time.Time, d time.Duration) (time.Time, bool) { return from.Add(d), true }
func (always) Between(a, b time.Time) time.Duration                  { return b.Sub(a) }

func TestEveryFieldOfAPolicyIsRead(t *testing.T) {
	f, err := os.Open("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := incidentfile.ReadPolicy(f, "policy.yaml", always{})
	if err != nil {
		t.Fatal(err)
	}
	authority := incident.DefaultAuthority()
	authority[incident.KindResolve], authority[incident.KindUpdate] = []incident.Role{incident.Commander}, nil
	want := incident.Policy{
		ID: "shop",
		Matrix: incident.Matrix{Scale: sre.Scale{"SEV-1", "SEV-2", "SEV-3"}, Rows: []incident.Row{
			{Severity: 1, Any: []incident.Condition{{Users: 0.25}, {DataLoss: incident.Yes}, {Security: incident.Yes}}},
			{Severity: 2, Any: []incident.Condition{{Users: 0.05, BudgetBurn: 14.4}, {Redundancy: incident.No}}},
			{Severity: 3},
		}},
		Major: 1, ReviewFrom: 2,
		Retriage:  incident.Hysteresis{Margin: 0.1, For: 20 * time.Minute, Gap: 2 * time.Minute},
		Authority: authority,
		Deadlines: incident.Deadlines{
			Acknowledge: incident.Targets{{For: 5 * time.Minute}, {For: 8 * time.Hour, Time: incident.Business, Pause: true, Escalate: "duty-manager"}},
			Mitigate:    incident.Targets{{For: time.Hour, Time: incident.OnCallTime}},
			Resolve:     incident.Targets{},
			Internal:    incident.Cadences{},
			Public: incident.Cadences{{First: 5 * time.Minute, Second: 6 * time.Minute, Every: 20 * time.Minute, Long: 2 * time.Hour, Later: time.Hour,
				Final: 40 * time.Minute, Escalate: "press"}, {Every: time.Hour}},
			Hours:  incident.Hours{Zone: "Europe/Berlin", Weekdays: []time.Weekday{time.Monday, time.Tuesday}, From: "08:00", To: "18:00", Holidays: []string{"2026-12-25"}},
			OnCall: always{},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const head = "apiVersion: sre-sdk/v1\nkind: IncidentPolicy\nid: p\n"

func TestAShortPolicyHasTheDefaults(t *testing.T) {
	for _, text := range []string{head, head + "matrix: {preset: default}\ndeadlines: {preset: default}\n", head + "authority: {}\n"} {
		got, err := incidentfile.ReadPolicy(strings.NewReader(text), "p.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		want := incident.Policy{ID: "p"}.MustCompile().Policy()
		if diff := cmp.Diff(want, got.MustCompile().Policy()); diff != "" {
			t.Errorf("%s (-default +read):\n%s", text, diff)
		}
	}
	got, err := incidentfile.ReadPolicy(strings.NewReader(head+"matrix: {preset: pagerduty}\ndeadlines: {preset: pagerduty}\nmajor: SEV-2\n"), "p.yaml", nil)
	want := incident.Policy{ID: "p", Major: 2, Matrix: incident.PagerDutyMatrix(), Deadlines: incident.PagerDutyDeadlines()}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestEachProblemHasItsLine(t *testing.T) {
	for _, q := range []struct {
		name, text string
		want       []string
	}{
		{"several at once", "kind: Other\nid: p\nmajor: P9\nmore: 1\nauthority:\n  explode: []\n  triage: [king]\nretriage: {for: 0s}\n",
			[]string{"p.yaml:1: unknown_value", "p.yaml:3: unknown_severity", "p.yaml:4: unknown_field", "p.yaml:6: unknown_kind", "p.yaml:7: unknown_role", "p.yaml:8: out_of_range", "p.yaml:1: missing"}},
		{"incomplete matrix", head + "matrix:\n  rows:\n    - severity: P1\n      any:\n        - users: 50%\n", []string{"p.yaml:5: incomplete"}},
		{"reserved kind", head + "authority:\n  absorb: [commander]\n", []string{"p.yaml:5: not_supported"}},
		{"milder has less time", head + "deadlines:\n  acknowledge:\n    P1: 1h\n    P2: 5m\n", []string{"p.yaml:6: not_monotone"}},
		{"milder is told more often", head + "deadlines:\n  updates:\n    public:\n      P1: 1h\n      P2: {every: 2h, first: 5m}\n", []string{"p.yaml:7: not_monotone"}},
		{"no such hour", head + "deadlines:\n  hours:\n    from: \"25:00\"\n    weekdays: [someday]\n", []string{"p.yaml:7: unknown_weekday"}},
		{"no such zone", head + "deadlines:\n  hours:\n    zone: Moon\n", []string{"p.yaml:6: unknown_zone"}},
		{"nobody on call", head + "deadlines:\n  triage:\n    P1: {for: 5m, time: on_call}\n", []string{"p.yaml:4: missing"}},
		{"numbers", head + "matrix:\n  rows:\n    - severity: P1\n      any:\n        - {users: 0, budget_burn: 1e9}\n        - {data_loss: maybe}\n",
			[]string{"p.yaml:8: out_of_range", "p.yaml:8: wrong_type", "p.yaml:9: unknown_tri"}},
		{"two policies", head + "---\n" + head, []string{"p.yaml: wrong_count"}},
	} {
		t.Run(q.name, func(t *testing.T) {
			_, err := incidentfile.ReadPolicy(strings.NewReader(q.text), "p.yaml", nil)
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				place, _, _ := strings.Cut(p.Path, " ")
				got = append(got, strings.TrimSuffix(place, ":")+": "+p.Code)
			}
			for _, want := range q.want {
				found := false
				for _, g := range got {
					found = found || g == want
				}
				if !found {
					t.Errorf("no %s in %v", want, err)
				}
			}
			if len(got) != len(q.want) {
				t.Errorf("got %d problems, want %d: %v", len(got), len(q.want), err)
			}
		})
	}
}

func FuzzReadPolicy(f *testing.F) {
	full, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(full))
	f.Add(head)
	f.Add(head + "matrix: {preset: atlassian, rows: [{severity: SEV1, any: [{}]}]}\ndeadlines: {actions: {SEV1: {}}, updates: {public: {SEV3: 1h}}}")
	f.Add(`{"apiVersion":"sre-sdk/v1","kind":"IncidentPolicy","id":"p","authority":{"merge":["expert"]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := incidentfile.ReadPolicy(strings.NewReader(text), "p.yaml", always{})
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Error("an error without a problem", err)
			}
			return
		}
		if _, err := p.Compile(); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}
