package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// longLog is a log of n events as a busy incident has them: every kind that one
// incident takes by itself, mostly steps, evidence, updates and mitigations.
func longLog(tb testing.TB, n int) []incident.Event {
	policy := incident.Policy{ID: "p"}.MustCompile()
	var s incident.State
	var log []incident.Event
	now := monday
	give := func(by string, command incident.Command) {
		now = now.Add(time.Second)
		events, err := policy.Handle(&s, incident.Request{By: human(by), Reason: "because", Command: command}, now)
		if err != nil {
			tb.Fatalf("%s: %v", command.Kind(), err)
		}
		for i := range events {
			s.Apply(&events[i])
		}
		log = append(log, events...)
	}
	give("alice", incident.Declare{ID: "i", Title: "5xx", Services: []string{"checkout"}})
	give("alice", incident.Triage{Severity: 2})
	give("alice", incident.Assign{Role: incident.Commander, Person: "alice"})
	give("alice", incident.AttachRunbook{ID: "failover"})
	for i := 0; len(log) < n; i++ {
		switch i % 10 {
		case 0:
			give("alice", incident.Update{Text: "we look at it", Next: now.Add(time.Hour)})
		case 1:
			give("bob", incident.Mitigate{ID: fmt.Sprint("m", i/10%50), Type: incident.Scale, Result: incident.MitigationResult(i / 500 % 2), Text: "more replicas"})
		case 2:
			give("bob", incident.AddEvidence{ID: fmt.Sprint("e", i), Type: incident.MetricEvidence, Title: "rate of 5xx", Query: "sum(rate(x[5m]))"})
		case 3:
			give("bob", incident.RecordStep{Runbook: "failover", Step: fmt.Sprint(i)})
		case 4:
			give("bob", incident.Link{Type: incident.LinkAlert, ID: fmt.Sprint("a", i)})
		case 5:
			give("alice", incident.Offer{Role: incident.Commander, Person: "carol"})
		case 6:
			give("carol", incident.Decline{Role: incident.Commander})
		case 7:
			give("bob", incident.Correct{Milestone: incident.ImpactBegan, At: monday.Add(-time.Duration(i) * time.Second)})
		default:
			give("dave", incident.Note{Text: "still looking"})
		}
	}
	return log[:n]
}

// Target: at most 50 ns an event, and no allocation but where a list grows.
func BenchmarkApply(b *testing.B) {
	log := longLog(b, 10_000)
	var s incident.State
	s.Apply(&log[0])
	base := s.Clone()
	b.ReportAllocs()
	i := 1
	for b.Loop() {
		s.Apply(&log[i])
		if i++; i == len(log) {
			i, s = 1, base.Clone()
		}
	}
}

// Target: at most 50 ns and 0 allocations for each kind without text.
func BenchmarkApplyKind(b *testing.B) {
	log := longLog(b, 200)
	start := incident.Fold(slices.Values(log))
	by := human("alice")
	for _, commands := range [][]incident.Command{
		{incident.Acknowledge{}},
		{incident.Triage{Severity: 2}},
		{incident.Offer{Role: incident.Commander, Person: "bob"}, incident.Accept{Role: incident.Commander}},
		{incident.Mitigate{ID: "m1", Result: incident.Worked, EndsImpact: true}},
		{incident.Resolve{}},
		{incident.Verify{Recovered: incident.Recovered}},
		{incident.Correct{Milestone: incident.ImpactBegan, At: monday}},
		{incident.Update{Text: "x", Next: monday}},
		{incident.Note{Text: "x"}},
	} {
		b.Run(commands[0].Kind().String(), func(b *testing.B) {
			s := start.Clone()
			var events []incident.Event
			for _, c := range commands {
				events = append(events, incident.Event{At: s.Last, Recorded: s.Last, By: by, Command: c})
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				events[i].Seq = s.Seq + 1
				s.Apply(&events[i])
				if i++; i == len(events) {
					i = 0
				}
			}
		})
	}
}

// Target: at most 500 microseconds.
func BenchmarkFold(b *testing.B) {
	log := longLog(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if s := incident.Fold(slices.Values(log)); s.Seq != 10_000 {
			b.Fatal(s.Seq)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	s := incident.Fold(slices.Values(longLog(b, 200)))
	r := incident.Request{By: human("alice"), Reason: "because", Command: incident.Triage{Severity: 3}}
	b.ReportAllocs()
	for b.Loop() {
		if events, err := policy.Handle(&s, r, s.Last); err != nil || len(events) != 1 {
			b.Fatal(events, err)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	log := longLog(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if r, err := policy.Replay(slices.Values(log)); err != nil || r.Differs() {
			b.Fatal(r, err)
		}
	}
}

// Applying allocates only where a list grows.
func TestApplyingDoesNotAllocate(t *testing.T) {
	log := longLog(t, 300)
	s := incident.Fold(slices.Values(log))
	by := human("alice")
	for _, command := range []incident.Command{
		incident.Acknowledge{}, incident.Triage{Severity: 2}, incident.Mitigate{ID: "m1", Result: incident.Worked, EndsImpact: true},
		incident.Resolve{}, incident.Verify{Recovered: incident.Recovered}, incident.Close{}, incident.ReviewRunbooks{},
		incident.Correct{Milestone: incident.ImpactBegan, At: monday}, incident.Update{Text: "x"}, incident.Note{Text: "x"},
		incident.RecordStep{Runbook: "failover", Step: "1"}, incident.SetTitle{Title: "t"}, incident.Restrict{On: true},
	} {
		e := incident.Event{At: s.Last, Recorded: s.Last, By: by, Command: command}
		if n := testing.AllocsPerRun(100, func() { e.Seq = s.Seq + 1; s.Apply(&e) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", command.Kind(), n)
		}
	}
}

func human(id string) sre.Actor { return sre.Actor{Kind: sre.Human, ID: id} }

var monday = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
