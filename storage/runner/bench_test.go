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

func tallyRunner(b *testing.B, handle runner.Handler) *runner.Runner[tally, string] {
	r, err := runner.New(runner.Config[tally, string]{
		Store:    storage.NewMemory(),
		Machine:  runner.Machine[tally, string]{Kind: "tally", Step: stepTally, NextDue: func(tally) time.Time { return time.Time{} }},
		Handlers: map[string]runner.Handler{"page": handle},
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
// by a handler that does nothing, and recorded, eight at a time.
func BenchmarkEffects(b *testing.B) {
	b.Run("runner", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		var performed atomic.Int64
		r := tallyRunner(b, func(context.Context, runner.Effect) ([]byte, error) {
			if performed.Add(1) == int64(b.N) {
				cancel()
			}
			return nil, nil
		})
		for i := range b.N {
			if _, err := r.Send(ctx, fmt.Sprint("t", i%1000), "", fmt.Sprint("e", i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		if err := r.Run(ctx); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("naive", func(b *testing.B) {
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
	})
}
