package escalation_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// holey is on call from nine to five, Monday to Friday, in Chicago.
func reachRoster(t testing.TB, rules ...oncall.ContactRule) *escalation.CompiledRoster {
	contacts := []oncall.Contact{{ID: "mail", Kind: oncall.Email, Address: "x"}, {ID: "push", Kind: oncall.Push, Address: "x"}, {ID: "voice", Kind: oncall.Voice, Address: "x"}}
	office := schedule.Schedule{ID: "office", Zone: "America/Chicago", Layers: []schedule.Layer{{
		Name:    "office",
		Members: schedule.Each("alice", "bob"), Anchor: "2026-03-02 09:00", Turn: schedule.Days(1),
		Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}, Clock: []string{"09:00-17:00"}}},
	}}}
	all := schedule.Schedule{ID: "all", Zone: "UTC", Layers: []schedule.Layer{{Name: "all", Members: schedule.Each("carol", "dave"), Anchor: "2026-03-02 09:00", Turn: schedule.Hours(7)}}}
	from, to := start.AddDate(0, -1, 0), start.AddDate(0, 2, 0)
	var people []oncall.Person
	for _, id := range []string{"alice", "bob", "carol", "dave", "boss"} {
		p := oncall.Person{ID: id, Contacts: contacts, Rules: rules}
		if id == "dave" {
			p.Rules = []oncall.ContactRule{{Contact: "mail"}, {Contact: "voice", After: 4 * time.Minute}}
		}
		people = append(people, p)
	}
	r, err := escalation.Roster{People: people, Schedules: []*schedule.Compiled{office.MustCompile(from, to), all.MustCompile(from, to)}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var reachPolicy = escalation.Policy{
	ID: "p", Zone: "Europe/Berlin",
	Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("office", 0)}, Delay: 5 * time.Minute},
		{ID: "l2", Targets: []escalation.Target{escalation.ToSchedule("all", 0)}, Delay: 3 * time.Minute,
			When: escalation.When{Hours: []oncall.Hours{{From: "06:30", To: "23:00"}}}},
		{ID: "l3", Targets: []escalation.Target{escalation.ToRoundRobin("carol", "dave", "bob")}, Delay: 2 * time.Minute},
	},
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
}

// Reach equals a simulation of each single second around what happens, and of
// random instants in between.
func TestReachEqualsSimulation(t *testing.T) {
	rules := []oncall.ContactRule{{Contact: "mail"}, {Contact: "push", After: 90 * time.Second}}
	q := escalation.ReachQuery{
		Policy: reachPolicy.MustCompile(), Roster: reachRoster(t, rules...), Severity: 1,
		From: start, To: start.AddDate(0, 0, 30),
		Latency: map[oncall.ContactKind]time.Duration{oncall.Push: 10 * time.Second, oncall.Voice: time.Minute},
	}
	r, err := escalation.Reach(q)
	if err != nil {
		t.Fatal(err)
	}
	at := q.From
	worst := time.Duration(0)
	random := rand.New(rand.NewPCG(1, 2))
	for i, s := range r.Stretches {
		if !s.From.Equal(at) || !s.To.After(s.From) {
			t.Fatalf("stretch %d runs from %v to %v, want it to begin at %v", i, s.From, s.To, at)
		}
		at = s.To
		worst = max(worst, s.After)
		for _, trigger := range []time.Time{s.From, s.To.Add(-time.Second), s.From.Add(time.Duration(random.Int64N(int64(s.To.Sub(s.From)))))} {
			if got := slowReach(t, q, trigger, 3); got != s.After {
				t.Errorf("%v\n\tbut the simulation of %v says %v", s, trigger, got)
			}
		}
	}
	if !at.Equal(q.To) || worst != r.Worst || r.Stretches[r.WorstAt].After != worst {
		t.Errorf("the stretches end at %v with a worst of %v; the result says %v", at, worst, r)
	}
	if len(r.Stretches) < 60 {
		t.Errorf("%d stretches: the test tests too little", len(r.Stretches))
	}
}

// slowReach steps second by second.
func slowReach(t *testing.T, q escalation.ReachQuery, trigger time.Time, turns uint64) time.Duration {
	worst := time.Duration(0)
	for turn := range turns {
		s, out, err := q.Policy.Step(escalation.State{}, escalation.Trigger{ID: "x", Severity: q.Severity, Turn: turn}, q.Roster, trigger, nil)
		if err != nil {
			t.Fatal(err)
		}
		best := time.Duration(1<<63 - 1)
		for now := trigger; now.Sub(trigger) < best && now.Sub(trigger) < 2*time.Hour; now = now.Add(500 * time.Millisecond) {
			for _, e := range out {
				p, _ := q.Roster.Person(e.Person)
				if c, ok := p.Contact(e.Contact); ok && e.Kind == escalation.Deliver && c.Kind != oncall.Email {
					best = min(best, e.At.Add(q.Latency[c.Kind]).Sub(trigger))
				}
			}
			if s, out, err = q.Policy.Step(s, escalation.Tick{}, q.Roster, now.Add(500*time.Millisecond), nil); err != nil {
				t.Fatal(err)
			}
		}
		worst = max(worst, best)
	}
	return worst
}

