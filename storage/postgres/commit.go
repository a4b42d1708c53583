package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

const (
	// maxGroup is how many batches share a transaction. Beyond some dozens the
	// wait for the disk is a small part of the cost already.
	maxGroup = 64

	// maxGroupBytes is how much data shares a transaction, so that a few large
	// batches do not hold the lock for long.
	maxGroupBytes = 4 << 20
)

// Commit implements [storage.Backend].
func (db *DB) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	b, err := storage.CheckBatch(b)
	if err != nil {
		return 0, err
	}
	if err := db.enter(ctx); err != nil {
		return 0, err
	}
	return db.queue.Commit(ctx, b)
}

// commitGroup commits a group in as few transactions as its size allows.
func (db *DB) commitGroup(group []storage.Batch) []groupcommit.Result {
	results := make([]groupcommit.Result, 0, len(group))
	for len(group) > 0 {
		n, size := 1, batchBytes(group[0])
		for n < len(group) && size+batchBytes(group[n]) <= maxGroupBytes {
			size += batchBytes(group[n])
			n++
		}
		results = append(results, db.commitPart(group[:n])...)
		group = group[n:]
	}
	return results
}

func batchBytes(b storage.Batch) int {
	size := len(b.Note)
	for _, w := range b.Writes {
		size += len(w.Data)
	}
	return size
}

// commitPart commits batches in one transaction. If the server refuses what one
// of them holds, each gets a transaction of its own.
func (db *DB) commitPart(group []storage.Batch) []groupcommit.Result {
	// Not the context of a caller: the others of the group have theirs.
	ctx := context.Background()
	var p *plan
	err := db.do(ctx, "commit", func(ctx context.Context) (err error) {
		p, err = db.transact(ctx, group)
		return err
	})
	if err == nil {
		if p.last > 0 {
			db.watch.see(p.last)
		}
		return p.results
	}
	results := make([]groupcommit.Result, len(group))
	for i := range group {
		if len(group) > 1 && poisoned(err) {
			results[i] = db.commitPart(group[i : i+1])[0]
		} else {
			results[i].Err = err
		}
	}
	return results
}

// transact plans and commits in two round trips: the first takes the lock and
// asks what there is, the second writes and commits.
func (db *DB) transact(ctx context.Context, group []storage.Batch) (*plan, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// A connection that is in a transaction still is closed by this.
	defer conn.Release()
	before, err := db.ask(ctx, conn, group)
	if err != nil {
		return nil, db.undo(ctx, conn, err)
	}
	locked := before.pos + storage.Pos(len(group)) // what the counter says now
	p := makePlan(before, group)
	if p.last == 0 {
		return p, db.undo(ctx, conn, nil)
	}
	return p, db.write(ctx, conn, p, locked)
}

// ask takes the lock and reads what the group's batches depend on.
func (db *DB) ask(ctx context.Context, conn *pgxpool.Conn, group []storage.Batch) (state, error) {
	n := len(group) // most have one write
	ids, kinds, keys := make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
	s := state{committed: make(map[string]commitment, n), heads: make(map[storage.Key]versioned, n)}
	seen := make(map[storage.Key]bool, n)
	for _, b := range group {
		ids = append(ids, b.ID)
		for k := range b.Keys() {
			if !seen[k] {
				seen[k] = true
				kinds, keys = append(kinds, k.Kind), append(keys, k.ID)
			}
		}
	}
	var trip pgx.Batch
	trip.Queue(db.sql.begin)
	trip.Queue(db.sql.lock, len(group), latest).QueryRow(func(row pgx.Row) error { return migrated(row.Scan(&s.pos)) })
	trip.Queue(db.sql.known, ids).Query(func(rows pgx.Rows) error {
		var id string
		var pos storage.Pos
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&id, &pos, &digest}, func() error {
			s.committed[id] = commitment{pos, storage.Digest(digest)}
			return nil
		})
		return err
	})
	trip.Queue(db.sql.heads, kinds, keys).Query(func(rows pgx.Rows) error {
		var key storage.Key
		var head versioned
		_, err := pgx.ForEachRow(rows, []any{&key.Kind, &key.ID, &head.version, &head.deleted}, func() error {
			s.heads[key] = head
			return nil
		})
		return err
	})
	return s, conn.SendBatch(ctx, &trip).Close()
}

// migrated explains why the row of our schema number is not there.
func migrated(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: a newer program has migrated it", ErrSchema)
	}
	return err
}

// write writes the rows of a plan and commits. The counter was moved by the
// whole group; where batches were refused it is put right.
func (db *DB) write(ctx context.Context, conn *pgxpool.Conn, p *plan, locked storage.Pos) error {
	var trip pgx.Batch
	if p.last != locked {
		trip.Queue(db.sql.unlock, int64(p.last))
	}
	v := &p.versions
	trip.Queue(db.sql.versions, v.pos, v.n, v.kind, v.id, v.version, v.data, v.due, v.deleted, v.batch, v.digest, v.note)
	if rows := &p.born; len(rows.kind) > 0 {
		trip.Queue(db.sql.born, rows.kind, rows.id, rows.version, rows.due)
	}
	if rows := &p.changed; len(rows.kind) > 0 {
		trip.Queue(db.sql.changed, rows.kind, rows.id, rows.version, rows.due)
	}
	for _, k := range p.dead {
		trip.Queue(db.sql.dead, k.Kind, k.ID)
	}
	trip.Queue(db.sql.commit)
	return db.finish(ctx, conn, &trip)
}

// finish sends a trip that ends with a commit.
func (db *DB) finish(ctx context.Context, conn *pgxpool.Conn, trip *pgx.Batch) error {
	err := conn.SendBatch(ctx, trip).Close()
	if err == nil {
		return nil
	}
	if judge(err) == again {
		return db.undo(ctx, conn, err) // the server says that nothing happened
	}
	return unknownOutcome{db.undo(ctx, conn, err)}
}

// undo ends a transaction without effect and returns err, or what went wrong if
// err is nil.
func (db *DB) undo(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if conn.Conn().IsClosed() {
		return err
	}
	if _, failed := conn.Exec(ctx, db.sql.rollback); err == nil {
		err = failed
	}
	return err
}
