package incident_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// A program that keeps incidents itself: it asks the policy what a command
// makes, keeps the events, and folds them.
func Example() {
	policy := incident.Policy{ID: "shop"}.MustCompile()
	var state incident.State
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	give := func(by, reason string, command incident.Command) {
		r := incident.Request{By: sre.Actor{Kind: sre.Human, ID: by}, Reason: reason, Command: command}
		events, err := policy.Handle(&state, r, now)
		if err != nil {
			fmt.Println(now.Format("15:04"), by, err)
		}
		for i := range events {
			state.Apply(&events[i]) // and keep it, in the same transaction
			fmt.Println(now.Format("15:04"), by, command.Kind(), "->", state.Status, state.Severity)
		}
		now = now.Add(4 * time.Minute)
	}

	give("alice", "", incident.Declare{ID: "2026-11-02", Title: "5xx in checkout", Services: []string{"checkout"}}) // nothing is known: the worst
	give("alice", "", incident.Assign{Role: incident.Commander, Person: "alice"})
	give("bob", "4 % of users", incident.Triage{Severity: 2})
	give("alice", "4 % of users", incident.Triage{Severity: 2})
	give("alice", "", incident.Leave{Role: incident.Commander, Person: "alice"})
	give("alice", "", incident.Offer{Role: incident.Commander, Person: "carol", Note: "the rollback is running"})
	give("carol", "", incident.Accept{Role: incident.Commander})
	give("bob", "", incident.Mitigate{ID: "m1", Type: incident.Rollback, Change: "deploy-17", Result: incident.Worked, EndsImpact: true})
	give("carol", "", incident.Resolve{})
	give("carol", "", incident.Close{})
	give("bob", "", incident.Verify{Recovered: incident.Recovered})
	give("carol", "the alert was early enough", incident.ReviewRunbooks{})
	give("carol", "", incident.Close{})

	fmt.Println("to mitigate:", state.Between(incident.DeclaredAt, incident.MitigatedAt, now).For)
	fmt.Println("worst:", state.Worst, "in it:", state.InSeverity(now)[1])
	// Output:
	// 10:00 alice declare -> declared P1
	// 10:04 alice assign -> declared P1
	// 10:08 bob incident: authority: triage is for the commander (alice), the deputy
	// 10:12 alice triage -> triaged P2
	// 10:16 alice incident: vacancy: hand the command off: offer it, and wait until it is accepted
	// 10:20 alice offer -> triaged P2
	// 10:24 carol accept -> triaged P2
	// 10:28 bob mitigate -> mitigated P2
	// 10:32 carol resolve -> resolved P2
	// 10:36 carol incident: unverified: a verified recovery, or an override that says why not
	// 10:40 bob verify -> resolved P2
	// 10:44 carol review_runbooks -> resolved P2
	// 10:48 carol close -> closed P2
	// to mitigate: 28m0s
	// worst: P1 in it: 12m0s
}

// Would last year's incidents have been worse under another matrix?
func ExampleCompiled_Replay() {
	old := incident.Policy{ID: "2025"}.MustCompile()
	stricter := incident.Policy{ID: "2026", Matrix: incident.Matrix{Rows: []incident.Row{
		{Severity: 1, Any: []incident.Condition{{Users: 0.25}, {DataLoss: incident.Yes}, {Security: incident.Yes}}},
		{Severity: 2, Any: []incident.Condition{{Users: 0.01}}},
		{Severity: 3, Any: []incident.Condition{{Users: 0.001}}},
		{Severity: 4},
	}}}.MustCompile()

	var replays []incident.Replayed
	for i, users := range []float64{0.0001, 0.02, 0.03, 0.2, 0.5} { // five recorded incidents
		declare := incident.Declare{ID: fmt.Sprint("i", i), Title: "5xx", Impact: incident.Impact{
			Users: incident.ShareOf(users), BudgetBurn: incident.RateOf(1), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes}}
		log, err := old.Handle(&incident.State{}, incident.Request{By: human("alice"), Command: declare}, monday)
		if err != nil {
			fmt.Println(err)
		}
		replayed, err := stricter.Replay(slices.Values(log))
		if err != nil {
			fmt.Println(err)
		}
		replays = append(replays, replayed)
	}
	fmt.Printf("with the new matrix %d of %d would have been P2 instead\n", incident.Became(2, replays...), len(replays))
	fmt.Print(replays[1].Text(nil))
	// Output:
	// with the new matrix 2 of 5 would have been P2 instead
	// event 1: P3 would have been P2
}

// A page for a status site is made of what everybody may see.
func ExampleState_Public() {
	policy := incident.Policy{ID: "shop"}.MustCompile()
	var state incident.State
	for _, command := range []incident.Command{
		incident.Declare{ID: "i", Title: "Errors in checkout", Severity: 1},
		incident.Link{Type: incident.LinkAlert, ID: "db-7-down"},
	} {
		events, err := policy.Handle(&state, incident.Request{By: human("alice"), Command: command}, monday)
		if err != nil {
			fmt.Println(err)
		}
		for i := range events {
			state.Apply(&events[i])
		}
	}
	view, ok := state.Public()
	fmt.Println(ok, view.Title, view.Status, view.Severity)
	// Output:
	// true Errors in checkout declared P1
}
