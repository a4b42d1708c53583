package budgettest

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

// Instants generates whole minutes of the years 2020 to 2039, more often on
// weekdays' working hours.
func Instants() *rapid.Generator[time.Time] {
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	return rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 20*365*24*60), func(minutes int) time.Time {
			return first.Add(time.Duration(minutes) * time.Minute)
		}),
		rapid.Map(rapid.IntRange(0, 20*365), func(days int) time.Time {
			return first.AddDate(0, 0, days).Add(14 * time.Hour)
		}),
	)
}

// Purposes generates the purposes that a change can state.
func Purposes() *rapid.Generator[budget.Purpose] {
	return rapid.SampledFrom([]budget.Purpose{budget.Feature, budget.Reliability, budget.Security, budget.Emergency, budget.Rollback})
}

// Outcomes generates every outcome.
func Outcomes() *rapid.Generator[sre.Outcome] {
	return rapid.SampledFrom([]sre.Outcome{sre.Unknown, sre.Allow, sre.Warn, sre.Hold, sre.Deny})
}

// Facts is what a [budget.Status] is made of, open to change.
type Facts struct {
	SLO     *slo.Compiled
	At      time.Time
	Period  slo.Counts
	Windows []slo.Counts
	Failed  bool // the source failed
}

// FactsAt generates facts measured at now for the alerts of a policy: of any
// SLO, consumption and coverage, with errors spread or bunched at the end.
func FactsAt(now time.Time, policy *budget.Compiled) *rapid.Generator[Facts] {
	return rapid.Custom(func(t *rapid.T) Facts {
		s := slotest.SLOs("slo-").Draw(t, "slo").MustCompile()
		f := Facts{SLO: s, At: s.Align(now)}
		start, _ := s.Period(f.At)
		if f.At.Equal(start) {
			f.At = f.At.Add(-max(time.Minute, s.Spec().Budgeting.Slice)) // nothing is measured at the start of a period
			start, _ = s.Period(f.At)
		}
		f.Period = counts(t, s, f.At.Sub(start), 2)
		for _, span := range policy.Spans(s) {
			f.Windows = append(f.Windows, counts(t, s, span, 20))
		}
		return f
	})
}

// counts draws counts whose burn rate is mostly around what policies look at:
// up to fastest, and often close to 1.
func counts(t *rapid.T, s *slo.Compiled, span time.Duration, fastest float64) slo.Counts {
	c := slotest.Counts(span, 0.5).Draw(t, "counts")
	if slice := s.Spec().Budgeting.Slice; slice > 0 {
		c = inSlices(c, slice)
	}
	if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
		return c
	}
	total := c.Total()
	burn := rapid.OneOf(rapid.Float64Range(0, fastest), rapid.Float64Range(0.9, 1.1)).Draw(t, "burn")
	c.Bad = min(total, burn*s.Objective().Budget().Float()*total)
	c.Good = total - c.Bad
	return c
}

// inSlices returns counts of slices with the same share of bad ones, all that
// were covered and none if there were no events.
func inSlices(c slo.Counts, slice time.Duration) slo.Counts {
	c.Covered -= c.Covered % slice
	sli, ok := c.Ratio()
	if !ok {
		return c
	}
	total := float64(c.Covered / slice)
	c.Good = sli * total
	c.Bad = total - c.Good
	return c
}

// Statuses generates the status of an SLO at now, for the alerts of a policy.
func Statuses(now time.Time, policy *budget.Compiled) *rapid.Generator[budget.Status] {
	return rapid.Map(FactsAt(now, policy), Facts.Status)
}

// Status returns the facts as a Status.
func (f Facts) Status() budget.Status {
	if f.Failed {
		return budget.Failed(f.SLO, f.At, fmt.Errorf("budgettest: the metrics are down"))
	}
	return budget.NewStatus(f.SLO, f.At, f.Period, f.Windows...)
}

// each returns the facts with every count changed.
func (f Facts) each(change func(slo.Counts) slo.Counts) Facts {
	f.Period = change(f.Period)
	f.Windows = slices.Clone(f.Windows)
	for i, w := range f.Windows {
		f.Windows[i] = change(w)
	}
	return f
}

// Worse returns the facts after a share (0..1) of the good events, in the
// period and every window, turned out to be bad. Totals and coverage stay.
func (f Facts) Worse(share float64) Facts {
	return f.each(func(c slo.Counts) slo.Counts {
		turned := share * c.Good
		c.Good, c.Bad = c.Good-turned, c.Bad+turned
		return c
	})
}

// Covered returns the facts with only a share (0..1) of the time measured.
func (f Facts) Covered(share float64) Facts {
	return f.each(func(c slo.Counts) slo.Counts {
		c.Covered = time.Duration(share * float64(c.Span))
		return c
	})
}

// Aged returns the facts as if they had been measured earlier by that much, or
// by so much more that the calendar period had lasted as long.
func (f Facts) Aged(by time.Duration) Facts {
	if start, end := f.SLO.Period(f.At); end.After(f.At) {
		// A calendar period: go back whole periods until the span fits again.
		span := f.At.Sub(start)
		for at := start.Add(-time.Nanosecond); ; {
			earlier, until := f.SLO.Period(at)
			if !earlier.Add(span).After(until.Add(-time.Nanosecond)) && !earlier.Add(span).After(f.At.Add(-by)) {
				f.At = earlier.Add(span)
				return f
			}
			at = earlier.Add(-time.Nanosecond)
		}
	}
	f.At = f.At.Add(-by)
	return f
}

// Without returns the facts of a service that nobody called.
func (f Facts) Without() Facts {
	return f.each(func(c slo.Counts) slo.Counts {
		return slo.Counts{Covered: c.Span, Span: c.Span}
	})
}

// Healthy returns the facts of a service that was measured all the time and
// did nothing wrong.
func (f Facts) Healthy() Facts {
	f.Failed = false
	slice := f.SLO.Spec().Budgeting.Slice
	return f.each(func(c slo.Counts) slo.Counts {
		good := c.Total() + 1
		if slice > 0 {
			good = float64(c.Span / slice)
		}
		return slo.Counts{Good: good, Covered: c.Span, Span: c.Span}
	})
}

// String tells the facts in a sentence.
func (f Facts) String() string {
	spec := f.SLO.Spec()
	text := fmt.Sprintf("%s of a %s service, %s over %s", spec.Budgeting.Method, f.SLO.Criticality(), spec.Objective, spec.Window)
	if f.Failed {
		return text + ": the metrics were down"
	}
	st := f.Status()
	if st.Err() != nil {
		return fmt.Sprintf("%s: %v", text, st.Err())
	}
	text += fmt.Sprintf(", measured at %s for %.4g%% of the time", f.At.Format("2006-01-02 15:04"), 100*f.Period.Coverage())
	if remaining, ok := st.Remaining(); ok {
		text += fmt.Sprintf(": %.6g bad of %.6g, so %.4g%% of the budget left", f.Period.Bad, f.Period.Total(), 100*remaining)
	} else {
		text += ": nothing happened"
	}
	for _, w := range st.Windows() {
		if burn, ok := st.Burn(w.Span); ok {
			text += fmt.Sprintf("; burn %.4g over %s", burn, w.Span)
		}
	}
	return text
}
