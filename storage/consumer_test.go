package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var total = storage.Key{Kind: "total", ID: "orders"}

// billing handles an order by writing a bill and adding to a total.
func billing(s *storage.Store) func(ctx context.Context, e storage.Entry) (storage.Change, error) {
	return func(ctx context.Context, e storage.Entry) (storage.Change, error) {
		if e.Records[0].Key.Kind != "order" {
			return storage.Change{}, nil
		}
		_, now, err := s.Get(ctx, total)
		if err != nil {
			return storage.Change{}, err
		}
		change, err := increment(now)
		change.Writes[0].Base = now[0].Version
		bill := storage.Write{Key: storage.Key{Kind: "bill", ID: e.Records[0].Key.ID}, Data: fmt.Append(nil, e.Pos)}
		change.Writes = append(change.Writes, bill)
		return change, err
	}
}

func order(t *testing.T, s *storage.Store, id string) {
	t.Helper()
	if _, err := s.Commit(t.Context(), storage.Batch{ID: "order " + id, Writes: []storage.Write{{Key: storage.Key{Kind: "order", ID: id}}}}); err != nil {
		t.Errorf("ordering %s: %v", id, err)
	}
}

// eventually lets fake time pass until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Hour); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to that: %s", what)
		}
	}
}

// Three processes consume under one name, each over a bad network, and crash
// and start again; what they commit is there once.
func TestConsumerResultsAreExactlyOnce(t *testing.T) {
	const orders = 60
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			memory := storage.NewMemoryBackend()
			stop, cancel := context.WithCancel(t.Context())
			var processes sync.WaitGroup
			for p := range uint64(3) {
				processes.Go(func() { crashing(stop, t, memory, seed*10+p) })
			}
			producer := storage.New(storagetest.Faulty(memory, seed+1000, storagetest.FaultOptions{}))
			for n := range orders {
				order(t, producer, fmt.Sprintf("%03d", n))
			}
			s := storage.New(memory)
			eventually(t, "every order is billed", func() bool { return count(t, s, total) >= orders })
			cancel()
			processes.Wait()
			if got := count(t, s, total); got != orders {
				t.Errorf("seed %d: %d orders were counted %d times", seed, orders, got)
			}
			bills, err := memory.List(t.Context(), "bill", "", storage.MaxLimit)
			if err != nil || len(bills) != orders {
				t.Errorf("seed %d: %d orders made %d bills, %v", seed, orders, len(bills), err)
			}
			for _, b := range bills {
				if b.Version != 1 {
					t.Errorf("seed %d: the bill %s was written %d times", seed, b.Key.ID, b.Version)
				}
			}
		})
	}
}

// crashing runs a consumer again and again, for a while each time.
func crashing(stop context.Context, t *testing.T, b storage.Backend, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for stop.Err() == nil {
		s := storage.New(storagetest.Faulty(b, rng.Uint64(), storagetest.FaultOptions{}))
		c := storage.Consumer{Store: s, Name: "billing", Handle: billing(s)}
		life, crash := context.WithTimeout(stop, time.Duration(rng.ExpFloat64()*float64(50*time.Millisecond)))
		if err := c.Run(life); !errors.Is(err, life.Err()) {
			t.Errorf("Run ended with %v before the crash", err)
		}
		crash()
	}
}

func TestCursorHoldsBackTrim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemory()
		for n := range 5 {
			order(t, s, fmt.Sprint(n))
		}
		gate := make(chan struct{})
		var handled []storage.Pos
		handle := billing(s)
		c := storage.Consumer{Store: s, Name: "billing", Handle: func(ctx context.Context, e storage.Entry) (storage.Change, error) {
			select {
			case <-gate:
			case <-ctx.Done():
				return storage.Change{}, ctx.Err()
			}
			handled = append(handled, e.Pos)
			return handle(ctx, e)
		}}
		run, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(run) }()
		gate <- struct{}{} // the second is in hand
		synctest.Wait()
		if err := s.Trim(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if err := firstError(s.Log(t.Context(), 1)); err != nil {
			t.Errorf("the log after what was consumed: %v", err)
		}
		if err := firstError(s.Log(t.Context(), 0)); !errors.Is(err, storage.ErrTrimmed) {
			t.Errorf("the log before it: %v, want %v", err, storage.ErrTrimmed)
		}
		close(gate)
		eventually(t, "all is consumed", func() bool { return count(t, s, total) == 5 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v, want %v", err, context.Canceled)
		}
		for i, pos := range handled[:5] {
			if pos != storage.Pos(i+1) {
				t.Errorf("entry %d was handled as number %d", pos, i+1)
			}
		}
	})
}

