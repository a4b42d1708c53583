package slotest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

// mutants are Sources that each break a rule, by the rule that must catch it.
var mutants = map[string]func(slo.Source) slo.SourceFunc{
	"each span is answered, in order, repeated or not": func(src slo.Source) slo.SourceFunc {
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			sorted := slices.Clone(spans)
			slices.Sort(sorted)
			return src.Counts(ctx, s, at, sorted)
		}
	},
	"counts are those of the span": func(src slo.Source) slo.SourceFunc { // the time from the span on, not up to at
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			return src.Counts(ctx, s, at.Add(-time.Minute), spans)
		}
	},
	"a gap is unmeasured time, never zero errors": covered(func(c slo.Counts) time.Duration { return c.Span }),
	"idle time is measured": covered(func(c slo.Counts) time.Duration {
		if c.Total() == 0 {
			return 0
		}
		return c.Covered
	}),
	"time before the data is unmeasured": covered(func(c slo.Counts) time.Duration {
		if c.Span > 6*time.Hour {
			return c.Span
		}
		return c.Covered
	}),
	"slices are judged one by one": func(src slo.Source) slo.SourceFunc { // one verdict for the whole span
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			counts, err := src.Counts(ctx, s, at, spans)
			if slice := s.Spec().Budgeting.Slice; slice > 0 && err == nil {
				for i, c := range counts {
					counts[i].Good, counts[i].Bad = 0, float64(c.Covered/slice)
				}
			}
			return counts, err
		}
	},
	"what does not exist is no success": func(src slo.Source) slo.SourceFunc {
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			counts, err := src.Counts(ctx, s, at, spans)
			if err != nil && ctx.Err() == nil {
				for _, span := range spans {
					counts = append(counts, slo.Counts{Covered: span, Span: span})
				}
				return counts, nil
			}
			return counts, err
		}
	},
	"a canceled context ends the call with its error": func(src slo.Source) slo.SourceFunc {
		return func(_ context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			return src.Counts(context.Background(), s, at, spans)
		}
	},
	"the caller's spans stay as they are": func(src slo.Source) slo.SourceFunc {
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			counts, err := src.Counts(ctx, s, at, slices.Clone(spans))
			slices.Sort(spans)
			return counts, err
		}
	},
	"concurrent calls agree": func(src slo.Source) slo.SourceFunc {
		var calls atomic.Int64
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			counts, err := src.Counts(ctx, s, at, spans)
			if err == nil {
				counts[0].Good += float64(calls.Add(1))
			}
			return counts, err
		}
	},
}

// covered returns mutants that report another coverage for events.
func covered(change func(slo.Counts) time.Duration) func(slo.Source) slo.SourceFunc {
	return func(src slo.Source) slo.SourceFunc {
		return func(ctx context.Context, s *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
			counts, err := src.Counts(ctx, s, at, spans)
			for i, c := range counts {
				if s.Spec().Budgeting.Slice == 0 {
					counts[i].Covered = change(c)
				}
			}
			return counts, err
		}
	}
}

// mutantVariable names the mutant that TestMutant, run alone, has to fail.
const mutantVariable = "SLOTEST_MUTANT"

func TestMutant(t *testing.T) {
	mutant, ok := mutants[os.Getenv(mutantVariable)]
	if !ok {
		t.Skip("run by TestBrokenSourcesAreCaught")
	}
	slotest.TestSource(t, func(t *testing.T, w slotest.World) slotest.Subject {
		return slotest.Subject{Source: mutant(world(w)), SLI: slo.Availability(total, errors), Absent: slo.Availability(absent, absent)}
	})
}

// Each mutant fails the rule that it breaks. A failed subtest fails its parent,
// so each runs in a process of its own.
func TestBrokenSourcesAreCaught(t *testing.T) {
	for rule := range mutants {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutant$", "-test.v")
			run.Env = append(os.Environ(), mutantVariable+"="+rule)
			out, err := run.CombinedOutput()
			if want := "--- FAIL: TestMutant/" + strings.ReplaceAll(rule, " ", "_"); err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the mutant ended with %v, want it to fail this rule:\n%s", err, out)
			}
		})
	}
}
