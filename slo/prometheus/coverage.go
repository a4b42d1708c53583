package prometheus

import (
	"context"
	"time"
)

// CoverageSteps is into how many steps a span is cut, at most, to tell which
// of it was measured: coverage is exact to 1/1440 of the span (30 minutes of 30
// days) or one ScrapeInterval, whichever is longer.
const CoverageSteps = 1440

// A sighting tells for each step before an instant whether a sample lies in it.
type sighting struct {
	step    time.Duration
	span    time.Duration
	present []bool // the last is the step that ends at the instant
}

// sightings returns one sighting for each distinct step that the spans,
// ascending, need: spans that share a step share the request.
func (r *reader) sightings(spans []time.Duration) []*sighting {
	var list []*sighting
	for _, span := range spans {
		step := r.sightStep(span)
		if len(list) == 0 || list[len(list)-1].step != step {
			list = append(list, &sighting{step: step})
		}
		list[len(list)-1].span = span
	}
	return list
}

// sightStep is the smallest multiple of ScrapeInterval of which CoverageSteps
// make the span; a span below ScrapeInterval is a step of its own. It never
// falls as the span grows.
func (r *reader) sightStep(span time.Duration) time.Duration {
	if span < r.scrapeInterval {
		return span
	}
	return max(1, ceilDiv(span, CoverageSteps*r.scrapeInterval)) * r.scrapeInterval
}

func ceilDiv(a, b time.Duration) time.Duration { return (a + b - 1) / b }

// sight asks. It counts raw samples instead of asking for values: those are
// looked back for and hide gaps of up to five minutes.
func (r *reader) sight(ctx context.Context, m eventMeter, s *sighting) error {
	readings, err := r.steps(ctx, m.samples(justUnder(s.step)), s.step, int(ceilDiv(s.span, s.step)), m.columnOf)
	if err != nil {
		return err
	}
	s.present = make([]bool, len(readings))
	for i, seen := range readings {
		if s.present[i], err = m.sighted(seen); err != nil {
			return err
		}
	}
	if s.step == r.scrapeInterval {
		return checkSpacing(m.text(), "ScrapeInterval", s.step, s.present)
	}
	return nil
}

// covered adds up the steps of the last span in which samples lie. Of the
// first step only the part inside the span counts.
func (s *sighting) covered(span time.Duration) time.Duration {
	n := int(ceilDiv(span, s.step))
	var sum time.Duration
	for _, present := range s.present[len(s.present)-n:] {
		if present {
			sum += s.step
		}
	}
	if s.present[len(s.present)-n] {
		sum -= time.Duration(n)*s.step - span
	}
	return sum
}

// minSpacings is how many samples must stand alone, each between steps
// without one, before that is taken for a rhythm and not for gaps.
const minSpacings = 4

// checkSpacing finds steps that are shorter than the distance of the samples:
// no two neighbors have one.
func checkSpacing(query, field string, step time.Duration, present []bool) error {
	last, smallest, count := -1, len(present), 0
	for i, p := range present {
		if !p {
			continue
		}
		if last >= 0 {
			smallest = min(smallest, i-last)
		}
		last = i
		count++
	}
	if count < minSpacings || smallest == 1 {
		return nil
	}
	return &IntervalError{Query: query, Field: field, Value: step, Spacing: time.Duration(smallest) * step}
}
