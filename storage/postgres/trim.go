package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/storage"
)

// trimStep is how many entries one transaction of Trim drops: it holds the lock
// of all writers.
const trimStep = 200

// Trim implements [storage.Backend].
func (db *DB) Trim(ctx context.Context, before storage.Pos) error {
	before = min(before, math.MaxInt64)
	for more := true; more; {
		if err := db.enter(ctx); err != nil {
			return err
		}
		err := db.do(ctx, "trim", func(ctx context.Context) (err error) {
			more, err = db.trimSome(ctx, before)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// trimSome drops one step, and reports whether there is more to drop.
func (db *DB) trimSome(ctx context.Context, before storage.Pos) (more bool, err error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	first, floor, err := db.askTrim(ctx, conn, before)
	if err != nil || floor <= first {
		return false, db.undo(ctx, conn, err)
	}
	step := min(floor, first+trimStep)
	drop, err := db.planTrim(ctx, conn, first, step)
	if err != nil {
		return false, db.undo(ctx, conn, err)
	}
	if err := db.finish(ctx, conn, drop); err != nil {
		return false, fmt.Errorf("positions %d to %d: %w", first, step-1, err)
	}
	return step < floor, nil
}

// askTrim takes the lock and returns the first position that is kept now, and
// the first that has to be.
func (db *DB) askTrim(ctx context.Context, conn *pgxpool.Conn, before storage.Pos) (first, floor storage.Pos, err error) {
	var last storage.Pos
	var cursors []storage.Record
	var trip pgx.Batch
	trip.Queue(db.sql.begin)
	trip.Queue(db.sql.trimLock, latest).QueryRow(func(row pgx.Row) error { return migrated(row.Scan(&last, &first)) })
	trip.Queue(db.sql.cursors, storage.CursorKind).Query(func(rows pgx.Rows) (err error) {
		cursors, err = collect(rows)
		return err
	})
	err = conn.SendBatch(ctx, &trip).Close()
	return first, storage.TrimFloor(before, last, cursors), err
}

// planTrim returns a trip that drops the entries of some positions. Of the keys
// that they wrote the current version stays, and what is before the positions
// can be nothing else.
func (db *DB) planTrim(ctx context.Context, conn *pgxpool.Conn, first, step storage.Pos) (*pgx.Batch, error) {
	rows, err := conn.Query(ctx, db.sql.keys, int64(first), int64(step))
	if err != nil {
		return nil, err
	}
	var trip pgx.Batch
	var kind, id string
	var current int64
	_, err = pgx.ForEachRow(rows, []any{&kind, &id, &current}, func() error {
		trip.Queue(db.sql.drop, kind, id, current, int64(step))
		return nil
	})
	trip.Queue(db.sql.forget, int64(first), int64(step))
	trip.Queue(db.sql.first, int64(step))
	trip.Queue(db.sql.commit)
	return &trip, err
}
