package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// byHand says how long a trigger takes to reach somebody by a policy without
// repeats and round robins, as the vendors' documentation tells it.
func byHand(w *world, p escalation.Policy, u account.Urgency, counts []oncall.ContactKind, at time.Time) time.Duration {
	best := time.Duration(math.MaxInt64)
	offset := w.account.StartsAfter[p.ID]
	for _, l := range p.Levels {
		var people []string
		for _, t := range l.Targets {
			switch t.Kind {
			case escalation.TargetPerson:
				people = append(people, t.ID)
			case escalation.TargetSchedule:
				i := slices.IndexFunc(w.schedules, func(s *schedule.Compiled) bool { return s.Schedule().ID == t.ID })
				people = append(people, w.schedules[i].At(at.Add(offset)).People(oncall.Primary)...)
			}
		}
		for _, person := range w.account.For(u) {
			if !slices.Contains(people, person.ID) {
				continue
			}
			for _, r := range person.Rules {
				if c, _ := person.Contact(r.Contact); slices.Contains(counts, c.Kind) {
					best = min(best, offset+r.After)
				}
			}
		}
		if len(people) > 0 || w.account.Waits {
			offset += l.Delay
		}
	}
	return best
}

func TestTimesAreThoseThatTheVendorsDocument(t *testing.T) {
	for _, args := range [][]string{both("pagerduty"), files("opsgenie"), both("grafana")} {
		o, _, err := parse(append(args, "-days", "60", "-from", "2026-02-10"), now)
		if err != nil {
			t.Fatal(err)
		}
		w := o.accounts[0]
		rnd := rand.New(rand.NewPCG(3, 4))
		for _, p := range w.account.Policies {
			for _, u := range w.account.Urgencies(p.ID) {
				r, err := w.reach(p, u, o)
				if err != nil {
					t.Fatal(err)
				}
				var instants []time.Time
				for _, s := range r.stretches {
					instants = append(instants, s.From, s.To.Add(-time.Nanosecond))
				}
				for range 500 {
					instants = append(instants, o.from.Add(time.Duration(rnd.Int64N(int64(o.to.Sub(o.from))))))
				}
				for _, at := range instants {
					i := slices.IndexFunc(r.stretches, func(s escalation.Reached) bool { return !at.Before(s.From) && at.Before(s.To) })
					if got, want := r.stretches[i].After, byHand(w, p, u, o.counts, at); got != want {
						t.Fatalf("%s, %s, %s at %s: %s, want %s", w.vendor, p.Name, u, at, got, want)
					}
				}
			}
		}
	}
}
