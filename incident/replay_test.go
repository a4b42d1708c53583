package incident_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
)

// Under the policy of the recording nothing differs.
func TestReplayUnderTheSamePolicyFindsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := incidenttest.Policies(long).Draw(t, "policy").MustCompile()
		log := incidenttest.Logs(long, policy).Draw(t, "log")
		r, err := policy.Replay(slices.Values(log))
		if err != nil {
			t.Fatal(err)
		}
		if r.Differs() || slices.ContainsFunc(r.Judged, func(j incident.Judgement) bool { return !j.Chosen }) {
			t.Fatalf("%s", r.Text(nil))
		}
	})
}

func TestReplayOfMergedIncidents(t *testing.T) {
	d := newDesk("A", "B")
	var log []incident.Event
	var s incident.State
	keep := func(events []incident.Addressed, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			d.states[e.ID].Apply(&e.Event)
			if e.ID == "A" {
				log = append(log, e.Event)
			}
		}
	}
	declare, err := d.policy.Handle(&s, d.request(incident.Declare{ID: "A", Title: "A", Severity: 2, Alerts: []string{"x"}}), monday)
	if err != nil {
		t.Fatal(err)
	}
	log = append(log, declare...)
	d.states["A"] = &incident.State{}
	d.states["A"].Apply(&log[0])
	keep(d.policy.Merge(d.states["A"], d.states["B"], nil, d.request(incident.Merge{Into: "B"}), d.now))
	keep(d.policy.Split(d.states["A"], d.states["B"], nil, d.request(incident.Split{From: "A"}), d.now))
	r, err := d.policy.Replay(slices.Values(log))
	if err != nil || r.Differs() || len(log) != 3 {
		t.Errorf("%v, %s", err, r.Text(nil))
	}
	strict := incident.Policy{ID: "q", Authority: map[incident.Kind][]incident.Role{incident.KindMerge: {incident.Commander}, incident.KindDeclare: {incident.Scribe}}}.MustCompile()
	if r, err = strict.Replay(slices.Values(log)); err != nil || r.Differs() {
		t.Errorf("roles that nobody holds bind nobody: %v, %s", err, r.Text(nil))
	}
}

func TestReplayUnderAnotherPolicy(t *testing.T) {
	s := tell(t)
	s.log = nil
	s.state = incident.State{}
	users := func(share float64) incident.Impact {
		return incident.Impact{Users: incident.ShareOf(share), BudgetBurn: incident.RateOf(0), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes}
	}
	s.must("alice", incident.Declare{ID: "i", Title: "5xx", Impact: users(0.02)}) // P3 by the matrix
	s.must("alice", incident.Assign{Role: incident.Commander, Person: "alice"})
	s.must("bob", incident.SetTitle{Title: "5xx in checkout"})
	s.must("alice", incident.Triage{Severity: 4}) // by choice
	s.must("alice", incident.Triage{Impact: users(0.1)})
	s.must("alice", incident.Resolve{})
	s.must("alice", incident.ReviewRunbooks{})
	s.must("alice", incident.Close{Override: "no traffic"})
	other := incident.Policy{ID: "q", Major: 1, Matrix: incident.Matrix{Rows: []incident.Row{
		{Severity: 1, Any: []incident.Condition{{Users: 0.05}, {DataLoss: incident.Yes}, {Security: incident.Yes}}},
		{Severity: 2, Any: []incident.Condition{{Users: 0.01}}},
		{Severity: 3, Any: []incident.Condition{{Users: 0.001}}},
		{Severity: 4},
	}}, Authority: map[incident.Kind][]incident.Role{incident.KindSetTitle: {incident.Commander}}}.MustCompile()
	before := asJSON(t, s.log)
	r, err := other.Replay(slices.Values(s.log))
	if err != nil {
		t.Fatal(err)
	}
	want := incident.Replayed{
		ID:      "i",
		Refused: []incident.Objection{{Seq: 3, Kind: incident.KindSetTitle, Code: incident.RefusedAuthority, Text: "set_title is for the commander (alice)"}},
		Judged: []incident.Judgement{
			{Seq: 1, Was: 3, Would: 2}, {Seq: 4, Was: 4, Would: 2, Chosen: true}, {Seq: 5, Was: 2, Would: 1},
		},
		Was:   incident.Course{First: 3, Last: 2, Worst: 2},
		Would: incident.Course{First: 2, Last: 1, Worst: 1, Major: true},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if asJSON(t, s.log) != before {
		t.Error("the replay has changed the events")
	}
	if got := r.Text(sre.Scale{"SEV-1", "SEV-2", "SEV-3", "SEV-4"}); !strings.Contains(got, "event 1: SEV-3 would have been SEV-2\n") || !strings.Contains(got, "SEV-4 was chosen, the matrix says SEV-2") {
		t.Errorf("text:\n%s", got)
	}
	if n := incident.Became(1, r); n != 1 {
		t.Errorf("%d became P1", n)
	}
	for name, log := range map[string][]incident.Event{"a gap": s.log[1:], "an event without a command": {{Seq: 1}}, "twice the same": {s.log[0], s.log[0]}} {
		if _, err := other.Replay(slices.Values(log)); err == nil {
			t.Errorf("%s was replayed", name)
		}
	}
}
