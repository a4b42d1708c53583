package escalation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

type (
	state  = escalation.State
	effect = escalation.Effect
)

// call is one step, and what the genuine engine makes of it.
type call struct {
	c      *escalation.Compiled
	before state
	in     escalation.Input
	d      escalation.Directory
	now    time.Time
	start  int

	after state
	out   []effect
}

func (c *call) again(in escalation.Input, d escalation.Directory, now time.Time) {
	c.after, c.out, _ = c.c.Step(c.before, in, d, now, c.out[:c.start])
}

// spoilt is the engine with something done to each step that was not refused.
func spoilt(spoil func(*call)) engine {
	e := genuine
	e.step = func(c *escalation.Compiled, s state, in escalation.Input, d escalation.Directory, now time.Time, out []effect) (state, []effect, error) {
		after, effects, err := c.Step(s, in, d, now, out)
		if err != nil {
			return after, effects, err
		}
		x := &call{c, s, in, d, now, len(out), after, effects}
		spoil(x)
		return x.after, x.out, nil
	}
	return e
}

// ghosts says that somebody is on call where nobody is.
type ghosts struct{ escalation.Directory }

func (g ghosts) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	people, known := g.Directory.OnCall(id, role, t)
	if known && len(people) == 0 {
		people = []string{"nobody"}
	}
	return people, known
}

func pagesOf(s state) []escalation.Page { return slices.Collect(s.Pages()) }

func is[T escalation.Input](in escalation.Input) bool { _, ok := in.(T); return ok }

