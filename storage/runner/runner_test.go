package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// job is the state of the machine under test: a number of notices to send, and
// what became of them.
type job struct {
	Notices int
	Every   time.Duration
	Due     time.Time
	Done    []string
	Dead    []string
}

// command is an input of it.
type command struct {
	Start  int           // emit that many effects
	Every  time.Duration // and again after each such time
	Refuse bool
	Done   string // an effect ended
	Dead   string
}

var errRefused = errors.New("refused")

func stepJob(s job, c command, now time.Time) (job, []runner.Effect, error) {
	switch {
	case c.Refuse:
		return s, nil, errRefused
	case c.Done != "":
		s.Done = append(slices.Clone(s.Done), c.Done)
		return s, nil, nil
	case c.Dead != "":
		s.Dead = append(slices.Clone(s.Dead), c.Dead)
		return s, nil, nil
	}
	n := c.Start
	if n > 0 {
		s.Every, s.Due = c.Every, now
	} else {
		n = 1 // a tick: one notice for each time that it is due
	}
	var effects []runner.Effect
	for range n {
		effects = append(effects, runner.Effect{ID: fmt.Sprintf("notice-%d", s.Notices), Type: "notice"})
		s.Notices++
	}
	if s.Every > 0 {
		s.Due = s.Due.Add(s.Every) // chained from the start, not from now
	} else {
		s.Due = time.Time{}
	}
	return s, effects, nil
}

func jobMachine() runner.Machine[job, command] {
	return runner.Machine[job, command]{
		Kind: "job", Step: stepJob, NextDue: func(s job) time.Time { return s.Due },
		Result: func(e runner.Effect, o runner.Outcome) (command, bool) {
			if o.Err != "" {
				return command{Dead: e.ID}, true
			}
			return command{Done: e.ID}, true
		},
	}
}

// world is a store with handlers that count.
type world struct {
	t     *testing.T
	store *storage.Store

	mu      sync.Mutex
	calls   map[string]int
	running int
	most    int
	handle  func(ctx context.Context, e runner.Effect, call int) error
}

func newWorld(t *testing.T) *world {
	return &world{t: t, store: storage.NewMemory(), calls: map[string]int{}}
}

func (w *world) notice(ctx context.Context, e runner.Effect) ([]byte, error) {
	w.mu.Lock()
	w.calls[e.ID]++
	call := w.calls[e.ID]
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.running--
		w.mu.Unlock()
	}()
	if w.handle != nil {
		if err := w.handle(ctx, e, call); err != nil {
			return nil, err
		}
	}
	return []byte("receipt of " + e.ID), nil
}

func (w *world) runner(change ...func(*runner.Config[job, command])) *runner.Runner[job, command] {
	w.t.Helper()
	c := runner.Config[job, command]{Store: w.store, Machine: jobMachine(), Handlers: map[string]runner.Handler{"notice": w.notice},
		Jitter: func(d time.Duration) time.Duration { return d }}
	for _, f := range change {
		f(&c)
	}
	r, err := runner.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// run runs n processes for a time and stops them.
func (w *world) run(d time.Duration, processes ...*runner.Runner[job, command]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range processes {
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (w *world) send(r *runner.Runner[job, command], id, key string, c command) job {
	w.t.Helper()
	s, err := r.Send(w.t.Context(), id, key, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) state(r *runner.Runner[job, command], id string) job {
	w.t.Helper()
	s, _, err := r.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) wantCalls(want map[string]int) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.calls); diff != "" {
		w.t.Errorf("calls of the handler (-want +got):\n%s", diff)
	}
}

// once is the calls for n notices, each performed once.
func once(n int) map[string]int {
	calls := map[string]int{}
	for i := range n {
		calls[fmt.Sprintf("notice-%d", i)] = 1
	}
	return calls
}

func TestEffectsArePerformedOnceAndTheMachineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "j", "", command{Start: 3})
		w.run(time.Minute, r)
		w.wantCalls(once(3))
		if s := w.state(r, "j"); len(s.Done) != 3 {
			t.Errorf("the machine was told of %v, want three", s.Done)
		}
	})
}

func TestManyProcessesShareTheWorkWithoutDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(context.Context, runner.Effect, int) error { time.Sleep(time.Second); return nil }
		few := func(c *runner.Config[job, command]) { c.Concurrency = 4 }
		a, b, c := w.runner(few), w.runner(few), w.runner(few)
		w.send(a, "j", "", command{Start: 12})
		w.send(b, "k", "", command{Start: 12}) // the same effects: they are there already
		w.run(time.Minute, a, b, c)
		w.wantCalls(once(12))
		if w.most > 12 {
			t.Errorf("%d handlers ran at the same time, want at most 3 times 4", w.most)
		}
	})
}

func TestMoreEffectsThanABatchHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "j", "", command{Start: 500})
		w.run(time.Minute, r, w.runner())
		w.wantCalls(once(500))
		if s := w.state(r, "j"); len(s.Done) != 500 {
			t.Errorf("the machine was told of %d effects, want 500", len(s.Done))
		}
	})
}

func TestNoMoreIsClaimedThanCanStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(context.Context, runner.Effect, int) error {
			claimed := 0
			records, err := w.store.Due(t.Context(), "job.effect", time.Now().Add(time.Hour), 100)
			for _, rec := range records {
				if rec.Due.After(time.Now()) && rec.Version == 2 {
					claimed++
				}
			}
			if claimed > 2 || err != nil {
				t.Errorf("%d effects are claimed, %v; want at most 2", claimed, err)
			}
			time.Sleep(time.Second)
			return nil
		}
		r := w.runner(func(c *runner.Config[job, command]) { c.Concurrency = 2 })
		w.send(r, "j", "", command{Start: 10})
		w.run(time.Minute, r)
		w.wantCalls(once(10))
		if w.most != 2 {
			t.Errorf("%d handlers ran at the same time, want 2", w.most)
		}
	})
}

func TestFailuresAreRetriedWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var at []time.Duration
		start := time.Now()
		w.handle = func(_ context.Context, _ runner.Effect, call int) error {
			at = append(at, time.Since(start))
			if call <= 3 {
				return errors.New("busy")
			}
			return nil
		}
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Minute, r)
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("performed at (-want +got):\n%s", diff)
		}
		if s := w.state(r, "j"); len(s.Done) != 1 {
			t.Errorf("the machine was told of %v, want one success", s.Done)
		}
	})
}

func TestDeadLettersAreKeptToldAndRevived(t *testing.T) {
	for _, row := range []struct {
		name  string
		err   error
		calls int
	}{
		{"after the last attempt", errors.New("busy"), 4},
		{"at once if it is permanent", fmt.Errorf("no such number: %w", runner.ErrPermanent), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				broken := true
				w.handle = func(context.Context, runner.Effect, int) error {
					if broken {
						return row.err
					}
					return nil
				}
				var hooked []string
				r := w.runner(func(c *runner.Config[job, command]) {
					c.MaxAttempts = 4
					c.Hooks.Dead = func(e runner.Effect, err error) { hooked = append(hooked, e.ID+": "+err.Error()) }
				})
				w.send(r, "j", "", command{Start: 1})
				w.run(time.Hour, r)
				w.wantCalls(map[string]int{"notice-0": row.calls})
				var letters []runner.DeadLetter
				for l, err := range r.DeadLetters(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					letters = append(letters, l)
				}
				want := []runner.DeadLetter{{Of: "j", Effect: runner.Effect{ID: "notice-0", Type: "notice"}, Attempts: row.calls, Err: row.err.Error()}}
				if diff := cmp.Diff(want, letters); diff != "" {
					t.Errorf("dead letters (-want +got):\n%s", diff)
				}
				if s := w.state(r, "j"); len(s.Dead) != 1 || len(hooked) != 1 {
					t.Errorf("the machine was told of %v and the hook of %v, want one each", s.Dead, hooked)
				}

				broken = false
				if err := r.Revive(t.Context(), "notice-0"); err != nil {
					t.Fatal(err)
				}
				w.run(time.Hour, r)
				w.wantCalls(map[string]int{"notice-0": row.calls + 1})
				for l := range r.DeadLetters(t.Context()) {
					t.Errorf("%+v is still a dead letter", l)
				}
			})
		})
	}
}

