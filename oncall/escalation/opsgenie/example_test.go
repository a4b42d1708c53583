package opsgenie_test

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/opsgenie"
)

func ExampleRead() {
	a, err := opsgenie.Read(strings.NewReader(`{"escalations": {"data": [{"id": "e1", "name": "Database", "rules": [
		{"condition": "if-not-acked", "notifyType": "default", "delay": {"timeAmount": 0}, "recipient": {"type": "schedule", "id": "s1"}},
		{"condition": "if-not-acked", "notifyType": "next", "delay": {"timeAmount": 5}, "recipient": {"type": "schedule", "id": "s1"}},
		{"condition": "if-not-acked", "notifyType": "all", "delay": {"timeAmount": 10}, "recipient": {"type": "team", "id": "t1"}}
	]}]}}`),
		account.Options{Name: "escalations.json", LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("u1")}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range a.Policies[0].Levels {
		fmt.Println(l.ID, l.Targets[0], l.Delay)
	}
	fmt.Println(a.Dropped[0])
	fmt.Println("inexact:", a.Inexact)
	// Output:
	// level-1 primary of s1 10m0s
	// level-2 team t1 15m0s
	// escalations.json:3: escalations.data[0].rules[1]: not_expressible: want nothing: a level has who is on call, not who was or will be
	// inexact: [e1]
}
