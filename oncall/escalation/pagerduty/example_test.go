package pagerduty_test

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/pagerduty"
)

func ExampleRead() {
	a, err := pagerduty.Read(strings.NewReader(`{"escalation_policies": [{
		"id": "PDB", "name": "Database", "num_loops": 2, "escalation_rules": [
			{"id": "PR1", "escalation_delay_in_minutes": 5, "targets": [{"id": "PWEEK", "type": "schedule_reference"}]},
			{"id": "PR2", "escalation_delay_in_minutes": 10, "targets": [{"id": "PALICE", "type": "user_reference"}]}
		]}]}`),
		account.Options{Name: "policies.json", LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("PBOSS")}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := a.Policies[0]
	for _, l := range p.Levels {
		fmt.Println(l.ID, l.Targets[0], l.Delay)
	}
	fmt.Println("repeated", p.Repeat, "times, then", p.LastResort.Targets[0])
	// Output:
	// PR1 primary of PWEEK 5m0s
	// PR2 PALICE 10m0s
	// repeated 2 times, then PBOSS
}
