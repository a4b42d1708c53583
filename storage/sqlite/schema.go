package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sre-sdk/sre/storage"
)

// Schema is the schema that this package writes. Each step of migrations leads
// to the next one.
const Schema = 1

// applicationID is what PRAGMA application_id says of our files: "SREs".
const applicationID = 0x53524573

// posShift is by how many bits the position in a seq stands above the place in
// the batch. It leaves room over storage.MaxWrites, which may be raised one day.
const posShift = 8

// maxPos is the last position whose seq fits into SQLite's integers. It is
// above what any file can hold, and bounds what callers ask for.
const maxPos storage.Pos = 1<<(63-posShift) - 1

// migrations[n] leads from schema n to n+1. Text that a release has shipped
// never changes.
//
// A batch touches as few pages as the contract lets it, because each page
// costs 4 KiB in the WAL: data is written once, at the end of versions. The two
// partial indexes share the versions among them, so that a new record appears
// in one of them only, and its next version moves the old entry to the other.
var migrations = [Schema][]string{{
	`CREATE TABLE meta (
		one    INTEGER PRIMARY KEY CHECK (one = 1),
		schema INTEGER NOT NULL,
		first  INTEGER NOT NULL -- the first position that Trim has kept
	)`,
	`INSERT INTO meta VALUES (1, 0, 1)`,
	`CREATE TABLE batches (
		pos    INTEGER PRIMARY KEY,
		id     TEXT NOT NULL UNIQUE,
		digest BLOB NOT NULL, -- SHA-256 of the content, see storage.Batch.Digest
		note   BLOB NOT NULL
	)`,
	`CREATE TABLE versions (
		seq     INTEGER PRIMARY KEY, -- pos * 256 + the place in the batch
		pos     INTEGER GENERATED ALWAYS AS (seq >> 8) VIRTUAL,
		kind    TEXT NOT NULL,
		id      TEXT NOT NULL,
		version INTEGER NOT NULL,
		due     INTEGER,          -- microseconds since 1970, NULL: never
		deleted INTEGER NOT NULL, -- 1: this version ended the record
		live    INTEGER NOT NULL, -- 1: the current version of a record that exists
		data    BLOB NOT NULL
	)`,
	`CREATE UNIQUE INDEX versions_live ON versions (kind, id) WHERE live = 1`,
	`CREATE UNIQUE INDEX versions_past ON versions (kind, id, version) WHERE live = 0`,
	`CREATE INDEX versions_due ON versions (kind, due, id) WHERE live = 1 AND due IS NOT NULL`,
	`CREATE VIEW records AS
		SELECT kind, id, version, pos, due,
		       strftime('%Y-%m-%dT%H:%M:%SZ', due / 1000000, 'unixepoch') AS due_utc, data
		FROM versions WHERE live = 1`,
}}

// A SchemaError says that a file cannot be used by this version of the
// package. It is [storage.ErrUnavailable].
type SchemaError struct {
	Path  string
	Have  int // the schema of the file; -1: it belongs to another application
	Known int // the newest schema that this package knows
}

// Error says what to do.
func (e *SchemaError) Error() string {
	if e.Have < 0 {
		return fmt.Sprintf("storage/sqlite: %s is the database of another application", e.Path)
	}
	return fmt.Sprintf("storage/sqlite: %s has schema %d and this program knows schema %d at most: use a newer program", e.Path, e.Have, e.Known)
}

// Is makes errors.Is(err, storage.ErrUnavailable) hold.
func (e *SchemaError) Is(target error) bool { return target == storage.ErrUnavailable }

// queryer is *sql.Conn, or what else runs statements on one connection.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// migrate brings the file to Schema. Processes may do so at the same time: what
// is to be done is looked up again under the write lock.
func migrate(ctx context.Context, c queryer, path string) error {
	have, err := lookUpSchema(ctx, c, path)
	if err != nil || have == Schema {
		return err
	}
	return within(ctx, c, "BEGIN IMMEDIATE", func() error { return upgrade(ctx, c, path) })
}

// within runs do in a transaction that begins as told.
func within(ctx context.Context, c queryer, begin string, do func() error) error {
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = c.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// ctx may be what failed. The connection is closed next in any case.
		_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func upgrade(ctx context.Context, c queryer, path string) error {
	have, err := schemaOf(ctx, c, path)
	if err != nil || have == Schema {
		return err
	}
	for _, step := range migrations[have:] {
		for _, statement := range step {
			if _, err := c.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("schema: %w", err)
			}
		}
	}
	if _, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "UPDATE meta SET schema = ?", Schema)
	return err
}

// lookUpSchema is schemaOf in a transaction of its own. Without one, its
// statements may see the file on both sides of another process's migration.
func lookUpSchema(ctx context.Context, c queryer, path string) (have int, err error) {
	err = within(ctx, c, "BEGIN", func() (err error) {
		have, err = schemaOf(ctx, c, path)
		return err
	})
	return have, err
}

// schemaOf returns the schema of the file, 0 if it is empty. It belongs in a
// transaction.
func schemaOf(ctx context.Context, c queryer, path string) (int, error) {
	var app, tables, have int
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return 0, err
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	if app == 0 && tables == 0 {
		return 0, nil
	}
	if app != applicationID {
		return 0, &SchemaError{Path: path, Have: -1, Known: Schema}
	}
	if err := c.QueryRowContext(ctx, "SELECT schema FROM meta").Scan(&have); err != nil {
		return 0, err
	}
	if have < 1 {
		return 0, errors.New("schema: meta is damaged")
	}
	if have > Schema {
		return 0, &SchemaError{Path: path, Have: have, Known: Schema}
	}
	return have, nil
}
