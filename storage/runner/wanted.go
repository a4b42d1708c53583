package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
)

// claim moves the due times of effects to the end of their leases, and begins
// work on those for which that worked. Batches are claimed at the same time, so
// that they share the store's groups. A claim that is under way when Run is
// stopped ends: broken off it would delay the effect by a lease.
func (w *worker[S, I]) claim(ctx context.Context, p *plan) error {
	claims := p.claims
	maps.DeleteFunc(w.blind, func(_ string, b blind) bool { return !b.until.After(w.now()) })
	size := func(i int) int {
		rec := claims[i].rec
		const more = 32 // that a claim or a skip adds to the data
		return len(rec.Key.Kind) + len(rec.Key.ID) + len(rec.Data) + more + len(w.c.Machine.Kind) + len(claims[i].e.Of)
	}
	err := ctx.Err()
	if err == nil {
		var parts [][]*claim
		for start, end := range batches(len(claims), size) {
			parts = append(parts, claims[start:end])
		}
		errs := make([]error, len(parts))
		w.parallel(len(parts), func(i int) { errs[i] = w.claimTogether(w.handling, p, parts[i], 1) })
		err = errors.Join(errs...)
	}
	for _, c := range claims {
		if !c.begun {
			w.slots.free(c.slot(), w.now(), w.now())
		}
	}
	return err
}

// claimTogether claims effects in one batch, on the condition that the states
// that want them stay as they are until it is committed. It leaves out those
// that somebody else was faster to claim. A state that moves meanwhile is asked
// again, and its effects get a batch of their own, so that one busy state does
// not hold back the others.
func (w *worker[S, I]) claimTogether(ctx context.Context, p *plan, claims []*claim, attempt int) error {
	for ; len(claims) > 0 && attempt <= storage.MaxAttempts; attempt++ { // beyond: the next pass
		j, err := w.judge(ctx, p, claims)
		if err != nil || len(j.claims) == 0 {
			return err
		}
		_, err = w.c.Store.Commit(ctx, j.batch)
		var conflict *storage.ConflictError
		switch {
		case err == nil:
			for i, c := range j.claims {
				w.begin(c, j.after[i], j.batch.Writes[i])
			}
			return nil
		case !errors.As(err, &conflict):
			return err
		}
		moved, rest := split(j.claims, func(c *claim) bool { return w.stateKey(c.e.Of) == conflict.Key })
		if len(moved) > 0 && len(rest) > 0 {
			return errors.Join(w.claimTogether(ctx, p, rest, attempt+1), w.claimTogether(ctx, p, moved, attempt+1))
		}
		_, claims = split(j.claims, func(c *claim) bool { return c.rec.Key == conflict.Key })
	}
	return nil
}

func split(claims []*claim, first func(*claim) bool) (a, b []*claim) {
	for _, c := range claims {
		if first(c) {
			a = append(a, c)
		} else {
			b = append(b, c)
		}
	}
	return a, b
}

// A judgement is what is to be committed about some claims, if the states that
// were asked are current still.
type judgement struct {
	batch  storage.Batch
	claims []*claim       // those of which batch.Writes are, in order
	after  []effectRecord // what they become
}

