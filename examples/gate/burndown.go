package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

// burnDownPoints is into how many steps the budget period is cut.
const burnDownPoints = 60

// A burndown is how the budget of a period came to be where it is: whole at the
// start of the period, and at its end what the decision was made on.
type burndown struct {
	slo        *slo.Compiled
	start, end time.Time // of the budget period
	points     []point   // ascending; the last is the status's own
	err        error     // why there are no points
}

// A point is what was left of the period's budget at an instant.
type point struct {
	at        time.Time
	remaining float64 // 1 is all of it; negative when overspent
	measured  bool    // more than half of the step before it
}

// burnDown measures the points in one call of the source: what was left at t is
// what is left now and what was spent after t. So all spans end now, and the
// line ends exactly where the decision stands.
func burnDown(ctx context.Context, src slo.Source, st budget.Status) burndown {
	b := burndown{slo: st.SLO()}
	b.start, b.end = st.Period()
	spans := burnDownSpans(st)
	counts, err := src.Counts(ctx, b.slo, st.At(), spans)
	if err == nil && len(counts) != len(spans) {
		err = fmt.Errorf("%d counts for %d spans", len(counts), len(spans))
	}
	if err != nil {
		b.err = err
		return b
	}
	// A Status accounts for missing data as the SLO says.
	past := budget.NewStatus(b.slo, st.At(), st.Measured(), counts...)
	if b.err = past.Err(); b.err != nil {
		return b
	}
	remaining, _ := st.Remaining()
	before := slo.Counts{Span: st.Measured().Span, Covered: st.Measured().Covered}
	for _, span := range append(spans, 0) {
		c, _ := past.Window(span) // of the span 0 nothing
		b.points = append(b.points, point{
			at:        st.At().Add(-span),
			remaining: remaining + c.Bad/st.Budget(),
			measured:  2*(before.Covered-c.Covered) >= before.Span-span,
		})
		before = slo.Counts{Span: span, Covered: c.Covered}
	}
	return b
}

// burnDownSpans returns the spans from each point to now, the longest first.
func burnDownSpans(st budget.Status) []time.Duration {
	start, end := st.Period()
	unit := st.SLO().Spec().Budgeting.Slice
	if unit == 0 {
		unit = time.Minute
	}
	var spans []time.Duration
	for i := 1; i < burnDownPoints; i++ {
		at := start.Add(end.Sub(start) / burnDownPoints * time.Duration(i))
		span := st.At().Sub(at).Truncate(unit)
		if span > 0 && (len(spans) == 0 || span < spans[len(spans)-1]) {
			spans = append(spans, span)
		}
	}
	return spans
}

// last is the point of the decision.
func (b burndown) last() point { return b.points[len(b.points)-1] }
