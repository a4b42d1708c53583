package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A report is the answer.
type report struct {
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Within    string          `json:"within"`
	Fine      bool            `json:"fine"`
	Accounts  []accountReport `json:"accounts"`
	Migration *migration      `json:"migration,omitempty"`
}

type accountReport struct {
	Vendor    string           `json:"vendor"`
	Policies  []policyReport   `json:"policies"`
	Schedules []scheduleReport `json:"schedules"`

	// Unknown are people whom policies page and of whom no file has contact rules.
	Unknown []string `json:"unknown_people,omitempty"`

	// Dropped is what the export says and the analysis leaves out.
	Dropped []string `json:"dropped,omitempty"`
}

// A policyReport is about a policy and an urgency.
type policyReport struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Urgency string `json:"urgency"`
	Judged  bool   `json:"judged"` // it is the worst urgency of the policy, for which -within holds
	Proven  bool   `json:"proven"` // the export says nothing that the analysis leaves out
	Worst   late   `json:"worst"`

	// Late are the stretches that take longer than -within, joined where they
	// touch.
	Late      []late `json:"late,omitempty"`
	LateShare string `json:"late_share"` // of the time, in percent

	zone      *time.Location
	stretches []escalation.Reached
	within    time.Duration
}

// late is a stretch of time, and how its triggers reach somebody.
type late struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	After   string    `json:"after"` // at worst; "never"
	Level   string    `json:"level,omitempty"`
	Person  string    `json:"person,omitempty"`
	Contact string    `json:"contact,omitempty"` // its kind

	after time.Duration
}

// A scheduleReport says when nobody is on call.
type scheduleReport struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Holes []hole `json:"holes,omitempty"`
	Share string `json:"share"` // of the time, in percent

	zone *time.Location
}

type hole struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// analyze answers for every account, and compares two.
func analyze(o options, progress func(string, ...any)) (report, error) {
	r := report{From: o.from, To: o.to, Within: o.within.String(), Fine: true}
	for _, w := range o.accounts {
		a := accountReport{Vendor: w.vendor, Unknown: w.unknown()}
		for _, p := range w.account.Policies {
			for i, u := range w.account.Urgencies(p.ID) {
				progress("%s: %s, %s", w.vendor, w.name(p.ID), u)
				one, err := w.reach(p, u, o)
				if err != nil {
					return report{}, err
				}
				one.Judged = i == 0
				a.Policies = append(a.Policies, one)
				r.Fine = r.Fine && (!one.Judged || one.Proven && len(one.Late) == 0)
			}
		}
		for _, s := range w.schedules {
			a.Schedules = append(a.Schedules, w.holes(s, o))
		}
		for _, d := range w.dropped {
			a.Dropped = append(a.Dropped, fmt.Sprintf("%s: %s: instead %s", d.Path, d.Code, d.Want))
		}
		r.Accounts = append(r.Accounts, a)
	}
	if len(o.accounts) == 2 {
		progress("comparing %s with %s", o.accounts[0].vendor, o.accounts[1].vendor)
		m, err := compare(o.accounts[0], o.accounts[1], o)
		if err != nil {
			return report{}, err
		}
		r.Migration = m
		r.Fine = r.Fine && m.Same
	}
	return r, nil
}

// reach asks how long a policy takes.
func (w *world) reach(p escalation.Policy, u account.Urgency, o options) (policyReport, error) {
	roster, err := w.roster(u)
	if err != nil {
		return policyReport{}, err
	}
	policy, err := w.policy(p)
	if err != nil {
		return policyReport{}, err
	}
	result, err := escalation.Reach(escalation.ReachQuery{Policy: policy, Roster: roster, Severity: 1, From: o.from, To: o.to, Counts: o.counts})
	if err != nil {
		return policyReport{}, fmt.Errorf("reach: %s: policy %s: %w", w.vendor, p.ID, err)
	}
	one := policyReport{
		ID: p.ID, Name: cmp.Or(p.Name, p.ID), Urgency: string(u), Proven: w.proven(p.ID),
		zone: w.zone(p), stretches: result.Stretches, within: o.within,
		Worst: w.late(u, result.Stretches[result.WorstAt]),
	}
	total := time.Duration(0)
	for _, s := range result.Over(o.within) {
		l := w.late(u, s)
		total += s.To.Sub(s.From)
		if n := len(one.Late); n > 0 && one.Late[n-1].To.Equal(l.From) {
			last := &one.Late[n-1]
			if l.after > last.after {
				l.From = last.From
				*last = l
			}
			last.To = s.To
			continue
		}
		one.Late = append(one.Late, l)
	}
	one.LateShare = percent(total, o.to.Sub(o.from))
	return one, nil
}

// proven reports whether everything that the export says about a policy and the
// people is in the analysis.
func (w *world) proven(policy string) bool {
	policies := map[string]bool{}
	for _, p := range w.account.Policies {
		policies[p.ID] = true
	}
	return !slices.ContainsFunc(w.account.Inexact, func(id string) bool { return id == policy || !policies[id] })
}

// zone returns where the first schedule of a policy hangs.
func (w *world) zone(p escalation.Policy) *time.Location {
	for _, l := range p.Levels {
		for _, t := range l.Targets {
			for _, s := range w.schedules {
				if t.Kind == escalation.TargetSchedule && s.Schedule().ID == t.ID {
					return s.Location()
				}
			}
		}
	}
	return time.UTC
}

func (w *world) late(u account.Urgency, s escalation.Reached) late {
	l := late{From: s.From.UTC(), To: s.To.UTC(), After: "never", after: s.After}
	if !s.Never() {
		l.After, l.Level, l.Person, l.Contact = s.After.String(), s.Level, w.name(s.Person), s.Contact
		for _, p := range w.account.For(u) {
			if c, ok := p.Contact(s.Contact); ok && p.ID == s.Person {
				l.Contact = string(c.Kind)
			}
		}
	}
	return l
}

// holes returns when nobody is on call in a schedule.
func (w *world) holes(c *schedule.Compiled, o options) scheduleReport {
	id := c.Schedule().ID
	r := scheduleReport{ID: id, Name: w.name(id), zone: c.Location()}
	total := time.Duration(0)
	for at := o.from; at.Before(o.to); {
		on := c.At(at)
		_, until := on.Bounds()
		if until.IsZero() || until.After(o.to) {
			until = o.to
		}
		if len(on.People(oncall.Primary)) == 0 {
			total += until.Sub(at)
			if n := len(r.Holes); n > 0 && r.Holes[n-1].To.Equal(at) {
				r.Holes[n-1].To = until.UTC()
			} else {
				r.Holes = append(r.Holes, hole{at.UTC(), until.UTC()})
			}
		}
		at = until
	}
	r.Share = percent(total, o.to.Sub(o.from))
	return r
}

func percent(part, whole time.Duration) string {
	return fmt.Sprintf("%.1f %%", 100*part.Seconds()/whole.Seconds())
}
