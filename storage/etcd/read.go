package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
)

// A snapshot reads one revision of the store, the latest when it was made.
type snapshot struct {
	d        *DB
	revision int64
	last     storage.Pos
	first    pairs // what was read together with last
	more     bool  // the range that was read has more pairs
	ranged   []*mvccpb.KeyValue
}

// A span is a range of keys, and how many pairs of it are wanted.
type span struct {
	from, end string
	limit     int
}

// snapshot makes a snapshot and reads keys. It is linearizable: etcd asks a
// majority whether this revision is the latest.
func (d *DB) snapshot(ctx context.Context, keys ...string) (*snapshot, error) {
	return d.scan(ctx, span{}, keys...)
}

// scan makes a snapshot, reads keys, and the pairs of a span.
func (d *DB) scan(ctx context.Context, s span, keys ...string) (*snapshot, error) {
	ops := []clientv3.Op{clientv3.OpGet(d.keys.seq())}
	for _, k := range keys {
		ops = append(ops, clientv3.OpGet(k))
	}
	if s.limit > 0 {
		ops = append(ops, clientv3.OpGet(s.from, clientv3.WithRange(s.end), clientv3.WithLimit(int64(min(s.limit, firstPage)))))
	}
	resp, err := d.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return nil, err
	}
	snap := &snapshot{d: d, revision: resp.Header.Revision, first: pairsOf(resp)}
	if snap.last, err = snap.first.last(d.keys); err != nil {
		return nil, err
	}
	if s.limit > 0 {
		page := resp.Responses[len(ops)-1].GetResponseRange()
		snap.ranged, snap.more = page.Kvs, page.More
		err = snap.rest(ctx, s)
	}
	return snap, err
}

// The pages in which a span is read: the first is short, because its pairs may
// be large; the others are as long as keeps an answer moderate.
const (
	firstPage = 128
	pageBytes = 4 << 20
)

// rest reads what the first page did not hold.
func (s *snapshot) rest(ctx context.Context, want span) error {
	for s.more && len(s.ranged) < want.limit {
		size := 0
		for _, kv := range s.ranged {
			size += len(kv.Key) + len(kv.Value)
		}
		page := max(1, pageBytes/(size/len(s.ranged)+1))
		resp, err := s.d.client.Get(ctx, next(string(s.ranged[len(s.ranged)-1].Key)), clientv3.WithRange(want.end),
			clientv3.WithLimit(int64(min(page, want.limit-len(s.ranged)))), clientv3.WithRev(s.revision))
		if err != nil {
			return err
		}
		s.ranged, s.more = append(s.ranged, resp.Kvs...), resp.More
	}
	return nil
}

// read returns what the snapshot holds at keys.
func (s *snapshot) read(ctx context.Context, keys []string) (pairs, error) {
	all := make(pairs, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), maxOps)
		ops := make([]clientv3.Op, n)
		for i, k := range keys[:n] {
			ops[i] = clientv3.OpGet(k, clientv3.WithRev(s.revision))
		}
		resp, err := s.d.client.Txn(ctx).Then(ops...).Commit()
		if err != nil {
			return nil, err
		}
		for k, kv := range pairsOf(resp) {
			all[k] = kv
		}
		keys = keys[n:]
	}
	return all, nil
}

// Get implements [storage.Backend].
func (d *DB) Get(ctx context.Context, keys ...storage.Key) (last storage.Pos, records []storage.Record, err error) {
	if err := storage.CheckKeys(keys); err != nil {
		return 0, nil, err
	}
	if err := d.enter(ctx); err != nil {
		return 0, nil, err
	}
	return d.gets.Get(ctx, keys...)
}

// readKeys reads distinct keys, for several callers of Get.
func (d *DB) readKeys(keys []storage.Key) (last storage.Pos, records []storage.Record, err error) {
	err = d.call(context.Background(), "get", func(ctx context.Context) (err error) {
		last, records, err = d.get(ctx, keys)
		return err
	})
	return last, records, err
}

