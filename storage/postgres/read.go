package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
)

// Get implements [storage.Backend].
func (db *DB) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := storage.CheckKeys(keys); err != nil {
		return 0, nil, err
	}
	if err := db.enter(ctx); err != nil {
		return 0, nil, err
	}
	return db.gets.Get(ctx, keys...)
}

// readKeys reads distinct keys, for several callers of Get.
func (db *DB) readKeys(keys []storage.Key) (pos storage.Pos, records []storage.Record, err error) {
	if len(keys) == 0 {
		err := db.do(context.Background(), "get", func(ctx context.Context) (err error) {
			pos, err = db.position(ctx)
			return err
		})
		return pos, nil, err
	}
	kinds, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		kinds[i], ids[i] = k.Kind, k.ID
	}
	found := make(map[storage.Key]storage.Record, len(keys))
	err = db.do(context.Background(), "get", func(ctx context.Context) error {
		rows, err := db.pool.Query(ctx, db.sql.get, kinds, ids)
		if err != nil {
			return err
		}
		there, err := collect(rows, &pos)
		for _, r := range there {
			found[r.Key] = r
		}
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	records = make([]storage.Record, len(keys))
	for i, k := range keys {
		records[i] = found[k]
		records[i].Key = k
	}
	return pos, records, nil
}

// position reads the last position.
func (db *DB) position(ctx context.Context) (pos storage.Pos, err error) {
	err = db.pool.QueryRow(ctx, db.sql.position).Scan(&pos)
	return pos, err
}

// List implements [storage.Backend].
func (db *DB) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	if err := storage.CheckList(kind, after, limit); err != nil {
		return nil, err
	}
	return db.records(ctx, "list", db.sql.list, kind, after, limit)
}

// Due implements [storage.Backend].
func (db *DB) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if err := storage.CheckPage(kind, limit); err != nil {
		return nil, err
	}
	return db.records(ctx, "due", db.sql.due, kind, microsUntil(now), limit)
}

// microsUntil returns the last whole microsecond that is not after t, kept in
// the range of int64.
func microsUntil(t time.Time) int64 {
	switch year := t.Year(); {
	case year > 9999+1:
		return math.MaxInt64
	case year < -1:
		return math.MinInt64
	}
	return t.UnixMicro()
}

// History implements [storage.Backend].
func (db *DB) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	if err := storage.CheckHistory(key, limit); err != nil {
		return nil, err
	}
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	after = min(after, math.MaxInt64)
	var records []storage.Record
	err := db.do(ctx, "history", func(ctx context.Context) (err error) {
		records, err = db.readHistory(ctx, key, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (db *DB) readHistory(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	// One more, to know whether the first is the current one.
	rows, err := db.pool.Query(ctx, db.sql.history, key.Kind, key.ID, int64(after), limit+1)
	if err != nil {
		return nil, err
	}
	var first storage.Pos
	records, err := collect(rows, &first)
	switch {
	case err != nil || len(records) == 0:
		return nil, err
	case records[0].Version > after+1, len(records) > 1 && records[0].Pos < first:
		// One whose entry was dropped while it was current may still be there.
		return nil, fmt.Errorf("%w: version %d of %s", storage.ErrTrimmed, after+1, key)
	}
	return records[:min(len(records), limit)], nil
}

// Log implements [storage.Backend].
func (db *DB) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if err := storage.CheckLimit(limit); err != nil {
		return nil, err
	}
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	after = min(after, math.MaxInt64-storage.MaxLimit)
	var entries []storage.Entry
	err := db.do(ctx, "log", func(ctx context.Context) (err error) {
		entries, err = db.readLog(ctx, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (db *DB) readLog(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	// Positions are dense, so a range of them is a page.
	rows, err := db.pool.Query(ctx, db.sql.log, int64(after), int64(after)+int64(limit))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []storage.Entry
	var first storage.Pos
	var batch *string
	var note []byte
	var c columns
	targets := append([]any{&first, &batch, &note}, c.targets()...)
	for rows.Next() {
		batch, note, c = nil, nil, columns{}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		r, ok := c.record()
		switch {
		case after+1 < first:
			return nil, fmt.Errorf("%w: position %d", storage.ErrTrimmed, after+1)
		case !ok:
			return entries, nil // the log ends here
		case batch != nil: // in the first row of each
			entries = append(entries, storage.Entry{Pos: r.Pos, ID: *batch, Note: empty(note)})
		}
		e := &entries[len(entries)-1]
		e.Records = append(e.Records, r)
	}
	return entries, rows.Err()
}

// records reads rows of records.
func (db *DB) records(ctx context.Context, doing, sql string, args ...any) ([]storage.Record, error) {
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	var records []storage.Record
	err := db.do(ctx, doing, func(ctx context.Context) error {
		rows, err := db.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		records, err = collect(rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// collect reads rows of records, which may stand after other columns.
func collect(rows pgx.Rows, before ...any) ([]storage.Record, error) {
	defer rows.Close()
	var records []storage.Record
	var c columns
	targets := append(before, c.targets()...)
	for rows.Next() {
		c = columns{}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		if r, ok := c.record(); ok {
			records = append(records, r)
		}
	}
	return records, rows.Err()
}

// columns are those of a record, all null where an outer join found none.
type columns struct {
	kind, id     *string
	version, pos *int64
	data         []byte
	due          *int64
	deleted      *bool
}

func (c *columns) targets() []any {
	return []any{&c.kind, &c.id, &c.version, &c.pos, &c.data, &c.due, &c.deleted}
}

func (c *columns) record() (r storage.Record, ok bool) {
	if c.version == nil {
		return r, false
	}
	r = storage.Record{
		Key:     storage.Key{Kind: *c.kind, ID: *c.id},
		Version: storage.Version(*c.version),
		Pos:     storage.Pos(*c.pos),
		Data:    empty(c.data),
		Deleted: *c.deleted,
	}
	if c.due != nil {
		r.Due = storage.DueFromMicros(*c.due)
	}
	return r, true
}

// empty returns nil for no bytes: none were stored.
func empty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
