package bench

import (
	"context"
	"testing"
	"time"

	"github.com/looplab/fsm"
	"github.com/qmuntal/stateless"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

var instant = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// cycle is the life that all of them lead: one transition after the other.
var cycle = []string{"triage", "mitigate", "resolve", "close", "reopen", "mitigate", "resolve", "close", "reopen"}

func declared() incident.State {
	var s incident.State
	s.Apply(&incident.Event{Seq: 1, At: instant, Recorded: instant, Command: incident.Declare{ID: "i", Title: "5xx", Severity: 1}})
	return s
}

// commands are those of cycle, the first one aside.
func commands() []incident.Command {
	return []incident.Command{
		incident.Mitigate{ID: "m", Result: incident.Worked, EndsImpact: true}, incident.Resolve{}, incident.Close{}, incident.Reopen{},
	}
}

// BenchmarkTransition changes the status of one machine, ours and two others. The
// others ask a table and set a string or a value; ours also keeps milestones,
// severities and who changed what.
func BenchmarkTransition(b *testing.B) {
	b.Run("incident.Transition", func(b *testing.B) {
		b.ReportAllocs()
		kinds := []incident.Kind{incident.KindMitigate, incident.KindResolve, incident.KindClose, incident.KindReopen}
		s := incident.Triaged
		for i := 0; b.Loop(); i++ {
			kind := kinds[i&3]
			cell := incident.Transition(s, kind)
			if cell.Verdict != incident.Allowed {
				b.Fatal(s, kind)
			}
			if s = cell.To; kind == incident.KindMitigate {
				s = incident.Mitigated
			}
		}
	})
	b.Run("incident.Apply", func(b *testing.B) {
		b.ReportAllocs()
		s := declared()
		list := commands()
		events := make([]incident.Event, len(list))
		for i := range events {
			events[i] = incident.Event{At: instant, Recorded: instant, Command: list[i]}
		}
		for i := 0; b.Loop(); i++ {
			e := &events[i&3]
			e.Seq = s.Seq + 1
			s.Apply(e)
			s.Past = s.Past[:0] // as many episodes as no incident has
		}
	})
	b.Run("incident.Handle+Apply", func(b *testing.B) {
		b.ReportAllocs()
		policy := incident.Policy{ID: "p"}.MustCompile()
		s := declared()
		s.Status = incident.Triaged
		list := commands()
		list[2] = incident.Close{Override: "measured"}
		request := incident.Request{By: sre.Actor{Kind: sre.Human, ID: "alice"}}
		for i := 0; b.Loop(); i++ {
			s.Reviewed = true
			request.Command = list[i&3]
			events, err := policy.Handle(&s, request, instant)
			if err != nil {
				b.Fatal(err)
			}
			for j := range events {
				s.Apply(&events[j])
			}
			s.Past = s.Past[:0]
		}
	})
	b.Run("looplab/fsm", func(b *testing.B) {
		b.ReportAllocs()
		m := looplab()
		ctx := context.Background()
		for i := 0; b.Loop(); i++ {
			if err := m.Event(ctx, cycle[i%len(cycle)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("qmuntal/stateless", func(b *testing.B) {
		b.ReportAllocs()
		m := qmuntal()
		for i := 0; b.Loop(); i++ {
			if err := m.Fire(cycle[i%len(cycle)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The others begin another episode as declared, so that the cycle closes.
func looplab() *fsm.FSM {
	return fsm.NewFSM("declared", fsm.Events{
		{Name: "triage", Src: []string{"declared"}, Dst: "triaged"},
		{Name: "mitigate", Src: []string{"declared", "triaged"}, Dst: "mitigated"},
		{Name: "resolve", Src: []string{"triaged", "mitigated"}, Dst: "resolved"},
		{Name: "close", Src: []string{"resolved"}, Dst: "closed"},
		{Name: "reopen", Src: []string{"mitigated", "resolved", "closed", "canceled"}, Dst: "declared"},
		{Name: "cancel", Src: []string{"declared", "triaged"}, Dst: "canceled"},
	}, fsm.Callbacks{})
}

func qmuntal() *stateless.StateMachine {
	m := stateless.NewStateMachine("declared")
	m.Configure("declared").Permit("triage", "triaged").Permit("mitigate", "mitigated").Permit("cancel", "canceled")
	m.Configure("triaged").Permit("mitigate", "mitigated").Permit("resolve", "resolved").Permit("cancel", "canceled")
	m.Configure("mitigated").Permit("resolve", "resolved").Permit("reopen", "declared")
	m.Configure("resolved").Permit("close", "closed").Permit("reopen", "declared")
	m.Configure("closed").Permit("reopen", "declared")
	m.Configure("canceled").Permit("reopen", "declared")
	return m
}

// All of them lead the same life, so that what is compared is the same.
func TestMachinesAgree(t *testing.T) {
	a, b := looplab(), qmuntal()
	for range 3 {
		for _, name := range cycle {
			if err := a.Event(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if err := b.Fire(name); err != nil {
				t.Fatal(err)
			}
			if state, err := b.State(t.Context()); err != nil || state != a.Current() {
				t.Fatalf("after %s: %v and %v", name, a.Current(), state)
			}
		}
	}
}
