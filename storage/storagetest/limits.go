package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// A breach makes a valid batch one that must be refused.
type breach struct {
	name  string
	apply func(b *storage.Batch)
	want  error
}

var breaches = []breach{
	{"an empty ID", func(b *storage.Batch) { b.ID = "" }, storage.ErrInvalid},
	{"an ID of 201 bytes", func(b *storage.Batch) { b.ID = strings.Repeat("i", storage.MaxKey+1) }, storage.ErrInvalid},
	{"an ID with NUL", func(b *storage.Batch) { b.ID = "a\x00b" }, storage.ErrInvalid},
	{"an ID that is not UTF-8", func(b *storage.Batch) { b.ID = "a\xff" }, storage.ErrInvalid},
	{"no writes", func(b *storage.Batch) { b.Writes = nil }, storage.ErrInvalid},
	{"17 writes", func(b *storage.Batch) { b.Writes = writes("breach", storage.MaxWrites+1) }, storage.ErrInvalid},
	{"a key twice", func(b *storage.Batch) { b.Writes = append(b.Writes, b.Writes[0]) }, storage.ErrInvalid},
	{"an empty kind", func(b *storage.Batch) { b.Writes[0].Key.Kind = "" }, storage.ErrInvalid},
	{"an empty key", func(b *storage.Batch) { b.Writes[0].Key.ID = "" }, storage.ErrInvalid},
	{"a kind of 201 bytes", func(b *storage.Batch) { b.Writes[0].Key.Kind = strings.Repeat("k", storage.MaxKey+1) }, storage.ErrInvalid},
	{"a key of 201 bytes", func(b *storage.Batch) { b.Writes[0].Key.ID = strings.Repeat("é", storage.MaxKey/2) + "x" }, storage.ErrInvalid},
	{"a kind with NUL", func(b *storage.Batch) { b.Writes[0].Key.Kind = "\x00" }, storage.ErrInvalid},
	{"a key with NUL", func(b *storage.Batch) { b.Writes[0].Key.ID = "a\x00" }, storage.ErrInvalid},
	{"a key that is not UTF-8", func(b *storage.Batch) { b.Writes[0].Key.ID = "\xc3(" }, storage.ErrInvalid},
	{"17 checks", func(b *storage.Batch) { b.Checks = checks("breach check", storage.MaxChecks+1) }, storage.ErrInvalid},
	{"a check of a key that is written", func(b *storage.Batch) {
		b.Checks = append(checks("breach check", 1), storage.Check{Key: b.Writes[len(b.Writes)-1].Key, Version: b.Writes[len(b.Writes)-1].Base})
	}, storage.ErrInvalid},
	{"a key checked twice", func(b *storage.Batch) { b.Checks = slices.Repeat(checks("breach check", 1), 2) }, storage.ErrInvalid},
	{"a check of an empty kind", func(b *storage.Batch) { b.Checks = []storage.Check{{Key: storage.Key{ID: "a"}}} }, storage.ErrInvalid},
	{"a check of an empty key", func(b *storage.Batch) { b.Checks = []storage.Check{{Key: key("")}} }, storage.ErrInvalid},
	{"a check of a key of 201 bytes", func(b *storage.Batch) {
		b.Checks = append(checks("breach check", 2), storage.Check{Key: key(strings.Repeat("k", storage.MaxKey+1))})
	}, storage.ErrInvalid},
	{"a check of a key with NUL", func(b *storage.Batch) { b.Checks = []storage.Check{{Key: key("a\x00")}} }, storage.ErrInvalid},
	{"a check of a key that is not UTF-8", func(b *storage.Batch) { b.Checks = []storage.Check{{Key: key("\xc3(")}} }, storage.ErrInvalid},
	{"a due time in the year 10000", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Due: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	}, storage.ErrInvalid},
	{"a due time that rounds up to the year 10000", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Due: time.Date(9999, 12, 31, 23, 59, 59, 999_999_001, time.UTC)}
	}, storage.ErrInvalid},
	{"a due time in the year 0", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Due: time.Date(1, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600))}
	}, storage.ErrInvalid},
	{"data with a deletion", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Base: 1, Delete: true, Data: []byte("x")}
	}, storage.ErrInvalid},
	{"a due time with a deletion", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Base: 1, Delete: true, Due: time.Unix(1, 0)}
	}, storage.ErrInvalid},
	{"a deletion of what is absent", func(b *storage.Batch) { b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Delete: true} }, storage.ErrInvalid},
	{"data of 512 KiB", func(b *storage.Batch) {
		b.Writes[0] = storage.Write{Key: b.Writes[0].Key, Data: make([]byte, storage.MaxBatch)}
	}, storage.ErrTooLarge},
	{"a note of 512 KiB", func(b *storage.Batch) { b.Note = make([]byte, storage.MaxBatch) }, storage.ErrTooLarge},
	{"512 KiB with the keys of its checks", func(b *storage.Batch) {
		size := len(b.ID) + len(b.Note)
		for _, w := range b.Writes {
			size += len(w.Key.Kind) + len(w.Key.ID) + len(w.Data)
		}
		b.Note = append(b.Note[:len(b.Note):len(b.Note)], make([]byte, storage.MaxBatch-size)...)
		b.Checks = checks("breach check", 1)
	}, storage.ErrTooLarge},
}

