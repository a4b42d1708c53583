package fromalert_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/fromalert"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/slo/catalog"
)

var _ fromalert.Dependencies = catalog.Dependencies(nil)

func fires(name string, seconds float64) fromalert.Event {
	return fromalert.Event{Alert: name, Group: "checkout\x00", Service: "checkout", Name: "Down", Severity: 2, Status: alert.Firing, Starts: at(seconds)}
}

func resolves(name string, from, to float64) fromalert.Event {
	e := fires(name, from)
	e.Status, e.Ends = alert.Resolved, at(to)
	return e
}

// A desk decides at once and remembers what it was told.
type desk struct {
	p *fromalert.Compiled
	s fromalert.State
}

func deskOf(p fromalert.Policy) *desk {
	p.ID, p.Lateness = "desk", fromalert.None
	return &desk{p: p.MustCompile()}
}

func (d *desk) at(seconds float64, events ...fromalert.Event) fromalert.Decision {
	list := d.p.Step(&d.s, events, nil, at(seconds), nil)
	if len(list) == 0 {
		return fromalert.Decision{}
	}
	return list[len(list)-1]
}

func (d *desk) learn(seconds float64, f fromalert.Fact) []fromalert.Decision {
	f.At = at(seconds)
	return d.p.Step(&d.s, nil, []fromalert.Fact{f}, at(seconds), nil)
}

func check(t *testing.T, got fromalert.Decision, kind fromalert.Kind, code fromalert.Code) {
	t.Helper()
	if got.Kind != kind || got.Why.Code != code {
		t.Errorf("%s: %s %s, want %s %s", got.At.Format("15:04:05"), got.Kind, got.Why.Reason(), kind, code)
	}
}

// A resolved incident takes new alerts for the reopen window and not a
// nanosecond longer, however open its window still is.
func TestResolvedIncidentSwallowsNothing(t *testing.T) {
	for _, late := range []bool{false, true} {
		d := deskOf(fromalert.Policy{For: 10 * time.Hour, Reopen: time.Minute})
		first := d.at(0, fires("a", 0))
		check(t, first, fromalert.Declare, fromalert.ByThreshold)
		d.learn(100, fromalert.Fact{Incident: first.Incident, Kind: fromalert.Over})
		when := 160 - 1e-9
		if late {
			when = 160
		}
		got := d.at(when, fires("b", when))
		if late {
			check(t, got, fromalert.Declare, fromalert.ByThreshold)
			if got.Incident == first.Incident {
				t.Error("the same incident is declared twice")
			}
			continue
		}
		check(t, got, fromalert.Reopen, fromalert.ByReopen)
		if got.Incident != first.Incident {
			t.Error("another incident is reopened")
		}
	}
}

// A single late alert moves a rolling window on, and not a fixed one.
func TestWindowsEndWhereTheySay(t *testing.T) {
	for _, row := range []struct {
		name  string
		p     fromalert.Policy
		takes map[float64]bool // an alert at this instant, after one at 0 and one at 50, each of which fires for 5 s
	}{
		{"rolling", fromalert.Policy{Window: fromalert.Rolling, For: time.Minute, MaxSpan: time.Hour}, map[float64]bool{109: true, 110: false}},
		{"rolling to its span", fromalert.Policy{Window: fromalert.Rolling, For: time.Minute, MaxSpan: 100 * time.Second}, map[float64]bool{99: true, 100: false}},
		{"fixed", fromalert.Policy{Window: fromalert.Fixed, For: time.Minute}, map[float64]bool{59: true, 60: false}},
		{"session", fromalert.Policy{Window: fromalert.Session, For: time.Minute, MaxSpan: time.Hour}, map[float64]bool{114: true, 115: false}},
	} {
		for when, takes := range row.takes {
			d := deskOf(row.p)
			check(t, d.at(0, fires("a", 0)), fromalert.Declare, fromalert.ByThreshold)
			d.at(5, resolves("a", 0, 5))
			check(t, d.at(50, fires("b", 50)), fromalert.LinkTo, fromalert.ByKey)
			check(t, d.at(55, resolves("b", 50, 55)), fromalert.Quiet, fromalert.AllEnded)
			if got := d.at(when, fires("c", when)); (got.Kind == fromalert.LinkTo) != takes || (got.Kind == fromalert.Declare) == takes {
				t.Errorf("%s at %v: %s", row.name, when, got.Kind)
			}
		}
	}
	// A session lasts while something fires, within its span.
	d := deskOf(fromalert.Policy{Window: fromalert.Session, For: time.Minute, MaxSpan: time.Hour})
	d.at(0, fires("a", 0))
	check(t, d.at(3599, fires("b", 3599)), fromalert.LinkTo, fromalert.ByKey)
	check(t, d.at(3600, fires("c", 3600)), fromalert.Declare, fromalert.ByThreshold)
}

