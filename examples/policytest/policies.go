// Package policytest is how a team tests its own policies: what it has decided
// about deploys, alerts and paging, as code, beside tests that look for a case
// in which a decision does not do what was meant.
//
//	go test ./examples/policytest
//
// Copy the tests, and put your own policies in the place of these.
package policytest

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Rota is the week of the team: somebody in Berlin by day, and somebody in
// Chicago by night.
var Rota = schedule.Schedule{
	ID: "checkout", Zone: "Europe/Berlin",
	Layers: []schedule.Layer{
		{Name: "berlin", Members: schedule.Each("anna", "bert"), Anchor: "2026-01-05 08:00", Turn: schedule.Weeks(1),
			Restrict: []schedule.Restriction{{Clock: []string{"08:00-20:00"}}}},
		{Name: "chicago", Members: schedule.Each("carl", "dora"), Anchor: "2026-01-05 20:00", Turn: schedule.Weeks(1),
			Restrict: []schedule.Restriction{{Clock: []string{"20:00-08:00"}}}},
	},
}

// Paging is who is paged when nobody answers. The manager sleeps unless it is
// serious.
var Paging = escalation.Policy{
	ID: "checkout", Zone: "Europe/Berlin",
	Levels: []escalation.Level{
		{ID: "on-call", Targets: []escalation.Target{escalation.ToSchedule("checkout", oncall.Primary)}, Delay: 5 * time.Minute},
		{ID: "team", Targets: []escalation.Target{escalation.ToTeam("checkout")}, Delay: 10 * time.Minute},
		{ID: "manager", Targets: []escalation.Target{escalation.ToPerson("mara")}, Delay: 15 * time.Minute, When: escalation.When{AtLeast: 2}},
	},
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("nora")}},
	BySeverity: []escalation.Rule{{AtLeast: 1, Acknowledge: escalation.Promise{Within: 8 * time.Minute, Level: "manager"}}},
}

// Roster is everybody, and how they are reached.
func Roster(from, to time.Time) (*escalation.CompiledRoster, error) {
	person := func(id, zone string) oncall.Person {
		return oncall.Person{
			ID: id, Zone: zone,
			Contacts: []oncall.Contact{{ID: "app", Kind: oncall.Push, Address: "device-of-" + id}, {ID: "phone", Kind: oncall.Voice, Address: "number-of-" + id}},
			Rules:    []oncall.ContactRule{{Contact: "app"}, {Contact: "phone", After: 2 * time.Minute}},
		}
	}
	rota, err := Rota.Compile(from, to)
	if err != nil {
		return nil, err
	}
	return escalation.Roster{
		People: []oncall.Person{
			person("anna", "Europe/Berlin"), person("bert", "Europe/Berlin"), person("carl", "America/Chicago"), person("dora", "America/Chicago"),
			person("mara", "Europe/Berlin"), person("nora", "Europe/Berlin"),
		},
		Teams:     []oncall.Team{{ID: "checkout", Members: []string{"anna", "bert", "carl", "dora"}}},
		Schedules: []*schedule.Compiled{rota},
	}.Compile()
}

// Routing is what pages.
var Routing = routing.Policy{
	ID: "checkout", Default: "checkout",
	Routes:  []routing.Route{{Name: "mild", AtMost: 3, Action: routing.Ticket, Owner: "checkout"}},
	Require: routing.Requirements{Annotations: []string{"runbook_url"}},
}

// Deploys is the team's own rule about deploys, in front of the policy of the
// library: a plain Go function.
func Deploys(policy *budget.Compiled) func([]budget.Status, budget.Change, sre.Outcome, time.Time) sre.Outcome {
	return func(statuses []budget.Status, c budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
		outcome := policy.Decide(statuses, c, prev, now).Outcome
		if c.Purpose == budget.Feature && now.UTC().Weekday() == time.Friday {
			return sre.Worst(outcome, sre.Hold) // not on a Friday
		}
		return outcome
	}
}
