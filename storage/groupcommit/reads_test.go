package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// slowReads reads for a second each time, and remembers how many keys. Positions
// count the reads that were begun.
type slowReads struct {
	mu    sync.Mutex
	sizes []int
	err   error
}

func (s *slowReads) get(keys []storage.Key) (storage.Pos, []storage.Record, error) {
	s.mu.Lock()
	s.sizes = append(s.sizes, len(keys))
	pos := storage.Pos(len(s.sizes))
	s.mu.Unlock()
	time.Sleep(time.Second)
	var records []storage.Record
	for _, k := range keys {
		records = append(records, storage.Record{Key: k, Version: 1, Data: []byte(k.ID)})
	}
	return pos, records, s.err
}

func key(n int) storage.Key { return storage.Key{Kind: "k", ID: fmt.Sprint(n)} }

func TestReadersThatWaitShareTheNextRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowReads{}
		r := groupcommit.NewReads(2, s.get)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				want := []storage.Key{key(i % 50), key(i%50 + 1), key(i % 50)}
				_, got, err := r.Get(t.Context(), want...)
				if err != nil {
					t.Error(err)
				}
				for j, rec := range got {
					if rec.Key != want[j] || string(rec.Data) != want[j].ID {
						t.Errorf("key %d is %v, want %v", j, rec, want[j])
					}
					rec.Data[0] = 'x' // its own: nobody else sees it
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 7*time.Second {
			t.Errorf("200 callers took %s in reads of %v keys", took, s.sizes)
		}
		if most := slices.Max(s.sizes); most > storage.MaxKeys {
			t.Errorf("a read of %d keys, want at most %d", most, storage.MaxKeys)
		}
	})
}

func TestReadBeginsAfterItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowReads{}
		r := groupcommit.NewReads(1, s.get)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if pos, _, err := r.Get(t.Context()); pos != storage.Pos(min(i, 1)+1) || err != nil {
					t.Errorf("caller %d was given read %d, %v", i, pos, err)
				}
			})
			synctest.Wait() // the first read is under way
		}
		wg.Wait()
	})
}

func TestReaderThatLeavesHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowReads{err: storage.ErrUnavailable}
		r := groupcommit.NewReads(1, s.get)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := r.Get(t.Context(), key(1)); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, _, err := r.Get(ctx, key(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		wg.Wait()
		if !slices.Equal(s.sizes, []int{1}) {
			t.Errorf("reads of %v keys, want only the first", s.sizes)
		}
	})
}
