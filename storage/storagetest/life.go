package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// durable writes, reopens, and looks whether anything has changed.
func (s *suite) durable(t testing.TB) {
	if s.Reopen == nil {
		t.Skip("the backend is not durable: Options.Reopen is nil")
	}
	ctx, b, seed := s.context(t), s.open(t), newSeed(t)
	for round := range 3 {
		acknowledged := churn(ctx, t, b, seed, fmt.Sprint("durable ", round))
		before := look(ctx, t, b)
		b = s.reopen(t, b)
		if d := diff(before, look(ctx, t, b)); d != "" {
			t.Fatalf("after reopening (-before +after):\n%s", d)
		}
		for pos, batch := range acknowledged {
			if again, err := b.Commit(ctx, batch); err != nil || again != pos {
				t.Fatalf("after reopening, a batch again: got %d, %v; want its first position, %d", again, err, pos)
			}
			break // one will do; P9 has the rest
		}
	}
	must(ctx, t, b, "cursor", storage.Write{Key: storage.Key{Kind: storage.CursorKind, ID: "c"}, Data: storage.FormatCursor(20)})
	if err := b.Trim(ctx, math.MaxUint64); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	b = s.reopen(t, b)
	if _, err := b.Log(ctx, 19, 1); !errors.Is(err, storage.ErrTrimmed) {
		t.Fatalf("a trimmed log after reopening: got %s, want %s", class(err), storage.ErrTrimmed)
	}
	pos, _ := get(ctx, t, b)
	if log := entireLog(ctx, t, b, 20); len(log) != int(pos)-20 {
		t.Fatalf("a log that was trimmed up to 20 has %d entries after reopening, want %d", len(log), pos-20)
	}
}

// promptly is the contract's two seconds and what a loaded machine may add.
const promptly = 2*time.Second + 500*time.Millisecond

// wait commits while others wait, and cancels and closes under them.
func (s *suite) wait(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	for n := range storage.Pos(5) {
		var grown atomic.Int64 // when Commit returned
		began := time.Now()
		parallel(t, 4, func(i int) error {
			if i == 0 {
				_, err := b.Commit(ctx, storage.Batch{ID: fmt.Sprint("grow ", n), Writes: []storage.Write{text("a", storage.Version(n), "")}})
				grown.Store(int64(time.Since(began)))
				return err
			}
			for { // Wait may return for no reason
				if err := waitFor(ctx, b, n); err != nil {
					return err
				}
				if at := time.Duration(grown.Load()); at > 0 && time.Since(began)-at > promptly {
					return fmt.Errorf("the log grew past %d, and Wait returned %s later", n, time.Since(began)-at)
				}
				if pos, _, err := b.Get(ctx); err != nil || pos > n {
					return err
				}
			}
		})
		start := time.Now()
		if err := b.Wait(ctx, n); err != nil || time.Since(start) > promptly {
			t.Fatalf("Wait for what is there already: %v after %s", err, time.Since(start))
		}
	}
	for range 3 { // Wait may return for no reason before the context ends
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		if err := waitUntil(short, b, 5); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait whose context ends: got %v, want %s", err, context.DeadlineExceeded)
		}
		cancel()
	}
	parallel(t, 3, func(i int) error {
		if i == 0 {
			return b.Close()
		}
		for {
			start := time.Now()
			err := waitFor(ctx, b, 5)
			if errors.Is(err, storage.ErrClosed) {
				return nil
			}
			if err != nil || time.Since(start) > promptly {
				return fmt.Errorf("Wait while the backend was closed: %w after %s", err, time.Since(start))
			}
		}
	})
}

// waitFor is Wait with an end, so that a Wait that sleeps on is found out.
func waitFor(ctx context.Context, b storage.Backend, after storage.Pos) error {
	bounded, cancel := context.WithTimeout(ctx, 2*promptly)
	defer cancel()
	err := waitUntil(bounded, b, after)
	if bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("Wait(%d) did not return in %s", after, 2*promptly)
	}
	return err
}

// waitUntil is Wait, left behind if it does not mind that ctx is done.
func waitUntil(ctx context.Context, b storage.Backend, after storage.Pos) error {
	result := make(chan error, 1)
	go func() { result <- b.Wait(ctx, after) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(promptly)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return fmt.Errorf("Wait(%d) did not return in %s after its context was done", after, promptly)
	}
}

