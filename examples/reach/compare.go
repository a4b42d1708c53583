package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// A migration says whether two accounts page the same people.
type migration struct {
	Same     bool         `json:"same"`
	Policies []difference `json:"policies"`
	Only     []string     `json:"only,omitempty"` // policies that one of the accounts has alone
}

// A difference is about the policies of one name.
type difference struct {
	Name    string     `json:"name"`
	Same    bool       `json:"same"`
	Proven  bool       `json:"proven"`
	Repeats [2]int     `json:"repeats"`         // of the levels, before and after
	First   *time.Time `json:"first,omitempty"` // the first trigger with which other people are paged
	Share   string     `json:"share"`           // of the time in which they are, in percent
	Ways    []way      `json:"ways,omitempty"`  // in which they are, in the order of their first trigger
	zone    *time.Location
}

// A way is how the courses of two policies differ, the levels gone through once.
type way struct {
	Before []string `json:"before"`
	After  []string `json:"after"`
	When   []hole   `json:"when"` // triggers
}

// compare walks both accounts through every instant.
func compare(before, after *world, o options) (*migration, error) {
	m := &migration{Same: true}
	theirs := map[string]escalation.Policy{}
	key := func(p escalation.Policy) string { return strings.ToLower(cmp.Or(p.Name, p.ID)) }
	for _, p := range after.account.Policies {
		theirs[key(p)] = p
	}
	for _, p := range before.account.Policies {
		q, ok := theirs[key(p)]
		if !ok {
			m.Only = append(m.Only, before.vendor+": "+cmp.Or(p.Name, p.ID))
			continue
		}
		delete(theirs, key(p))
		d, err := compareOne(before, after, p, q, o)
		if err != nil {
			return nil, err
		}
		m.Policies = append(m.Policies, d)
		m.Same = m.Same && d.Same && d.Proven
	}
	for _, q := range theirs {
		m.Only = append(m.Only, after.vendor+": "+cmp.Or(q.Name, q.ID))
	}
	slices.Sort(m.Only)
	m.Same = m.Same && len(m.Only) == 0
	return m, nil
}

func compareOne(before, after *world, p, q escalation.Policy, o options) (difference, error) {
	a, err := before.walker(p)
	if err != nil {
		return difference{}, err
	}
	b, err := after.walker(q)
	if err != nil {
		return difference{}, err
	}
	d := difference{Name: cmp.Or(p.Name, p.ID), Proven: before.proven(p.ID) && after.proven(q.ID), Repeats: [2]int{p.Repeat, q.Repeat}, zone: before.zone(p)}
	turns := max(turns(p), turns(q))
	total := time.Duration(0)
	for at := o.from; at.Before(o.to); {
		hold := o.to.Sub(at)
		var ours, others []string
		differs := false
		for turn := range turns {
			x, y := a.course(at, uint64(turn), &hold), b.course(at, uint64(turn), &hold)
			if !differs && !slices.Equal(x, y) {
				differs, ours, others = true, x, y
			}
		}
		if differs {
			total += hold
			d.add(ours, others, hole{at.UTC(), at.Add(hold).UTC()})
		}
		at = at.Add(hold)
	}
	if len(d.Ways) > 0 {
		d.First = &d.Ways[0].When[0].From
	}
	d.Same = len(d.Ways) == 0 && p.Repeat == q.Repeat
	d.Share = percent(total, o.to.Sub(o.from))
	return d, nil
}

// add notes a stretch in which the courses differ.
func (d *difference) add(before, after []string, when hole) {
	i := slices.IndexFunc(d.Ways, func(w way) bool { return slices.Equal(w.Before, before) && slices.Equal(w.After, after) })
	if i < 0 {
		i = len(d.Ways)
		d.Ways = append(d.Ways, way{Before: before, After: after})
	}
	list := &d.Ways[i].When
	if n := len(*list); n > 0 && (*list)[n-1].To.Equal(when.From) {
		(*list)[n-1].To = when.To
		return
	}
	*list = append(*list, when)
}

