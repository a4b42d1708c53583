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

// lockOut takes the lock of all writers, as a second process does for as long
// as its transaction lasts, and returns what releases it.
func lockOut(t *testing.T, schema string) (release func()) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config(t).ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select pos from "+quoted(schema)+".store for update"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(context.Background()) }
}

// inOneGroup commits batches such that they share a transaction, and returns
// their errors.
func inOneGroup(t *testing.T, db *postgres.DB, schema string, batches ...storage.Batch) []error {
	t.Helper()
	release := lockOut(t, schema)
	var wg sync.WaitGroup
	wg.Go(func() { commit(t, db, one("first")) })
	time.Sleep(20 * time.Millisecond) // now it waits for the lock, and others for it
	errs := make([]error, len(batches))
	for i, b := range batches {
		wg.Go(func() { _, errs[i] = db.Commit(t.Context(), b) })
	}
	time.Sleep(20 * time.Millisecond)
	release()
	wg.Wait()
	return errs
}

func TestConflictLeavesTheRestOfItsGroupAlone(t *testing.T) {
	o := postgres.Options{Schema: newSchema()}
	db := open(t, config(t), o)
	stale := one("stale")
	stale.Writes[0].Base = 5
	errs := inOneGroup(t, db, o.Schema, one("a"), stale, one("b"), one("c"))
	for i, err := range errs {
		if i != 1 && err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	if !errors.Is(errs[1], storage.ErrConflict) {
		t.Errorf("stale batch: %v, want ErrConflict", errs[1])
	}
	checkDense(t, db, 4)
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
	errs := inOneGroup(t, db, o.Schema, one("a"), one("poison"), one("b"))
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], storage.ErrUnavailable) {
		t.Errorf("errors %v, want only the second to be ErrUnavailable", errs)
	}
	checkDense(t, db, 3)
}

func TestLockThatIsHeldTooLongIsUnavailableAndHasNoEffect(t *testing.T) {
	o := postgres.Options{Schema: newSchema(), Timeout: 100 * time.Millisecond}
	db := open(t, config(t), o)
	release := lockOut(t, o.Schema)
	_, err := db.Commit(t.Context(), one("a"))
	if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want ErrUnavailable and not the error of a context that the caller has not", err)
	}
	release()
	if pos := commit(t, db, one("b")); pos != 1 {
		t.Errorf("position %d, want 1", pos)
	}
}

func TestCloseFinishesTheGroupUnderWay(t *testing.T) {
	o := postgres.Options{Schema: newSchema()}
	db := open(t, config(t), o)
	release := lockOut(t, o.Schema)
	committed := make(chan error, 1)
	go func() {
		_, err := db.Commit(t.Context(), one("a"))
		committed <- err
	}()
	time.Sleep(20 * time.Millisecond)
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
	release()
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
			time.Sleep(100 * time.Millisecond) // let it listen
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
				time.Sleep(50 * time.Millisecond)
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
	time.Sleep(20 * time.Millisecond)
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
