package storagetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sre-sdk/sre/storage"
)

// The keys that concurrent callers fight for.
var fought = []storage.Key{key("a"), key("b"), key("c"), {Kind: "k2", ID: "a"}, {Kind: "k2", ID: "é"}, {Kind: "k2", ID: "B"}}

// churn lets six callers write, move timers of, and delete the same few keys,
// while readers run until done is closed. It returns what was acknowledged.
func churn(ctx context.Context, t testing.TB, b storage.Backend, seed uint64, prefix string, readers ...func(done <-chan struct{}) error) map[storage.Pos]storage.Batch {
	t.Helper()
	const callers = 6
	var mu sync.Mutex
	acknowledged := map[storage.Pos]storage.Batch{}
	var writing atomic.Int32
	writing.Store(callers)
	done := make(chan struct{})
	parallel(t, callers+len(readers), func(i int) error {
		if i >= callers {
			return readers[i-callers](done)
		}
		defer func() {
			if writing.Add(-1) == 0 {
				close(done)
			}
		}()
		rng := source(seed, i)
		for n := range scale(30) {
			_, now, err := b.Get(ctx, fought...)
			if err != nil {
				return err
			}
			batch := storage.Batch{ID: fmt.Sprintf("%s %d %d", prefix, i, n), Note: fmt.Append(nil, n)}
			for _, at := range rng.Perm(len(fought))[:1+rng.IntN(3)] {
				batch.Writes = append(batch.Writes, next(rng, now[at]))
			}
			pos, err := b.Commit(ctx, batch)
			if err != nil && !errors.Is(err, storage.ErrConflict) {
				return err
			}
			if err == nil {
				mu.Lock()
				acknowledged[pos] = batch
				mu.Unlock()
			}
		}
		return nil
	})
	return acknowledged
}

// next writes on what a caller saw: data, a timer, or a deletion.
func next(rng *rand.Rand, now storage.Record) storage.Write {
	w := storage.Write{Key: now.Key, Base: now.Version}
	if now.Exists() && rng.IntN(5) == 0 {
		w.Delete = true
		return w
	}
	if rng.IntN(8) > 0 {
		w.Data = fmt.Append(nil, rng.Uint32())
	}
	if rng.IntN(2) == 0 {
		w.Due = time.Unix(rng.Int64N(5)-2, rng.Int64N(3000))
	}
	return w
}

// prefix tails the log while it grows.
func (s *suite) prefix(t testing.TB) {
	ctx, b, seed := s.context(t), s.open(t), newSeed(t)
	var shown [2][]storage.Entry
	tail := func(i int) func(<-chan struct{}) error {
		return func(done <-chan struct{}) (err error) {
			shown[i], err = follow(ctx, b, source(seed, 100+i), i == 1, done)
			return err
		}
	}
	acknowledged := churn(ctx, t, b, seed, "prefix", tail(0), tail(1))
	all := entireLog(ctx, t, b, 0)
	for _, entries := range shown {
		if d := diff(entries, all[:min(len(entries), len(all))]); d != "" || len(entries) > len(all) {
			t.Fatalf("what the log showed a tailing reader has changed since (-shown +now):\n%s", d)
		}
	}
	for i, e := range all {
		batch, ok := acknowledged[e.Pos]
		if e.Pos != storage.Pos(i+1) || !ok || batch.ID != e.ID || string(batch.Note) != string(e.Note) || len(batch.Writes) != len(e.Records) {
			t.Fatalf("place %d of the log holds position %d with %q; acknowledged there was %q", i+1, e.Pos, e.ID, batch.ID)
		}
	}
	if len(all) != len(acknowledged) {
		t.Fatalf("%d batches were acknowledged and %d stand in the log", len(acknowledged), len(all))
	}
}

// follow reads the log in pages until done is closed and there is no more. It
// looks again at what it was shown, now and then.
func follow(ctx context.Context, b storage.Backend, rng *rand.Rand, wait bool, done <-chan struct{}) (shown []storage.Entry, err error) {
	for last := false; ; {
		page, err := b.Log(ctx, storage.Pos(len(shown)), 1+rng.IntN(20))
		if err != nil {
			return shown, err
		}
		for _, e := range page {
			if e.Pos != storage.Pos(len(shown)+1) {
				return shown, fmt.Errorf("after position %d the log shows %d", len(shown), e.Pos)
			}
			shown = append(shown, e)
		}
		if len(shown) > 0 && rng.IntN(4) == 0 {
			from := rng.IntN(len(shown))
			again, err := b.Log(ctx, storage.Pos(from), min(10, len(shown)-from))
			if err != nil {
				return shown, err
			}
			if d := diff(shown[from:min(from+10, len(shown))], again); d != "" {
				return shown, fmt.Errorf("the log after %d has changed (-shown +now):\n%s", from, d)
			}
		}
		if len(page) > 0 {
			continue
		}
		if last {
			return shown, nil
		}
		if wait {
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			err := b.Wait(short, storage.Pos(len(shown)))
			cancel()
			if err != nil && short.Err() == nil {
				return shown, err
			}
		}
		select {
		case <-done:
			last = true // look once more
		default:
		}
	}
}

// snapshot compares reads made during writes with the log read afterwards.
func (s *suite) snapshot(t testing.TB) {
	ctx, b, seed := s.context(t), s.open(t), newSeed(t)
	type read struct {
		pos     storage.Pos
		keys    []storage.Key
		records []storage.Record
	}
	reads := make([][]read, 3)
	readers := make([]func(<-chan struct{}) error, len(reads))
	for i := range readers {
		rng := source(seed, 100+i)
		readers[i] = func(done <-chan struct{}) error {
			for {
				keys := make([]storage.Key, 1+rng.IntN(len(fought)))
				for j, at := range rng.Perm(len(fought))[:len(keys)] {
					keys[j] = fought[at]
				}
				pos, records, err := b.Get(ctx, keys...)
				if err != nil {
					return err
				}
				if n := len(reads[i]); n > 0 && pos < reads[i][n-1].pos {
					return fmt.Errorf("a get at position %d was followed by one at position %d", reads[i][n-1].pos, pos)
				}
				reads[i] = append(reads[i], read{pos, keys, records})
				select {
				case <-done:
					return nil
				default:
				}
			}
		}
	}
	churn(ctx, t, b, seed, "snapshot", readers...)
	log := entireLog(ctx, t, b, 0)
	all := slices.Concat(reads...)
	slices.SortFunc(all, func(a, b read) int { return cmp.Compare(a.pos, b.pos) })
	now := map[storage.Key]storage.Record{} // as of folded
	folded := storage.Pos(0)
	for _, r := range all {
		if r.pos > storage.Pos(len(log)) {
			t.Fatalf("a get was made at position %d and the log ends at %d", r.pos, len(log))
		}
		for ; folded < r.pos; folded++ {
			for _, written := range log[folded].Records {
				now[written.Key] = written
			}
		}
		want := make([]storage.Record, len(r.keys))
		for i, k := range r.keys {
			want[i] = now[k]
			want[i].Key = k
		}
		if d := diff(want, r.records); d != "" {
			t.Fatalf("Get(%q) at position %d is not what the log says was there (-log +get):\n%s", r.keys, r.pos, d)
		}
	}
}

// A view is everything that a backend says.
type view struct {
	Last      storage.Pos
	Log       []storage.Entry
	Current   []storage.Record
	Lists     map[string][]storage.Record
	Due       map[string][]storage.Record
	Histories map[string][]storage.Record
}

func look(ctx context.Context, t testing.TB, b storage.Backend) view {
	t.Helper()
	v := view{Lists: map[string][]storage.Record{}, Due: map[string][]storage.Record{}, Histories: map[string][]storage.Record{}}
	v.Last, v.Current = get(ctx, t, b, fought...)
	v.Log = entireLog(ctx, t, b, 0)
	var errs []error
	for _, k := range fought {
		var list, due, history error
		v.Lists[k.Kind], list = b.List(ctx, k.Kind, "", storage.MaxLimit)
		v.Due[k.Kind], due = b.Due(ctx, k.Kind, time.Unix(1, 0), storage.MaxLimit)
		v.Histories[k.String()], history = b.History(ctx, k, 0, storage.MaxLimit)
		errs = append(errs, list, due, history)
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("reading everything: %v", err)
	}
	return v
}

// fold replays the log into an empty store in memory.
func (s *suite) fold(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	churn(ctx, t, b, newSeed(t), "fold")
	replay := storage.NewMemoryBackend()
	for _, e := range entireLog(ctx, t, b, 0) {
		batch := storage.Batch{ID: e.ID, Note: e.Note}
		for _, r := range e.Records {
			batch.Writes = append(batch.Writes, storage.Write{Key: r.Key, Base: r.Version - 1, Data: r.Data, Due: r.Due, Delete: r.Deleted})
		}
		if pos, err := replay.Commit(ctx, batch); err != nil || pos != e.Pos {
			t.Fatalf("the log cannot be replayed: entry %d became %d, %v", e.Pos, pos, err)
		}
	}
	if d := diff(look(ctx, t, replay), look(ctx, t, b)); d != "" {
		t.Fatalf("the state is not what replaying the log makes (-replayed +state):\n%s", d)
	}
}

// history compares each key's history, read in pages, with the log.
func (s *suite) history(t testing.TB) {
	ctx, b := s.context(t), s.open(t)
	churn(ctx, t, b, newSeed(t), "history")
	log := entireLog(ctx, t, b, 0)
	for _, k := range fought {
		var want, got []storage.Record
		for _, e := range log {
			for _, r := range e.Records {
				if r.Key == k {
					want = append(want, r)
				}
			}
		}
		for after := storage.Version(0); ; {
			page, err := b.History(ctx, k, after, 3)
			if err != nil {
				t.Fatalf("History(%q, %d): %v", k, after, err)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1].Version
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("the history of %s is not the log filtered by it (-log +history):\n%s", k, d)
		}
	}
	if history, err := b.History(ctx, key("never written"), 0, 1); err != nil || len(history) > 0 {
		t.Fatalf("the history of a key that was never written has %d versions, %v", len(history), err)
	}
}

// What porcupine sees: calls on four keys and the whole state, so that reads of
// several keys and batches are judged together.
type (
	state struct {
		pos  storage.Pos
		keys [4]value
	}
	value struct {
		version storage.Version
		data    string
		deleted bool
	}
	call struct {
		keys   []int           // that are read, or written and then checked
		writes []storage.Write // none: a Get
		checks []storage.Check
	}
	answer struct {
		pos      storage.Pos
		conflict bool
		values   []value
	}
)

func (c call) step(s state, a answer) (bool, state) {
	if len(c.writes) == 0 {
		ok := a.pos == s.pos
		for i, k := range c.keys {
			ok = ok && a.values[i] == s.keys[k]
		}
		return ok, s
	}
	possible := true
	for i, w := range c.writes {
		now := s.keys[c.keys[i]]
		possible = possible && (w.Base == now.version || w.Base == 0 && now.deleted) && !(w.Delete && now.deleted)
	}
	for i, check := range c.checks {
		now := s.keys[c.keys[len(c.writes)+i]]
		possible = possible && (check.Version == now.version || check.Version == 0 && now.deleted)
	}
	if a.conflict || !possible {
		return a.conflict && !possible, s
	}
	s.pos++
	for i, w := range c.writes {
		now := &s.keys[c.keys[i]]
		*now = value{now.version + 1, string(w.Data), w.Delete}
	}
	return a.pos == s.pos, s
}

func (c call) describe(a answer) string {
	if len(c.writes) == 0 {
		return fmt.Sprintf("get %v: %v at %d", c.keys, a.values, a.pos)
	}
	return fmt.Sprintf("commit %s: position %d, conflict %v", story(storage.Batch{Writes: c.writes, Checks: c.checks}), a.pos, a.conflict)
}