func (d *DB) get(ctx context.Context, keys []storage.Key) (storage.Pos, []storage.Record, error) {
	heads := make([]string, len(keys))
	for i, k := range keys {
		heads[i] = d.keys.head(k)
	}
	snap, err := d.snapshot(ctx, heads...)
	if err != nil {
		return 0, nil, err
	}
	var absent []string
	for i, k := range keys {
		if snap.first[heads[i]] == nil {
			absent = append(absent, d.keys.gone(k))
		}
	}
	gone, err := snap.read(ctx, absent)
	if err != nil {
		return 0, nil, err
	}
	for k, kv := range gone {
		snap.first[k] = kv
	}
	records := make([]storage.Record, len(keys))
	for i, k := range keys {
		if records[i], err = snap.first.current(d.keys, k); err != nil {
			return 0, nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return snap.last, records, nil
}

// List implements [storage.Backend].
func (d *DB) List(ctx context.Context, kind, after string, limit int) (records []storage.Record, err error) {
	if err := storage.CheckList(kind, after, limit); err != nil {
		return nil, err
	}
	err = d.call(ctx, "list", func(ctx context.Context) error {
		prefix := d.keys.heads(kind)
		snap, err := d.scan(ctx, span{next(prefix + after), end(prefix), limit})
		if err != nil {
			return err
		}
		records = make([]storage.Record, len(snap.ranged))
		for i, kv := range snap.ranged {
			key := storage.Key{Kind: kind, ID: string(kv.Key[len(prefix):])}
			if records[i], err = decodeRecord(key, kv.Value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	})
	return records, err
}

// Due implements [storage.Backend].
func (d *DB) Due(ctx context.Context, kind string, now time.Time, limit int) (records []storage.Record, err error) {
	if err := storage.CheckPage(kind, limit); err != nil {
		return nil, err
	}
	err = d.call(ctx, "due", func(ctx context.Context) error {
		prefix := d.keys.timers(kind)
		snap, err := d.scan(ctx, span{prefix, d.keys.dueEnd(kind, now), limit})
		if err != nil {
			return err
		}
		keys, heads := make([]storage.Key, len(snap.ranged)), make([]string, len(snap.ranged))
		for i, kv := range snap.ranged {
			keys[i] = storage.Key{Kind: kind, ID: string(kv.Key[min(len(kv.Key), len(prefix)+numberLen):])}
			heads[i] = d.keys.head(keys[i])
		}
		stored, err := snap.read(ctx, heads)
		if err != nil {
			return err
		}
		records = make([]storage.Record, len(keys))
		for i, k := range keys {
			kv := stored[heads[i]]
			if kv == nil {
				return fmt.Errorf("%s has a timer and no record", k)
			}
			if records[i], err = decodeRecord(k, kv.Value); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
		return nil
	})
	return records, err
}

// History implements [storage.Backend].
func (d *DB) History(ctx context.Context, key storage.Key, after storage.Version, limit int) (records []storage.Record, err error) {
	if err := storage.CheckHistory(key, limit); err != nil {
		return nil, err
	}
	err = d.call(ctx, "history", func(ctx context.Context) (err error) {
		records, err = d.history(ctx, key, after, limit)
		return err
	})
	return records, err
}

func (d *DB) history(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	snap, err := d.scan(ctx, span{next(d.keys.version(key, after)), end(d.keys.versions(key)), limit}, d.keys.head(key), d.keys.gone(key))
	if err != nil {
		return nil, err
	}
	current, err := snap.first.current(d.keys, key)
	if err != nil || after >= current.Version {
		return nil, err
	}
	if after+1 == current.Version { // its log entry may have been trimmed
		return []storage.Record{current}, nil
	}
	if n, err := firstNumber(snap.ranged); err != nil || n != uint64(after)+1 {
		return nil, fmt.Errorf("%w: version %d of %s", storage.ErrTrimmed, after+1, key)
	}
	entries := make([]string, len(snap.ranged))
	for i, kv := range snap.ranged {
		pos, err := decodePos(kv.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		entries[i] = d.keys.entry(pos)
	}
	log, err := snap.read(ctx, entries)
	if err != nil {
		return nil, err
	}
	records := make([]storage.Record, len(entries))
	for i, k := range entries {
		if records[i], err = recordIn(log[k], key); err != nil {
			return nil, fmt.Errorf("%s: log entry %q: %w", key, k, err)
		}
	}
	return records, nil
}

// firstNumber returns the number at the end of the first key, 0 without one.
func firstNumber(kvs []*mvccpb.KeyValue) (uint64, error) {
	if len(kvs) == 0 {
		return 0, nil
	}
	return parseNumber(kvs[0].Key)
}

// recordIn returns the record of a key in a log entry.
func recordIn(kv *mvccpb.KeyValue, key storage.Key) (storage.Record, error) {
	if kv != nil {
		e, err := entryOf(kv)
		if err != nil {
			return storage.Record{}, err
		}
		for _, r := range e.Records {
			if r.Key == key {
				return r, nil
			}
		}
	}
	return storage.Record{}, errors.New("a record is missing")
}

// Log implements [storage.Backend].
func (d *DB) Log(ctx context.Context, after storage.Pos, limit int) (entries []storage.Entry, err error) {
	if err := storage.CheckLimit(limit); err != nil {
		return nil, err
	}
	err = d.call(ctx, "log", func(ctx context.Context) error {
		snap, err := d.scan(ctx, span{next(d.keys.entry(after)), end(d.keys.log()), limit})
		if err != nil || after >= snap.last {
			return err
		}
		if n, err := firstNumber(snap.ranged); err != nil || n != uint64(after)+1 {
			return fmt.Errorf("%w: position %d", storage.ErrTrimmed, after+1)
		}
		entries, err = decodeEntries(snap.ranged)
		return err
	})
	return entries, err
}

func decodeEntries(kvs []*mvccpb.KeyValue) ([]storage.Entry, error) {
	entries := make([]storage.Entry, len(kvs))
	for i, kv := range kvs {
		var err error
		if entries[i], err = entryOf(kv); err != nil {
			return nil, fmt.Errorf("log entry %q: %w", kv.Key, err)
		}
	}
	return entries, nil
}

func entryOf(kv *mvccpb.KeyValue) (storage.Entry, error) {
	pos, err := parseNumber(kv.Key)
	if err != nil {
		return storage.Entry{}, err
	}
	return decodeEntry(storage.Pos(pos), kv.Value)
}
