package storage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// NewMemory returns a Store that lives in memory and is gone with the process:
// for tests, examples and what need not survive. It keeps the whole contract
// but durability.
func NewMemory() *Store { return New(NewMemoryBackend()) }

// NewMemoryBackend returns the backend of [NewMemory].
func NewMemoryBackend() Backend {
	return &memory{first: 1, ids: map[string]batchRef{}, keys: map[Key]*versions{}, kinds: map[string]*kindIndex{}}
}

type memory struct {
	mu      sync.RWMutex
	closed  bool
	first   Pos // of entries[0]
	entries []Entry
	ids     map[string]batchRef
	keys    map[Key]*versions
	kinds   map[string]*kindIndex
	grown   chan struct{} // nil unless somebody waits; closed when the log grows or the store is closed
}

type batchRef struct {
	pos    Pos
	digest Digest
}

// versions are the kept versions of one key, the oldest first; the last is
// current.
type versions struct {
	list []Record
}

func (v *versions) current() Record {
	if v == nil {
		return Record{}
	}
	return v.list[len(v.list)-1]
}

// trim drops the versions before floor, but for the current one.
func (v *versions) trim(floor Pos) {
	n := 0
	for n < len(v.list)-1 && v.list[n].Pos < floor {
		n++
	}
	if n > 0 {
		v.list = append([]Record(nil), v.list[n:]...) // a new array, so that old data is freed
	}
}

// kindIndex orders the records of one kind that are not deleted.
type kindIndex struct {
	ids ordered[string]
	due ordered[timer]
}

type timer struct {
	micros int64
	id     string
}

func compareTimers(a, b timer) int {
	return cmp.Or(cmp.Compare(a.micros, b.micros), strings.Compare(a.id, b.id))
}

func (m *memory) last() Pos { return m.first + Pos(len(m.entries)) - 1 }

// enter checks what every call checks first.
func (m *memory) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	if m.closed {
		return ErrClosed
	}
	return nil
}

func (m *memory) Commit(ctx context.Context, b Batch) (Pos, error) {
	b, err := CheckBatch(b)
	if err != nil {
		return 0, err
	}
	digest := b.Digest()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	if ref, ok := m.ids[b.ID]; ok {
		if ref.digest != digest {
			return 0, SameIDError(b.ID)
		}
		return ref.pos, nil
	}
	for _, w := range b.Writes {
		current := m.keys[w.Key].current()
		if w.Base != current.Version && !(w.Base == 0 && current.Deleted) || w.Delete && current.Deleted {
			return 0, &ConflictError{w.Key, w.Base, current.Version}
		}
	}
	pos := m.last() + 1
	entry := Entry{Pos: pos, ID: b.ID, Note: b.Note, Records: make([]Record, len(b.Writes))}
	for i, w := range b.Writes {
		entry.Records[i] = m.write(pos, w)
	}
	m.entries = append(m.entries, entry)
	m.ids[b.ID] = batchRef{pos, digest}
	m.wake()
	return pos, nil
}

// write adds a version and keeps the indexes in step.
func (m *memory) write(pos Pos, w Write) Record {
	kind := m.kinds[w.Key.Kind]
	if kind == nil {
		kind = &kindIndex{ids: ordered[string]{compare: strings.Compare}, due: ordered[timer]{compare: compareTimers}}
		m.kinds[w.Key.Kind] = kind
	}
	v := m.keys[w.Key]
	if v == nil {
		v = &versions{}
		m.keys[w.Key] = v
	}
	var before Record
	if len(v.list) > 0 {
		before = v.current()
	}
	r := Record{Key: w.Key, Version: before.Version + 1, Pos: pos, Data: w.Data, Due: w.Due, Deleted: w.Delete}
	v.list = append(v.list, r)
	if micros, ok := before.DueMicros(); ok {
		kind.due.delete(timer{micros, w.Key.ID})
	}
	if micros, ok := r.DueMicros(); ok {
		kind.due.insert(timer{micros, w.Key.ID})
	}
	switch {
	case r.Deleted:
		kind.ids.delete(w.Key.ID)
	case !before.Exists():
		kind.ids.insert(w.Key.ID)
	}
	return r
}

// wake ends every Wait.
func (m *memory) wake() {
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
}

