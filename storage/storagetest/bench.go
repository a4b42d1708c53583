package storagetest

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// RecordSize is the bytes of data in every record of [Bench].
const RecordSize = 300

// Bench measures a backend: commits by one caller and by 64, updates of one hot
// key, Get, List, Due, and tailing the log. With Options.Bare it also measures
// the bare driver in turns with the backend, as disks change their pace, and
// reports the ratios:
//
//	of-bare-64          64 callers of Commit / bare loop with 64 records a transaction
//	of-bare-1           64 callers of Commit / bare loop with one record a transaction
//	caller-of-bare-1    one caller of Commit / the same
//
// The first line is the time of an fsync in the temporary directory, by which
// figures of different days and disks are compared.
func Bench(b *testing.B, o Options) {
	b.Run("fsync", fsync)
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("commit/callers=%d", callers), func(b *testing.B) {
			store := newBench(b, o)
			b.ReportAllocs()
			b.ResetTimer()
			b.ReportMetric(store.commit(b, callers, b.N), "commits/s")
		})
	}
	if o.Bare != nil {
		b.Run("commit/against bare", func(b *testing.B) { againstBare(b, o) })
	}
	b.Run("update/one hot key", func(b *testing.B) {
		store := newBench(b, o)
		b.ResetTimer()
		for n := range b.N {
			store.must(b, storage.Batch{ID: fmt.Sprint("hot ", n), Writes: []storage.Write{{Key: benchKey("hot"), Base: storage.Version(n), Data: store.data}}})
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	})
	b.Run(fmt.Sprintf("timers=%d", *timersFlag), func(b *testing.B) { reads(b, o) })
}

// benchKind is the kind of all records of a benchmark.
const benchKind = "bench"

func benchKey(id string) storage.Key { return storage.Key{Kind: benchKind, ID: id} }

// bench is a store under measurement.
type bench struct {
	storage.Backend
	data []byte
	next atomic.Int64
}

func newBench(b *testing.B, o Options) *bench {
	store := &bench{Backend: o.Open(b), data: bytes.Repeat([]byte("x"), RecordSize)}
	b.Cleanup(func() { _ = store.Close() })
	return store
}

func (s *bench) must(b *testing.B, batch storage.Batch) {
	if _, err := s.Commit(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
}

// commit lets callers commit n batches of one new record, and returns how many
// a second.
func (s *bench) commit(b *testing.B, callers, n int) (perSecond float64) {
	start, end := time.Now(), s.next.Load()+int64(n)
	s.callers(b, callers, func() error {
		for {
			i := s.next.Add(1)
			if i > end {
				return nil
			}
			id := fmt.Sprintf("record-%09d", i)
			batch := storage.Batch{ID: id, Writes: []storage.Write{{Key: benchKey(id), Data: s.data}}}
			if _, err := s.Commit(b.Context(), batch); err != nil {
				return err
			}
		}
	})
	s.next.Store(end)
	return float64(n) / time.Since(start).Seconds()
}

func (s *bench) callers(b *testing.B, n int, f func() error) {
	b.Helper()
	if n == 1 {
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return
	}
	parallel(b, n, func(int) error { return f() })
}

// The backend and the bare driver are measured in up to so many turns, each
// long enough for groups to form.
const (
	maxTurns  = 5
	turnFloor = 40 * 64
)

func againstBare(b *testing.B, o Options) {
	store := newBench(b, o)
	total := b.N
	turns := min(maxTurns, max(1, total/turnFloor))
	var commits, bares, ofBare64, ofBare1, callerOfBare1 []float64
	for range turns {
		n := max(1, total/turns)
		few := max(1, n/64) // what waits for the disk each time
		many, one := store.commit(b, 64, n), store.commit(b, 1, few)
		bare64, bare1 := o.Bare(b, 64, n), o.Bare(b, 1, few)
		commits, bares = append(commits, many), append(bares, bare64)
		ofBare64, ofBare1, callerOfBare1 = append(ofBare64, many/bare64), append(ofBare1, many/bare1), append(callerOfBare1, one/bare1)
	}
	b.ReportMetric(0, "ns/op") // of two things that are not one
	b.ReportMetric(median(commits), "commits/s")
	b.ReportMetric(median(bares), "bare-64/s")
	b.ReportMetric(median(ofBare64), "of-bare-64")
	b.ReportMetric(median(ofBare1), "of-bare-1")
	b.ReportMetric(median(callerOfBare1), "caller-of-bare-1")
}

// reads measures what only reads on one store of many timers.
func reads(b *testing.B, o Options) {
	const page = 100
	store, timers := newBench(b, o), *timersFlag
	store.fill(b, timers)
	now := time.Unix(page, 0) // when the first hundred are due
	b.Run("get", func(b *testing.B) {
		for n := range b.N {
			store.want(b, 1)(second2(store.Get(b.Context(), benchKey(timerID(n*7919%timers)))))
		}
	})
	b.Run("list 100", func(b *testing.B) {
		for n := range b.N {
			after := timerID(n * 7919 % max(1, timers-page))
			store.want(b, min(page, timers-1))(store.List(b.Context(), benchKind, after, page))
		}
	})
	b.Run("due 100", func(b *testing.B) {
		for range b.N {
			store.want(b, min(page, timers))(store.Due(b.Context(), benchKind, now, page))
		}
	})
	b.Run("tail", func(b *testing.B) { tail(b, o) })
}

func timerID(n int) string { return fmt.Sprintf("timer-%09d", n) }

// fill writes records of which one is due each second from 1970 on, by 64
// callers and in full batches.
func (s *bench) fill(b *testing.B, timers int) {
	b.Helper()
	var next atomic.Int64
	s.callers(b, 64, func() error {
		for {
			first := int(next.Add(storage.MaxWrites)) - storage.MaxWrites
			if first >= timers {
				return nil
			}
			batch := storage.Batch{ID: fmt.Sprint("fill ", first)}
			for n := first; n < min(first+storage.MaxWrites, timers); n++ {
				batch.Writes = append(batch.Writes, storage.Write{Key: benchKey(timerID(n)), Data: s.data, Due: time.Unix(int64(n+1), 0)})
			}
			if _, err := s.Commit(b.Context(), batch); err != nil {
				return err
			}
		}
	})
}

// want checks that a read found what it should: a benchmark of wrong answers is
// worth nothing.
func (s *bench) want(b *testing.B, n int) func([]storage.Record, error) {
	return func(records []storage.Record, err error) {
		if err != nil || len(records) != n || len(records[n-1].Data) != RecordSize {
			b.Fatalf("%d records, %v; want %d of %d bytes", len(records), err, n, RecordSize)
		}
	}
}

func second2(_ storage.Pos, records []storage.Record, err error) ([]storage.Record, error) {
	return records, err
}

// tailed is how many entries the tail benchmark goes through, over and over.
const tailed = 20_000

func tail(b *testing.B, o Options) {
	store := newBench(b, o)
	store.commit(b, 64, tailed)
	b.ResetTimer()
	at := storage.Pos(0)
	for n := 0; n < b.N; {
		entries, err := store.Log(b.Context(), at, min(storage.MaxLimit, b.N-n))
		if err != nil {
			b.Fatal(err)
		}
		if len(entries) == 0 {
			at = 0
			continue
		}
		n, at = n+len(entries), entries[len(entries)-1].Pos
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// fsync writes 4 KiB and waits for the disk.
func fsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for range b.N {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

func median[T cmp.Ordered](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}
