package runner_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// A state that ended is deleted when it was kept for long enough, not before, and
// what comes later begins anew.
func TestAStateThatEndedIsDeletedAndMayBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner(func(c *runner.Config[job, command]) {
			c.KeepEnded = time.Hour
			c.Machine.Ended = func(s job) bool { return len(s.Done) == s.Notices }
		})
		w.send(r, "j", "key", command{Start: 2})
		w.send(r, "open", "", command{Start: 3, Every: 24 * time.Hour})
		w.run(30*time.Minute, r)
		w.send(r, "j", "key", command{Start: 2}) // known, so no step
		w.run(29*time.Minute, r, w.runner())
		if s, ok, err := r.Get(t.Context(), "j"); !ok || len(s.Done) != 2 || err != nil {
			t.Errorf("after 59 minutes: %+v, %t, %v; want that it is kept for an hour", s, ok, err)
		}
		w.run(2*time.Minute, r, w.runner(func(c *runner.Config[job, command]) {
			c.KeepEnded = time.Hour
			c.Machine.Ended = func(s job) bool { return len(s.Done) == s.Notices }
		}))
		if s, ok, err := r.Get(t.Context(), "j"); ok || err != nil {
			t.Errorf("after 61 minutes: %+v, %t, %v; want that it is deleted", s, ok, err)
		}
		if _, ok, _ := r.Get(t.Context(), "open"); !ok {
			t.Error("a state that has a timer was deleted")
		}
		for range 2 { // before and after it begins anew
			got, _, err := r.Get(t.Context(), "j")
			replayed, replayErr := r.Replay(t.Context(), "j")
			if diff := cmp.Diff(got, replayed); diff != "" || err != nil || replayErr != nil {
				t.Errorf("%v, %v, Replay differs (-state +replay):\n%s", err, replayErr, diff)
			}
			if s := w.send(r, "j", "key", command{Start: 1}); s.Notices != 1 {
				t.Errorf("a late input made %+v, want a state that begins anew", s)
			}
		}
		if _, records, _ := w.store.Get(t.Context(), storage.Key{Kind: "job", ID: "j"}); records[0].Version < 5 {
			t.Errorf("version %d, want that versions go on counting", records[0].Version)
		}
	})
}

// A timer comes first, and a step puts the end off.
func TestAStateThatMovesIsNotDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.runner(func(c *runner.Config[job, command]) {
			c.KeepEnded = time.Hour
			c.Machine.Result = nil
			c.Machine.Ended = func(job) bool { return true }
		})
		w.send(r, "j", "", command{Start: 1, Every: 2 * time.Hour})
		w.run(5*time.Hour, r)
		if s, ok, _ := r.Get(t.Context(), "j"); !ok || s.Notices != 3 {
			t.Errorf("%+v, %t, want that the timer goes on", s, ok)
		}
		w.send(r, "k", "", command{Done: "x"})
		for range 4 {
			w.run(50*time.Minute, r)
			w.send(r, "k", "", command{Done: "x"})
		}
		if s, ok, _ := r.Get(t.Context(), "k"); !ok || len(s.Done) != 5 {
			t.Errorf("%+v, %t, want five inputs, none lost", s, ok)
		}
	})
}

func TestDurationsOfKeepingAreChecked(t *testing.T) {
	c := runner.Config[job, command]{Store: storage.NewMemory(), Machine: jobMachine(), KeepDone: -1, KeepEnded: -1, Grace: -1}
	if problems := sre.ProblemsIn(c.Validate()); len(problems) != 3 {
		t.Errorf("%v, want three problems", problems)
	}
}
