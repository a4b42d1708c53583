package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// watched counts what is asked of a backend, and can make Wait fail.
type watched struct {
	storage.Backend
	calls   atomic.Int64
	deafTo  error // of Wait
	refuses func(storage.Batch) error
}

func (b *watched) Commit(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
	b.calls.Add(1)
	if b.refuses != nil {
		if err := b.refuses(batch); err != nil {
			return 0, err
		}
	}
	return b.Backend.Commit(ctx, batch)
}

func (b *watched) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	b.calls.Add(1)
	return b.Backend.Due(ctx, kind, now, limit)
}

func (b *watched) Wait(ctx context.Context, after storage.Pos) error {
	if b.deafTo != nil {
		return b.deafTo
	}
	return b.Backend.Wait(ctx, after)
}

// watch puts a counter before the store of a world.
func (w *world) watch() *watched {
	b := &watched{Backend: w.store.Backend()}
	w.store = storage.New(b)
	return b
}

// put writes records, as another program would.
func (w *world) put(kind string, n int, data string, due time.Time) {
	w.t.Helper()
	for i := range n {
		id := fmt.Sprintf("foreign-%d", i)
		_, err := w.store.Commit(w.t.Context(), storage.Batch{ID: kind + id, Writes: []storage.Write{{Key: storage.Key{Kind: kind, ID: id}, Data: []byte(data), Due: due}}})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// during runs a process while something is done, and stops it after that.
func (w *world) during(r *runner.Runner[job, command], do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	do()
	cancel()
	<-ended
}

// typed makes every effect of a job have the type that its command names.
func typed(effectType func(job) string) func(*runner.Config[job, command]) {
	return func(c *runner.Config[job, command]) {
		c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
			after, effects, err := stepJob(s, in, now)
			for i := range effects {
				effects[i].Type = effectType(s)
				effects[i].ID = effectType(s) + effects[i].ID
			}
			return after, effects, err
		}
	}
}

func TestASlowReceiverHoldsBackItsOwnEffectsOnly(t *testing.T) {
	hangs := func(ctx context.Context, _ runner.Effect) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	takes := func(d time.Duration) runner.Handler {
		return func(context.Context, runner.Effect) ([]byte, error) { time.Sleep(d); return nil, nil }
	}
	for _, row := range []struct {
		name    string
		backlog int
		chat    runner.Handler
	}{
		{"few, and it hangs", 20, hangs},
		{"many, and it hangs", 500, hangs},
		{"more than are looked at, and it hangs", 1500, hangs},
		{"it takes a second", 2000, takes(time.Second)},
		{"it takes 50 ms", 3000, takes(50 * time.Millisecond)},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, backlog := newWorld(t), row.backlog
				backend := w.watch()
				var paged time.Time
				handlers := func(c *runner.Config[job, command]) {
					c.Machine.Result = nil
					c.Handlers = map[string]runner.Handler{
						"chat": row.chat,
						"page": func(context.Context, runner.Effect) ([]byte, error) { paged = time.Now(); return nil, nil },
					}
				}
				chat := w.runner(typed(func(job) string { return "chat" }), handlers)
				page := w.runner(typed(func(job) string { return "page" }), handlers)
				for sent := 0; sent < backlog; {
					n := min(backlog-sent, 500)
					w.send(chat, "chats", "", command{Start: n})
					sent += n
				}
				var since time.Time
				var before int64
				w.during(chat, func() {
					time.Sleep(5 * time.Second)
					before, since = backend.calls.Load(), time.Now()
					w.send(page, "db-down", "", command{Start: 1})
					time.Sleep(10 * time.Minute)
				})
				if late := paged.Sub(since); paged.IsZero() || late > 5*time.Second {
					t.Errorf("paged after %s, want at most 5s behind %d effects of a slow receiver", late, backlog)
				}
				t.Log(paged.Sub(since), backend.calls.Load()-before)
				if n := backend.calls.Load() - before; n > 20_000 {
					t.Errorf("%d calls of the store in ten minutes", n)
				}
			})
		})
	}
}

