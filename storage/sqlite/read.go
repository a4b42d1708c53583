package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// reads are the statements for reading. Each is one snapshot by itself, so
// there are no transactions.
type reads struct {
	last, first, get, list, due, history, log *sql.Stmt
}

// lastPosition is the last position as a value in SQL. No counter is kept, so
// that a commit has one page less to write.
const lastPosition = `coalesce((SELECT max(pos) FROM batches), (SELECT first - 1 FROM meta))`

// columns are what scanRecord scans.
const columns = `v.kind, v.id, v.version, v.seq, v.due, v.deleted, v.data`

func (r *reads) prepare(ctx context.Context, db *sql.DB) (err error) {
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&r.last, `SELECT ` + lastPosition},
		{&r.first, `SELECT first FROM meta`},
		{&r.get, `SELECT ` + lastPosition + `, k.key, v.version, v.seq, v.due, v.deleted, v.data
			FROM json_each(?) k LEFT JOIN versions v ON v.seq = ` + currentSeq("k.value->>0", "k.value->>1")},
		{&r.list, `SELECT ` + columns + ` FROM versions v INDEXED BY versions_live
			WHERE kind = ? AND id > ? AND live = 1 ORDER BY id LIMIT ?`},
		{&r.due, `SELECT ` + columns + ` FROM versions v INDEXED BY versions_due
			WHERE kind = ? AND due <= ? AND live = 1 ORDER BY due, id LIMIT ?`},
		{&r.history, `SELECT ` + columns + ` FROM (
				SELECT * FROM versions WHERE kind = ?1 AND id = ?2 AND live = 0 AND version > ?3 ORDER BY version LIMIT ?4) v
			UNION ALL
			SELECT ` + columns + ` FROM versions v WHERE kind = ?1 AND id = ?2 AND live = 1 AND version > ?3
			ORDER BY version LIMIT ?4`},
		{&r.log, `SELECT b.pos, b.id, CASE v.seq & 255 WHEN 0 THEN b.note END, ` + columns + `
			FROM batches b CROSS JOIN versions v ON v.seq BETWEEN b.pos << 8 AND b.pos << 8 | 255
			WHERE b.pos BETWEEN ? AND ? ORDER BY b.pos, v.seq`},
	} {
		if *s.to, err = db.PrepareContext(ctx, s.text); err != nil {
			return err
		}
	}
	return nil
}

func (r *reads) close() {
	for _, s := range []*sql.Stmt{r.last, r.first, r.get, r.list, r.due, r.history, r.log} {
		if s != nil {
			_ = s.Close()
		}
	}
}

// lastPos returns the last position.
func (d *DB) lastPos(ctx context.Context) (pos storage.Pos, err error) {
	err = d.read.last.QueryRowContext(ctx).Scan(&pos)
	return pos, err
}

// Get implements [storage.Backend].
func (d *DB) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := storage.CheckKeys(keys); err != nil {
		return 0, nil, err
	}
	if err := d.enter(ctx); err != nil {
		return 0, nil, err
	}
	defer d.use.RUnlock()
	pos, records, err := d.get(ctx, keys)
	if err != nil {
		return 0, nil, storage.Unavailable(ctx, "sqlite: get", err)
	}
	return pos, records, nil
}

func (d *DB) get(ctx context.Context, keys []storage.Key) (pos storage.Pos, records []storage.Record, err error) {
	records = make([]storage.Record, len(keys))
	if len(keys) == 0 {
		pos, err = d.lastPos(ctx)
		return pos, records, err
	}
	names := make([][2]string, len(keys))
	for i, k := range keys {
		names[i] = [2]string{k.Kind, k.ID}
	}
	err = each(ctx, d.read.get, []any{toJSON(names)}, func(scan func(...any) error) error {
		var i int
		var version, seq, due sql.NullInt64
		var deleted sql.NullBool
		var data []byte
		if err := scan(&pos, &i, &version, &seq, &due, &deleted, &data); err != nil {
			return err
		}
		records[i] = record(keys[i], version.Int64, seq.Int64, due, deleted.Bool, data)
		return nil
	})
	return pos, records, err
}

