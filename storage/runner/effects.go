package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// claimDue claims the effects that are due, as many as there are free slots,
// and starts performing them.
func (w *worker[S, I]) claimDue(ctx context.Context) (next time.Time, err error) {
	records, next, err := w.due(ctx, w.effectKind())
	if err != nil {
		return next, err
	}
	for _, rec := range records {
		e, err := decodeEffect(rec.Data)
		if err != nil {
			w.failed(fmt.Errorf("%s: %w", rec.Key, err))
			continue
		}
		select {
		case w.slots <- struct{}{}:
		default:
			return time.Time{}, nil // all are busy; a freed slot wakes the loop
		}
		w.late("effect", rec)
		if !w.start(ctx, rec, e) {
			w.free()
		}
	}
	return next, nil
}

func (w *worker[S, I]) free() {
	<-w.slots
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// start does what is due about an effect. It reports whether a goroutine took
// the slot over.
func (w *worker[S, I]) start(ctx context.Context, rec storage.Record, e effectRecord) bool {
	var err error
	switch e.Status {
	case statusPending:
		if until := w.pausedUntil(e.Effect.Type); until.After(w.c.Now()) {
			err = w.commitEffect(ctx, "wait", storage.Write{Key: rec.Key, Base: rec.Version, Data: rec.Data, Due: until})
			break
		}
		var claimed storage.Record
		if claimed, err = w.claim(ctx, rec, &e); err == nil {
			w.running.Go(func() {
				defer w.free()
				w.perform(claimed, e)
			})
			return true
		}
	case statusFanOut:
		err = w.fanOut(ctx, rec, e)
	case statusDone: // kept for long enough
		err = w.commitEffect(ctx, "forget", storage.Write{Key: rec.Key, Base: rec.Version, Delete: true})
	default:
		err = fmt.Errorf("runner: %s has the status %q, which this program does not know", rec.Key, e.Status)
	}
	if err != nil && !errors.Is(err, storage.ErrConflict) && ctx.Err() == nil {
		w.failed(err)
	}
	return false
}

// commitEffect commits writes that are about one effect.
func (r *Runner[S, I]) commitEffect(ctx context.Context, intent string, writes ...storage.Write) error {
	return r.commit(ctx, storage.Batch{ID: r.batchID(writes[0].Key, writes[0].Base, intent), Writes: writes})
}

// claim moves the effect's due time to the end of the lease.
func (w *worker[S, I]) claim(ctx context.Context, rec storage.Record, e *effectRecord) (storage.Record, error) {
	e.Attempt++
	rec.Due = w.c.Now().Add(w.c.Lease)
	err := w.commitEffect(ctx, "claim", storage.Write{Key: rec.Key, Base: rec.Version, Data: encodeEffect(*e), Due: rec.Due})
	rec.Version++
	return rec, err
}

// fanOut adds the effects that one record holds, a batch at a time.
func (w *worker[S, I]) fanOut(ctx context.Context, rec storage.Record, e effectRecord) error {
	now := w.c.Now()
	n := min(directEffects, len(e.FanOut))
	keys := make([]storage.Key, n)
	for i, effect := range e.FanOut[:n] {
		keys[i] = w.effectKey(effect.ID)
	}
	_, there, err := w.c.Store.Get(ctx, keys...)
	if err != nil {
		return err
	}
	var add []storage.Write
	for i, effect := range e.FanOut[:n] {
		if !there[i].Exists() {
			add = append(add, w.effectWrite(e.Of, effect, now))
		}
	}
	rest := storage.Write{Key: rec.Key, Base: rec.Version, Delete: true}
	if e.FanOut = e.FanOut[n:]; len(e.FanOut) > 0 {
		rest = storage.Write{Key: rec.Key, Base: rec.Version, Data: encodeEffect(e), Due: now}
	}
	return w.commitEffect(ctx, "fan out", append([]storage.Write{rest}, add...)...)
}

// perform calls the handler of a claimed effect and records the outcome.
func (w *worker[S, I]) perform(rec storage.Record, e effectRecord) {
	receipt, err := w.call(e.Effect)
	var limited RateLimited
	switch {
	case err == nil:
		err = w.finish(rec, e, Outcome{Receipt: receipt})
	case errors.As(err, &limited):
		until := w.c.Now().Add(max(limited.After, 0))
		w.pauseType(e.Effect.Type, until)
		e.Attempt-- // it was not refused for what it is
		err = w.again(rec, e, err, until)
	case errors.Is(err, ErrPermanent) || e.Attempt >= w.c.MaxAttempts:
		e.failed(err)
		w.c.Log.Error("runner: an effect became a dead letter", "effect", e.Effect.ID, "type", e.Effect.Type, "attempts", e.Attempt, "error", err)
		if finishErr := w.finish(rec, e, Outcome{Err: e.Err}); finishErr != nil {
			err = finishErr
		} else {
			w.c.Measure(metricDead, 1, "type", e.Effect.Type)
			if h := w.c.Hooks.Dead; h != nil {
				h(e.Effect, err)
			}
			err = nil
		}
	default:
		w.c.Measure(metricRetries, 1, "type", e.Effect.Type)
		if h := w.c.Hooks.Retrying; h != nil {
			h(e.Effect, e.Attempt, err)
		}
		err = w.again(rec, e, err, w.c.Now().Add(w.c.Jitter(w.c.Backoff(e.Attempt))))
	}
	if err != nil && !errors.Is(err, storage.ErrConflict) && w.work.Err() == nil {
		w.failed(fmt.Errorf("%s: %w", rec.Key, err)) // it is due again when the lease ends
	}
}

// call calls the handler; a panic is a failure like another.
func (w *worker[S, I]) call(e Effect) (receipt []byte, err error) {
	ctx, cancel := context.WithTimeout(w.work, w.c.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: the handler of %s panicked: %v", e.Type, p)
		}
	}()
	handler := w.c.Handlers[e.Type]
	if handler == nil {
		return nil, fmt.Errorf("runner: no handler for effects of type %q", e.Type)
	}
	return handler(ctx, e)
}

