package fromalert_test

import (
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/fromalert"
)

// A webhook of Alertmanager becomes an incident.
func Example() {
	p := fromalert.Policy{ID: "shop", Keys: []string{"service"}, Lateness: fromalert.None}.MustCompile()
	decoder := p.NewDecoder()
	var state fromalert.State

	events, dropped, err := decoder.Decode(message(oneAlert(1, "firing"), oneAlert(201, "firing")), at(60), nil)
	fmt.Println(len(events), len(dropped), err)
	for _, d := range p.Step(&state, events, nil, at(60), nil) {
		if d.Kind == fromalert.Ignore {
			continue // that the message leaves no alert out
		}
		fmt.Println(d.Kind, d.Alert, d.Why.Reason().Text)
		for _, r := range d.Requests(p, sre.Actor{Kind: sre.Service, ID: "fromalert"}) {
			fmt.Println(" ", r.Command.Kind())
		}
	}
	// Output:
	// 3 0 <nil>
	// declare 9e3779b97f4a7c15 an alert fires, and its group has no incident that takes it
	//   declare
	// link 398e92a4f17b6c7d its group has had this incident since 2026-03-02T09:01:00Z, which still takes alerts
	//   link
}
