package incidenttest

import (
	"context"
	"testing"

	"github.com/sre-sdk/sre/incident"
)

// A TrackerSubject is a Tracker under test, and what stands behind it.
type TrackerSubject struct {
	Tracker incident.Tracker
	Missing string // the ID of a ticket that the provider does not know

	// Look returns what people see of a ticket, and how many there are.
	Look func(id string) (SeenTicket, int)

	Faults
}

// A SeenTicket is what people see of one.
type SeenTicket struct {
	Title, Text string
	Closed      bool
}

// TestTracker checks that a Tracker keeps its contract. open is called for each
// rule, which is the name of its subtest.
func TestTracker(t *testing.T, open func(t *testing.T) TrackerSubject) {
	first := incident.Ticket{Key: "i", Title: "5xx", Text: "see the channel", Severity: 2}
	fresh := func(t *testing.T, s TrackerSubject, ticket incident.Ticket) string {
		t.Helper()
		var ref incident.Ref
		must(t, call{"open", func(ctx context.Context) (err error) {
			ref, err = s.Tracker.Open(ctx, ticket)
			return err
		}})
		if ref.ID == "" {
			t.Fatal("open returned no ID")
		}
		return ref.ID
	}
	update := func(s TrackerSubject, id string) call {
		return call{"update", func(ctx context.Context) error {
			return s.Tracker.Update(ctx, id, incident.Ticket{Key: "i/2", Title: "5xx at checkout", Text: "rolled back", Severity: 1})
		}}
	}
	end := func(s TrackerSubject, id string) call {
		return call{"close", func(ctx context.Context) error {
			return s.Tracker.Close(ctx, id, incident.Ticket{Key: "i/3", Title: "5xx at checkout", Text: "over", Severity: 1})
		}}
	}
	for _, rule := range []struct {
		name  string
		check func(*testing.T, TrackerSubject)
	}{
		{"the same key makes one ticket", func(t *testing.T, s TrackerSubject) {
			id := fresh(t, s, first)
			again := fresh(t, s, first)
			other := first
			other.Key = "j"
			different := fresh(t, s, other)
			if _, n := s.Look(id); again != id || different == id || n != 2 {
				t.Errorf("%s, %s and %s: %d tickets, want two", id, again, different, n)
			}
		}},
		{"changes and the end arrive, also twice", func(t *testing.T, s TrackerSubject) {
			id := fresh(t, s, first)
			for range 2 {
				must(t, update(s, id))
			}
			if seen, _ := s.Look(id); seen != (SeenTicket{"5xx at checkout", "rolled back", false}) {
				t.Errorf("%+v", seen)
			}
			for range 2 {
				must(t, end(s, id))
			}
			if seen, n := s.Look(id); !seen.Closed || n != 1 {
				t.Errorf("%+v, %d tickets", seen, n)
			}
		}},
		{"a ticket that is not there is permanent", func(t *testing.T, s TrackerSubject) {
			permanently(t, s.Faults, update(s, s.Missing))
			permanently(t, s.Faults, end(s, s.Missing))
		}},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.check(t, open(t)) })
	}
	checkFaults(t, func(t *testing.T) (Faults, []call) {
		s := open(t)
		id := fresh(t, s, first)
		return s.Faults, []call{
			{"open", func(ctx context.Context) error {
				other := first
				other.Key = "j"
				_, err := s.Tracker.Open(ctx, other)
				return err
			}},
			update(s, id), end(s, id),
		}
	})
}
