package storagetest_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// broken is a backend some of whose methods are replaced.
type broken struct {
	storage.Backend
	mu sync.Mutex // for what a replacement remembers

	commit  func(ctx context.Context, b storage.Batch) (storage.Pos, error)
	get     func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error)
	list    func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error)
	due     func(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error)
	history func(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error)
	log     func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error)
	wait    func(ctx context.Context, after storage.Pos) error
	trim    func(ctx context.Context, before storage.Pos) error
	close   func() error
}

func (b *broken) Commit(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
	if b.commit != nil {
		return b.commit(ctx, batch)
	}
	return b.Backend.Commit(ctx, batch)
}

func (b *broken) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if b.get != nil {
		return b.get(ctx, keys)
	}
	return b.Backend.Get(ctx, keys...)
}

func (b *broken) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	if b.list != nil {
		return b.list(ctx, kind, after, limit)
	}
	return b.Backend.List(ctx, kind, after, limit)
}

func (b *broken) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if b.due != nil {
		return b.due(ctx, kind, now, limit)
	}
	return b.Backend.Due(ctx, kind, now, limit)
}

func (b *broken) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	if b.history != nil {
		return b.history(ctx, key, after, limit)
	}
	return b.Backend.History(ctx, key, after, limit)
}

func (b *broken) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if b.log != nil {
		return b.log(ctx, after, limit)
	}
	return b.Backend.Log(ctx, after, limit)
}

func (b *broken) Wait(ctx context.Context, after storage.Pos) error {
	if b.wait != nil {
		return b.wait(ctx, after)
	}
	return b.Backend.Wait(ctx, after)
}

func (b *broken) Trim(ctx context.Context, before storage.Pos) error {
	if b.trim != nil {
		return b.trim(ctx, before)
	}
	return b.Backend.Trim(ctx, before)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Backend.Close()
}

// now returns the current record, past the replacements.
func (b *broken) now(ctx context.Context, k storage.Key) storage.Record {
	_, records, err := b.Backend.Get(ctx, k)
	if err != nil {
		return storage.Record{Key: k}
	}
	return records[0]
}

// yield lets others run in between.
func yield() {
	for range 3 {
		runtime.Gosched()
	}
}

// A mutant breaks one rule, named by its number or the beginning of its name.
type mutant struct {
	name, rule string
	breaks     func(b *broken)
}

