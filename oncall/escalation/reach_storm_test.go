package escalation_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// The worst delay of a storm is what a simulation says that looks at every
// second, and at everything that was ever sent.
func TestReachOfAStormEqualsSimulation(t *testing.T) {
	cases := 40
	if testing.Short() {
		cases = 15
	}
	random := rand.New(rand.NewPCG(5, 6))
	late, nobody, split := 0, 0, 0
	for i := range cases {
		q := stormQuery(t, random)
		r, err := escalation.Reach(q)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if len(r.Stretches) > 1 {
			split++
		}
		for _, s := range r.Stretches[:min(3, len(r.Stretches))] {
			for _, trigger := range []time.Time{s.From, s.To.Add(-time.Nanosecond), s.From.Add(s.To.Sub(s.From) / 3)} {
				worst := time.Duration(-1)
				for turn := range uint64(6) { // round robins of two and three
					worst = max(worst, slowStorm(t, q, trigger, turn+600))
				}
				switch {
				case worst == forever:
					nobody++
				case worst > time.Minute:
					late++
				}
				if worst != s.After {
					t.Errorf("case %d: %v\n\tbut the simulation of %v says %v\n\t%+v\n\tthrottles %v, storm %d", i, s, trigger, worst, q.Policy.Policy(), q.Throttles, q.Storm)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	if late == 0 || nobody == 0 || split == 0 {
		t.Errorf("%d late, %d that reach nobody, %d with several stretches: the test tests too little", late, nobody, split)
	}
}

const forever = time.Duration(1<<63 - 1)

func stormQuery(t *testing.T, random *rand.Rand) escalation.ReachQuery {
	pick := func(n int) int { return random.IntN(n) }
	contacts := []oncall.Contact{{ID: "mail", Kind: oncall.Email, Address: "x"}, {ID: "push", Kind: oncall.Push, Address: "x"}, {ID: "voice", Kind: oncall.Voice, Address: "x"}}
	ids := []string{"a", "b", "c", "d"}
	var people []oncall.Person
	for _, id := range ids {
		p := oncall.Person{ID: id, Contacts: contacts}
		for range 1 + pick(3) {
			p.Rules = append(p.Rules, oncall.ContactRule{Contact: contacts[pick(3)].ID, After: time.Duration(pick(7)*20) * time.Second})
		}
		if pick(8) == 0 {
			p.Rules = []oncall.ContactRule{{Contact: "mail"}}
		}
		people = append(people, p)
	}
	// Berlin's clocks go forward at 01:00Z of this day.
	from := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)
	rota := schedule.Schedule{ID: "s", Zone: "Europe/Berlin", Layers: []schedule.Layer{{
		Name: "l", Members: schedule.Each("a", "b"), Anchor: "2026-03-01 00:00", Turn: schedule.Hours(1),
		Restrict: []schedule.Restriction{{Clock: []string{"22:00-03:10"}}},
	}}}
	roster, err := escalation.Roster{
		People: people, Teams: []oncall.Team{{ID: "t", Members: []string{"c", "d"}}},
		Schedules: []*schedule.Compiled{rota.MustCompile(from.Add(-time.Hour), from.Add(20*time.Minute))}, // the rest is beyond its horizon
	}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	target := func() escalation.Target {
		switch pick(6) {
		case 0:
			return escalation.ToSchedule("s", 0)
		case 1:
			return escalation.ToTeam("t")
		case 2:
			return escalation.ToRoundRobin("a", "c")
		case 3:
			return escalation.ToRoundRobin("b", "d", "a")
		case 4:
			return escalation.ToPerson([]string{"nobody", "a", "b"}[pick(3)])
		}
		return escalation.ToPerson(ids[pick(4)])
	}
	p := escalation.Policy{ID: "p", Zone: "Europe/Berlin", Repeat: pick(2), LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson(ids[pick(4)])}, Every: time.Duration(1+pick(3)) * time.Minute}}
	for i := range 1 + pick(3) {
		l := escalation.Level{ID: string(rune('x' + i)), Delay: time.Duration(1+pick(9)) * 15 * time.Second}
		for range 1 + pick(2) {
			l.Targets = append(l.Targets, target())
		}
		if pick(3) == 0 {
			l.When.Hours = []oncall.Hours{{From: "23:00", To: []string{"01:45", "02:30", "03:10"}[pick(3)]}}
		}
		l.When.MaxLoad = pick(3) // of whom "a" has one
		p.Levels = append(p.Levels, l)
	}
	if pick(3) == 0 {
		p.BySeverity = []escalation.Rule{{AtLeast: 2, Acknowledge: escalation.Promise{Within: 50 * time.Second, Level: p.Levels[len(p.Levels)-1].ID}, Respond: escalation.Promise{Within: 70 * time.Second, Level: escalation.LastResortLevel}}}
	}
	q := escalation.ReachQuery{
		Policy: p.MustCompile(), Roster: roster.WithLoad(func(id string) (int, bool) { return 1, id == "a" }), Severity: 1, From: from.Add(time.Duration(pick(1000)) * time.Millisecond), To: from.Add(time.Hour),
		Storm: 1 + pick(5), Latency: map[oncall.ContactKind]time.Duration{oncall.Push: time.Duration(pick(3)) * 10 * time.Second},
	}
	for range pick(4) {
		q.Throttles = append(q.Throttles, escalation.Throttle{
			Kind: []oncall.ContactKind{oncall.Voice, oncall.Push, oncall.Email}[pick(3)], PerContact: pick(2) == 0, N: 1 + pick(3), Per: time.Duration(1+pick(12)) * 10 * time.Second,
		})
	}
	return q
}

// slowStorm plays a storm second by second. The last one has that turn.
func slowStorm(t *testing.T, q escalation.ReachQuery, trigger time.Time, turn uint64) time.Duration {
	type message struct {
		due             int
		last            bool
		kind            oncall.ContactKind
		person, contact string
	}
	type record struct {
		at              int
		kind            oncall.ContactKind
		person, contact string
	}
	counts := func(k oncall.ContactKind) bool { return k == oncall.Push || k == oncall.SMS || k == oncall.Voice }
	states := make([]escalation.State, q.Storm)
	var waiting []message
	var sent []record
	best := forever
	for second := range 3000 {
		now := trigger.Add(time.Duration(second) * time.Second)
		if time.Duration(second)*time.Second >= best {
			return best
		}
		for n := range states {
			var in escalation.Input = escalation.Tick{}
			if second == 0 {
				in = escalation.Trigger{ID: "x", Severity: q.Severity, Turn: turn - uint64(q.Storm-1-n)}
			}
			s, out, err := q.Policy.Step(states[n], in, q.Roster, now, nil)
			if err != nil {
				t.Fatal(err)
			}
			states[n] = s
			for _, e := range out {
				p, _ := q.Roster.Person(e.Person)
				if c, ok := p.Contact(e.Contact); ok && e.Kind == escalation.Deliver {
					waiting = append(waiting, message{second, n == q.Storm-1, c.Kind, e.Person, e.Contact})
				}
			}
		}
		for i := 0; i < len(waiting); i++ {
			m := waiting[i]
			allowed := true
			for _, throttle := range q.Throttles {
				in := 0
				for _, r := range sent {
					if throttle.Kind == m.kind && r.kind == m.kind && (!throttle.PerContact || r.person == m.person && r.contact == m.contact) && time.Duration(second-r.at)*time.Second < throttle.Per {
						in++
					}
				}
				allowed = allowed && (throttle.Kind != m.kind || in < throttle.N)
			}
			if !allowed {
				continue
			}
			sent = append(sent, record{second, m.kind, m.person, m.contact})
			if m.last && counts(m.kind) {
				best = min(best, time.Duration(second)*time.Second+q.Latency[m.kind])
			}
			waiting = slices.Delete(waiting, i, i+1)
			i--
		}
	}
	return best
}

// Each escalation of a storm has the next turn, and a call waits for no throttle
// that is not its own.
func TestReachOfAStormByTurnsAndContacts(t *testing.T) {
	robin := escalation.Policy{ID: "p", LastResort: reachPolicy.LastResort, Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToRoundRobin("alice", "bob")}, Delay: time.Hour},
	}}
	both := escalation.Policy{ID: "p", LastResort: reachPolicy.LastResort, Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice")}, Delay: time.Minute},
		{ID: "l2", Targets: []escalation.Target{escalation.ToRoundRobin("bob", "carol")}, Delay: time.Hour},
	}}
	minute := escalation.Throttle{Kind: oncall.Voice, N: 1, Per: time.Minute, PerContact: true}
	quarter := escalation.Throttle{Kind: oncall.Voice, N: 1, Per: 15 * time.Minute, PerContact: true}
	shared := escalation.Throttle{Kind: oncall.Voice, N: 1, Per: time.Second}
	for name, c := range map[string]struct {
		policy    escalation.Policy
		storm     int
		throttles []escalation.Throttle
		want      time.Duration
	}{
		"the third calls who was called first":           {robin, 3, []escalation.Throttle{minute}, time.Minute},
		"the tenth is the fifth for its person":          {robin, 10, []escalation.Throttle{minute, shared}, 4*time.Minute + time.Second},
		"the second level does not wait for the first's": {both, 2, []escalation.Throttle{quarter, shared}, 61 * time.Second},
	} {
		r, err := escalation.Reach(escalation.ReachQuery{
			Policy: c.policy.MustCompile(), Roster: reachRoster(t, oncall.ContactRule{Contact: "voice"}), Severity: 1,
			From: start, To: start.Add(time.Hour), Storm: c.storm, Throttles: c.throttles,
		})
		if err != nil || r.Worst != c.want {
			t.Errorf("%s: %v, %v; want %v", name, r, err, c.want)
		}
	}
}
