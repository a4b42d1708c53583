package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// due sets timers around the instants where they go wrong and asks around each.
func (s *suite) due(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	at := func(sec, nsec int64) time.Time { return time.Unix(sec, nsec).UTC() }
	timers := []struct {
		id       string
		set, due time.Time
	}{ // in the order in which they come due
		{"first of all", time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)},
		{"before 1970", at(-1, 999_998_000), at(-1, 999_998_000)},
		{"rounded up before 1970", at(-1, 999_998_001), at(-1, 999_999_000)},
		{"rounded up to 1970", at(-1, 999_999_999), at(0, 0)},
		{"a of 1970", at(0, 0).In(time.FixedZone("", 9*3600)), at(0, 0)},
		{"B of one instant", at(1e9, 5000), at(1e9, 5000)},
		{"a of one instant", at(1e9, 4001), at(1e9, 5000)},
		{"é of one instant", at(1e9, 5000), at(1e9, 5000)},
		{"later", at(1e9, 5001), at(1e9, 6000)},
		{"last of all", time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
	}
	slices.SortStableFunc(timers, func(a, b struct {
		id       string
		set, due time.Time
	}) int {
		if c := a.due.Compare(b.due); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	var all []storage.Record
	for i, timer := range timers {
		all = append(all, storage.Record{Key: key(timer.id), Version: 1, Due: timer.due, Data: fmt.Append(nil, i)})
	}
	for i := range timers { // set in another order
		n := (i*7 + 3) % len(timers)
		all[n].Pos = must(ctx, t, b, timers[n].id, storage.Write{Key: key(timers[n].id), Data: all[n].Data, Due: timers[n].set})
	}
	must(ctx, t, b, "others", storage.Write{Key: storage.Key{Kind: "k.other", ID: "a"}, Due: at(0, 0)}, text("no timer", 0, ""))

	expect := func(now time.Time, limit int, want []storage.Record) {
		t.Helper()
		got, err := b.Due(ctx, "k", now, limit)
		if d := diff(want, got); err != nil || d != "" {
			t.Fatalf("Due at %s, limit %d: %v (-want +got):\n%s", now.Format(time.RFC3339Nano), limit, err, d)
		}
		for _, r := range got {
			if r.Due.Location() != time.UTC {
				t.Fatalf("%s is due at %s; records carry UTC", r.Key, r.Due)
			}
		}
	}
	for i, r := range all {
		for _, around := range []time.Duration{-time.Microsecond, -1, 0, 1, time.Microsecond} {
			now := r.Due.Add(around)
			n := 0
			for n < len(all) && !all[n].Due.After(now) {
				n++
			}
			expect(now, storage.MaxLimit, all[:n])
			expect(now, i+1, all[:min(n, i+1)])
		}
	}
	s.timersMove(ctx, t, b, all, expect)
}

// timersMove changes, clears, deletes and sets timers again.
func (s *suite) timersMove(ctx context.Context, t testing.TB, b storage.Backend, all []storage.Record, expect func(time.Time, int, []storage.Record)) {
	t.Helper()
	ever := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	moved, cleared, deleted := all[0], all[1], all[2]
	rest := all[3:]
	moved.Version, moved.Due = 2, ever.Truncate(time.Microsecond).Add(-time.Microsecond)
	moved.Pos = must(ctx, t, b, "move", storage.Write{Key: moved.Key, Base: 1, Data: moved.Data, Due: moved.Due})
	must(ctx, t, b, "clear", storage.Write{Key: cleared.Key, Base: 1})
	must(ctx, t, b, "delete", storage.Write{Key: deleted.Key, Base: 1, Delete: true})
	want := slices.Insert(slices.Clone(rest), len(rest)-1, moved)
	expect(ever, storage.MaxLimit, want)

	cleared.Version, cleared.Due, cleared.Data = 3, rest[0].Due.Add(-time.Microsecond), nil
	cleared.Pos = must(ctx, t, b, "set", storage.Write{Key: cleared.Key, Base: 2, Due: cleared.Due})
	deleted.Version, deleted.Due, deleted.Data = 3, cleared.Due.Add(-time.Microsecond), nil
	deleted.Pos = must(ctx, t, b, "create again", storage.Write{Key: deleted.Key, Due: deleted.Due})
	expect(ever, storage.MaxLimit, append([]storage.Record{deleted, cleared}, want...))
	expect(ever, 2, []storage.Record{deleted, cleared})
}

// claims lets workers race for a record by moving its timer forward.
func (s *suite) claims(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	must(ctx, t, b, "effect", storage.Write{Key: key("effect"), Due: time.Unix(0, 0)})
	const workers = 8
	for round := range int64(scale(20)) {
		now := time.Unix(round, 0)
		due, err := b.Due(ctx, "k", now, 1)
		if err != nil || len(due) != 1 {
			t.Fatalf("Due: %d records, %v; want the one to claim", len(due), err)
		}
		var won atomic.Int32
		parallel(t, workers, func(i int) error {
			claim := storage.Write{Key: due[0].Key, Base: due[0].Version, Data: fmt.Append(nil, i), Due: now.Add(time.Second)}
			_, err := b.Commit(ctx, storage.Batch{ID: fmt.Sprint("claim ", round, " ", i), Writes: []storage.Write{claim}})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, storage.ErrConflict) {
				return err
			}
			return nil
		})
		if won.Load() != 1 {
			t.Fatalf("%d of %d workers claimed version %d", won.Load(), workers, due[0].Version)
		}
		if due, err := b.Due(ctx, "k", now, 1); err != nil || len(due) != 0 {
			t.Fatalf("after the claim: %d records are due, %v; want none", len(due), err)
		}
	}
}

// bytes stores odd names and odd data.
func (s *suite) bytes(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	ids := []string{"\x01", "\t", " ", "%", "'", "A", "A ", "B", "Z", "\\", "_", "a", "a\x01", "a ", "a!", "a/", "aB", "ab", "b", "z", "z/", "z/1", "z0", "~", "\x7f", "Á", "é", "e\u0301", "ß", "\u2028", "\U0001f4df", "\U0010ffff"}
	slices.Sort(ids) // by bytes
	data := map[string][]byte{}
	for i := range ids {
		id := ids[(i*5+2)%len(ids)]
		data[id] = []byte{byte(i), 0, 0xff, '\'', '\\', byte(255 - i)}
		must(ctx, t, b, "order "+id, storage.Write{Key: key(id), Data: data[id], Due: time.Unix(0, 0)})
	}
	var got, due []string
	for after := ""; ; {
		page, err := b.List(ctx, "k", after, 5)
		if err != nil {
			t.Fatalf("List after %q: %v", after, err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			if string(r.Data) != string(data[r.Key.ID]) {
				t.Fatalf("%q holds %q, want %q", r.Key, r.Data, data[r.Key.ID])
			}
			got = append(got, r.Key.ID)
		}
		after = page[len(page)-1].Key.ID
	}
	if d := diff(ids, got); d != "" {
		t.Fatalf("List is not in the order of bytes (-want +got):\n%s", d)
	}
	records, err := b.Due(ctx, "k", time.Unix(0, 0), storage.MaxLimit)
	for _, r := range records {
		due = append(due, r.Key.ID)
	}
	if d := diff(ids, due); err != nil || d != "" {
		t.Fatalf("Due at one instant is not in the order of bytes: %v (-want +got):\n%s", err, d)
	}
	for i, after := range ids {
		page, err := b.List(ctx, "k", after+"\x01", 1)
		if want := ids[i+1:]; err != nil || len(page) > 0 && !slices.Contains(want, page[0].Key.ID) {
			t.Fatalf("List after an ID that is not there, %q: %v, %v", after+"\x01", page, err)
		}
	}
	s.empty(ctx, t, b)
}

// empty tells empty data from a deleted record, and kinds that look alike.
func (s *suite) empty(ctx context.Context, t testing.TB, b storage.Backend) {
	t.Helper()
	kinds := []string{"e", "e.", "E", "é", "e\x01", "e/f"}
	for _, kind := range kinds {
		must(ctx, t, b, "empty "+kind,
			storage.Write{Key: storage.Key{Kind: kind, ID: "empty"}, Due: time.Unix(1, 0)}, storage.Write{Key: storage.Key{Kind: kind, ID: "gone"}, Data: []byte("x")})
		must(ctx, t, b, "gone "+kind, storage.Write{Key: storage.Key{Kind: kind, ID: "gone"}, Base: 1, Delete: true})
	}
	must(ctx, t, b, "slash", storage.Write{Key: storage.Key{Kind: "e", ID: "f/empty"}, Data: []byte("1")}, storage.Write{Key: storage.Key{Kind: "e/f", ID: "x"}, Data: []byte("2")})
	for _, kind := range kinds {
		_, records := get(ctx, t, b, storage.Key{Kind: kind, ID: "empty"}, storage.Key{Kind: kind, ID: "gone"}, storage.Key{Kind: kind, ID: "never"})
		if r := records[0]; !r.Exists() || r.Deleted || len(r.Data) != 0 || r.Version != 1 {
			t.Fatalf("a record with empty data reads as %+v; it exists", r)
		}
		if r := records[1]; r.Exists() || !r.Deleted || len(r.Data) != 0 || r.Version != 2 || !r.Due.IsZero() {
			t.Fatalf("a deleted record reads as %+v; want version 2, deleted, without data", r)
		}
		if d := diff(storage.Record{Key: storage.Key{Kind: kind, ID: "never"}}, records[2]); d != "" {
			t.Fatalf("a record that never was differs from its key alone (-want +got):\n%s", d)
		}
		list, err := b.List(ctx, kind, "", storage.MaxLimit)
		due, dueErr := b.Due(ctx, kind, time.Unix(1, 0), storage.MaxLimit)
		want := map[string]int{"e": 2, "e/f": 2}[kind]
		if err = errors.Join(err, dueErr); err != nil || len(list) != max(want, 1) || list[0].Key.ID != "empty" || len(due) != 1 {
			t.Fatalf("kind %q lists %d records and has %d due, %v; want %d and 1: the empty one exists, the deleted one does not", kind, len(list), len(due), err, max(want, 1))
		}
	}
}
