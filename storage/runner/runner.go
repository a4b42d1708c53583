package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
)

// A Runner hosts one kind of machine. It is safe for concurrent use. Send and
// the reads work whether or not Run runs, in this process or another.
type Runner[S, I any] struct {
	c      Config[S, I]
	schema storage.Schema

	mu     sync.Mutex
	paused map[string]time.Time // by the type of effect, until when its receiver wants to be left alone
}

// New returns a Runner. The error carries every [sre.Problem] of the
// configuration.
func New[S, I any](c Config[S, I]) (*Runner[S, I], error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	c.Handlers = maps.Clone(c.Handlers)
	return &Runner[S, I]{c: c, schema: storage.Schema{Kind: c.Machine.Kind, Upgrades: c.Machine.Upgrades},
		paused: map[string]time.Time{}}, nil
}

// Get returns the state of an ID and whether there is one.
func (r *Runner[S, I]) Get(ctx context.Context, id string) (state S, ok bool, err error) {
	_, records, err := r.c.Store.Get(ctx, r.stateKey(id))
	if err != nil {
		return state, false, err
	}
	state, _, err = r.decode(records[0])
	return state, records[0].Exists(), err
}

// Send steps the machine of an ID with an input and returns its new state. When
// it returns nil the state and its effects are durable.
//
// key names the input: sent again with a key that is among the latest
// [MaxInputKeys] of the machine, it changes nothing and gets the current state.
// So a caller that does not know the outcome sends the same again. An empty key
// makes each call an input of its own.
//
// The error is Step's or Prepare's where it refuses the input, a [sre.Problem] where its
// effects cannot be stored or performed, or the store's. storage.ErrConflict, if
// very many send to one ID at the same time, and storage.ErrTooLarge, if state,
// input and effects exceed a batch, mean that nothing happened; after
// storage.ErrUnavailable or the context's error the outcome is not known.
func (r *Runner[S, I]) Send(ctx context.Context, id, key string, input I) (S, error) {
	var p sre.Problems
	p.CheckID("id", id)
	if key != "" {
		p.CheckID("key", key)
	}
	if err := p.Err("runner"); err != nil {
		var none S
		return none, err
	}
	state, err := r.step(ctx, request[I]{id: id, key: key, input: input})
	var refused *refusal
	if errors.As(err, &refused) {
		err = refused.error
	}
	var outside *unprepared
	if errors.As(err, &outside) {
		err = outside.cause
	}
	return state, err
}

// A request is one input on its way to a state.
type request[I any] struct {
	id, key string
	input   I
	ifDue   bool            // only if the state is due when it is read
	also    []storage.Write // of the same batch: they record the outcome of an effect
	until   time.Time       // when Prepare has to be done with it; zero: in time
}

// directEffects is how many effects go into the batch of a step, each as a
// record of its own. More are added by a worker from one record that holds
// them all.
const directEffects = 12

// step loads, steps and commits, and does so again after a conflict.
func (r *Runner[S, I]) step(ctx context.Context, req request[I]) (S, error) {
	known := map[string]bool{} // effects that are in the store already
	for _, write := range req.also {
		if write.Key.Kind == r.effectKind() {
			known[write.Key.ID] = true
		}
	}
	for attempt := 1; ; attempt++ {
		state, err := r.tryStep(ctx, req, known)
		var conflict *storage.ConflictError
		if !errors.As(err, &conflict) || attempt == storage.MaxAttempts {
			return state, err
		}
		if conflict.Base == 0 && conflict.Key.Kind == r.effectKind() {
			known[conflict.Key.ID] = true
			attempt-- // an effect that exists is no contention, and there are few
			continue
		}
		if conflict.Base > 0 && conflict.Key.Kind == r.effectKind() {
			return state, err // somebody else recorded the outcome
		}
		if err := r.pause(ctx, attempt); err != nil {
			return state, err
		}
	}
}

