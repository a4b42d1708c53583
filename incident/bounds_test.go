package incident_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// hostile fills a string with what JSON writes longest: six bytes for one.
func hostile(n int) string { return strings.Repeat("&", n) }

// wide is an ID of the longest sort.
func wide(what string, n int) string {
	id := fmt.Sprintf("%s%d", what, n)
	return id + strings.Repeat("x", 100-len(id))
}

// fill gives commands until the incident takes no more of them.
type fill struct {
	testing.TB
	policy *incident.Compiled
	state  incident.State
	now    time.Time
}

func (f *fill) give(by string, c incident.Command) bool {
	f.now = f.now.Add(time.Second + time.Nanosecond)
	events, err := f.policy.Handle(&f.state, incident.Request{By: human(by), Reason: hostile(incident.MaxText), Command: c}, f.now)
	for i := range events {
		f.state.Apply(&events[i])
	}
	var refusal *incident.Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Code != incident.RefusedFull) {
		f.Fatalf("%s: %v", c.Kind(), err)
	}
	return err == nil
}

// A state that is full of everything fits its limit, and still takes what the
// worst hour needs.
func TestStatesStayBounded(t *testing.T) {
	policy := incident.Policy{ID: "p", Authority: map[incident.Kind][]incident.Role{}}.MustCompile()
	f := fill{t, policy, incident.State{}, monday.Add(123456789)}
	ids := func(what string, n int) (list []string) {
		for i := range n {
			list = append(list, wide(what, i))
		}
		return list
	}
	url := hostile(incident.MaxURL)
	f.give("a", incident.Declare{ID: wide("i", 0), Title: hostile(incident.MaxTitle), Text: hostile(incident.MaxText), Services: ids("s", incident.MaxServices),
		Alerts: ids("a", 100), Severity: 1, Impact: incident.Impact{Users: incident.ShareOf(math.SmallestNonzeroFloat64), BudgetBurn: incident.RateOf(math.MaxFloat64), DataLoss: incident.Yes, Security: incident.Yes, Redundancy: incident.No}})
	f.give("a", incident.SetChannel{Ref: incident.Ref{ID: wide("c", 0), URL: url}})
	f.give("a", incident.SetTicket{Ref: incident.Ref{ID: wide("t", 0), URL: url}})
	f.give("a", incident.SchedulePostmortem{ID: wide("pm", 0), For: f.now})

	for i := range 3 { // what is merged into it, as full as can be, with what it had absorbed itself
		child, family := absorber(t, policy, wide("child", i), 30, f.now)
		events, err := policy.Merge(child, &f.state, family, incident.Request{By: human("a"), Command: incident.Merge{Into: f.state.ID}}, f.now)
		if err != nil {
			t.Fatal(err)
		}
		f.state.Apply(&events[1].Event)
	}
	for i := 0; f.give("a", incident.AttachRunbook{ID: wide("r", i), URL: url[:min(1500, len(url))]}); i++ {
	}
	for i := 0; f.give("a", incident.Link{Type: incident.LinkChange, ID: wide("l", i), URL: url}); i++ {
	}
	for i := 0; f.give("a", incident.Link{Type: incident.LinkChange, ID: fmt.Sprint(i)}); i++ {
	}
	for i := range 3000 {
		f.give("a", incident.Link{Type: incident.LinkAlert, ID: wide("alert", i)})
	}
	for i := 0; f.give("a", incident.Mitigate{ID: wide("m", i), Change: wide("c", i), Type: incident.ShedLoad, Result: incident.Started}); i++ {
	}
	for _, role := range []incident.Role{incident.Commander, incident.Deputy, incident.Scribe, incident.Liaison, incident.PublicLiaison} {
		f.give("a", incident.Assign{Role: role, Person: wide("p", int(role)), Service: wide("s", 0)})
		f.give("a", incident.Offer{Role: role, Person: wide("q", 0), Note: hostile(incident.MaxHandover)})
	}
	for i := 0; f.give("a", incident.Assign{Role: incident.Expert, Person: wide("e", i), Service: wide("s", i)}); i++ {
	}
	for i := range 5000 {
		f.give("a", incident.Triage{Severity: sre.Severity(1 + i%4)})
		if i%50 == 0 { // and late, in the past
			_, _ = policy.Handle(&f.state, incident.Request{By: human("a"), At: monday.Add(time.Duration(i)), Reason: "x", Command: incident.Triage{Severity: 1}}, f.now)
		}
	}
	for episode := 0; ; episode++ {
		f.give("a", incident.Mitigate{ID: wide("m", 0), Result: incident.Worked, EndsImpact: true})
		for range 30 { // lulls
			f.give("a", incident.Reopen{})
			f.give("a", incident.Mitigate{ID: wide("m", 0), Result: incident.Worked, EndsImpact: true})
		}
		f.give("a", incident.Resolve{})
		for range 3 {
			f.give("a", incident.Verify{Recovered: incident.NotRecovered})
		}
		if !f.give("a", incident.Reopen{}) {
			break
		}
		for m := incident.ImpactBegan; m <= incident.TriagedAt; m++ {
			f.give("a", incident.Correct{Milestone: m, At: f.now})
		}
		for a := range incident.Audience(3) {
			f.give("a", incident.Update{Audience: a, Text: "x", Next: f.now.Add(time.Hour)})
		}
	}
	if n := len(asJSON(t, f.state)); n > incident.MaxState {
		t.Errorf("the state has %d bytes as JSON, the limit is %d", n, incident.MaxState)
	} else {
		t.Logf("%d bytes of at most %d: %d links, %d runbooks, %d alerts, %d spans, %d episodes, %d merged, %d mitigations, %d holders, %d lulls",
			n, incident.MaxState, len(f.state.Links), len(f.state.Runbooks), len(f.state.Alerts), len(f.state.Spans), len(f.state.Past), len(f.state.Merged), len(f.state.Mitigations), len(f.state.Holders), len(f.state.Lulls))
	}
}

