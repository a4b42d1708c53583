package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage/storagetest"
)

// bare is the loop that the backend is compared with: the same driver, through
// database/sql and with the same pragmas, one connection, one prepared INSERT
// for each record into one table that has the columns of a record and its key
// as primary key. It has no log, no history, no IDs, no versions to check and
// no callers to serve.
func bare(b *testing.B, group, total int) float64 {
	query := url.Values{"_pragma": {"journal_mode(wal)", "synchronous(full)", "wal_autocheckpoint(4000)", "cache_size(-8192)"}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?"+query.Encode())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	ctx := b.Context()
	c, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	run(b, c, `CREATE TABLE bare (kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, pos INTEGER NOT NULL,
		due INTEGER, data BLOB NOT NULL, PRIMARY KEY (kind, id))`)
	prepare := func(text string) *sql.Stmt {
		s, err := c.PrepareContext(ctx, text)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	begin, commit := prepare(`BEGIN IMMEDIATE`), prepare(`COMMIT`)
	insert := prepare(`INSERT INTO bare VALUES (?, ?, 1, ?, NULL, ?)`)
	data := bytes.Repeat([]byte("x"), storagetest.RecordSize)
	start := time.Now()
	for n := 0; n < total; {
		if _, err := begin.ExecContext(ctx); err != nil {
			b.Fatal(err)
		}
		for i := 0; i < group && n < total; i++ {
			if _, err := insert.ExecContext(ctx, "bench", fmt.Sprintf("record-%09d", n), n, data); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if _, err := commit.ExecContext(ctx); err != nil {
			b.Fatal(err)
		}
	}
	return float64(total) / time.Since(start).Seconds()
}

func run(t testing.TB, c *sql.Conn, text string) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkContract(b *testing.B) {
	storagetest.Bench(b, new(files).options())
}
