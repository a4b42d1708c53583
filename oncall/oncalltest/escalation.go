package oncalltest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall/escalation"
)

// An Escalator is an escalation engine with a policy, seen from outside. Its
// states are whatever it likes; nil is one that was never triggered. All of it
// must be functions of their arguments.
type Escalator struct {
	Step    func(state any, in escalation.Input, d escalation.Directory, now time.Time) (after any, effects []escalation.Effect, err error)
	NextDue func(state any) time.Time // when a Tick is owed; zero: never
	Wants   func(state any, e escalation.Effect) bool
}

// EscalatorOf returns a compiled policy as an Escalator.
func EscalatorOf(c *escalation.Compiled) Escalator {
	open := func(state any) escalation.State {
		s, _ := state.(escalation.State)
		return s
	}
	return Escalator{
		Step: func(state any, in escalation.Input, d escalation.Directory, now time.Time) (any, []escalation.Effect, error) {
			return c.Step(open(state), in, d, now, nil)
		},
		NextDue: func(state any) time.Time { return open(state).NextDue() },
		Wants:   func(state any, e escalation.Effect) bool { return open(state).Wants(e) },
	}
}

// An Act is what somebody does, so long after the trigger.
type Act struct {
	After time.Duration
	Input escalation.Input
}

// An Event is a page or a notice, or an act.
type Event struct {
	At     time.Time
	After  time.Duration     // since the trigger
	Effect escalation.Effect // zero: an act
	Input  escalation.Input  // of an act
	Err    error             // why the act was refused
}

// Page reports whether the event is a page, and not a notice or an act.
func (e Event) Page() bool { return e.Effect.Kind == escalation.Deliver }

// String returns the event on one line: "+5m0s l2 pages carol by push".
func (e Event) String() string {
	what := fmt.Sprintf("%T %+v", e.Input, e.Input)
	switch {
	case e.Err != nil:
		what += ": " + e.Err.Error()
	case e.Page():
		what = fmt.Sprintf("%s pages %s", e.Effect.Level, e.Effect.Person)
		if e.Effect.Contact != "" {
			what += " by " + e.Effect.Contact
		}
	case e.Effect.Kind == escalation.Notice:
		what = fmt.Sprintf("%s: %s", e.Effect.Level, e.Effect.Code)
		if e.Effect.Person != "" {
			what += " (" + e.Effect.Person + ")"
		}
	}
	return fmt.Sprintf("+%s %s", e.After, strings.TrimPrefix(what, "escalation."))
}

// A Simulation is an escalation that is run by a clock which never fails: each
// Tick comes at the instant at which it is owed.
type Simulation struct {
	Escalator Escalator
	Directory escalation.Directory
	Trigger   escalation.Trigger
	At        time.Time     // of the trigger
	For       time.Duration // how long it is looked at
	Acts      []Act         // in any order; those at the instant of a tick come before it

	// Late is how late the tick at an instant comes. Default (nil): never.
	Late func(due time.Time) time.Duration
}

// Simulate runs a compiled policy from the trigger on, for so long, and returns
// all that happens, in order.
func Simulate(c *escalation.Compiled, d escalation.Directory, trigger escalation.Trigger, at time.Time, long time.Duration, acts ...Act) []Event {
	events, _ := Simulation{EscalatorOf(c), d, trigger, at, long, acts, nil}.Run()
	return events
}

// maxSteps ends simulations of engines that owe ticks without end.
const maxSteps = 10_000

// Run returns what happens, and the state at the end.
func (s Simulation) Run() (events []Event, state any) {
	acts := slices.Clone(s.Acts)
	slices.SortStableFunc(acts, func(a, b Act) int { return int(min(1, max(-1, a.After-b.After))) })
	now, end := s.At, s.At.Add(s.For)
	do := func(in escalation.Input, show bool) {
		after, effects, err := s.Escalator.Step(state, in, s.Directory, now)
		if show || err != nil {
			events = append(events, Event{At: now, After: now.Sub(s.At), Input: in, Err: err})
		}
		if err != nil {
			return
		}
		state = after
		for _, e := range effects {
			events = append(events, Event{At: now, After: now.Sub(s.At), Effect: e})
		}
	}
	do(s.Trigger, true)
	for range maxSteps {
		due := s.Escalator.NextDue(state)
		if !due.IsZero() && s.Late != nil {
			due = due.Add(s.Late(due))
		}
		switch {
		case len(acts) > 0 && !s.At.Add(acts[0].After).After(end) && (due.IsZero() || !s.At.Add(acts[0].After).After(due)):
			now = latest(now, s.At.Add(acts[0].After))
			do(acts[0].Input, true)
			acts = acts[1:]
		case due.IsZero() || due.After(end):
			return events, state
		default:
			now = latest(now, due)
			do(escalation.Tick{}, false)
		}
	}
	return events, state
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// told prints the events as a story.
func told(events []Event) string {
	var b strings.Builder
	for i, e := range events {
		if i == 60 {
			fmt.Fprintf(&b, "  ... and %d more\n", len(events)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", e)
	}
	return b.String()
}