var stepMutants = []struct {
	name, invariant string
	engine          engine
}{
	{"due from now instead of chained", "6 lateness", spoilt(func(x *call) {
		if is[escalation.Tick](x.in) && x.after.Entry != x.before.Entry {
			x.after.LevelDue = x.now.Add(x.after.LevelDue.Sub(x.after.Entered))
		}
	})},
	{"acknowledgement leaves the pages", "consistency", spoilt(func(x *call) {
		if is[escalation.Ack](x.in) && x.after.Status == escalation.Acknowledged {
			escalation.SetPages(&x.after, pagesOf(x.before)...)
		}
	})},
	{"acknowledgement ends only one's own page", "acknowledgements", spoilt(func(x *call) {
		if ack, ok := x.in.(escalation.Ack); ok && x.before.Status == escalation.Open {
			x.after = x.before
			x.after.By = ack.By
			escalation.SetPages(&x.after, slices.DeleteFunc(pagesOf(x.before), func(p escalation.Page) bool { return p.Person == ack.By })...)
		}
	})},
	{"what was asked for before is still wanted after an acknowledgement", "4 fence", func() engine {
		e := genuine
		e.wants = func(s state, _ effect) bool { return s.Status != escalation.Resolved }
		return e
	}()},
	{"the number of the entry begins anew with a new alert", "3 delivered", spoilt(func(x *call) {
		if is[escalation.Trigger](x.in) && x.before.Status == escalation.Resolved {
			x.before.Entry = 0
			x.again(x.in, x.d, x.now)
		}
	})},
	{"the key leaves out the entry", "3 delivered", func() engine {
		e := genuine
		e.key = func(e effect, id string) string { e.Entry = 0; return e.Key(id) }
		return e
	}()},
	{"nobody on call waits the full delay", "2 intent before level", spoilt(func(x *call) {
		x.again(x.in, ghosts{x.d}, x.now)
		x.out = slices.DeleteFunc(x.out, func(e effect) bool { return e.Person == "nobody" })
		escalation.SetPages(&x.after, slices.DeleteFunc(pagesOf(x.after), func(p escalation.Page) bool { return p.Person == "nobody" })...)
	})},
	{"the last resort is paged once", "7 never dropped", spoilt(func(x *call) {
		if x.after.Level == escalation.LastResortLevel {
			x.after.LevelDue = time.Time{}
		}
	})},
	{"the levels are gone through for ever", "7 never dropped", spoilt(func(x *call) { x.after.Loop = 0 })},
	{"an escalation ends after the last level", "7 never dropped", spoilt(func(x *call) {
		if is[escalation.Tick](x.in) && x.after.Level == escalation.LastResortLevel {
			x.before.Status = escalation.Open
			x.after, x.out, _ = x.c.Step(x.before, escalation.Resolve{By: "policy"}, x.d, x.now, x.out[:x.start])
		}
	})},
	{"a failure for good is ignored", "6 lateness", spoilt(func(x *call) {
		if is[escalation.Undelivered](x.in) {
			x.after, x.out = x.before, x.out[:x.start]
		}
	})},
	{"a snooze has no end", "1 wake-up", spoilt(func(x *call) {
		if is[escalation.Snooze](x.in) {
			x.after.Until = time.Time{}
		}
	})},
	{"an expired acknowledgement is forgotten", "1 wake-up", spoilt(func(x *call) {
		if is[escalation.Tick](x.in) && x.before.Status == escalation.Acknowledged && !x.before.Until.IsZero() && !x.before.Until.After(x.now) {
			x.after, x.out = x.before, x.out[:x.start]
			x.after.Until = time.Time{}
		}
	})},
	{"a promise is dropped when the severity changes", "promise", spoilt(func(x *call) {
		if is[escalation.SetSeverity](x.in) && x.after.Severity != x.before.Severity {
			x.after.AckDue, x.after.RespondDue = time.Time{}, time.Time{}
		}
	})},
	{"a worse severity puts the promise off", "promise", spoilt(func(x *call) {
		if is[escalation.SetSeverity](x.in) && !x.after.AckDue.IsZero() {
			x.after.AckDue = x.now.Add(4 * time.Minute)
		}
	})},
	{"an edit forgets the pages", "3 delivered", spoilt(func(x *call) {
		if is[escalation.Edit](x.in) && x.after.Entry == x.before.Entry {
			escalation.SetPages(&x.after)
		}
	})},
	{"one person counts twice", "acknowledgements", spoilt(func(x *call) {
		if ack, ok := x.in.(escalation.Ack); ok && x.before.Status == escalation.Open && x.after.Status == escalation.Open {
			for by := range x.before.Acks() {
				if by == ack.By {
					x.again(escalation.Ack{By: "twin"}, x.d, x.now)
				}
			}
		}
	})},
	{"a late tick does only the last thing that was due", "3 delivered", spoilt(func(x *call) {
		var last time.Time
		for _, e := range x.out[x.start:] {
			last = later(last, e.At)
		}
		x.out = append(x.out[:x.start:x.start], slices.DeleteFunc(slices.Clone(x.out[x.start:]), func(e effect) bool { return e.At.Before(last) })...)
	})},
	{"a delivery is asked for again with each step", "3 delivered", spoilt(func(x *call) {
		if x.before.Status == escalation.Open && x.after.Status == escalation.Open && len(x.out) > x.start {
			for p := range x.before.Pages() {
				x.out = append(x.out, effect{Kind: escalation.Deliver, Entry: p.Entry, Level: p.Level, At: x.now, Person: p.Person})
			}
		}
	})},
	{"a resolved escalation still has something due", "consistency", spoilt(func(x *call) {
		if is[escalation.Resolve](x.in) {
			x.after.LevelDue = x.before.LevelDue
		}
	})},
	{"a step depends on how often it was made", "5 replay", func() engine {
		n := 0
		return spoilt(func(x *call) {
			if n++; is[escalation.Tick](x.in) && x.after.Entry != x.before.Entry {
				x.after.LevelDue = x.after.LevelDue.Add(time.Duration(n%2) * time.Second)
			}
		})
	}()},
	{"a refused input leaves a trace", "refusal", func() engine {
		e := genuine
		e.step = func(c *escalation.Compiled, s state, in escalation.Input, d escalation.Directory, now time.Time, out []effect) (state, []effect, error) {
			after, out, err := c.Step(s, in, d, now, out)
			if err != nil {
				after.Turn++
			}
			return after, out, err
		}
		return e
	}()},
}

// Each mutant of Step is caught, by the invariant that it breaks, with a story
// of what leads there.
func TestSearchCatchesMutants(t *testing.T) {
	for _, mutant := range stepMutants {
		t.Run(mutant.name, func(t *testing.T) {
			var caught []string
			for _, m := range models {
				m.states = 4000
				r := explore(mutant.engine, m)
				if r.violation == nil {
					continue
				}
				caught = append(caught, r.violation.invariant)
				if !strings.Contains(r.story, r.violation.invariant) || r.violation.invariant == mutant.invariant {
					t.Logf("after %d worlds:\n%s", r.worlds, r.story)
				}
			}
			if !slices.Contains(caught, mutant.invariant) {
				t.Errorf("caught by %q, want %q", caught, mutant.invariant)
			}
		})
	}
}
