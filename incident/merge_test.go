package incident_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/incident"
)

// desk keeps several incidents.
type desk struct {
	policy *incident.Compiled
	states map[string]*incident.State
	now    time.Time
}

func newDesk(ids ...string) *desk {
	d := &desk{incident.Policy{ID: "p"}.MustCompile(), map[string]*incident.State{}, monday}
	for _, id := range ids {
		d.states[id] = &incident.State{}
		_ = d.give(id, incident.Declare{ID: id, Title: id, Severity: 2, Alerts: []string{id + "-1", "shared"}})
	}
	return d
}

func (d *desk) request(c incident.Command) incident.Request {
	d.now = d.now.Add(time.Minute)
	return incident.Request{By: human("a"), Reason: "because", Command: c}
}

func (d *desk) give(id string, c incident.Command) error {
	events, err := d.policy.Handle(d.states[id], d.request(c), d.now)
	for i := range events {
		d.states[id].Apply(&events[i])
	}
	return err
}

func (d *desk) all() (list []*incident.State) {
	for _, s := range d.states {
		list = append(list, s)
	}
	return list
}

func (d *desk) take(events []incident.Addressed, err error) error {
	for i := range events {
		d.states[events[i].ID].Apply(&events[i].Event)
	}
	return err
}

func (d *desk) merge(child, into string) error {
	return d.take(d.policy.Merge(d.states[child], d.states[into], d.all(), d.request(incident.Merge{Into: into}), d.now))
}

func (d *desk) split(child, from string) error {
	return d.take(d.policy.Split(d.states[child], d.states[from], d.all(), d.request(incident.Split{From: child}), d.now))
}

