package etcd

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
)

// pollEvery is how often Wait asks for itself, should the watch have died
// silently: half of what the contract allows.
const pollEvery = time.Second

// Wait implements [storage.Backend]. It watches seq.
func (d *DB) Wait(ctx context.Context, after storage.Pos) error {
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var seq clientv3.WatchChan
	for {
		var snap *snapshot
		err := d.call(ctx, "wait", func(ctx context.Context) (err error) {
			snap, err = d.snapshot(ctx)
			return err
		})
		if err != nil || snap.last > after {
			return err
		}
		if seq == nil {
			seq = d.client.Watch(watching, d.keys.seq(), clientv3.WithRev(snap.revision+1))
		}
		grown, err := d.await(ctx, &seq, poll.C)
		if grown || err != nil {
			return err
		}
	}
}

// await returns when seq has changed or it is time to ask. It takes away a
// watch that has failed.
func (d *DB) await(ctx context.Context, seq *clientv3.WatchChan, poll <-chan time.Time) (grown bool, err error) {
	for {
		select {
		case event, ok := <-*seq:
			if !ok || event.Err() != nil {
				*seq = nil
			} else if len(event.Events) > 0 {
				return true, nil
			}
		case <-poll:
			return false, nil
		case <-ctx.Done():
			return false, fmt.Errorf("storage: %w", ctx.Err())
		case <-d.closed:
			return false, storage.ErrClosed
		}
	}
}
