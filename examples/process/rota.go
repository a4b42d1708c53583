package main

import (
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Who answers for the shop: two people at a time, who hand off on Mondays.
var rota = schedule.Schedule{
	ID: "shop", Zone: "Europe/Berlin",
	Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob", "carol"), Anchor: "2026-01-05 09:00", Turn: schedule.Weeks(1),
		Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}},
	}},
	Absences: []schedule.Absence{{Person: "alice", Reason: "vacation",
		Start: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)}},
}
