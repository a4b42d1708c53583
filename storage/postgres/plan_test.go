package postgres

import (
	"errors"
	"testing"

	"github.com/sre-sdk/sre/storage"
)

func write(id string, base storage.Version) storage.Write {
	return storage.Write{Key: storage.Key{Kind: "k", ID: id}, Base: base}
}

func batch(id string, writes ...storage.Write) storage.Batch {
	return storage.Batch{ID: id, Writes: writes}
}

func planOf(s state, group ...storage.Batch) *plan {
	if s.committed == nil {
		s.committed = map[string]commitment{}
	}
	if s.heads == nil {
		s.heads = map[storage.Key]versioned{}
	}
	return makePlan(s, group)
}

func TestPlanLeavesOutABatchThatConflicts(t *testing.T) {
	p := planOf(state{pos: 7}, batch("1", write("a", 0)), batch("2", write("b", 0), write("a", 0)), batch("3", write("a", 1)))
	if got := p.results[0]; got.Err != nil || got.Pos != 8 {
		t.Errorf("first: %d, %v, want position 8", got.Pos, got.Err)
	}
	if got := p.results[1]; !errors.Is(got.Err, storage.ErrConflict) {
		t.Errorf("second: %d, %v, want ErrConflict", got.Pos, got.Err)
	}
	if got := p.results[2]; got.Err != nil || got.Pos != 9 {
		t.Errorf("third: %d, %v, want position 9", got.Pos, got.Err)
	}
	if p.last != 9 || len(p.versions.pos) != 2 || len(p.born.id) != 1 || p.born.version[0] != 2 {
		t.Errorf("last position %d, %d versions, new keys %q at %d; want 9, 2 and a at 2", p.last, len(p.versions.pos), p.born.id, p.born.version)
	}
}

func TestPlanKnowsTheSameBatchWithinAGroup(t *testing.T) {
	p := planOf(state{}, batch("1", write("a", 0)), batch("1", write("a", 0)), batch("1", write("b", 0)))
	if p.results[0].Pos != 1 || p.results[1].Pos != 1 || p.results[1].Err != nil {
		t.Errorf("positions %d and %d, want 1 twice", p.results[0].Pos, p.results[1].Pos)
	}
	if !errors.Is(p.results[2].Err, storage.ErrInvalid) {
		t.Errorf("other content with the same ID: %v, want ErrInvalid", p.results[2].Err)
	}
}

func TestPlanOfAKeyThatComesAndGoesWithinAGroup(t *testing.T) {
	end := func(w storage.Write) storage.Write { w.Delete = true; return w }
	p := planOf(state{heads: map[storage.Key]versioned{{Kind: "k", ID: "old"}: {version: 3}, {Kind: "k", ID: "dead"}: {version: 5, deleted: true}}},
		batch("1", write("new", 0)), batch("2", end(write("new", 1))),
		batch("3", end(write("old", 3))),
		batch("4", write("dead", 0)), batch("5", end(write("dead", 6))), batch("6", write("dead", 7)))
	for i, r := range p.results {
		if r.Err != nil {
			t.Errorf("batch %d: %v", i+1, r.Err)
		}
	}
	if len(p.dead) != 1 || p.dead[0].ID != "old" {
		t.Errorf("deleted keys %v, want only the one that was there before", p.dead)
	}
	if len(p.born.id) != 1 || p.born.id[0] != "dead" || p.born.version[0] != 8 || len(p.changed.id) != 0 {
		t.Errorf("new keys %q at %d, changed %q; want dead at 8, and none", p.born.id, p.born.version, p.changed.id)
	}
}
