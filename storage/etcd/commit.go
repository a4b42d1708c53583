package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// Limits of one transaction.
const (
	maxOps   = 128     // etcd's --max-txn-ops
	maxBytes = 1 << 20 // of a group of batches; etcd's --max-request-bytes is 1.5 MiB

	batchOps = 2 // the log entry and the batch ID
	writeOps = 4 // the head, the version, the timer before and the timer after
	seqOps   = 1

	batchReads = 1 // the batch ID
	keyReads   = 2 // of what is written or checked: the head, or what ended it

	maxGroup = (maxOps - seqOps) / (batchOps + writeOps)

	// maxContended is how often a transaction is tried while other processes
	// get ahead. Who lost has read the new state already and is ahead of who
	// won, so two processes take turns.
	maxContended = 64
)

// Commit implements [storage.Backend].
func (d *DB) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	b, err := storage.CheckBatch(b)
	if err != nil {
		return 0, err
	}
	if err := d.enter(ctx); err != nil {
		return 0, err
	}
	return d.commits.Commit(ctx, b)
}

// commitGroup commits batches in as few transactions as they fit in.
func (d *DB) commitGroup(group []storage.Batch) []groupcommit.Result {
	results := make([]groupcommit.Result, 0, len(group))
	for len(group) > 0 {
		n := fit(group)
		results = append(results, d.commit(group[:n])...)
		group = group[n:]
	}
	return results
}

// fit returns how many of the batches go into one transaction, at least one.
func fit(group []storage.Batch) int {
	ops, reads, bytes := seqOps, seqOps, 0
	for n, b := range group {
		ops += batchOps + writeOps*len(b.Writes)
		reads += batchReads + keyReads*(len(b.Writes)+len(b.Checks))
		bytes += 2 * len(b.Note) // data and keys stand in the head and in the log
		for _, w := range b.Writes {
			bytes += 2*len(w.Data) + 4*storage.MaxKey
		}
		if n > 0 && (ops > maxOps || reads > maxOps || bytes > maxBytes) {
			return n
		}
	}
	return len(group)
}

// commit commits batches in one transaction.
func (d *DB) commit(batches []storage.Batch) (results []groupcommit.Result) {
	err := d.call(context.Background(), "commit", func(ctx context.Context) (err error) {
		results, err = d.try(ctx, batches)
		if errors.Is(err, rpctypes.ErrRequestTooLarge) || errors.Is(err, rpctypes.ErrTooManyOps) {
			// The cluster is configured below etcd's defaults. It did nothing.
			return fmt.Errorf("storage: etcd: commit: %w: %w", storage.ErrTooLarge, err)
		}
		return err
	})
	switch {
	case err == nil:
		return results
	case errors.Is(err, storage.ErrTooLarge) && len(batches) > 1: // each may still fit
		results = nil
		for i := range batches {
			results = append(results, d.commit(batches[i:i+1])...)
		}
		return results
	}
	return repeat(err, len(batches))
}

