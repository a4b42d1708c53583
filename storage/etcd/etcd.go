package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// Options configure [Open]. The zero value means the defaults.
type Options struct {
	// Prefix begins every key of the store and ends in "/"; stores with
	// different prefixes share a cluster. None may begin with another's.
	// Default: [DefaultPrefix].
	Prefix string

	// Timeout bounds a read, one transaction of commits, and one step of Trim;
	// after it they fail with [storage.ErrUnavailable]. A node that has not
	// answered in a quarter of it is given up for another one. It should outlast
	// an election, which takes one to two seconds with etcd's defaults. Default:
	// [DefaultTimeout].
	Timeout time.Duration
}

// The defaults of [Options].
const (
	DefaultPrefix  = "/sre/"
	DefaultTimeout = 5 * time.Second
)

// Validate reports everything that is wrong.
func (o Options) Validate() error {
	var problems []error
	if o.Prefix != "" && !strings.HasSuffix(o.Prefix, "/") {
		problems = append(problems, fmt.Errorf("etcd: prefix %q: want one that ends in \"/\"", o.Prefix))
	}
	if o.Timeout < 0 {
		problems = append(problems, fmt.Errorf("etcd: timeout %v: want more than 0, or 0 for the default", o.Timeout))
	}
	return errors.Join(problems...)
}

// maxReads is how many round trips of Get are under way at the same time: one
// waits for the majority while the other is worked on.
const maxReads = 2

// A DB is a [storage.Backend] in an etcd cluster. Make one with [Open].
type DB struct {
	client  *clientv3.Client
	keys    keyspace
	timeout time.Duration
	commits *groupcommit.Queue
	gets    *groupcommit.Reads

	closing sync.Once
	closed  chan struct{}
}

var _ storage.Backend = (*DB)(nil)

// Open returns the store under a prefix of a cluster, which is empty if nothing
// has been written there. The client remains the caller's: Close leaves it open,
// and it must not be closed before the DB. A store that a newer version of this
// package has written is refused.
func Open(ctx context.Context, client *clientv3.Client, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	d := &DB{client: client, keys: keyspace(o.Prefix), timeout: o.Timeout, closed: make(chan struct{})}
	d.commits = groupcommit.New(maxGroup, d.commitGroup)
	d.gets = groupcommit.NewReads(maxReads, d.readKeys)
	err := d.call(ctx, "open", func(ctx context.Context) error {
		_, err := d.snapshot(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close implements [storage.Backend]. It waits for the transaction that is under
// way and leaves the client open.
func (d *DB) Close() error {
	d.closing.Do(func() { close(d.closed) })
	d.commits.Close()
	return nil
}

// enter checks what every call checks first.
func (d *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	select {
	case <-d.closed:
		return storage.ErrClosed
	default:
		return nil
	}
}

// call runs what a method does with the cluster and turns errors into those of
// the contract. do must be something that may be repeated.
func (d *DB) call(ctx context.Context, doing string, do func(ctx context.Context) error) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	for {
		attempt, cancel := context.WithTimeout(bounded, d.timeout/attempts)
		err := do(attempt)
		silent := err != nil && attempt.Err() != nil && bounded.Err() == nil
		cancel()
		// The client sends each request to another node, so a machine that is
		// gone without a word costs part of the timeout and not the call. A
		// revision that was compacted while it was read has a successor.
		if !silent && !errors.Is(err, rpctypes.ErrCompacted) {
			return translate(ctx, doing, err)
		}
	}
}

// attempts is how many silent nodes a call may meet.
const attempts = 4

// translate returns the contract's error for one of etcd's. ctx is the caller's.
func translate(ctx context.Context, doing string, err error) error {
	if err == nil || errors.Is(err, storage.ErrTrimmed) || errors.Is(err, storage.ErrTooLarge) {
		return err
	}
	// No space, no leader, no permission, no answer in time, ...
	return storage.Unavailable(ctx, "etcd: "+doing, err)
}
