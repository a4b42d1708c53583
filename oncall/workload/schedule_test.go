package workload_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/workload"
)

// Lint and edits of a schedule respect the limits of a team.
func TestSchedulesRespectLimits(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	rota := schedule.Schedule{ID: "shop", Zone: "UTC", Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob", "carol"), Anchor: "2026-03-02", Turn: schedule.Weeks(1)}}}
	c := rota.MustCompile(from, from.AddDate(0, 0, 42))
	limits, err := workload.Limits{MaxRun: 7 * 24 * time.Hour, MinRest: 14 * 24 * time.Hour}.ForSchedule()
	if err != nil {
		t.Fatal(err)
	}
	if found := c.Lint(from, from.AddDate(0, 0, 42), limits); len(found) != 0 {
		t.Errorf("a rota within the limits: %v", found)
	}
	strict, _ := workload.Limits{MaxRun: 24 * time.Hour}.ForSchedule()
	if found := c.Lint(from, from.AddDate(0, 0, 42), strict); len(found) != 6 || found[0].Code != workload.RunTooLong || found[0].Person != "alice" {
		t.Errorf("six turns of a week against a limit of a day: %v", found)
	}

	without := schedule.Edit{Layer: "weekly", At: from.AddDate(0, 0, 21), Members: schedule.Each("alice", "bob")}
	_, _, err = c.Edit(without, limits)
	list := sre.ProblemsIn(err)
	if len(list) == 0 || list[0].Code != workload.RestTooShort {
		t.Errorf("an edit after which two people share the work of three: %v, want a problem of rest", err)
	}
	if _, _, err := c.Edit(without, strict); err == nil {
		t.Error("an edit that makes new runs that are too long was not refused")
	}
	if _, changes, err := c.Edit(without); err != nil || len(changes) == 0 {
		t.Errorf("without limits: %v, %v", changes, err)
	}
	with := schedule.Edit{Layer: "weekly", At: from.AddDate(0, 0, 21), Members: schedule.Each("alice", "bob", "carol", "dave")}
	if _, _, err := c.Edit(with, limits); err != nil {
		t.Errorf("an edit that adds rest: %v", err)
	}
	rota.Overrides = []schedule.Override{{ID: "forever", Start: from, End: from.AddDate(8, 0, 0), Add: "dave"}} // one shift longer than facts may have
	long := rota.MustCompile(from, from.AddDate(9, 0, 0))
	found := slices.DeleteFunc(long.Lint(from, from.AddDate(9, 0, 0), strict), func(f schedule.Finding) bool { return f.Person != "dave" })
	if len(found) != 1 || found[0].Code != workload.RunTooLong {
		t.Errorf("a shift of eight years: %v, want a run that is too long", found)
	}
	if _, err := (workload.Limits{MaxRun: -1}).ForSchedule(); err == nil {
		t.Error("limits below zero make a check")
	}
}