// Records of programs that this one does not know neither spin nor hide others,
// and are left as they are.
func TestForeignRecordsDoNotStopTheRest(t *testing.T) {
	for _, row := range []struct {
		name, kind, data string
		n                int
	}{
		{"effects that are no JSON", "job.effect", "\x00", 1500},
		{"effects of a newer schema", "job.effect", `{"schema":2,"data":{}}`, 200},
		{"effects of an unknown status", "job.effect", `{"schema":1,"data":{"status":"paused"}}`, 100},
		{"a few effects", "job.effect", "?", 3},
		{"states that are no JSON", "job", "?", 1500},
		{"states of a newer schema", "job", `{"schema":2,"data":{}}`, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				backend := w.watch()
				var failed atomic.Int64
				r := w.runner(func(c *runner.Config[job, command]) { c.Hooks.Failed = func(error) { failed.Add(1) } })
				w.put(row.kind, row.n, row.data, time.Now())
				time.Sleep(time.Second)
				var done time.Time
				w.handle = func(context.Context, runner.Effect, int) error { done = time.Now(); return nil }
				before, since := backend.calls.Load(), time.Now()
				w.during(r, func() {
					w.send(r, "j", "", command{Start: 1})
					time.Sleep(10 * time.Minute)
				})
				if late := done.Sub(since); done.IsZero() || late > time.Second {
					t.Errorf("performed after %s, want at once", late)
				}
				if n, most := backend.calls.Load()-before, int64(40+row.n*14); n > most {
					t.Errorf("%d calls of the store in ten minutes, want at most %d", n, most)
				}
				if failures := int(failed.Load()); failures < 4*row.n || failures > 11*row.n {
					t.Errorf("%d failures were reported about %d records in ten minutes, want about one for two minutes each", failures, row.n)
				}
				for rec, err := range w.store.List(t.Context(), row.kind) {
					if strings.HasPrefix(rec.Key.ID, "foreign") && string(rec.Data) != row.data || err != nil {
						t.Fatalf("%s became %q, %v", rec.Key, rec.Data, err)
					}
				}
			})
		})
	}
}

func TestEffectsWithoutHandlerAreLeftToOthersAndThenGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		other := w.runner(func(c *runner.Config[job, command]) {
			c.Handlers = map[string]runner.Handler{"else": w.notice}
		})
		w.send(r, "j", "", command{Start: 100})
		w.run(30*time.Second, other)
		w.wantCalls(map[string]int{})
		w.run(time.Second, other, r)
		w.wantCalls(once(100)) // no pause, no attempt was spent

		w.send(r, "j", "", command{Start: 1})
		w.run(30*time.Minute, other)
		if s := w.state(r, "j"); len(s.Dead) != 1 {
			t.Errorf("the machine was told of dead letters %v, want one after no process had the handler for long", s.Dead)
		}
	})
}

// An outcome is a failure because the handler said so, whatever its text.
func TestAnErrorWithoutTextIsNoSuccess(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("\x80", 600)} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.handle = func(context.Context, runner.Effect, int) error { return errors.New(text) }
			r := w.runner()
			w.send(r, "j", "", command{Start: 1})
			w.run(time.Hour, r)
			if s := w.state(r, "j"); len(s.Dead) != 1 || len(s.Done) != 0 {
				t.Errorf("%d dead and %d done, want one dead letter", len(s.Dead), len(s.Done))
			}
		})
	}
}

func TestARateLimitWithoutDurationDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(context.Context, runner.Effect, int) error { return runner.RateLimited{} }
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Minute, r)
		if n := w.calls["notice-0"]; n < 30 || n > 61 {
			t.Errorf("%d calls in a minute, want about one a second", n)
		}
	})
}

