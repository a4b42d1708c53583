package toil

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
)

// A Report is what a policy has found.
type Report struct {
	From, To time.Time
	At       time.Time // from which payback counts

	Share      Share
	Candidates []Candidate // the first is the best to automate next
	Ledger     Ledger

	policy Policy
}

// A Share is how much of the time is toil. All times are whole seconds; toil,
// other and undecided are what has entries.
type Share struct {
	Worked                 time.Duration
	Toil, Other, Undecided time.Duration
	Outcome                sre.Outcome // Allow: within MaxPercent; Deny: above it; Unknown: the facts do not tell
	Reason                 sre.Reason
}

// Recorded returns how much of the time worked has entries.
func (s *Share) Recorded() time.Duration { return s.Toil + s.Other + s.Undecided }

// A Ledger holds the time saved by automation against the time reinvested in
// engineering: savings that are not reinvested become more toil.
type Ledger struct {
	Saved      time.Duration // what automations saved, less their upkeep; negative if that is more
	Reinvested time.Duration
}

// Open returns the time saved that was not reinvested; negative if more was.
func (l Ledger) Open() time.Duration { return l.Saved - l.Reinvested }

// Measure judges the work of a period and ranks what to automate. at is the
// instant from which payback counts, such as now. The error carries every
// [sre.Problem] of the facts.
func (c *Compiled) Measure(f Facts, at time.Time) (*Report, error) {
	if !c.ready() {
		return nil, fmt.Errorf("toil: %w", sre.NewProblem("policy", "not_compiled", nil, "a policy made by Compile"))
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if y := at.Year(); y < 2 || y > 9800 {
		return nil, fmt.Errorf("toil: %w", sre.NewProblem("at", "invalid_instant", at.Format(time.RFC3339), "an instant of the years 2 to 9800"))
	}
	r := &Report{From: f.From, To: f.To, At: at, Share: Share{Worked: f.Worked}, policy: c.policy}
	tasks := make(map[string]*tally, len(f.Tasks))
	for _, t := range f.Tasks {
		tasks[t.ID] = &tally{task: t}
	}
	parts := map[string]sources{} // by the entry that they are part of
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.PartOf != "" {
			parts[e.PartOf] = parts[e.PartOf].with(e.Source)
		}
		if f.counts(e) {
			if tasks[e.Task] == nil {
				tasks[e.Task] = &tally{task: Task{ID: e.Task}}
			}
			tasks[e.Task].times++
		}
	}
	for i := range f.Entries {
		if e := &f.Entries[i]; f.counts(e) {
			t := tasks[e.Task]
			r.Share.add(t, e.Spent, c.judgeAs(*e, t.task, t.times, parts[e.ID].with(e.Source)))
		}
	}
	c.judgeShare(&r.Share)
	r.rank(tasks)
	for _, s := range f.Savings {
		r.Ledger.Saved += time.Duration(s.Times)*s.PerTime - s.Upkeep
	}
	for _, x := range f.Reinvested {
		r.Ledger.Reinvested += x.Spent
	}
	return r, nil
}

// tally is what was found of a task.
type tally struct {
	task       Task
	times      int           // entries in the period
	toilTimes  int           // entries that are toil and automatable
	toil       time.Duration // spent on those
	unanswered time.Duration // spent on toil of which nobody has said whether it is automatable
}

func (s *Share) add(t *tally, spent time.Duration, j Judgment) {
	switch j.Verdict {
	case NotToil:
		s.Other += spent
	case Undecided:
		s.Undecided += spent
	case Toil:
		s.Toil += spent
		switch j.Criteria[Automatable] {
		case Yes:
			t.toilTimes++
			t.toil += spent
		case Unknown:
			t.unanswered += spent
		}
	}
}

// judgeShare holds the share against the goal, exactly. Where coverage suffices,
// time without entries is taken to be like the rest.
func (c *Compiled) judgeShare(s *Share) {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	most := int64(c.policy.MaxPercent)
	above := func(part, of time.Duration) bool { return seconds(part)*100 > most*seconds(of) }
	recorded := s.Recorded()
	covered := seconds(recorded)*100 >= int64(c.policy.MinCoveragePercent)*seconds(s.Worked)
	missing := s.Worked - recorded
	say := func(o sre.Outcome, code, text string) {
		s.Outcome = o
		s.Reason = sre.Reason{Code: code, Text: text, Values: []sre.Value{
			{Name: "toil", Text: s.Toil.String()}, {Name: "undecided", Text: s.Undecided.String()},
			{Name: "recorded", Text: recorded.String()}, {Name: "worked", Text: s.Worked.String()}, {Name: "max_percent", Text: fmt.Sprint(most)},
		}}
	}
	switch {
	case above(s.Toil, s.Worked), covered && above(s.Toil, recorded):
		say(sre.Deny, "toil_above", fmt.Sprintf("more than %d%% of the time is toil", most))
	case !above(s.Toil+s.Undecided+missing, s.Worked), covered && !above(s.Toil+s.Undecided, recorded):
		say(sre.Allow, "toil_within", fmt.Sprintf("at most %d%% of the time is toil", most))
	case !covered:
		say(sre.Unknown, "coverage_low", fmt.Sprintf("only %s of the time worked has entries, less than %d%%", percent(recorded, s.Worked), c.policy.MinCoveragePercent))
	default:
		say(sre.Unknown, "undecided_matters", fmt.Sprintf("whether it is more than %d%% depends on %s of undecided work", most, hours(s.Undecided)))
	}
}
