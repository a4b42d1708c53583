package slotest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/slo"
)

// A Subject is a Source under test, with a [World] loaded into it.
type Subject struct {
	Source slo.Source

	// SLI selects the events of the World in the Source; Absent, of the same
	// kind, selects nothing that exists there.
	SLI, Absent slo.SLI

	// Tolerance is the relative error that counts may have: 0 for exact, a few
	// percent for a Source that extrapolates, as Prometheus does.
	Tolerance float64

	// Resolution is how much Covered may be off, for each end of a gap.
	// Default: a minute.
	Resolution time.Duration
}

// TestSource checks that a Source keeps the contract of [slo.Source]. open
// returns the Source with w loaded; it is called once, with [Sample]. Each
// subtest is named after the rule that it holds.
func TestSource(t *testing.T, open func(t *testing.T, w World) Subject) {
	w := Sample()
	subject := open(t, w)
	if subject.Resolution == 0 {
		subject.Resolution = time.Minute
	}
	c := conformance{Subject: subject, world: w}
	for _, rule := range []struct {
		name  string
		check func(conformance, *testing.T)
	}{
		{"each span is answered, in order, repeated or not", conformance.order},
		{"counts are those of the span", conformance.truth},
		{"a gap is unmeasured time, never zero errors", conformance.gap},
		{"idle time is measured", conformance.idle},
		{"time before the data is unmeasured", conformance.before},
		{"slices are judged one by one", conformance.slices},
		{"what does not exist is no success", conformance.absent},
		{"a canceled context ends the call with its error", conformance.canceled},
		{"the caller's spans stay as they are", conformance.aliasing},
		{"concurrent calls agree", conformance.concurrent},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.check(c, t) })
	}
}

type conformance struct {
	Subject
	world World
}