// maxTurns bounds how many turns of round robins are compared.
const maxTurns = 60

func turns(p escalation.Policy) int {
	n := 1
	for _, l := range p.Levels {
		for _, t := range l.Targets {
			if k := len(t.People); k > 0 {
				n = min(maxTurns, n*k)
			}
		}
	}
	return n
}

// A walker takes escalations that nobody acknowledges through a policy. It is
// their directory, in order to learn for how long the answers hold.
type walker struct {
	w       *world
	policy  *escalation.Compiled
	at      time.Time
	hold    *time.Duration
	effects []escalation.Effect
	clocks  []time.Duration // since midnight in UTC, at which a condition changes
}

func (w *world) walker(p escalation.Policy) (*walker, error) {
	p.Repeat = 0 // the levels are gone through once
	c, err := w.policy(p)
	if err != nil {
		return nil, err
	}
	k := &walker{w: w, policy: c}
	for _, l := range p.Levels {
		for _, h := range l.When.Hours { // those of Grafana OnCall, which are in UTC
			for _, text := range []string{h.From, h.To} {
				var hour, minute, second int
				fmt.Sscanf(text, "%d:%d:%d", &hour, &minute, &second)
				k.clocks = append(k.clocks, time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute+time.Duration(second)*time.Second)
			}
		}
	}
	return k, nil
}

// course returns who is paged when after a trigger, until the levels are used
// up. hold becomes shorter if triggers that are later by as much take another
// course.
func (k *walker) course(at time.Time, turn uint64, hold *time.Duration) []string {
	k.at, k.hold = at, hold
	paged := map[time.Duration][]string{}
	var (
		state escalation.State
		in    escalation.Input = escalation.Trigger{ID: "reach", Severity: 1, Turn: turn}
	)
	const most = escalation.MaxLevels + 2
	for now, n := at, 0; n < most; n++ {
		k.hours(now)
		state, k.effects, _ = k.policy.Step(state, in, k, now, k.effects[:0])
		for _, e := range k.effects {
			if e.Kind == escalation.Deliver && e.Person != nobody && e.Level != escalation.LastResortLevel {
				after := e.At.Sub(at)
				paged[after] = append(paged[after], k.w.identity(e.Person))
			}
		}
		next := state.NextDue()
		if next.IsZero() || state.Level == escalation.LastResortLevel {
			break
		}
		in, now = escalation.Tick{}, next
	}
	var list []string
	for _, after := range slices.Sorted(maps.Keys(paged)) {
		people := paged[after]
		slices.Sort(people)
		list = append(list, fmt.Sprintf("%s: %s", after, strings.Join(slices.Compact(people), ", ")))
	}
	return list
}

// hours notes for how long conditions on the clock stay as they are.
func (k *walker) hours(now time.Time) {
	midnight := now.UTC().Truncate(24 * time.Hour)
	for _, c := range k.clocks {
		next := midnight.Add(c)
		for !next.After(now) {
			next = next.Add(24 * time.Hour)
		}
		*k.hold = min(*k.hold, next.Sub(now))
	}
}

func (k *walker) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	for _, s := range k.w.schedules {
		if s.Schedule().ID == id {
			on := s.At(t)
			if _, until := on.Bounds(); until.After(t) {
				*k.hold = min(*k.hold, until.Sub(t))
			}
			return on.People(role), true
		}
	}
	return nil, false
}

func (k *walker) Team(id string) ([]string, bool) {
	for _, t := range k.w.account.Teams {
		if t.ID == id {
			return t.Members, true
		}
	}
	return nil, false
}

// Plan does not know, so everybody who is paged is paged once, at once.
func (k *walker) Plan(string, sre.Severity) ([]oncall.ContactStep, bool) { return nil, false }

func (k *walker) Load(string) (int, bool) { return 0, false }
