package dispatch

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// index knows the escalations that are not resolved and who has them. It is a
// projection of the log, read on when somebody asks, so it costs nothing where
// nobody does.
type index struct {
	asked atomic.Uint64 // counts who asked

	one    lock // of what follows
	ready  bool
	pos    storage.Pos         // up to where the log is in it
	covers uint64              // who had asked when the latest reading began: it serves all of them
	open   map[string][]string // by the ID of the escalation, the people who have it
}

// maxBehind is how many log entries are read on; beyond it the records are
// fewer.
const maxBehind = 50_000

// sync calls use with what is open as of now: no earlier than the call.
func (x *index) sync(ctx context.Context, store *storage.Store, use func(open map[string][]string)) error {
	me := x.asked.Add(1)
	if err := x.one.take(ctx); err != nil {
		return err
	}
	defer x.one.free()
	if !x.ready || x.covers < me {
		if err := x.read(ctx, store); err != nil {
			return err
		}
	}
	use(x.open)
	return nil
}

func (x *index) read(ctx context.Context, store *storage.Store) error {
	covers := x.asked.Load()
	last, _, err := store.Get(ctx)
	if err != nil {
		return err
	}
	if x.ready && last-x.pos <= maxBehind {
		err = x.readOn(ctx, store)
	} else {
		err = storage.ErrTrimmed
	}
	if errors.Is(err, storage.ErrTrimmed) {
		err = x.readAll(ctx, store, last)
	}
	if err == nil {
		x.covers = covers
	}
	return err
}

func (x *index) readOn(ctx context.Context, store *storage.Store) error {
	for entry, err := range store.Log(ctx, x.pos) {
		if err != nil {
			return err
		}
		for _, rec := range entry.Records {
			x.put(rec)
		}
		x.pos = entry.Pos
	}
	return nil
}

// readAll lists all records. What changes meanwhile is read once more with the
// log after last.
func (x *index) readAll(ctx context.Context, store *storage.Store, last storage.Pos) error {
	x.ready, x.open = false, map[string][]string{}
	for rec, err := range store.List(ctx, Kind) {
		if err != nil {
			return err
		}
		x.put(rec)
	}
	x.ready, x.pos = true, last
	return nil
}

func (x *index) put(rec storage.Record) {
	if rec.Key.Kind != Kind {
		return
	}
	if rec.Deleted {
		delete(x.open, rec.Key.ID)
		return
	}
	e, err := decode(rec)
	switch {
	case err != nil:
		x.open[rec.Key.ID] = nil // of a newer program: it is open as far as is known, and nobody's
	case e.State.Status == escalation.None || e.State.Status == escalation.Resolved:
		delete(x.open, rec.Key.ID)
	default:
		x.open[rec.Key.ID] = peopleOf(e.State)
	}
}

// peopleOf returns who has an escalation: whom it pages, and who has it in hand.
func peopleOf(s escalation.State) []string {
	people := map[string]bool{}
	if s.Status == escalation.Open {
		for p := range s.Pages() {
			people[p.Person] = true
		}
	}
	if s.Status == escalation.Acknowledged {
		people[s.By] = true
	}
	if s.Status != escalation.Snoozed && s.Responder != "" {
		people[s.Responder] = true
	}
	for by := range s.Acks() {
		people[by] = true
	}
	delete(people, "")
	return slices.Collect(maps.Keys(people))
}

// Load returns how many escalations, but for the one of ID except, a person has:
// is paged for, or has acknowledged. It is as of a position of the log no earlier
// than the call; what other processes commit at the same time is not in it.
func (d *Dispatcher) Load(ctx context.Context, person, except string) (open int, err error) {
	err = d.index.sync(ctx, d.c.Store, func(all map[string][]string) {
		for id, people := range all {
			if id != except && slices.Contains(people, person) {
				open++
			}
		}
	})
	return open, err
}

// Open yields the escalations that are not resolved, in the order of their IDs,
// those after the given ID. One that this program cannot read is yielded with
// its error.
func (d *Dispatcher) Open(ctx context.Context, after string) iter.Seq2[Escalation, error] {
	return func(yield func(Escalation, error) bool) {
		var ids []string
		err := d.index.sync(ctx, d.c.Store, func(all map[string][]string) {
			for id := range all {
				if id > after {
					ids = append(ids, id)
				}
			}
		})
		if err != nil {
			yield(Escalation{}, err)
			return
		}
		slices.Sort(ids)
		for chunk := range slices.Chunk(ids, storage.MaxKeys) {
			keys := make([]storage.Key, len(chunk))
			for i, id := range chunk {
				keys[i] = storage.Key{Kind: Kind, ID: id}
			}
			_, records, err := d.c.Store.Get(ctx, keys...)
			if err != nil {
				yield(Escalation{}, err)
				return
			}
			for _, rec := range records {
				if !rec.Exists() {
					continue
				}
				e, err := decode(rec)
				if err == nil && e.State.Status == escalation.Resolved {
					continue
				}
				e.ID = rec.Key.ID
				if !yield(e, err) {
					return
				}
			}
		}
	}
}
