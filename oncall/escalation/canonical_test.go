package escalation_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// Who keeps policies keeps them as JSON, and finds the same version again.
func TestPolicyAsJSONHasTheSameDigest(t *testing.T) {
	policy := escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice"), escalation.ToSchedule("rota", oncall.Secondary)}, Delay: time.Minute,
				When: escalation.When{Hours: []oncall.Hours{{From: "09:00", To: "17:00"}, {Weekdays: []time.Weekday{time.Sunday}, From: "22:00", To: "06:00"}}}},
			{ID: "l2", Targets: []escalation.Target{escalation.ToTeam("dba"), escalation.ToRoundRobin("alice", "bob"), escalation.ToSchedule("rota", 0)}, Delay: time.Hour},
		},
		Zone:       "Europe/Berlin",
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
		BySeverity: []escalation.Rule{{AtLeast: 1, Acknowledge: escalation.Promise{Within: time.Minute, Level: "l2"}}},
	}.MustCompile()
	data, err := json.Marshal(policy.Policy())
	if err != nil {
		t.Fatal(err)
	}
	var again escalation.Policy
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	compiled, err := again.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := compiled.Digest(), policy.Digest(); got != want {
		t.Errorf("digest %s after a round trip, want %s", got, want)
	}
}
