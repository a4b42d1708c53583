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

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/storage"
)

// failer is what a *rapid.T and a testing.TB have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// model runs random sequences of calls, valid and not, against the backend and
// the reference.
func (s *suite) model(t testing.TB) {
	ctx := s.context(t)
	check(t, func(rt *rapid.T) {
		pair := &pair{ctx: ctx, ref: &reference{}, real: s.open(t)}
		defer func() { _ = pair.real.Close() }()
		actions := map[string]func(*rapid.T){
			"commit": pair.commit, "commit more": pair.commit, "commit much more": pair.commit,
			"repeat": pair.repeat, "refuse": pair.refuse, "get": pair.get, "list": pair.list, "due": pair.due,
			"history": pair.history, "log": pair.log, "trim": pair.trim, "cancelled": pair.cancelled,
		}
		if s.Reopen != nil {
			actions["reopen"] = func(*rapid.T) { pair.real = s.reopen(t, pair.real) }
		}
		rt.Repeat(actions)
		pair.compareAll(rt)
	})
}

// pair is a backend and the reference that it is compared with.
type pair struct {
	ctx     context.Context
	ref     *reference
	real    storage.Backend
	batches []storage.Batch // that were tried
}

// The values of which sequences are made: few, so that they meet, and odd, so
// that encodings are put to the test.
var (
	someKinds = rapid.SampledFrom([]string{"k", "k", "k", "K", "k.effect", storage.CursorKind})
	someIDs   = rapid.SampledFrom([]string{"B", "a", "z/1", "~", "é", "a!", "a/", "%_", "'", "\U0001f4df", strings.Repeat("x", storage.MaxKey)})
	someKeys  = rapid.Custom(func(t *rapid.T) storage.Key {
		return storage.Key{Kind: someKinds.Draw(t, "kind"), ID: someIDs.Draw(t, "id")}
	})
	someData = rapid.OneOf(
		rapid.SampledFrom([][]byte{nil, {}, {0}, []byte("data"), {0xff, 0xfe, 0}, []byte("'); --"), []byte(`\x00`), []byte("3"), []byte("7"), slices.Repeat([]byte("long "), 2000)}),
		rapid.SliceOfN(rapid.Byte(), 0, 40))
	someInstants = rapid.SampledFrom([]time.Time{
		{},
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(1583, 10, 15, 12, 0, 0, 1, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_001, time.UTC), // rounds up to 1970
		time.Unix(0, 0), // is not "never"
		time.Unix(0, 1),
		time.Unix(1e9, 999),
		time.Unix(1e9, 1000).In(time.FixedZone("", 5*3600+45*60)),
		time.Unix(1e9, 1001),
		time.Unix(1e9, 2000),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	})
	someLimits = rapid.SampledFrom([]int{1, 2, 3, 7, storage.MaxLimit, 0, -1, storage.MaxLimit + 1})
)

// batch draws a valid batch, with bases that are mostly current.
func (p *pair) batch(t *rapid.T) storage.Batch {
	keys := rapid.SliceOfNDistinct(someKeys, 1, 4, rapid.ID).Draw(t, "keys")
	b := storage.Batch{ID: fmt.Sprintf("batch %d", len(p.batches)), Note: someData.Draw(t, "note")}
	for _, k := range keys {
		now := p.ref.current(k)
		w := storage.Write{Key: k, Base: now.Version}
		if now.Deleted && rapid.Bool().Draw(t, "as absent") {
			w.Base = 0
		}
		if rapid.IntRange(0, 11).Draw(t, "stale") == 11 {
			w.Base = rapid.SampledFrom([]storage.Version{0, 1, now.Version + 1, now.Version - 1, math.MaxUint64}).Draw(t, "base")
		}
		if w.Delete = w.Base > 0 && rapid.IntRange(0, 4).Draw(t, "delete") == 4; !w.Delete {
			w.Data, w.Due = someData.Draw(t, "data"), someInstants.Draw(t, "due")
		}
		b.Writes = append(b.Writes, w)
	}
	for _, k := range rapid.SliceOfNDistinct(someKeys, 0, 3, rapid.ID).Draw(t, "checked keys") {
		if slices.Contains(keys, k) {
			continue
		}
		now := p.ref.current(k)
		c := storage.Check{Key: k, Version: now.Version}
		if now.Deleted && rapid.Bool().Draw(t, "as absent") {
			c.Version = 0
		}
		if rapid.IntRange(0, 11).Draw(t, "stale") == 11 {
			c.Version = rapid.SampledFrom([]storage.Version{0, 1, now.Version + 1, now.Version - 1, math.MaxUint64}).Draw(t, "version")
		}
		b.Checks = append(b.Checks, c)
	}
	return b
}