func (c conformance) slo(t *testing.T, sli slo.SLI, method slo.BudgetingMethod) *slo.Compiled {
	t.Helper()
	s, err := slo.SLO{ID: "conformance", Service: "conformance", SLI: sli,
		Objective: slo.MustParseObjective("99%"), Window: slo.Rolling(24 * time.Hour), Budgeting: method}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask measures spans that end ago before the end of the World and checks what
// holds of every answer.
func (c conformance) ask(t *testing.T, method slo.BudgetingMethod, ago time.Duration, spans ...time.Duration) []slo.Counts {
	t.Helper()
	counts, err := c.Source.Counts(t.Context(), c.slo(t, c.SLI, method), c.world.End.Add(-ago), spans)
	if err != nil {
		t.Fatalf("Counts: %v", err)
	}
	if len(counts) != len(spans) {
		t.Fatalf("Counts returned %d counts for %d spans", len(counts), len(spans))
	}
	for i, got := range counts {
		if got.Span != spans[i] {
			t.Fatalf("result %d has span %s, want %s", i, got.Span, spans[i])
		}
		if err := got.Validate(); err != nil {
			t.Fatalf("result %d: %v", i, err)
		}
	}
	return counts
}

// same checks got against the truth, with the tolerances of the Subject and
// twice its resolution for each of the gaps inside the span.
func (c conformance) same(t *testing.T, method slo.BudgetingMethod, ago time.Duration, got slo.Counts) {
	t.Helper()
	want := c.world.Counts(method, c.world.End.Add(-ago), got.Span)
	if !c.near(got.Good, want.Good, want.Total()) || !c.near(got.Bad, want.Bad, want.Total()) {
		t.Errorf("%s ending %s before the end: good %v, bad %v; want %v and %v", got.Span, ago, got.Good, got.Bad, want.Good, want.Bad)
	}
	if off := (got.Covered - want.Covered).Abs(); off > 2*c.Resolution {
		t.Errorf("%s ending %s before the end: covered %s, want %s", got.Span, ago, got.Covered, want.Covered)
	}
}

func (c conformance) near(got, want, total float64) bool {
	return math.Abs(got-want) <= c.Tolerance*total
}

var occurrences slo.BudgetingMethod

func (c conformance) order(t *testing.T) {
	spans := []time.Duration{time.Hour, 5 * time.Minute, 30 * time.Minute, 5 * time.Minute}
	counts := c.ask(t, occurrences, 0, spans...)
	if diff := cmp.Diff(counts[1], counts[3]); diff != "" {
		t.Errorf("the same span twice in one call differs (-first +second):\n%s", diff)
	}
	for _, got := range counts {
		c.same(t, occurrences, 0, got)
	}
	if counts[0].Total() <= counts[2].Total() {
		t.Errorf("an hour has %v events and its last half %v, want fewer", counts[0].Total(), counts[2].Total())
	}
}

func (c conformance) truth(t *testing.T) {
	for _, ago := range []time.Duration{0, 30 * time.Minute, 3 * time.Hour, 200 * time.Minute} {
		for _, got := range c.ask(t, occurrences, ago, 10*time.Minute, 30*time.Minute, 60*time.Minute) {
			if c.world.Counts(occurrences, c.world.End.Add(-ago), got.Span).Coverage() == 1 {
				c.same(t, occurrences, ago, got)
			}
		}
	}
}

func (c conformance) gap(t *testing.T) {
	for _, span := range []time.Duration{time.Hour, 20 * time.Minute} {
		got := c.ask(t, occurrences, 125*time.Minute, span)[0]
		want := c.world.Counts(occurrences, c.world.End.Add(-125*time.Minute), span)
		if off := (got.Covered - want.Covered).Abs(); off > 2*c.Resolution {
			t.Errorf("%s with a gap: covered %s, want %s", span, got.Covered, want.Covered)
		}
	}
	inside := c.ask(t, occurrences, 125*time.Minute, 20*time.Minute)[0]
	if inside.Total() != 0 {
		t.Errorf("a span inside the gap has %v events, want none", inside.Total())
	}
}

func (c conformance) idle(t *testing.T) {
	got := c.ask(t, occurrences, 61*time.Minute, 8*time.Minute)[0]
	if got.Total() != 0 || (got.Span-got.Covered) > 2*c.Resolution {
		t.Errorf("measured idle time: %v events, covered %s of %s; want none, and all of it covered", got.Total(), got.Covered, got.Span)
	}
}

func (c conformance) before(t *testing.T) {
	got := c.ask(t, occurrences, 0, 12*time.Hour)[0]
	want := c.world.Counts(occurrences, c.world.End, 12*time.Hour)
	if off := (got.Covered - want.Covered).Abs(); off > 4*max(c.Resolution, 12*time.Hour/1000) {
		t.Errorf("twice as long as the data: covered %s, want %s", got.Covered, want.Covered)
	}
}

func (c conformance) slices(t *testing.T) {
	for _, method := range []slo.BudgetingMethod{
		slo.ByTimeslices(10*time.Minute, slo.MustParseRatio("90%")),
		slo.ByRatioTimeslices(10 * time.Minute),
	} {
		counts, err := c.Source.Counts(t.Context(), c.slo(t, c.SLI, method), c.world.End, []time.Duration{time.Hour, 5 * time.Hour})
		if errors.Is(err, slo.ErrUnsupported) {
			t.Logf("%s is not supported, and the Source says so", method.Method)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", method.Method, err)
		}
		for _, got := range counts {
			want := c.world.Counts(method, c.world.End, got.Span)
			// A Source may not see a slice at the edge of a gap, or see one whole that
			// lost a sample, so one slice at each end is free.
			if free := 2 + c.Tolerance*want.Total(); math.Abs(got.Bad-want.Bad) > free || math.Abs(got.Good-want.Good) > free {
				t.Errorf("%s over %s: good %v, bad %v; want %v and %v", method.Method, got.Span, got.Good, got.Bad, want.Good, want.Bad)
			}
			if off := (got.Covered - want.Covered).Abs(); off > 2*method.Slice {
				t.Errorf("%s over %s: covered %s, want %s", method.Method, got.Span, got.Covered, want.Covered)
			}
		}
	}
}

func (c conformance) absent(t *testing.T) {
	counts, err := c.Source.Counts(t.Context(), c.slo(t, c.Absent, occurrences), c.world.End, []time.Duration{time.Hour})
	if err != nil {
		return
	}
	for _, got := range counts {
		if got.Covered != 0 || got.Total() != 0 {
			t.Errorf("what does not exist was measured: %+v; want an error, or nothing covered", got)
		}
	}
}

func (c conformance) canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Source.Counts(ctx, c.slo(t, c.SLI, occurrences), c.world.End, []time.Duration{time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a canceled context: error %v, want one for which errors.Is(err, context.Canceled)", err)
	}
}

func (c conformance) aliasing(t *testing.T) {
	spans := []time.Duration{time.Hour, 5 * time.Minute}
	before := slices.Clone(spans)
	c.ask(t, occurrences, 0, spans...)
	if diff := cmp.Diff(before, spans); diff != "" {
		t.Errorf("the call changed the caller's spans (-before +after):\n%s", diff)
	}
}

func (c conformance) concurrent(t *testing.T) {
	s := c.slo(t, c.SLI, occurrences)
	want := c.ask(t, occurrences, 0, time.Hour, 5*time.Minute)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := c.Source.Counts(t.Context(), s, c.world.End, []time.Duration{time.Hour, 5 * time.Minute})
			if err != nil {
				t.Errorf("concurrent call: %v", err)
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("a concurrent call differs (-alone +concurrent):\n%s", diff)
			}
		})
	}
	wg.Wait()
}
