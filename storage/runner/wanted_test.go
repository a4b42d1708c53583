package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// alarm is a machine that pages until somebody acknowledges. Each round of it
// has pages of its own.
type alarm struct {
	Round  int
	Acked  bool
	Told   []string
	Source []string // what Prepare said about each input
}

// signal is an input of it: pages to send, an acknowledgement, or an outcome.
type signal struct {
	Name   string // of a page to send, unique
	Pages  int
	Ack    bool
	Reopen bool // the same pages are wanted again
	Told   string
	Source string
}

func stepAlarm(s alarm, in signal, now time.Time) (alarm, []runner.Effect, error) {
	s.Source = append(slices.Clone(s.Source), in.Source)
	switch {
	case in.Ack:
		s.Acked = true
	case in.Reopen:
		s.Acked = false
	case in.Told != "":
		s.Told = append(slices.Clone(s.Told), in.Told)
	default:
		if s.Acked || s.Round == 0 {
			s.Round, s.Acked = s.Round+1, false
		}
		var effects []runner.Effect
		for i := range in.Pages {
			effects = append(effects, runner.Effect{ID: fmt.Sprintf("%s/%d", in.Name, i), Type: "page", Payload: fmt.Append(nil, s.Round)})
		}
		return s, effects, nil
	}
	return s, nil, nil
}

func alarmWants(s alarm, e runner.Effect) bool {
	return !s.Acked && string(e.Payload) == fmt.Sprint(s.Round)
}

// alarms is a store with a receiver of pages and processes that share it.
type alarms struct {
	t       *testing.T
	backend storage.Backend // the processes' way to it
	sent    int             // in all
	mu      sync.Mutex
	paged   map[string]int
	skipped map[string]int
	failed  []error
	handle  func(ctx context.Context, e runner.Effect) error
}

func newAlarms(t *testing.T) *alarms {
	return &alarms{t: t, backend: storage.NewMemoryBackend(), paged: map[string]int{}, skipped: map[string]int{}}
}

func (a *alarms) runner(change ...func(*runner.Config[alarm, signal])) *runner.Runner[alarm, signal] {
	a.t.Helper()
	c := runner.Config[alarm, signal]{
		Store: storage.New(a.backend),
		Machine: runner.Machine[alarm, signal]{
			Kind: "alarm", Step: stepAlarm, NextDue: func(alarm) time.Time { return time.Time{} }, Wanted: alarmWants,
			Result: func(e runner.Effect, _ runner.Outcome) (signal, bool) { return signal{Told: e.ID}, true },
		},
		Handlers: map[string]runner.Handler{"page": func(ctx context.Context, e runner.Effect) ([]byte, error) {
			if a.handle != nil {
				if err := a.handle(ctx, e); err != nil {
					return nil, err
				}
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.paged[e.ID]++
			return nil, nil
		}},
		Jitter: func(d time.Duration) time.Duration { return d },
		Hooks: runner.Hooks{
			Skipped: func(e runner.Effect) {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.skipped[e.ID]++
			},
			Failed: func(err error) {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.failed = append(a.failed, err)
			},
		},
	}
	for _, f := range change {
		f(&c)
	}
	r, err := runner.New(c)
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *alarms) run(d time.Duration, processes ...*runner.Runner[alarm, signal]) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range processes {
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				a.t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (a *alarms) send(r *runner.Runner[alarm, signal], id string, in signal) {
	a.t.Helper()
	a.sent++
	in.Name = fmt.Sprintf("%s%d", id, a.sent)
	if _, err := r.Send(a.t.Context(), id, "", in); err != nil {
		a.t.Fatal(err)
	}
}

func (a *alarms) want(paged, skipped int) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.paged) != paged || len(a.skipped) != skipped {
		a.t.Errorf("%d pages were sent and %d skipped, want %d and %d; failures: %.300v", len(a.paged), len(a.skipped), paged, skipped, a.failed)
	}
	for _, calls := range []map[string]int{a.paged, a.skipped} {
		for id, n := range calls {
			if n != 1 {
				a.t.Errorf("%s was performed or skipped %d times, want once", id, n)
			}
		}
	}
}

