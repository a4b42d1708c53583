package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
)

// nearBounds is how many bounds on each side a BucketError lists.
const nearBounds = 3

// explain adds to a BucketError which buckets there are. The answer only
// helps to read the error, so a failure to get it is not reported.
func (r *reader) explain(ctx context.Context, m meter, err error) error {
	var missing *BucketError
	bucket, ok := m.(bucketMeter)
	if !ok || !errors.As(err, &missing) {
		return err
	}
	data, lookup := r.client.get(ctx, "label/le/values", url.Values{
		"match[]": {bucket.all.String()},
		"start":   {instant(r.at.Add(-r.longest))},
		"end":     {instant(r.at)},
	})
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	var texts []string
	if lookup == nil && json.Unmarshal(data, &texts) == nil {
		missing.Bounds = nearest(texts, missing.Want)
	}
	return err
}

// nearest returns the bounds next to want, ascending, without +Inf.
func nearest(texts []string, want float64) []float64 {
	var bounds []float64
	for _, text := range texts {
		if bound, err := strconv.ParseFloat(text, 64); err == nil && bound-bound == 0 { // finite
			bounds = append(bounds, bound)
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	at, _ := slices.BinarySearch(bounds, want)
	return bounds[max(0, at-nearBounds):min(len(bounds), at+nearBounds)]
}
