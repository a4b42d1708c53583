package incident_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
)

// long are logs of people who tell late and have not seen the latest.
var long = incidenttest.Range{Steps: 150, Late: true, Stale: true, Services: true, People: 4}

func asJSON(t testing.TB, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every prefix of a long log holds the invariants.
func TestLongLogsHoldTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := incidenttest.Policies(long).Draw(t, "policy").MustCompile()
		log := incidenttest.Logs(long, policy).Draw(t, "log")
		var before, after incident.State
		for i := range log {
			e := &log[i]
			after.Apply(e)
			if e.Seq != uint64(i+1) || i > 0 && e.Recorded.Before(log[i-1].Recorded) || e.At.After(e.Recorded) || e.At.Location() != time.UTC {
				t.Fatalf("event %d: %+v behind %+v", i, *e, log[max(i-1, 0)])
			}
			if e.Refused != "" {
				unchanged := before
				unchanged.Seq, unchanged.Last, unchanged.Conflicts = after.Seq, after.Last, after.Conflicts
				if asJSONr(t, unchanged) != asJSONr(t, after) {
					t.Fatalf("a refused event changed the incident: %+v", *e)
				}
			}
			request := incident.Request{By: e.By, Reason: e.Reason, Command: e.Command}
			checkPeopleOf(t, policy, &before, request, &after)
			checkTimes(t, &after, e.Recorded)
			before = after.Clone()
		}
	})
}

func asJSONr(t *rapid.T, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// reporter lets the checks of the searches speak to rapid.
type reporter struct {
	testing.TB
	t *rapid.T
}

func (r reporter) Errorf(format string, args ...any) { r.t.Fatalf(format, args...) }

func checkPeopleOf(t *rapid.T, policy *incident.Compiled, s *incident.State, r incident.Request, after *incident.State) {
	checkPeople(reporter{t: t}, policy, s, r, after)
	checkSeverity(reporter{t: t}, s, r, after)
}

// checkTimes holds that the times in severities add up to the time of the
// episodes, that milestones are in order or reported, and that a duration is one.
func checkTimes(t *rapid.T, s *incident.State, now time.Time) {
	var sum time.Duration
	for _, d := range s.InSeverity(now) {
		sum += d
	}
	if want := busy(s, now); sum != want {
		t.Fatalf("the times in severities are %s in all, and the episodes %s: %v\n%+v", sum, want, s.InSeverity(now), *s)
	}
	contradictions := s.Contradictions()
	for from := incident.ImpactBegan; from <= incident.ClosedAt; from++ {
		for to := from + 1; to <= incident.ClosedAt; to++ {
			a, b := s.Mark(from), s.Mark(to)
			wrong := !a.IsZero() && !b.IsZero() && b.At.Before(a.At)
			if d := s.Between(from, to, now); wrong != slices.Contains(contradictions, [2]incident.Milestone{from, to}) ||
				wrong != (d.Validity == incident.Contradictory) || d.For < 0 || d.Validity == incident.Success && d.For != b.At.Sub(a.At) {
				t.Fatalf("%s at %s, %s at %s: %+v, contradictions %v", from, a.At, to, b.At, d, contradictions)
			}
		}
	}
}

// busy counts the minutes in which some episode was under way and had a
// severity, one by one.
func busy(s *incident.State, now time.Time) (sum time.Duration) {
	type span struct{ from, to time.Time }
	var list []span
	add := func(declared, resolved incident.Mark, over time.Time) {
		to := now
		if !over.IsZero() {
			to = over
		}
		if !resolved.IsZero() {
			to = resolved.At
		}
		from := declared.At
		if s.Spans[0].From.After(from) {
			from = s.Spans[0].From
		}
		list = append(list, span{from, to})
	}
	if s.Status == incident.None {
		return 0
	}
	for _, p := range s.Past {
		add(p.Marks[incident.DeclaredAt], p.Marks[incident.ResolvedAt], p.Over)
	}
	add(s.Mark(incident.DeclaredAt), s.Mark(incident.ResolvedAt), s.Over)
	edges := map[time.Time]bool{}
	for _, p := range list {
		edges[p.from], edges[p.to] = true, true
	}
	order := slices.SortedFunc(maps.Keys(edges), time.Time.Compare)
	for i := 1; i < len(order); i++ {
		for _, p := range list {
			if !p.from.After(order[i-1]) && !p.to.Before(order[i]) {
				sum += order[i].Sub(order[i-1])
				break
			}
		}
	}
	return sum
}

// Folding is deterministic, in one go or in parts, through JSON or not, and
// leaves the events as they were.
func TestFoldingIsDeterministic(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		log := incidenttest.Logs(long, policy).Draw(t, "log")
		was := asJSONr(t, log)
		want := incident.Fold(slices.Values(log))
		var stored []incident.Event
		if err := json.Unmarshal([]byte(was), &stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(log, stored, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("events after JSON (-before +after):\n%s", diff)
		}
		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		half := incident.Fold(slices.Values(stored[:cut]))
		var s incident.State
		if err := json.Unmarshal([]byte(asJSONr(t, half)), &s); err != nil {
			t.Fatal(err)
		}
		copied := s.Clone()
		for i := range stored[cut:] {
			s.Apply(&stored[cut+i])
		}
		if diff := cmp.Diff(want, s, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("in parts and through JSON (-at once +in parts):\n%s", diff)
		}
		if a, b := asJSONr(t, half), asJSONr(t, copied); a != b {
			t.Fatalf("Apply has changed a clone: %s, and was %s", b, a)
		}
		if asJSONr(t, log) != was {
			t.Fatal("folding has changed the events")
		}
	})
}

