package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/slo"
)

// Read measures s at now through src: the budget period and every window that
// the policy's alerts need, in one call of the source. It never fails: where
// the source does, or answers what it must not, the Status carries the error
// and decisions about it are Unknown.
//
// For slice-based methods it measures up to [slo.Compiled.Align] of now.
func Read(ctx context.Context, src slo.Source, s *slo.Compiled, policy *Compiled, now time.Time) Status {
	if s == nil || src == nil || policy == nil {
		return Failed(s, now, errors.New("budget: Read needs a source, a compiled SLO and a compiled policy"))
	}
	at := s.Align(now)
	start, _ := s.Period(at)
	spans := append([]time.Duration{at.Sub(start)}, policy.Spans(s)...)
	if spans[0] <= 0 {
		return Failed(s, at, errors.New("budget: the budget period has just begun, so nothing of it was measured"))
	}
	counts, err := src.Counts(ctx, s, at, spans)
	if err != nil {
		return Failed(s, at, fmt.Errorf("budget: measuring %s: %w", s.ID(), err))
	}
	if len(counts) != len(spans) {
		return Failed(s, at, fmt.Errorf("budget: measuring %s: the source returned %d counts for %d spans", s.ID(), len(counts), len(spans)))
	}
	for i, c := range counts {
		if c.Span != spans[i] {
			return Failed(s, at, fmt.Errorf("budget: measuring %s: the source answered for %s instead of %s", s.ID(), c.Span, spans[i]))
		}
	}
	return NewStatus(s, at, counts[0], counts[1:]...)
}