// The issue that users report most: of three alerts that made the incident it
// held one.
func TestThresholdKeepsEveryAlert(t *testing.T) {
	d := deskOf(fromalert.Policy{Threshold: 4, Within: time.Minute})
	check(t, d.at(0, fires("gone", 0)), fromalert.Ignore, fromalert.BelowThreshold)
	d.at(1, resolves("gone", 0, 1))
	d.at(2, fires("stays", 2))
	d.at(40, fires("short", 40))
	d.at(45, resolves("short", 40, 45))
	check(t, d.at(70, fires("third", 70)), fromalert.Ignore, fromalert.BelowThreshold) // gone does not count any more
	got := d.at(104, fires("fourth", 104))
	check(t, got, fromalert.Declare, fromalert.ByThreshold)
	if diff := cmp.Diff([]string{"stays", "short", "third"}, got.More); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"fourth", "short", "stays", "third"}, d.s.Members(got.Incident)); diff != "" {
		t.Error(diff)
	}
	if want := at(2); !got.Detected.Equal(want) {
		t.Errorf("detected %v, want %v", got.Detected, want)
	}
}

func TestCreationIsAChoice(t *testing.T) {
	d := deskOf(fromalert.Policy{})
	check(t, d.at(10, resolves("a", 0, 5)), fromalert.Ignore, fromalert.NeverHeard)
	d = deskOf(fromalert.Policy{Create: fromalert.FromAny})
	check(t, d.at(10, resolves("a", 0, 5)), fromalert.Declare, fromalert.ByThreshold)
	check(t, d.at(10, resolves("a", 0, 5)), fromalert.Ignore, fromalert.Duplicate)
	check(t, d.at(50_000, resolves("b", 0, 5)), fromalert.Ignore, fromalert.TooOld)
}

// Alertmanager tells an alert again that it believed to be over, with its old
// beginning. A message delivered twice looks the same, only sooner.
func TestFiresAgainWithItsOldBeginning(t *testing.T) {
	d := deskOf(fromalert.Policy{})
	d.at(0, fires("a", 0))
	check(t, d.at(60, resolves("a", 0, 60)), fromalert.Quiet, fromalert.AllEnded)
	check(t, d.at(179, fires("a", 0)), fromalert.Ignore, fromalert.Duplicate)
	check(t, d.at(180, fires("a", 0)), fromalert.LinkTo, fromalert.ByKey)
	check(t, d.at(181, resolves("a", 0, 60)), fromalert.Ignore, fromalert.Stale)
	check(t, d.at(182, resolves("a", 0, 182)), fromalert.Quiet, fromalert.AllEnded)
}

func TestMergedIncidentsAreOne(t *testing.T) {
	d := deskOf(fromalert.Policy{})
	b := fires("b", 1)
	b.Group, b.Service = "search\x00", "search"
	one, two := d.at(0, fires("a", 0)).Incident, d.at(1, b).Incident
	d.learn(2, fromalert.Fact{Incident: two, Kind: fromalert.MergedInto, Into: one})
	if got := d.learn(2, fromalert.Fact{Incident: one, Kind: fromalert.MergedInto, Into: two}); len(got) != 1 || got[0].Why.Code != fromalert.NoSuchIncident {
		t.Errorf("a circle: %+v", got)
	}
	c := b
	c.Alert, c.Starts = "c", at(3)
	if got := d.at(3, c); got.Kind != fromalert.LinkTo || got.Incident != one {
		t.Errorf("%+v", got)
	}
	if got := d.at(4, resolves("a", 0, 4)); got.Kind != fromalert.Ignore {
		t.Errorf("quiet while an alert of its part fires: %+v", got)
	}
	if m, _ := d.s.Member("b"); m.Incident != two || m.Root != one {
		t.Errorf("%+v", m)
	}
	d.learn(5, fromalert.Fact{Incident: two, Kind: fromalert.SplitOff})
	if got := d.s.Members(two); !slices.Equal(got, []string{"b"}) {
		t.Errorf("split off: %v", got)
	}
}

