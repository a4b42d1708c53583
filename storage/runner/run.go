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

// Run works until ctx is done, and returns then, after what was running has
// ended: nil, since being stopped is no failure. Any number of processes may
// run it over one store.
func (r *Runner[S, I]) Run(ctx context.Context) error {
	// Handlers and what records their results outlive ctx by Grace.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(r.c.Grace, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	defer stop()

	w := &worker[S, I]{Runner: r, work: work, slots: make(chan struct{}, r.c.Concurrency), freed: make(chan struct{}, 1)}
	defer w.running.Wait()
	for ctx.Err() == nil {
		after, _, err := r.c.Store.Get(ctx)
		var next time.Time
		if err == nil {
			next, err = w.pass(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.failed(err)
			next = r.c.Now().Add(storePause)
			after = noLog
		}
		w.sleep(ctx, after, next)
	}
	return nil
}

func (r *Runner[S, I]) failed(err error) {
	r.c.Log.Error("runner: trying again", "kind", r.c.Machine.Kind, "error", err)
	if h := r.c.Hooks.Failed; h != nil {
		h(err)
	}
}

// worker is one call of Run.
type worker[S, I any] struct {
	*Runner[S, I]
	work    context.Context // of handlers and their results
	slots   chan struct{}   // one token for each effect that is claimed or performed
	freed   chan struct{}   // told when a slot was freed
	running sync.WaitGroup
}

// pass does all that is due and returns when the next thing will be: at once if
// there was more than it could take.
func (w *worker[S, I]) pass(ctx context.Context) (next time.Time, err error) {
	states, err := w.stepDue(ctx)
	if err != nil {
		return next, err
	}
	effects, err := w.claimDue(ctx)
	if err != nil {
		return next, err
	}
	return earliest(states, effects), nil
}

// earliest returns the earlier of two instants, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// page is how many due records are looked at in one pass.
const page = 64

// due returns what is due now of a kind and, if that is all, when the next will
// be.
func (w *worker[S, I]) due(ctx context.Context, kind string) (records []storage.Record, next time.Time, err error) {
	now := w.c.Now()
	ahead, err := w.c.Store.Due(ctx, kind, now.Add(maxSleep), page)
	for i, rec := range ahead {
		if rec.Due.After(now) {
			return ahead[:i], rec.Due, nil
		}
	}
	if len(ahead) == page {
		next = now
	}
	return ahead, next, err
}

// stepDue steps every state that is due, several at the same time.
func (w *worker[S, I]) stepDue(ctx context.Context) (next time.Time, err error) {
	records, next, err := w.due(ctx, w.c.Machine.Kind)
	if err != nil {
		return next, err
	}
	var wg sync.WaitGroup
	limit := make(chan struct{}, w.c.Concurrency)
	for _, rec := range records {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			w.late("state", rec)
			if err := w.tick(ctx, rec); err != nil && ctx.Err() == nil {
				w.failed(err)
			}
		})
	}
	wg.Wait()
	return next, nil
}

func (w *worker[S, I]) late(what string, rec storage.Record) {
	w.c.Measure(metricLate, w.c.Now().Sub(rec.Due).Seconds(), "what", what)
}

// stuckPause is for how long a state is left alone that could not be stepped.
const stuckPause = time.Minute

// tick steps a state that is due. One that cannot be stepped, or that stays as
// it is and due, is put off, so that it neither spins nor is lost.
func (w *worker[S, I]) tick(ctx context.Context, rec storage.Record) error {
	before := rec.Version
	_, err := w.step(ctx, request[I]{id: rec.Key.ID, input: w.c.Machine.Tick, ifDue: true})
	if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrConflict) || ctx.Err() != nil {
		return err // found again in the next pass
	}
	_, records, getErr := w.c.Store.Get(ctx, rec.Key)
	if getErr != nil {
		return getErr
	}
	now := records[0]
	if err == nil && (now.Due.IsZero() || now.Due.After(w.c.Now()) || now.Version > before+1 || string(now.Data) != string(rec.Data)) {
		return nil
	}
	if err == nil {
		err = errors.New("the step neither changed the state nor moved its NextDue")
	}
	err = fmt.Errorf("runner: %s is put off for %s: %w", rec.Key, stuckPause, err)
	commitErr := w.commit(ctx, storage.Batch{
		ID:     w.batchID(now.Key, now.Version, "put off"),
		Writes: []storage.Write{{Key: now.Key, Base: now.Version, Data: now.Data, Due: w.c.Now().Add(stuckPause)}},
	})
	if errors.Is(commitErr, storage.ErrConflict) {
		commitErr = nil // somebody moved it on
	}
	return errors.Join(err, commitErr)
}

// sleep returns when next has come, the log has grown past a position, a slot
// was freed while effects wait for one, or ctx is done.
func (w *worker[S, I]) sleep(ctx context.Context, after storage.Pos, next time.Time) {
	d := maxSleep
	if !next.IsZero() {
		d = min(d, next.Sub(w.c.Now()))
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
			return
		}
		if err := w.c.Store.Wait(ctx, after); err != nil {
			<-ctx.Done() // the next pass will see what is wrong, after the pause
		}
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-w.freed:
	case <-ctx.Done():
	}
	cancel()
	<-woken
}
