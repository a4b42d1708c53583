package escalation_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// A program that keeps escalations itself: it steps what is due, keeps the
// state, and sends what is asked for.
func Example() {
	policy := escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "first", Targets: []escalation.Target{escalation.ToPerson("alice")}, Delay: 5 * time.Minute},
			{ID: "second", Targets: []escalation.Target{escalation.ToPerson("bob")}, Delay: 5 * time.Minute},
		},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
	}.MustCompile()
	roster, err := escalation.Roster{People: []oncall.Person{
		{ID: "alice", Contacts: []oncall.Contact{{ID: "app", Kind: oncall.Push, Address: "alice-phone"}}},
		{ID: "bob", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "+4930123"}}},
		{ID: "boss", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "+4930124"}}},
	}}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}

	var table escalation.Table
	step := func(s escalation.State, in escalation.Input, now time.Time) {
		s, effects, err := policy.Step(s, in, roster, now, nil)
		if err != nil { // it was refused, and nothing has changed
			fmt.Println(err)
			return
		}
		table.Put(s) // durably, and before anything is sent
		for _, e := range effects {
			if e.Kind == escalation.Deliver && s.Wants(e) {
				fmt.Println(now.Format("15:04"), "page", e.Person, "by", e.Contact)
			}
		}
	}
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	step(escalation.State{}, escalation.Trigger{ID: "db-down", Severity: 1, Title: "database is down"}, now)
	now = table.NextDue()
	for s := range table.Due(now) {
		step(s, escalation.Tick{}, now)
	}
	s, _ := table.Get("db-down")
	step(s, escalation.Ack{By: "bob"}, now.Add(time.Minute))
	s, _ = table.Get("db-down")
	fmt.Println(s.Status, "by", s.By, table.NextDue().IsZero())
	// Output:
	// 03:00 page alice by app
	// 03:05 page bob by phone
	// acknowledged by bob true
}
