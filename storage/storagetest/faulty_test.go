package storagetest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// patient is a client that does as the contract says: what is unavailable is
// asked again, and a commit under its ID.
type patient struct{ storage.Backend }

func again[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, storage.ErrUnavailable) || ctx.Err() != nil {
			return v, err
		}
	}
}

func (p patient) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	return again(ctx, func() (storage.Pos, error) { return p.Backend.Commit(ctx, b) })
}

func (p patient) Get(ctx context.Context, keys ...storage.Key) (pos storage.Pos, records []storage.Record, err error) {
	_, err = again(ctx, func() (struct{}, error) { pos, records, err = p.Backend.Get(ctx, keys...); return struct{}{}, err })
	return pos, records, err
}

func (p patient) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	return again(ctx, func() ([]storage.Record, error) { return p.Backend.List(ctx, kind, after, limit) })
}

func (p patient) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	return again(ctx, func() ([]storage.Record, error) { return p.Backend.Due(ctx, kind, now, limit) })
}

func (p patient) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	return again(ctx, func() ([]storage.Record, error) { return p.Backend.History(ctx, key, after, limit) })
}

func (p patient) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	return again(ctx, func() ([]storage.Entry, error) { return p.Backend.Log(ctx, after, limit) })
}

func (p patient) Wait(ctx context.Context, after storage.Pos) error {
	_, err := again(ctx, func() (struct{}, error) { return struct{}{}, p.Backend.Wait(ctx, after) })
	return err
}

func (p patient) Trim(ctx context.Context, before storage.Pos) error {
	_, err := again(ctx, func() (struct{}, error) { return struct{}{}, p.Backend.Trim(ctx, before) })
	return err
}

// A faulty backend keeps the contract for a patient client.
func TestFaultyKeepsTheContract(t *testing.T) {
	o := storagetest.FaultOptions{Sleep: func(context.Context, time.Duration) { runtime.Gosched() }}
	var mu sync.Mutex
	seed, faults := uint64(0), 0
	storagetest.Run(t, storagetest.Options{Open: func(t testing.TB) storage.Backend {
		mu.Lock()
		defer mu.Unlock()
		seed++
		b := storagetest.Faulty(storage.NewMemoryBackend(), seed, o)
		t.Cleanup(func() { faults += b.Faults() })
		return patient{b}
	}})
	if faults < 1000 {
		t.Errorf("in the whole run there were %d faults", faults)
	}
}

// story runs a fixed program against a faulty backend and tells what happened.
func story(t *testing.T, seed uint64, o storagetest.FaultOptions) (told []string, log []storage.Entry) {
	t.Helper()
	memory := storage.NewMemoryBackend()
	b := storagetest.Faulty(memory, seed, o)
	for n := range 40 {
		batch := storage.Batch{ID: fmt.Sprint("batch ", n), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: fmt.Sprint(n)}}}}
		pos, err := b.Commit(t.Context(), batch)
		got, _, getErr := b.Get(t.Context())
		told = append(told, fmt.Sprint(pos, err, got, getErr, b.Wait(t.Context(), 0), b.Trim(t.Context(), 0)))
	}
	log, err := memory.Log(t.Context(), 0, storage.MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	return told, log
}

func TestFaultsAreDeterminedByTheSeed(t *testing.T) {
	o := storagetest.FaultOptions{Before: 0.3, After: 0.3, Duplicate: 0.5, Delay: -1}
	first, log := story(t, 1, o)
	if again, _ := story(t, 1, o); !slices.Equal(first, again) {
		t.Errorf("one seed told two stories:\n%q\n%q", first, again)
	}
	if other, _ := story(t, 2, o); slices.Equal(first, other) {
		t.Error("two seeds told one story")
	}
	before, after := 0, 0
	for n := range 40 {
		committed := slices.ContainsFunc(log, func(e storage.Entry) bool { return e.ID == fmt.Sprint("batch ", n) })
		unknown := first[n][0] == '0'
		switch {
		case unknown && committed:
			after++
		case unknown:
			before++
		case !committed:
			t.Errorf("batch %d was acknowledged and is not in the log", n)
		}
	}
	if before == 0 || after == 0 {
		t.Errorf("%d commits failed before they took effect and %d after; want some of both", before, after)
	}
}

// What happens to a batch does not depend on what other callers do.
func TestFaultsDoNotDependOnOtherCallers(t *testing.T) {
	outcomes := func(order []int) []string {
		b := storagetest.Faulty(storage.NewMemoryBackend(), 7, storagetest.FaultOptions{Before: 0.5, Delay: -1})
		told := make([]string, len(order))
		for _, n := range order {
			_, err := b.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(n), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: fmt.Sprint(n)}}}})
			told[n] = fmt.Sprint(err)
		}
		return told
	}
	if up, down := outcomes([]int{0, 1, 2, 3, 4, 5, 6, 7}), outcomes([]int{7, 6, 5, 4, 3, 2, 1, 0}); !slices.Equal(up, down) {
		t.Errorf("in another order other batches failed:\n%q\n%q", up, down)
	}
}

func TestCalmEndsTheFaults(t *testing.T) {
	b := storagetest.Faulty(storage.NewMemoryBackend(), 3, storagetest.FaultOptions{Before: 1})
	if _, _, err := b.Get(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Fatalf("with faults in every call: %v, want %v", err, storage.ErrUnavailable)
	}
	b.Calm()
	faults := b.Faults()
	for range 100 {
		if _, _, err := b.Get(t.Context()); err != nil {
			t.Fatalf("after Calm: %v", err)
		}
	}
	if b.Faults() != faults {
		t.Error("after Calm there were faults")
	}
}

// Delays take no time in a bubble, and end with the context.
func TestDelaysAreInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storagetest.Faulty(storage.NewMemoryBackend(), 1, storagetest.FaultOptions{Before: -1, After: -1, Delay: 1, MaxDelay: time.Hour})
		start := time.Now()
		for range 10 {
			if _, _, err := b.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < time.Hour {
			t.Errorf("ten calls that take up to an hour took %s", took)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, _, err := b.Get(short); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
			t.Errorf("a delayed call whose context ended: %v after %s", err, time.Since(start))
		}
	})
}

// A client that commits what came out unknown under a new ID is found out.
func TestFaultyFindsAnImpatientClient(t *testing.T) {
	memory := storage.NewMemoryBackend()
	b := storagetest.Faulty(memory, 1, storagetest.FaultOptions{Delay: -1})
	for n := range 100 {
		for attempt := 0; ; attempt++ {
			key := storage.Key{Kind: "page", ID: fmt.Sprint(n, attempt)} // its own key each time: nothing conflicts
			if _, err := b.Commit(t.Context(), storage.Batch{ID: key.ID, Writes: []storage.Write{{Key: key}}}); err == nil {
				break
			}
		}
	}
	if pages, _ := memory.List(t.Context(), "page", "", storage.MaxLimit); len(pages) <= 100 {
		t.Errorf("100 intents made %d pages; a client that does not repeat the ID should have doubled some", len(pages))
	}
}
