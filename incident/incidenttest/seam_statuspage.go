package incidenttest

import (
	"context"
	"slices"
	"testing"

	"github.com/sre-sdk/sre/incident"
)

// A StatusPageSubject is a StatusPage under test, and what stands behind it.
type StatusPageSubject struct {
	Page incident.StatusPage

	Component string // the ID of a component; "" if there are none
	Missing   string // the ID of an incident that the provider does not know

	// Look returns what the public sees of an incident, and how many there are.
	Look func(id string) (SeenStatus, int)

	Faults
}

// A SeenStatus is what the public sees of an incident.
type SeenStatus struct {
	Title    string
	Texts    []string // in the order in which they were published
	Resolved bool
	State    incident.ComponentState // of Component
}

// TestStatusPage checks that a StatusPage keeps its contract. open is called for
// each rule, which is the name of its subtest.
func TestStatusPage(t *testing.T, open func(t *testing.T) StatusPageSubject) {
	first := incident.StatusPost{Key: "i/1", Title: "Errors at checkout", Text: "We look into it.", Status: incident.Declared, Severity: 1}
	fresh := func(t *testing.T, s StatusPageSubject, p incident.StatusPost) string {
		t.Helper()
		if s.Component != "" {
			p.Components = []incident.Component{{ID: s.Component, State: incident.MajorOutage}}
		}
		var ref incident.Ref
		must(t, call{"open", func(ctx context.Context) (err error) {
			ref, err = s.Page.Open(ctx, p)
			return err
		}})
		if ref.ID == "" {
			t.Fatal("open returned no ID")
		}
		return ref.ID
	}
	update := func(s StatusPageSubject, id, key, text string) call {
		return call{"update", func(ctx context.Context) error {
			return s.Page.Update(ctx, id, incident.StatusPost{Key: key, Title: first.Title, Text: text, Status: incident.Triaged, Severity: 1})
		}}
	}
	resolve := func(s StatusPageSubject, id, key, text string) call {
		p := incident.StatusPost{Key: key, Title: first.Title, Text: text, Status: incident.Resolved}
		if s.Component != "" {
			p.Components = []incident.Component{{ID: s.Component, State: incident.Operational}}
		}
		return call{"resolve", func(ctx context.Context) error { return s.Page.Resolve(ctx, id, p) }}
	}
	for _, rule := range []struct {
		name  string
		check func(*testing.T, StatusPageSubject)
	}{
		{"the public sees each text, and the end", func(t *testing.T, s StatusPageSubject) {
			id := fresh(t, s, first)
			must(t, update(s, id, "i/2", "Rolling back."))
			if seen, _ := s.Look(id); seen.Resolved || s.Component != "" && seen.State != incident.MajorOutage {
				t.Errorf("under way: %+v", seen)
			}
			must(t, resolve(s, id, "i/3", "Over."))
			seen, n := s.Look(id)
			if seen.Title != first.Title || !slices.Equal(seen.Texts, []string{"We look into it.", "Rolling back.", "Over."}) || !seen.Resolved || n != 1 || s.Component != "" && seen.State != incident.Operational {
				t.Errorf("%+v, %d incidents", seen, n)
			}
		}},
		{"the same key publishes once", func(t *testing.T, s StatusPageSubject) {
			id := fresh(t, s, first)
			if again := fresh(t, s, first); again != id {
				t.Errorf("%s, and then %s", id, again)
			}
			for range 2 {
				must(t, update(s, id, "i/2", "Rolling back."))
			}
			for range 2 {
				must(t, resolve(s, id, "i/3", "Over."))
			}
			if seen, n := s.Look(id); len(seen.Texts) != 3 || n != 1 {
				t.Errorf("%+v, %d incidents", seen, n)
			}
		}},
		{"another key is another incident", func(t *testing.T, s StatusPageSubject) {
			id := fresh(t, s, first)
			second := first
			second.Key = "j/1"
			if other := fresh(t, s, second); other == id {
				t.Error("two keys made one incident")
			}
		}},
		{"an incident that is not there is permanent", func(t *testing.T, s StatusPageSubject) {
			permanently(t, s.Faults, update(s, s.Missing, "i/2", "x"))
			permanently(t, s.Faults, resolve(s, s.Missing, "i/3", "x"))
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
				other.Key = "j/1"
				_, err := s.Page.Open(ctx, other)
				return err
			}},
			update(s, id, "i/2", "x"), resolve(s, id, "i/3", "x"),
		}
	})
}