func TestAnEffectThatIsNotWantedIsRecordedAndNotPerformed(t *testing.T) {
	for _, n := range []int{1, 12, 500} {
		synctest.Test(t, func(t *testing.T) {
			a := newAlarms(t)
			r := a.runner()
			a.send(r, "db", signal{Pages: n})
			a.send(r, "db", signal{Ack: true})
			a.send(r, "web", signal{Pages: 3})
			start := time.Now()
			a.run(time.Minute, r, a.runner())
			a.want(3, n)
			s, _, err := r.Get(t.Context(), "db")
			if err != nil || len(s.Told) != 0 {
				t.Errorf("the machine was told of %v, %v; want nothing: it knows what it does not want", s.Told, err)
			}
			for rec, err := range storage.New(a.backend).List(t.Context(), "alarm.effect") {
				if late := rec.Due.Sub(start.Add(24 * time.Hour)); err != nil || late < 0 || late > 5*time.Second {
					t.Errorf("%s is due at %s, %v; want that it is kept for a day as one that is done", rec.Key, rec.Due, err)
				}
				if skipped := strings.Contains(string(rec.Data), `"skipped":true`); skipped != (a.skipped[rec.Key.ID] == 1) {
					t.Errorf("%s was skipped: %t; the record says %s", rec.Key, !skipped, rec.Data)
				}
			}
			a.run(25*time.Hour, r)
			for rec := range storage.New(a.backend).List(t.Context(), "alarm.effect") {
				t.Errorf("%s is left", rec.Key)
			}
		})
	}
}

// Nothing that was tried before is tried again once it is not wanted.
func TestAnEffectIsAskedForBeforeEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms(t)
		var attempts atomic.Int64
		a.handle = func(context.Context, runner.Effect) error { attempts.Add(1); return errors.New("busy") }
		r := a.runner(func(c *runner.Config[alarm, signal]) { c.MaxAttempts = 100 })
		a.send(r, "db", signal{Pages: 1})
		a.run(time.Minute, r)
		before := attempts.Load()
		a.send(r, "db", signal{Ack: true})
		a.run(time.Hour, r)
		if after := attempts.Load(); before < 4 || after != before {
			t.Errorf("%d attempts before the acknowledgement and %d after it, want some and none", before, after-before)
		}
		a.want(0, 1)
	})
}

// A wish may end between claim and perform; what it cannot do is be claimed
// again after the process died there.
func TestACrashBetweenClaimAndPerform(t *testing.T) {
	for _, acked := range []bool{false, true} {
		t.Run(fmt.Sprintf("acknowledged meanwhile: %t", acked), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAlarms(t)
				memory := a.backend
				var cut, down atomic.Bool
				a.backend = line{memory, &cut, &down}
				claimed := make(chan struct{})
				var once sync.Once
				a.handle = func(ctx context.Context, e runner.Effect) error {
					if !cut.Load() && e.ID == "db1/0" {
						cut.Store(true) // the claim is committed, and here the process dies
						once.Do(func() { close(claimed) })
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
				dies := a.runner(func(c *runner.Config[alarm, signal]) { c.Grace = time.Nanosecond })
				a.send(dies, "db", signal{Pages: 1})
				ctx, kill := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); _ = dies.Run(ctx) }()
				<-claimed
				kill()
				<-ended
				a.backend = memory
				a.handle = nil
				other := a.runner()
				if acked {
					a.send(other, "db", signal{Ack: true})
				}
				start := time.Now()
				a.run(50*time.Second, other)
				a.want(0, 0) // the lease holds
				a.run(20*time.Second, other)
				if acked {
					a.want(0, 1)
				} else {
					a.want(1, 0)
				}
				t.Log(time.Since(start))
			})
		})
	}
}

// A state that this program cannot read is not asked, its effects are left to
// other programs for good, and those of others are not held back.
func TestEffectsOfAStateThatCannotBeReadAreNotClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms(t)
		old := a.runner()
		upgraded := a.runner(func(c *runner.Config[alarm, signal]) {
			c.Machine.Upgrades = append(c.Machine.Upgrades, func(data json.RawMessage) (json.RawMessage, error) { return data, nil })
		})
		a.send(upgraded, "db", signal{Pages: 100})
		watch := &watched{Backend: a.backend}
		a.backend = watch
		old = a.runner()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = old.Run(ctx) }()
		time.Sleep(time.Second)
		a.send(old, "web", signal{Pages: 2})
		start := time.Now()
		time.Sleep(3 * time.Second)
		a.want(2, 0)
		time.Sleep(time.Hour)
		a.want(2, 0)
		if n := watch.calls.Load(); n > 15_000 {
			t.Errorf("%d calls of the store in an hour about 100 effects that wait two minutes each time", n)
		}
		stop()
		<-ended
		for l := range old.DeadLetters(t.Context()) {
			t.Errorf("%s was given up after %s; want that it waits for a program that can read its state", l.Effect.ID, time.Since(start))
		}
		a.run(2*time.Minute, upgraded)
		a.want(102, 0)
	})
}

func TestAPanicInWantedHoldsBackOneEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms(t)
		var panics atomic.Bool
		panics.Store(true)
		r := a.runner(func(c *runner.Config[alarm, signal]) {
			c.Machine.Wanted = func(s alarm, e runner.Effect) bool {
				if panics.Load() && strings.HasSuffix(e.ID, "/1") {
					panic("oops")
				}
				return true
			}
		})
		a.send(r, "db", signal{Pages: 3})
		a.run(10*time.Minute, r)
		a.want(2, 0)
		if len(a.failed) == 0 || !strings.Contains(a.failed[0].Error(), "oops") {
			t.Errorf("reported: %v, want the panic", a.failed)
		}
		panics.Store(false)
		a.run(2*time.Minute, r)
		a.want(3, 0)
	})
}

// stepper is a backend over which somebody does something just before a batch
// commits.
type stepper struct {
	storage.Backend
	before func(storage.Batch)
}

func (s *stepper) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	s.before(b)
	return s.Backend.Commit(ctx, b)
}

// A wish that comes back while a skip is under way is heard: neither a claim nor
// a skip is committed on a state that has moved on.
func TestAClaimOrASkipOfAMomentAgoIsJudgedAgain(t *testing.T) {
	for _, row := range []struct {
		name           string
		acked          bool
		meanwhile      signal
		paged, skipped int
	}{
		{"a skip, and it is opened again", true, signal{Reopen: true}, 1, 0},
		{"a claim, and it is acknowledged", false, signal{Ack: true}, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAlarms(t)
				clerk := a.runner()
				a.send(clerk, "db", signal{Pages: 1})
				if row.acked {
					a.send(clerk, "db", signal{Ack: true})
				}
				var once sync.Once
				a.backend = &stepper{a.backend, func(b storage.Batch) {
					if b.Writes[0].Key.Kind == "alarm.effect" {
						once.Do(func() { a.send(clerk, "db", row.meanwhile) })
					}
				}}
				a.run(time.Minute, a.runner())
				a.want(row.paged, row.skipped)
			})
		})
	}
}

// A state that never stands still delays its own effects a little, and the
// others not at all.
func TestABusyStateIsClaimedFromToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms(t)
		memory := a.backend
		clerk := a.runner()
		var steps, batches atomic.Int64
		a.backend = &stepper{memory, func(b storage.Batch) {
			batches.Add(1)
			for _, c := range b.Checks {
				if n := steps.Load(); c.Key.ID == "busy" && n < 40 && steps.CompareAndSwap(n, n+1) {
					a.send(clerk, "busy", signal{})
				}
			}
		}}
		r := a.runner()
		for i := range 7 {
			a.send(clerk, fmt.Sprint("calm", i), signal{Pages: 1})
		}
		a.send(clerk, "busy", signal{Pages: 1})
		a.run(time.Minute, r)
		a.want(8, 0)
		if n := steps.Load(); n != 40 {
			t.Errorf("the busy state was stepped %d times, want 40", n)
		}
		if n := batches.Load(); n > 60 {
			t.Errorf("%d batches with checks, want about one for each step", n)
		}
	})
}

// What is read of the log: the state and the effects as of each position.
type logReader struct {
	t       *testing.T
	states  map[string]alarm
	effects map[string]effectEntry
	claims  int
	skips   int
}

type effectEntry struct {
	Of      string
	Effect  runner.Effect
	Status  string
	Attempt int
	Skipped bool
}

// read folds one entry and says what is wrong with it.
func (l *logReader) read(e storage.Entry) {
	for _, rec := range e.Records {
		if rec.Key.Kind != "alarm.effect" || rec.Deleted {
			continue
		}
		var now struct{ Data effectEntry }
		if err := json.Unmarshal(rec.Data, &now); err != nil {
			l.t.Fatal(err)
		}
		before, after := l.effects[rec.Key.ID], now.Data
		l.effects[rec.Key.ID] = after
		if after.Status == "fan_out" {
			continue
		}
		wanted := alarmWants(l.states[after.Of], after.Effect)
		switch {
		case after.Status == "pending" && after.Attempt > before.Attempt:
			if l.claims++; !wanted {
				l.t.Errorf("position %d claims %s, attempt %d, which the state at that position does not want", e.Pos, rec.Key, after.Attempt)
			}
		case after.Skipped && !before.Skipped:
			if l.skips++; wanted {
				l.t.Errorf("position %d skips %s, which the state at that position wants", e.Pos, rec.Key)
			}
		}
	}
	if len(e.Note) == 0 {
		return
	}
	var n struct {
		Of    string
		At    time.Time
		Input signal
	}
	if err := json.Unmarshal(e.Note, &n); err != nil {
		l.t.Fatal(err)
	}
	after, _, err := stepAlarm(l.states[n.Of], n.Input, n.At)
	if err != nil {
		l.t.Fatal(err)
	}
	l.states[n.Of] = after
}

