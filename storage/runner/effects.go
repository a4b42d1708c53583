package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// commitEffect commits writes that are about one effect.
func (r *Runner[S, I]) commitEffect(ctx context.Context, intent string, writes ...storage.Write) error {
	_, err := r.c.Store.Commit(ctx, storage.Batch{ID: r.batchID(writes[0].Key, writes[0].Base, intent), Writes: writes})
	return err
}

// fanOut adds the effects that one record holds, a batch at a time.
func (w *worker[S, I]) fanOut(ctx context.Context, rec storage.Record, e effectRecord) error {
	now := w.now()
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

// maxLost is how many claims of an effect may end without an outcome, beside
// MaxAttempts, before it is given up: perhaps it is what ends the processes.
const maxLost = 10

// perform calls the handler of a claimed effect and records the outcome.
func (w *worker[S, I]) perform(rec storage.Record, e effectRecord) {
	if e.Attempt > w.c.MaxAttempts+maxLost {
		e.failed(fmt.Errorf("runner: claimed %d times and never ended", e.Attempt-1))
		w.conclude(rec, e)
		return
	}
	left := rec.Due.Sub(w.now())
	if left <= 0 {
		return // the claim took too long; it is due again
	}
	receipt, err := w.call(e.Effect, min(left, w.c.Timeout))
	var limited RateLimited
	switch {
	case err == nil:
		if len(receipt) > MaxReceipt {
			w.c.Log.Warn("runner: a receipt was cut", "effect", e.Effect.ID, "bytes", len(receipt))
		}
		e.Receipt, e.Err = receipt[:min(len(receipt), MaxReceipt)], ""
		w.conclude(rec, e)
	case w.handling.Err() != nil: // the handler was canceled, which says nothing about the effect
		e.Attempt--
		w.again(rec, e, err, w.now())
	case errors.As(err, &limited):
		until := w.now().Add(max(limited.After, minRateLimit))
		w.pauseType(e.Effect.Type, until)
		e.Attempt-- // it was not refused for what it is
		w.again(rec, e, err, until)
	case errors.Is(err, ErrPermanent) || e.Attempt >= w.c.MaxAttempts:
		e.failed(err)
		w.c.Log.Error("runner: an effect is given up", "effect", e.Effect.ID, "type", e.Effect.Type, "attempts", e.Attempt, "error", err)
		w.conclude(rec, e)
	default:
		w.measure(metricRetries, 1, "type", e.Effect.Type)
		if h := w.c.Hooks.Retrying; h != nil {
			w.hook(func() { h(e.Effect, e.Attempt, err) })
		}
		w.again(rec, e, err, w.now().Add(max(w.c.Jitter(w.c.Backoff(e.Attempt)), 0)))
	}
}

// minRateLimit is the shortest pause that RateLimited makes.
const minRateLimit = time.Second

// call calls the handler; a panic is a failure like another.
func (w *worker[S, I]) call(e Effect, timeout time.Duration) (receipt []byte, err error) {
	ctx, cancel := context.WithTimeout(w.handling, timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: the handler of %s panicked: %v", e.Type, p)
		}
	}()
	e.Payload = bytes.Clone(e.Payload) // the handler's own: what is stored stays as it is
	return w.c.Handlers[e.Type](ctx, e)
}

// again puts an effect off until an instant.
func (w *worker[S, I]) again(rec storage.Record, e effectRecord, cause error, at time.Time) {
	e.failed(cause)
	w.keep(rec, e, at)
}

// keep records what became of a claimed effect, and goes on trying while the
// store is unavailable: what is not recorded is done again.
func (w *worker[S, I]) keep(rec storage.Record, e effectRecord, due time.Time) {
	b := storage.Batch{ID: w.batchID(rec.Key, rec.Version, "keep "+e.Status),
		Writes: []storage.Write{{Key: rec.Key, Base: rec.Version, Data: encodeEffect(e), Due: due}}}
	for {
		_, err := w.c.Store.Commit(w.recording, b)
		if err == nil || errors.Is(err, storage.ErrConflict) {
			return
		}
		w.failed(fmt.Errorf("%s: %w", rec.Key, err)) // it is due again when the lease ends
		if !errors.Is(err, storage.ErrUnavailable) {
			return
		}
	}
}