// What was known at an instant is what had been recorded by then, whatever was
// corrected or told later.
func TestWhatWasKnownStaysKnown(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		log := incidenttest.Logs(long, policy).Draw(t, "log")
		known := map[time.Time]string{}
		var s incident.State
		for i := range log {
			s.Apply(&log[i])
			known[log[i].Recorded] = asJSONr(t, s)
		}
		for at, want := range known {
			if got := asJSONr(t, incident.Fold(incident.KnownAt(slices.Values(log), at))); got != want {
				t.Fatalf("at %s it was\n%s\nand now it is said to have been\n%s", at, want, got)
			}
		}
	})
}

// Handle changes neither the state nor what it was given, and its events share
// nothing with the sender.
func TestHandleChangesNothing(t *testing.T) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		log := incidenttest.Logs(long, policy).Draw(t, "log")
		s := incident.Fold(slices.Values(log))
		was := asJSONr(t, s)
		for range 20 {
			request := incidenttest.Next(t, long, incidenttest.Facts{Status: s.Status}, s.Last)
			_, _ = policy.Handle(&s, request.Request, request.Now)
		}
		if got := asJSONr(t, s); got != was {
			t.Fatalf("Handle has changed\n%s\nto\n%s", was, got)
		}
	})
	alerts := []string{"a", "b"}
	var s incident.State
	events, err := policy.Handle(&s, incident.Request{By: human("a"), Command: incident.Declare{ID: "i", Title: "x", Alerts: alerts}}, monday)
	if err != nil {
		t.Fatal(err)
	}
	alerts[0] = "changed"
	if got := events[0].Command.(incident.Declare).Alerts[0]; got != "a" {
		t.Errorf("the event has %q, as the sender changed it later", got)
	}
}

// A log of 10,000 events folds, and its state is small.
func TestALongLogFolds(t *testing.T) {
	log := longLog(t, 10_000)
	s := incident.Fold(slices.Values(log))
	if s.Seq != 10_000 || len(asJSON(t, s)) > incident.MaxState || len(s.Alerts) != incident.MaxAlerts || s.MoreAlerts == 0 {
		t.Errorf("seq %d, %d bytes, %d alerts and %d more", s.Seq, len(asJSON(t, s)), len(s.Alerts), s.MoreAlerts)
	}
}

