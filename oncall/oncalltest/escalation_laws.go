package oncalltest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// Demands are what a team demands of a policy.
type Demands struct {
	From, To time.Time // of the triggers; default: two weeks from 2026-03-01

	// Directories are whoever is on call. Default: [Staffs] of the policy where
	// [CheckEscalation] is given one; required for [EscalationLaws].
	Directories *rapid.Generator[escalation.Directory]

	Severities []sre.Severity // default: 1 to 4
	People     []string       // who acknowledges in the laws; default: p0 and p1

	// Within is how long after the trigger a person is paged at the latest, by
	// severity, whoever is on call, by whichever contact; how long it takes to
	// reach somebody is what escalation.Reach tells. Default (nil): the laws
	// demand nothing.
	Within map[sre.Severity]time.Duration

	// Every is how long nobody is paged at most while nobody answers. Default:
	// 7 days.
	Every time.Duration

	// Never is about pages that must not be made, whoever is on call and whatever
	// people do: a manager at night, for a severity that can wait.
	Never func(severity sre.Severity, page Event) bool
}

func (d Demands) withDefaults() Demands {
	if d.From.IsZero() || !d.To.After(d.From) {
		d.From = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		d.To = d.From.Add(14 * 24 * time.Hour)
	}
	if len(d.Severities) == 0 {
		d.Severities = []sre.Severity{1, 2, 3, 4}
	}
	if len(d.People) == 0 {
		d.People = []string{"p0", "p1"}
	}
	if d.Every == 0 {
		d.Every = escalation.MaxDelay
	}
	return d
}

// CheckEscalation tests a policy against each of the [EscalationLaws], each in a
// subtest of its name.
func CheckEscalation(t *testing.T, c *escalation.Compiled, d Demands) {
	t.Helper()
	if d.Directories == nil {
		d.Directories = Staffs(c.Policy())
	}
	for _, law := range EscalationLaws(EscalatorOf(c), d) {
		t.Run(law.Name, law.Test)
	}
}

// EscalationLaws returns the laws about an escalation, for use with rapid:
//
//   - paged_in_time: a person is paged within the demanded time, whoever is on
//     call
//   - never_dropped: while nobody answers, people are paged again and again
//   - quiet_when_taken: after people have begun to respond nobody is paged, and
//     what was asked for before is not wanted
//   - resolved_is_over: after a resolution nothing is owed or wanted
//   - no_drift: when the levels are due does not depend on when ticks come
//   - own_keys: no two pages have the same key, each is an ID
//   - same_again: the same step gives the same, a refused one nothing, and one
//     that is not owed nothing
//   - never_paged: no page is one that must not be made
func EscalationLaws(e Escalator, d Demands) []Law {
	l := escalationLaws{e, d.withDefaults()}
	return []Law{
		{"paged_in_time", "nobody knows of the outage", l.inTime},
		{"never_dropped", "an alert that nobody has seen is forgotten", l.neverDropped},
		{"quiet_when_taken", "who works on it is woken by his own page, or somebody else is", l.quiet},
		{"resolved_is_over", "people are paged for what is over", l.over},
		{"no_drift", "the later levels come later with each delay of a tick", l.noDrift},
		{"own_keys", "a provider takes the second page for a repetition of the first", l.ownKeys},
		{"same_again", "a process that repeats a step after a crash pages other people", l.sameAgain},
		{"never_paged", "somebody is woken who must not be", l.neverPaged},
	}
}

type escalationLaws struct {
	Escalator
	Demands
}

// simulation draws a trigger and who is on call.
func (l escalationLaws) simulation(t *rapid.T, long time.Duration) Simulation {
	seconds := rapid.Int64Range(0, int64(l.To.Sub(l.From)/time.Second)-1).Draw(t, "at")
	return Simulation{
		Escalator: l.Escalator, Directory: l.Directories.Draw(t, "directory"),
		Trigger: escalation.Trigger{ID: "e", Severity: rapid.SampledFrom(l.Severities).Draw(t, "severity"), Turn: rapid.Uint64Range(0, 9).Draw(t, "turn")},
		At:      l.From.Add(time.Duration(seconds) * time.Second), For: long,
	}
}

