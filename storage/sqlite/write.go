package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// groupLimit is how many batches share a transaction at most: at some point the
// wait for the disk is shared enough, and larger groups only delay the first.
const groupLimit = 64

// A writer is the connection that writes, with its statements.
type writer struct {
	conn       *sql.Conn
	statements []*sql.Stmt // all, to close them

	begin, commit, rollback *sql.Stmt
	meta                    *sql.Stmt
	ids, heads              *sql.Stmt // what the batches of a group depend on
	supersede, forget       *sql.Stmt
	batches, versions       inserts

	first, last storage.Pos // in the transaction under way
}

// currentSeq is the SQL for the newest version of a key: the live one, or else
// the one that ended the record.
func currentSeq(kind, id string) string {
	of := fmt.Sprintf("(SELECT seq FROM versions WHERE kind = %s AND id = %s AND live = ", kind, id)
	return "coalesce(" + of + "1), " + of + "0 ORDER BY version DESC LIMIT 1))"
}

// newWriter takes the one connection and prepares it.
func (d *DB) newWriter(ctx context.Context) (_ *writer, err error) {
	w := &writer{}
	if w.conn, err = d.writeDB.Conn(ctx); err != nil {
		return nil, err
	}
	for to, text := range map[**sql.Stmt]string{
		&w.begin:     `BEGIN IMMEDIATE`,
		&w.commit:    `COMMIT`,
		&w.rollback:  `ROLLBACK`,
		&w.meta:      `SELECT schema, first, ` + lastPosition + ` FROM meta`,
		&w.ids:       `SELECT id, pos, digest FROM batches WHERE id IN (SELECT value FROM json_each(?))`,
		&w.heads:     `SELECT k.key, v.seq, v.version, v.live FROM json_each(?2) k JOIN versions v ON v.seq = ` + currentSeq("?1", "k.value"),
		&w.supersede: `UPDATE versions SET live = 0 WHERE seq IN (SELECT value FROM json_each(?))`,
		&w.forget:    `DELETE FROM versions WHERE seq IN (SELECT value FROM json_each(?))`,
	} {
		if *to, err = w.prepare(ctx, text); err != nil {
			break
		}
	}
	if err == nil {
		err = errors.Join(
			w.batches.prepare(ctx, w, "batches", batchColumns),
			w.versions.prepare(ctx, w, "versions", versionColumns))
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	s, err := w.conn.PrepareContext(ctx, text)
	if err == nil {
		w.statements = append(w.statements, s)
	}
	return s, err
}

// close closes the connection for good, whatever state it is in. SQLite rolls
// back what was not committed, once all statements are closed; those of a
// single connection are not closed with it.
func (w *writer) close() {
	for _, s := range w.statements {
		_ = s.Close()
	}
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
}

// dropWriter closes the writer; the next write makes a new one.
func (d *DB) dropWriter() {
	if d.writer != nil {
		d.writer.close()
		d.writer = nil
	}
}

// transact runs change in a transaction that no other writer, of this process
// or another, interleaves with, and commits it if change says so. It takes no
// context: how long it takes is bounded by BusyTimeout, and the work by limits.
// After an error nothing was committed, as far as anybody can know, and the
// connection is made anew.
func (d *DB) transact(change func(ctx context.Context, w *writer) (commit bool, err error)) (err error) {
	ctx := context.Background()
	d.writing.Lock()
	defer d.writing.Unlock()
	defer func() {
		if err != nil {
			d.dropWriter()
		}
	}()
	if d.writer == nil {
		if d.writer, err = d.newWriter(ctx); err != nil {
			return err
		}
	}
	w := d.writer
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return err
	}
	// Another process may have migrated the file since.
	var schema int
	if err := w.meta.QueryRowContext(ctx).Scan(&schema, &w.first, &w.last); err != nil {
		return err
	}
	if schema != Schema {
		return &SchemaError{Path: d.path, Have: schema, Known: Schema}
	}
	commit, err := change(ctx, w)
	if err != nil {
		return err
	}
	end := w.rollback
	if commit {
		end = w.commit
	}
	_, err = end.ExecContext(ctx)
	return err
}

// Commit implements [storage.Backend].
func (d *DB) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	b, err := storage.CheckBatch(b)
	if err != nil {
		return 0, err
	}
	return d.queue.Commit(ctx, b)
}

// commitGroup commits a group in one transaction. If that fails nobody knows
// the outcome, also not of a batch that was refused because of another one in
// the group.
func (d *DB) commitGroup(batches []storage.Batch) []groupcommit.Result {
	var g *group
	err := d.transact(func(ctx context.Context, w *writer) (bool, error) {
		g = &group{first: w.first, last: w.last}
		if err := g.load(ctx, w, batches); err != nil {
			return false, err
		}
		for _, b := range batches {
			pos, err := g.decide(b)
			g.results = append(g.results, groupcommit.Result{Pos: pos, Err: err})
		}
		return g.last > w.last, g.write(ctx, w)
	})
	if err != nil {
		results := make([]groupcommit.Result, len(batches))
		for i := range results {
			results[i].Err = storage.Unavailable(context.Background(), "sqlite: commit", err)
		}
		return results
	}
	d.growTo(g.last)
	return g.results
}

// A group is what one transaction decides and writes. The batches are decided
// in order and in memory, each against what those before it have left, so one
// that is refused leaves nothing to undo.
type group struct {
	first   storage.Pos // that Trim has kept
	last    storage.Pos
	results []groupcommit.Result

	ids   map[string]batchRef
	heads map[storage.Key]head

	batches    []any   // values of rows
	versions   []any   // values of rows
	superseded []int64 // seq of stored versions that are live no more
	forgotten  []int64 // and of those whose entry Trim has dropped
}

