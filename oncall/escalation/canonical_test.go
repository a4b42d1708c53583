package escalation_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// Who keeps policies keeps them in their canonical form, and finds the same
// version again. A change of the file is a change of format, and of every digest.
func TestCanonicalForm(t *testing.T) {
	policy := escalation.Policy{
		ID: "db", Repeat: 1,
		Levels: []escalation.Level{
			{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice"), escalation.ToSchedule("rota", oncall.Secondary)}, Delay: time.Minute,
				When: escalation.When{AtLeast: 3, MaxLoad: 4, Hours: []oncall.Hours{{From: "09:00", To: "17:00"}, {Weekdays: []time.Weekday{time.Sunday}, From: "22:00", To: "06:00"}}}},
			{ID: "l2", Targets: []escalation.Target{escalation.ToTeam("dba"), escalation.ToRoundRobin("alice", "bob"), escalation.ToSchedule("rota", 0)}, Delay: time.Hour},
		},
		Zone:       "Europe/Berlin",
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
		BySeverity: []escalation.Rule{{AtLeast: 1, Start: "l2", Acknowledge: escalation.Promise{Within: time.Minute, Level: "l2"}, Respond: escalation.Promise{Within: time.Hour, Level: escalation.LastResortLevel}, AckFor: 90 * time.Minute}},
	}.MustCompile()
	data, err := escalation.EncodePolicy(policy.Policy())
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, data, "", "\t"); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	const file = "testdata/policy.json"
	if *update {
		if err := os.WriteFile(file, pretty.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	again, err := escalation.DecodePolicy(want)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := again.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := compiled.Digest(), policy.Digest(); got != want {
		t.Errorf("digest %s after a round trip, want %s", got, want)
	}
	if diff := cmp.Diff(policy.Markdown(), compiled.Markdown()); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		strings.Replace(string(data), `"schema":1`, `"schema":2`, 1),
		strings.Replace(string(data), `"repeat"`, `"repeated"`, 1),
		strings.Replace(string(data), `"round_robin"`, `"wheel"`, 1),
		strings.Replace(string(data), `"1m0s"`, `60`, 1),
		"{", "null",
	} {
		if _, err := escalation.DecodePolicy([]byte(bad)); err == nil {
			t.Errorf("%.80s is read", bad)
		}
	}
}

// Answers that were kept are those that were given, also the difference
// between nobody and nothing known.
func TestAnswersSurviveJSON(t *testing.T) {
	roster := reachRoster(t, oncall.ContactRule{Contact: "push", After: 90 * time.Second})
	recorder := escalation.Recorder{Directory: roster.WithLoad(func(id string) (int, bool) { return 3, id == "alice" })}
	ask := func(d escalation.Directory) (said []any) {
		keep := func(v any, known bool) { said = append(said, v, known) }
		for _, at := range []time.Time{start, start.Add(time.Nanosecond), start.AddDate(0, 0, 5)} {
			for _, id := range []string{"office", "all", "nothing"} {
				keep(d.OnCall(id, oncall.Primary, at.In(time.FixedZone("x", 3600))))
			}
		}
		for _, id := range []string{"alice", "nobody"} {
			keep(d.Team(id))
			keep(d.Plan(id, 2))
			keep(d.Load(id))
		}
		return said
	}
	want := ask(&recorder)
	data, err := json.Marshal(recorder.Answers)
	if err != nil {
		t.Fatal(err)
	}
	var answers escalation.Answers
	if err := json.Unmarshal(data, &answers); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ask(&answers)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(data), `"after":"1m30s"`) {
		t.Errorf("a duration is not a Go string in %s", data)
	}
	if err := json.Unmarshal([]byte(`{"contact":"x","after":"soon"}`), new(oncall.ContactStep)); err == nil {
		t.Error("a step without a duration is read")
	}
}