func (p *pair) commit(t *rapid.T) { p.commitBoth(t, p.batch(t)) }

func (p *pair) commitBoth(t *rapid.T, b storage.Batch) {
	t.Helper()
	p.batches = append(p.batches, b)
	got, gotErr := p.real.Commit(p.ctx, b)
	want, wantErr := p.ref.Commit(p.ctx, b)
	p.compare(t, fmt.Sprintf("Commit(%s)", story(b)), want, wantErr, got, gotErr)
}

// repeat commits an earlier batch again, or another one with its ID.
func (p *pair) repeat(t *rapid.T) {
	if len(p.batches) == 0 {
		t.Skip("nothing to repeat")
	}
	b := rapid.SampledFrom(p.batches).Draw(t, "again")
	if rapid.IntRange(0, 3).Draw(t, "other content") == 3 {
		id := b.ID
		b = p.batch(t)
		b.ID = id
	}
	p.commitBoth(t, b)
}

// refuse commits a batch that breaks a limit.
func (p *pair) refuse(t *rapid.T) {
	b := p.batch(t)
	rapid.SampledFrom(breaches).Draw(t, "breach").apply(&b)
	p.commitBoth(t, b)
}

func (p *pair) get(t *rapid.T) {
	keys := rapid.SliceOfN(someKeys, 0, 6).Draw(t, "keys")
	p.getBoth(t, keys)
}

func (p *pair) getBoth(t failer, keys []storage.Key) {
	t.Helper()
	got, gotRecords, gotErr := p.real.Get(p.ctx, keys...)
	want, wantRecords, wantErr := p.ref.Get(p.ctx, keys...)
	p.compare(t, fmt.Sprintf("Get(%q)", keys), want, wantErr, got, gotErr)
	p.compare(t, fmt.Sprintf("Get(%q)", keys), wantRecords, wantErr, gotRecords, gotErr)
}

func (p *pair) list(t *rapid.T) {
	after := rapid.OneOf(rapid.Just(""), someIDs, rapid.SampledFrom([]string{"a\x00", "\xff", strings.Repeat("x", storage.MaxKey+1)})).Draw(t, "after")
	p.listBoth(t, someKinds.Draw(t, "kind"), after, someLimits.Draw(t, "limit"))
}

func (p *pair) listBoth(t failer, kind, after string, limit int) {
	t.Helper()
	got, gotErr := p.real.List(p.ctx, kind, after, limit)
	want, wantErr := p.ref.List(p.ctx, kind, after, limit)
	p.compare(t, fmt.Sprintf("List(%q, %q, %d)", kind, after, limit), want, wantErr, got, gotErr)
}

func (p *pair) due(t *rapid.T) {
	now := someInstants.Draw(t, "now").Add(rapid.SampledFrom([]time.Duration{0, 0, -1, 1, -time.Microsecond}).Draw(t, "shift"))
	p.dueBoth(t, someKinds.Draw(t, "kind"), now, someLimits.Draw(t, "limit"))
}

func (p *pair) dueBoth(t failer, kind string, now time.Time, limit int) {
	t.Helper()
	got, gotErr := p.real.Due(p.ctx, kind, now, limit)
	want, wantErr := p.ref.Due(p.ctx, kind, now, limit)
	p.compare(t, fmt.Sprintf("Due(%q, %s, %d)", kind, now.Format(time.RFC3339Nano), limit), want, wantErr, got, gotErr)
}

func (p *pair) history(t *rapid.T) {
	after := storage.Version(rapid.SampledFrom([]uint64{0, 0, 1, 2, 5, math.MaxUint64}).Draw(t, "after"))
	p.historyBoth(t, someKeys.Draw(t, "key"), after, someLimits.Draw(t, "limit"))
}