// A handler that ignores its context loses its slot with its lease, and does not
// keep Run from ending.
func TestAHandlerThatNeverEndsHoldsNoSlotAndNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		w.handle = func(_ context.Context, e runner.Effect, call int) error {
			if e.ID == "notice-0" {
				<-release
			}
			return nil
		}
		r := w.runner(func(c *runner.Config[job, command]) { c.Concurrency = 1 })
		w.send(r, "j", "", command{Start: 2})
		start := time.Now()
		w.run(2*time.Minute, r)
		if took := time.Since(start); took > 2*time.Minute+13*time.Second {
			t.Errorf("Run ended after %s, want shortly after the grace of 10s", took)
		}
		if s := w.state(r, "j"); len(s.Done) != 1 || s.Done[0] != "notice-1" {
			t.Errorf("done: %v, want the effect that waited for the slot", s.Done)
		}
		w.run(2*time.Hour, r)
		close(release)
		if s := w.state(r, "j"); len(s.Dead) != 1 {
			t.Errorf("dead letters %v, want the effect that never ended", s.Dead)
		}
	})
}

func TestAStopMakesCanceledEffectsDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(ctx context.Context, _ runner.Effect, call int) error {
			if call == 1 {
				<-ctx.Done()
				return fmt.Errorf("given up: %w", runner.ErrPermanent) // as some clients call it
			}
			return nil
		}
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Second, r)
		w.run(time.Second, w.runner())
		if s := w.state(r, "j"); len(s.Done) != 1 || len(s.Dead) != 0 {
			t.Errorf("done %v, dead %v; want that another process does it at once, and no dead letter", s.Done, s.Dead)
		}
	})
}

func TestALargeReceiptIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Handlers = map[string]runner.Handler{"notice": func(ctx context.Context, e runner.Effect) ([]byte, error) {
				if _, err := w.notice(ctx, e); err != nil {
					return nil, err
				}
				return make([]byte, 1<<20), nil
			}}
			c.Machine.Result = func(e runner.Effect, o runner.Outcome) (command, bool) {
				return command{Done: fmt.Sprint(e.ID, " ", len(o.Receipt))}, true
			}
		})
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Hour, r)
		w.wantCalls(once(1))
		if s := w.state(r, "j"); len(s.Done) != 1 || s.Done[0] != fmt.Sprint("notice-0 ", runner.MaxReceipt) {
			t.Errorf("told %v, want the length of a receipt that was cut", s.Done)
		}
	})
}

// What a step may have is performed, and what is too much is refused before
// anything is stored.
func TestLargeEffectsArePerformedOrRefused(t *testing.T) {
	for _, row := range []struct {
		n, payload int
		refused    bool
	}{
		{12, runner.MaxPayload, false},
		{23, runner.MaxPayload, false},
		{runner.MaxEffects, 270, false},
		{runner.MaxEffects, 0, false},
		{24, runner.MaxPayload, true},
		{runner.MaxEffects, runner.MaxPayload, true},
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", row.n, row.payload), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.runner(func(c *runner.Config[job, command]) {
					c.Machine.Result = nil
					c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
						after, effects, err := stepJob(s, in, now)
						for i := range effects {
							effects[i].Payload = make([]byte, row.payload)
						}
						return after, effects, err
					}
				})
				_, err := r.Send(t.Context(), "j", "", command{Start: row.n})
				if row.refused {
					if len(sre.ProblemsIn(err)) == 0 {
						t.Errorf("error %v, want a problem", err)
					}
					if pos, _, _ := w.store.Get(t.Context()); pos != 0 {
						t.Errorf("the log has %d entries, want none", pos)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				w.run(time.Minute, r)
				w.wantCalls(once(row.n))
			})
		})
	}
}