// writes returns n writes of new keys.
func writes(prefix string, n int) []storage.Write {
	list := make([]storage.Write, n)
	for i := range list {
		list[i] = storage.Write{Key: key(fmt.Sprintf("%s %d", prefix, i)), Data: []byte("data")}
	}
	return list
}

// checks returns n checks that new keys are absent.
func checks(prefix string, n int) []storage.Check {
	list := make([]storage.Check, n)
	for i := range list {
		list[i].Key = key(fmt.Sprintf("%s %d", prefix, i))
	}
	return list
}

// key returns a key of the kind that most rules use.
func key(id string) storage.Key { return storage.Key{Kind: "k", ID: id} }

func (s *suite) limits(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	for i, breach := range breaches {
		batch := storage.Batch{ID: fmt.Sprint("breach ", i), Writes: writes("breach", 2)}
		breach.apply(&batch)
		if _, err := b.Commit(ctx, batch); !errors.Is(err, breach.want) {
			t.Errorf("Commit with %s: got %s, want %s", breach.name, class(err), breach.want)
		}
	}
	badReads(ctx, t, b)
	if pos, _, err := b.Get(ctx); err != nil || pos != 0 {
		t.Errorf("after calls that were all refused the last position is %d, %v; want 0", pos, err)
	}
	atTheLimit(ctx, t, b)
}

func badReads(ctx context.Context, t testing.TB, b storage.Backend) {
	long, nul := strings.Repeat("x", storage.MaxKey+1), "a\x00"
	now := time.Unix(0, 0)
	for _, limit := range []int{0, -1, math.MinInt, storage.MaxLimit + 1, math.MaxInt} {
		_, list := b.List(ctx, "k", "", limit)
		_, due := b.Due(ctx, "k", now, limit)
		_, history := b.History(ctx, key("a"), 0, limit)
		_, log := b.Log(ctx, 0, limit)
		for i, err := range []error{list, due, history, log} {
			if !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("%s with the limit %d: got %s, want %s", []string{"List", "Due", "History", "Log"}[i], limit, class(err), storage.ErrInvalid)
			}
		}
	}
	for _, name := range []string{"", long, nul, "\xff"} {
		_, list := b.List(ctx, name, "", 1)
		_, due := b.Due(ctx, name, now, 1)
		_, kind := b.History(ctx, storage.Key{Kind: name, ID: "a"}, 0, 1)
		_, id := b.History(ctx, storage.Key{Kind: "k", ID: name}, 0, 1)
		_, _, get := b.Get(ctx, key("a"), storage.Key{Kind: name, ID: "a"})
		_, _, getID := b.Get(ctx, key(name))
		for i, err := range []error{list, due, kind, id, get, getID} {
			if !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("%s %.10q: got %s, want %s", []string{"List of the kind", "Due of the kind", "History of the kind", "History of the ID", "Get of the kind", "Get of the ID"}[i], name, class(err), storage.ErrInvalid)
			}
		}
		if name == "" {
			continue
		}
		if _, err := b.List(ctx, "k", name, 1); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("List after %.10q, which no ID can be (see storage.CheckList): got %s, want %s", name, class(err), storage.ErrInvalid)
		}
	}
	if _, _, err := b.Get(ctx, slices.Repeat([]storage.Key{key("a")}, storage.MaxKeys+1)...); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("Get of %d keys: got %s, want %s", storage.MaxKeys+1, class(err), storage.ErrInvalid)
	}
}

