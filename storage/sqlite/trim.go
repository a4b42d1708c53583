package sqlite

import (
	"context"
	"fmt"

	"github.com/sre-sdk/sre/storage"
)

// trimStep is how many entries one transaction of a Trim drops, so that commits
// wait a few milliseconds at most.
const trimStep = 256

const (
	cursorsText = `SELECT ` + columns + ` FROM versions v WHERE kind = '` + storage.CursorKind + `' AND live = 1`

	// The versions that are not current. Where a deletion is not the newest
	// version, a live one or another one of the past is. Current versions are
	// dropped by the commit that succeeds them.
	trimVersions = `DELETE FROM versions AS old WHERE seq >= ? AND seq < ? AND live = 0 AND (
		deleted = 0
		OR EXISTS (SELECT 1 FROM versions n WHERE n.kind = old.kind AND n.id = old.id AND n.live = 1)
		OR EXISTS (SELECT 1 FROM versions n WHERE n.kind = old.kind AND n.id = old.id AND n.live = 0 AND n.version > old.version))`
	trimBatches = `DELETE FROM batches WHERE pos < ?`
	trimMeta    = `UPDATE meta SET first = ?`
)

// Trim implements [storage.Backend]. It works in short transactions, between
// which commits go on, so it can be ended at any time and begun again. The
// space is used again for new batches; the file does not shrink.
func (d *DB) Trim(ctx context.Context, before storage.Pos) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.use.RUnlock()
	for more := true; more; {
		var err error
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("storage: %w", ctx.Err())
		case d.life.Err() != nil:
			return storage.ErrClosed
		}
		if more, err = d.trim(before); err != nil {
			return storage.Unavailable(ctx, "sqlite: trim", err)
		}
	}
	return nil
}

// trim drops some entries, and reports whether there are more to drop. The
// cursors are read in the same transaction: one that is registered before it
// holds.
func (d *DB) trim(before storage.Pos) (more bool, err error) {
	err = d.transact(func(ctx context.Context, w *writer) (bool, error) {
		cursors, err := w.cursors(ctx)
		if err != nil {
			return false, err
		}
		floor := storage.TrimFloor(before, w.last, cursors)
		if floor <= w.first {
			return false, nil
		}
		end := min(floor, w.first+trimStep)
		more = end < floor
		return true, w.drop(ctx, end)
	})
	return more && err == nil, err
}

func (w *writer) cursors(ctx context.Context) ([]storage.Record, error) {
	rows, err := w.conn.QueryContext(ctx, cursorsText)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []storage.Record
	for rows.Next() {
		r, err := scanRecord(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// drop drops the entries from w.first to before end.
func (w *writer) drop(ctx context.Context, end storage.Pos) error {
	if _, err := w.conn.ExecContext(ctx, trimVersions, int64(w.first)<<posShift, int64(end)<<posShift); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, trimBatches, int64(end)); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, trimMeta, int64(end))
	return err
}