func TestTimesThatCannotBeStoredAreRefused(t *testing.T) {
	for _, n := range []int{1, 20} {
		w := newWorld(t)
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
				after, effects, err := stepJob(s, in, now)
				effects[n-1].After = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
				return after, effects, err
			}
		})
		if _, err := r.Send(t.Context(), "j", "", command{Start: n}); len(sre.ProblemsIn(err)) != 1 {
			t.Errorf("error %v, want a problem", err)
		}
	}
}

// A process that cannot read the state, as of a newer program, still performs
// effects, once, and a process that can tells the machine.
func TestTheMachineIsToldLaterIfItCannotBeNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.runner()
		upgraded := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Upgrades = append(c.Machine.Upgrades, func(data json.RawMessage) (json.RawMessage, error) { return data, nil })
		})
		w.send(upgraded, "j", "", command{Start: 5})
		w.run(10*time.Minute, old)
		w.wantCalls(once(5))
		w.run(2*time.Minute, upgraded)
		w.wantCalls(once(5))
		if s := w.state(upgraded, "j"); len(s.Done) != 5 {
			t.Errorf("the machine was told of %v, want all five", s.Done)
		}
	})
}

// Very many outcomes for one state at the same time are a crowd, not a reason to
// perform an effect again.
func TestContentionDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var processes []*runner.Runner[job, command]
		for range 8 {
			processes = append(processes, w.runner(func(c *runner.Config[job, command]) { c.Concurrency = 50 }))
		}
		w.handle = func(context.Context, runner.Effect, int) error { time.Sleep(time.Second); return nil }
		w.send(processes[0], "j", "", command{Start: 400})
		w.run(10*time.Minute, processes...)
		w.wantCalls(once(400))
		if s := w.state(processes[0], "j"); len(s.Done) != 400 {
			t.Errorf("the machine was told of %d outcomes, want 400", len(s.Done))
		}
	})
}

func TestAPanicInTheMachineOrAHookEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var steps atomic.Int64
		bad := true
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Kind = "bad"
			c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
				if steps.Add(1); bad && in.Start == 0 {
					panic("step")
				}
				return stepJob(s, in, now)
			}
			c.Hooks = runner.Hooks{
				Stepped:   func(string, storage.Version) { panic("stepped") },
				Performed: func(runner.Effect, int) { panic("performed") },
				Failed:    func(error) { panic("failed") },
			}
			c.Measure = func(string, float64, ...string) { panic("measure") }
		})
		w.send(r, "j", "", command{Start: 1, Every: time.Minute})
		w.run(10*time.Minute, r)
		w.wantCalls(once(1))
		if n := steps.Load(); n > 40 {
			t.Errorf("%d steps in ten minutes, want a few", n)
		}
		bad = false
		w.run(3*time.Minute, r)
		if s := w.state(r, "j"); len(s.Done) < 10 {
			t.Errorf("%d effects are done once the machine works again, want all that were due", len(s.Done))
		}
	})
}

func TestTwoProcessesDoNotSpinOnAStuckMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stuck := func(c *runner.Config[job, command]) {
			c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
				if in.Start > 0 {
					s.Due = now
				}
				return s, nil, nil
			}
		}
		r := w.runner(stuck)
		w.send(r, "j", "", command{Start: 1})
		w.run(10*time.Minute, r, w.runner(stuck), w.runner(stuck))
		if pos, _, _ := w.store.Get(t.Context()); pos > 40 {
			t.Errorf("%d commits in ten minutes, want about one a minute", pos)
		}
	})
}

func TestAWaitThatFailsDelaysLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.watch().deafTo = storage.ErrUnavailable
		var done time.Time
		w.handle = func(context.Context, runner.Effect, int) error { done = time.Now(); return nil }
		r := w.runner()
		var since time.Time
		w.during(r, func() {
			time.Sleep(10 * time.Minute)
			since = time.Now()
			w.send(r, "j", "", command{Start: 1})
			time.Sleep(time.Hour)
		})
		if late := done.Sub(since); done.IsZero() || late > 10*time.Second {
			t.Errorf("performed after %s, want at most 10s", late)
		}
	})
}

