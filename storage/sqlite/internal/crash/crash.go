// Package crash keeps the books about a store whose writers end in the middle
// of their commits, for the tests that kill processes and cut the power.
package crash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// kind is the kind of all records.
const kind = "crash"

// An Intent is one batch of a writer. Everything in the batch follows from it,
// so that a torn one is recognized and an unknown one can be committed again.
type Intent struct {
	Run    string // one start of the writers
	Worker int
	Base   storage.Version // of the worker's chain
}

// ID returns the batch's ID.
func (i Intent) ID() string { return fmt.Sprintf("%s %d %d", i.Run, i.Worker, i.Base) }

func parse(id string) (i Intent) {
	_, _ = fmt.Sscanf(id, "%s %d %d", &i.Run, &i.Worker, &i.Base) // what is no ID gives another batch
	return i
}

// Batch returns the batch: the next version of the worker's chain, a timer, and
// a record of several pages.
func (i Intent) Batch() storage.Batch {
	id := i.ID()
	sum := sha256.Sum256([]byte(id))
	data := bytes.Repeat(sum[:], 10)
	return storage.Batch{ID: id, Note: sum[:], Writes: []storage.Write{
		{Key: storage.Key{Kind: kind, ID: fmt.Sprint("chain ", i.Worker)}, Base: i.Base, Data: data},
		{Key: storage.Key{Kind: kind, ID: "timer " + id}, Data: data[1:], Due: time.UnixMicro(int64(i.Base))},
		{Key: storage.Key{Kind: kind, ID: "large " + id}, Data: bytes.Repeat(data, 20)},
	}}
}

// Work commits the batches of one worker, one after the other, until one fails.
func Work(ctx context.Context, b storage.Backend, run string, worker int, try func(Intent), ack func(Intent, storage.Pos)) error {
	_, r, err := b.Get(ctx, Intent{Worker: worker}.Batch().Writes[0].Key)
	if err != nil {
		return err
	}
	for base := r[0].Version; ; base++ {
		i := Intent{run, worker, base}
		try(i)
		pos, err := b.Commit(ctx, i.Batch())
		if err != nil {
			return err
		}
		ack(i, pos)
	}
}

// Books are what is known about a store from outside. They are safe for
// concurrent use.
type Books struct {
	mu    sync.Mutex
	acked map[Intent]storage.Pos
	open  map[Intent]bool // the outcome is unknown

	Acked       int // batches that were acknowledged
	Lost        int // of these, not in the log at their position
	Torn        int // entries that are not what was committed
	Unknown     int // batches that were neither acknowledged nor refused
	Committed   int // of these, in the log all the same
	Refused     int // batches of these that could not be committed again, as what they are based on is gone
	Twice       int // batches that are in the log twice, or got another position when committed again
	Disordered  int // entries whose position is not the next
	Differences int // chains whose current record is not the last one in the log
}

// Bad returns how many things are wrong.
func (b *Books) Bad() int {
	return b.Lost + b.Torn + b.Refused + b.Twice + b.Disordered + b.Differences
}

// String returns the counts.
func (b *Books) String() string {
	return fmt.Sprintf("%d batches acknowledged, lost %d, torn %d; %d unknown outcomes, of which %d had been committed, refused %d, applied twice %d; positions out of order %d, records other than in the log %d",
		b.Acked, b.Lost, b.Torn, b.Unknown, b.Committed, b.Refused, b.Twice, b.Disordered, b.Differences)
}

// Try notes that a batch is about to be committed.
func (b *Books) Try(i Intent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open, b.acked = map[Intent]bool{}, map[Intent]storage.Pos{}
	}
	b.open[i] = true
}

// Ack notes that it was acknowledged.
func (b *Books) Ack(i Intent, pos storage.Pos) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Acked++
	delete(b.open, i)
	b.acked[i] = pos
}

// Forget clears what is known about the store, and keeps the counts: the next
// one is new.
func (b *Books) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.acked)
	clear(b.open)
}

// Check compares the store with the books after its writers have ended, and
// commits again what is unknown.
func (b *Books) Check(ctx context.Context, store storage.Backend) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen, chains, err := b.readLog(ctx, store)
	if err != nil {
		return err
	}
	for i, pos := range b.acked {
		if seen[i] != pos {
			b.Lost++
			delete(b.acked, i) // once
		}
	}
	for key, want := range chains {
		_, r, err := store.Get(ctx, key)
		if err != nil {
			return err
		}
		if r[0].Version != want.Version || !bytes.Equal(r[0].Data, want.Data) {
			b.Differences++
		}
	}
	return b.repeat(ctx, store, seen)
}

// repeat commits again what is unknown, twice.
func (b *Books) repeat(ctx context.Context, store storage.Backend, seen map[Intent]storage.Pos) error {
	b.Unknown += len(b.open)
	for i := range b.open {
		if seen[i] > 0 {
			b.Committed++
		}
		first, err := store.Commit(ctx, i.Batch())
		if errors.Is(err, storage.ErrConflict) {
			b.Refused++
			continue
		}
		var again storage.Pos
		if err == nil {
			again, err = store.Commit(ctx, i.Batch())
		}
		if err != nil {
			return fmt.Errorf("commit %s again: %w", i.ID(), err)
		}
		if again != first || seen[i] > 0 && seen[i] != first {
			b.Twice++
		}
		b.acked[i] = first
	}
	clear(b.open)
	return nil
}

// readLog returns where each batch is in the log, and the last record of each
// chain.
func (b *Books) readLog(ctx context.Context, store storage.Backend) (map[Intent]storage.Pos, map[storage.Key]storage.Record, error) {
	seen, chains := map[Intent]storage.Pos{}, map[storage.Key]storage.Record{}
	for at := storage.Pos(0); ; {
		page, err := store.Log(ctx, at, storage.MaxLimit)
		if err != nil || len(page) == 0 {
			return seen, chains, err
		}
		for _, e := range page {
			if e.Pos != at+1 {
				b.Disordered++
			}
			at = e.Pos
			i := parse(e.ID)
			if seen[i] > 0 {
				b.Twice++
			}
			seen[i] = e.Pos
			if !whole(e, i.Batch()) {
				b.Torn++
				continue
			}
			chains[e.Records[0].Key] = e.Records[0]
		}
	}
}

func whole(e storage.Entry, want storage.Batch) bool {
	if e.ID != want.ID || !bytes.Equal(e.Note, want.Note) || len(e.Records) != len(want.Writes) {
		return false
	}
	for i, w := range want.Writes {
		r := e.Records[i]
		if r.Key != w.Key || r.Version != w.Base+1 || !bytes.Equal(r.Data, w.Data) || !r.Due.Equal(w.Due) {
			return false
		}
	}
	return true
}
