package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/sre-sdk/sre/storage"
)

// checks commits batches with checks, one caller whose outcomes are predicted
// and then many at the same time, judged by what the log says.
func (s *suite) checks(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	s.checkStates(ctx, t, b)
	s.checkPredicted(ctx, t)
	s.checkRace(ctx, t)
}

// checkStates checks a record that is absent, there, deleted and there again.
func (s *suite) checkStates(ctx context.Context, t testing.TB, b storage.Backend) {
	t.Helper()
	n := storage.Version(0)
	expect := func(when string, version storage.Version, want error) {
		t.Helper()
		_, before := get(ctx, t, b, key("claim"), key("state"))
		// The check that matters stands last, where one is overlooked most easily.
		batch := storage.Batch{ID: fmt.Sprintf("%s, a check for version %d", when, version), Writes: []storage.Write{text("claim", n, "claimed")},
			Checks: append(checks("never", storage.MaxChecks-1), storage.Check{Key: key("state"), Version: version})}
		pos, err := b.Commit(ctx, batch)
		if class(err) != class(want) {
			t.Fatalf("%s, Commit that checks for version %d: got %s (%v), want %s", when, version, class(err), err, class(want))
		}
		last, after := get(ctx, t, b, key("claim"), key("state"))
		if want == nil {
			n++
			before[0] = storage.Record{Key: key("claim"), Version: n, Pos: pos, Data: []byte("claimed")}
		}
		if d := diff(before, after); d != "" {
			t.Fatalf("%s, a commit that checks for version %d (%s): the records differ from what they should be (-want +got):\n%s", when, version, class(err), d)
		}
		if want == nil && pos != last {
			t.Fatalf("%s, a commit that checks a record has position %d and the last one is %d", when, pos, last)
		}
		var conflict *storage.ConflictError
		if want != nil && (!errors.As(err, &conflict) || *conflict != storage.ConflictError{Key: key("state"), Base: version, Current: after[1].Version}) {
			t.Fatalf("%s, Commit that checks for version %d: got the error %#v, want a *storage.ConflictError about %s at version %d", when, version, err, key("state"), after[1].Version)
		}
	}
	expect("of what never was", 0, nil)
	expect("of what never was", 1, storage.ErrConflict)
	must(ctx, t, b, "state 1", text("state", 0, "1"))
	expect("of what is there", 1, nil)
	expect("of what is there", 0, storage.ErrConflict)
	expect("of what is there", 2, storage.ErrConflict)
	must(ctx, t, b, "state 2", text("state", 1, "2"))
	expect("of what has changed", 1, storage.ErrConflict)
	expect("of what has changed", 2, nil)
	must(ctx, t, b, "state 3", storage.Write{Key: key("state"), Base: 2, Delete: true})
	expect("of what is deleted", 2, storage.ErrConflict)
	expect("of what is deleted", 3, nil)
	expect("of what is deleted", 0, nil)
	must(ctx, t, b, "state 4", text("state", 0, "4"))
	expect("of what is there again", 0, storage.ErrConflict)
	expect("of what is there again", 3, storage.ErrConflict)
	expect("of what is there again", 4, nil)
	if history, err := b.History(ctx, key("state"), 0, storage.MaxLimit); err != nil || len(history) != 4 {
		t.Fatalf("a record that was written four times and checked often has %d versions, %v", len(history), err)
	}
	for _, e := range entireLog(ctx, t, b, 0) {
		if len(e.Records) != 1 {
			t.Fatalf("entry %q has %d records, want the one that it writes", e.ID, len(e.Records))
		}
	}
}

// checkPredicted commits random batches and predicts each outcome.
func (s *suite) checkPredicted(ctx context.Context, t testing.TB) {
	t.Helper()
	b, ref := s.open(t), &reference{}
	rng := source(newSeed(t), 0)
	ids := []string{"a", "b", "c", "d", "e", "f"}
	for n := range scale(150) {
		batch := storage.Batch{ID: fmt.Sprint("check ", n)}
		keys := rng.Perm(len(ids))[:2+rng.IntN(len(ids)-1)]
		written := 1 + rng.IntN(len(keys))
		for i, at := range keys {
			now := ref.current(key(ids[at]))
			if i < written {
				w := storage.Write{Key: now.Key, Base: now.Version, Data: []byte("x")}
				if w.Delete = now.Exists() && rng.IntN(4) == 0; w.Delete {
					w.Data = nil
				}
				batch.Writes = append(batch.Writes, w)
				continue
			}
			c := storage.Check{Key: now.Key, Version: now.Version}
			switch rng.IntN(16) {
			case 0:
				c.Version++
			case 1:
				c.Version--
			case 2, 3:
				c.Version = 0
			case 4:
				c.Version = math.MaxUint64
			}
			batch.Checks = append(batch.Checks, c)
		}
		wantPos, want := ref.Commit(ctx, batch)
		gotPos, got := b.Commit(ctx, batch)
		if class(got) != class(want) || want == nil && gotPos != wantPos {
			t.Fatalf("Commit(%s): got %d, %s (%v), want %d, %s; what is written is %s", story(batch), gotPos, class(got), got, wantPos, class(want), states(ref, batch))
		}
	}
	if d := diff(ref.entries, entireLog(ctx, t, b, 0)); d != "" {
		t.Fatalf("the log is not what the reference says (-want +got):\n%s", d)
	}
}

// checkRace lets many callers at once claim on the condition that a state is as
// they saw it, while others move that state: all that comes together may share a
// transaction. In the log no claim stands after the step that it did not see.
func (s *suite) checkRace(ctx context.Context, t testing.TB) {
	t.Helper()
	b := s.open(t)
	rng := source(newSeed(t), 1)
	const callers = 24
	states := []storage.Key{key("state 0"), key("state 1")}
	var mu sync.Mutex
	claims := map[storage.Pos]storage.Batch{}
	for round := range scale(12) {
		_, now := get(ctx, t, b, states...)
		batches := make([]storage.Batch, callers)
		for i := range batches {
			batches[i] = storage.Batch{ID: fmt.Sprint("race ", round, " ", i)}
			of := rng.IntN(len(states))
			if rng.IntN(6) == 0 { // a step
				batches[i].Writes = []storage.Write{{Key: states[of], Base: now[of].Version, Data: fmt.Append(nil, round, i)}}
				continue
			}
			batches[i].Writes = []storage.Write{text(batches[i].ID, 0, "claimed")}
			for j := range states {
				if j == of || rng.IntN(2) == 0 {
					batches[i].Checks = append(batches[i].Checks, storage.Check{Key: states[j], Version: now[j].Version})
				}
			}
		}
		parallel(t, callers, func(i int) error {
			pos, err := b.Commit(ctx, batches[i])
			if err == nil {
				mu.Lock()
				claims[pos] = batches[i]
				mu.Unlock()
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return err
		})
	}
	version := map[storage.Key]storage.Version{}
	for _, e := range entireLog(ctx, t, b, 0) {
		if claims[e.Pos].ID != e.ID {
			t.Fatalf("position %d of the log holds %q; acknowledged there was %q", e.Pos, e.ID, claims[e.Pos].ID)
		}
		for _, c := range claims[e.Pos].Checks {
			if version[c.Key] != c.Version {
				t.Fatalf("Commit(%s) was acknowledged at position %d, where %s is at version %d", story(claims[e.Pos]), e.Pos, c.Key, version[c.Key])
			}
		}
		for _, r := range e.Records {
			version[r.Key] = r.Version
		}
	}
}
