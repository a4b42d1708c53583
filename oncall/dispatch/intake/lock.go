package intake

import (
	"context"
	"fmt"
)

// A lock is held while the store is asked, so whoever waits for it heeds a
// context.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("intake: %w", ctx.Err())
	}
}

func (l lock) free() { <-l }
