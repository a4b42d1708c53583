package prometheus

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/sre-sdk/sre/slo"
)

// occurrences counts events: one instant query for each distinct span, and
// range queries for how much of the spans was measured.
func (r *reader) occurrences(ctx context.Context, m eventMeter, spans []time.Duration) ([]slo.Counts, error) {
	distinct := slices.Compact(slices.Sorted(slices.Values(spans)))
	sightings := r.sightings(distinct)
	readings := make([]reading, len(distinct))
	err := parallel(ctx, cap(r.client.slots), len(distinct)+len(sightings), func(ctx context.Context, i int) (err error) {
		if i < len(distinct) {
			readings[i], err = r.instant(ctx, m, distinct[i])
			return err
		}
		return r.sight(ctx, m, sightings[i-len(distinct)])
	})
	if err != nil {
		return nil, r.explain(ctx, m, err)
	}

	known := false
	counted := make(map[time.Duration]slo.Counts, len(distinct))
	for i, span := range distinct {
		seen := sightings[slices.IndexFunc(sightings, func(s *sighting) bool { return s.step == r.sightStep(span) })]
		covered := seen.covered(span)
		known = known || covered > 0
		c := slo.Counts{Span: span}
		if readings[i].has(total) {
			c.Covered = covered
			if c.Good, c.Bad, _, err = m.counts(readings[i], span); err != nil {
				return nil, r.explain(ctx, m, err)
			}
		} // else an increase that cannot be told, of one sample or none, is unmeasured
		counted[span] = c
	}
	if err := r.checkHead(ctx, m, known, sightings[len(sightings)-1].present[0], m.absent(r.longest)); err != nil {
		return nil, err
	}
	result := make([]slo.Counts, len(spans))
	for i, span := range spans {
		result[i] = counted[span]
	}
	return result, nil
}

func (r *reader) instant(ctx context.Context, m meter, window time.Duration) (reading, error) {
	query := m.over(window)
	data, err := r.client.query(ctx, "query", url.Values{"query": {query}, "time": {instant(r.at)}})
	if err != nil {
		return reading{}, err
	}
	return decodeVector(data, r.at, query, m.columnOf)
}
