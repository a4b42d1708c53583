package slotest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A World is what happened, minute by minute, up to End: the truth that a
// [slo.Source] has to measure.
type World struct {
	End     time.Time // a whole minute
	Minutes []Minute  // the oldest first; the last one ends at End
}

// A Minute is the events of one minute. One that is not Measured left no trace:
// nothing was scraped, whatever happened.
type Minute struct {
	Good, Bad float64
	Measured  bool
}

// SampleEnd is the End of the [Sample].
var SampleEnd = time.Date(2026, 3, 6, 14, 0, 0, 0, time.UTC)

// Sample returns the World by which [TestSource] judges: six hours of uneven
// traffic with errors, an hour of many errors, a gap of forty minutes in which
// nothing was measured, and ten minutes that were measured and idle. The counts
// are whole numbers.
func Sample() World {
	r := rand.New(rand.NewPCG(1, 2)) // any seed: the shape is what matters
	w := World{End: SampleEnd, Minutes: make([]Minute, 360)}
	for i := range w.Minutes {
		total := 200 + r.IntN(400)
		bad := r.IntN(3)
		ago := len(w.Minutes) - i // minutes from the start of this one to End
		switch {
		case ago > 200 && ago <= 260:
			bad = total / 4
		case ago > 120 && ago <= 160:
			continue // the gap
		case ago > 60 && ago <= 70:
			total, bad = 0, 0
		}
		w.Minutes[i] = Minute{Good: float64(total - bad), Bad: float64(bad), Measured: true}
	}
	return w
}

// slices returns the truth about the slices of a span that ends at at: one for
// each minute, or as many minutes as slice has. Time outside the World is
// unmeasured. at, span and slice must be whole minutes.
func (w World) slices(at time.Time, span, slice time.Duration) []slo.Counts {
	var list []slo.Counts
	for from := at.Add(-span); from.Before(at); from = from.Add(slice) {
		c := slo.Counts{Span: slice}
		for m := from; m.Before(from.Add(slice)); m = m.Add(time.Minute) {
			i := len(w.Minutes) - int(w.End.Sub(m)/time.Minute)
			if i < 0 || i >= len(w.Minutes) || !w.Minutes[i].Measured {
				continue
			}
			c.Good += w.Minutes[i].Good
			c.Bad += w.Minutes[i].Bad
			c.Covered += time.Minute
		}
		list = append(list, c)
	}
	return list
}

// Counts returns the truth for one span that ends at at, counted as method
// says. It panics if at, span or the slice is not a whole number of minutes.
func (w World) Counts(method slo.BudgetingMethod, at time.Time, span time.Duration) slo.Counts {
	slice := method.Slice
	if slice == 0 {
		slice = time.Minute
	}
	if !at.Equal(at.Truncate(time.Minute)) || span%slice != 0 || slice%time.Minute != 0 {
		panic(fmt.Sprintf("slotest: %s before %s in slices of %s are not whole minutes", span, at, slice))
	}
	return method.Fold(w.slices(at, span, slice))
}

// Source returns a Source that answers from the World, whatever the queries of
// the SLO say. It measures SLIs that count events, at whole minutes.
func (w World) Source() slo.Source {
	return slo.SourceFunc(func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("slotest: %w", err)
		}
		spec := s.Spec()
		if _, ok := spec.SLI.(slo.EventRatio); !ok {
			return nil, fmt.Errorf("slotest: %s: %w", spec.SLI.Kind(), slo.ErrUnsupported)
		}
		var p sre.Problems
		if !at.Equal(at.Truncate(time.Minute)) {
			p.Add("at", "not_whole_minutes", at, "a whole minute")
		}
		counts := make([]slo.Counts, len(spans))
		for i, span := range spans {
			if slice := max(spec.Budgeting.Slice, time.Minute); span <= 0 || span%slice != 0 || slice%time.Minute != 0 {
				p.Add(fmt.Sprintf("spans[%d]", i), "not_whole_minutes", span, "whole slices of whole minutes")
			}
		}
		if err := p.Err("slotest"); err != nil {
			return nil, err
		}
		for i, span := range spans {
			counts[i] = w.Counts(spec.Budgeting, at, span)
		}
		return counts, nil
	})
}