// With acknowledgements and new rounds racing the claims of several processes
// over a store that fails: no claim of a page stands in the log after the step
// that ended the wish for it, none is skipped that is wanted at that position,
// every page is performed or skipped, and the fold of the log is the state,
// though Prepare never answers the same twice.
func TestNoClaimStandsInTheLogAfterTheWishForItEnded(t *testing.T) {
	var claims, skips, conflicts int
	for seed := uint64(1); seed <= uint64(*seeds); seed++ {
		synctest.Test(t, func(t *testing.T) {
			a := newAlarms(t)
			memory := a.backend
			network := storagetest.Faulty(memory, seed, storagetest.FaultOptions{})
			var ids, answers, refused atomic.Int64
			a.backend = &counting{network, &refused}
			process := func() *runner.Runner[alarm, signal] {
				return a.runner(func(c *runner.Config[alarm, signal]) {
					c.Concurrency = 4
					c.NewID = func() string { return fmt.Sprint("id-", ids.Add(1)) }
					c.Machine.Prepare = func(_ context.Context, _ alarm, in signal, _ time.Time) (signal, error) {
						n := answers.Add(1)
						if n%17 == 0 {
							return in, errors.New("the directory is down")
						}
						time.Sleep(time.Duration(n%3) * time.Millisecond)
						in.Source = fmt.Sprint("answer ", n)
						return in, nil
					}
				})
			}
			a.handle = func(_ context.Context, e runner.Effect) error {
				dice := hash(fmt.Sprint(e.ID, ids.Load()))
				time.Sleep(time.Duration(dice % 2000 * uint64(time.Millisecond)))
				if dice%5 == 0 {
					return errors.New("busy")
				}
				return nil
			}
			ctx, stop := context.WithCancel(t.Context())
			var running, clients sync.WaitGroup
			for range 3 {
				running.Go(func() { _ = process().Run(ctx) })
			}
			rng := rand.New(rand.NewPCG(seed, 0))
			clerk := process()
			for i := range 120 {
				time.Sleep(time.Duration(rng.Int64N(int64(2 * time.Second))))
				id := fmt.Sprintf("a%d", rng.IntN(3))
				send := func(name string, after time.Duration, in signal) {
					clients.Go(func() {
						time.Sleep(after)
						in.Name = name
						for range 100 {
							if _, err := clerk.Send(t.Context(), id, name, in); err == nil {
								return
							}
							time.Sleep(100 * time.Millisecond)
						}
						t.Errorf("%s was never sent", name)
					})
				}
				in := signal{Pages: 1 + rng.IntN(4)}
				if rng.IntN(6) == 0 {
					in.Pages = 13 + rng.IntN(10)
				}
				send(fmt.Sprintf("in%d", i), 0, in)
				for n := range rng.IntN(3) { // while they are claimed
					send(fmt.Sprintf("ack%d-%d", i, n), time.Duration(rng.Int64N(int64(8*time.Millisecond))), signal{Ack: true})
					if rng.IntN(2) == 0 {
						send(fmt.Sprintf("reopen%d-%d", i, n), time.Duration(rng.Int64N(int64(12*time.Millisecond))), signal{Reopen: true})
					}
				}
			}
			clients.Wait()
			network.Calm()
			time.Sleep(time.Hour)
			stop()
			running.Wait()

			l := &logReader{t: t, states: map[string]alarm{}, effects: map[string]effectEntry{}}
			for e, err := range storage.New(memory).Log(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				l.read(e)
			}
			claims, skips, conflicts = claims+l.claims, skips+l.skips, conflicts+int(refused.Load())
			for id, e := range l.effects {
				if e.Status != "done" && e.Status != "fan_out" || e.Status == "done" && e.Skipped == (a.paged[id] > 0) {
					t.Errorf("%s ended as %+v after %d pages", id, e, a.paged[id])
				}
			}
			for id, want := range l.states {
				got, _, err := clerk.Get(t.Context(), id)
				replayed, replayErr := clerk.Replay(t.Context(), id)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%s: the fold of the log differs from the state, %v (-fold +state):\n%s", id, err, diff)
				}
				if diff := cmp.Diff(replayed, got); diff != "" || replayErr != nil {
					t.Errorf("%s: Replay differs from the state, %v (-replay +state):\n%s", id, replayErr, diff)
				}
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d claims, %d skips, %d of both refused because the state moved", claims, skips, conflicts)
	if claims < 100 || skips < 100 || conflicts < 3 {
		t.Error("too few of each to prove anything")
	}
}

// counting counts batches that were refused because of a check.
type counting struct {
	storage.Backend
	refused *atomic.Int64
}

func (c *counting) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	pos, err := c.Backend.Commit(ctx, b)
	var conflict *storage.ConflictError
	if errors.As(err, &conflict) && slices.ContainsFunc(b.Checks, func(c storage.Check) bool { return c.Key == conflict.Key }) {
		c.refused.Add(1)
	}
	return pos, err
}