var mutants = []mutant{
	{"commits a batch in two parts", "P1", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if _, err := storage.CheckBatch(batch); err != nil || len(batch.Writes) == 1 {
				return b.Backend.Commit(ctx, batch)
			}
			first := batch
			first.Writes = batch.Writes[:1]
			if pos, err := b.Backend.Commit(ctx, first); err != nil {
				return pos, err
			}
			yield()
			return b.Backend.Commit(ctx, storage.Batch{ID: batch.ID + "/2", Note: batch.Note, Writes: batch.Writes[1:]})
		}
	}},
	{"keeps the first write of a refused batch", "P1", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			if errors.Is(err, storage.ErrConflict) {
				_, _ = b.Backend.Commit(ctx, storage.Batch{ID: batch.ID + "/1", Writes: batch.Writes[:1]})
			}
			return pos, err
		}
	}},
	{"checks the base of the first write only", "P2", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i := 1; i < len(batch.Writes); i++ {
				if w := &batch.Writes[i]; !w.Delete {
					w.Base = b.now(ctx, w.Key).Version
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes base 0 for any", "P2", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i := range batch.Writes {
				if w := &batch.Writes[i]; w.Base == 0 && !w.Delete {
					w.Base = b.now(ctx, w.Key).Version
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"refuses to write on a deletion that was seen", "P2", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			for _, w := range batch.Writes {
				if now := b.now(ctx, w.Key); now.Deleted && w.Base > 0 {
					return 0, &storage.ConflictError{Key: w.Key, Base: w.Base}
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"reports a conflict without facts", "P2", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			if errors.Is(err, storage.ErrConflict) {
				err = storage.ErrConflict
			}
			return pos, err
		}
	}},
	{"blames a write that has no conflict", "P2", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			var conflict *storage.ConflictError
			if errors.As(err, &conflict) {
				err = &storage.ConflictError{Key: batch.Writes[0].Key, Base: conflict.Base, Current: conflict.Current}
			}
			return pos, err
		}
	}},
	{"counts versions from 1 again after a deletion", "P3", func(b *broken) {
		before := map[storage.Key]storage.Version{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			batch.Writes = slices.Clone(batch.Writes)
			for i, w := range batch.Writes {
				if now := b.now(ctx, w.Key); w.Base == 0 && now.Deleted {
					before[w.Key] = now.Version
				} else if w.Base > 0 {
					batch.Writes[i].Base += before[w.Key]
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
		b.get = func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			pos, records, err := b.Backend.Get(ctx, keys...)
			for i := range records {
				records[i].Version -= before[records[i].Key]
			}
			return pos, records, err
		}
	}},
	{"reads what was current a moment ago", "P4", func(b *broken) {
		var last storage.Pos
		var lastKeys []storage.Key
		var stale []storage.Record
		b.get = func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if slices.Equal(keys, lastKeys) {
				lastKeys = nil
				return last, stale, nil
			}
			pos, records, err := b.Backend.Get(ctx, keys...)
			if err == nil && len(keys) > 0 {
				last, lastKeys, stale = pos, slices.Clone(keys), slices.Clone(records)
			}
			return pos, records, err
		}
	}},
	{"looks at the base and writes later", "P4", lostUpdates},
	{"lets several claims win", "P11 of many claims", lostUpdates},
	{"has gaps in the log", "P5", func(b *broken) {
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			entries, err := b.Backend.Log(ctx, after, limit)
			return slices.DeleteFunc(entries, func(e storage.Entry) bool { return e.Pos%7 == 0 }), err
		}
	}},
	{"shows an entry after its successor", "P5", func(b *broken) {
		visible := map[storage.Pos]bool{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			yield()
			b.mu.Lock()
			defer b.mu.Unlock()
			visible[pos] = true
			return pos, err
		}
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			entries, err := b.Backend.Log(ctx, after, limit)
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.DeleteFunc(entries, func(e storage.Entry) bool { return !visible[e.Pos] }), err
		}
	}},
	{"changes an entry that was shown", "P5", func(b *broken) {
		calls := 0
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			entries, err := b.Backend.Log(ctx, after, limit)
			if calls++; calls%2 == 0 && len(entries) > 0 {
				entries[0].Note = append(entries[0].Note, '!')
			}
			return entries, err
		}
	}},
	{"gets one key after the other", "P6", func(b *broken) {
		b.get = func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
			pos, all, err := b.Backend.Get(ctx, keys...)
			for i, k := range keys {
				yield()
				if _, one, err := b.Backend.Get(ctx, k); err == nil {
					all[i] = one[0]
				}
			}
			return pos, all, err
		}
	}},
	{"says a position that it did not read at", "P6", func(b *broken) {
		b.get = func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
			_, records, err := b.Backend.Get(ctx, keys...)
			yield()
			if err != nil {
				return 0, nil, err
			}
			pos, _, err := b.Backend.Get(ctx)
			return pos, records, err
		}
	}},
	{"lists deleted records", "P7", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			list, err := b.Backend.List(ctx, kind, after, limit)
			for e := range storage.New(b.Backend).Log(ctx, 0) {
				for _, r := range e.Records {
					if r.Deleted && r.Key.Kind == kind && r.Key.ID > after && b.now(ctx, r.Key).Version == r.Version {
						list = append(list, r)
					}
				}
			}
			slices.SortFunc(list, func(a, b storage.Record) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
			return list[:min(len(list), max(limit, 0))], err
		}
	}},
	{"leaves timers out of the log", "P7", func(b *broken) {
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			entries, err := b.Backend.Log(ctx, after, limit)
			for _, e := range entries {
				for i := range e.Records {
					e.Records[i].Due = time.Time{}
				}
			}
			return entries, err
		}
	}},
	{"leaves deletions out of the history", "P8", func(b *broken) {
		b.history = func(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
			list, err := b.Backend.History(ctx, key, after, limit)
			return slices.DeleteFunc(list, func(r storage.Record) bool { return r.Deleted }), err
		}
	}},
	{"does not know an ID again", "P9", func(b *broken) {
		n := 0
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			n++
			batch.ID = fmt.Sprint(batch.ID, "#", n)
			b.mu.Unlock()
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes other content for the same batch", "P9", func(b *broken) {
		known := map[string]storage.Pos{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if pos, ok := known[batch.ID]; ok {
				return pos, nil
			}
			pos, err := b.Backend.Commit(ctx, batch)
			if err == nil {
				known[batch.ID] = pos
			}
			return pos, err
		}
	}},
	{"compares batches before rounding", "P9", func(b *broken) {
		known := map[string]time.Time{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if due, ok := known[batch.ID]; ok && len(batch.Writes) > 0 && !due.Equal(batch.Writes[0].Due) {
				return 0, storage.SameIDError(batch.ID)
			}
			pos, err := b.Backend.Commit(ctx, batch)
			if err == nil {
				known[batch.ID] = batch.Writes[0].Due
			}
			return pos, err
		}
	}},
	{"remembers the ID of a refused batch", "P9", func(b *broken) {
		refused := map[string]bool{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if refused[batch.ID] {
				return 0, storage.SameIDError(batch.ID)
			}
			pos, err := b.Backend.Commit(ctx, batch)
			refused[batch.ID] = errors.Is(err, storage.ErrConflict)
			return pos, err
		}
	}},
	{"is due only after the instant", "P11 due", func(b *broken) {
		b.due = func(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
			return b.Backend.Due(ctx, kind, now.Add(-time.Microsecond), limit)
		}
	}},
	{"orders what is due by ID", "P11 due", func(b *broken) {
		b.due = func(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
			list, err := b.Backend.Due(ctx, kind, now, limit)
			slices.SortFunc(list, func(a, b storage.Record) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
			return list, err
		}
	}},
	{"rounds due times down", "P11 due", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i, w := range batch.Writes {
				batch.Writes[i].Due = w.Due.Truncate(time.Microsecond)
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"knows no time before 1970", "P11 due", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i, w := range batch.Writes {
				if !w.Due.IsZero() && w.Due.Unix() < 0 {
					batch.Writes[i].Due = time.Unix(0, 0)
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes 1970 for no timer", "P11 due", func(b *broken) {
		b.due = func(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
			list, err := b.Backend.Due(ctx, kind, now, limit)
			return slices.DeleteFunc(list, func(r storage.Record) bool { return r.Due.UnixMicro() == 0 }), err
		}
	}},
	{"returns due times in the local zone", "P11 due", func(b *broken) {
		b.due = func(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
			list, err := b.Backend.Due(ctx, kind, now, limit)
			for i := range list {
				list[i].Due = list[i].Due.In(time.FixedZone("here", 3600))
			}
			return list, err
		}
	}},
	{"ignores case in the order of IDs", "P12", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			list, err := b.Backend.List(ctx, kind, after, limit)
			slices.SortStableFunc(list, func(a, b storage.Record) int {
				return cmp.Compare(strings.ToLower(a.Key.ID), strings.ToLower(b.Key.ID))
			})
			return list, err
		}
	}},
	{"takes empty data for a deletion", "P12", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			list, err := b.Backend.List(ctx, kind, after, limit)
			return slices.DeleteFunc(list, func(r storage.Record) bool { return len(r.Data) == 0 }), err
		}
	}},
	{"ends data at NUL", "P12", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i, w := range batch.Writes {
				batch.Writes[i].Data, _, _ = cutByte(w.Data, 0)
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"refuses 16 writes", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if len(batch.Writes) == storage.MaxWrites {
				return 0, storage.ErrInvalid
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"cuts what is beyond 16 writes", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = batch.Writes[:min(len(batch.Writes), storage.MaxWrites)]
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"calls what is too large invalid", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			if errors.Is(err, storage.ErrTooLarge) {
				err = storage.ErrInvalid
			}
			return pos, err
		}
	}},
	{"has a default for limit 0", "P13", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			return b.Backend.List(ctx, kind, after, cmp.Or(limit, 100))
		}
	}},
	{"cannot take numbers beyond int64", "P13", func(b *broken) {
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			if after > math.MaxInt64 {
				return nil, storage.ErrUnavailable
			}
			return b.Backend.Log(ctx, after, limit)
		}
	}},
	{"lists after anything", "P13", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			return b.Backend.List(ctx, kind, strings.ToValidUTF8(strings.ReplaceAll(after[:min(len(after), storage.MaxKey)], "\x00", ""), ""), limit)
		}
	}},
	{"commits though the context is done", "P14", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			return b.Backend.Commit(context.WithoutCancel(ctx), batch)
		}
	}},
	{"forgets the ID of a commit that was cancelled", "P14", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			id := batch.ID
			yield()
			yield()
			if ctx.Err() != nil {
				batch.ID = "forgotten " + id
			}
			pos, err := b.Backend.Commit(context.WithoutCancel(ctx), batch)
			return pos, cmp.Or(err, ctx.Err())
		}
	}},
	{"keeps the caller's bytes", "P15", func(b *broken) {
		kept := map[storage.Key][]byte{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, w := range batch.Writes {
				kept[w.Key] = w.Data
			}
			return b.Backend.Commit(ctx, batch)
		}
		b.get = func(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			pos, records, err := b.Backend.Get(ctx, keys...)
			for i := range records {
				records[i].Data = slices.Clone(kept[records[i].Key])
			}
			return pos, records, err
		}
	}},
	{"hands out bytes that it keeps", "P15", func(b *broken) {
		cache := map[storage.Pos][]storage.Entry{}
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			var err error
			if cache[after] == nil {
				cache[after], err = b.Backend.Log(ctx, after, limit)
			}
			return slices.Clone(cache[after]), err
		}
	}},
	{"sleeps on when the log grows", "P16", func(b *broken) {
		b.wait = func(ctx context.Context, after storage.Pos) error {
			timer := time.NewTimer(4 * time.Second)
			defer timer.Stop()
			select {
			case <-timer.C:
				return b.Backend.Wait(ctx, 0)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}},
	{"waits on when the context ends", "P16", func(b *broken) {
		b.wait = func(ctx context.Context, after storage.Pos) error {
			return b.Backend.Wait(context.WithoutCancel(ctx), after)
		}
	}},
	{"returns a native error", "P17", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			if errors.Is(err, storage.ErrConflict) {
				err = errors.New("ERROR: duplicate key value violates unique constraint (SQLSTATE 23505)")
			}
			return pos, err
		}
	}},
	{"returns the error of a context of its own", "P17", func(b *broken) {
		b.history = func(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
			return nil, fmt.Errorf("storage: reading: %w", context.DeadlineExceeded)
		}
	}},
	{"closes but once", "P18", func(b *broken) {
		closed := false
		b.close = func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if closed {
				return storage.ErrClosed
			}
			closed = true
			return b.Backend.Close()
		}
	}},
	{"reads after it was closed", "P18", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			list, err := b.Backend.List(ctx, kind, after, limit)
			if errors.Is(err, storage.ErrClosed) {
				err = nil
			}
			return list, err
		}
	}},
	{"trims past a cursor", "P19", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Writes = slices.Clone(batch.Writes)
			for i, w := range batch.Writes {
				batch.Writes[i].Key.Kind = strings.ReplaceAll(w.Key.Kind, storage.CursorKind, "cursor")
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"trims one entry too many", "P19", func(b *broken) {
		b.trim = func(ctx context.Context, before storage.Pos) error { return b.Backend.Trim(ctx, max(before, before+1)) }
	}},
	{"skips what was trimmed", "P19", func(b *broken) {
		b.log = func(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
			entries, err := b.Backend.Log(ctx, after, limit)
			for errors.Is(err, storage.ErrTrimmed) {
				after++
				entries, err = b.Backend.Log(ctx, after, limit)
			}
			return entries, err
		}
	}},
	{"skips trimmed versions", "P19", func(b *broken) {
		b.history = func(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
			list, err := b.Backend.History(ctx, key, after, limit)
			for errors.Is(err, storage.ErrTrimmed) {
				after++
				list, err = b.Backend.History(ctx, key, after, limit)
			}
			return list, err
		}
	}},
	{"keeps the IDs of trimmed entries", "P19", func(b *broken) {
		known := map[string]storage.Pos{}
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if pos, ok := known[batch.ID]; ok {
				return pos, nil
			}
			pos, err := b.Backend.Commit(ctx, batch)
			if err == nil {
				known[batch.ID] = pos
			}
			return pos, err
		}
	}},
	{"ignores checks", "P21", ignoresChecks},
	{"ignores checks", "P4", ignoresChecks},
	{"ignores checks", "P20", ignoresChecks},
	{"looks at checks a moment before it commits", "P21", staleChecks},
	{"looks at checks a moment before it commits", "P4", staleChecks},
	{"looks at checks as of before the group", "P21", func(b *broken) {
		queue := groupcommit.New(64, func(group []storage.Batch) []groupcommit.Result {
			results := make([]groupcommit.Result, len(group))
			for i, batch := range group {
				results[i].Err = b.checked(context.Background(), batch)
			}
			for i, batch := range group {
				if batch.Checks = nil; results[i].Err == nil {
					results[i].Pos, results[i].Err = b.Backend.Commit(context.Background(), batch)
				}
			}
			return results
		})
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if _, err := storage.CheckBatch(batch); err != nil {
				return 0, err
			}
			return queue.Commit(ctx, batch)
		}
	}},
	{"looks at the first check only", "P21", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Checks = batch.Checks[:min(len(batch.Checks), 1)]
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes a check for version 0 for none", "P21", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Checks = slices.DeleteFunc(slices.Clone(batch.Checks), func(c storage.Check) bool { return c.Version == 0 })
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes a deletion for something", "P21", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			for _, c := range batch.Checks {
				if now := b.now(ctx, c.Key); c.Version == 0 && now.Deleted {
					return 0, &storage.ConflictError{Key: c.Key, Current: now.Version}
				}
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"writes what it checks", "P21", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if _, err := storage.CheckBatch(batch); err != nil {
				return 0, err
			}
			for _, c := range batch.Checks {
				if now := b.now(ctx, c.Key); now.Exists() && len(batch.Writes) < storage.MaxWrites {
					batch.Writes = append(batch.Writes[:len(batch.Writes):len(batch.Writes)], storage.Write{Key: c.Key, Base: c.Version, Data: now.Data, Due: now.Due})
				}
			}
			batch.Checks = slices.DeleteFunc(slices.Clone(batch.Checks), func(c storage.Check) bool { return b.now(ctx, c.Key).Exists() })
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"blames no check", "P21", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			pos, err := b.Backend.Commit(ctx, batch)
			var conflict *storage.ConflictError
			if errors.As(err, &conflict) && slices.ContainsFunc(batch.Checks, func(c storage.Check) bool { return c.Key == conflict.Key }) {
				err = &storage.ConflictError{Key: batch.Writes[0].Key, Base: conflict.Base, Current: conflict.Current}
			}
			return pos, err
		}
	}},
	{"looks at the checks of a repeated batch again", "P9", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if err := b.checked(ctx, batch); err != nil {
				return 0, err
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"takes the same writes with other checks for the same batch", "P9", ignoresChecks},
	{"cuts what is beyond 16 checks", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Checks = batch.Checks[:min(len(batch.Checks), storage.MaxChecks)]
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"refuses 16 checks", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			if len(batch.Checks) == storage.MaxChecks {
				return 0, storage.ErrInvalid
			}
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"lets a batch check what it writes", "P13", func(b *broken) {
		b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
			batch.Checks = slices.DeleteFunc(slices.Clone(batch.Checks), func(c storage.Check) bool {
				return slices.ContainsFunc(batch.Writes, func(w storage.Write) bool { return w.Key == c.Key && w.Base == c.Version })
			})
			return b.Backend.Commit(ctx, batch)
		}
	}},
	{"pages a list from the first ID", "P20", func(b *broken) {
		b.list = func(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
			if after == "z/1" {
				after = "a"
			}
			return b.Backend.List(ctx, kind, after, limit)
		}
	}},
}

