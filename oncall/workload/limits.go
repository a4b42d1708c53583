package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Limits bound how long somebody is on call and how long he rests after it.
type Limits struct {
	MaxRun  time.Duration // the longest run allowed; 0: any
	MinRest time.Duration // the shortest rest allowed between two runs; 0: any
}

func (l Limits) check(path string, p *sre.Problems) {
	if !wholeDuration(l.MaxRun, MaxSpan) {
		p.Add(sre.JoinPath(path, "max_run"), "out_of_range", l.MaxRun, "whole seconds, at most "+MaxSpan.String())
	}
	if !wholeDuration(l.MinRest, MaxSpan) {
		p.Add(sre.JoinPath(path, "min_rest"), "out_of_range", l.MinRest, "whole seconds, at most "+MaxSpan.String())
	}
}

// Check returns every run that is too long and every rest that is too short,
// in the order of instant and person. It is what an edit of a schedule asks
// before it is made: Check of the shifts that it would lead to. The error
// carries every [sre.Problem] of limits and shifts.
func (l Limits) Check(shifts []Shift) ([]Finding, error) {
	var p sre.Problems
	l.check("", &p)
	p.Merge("", checkShifts(shifts))
	if err := p.Err("workload"); err != nil {
		return nil, err
	}
	return l.find(shifts), nil
}

// find judges shifts that were checked.
func (l Limits) find(shifts []Shift) (found []Finding) {
	byPerson := group(shifts)
	for _, person := range slices.Sorted(maps.Keys(byPerson)) {
		_, runs := byPerson[person].byRole()
		found = l.appendFindings(found, person, runs)
	}
	sortFindings(found)
	return found
}

// ForSchedule returns the limits as a check for schedule.Compiled.Lint and Edit,
// so that a rota is linted against them and an edit that breaks them is refused.
// The error carries every [sre.Problem] of the limits.
func (l Limits) ForSchedule() (schedule.Check, error) {
	var p sre.Problems
	l.check("", &p)
	if err := p.Err("workload"); err != nil {
		return nil, err
	}
	return func(shifts []schedule.Shift) []schedule.Finding {
		found := l.find(FromSchedule(slices.Values(shifts))) // those of a schedule are valid, and may be longer than MaxSpan
		list := make([]schedule.Finding, len(found))
		for i, f := range found {
			list[i] = schedule.Finding{Code: f.Code, At: f.At, Until: f.To, Person: f.Person, Count: 1, Total: f.To.Sub(f.From), Text: f.Text}
		}
		return list
	}, nil
}

// appendFindings judges the runs of one person.
func (l Limits) appendFindings(found []Finding, person string, runs []span) []Finding {
	for i, r := range runs {
		if l.MaxRun > 0 && r.length() > l.MaxRun {
			found = append(found, Finding{
				Code: RunTooLong, Person: person, At: instant(r.start).Add(l.MaxRun), From: instant(r.start), To: instant(r.end),
				Text:   fmt.Sprintf("%s is on call for %s without a break, more than %s", person, r.length(), l.MaxRun),
				Values: []sre.Value{{Name: "run", Text: r.length().String()}, {Name: "max_run", Text: l.MaxRun.String()}},
			})
		}
		if i == 0 {
			continue
		}
		if rest := time.Duration(r.start-runs[i-1].end) * time.Second; rest < l.MinRest {
			found = append(found, Finding{
				Code: RestTooShort, Person: person, At: instant(r.start), From: instant(runs[i-1].end), To: instant(r.start),
				Text:   fmt.Sprintf("%s rests for %s, less than %s", person, rest, l.MinRest),
				Values: []sre.Value{{Name: "rest", Text: rest.String()}, {Name: "min_rest", Text: l.MinRest.String()}},
			})
		}
	}
	return found
}

func instant(u int64) time.Time { return time.Unix(u, 0).UTC() }

// shiftsOf are the spans of one person, by role.
type shiftsOf [roles][]span

func group(shifts []Shift) map[string]*shiftsOf {
	m := map[string]*shiftsOf{}
	for i := range shifts {
		s := &shifts[i]
		of := m[s.Person]
		if of == nil {
			of = new(shiftsOf)
			m[s.Person] = of
		}
		of[s.role()] = append(of[s.role()], span{s.Start.Unix(), s.End.Unix(), s.StartsBefore, s.EndsAfter})
	}
	return m
}

// byRole gives each second to the highest role of the person at it, and returns
// the runs as primary or secondary.
func (of *shiftsOf) byRole() (only shiftsOf, runs []span) {
	primary := unite(slices.Clone(of[oncall.Primary]))
	runs = unite(slices.Concat(of[oncall.Primary], of[oncall.Secondary]))
	only[oncall.Primary] = primary
	only[oncall.Secondary] = subtract(runs, primary)
	only[oncall.Shadow] = subtract(unite(slices.Clone(of[oncall.Shadow])), runs)
	return only, runs
}

// A Finding is one thing that is too much, with an instant at which it shows.
type Finding struct {
	Code     string    // one of the constants below
	Person   string    // "" where it concerns nobody
	At       time.Time // the witness: the first instant at which the limit is broken
	From, To time.Time // the stretch of time that it is about
	Text     string    // one sentence
	Values   []sre.Value
}

// Codes of findings.
const (
	RunTooLong       = "run_too_long"       // at the instant by which MaxRun is over
	RestTooShort     = "rest_too_short"     // at the start of the next run
	TooManyIncidents = "too_many_incidents" // at the first incident above MaxIncidents
	ShareTooHigh     = "share_too_high"     // at the instant by which MaxOnCallPercent of the time measured is used up
	ZeroHours        = "zero_hours"         // somebody of the policy who is never on call
	PageOffCall      = "page_off_call"      // somebody was paged who was not on call
	Hole             = "hole"               // nobody holds a role that the policy wants covered
	PayUnknown       = "pay_unknown"        // a rate or cap in percent of a pay that is not known
)

// String returns "instant code: text".
func (f Finding) String() string {
	return f.At.Format(time.RFC3339) + " " + f.Code + ": " + f.Text
}

// sortFindings makes the order: instant, person, code.
func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Person, b.Person), cmp.Compare(a.Code, b.Code))
	})
}
