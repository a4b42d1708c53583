package workload

import (
	"fmt"
	"iter"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A Shift is time of one person in one role, [Start, End), whole seconds.
// Shifts may come in any order and overlap.
type Shift struct {
	Person     string
	Role       oncall.Role // default: oncall.Primary
	Start, End time.Time

	// StartsBefore and EndsAfter say that the shift goes on beyond what is
	// known, so that a run that it belongs to lasts at least so long.
	StartsBefore, EndsAfter bool
}

// FromSchedule takes what [schedule.Compiled.Flatten] yields.
func FromSchedule(shifts iter.Seq[schedule.Shift]) []Shift {
	var list []Shift
	for s := range shifts {
		list = append(list, Shift{Person: s.Person, Role: s.Role, Start: s.Start, End: s.End, StartsBefore: s.StartsBefore, EndsAfter: s.EndsAfter})
	}
	return list
}

// A Page is one time that somebody was called.
type Page struct {
	At       time.Time
	Person   string
	Severity sre.Severity
	Incident string // an ID that the pages of one incident share; default: the page is an incident of its own
}

// Facts are what a policy measures: everything that meets [From, To), whole
// seconds. What lies outside is left out, but for the [Limits] of runs and
// rests: those are held against the shifts in full, so that the end of a month
// hides nothing.
type Facts struct {
	From, To time.Time
	Shifts   []Shift
	Pages    []Page
}

// Limits of facts, part of the contract.
const (
	MaxSpan   = 5 * 366 * 24 * time.Hour // of a measurement and of a shift
	MaxShifts = 1_000_000
	MaxPages  = 1_000_000

	maxProblems = 100 // reported of one list
)

// check reports every problem of the facts, the first hundred of each list.
func (f Facts) check() error {
	var p sre.Problems
	if !whole(f.From) {
		p.Add("from", "invalid_instant", stamp(f.From), "whole seconds of the years 2 to 9998")
	}
	if !whole(f.To) {
		p.Add("to", "invalid_instant", stamp(f.To), "whole seconds of the years 2 to 9998")
	}
	if !f.From.Before(f.To) || f.To.Sub(f.From) > MaxSpan {
		p.Add("to", "out_of_range", stamp(f.To), "an instant after from, at most five years")
	}
	p.Merge("", checkShifts(f.Shifts))
	if len(f.Pages) > MaxPages {
		p.Add("pages", "too_many", len(f.Pages), fmt.Sprintf("at most %d", MaxPages))
		return p.Err("workload")
	}
	for i, most := 0, p.Len()+maxProblems; i < len(f.Pages) && p.Len() < most; i++ {
		path := fmt.Sprintf("pages[%d]", i)
		p.CheckID(path+".person", f.Pages[i].Person)
		if f.Pages[i].Incident != "" {
			p.CheckID(path+".incident", f.Pages[i].Incident)
		}
		if y := f.Pages[i].At.Year(); y < 2 || y > 9998 {
			p.Add(path+".at", "invalid_instant", stamp(f.Pages[i].At), "an instant of the years 2 to 9998")
		}
	}
	return p.Err("workload")
}

func checkShifts(list []Shift) error {
	var p sre.Problems
	if len(list) > MaxShifts {
		p.Add("shifts", "too_many", len(list), fmt.Sprintf("at most %d", MaxShifts))
		return p.Err("workload")
	}
	for i := range list {
		if s := &list[i]; !s.valid() {
			s.explain(fmt.Sprintf("shifts[%d]", i), &p)
		}
		if p.Len() >= maxProblems {
			break
		}
	}
	return p.Err("workload")
}

func (s *Shift) valid() bool {
	return sre.ValidID(s.Person) && s.Role <= oncall.Shadow && whole(s.Start) && whole(s.End) &&
		s.Start.Before(s.End) && s.End.Sub(s.Start) <= MaxSpan
}

func (s *Shift) explain(path string, p *sre.Problems) {
	p.CheckID(path+".person", s.Person)
	if s.Role > oncall.Shadow {
		p.Add(path+".role", "unknown_role", s.Role, "primary, secondary or shadow")
	}
	if !whole(s.Start) {
		p.Add(path+".start", "invalid_instant", stamp(s.Start), "whole seconds of the years 2 to 9998")
	}
	if !whole(s.End) {
		p.Add(path+".end", "invalid_instant", stamp(s.End), "whole seconds of the years 2 to 9998")
	}
	if !s.Start.Before(s.End) || s.End.Sub(s.Start) > MaxSpan {
		p.Add(path+".end", "out_of_range", stamp(s.End), "an instant after start, at most five years")
	}
}

// role fills in the default.
func (s *Shift) role() oncall.Role {
	if s.Role == oncall.RoleUnknown {
		return oncall.Primary
	}
	return s.Role
}

// whole says that an instant is a second that every zone has a date for.
func whole(t time.Time) bool {
	return t.Nanosecond() == 0 && t.Year() >= 2 && t.Year() <= 9998
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }
