package storage_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
)

// What was stored before there were checks is known again.
func TestDigestsOfBatchesWithoutChecksStay(t *testing.T) {
	b := storage.Batch{ID: "a", Note: []byte("note"), Writes: []storage.Write{
		{Key: storage.Key{Kind: "k", ID: "a"}, Data: []byte("data"), Due: time.Unix(1e9, 1000)},
		{Key: storage.Key{Kind: "k", ID: "b"}, Base: 7, Delete: true},
	}}
	const want = "5839b3d0bce5b019546405615ca17db5a9289b2426da523e0bcf46e2add10da8"
	digest := b.Digest()
	if got := hex.EncodeToString(digest[:]); got != want {
		t.Errorf("Digest = %s, want %s", got, want)
	}
	if b.Checks = []storage.Check{}; b.Digest() != digest {
		t.Error("an empty list of checks changes the digest")
	}
	if b.Checks = []storage.Check{{Key: storage.Key{Kind: "k", ID: "c"}}}; b.Digest() == digest {
		t.Error("a check does not change the digest")
	}
}

func TestAllProblemsOfChecksAreReported(t *testing.T) {
	key := func(id string) storage.Key { return storage.Key{Kind: "k", ID: id} }
	_, err := storage.CheckBatch(storage.Batch{ID: "a", Writes: []storage.Write{{Key: key("a")}}, Checks: []storage.Check{
		{Key: key("a")}, {Key: key("b")}, {Key: key("b"), Version: 1}, {Key: key("")}, {Key: storage.Key{Kind: "\x00", ID: "\xff"}}}})
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"checks[0].key written", "checks[2].key duplicate", "checks[3].key.id invalid_name", "checks[4].key.kind invalid_name", "checks[4].key.id invalid_name"}
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("%v, problems (-want +got):\n%s", err, diff)
	}
}

// Update decides again if a record that it checks, and does not write, changed.
func TestUpdateChecksWhatItReadAndDoesNotWrite(t *testing.T) {
	s, fence := storage.NewMemory(), storage.Key{Kind: "fence", ID: "a"}
	asked := 0
	pos, err := s.Update(t.Context(), "claim", []storage.Key{counter, fence}, func(now []storage.Record) (storage.Change, error) {
		if asked++; asked == 1 {
			if _, err := s.Commit(t.Context(), storage.Batch{ID: "moved", Writes: []storage.Write{{Key: fence, Data: []byte("closed")}}}); err != nil {
				t.Error(err)
			}
		}
		if string(now[1].Data) == "closed" {
			return storage.Change{}, nil
		}
		return storage.Change{Writes: []storage.Write{{Key: counter, Data: []byte("1")}}, Checks: []storage.Check{{Key: fence}}}, nil
	})
	if pos != 0 || err != nil || asked != 2 {
		t.Errorf("position %d, %v, asked %d times; want that the second decision is to do nothing", pos, err, asked)
	}
	if n := count(t, s, counter); n != 0 {
		t.Errorf("the claim was committed behind the fence: %d", n)
	}
}

// A batch that passes is the same when it is checked again, any other check makes
// another digest, and what the memory backend decides is what Conflict says.
func FuzzBatchWithChecks(f *testing.F) {
	f.Add("id", "k", "a", "k", "b", uint64(0), uint64(0), []byte("data"), uint8(1))
	f.Add("id", "k", "a", "k", "a", uint64(1), uint64(1), []byte(nil), uint8(2))
	f.Add("id", "k", "a", "k", "there", uint64(0), uint64(1), []byte("x"), uint8(1))
	f.Add("id", "k", "there", "k", "gone", uint64(1), uint64(0), []byte("x"), uint8(1))
	f.Add("id", "k", "a", "k", "gone", uint64(0), uint64(2), []byte("x"), uint8(17))
	f.Add("\xff", "", "\x00", "k", "", uint64(1<<63), ^uint64(0), []byte{0}, uint8(0))
	f.Fuzz(func(t *testing.T, id, kind, written, checkedKind, checked string, base, version uint64, data []byte, checks uint8) {
		b := storage.NewMemoryBackend()
		for i, w := range []storage.Write{{Key: storage.Key{Kind: "k", ID: "there"}}, {Key: storage.Key{Kind: "k", ID: "gone"}}, {Key: storage.Key{Kind: "k", ID: "gone"}, Base: 1, Delete: true}} {
			commit(t, b, fmt.Sprint("before ", i), w)
		}
		batch := storage.Batch{ID: id, Writes: []storage.Write{{Key: storage.Key{Kind: kind, ID: written}, Base: storage.Version(base), Data: data}}}
		for i := range checks {
			c := storage.Check{Key: storage.Key{Kind: checkedKind, ID: checked}, Version: storage.Version(version)}
			if i > 0 {
				c.Key.ID += fmt.Sprint(i)
			}
			batch.Checks = append(batch.Checks, c)
		}
		clean, err := storage.CheckBatch(batch)
		pos, commitErr := b.Commit(t.Context(), batch)
		if err != nil {
			if commitErr == nil || len(sre.ProblemsIn(err)) == 0 {
				t.Fatalf("refused with %v and committed at %d, %v", err, pos, commitErr)
			}
			return
		}
		if again, err := storage.CheckBatch(clean); err != nil || again.Digest() != batch.Digest() || len(slices.Collect(again.Keys())) != 1+int(checks) {
			t.Fatalf("checked again: %v", err)
		}
		other := clean
		other.Checks = append(slices.Clone(clean.Checks), storage.Check{Key: storage.Key{Kind: "other", ID: "other"}})
		if other.Digest() == clean.Digest() {
			t.Fatal("one check more has the same digest")
		}
		holds := func(k storage.Key, v storage.Version) bool {
			switch k {
			case storage.Key{Kind: "k", ID: "there"}:
				return v == 1
			case storage.Key{Kind: "k", ID: "gone"}:
				return v == 2 || v == 0
			}
			return v == 0
		}
		want := holds(clean.Writes[0].Key, clean.Writes[0].Base)
		for _, c := range clean.Checks {
			want = want && holds(c.Key, c.Version)
		}
		if strings.HasPrefix(id, "before ") {
			return // a batch of that ID is there
		}
		if errors.Is(commitErr, storage.ErrConflict) == want || want != (commitErr == nil) {
			t.Fatalf("committed at %d, %v; want success: %t", pos, commitErr, want)
		}
	})
}