// checked reports a check that does not hold at the moment.
func (b *broken) checked(ctx context.Context, batch storage.Batch) error {
	for _, c := range batch.Checks {
		if now := b.now(ctx, c.Key); c.Version != now.Version && !(c.Version == 0 && now.Deleted) {
			return &storage.ConflictError{Key: c.Key, Base: c.Version, Current: now.Version}
		}
	}
	return nil
}

func ignoresChecks(b *broken) {
	b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
		batch.Checks = nil
		return b.Backend.Commit(ctx, batch)
	}
}

func staleChecks(b *broken) {
	b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
		if _, err := storage.CheckBatch(batch); err != nil {
			return 0, err
		}
		if err := b.checked(ctx, batch); err != nil {
			return 0, err
		}
		yield()
		batch.Checks = nil
		return b.Backend.Commit(ctx, batch)
	}
}

// lostUpdates checks bases without a lock: what happens in between is
// overwritten.
func lostUpdates(b *broken) {
	b.commit = func(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
		for _, w := range batch.Writes {
			now := b.now(ctx, w.Key)
			if w.Base != now.Version && !(w.Base == 0 && now.Deleted) || w.Delete && now.Deleted {
				return 0, &storage.ConflictError{Key: w.Key, Base: w.Base, Current: now.Version}
			}
		}
		if err := b.checked(ctx, batch); err != nil {
			return 0, err
		}
		yield()
		for {
			forced := batch
			forced.Writes, forced.Checks = slices.Clone(batch.Writes), nil
			for i, w := range batch.Writes {
				if !w.Delete {
					forced.Writes[i].Base = b.now(ctx, w.Key).Version
				}
			}
			pos, err := b.Backend.Commit(ctx, forced)
			if !errors.Is(err, storage.ErrConflict) || slices.ContainsFunc(batch.Writes, func(w storage.Write) bool { return w.Delete }) {
				return pos, err
			}
		}
	}
}

