package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrSchema: the schema is not one that this package can use, because a newer
// program made it, or because it holds something else. Nothing was changed.
var ErrSchema = errors.New("postgres: unusable schema")

// migrations turn schema number i into i+1. They may be interrupted half way,
// since not every server undoes DDL, and so may be run twice.
//
// {schema} is the quoted name of the schema, {text} a text type that orders by
// bytes.
var migrations = [][]string{
	{
		`create table if not exists {schema}.versions (
			pos     bigint not null,
			n       smallint not null,
			kind    {text} not null,
			id      {text} not null,
			version bigint not null,
			data    bytea not null,
			due     bigint,
			deleted boolean not null,
			batch   {text} unique,
			digest  bytea,
			note    bytea,
			primary key (pos, n),
			unique (kind, id, version)
		)`,
		`create table if not exists {schema}.live (
			kind    {text} not null,
			id      {text} not null,
			version bigint not null,
			due     bigint,
			primary key (kind, id)
		)`,
		`create index if not exists live_due on {schema}.live (kind, due, id) where due is not null`,
		`create or replace view {schema}.records as
			select v.kind, v.id, v.version, v.pos, v.data,
				timestamptz '1970-01-01 00:00:00+00' + v.due * interval '1 microsecond' as due
			from {schema}.live l join {schema}.versions v on v.kind = l.kind and v.id = l.id and v.version = l.version`,
		`create or replace view {schema}.log as
			select pos, batch as id, note from {schema}.versions where batch is not null`,
	},
}

const (
	createSchema = `create schema if not exists {schema}`
	createStore  = `create table if not exists {schema}.store (
		one            boolean primary key check (one),
		schema_version bigint not null,
		pos            bigint not null,
		first          bigint not null
	)`
	firstRow = `insert into {schema}.store (one, schema_version, pos, first) values (true, 0, 0, 1) on conflict (one) do nothing`
)

// latest is the schema number that this program reads and writes.
var latest = len(migrations)

// migrate brings the schema to the latest number. It needs no right to do so if
// it is there already.
func (db *DB) migrate(ctx context.Context) error {
	err := db.retry(ctx, db.migrateOnce)
	if err == nil || errors.Is(err, ErrSchema) {
		return err
	}
	return fmt.Errorf("postgres: opening schema %q: %w", db.o.Schema, err)
}

func (db *DB) migrateOnce(ctx context.Context) error {
	var encoding, server string
	if err := db.pool.QueryRow(ctx, `select current_setting('server_encoding'), version()`).Scan(&encoding, &server); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: the database's encoding is %s, want UTF8", ErrSchema, encoding)
	}
	version, err := db.schemaVersion(ctx, db.pool, "")
	if hasCode(err, "42P01", "3F000") { // undefined_table, invalid_schema_name
		if err = db.create(ctx); err == nil {
			version, err = db.schemaVersion(ctx, db.pool, "")
		}
	}
	if err != nil || version == latest {
		return err
	}
	return db.upgrade(ctx, strings.Contains(server, "CockroachDB"))
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion returns the number of the schema, and refuses a newer one.
func (db *DB) schemaVersion(ctx context.Context, q querier, lock string) (int, error) {
	var version int
	err := q.QueryRow(ctx, db.sql.expand(`select schema_version from {schema}.store where one `+lock)).Scan(&version)
	switch {
	case hasCode(err, "42703"): // undefined_column
		return 0, fmt.Errorf("%w: %q has a table \"store\" of another making", ErrSchema, db.o.Schema)
	case errors.Is(err, pgx.ErrNoRows):
		_, err := db.pool.Exec(ctx, db.sql.expand(firstRow))
		return 0, err
	case err == nil && version > latest:
		return 0, fmt.Errorf("%w: %q is of schema number %d, this program knows up to %d", ErrSchema, db.o.Schema, version, latest)
	}
	return version, err
}

// create makes the table whose row is the lock for everything else. Others may
// do the same at the same time: a duplicate is tried again by the caller.
func (db *DB) create(ctx context.Context) error {
	var exists bool
	if err := db.pool.QueryRow(ctx, `select exists (select 1 from pg_catalog.pg_namespace where nspname = $1::text)`, db.o.Schema).Scan(&exists); err != nil {
		return err
	}
	if !exists { // else the right to create one may be missing
		if _, err := db.pool.Exec(ctx, db.sql.expand(createSchema)); err != nil {
			return err
		}
	}
	for _, statement := range []string{createStore, firstRow} {
		if _, err := db.pool.Exec(ctx, db.sql.expand(statement)); err != nil {
			return err
		}
	}
	return nil
}

// upgrade runs the missing migrations while it holds the lock of all writers.
func (db *DB) upgrade(ctx context.Context, cockroach bool) error {
	text := `text collate "C"`
	if cockroach {
		text = "text" // ordered by bytes anyway, and not every release knows "C"
	}
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		version, err := db.schemaVersion(ctx, tx, "for update")
		if err != nil {
			return err
		}
		for ; version < latest; version++ {
			for _, statement := range migrations[version] {
				if _, err := tx.Exec(ctx, strings.ReplaceAll(db.sql.expand(statement), "{text}", text)); err != nil {
					return err
				}
			}
		}
		_, err = tx.Exec(ctx, db.sql.expand(`update {schema}.store set schema_version = $1::bigint where one`), latest)
		return err
	})
}
