package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// counted returns the number that a statement selects.
func counted(t *testing.T, conn *pgx.Conn, statement string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), statement, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A lockOut has the lock of all writers, as a second process does for as long as
// its transaction lasts.
type lockOut struct {
	*testing.T
	conn    *pgx.Conn
	release func()
}

func newLockOut(t *testing.T, schema string) lockOut {
	t.Helper()
	conn := connect(t)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select pos from "+quoted(schema)+".store for update"); err != nil {
		t.Fatal(err)
	}
	return lockOut{t, conn, func() { _ = tx.Rollback(context.Background()) }}
}

// waitForQueue waits until a writer stands before the lock.
func (l lockOut) waitForQueue() {
	l.Helper()
	const blocked = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
	eventually(l.T, "a commit waits for the lock", func() bool { return counted(l.T, l.conn, blocked) > 0 })
}

// connect makes a connection of the test's own.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config(t).ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestConflictLeavesTheRestOfItsGroupAlone(t *testing.T) {
	o := postgres.Options{Schema: newSchema()}
	db := open(t, config(t), o)
	stale := one("stale")
	stale.Writes[0].Base = 5
	results := postgres.CommitGroup(db, one("a"), stale, one("b"), one("c"))
	for i, want := range []storage.Pos{1, 0, 2, 3} {
		if got := results[i]; got.Pos != want || (got.Err == nil) != (i != 1) {
			t.Errorf("batch %d: position %d, %v; want %d", i, got.Pos, got.Err, want)
		}
	}
	if err := results[1].Err; !errors.Is(err, storage.ErrConflict) {
		t.Errorf("stale batch: %v, want ErrConflict", err)
	}
	checkDense(t, db, 3)
}

// checkDense checks that the log has so many entries and no gap.
func checkDense(t *testing.T, b storage.Backend, want int) {
	t.Helper()
	n := storage.Pos(0)
	for e, err := range storage.New(b).Log(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.Pos != n {
			t.Fatalf("entry %d has position %d", n, e.Pos)
		}
	}
	if n != storage.Pos(want) {
		t.Errorf("%d entries, want %d", n, want)
	}
}

func TestBatchThatTheServerRefusesLeavesTheRestOfItsGroupAlone(t *testing.T) {
	o := postgres.Options{Schema: newSchema()}
	db := open(t, config(t), o)
	execute(t, "alter table "+quoted(o.Schema)+".versions add check (id <> 'poison')")
	r := postgres.CommitGroup(db, one("a"), one("poison"), one("b"))
	if r[0].Err != nil || r[2].Err != nil || !errors.Is(r[1].Err, storage.ErrUnavailable) {
		t.Errorf("results %v, want only the second to be ErrUnavailable", r)
	}
	checkDense(t, db, 2)
}

func TestLockThatIsHeldTooLongIsUnavailableAndHasNoEffect(t *testing.T) {
	o := postgres.Options{Schema: newSchema(), Timeout: 100 * time.Millisecond}
	db := open(t, config(t), o)
	lock := newLockOut(t, o.Schema)
	_, err := db.Commit(t.Context(), one("a"))
	if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want ErrUnavailable and not the error of a context that the caller has not", err)
	}
	lock.release()
	if pos := commit(t, db, one("b")); pos != 1 {
		t.Errorf("position %d, want 1", pos)
	}
}

func TestCloseFinishesTheGroupUnderWay(t *testing.T) {
	o := postgres.Options{Schema: newSchema()}
	db := open(t, config(t), o)
	lock := newLockOut(t, o.Schema)
	committed := make(chan error, 1)
	go func() {
		_, err := db.Commit(t.Context(), one("a"))
		committed <- err
	}()
	lock.waitForQueue()
	closed := make(chan struct{})
	go func() {
		_ = db.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("Close did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	lock.release()
	<-closed
	if err := <-committed; err != nil {
		t.Errorf("the commit under way: %v", err)
	}
	if _, err := db.Commit(t.Context(), one("b")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("a commit after Close: %v, want ErrClosed", err)
	}
	checkDense(t, open(t, config(t), o), 1)
}

func TestOneConnectionIsEnough(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	c.MaxConns = 1
	db := open(t, c, o)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			commit(t, db, one(fmt.Sprint(i)))
			if _, _, err := db.Get(t.Context(), storage.Key{Kind: "k", ID: "0"}); err != nil {
				t.Error(err)
			}
			if err := db.Wait(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	checkDense(t, db, 20)
}

// A server that was restarted leaves dead connections in the pool, which the
// next calls must not suffer from.
func TestConnectionsThatDiedInThePoolAreReplaced(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	c.ConnConfig.RuntimeParams["application_name"] = o.Schema
	db := open(t, c, o)
	for i := range 10 {
		commit(t, db, one(fmt.Sprint(i)))
		execute(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", o.Schema)
		if i%2 == 0 {
			if _, _, err := db.Get(t.Context(), storage.Key{Kind: "k", ID: "0"}); err != nil {
				t.Errorf("Get: %v", err)
			}
		}
	}
	checkDense(t, db, 10)
}

func TestWaitSeesOtherProcesses(t *testing.T) {
	for _, notify := range []bool{false, true} {
		t.Run(fmt.Sprintf("notify=%t", notify), func(t *testing.T) {
			o := postgres.Options{Schema: newSchema(), Notify: notify}
			if notify {
				o.Poll = postgres.MaxPoll // too long for this test: the hint must do
			}
			writer, reader := open(t, config(t), o), open(t, config(t), o)
			if conn := connect(t); notify {
				const listening = "select count(*) from pg_stat_activity where query = 'listen ' || $1 and state = 'idle'"
				eventually(t, "both listen", func() bool { return counted(t, conn, listening, quoted(o.Schema)) == 2 })
			}
			var longest time.Duration
			for i := range 3 {
				after := storage.Pos(i)
				woken := make(chan time.Time, 1)
				go func() {
					for pos := after; pos == after; pos, _, _ = reader.Get(t.Context()) {
						if err := reader.Wait(t.Context(), after); err != nil {
							t.Error(err)
							break
						}
					}
					woken <- time.Now()
				}()
				eventually(t, "the reader waits", func() bool { return postgres.Waiting(reader) })
				commit(t, writer, one(fmt.Sprint(i)))
				start := time.Now()
				longest = max(longest, (<-woken).Sub(start))
			}
			if longest > postgres.MaxPoll/2 {
				t.Errorf("woken after %s", longest)
			}
		})
	}
}

func TestWaitReportsAServerThatIsGone(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	p := newProxy(t, c)
	db := open(t, c, o)
	waited := make(chan error, 1)
	go func() { waited <- db.Wait(t.Context(), 0) }()
	eventually(t, "it waits", func() bool { return postgres.Waiting(db) })
	p.close()
	select {
	case err := <-waited:
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
	case <-time.After(2 * time.Second):
		t.Error("Wait did not return")
	}
	if _, _, err := db.Get(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Get: %v, want ErrUnavailable", err)
	}
}