// closing closes, twice, under callers.
func (s *suite) closing(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	must(ctx, t, b, "a", text("a", 0, ""))
	parallel(t, 6, func(i int) error {
		if i < 2 {
			return b.Close()
		}
		for n := 0; ; n++ {
			_, err := b.Commit(ctx, storage.Batch{ID: fmt.Sprint("closing ", i, n), Writes: []storage.Write{text(fmt.Sprint(i, n), 0, "")}})
			if err == nil {
				_, _, err = b.Get(ctx, key("a"))
			}
			if errors.Is(err, storage.ErrClosed) {
				return nil
			}
			// A call that was on its way may be cut off.
			if err != nil && !errors.Is(err, storage.ErrUnavailable) {
				return err
			}
		}
	})
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("Close of a closed backend: %v, want nil", err)
		}
	}
	_, commit := b.Commit(ctx, storage.Batch{ID: "closed", Writes: writes("closed", 1)})
	for name, err := range map[string]error{
		"Commit":  commit,
		"Get":     second(b.Get(ctx, key("a"))),
		"List":    last(b.List(ctx, "k", "", 1)),
		"Due":     last(b.Due(ctx, "k", time.Unix(0, 0), 1)),
		"History": last(b.History(ctx, key("a"), 0, 1)),
		"Log":     last(b.Log(ctx, 0, 1)),
		"Wait":    b.Wait(ctx, 1),
		"Trim":    b.Trim(ctx, 1),
	} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("%s after Close: got %s, want %s", name, class(err), storage.ErrClosed)
		}
	}
}

// trim drops the log step by step, held back by cursors.
func (s *suite) trim(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	cursor := storage.Key{Kind: storage.CursorKind, ID: "consumer"}
	at := func(id string, base storage.Version, p storage.Pos) {
		t.Helper()
		must(ctx, t, b, id, storage.Write{Key: cursor, Base: base, Data: storage.FormatCursor(p)})
	}
	for v := range storage.Version(6) { // positions 1..6 are versions 1..6 of a
		must(ctx, t, b, fmt.Sprint("a ", v+1), text("a", v, fmt.Sprint(v+1)))
	}
	must(ctx, t, b, "once", text("once", 0, "kept"))                                  // 7
	must(ctx, t, b, "gone 1", text("gone", 0, "x"))                                   // 8
	must(ctx, t, b, "gone 2", storage.Write{Key: key("gone"), Base: 1, Delete: true}) // 9
	at("register", 0, 3)                                                              // 10

	trim := func(before storage.Pos) {
		t.Helper()
		for range 2 { // again changes nothing
			if err := b.Trim(ctx, before); err != nil {
				t.Fatalf("Trim(%d): %v", before, err)
			}
		}
	}
	logFrom := func(first storage.Pos) {
		t.Helper()
		end, _ := get(ctx, t, b)
		if log, err := b.Log(ctx, first-1, storage.MaxLimit); err != nil || len(log) != int(end-first+1) || len(log) > 0 && log[0].Pos != first {
			t.Fatalf("Log(%d): %d entries, %v; want %d, from %d on", first-1, len(log), err, end-first+1, first)
		}
		if first == 1 {
			return
		}
		for _, after := range []storage.Pos{0, first - 2} {
			if _, err := b.Log(ctx, after, 1); !errors.Is(err, storage.ErrTrimmed) {
				t.Fatalf("Log(%d), whose first entry was dropped: got %s, want %s", after, class(err), storage.ErrTrimmed)
			}
		}
	}
	trim(0)
	trim(1)
	logFrom(1)
	trim(3)
	logFrom(3)
	trim(2) // what is gone stays gone, and nothing comes back
	logFrom(3)
	trim(math.MaxUint64) // the cursor has consumed 3
	logFrom(4)
	s.trimmedHistory(ctx, t, b)

	at("advance", 1, 9) // 11
	trim(7)
	logFrom(7)
	trim(12)
	logFrom(10)
	must(ctx, t, b, "garbage", storage.Write{Key: storage.Key{Kind: storage.CursorKind, ID: "garbage"}, Data: []byte("?")}) // 12
	at("advance again", 2, 12)                                                                                              // 13
	trim(13)
	logFrom(10) // a cursor that cannot be read holds back everything
	must(ctx, t, b, "unregister", storage.Write{Key: storage.Key{Kind: storage.CursorKind, ID: "garbage"}, Base: 1, Delete: true},
		storage.Write{Key: cursor, Base: 3, Delete: true}) // 14
	trim(14)
	logFrom(14)
	trim(15)
	logFrom(15)
	s.trimmedState(ctx, t, b)
}

