package etcd_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

var crashesFlag = flag.Int("storage.crashes", 2, "how often the leader is taken away under load; every third time it hangs instead of dying")

const (
	crashProcesses = 2  // stores with clients of their own
	crashWriters   = 6  // callers in all
	crashProgress  = 60 // batches that must be acknowledged before the next blow
)

// A load is writers that commit for as long as it runs, each batch again under
// its ID until its outcome is known.
type load struct {
	acknowledged sync.Map // ID -> position
	count        atomic.Int64
	unknown      atomic.Int64 // commits that ended without an answer
	applied      atomic.Int64 // of which had taken place
	conflicts    atomic.Int64 // there must be none: writers share no keys
}

// batchOf returns the n-th batch of a writer: two records that must never be
// seen to differ.
func batchOf(writer, n int) storage.Batch {
	b := storage.Batch{ID: fmt.Sprintf("%d:%d", writer, n), Note: fmt.Append(nil, n)}
	for _, part := range []string{"left", "right"} {
		b.Writes = append(b.Writes, storage.Write{
			Key: storage.Key{Kind: part, ID: fmt.Sprint(writer)}, Base: storage.Version(n),
			Data: fmt.Append(nil, b.ID), Due: time.Unix(int64(n), 0),
		})
	}
	return b
}

func (l *load) write(t *testing.T, ctx context.Context, db storage.Backend, writer int) {
	for n := 0; ctx.Err() == nil; n++ {
		b := batchOf(writer, n)
		for again := false; ; again = true {
			var last storage.Pos
			if again {
				last = position(t, db)
			}
			pos, err := db.Commit(context.WithoutCancel(ctx), b)
			if err == nil {
				if again && pos <= last {
					l.applied.Add(1)
				}
				l.acknowledged.Store(b.ID, pos)
				l.count.Add(1)
				break
			}
			if !errors.Is(err, storage.ErrUnavailable) {
				l.conflicts.Add(1)
				t.Errorf("Commit(%s): %v", b.ID, err)
				return
			}
			l.unknown.Add(1)
		}
	}
}

// position returns the last position, as soon as there is an answer.
func position(t *testing.T, db storage.Backend) storage.Pos {
	for begin := time.Now(); ; {
		last, _, err := db.Get(t.Context())
		if err == nil || time.Since(begin) > patience {
			if err != nil {
				t.Errorf("Get: %v", err)
			}
			return last
		}
	}
}

// tail follows the log until ctx is done and then to its end, and returns what
// it saw.
func tail(t *testing.T, ctx context.Context, db storage.Backend) (seen []storage.Entry) {
	for at := storage.Pos(0); ; {
		over := ctx.Err() != nil
		entries, err := db.Log(t.Context(), at, 100)
		if err == nil && len(entries) == 0 {
			if over {
				return seen
			}
			err = db.Wait(ctx, at)
		}
		if err != nil && !errors.Is(err, storage.ErrUnavailable) && !errors.Is(err, context.Canceled) {
			t.Errorf("tail after %d: %v", at, err)
			return seen
		}
		for _, e := range entries {
			if e.Pos != at+1 {
				t.Errorf("tail: position %d comes after %d", e.Pos, at)
				return seen
			}
			at = e.Pos
		}
		seen = append(seen, entries...)
	}
}