// again puts an effect off until an instant.
func (w *worker[S, I]) again(rec storage.Record, e effectRecord, cause error, at time.Time) error {
	e.failed(cause)
	return w.commitEffect(w.work, "again", storage.Write{Key: rec.Key, Base: rec.Version, Data: encodeEffect(e), Due: at})
}

// finish records how an effect ended and steps the machine with that, if it
// wants to know, in one commit.
func (w *worker[S, I]) finish(rec storage.Record, e effectRecord, outcome Outcome) error {
	writes := w.finishWrites(rec, e, outcome)
	var err error
	if input, ok := w.result(e.Effect, outcome); ok {
		_, err = w.step(w.work, request[I]{id: e.Of, input: input, also: writes})
		if err != nil && !isStore(err) {
			// The machine refused to hear of it; what happened happened.
			w.c.Log.Warn("runner: the machine refused the outcome of an effect", "effect", e.Effect.ID, "error", err)
			err = w.commitEffect(w.work, "finish", writes...)
		}
	} else {
		err = w.commitEffect(w.work, "finish", writes...)
	}
	if err == nil && outcome.Err == "" {
		w.c.Measure(metricDone, 1, "type", e.Effect.Type)
		if h := w.c.Hooks.Performed; h != nil {
			h(e.Effect, e.Attempt)
		}
	}
	return err
}

func (w *worker[S, I]) result(e Effect, outcome Outcome) (input I, ok bool) {
	if w.c.Machine.Result != nil {
		return w.c.Machine.Result(e, outcome)
	}
	return input, false
}

// isStore reports whether an error is about the store or the context, so that
// trying again later makes sense.
func isStore(err error) bool {
	for _, class := range []error{storage.ErrConflict, storage.ErrUnavailable, storage.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// finishWrites returns the writes that record how an effect ended.
func (w *worker[S, I]) finishWrites(rec storage.Record, e effectRecord, outcome Outcome) []storage.Write {
	write := storage.Write{Key: rec.Key, Base: rec.Version}
	if outcome.Err != "" {
		e.Status = statusDead
		write.Data = encodeEffect(e)
		return []storage.Write{write, {Key: w.deadKey(e.Effect.ID), Data: write.Data}}
	}
	e.Status, e.Receipt, e.Err = statusDone, outcome.Receipt, ""
	write.Data, write.Due = encodeEffect(e), w.c.Now().Add(w.c.KeepDone)
	return []storage.Write{write}
}

func (r *Runner[S, I]) pausedUntil(effectType string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paused[effectType]
}

func (r *Runner[S, I]) pauseType(effectType string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until.After(r.paused[effectType]) {
		r.paused[effectType] = until
	}
}