func (r *Runner[S, I]) tryStep(ctx context.Context, req request[I], known map[string]bool) (S, error) {
	key := r.stateKey(req.id)
	_, records, err := r.c.Store.Get(ctx, key)
	if err != nil {
		var none S
		return none, err
	}
	before, stored, err := r.decode(records[0])
	if err != nil || req.key != "" && slices.Contains(stored.Keys, req.key) {
		return before, err
	}
	now := r.now()
	if rec := records[0]; req.ifDue && (rec.Due.IsZero() || rec.Due.After(now)) {
		return before, nil // somebody else was here
	}
	if req.ifDue {
		if over, err := r.over(before); err != nil {
			return before, err
		} else if over {
			return before, r.forgetState(ctx, records[0])
		}
	}
	input, err := r.prepare(ctx, before, req, now)
	if err != nil {
		return before, err
	}
	after, effects, due, err := r.stepMachine(before, input, now)
	if err == nil {
		effects, err = r.checkEffects(effects)
	}
	if err != nil {
		return before, err
	}
	stored.remember(req.key)
	data, err := r.encode(after, stored)
	if err != nil {
		return before, err
	}
	log, err := encodeNote(req, input, now)
	if err != nil {
		return before, err
	}
	stuck := req.ifDue && !due.IsZero() && !due.After(now) && bytes.Equal(data, records[0].Data)
	if stuck {
		due = now.Add(stuckPause)
	}
	version := records[0].Version
	writes := []storage.Write{{Key: key, Base: version, Data: data, Due: due}}
	writes = append(writes, req.also...)
	added, err := r.effectWrites(req.id, version, effects, now, known)
	if err != nil {
		return before, err
	}
	writes = append(writes, added...)
	if _, err := r.c.Store.Commit(ctx, storage.Batch{ID: r.batchID(key, version, "step"), Note: log, Writes: writes}); err != nil {
		return before, err
	}
	r.measure(metricSteps, 1)
	if h := r.c.Hooks.Stepped; h != nil {
		r.hook(func() { h(req.id, version+1) })
	}
	if stuck {
		return after, errStuck
	}
	return after, nil
}

// errStuck: a step of a state that was due neither changed it nor moved its due
// time. It was committed, and put off.
var errStuck = errors.New("the step neither changed the state nor moved its NextDue")

// A refusal is an error of Machine.Step.
type refusal struct{ error }

// Unwrap returns Step's error.
func (r *refusal) Unwrap() error { return r.error }

// stepMachine calls the machine, and returns when the state is due to be stepped
// by a tick or, if it has ended, to be deleted. Its panic is an error, so that one state does
// not end the process that all depend on.
func (r *Runner[S, I]) stepMachine(state S, input I, now time.Time) (after S, effects []Effect, due time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: the machine %s panicked: %v", r.c.Machine.Kind, p)
		}
	}()
	after, effects, err = r.c.Machine.Step(state, input, now)
	if err != nil {
		return after, nil, due, &refusal{err}
	}
	if due = r.c.Machine.NextDue(after); due.IsZero() && r.c.Machine.Ended != nil && r.c.Machine.Ended(after) {
		due = now.Add(r.c.KeepEnded)
	}
	return after, effects, due, nil
}

// batchID names one attempt. It is fresh, because another process that does the
// same to the same version must not take this attempt's success for its own.
func (r *Runner[S, I]) batchID(key storage.Key, base storage.Version, intent string) string {
	return storage.BatchID(key, base, intent+" "+r.c.NewID())
}

// The names under which Config.Measure is called.
const (
	metricSteps   = "runner_steps"           // a state was committed
	metricDone    = "runner_effects_done"    // an effect was performed; label type
	metricSkipped = "runner_effects_skipped" // one was no longer wanted; label type
	metricRetries = "runner_effects_retried" // one failed; label type
	metricDead    = "runner_effects_dead"    // one became a dead letter; label type
	metricLate    = "runner_late_seconds"    // how long after its due time work was begun; label what
)

// effectWrites returns the writes that add effects: a record for each, or one
// that holds them all where there are too many for a batch.
func (r *Runner[S, I]) effectWrites(id string, version storage.Version, effects []Effect, now time.Time, known map[string]bool) ([]storage.Write, error) {
	if len(effects) > directEffects {
		data := encodeEffect(effectRecord{Of: id, Status: statusFanOut, FanOut: effects})
		if len(data) > maxFanOut {
			var p sre.Problems
			p.Add("effects", "too_large", len(data), fmt.Sprintf("at most %d bytes in all, as JSON", maxFanOut))
			return nil, p.Err("runner")
		}
		return []storage.Write{{Key: r.effectKey(r.batchID(r.stateKey(id), version, "fan out")), Due: now, Data: data}}, nil
	}
	var writes []storage.Write
	for _, e := range effects {
		if !known[e.ID] {
			writes = append(writes, r.effectWrite(id, e, now))
		}
	}
	return writes, nil
}