func TestUnknownIsSaid(t *testing.T) {
	d := deskOf(fromalert.Policy{})
	check(t, d.at(0, fromalert.Event{Alert: "a b", Status: alert.Firing}), fromalert.Ignore, fromalert.Invalid)
	check(t, d.at(0, fromalert.Event{Alert: "a"}), fromalert.Ignore, fromalert.Invalid)
	var none fromalert.Compiled
	if got := none.Step(&fromalert.State{}, []fromalert.Event{fires("a", 0)}, nil, at(0), nil); len(got) != 1 || got[0].Kind != fromalert.Ignore {
		t.Errorf("%+v", got)
	}
	_, err := fromalert.Policy{Keys: []string{"", "a", "a"}, Window: 9, For: -2, Threshold: 5000, Hops: 9, Forget: time.Second, MaxSpan: time.Nanosecond}.Compile()
	var codes []string
	for _, p := range sre.ProblemsIn(err) {
		codes = append(codes, p.Path)
	}
	if diff := cmp.Diff([]string{"id", "keys[0]", "keys[2]", "window", "for", "forget", "threshold", "hops"}, codes); diff != "" {
		t.Error(diff)
	}
}

// What is swept is not missed: a year of short alerts leaves a small state.
func TestStateStaysSmall(t *testing.T) {
	d := deskOf(fromalert.Policy{})
	for i := range 60_000 {
		clock := float64(i * 500)
		e := fires(fmt.Sprint("a", i), clock)
		e.Group = fmt.Sprint(i%300, "\x00")
		d.at(clock, e)
		e.Status, e.Ends = alert.Resolved, at(clock+100)
		d.at(clock+100, e)
	}
	if d.s.Alerts() > 6000 || d.s.Incidents() > 6000 {
		t.Errorf("%d alerts and %d incidents are kept", d.s.Alerts(), d.s.Incidents())
	}
}

