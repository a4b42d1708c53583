package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// page is how many due records are looked at in one pass. Where most of the
// effects have to wait it grows, up to storage.MaxLimit, so that they do not hide
// the others; what fills even that is put off.
const page = 64

// A plan is what is to be done about the effects that were found due.
type plan struct {
	claims []*claim        // to be performed, or the machine to be told of
	forget []storage.Write // done, and kept for long enough
	held   []held
	queued map[string]int // by type, how many are held because all slots are busy
}

// A claim is an effect with its record; one that work is to be begun on has a
// slot.
type claim struct {
	rec    storage.Record
	e      effectRecord
	begun  bool
	unread error // why Wanted could not be asked, a moment ago
}

// tellingSlot names the slots of what tells the machine of outcomes, as no type
// of effects is named.
const tellingSlot = ""

// slot names the slots of which the claim takes one.
func (c *claim) slot() string {
	if c.e.Status == statusTelling {
		return tellingSlot
	}
	return c.e.Effect.Type
}

// A held effect cannot be performed here and now.
type held struct {
	claim
	until  time.Time // when to look again; zero: when a slot is free
	slow   bool      // it would keep others waiting behind it
	putOff time.Time // where it is out of their way; zero: it is its turn before that is worth it
	err    error     // why this program cannot perform it at all
}

// claimDue does what is due about effects: it claims as many as have a slot and
// starts performing them, or telling the machine of their outcomes, and expands
// and forgets records.
func (w *worker[S, I]) claimDue(ctx context.Context) (next time.Time, err error) {
	records, next, err := w.due(ctx, w.effectKind(), w.look)
	if err != nil {
		return next, err
	}
	p := plan{queued: map[string]int{}}
	for _, rec := range records {
		err = errors.Join(err, w.plan(ctx, &p, rec))
	}
	err = errors.Join(err, w.claim(ctx, &p), w.commitEach(ctx, "forget", p.forget, func(int) {}))
	full, slow := len(records) == w.look, 0
	w.seen = make(map[storage.Key]claim, len(p.held))
	for _, h := range p.held {
		w.seen[h.rec.Key] = h.claim
		if h.slow {
			slow++
		}
		if !h.until.IsZero() {
			next = earliest(next, h.until)
		}
	}
	clogged := full && slow > w.look/2
	if clogged && w.look < storage.MaxLimit && (w.look > page || !w.now().Before(w.lookAgain)) {
		w.look = min(4*w.look, storage.MaxLimit)
		return w.now(), err
	}
	moved, putOffErr := w.putOff(ctx, p.held, clogged && w.look == storage.MaxLimit)
	if full && moved == 0 && len(p.held) == len(records) {
		next = w.now().Add(storePause) // a free slot wakes the loop, and this if others are behind those that wait
	}
	if w.look > page && (!clogged || moved == 0) {
		w.look, w.lookAgain, w.behind = page, w.now().Add(storePause), map[string]int{}
	}
	return next, errors.Join(err, putOffErr)
}

// plan decides what is to be done about one effect.
func (w *worker[S, I]) plan(ctx context.Context, p *plan, rec storage.Record) error {
	c, err := w.decodeClaim(rec)
	switch e := c.e; {
	case err != nil:
		w.holdForeign(p, c, err)
	case e.Status == statusDone:
		p.forget = append(p.forget, storage.Write{Key: rec.Key, Base: rec.Version, Delete: true})
	case e.Status == statusFanOut:
		if err := w.fanOut(ctx, rec, e); isStore(err) {
			return ignoreConflict(err)
		} else if err != nil {
			w.holdForeign(p, c, err)
		}
	case e.Status == statusTelling:
		w.planSlot(p, c)
	case e.Status == statusPending:
		w.planPending(p, c)
	default:
		w.holdForeign(p, c, fmt.Errorf("runner: this program does not know the status %q", e.Status))
	}
	return nil
}

// decodeClaim decodes an effect, unless that was done in the previous pass.
func (w *worker[S, I]) decodeClaim(rec storage.Record) (claim, error) {
	if c, ok := w.seen[rec.Key]; ok && c.rec.Version == rec.Version && c.e.Status != "" {
		return c, nil
	}
	e, err := decodeEffect(rec.Data)
	return claim{rec: rec, e: e}, err
}

func (w *worker[S, I]) planPending(p *plan, c claim) {
	now, name := w.now(), c.e.Effect.Type
	if w.c.Handlers[name] == nil {
		w.holdForeign(p, c, fmt.Errorf("runner: no handler for effects of type %q", name))
		return
	}
	if until := w.pausedUntil(name); until.After(now) {
		p.held = append(p.held, held{claim: c, until: until, slow: true, putOff: until})
		return
	}
	if b, ok := w.blind[c.e.Of]; ok && b.until.After(now) {
		c.unread = b.err
	}
	if c.unread != nil { // as it was a moment ago
		w.holdForeign(p, c, c.unread)
		return
	}
	w.planSlot(p, c)
}

