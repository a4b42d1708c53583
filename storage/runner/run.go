package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// maxSleep bounds how long Run sleeps, so that a clock that jumps, or a Wait
// that misses something, costs no more than this.
const maxSleep = time.Minute

// noLog is no position: the time alone ends a sleep.
const noLog = ^storage.Pos(0)

// storePause is how long Run waits after the store failed.
const storePause = time.Second

// recordGrace is for how long results may still be recorded after Grace.
const recordGrace = 2 * time.Second

// Run works until ctx is done, and returns nil then, since being stopped is no
// failure, after what was running has ended. A handler that ignores its context
// is left behind two seconds after Grace. Any number of processes may run a
// Runner over one store.
func (r *Runner[S, I]) Run(ctx context.Context) error {
	// Handlers outlive ctx by Grace, and what records their results a little more.
	recording, endRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer endRecording()
	handling, endHandling := context.WithCancel(recording)
	defer endHandling()
	w := &worker[S, I]{Runner: r, handling: handling, recording: recording, slots: newSlots(r.c.Concurrency), look: page, behind: map[string]int{}, blind: map[string]blind{}}
	stop := context.AfterFunc(ctx, func() {
		wait(recording, r.c.Grace)
		endHandling()
		wait(recording, recordGrace)
		endRecording()
	})
	defer stop()

	if r.c.Machine.Prepare != nil { // it may take long, and no effect waits for it
		w.running.Go(func() { w.loop(ctx, w.stepDue, nil) })
		w.loop(ctx, w.claimDue, w.slots.freed)
	} else {
		w.loop(ctx, w.pass, w.slots.freed)
	}
	ended := make(chan struct{})
	go func() {
		w.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-recording.Done():
	}
	return nil
}

// loop makes passes until ctx is done, and sleeps in between.
func (w *worker[S, I]) loop(ctx context.Context, pass func(context.Context) (next time.Time, err error), freed <-chan struct{}) {
	for ctx.Err() == nil {
		after, _, err := w.c.Store.Get(ctx)
		var next time.Time
		if err == nil {
			next, err = pass(ctx)
		}
		if err != nil && ctx.Err() == nil {
			w.failed(err)
			next = w.now().Add(storePause)
			after = noLog
		}
		w.sleep(ctx, after, next, freed)
	}
}

func (r *Runner[S, I]) failed(err error) {
	r.c.Log.Error("runner: trying again", "kind", r.c.Machine.Kind, "error", err)
	if h := r.c.Hooks.Failed; h != nil {
		r.hook(func() { h(err) })
	}
}

// hook calls a function of the configuration that only observes. Its panic must
// not end what is observed.
func (r *Runner[S, I]) hook(call func()) {
	defer func() {
		if p := recover(); p != nil {
			r.c.Log.Error("runner: a hook panicked", "kind", r.c.Machine.Kind, "panic", p)
		}
	}()
	call()
}

func (r *Runner[S, I]) measure(name string, v float64, labels ...string) {
	r.hook(func() { r.c.Measure(name, v, labels...) })
}

// now returns the time as it will be read back from the store: in UTC, without
// monotonic clock.
func (r *Runner[S, I]) now() time.Time { return r.c.Now().Round(0).UTC() }

// worker is one call of Run.
type worker[S, I any] struct {
	*Runner[S, I]
	handling  context.Context // of handlers
	recording context.Context // of what records their results
	running   sync.WaitGroup
	slots     *slots

	// Of the loop over effects alone, about those that wait:
	look      int                   // how many are looked at in a pass
	lookAgain time.Time             // when it may grow: what is done about a queue that is full lasts for a while
	behind    map[string]int        // by type, how many were put off because it is not their turn
	seen      map[storage.Key]claim // what was held in the latest pass, decoded
	blind     map[string]blind      // by ID, states that could not be read

	judging sync.Mutex // guards blind and plan.held while claims are judged at the same time
}

// pass does all that is due and returns when the next thing will be: at once if
// there was more than it could take. A failure about states does not keep
// effects from being performed.
func (w *worker[S, I]) pass(ctx context.Context) (next time.Time, err error) {
	states, err := w.stepDue(ctx)
	effects, effectsErr := w.claimDue(ctx)
	return earliest(states, effects), errors.Join(err, effectsErr)
}

