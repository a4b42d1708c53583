package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// A Store is what applications use: a [Backend] with bounded retry and paging.
// It is safe for concurrent use.
//
// Where the backend is unavailable it is asked again with growing pauses, up to
// [MaxAttempts] times and no longer than ctx lasts. So an error that still is
// [ErrUnavailable] is about a backend that is down; the outcome of a Commit is
// unknown then, as it is after the context's error.
type Store struct {
	backend Backend
}

// New returns a Store over a backend.
func New(b Backend) *Store { return &Store{b} }

// Backend returns the backend.
func (s *Store) Backend() Backend { return s.backend }

// MaxAttempts is how often a Store tries before it gives up: about four seconds
// while the backend is unavailable.
const MaxAttempts = 16

// Commit commits a batch.
func (s *Store) Commit(ctx context.Context, b Batch) (Pos, error) {
	return retry(ctx, func() (Pos, error) { return s.backend.Commit(ctx, b) })
}

// retry calls until the backend is available.
func retry[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		v, err := call()
		if err == nil || !errors.Is(err, ErrUnavailable) || attempt == MaxAttempts {
			return v, err
		}
		if err := pause(ctx, attempt); err != nil {
			return v, err
		}
	}
}

// Limits of the pauses between attempts.
const (
	firstPause = time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// pause waits before the next attempt, twice as long each time.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(min(firstPause<<min(attempt-1, 20), maxPause)) // no overflow, however long it goes on
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("storage: %w", ctx.Err())
	}
}

// A Change is what the function given to [Store.Update] decides.
type Change struct {
	Note   []byte
	Writes []Write // none: nothing is committed
	Checks []Check // further conditions, about records that are not written
}

// batch returns the batch that makes the change, with the ID of [BatchID]. Its
// intent comprises the change: another process may decide otherwise about the
// same version, which is a conflict and no reuse of an ID.
func (c Change) batch(key Key, base Version, intent string) Batch {
	b := Batch{Note: c.Note, Writes: c.Writes, Checks: c.Checks}
	digest := b.Digest()
	b.ID = BatchID(key, base, intent+" "+string(digest[:]))
	return b
}

// Update reads the current records of keys, of which there is at least one,
// lets decide make a change of them, and commits it on the condition that all
// records it writes or checks are still as they were read. Those that it neither
// writes nor checks may change meanwhile. After a conflict it reads and
// decides again, up to [MaxAttempts] times, then it fails with [ErrConflict].
//
// decide may run several times and must have no effect of its own. Its Writes
// and Checks may name any keys; Base and Version are filled in for those among
// keys. intent says what is
// being done, such as the ID of a request, and makes the ID of the batch with
// the keys, their versions and the change: two decisions of one intent that make
// the same change of the same versions are one.
// If decide returns an error or no writes, nothing is committed and Update
// returns that error and position 0.
func (s *Store) Update(ctx context.Context, intent string, keys []Key, decide func(now []Record) (Change, error)) (Pos, error) {
	if len(keys) == 0 {
		return 0, CheckKeys([]Key{{}})
	}
	var conflict error
	for attempt := 1; attempt <= MaxAttempts; attempt++ {
		if attempt > 1 {
			if err := pause(ctx, attempt-1); err != nil {
				return 0, err
			}
		}
		_, records, err := s.Get(ctx, keys...)
		if err != nil {
			return 0, err
		}
		change, err := decide(records)
		if err != nil || len(change.Writes) == 0 {
			return 0, err
		}
		for i, w := range change.Writes {
			for j, k := range keys {
				if w.Key == k {
					change.Writes[i].Base = records[j].Version
				}
			}
		}
		for i, c := range change.Checks {
			if j := slices.Index(keys, c.Key); j >= 0 {
				change.Checks[i].Version = records[j].Version
			}
		}
		pos, err := s.Commit(ctx, change.batch(keys[0], records[0].Version, intent))
		if !errors.Is(err, ErrConflict) {
			return pos, err
		}
		conflict = err
	}
	return 0, fmt.Errorf("storage: gave up after %d attempts: %w", MaxAttempts, conflict)
}

// BatchID returns the ID of a batch that does intent to version base of a key:
// a hash in hex, the same for the same arguments.
func BatchID(key Key, base Version, intent string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s%d %s%d %d %s", len(key.Kind), key.Kind, len(key.ID), key.ID, base, len(intent), intent)
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// Get returns the current record of each key as of one position.
func (s *Store) Get(ctx context.Context, keys ...Key) (Pos, []Record, error) {
	type snapshot struct {
		pos     Pos
		records []Record
	}
	now, err := retry(ctx, func() (snapshot, error) {
		pos, records, err := s.backend.Get(ctx, keys...)
		return snapshot{pos, records}, err
	})
	return now.pos, now.records, err
}

// pageSize is how many records or entries an iterator reads at a time.
const pageSize = 200

// List yields the records of a kind in the order of their IDs. It reads page by
// page, so it sees changes that are made meanwhile. An error ends it.
func (s *Store) List(ctx context.Context, kind string) iter.Seq2[Record, error] {
	return pages(ctx, "", func(after string) ([]Record, error) { return s.backend.List(ctx, kind, after, pageSize) },
		func(r Record) string { return r.Key.ID })
}

// Due returns up to limit records of a kind that are due at now, the most
// overdue first.
func (s *Store) Due(ctx context.Context, kind string, now time.Time, limit int) ([]Record, error) {
	return retry(ctx, func() ([]Record, error) { return s.backend.Due(ctx, kind, now, limit) })
}

// History yields the versions of a key after the given one. An error ends it.
func (s *Store) History(ctx context.Context, key Key, after Version) iter.Seq2[Record, error] {
	return pages(ctx, after, func(after Version) ([]Record, error) { return s.backend.History(ctx, key, after, pageSize) },
		func(r Record) Version { return r.Version })
}

// Log yields the entries after a position, up to the end that the log has when
// it gets there. An error ends it.
func (s *Store) Log(ctx context.Context, after Pos) iter.Seq2[Entry, error] {
	return pages(ctx, after, func(after Pos) ([]Entry, error) { return s.backend.Log(ctx, after, pageSize) },
		func(e Entry) Pos { return e.Pos })
}

// pages yields what read returns, page by page, each after the last element.
func pages[T, P any](ctx context.Context, after P, read func(after P) ([]T, error), position func(T) P) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := retry(ctx, func() ([]T, error) { return read(after) })
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range page {
				if !yield(v, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = position(page[len(page)-1])
		}
	}
}

// Wait returns when the log has grown past a position, or earlier.
func (s *Store) Wait(ctx context.Context, after Pos) error {
	_, err := retry(ctx, func() (struct{}, error) { return struct{}{}, s.backend.Wait(ctx, after) })
	return err
}

// Trim drops entries before a position, as far as registered cursors allow.
func (s *Store) Trim(ctx context.Context, before Pos) error {
	_, err := retry(ctx, func() (struct{}, error) { return struct{}{}, s.backend.Trim(ctx, before) })
	return err
}

// Close closes the backend.
func (s *Store) Close() error { return s.backend.Close() }