// serializable records what eight callers do and see on four keys, and asks
// porcupine for an order of all calls that explains it.
func (s *suite) serializable(t testing.TB) {
	ctx, b, seed := s.context(t), s.open(t), newSeed(t)
	const callers = 8
	var clock atomic.Int64 // counts, so that no two events are at one instant
	histories := make([][]porcupine.Operation, callers)
	parallel(t, callers, func(i int) error {
		rng := source(seed, i)
		var known [4]value
		for n := range scale(60) {
			c := randomCall(rng, known)
			start := clock.Add(1)
			a, err := c.do(ctx, b, fmt.Sprintf("call %d %d", i, n))
			if err != nil {
				return err
			}
			histories[i] = append(histories[i], porcupine.Operation{ClientId: i, Input: c, Call: start, Output: a, Return: clock.Add(1)})
			for j, v := range a.values {
				known[c.keys[j]] = v
			}
			for j, w := range c.writes {
				if !a.conflict {
					known[c.keys[j]] = value{w.Base + 1, string(w.Data), w.Delete}
				}
			}
		}
		return nil
	})
	m := porcupine.Model{
		Init:              func() any { return state{} },
		Step:              func(s, in, out any) (bool, any) { return in.(call).step(s.(state), out.(answer)) },
		DescribeOperation: func(in, out any) string { return in.(call).describe(out.(answer)) },
	}
	history := slices.Concat(histories...)
	result, info := porcupine.CheckOperationsVerbose(m, history, time.Minute)
	if result != porcupine.Ok {
		t.Fatalf("no order of the calls explains the answers (%s); the longest that was found ends before one of:\n%s", result, stuck(info, history))
	}
}

// randomCall reads some keys, or writes some and checks others on what the
// caller knows of them.
func randomCall(rng *rand.Rand, known [4]value) call {
	c := call{keys: rng.Perm(len(known))[:1+rng.IntN(len(known))]}
	if rng.IntN(2) == 0 {
		return c
	}
	written := 1 + rng.IntN(len(c.keys))
	for _, k := range c.keys[written:] {
		c.checks = append(c.checks, storage.Check{Key: fought[k], Version: known[k].version})
	}
	for _, k := range c.keys[:written] {
		w := storage.Write{Key: fought[k], Base: known[k].version}
		if w.Delete = w.Base > 0 && !known[k].deleted && rng.IntN(6) == 0; !w.Delete {
			w.Data = fmt.Append(nil, rng.Uint32())
		}
		c.writes = append(c.writes, w)
	}
	return c
}

func (c call) do(ctx context.Context, b storage.Backend, id string) (answer, error) {
	if len(c.writes) > 0 {
		pos, err := b.Commit(ctx, storage.Batch{ID: id, Writes: c.writes, Checks: c.checks})
		if errors.Is(err, storage.ErrConflict) {
			return answer{conflict: true}, nil
		}
		return answer{pos: pos}, err
	}
	var keys []storage.Key
	for _, k := range c.keys {
		keys = append(keys, fought[k])
	}
	pos, records, err := b.Get(ctx, keys...)
	a := answer{pos: pos}
	for _, r := range records {
		a.values = append(a.values, value{r.Version, string(r.Data), r.Deleted})
	}
	return a, err
}

// stuck describes the first call of each caller that is not in the longest
// order that was found.
func stuck(info porcupine.LinearizationInfo, history []porcupine.Operation) string {
	var longest []int
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	var text strings.Builder
	told := map[int]bool{}
	for i, op := range history {
		if !told[op.ClientId] && !slices.Contains(longest, i) {
			told[op.ClientId] = true
			fmt.Fprintf(&text, "\tcaller %d, %s\n", op.ClientId, op.Input.(call).describe(op.Output.(answer)))
		}
	}
	return text.String()
}