func (r *Runner[S, I]) effectWrite(id string, e Effect, now time.Time) storage.Write {
	due := now
	if e.After.After(now) {
		due = e.After
	}
	return storage.Write{Key: r.effectKey(e.ID), Due: due, Data: encodeEffect(effectRecord{Of: id, Effect: e, Status: statusPending})}
}

// pause waits a little after the n-th conflict.
func (r *Runner[S, I]) pause(ctx context.Context, n int) error {
	wait(ctx, r.c.Jitter(time.Millisecond<<min(n, 8)))
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	return nil
}

// Replay folds the inputs of an ID, as the log keeps them, and returns the
// state that results. It equals that of Get, unless Step was changed meanwhile
// or the log was trimmed, which is storage.ErrTrimmed.
func (r *Runner[S, I]) Replay(ctx context.Context, id string) (S, error) {
	var state S
	for rec, err := range r.c.Store.History(ctx, r.stateKey(id), 0) {
		if err != nil {
			return state, err
		}
		entries, err := r.c.Store.Backend().Log(ctx, rec.Pos-1, 1)
		if err != nil {
			return state, err
		}
		if len(entries) == 0 {
			return state, fmt.Errorf("runner: position %d is not in the log", rec.Pos)
		}
		if rec.Deleted {
			var none S
			state = none // what follows began anew
		}
		if len(entries[0].Note) == 0 {
			continue // no step: the state was put off, or deleted
		}
		var n note
		var input I
		if err := json.Unmarshal(entries[0].Note, &n); err != nil {
			return state, fmt.Errorf("runner: position %d: %w", rec.Pos, err)
		}
		if err := json.Unmarshal(n.Input, &input); err != nil {
			return state, fmt.Errorf("runner: position %d: %w", rec.Pos, err)
		}
		after, _, _, err := r.stepMachine(state, input, n.At)
		if err == nil {
			state, err = r.stored(after)
		}
		if err != nil {
			return state, fmt.Errorf("runner: position %d: %w", rec.Pos, err)
		}
	}
	return state, nil
}

// A DeadLetter is an effect that was given up.
type DeadLetter struct {
	Of       string // the ID of the state
	Effect   Effect
	Attempts int
	Err      string
}

// DeadLetters yields the effects that were given up, in the order of their
// IDs.
func (r *Runner[S, I]) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for rec, err := range r.c.Store.List(ctx, r.deadKey("x").Kind) {
			if err != nil {
				yield(DeadLetter{}, err)
				return
			}
			e, err := decodeEffect(rec.Data)
			if !yield(DeadLetter{e.Of, e.Effect, e.Attempt, e.Err}, err) {
				return
			}
		}
	}
}

// Revive makes a dead letter pending again, with its attempts counted anew. It
// does nothing if there is none with that ID.
func (r *Runner[S, I]) Revive(ctx context.Context, effectID string) error {
	keys := []storage.Key{r.effectKey(effectID), r.deadKey(effectID)}
	_, err := r.c.Store.Update(ctx, "revive "+r.c.NewID(), keys, func(now []storage.Record) (storage.Change, error) {
		if !now[0].Exists() || !now[1].Exists() {
			return storage.Change{}, nil
		}
		e, err := decodeEffect(now[0].Data)
		if err != nil {
			return storage.Change{}, err
		}
		e.Status, e.Attempt = statusPending, 0
		return storage.Change{Writes: []storage.Write{
			{Key: keys[0], Data: encodeEffect(e), Due: r.now()},
			{Key: keys[1], Delete: true},
		}}, nil
	})
	return err
}

// Dismiss deletes a dead letter. It does nothing if there is none with that ID.
// An effect of the same ID that comes later is performed again.
func (r *Runner[S, I]) Dismiss(ctx context.Context, effectID string) error {
	keys := []storage.Key{r.effectKey(effectID), r.deadKey(effectID)}
	_, err := r.c.Store.Update(ctx, "dismiss "+r.c.NewID(), keys, func(now []storage.Record) (storage.Change, error) {
		if !now[0].Exists() || !now[1].Exists() {
			return storage.Change{}, nil
		}
		return storage.Change{Writes: []storage.Write{{Key: keys[0], Delete: true}, {Key: keys[1], Delete: true}}}, nil
	})
	return err
}
