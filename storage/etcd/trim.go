package etcd

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
)

// Operations of one step of Trim.
const (
	trimEntryOps   = 2 // the log entry and the batch ID
	trimRecordOps  = 1 // the version
	maxTrimEntries = maxOps / (trimEntryOps + trimRecordOps)
)

// Trim implements [storage.Backend]. It proceeds in steps, each of which leaves
// a valid store: an error ends it between two of them, and a further call goes
// on.
func (d *DB) Trim(ctx context.Context, before storage.Pos) error {
	for contended := 0; ; {
		var done, ahead bool
		err := d.call(ctx, "trim", func(ctx context.Context) (err error) {
			done, ahead, err = d.trim(ctx, before)
			if contended++; ahead {
				contended = 0
			}
			if err == nil && contended > maxContended {
				err = fmt.Errorf("cursors moved %d times", maxContended)
			}
			return err
		})
		if err != nil || done {
			return err
		}
	}
}

// trim drops the oldest entries, if no cursor moves meanwhile. It is done when
// there is none to drop; else ahead says that some were dropped.
func (d *DB) trim(ctx context.Context, before storage.Pos) (done, ahead bool, err error) {
	snap, err := d.scan(ctx, span{d.keys.log(), end(d.keys.log()), maxTrimEntries})
	if err != nil {
		return false, false, err
	}
	from, to := d.keys.heads(storage.CursorKind), end(d.keys.heads(storage.CursorKind))
	resp, err := d.client.Get(ctx, from, clientv3.WithRange(to), clientv3.WithRev(snap.revision))
	if err != nil {
		return false, false, err
	}
	cursors := make([]storage.Record, len(resp.Kvs))
	for i, kv := range resp.Kvs {
		if cursors[i], err = decodeRecord(storage.Key{}, kv.Value); err != nil {
			return false, false, fmt.Errorf("cursor %q: %w", kv.Key, err)
		}
	}
	entries, err := trimmable(snap.ranged, storage.TrimFloor(before, snap.last, cursors))
	if err != nil || len(entries) == 0 {
		return true, false, err
	}
	unmoved := clientv3.Compare(clientv3.ModRevision(from).WithRange(to), "<", snap.revision+1)
	txn, err := d.client.Txn(ctx).If(unmoved).Then(d.drop(entries)...).Commit()
	return false, err == nil && txn.Succeeded, err
}

// trimmable returns the entries below floor that go into one step.
func trimmable(kvs []*mvccpb.KeyValue, floor storage.Pos) ([]storage.Entry, error) {
	entries, err := decodeEntries(kvs)
	ops := 0
	for i, e := range entries {
		ops += trimEntryOps + trimRecordOps*len(e.Records)
		if e.Pos >= floor || ops > maxOps {
			return entries[:i], err
		}
	}
	return entries, err
}

// drop returns the operations that drop entries. A version goes with the entry
// that its data stand in; if it is current, the head has them too.
func (d *DB) drop(entries []storage.Entry) []clientv3.Op {
	var ops []clientv3.Op
	for _, e := range entries {
		ops = append(ops, clientv3.OpDelete(d.keys.entry(e.Pos)), clientv3.OpDelete(d.keys.batch(e.ID)))
		for _, r := range e.Records {
			ops = append(ops, clientv3.OpDelete(d.keys.version(r.Key, r.Version)))
		}
	}
	return ops
}
