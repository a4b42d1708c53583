package storagetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// reference is the contract in its simplest form: a list of entries, from which
// each answer is worked out anew. It shares nothing with a real backend but the
// checks of input. It serves one goroutine.
type reference struct {
	entries []storage.Entry
	digests []storage.Digest // of entries
	floor   storage.Pos      // entries before it are dropped
}

func (m *reference) last() storage.Pos { return storage.Pos(len(m.entries)) }

// versions returns all versions that a key ever had.
func (m *reference) versions(k storage.Key) []storage.Record {
	var list []storage.Record
	for _, e := range m.entries {
		for _, r := range e.Records {
			if r.Key == k {
				list = append(list, r)
			}
		}
	}
	return list
}

func (m *reference) current(k storage.Key) storage.Record {
	if list := m.versions(k); len(list) > 0 {
		return list[len(list)-1]
	}
	return storage.Record{Key: k}
}

// existing returns the records of a kind in the order of IDs.
func (m *reference) existing(kind string) []storage.Record {
	now := map[string]storage.Record{}
	for _, e := range m.entries {
		for _, r := range e.Records {
			if r.Key.Kind == kind {
				now[r.Key.ID] = r
			}
		}
	}
	var list []storage.Record
	for _, r := range now {
		if r.Exists() {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b storage.Record) int { return strings.Compare(a.Key.ID, b.Key.ID) })
	return list
}

func (m *reference) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	b, err := storage.CheckBatch(b)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return 0, err
	}
	for i, e := range m.entries {
		if e.ID == b.ID && e.Pos >= m.floor {
			if m.digests[i] != b.Digest() {
				return 0, storage.SameIDError(b.ID)
			}
			return e.Pos, nil
		}
	}
	for _, c := range b.Checks {
		if now := m.current(c.Key); !holds(c, now) {
			return 0, &storage.ConflictError{Key: c.Key, Base: c.Version, Current: now.Version}
		}
	}
	e := storage.Entry{Pos: m.last() + 1, ID: b.ID, Note: b.Note}
	for _, w := range b.Writes {
		now := m.current(w.Key)
		if !current(w, now) {
			return 0, &storage.ConflictError{Key: w.Key, Base: w.Base, Current: now.Version}
		}
		e.Records = append(e.Records, storage.Record{Key: w.Key, Version: now.Version + 1, Pos: e.Pos, Data: w.Data, Due: w.Due, Deleted: w.Delete})
	}
	m.entries, m.digests = append(m.entries, e), append(m.digests, b.Digest())
	return e.Pos, nil
}

// current reports whether a write may follow a record.
func current(w storage.Write, now storage.Record) bool {
	if w.Delete && !now.Exists() {
		return false
	}
	return w.Base == now.Version || w.Base == 0 && now.Deleted
}

// holds reports whether a check holds about a record.
func holds(c storage.Check, now storage.Record) bool {
	return c.Version == now.Version || c.Version == 0 && now.Deleted
}

func (m *reference) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := cmp.Or(storage.CheckKeys(keys), ctx.Err()); err != nil {
		return 0, nil, err
	}
	var records []storage.Record
	for _, k := range keys {
		records = append(records, m.current(k))
	}
	return m.last(), records, nil
}

func (m *reference) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	if err := cmp.Or(storage.CheckList(kind, after, limit), ctx.Err()); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(m.existing(kind), func(r storage.Record) bool { return r.Key.ID <= after })
	return list[:min(len(list), limit)], nil
}

func (m *reference) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if err := cmp.Or(storage.CheckPage(kind, limit), ctx.Err()); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(m.existing(kind), func(r storage.Record) bool { return r.Due.IsZero() || r.Due.After(now) })
	slices.SortStableFunc(list, func(a, b storage.Record) int { return a.Due.Compare(b.Due) })
	return list[:min(len(list), limit)], nil
}

func (m *reference) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	if err := cmp.Or(storage.CheckHistory(key, limit), ctx.Err()); err != nil {
		return nil, err
	}
	all := m.versions(key)
	list := all[min(after, storage.Version(len(all))):]
	if len(list) > 1 && list[0].Pos < m.floor {
		return nil, storage.ErrTrimmed
	}
	return list[:min(len(list), limit)], nil
}

func (m *reference) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if err := cmp.Or(storage.CheckLimit(limit), ctx.Err()); err != nil {
		return nil, err
	}
	list := m.entries[min(after, m.last()):]
	if len(list) > 0 && list[0].Pos < m.floor {
		return nil, storage.ErrTrimmed
	}
	return list[:min(len(list), limit)], nil
}

func (m *reference) Wait(ctx context.Context, _ storage.Pos) error { return ctx.Err() }

func (m *reference) Trim(ctx context.Context, before storage.Pos) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.floor = max(m.floor, storage.TrimFloor(before, m.last(), m.existing(storage.CursorKind)))
	return nil
}

func (m *reference) Close() error { return nil }