func record(k storage.Key, version, seq int64, due sql.NullInt64, deleted bool, data []byte) storage.Record {
	r := storage.Record{Key: k, Version: storage.Version(version), Pos: storage.Pos(seq >> posShift), Data: data, Deleted: deleted}
	if due.Valid {
		r.Due = storage.DueFromMicros(due.Int64)
	}
	return r
}

// scanRecord scans columns, after what stands before them.
func scanRecord(scan func(...any) error, before ...any) (storage.Record, error) {
	var k storage.Key
	var version, seq int64
	var due sql.NullInt64
	var deleted bool
	var data []byte
	err := scan(append(before, &k.Kind, &k.ID, &version, &seq, &due, &deleted, &data)...)
	return record(k, version, seq, due, deleted, data), err
}

// records reads records with a statement of a limit.
func (d *DB) records(ctx context.Context, doing string, s *sql.Stmt, args ...any) ([]storage.Record, error) {
	if err := d.enter(ctx); err != nil {
		return nil, err
	}
	defer d.use.RUnlock()
	var list []storage.Record
	err := each(ctx, s, args, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, storage.Unavailable(ctx, doing, err)
	}
	return list, nil
}

// List implements [storage.Backend].
func (d *DB) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	if err := storage.CheckList(kind, after, limit); err != nil {
		return nil, err
	}
	return d.records(ctx, "sqlite: list", d.read.list, kind, after, limit)
}

// Due implements [storage.Backend].
func (d *DB) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if err := storage.CheckPage(kind, limit); err != nil {
		return nil, err
	}
	return d.records(ctx, "sqlite: due", d.read.due, kind, micros(now), limit)
}

// micros returns a time as due times are stored, rounded down, and for times
// that no due time can have the nearest number.
func micros(t time.Time) int64 {
	switch {
	case t.Year() < 1:
		return math.MinInt64
	case t.Year() > 10000: // 9999 may be rounded up
		return math.MaxInt64
	}
	return t.UnixMicro()
}

// History implements [storage.Backend].
func (d *DB) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	if err := storage.CheckHistory(key, limit); err != nil {
		return nil, err
	}
	list, err := d.records(ctx, "sqlite: history", d.read.history, key.Kind, key.ID, int64(min(after, math.MaxInt64)), limit)
	if err != nil {
		return nil, err
	}
	// Kept versions are dense, up to the current one.
	if len(list) > 0 && list[0].Version != after+1 {
		return nil, fmt.Errorf("%w: version %d of %s", storage.ErrTrimmed, after+1, key)
	}
	return list, nil
}

// Log implements [storage.Backend].
func (d *DB) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if err := storage.CheckLimit(limit); err != nil {
		return nil, err
	}
	if err := d.enter(ctx); err != nil {
		return nil, err
	}
	defer d.use.RUnlock()
	entries, trimmed, err := d.log(ctx, min(after, maxPos-storage.MaxLimit), limit)
	if err != nil {
		return nil, storage.Unavailable(ctx, "sqlite: log", err)
	}
	if trimmed {
		return nil, fmt.Errorf("%w: position %d", storage.ErrTrimmed, after+1)
	}
	return entries, nil
}

func (d *DB) log(ctx context.Context, after storage.Pos, limit int) (entries []storage.Entry, trimmed bool, err error) {
	first, last := after+1, after+storage.Pos(limit) // positions are dense
	err = each(ctx, d.read.log, []any{int64(first), int64(last)}, func(scan func(...any) error) error {
		var e storage.Entry
		r, err := scanRecord(scan, &e.Pos, &e.ID, &e.Note)
		if n := len(entries); n > 0 && entries[n-1].Pos == e.Pos {
			entries[n-1].Records = append(entries[n-1].Records, r)
			return err
		}
		e.Records = []storage.Record{r}
		entries = append(entries, e)
		return err
	})
	if err != nil || len(entries) > 0 && entries[0].Pos == first {
		return entries, false, err
	}
	// Either first is beyond the end, or it was dropped.
	var kept storage.Pos
	err = d.read.first.QueryRowContext(ctx).Scan(&kept)
	return nil, first < kept, err
}