// judge asks the states whether they still want their effects. Those whose
// state cannot tell are held.
func (w *worker[S, I]) judge(ctx context.Context, p *plan, claims []*claim) (judgement, error) {
	states, err := w.statesOf(ctx, claims)
	if err != nil {
		return judgement{}, err
	}
	j := judgement{batch: storage.Batch{ID: w.batchID(claims[0].rec.Key, claims[0].rec.Version, "claim")}}
	now, checked := w.now(), map[string]bool{}
	for _, c := range claims {
		e, due := c.e, storage.RoundDue(now.Add(w.c.Lease))
		if e.Status == statusPending && w.c.Machine.Wanted != nil {
			state := states[e.Of]
			wanted, err := w.wanted(state, e.Effect)
			if err != nil {
				c.unread = err
				w.judging.Lock()
				if state.err != nil {
					w.blind[e.Of] = blind{err, now.Add(blindPause)}
				}
				w.holdForeign(p, *c, err)
				w.judging.Unlock()
				continue
			}
			if !wanted {
				e.Status, e.Skipped, due = statusDone, true, now.Add(w.c.KeepDone)
			}
			if !checked[e.Of] {
				checked[e.Of] = true
				j.batch.Checks = append(j.batch.Checks, state.check)
			}
		}
		if e.Status == statusPending {
			e.Attempt++
		}
		j.claims, j.after = append(j.claims, c), append(j.after, e)
		j.batch.Writes = append(j.batch.Writes, storage.Write{Key: c.rec.Key, Base: c.rec.Version, Data: encodeEffect(e), Due: due})
	}
	return j, nil
}

// blind says why a state cannot be asked, and until when it is taken to be so:
// its effects may be many, and each would take a slot to learn it.
type blind struct {
	err   error
	until time.Time
}

const blindPause = 10 * time.Second

// asked is a state that is asked what it wants.
type asked[S any] struct {
	state S
	check storage.Check // that it is current
	err   error         // why it cannot be read
}

// statesOf reads the states of the effects that are to be performed, by ID.
func (w *worker[S, I]) statesOf(ctx context.Context, claims []*claim) (map[string]asked[S], error) {
	if w.c.Machine.Wanted == nil {
		return nil, nil
	}
	states := map[string]asked[S]{}
	var keys []storage.Key
	for _, c := range claims {
		of := c.e.Of
		if _, ok := states[of]; ok || c.e.Status != statusPending {
			continue
		}
		states[of] = asked[S]{err: fmt.Errorf("runner: %q is the ID of no state", of)}
		if sre.ValidID(of) {
			keys = append(keys, w.stateKey(of))
		}
	}
	if len(keys) == 0 {
		return states, nil
	}
	_, records, err := w.c.Store.Get(ctx, keys...)
	for _, rec := range records {
		s := asked[S]{check: storage.Check{Key: rec.Key, Version: rec.Version}}
		s.state, _, s.err = w.decode(rec)
		states[rec.Key.ID] = s
	}
	return states, err
}

// wanted asks a state whether it wants an effect.
func (r *Runner[S, I]) wanted(s asked[S], e Effect) (wanted bool, err error) {
	if s.err != nil {
		return false, s.err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: Wanted of the machine %s panicked: %v", r.c.Machine.Kind, p)
		}
	}()
	return r.c.Machine.Wanted(s.state, e), nil
}

// begin begins work on an effect as it was committed, if there is any.
func (w *worker[S, I]) begin(c *claim, e effectRecord, written storage.Write) {
	w.late("effect", c.rec)
	if e.Skipped {
		w.measure(metricSkipped, 1, "type", e.Effect.Type)
		if h := w.c.Hooks.Skipped; h != nil {
			w.hook(func() { h(e.Effect) })
		}
		return
	}
	c.begun = true
	rec := c.rec
	rec.Version, rec.Due = rec.Version+1, written.Due
	w.start(c.slot(), rec, e)
}

// start performs a claimed effect, or tells the machine of its outcome. When the
// lease ends before the handler does, the slot is given to others: a handler that
// hangs must not stop them.
func (w *worker[S, I]) start(slot string, rec storage.Record, e effectRecord) {
	w.running.Go(func() {
		began := w.now()
		free := sync.OnceFunc(func() { w.slots.free(slot, began, w.now()) })
		defer free()
		lease := time.AfterFunc(rec.Due.Sub(w.now()), func() {
			w.failed(fmt.Errorf("runner: the handler of effect %s did not end within its lease of %s", e.Effect.ID, w.c.Lease))
			free()
		})
		defer lease.Stop()
		if e.Status == statusTelling {
			w.tell(rec, e)
			return
		}
		w.perform(rec, e)
	})
}
