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
	return &memory{log: memoryLog{first: 1}, ids: map[string]Pos{}, kinds: map[string]*kindIndex{}}
}

type memory struct {
	mu     sync.RWMutex
	closed bool
	log    memoryLog
	ids    map[string]Pos // of the entries in the log
	kinds  map[string]*kindIndex
	grown  chan struct{} // nil unless somebody waits; closed when the log grows or the store is closed
}

// kindIndex holds the records of one kind.
type kindIndex struct {
	name string
	keys map[string]*versions
	ids  ordered[string] // of what is not deleted
	due  ordered[timer]
}

type timer struct {
	micros int64
	id     string
}

func compareTimers(a, b timer) int {
	return cmp.Or(cmp.Compare(a.micros, b.micros), strings.Compare(a.id, b.id))
}

func newKindIndex(name string) *kindIndex {
	return &kindIndex{name, map[string]*versions{}, ordered[string]{compare: strings.Compare}, ordered[timer]{compare: compareTimers}}
}

// versions are the kept versions of one key. They lie in the entries of the
// log, or by themselves when these are dropped.
type versions struct {
	current *Record
	older   []*Record // the oldest first
}

// trim drops the versions before floor, but for the current one. The array is a
// new one, so that old data is freed.
func (v *versions) trim(floor Pos) {
	n := 0
	for n < len(v.older) && v.older[n].Pos < floor {
		n++
	}
	if n > 0 {
		v.older = append([]*Record(nil), v.older[n:]...)
	}
	if v.current.Pos < floor { // it alone shall stay of its entry
		alone := *v.current
		v.current = &alone
	}
}

// versions returns the versions of a key, or nil.
func (m *memory) versions(k Key) *versions {
	if kind := m.kinds[k.Kind]; kind != nil {
		return kind.keys[k.ID]
	}
	return nil
}

// current returns the current version of a key.
func (m *memory) current(k Key) Record {
	if v := m.versions(k); v != nil {
		return *v.current
	}
	return Record{Key: k}
}

// version returns the current version of a key and whether it exists.
func (m *memory) version(k Key) (Version, bool) {
	if v := m.versions(k); v != nil {
		return v.current.Version, v.current.Exists()
	}
	return 0, false
}

// memoryLog is the log, in chunks, so that growing moves nothing.
type memoryLog struct {
	first  Pos // that is kept
	length int
	skip   int // places of the first chunk that were dropped
	chunks [][]stored
}

// stored is an entry and by what to know its batch again.
type stored struct {
	Entry
	digest Digest
}

const logChunk = 128

func (l *memoryLog) last() Pos { return l.first + Pos(l.length) - 1 }

func (l *memoryLog) at(p Pos) *stored {
	i := int(p-l.first) + l.skip
	return &l.chunks[i/logChunk][i%logChunk]
}

func (l *memoryLog) add(s stored) {
	if (l.skip+l.length)%logChunk == 0 {
		l.chunks = append(l.chunks, make([]stored, 0, logChunk))
	}
	end := &l.chunks[len(l.chunks)-1]
	*end = append(*end, s)
	l.length++
}

// dropFirst drops the first entry.
func (l *memoryLog) dropFirst() {
	*l.at(l.first) = stored{}
	l.first++
	l.length--
	if l.skip++; l.skip == logChunk {
		l.chunks, l.skip = l.chunks[1:], 0
	}
}

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
	if pos, ok := m.ids[b.ID]; ok {
		if m.log.at(pos).digest != digest {
			return 0, SameIDError(b.ID)
		}
		return pos, nil
	}
	if err := b.Conflict(m.version); err != nil {
		return 0, err
	}
	pos := m.log.last() + 1
	entry := Entry{Pos: pos, ID: b.ID, Note: b.Note, Records: make([]Record, len(b.Writes))}
	for i, w := range b.Writes {
		m.write(&entry.Records[i], pos, w)
	}
	m.log.add(stored{entry, digest})
	m.ids[b.ID] = pos
	m.wake()
	return pos, nil
}

// write makes r the next version of a key and keeps the indexes in step.
func (m *memory) write(r *Record, pos Pos, w Write) {
	kind := m.kinds[w.Key.Kind]
	if kind == nil {
		kind = newKindIndex(w.Key.Kind)
		m.kinds[w.Key.Kind] = kind
	}
	w.Key.Kind = kind.name // one string for all
	var before Record
	if v := kind.keys[w.Key.ID]; v == nil {
		kind.keys[w.Key.ID] = &versions{current: r}
	} else {
		before = *v.current
		v.older, v.current = append(v.older, v.current), r
	}
	*r = Record{Key: w.Key, Version: before.Version + 1, Pos: pos, Data: w.Data, Due: w.Due, Deleted: w.Delete}
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
		records[i] = m.current(k).clone()
	}
	return m.log.last(), records, nil
}

// clone returns a copy that shares no bytes.
func (r Record) clone() Record {
	r.Data = bytes.Clone(r.Data)
	return r
}

func (m *memory) List(ctx context.Context, kind, after string, limit int) ([]Record, error) {
	if err := CheckList(kind, after, limit); err != nil {
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
			records = append(records, index.keys[id].current.clone())
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
				records = append(records, index.keys[t.id].current.clone())
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
	v := m.versions(key)
	if v == nil || after >= v.current.Version {
		return nil, nil
	}
	back := v.current.Version - (after + 1) // from the current version to the first
	// A version whose entry was dropped while it was current may still be there.
	if back > Version(len(v.older)) || back > 0 && v.older[len(v.older)-int(back)].Pos < m.log.first {
		return nil, fmt.Errorf("%w: version %d of %s", ErrTrimmed, after+1, key)
	}
	var records []Record
	for _, r := range v.older[len(v.older)-int(back):] {
		if len(records) == limit {
			return records, nil
		}
		records = append(records, r.clone())
	}
	if len(records) < limit {
		records = append(records, v.current.clone())
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
	if after >= m.log.last() {
		return nil, nil
	}
	if after+1 < m.log.first {
		return nil, fmt.Errorf("%w: position %d", ErrTrimmed, after+1)
	}
	entries := make([]Entry, min(uint64(m.log.last()-after), uint64(limit)))
	for i := range entries {
		entries[i] = m.log.at(after + 1 + Pos(i)).clone()
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
	err, last, grown := m.enter(ctx), m.log.last(), m.grown
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
			cursors = append(cursors, *index.keys[id].current)
		}
	}
	floor := TrimFloor(before, m.log.last(), cursors)
	for m.log.first < floor {
		e := m.log.at(m.log.first)
		delete(m.ids, e.ID)
		for _, r := range e.Records {
			m.versions(r.Key).trim(floor)
		}
		m.log.dropFirst()
	}
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.wake()
		m.log, m.ids, m.kinds = memoryLog{}, nil, nil
	}
	return nil
}