func (m *memory) Get(ctx context.Context, keys ...Key) (Pos, []Record, error) {
	if err := CheckKeys(keys); err != nil {
		return 0, nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.enter(ctx); err != nil {
		return 0, nil, err
	}
	records := make([]Record, len(keys))
	for i, k := range keys {
		records[i] = m.keys[k].current().clone()
		records[i].Key = k
	}
	return m.last(), records, nil
}

// clone returns a copy that shares no bytes.
func (r Record) clone() Record {
	r.Data = bytes.Clone(r.Data)
	return r
}

func (m *memory) List(ctx context.Context, kind, after string, limit int) ([]Record, error) {
	if err := CheckPage(kind, limit); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	var records []Record
	if index := m.kinds[kind]; index != nil {
		for id := range index.ids.from(after) {
			if id == after {
				continue
			}
			if len(records) == limit {
				break
			}
			records = append(records, m.keys[Key{kind, id}].current().clone())
		}
	}
	return records, nil
}

func (m *memory) Due(ctx context.Context, kind string, now time.Time, limit int) ([]Record, error) {
	if err := CheckPage(kind, limit); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	var records []Record
	if index := m.kinds[kind]; index != nil {
		for _, chunk := range index.due.chunks {
			for _, t := range chunk {
				if len(records) == limit || DueFromMicros(t.micros).After(now) {
					return records, nil
				}
				records = append(records, m.keys[Key{kind, t.id}].current().clone())
			}
		}
	}
	return records, nil
}

func (m *memory) History(ctx context.Context, key Key, after Version, limit int) ([]Record, error) {
	if err := CheckHistory(key, limit); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	v := m.keys[key]
	if v == nil || after >= v.current().Version {
		return nil, nil
	}
	first := v.list[0].Version
	if after+1 < first {
		return nil, fmt.Errorf("%w: version %d of %s", ErrTrimmed, after+1, key)
	}
	var records []Record
	for _, r := range v.list[after+1-first:] {
		if len(records) == limit {
			break
		}
		records = append(records, r.clone())
	}
	return records, nil
}

func (m *memory) Log(ctx context.Context, after Pos, limit int) ([]Entry, error) {
	if err := CheckLimit(limit); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	if after >= m.last() {
		return nil, nil
	}
	if after+1 < m.first {
		return nil, fmt.Errorf("%w: position %d", ErrTrimmed, after+1)
	}
	page := m.entries[after+1-m.first:]
	page = page[:min(len(page), limit)]
	entries := make([]Entry, len(page))
	for i, e := range page {
		entries[i] = e.clone()
	}
	return entries, nil
}

// clone returns a copy that shares no bytes.
func (e Entry) clone() Entry {
	e.Note = bytes.Clone(e.Note)
	records := make([]Record, len(e.Records))
	for i, r := range e.Records {
		records[i] = r.clone()
	}
	e.Records = records
	return e
}

func (m *memory) Wait(ctx context.Context, after Pos) error {
	m.mu.Lock()
	if m.grown == nil {
		m.grown = make(chan struct{})
	}
	err, last, grown := m.enter(ctx), m.last(), m.grown
	m.mu.Unlock()
	if err != nil || last > after {
		return err
	}
	select {
	case <-grown:
		m.mu.RLock()
		defer m.mu.RUnlock()
		return m.enter(ctx)
	case <-ctx.Done():
		return fmt.Errorf("storage: %w", ctx.Err())
	}
}

func (m *memory) Trim(ctx context.Context, before Pos) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return err
	}
	var cursors []Record
	if index := m.kinds[CursorKind]; index != nil {
		for id := range index.ids.from("") {
			cursors = append(cursors, m.keys[Key{CursorKind, id}].current())
		}
	}
	floor := TrimFloor(before, m.last(), cursors)
	if floor <= m.first {
		return nil
	}
	n := int(floor - m.first)
	for _, e := range m.entries[:n] {
		delete(m.ids, e.ID)
		for _, r := range e.Records {
			m.keys[r.Key].trim(floor)
		}
	}
	m.entries = append([]Entry(nil), m.entries[n:]...)
	m.first = floor
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.wake()
		m.entries, m.ids, m.keys, m.kinds = nil, nil, nil, nil
	}
	return nil
}