// Three calls in five minutes by one provider: the seventh waits ten minutes.
func TestReachOfAStorm(t *testing.T) {
	p := escalation.Policy{ID: "p", Levels: []escalation.Level{{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice"), escalation.ToPerson("bob")}, Delay: time.Hour}}, LastResort: reachPolicy.LastResort}
	for _, c := range []struct {
		storm     int
		throttles []escalation.Throttle
		want      time.Duration
	}{
		{1, nil, 0},
		{7, nil, 0},
		{7, []escalation.Throttle{{Kind: oncall.Push, N: 1, Per: time.Second}}, 0}, // calls are not throttled
		{7, []escalation.Throttle{{Kind: oncall.Voice, N: 3, Per: 5 * time.Minute, PerContact: true}}, 10 * time.Minute},
		{7, []escalation.Throttle{{Kind: oncall.Voice, N: 3, Per: 5 * time.Minute}}, 20 * time.Minute}, // the 13th call of 14
		{100, []escalation.Throttle{{Kind: oncall.Voice, N: 1, Per: time.Second, PerContact: true}}, 99 * time.Second},
		{4, []escalation.Throttle{ // one a minute, three in fifteen minutes, each contact
			{Kind: oncall.Voice, N: 1, Per: time.Minute, PerContact: true}, {Kind: oncall.Voice, N: 3, Per: 15 * time.Minute, PerContact: true},
		}, 15 * time.Minute},
	} {
		r, err := escalation.Reach(escalation.ReachQuery{
			Policy: p.MustCompile(), Roster: reachRoster(t, oncall.ContactRule{Contact: "voice"}), Severity: 1,
			From: start, To: start.Add(time.Hour), Storm: c.storm, Throttles: c.throttles,
		})
		if err != nil || r.Worst != c.want {
			t.Errorf("%d at once, throttled by %v: %v, %v; want %v", c.storm, c.throttles, r.Worst, err, c.want)
		}
	}
}

func TestReachNobody(t *testing.T) {
	r, err := escalation.Reach(escalation.ReachQuery{Policy: reachPolicy.MustCompile(), Roster: reachRoster(t, oncall.ContactRule{Contact: "mail"}), Severity: 1, From: start, To: start.AddDate(0, 0, 1), Counts: []oncall.ContactKind{oncall.SMS}})
	if err != nil || !r.Never || len(r.Stretches) != 1 || len(r.Over(time.Hour)) != 1 {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := escalation.Reach(escalation.ReachQuery{}); err == nil {
		t.Error("an empty query is answered")
	}
}

// A team's promise as a test: a P1 reaches somebody within five minutes at
// every instant of a quarter.
func ExampleReach() {
	day := func(id, from, to string) schedule.Layer {
		return schedule.Layer{
			Name:    id,
			Members: schedule.Each(id), Anchor: "2026-01-01 00:00", Turn: schedule.Weeks(1),
			Restrict: []schedule.Restriction{{Clock: []string{from + "-" + to}}},
		}
	}
	rota := schedule.Schedule{ID: "db", Zone: "Europe/Berlin", Layers: []schedule.Layer{
		day("alice", "06:00", "18:00"), day("bob", "18:00", "05:30"), // half an hour is missing
	}}
	from, to := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	phone := []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "+49 30 1"}}
	roster, err := escalation.Roster{
		People:    []oncall.Person{{ID: "alice", Contacts: phone}, {ID: "bob", Contacts: phone}, {ID: "carol", Contacts: phone}},
		Schedules: []*schedule.Compiled{rota.MustCompile(from, to)},
	}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "database", Targets: []escalation.Target{escalation.ToSchedule("db", oncall.Primary)}, Delay: 5 * time.Minute},
		},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("carol")}},
	}
	r, err := escalation.Reach(escalation.ReachQuery{
		Policy: policy.MustCompile(), Roster: roster, Severity: 1, From: from, To: to,
		Latency: map[oncall.ContactKind]time.Duration{oncall.Voice: 30 * time.Second},
	})
	fmt.Println(r, err)
	fmt.Println(r.Stretches[1])
	// Output:
	// at worst a trigger from 2026-03-01 00:00:00Z to 2026-03-01 04:30:00Z reaches bob by phone after 30s, at level database <nil>
	// a trigger from 2026-03-01 04:30:00Z to 2026-03-01 05:00:00Z reaches carol by phone after 30s, at level last_resort
}