// alerts returns what each incident has and where it belongs.
func (d *desk) alerts() string {
	var list []string
	for id, s := range d.states {
		var own []string
		for _, a := range s.Alerts {
			own = append(own, a.From+"/"+a.Key)
		}
		slices.Sort(own)
		list = append(list, fmt.Sprint(id, " ", s.Status, " in ", s.Root, own, s.MoreAlerts))
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

func code(err error) string {
	var refusal *incident.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return fmt.Sprint(err)
}

// G into A, A into B, B into C, and back.
func TestNestedMergesComeApart(t *testing.T) {
	d := newDesk("A", "B", "C", "G")
	var was []string
	for _, m := range [][2]string{{"G", "A"}, {"A", "B"}, {"B", "C"}} {
		was = append(was, d.alerts())
		if err := d.merge(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
		checkForest(t, d.all())
	}
	for _, id := range []string{"A", "B", "G"} {
		if root := d.states[id].Root; root != "C" {
			t.Errorf("the root of %s is %q, want C in one step", id, root)
		}
	}
	if n := len(d.states["C"].Alerts); n != 8 {
		t.Errorf("C has %d alerts, want all 8", n)
	}
	for _, m := range [][2]string{{"G", "A"}, {"G", "C"}, {"A", "C"}, {"A", "B"}} {
		if err := d.split(m[0], m[1]); err == nil {
			t.Errorf("%s was split from %s, in which it is not by itself", m[0], m[1])
		}
	}
	for i, m := range [][2]string{{"B", "C"}, {"A", "B"}, {"G", "A"}} {
		if err := d.split(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
		checkForest(t, d.all())
		if got, want := d.alerts(), was[len(was)-1-i]; got != want {
			t.Errorf("after splitting %s from %s:\n%s\nwant\n%s", m[0], m[1], got, want)
		}
	}
}

// Any sequence of merges and splits leaves a forest, and taking all of them back
// leaves each alert where it was.
func TestMergesAndSplitsInAnyOrder(t *testing.T) {
	ids := []string{"A", "B", "C", "D", "E", "F"}
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk(ids...)
		was := d.alerts()
		var order [][2]string // child and the root into which it was merged
		for range rapid.IntRange(1, 30).Draw(t, "moves") {
			a, b := rapid.SampledFrom(ids).Draw(t, "child"), rapid.SampledFrom(ids).Draw(t, "root")
			if rapid.IntRange(0, 2).Draw(t, "split") == 0 && len(order) > 0 {
				m := rapid.SampledFrom(order).Draw(t, "which")
				if d.split(m[0], m[1]) == nil {
					order = slices.DeleteFunc(order, func(o [2]string) bool { return o == m })
				}
			} else if d.merge(a, b) == nil {
				order = append(order, [2]string{a, b})
			}
			checkForest(reporter{t: t}, d.all())
		}
		for len(order) > 0 { // whatever is legal, until nothing is left
			legal := slices.IndexFunc(order, func(m [2]string) bool { return d.split(m[0], m[1]) == nil })
			if legal < 0 {
				t.Fatalf("nothing of %v can be taken back: %s", order, d.alerts())
			}
			order = slices.Delete(order, legal, legal+1)
			checkForest(reporter{t: t}, d.all())
		}
		if got := d.alerts(); got != was {
			t.Fatalf("after all was taken back\n%s\nand it was\n%s", got, was)
		}
	})
}

// Alerts beyond the limit are counted where they belong, and leave with the
// incident that brought them.
func TestAlertsBeyondTheLimitAreCounted(t *testing.T) {
	d := newDesk("A", "B", "C")
	for i := range incident.MaxAlerts {
		_ = d.give("A", incident.Link{Type: incident.LinkAlert, ID: fmt.Sprint("a", i)})
		_ = d.give("B", incident.Link{Type: incident.LinkAlert, ID: fmt.Sprint("b", i)})
	}
	total := func(id string) int {
		n := len(d.states[id].Alerts) + d.states[id].MoreAlerts
		for _, m := range d.states[id].Merged {
			n += m.More
		}
		return n
	}
	const each = incident.MaxAlerts + 2
	was := d.alerts()
	for i, m := range [][2]string{{"A", "B"}, {"B", "C"}} {
		if err := d.merge(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
		if got, want := total(m[1]), 2*each+i*2; got != want {
			t.Errorf("%s has %d alerts, want %d", m[1], got, want)
		}
	}
	for _, m := range [][2]string{{"B", "C"}, {"A", "B"}} {
		if err := d.split(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.alerts(); got != was {
		t.Error("the alerts are not where they were")
	}
}

func TestMergesThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(d *desk) error
		code string
	}{
		{"into itself", func(d *desk) error { return d.merge("A", "A") }, incident.RefusedCycle},
		{"into its own part", func(d *desk) error { _ = d.merge("A", "B"); return d.merge("B", "A") }, incident.RefusedCycle},
		{"into what is part of another one", func(d *desk) error { _ = d.merge("A", "B"); return d.merge("C", "A") }, incident.RefusedMerged},
		{"twice", func(d *desk) error { _ = d.merge("A", "B"); return d.merge("A", "C") }, incident.RefusedMerged},
		{"a restricted one into one that is not", func(d *desk) error { _ = d.give("A", incident.Restrict{On: true}); return d.merge("A", "B") }, incident.RefusedHidden},
		{"and the root is opened afterwards", func(d *desk) error {
			_ = d.give("A", incident.Restrict{On: true})
			_ = d.give("B", incident.Restrict{On: true})
			if err := d.merge("A", "B"); err != nil {
				return err
			}
			return d.give("B", incident.Restrict{})
		}, incident.RefusedHidden},
		{"and the part is restricted afterwards", func(d *desk) error { _ = d.merge("A", "B"); return d.give("A", incident.Restrict{On: true}) }, incident.RefusedMerged},
		{"unlinking what was brought along", func(d *desk) error {
			_ = d.merge("A", "B")
			return d.give("B", incident.Unlink{Type: incident.LinkAlert, ID: "A-1"})
		}, incident.RefusedMerged},
		{"a worse one into a milder one, for no reason", func(d *desk) error {
			_ = d.give("B", incident.Triage{Severity: 4})
			r := d.request(incident.Merge{Into: "B"})
			r.Reason = ""
			return d.take(d.policy.Merge(d.states["A"], d.states["B"], nil, r, d.now))
		}, incident.RefusedReason},
		{"splitting what is no part", func(d *desk) error { return d.split("A", "B") }, incident.RefusedUnknown},
		{"into a closed one", func(d *desk) error {
			_ = d.give("B", incident.Triage{Severity: 2})
			_ = d.give("B", incident.Resolve{})
			_ = d.give("B", incident.ReviewRunbooks{})
			if err := d.give("B", incident.Close{Override: "x"}); err != nil {
				return err
			}
			return d.merge("A", "B")
		}, incident.RefusedOver},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := code(test.do(newDesk("A", "B", "C"))); got != test.code {
				t.Errorf("refused as %s, want %s", got, test.code)
			}
		})
	}
	d := newDesk("A")
	for i := range incident.MaxMerged + 1 {
		id := fmt.Sprint("x", i)
		other := newDesk(id)
		d.states[id] = other.states[id]
		if err := d.merge(id, "A"); (err == nil) != (i < incident.MaxMerged) {
			t.Fatalf("the %d. merge: %v", i+1, err)
		}
	}
}
