package sqlite_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
)

func TestABatchThatIsRefusedUndoesNoOtherOfItsGroup(t *testing.T) {
	db := openNew(t)
	must(t, db, batch("before", text("stored", 0, "1"), text("deleted", 0, "1"))) // 1
	must(t, db, batch("delete", storage.Write{Key: key("deleted"), Base: 1, Delete: true}))
	group := []struct {
		name  string
		batch storage.Batch
		pos   storage.Pos
		err   error
	}{
		{"alone", batch("a", text("a", 0, "1")), 3, nil},
		{"stale about a stored record, in its second write", batch("b", text("b", 0, "1"), text("stored", 0, "2")), 0, storage.ErrConflict},
		{"what the refused one would have written", batch("c", text("b", 0, "1")), 4, nil},
		{"stale about a record of the group", batch("d", text("a", 0, "2")), 0, storage.ErrConflict},
		{"on top of a record of the group", batch("e", text("a", 1, "2")), 5, nil},
		{"the same batch again", batch("a", text("a", 0, "1")), 3, nil},
		{"the ID of the group for something else", batch("a", text("z", 0, "1")), 0, storage.ErrInvalid},
		{"the stored ID for something else", batch("before", text("z", 0, "1")), 0, storage.ErrInvalid},
		{"the ID of a refused one", batch("d", text("a", 2, "3")), 6, nil},
		{"on top of a stored record", batch("f", text("stored", 1, "2")), 7, nil},
		{"deletes what the group wrote", batch("g", storage.Write{Key: key("a"), Base: 3, Delete: true}), 8, nil},
		{"deletes it again", batch("h", storage.Write{Key: key("a"), Base: 4, Delete: true}), 0, storage.ErrConflict},
		{"writes it again", batch("i", text("a", 0, "5")), 9, nil},
		{"writes what was stored as deleted", batch("j", text("deleted", 0, "3")), 10, nil},
	}
	var batches []storage.Batch
	for _, g := range group {
		b, err := storage.CheckBatch(g.batch)
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	for i, got := range db.CommitGroup(batches...) {
		if got.Pos != group[i].pos || !errors.Is(got.Err, group[i].err) {
			t.Errorf("%s: got %d, %v; want %d, %v", group[i].name, got.Pos, got.Err, group[i].pos, group[i].err)
		}
	}
	state := map[string]string{}
	for _, id := range []string{"a", "b", "stored", "deleted", "z"} {
		_, r, err := db.Get(t.Context(), key(id))
		if err != nil {
			t.Fatal(err)
		}
		state[id] = fmt.Sprintf("%d %s", r[0].Version, r[0].Data)
	}
	want := map[string]string{"a": "5 5", "b": "1 1", "stored": "2 2", "deleted": "3 3", "z": "0 "}
	if d := cmp.Diff(want, state); d != "" {
		t.Errorf("the records afterwards (-want +got):\n%s", d)
	}
	if log := entireLog(t, db); len(log) != 10 {
		t.Errorf("the log has %d entries, want 10", len(log))
	}
}

func TestAGroupThatCannotBeCommittedLeavesNothing(t *testing.T) {
	db := openNew(t)
	must(t, db, numbered(0))
	other := rawConn(t, db)
	run(t, other, `CREATE TRIGGER refuse BEFORE INSERT ON versions WHEN new.id = 'record 3' BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	for i, r := range db.CommitGroup(numbered(1), numbered(2), numbered(3), numbered(0)) {
		if !errors.Is(r.Err, storage.ErrUnavailable) {
			t.Errorf("batch %d of a group that failed: got %d, %v; want %v", i, r.Pos, r.Err, storage.ErrUnavailable)
		}
	}
	if log := entireLog(t, db); len(log) != 1 {
		t.Errorf("the log has %d entries, want the one before", len(log))
	}
	run(t, other, `DROP TRIGGER refuse`)
	for i := range 4 {
		if pos, want := must(t, db, numbered(i)), storage.Pos(i+1); pos != want {
			t.Errorf("the same batch again: position %d, want %d", pos, want)
		}
	}
}