// atTheLimit does what is just allowed.
func atTheLimit(ctx context.Context, t testing.TB, b storage.Backend) {
	longKey := storage.Key{Kind: strings.Repeat("\U0001f4df", storage.MaxKey/4), ID: strings.Repeat("é", storage.MaxKey/2)}
	batch := storage.Batch{ID: strings.Repeat("ß", storage.MaxKey/2), Writes: writes("limit", storage.MaxWrites-1)}
	batch.Writes = append(batch.Writes, storage.Write{Key: longKey, Due: time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)})
	batch.Checks = append(checks("limit check", storage.MaxChecks-1), storage.Check{Key: storage.Key{Kind: longKey.Kind, ID: longKey.Kind}})
	size := len(batch.ID)
	for _, w := range batch.Writes {
		size += len(w.Key.Kind) + len(w.Key.ID) + len(w.Data)
	}
	for _, c := range batch.Checks {
		size += len(c.Key.Kind) + len(c.Key.ID)
	}
	batch.Note = make([]byte, 100)
	data := slices.Repeat([]byte{0xff}, storage.MaxBatch-size-len(batch.Note)) // bytes that texts would escape
	batch.Writes[storage.MaxWrites-1].Data = data
	if pos, err := b.Commit(ctx, batch); err != nil || pos != 1 {
		t.Fatalf("Commit of %d bytes in %d writes and as many checks with names of %d bytes: got %d, %v; want position 1", storage.MaxBatch, storage.MaxWrites, storage.MaxKey, pos, err)
	}
	if pos, err := b.Commit(ctx, batch); err != nil || pos != 1 {
		t.Errorf("the same again: got %d, %v; want position 1", pos, err)
	}
	_, records, err := b.Get(ctx, slices.Repeat([]storage.Key{longKey}, storage.MaxKeys)...)
	if err != nil || len(records) != storage.MaxKeys {
		t.Fatalf("Get of %d keys: got %d records, %v", storage.MaxKeys, len(records), err)
	}
	if r := records[storage.MaxKeys-1]; r.Key != longKey || string(r.Data) != string(data) {
		t.Errorf("Get of the largest record: got %d bytes of %q, want %d bytes of %q", len(r.Data), r.Key, len(data), longKey)
	}
	if list, err := b.List(ctx, "k", strings.Repeat("\x01", storage.MaxKey), storage.MaxLimit); err != nil || len(list) != storage.MaxWrites-1 {
		t.Errorf("List of %d after an ID of %d bytes: got %d records, %v; want %d", storage.MaxLimit, storage.MaxKey, len(list), err, storage.MaxWrites-1)
	}
	if log, err := b.Log(ctx, 0, storage.MaxLimit); err != nil || len(log) != 1 || len(log[0].Records) != storage.MaxWrites {
		t.Errorf("Log(0, %d): got %d entries, %v; want one of %d records", storage.MaxLimit, len(log), err, storage.MaxWrites)
	}
	hugeNumbers(ctx, t, b)
}

// hugeNumbers asks for positions and versions that no store will ever reach,
// and that no int64 holds.
func hugeNumbers(ctx context.Context, t testing.TB, b storage.Backend) {
	for _, n := range []uint64{1 << 53, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		if log, err := b.Log(ctx, storage.Pos(n), 1); err != nil || len(log) > 0 {
			t.Errorf("Log(%d): got %d entries, %v; want none", n, len(log), err)
		}
		if history, err := b.History(ctx, key("limit 0"), storage.Version(n), 1); err != nil || len(history) > 0 {
			t.Errorf("History after %d: got %d records, %v; want none", n, len(history), err)
		}
		w := storage.Write{Key: key("limit 0"), Base: storage.Version(n)}
		if _, err := b.Commit(ctx, storage.Batch{ID: fmt.Sprint("huge ", n), Writes: []storage.Write{w}}); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("Commit based on version %d: got %s, want %s", n, class(err), storage.ErrConflict)
		}
		c := storage.Check{Key: key("limit 0"), Version: storage.Version(n)}
		if _, err := b.Commit(ctx, storage.Batch{ID: fmt.Sprint("huge check ", n), Writes: writes("huge", 1), Checks: []storage.Check{c}}); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("Commit that checks for version %d: got %s, want %s", n, class(err), storage.ErrConflict)
		}
	}
	for _, now := range []time.Time{time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<55, 0)} {
		if due, err := b.Due(ctx, "k", now, 1); err != nil || len(due) > 0 {
			t.Errorf("Due in the year %d: got %d records, %v; want none, as no timer is set", now.Year(), len(due), err)
		}
	}
	if due, err := b.Due(ctx, "k", time.Time{}, 1); err != nil || len(due) > 0 {
		t.Errorf("Due at the zero time: got %d records, %v; want none", len(due), err)
	}
}

// errors drives every method into its errors, and reports what the other rules
// have met.
func (s *suite) errors(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	done, cancel := context.WithCancel(ctx)
	cancel()
	call := func(ctx context.Context) {
		_, _ = b.Commit(ctx, storage.Batch{ID: "errors", Writes: writes("errors", 1)})
		_, _ = b.Commit(ctx, storage.Batch{ID: "errors", Writes: writes("other content", 1)})
		_, _ = b.Commit(ctx, storage.Batch{ID: "conflict", Writes: writes("errors", 1)})
		_, _ = b.Commit(ctx, storage.Batch{})
		_, _, _ = b.Get(ctx, key("errors 0"))
		_, _, _ = b.Get(ctx, key(""))
		_, _ = b.List(ctx, "k", "", 1)
		_, _ = b.Due(ctx, "k", time.Unix(0, 0), 1)
		_, _ = b.History(ctx, key("errors 0"), 0, 1)
		_, _ = b.Log(ctx, 0, 1)
		_ = b.Wait(ctx, 0)
		_ = b.Trim(ctx, 1)
	}
	call(done)
	call(ctx)
	_ = b.Trim(ctx, math.MaxUint64)
	call(ctx)
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	call(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.seen {
		t.Errorf("%s", text)
	}
}
