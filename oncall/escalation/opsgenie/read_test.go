package opsgenie_test

import (
	"testing"
	_ "time/tzdata"

	"github.com/sre-sdk/sre/oncall/escalation/internal/export/exporttest"
	"github.com/sre-sdk/sre/oncall/escalation/opsgenie"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
)

func TestAccount(t *testing.T) { exporttest.Golden(t, opsgenie.Read) }

func TestLastResortIsRequired(t *testing.T) { exporttest.OptionsAreChecked(t, opsgenie.Read) }

func FuzzRead(f *testing.F) {
	exporttest.Fuzz(f, opsgenie.Read,
		`{"escalations": [{"id": "E", "rules": [{"notifyType": "all", "delay": {"timeAmount": 5}, "recipient": {"type": "team", "id": "T"}}], "repeat": {"waitInterval": 5, "count": 2}}]}`,
		`{"users": [{"id": "U", "username": "u", "notification_rules": [{"actionType": "create-alert", "steps": [{"contact": {"method": "sms", "to": "1"}, "sendAfter": {"timeAmount": 1}}]}]}]}`,
	)
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	exporttest.Problems(t, opsgenie.Read, []readingtest.Row{
		{Name: "nothing", Text: "", Want: []string{" wrong_count"}},
		{Name: "another answer", Text: `{"data": []}`, Want: []string{"line 1 missing"}},
		{Name: "not the last page", Text: `{"escalations": {"data": [], "paging": {"next": "https://api.opsgenie.com"}}}`, Want: []string{"line 1: escalations.paging.next incomplete"}},
		{Name: "a user without rules, rules without steps", Text: `{"users": [{"id": "A", "username": "a"},
{"id": "B", "username": "b", "notification_rules": [{"actionType": "create-alert"}]}]}`, Want: []string{"line 1: users[0] missing", "line 2: users[1].notification_rules[0].steps missing"}},
		{Name: "values that are none", Text: `{"escalations": [{"id": "a b", "rules": [{"condition": "never", "notifyType": "nobody", "delay": {"timeAmount": 8, "timeUnit": "days"}, "recipient": {"type": "moon", "id": "M"}}]}]}`, Want: []string{
			"line 1: escalations[0].id invalid_id", "line 1: escalations[0].rules[0].delay.timeAmount out_of_range", "line 1: escalations[0].rules[0].condition unknown_value",
			"line 1: escalations[0].rules[0].notifyType unknown_value", "line 1: escalations[0].rules[0].recipient.type unknown_value",
		}},
	})
}
