package prometheus

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// slices measures step by step, once for the longest span: the slices of a
// method that has some, and every SLI that is sampled.
func (r *reader) slices(ctx context.Context, m meter, method slo.BudgetingMethod, spans []time.Duration) ([]slo.Counts, error) {
	step, err := r.step(m, method.Slice)
	if err != nil {
		return nil, err
	}
	readings, err := r.steps(ctx, m.over(step), step, int(ceilDiv(r.longest, step)), m.columnOf)
	if err != nil {
		return nil, err
	}
	measured, err := r.judge(ctx, m, step, readings)
	if err != nil {
		return nil, err
	}
	result := make([]slo.Counts, len(spans))
	for i, span := range spans {
		result[i] = tally(method, step, span, measured)
	}
	return result, nil
}

// step returns the step at which to measure and refuses what is too fine.
func (r *reader) step(m meter, slice time.Duration) (time.Duration, error) {
	step := slice
	if _, events := m.(eventMeter); !events && (slice == 0 || r.resolution < slice) {
		step = r.resolution
	}
	var p sre.Problems
	if slice%step != 0 {
		p.Add("resolution", "not_a_divisor", step, "a divisor of the slice, "+slice.String())
	}
	if ceilDiv(r.longest, step) > MaxSteps {
		p.Add("resolution", "out_of_range", step, "at most 600000 steps in the longest span, "+duration(r.longest))
	}
	return step, p.Err("prometheus")
}

// judge turns readings into the counts of one step each.
func (r *reader) judge(ctx context.Context, m meter, step time.Duration, readings []reading) ([]slo.Counts, error) {
	present := make([]bool, len(readings))
	measured := make([]slo.Counts, len(readings))
	for i, seen := range readings {
		measured[i].Span = step
		if present[i] = seen.has(total); !present[i] {
			continue
		}
		good, bad, ok, err := m.counts(seen, step)
		if err != nil {
			return nil, r.explain(ctx, m, err)
		}
		if ok {
			measured[i] = slo.Counts{Good: good, Bad: bad, Covered: step, Span: step}
		}
	}
	if g, ok := m.(gaugeMeter); ok && g.raw {
		if err := checkSpacing(m.text(), "Resolution", step, present); err != nil {
			return nil, err
		}
	}
	return measured, r.checkHead(ctx, m, slices.Contains(present, true), present[0], m.absent(step))
}

// tally adds up the last span of the steps, slice by slice if the method has
// slices. Of the first step only the part inside the span is covered.
func tally(method slo.BudgetingMethod, step, span time.Duration, measured []slo.Counts) slo.Counts {
	n := int(ceilDiv(span, step))
	last := measured[len(measured)-n:]
	if method.Method == slo.Occurrences {
		sum := method.Fold(last)
		if last[0].Covered > 0 {
			sum.Covered -= sum.Span - span
		}
		sum.Span = span
		return sum
	}
	bySlice := make([]slo.Counts, 0, n)
	for group := range slices.Chunk(last, int(method.Slice/step)) {
		bySlice = append(bySlice, slo.ByOccurrences().Fold(group))
	}
	return method.Fold(bySlice)
}

// steps evaluates query at n instants, step apart, the last at r.at, in as many
// requests as the limit on points demands.
func (r *reader) steps(ctx context.Context, query string, step time.Duration, n int, columnOf func(model.Metric) column) ([]reading, error) {
	readings := make([]reading, n)
	first := r.at.Add(-time.Duration(n-1) * step)
	requests := (n + MaxPoints - 1) / MaxPoints
	err := parallel(ctx, cap(r.client.slots), requests, func(ctx context.Context, i int) error {
		into := readings[i*MaxPoints : min(n, (i+1)*MaxPoints)]
		start := first.Add(time.Duration(i*MaxPoints) * step)
		data, err := r.client.query(ctx, "query_range", url.Values{
			"query": {query},
			"start": {instant(start)},
			"end":   {instant(start.Add(time.Duration(len(into)-1) * step))},
			"step":  {seconds(step)},
			// VictoriaMetrics would move start and end to fit its cache.
			"nocache": {"1"},
		})
		if err != nil {
			return err
		}
		return decodeMatrix(data, start, step, into, query, columnOf)
	})
	return readings, err
}
