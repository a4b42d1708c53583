package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// slow commits groups, each in a second, and remembers their sizes.
type slow struct {
	sizes []int
	pos   storage.Pos
}

func (s *slow) commit(group []storage.Batch) []groupcommit.Result {
	time.Sleep(time.Second)
	s.sizes = append(s.sizes, len(group))
	results := make([]groupcommit.Result, len(group))
	for i := range group {
		s.pos++
		results[i].Pos = s.pos
	}
	return results
}

func TestCallersThatWaitShareTheNextGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := groupcommit.New(64, s.commit)
		start := time.Now()
		var wg sync.WaitGroup
		seen := make([]storage.Pos, 101)
		for i := range 100 {
			wg.Go(func() {
				pos, err := q.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i)})
				if err != nil {
					t.Error(err)
				}
				seen[pos]++
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("100 callers took %s in groups of %v, want at most 4s", took, s.sizes)
		}
		for pos, n := range seen[1:] {
			if n != 1 {
				t.Errorf("position %d was given to %d callers", pos+1, n)
			}
		}
		q.Close()
	})
}

func TestCanceledBatchThatWaitsHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := groupcommit.New(64, s.commit)
		go q.Commit(t.Context(), storage.Batch{ID: "first"})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := q.Commit(ctx, storage.Batch{ID: "second"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		q.Close()
		if s.pos != 1 {
			t.Errorf("%d batches were committed, want only the first", s.pos)
		}
	})
}

func TestCloseFinishesWhatWaitsAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := groupcommit.New(1, s.commit)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if _, err := q.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		q.Close()
		wg.Wait()
		if _, err := q.Commit(t.Context(), storage.Batch{ID: "late"}); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
	})
}