func repeat(err error, n int) []groupcommit.Result {
	results := make([]groupcommit.Result, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// try reads what the batches depend on and commits on the condition that seq
// is unchanged. Every commit writes seq, so then no record that is written or
// checked, no batch ID and no timer has changed either. If seq did change, the same transaction has read
// the new state. An error leaves open whether the batches were committed; trying
// again is safe because it finds their IDs.
func (d *DB) try(ctx context.Context, batches []storage.Batch) ([]groupcommit.Result, error) {
	reads := d.reads(batches)
	resp, err := d.client.Txn(ctx).Then(reads...).Commit()
	for attempt := 0; err == nil && attempt < maxContended; attempt++ {
		var p *plan
		if p, err = d.plan(pairsOf(resp), batches); err != nil {
			break
		}
		if len(p.ops) == 0 {
			return p.results, nil
		}
		unchanged := clientv3.Compare(clientv3.ModRevision(d.keys.seq()), "=", p.seqRevision)
		resp, err = d.client.Txn(ctx).If(unchanged).Then(p.ops...).Else(reads...).Commit()
		if err == nil && resp.Succeeded {
			return p.results, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("other processes got ahead %d times", maxContended)
	}
	return nil, err
}

// reads are the pairs on which the outcome of batches depends.
func (d *DB) reads(batches []storage.Batch) []clientv3.Op {
	ops := []clientv3.Op{clientv3.OpGet(d.keys.seq())}
	seen := map[storage.Key]bool{}
	for _, b := range batches {
		ops = append(ops, clientv3.OpGet(d.keys.batch(b.ID)))
		for k := range b.Keys() {
			if !seen[k] {
				seen[k] = true
				ops = append(ops, clientv3.OpGet(d.keys.head(k)), clientv3.OpGet(d.keys.gone(k)))
			}
		}
	}
	return ops
}

// pairs are what one revision holds at some keys.
type pairs map[string]*mvccpb.KeyValue

func pairsOf(resp *clientv3.TxnResponse) pairs {
	kvs := pairs{}
	for _, r := range resp.Responses {
		for _, kv := range r.GetResponseRange().Kvs {
			kvs[string(kv.Key)] = kv
		}
	}
	return kvs
}

// current returns the current record of a key.
func (p pairs) current(keys keyspace, k storage.Key) (storage.Record, error) {
	kv := p[keys.head(k)]
	if kv == nil {
		kv = p[keys.gone(k)]
	}
	if kv == nil {
		return storage.Record{Key: k}, nil
	}
	return decodeRecord(k, kv.Value)
}

// last returns the last position.
func (p pairs) last(keys keyspace) (storage.Pos, error) {
	kv := p[keys.seq()]
	if kv == nil {
		return 0, nil
	}
	return decodePos(kv.Value)
}

// A plan says what a group of batches comes to, if seq stays as it is.
type plan struct {
	keys        keyspace
	stored      pairs
	seqRevision int64 // 0: there is no seq yet
	results     []groupcommit.Result
	ops         []clientv3.Op

	// As after the batches that were planned so far:
	last    storage.Pos
	heads   map[storage.Key]storage.Record
	batches map[string]batchRef
}

type batchRef struct {
	pos    storage.Pos
	digest storage.Digest
}

// plan decides the batches one after the other.
func (d *DB) plan(stored pairs, batches []storage.Batch) (*plan, error) {
	p := &plan{keys: d.keys, stored: stored, heads: map[storage.Key]storage.Record{}, batches: map[string]batchRef{}}
	if kv := stored[d.keys.seq()]; kv != nil {
		p.seqRevision = kv.ModRevision
	}
	first, err := stored.last(d.keys)
	if err != nil {
		return nil, err
	}
	p.last = first
	for _, b := range batches {
		pos, err := p.batch(b)
		var broken brokenError
		if errors.As(err, &broken) {
			return nil, err
		}
		p.results = append(p.results, groupcommit.Result{Pos: pos, Err: err})
	}
	if p.last == first {
		return p, nil
	}
	p.put(d.keys.seq(), encodePos(p.last))
	return p, p.index()
}

// brokenError is about what is stored, not about the batch at hand.
type brokenError struct{ error }

func (p *plan) put(key string, value []byte) {
	p.ops = append(p.ops, clientv3.OpPut(key, string(value)))
}

// batch decides one batch: refuses it, finds it committed, or writes its entry
// and versions. index does the rest.
func (p *plan) batch(b storage.Batch) (storage.Pos, error) {
	digest := b.Digest()
	ref, ok, err := p.find(b.ID)
	if err != nil {
		return 0, err
	}
	if ok && ref.digest != digest {
		return 0, storage.SameIDError(b.ID)
	}
	if ok {
		return ref.pos, nil
	}
	now := make(map[storage.Key]storage.Record, len(b.Writes)+len(b.Checks))
	for k := range b.Keys() {
		if now[k], err = p.head(k); err != nil {
			return 0, err
		}
	}
	err = b.Conflict(func(k storage.Key) (storage.Version, bool) { return now[k].Version, now[k].Exists() })
	if err != nil {
		return 0, err
	}
	entry := storage.Entry{Pos: p.last + 1, ID: b.ID, Note: b.Note, Records: make([]storage.Record, len(b.Writes))}
	for i, w := range b.Writes {
		entry.Records[i] = storage.Record{Key: w.Key, Version: now[w.Key].Version + 1, Pos: entry.Pos, Data: w.Data, Due: w.Due, Deleted: w.Delete}
	}
	p.last = entry.Pos
	p.batches[b.ID] = batchRef{entry.Pos, digest}
	p.put(p.keys.entry(entry.Pos), encodeEntry(entry))
	p.put(p.keys.batch(b.ID), encodeBatch(entry.Pos, digest))
	for _, r := range entry.Records {
		p.heads[r.Key] = r
		p.put(p.keys.version(r.Key, r.Version), encodePos(r.Pos))
	}
	return entry.Pos, nil
}

// find returns what was committed under a batch ID.
func (p *plan) find(id string) (ref batchRef, ok bool, err error) {
	if ref, ok = p.batches[id]; ok {
		return ref, true, nil
	}
	kv := p.stored[p.keys.batch(id)]
	if kv == nil {
		return batchRef{}, false, nil
	}
	if ref.pos, ref.digest, err = decodeBatch(kv.Value); err != nil {
		return batchRef{}, false, brokenError{fmt.Errorf("batch %s: %w", id, err)}
	}
	return ref, true, nil
}

func (p *plan) head(k storage.Key) (storage.Record, error) {
	if r, ok := p.heads[k]; ok {
		return r, nil
	}
	r, err := p.stored.current(p.keys, k)
	if err != nil {
		return r, brokenError{fmt.Errorf("%s: %w", k, err)}
	}
	return r, nil
}

// index writes the heads and moves the timers. A transaction may write each key
// once, so this is done when all batches are planned.
func (p *plan) index() error {
	for k, now := range p.heads {
		before, err := p.stored.current(p.keys, k)
		if err != nil {
			return err
		}
		live, other := p.keys.head(k), p.keys.gone(k)
		if now.Deleted {
			live, other = other, live
		}
		p.put(live, encodeRecord(now))
		if p.stored[other] != nil {
			p.ops = append(p.ops, clientv3.OpDelete(other))
		}
		was, hadTimer := before.DueMicros()
		is, hasTimer := now.DueMicros()
		if hadTimer && hasTimer && was == is {
			continue
		}
		if hadTimer {
			p.ops = append(p.ops, clientv3.OpDelete(p.keys.timer(k, was)))
		}
		if hasTimer {
			p.put(p.keys.timer(k, is), nil)
		}
	}
	return nil
}
