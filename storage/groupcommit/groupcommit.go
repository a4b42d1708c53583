// Package groupcommit lets many callers of a backend share one transaction.
//
// A durable commit costs a wait for the disk, whatever it holds. While one
// group is written the next callers queue up, and go together into the next
// one: with 64 callers a group is up to 64 batches, and the cost of the disk is
// shared among them. A lone caller waits for nobody.
package groupcommit

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/sre-sdk/sre/storage"
)

// A Result is the outcome of one batch of a group.
type Result struct {
	Pos storage.Pos
	Err error
}

// A Queue forms groups. It is safe for concurrent use. Make one with [New].
type Queue struct {
	limit  int
	commit func(group []storage.Batch) []Result

	mu      sync.Mutex
	waiting []*request
	busy    bool
	closed  bool
	idle    sync.WaitGroup // one for each running worker: none or one
}

type request struct {
	batch storage.Batch
	done  chan Result // buffered: a caller may have left
}

// New returns a Queue that commits groups of at most limit batches by calling
// commit, one group at a time. commit returns one result for each batch, in
// order. Callers come and go, so it has a context of its own to bound how long
// it takes.
func New(limit int, commit func(group []storage.Batch) []Result) *Queue {
	return &Queue{limit: limit, commit: commit}
}

// Commit commits a batch, which must have passed [storage.CheckBatch], with
// whatever other callers bring at the same time. When ctx is done it returns
// its error; a batch that had not been taken into a group then has no effect,
// and one that had may take effect still.
func (q *Queue) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("storage: %w", err)
	}
	r := &request{b, make(chan Result, 1)}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 0, storage.ErrClosed
	}
	q.waiting = append(q.waiting, r)
	if !q.busy {
		q.busy = true
		q.idle.Add(1)
		go q.work()
	}
	q.mu.Unlock()
	select {
	case result := <-r.done:
		return result.Pos, result.Err
	case <-ctx.Done():
		q.withdraw(r)
		return 0, fmt.Errorf("storage: %w", ctx.Err())
	}
}

// withdraw takes a request back that no group has taken yet.
func (q *Queue) withdraw(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == r {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			return
		}
	}
}

// work commits groups until nobody waits.
func (q *Queue) work() {
	defer q.idle.Done()
	for {
		q.mu.Lock()
		n := min(len(q.waiting), q.limit)
		group := q.waiting[:n:n]
		q.waiting = q.waiting[n:]
		if n == 0 {
			q.waiting, q.busy = nil, false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		batches := make([]storage.Batch, n)
		for i, r := range group {
			batches[i] = r.batch
		}
		for i, result := range q.commit(batches) {
			group[i].done <- result
		}
		q.gather(n)
	}
}

// gather lets the callers that were just answered run, until they have come
// back or none comes any more: they would else form every other group, each half
// as large as it could be. It takes microseconds.
func (q *Queue) gather(answered int) {
	const patience = 16 // yields without anybody coming
	q.mu.Lock()
	before := len(q.waiting)
	q.mu.Unlock()
	want := min(before+answered, q.limit)
	for idle := 0; before < want && idle < patience; idle++ {
		runtime.Gosched()
		q.mu.Lock()
		n := len(q.waiting)
		q.mu.Unlock()
		if n > before {
			before, idle = n, 0
		}
	}
}

// Close refuses further commits, and waits until those that are queued are
// done.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.idle.Wait()
}
