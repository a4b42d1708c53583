package slo

import (
	"context"
	"errors"
	"time"
)

// A Source measures. It is the seam behind which Prometheus, a log store, a
// file or a test stands.
//
// Counts returns one [Counts] for each of spans, in that order: result i covers
// the half-open time [at-spans[i], at) and has Span == spans[i]. spans are
// positive, need not be sorted, and may repeat; the Source must not change or
// keep them. For slice-based methods each span is a whole number of slices and
// the slices end at at.
//
// The rules that keep a gate honest, all checked by slotest.TestSource: time
// that could not be measured is missing from Covered; an answer that is not
// understood, cut short or carries a warning is an error; nothing ever becomes
// zero errors by default. On an error the whole result is void.
//
// Implementations must be safe for concurrent use, return soon after ctx is
// canceled with an error for which errors.Is(err, ctx.Err()) holds, and return
// an error for which errors.Is(err, [ErrUnsupported]) holds for an SLI or
// method that they cannot measure.
type Source interface {
	Counts(ctx context.Context, s *Compiled, at time.Time, spans []time.Duration) ([]Counts, error)
}

// SourceFunc makes a function a [Source].
type SourceFunc func(ctx context.Context, s *Compiled, at time.Time, spans []time.Duration) ([]Counts, error)

// Counts calls f.
func (f SourceFunc) Counts(ctx context.Context, s *Compiled, at time.Time, spans []time.Duration) ([]Counts, error) {
	return f(ctx, s, at, spans)
}

var (
	// ErrUnsupported says that a Source cannot measure this SLI.
	ErrUnsupported = errors.New("slo: the source cannot measure this SLI")
	// ErrNoData says that a Source knows nothing that the SLI's queries select.
	ErrNoData = errors.New("slo: no such data")
)
