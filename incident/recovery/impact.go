package recovery

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/slo"
)

// A Baseline is what counts as usual.
type Baseline struct {
	// Weeks is how many weeks before count, at the same weekday and hour as the
	// impact. 0: the time right before it.
	Weeks int

	// Before is how long before the impact counts if Weeks is 0. Default: 1h.
	Before time.Duration
}

// A Scope says what is measured.
type Scope struct {
	Begin, End time.Time // of the impact, such as FindImpact's; End not after what was measured
	Baseline   Baseline

	// PeriodEvents is how many events the budget is made of: those of the SLO's
	// period, as they were or as they are expected. 0: not known.
	PeriodEvents int64

	Users incident.Share // who was affected, if that is known

	// Incident is where the time in each severity is taken from. Default: nowhere.
	Incident *incident.State
}

// An Impact is what an incident has cost, of one SLO.
type Impact struct {
	SLO        string
	Begin, End time.Time
	Counts     slo.Counts // of the slices that lie in [Begin, End)

	// Usual is the share of failed events in the baseline; not set if it is not
	// known. Expected is how many would have failed anyway, and Excess how many
	// more did; it is negative if fewer did. Both are exact on the counts, and nil
	// without baseline.
	Usual            slo.Ratio
	UsualCounts      slo.Counts
	Expected, Excess *big.Rat

	// Spent is the share of the period's budget that all failed events have
	// spent; above 1 it was more than all of it. Exact on the counts; nil if
	// PeriodEvents is not known.
	Spent *big.Rat

	Users    incident.Share
	Severity []InSeverity // the worst first
	Reasons  []sre.Reason // what is stated, and what is not known
}

// InSeverity is a time in a severity.
type InSeverity struct {
	Severity sre.Severity
	For      time.Duration
}

// The codes of the reasons of an impact.
const (
	ReasonBaseline   = "baseline"         // what counts as usual, and what it is
	ReasonNoBaseline = "no_baseline"      // nothing was measured that could be usual
	ReasonExcess     = "excess"           // how many more failed than usual
	ReasonSpent      = "budget_spent"     // how much of the budget
	ReasonNoPeriod   = "period_not_known" // how many events a period has is not known
)

