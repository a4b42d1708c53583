package escalation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/schedule"
)

func rosterPerson(id string) oncall.Person {
	return oncall.Person{ID: id, Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "+49 1"}}}
}

// codes returns the paths and codes of the problems in an error.
func codes(err error) (list []string) {
	for _, p := range sre.ProblemsIn(err) {
		list = append(list, p.Path+": "+p.Code)
	}
	return list
}

func TestRosterReportsAllProblems(t *testing.T) {
	rota := schedule.Schedule{ID: "rota", Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Members: schedule.Each("stranger"), Anchor: "2026-01-01 00:00", Turn: schedule.Days(1)}}}
	c := rota.MustCompile(start, start.AddDate(0, 0, 7))
	_, err := escalation.Roster{
		People: []oncall.Person{rosterPerson("a"), rosterPerson("a"), rosterPerson("x")},
		Teams: []oncall.Team{
			{ID: "self", Members: []string{"self"}}, {ID: "one", Members: []string{"a", "two"}}, {ID: "two", Members: []string{"one", "a"}},
			{ID: "x"}, {ID: "lost", Members: []string{"a", "nobody", "inner"}}, {ID: "inner", Members: []string{"nothing"}}, {ID: "inner"},
		},
		Schedules: []*schedule.Compiled{c, nil, c},
	}.Compile()
	want := []string{
		"people[1].id: duplicate", "teams[3].id: duplicate", "teams[6].id: duplicate", "teams[0]: cycle", "teams[1]: cycle", "teams[2]: cycle",
		"teams[4].members[1]: unknown_member", "teams[5].members[0]: unknown_member",
		"schedules[0]: unknown_person", "schedules[1]: missing", "schedules[2].id: duplicate", "schedules[2]: unknown_person",
	}
	if diff := cmp.Diff(want, codes(err)); diff != "" {
		t.Error(diff)
	}
}

func TestTeamsOfTeams(t *testing.T) {
	roster := escalation.Roster{
		People: []oncall.Person{rosterPerson("a"), rosterPerson("b"), rosterPerson("c")},
		Teams:  []oncall.Team{{ID: "all", Members: []string{"left", "c", "right"}}, {ID: "left", Members: []string{"b", "a"}}, {ID: "right", Members: []string{"a", "left", "a"}}},
	}
	c, err := roster.Compile()
	if err != nil {
		t.Fatal(err)
	}
	roster.Teams[1].Members[0], roster.People[0].Contacts[0].ID = "spoilt", "spoilt"
	if got, known := c.Team("all"); !known || !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("%v, %t", got, known)
	}
	p, _ := c.Person("a")
	p.Contacts[0].ID = "spoilt"
	if plan, _ := c.Plan("a", 1); len(plan) != 1 || plan[0].Contact != "phone" {
		t.Errorf("%v", plan)
	}
}

func TestCheckReportsWhatPagesNobody(t *testing.T) {
	day := func(id string, people ...string) *schedule.Compiled {
		return schedule.Schedule{ID: id, Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Members: schedule.Each(people...), Anchor: "2026-01-01 00:00", Turn: schedule.Days(1)}}}.
			MustCompile(start, start.AddDate(0, 0, 7))
	}
	later := schedule.Schedule{ID: "later", Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Members: schedule.Each("a"), Anchor: "2036-01-01 00:00", From: start.AddDate(10, 0, 0), Turn: schedule.Days(1)}}}.
		MustCompile(start, start.AddDate(0, 0, 7))
	c, err := escalation.Roster{
		People:    []oncall.Person{rosterPerson("a"), {ID: "mute"}},
		Teams:     []oncall.Team{{ID: "mixed", Members: []string{"a", "mute"}}, {ID: "empty"}},
		Schedules: []*schedule.Compiled{day("good", "a"), day("half", "a", "mute"), later},
	}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	level := func(targets ...escalation.Target) escalation.Policy {
		return escalation.Policy{ID: "p", Levels: []escalation.Level{{ID: "l", Targets: targets, Delay: time.Minute}},
			LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("a")}}}
	}
	bad := level(
		escalation.ToPerson("mute"), escalation.ToPerson("nobody"), escalation.ToTeam("mixed"), escalation.ToTeam("empty"), escalation.ToTeam("none"),
		escalation.ToRoundRobin("a", "mute"), escalation.ToSchedule("none", 0), escalation.ToSchedule("half", 0), escalation.ToSchedule("good", oncall.Secondary), escalation.ToSchedule("later", 0),
	)
	bad.LastResort.Targets = []escalation.Target{escalation.ToPerson("mute")}
	at := "levels[0].targets"
	want := []string{
		at + "[0].id: no_contact", at + "[1].id: unknown_person", at + "[2].id: no_contact", at + "[3].id: empty_team", at + "[4].id: unknown_team",
		at + "[5].people[1]: no_contact", at + "[6].id: unknown_schedule", at + "[7].id: no_contact", at + "[8].id: never_on_call", at + "[9].id: never_on_call",
		"last_resort.targets[0].id: no_contact", "last_resort.targets: no_human",
	}
	if diff := cmp.Diff(want, codes(c.Check(bad.MustCompile()))); diff != "" {
		t.Error(diff)
	}
	good := level(escalation.ToPerson("a"), escalation.ToRoundRobin("a"), escalation.ToSchedule("good", 0))
	if err := c.Check(good.MustCompile()); err != nil {
		t.Error(err)
	}
}

func TestTheZeroPolicyStepsNothing(t *testing.T) {
	var zero escalation.Compiled
	var refusal *escalation.Refusal
	if s, out, err := zero.Step(escalation.State{}, escalation.Trigger{ID: "x"}, &escalation.Answers{}, start, nil); !errors.As(err, &refusal) || s.Status != escalation.None || len(out) > 0 {
		t.Errorf("%v, %v, %v", s.Status, out, err)
	}
	if _, err := escalation.Reach(escalation.ReachQuery{Policy: &zero, Roster: new(escalation.CompiledRoster), From: start, To: start.Add(time.Hour)}); err == nil {
		t.Error("the zero policy reaches somebody")
	}
}

// A policy's graph begins where its escalations do, and texts stay texts.
func TestExplanationsAreThoseOfThePolicy(t *testing.T) {
	p := escalation.Policy{
		ID: "p", Name: `a|b *x* \*y* <c> [d](e)`, Repeat: 1,
		Levels: []escalation.Level{
			{ID: "trigger", Targets: []escalation.Target{escalation.ToPerson("a")}, Delay: time.Minute},
			{ID: "l2", Name: `say "no"`, Targets: []escalation.Target{escalation.ToPerson("a")}, Delay: time.Minute},
		},
		BySeverity: []escalation.Rule{{AtLeast: 1, Start: "l2"}, {AtLeast: 3}},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("a")}},
	}.MustCompile()
	if want := `a\|b \*x\* \\\*y\* &lt;c> \[d](e)`; !strings.Contains(p.Markdown(), want) {
		t.Errorf("%s\n\twant %s", p.Markdown(), want)
	}
	for _, want := range []string{
		`"is triggered" -> "trigger" [label="else"]`, `"is triggered" -> "l2" [label="P1 and worse"]`, `"is triggered" -> "trigger" [label="P3 and worse"]`,
		`"l2" -> "is triggered" [label="1 times again"]`, `"l2" [label="say \"no\"\na"]`,
	} {
		if !strings.Contains(p.DOT(), want) {
			t.Errorf("%s\n\twant %s", p.DOT(), want)
		}
	}
}