// conclude records how an effect ended and tells the machine.
func (w *worker[S, I]) conclude(rec storage.Record, e effectRecord) {
	e.Status = statusTelling
	w.tell(rec, e)
}

// tell tells the machine of an outcome and records that. If it cannot be told
// now, the outcome is recorded alone, so that the effect is not performed again,
// and the machine is told later.
func (w *worker[S, I]) tell(rec storage.Record, e effectRecord) {
	err := w.finish(w.recording, rec, e)
	if err == nil || moved(err, rec.Key) {
		return
	}
	w.failed(fmt.Errorf("%s: the machine is told later: %w", rec.Key, err))
	w.keep(rec, e, w.now().Add(tellPause(err)))
}

// tellPause is how long to wait before the machine is told again.
func tellPause(err error) time.Duration {
	switch {
	case isStore(err):
		return storePause
	case isUnprepared(err):
		return preparePause
	}
	return stuckPause
}

// moved reports whether an error says that somebody else recorded what became of
// an effect.
func moved(err error, key storage.Key) bool {
	var conflict *storage.ConflictError
	return errors.As(err, &conflict) && conflict.Key == key
}

// finish records how an effect ended and steps the machine with that, if it
// wants to know, in one commit.
func (w *worker[S, I]) finish(ctx context.Context, rec storage.Record, e effectRecord) error {
	outcome := Outcome{Receipt: e.Receipt, Err: e.Err}
	writes, err := w.finishWrites(ctx, rec, e)
	if err != nil {
		return err
	}
	input, ok, err := w.result(e.Effect, outcome)
	if err == nil && ok {
		// What Prepare leaves of the lease is for recording the outcome.
		_, err = w.step(ctx, request[I]{id: e.Of, input: input, also: writes, until: w.now().Add(rec.Due.Sub(w.now()) / 2)})
	}
	var refused *refusal
	if errors.As(err, &refused) { // the machine does not want to hear of it; what happened happened
		w.c.Log.Warn("runner: the machine refused the outcome of an effect", "effect", e.Effect.ID, "error", err)
		if h, cause := w.c.Hooks.Refused, err; h != nil {
			w.hook(func() { h(e.Effect, cause) })
		}
		ok, err = false, nil
	}
	if err == nil && !ok {
		err = w.commitEffect(ctx, "finish", writes...)
	}
	if err != nil {
		return err
	}
	name, report := metricDone, func() {}
	if h := w.c.Hooks.Performed; h != nil {
		report = func() { h(e.Effect, e.Attempt) }
	}
	if outcome.Err != "" {
		name, report = metricDead, func() {}
		if h := w.c.Hooks.Dead; h != nil {
			report = func() { h(e.Effect, errors.New(outcome.Err)) }
		}
	}
	w.measure(name, 1, "type", e.Effect.Type)
	w.hook(report)
	return nil
}

// result asks the machine for the input that an outcome makes.
func (w *worker[S, I]) result(e Effect, outcome Outcome) (input I, ok bool, err error) {
	if w.c.Machine.Result == nil {
		return input, false, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: Result of the machine %s panicked: %v", w.c.Machine.Kind, p)
		}
	}()
	input, ok = w.c.Machine.Result(e, outcome)
	return input, ok, nil
}

// isStore reports whether an error is about the store or the context, so that
// trying again soon makes sense.
func isStore(err error) bool {
	var refused *refusal
	if errors.As(err, &refused) {
		return false
	}
	for _, class := range []error{storage.ErrConflict, storage.ErrUnavailable, storage.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// finishWrites returns the writes that record how an effect ended.
func (w *worker[S, I]) finishWrites(ctx context.Context, rec storage.Record, e effectRecord) ([]storage.Write, error) {
	write := storage.Write{Key: rec.Key, Base: rec.Version}
	if e.Err == "" {
		e.Status = statusDone
		write.Data, write.Due = encodeEffect(e), w.now().Add(w.c.KeepDone)
		return []storage.Write{write}, nil
	}
	e.Status = statusDead
	write.Data = encodeEffect(e)
	_, records, err := w.c.Store.Get(ctx, w.deadKey(e.Effect.ID))
	if err != nil {
		return nil, err
	}
	return []storage.Write{write, {Key: w.deadKey(e.Effect.ID), Base: records[0].Version, Data: write.Data}}, nil
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
