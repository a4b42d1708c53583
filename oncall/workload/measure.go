package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Load is what being on call has cost one person.
type Load struct {
	Person string
	Zone   string // on whose wall clock the classes were told apart

	Hours   Hours         // by role; of two roles at once only the higher
	AtNight time.Duration // on call at night, on whatever day

	Runs     int
	Longest  Run // the longest run, the earliest of them; zero if there is none
	Shortest Run // the shortest rest between two runs, the earliest of them; zero if there is none

	Pages     int
	Incidents int
	OffCall   int // of the incidents, those that came while the person was not on call
	Busiest   Busiest
}

// OnCall returns how long the person was primary or secondary.
func (l *Load) OnCall() time.Duration { return l.Hours.OnCall().Total() }

// A Run is a stretch of time on call, or of rest.
type Run struct {
	Start, End time.Time
	AtLeast    bool // it goes on beyond what is known
}

// Length returns how long it lasts.
func (r Run) Length() time.Duration { return r.End.Sub(r.Start) }

// A Report is what a policy has measured.
type Report struct {
	From, To time.Time
	People   []Load      // by ID
	Shifts   []ShiftLoad // cut to the time measured, by start, person and role
	Findings []Finding   // by instant, person and code
	Score    Score
	Grafana  Quality   // what Grafana OnCall would say, for comparison
	Payslips []Payslip // by person; nil without a rule

	policy Policy
}

// Span returns how long the time measured is.
func (r *Report) Span() time.Duration { return r.To.Sub(r.From) }

// Measure says what the shifts and pages cost whom, and what of it is too much.
// The error carries every [sre.Problem] of the facts.
func (c *Compiled) Measure(f Facts) (*Report, error) {
	if c == nil || c.other == nil {
		return nil, fmt.Errorf("workload: %w", sre.NewProblem("policy", "not_compiled", nil, "a policy made by Compile"))
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	r := &Report{From: f.From, To: f.To, policy: c.policy}
	shifts, pages := clip(f), c.paging(f)
	byPerson, inFull := group(shifts), group(f.Shifts)
	everybody := c.everybody(byPerson, pages)
	if len(everybody) > MaxPeople {
		return nil, fmt.Errorf("workload: %w", sre.NewProblem("people", "too_many", len(everybody), fmt.Sprintf("at most %d in policy, shifts and pages", MaxPeople)))
	}
	for _, person := range everybody {
		of := byPerson[person]
		if of == nil {
			of = new(shiftsOf)
		}
		c.addLoad(r, person, of, pages[person])
		if full := inFull[person]; full != nil {
			c.holdLimits(r, person, full)
		}
	}
	for _, s := range shifts {
		r.Shifts = append(r.Shifts, c.shiftLoad(s, pages[s.Person]))
	}
	c.score(r, shifts)
	r.Grafana = GrafanaQuality(Events(shifts), f.From, f.To)
	if c.policy.Pay != nil {
		c.pay(r)
	}
	sortFindings(r.Findings)
	return r, nil
}

// clip returns the shifts that meet the time measured, cut to it, in order.
func clip(f Facts) []Shift {
	var list []Shift
	for _, s := range f.Shifts {
		if !s.Start.Before(f.To) || !f.From.Before(s.End) {
			continue
		}
		if s.Start.Before(f.From) {
			s.Start, s.StartsBefore = f.From, true
		}
		if f.To.Before(s.End) {
			s.End, s.EndsAfter = f.To, true
		}
		s.Role = s.role()
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Shift) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Person, b.Person), cmp.Compare(a.Role, b.Role), a.End.Compare(b.End), cmp.Compare(a.edges(), b.edges()))
	})
	return list
}

// edges orders shifts that differ in nothing else.
func (s *Shift) edges() (n int) {
	if s.StartsBefore {
		n++
	}
	if s.EndsAfter {
		n += 2
	}
	return n
}