// A state whose commit fails again and again does not hold back the others, nor
// their effects.
func TestAStateThatCannotBeCommittedStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner()
		w.send(r, "cursed", "", command{Start: 1, Every: time.Hour})
		w.run(time.Second, r)
		w.watch().refuses = func(b storage.Batch) error {
			if b.Writes[0].Key.ID == "cursed" {
				return storage.ErrUnavailable
			}
			return nil
		}
		w.calls = map[string]int{}
		r = w.runner()
		var mu sync.Mutex
		var done []time.Time
		w.handle = func(context.Context, runner.Effect, int) error {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, time.Now())
			return nil
		}
		var since time.Time
		w.during(r, func() {
			time.Sleep(2 * time.Hour)
			since = time.Now()
			w.send(r, "j", "", command{Start: 3, Every: time.Hour})
			time.Sleep(30 * time.Minute)
		})
		if len(done) != 2 { // the first of the three is there already, from the other state
			t.Errorf("%d effects performed, want 2", len(done))
		}
		for _, at := range done {
			if late := at.Sub(since); late > 10*time.Second {
				t.Errorf("performed after %s, want within the pauses of the store", late)
			}
		}
	})
}

func TestAnEffectThatEndsProcessesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dies := func(ctx context.Context, _ runner.Effect, _ int) error { // the process, as far as the store can see
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		}
		w.handle = dies
		r := w.runner(func(c *runner.Config[job, command]) { c.Grace, c.MaxAttempts = time.Nanosecond, 2 })
		w.send(r, "j", "", command{Start: 1})
		for range 20 {
			w.run(time.Second, r)
			time.Sleep(2 * time.Minute)
		}
		w.wantCalls(map[string]int{"notice-0": 12})
		if s := w.state(r, "j"); len(s.Dead) != 1 {
			t.Errorf("dead letters %v, want one", s.Dead)
		}
	})
}

// The effect that an outcome leads to may have the ID of the one that ended: it
// is there already.
func TestAnOutcomeMayNameItsOwnEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner(func(c *runner.Config[job, command]) {
			c.Machine.Step = func(s job, in command, now time.Time) (job, []runner.Effect, error) {
				if in.Done != "" {
					s.Done = append(s.Done, in.Done)
				}
				return s, []runner.Effect{{ID: "notice-0", Type: "notice"}}, nil
			}
		})
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Hour, r)
		w.wantCalls(once(1))
		if s := w.state(r, "j"); len(s.Done) != 1 {
			t.Errorf("told %v, want once", s.Done)
		}
	})
}

func TestDismissDeletesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.handle = func(context.Context, runner.Effect, int) error { return runner.ErrPermanent }
		r := w.runner()
		w.send(r, "j", "", command{Start: 1})
		w.run(time.Minute, r)
		for range 2 {
			if err := r.Dismiss(t.Context(), "notice-0"); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{"job.effect", "job.dead"} {
			for rec := range w.store.List(t.Context(), kind) {
				t.Errorf("%s is left", rec.Key)
			}
		}
	})
}

func TestAnIdleRunnerIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		backend := w.watch()
		w.run(time.Hour, w.runner())
		if n := backend.calls.Load(); n > 130 {
			t.Errorf("%d calls of the store in an idle hour, want about two a minute", n)
		}
	})
}

func TestKindsOfAnotherMachinesRecordsAreRefused(t *testing.T) {
	for _, kind := range []string{"job.effect", "job.dead"} {
		c := runner.Config[job, command]{Store: storage.NewMemory(), Machine: jobMachine()}
		c.Machine.Kind = kind
		if err := c.Validate(); len(sre.ProblemsIn(err)) != 1 {
			t.Errorf("%s: %v, want a problem", kind, err)
		}
	}
}