// absorber returns a declared incident that has absorbed n others.
func absorber(t *testing.T, policy *incident.Compiled, id string, n int, now time.Time) (*incident.State, []*incident.State) {
	var s incident.State
	var family []*incident.State
	s.Apply(&incident.Event{Seq: 1, At: now, Recorded: now, By: human("a"), Command: incident.Declare{ID: id, Title: "x", Severity: 1}})
	for i := range n {
		var c incident.State
		alerts := []string{wide("k", i), wide("l", i), wide("m", i)}
		c.Apply(&incident.Event{Seq: 1, At: now, Recorded: now, By: human("a"), Command: incident.Declare{ID: wide(id[:20]+"-", i), Title: "x", Severity: 1, Alerts: alerts}})
		events, err := policy.Merge(&c, &s, nil, incident.Request{By: human("a"), Command: incident.Merge{Into: id}}, now)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(&events[1].Event)
		c.Apply(&events[0].Event)
		family = append(family, &c)
	}
	return &s, family
}

// When the list of severities is full, what makes it worse is still taken.
func TestAFullIncidentStillGetsWorse(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	f := fill{t, policy, incident.State{}, monday}
	f.give("a", incident.Declare{ID: "i", Title: "x", Severity: 2})
	for i := 0; f.give("a", incident.Triage{Severity: sre.Severity(3 + i%2)}); i++ {
	}
	if !f.give("a", incident.Triage{Severity: 1}) || f.state.Severity != 1 {
		t.Errorf("it is %s", f.state.Severity)
	}
	if f.give("a", incident.Triage{Severity: 3}) || len(f.state.Spans) > incident.MaxSpans+4 {
		t.Errorf("%d spans", len(f.state.Spans))
	}
}

// What cannot be stored, or shown, or is not so, is refused.
func TestBadCommandsAreRefused(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	s := incident.State{}
	s.Apply(&incident.Event{Seq: 1, At: monday, Recorded: monday, Command: incident.Declare{ID: "i", Title: "x", Severity: 1}})
	far := time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, r := range []incident.Request{
		{Command: incident.SetTitle{Title: "\xff"}},
		{Command: incident.SetTitle{Title: strings.Repeat("x", incident.MaxTitle+1)}},
		{Command: incident.Note{Text: "x"}, Reason: "\xff"},
		{Command: incident.Note{Text: "x"}, At: monday.Add(time.Hour)},
		{Command: incident.Note{Text: "x"}, At: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Command: incident.Note{Text: "x"}, Seen: 2},
		{Command: incident.Update{Text: "x", Next: far}},
		{Command: incident.SchedulePostmortem{ID: "pm", For: far}},
		{Command: incident.Triage{Severity: 5}, Reason: "x"},
		{Command: incident.Triage{Impact: incident.Impact{Users: incident.Share{Value: math.NaN()}}}},
		{Command: incident.Triage{Impact: incident.Impact{BudgetBurn: incident.Rate{Value: math.NaN()}}}},
		{Command: incident.Triage{Impact: incident.Impact{BudgetBurn: incident.RateOf(math.Inf(1))}}},
		{Command: incident.Triage{Impact: incident.Impact{Users: incident.ShareOf(1.1)}}},
		{Command: incident.Mitigate{ID: "m", EndsImpact: true}},
		{Command: incident.Correct{Milestone: incident.DetectedAt, At: monday.Add(time.Hour)}},
		{Command: incident.Correct{Milestone: incident.MilestoneUnknown, At: monday}},
	} {
		r.By = human("a")
		if events, err := policy.Handle(&s, r, monday); err == nil {
			t.Errorf("%s %+v was taken: %v", r.Command.Kind(), r.Command, events)
		}
	}
	for _, by := range []sre.Actor{{}, {Kind: sre.Human}, {Kind: sre.Human, ID: "a", Via: strings.Repeat("x", 101)}, {Kind: sre.Human, ID: "a", Via: "\xff"}, {Kind: 9, ID: "a"}} {
		if _, err := policy.Handle(&s, incident.Request{By: by, Command: incident.Note{Text: "x"}}, monday); err == nil {
			t.Errorf("%+v may write", by)
		}
	}
	for _, c := range []incident.Declare{
		{ID: "i", Title: "x", Detected: monday.Add(time.Hour)}, {ID: "i", Title: "x", Began: monday.Add(time.Hour)}, {ID: "i", Title: "x", Severity: 9},
		{ID: "i", Title: "x", Alerts: []string{"a", "a"}}, {ID: "i", Title: "x", Services: []string{"a", "a"}}, {ID: " ", Title: "x"}, {ID: "i"},
	} {
		if _, err := policy.Handle(&incident.State{}, incident.Request{By: human("a"), Command: c}, monday); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if _, err := new(incident.Compiled).Handle(&incident.State{}, incident.Request{By: human("a"), Command: incident.Declare{ID: "i", Title: "x"}}, monday); err == nil {
		t.Error("the zero value of Compiled takes a command")
	}
	if _, err := (incident.Policy{ID: "p", Authority: map[incident.Kind][]incident.Role{incident.KindAbsorb: {incident.Commander}, 99: nil, incident.KindClose: {77}}}).Compile(); len(sre.ProblemsIn(err)) != 3 {
		t.Errorf("the problems of the policy are %v", err)
	}
}
