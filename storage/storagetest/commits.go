package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// must commits a batch that has to succeed.
func must(ctx context.Context, t testing.TB, b storage.Backend, id string, writes ...storage.Write) storage.Pos {
	t.Helper()
	pos, err := b.Commit(ctx, storage.Batch{ID: id, Writes: writes})
	if err != nil {
		t.Fatalf("Commit(%s): %v", id, err)
	}
	return pos
}

// get reads records, which has to succeed.
func get(ctx context.Context, t testing.TB, b storage.Backend, keys ...storage.Key) (storage.Pos, []storage.Record) {
	t.Helper()
	pos, records, err := b.Get(ctx, keys...)
	if err != nil || len(records) != len(keys) {
		t.Fatalf("Get(%q): %d records, %v; want %d", keys, len(records), err, len(keys))
	}
	return pos, records
}

// entireLog reads the log after a position, which has to succeed.
func entireLog(ctx context.Context, t testing.TB, b storage.Backend, after storage.Pos) []storage.Entry {
	t.Helper()
	var all []storage.Entry
	for {
		page, err := b.Log(ctx, after, 100)
		if err != nil {
			t.Fatalf("Log(%d): %v", after, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Pos
	}
}

func text(id string, base storage.Version, data string) storage.Write {
	return storage.Write{Key: key(id), Base: base, Data: []byte(data)}
}

// atomic lets a batch fail at each of its writes, and then writes the same text
// to several keys at once while readers look whether they ever differ.
func (s *suite) atomic(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	must(ctx, t, b, "taken", text("taken", 0, "taken"))
	for at := range storage.MaxWrites {
		batch := storage.Batch{ID: fmt.Sprint("fails at ", at), Writes: writes("atomic", storage.MaxWrites)}
		batch.Writes[at] = text("taken", 0, "conflict")
		if _, err := b.Commit(ctx, batch); !errors.Is(err, storage.ErrConflict) {
			t.Fatalf("Commit whose write %d of %d has a stale base: got %s, want %s", at+1, storage.MaxWrites, class(err), storage.ErrConflict)
		}
	}
	if list, err := b.List(ctx, "k", "", storage.MaxLimit); err != nil || len(list) != 1 {
		t.Fatalf("after batches that failed at one write there are %d records, %v; want the one that was there before", len(list), err)
	}
	if log := entireLog(ctx, t, b, 0); len(log) != 1 {
		t.Fatalf("after batches that failed the log has %d entries, want the one that was there before", len(log))
	}
	s.together(ctx, t, b)
}

func (s *suite) together(ctx context.Context, t testing.TB, b storage.Backend) {
	keys := []storage.Key{key("t1"), key("t2"), key("t3"), key("t4")}
	rounds := scale(60)
	stop := make(chan struct{})
	parallel(t, 3, func(i int) error {
		if i > 0 { // readers
			for {
				_, records, err := b.Get(ctx, keys...)
				if err != nil {
					return err
				}
				for _, r := range records[1:] {
					if string(r.Data) != string(records[0].Data) || r.Version != records[0].Version {
						return fmt.Errorf("a batch was seen in part: %q at version %d, %q at version %d", records[0].Key, records[0].Version, r.Key, r.Version)
					}
				}
				select {
				case <-stop:
					return nil
				default:
				}
			}
		}
		defer close(stop)
		for n := range rounds {
			batch := storage.Batch{ID: fmt.Sprint("together ", n)}
			for _, k := range keys {
				batch.Writes = append(batch.Writes, storage.Write{Key: k, Base: storage.Version(n), Data: fmt.Append(nil, n)})
			}
			if _, err := b.Commit(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
	for _, e := range entireLog(ctx, t, b, 1) {
		if len(e.Records) != len(keys) {
			t.Fatalf("entry %d has %d records, want the %d writes of its batch", e.Pos, len(e.Records), len(keys))
		}
	}
}

// compareAndSwap commits batches with random bases and predicts each outcome.
func (s *suite) compareAndSwap(t testing.TB) {
	ctx, b, ref := s.context(t), s.open(t), &reference{}
	rng := source(newSeed(t), 0)
	ids := []string{"a", "b", "c", "d", "e"}
	for n := range scale(150) {
		batch := storage.Batch{ID: fmt.Sprint("cas ", n)}
		for _, at := range rng.Perm(len(ids))[:1+rng.IntN(4)] {
			batch.Writes = append(batch.Writes, randomBase(rng, ref.current(key(ids[at]))))
		}
		_, want := ref.Commit(ctx, batch)
		_, got := b.Commit(ctx, batch)
		if class(got) != class(want) {
			t.Fatalf("Commit(%s): got %s (%v), want %s; the current records are %s", story(batch), class(got), got, class(want), states(ref, batch))
		}
		var conflict *storage.ConflictError
		if want != nil && (!errors.As(got, &conflict) || !explains(conflict, batch, ref)) {
			t.Fatalf("Commit(%s): got the error %#v, want a *storage.ConflictError about a write whose base is not current; the current records are %s", story(batch), got, states(ref, batch))
		}
	}
}

// randomBase returns a write whose base is current in about two of three cases.
func randomBase(rng *rand.Rand, now storage.Record) storage.Write {
	w := storage.Write{Key: now.Key, Base: now.Version, Data: []byte("x")}
	switch rng.IntN(12) {
	case 0:
		w.Base++
	case 1:
		w.Base--
	case 2, 3:
		w.Base = 0
	case 4:
		w.Base = math.MaxUint64
	}
	if w.Base > 0 && rng.IntN(4) == 0 {
		w.Data, w.Delete = nil, true
	}
	return w
}

// explains reports whether a conflict is about a write that has one.
func explains(c *storage.ConflictError, b storage.Batch, ref *reference) bool {
	for _, w := range b.Writes {
		if now := ref.current(w.Key); w.Key == c.Key {
			return !current(w, now) && c.Base == w.Base && c.Current == now.Version
		}
	}
	return false
}

func states(ref *reference, b storage.Batch) []string {
	var list []string
	for _, w := range b.Writes {
		now := ref.current(w.Key)
		list = append(list, fmt.Sprintf("%s at version %d, deleted %v", w.Key, now.Version, now.Deleted))
	}
	return list
}

// denseVersions writes, deletes and writes again, one caller and then many.
func (s *suite) denseVersions(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	for v := range storage.Version(12) {
		w := text("a", v, "x")
		if now := v % 4; now == 0 {
			w.Base = 0 // absent, or deleted by the write before
		} else if now == 3 {
			w.Data, w.Delete = nil, true
		}
		must(ctx, t, b, fmt.Sprint("version ", v+1), w)
		if _, got := get(ctx, t, b, key("a")); got[0].Version != v+1 {
			t.Fatalf("write %d of a key made version %d; deletions are versions too, and the next write counts on", v+1, got[0].Version)
		}
	}
	parallel(t, 8, func(i int) error {
		for n := range scale(10) {
			for attempt := 0; ; attempt++ {
				_, now, err := b.Get(ctx, key("a"))
				if err != nil {
					return err
				}
				w := text("a", now[0].Version, fmt.Sprint(i, n))
				if now[0].Exists() && n%3 == 2 {
					w.Data, w.Delete = nil, true
				}
				_, err = b.Commit(ctx, storage.Batch{ID: fmt.Sprint("caller ", i, n, attempt), Writes: []storage.Write{w}})
				if err == nil {
					break
				}
				if !errors.Is(err, storage.ErrConflict) {
					return err
				}
			}
		}
		return nil
	})
	all, err := b.History(ctx, key("a"), 0, storage.MaxLimit)
	if want := 12 + 8*scale(10); err != nil || len(all) != min(want, storage.MaxLimit) {
		t.Fatalf("History has %d versions, %v; want %d", len(all), err, want)
	}
	for i, r := range all {
		if r.Version != storage.Version(i+1) || i > 0 && r.Pos <= all[i-1].Pos {
			t.Fatalf("version %d at position %d stands at place %d of the history; want version %d, and rising positions", r.Version, r.Pos, i+1, i+1)
		}
	}
}

// idempotent commits the same batch again: at once, after its records changed,
// from many callers, and after reopening.
func (s *suite) idempotent(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	first := storage.Batch{ID: "intent", Note: []byte("note"), Writes: []storage.Write{
		{Key: key("a"), Data: []byte("1"), Due: time.Unix(1e9, 1)}, {Key: key("b")}}}
	first.Checks = []storage.Check{{Key: key("c")}, {Key: key("d")}}
	again := storage.Batch{ID: "intent", Note: []byte("note"), Checks: first.Checks, Writes: []storage.Write{
		{Key: key("a"), Data: []byte("1"), Due: time.Unix(1e9, 1000).In(time.FixedZone("", -3600))}, {Key: key("b"), Data: []byte{}}}}
	expect := func(when string, batch storage.Batch, want storage.Pos) {
		t.Helper()
		if pos, err := b.Commit(ctx, batch); err != nil || pos != want {
			t.Fatalf("%s: got %d, %v; want the first position, %d", when, pos, err, want)
		}
	}
	expect("the batch", first, 1)
	expect("the batch again", first, 1)
	expect("the batch again, its due time written in another zone and before rounding", again, 1)
	must(ctx, t, b, "later", text("a", 1, "2"), storage.Write{Key: key("b"), Base: 1, Delete: true}, text("c", 0, "checked"))
	expect("the batch again, after its records and one that it checked have changed", first, 1)
	s.otherContent(ctx, t, b, first)
	if s.Reopen != nil {
		b = s.reopen(t, b)
		expect("the batch again, after reopening", first, 1)
		s.otherContent(ctx, t, b, first)
	}

	// A batch that was refused was not committed: its ID is free.
	if _, err := b.Commit(ctx, storage.Batch{ID: "refused", Writes: []storage.Write{text("a", 1, "stale")}}); !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("a stale base: got %s, want %s", class(err), storage.ErrConflict)
	}
	if pos := must(ctx, t, b, "refused", text("a", 2, "3")); pos != 3 {
		t.Fatalf("a batch with the ID of one that was refused has position %d, want 3", pos)
	}

	for round := range scale(10) {
		batch := storage.Batch{ID: fmt.Sprint("many ", round), Writes: []storage.Write{text("many", storage.Version(round), "x")}}
		parallel(t, 16, func(int) error {
			if pos, err := b.Commit(ctx, batch); err != nil || pos != storage.Pos(4+round) {
				return fmt.Errorf("the batch that 16 callers commit at once: got %d, %v; want position %d", pos, err, 4+round)
			}
			return nil
		})
	}
	if log := entireLog(ctx, t, b, 0); len(log) != 3+scale(10) {
		t.Fatalf("%d intents made %d entries", 3+scale(10), len(log))
	}
}

// otherContent reuses the ID of a batch, which must be refused.
func (s *suite) otherContent(ctx context.Context, t testing.TB, b storage.Backend, first storage.Batch) {
	t.Helper()
	for name, change := range map[string]func(*storage.Batch){
		"another note":                 func(b *storage.Batch) { b.Note = []byte("other") },
		"other data":                   func(b *storage.Batch) { b.Writes[0].Data = []byte("other") },
		"another due time":             func(b *storage.Batch) { b.Writes[0].Due = time.Unix(1e9, 1001) },
		"no due time":                  func(b *storage.Batch) { b.Writes[0].Due = time.Time{} },
		"another base":                 func(b *storage.Batch) { b.Writes[0].Base = 2 },
		"another key":                  func(b *storage.Batch) { b.Writes[0].Key = key("e") },
		"one write less":               func(b *storage.Batch) { b.Writes = b.Writes[:1] },
		"one write more":               func(b *storage.Batch) { b.Writes = append(b.Writes, text("e", 0, "")) },
		"writes in other order":        func(b *storage.Batch) { slices.Reverse(b.Writes) },
		"a deletion":                   func(b *storage.Batch) { b.Writes[1] = storage.Write{Key: key("b"), Base: 2, Delete: true} },
		"another version to check for": func(b *storage.Batch) { b.Checks[0].Version = 1 },
		"another key to check":         func(b *storage.Batch) { b.Checks[0].Key = key("e") },
		"one check less":               func(b *storage.Batch) { b.Checks = b.Checks[:1] },
		"no checks":                    func(b *storage.Batch) { b.Checks = nil },
		"one check more":               func(b *storage.Batch) { b.Checks = append(b.Checks, storage.Check{Key: key("e")}) },
		"checks in other order":        func(b *storage.Batch) { slices.Reverse(b.Checks) },
		"a check that became a write": func(b *storage.Batch) {
			b.Writes, b.Checks = append(b.Writes, storage.Write{Key: key("d")}), b.Checks[:1]
		},
		"bytes moved to the key": func(b *storage.Batch) { b.Writes[0].Key, b.Writes[0].Data = key("a1"), nil },
	} {
		other := first
		other.Writes, other.Checks = slices.Clone(first.Writes), slices.Clone(first.Checks)
		change(&other)
		if _, err := b.Commit(ctx, other); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("the ID of an earlier batch with %s: got %s, want %s", name, class(err), storage.ErrInvalid)
		}
	}
}

// cancellation cancels before and during commits, and asks what became of them.
func (s *suite) cancellation(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	rng := source(newSeed(t), 0)
	done, cancel := context.WithCancel(ctx)
	cancel()
	for n := range 10 {
		if _, err := b.Commit(done, storage.Batch{ID: fmt.Sprint("before ", n), Writes: writes("before", 1)}); !errors.Is(err, context.Canceled) {
			t.Fatalf("Commit with a context that is done: got %s, want %s", class(err), context.Canceled)
		}
	}
	past, cancelPast := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancelPast()
	if _, err := b.Commit(past, storage.Batch{ID: "past", Writes: writes("before", 1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Commit after its deadline: got %s, want %s", class(err), context.DeadlineExceeded)
	}
	for name, err := range map[string]error{
		"Get":     second(b.Get(done, key("a"))),
		"List":    last(b.List(done, "k", "", 1)),
		"Due":     last(b.Due(done, "k", time.Unix(0, 0), 1)),
		"History": last(b.History(done, key("a"), 0, 1)),
		"Log":     last(b.Log(done, 0, 1)),
		"Wait":    b.Wait(done, 0),
		"Trim":    b.Trim(done, 1),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that is done: got %s, want %s", name, class(err), context.Canceled)
		}
	}
	must(ctx, t, b, "first", text("first", 0, ""))
	if log := entireLog(ctx, t, b, 0); len(log) != 1 {
		t.Fatalf("commits with a context that was done before left %d entries", len(log)-1)
	}
	s.cancelDuring(ctx, t, b, rng)
}

func second[A, B any](_ A, _ B, err error) error { return err }
func last[A any](_ A, err error) error           { return err }

func (s *suite) cancelDuring(ctx context.Context, t testing.TB, b storage.Backend, rng *rand.Rand) {
	t.Helper()
	rounds, callers := scale(25), 4
	delays := make([]time.Duration, rounds*callers)
	for i := range delays { // from at once to after a slow commit
		delays[i] = time.Duration(rng.ExpFloat64() * float64(500*time.Microsecond))
	}
	parallel(t, callers, func(i int) error {
		for n := range rounds {
			batch := storage.Batch{ID: fmt.Sprint("during ", i, " ", n), Writes: writes(fmt.Sprint("during ", i, " ", n), 3)}
			short, cancel := context.WithTimeout(ctx, delays[i*rounds+n])
			if n%2 == 0 {
				go func() { runtime.Gosched(); cancel() }()
			}
			_, err := b.Commit(short, batch)
			cancel()
			if err != nil && short.Err() == nil {
				return err
			}
			// Whatever that did, asking again finds it out.
			if _, err := b.Commit(ctx, batch); err != nil {
				return fmt.Errorf("a commit was cancelled (%w), and the same batch again failed: %w", short.Err(), err)
			}
		}
		return nil
	})
	seen := map[string]storage.Pos{}
	for _, e := range entireLog(ctx, t, b, 1) {
		if at, ok := seen[e.ID]; ok {
			t.Fatalf("%q was cancelled and repeated, and stands in the log twice, at %d and %d", e.ID, at, e.Pos)
		}
		seen[e.ID] = e.Pos
		if len(e.Records) != 3 {
			t.Fatalf("%q was cancelled and repeated, and has %d of its 3 writes", e.ID, len(e.Records))
		}
	}
	if len(seen) != rounds*callers {
		t.Fatalf("%d batches were acknowledged and %d stand in the log", rounds*callers, len(seen))
	}
}

// aliasing overwrites everything that goes in and comes out.
func (s *suite) aliasing(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	data, note := []byte("data"), []byte("note")
	batch := storage.Batch{ID: "alias", Note: note, Writes: []storage.Write{{Key: key("a"), Data: data, Due: time.Unix(1, 0)}}}
	if _, err := b.Commit(ctx, batch); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	spoil := func() {
		copy(data, "!!!!")
		copy(note, "!!!!")
		batch.Writes[0] = storage.Write{Key: key("spoiled")}
	}
	spoil()
	readAll := func(who string) {
		t.Helper()
		keys := []storage.Key{key("a"), key("a")}
		_, got := get(ctx, t, b, keys...)
		keys[0] = key("spoiled")
		list, err1 := b.List(ctx, "k", "", 10)
		due, err2 := b.Due(ctx, "k", time.Unix(2, 0), 10)
		history, err3 := b.History(ctx, key("a"), 0, 10)
		log, err4 := b.Log(ctx, 0, 1)
		if err := errors.Join(err1, err2, err3, err4); err != nil || len(log) != 1 {
			t.Fatalf("reading: %d entries, %v", len(log), err)
		}
		want := storage.Record{Key: key("a"), Version: 1, Pos: 1, Data: []byte("data"), Due: time.Unix(1, 0)}
		for name, records := range map[string][]storage.Record{"Get": got[:1], "a second record of Get": got[1:], "List": list, "Due": due, "History": history, "Log": log[0].Records} {
			if d := diff([]storage.Record{want}, records); d != "" {
				t.Fatalf("%s overwrote what is his, and %s shows (-want +got):\n%s", who, name, d)
			}
			scribble(records)
		}
		if string(log[0].Note) != "note" {
			t.Fatalf("%s overwrote what is his, and the log shows the note %q", who, log[0].Note)
		}
		copy(log[0].Note, "!!!!")
		clear(log)
	}
	readAll("who committed")
	readAll("who read")

	// A caller that was cancelled may use his bytes again, though the commit may
	// still be on its way: with -race this finds who reads them.
	for n := range scale(20) {
		data = []byte("data")
		batch = storage.Batch{ID: fmt.Sprint("alias ", n), Note: note, Writes: []storage.Write{{Key: key(fmt.Sprint("c", n)), Data: data}}}
		short, cancel := context.WithCancel(ctx)
		go func() { runtime.Gosched(); cancel() }()
		_, _ = b.Commit(short, batch)
		spoil()
		cancel()
	}
	list, err := b.List(ctx, "k", "c", storage.MaxLimit)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	for _, r := range list {
		if string(r.Data) != "data" {
			t.Fatalf("the caller of a cancelled commit overwrote his bytes, and %s has %q", r.Key, r.Data)
		}
	}
}

// scribble overwrites everything in records that a caller could reach.
func scribble(records []storage.Record) {
	for i := range records {
		copy(records[i].Data, bytes.Repeat([]byte{'!'}, len(records[i].Data)))
		records[i] = storage.Record{Key: storage.Key{Kind: "scribble"}}
	}
}