// everybody returns who is listed, was on call or was paged, sorted.
func (c *Compiled) everybody(shifts map[string]*shiftsOf, pages map[string]*paged) []string {
	ids := slices.Collect(maps.Keys(c.people))
	ids = slices.AppendSeq(ids, maps.Keys(shifts))
	ids = slices.AppendSeq(ids, maps.Keys(pages))
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c *Compiled) addLoad(r *Report, person string, of *shiftsOf, p *paged) {
	w := c.wallOf(person)
	l := Load{Person: person, Zone: w.zone.String()}
	only, runs := of.byRole()
	for role, list := range only {
		for _, s := range list {
			split, night := w.split(instant(s.start), instant(s.end))
			l.Hours[role] = l.Hours[role].plus(split)
			if role != int(oncall.Shadow) {
				l.AtNight += night
			}
		}
	}
	l.measureRuns(runs)
	if p != nil {
		l.Pages, l.Incidents, l.OffCall = len(p.pages), len(p.incidents), outside(runs, p.incidents)
		l.Busiest = busiest(p.incidents, c.policy.IncidentWindow)
		r.Findings = c.tooMany(r.Findings, person, p.incidents)
		r.Findings = offCall(r.Findings, person, runs, p.pages)
	}
	r.Findings = c.judgeShare(r, &l, runs)
	r.People = append(r.People, l)
}

// holdLimits reports the runs and rests that meet the time measured; of a run,
// the witness must not lie after it.
func (c *Compiled) holdLimits(r *Report, person string, full *shiftsOf) {
	_, runs := full.byRole()
	for _, x := range c.policy.Limits.appendFindings(nil, person, runs) {
		if x.At.Before(r.To) && (x.To.After(r.From) || x.At.Equal(r.From)) {
			r.Findings = append(r.Findings, x)
		}
	}
}

func (l *Load) measureRuns(runs []span) {
	l.Runs = len(runs)
	for i, s := range runs {
		if i == 0 || s.length() > l.Longest.Length() {
			l.Longest = Run{instant(s.start), instant(s.end), s.before || s.after}
		}
		if i == 0 {
			continue
		}
		if rest := s.start - runs[i-1].end; i == 1 || time.Duration(rest)*time.Second < l.Shortest.Length() {
			l.Shortest = Run{instant(runs[i-1].end), instant(s.start), false}
		}
	}
}

// judgeShare holds the time on call against its share of the time measured,
// exactly.
func (c *Compiled) judgeShare(r *Report, l *Load, runs []span) []Finding {
	onCall := sum(runs)
	if onCall == 0 {
		if _, listed := c.people[l.Person]; listed {
			return append(r.Findings, Finding{Code: ZeroHours, Person: l.Person, At: r.From.UTC(), From: r.From.UTC(), To: r.To.UTC(), Text: l.Person + " is never on call"})
		}
		return r.Findings
	}
	most := int64(c.policy.MaxOnCallPercent)
	total := int64(r.Span() / time.Second)
	if onCall*100 <= most*total {
		return r.Findings
	}
	limit := most * total / 100
	at := runs[0].start
	for _, s := range runs {
		at = s.start + limit
		if limit < s.end-s.start {
			break
		}
		limit -= s.end - s.start
	}
	share := Fraction(onCall, total)
	return append(r.Findings, Finding{
		Code: ShareTooHigh, Person: l.Person, At: instant(at), From: r.From.UTC(), To: r.To.UTC(),
		Text:   fmt.Sprintf("%s is on call for %s%% of the time, more than %d%%", l.Person, share.Percent(), most),
		Values: []sre.Value{{Name: "share", Text: share.String()}, {Name: "max_percent", Text: fmt.Sprint(most)}},
	})
}

func offCall(found []Finding, person string, runs []span, pages []time.Time) []Finding {
	for _, at := range pages {
		if !covers(runs, at.Unix()) {
			found = append(found, Finding{Code: PageOffCall, Person: person, At: at, From: at, To: at, Text: person + " was paged without being on call"})
		}
	}
	return found
}

// outside counts the instants that lie in no run.
func outside(runs []span, at []time.Time) (n int) {
	for _, t := range at {
		if !covers(runs, t.Unix()) {
			n++
		}
	}
	return n
}
