package incidentstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/storage"
)

// Run an incident, durably; here in memory.
func Example() {
	desk, err := incidentstore.New(incidentstore.Config{Store: storage.NewMemory(), Policy: incident.Policy{ID: "default"}.MustCompile()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go desk.Run(ctx) // attends to deadlines, and tells those outside

	alice, bob := sre.Actor{Kind: sre.Human, ID: "alice"}, sre.Actor{Kind: sre.Human, ID: "bob"}
	id, state, err := desk.Declare(ctx, alice, incident.Declare{
		Title: "5xx", Services: []string{"checkout"}, Impact: incident.Impact{Users: incident.ShareOf(0.4)},
	})
	fmt.Println(state.Status, state.Severity, err)

	ask := func(by sre.Actor, c incident.Command) {
		state, err = desk.Do(ctx, id, incidentstore.Request{Request: incident.Request{By: by, Command: c}})
		fmt.Println(c.Kind(), state.Status, err)
	}
	ask(alice, incident.Assign{Role: incident.Commander, Person: "bob"})
	ask(alice, incident.Cancel{}) // is not hers to say
	ask(bob, incident.Mitigate{ID: "rollback-1", Type: incident.Rollback, Result: incident.Worked, EndsImpact: true})
	ask(bob, incident.Resolve{Text: "rolled back"})
	// Output:
	// declared P1 <nil>
	// assign declared <nil>
	// cancel declared incident: authority: cancel is for the commander (bob), the deputy
	// mitigate mitigated <nil>
	// resolve resolved <nil>
}

// What would another policy have made of what happened?
func ExampleDesk_ReplayAll() {
	ctx := context.Background()
	desk, err := incidentstore.New(incidentstore.Config{Store: storage.NewMemory(), Policy: incident.Policy{ID: "default"}.MustCompile()})
	if err != nil {
		log.Fatal(err)
	}
	for _, users := range []float64{0.02, 0.06, 0.3} {
		_, _, err := desk.Declare(ctx, sre.Actor{Kind: sre.Service, ID: "monitor"}, incident.Declare{Title: "5xx",
			Impact: incident.Impact{Users: incident.ShareOf(users), BudgetBurn: incident.RateOf(3), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes}})
		if err != nil {
			log.Fatal(err)
		}
	}
	stricter := incident.Policy{ID: "default", Matrix: incident.AtlassianMatrix()}.MustCompile()
	var replays []incident.Replayed
	for r, err := range desk.ReplayAll(ctx, stricter) {
		if err != nil {
			log.Fatal(err)
		}
		replays = append(replays, r)
	}
	fmt.Printf("%d of %d would have been %s\n", incident.Became(2, replays...), len(replays), stricter.Matrix().Name(2))
	// Output: 2 of 3 would have been SEV2
}