func TestRateLimitHoldsBackTheType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		limited := true
		calls := 0
		w.handle = func(context.Context, runner.Effect, int) error {
			if calls++; limited {
				return runner.RateLimited{After: 10 * time.Minute}
			}
			return nil
		}
		r := w.runner(func(c *runner.Config[job, command]) { c.Concurrency, c.MaxAttempts = 1, 1 })
		w.send(r, "j", "", command{Start: 100})
		w.run(9*time.Minute, r)
		if calls != 1 {
			t.Errorf("the receiver was called %d times while it wanted to be left alone, want once", calls)
		}
		limited = false
		w.run(9*time.Minute, r)
		if s := w.state(r, "j"); len(s.Done) != 100 || len(s.Dead) != 0 {
			t.Errorf("%d effects are done and %d dead, want 100 and none: a limit is no attempt", len(s.Done), len(s.Dead))
		}
	})
}

func TestTimersFireWhenDueWithoutDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var at []time.Duration
		start := time.Now()
		w.handle = func(context.Context, runner.Effect, int) error { at = append(at, time.Since(start)); return nil }
		r := w.runner()
		w.send(r, "j", "", command{Start: 1, Every: 7 * time.Minute})
		w.run(30*time.Minute, r)
		want := []time.Duration{0, 7 * time.Minute, 14 * time.Minute, 21 * time.Minute, 28 * time.Minute}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("fired at (-want +got):\n%s", diff)
		}
	})
}

func TestWhatFellDueWhileNobodyRanIsDoneLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "j", "", command{Start: 1, Every: 10 * time.Minute})
		time.Sleep(time.Hour)
		w.run(time.Second, r)
		w.wantCalls(once(7)) // at once, and six times ten minutes
	})
}

func TestAHangingHandlerIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(ctx context.Context, _ runner.Effect, call int) error {
			if call == 1 {
				<-ctx.Done() // the deadline
				return ctx.Err()
			}
			return nil
		}
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(5*time.Minute, r)
		if s := w.state(r, "j"); len(s.Done) != 1 || w.calls["notice-0"] != 2 {
			t.Errorf("done: %v after %d calls, want one success at the second call", s.Done, w.calls["notice-0"])
		}
	})
}

func TestAPanickingHandlerIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(_ context.Context, _ runner.Effect, call int) error {
			if call == 1 {
				panic("oops")
			}
			return nil
		}
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Minute, r)
		w.wantCalls(map[string]int{"notice-0": 2})
	})
}

func TestStopLetsRunningHandlersEnd(t *testing.T) {
	for _, row := range []struct {
		name  string
		takes time.Duration
		done  int
	}{
		{"within the grace", 5 * time.Second, 1},
		{"beyond it, and another process takes over", 25 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.handle = func(ctx context.Context, _ runner.Effect, call int) error {
					select {
					case <-time.After(row.takes / time.Duration(call)):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				r := w.runner()
				w.send(r, "j", "", command{Start: 1})
				start := time.Now()
				w.run(time.Second, r)
				if took := time.Since(start); took > 12*time.Second {
					t.Errorf("stopping took %s, want at most the grace of 10s", took)
				}
				if s := w.state(r, "j"); len(s.Done) != row.done {
					t.Errorf("%d effects are recorded after the stop, want %d", len(s.Done), row.done)
				}
				w.run(5*time.Minute, w.runner())
				if s := w.state(r, "j"); len(s.Done) != 1 {
					t.Errorf("done: %v in the end, want one", s.Done)
				}
			})
		})
	}
}

func TestSameKeyIsTheSameInput(t *testing.T) {
	w := newWorld(t)
	r := w.runner()
	first := w.send(r, "j", "request-1", command{Start: 2})
	again := w.send(r, "j", "request-1", command{Start: 2})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second time the state is another (-first +second):\n%s", diff)
	}
	for i := range runner.MaxInputKeys {
		w.send(r, "j", fmt.Sprint("other-", i), command{Done: "x"})
	}
	if s := w.send(r, "j", "request-1", command{Start: 2}); s.Notices != 4 {
		t.Errorf("%d notices after %d other inputs, want that the key was forgotten", s.Notices, runner.MaxInputKeys)
	}
}

func TestRefusedInputLeavesNothing(t *testing.T) {
	w := newWorld(t)
	r := w.runner()
	if _, err := r.Send(t.Context(), "j", "", command{Refuse: true}); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want Step's", err)
	}
	if pos, _, _ := w.store.Get(t.Context()); pos != 0 {
		t.Errorf("the log has %d entries, want none", pos)
	}
}