// fail tells the story of a simulation.
func (s Simulation) fail(t *rapid.T, events []Event, format string, args ...any) {
	t.Helper()
	t.Fatalf("An alert of severity %s on %s, directory %v:\n%s%s", s.Trigger.Severity, story(s.At), s.Directory, told(events), fmt.Sprintf(format, args...))
}

func (l escalationLaws) inTime(t *rapid.T) {
	s := l.simulation(t, 0)
	within, ok := l.Within[s.Trigger.Severity]
	if !ok {
		return
	}
	s.For = within
	events, _ := s.Run()
	for _, e := range events {
		if e.Page() {
			return
		}
	}
	s.fail(t, events, "Nobody is paged within %s.", within)
}

func (l escalationLaws) neverDropped(t *rapid.T) {
	s := l.simulation(t, 0)
	state, events, err := any(nil), []escalation.Effect(nil), error(nil)
	now, last := s.At, s.At
	var all []Event
	for range 400 {
		in := escalation.Input(escalation.Tick{})
		if state == nil {
			in = s.Trigger
		}
		if state, events, err = l.Step(state, in, s.Directory, now); err != nil {
			s.fail(t, all, "%T is refused: %v", in, err)
		}
		for _, e := range events {
			all = append(all, Event{At: now, After: now.Sub(s.At), Effect: e})
			if e.Kind == escalation.Deliver {
				last = now
			}
		}
		due := l.NextDue(state)
		if due.IsZero() || due.Sub(last) > l.Every {
			s.fail(t, all, "Nobody has answered, and nobody is paged within %s after %s.", l.Every, story(last))
		}
		if !due.After(now) {
			s.fail(t, all, "What is due %s is still owed after a tick at %s.", story(due), story(now))
		}
		now = due
	}
}

func (l escalationLaws) acts(t *rapid.T, long time.Duration) []Act {
	return Acts(ActRange{People: l.People, For: long}).Draw(t, "acts")
}

// taken lets everybody who may have to, and all that are paged, take it.
func (l escalationLaws) taken(s Simulation, state any, events []Event, now time.Time, by func(person string) escalation.Input) (any, error) {
	people := append([]string(nil), l.People...)
	for _, e := range events {
		if e.Page() {
			people = append(people, e.Effect.Person)
		}
	}
	for i := range escalation.MaxPeople {
		people = append(people, fmt.Sprintf("helper-%d", i))
	}
	for _, person := range people {
		after, _, err := l.Step(state, by(person), s.Directory, now)
		if err != nil {
			return state, err
		}
		state = after
	}
	return state, nil
}