// Every kind of command, and the event of it, is the same after JSON, and every
// kind is known.
func TestEveryKindSurvivesJSON(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 3, 4, 5, time.FixedZone("", 2*3600+30*60))
	commands := []incident.Command{
		incident.Merge{Into: "r", Duplicate: true}, incident.Absorb{From: "c", Family: []string{"d"}, Alerts: []incident.Alert{{Key: "k", From: "c"}}, More: 2, Hidden: true},
		incident.Redirect{Root: "r"}, incident.Split{From: "c"}, incident.Separate{Status: incident.Triaged},
		incident.Update{Text: "x", Next: at}, incident.SchedulePostmortem{ID: "x", For: at}, incident.Correct{Milestone: incident.ResolvedAt, At: at},
		incident.Declare{ID: "i", Title: "x", Began: at, Detected: at, ByMatrix: true, Severity: 2},
	}
	for seed := range 400 {
		commands = append(commands, incidenttest.Commands(incidenttest.Range{}).Example(seed))
	}
	seen := map[incident.Kind]bool{}
	for _, c := range commands {
		seen[c.Kind()] = true
		e := incident.Event{Seq: 7, At: at, Recorded: at.Add(time.Second), By: human("a"), Reason: "why", Command: c, Refused: "conflict"}
		first := asJSON(t, e)
		if strings.Contains(first, "+02:30") {
			t.Errorf("a time is not in UTC: %s", first)
		}
		var back incident.Event
		if err := json.Unmarshal([]byte(first), &back); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second := asJSON(t, back); first != second {
			t.Errorf("%s became %s", first, second)
		}
		if reflect.TypeOf(back.Command) != reflect.TypeOf(c) {
			t.Errorf("%T became %T", c, back.Command)
		}
	}
	for _, k := range incident.Kinds() {
		if !seen[k] {
			t.Errorf("%s was not tried", k)
		}
	}
}

func FuzzEvent(f *testing.F) {
	policy := incident.Policy{ID: "p"}.MustCompile()
	for seed := range 40 {
		for _, e := range incidenttest.Logs(incidenttest.Range{Steps: 6}, policy).Example(seed) {
			f.Add([]byte(asJSON(f, e)))
		}
	}
	for _, text := range []string{
		`{"seq":1,"kind":"unknown","command":{}}`, `{"seq":1,"kind":"resolve"}`, `{"seq":1,"kind":"resolve","command":null}`, `{"kind":"later","command":{}}`,
		`{"seq":1,"at":"2026-01-01T00:00:00+05:00","kind":"correct","command":{"milestone":"unknown","at":"0001-01-01T00:00:00Z"}}`,
		`{"kind":"absorb","command":{"from":"x","family":["y"],"alerts":[{"key":"k"}]}}`, `{"kind":"update","command":{"audience":"public"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e incident.Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		if e.Command == nil || e.Command.Kind() == incident.KindUnknown {
			t.Fatalf("an event without a command: %s", data)
		}
		first, err := json.Marshal(e)
		if err != nil {
			return // such as a year that JSON takes and does not write
		}
		var back incident.Event
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second := asJSON(t, back); string(first) != second {
			t.Fatalf("%s became %s", first, second)
		}
		declare := incident.Event{Seq: 1, At: monday, Recorded: monday, Command: incident.Declare{ID: "i", Title: "x", Severity: 1}}
		var s incident.State
		s.Apply(&declare)
		s.Apply(&e) // whatever it says, it does not panic
		_, _ = json.Marshal(s)
		_ = s.InSeverity(monday)
	})
}

func TestUnknownKindsAreRefused(t *testing.T) {
	for _, text := range []string{`{"seq":1,"kind":"levitate","command":{}}`, `{"seq":1,"kind":"unknown","command":{}}`, `{"seq":1,"command":{}}`, `{"seq":1,"kind":"resolve"}`} {
		var e incident.Event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s was read as %+v", text, e)
		}
	}
	if _, err := incident.DecodeCommand(200, []byte("{}")); len(sre.ProblemsIn(err)) != 1 {
		t.Errorf("kind 200: %v", err)
	}
	if _, err := json.Marshal(incident.Event{}); err == nil {
		t.Error("an event without a command was written")
	}
	policy := incident.Policy{ID: "p"}.MustCompile()
	s := incident.Fold(slices.Values(longLog(t, 10)))
	for _, c := range []incident.Command{nil, (*incident.Resolve)(nil), &incident.Resolve{}, foreign{}, incident.Merge{Into: "x"}, incident.Absorb{}, incident.Redirect{}, incident.Separate{}, incident.Split{From: "x"}} {
		_, err := policy.Handle(&s, incident.Request{By: human("alice"), Command: c}, s.Last)
		var refusal *incident.Refusal
		if !errors.As(err, &refusal) || refusal.Code != incident.RefusedInvalid {
			t.Errorf("%T: %v", c, err)
		}
	}
}

type foreign struct{ incident.Resolve }
