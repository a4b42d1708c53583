package sqlite_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
	"github.com/sre-sdk/sre/storage/sqlite/internal/crash"
)

var crashes = flag.Int("storage.crashes", 10, "storage/sqlite: how often a writing process is killed")

// crashWorkers commit in the process that is killed.
const crashWorkers = 8

// writeUntilKilled commits, and says "try WORKER BASE" before and "ack WORKER
// BASE POS" after each batch.
func writeUntilKilled(ctx context.Context, path, name string) error {
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	fail := make(chan error)
	for worker := range crashWorkers {
		go func() {
			fail <- crash.Work(ctx, db, name, worker,
				func(i crash.Intent) { fmt.Printf("try %d %d\n", i.Worker, i.Base) },
				func(i crash.Intent, pos storage.Pos) { fmt.Printf("ack %d %d %d\n", i.Worker, i.Base, pos) })
		}()
	}
	return <-fail
}

// kill starts a process, kills it a while after its first commit, and notes
// what it said.
func kill(t *testing.T, books *crash.Books, path, name string, after time.Duration) {
	cmd := child(t, "write", path, name)
	next := lines(t, cmd)
	var once sync.Once
	for line, more := next(); more; line, more = next() {
		i := crash.Intent{Run: name}
		var pos storage.Pos
		if n, _ := fmt.Sscanf(line, "try %d %d", &i.Worker, &i.Base); n == 2 {
			books.Try(i)
		} else if n, _ := fmt.Sscanf(line, "ack %d %d %d", &i.Worker, &i.Base, &pos); n == 3 {
			books.Ack(i, pos)
			once.Do(func() {
				time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			})
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writing process ended by itself: %v", err)
	}
}

// TestKilledProcessesLoseNothing kills -9 a writing process and opens the file
// again, many times over.
func TestKilledProcessesLoseNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if f := flag.Lookup("storage.seed"); f != nil && f.Value.String() != "0" {
		_, _ = fmt.Sscan(f.Value.String(), &seed)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "store.db")
	var books crash.Books
	for cycle := range *crashes {
		kill(t, &books, path, fmt.Sprint("cycle", cycle), time.Duration(rng.IntN(60_000))*time.Microsecond)
		db := open(t, path, sqlite.Options{})
		if err := books.Check(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if cycle%2 == 0 { // or else the next process finds the file in use
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	db := open(t, path, sqlite.Options{})
	if err := books.Check(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	var integrity string
	if err := rawConn(t, db).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		t.Errorf("integrity_check: %q, %v; want ok", integrity, err)
	}
	t.Logf("%d processes killed: %s; replay the moments with -storage.seed=%d", *crashes, &books, seed)
	if books.Bad() > 0 || books.Acked == 0 {
		t.Error("nothing may be lost, torn or applied twice, and something acknowledged")
	}
}