// 20,000 alerts in messages of 100: each is in an incident, each incident has one
// set of deadlines.
func TestStormLosesNoAlert(t *testing.T) {
	const alerts, services = 20_000, 200
	p := fromalert.Policy{ID: "storm", Keys: []string{"service"}}.MustCompile()
	rules := incident.Policy{ID: "rules"}.MustCompile()
	by := sre.Actor{Kind: sre.Service, ID: "fromalert"}
	d := p.NewDecoder()
	var s fromalert.State
	states := map[string]*incident.State{}
	linked := 0
	handle := func(list []fromalert.Decision, now time.Time) {
		for i := range list {
			for _, r := range list[i].Requests(p, by) {
				v := states[list[i].Incident]
				if v == nil {
					v = &incident.State{}
					states[list[i].Incident] = v
				}
				made, err := rules.Handle(v, r, now)
				if err != nil {
					t.Fatal(err)
				}
				for j := range made {
					v.Apply(&made[j])
				}
			}
			if list[i].Kind != fromalert.Ignore && list[i].Kind != fromalert.Quiet {
				linked += 1 + len(list[i].More)
			}
		}
	}
	now := at(70)
	for i := range alerts / 100 {
		events, _, err := d.Decode(batchOf(i*100, 100, "firing"), now, nil)
		if err != nil {
			t.Fatal(err)
		}
		handle(p.Step(&s, events, nil, now, nil), now)
		now = now.Add(10 * time.Millisecond)
	}
	due, _ := p.NextDue(&s)
	for ok := true; ok; due, ok = p.NextDue(&s) {
		handle(p.Step(&s, nil, nil, due, nil), due)
		now = due
	}
	if linked != alerts || s.Alerts() != alerts || len(states) != services {
		t.Errorf("%d linked and %d known of %d alerts, in %d incidents", linked, s.Alerts(), alerts, len(states))
	}
	for id, v := range states {
		if n := len(v.Alerts) + v.MoreAlerts; n != alerts/services {
			t.Errorf("%s has %d alerts", id, n)
		}
		duties := map[string]int{}
		for _, o := range rules.Obligations(v, now) {
			duties[fmt.Sprint(o.Duty, o.Audience, o.Number)]++
		}
		for duty, n := range duties {
			if n != 1 {
				t.Errorf("%s owes %s %d times", id, duty, n)
			}
		}
		if len(duties) == 0 {
			t.Errorf("%s owes nothing", id)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// full is a state with so many alerts that fire, of 200 services.
func full(p *fromalert.Compiled, n int) *fromalert.State {
	s := &fromalert.State{}
	d := p.NewDecoder()
	var events []fromalert.Event
	var out []fromalert.Decision
	for i := 0; i < n; i += 100 {
		events, _, _ = d.Decode(batchOf(i, 100, "firing"), at(60), events[:0])
		out = p.Step(s, events, nil, at(60+float64(i)/1e6), out[:0])
	}
	return s
}

const mostBytes = 64 << 20 // for 200,000 active alerts

func TestActiveAlertsFitTheirMemory(t *testing.T) {
	const n = 200_000
	p := fromalert.Policy{ID: "memory", Lateness: fromalert.None}.MustCompile()
	before := heap()
	s := full(p, n)
	used := heap() - before
	t.Logf("%d active alerts take %.1f MiB, %d bytes each", s.Alerts(), float64(used)/(1<<20), used/n)
	if s.Alerts() != n || used > mostBytes {
		t.Errorf("%d alerts take %d bytes, want at most %d", s.Alerts(), used, mostBytes)
	}
	runtime.KeepAlive(s)
}

func BenchmarkActiveAlerts(b *testing.B) {
	const n = 200_000
	p := fromalert.Policy{ID: "memory", Lateness: fromalert.None}.MustCompile()
	for b.Loop() {
		before := heap()
		s := full(p, n)
		b.ReportMetric(float64(heap()-before)/n, "bytes/alert")
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		runtime.KeepAlive(s)
	}
}

func TestDecisionsExplainThemselves(t *testing.T) {
	d := deskOf(fromalert.Policy{Topology: shop})
	first := d.at(0, fires("a", 0))
	b := fires("b", 1)
	b.Group, b.Service, b.Severity = "db\x00", "db", 1
	got := d.at(1, b)
	check(t, got, fromalert.LinkTo, fromalert.ByTopology)
	if text := got.Why.Reason().Text; text != "the incident is about checkout, 1 dependency away" {
		t.Error(text)
	}
	by := sre.Actor{Kind: sre.Service, ID: "fromalert"}
	var kinds []string
	for _, r := range append(first.Requests(d.p, by), got.Requests(d.p, by)...) {
		kinds = append(kinds, r.Command.Kind().String())
	}
	if diff := cmp.Diff([]string{"declare", "link", "triage"}, kinds); diff != "" {
		t.Error(diff)
	}
	if m := d.p.Markdown(); !strings.Contains(m, "Alerts with the same service") || !strings.Contains(m, "at most 1 away") {
		t.Error(m)
	}
	// The topology does not creep: search is a dependency of web, which db is not near to.
	c := fires("c", 2)
	c.Group, c.Service = "search\x00", "search"
	check(t, d.at(2, c), fromalert.Declare, fromalert.ByThreshold)
}

func TestBadStatesAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"schema":2,"data":{}}`, `{"schema":1,"data":{"alerts":[{"alert":"a","incident":"x"}]}}`, `{"schema":1,"data":{"incidents":[{"id":"a","into":"a"}]}}`,
		`{"schema":1,"data":{"incidents":[{"id":"a","into":"b"},{"id":"b","into":"a"}]}}`, `{"schema":1,"data":{"groups":[{"values":["a"],"candidates":["x"]}]}}`,
		`{"schema":1,"data":{"waiting":[{"alert":"a"}]}}`, `[]`,
	} {
		var s fromalert.State
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