func TestEffectsThatCannotBePerformedAreRefused(t *testing.T) {
	w := newWorld(t)
	r := w.runner(func(c *runner.Config[job, command]) {
		c.Machine.Step = func(s job, _ command, _ time.Time) (job, []runner.Effect, error) {
			return s, []runner.Effect{{ID: "a b", Type: "notice"}, {ID: "x", Type: "carrier-pigeon"}, {ID: "x", Type: "notice", Payload: make([]byte, runner.MaxPayload+1)}}, nil
		}
	})
	_, err := r.Send(t.Context(), "j", "", command{})
	var codes []string
	for _, p := range sre.ProblemsIn(err) {
		codes = append(codes, p.Path+" "+p.Code)
	}
	want := []string{"effects[0].id invalid_id", "effects[1].type no_handler", "effects[2].id duplicate", "effects[2].payload too_large"}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A machine that stays due does not spin, and is not forgotten either.
func TestAStuckMachineIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		steps, failures := 0, 0
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
				if in.Start > 0 {
					s.Due = now
				}
				steps++
				return s, nil, nil
			}
			c.Hooks.Failed = func(error) { failures++ }
		})
		w.send(r, "j", "", command{Start: 1})
		w.run(10*time.Minute, r)
		if steps < 10 || steps > 12 || failures < 9 {
			t.Errorf("%d steps and %d failures in ten minutes, want about one a minute", steps, failures)
		}
		if s, err := r.Replay(t.Context(), "j"); err != nil || !s.Due.Equal(w.state(r, "j").Due) {
			t.Errorf("replayed %+v, %v", s, err)
		}
	})
}

func TestReplayFoldsTheInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "j", "", command{Start: 30, Every: time.Minute})
		w.run(10*time.Minute, r)
		got, err := r.Replay(t.Context(), "j")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w.state(r, "j"), got); diff != "" {
			t.Errorf("the fold of the log differs from the state (-state +fold):\n%s", diff)
		}
	})
}

func TestDoneEffectsAreForgottenAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "j", "", command{Start: 20})
		w.run(23*time.Hour, r)
		count := func() (n int) {
			for range w.store.List(t.Context(), "job.effect") {
				n++
			}
			return n
		}
		if n := count(); n != 20 {
			t.Errorf("%d effects are kept for a day, want 20", n)
		}
		w.run(2*time.Hour, r)
		if n := count(); n != 0 {
			t.Errorf("%d effects are kept after a day, want none", n)
		}
	})
}

func TestOldStatesAreUpgraded(t *testing.T) {
	w := newWorld(t)
	old := w.runner()
	w.send(old, "j", "", command{Start: 2})
	r := w.runner(func(c *runner.Config[job, command]) {
		c.Machine.Upgrades = append(c.Machine.Upgrades, func(data json.RawMessage) (json.RawMessage, error) {
			var s job
			if err := json.Unmarshal(data, &s); err != nil {
				return nil, err
			}
			s.Notices += 100
			return json.Marshal(s)
		})
	})
	if s := w.state(r, "j"); s.Notices != 102 {
		t.Errorf("%d notices, want 102 after the upgrade", s.Notices)
	}
	w.send(r, "j", "", command{Done: "x"})
	if _, _, err := old.Get(t.Context(), "j"); len(sre.ProblemsIn(err)) != 1 {
		t.Errorf("the old program reads the new state: %v, want a problem", err)
	}
}

func TestConfigurationProblemsComeAllAtOnce(t *testing.T) {
	_, err := runner.New(runner.Config[job, command]{Lease: time.Second, Concurrency: -1, MaxAttempts: -1, Handlers: map[string]runner.Handler{"x": nil}})
	if n := len(sre.ProblemsIn(err)); n != 8 {
		t.Errorf("%d problems, want 8: %v", n, err)
	}
}

// What happened is recorded, also where the machine does not want to hear of it.
func TestRefusedOutcomesAreRecordedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var refused []string
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Result = func(runner.Effect, runner.Outcome) (command, bool) { return command{Refuse: true}, true }
			c.Hooks.Refused = func(e runner.Effect, err error) { refused = append(refused, e.ID+": "+err.Error()) }
		})
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Minute, r)
		w.wantCalls(once(1))
		if diff := cmp.Diff([]string{"notice-0: refused"}, refused); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
	})
}