func (p *pair) historyBoth(t failer, key storage.Key, after storage.Version, limit int) {
	t.Helper()
	got, gotErr := p.real.History(p.ctx, key, after, limit)
	want, wantErr := p.ref.History(p.ctx, key, after, limit)
	p.compare(t, fmt.Sprintf("History(%q, %d, %d)", key, after, limit), want, wantErr, got, gotErr)
}

func (p *pair) log(t *rapid.T) {
	after := storage.Pos(rapid.OneOf(rapid.Uint64Range(0, 30), rapid.Just[uint64](math.MaxUint64)).Draw(t, "after"))
	p.logBoth(t, after, someLimits.Draw(t, "limit"))
}

func (p *pair) logBoth(t failer, after storage.Pos, limit int) {
	t.Helper()
	got, gotErr := p.real.Log(p.ctx, after, limit)
	want, wantErr := p.ref.Log(p.ctx, after, limit)
	p.compare(t, fmt.Sprintf("Log(%d, %d)", after, limit), want, wantErr, got, gotErr)
}

func (p *pair) trim(t *rapid.T) {
	before := storage.Pos(rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Just[uint64](math.MaxUint64)).Draw(t, "before"))
	gotErr, wantErr := p.real.Trim(p.ctx, before), p.ref.Trim(p.ctx, before)
	p.compare(t, fmt.Sprintf("Trim(%d)", before), nil, wantErr, nil, gotErr)
}

// cancelled calls with a context that is done; the state is compared later.
func (p *pair) cancelled(t *rapid.T) {
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	was := p.ctx
	p.ctx = ctx
	rapid.SampledFrom([]func(*rapid.T){
		func(t *rapid.T) {
			b := p.batch(t)
			p.commitBoth(t, b)
			p.batches = p.batches[:len(p.batches)-1]
		},
		p.get, p.list, p.due, p.history, p.log, p.trim,
	}).Draw(t, "call")(t)
	p.ctx = was
}

// compareAll compares everything that can be read.
func (p *pair) compareAll(t failer) {
	t.Helper()
	p.logBoth(t, 0, storage.MaxLimit)
	p.logBoth(t, p.ref.floor-min(p.ref.floor, 1), storage.MaxLimit)
	var keys []storage.Key
	for _, e := range p.ref.entries {
		for _, r := range e.Records {
			if !slices.Contains(keys, r.Key) {
				keys = append(keys, r.Key)
			}
		}
	}
	for chunk := range slices.Chunk(keys, storage.MaxKeys) {
		p.getBoth(t, chunk)
	}
	for _, k := range keys {
		p.historyBoth(t, k, 0, storage.MaxLimit)
	}
	for _, kind := range []string{"k", "K", "k.effect", storage.CursorKind} {
		p.listBoth(t, kind, "", storage.MaxLimit)
		p.dueBoth(t, kind, time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), storage.MaxLimit)
	}
}

// compare compares two answers to one call. Of two reasons to refuse it, input
// and a context that is done, either may be given.
func (p *pair) compare(t failer, call string, want any, wantErr error, got any, gotErr error) {
	t.Helper()
	if done := p.ctx.Err(); done != nil && errors.Is(gotErr, done) {
		return
	}
	if class(wantErr) != class(gotErr) {
		t.Fatalf("%s: got %s (%v), want %s", call, class(gotErr), gotErr, class(wantErr))
	}
	if wantErr != nil {
		return
	}
	if d := diff(want, got); d != "" {
		t.Fatalf("%s: the answer differs (-want +got):\n%s", call, d)
	}
}

// story prints a batch for a reader.
func story(b storage.Batch) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%.40q", b.ID)
	for _, w := range b.Writes {
		fmt.Fprintf(&s, ", %.40q base %d", w.Key.String(), int64(w.Base))
		if w.Delete {
			s.WriteString(" delete")
		}
		if !w.Due.IsZero() {
			fmt.Fprintf(&s, " due %s", w.Due.Format(time.RFC3339Nano))
		}
		if len(w.Data) > 0 {
			fmt.Fprintf(&s, " data %.20q", w.Data)
		}
	}
	for _, c := range b.Checks {
		fmt.Fprintf(&s, ", if %.40q is at %d", c.Key.String(), int64(c.Version))
	}
	return s.String()
}