func TestNothingAcknowledgedIsLostWithTheLeader(t *testing.T) {
	seed := uint64(0)
	if f := flag.Lookup("storage.seed"); f != nil {
		seed = f.Value.(flag.Getter).Get().(uint64)
	}
	if seed == 0 {
		h := fnv.New64a()
		fmt.Fprint(h, time.Now().UnixNano())
		seed = h.Sum64()
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	c := startCluster(t, 3, t.TempDir())
	asking := c.connect(t)
	prefix := newPrefix()
	dbs := make([]*etcd.DB, crashProcesses)
	for i := range dbs {
		dbs[i] = open(t, c.connect(t), etcd.Options{Prefix: prefix, Timeout: 2 * time.Second})
	}
	l := &load{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers, tails sync.WaitGroup
	tailing, stopTail := context.WithCancel(t.Context())
	defer stopTail()
	for i := range crashWriters {
		writers.Go(func() { l.write(t, ctx, dbs[i%len(dbs)], i) })
	}
	var tailed []storage.Entry
	tails.Go(func() { tailed = tail(t, tailing, dbs[0]) })

	progress := func(what string, more int) {
		t.Helper()
		want := l.count.Load() + crashProgress + int64(more)
		poll(t, what, func(context.Context) bool { return l.count.Load() >= want || t.Failed() })
	}
	kills, hangs := 0, 0
	for n := 1; n <= *crashesFlag && !t.Failed(); n++ {
		progress("commits before a blow", rng.IntN(crashProgress)) // and so at another moment each time
		leader := c.leader(t, asking)
		if n%3 == 0 {
			hangs++
			hang(t, leader)
			progress("commits while the leader hangs", 0)
			resume(t, leader)
		} else {
			kills++
			leader.kill()
			progress("commits without the leader", 0)
			if err := leader.start(); err != nil {
				t.Fatal(err)
			}
		}
		c.ready(t)
	}
	progress("commits before the end", 0)
	for _, i := range rng.Perm(len(c.nodes)) { // power fails everywhere
		c.nodes[i].kill()
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	c.ready(t)
	progress("commits after the end", 0)
	stop()
	writers.Wait()
	stopTail()
	tails.Wait()
	log := l.verify(t, open(t, c.connect(t), etcd.Options{Prefix: prefix}))
	if diff := cmp.Diff(tailed, log); diff != "" {
		t.Errorf("what a reader saw meanwhile is not what the log shows (-seen +log):\n%.2000s", diff)
	}
	t.Logf("replay with -storage.seed=%d: leader killed %d times, hung %d times, all nodes killed once; %d entries, %d batches acknowledged, %d outcomes unknown of which %d had been committed",
		seed, kills, hangs, len(log), l.count.Load(), l.unknown.Load(), l.applied.Load())
}

// verify compares the store with what was acknowledged and returns its log.
func (l *load) verify(t *testing.T, db *etcd.DB) []storage.Entry {
	t.Helper()
	ctx := t.Context()
	store := storage.New(db)
	var log []storage.Entry
	for e, err := range store.Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, e)
	}
	lost, torn, twice := 0, 0, 0
	positions := map[string]storage.Pos{}
	next := make([]int, crashWriters)
	for i, e := range log {
		var writer, n int
		if _, err := fmt.Sscanf(e.ID, "%d:%d", &writer, &n); err != nil || e.Pos != storage.Pos(i+1) {
			t.Fatalf("entry %d is %q at position %d", i+1, e.ID, e.Pos)
		}
		if positions[e.ID] != 0 {
			twice++
		}
		positions[e.ID] = e.Pos
		if n != next[writer] {
			t.Errorf("batch %s of writer %d comes where number %d should", e.ID, writer, next[writer])
		}
		next[writer] = n + 1
		if diff := cmp.Diff(e, entryOf(batchOf(writer, n), e.Pos)); diff != "" {
			torn++
			t.Errorf("entry %d (-got +want):\n%s", e.Pos, diff)
		}
	}
	l.acknowledged.Range(func(id, pos any) bool {
		if positions[id.(string)] != pos.(storage.Pos) {
			lost++
		}
		return true
	})
	for writer, n := range next {
		want := entryOf(batchOf(writer, n-1), positions[fmt.Sprintf("%d:%d", writer, n-1)]).Records
		_, got, err := db.Get(ctx, want[0].Key, want[1].Key)
		if diff := cmp.Diff(got, want); diff != "" || err != nil {
			torn++
			t.Errorf("records of writer %d: %v (-got +want):\n%s", writer, err, diff)
		}
		due, err := db.Due(ctx, "left", time.Unix(1<<40, 0), storage.MaxLimit)
		if len(due) != crashWriters || err != nil {
			t.Errorf("got %d timers, %v; want one for each writer, %d", len(due), err, crashWriters)
		}
	}
	if lost+torn+twice > 0 || int(l.count.Load()) != len(log) {
		t.Errorf("of %d acknowledged batches %d are lost, %d torn, %d applied twice; the log has %d entries", l.count.Load(), lost, torn, twice, len(log))
	}
	return log
}

// entryOf returns how a batch of writes to keys of its own appears in the log.
func entryOf(b storage.Batch, pos storage.Pos) storage.Entry {
	e := storage.Entry{Pos: pos, ID: b.ID, Note: b.Note}
	for _, w := range b.Writes {
		e.Records = append(e.Records, storage.Record{Key: w.Key, Version: w.Base + 1, Pos: pos, Data: w.Data, Due: w.Due.UTC()})
	}
	return e
}