// earliest returns the earlier of two instants, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due returns up to limit records of a kind that are due now and, if these are
// all, when the next one will be.
func (w *worker[S, I]) due(ctx context.Context, kind string, limit int) (records []storage.Record, next time.Time, err error) {
	now := w.now()
	ahead, err := w.c.Store.Due(ctx, kind, now.Add(maxSleep), limit)
	for i, rec := range ahead {
		if rec.Due.After(now) {
			return ahead[:i], rec.Due, nil
		}
	}
	if len(ahead) == limit {
		next = now
	}
	return ahead, next, err
}

// parallel calls do for 0 to n-1, several at the same time.
func (w *worker[S, I]) parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	limit := make(chan struct{}, w.c.Concurrency)
	for i := range n {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			do(i)
		})
	}
	wg.Wait()
}

// stepDue steps every state that is due, several at the same time.
func (w *worker[S, I]) stepDue(ctx context.Context) (next time.Time, err error) {
	records, next, err := w.due(ctx, w.c.Machine.Kind, page)
	if err != nil {
		return next, err
	}
	errs := make([]error, len(records))
	again := make([]time.Time, len(records))
	w.parallel(len(records), func(i int) {
		w.late("state", records[i])
		again[i], errs[i] = w.tick(ctx, records[i], len(records) == page)
	})
	for i := range records {
		next = earliest(next, again[i])
		if err == nil {
			err = errs[i] // one speaks for all: it is about the store
		}
	}
	return next, err
}

func (w *worker[S, I]) late(what string, rec storage.Record) {
	w.measure(metricLate, w.now().Sub(rec.Due).Seconds(), "what", what)
}

// stuckPause is for how long a record is left alone that could not be
// processed, and before that to programs of other versions that perhaps can.
const stuckPause = time.Minute

// tick steps a state that is due. One that cannot be stepped is put off, so that
// it neither spins nor is lost. It returns when to look again at one that is
// left to others, and an error of the store.
func (w *worker[S, I]) tick(ctx context.Context, rec storage.Record, crowded bool) (again time.Time, err error) {
	_, err = w.step(ctx, request[I]{id: rec.Key.ID, input: w.c.Machine.Tick, ifDue: true})
	switch until := rec.Due.Add(stuckPause); {
	case err == nil:
		return again, nil
	case isStore(err):
		return again, ignoreConflict(err) // after a conflict the log has grown, so there is another pass
	case errors.Is(err, errForeign) && until.After(w.now()) && !crowded:
		return until, nil
	}
	pause := stuckPause
	if isUnprepared(err) {
		pause = preparePause
	}
	if ctx.Err() != nil {
		return again, ctx.Err() // Run is stopped, and Prepare with it
	}
	w.failed(fmt.Errorf("runner: %s is put off for %s: %w", rec.Key, pause, err))
	if errors.Is(err, errStuck) {
		return again, nil // it was put off by the step
	}
	_, err = w.c.Store.Commit(ctx, storage.Batch{
		ID:     w.batchID(rec.Key, rec.Version, "put off"),
		Writes: []storage.Write{{Key: rec.Key, Base: rec.Version, Data: rec.Data, Due: w.now().Add(pause)}},
	})
	return again, ignoreConflict(err)
}

// sleep returns when next has come, the log has grown past a position, a slot
// was freed while effects wait for one, or ctx is done.
func (w *worker[S, I]) sleep(ctx context.Context, after storage.Pos, next time.Time, freed <-chan struct{}) {
	d := maxSleep
	if !next.IsZero() {
		d = min(d, next.Sub(w.now()))
	}
	if d <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		if after == noLog {
			<-ctx.Done()
		} else if err := w.c.Store.Wait(ctx, after); err != nil {
			wait(ctx, storePause) // and look: something may have come that Wait does not tell
		}
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-freed:
	case <-ctx.Done():
	}
	cancel()
	<-woken
}

// wait waits for d, or less if ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
