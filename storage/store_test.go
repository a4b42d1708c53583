package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var counter = storage.Key{Kind: "counter", ID: "a"}

// increment adds one to the first of the records that an Update gives it.
func increment(now []storage.Record) (storage.Change, error) {
	n, _ := strconv.Atoi(string(now[0].Data))
	return storage.Change{Note: []byte("incremented"), Writes: []storage.Write{{Key: now[0].Key, Data: strconv.AppendInt(nil, int64(n+1), 10)}}}, nil
}

func count(t *testing.T, s *storage.Store, key storage.Key) int {
	t.Helper()
	_, records, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(string(records[0].Data))
	return n
}

// hook is a backend whose commits can be intercepted.
type hook struct {
	storage.Backend
	commit func(ctx context.Context, b storage.Batch) (storage.Pos, error)
}

func (h hook) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	return h.commit(ctx, b)
}

func TestUpdateLosesNothingUnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemory()
		var wg sync.WaitGroup
		for caller := range 8 {
			wg.Go(func() {
				for n := range 50 {
					if _, err := s.Update(t.Context(), fmt.Sprint("caller ", caller, " ", n), []storage.Key{counter}, increment); err != nil {
						t.Errorf("caller %d: %v", caller, err)
					}
				}
			})
		}
		wg.Wait()
		if got := count(t, s, counter); got != 400 {
			t.Errorf("400 increments made %d", got)
		}
	})
}

// What fails after it was committed is found under its ID, not done again.
func TestUpdateResolvesUnknownOutcomes(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			b := storagetest.Faulty(storage.NewMemoryBackend(), seed, storagetest.FaultOptions{Before: 0.2, After: 0.3, Duplicate: 0.3})
			s := storage.New(b)
			var wg sync.WaitGroup
			for caller := range 3 {
				wg.Go(func() {
					for n := range 10 {
						if _, err := s.Update(t.Context(), fmt.Sprint(caller, n), []storage.Key{counter}, increment); err != nil {
							t.Errorf("seed %d: %v", seed, err)
						}
					}
				})
			}
			wg.Wait()
			b.Calm()
			if got := count(t, s, counter); got != 30 {
				t.Errorf("seed %d: 30 increments made %d", seed, got)
			}
			if last, _, _ := s.Get(t.Context()); last != 30 {
				t.Errorf("seed %d: 30 increments made %d entries", seed, last)
			}
		})
	}
}

func TestUpdateGivesUpAfterMaxAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := 0
		s := storage.New(hook{storage.NewMemoryBackend(), func(_ context.Context, b storage.Batch) (storage.Pos, error) {
			commits++
			return 0, &storage.ConflictError{Key: b.Writes[0].Key, Current: 1}
		}})
		_, err := s.Update(t.Context(), "in vain", []storage.Key{counter}, increment)
		var conflict *storage.ConflictError
		if !errors.Is(err, storage.ErrConflict) || !errors.As(err, &conflict) || commits != storage.MaxAttempts {
			t.Errorf("%d attempts, %v; want %d and the conflict", commits, err, storage.MaxAttempts)
		}
	})
}

func TestStoreGivesUpOnABackendThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storagetest.Faulty(storage.NewMemoryBackend(), 1, storagetest.FaultOptions{Before: 1, Delay: -1})
		s := storage.New(b)
		for name, call := range map[string]func() error{
			"Commit": func() error {
				_, err := s.Commit(t.Context(), storage.Batch{ID: "a", Writes: []storage.Write{{Key: counter}}})
				return err
			},
			"Get":  func() error { _, _, err := s.Get(t.Context(), counter); return err },
			"Due":  func() error { _, err := s.Due(t.Context(), "k", time.Now(), 1); return err },
			"List": func() error { return firstError(s.List(t.Context(), "k")) },
			"Log":  func() error { return firstError(s.Log(t.Context(), 0)) },
			"Wait": func() error { return s.Wait(t.Context(), 0) },
			"Trim": func() error { return s.Trim(t.Context(), 0) },
		} {
			before, start := b.Faults(), time.Now()
			err := call()
			if tries := b.Faults() - before; !errors.Is(err, storage.ErrUnavailable) || tries != storage.MaxAttempts {
				t.Errorf("%s: %v after %d attempts, want %v after %d", name, err, tries, storage.ErrUnavailable, storage.MaxAttempts)
			}
			if took := time.Since(start); took < 3*time.Second || took > 5*time.Second {
				t.Errorf("%s gave up after %s, want about four seconds", name, took)
			}
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, _, err := s.Get(short, counter); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("with 100 ms to go: %v after %s, want the context's error in time", err, time.Since(start))
		}
	})
}

func firstError[T any](seq func(func(T, error) bool)) (first error) {
	seq(func(_ T, err error) bool { first = err; return err == nil })
	return first
}

