package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// BenchmarkPostgres compares with what a program without this package would
// write to have the same data: each record, and a row of a log.
func BenchmarkPostgres(b *testing.B) { storagetest.Bench(b, benchmarked(true)) }

// BenchmarkOneTable compares with the least that keeps a record: a row.
func BenchmarkOneTable(b *testing.B) { storagetest.Bench(b, benchmarked(false)) }

func benchmarked(log bool) storagetest.Options {
	return storagetest.Options{
		Open: func(t testing.TB) storage.Backend { return open(t, durable(t), postgres.Options{Schema: newSchema()}) },
		Bare: func(b *testing.B, group, n int) float64 { return bare(b, group, n, log) },
	}
}

// bare commits records with pgx alone: an insert for each, with or without a row
// of a log, a transaction for each group, and all that in one round trip.
func bare(b *testing.B, group, n int, log bool) float64 {
	schema := quoted(newSchema())
	execute(b, "create schema "+schema)
	execute(b, "create table "+schema+`.records (kind text collate "C", id text collate "C", version bigint not null, due bigint, data bytea not null, primary key (kind, id))`)
	execute(b, "create table "+schema+`.log (pos bigserial primary key, batch text collate "C" not null, note bytea not null)`)
	conn, err := pgx.ConnectConfig(b.Context(), durable(b).ConnConfig)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	record := "insert into " + schema + ".records (kind, id, version, due, data) values ($1, $2, $3, $4, $5)"
	entry := "insert into " + schema + ".log (batch, note) values ($1, $2)"
	data := bytes.Repeat([]byte("x"), storagetest.RecordSize)
	start := time.Now()
	for done := 0; done < n; {
		var trip pgx.Batch
		trip.Queue("begin")
		for range min(group, n-done) {
			id := fmt.Sprintf("record-%09d", done)
			trip.Queue(record, "bench", id, 1, nil, data)
			if log {
				trip.Queue(entry, id, []byte{})
			}
			done++
		}
		trip.Queue("commit")
		if err := conn.SendBatch(b.Context(), &trip).Close(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}