func (l escalationLaws) quiet(t *rapid.T) {
	s := l.simulation(t, time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds"))*time.Second)
	events, state := s.Run()
	now := s.At.Add(s.For)
	state, err := l.taken(s, state, events, now, func(p string) escalation.Input { return escalation.Respond{By: p} })
	if err != nil {
		s.fail(t, events, "Nobody may respond: %v", err)
	}
	l.silent(t, s, state, events, now, "everybody has begun to respond")
}

func (l escalationLaws) over(t *rapid.T) {
	s := l.simulation(t, time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds"))*time.Second)
	s.Acts = l.acts(t, s.For)
	events, state := s.Run()
	now := s.At.Add(s.For)
	state, _, err := l.Step(state, escalation.Resolve{By: l.People[0]}, s.Directory, now)
	if err != nil {
		s.fail(t, events, "It may not be resolved: %v", err)
	}
	l.silent(t, s, state, events, now, "it was resolved")
}

// silent checks that nothing that was asked for is wanted, and nobody is paged
// from now on.
func (l escalationLaws) silent(t *rapid.T, s Simulation, state any, events []Event, now time.Time, what string) {
	for _, e := range events {
		if e.Page() && l.Wants(state, e.Effect) {
			s.fail(t, events, "After %s the page %q is still wanted.", what, e)
		}
	}
	for range 50 {
		due := l.NextDue(state)
		if due.IsZero() {
			return
		}
		now = latest(now, due)
		after, effects, _ := l.Step(state, escalation.Tick{}, s.Directory, now)
		for _, e := range effects {
			if e.Kind == escalation.Deliver {
				s.fail(t, events, "After %s: %s", what, Event{At: now, After: now.Sub(s.At), Effect: e})
			}
		}
		state = after
	}
	s.fail(t, events, "After %s ticks are owed without end.", what)
}

func (l escalationLaws) noDrift(t *rapid.T) {
	s := l.simulation(t, time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds"))*time.Second)
	punctual, state := s.Run()
	by := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 5).Draw(t, "late by seconds")
	n, lateAt := 0, s
	lateAt.Late = func(time.Time) time.Duration {
		n++
		return time.Duration(by[n%len(by)]) * time.Second
	}
	events, late := lateAt.Run()
	end := s.At.Add(s.For)
	settle := func(state any) (any, time.Time) { // what the last ticks still owe
		for due := l.NextDue(state); !due.IsZero() && !due.After(end); due = l.NextDue(state) {
			state, _, _ = l.Step(state, escalation.Tick{}, s.Directory, end)
		}
		return state, l.NextDue(state)
	}
	_, want := settle(state)
	if _, got := settle(late); !got.Equal(want) {
		s.fail(t, append(punctual, events...), "With ticks that come late by %v seconds the next is due %s, else %s.", by, story(got), story(want))
	}
}

func (l escalationLaws) ownKeys(t *rapid.T) {
	s := l.simulation(t, time.Duration(rapid.IntRange(1, 4*3600).Draw(t, "seconds"))*time.Second)
	s.Acts = l.acts(t, s.For)
	events, _ := s.Run()
	seen := map[string]Event{}
	for _, e := range events {
		if !e.Page() {
			continue
		}
		key := e.Effect.Key(s.Trigger.ID)
		if old, ok := seen[key]; ok {
			s.fail(t, events, "%q and %q have the same key.", old, e)
		}
		if !sre.ValidID(key) {
			s.fail(t, events, "The key %q of %q is no ID.", key, e)
		}
		seen[key] = e
	}
}

func (l escalationLaws) sameAgain(t *rapid.T) {
	s := l.simulation(t, time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds"))*time.Second)
	s.Acts = l.acts(t, s.For)
	events, state := s.Run()
	end := s.At.Add(s.For)
	if due := l.NextDue(state); due.IsZero() || due.After(end) {
		if after, effects, err := l.Step(state, escalation.Tick{}, s.Directory, end); err != nil || len(effects) > 0 || !l.NextDue(after).Equal(l.NextDue(state)) {
			s.fail(t, events, "A tick that is not owed asks for %v.", effects)
		}
	}
	in := rapid.SampledFrom([]escalation.Input{escalation.Tick{}, s.Trigger, escalation.Ack{By: l.People[0]}, escalation.Ack{}, escalation.Escalate{By: l.People[0], To: "no such level"}, escalation.Trigger{ID: "another"}}).Draw(t, "input")
	if due := l.NextDue(state); !due.IsZero() && rapid.Bool().Draw(t, "when due") {
		end = latest(end, due)
	}
	before := l.NextDue(state)
	after, effects, err := l.Step(state, in, s.Directory, end)
	again, effectsAgain, errAgain := l.Step(state, in, s.Directory, end)
	if !reflect.DeepEqual(effects, effectsAgain) || (err == nil) != (errAgain == nil) || !l.NextDue(after).Equal(l.NextDue(again)) || !l.NextDue(state).Equal(before) {
		s.fail(t, events, "%T twice from the same state: %v, then %v.", in, effects, effectsAgain)
	}
	if err != nil && (len(effects) > 0 || !l.NextDue(after).Equal(before)) {
		s.fail(t, events, "%T is refused (%v) and changes something.", in, err)
	}
}

func (l escalationLaws) neverPaged(t *rapid.T) {
	if l.Never == nil {
		return
	}
	s := l.simulation(t, time.Duration(rapid.IntRange(1, 12*3600).Draw(t, "seconds"))*time.Second)
	events, _ := s.Run()
	for _, e := range events {
		if e.Page() && l.Never(s.Trigger.Severity, e) {
			s.fail(t, events, "%q must never be.", e)
		}
	}
}