func TestUpdateCommitsNothingIfDecideSaysSo(t *testing.T) {
	s, refused := storage.NewMemory(), errors.New("refused")
	if _, err := s.Update(t.Context(), "x", []storage.Key{counter}, func([]storage.Record) (storage.Change, error) { return storage.Change{}, refused }); err != refused {
		t.Errorf("decide failed and Update returned %v", err)
	}
	if pos, err := s.Update(t.Context(), "x", []storage.Key{counter}, func([]storage.Record) (storage.Change, error) { return storage.Change{Note: []byte("no writes")}, nil }); pos != 0 || err != nil {
		t.Errorf("decide wrote nothing and Update returned %d, %v", pos, err)
	}
	if _, err := s.Update(t.Context(), "x", nil, increment); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("Update of no key: %v, want %v", err, storage.ErrInvalid)
	}
	if last, _, err := s.Get(t.Context()); last != 0 || err != nil {
		t.Errorf("%d entries, %v; want none", last, err)
	}
}

// Bases of the keys that were read are filled in, others are the caller's.
func TestUpdateFillsInBases(t *testing.T) {
	s, b, c := storage.NewMemory(), storage.Key{Kind: "counter", ID: "b"}, storage.Key{Kind: "counter", ID: "c"}
	update := func(writes ...storage.Write) error {
		_, err := s.Update(t.Context(), "write", []storage.Key{counter, b}, func([]storage.Record) (storage.Change, error) {
			return storage.Change{Writes: writes}, nil
		})
		return err
	}
	for n := range 3 {
		if err := update(storage.Write{Key: b, Base: 77}, storage.Write{Key: c, Base: storage.Version(n)}); err != nil {
			t.Fatalf("update %d, with one intent, of a key that is not the first: %v", n, err)
		}
	}
	if err := update(storage.Write{Key: b, Delete: true}); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := update(storage.Write{Key: b, Data: []byte("again")}); err != nil {
		t.Errorf("writing what is deleted: %v", err)
	}
}

// Two processes decide about the same version with the same intent.
func TestTwoDecisionsOfOneIntent(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		entries             storage.Pos
	}{
		{"the same change is one", "page alice", "page alice", 1},
		{"another change is a conflict and decided again", "page alice", "page bob", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, asked := storage.NewMemory(), 0
			write := func(now []storage.Record, data string) (storage.Change, error) {
				return storage.Change{Writes: []storage.Write{{Key: counter, Data: append(now[0].Data, data+"; "...)}}}, nil
			}
			pos, err := s.Update(t.Context(), "page", []storage.Key{counter}, func(now []storage.Record) (storage.Change, error) {
				if asked++; asked == 1 { // the other process is faster
					if _, err := s.Update(t.Context(), "page", []storage.Key{counter}, func(now []storage.Record) (storage.Change, error) { return write(now, test.first) }); err != nil {
						t.Error(err)
					}
				}
				return write(now, test.second)
			})
			if err != nil || pos != test.entries || asked != int(test.entries) {
				t.Errorf("the second decision: %d, %v, asked %d times; want position %d", pos, err, asked, test.entries)
			}
			if last, _, _ := s.Get(t.Context()); last != test.entries {
				t.Errorf("%d entries, want %d", last, test.entries)
			}
		})
	}
}

func TestIteratorsPageThroughEverything(t *testing.T) {
	s, ctx := storage.NewMemory(), t.Context()
	const records = 450 // more than two pages
	want := make([]string, records)
	for n := range records {
		want[n] = fmt.Sprintf("%03d", n)
		batch := storage.Batch{ID: want[n], Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: want[n]}}, {Key: counter, Base: storage.Version(n), Data: []byte(want[n])}}}
		if _, err := s.Commit(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	var list, history, log []string
	for r, err := range s.List(ctx, "k") {
		list = append(list, fmt.Sprint(r.Key.ID, errorText(err)))
	}
	for r, err := range s.History(ctx, counter, 0) {
		history = append(history, fmt.Sprint(string(r.Data), errorText(err)))
	}
	for e, err := range s.Log(ctx, 0) {
		log = append(log, fmt.Sprint(e.ID, errorText(err)))
	}
	for name, got := range map[string][]string{"List": list, "History": history, "Log": log} {
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	some := 0
	for range s.List(ctx, "k") {
		if some++; some == 250 {
			break
		}
	}
	if err := s.Trim(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if err := firstError(s.Log(ctx, 0)); !errors.Is(err, storage.ErrTrimmed) {
		t.Errorf("Log of what was trimmed: %v, want %v", err, storage.ErrTrimmed)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBatchIDsDifferWhereArgumentsDo(t *testing.T) {
	ids := []string{
		storage.BatchID(storage.Key{Kind: "a", ID: "b"}, 1, "c"), storage.BatchID(storage.Key{Kind: "ab", ID: ""}, 1, "c"),
		storage.BatchID(storage.Key{Kind: "a", ID: "b1"}, 1, "c"), storage.BatchID(storage.Key{Kind: "a", ID: "b"}, 11, "c"),
		storage.BatchID(storage.Key{Kind: "a", ID: "b"}, 1, "1 c"), storage.BatchID(storage.Key{Kind: "a", ID: "b"}, 2, "c"),
	}
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != 6 {
		t.Errorf("6 different intents have %d IDs", got)
	}
	if got, want := storage.BatchID(storage.Key{Kind: "incident", ID: "db-down"}, 3, "acknowledge"), "029eaa15e194ec441bcf76dbf6c602491c28022e"; got != want {
		t.Errorf("BatchID = %s, want %s: processes of different releases must agree", got, want)
	}
}
