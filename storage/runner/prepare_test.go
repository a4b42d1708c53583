package runner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// roster is a state that notes who was on call at each input.
type roster struct {
	Next  time.Time
	Notes []string
}

// duty is an input of it, of which Who comes from outside.
type duty struct{ Why, Who string }

func stepRoster(s roster, in duty, now time.Time) (roster, []runner.Effect, error) {
	s.Notes = append(s.Notes[:len(s.Notes):len(s.Notes)], in.Why+" "+in.Who)
	s.Next = time.Time{}
	switch in.Why {
	case "start":
		s.Next = now.Add(time.Minute)
	case "tick":
		return s, []runner.Effect{{ID: fmt.Sprint("page-", len(s.Notes)), Type: "page"}}, nil
	}
	return s, nil, nil
}

func rosterRunner(t *testing.T, store *storage.Store, prepare func(context.Context, roster, duty, time.Time) (duty, error), change ...func(*runner.Config[roster, duty])) *runner.Runner[roster, duty] {
	t.Helper()
	c := runner.Config[roster, duty]{
		Store: store,
		Machine: runner.Machine[roster, duty]{
			Kind: "roster", Step: stepRoster, NextDue: func(s roster) time.Time { return s.Next }, Tick: duty{Why: "tick"}, Prepare: prepare,
			Result: func(e runner.Effect, o runner.Outcome) (duty, bool) { return duty{Why: "result"}, true },
		},
		Handlers: map[string]runner.Handler{"page": func(context.Context, runner.Effect) ([]byte, error) { return nil, nil }},
		Jitter:   func(d time.Duration) time.Duration { return d },
	}
	for _, f := range change {
		f(&c)
	}
	r, err := runner.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func runFor[S, I any](t *testing.T, d time.Duration, processes ...*runner.Runner[S, I]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range processes {
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func notes(t *testing.T, r *runner.Runner[roster, duty], id string) []string {
	t.Helper()
	s, _, err := r.Get(t.Context(), id)
	replayed, replayErr := r.Replay(t.Context(), id)
	if diff := cmp.Diff(s, replayed); err != nil || replayErr != nil || diff != "" {
		t.Errorf("%v, %v, replay differs (-state +replay):\n%s", err, replayErr, diff)
	}
	return s.Notes
}

// Inputs, ticks and results alike are completed, and the log keeps what they
// were completed with.
func TestEveryInputIsPreparedAndReplayedAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := rosterRunner(t, storage.NewMemory(), func(_ context.Context, s roster, in duty, now time.Time) (duty, error) {
			asked++
			in.Who = fmt.Sprint("person", asked, " after ", len(s.Notes), now.Equal(time.Now()))
			return in, nil
		})
		for range 2 { // the second is known by its key
			if _, err := r.Send(t.Context(), "a", "key", duty{Why: "start"}); err != nil {
				t.Fatal(err)
			}
		}
		runFor(t, 2*time.Minute, r)
		want := []string{"start person1 after 0 true", "tick person2 after 1 true", "result person3 after 2 true"}
		if diff := cmp.Diff(want, notes(t, r, "a")); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	})
}