// planSlot begins work on an effect if a slot is free, else holds it.
func (w *worker[S, I]) planSlot(p *plan, c claim) {
	now, name := w.now(), c.slot()
	if w.slots.take(name, now) {
		p.claims = append(p.claims, &c)
		return
	}
	p.queued[name]++
	h := held{claim: c, slow: w.slots.wait(name, storage.MaxLimit, now) >= longWait}
	if wait := w.slots.wait(name, w.behind[name]+p.queued[name], now); wait >= longWait {
		h.putOff = now.Add(min(wait/2, maxPutOff)) // well before it is its turn
	}
	p.held = append(p.held, h)
}

// longWait is what it takes to put an effect off that waits for a slot, and
// maxPutOff bounds for how long: the estimate of its turn may be wrong.
const (
	longWait  = 200 * time.Millisecond
	maxPutOff = 30 * time.Second
)

// holdForeign leaves an effect that this program cannot perform to others, for
// stuckPause.
func (w *worker[S, I]) holdForeign(p *plan, c claim, err error) {
	p.held = append(p.held, held{claim: c, err: err, slow: true, until: c.rec.Due.Add(stuckPause), putOff: w.now().Add(stuckPause)})
}

// putOff moves held effects out of the way of others: all that are in it if the
// queue is clogged, else those that no program could perform for stuckPause. It
// returns how many it moved.
func (w *worker[S, I]) putOff(ctx context.Context, all []held, clogged bool) (moved int, err error) {
	var writes []storage.Write
	var of []held
	now := w.now()
	for _, h := range all {
		foreign := h.err != nil && now.Sub(h.rec.Due) >= stuckPause
		if h.putOff.IsZero() || !clogged && !foreign {
			continue
		}
		write := storage.Write{Key: h.rec.Key, Base: h.rec.Version, Data: h.rec.Data, Due: h.putOff}
		if h.e.Status == statusPending && h.err != nil && h.unread == nil { // it has no handler, which is a failure like another
			h.e.Attempt++
			h.e.failed(h.err)
			if h.e.Attempt >= w.c.MaxAttempts {
				h.e.Status, write.Due = statusTelling, now
			}
			write.Data = encodeEffect(h.e)
		}
		writes, of = append(writes, write), append(of, h)
	}
	err = w.commitEach(ctx, "put off", writes, func(i int) {
		moved++
		if h := of[i]; h.err != nil {
			w.failed(fmt.Errorf("%s is put off for %s: %w", h.rec.Key, stuckPause, h.err))
		} else if h.until.IsZero() {
			w.behind[h.slot()]++
		}
	})
	return moved, err
}

// batchRoom is what a batch holds beside its writes.
const batchRoom = 1 << 10

// batches yields the ranges of n writes that go into one batch each. size says
// how many bytes a write takes.
func batches(n int, size func(i int) int) iter.Seq2[int, int] {
	return func(yield func(start, end int) bool) {
		for start, end := 0, 0; start < n; start = end {
			for total := batchRoom; end < n && end-start < storage.MaxWrites; end++ {
				if total += size(end); end > start && total > storage.MaxBatch {
					break
				}
			}
			if !yield(start, end) {
				return
			}
		}
	}
}

// commitEach commits writes that do not depend on each other, as many in a batch
// as fit, and calls done for each that was committed. It leaves out those whose
// base is not current: somebody else was faster.
func (w *worker[S, I]) commitEach(ctx context.Context, intent string, writes []storage.Write, done func(i int)) error {
	size := func(i int) int {
		return len(writes[i].Key.Kind) + len(writes[i].Key.ID) + len(writes[i].Data)
	}
	for start, end := range batches(len(writes), size) {
		batch, index := writes[start:end], make([]int, end-start)
		for i := range index {
			index[i] = start + i
		}
		for len(batch) > 0 {
			err := w.commitEffect(ctx, intent, batch...)
			var conflict *storage.ConflictError
			if errors.As(err, &conflict) {
				batch, index = without(batch, index, conflict.Key)
				continue
			}
			if err != nil {
				return err
			}
			for _, i := range index {
				done(i)
			}
			break
		}
	}
	return nil
}

// without removes the write to a key.
func without(batch []storage.Write, index []int, key storage.Key) ([]storage.Write, []int) {
	var rest []storage.Write
	var at []int
	for i, x := range batch {
		if x.Key != key {
			rest, at = append(rest, x), append(at, index[i])
		}
	}
	if len(rest) == len(batch) {
		return nil, nil // a conflict about none of them: leave all
	}
	return rest, at
}

func ignoreConflict(err error) error {
	if errors.Is(err, storage.ErrConflict) {
		return nil // somebody else was faster
	}
	return err
}