// Measure says what an impact has cost.
//
// Slices count that lie in the time wholly. Time that was not measured is not
// guessed: Counts.Covered says how much was.
func Measure(s *Series, scope Scope) (Impact, error) {
	im := Impact{SLO: s.SLO, Begin: scope.Begin, End: scope.End, Users: scope.Users}
	if scope.Baseline.Before == 0 {
		scope.Baseline.Before = time.Hour
	}
	var p sre.Problems
	p.Merge("series", s.Validate())
	if !scope.End.After(scope.Begin) {
		p.Add("end", "out_of_range", scope.End, "after the begin")
	}
	if scope.Baseline.Before < 0 || scope.Baseline.Before > MaxWindow {
		p.Add("baseline.before", "out_of_range", scope.Baseline.Before, "more than 0 and at most 168h (7 days)")
	}
	if scope.Baseline.Weeks < 0 || scope.Baseline.Weeks > 52 {
		p.Add("baseline.weeks", "out_of_range", scope.Baseline.Weeks, "0 to 52")
	}
	if scope.PeriodEvents < 0 {
		p.Add("period_events", "out_of_range", scope.PeriodEvents, "0 for not known, or more")
	}
	if err := p.Err("recovery"); err != nil {
		return im, err
	}
	span := scope.End.Sub(scope.Begin)
	im.Counts = window(s.Slices, scope.End, span)

	what := fmt.Sprintf("the %s before", scope.Baseline.Before)
	if scope.Baseline.Weeks == 0 {
		im.UsualCounts = window(s.Slices, scope.Begin, scope.Baseline.Before)
	} else {
		what = fmt.Sprintf("the same time in %d weeks before", scope.Baseline.Weeks)
		const week = 7 * 24 * time.Hour
		for i := range scope.Baseline.Weeks {
			w := window(s.Slices, scope.End.Add(-time.Duration(i+1)*week), span)
			im.UsualCounts.Good += w.Good
			im.UsualCounts.Bad += w.Bad
			im.UsualCounts.Covered += w.Covered
			im.UsualCounts.Span += w.Span
		}
	}
	failed := rat(im.Counts.Bad)
	if usual := share(im.UsualCounts); usual == nil {
		im.Reasons = append(im.Reasons, reason(ReasonNoBaseline, "nothing was counted in %s: how many fail usually is not known", num("baseline", what)))
	} else {
		im.Usual = ratioOf(usual)
		im.Expected = new(big.Rat).Mul(usual, total(im.Counts))
		im.Excess = new(big.Rat).Sub(failed, im.Expected)
		im.Reasons = append(im.Reasons,
			reason(ReasonBaseline, "in %s %s of %s events failed", num("baseline", what), num("failed", number(im.UsualCounts.Bad)), num("events", number(im.UsualCounts.Total()))),
			reason(ReasonExcess, "%s of %s events failed, %s more than usual", num("failed", number(im.Counts.Bad)), num("events", number(im.Counts.Total())), num("excess", decimal(im.Excess))))
	}
	if scope.PeriodEvents == 0 {
		im.Reasons = append(im.Reasons, reason(ReasonNoPeriod, "how many events a period has is not known, and so is the budget"))
	} else {
		budget := new(big.Rat).Mul(s.Objective.Budget().Rat(), new(big.Rat).SetInt64(scope.PeriodEvents))
		im.Spent = new(big.Rat).Quo(failed, budget)
		im.Reasons = append(im.Reasons, reason(ReasonSpent, "they have spent %s of the budget, which is %s of %s events", num("spent", decimal(im.Spent)), num("budget", decimal(budget)), num("period", fmt.Sprint(scope.PeriodEvents))))
	}
	im.Severity = inSeverity(scope)
	return im, nil
}

// inSeverity returns how long the incident had each severity during the impact.
// Time of the impact before the incident was declared has none.
func inSeverity(scope Scope) []InSeverity {
	if scope.Incident == nil {
		return nil
	}
	var list []InSeverity
	spans := scope.Incident.Spans
	for i, span := range spans {
		from, to := span.From, scope.End
		if from.Before(scope.Begin) {
			from = scope.Begin
		}
		if i+1 < len(spans) && spans[i+1].From.Before(to) {
			to = spans[i+1].From
		}
		if !to.After(from) {
			continue
		}
		severity := span.Severity.Effective()
		at := slices.IndexFunc(list, func(s InSeverity) bool { return s.Severity == severity })
		if at < 0 {
			at = len(list)
			list = append(list, InSeverity{Severity: severity})
		}
		list[at].For += to.Sub(from)
	}
	slices.SortFunc(list, func(a, b InSeverity) int { return int(a.Severity) - int(b.Severity) })
	return list
}

func rat(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }

func total(c slo.Counts) *big.Rat { return rat(c.Good).Add(rat(c.Good), rat(c.Bad)) }

func share(c slo.Counts) *big.Rat {
	t := total(c)
	if t.Sign() == 0 {
		return nil
	}
	return t.Quo(rat(c.Bad), t)
}

// ratioOf returns a rational number as a slo.Ratio, not set if it is out of its
// range.
func ratioOf(r *big.Rat) slo.Ratio {
	if !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return slo.Ratio{}
	}
	v, err := slo.NewRatio(r.Num().Int64(), r.Denom().Int64())
	if err != nil {
		return slo.Ratio{}
	}
	return v
}

// decimal is exact: decimal text where there is one, else a fraction.
func decimal(r *big.Rat) string {
	if v := ratioOf(r); v.IsSet() {
		return v.String()
	}
	return r.RatString()
}
