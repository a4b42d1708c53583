package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// pollEvery is how often a Wait looks for the commits of other processes; those
// of this one end it at once.
const pollEvery = 500 * time.Millisecond

// growTo notes that the log has grown, and ends every Wait.
func (d *DB) growTo(last storage.Pos) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if uint64(last) > d.last.Load() {
		d.last.Store(uint64(last))
		close(d.grown)
		d.grown = make(chan struct{})
	}
}

// Wait implements [storage.Backend].
func (d *DB) Wait(ctx context.Context, after storage.Pos) error {
	for {
		d.mu.Lock()
		grown := d.grown
		d.mu.Unlock()
		last, err := d.poll(ctx)
		if err != nil || last > after {
			return err
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-grown:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-d.life.Done():
			timer.Stop()
			return storage.ErrClosed
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("storage: %w", ctx.Err())
		}
	}
}

// poll returns the last position, as the file has it.
func (d *DB) poll(ctx context.Context) (storage.Pos, error) {
	if err := d.enter(ctx); err != nil {
		return 0, err
	}
	defer d.use.RUnlock()
	last, err := d.lastPos(ctx)
	if err != nil {
		return 0, storage.Unavailable(ctx, "sqlite: wait", err)
	}
	return last, nil
}
