package fromalert_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/incident/fromalert"
	"github.com/sre-sdk/sre/oncall/alert"
)

type graph map[string][]string

func (g graph) DependenciesOf(service string) []string { return g[service] }

var shop = graph{"web": {"checkout", "search"}, "checkout": {"db"}, "search": {"db"}}

func policies() *rapid.Generator[fromalert.Policy] {
	return rapid.Custom(func(t *rapid.T) fromalert.Policy {
		p := fromalert.Policy{
			ID:         "law",
			Window:     fromalert.Window(rapid.IntRange(0, 2).Draw(t, "window")),
			For:        time.Duration(rapid.IntRange(1, 20).Draw(t, "for")) * time.Second,
			Threshold:  rapid.IntRange(1, 3).Draw(t, "threshold"),
			Within:     time.Duration(rapid.IntRange(1, 20).Draw(t, "within")) * time.Second,
			Reopen:     rapid.SampledFrom([]time.Duration{fromalert.None, 5 * time.Second}).Draw(t, "reopen"),
			Redelivery: rapid.SampledFrom([]time.Duration{fromalert.None, 3 * time.Second}).Draw(t, "redelivery"),
			Lateness:   rapid.SampledFrom([]time.Duration{2 * time.Second, 7 * time.Second}).Draw(t, "lateness"),
		}
		if p.Window != fromalert.Fixed {
			p.MaxSpan = p.For * time.Duration(rapid.IntRange(1, 4).Draw(t, "spans"))
		}
		if rapid.Bool().Draw(t, "topology") {
			p.Topology, p.Hops = shop, rapid.IntRange(1, 2).Draw(t, "hops")
		}
		return p
	})
}

// told is what one of a few alerts says at its instants.
func told() *rapid.Generator[[]fromalert.Event] {
	return rapid.Custom(func(t *rapid.T) []fromalert.Event {
		var list []fromalert.Event
		for i := range rapid.IntRange(1, 7).Draw(t, "alerts") {
			service := rapid.SampledFrom([]string{"web", "checkout", "search", "db", ""}).Draw(t, "service")
			e := fromalert.Event{Alert: fmt.Sprintf("a%d", i), Service: service, Group: service + "\x00", Name: "Down", Severity: 2}
			clock := 0
			for range rapid.IntRange(1, 5).Draw(t, "episodes") {
				clock += rapid.IntRange(0, 15).Draw(t, "pause")
				e.Status, e.Starts, e.Ends = alert.Firing, at(float64(clock)), time.Time{}
				list = append(list, e)
				if rapid.IntRange(0, 3).Draw(t, "open") == 0 {
					break
				}
				clock += rapid.IntRange(0, 15).Draw(t, "lasts")
				e.Status, e.Ends = alert.Resolved, at(float64(clock))
				list = append(list, e)
			}
		}
		return list
	})
}

func moment(e fromalert.Event) time.Time {
	if e.Status == alert.Resolved {
		return e.Ends
	}
	return e.Starts
}

// line is a decision as the oracle tells it.
func line(d fromalert.Decision, names map[string]string) string {
	if d.Kind == fromalert.Declare {
		names[d.Incident] = fmt.Sprintf("%s@%d", d.Alert, d.At.Unix())
	}
	s := fmt.Sprintf("%s %s", d.Kind, d.Why.Code)
	switch d.Kind {
	case fromalert.Declare, fromalert.LinkTo, fromalert.Reopen:
		s += " " + names[d.Incident]
		if len(d.More) > 0 {
			s += " with " + strings.Join(sorted(d.More), ",")
		}
	case fromalert.Ignore:
		if d.Why.Code == fromalert.BelowThreshold {
			s += fmt.Sprintf(" %d", d.Why.Count)
		}
	}
	return s
}

// arrive feeds events in the order in which they arrive, cut into steps anyhow,
// and returns what was decided.
func arrive(p *fromalert.Compiled, events []fromalert.Event, arrivals []time.Time, cut func() bool, turn func(*fromalert.State) *fromalert.State) []fromalert.Decision {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return arrivals[a].Compare(arrivals[b]) })
	s := &fromalert.State{}
	var out []fromalert.Decision
	var batch []fromalert.Event
	for k, i := range order {
		batch = append(batch, events[i])
		last := k+1 == len(order)
		if last || !arrivals[order[k+1]].Equal(arrivals[i]) || cut() {
			out = p.Step(s, batch, nil, arrivals[i], out)
			batch = nil
			s = turn(s)
		}
	}
	for {
		due, ok := p.NextDue(s)
		if !ok {
			return out
		}
		out = p.Step(s, nil, nil, due, out)
	}
}

func asIs(s *fromalert.State) *fromalert.State { return s }

