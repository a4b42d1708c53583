package postgres_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// tailWhileMany counts the entries that a reader at the end of the log sees
// while many processes write, and how many they wrote.
func tailWhileMany(t *testing.T, prepare func(*postgres.DB)) (seen, written int) {
	const writers, each = 8, 60
	c, o := config(t), postgres.Options{Schema: newSchema(), Poll: 5 * time.Millisecond}
	reader := open(t, c, o)
	execute(t, "create sequence "+quoted(o.Schema)+".positions")
	var writing sync.WaitGroup
	for w := range writers {
		db := open(t, c, o)
		prepare(db)
		writing.Go(func() {
			for n := range each {
				commit(t, db, one(fmt.Sprintf("%d-%d", w, n)))
			}
		})
	}
	done := make(chan struct{})
	go func() {
		writing.Wait()
		close(done)
	}()
	at := storage.Pos(0)
	for over := false; ; {
		entries, err := reader.Log(t.Context(), at, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			seen++
			at = e.Pos
		}
		if over && len(entries) == 0 {
			return seen, writers * each
		}
		select {
		case <-done:
			over = true
		default:
		}
	}
}

func TestTailReaderSeesEveryEntryOfManyProcesses(t *testing.T) {
	if seen, written := tailWhileMany(t, func(*postgres.DB) {}); seen != written {
		t.Errorf("saw %d of %d entries", seen, written)
	}
}

// The reason for the lock: the same with positions from a sequence.
func TestTailReaderMissesEntriesNumberedByASequence(t *testing.T) {
	for attempt := 1; ; attempt++ {
		seen, written := tailWhileMany(t, postgres.PositionsFromSequence)
		if seen < written {
			t.Logf("saw %d of %d entries", seen, written)
			return
		}
		if attempt == 5 {
			t.Fatalf("saw all %d entries in %d attempts: this check would not notice", written, attempt)
		}
	}
}

// twoStatements is a backend whose Get reads key by key, in statements of their
// own: a snapshot each at read committed, and not one.
type twoStatements struct{ storage.Backend }

func (b twoStatements) Get(ctx context.Context, keys ...storage.Key) (pos storage.Pos, records []storage.Record, err error) {
	if pos, records, err = b.Backend.Get(ctx, keys...); err != nil {
		return 0, nil, err
	}
	for i, k := range keys {
		_, one, err := b.Backend.Get(ctx, k)
		if err != nil {
			return 0, nil, err
		}
		records[i] = one[0]
	}
	return pos, records, nil
}

func TestSuiteCatchesAReadInSeveralStatements(t *testing.T) {
	o := options(modes[0])
	open := o.Open
	o.Open = func(t testing.TB) storage.Backend { return twoStatements{open(t)} }
	var caught []string
	for attempt := 0; attempt < 5 && len(caught) == 0; attempt++ {
		for _, r := range storagetest.Rules(o) {
			if name, _, _ := strings.Cut(r.Name, " "); name != "P4" && name != "P6" {
				continue
			}
			if text := failure(t, r); text != "" {
				caught = append(caught, text)
			}
		}
	}
	if len(caught) == 0 {
		t.Error("neither P4 nor P6 noticed")
	}
	for _, text := range caught {
		t.Log(text[:min(len(text), 200)])
	}
}

// failure runs a rule and returns what it reports.
func failure(t *testing.T, r storagetest.Rule) string {
	rec := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // a rule that fails ends its goroutine
		defer close(done)
		r.Check(rec)
	}()
	<-done
	for _, f := range slices.Backward(rec.cleanups) {
		f()
	}
	return rec.text.String()
}

// recorder is a test that keeps what is reported to it.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	text     strings.Builder
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, format, args...)
}

func (r *recorder) Helper()                           {}
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Logf(string, ...any)               {}
func (r *recorder) Log(...any)                        {}
func (r *recorder) Failed() bool                      { return r.text.Len() > 0 }
func (r *recorder) Fail()                             { r.Errorf("failed") }
func (r *recorder) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recorder) Error(args ...any)                 { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