// trimmedHistory looks at versions when the entries up to 3 are dropped.
func (s *suite) trimmedHistory(ctx context.Context, t testing.TB, b storage.Backend) {
	t.Helper()
	for _, after := range []storage.Version{0, 2} {
		if _, err := b.History(ctx, key("a"), after, 10); !errors.Is(err, storage.ErrTrimmed) {
			t.Fatalf("History after %d, where version 3 was dropped: got %s, want %s", after, class(err), storage.ErrTrimmed)
		}
	}
	history, err := b.History(ctx, key("a"), 3, 10)
	if err != nil || len(history) != 3 || history[0].Version != 4 || string(history[0].Data) != "4" {
		t.Fatalf("History after 3, the last version that was dropped: %v, %v; want versions 4 to 6", history, err)
	}
	// The IDs of dropped entries are free, those of kept ones are not.
	if _, err := b.Commit(ctx, storage.Batch{ID: "a 2", Writes: []storage.Write{text("a", 1, "2")}}); !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("a batch whose ID was dropped, again: got %s, want %s, as its base is long past", class(err), storage.ErrConflict)
	}
	if pos, err := b.Commit(ctx, storage.Batch{ID: "a 4", Writes: []storage.Write{text("a", 3, "4")}}); err != nil || pos != 4 {
		t.Fatalf("a batch whose ID was kept, again: got %d, %v; want its first position, 4", pos, err)
	}
}

// trimmedState looks at what stays when the whole log is dropped.
func (s *suite) trimmedState(ctx context.Context, t testing.TB, b storage.Backend) {
	t.Helper()
	pos, records := get(ctx, t, b, key("a"), key("once"), key("gone"))
	want := []storage.Record{
		{Key: key("a"), Version: 6, Pos: 6, Data: []byte("6")},
		{Key: key("once"), Version: 1, Pos: 7, Data: []byte("kept")},
		{Key: key("gone"), Version: 2, Pos: 9, Deleted: true},
	}
	if d := diff(want, records); pos != 14 || d != "" {
		t.Fatalf("with an empty log the last position is %d, want 14, and the current records (-want +got):\n%s", pos, d)
	}
	list, err := b.List(ctx, "k", "", 10)
	if d := diff(want[:2], list); err != nil || d != "" {
		t.Fatalf("with an empty log, List: %v (-want +got):\n%s", err, d)
	}
	for i, r := range records {
		history, err := b.History(ctx, r.Key, r.Version-1, 10)
		if d := diff(want[i:i+1], history); err != nil || d != "" {
			t.Fatalf("with an empty log the current version is all that is left of %s: %v (-want +got):\n%s", r.Key, err, d)
		}
	}
	must(ctx, t, b, "succeed", text("once", 1, "2"))
	if _, err := b.History(ctx, key("once"), 0, 10); !errors.Is(err, storage.ErrTrimmed) {
		t.Fatalf("History of a version whose entry was dropped while it was current, and that has been succeeded: got %s, want %s", class(err), storage.ErrTrimmed)
	}
	if history, err := b.History(ctx, key("once"), 1, 10); err != nil || len(history) != 1 || history[0].Version != 2 {
		t.Fatalf("History of its successor: %v, %v; want version 2", history, err)
	}
	if next := must(ctx, t, b, "gone 1", text("gone", 0, "again")); next != 16 {
		t.Fatalf("the second batch after everything was dropped has position %d, want 16", next)
	}
	if _, r := get(ctx, t, b, key("gone")); r[0].Version != 3 {
		t.Fatalf("a key that was deleted before the trim counts on with version %d, want 3", r[0].Version)
	}
}
