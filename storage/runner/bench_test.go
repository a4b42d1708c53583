package runner_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// tally is the state of a machine that has one effect for each input.
type tally struct{ N int }

func stepTally(s tally, in string, _ time.Time) (tally, []runner.Effect, error) {
	s.N++
	return s, []runner.Effect{{ID: in, Type: "page"}}, nil
}

// naive is the least that looks like a runner: states in a map under a mutex, a
// queue of effects in memory, nothing durable, no retry, one process.
type naive struct {
	mu     sync.Mutex
	states map[string]tally
	queue  chan runner.Effect
}

func (n *naive) send(id, in string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	after, effects, err := stepTally(n.states[id], in, time.Now())
	if err != nil {
		return err
	}
	n.states[id] = after
	for _, e := range effects {
		n.queue <- e
	}
	return nil
}

func tallyRunner(b *testing.B, handle runner.Handler, change ...func(*runner.Machine[tally, string])) *runner.Runner[tally, string] {
	m := runner.Machine[tally, string]{Kind: "tally", Step: stepTally, NextDue: func(tally) time.Time { return time.Time{} }}
	for _, f := range change {
		f(&m)
	}
	r, err := runner.New(runner.Config[tally, string]{
		Store: storage.NewMemory(), Machine: m, Handlers: map[string]runner.Handler{"page": handle},
	})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkSend is one input: load, step, and commit of the state with its
// effect; 1,000 states.
func BenchmarkSend(b *testing.B) {
	b.Run("runner", func(b *testing.B) {
		r := tallyRunner(b, func(context.Context, runner.Effect) ([]byte, error) { return nil, nil })
		for i := 0; b.Loop(); i++ {
			if _, err := r.Send(b.Context(), fmt.Sprint("t", i%1000), "", fmt.Sprint("e", i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("naive", func(b *testing.B) {
		n := naive{states: map[string]tally{}, queue: make(chan runner.Effect, 1)}
		go func() {
			for range n.queue {
			}
		}()
		for i := 0; b.Loop(); i++ {
			if err := n.send(fmt.Sprint("t", i%1000), fmt.Sprint("e", i)); err != nil {
				b.Fatal(err)
			}
		}
		close(n.queue)
	})
}

// BenchmarkEffects is one effect of many that are due: found, claimed, performed
// by a handler that does nothing, and recorded, eight at a time; also if a
// state of 1,000 is asked whether it wants each, and if there is one state, which
// is told of each.
func BenchmarkEffects(b *testing.B) {
	wanted := func(m *runner.Machine[tally, string]) { m.Wanted = func(tally, runner.Effect) bool { return true } }
	told := func(m *runner.Machine[tally, string]) {
		m.Result = func(runner.Effect, runner.Outcome) (string, bool) { return "e0", true }
	}
	prepared := func(m *runner.Machine[tally, string]) {
		m.Prepare = func(_ context.Context, _ tally, in string, _ time.Time) (string, error) { return in, nil }
	}
	for _, row := range []struct {
		name   string
		states int
		change []func(*runner.Machine[tally, string])
	}{
		{"runner", 1000, nil},
		{"runner, wanted", 1000, []func(*runner.Machine[tally, string]){wanted}},
		{"runner, told", 1000, []func(*runner.Machine[tally, string]){told}},
		{"runner, wanted and told", 1000, []func(*runner.Machine[tally, string]){wanted, told}},
		{"runner, wanted, prepared and told", 1000, []func(*runner.Machine[tally, string]){wanted, prepared, told}},
		{"runner, told, one state", 1, []func(*runner.Machine[tally, string]){told}},
		{"runner, wanted and told, one state", 1, []func(*runner.Machine[tally, string]){wanted, told}},
	} {
		b.Run(row.name, func(b *testing.B) { benchmarkEffects(b, row.states, row.change...) })
	}
	b.Run("naive", naiveEffects)
}

func benchmarkEffects(b *testing.B, states int, change ...func(*runner.Machine[tally, string])) {
	ctx, cancel := context.WithCancel(b.Context())
	var performed atomic.Int64
	r := tallyRunner(b, func(context.Context, runner.Effect) ([]byte, error) {
		if performed.Add(1) == int64(b.N) {
			cancel()
		}
		return nil, nil
	}, change...)
	for i := range b.N {
		if _, err := r.Send(ctx, fmt.Sprint("t", i%states), "", fmt.Sprint("e", i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	if err := r.Run(ctx); err != nil {
		b.Fatal(err)
	}
}

func naiveEffects(b *testing.B) {
	n := naive{states: map[string]tally{}, queue: make(chan runner.Effect, b.N)}
	for i := range b.N {
		if err := n.send(fmt.Sprint("t", i%1000), fmt.Sprint("e", i)); err != nil {
			b.Fatal(err)
		}
	}
	close(n.queue)
	b.ResetTimer()
	var done sync.Map
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for e := range n.queue {
				done.Store(e.ID, time.Now())
			}
		})
	}
	workers.Wait()
}