func cutByte(data []byte, at byte) (before, after []byte, found bool) {
	if i := slices.Index(data, at); i >= 0 {
		return data[:i], data[i+1:], true
	}
	return data, nil, false
}

// Each mutant breaks one rule, and the suite must name that rule.
func TestBrokenBackendsAreCaught(t *testing.T) {
	quickRapid(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			open := func(testing.TB) storage.Backend {
				b := &broken{Backend: storage.NewMemoryBackend()}
				m.breaks(b)
				return b
			}
			if text := verdict(t, m.rule, storagetest.Options{Open: open}); text == "" {
				t.Errorf("%s passed", m.rule)
			} else {
				t.Log(text)
			}
		})
	}
}

// Those that forget break what is about reopening.
func TestBackendsThatForgetAreCaught(t *testing.T) {
	quickRapid(t)
	for _, m := range []struct {
		name, rule string
		forget     func(log []storage.Entry) []storage.Entry
	}{
		{"loses the last batch", "P10", func(log []storage.Entry) []storage.Entry { return log[:len(log)-1] }},
		{"loses a write of the last batch", "P10", func(log []storage.Entry) []storage.Entry {
			last := &log[len(log)-1]
			last.Records = append(last.Records[:len(last.Records)-1:len(last.Records)-1], storage.Record{Key: storage.Key{Kind: "lost", ID: "lost"}, Version: 1})
			return log
		}},
		{"loses IDs", "P9", func(log []storage.Entry) []storage.Entry {
			for i := range log {
				log[i].ID = fmt.Sprint("restored ", i)
			}
			return log
		}},
		{"loses IDs", "P10", func(log []storage.Entry) []storage.Entry {
			for i := range log {
				log[i].ID = fmt.Sprint("restored ", i)
			}
			return log
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			reopen := func(t testing.TB, b storage.Backend) storage.Backend { return replay(t, b, m.forget) }
			if text := verdict(t, m.rule, storagetest.Options{Open: openMemory, Reopen: reopen}); text == "" {
				t.Errorf("%s passed", m.rule)
			}
		})
	}
}