type batchRef struct {
	pos    storage.Pos
	digest storage.Digest
}

// A head is the newest version of a key.
type head struct {
	version storage.Version
	live    bool
	seq     int64
	row     int // in group.versions, if it is not stored yet; else -1
}

// load reads what is stored about the IDs and the keys of the batches, with a
// statement for the IDs and one for the keys of each kind: taking pairs apart in
// SQL costs more than the groups that have many kinds.
func (g *group) load(ctx context.Context, w *writer, batches []storage.Batch) error {
	ids, writes := make([]string, len(batches)), 0
	keys := map[string][]string{} // by kind
	g.ids = make(map[string]batchRef, len(batches))
	g.heads = make(map[storage.Key]head, len(batches))
	for i, b := range batches {
		ids[i] = b.ID
		writes += len(b.Writes)
		for k := range b.Keys() {
			if _, ok := g.heads[k]; !ok {
				g.heads[k] = head{row: -1}
				keys[k.Kind] = append(keys[k.Kind], k.ID)
			}
		}
	}
	g.batches = make([]any, 0, len(batches)*w.batches.columns)
	g.versions = make([]any, 0, writes*w.versions.columns)
	err := each(ctx, w.ids, []any{toJSON(ids)}, func(scan func(...any) error) error {
		var id string
		var ref batchRef
		var digest []byte
		err := scan(&id, &ref.pos, &digest)
		copy(ref.digest[:], digest)
		g.ids[id] = ref
		return err
	})
	for kind, ids := range keys {
		if err != nil {
			break
		}
		err = each(ctx, w.heads, []any{kind, toJSON(ids)}, func(scan func(...any) error) error {
			var i int
			h := head{row: -1}
			err := scan(&i, &h.seq, &h.version, &h.live)
			g.heads[storage.Key{Kind: kind, ID: ids[i]}] = h
			return err
		})
	}
	return err
}

// decide decides one batch and notes what it writes.
func (g *group) decide(b storage.Batch) (storage.Pos, error) {
	digest := b.Digest()
	if ref, ok := g.ids[b.ID]; ok {
		if ref.digest != digest {
			return 0, storage.SameIDError(b.ID)
		}
		return ref.pos, nil
	}
	err := b.Conflict(func(k storage.Key) (storage.Version, bool) { return g.heads[k].version, g.heads[k].live })
	if err != nil {
		return 0, err
	}
	g.last++
	g.ids[b.ID] = batchRef{g.last, digest}
	g.batches = append(g.batches, int64(g.last), b.ID, digest[:], notNil(b.Note))
	for i, write := range b.Writes {
		g.add(int64(g.last)<<posShift|int64(i), write)
	}
	return g.last, nil
}

// columns of batches and versions that are inserted.
const (
	batchColumns   = "pos, id, digest, note"
	versionColumns = "seq, kind, id, version, due, deleted, live, data"
	liveColumn     = 6
)

// add notes a version and what becomes of the one before.
func (g *group) add(seq int64, w storage.Write) {
	h := g.heads[w.Key]
	switch {
	case h.version == 0:
	case h.row >= 0:
		g.versions[h.row+liveColumn] = int64(0)
	case storage.Pos(h.seq>>posShift) < g.first:
		g.forgotten = append(g.forgotten, h.seq)
	case h.live:
		g.superseded = append(g.superseded, h.seq)
	}
	h = head{version: h.version + 1, live: !w.Delete, seq: seq, row: len(g.versions)}
	g.heads[w.Key] = h
	var due any
	if micros, ok := (storage.Record{Due: w.Due}).DueMicros(); ok {
		due = micros
	}
	g.versions = append(g.versions, seq, w.Key.Kind, w.Key.ID, int64(h.version), due, flag(w.Delete), flag(h.live), notNil(w.Data))
}

// write writes what was decided. What is succeeded comes first: the index of
// live versions is unique.
func (g *group) write(ctx context.Context, w *writer) error {
	if g.last == w.last {
		return nil
	}
	if len(g.superseded) > 0 {
		if _, err := w.supersede.ExecContext(ctx, toJSON(g.superseded)); err != nil {
			return err
		}
	}
	if len(g.forgotten) > 0 {
		if _, err := w.forget.ExecContext(ctx, toJSON(g.forgotten)); err != nil {
			return err
		}
	}
	if err := w.batches.insert(ctx, g.batches); err != nil {
		return err
	}
	return w.versions.insert(ctx, g.versions)
}

// rowsPerInsert are the statements of inserts: a statement costs about as much
// as a row.
var rowsPerInsert = [...]int{16, 4, 1}

// inserts insert rows into one table, several with one statement.
type inserts struct {
	columns int
	by      [len(rowsPerInsert)]*sql.Stmt
}

func (in *inserts) prepare(ctx context.Context, w *writer, table, columns string) (err error) {
	in.columns = strings.Count(columns, ",") + 1
	row := "(?" + strings.Repeat(", ?", in.columns-1) + ")"
	for i, n := range rowsPerInsert {
		text := fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", table, columns, row+strings.Repeat(", "+row, n-1))
		if in.by[i], err = w.prepare(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// insert inserts rows, whose values follow one another.
func (in *inserts) insert(ctx context.Context, values []any) error {
	for i, n := range rowsPerInsert {
		for n *= in.columns; len(values) >= n; values = values[n:] {
			if _, err := in.by[i].ExecContext(ctx, values[:n]...); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls f for each row of an answer.
func each(ctx context.Context, s *sql.Stmt, args []any, f func(scan func(...any) error) error) error {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// toJSON encodes what json_each takes apart: one argument for any number of
// values. Names are valid UTF-8, so nothing is lost.
func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(text)
}

// notNil keeps empty bytes from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
