package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

func openMemory(testing.TB) storage.Backend { return storage.NewMemoryBackend() }

// Memory keeps the whole contract but durability.
func TestMemory(t *testing.T) {
	storagetest.Run(t, storagetest.Options{Open: openMemory})
}

// The suite works on few records; here are so many that every index is in
// pieces.
func TestMemoryKeepsOrderWhenItIsLarge(t *testing.T) {
	const records = 5000
	b, ctx := storage.NewMemoryBackend(), t.Context()
	rng := rand.New(rand.NewPCG(1, 1))
	want := map[string]time.Time{}
	for i, n := range rng.Perm(records) {
		id, due := fmt.Sprintf("%05d", n), time.Unix(rng.Int64N(1000), 0).UTC()
		want[id] = due
		commit(t, b, fmt.Sprint("create ", i), storage.Write{Key: storage.Key{Kind: "k", ID: id}, Due: due})
	}
	for _, n := range rng.Perm(records)[:records*9/10] {
		id := fmt.Sprintf("%05d", n)
		delete(want, id)
		commit(t, b, "delete "+id, storage.Write{Key: storage.Key{Kind: "k", ID: id}, Base: 1, Delete: true})
	}
	var ids, due, wantIDs []string
	for r, err := range storage.New(b).List(ctx, "k") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Key.ID)
	}
	timers, err := b.Due(ctx, "k", time.Unix(1000, 0), storage.MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range timers {
		due = append(due, r.Key.ID)
	}
	for id := range want {
		wantIDs = append(wantIDs, id)
	}
	slices.Sort(wantIDs)
	if d := cmp.Diff(wantIDs, ids); d != "" {
		t.Errorf("List (-want +got):\n%s", d)
	}
	slices.SortStableFunc(wantIDs, func(a, b string) int { return want[a].Compare(want[b]) })
	if d := cmp.Diff(wantIDs, due); d != "" {
		t.Errorf("Due (-want +got):\n%s", d)
	}

	last, _, err := b.Get(ctx)
	for before := storage.Pos(1); err == nil && before <= last; before += 777 {
		if err = b.Trim(ctx, before); err != nil {
			break
		}
		log, logErr := b.Log(ctx, before-1, 3)
		if logErr != nil || len(log) != 3 || log[0].Pos != before || log[2].Pos != before+2 {
			t.Fatalf("trimmed before %d, the log begins with %v, %v", before, log, logErr)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, b storage.Backend, id string, writes ...storage.Write) {
	t.Helper()
	if _, err := b.Commit(t.Context(), storage.Batch{ID: id, Writes: writes}); err != nil {
		t.Fatal(err)
	}
}

// A native error is wrapped as one of two that are documented.
func TestUnavailableWrapsNativeErrors(t *testing.T) {
	native := errors.New("connection reset")
	if err := storage.Unavailable(t.Context(), "commit", native); !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, native) {
		t.Errorf("got %v, want %v and the native error", err, storage.ErrUnavailable)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := storage.Unavailable(done, "commit", native); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, native) {
		t.Errorf("with a context that is done: got %v, want %v and the native error", err, context.Canceled)
	}
}

func BenchmarkMemory(b *testing.B) {
	storagetest.Bench(b, storagetest.Options{Open: openMemory})
}

// BenchmarkMemorySize reports what a record costs beyond its data, with its
// entry in the log and its batch ID, and how that is after a trim.
func BenchmarkMemorySize(b *testing.B) {
	const records = 100_000
	data := bytes.Repeat([]byte("x"), storagetest.RecordSize)
	for range b.N {
		before := heap()
		store := storage.NewMemoryBackend()
		for n := range records {
			id := fmt.Sprintf("record-%09d", n)
			batch := storage.Batch{ID: id, Writes: []storage.Write{{Key: storage.Key{Kind: "bench", ID: id}, Data: data}}}
			if _, err := store.Commit(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/records-storagetest.RecordSize, "bytes/record")
		if err := store.Trim(b.Context(), records+1); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/records-storagetest.RecordSize, "bytes/trimmed-record")
		runtime.KeepAlive(store)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
