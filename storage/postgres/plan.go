package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// A state is what a transaction knows while it holds the lock.
type state struct {
	pos       storage.Pos               // the last position
	committed map[string]commitment     // by batch ID
	heads     map[storage.Key]versioned // the last version of each key
}

type commitment struct {
	pos    storage.Pos
	digest storage.Digest
}

type versioned struct {
	version storage.Version
	deleted bool
}

// A plan is what a group does: the outcome of each batch, in order, if the
// transaction commits, and the rows to write, column by column.
type plan struct {
	results  []groupcommit.Result
	last     storage.Pos // of the new batches; 0: there are none
	versions struct {
		pos      array[int64]
		n        array[int16]
		kind, id array[string]
		version  array[int64]
		data     array[[]byte]
		due      array[*int64]
		deleted  array[bool]
		batch    array[*string] // null but in the first row of a batch
		digest   array[[]byte]  // likewise
		note     array[[]byte]
	}
	born, changed live          // the last version of each key that the group leaves
	dead          []storage.Key // the keys that it deletes
}

// live are rows of the table.
type live struct {
	kind, id array[string]
	version  array[int64]
	due      array[*int64]
}

// array is a slice that pgx encodes without reflection.
type array[T any] = pgtype.FlatArray[T]

// makePlan decides about each batch as if it came alone after the one before.
// One that conflicts writes nothing and takes no position.
func makePlan(s state, group []storage.Batch) *plan {
	p := newPlan(group)
	written := make(map[storage.Key]change, len(group))
	for i, b := range group {
		pos, fresh, err := s.decide(b)
		p.results[i] = groupcommit.Result{Pos: pos, Err: err}
		if err != nil || !fresh {
			continue
		}
		digest := b.Digest()
		s.pos, s.committed[b.ID], p.last = pos, commitment{pos, digest}, pos
		for n, w := range b.Writes {
			c, again := written[w.Key]
			if head := s.heads[w.Key]; !again {
				c.existed = head.version > 0 && !head.deleted
			}
			c.write, c.version = w, s.heads[w.Key].version+1
			written[w.Key], s.heads[w.Key] = c, versioned{c.version, w.Delete}
			p.addVersion(pos, n, c)
		}
		first := len(p.versions.batch) - len(b.Writes)
		p.versions.batch[first], p.versions.digest[first], p.versions.note[first] = &b.ID, digest[:], notNull(b.Note)
	}
	for _, c := range written {
		p.addLive(c)
	}
	return p
}

// newPlan returns an empty plan with room for all that the group may write.
func newPlan(group []storage.Batch) *plan {
	n := 0
	for _, b := range group {
		n += len(b.Writes)
	}
	p := &plan{results: make([]groupcommit.Result, len(group))}
	v := &p.versions
	v.pos, v.n, v.version = make([]int64, 0, n), make([]int16, 0, n), make([]int64, 0, n)
	v.kind, v.id, v.batch = make([]string, 0, n), make([]string, 0, n), make([]*string, 0, n)
	v.data, v.digest, v.note = make([][]byte, 0, n), make([][]byte, 0, n), make([][]byte, 0, n)
	v.due, v.deleted = make([]*int64, 0, n), make([]bool, 0, n)
	return p
}

// change is what a group does to a key.
type change struct {
	existed bool // before the group
	write   storage.Write
	version storage.Version
}

func (p *plan) addVersion(pos storage.Pos, n int, c change) {
	v, w := &p.versions, c.write
	v.pos = append(v.pos, int64(pos))
	v.n = append(v.n, int16(n))
	v.kind = append(v.kind, w.Key.Kind)
	v.id = append(v.id, w.Key.ID)
	v.version = append(v.version, int64(c.version))
	v.data = append(v.data, notNull(w.Data))
	v.due = append(v.due, dueColumn(w))
	v.deleted = append(v.deleted, w.Delete)
	v.batch = append(v.batch, nil)
	v.digest = append(v.digest, nil)
	v.note = append(v.note, nil)
}

func (p *plan) addLive(c change) {
	rows := &p.born
	switch {
	case c.write.Delete && c.existed:
		p.dead = append(p.dead, c.write.Key)
		return
	case c.write.Delete:
		return // came and went within the group
	case c.existed:
		rows = &p.changed
	}
	rows.kind = append(rows.kind, c.write.Key.Kind)
	rows.id = append(rows.id, c.write.Key.ID)
	rows.version = append(rows.version, int64(c.version))
	rows.due = append(rows.due, dueColumn(c.write))
}

// decide returns the position of a batch, and whether it is a new one.
func (s *state) decide(b storage.Batch) (pos storage.Pos, fresh bool, err error) {
	if c, ok := s.committed[b.ID]; ok {
		if c.digest != b.Digest() {
			return 0, false, storage.SameIDError(b.ID)
		}
		return c.pos, false, nil
	}
	err = b.Conflict(func(k storage.Key) (storage.Version, bool) {
		head := s.heads[k]
		return head.version, head.version > 0 && !head.deleted
	})
	if err != nil {
		return 0, false, err
	}
	return s.pos + 1, true, nil
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// dueColumn returns microseconds since 1970, or nil for never.
func dueColumn(w storage.Write) *int64 {
	r := storage.Record{Due: w.Due}
	if micros, ok := r.DueMicros(); ok {
		return &micros
	}
	return nil
}