// A directory that fails, panics, or has a store of its own that fails, refuses
// what somebody sends, and delays ticks and results by some seconds. Nothing is
// performed twice for it.
func TestPrepareThatFailsIsTriedAgain(t *testing.T) {
	down := errors.New("the directory is down")
	for name, fail := range map[string]func() error{
		"an error":                   func() error { return down },
		"a panic":                    func() error { panic("oops") },
		"a conflict of its own":      func() error { return &storage.ConflictError{Key: storage.Key{Kind: "roster", ID: "a"}} },
		"an outage of its own store": func() error { return storage.ErrUnavailable },
		"a deadline of its own":      func() error { return context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := storage.NewMemory()
				var failing atomic.Bool
				var calls, failures, performed atomic.Int64
				r := rosterRunner(t, store, func(_ context.Context, _ roster, in duty, _ time.Time) (duty, error) {
					if calls.Add(1); failing.Load() {
						return in, fail()
					}
					in.Who = "alice"
					return in, nil
				}, func(c *runner.Config[roster, duty]) {
					c.Hooks.Failed = func(error) { failures.Add(1) }
					c.Handlers["page"] = func(context.Context, runner.Effect) ([]byte, error) {
						performed.Add(1)
						failing.Store(true) // before the result
						return nil, nil
					}
				})
				failing.Store(true)
				if _, err := r.Send(t.Context(), "a", "", duty{Why: "start"}); err == nil || name == "an error" && err != down {
					t.Errorf("Send: %v, want the error of Prepare", err)
				}
				if pos, _, _ := store.Get(t.Context()); pos != 0 || calls.Load() != 1 {
					t.Errorf("%d entries after %d calls, want none after one", pos, calls.Load())
				}
				failing.Store(false)
				if _, err := r.Send(t.Context(), "a", "", duty{Why: "start"}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				failing.Store(true)
				runFor(t, 32*time.Second, r)
				if n := failures.Load(); n < 6 || n > 8 || performed.Load() != 0 {
					t.Errorf("%d failures of a tick in 32 s, %d performed; want one each 5 s, none", n, performed.Load())
				}
				failing.Store(false)
				runFor(t, 30*time.Second, r) // the handler makes it fail again
				failing.Store(false)
				runFor(t, 6*time.Second, r)
				want := []string{"start alice", "tick alice", "result alice"}
				if diff := cmp.Diff(want, notes(t, r, "a")); diff != "" || performed.Load() != 1 {
					t.Errorf("performed %d times, notes (-want +got):\n%s", performed.Load(), diff)
				}
			})
		})
	}
}

// A directory that hangs holds back what needs it, and no effect; a result that
// waits for it neither loses the lease nor doubles the effect.
func TestPrepareThatHangsHoldsBackNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storage.NewMemory()
		var hangs atomic.Bool
		var mu sync.Mutex
		performed := map[string]time.Time{}
		calls := 0
		r := rosterRunner(t, store, func(ctx context.Context, _ roster, in duty, _ time.Time) (duty, error) {
			if hangs.Load() && in.Why != "start" {
				<-ctx.Done()
				return in, ctx.Err()
			}
			return in, nil
		}, func(c *runner.Config[roster, duty]) {
			c.Concurrency = 2
			c.Machine.Step = func(s roster, in duty, now time.Time) (roster, []runner.Effect, error) {
				after, effects, err := stepRoster(s, in, now)
				for i := range effects {
					effects[i].ID = "tick-of-" + s.Notes[0][len("start "):]
				}
				if strings.HasPrefix(in.Who, "now") {
					effects = []runner.Effect{{ID: in.Who, Type: "page"}}
				}
				return after, effects, err
			}
			c.Handlers["page"] = func(_ context.Context, e runner.Effect) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				performed[e.ID] = time.Now()
				return nil, nil
			}
		})
		for i := range 20 {
			if _, err := r.Send(t.Context(), fmt.Sprint("tick", i), "", duty{Why: "start", Who: fmt.Sprint("later", i)}); err != nil {
				t.Fatal(err)
			}
		}
		hangs.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = r.Run(ctx) }()
		time.Sleep(70 * time.Second) // the ticks hang
		sent := time.Now()
		for i := range 2 {
			if _, err := r.Send(t.Context(), fmt.Sprint("now", i), "", duty{Why: "start", Who: fmt.Sprint("now", i)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Minute)
		mu.Lock()
		if len(performed) != 2 || calls != 2 {
			t.Errorf("%d effects performed in %d calls while the directory hangs, want 2, once each", len(performed), calls)
		}
		for id, at := range performed {
			if late := at.Sub(sent); late > time.Second {
				t.Errorf("%s was performed after %s, want at once", id, late)
			}
		}
		mu.Unlock()
		hangs.Store(false)
		time.Sleep(10 * time.Minute)
		stop()
		<-ended
		if len(performed) != 24 || calls != 24 { // each of the 22 states ticks
			t.Errorf("%d effects performed in %d calls, want 24, once each", len(performed), calls)
		}
	})
}