// Entries without result move the cursor as well, now and then.
func TestIdleConsumerLetsTrimGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemory()
		for n := range 600 {
			order(t, s, fmt.Sprint(n))
		}
		seen := map[storage.Pos]int{}
		c := storage.Consumer{Store: s, Name: "idle", Handle: func(_ context.Context, e storage.Entry) (storage.Change, error) {
			seen[e.Pos]++
			return storage.Change{}, nil
		}}
		run, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Run(run); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		if len(seen) < 600 || seen[1] != 1 || seen[600] != 1 {
			t.Errorf("%d of 600 entries were handled", len(seen))
		}
		if err := s.Trim(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
		if err := firstError(s.Log(t.Context(), 500)); !errors.Is(err, storage.ErrTrimmed) {
			t.Errorf("600 entries without result hold back Trim: %v", err)
		}
		if last, _, _ := s.Get(t.Context()); last > 610 {
			t.Errorf("an idle consumer wrote %d entries of its own", last-600)
		}
	})
}

func TestConsumerEndsWithWhatCannotBeMended(t *testing.T) {
	handled, refused := 0, errors.New("refused")
	fails := func(context.Context, storage.Entry) (storage.Change, error) {
		handled++
		return storage.Change{}, refused
	}
	for _, test := range []struct {
		name    string
		prepare func(s *storage.Store) error
		want    func(error) bool
	}{
		{"an error of Handle", func(*storage.Store) error { return nil }, func(err error) bool {
			return errors.Is(err, refused) && strings.Contains(err.Error(), "entry 1")
		}},
		{"a log that was trimmed before it started", func(s *storage.Store) error { return s.Trim(t.Context(), 2) }, func(err error) bool { return errors.Is(err, storage.ErrTrimmed) }},
		{"a cursor that is garbage", func(s *storage.Store) error {
			_, err := s.Commit(t.Context(), storage.Batch{ID: "c", Writes: []storage.Write{{Key: storage.Key{Kind: storage.CursorKind, ID: "c"}, Data: []byte("-1")}}})
			return err
		}, func(err error) bool { return strings.Contains(fmt.Sprint(err), "invalid_cursor") }},
		{"a store that was closed", (*storage.Store).Close, func(err error) bool { return errors.Is(err, storage.ErrClosed) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storage.NewMemory()
			order(t, s, "a")
			if err := test.prepare(s); err != nil {
				t.Fatal(err)
			}
			c := storage.Consumer{Store: s, Name: "c", Handle: fails}
			if err := c.Run(t.Context()); !test.want(err) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	if handled != 1 {
		t.Errorf("Handle was asked %d times", handled)
	}
}

func TestConsumerStartsWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemory()
		for n := range 5 {
			order(t, s, fmt.Sprint(n))
		}
		var first storage.Pos
		run, cancel := context.WithCancel(t.Context())
		c := storage.Consumer{Store: s, Name: "late", Start: 3, Handle: func(_ context.Context, e storage.Entry) (storage.Change, error) {
			if first == 0 {
				first = e.Pos
			}
			cancel()
			return storage.Change{}, nil
		}}
		if err := c.Run(run); !errors.Is(err, context.Canceled) || first != 4 {
			t.Errorf("a consumer that starts after 3 was given %d first, %v", first, err)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"0", "42", "9223372036854775807", "9223372036854775808", "", "-1", "+1", " 1", "1e3", "0x10", "٣"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pos, err := storage.ParseCursor(data)
		if err != nil {
			if pos != 0 {
				t.Errorf("%q: %v and position %d", data, err, pos)
			}
			return
		}
		if again, err := storage.ParseCursor(storage.FormatCursor(pos)); err != nil || again != pos || pos >= 1<<63 {
			t.Errorf("%q is %d, which reads back as %d, %v", data, pos, again, err)
		}
	})
}