func openMemory(testing.TB) storage.Backend { return storage.NewMemoryBackend() }

// replay commits what is left of a log to a new backend.
func replay(t testing.TB, b storage.Backend, forget func([]storage.Entry) []storage.Entry) storage.Backend {
	log, err := b.Log(t.Context(), 0, storage.MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	b = storage.NewMemoryBackend()
	for _, e := range forget(log) {
		batch := storage.Batch{ID: e.ID, Note: e.Note}
		for _, r := range e.Records {
			batch.Writes = append(batch.Writes, storage.Write{Key: r.Key, Base: r.Version - 1, Data: r.Data, Due: r.Due, Delete: r.Deleted})
		}
		if _, err := b.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// verdict returns what a rule says of a backend, or "" if that passes. What
// depends on how goroutines interleave gets some tries. A backend that lets one
// wait is met in a bubble, where that takes no time.
func verdict(t *testing.T, rule string, o storagetest.Options) string {
	t.Helper()
	found := false
	for range 50 {
		var text string
		for _, r := range storagetest.Rules(o) {
			if !strings.HasPrefix(r.Name, rule+" ") {
				continue
			}
			found = true
			check := func(t *testing.T) {
				tb := &recorder{TB: t}
				done := make(chan struct{})
				go func() { // FailNow ends the goroutine
					defer close(done)
					r.Check(tb)
				}()
				<-done
				tb.cleanup()
				if tb.failed {
					text += tb.text.String() + "\n"
				}
			}
			if rule == "P16" {
				synctest.Test(t, check)
			} else {
				check(t)
			}
		}
		if !found {
			t.Fatalf("there is no rule %s", rule)
		}
		if text != "" {
			return text
		}
	}
	return ""
}

// quickRapid leaves no files and shrinks little: failures are wanted.
func quickRapid(t *testing.T) {
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "100ms"} {
		f := flag.Lookup(name)
		before := f.Value.String()
		_ = f.Value.Set(value)
		t.Cleanup(func() { _ = f.Value.Set(before) })
	}
}

// recorder is a test that keeps what is reported to it.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	text     strings.Builder
	failed   bool
	cleanups []func()
}

func (r *recorder) Helper()      {}
func (r *recorder) Failed() bool { return r.failed }
func (r *recorder) Fail()        { r.failed = true }
func (r *recorder) FailNow()     { r.failed = true; runtime.Goexit() }

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) cleanup() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Log(...any)          {}
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, format+"\n", args...)
	r.failed = true
}
func (r *recorder) Error(args ...any)                 { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); r.FailNow() }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); r.FailNow() }
