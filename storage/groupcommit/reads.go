package groupcommit

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sre-sdk/sre/storage"
)

// Reads lets many callers of Get share one read, as [Queue] does with commits: a
// round trip costs more than the records in it. Up to a number of reads run at
// the same time, each begun at once; who comes meanwhile goes together into the
// next. A caller is only ever given what was read after it came. It is safe for
// concurrent use. Make one with [NewReads].
type Reads struct {
	limit int
	get   func(keys []storage.Key) (storage.Pos, []storage.Record, error)

	mu      sync.Mutex
	waiting []*reader
	running int
}

type reader struct {
	keys []storage.Key
	done chan found // buffered: a caller may have left
}

type found struct {
	pos     storage.Pos
	records []storage.Record
	err     error
}

// NewReads returns a Reads with at most limit reads at the same time. get reads
// distinct keys, at most storage.MaxKeys, as the Get of a backend does. Callers
// come and go, so it bounds by itself how long it takes.
func NewReads(limit int, get func(keys []storage.Key) (storage.Pos, []storage.Record, error)) *Reads {
	return &Reads{limit: limit, get: get}
}

// Get returns the record of each key, and the position as of which they are,
// with what other callers want at the same time. The keys must have passed
// [storage.CheckKeys]. When ctx is done it returns its error.
func (r *Reads) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("storage: %w", err)
	}
	me := &reader{slices.Clone(keys), make(chan found, 1)}
	r.mu.Lock()
	r.waiting = append(r.waiting, me)
	if r.running < r.limit {
		r.running++
		go r.work()
	}
	r.mu.Unlock()
	select {
	case f := <-me.done:
		return f.pos, f.records, f.err
	case <-ctx.Done():
		r.withdraw(me)
		return 0, nil, fmt.Errorf("storage: %w", ctx.Err())
	}
}

// withdraw takes a request back that no read has taken yet.
func (r *Reads) withdraw(me *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = slices.DeleteFunc(r.waiting, func(w *reader) bool { return w == me })
}

// work reads until nobody waits.
func (r *Reads) work() {
	for {
		group, keys := r.take()
		if len(group) == 0 {
			return
		}
		pos, records, err := r.get(keys)
		for _, w := range group {
			f := found{pos: pos, err: err}
			if err == nil {
				f.records = pick(w.keys, records)
			}
			w.done <- f
		}
	}
}

// take takes as many of those who wait as one read can serve, and returns which
// keys they want. If nobody waits the worker ends.
func (r *Reads) take() (group []*reader, keys []storage.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := map[storage.Key]bool{}
	for _, w := range r.waiting {
		if len(group) > 0 && len(keys)+len(w.keys) > storage.MaxKeys {
			break
		}
		for _, k := range w.keys {
			if !wanted[k] {
				wanted[k] = true
				keys = append(keys, k)
			}
		}
		group = append(group, w)
	}
	if r.waiting = r.waiting[len(group):]; len(r.waiting) == 0 {
		r.waiting = nil
	}
	if len(group) == 0 {
		r.running--
	}
	return group, keys
}

// pick returns the records of keys, with bytes that nobody else has.
func pick(keys []storage.Key, records []storage.Record) []storage.Record {
	out := make([]storage.Record, len(keys))
	for i, k := range keys {
		at := slices.IndexFunc(records, func(r storage.Record) bool { return r.Key == k })
		out[i] = records[at]
		out[i].Data = slices.Clone(records[at].Data)
	}
	return out
}
