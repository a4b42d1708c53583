package toil

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A State says what can be said of automating a task. The order is that of the
// ranking.
type State uint8

const (
	PaysBack      State = iota // at a known instant
	NeedsEstimate              // nobody has estimated the cost
	NeedsAnswer                // nobody has said whether it is automatable
	Never                      // it saves nothing, or pays back after MaxPayback only
)

var stateNames = [...]string{"pays_back", "needs_estimate", "needs_answer", "never"}

// String returns the lower-case name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MaxPayback is the longest time to pay back that is told from never.
const MaxPayback = 100 * 366 * 24 * time.Hour

// A Candidate is a task whose toil might be automated away.
type Candidate struct {
	Task  Task
	State State

	Times int           // entries of the period that are toil and automatable
	Spent time.Duration // on them; with NeedsAnswer, on toil without an answer

	// SavedSeconds is what a period would save: Spent - Times*Residual - Upkeep.
	// It is negative where automation costs more than the work.
	SavedSeconds int64

	// Payback is the time until what is saved has repaid the cost, at the pace of
	// the period: Cost * period / saved, rounded up to the second. Only with
	// PaysBack.
	Payback  time.Duration
	PaidBack time.Time // At of the report plus Payback
}

// rank orders candidates: by state, then the soonest payback, then the larger
// saving, then the larger time spent, then the ID.
func (r *Report) rank(tasks map[string]*tally) {
	for _, t := range tasks {
		if t.toilTimes > 0 || t.unanswered > 0 {
			r.Candidates = append(r.Candidates, r.candidate(t))
		}
	}
	slices.SortFunc(r.Candidates, func(a, b Candidate) int {
		byPayback := 0
		if a.State == PaysBack && b.State == PaysBack {
			// cost/saved, exactly: at most 3e7 * 8e9 seconds, inside an int64.
			byPayback = cmp.Compare(int64(a.Task.Cost/time.Second)*b.SavedSeconds, int64(b.Task.Cost/time.Second)*a.SavedSeconds)
		}
		return cmp.Or(cmp.Compare(a.State, b.State), byPayback, cmp.Compare(b.SavedSeconds, a.SavedSeconds), cmp.Compare(b.Spent, a.Spent), cmp.Compare(a.Task.ID, b.Task.ID))
	})
}

func (r *Report) candidate(t *tally) Candidate {
	c := Candidate{Task: t.task, Times: t.toilTimes, Spent: t.toil}
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	c.SavedSeconds = seconds(c.Spent) - int64(c.Times)*seconds(t.task.Residual) - seconds(t.task.Upkeep)
	switch {
	case c.Times == 0:
		c.State, c.Spent, c.SavedSeconds = NeedsAnswer, t.unanswered, 0
		return c
	case c.SavedSeconds <= 0:
		c.State = Never
		return c
	case t.task.Cost == 0:
		c.State = NeedsEstimate
		return c
	}
	// At most 3e7 * 2e8: inside an int64.
	payback := (seconds(t.task.Cost)*seconds(r.To.Sub(r.From)) + c.SavedSeconds - 1) / c.SavedSeconds
	if payback > seconds(MaxPayback) {
		c.State = Never
		return c
	}
	c.State, c.Payback = PaysBack, time.Duration(payback)*time.Second
	c.PaidBack = r.At.Add(c.Payback)
	return c
}
