package storage

import (
	"context"
	"errors"
	"fmt"
)

// A Consumer tails the log: it hands each entry to Handle once, in order, and
// commits what Handle decides together with its cursor. So a crash loses
// nothing and doubles nothing that is in the store. Several processes may run a
// consumer of one name; each entry's result is committed by one of them.
//
// The cursor is a record of [CursorKind], which holds back Trim. It is
// registered by the first Run, at Start.
type Consumer struct {
	Store *Store
	Name  string // of the cursor, unique among consumers

	// Start is the position after which a new consumer begins. Default: 0, the
	// beginning of the log; [ErrTrimmed] if that was dropped.
	Start Pos

	// Handle returns what follows from an entry, or nothing. It may run again
	// for the same entry after a crash or a conflict and must have no effect of
	// its own. Its Writes and Checks carry their own versions; at most MaxWrites-1
	// writes. If one is not current, Handle is asked again. An error ends Run.
	Handle func(ctx context.Context, e Entry) (Change, error)
}

// idle is after how many entries without result the cursor is committed all
// the same, so that Trim can go on.
const idle = 256

// Run consumes until ctx is done, whose error it returns, or until an error
// that cannot be mended by trying again, as [ErrConflict] and [ErrUnavailable]
// can. Run it again to go on.
func (c *Consumer) Run(ctx context.Context) error {
	for failures := 1; ; failures++ {
		progress, err := c.run(ctx)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnavailable) {
			return err
		}
		// Another process moved the cursor, or a record that Handle saw, or the
		// backend is down: look again, at once if something was achieved meanwhile.
		if progress {
			failures = 1
		}
		if err := pause(ctx, failures); err != nil {
			return err
		}
	}
}

// run consumes from the stored cursor until an error, a conflict among them. It
// reports whether it committed anything.
func (c *Consumer) run(ctx context.Context) (progress bool, err error) {
	cursor, err := c.register(ctx)
	if err != nil {
		return false, err
	}
	at, err := ParseCursor(cursor.Data)
	if err != nil {
		return false, fmt.Errorf("storage: consumer %s: %w", c.Name, err)
	}
	skipped := 0
	for {
		for e, err := range c.Store.Log(ctx, at) {
			if err != nil {
				return progress, fmt.Errorf("storage: consumer %s: %w", c.Name, err)
			}
			change, err := c.handle(ctx, e)
			if err != nil {
				return progress, fmt.Errorf("storage: consumer %s: entry %d: %w", c.Name, e.Pos, err)
			}
			at = e.Pos
			if skipped++; len(change.Writes) == 0 && skipped < idle {
				continue
			}
			if err := c.commit(ctx, &cursor, at, change); err != nil {
				return progress, err
			}
			progress, skipped = true, 0
		}
		if err := c.Store.Wait(ctx, at); err != nil {
			return progress, err
		}
	}
}

// handle asks Handle, but not about entries that only move this cursor: these
// would never end.
func (c *Consumer) handle(ctx context.Context, e Entry) (Change, error) {
	if len(e.Records) == 1 && e.Records[0].Key == c.key() {
		return Change{}, nil
	}
	return c.Handle(ctx, e)
}

func (c *Consumer) key() Key { return Key{CursorKind, c.Name} }

// register returns the cursor's record and makes it if there is none.
func (c *Consumer) register(ctx context.Context) (Record, error) {
	_, records, err := c.Store.Get(ctx, c.key())
	if err != nil {
		return Record{}, err
	}
	cursor := records[0]
	if !cursor.Exists() {
		err = c.commit(ctx, &cursor, c.Start, Change{})
	}
	return cursor, err
}

// commit moves the cursor and commits the change in one batch.
func (c *Consumer) commit(ctx context.Context, cursor *Record, at Pos, change Change) error {
	change.Writes = append([]Write{{Key: c.key(), Base: cursor.Version, Data: FormatCursor(at)}}, change.Writes...)
	if _, err := c.Store.Commit(ctx, change.batch(c.key(), cursor.Version, "consumed")); err != nil {
		return err
	}
	cursor.Version++
	cursor.Data = FormatCursor(at)
	return nil
}
