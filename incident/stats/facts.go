package stats

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
)

// A Fact is what is known of one incident.
type Fact struct {
	ID             string       // unique, any text that is not empty
	Severity       sre.Severity // 0 is a stratum of its own: nothing waits for it here
	Service, Class string
	Times          Times

	Open          bool      // still going on
	ObservedUntil time.Time // with Open: the instant of the observation
}

// Times are the milestones of an incident. The zero time means that it has not
// come or was not recorded.
type Times struct {
	Impact       time.Time // users are first affected
	Detected     time.Time // an operator or an alert knows
	Acknowledged time.Time // somebody works on it
	Mitigated    time.Time // users are no longer affected severely
	Resolved     time.Time // normal operation
}

// At returns the time of a milestone.
func (t Times) At(m Milestone) time.Time {
	switch m {
	case Impact:
		return t.Impact
	case Detected:
		return t.Detected
	case Acknowledged:
		return t.Acknowledged
	case Mitigated:
		return t.Mitigated
	case Resolved:
		return t.Resolved
	}
	return time.Time{}
}

// A Milestone is an instant in the life of an incident. They come in this order.
type Milestone uint8

const (
	NoMilestone Milestone = iota // not set
	Impact
	Detected
	Acknowledged
	Mitigated
	Resolved
)

var milestones = [...]string{"none", "impact", "detected", "acknowledged", "mitigated", "resolved"}

// String returns the lower-case name.
func (m Milestone) String() string {
	if int(m) < len(milestones) {
		return milestones[m]
	}
	return fmt.Sprintf("milestone(%d)", uint8(m))
}

// ParseMilestone returns the milestone of that name.
func ParseMilestone(name string) (Milestone, error) {
	for i, n := range milestones {
		if i > 0 && n == name {
			return Milestone(i), nil
		}
	}
	return NoMilestone, sre.NewProblem("", "unknown_milestone", name, "impact, detected, acknowledged, mitigated or resolved")
}

// A Measure is the time from one milestone to a later one.
type Measure struct {
	Name     string
	From, To Milestone
}

// The usual measures. Tools differ in where MTTR begins; here all of user-facing
// time counts (Davidovic 2021, "time to recovery").
var (
	MTTD = Measure{"MTTD", Impact, Detected}
	MTTA = Measure{"MTTA", Detected, Acknowledged}
	MTTM = Measure{"MTTM", Impact, Mitigated}
	MTTR = Measure{"MTTR", Impact, Resolved}
)

func (m Measure) check(p *sre.Problems, path string) {
	if m.Name == "" {
		p.Add(path+".name", "required", nil, "a name, such as MTTR")
	}
	if m.From < Impact || m.To > Resolved || m.From >= m.To {
		p.Add(path, "invalid_measure", fmt.Sprintf("%v to %v", m.From, m.To), "a milestone and a later one")
	}
}

// A Validity says what a [Span] is worth.
type Validity uint8

const (
	Missing       Validity = iota // a time that is needed was not recorded
	Success                       // both times are there
	Censored                      // the incident is open: it lasts at least that long
	Contradictory                 // it ends before it begins, or after it was observed
)

var validities = [...]string{"missing", "success", "censored", "contradictory"}

// String returns the lower-case name.
func (v Validity) String() string {
	if int(v) < len(validities) {
		return validities[v]
	}
	return fmt.Sprintf("validity(%d)", uint8(v))
}

// A Span is a measure of one incident.
type Span struct {
	Duration time.Duration // of Success, and so far if Censored; else 0
	Validity Validity
}

// Of returns the measure of an incident. An open one that has passed a milestone
// behind To lacks the time of To: that is missing, not censored.
func (m Measure) Of(f Fact) Span {
	from, to := f.Times.At(m.From), f.Times.At(m.To)
	validity := Success
	switch {
	case from.IsZero():
		return Span{}
	case to.IsZero() && (!f.Open || f.ObservedUntil.IsZero() || f.passed(m.To)):
		return Span{}
	case to.IsZero():
		to, validity = f.ObservedUntil, Censored
	case f.Open && !f.ObservedUntil.IsZero() && to.After(f.ObservedUntil):
		return Span{Validity: Contradictory}
	}
	if to.Before(from) {
		return Span{Validity: Contradictory}
	}
	return Span{to.Sub(from), validity}
}

// passed reports whether a milestone behind m has come.
func (f Fact) passed(m Milestone) bool {
	for later := m + 1; later <= Resolved; later++ {
		if !f.Times.At(later).IsZero() {
			return true
		}
	}
	return false
}

// Limits, part of the contract. At the limit a comparison draws its random
// assignments for some ten seconds; that time grows with facts and Resamples.
const (
	MaxFacts    = 100_000 // of one call
	MaxWatched  = 5000    // of Watch
	MaxMeasures = 100     // of CompareAll
)

// checkFacts records what is wrong with facts; seen spans the calls for one
// result.
func checkFacts(p *sre.Problems, path string, facts []Fact, limit int, seen map[string]bool) {
	if len(facts) > limit {
		p.Add(path, "too_many", len(facts), fmt.Sprintf("at most %d", limit))
		return
	}
	for i, f := range facts {
		at := fmt.Sprintf("%s[%d].id", path, i)
		switch {
		case f.ID == "":
			p.Add(at, "required", nil, "an ID")
		case seen[f.ID]:
			p.Add(at, "duplicate", f.ID, "each incident once")
		}
		seen[f.ID] = true
	}
}

// Tally counts incidents by validity.
type Tally struct{ Success, Censored, Missing, Contradictory int }

// Used is how many have a say.
func (t Tally) Used() int { return t.Success + t.Censored }

// LeftOut is how many have none.
func (t Tally) LeftOut() int { return t.Missing + t.Contradictory }

func (t *Tally) add(v Validity) {
	switch v {
	case Success:
		t.Success++
	case Censored:
		t.Censored++
	case Contradictory:
		t.Contradictory++
	default:
		t.Missing++
	}
}