// Against the oracle: the decisions are those of the specification.
func TestLawStepIsTheSpecification(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := policies().Draw(t, "policy")
		p := raw.MustCompile()
		events := told().Draw(t, "events")
		slices.SortStableFunc(events, func(a, b fromalert.Event) int { return strings.Compare(a.Alert, b.Alert) })
		arrivals := make([]time.Time, len(events))
		for i, e := range events {
			arrivals[i] = moment(e)
		}
		names := map[string]string{}
		var got, want []string
		for _, d := range arrive(p, events, arrivals, func() bool { return false }, asIs) {
			if d.Kind != fromalert.Quiet {
				got = append(got, d.Alert+" "+line(d, names))
			}
		}
		slices.SortStableFunc(events, func(a, b fromalert.Event) int {
			if c := moment(a).Compare(moment(b)); c != 0 {
				return c
			}
			if c := strings.Compare(a.Alert, b.Alert); c != 0 {
				return c
			}
			if c := a.Starts.Compare(b.Starts); c != 0 {
				return c
			}
			return int(a.Status) - int(b.Status)
		})
		o := newOracle(p.Policy())
		for _, e := range events {
			want = append(want, e.Alert+" "+o.tell(e, moment(e)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v: (-oracle +step)\n%s", raw, diff)
		}
	})
}

// Whatever the order of arrival within the bound, however it is cut into steps,
// also through the stored form and with everything told twice: the same decisions.
func TestLawOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy").MustCompile()
		events := told().Draw(t, "events")
		slack := int(p.Policy().Lateness/time.Millisecond) - 1
		delayed := func(name string) []time.Time {
			list := make([]time.Time, len(events))
			for i, e := range events {
				list[i] = moment(e).Add(time.Duration(rapid.IntRange(0, slack).Draw(t, name)) * time.Millisecond)
			}
			return list
		}
		never := func() bool { return false }
		want := arrive(p, events, delayed("one"), never, asIs)
		if len(want) < len(events) {
			t.Fatalf("%d decisions for %d events", len(want), len(events))
		}
		seed := rapid.Uint64().Draw(t, "cuts")
		r := rand.New(rand.NewPCG(seed, 1))
		stored := func(s *fromalert.State) *fromalert.State {
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var back fromalert.State
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatal(err)
			}
			if again, _ := json.Marshal(&back); string(again) != string(data) {
				t.Fatalf("stored again:\n%s\n%s", data, again)
			}
			return &back
		}
		got := arrive(p, events, delayed("another"), func() bool { return r.IntN(2) == 0 }, stored)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-one order +another)\n%s", diff)
		}
		// Twice: only repeats and duplicates come besides.
		twice := append(slices.Clone(events), events...)
		arrivals := append(delayed("first"), delayed("second")...)
		var acts, acts2 []fromalert.Decision
		for _, d := range want {
			if d.Kind != fromalert.Ignore {
				acts = append(acts, d)
			}
		}
		for _, d := range arrive(p, twice, arrivals, never, asIs) {
			if d.Kind != fromalert.Ignore {
				acts2 = append(acts2, d)
			}
		}
		if diff := cmp.Diff(acts, acts2); diff != "" {
			t.Fatalf("(-once +twice)\n%s", diff)
		}
	})
}

// However late: every event has exactly one decision, every alert that began to
// fire is in an incident or a candidate, and the members are those of the
// decisions.
func TestLawNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy").MustCompile()
		events := told().Draw(t, "events")
		arrivals := make([]time.Time, len(events))
		for i, e := range events {
			arrivals[i] = moment(e).Add(time.Duration(rapid.IntRange(0, 60_000).Draw(t, "delay")) * time.Millisecond)
		}
		last := &fromalert.State{}
		n := 0
		in := map[string]bool{}
		firstTime := map[string]bool{}
		for _, d := range arrive(p, events, arrivals, func() bool { return false }, func(s *fromalert.State) *fromalert.State { last = s; return s }) {
			if d.Kind != fromalert.Quiet {
				n++
			}
			if r := d.Why.Reason(); r.Text == "" || strings.Contains(r.Text, "%!") {
				t.Fatalf("%+v has no reason", d)
			}
			switch d.Kind {
			case fromalert.Declare:
				if len(d.More)+1 < p.Policy().Threshold || d.Detected.After(d.At) {
					t.Fatalf("%+v", d)
				}
				if firstTime[d.Incident] {
					t.Fatalf("%s is declared twice", d.Incident)
				}
				firstTime[d.Incident] = true
				fallthrough
			case fromalert.LinkTo, fromalert.Reopen:
				for _, a := range append(d.More, d.Alert) {
					in[a] = true
				}
			case fromalert.Ignore:
				if d.Why.Code == fromalert.BelowThreshold && d.Why.Count >= p.Policy().Threshold {
					t.Fatalf("%+v", d)
				}
			}
		}
		if n != len(events) {
			t.Fatalf("%d decisions for %d events", n, len(events))
		}
		for a := range in {
			if m, ok := last.Member(a); ok && !slices.Contains(last.Members(m.Root), a) {
				t.Fatalf("%s is in %s, which does not know it", a, m.Root)
			}
		}
		if p.Policy().Threshold == 1 {
			for _, e := range events {
				if e.Status == alert.Firing && !in[e.Alert] {
					t.Fatalf("%s fired and is in no incident", e.Alert)
				}
			}
		}
	})
}
