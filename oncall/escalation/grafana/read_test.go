package grafana_test

import (
	"testing"
	_ "time/tzdata"

	"github.com/sre-sdk/sre/oncall/escalation/grafana"
	"github.com/sre-sdk/sre/oncall/escalation/internal/export/exporttest"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
)

func TestAccount(t *testing.T) { exporttest.Golden(t, grafana.Read) }

func TestLastResortIsRequired(t *testing.T) { exporttest.OptionsAreChecked(t, grafana.Read) }

func FuzzRead(f *testing.F) {
	exporttest.Fuzz(f, grafana.Read,
		`{"escalation_chains": [{"id": "F"}], "escalation_policies": [{"escalation_chain_id": "F", "position": 0, "type": "notify_if_time_from_to", "notify_if_time_from": "09:00:00Z", "notify_if_time_to": "10:00:00Z"}, {"escalation_chain_id": "F", "position": 1, "type": "notify_persons", "persons_to_notify": ["A"]}]}`,
		`{"users": [{"id": "U"}], "personal_notification_rules": [{"user_id": "U", "position": 0, "type": "wait"}, {"user_id": "U", "position": 1, "type": "notify_by_sms"}]}`,
	)
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	exporttest.Problems(t, grafana.Read, []readingtest.Row{
		{Name: "nothing", Text: "", Want: []string{" wrong_count"}},
		{Name: "another answer", Text: `{"results": []}`, Want: []string{"line 1 missing"}},
		{Name: "chains without policies, users without rules", Text: `{"escalation_chains": [], "users": []}`, Want: []string{"line 1 missing", "line 1 missing"}},
		{Name: "not the last page", Text: `{"teams": {"next": "http://localhost", "results": []}}`, Want: []string{"line 1: teams.next incomplete"}},
		{Name: "values that are none", Text: `{"escalation_chains": [{"id": "F"}], "escalation_policies": [
{"escalation_chain_id": "F", "position": 0, "type": "notify_on_call_from_schedule"},
{"escalation_chain_id": "F", "position": 1, "type": "notify_if_time_from_to", "notify_if_time_from": "9:00", "notify_if_time_to": "25:00:00Z"},
{"escalation_chain_id": "F", "position": -1, "type": "wait", "duration": 1.5}]}`, Want: []string{
			"line 4: escalation_policies[2].position out_of_range", "line 4: escalation_policies[2].duration wrong_type",
			"line 2: escalation_policies[0].notify_on_call_from_schedule missing", "line 3: escalation_policies[1].notify_if_time_from invalid_clock", "line 3: escalation_policies[1].notify_if_time_to impossible_clock",
		}},
	})
}
