package grafana_test

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/grafana"
)

func ExampleRead() {
	a, err := grafana.Read(strings.NewReader(`{
		"escalation_chains": [{"id": "F1", "name": "Database"}],
		"escalation_policies": [
			{"escalation_chain_id": "F1", "position": 0, "type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": "S1", "important": true},
			{"escalation_chain_id": "F1", "position": 1, "type": "wait", "duration": 300},
			{"escalation_chain_id": "F1", "position": 2, "type": "notify_persons", "persons_to_notify": ["U1", "U2"], "important": true},
			{"escalation_chain_id": "F1", "position": 3, "type": "repeat_escalation"}
		]}`),
		account.Options{Name: "chains.json", LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("U3")}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := a.Policies[0]
	for _, l := range p.Levels {
		fmt.Println(l.ID, l.Targets, l.Delay)
	}
	fmt.Println("repeated", p.Repeat, "times, with", a.Urgencies("F1"), "rules")
	// Output:
	// level-1 [primary of S1] 5m0s
	// level-2 [U1 U2] 5s
	// repeated 5 times, with [important] rules
}
