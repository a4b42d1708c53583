package storage

import (
	"context"
	"time"
)

// A Key names a record. Kind and ID are 1 to [MaxKey] bytes of UTF-8 each,
// without NUL. Keys are ordered by their bytes.
type Key struct {
	Kind string // "<domain>" or "<domain>.<part>", such as "incident" or "escalation.effect"
	ID   string
}

// String returns "kind/id".
func (k Key) String() string { return k.Kind + "/" + k.ID }

// A Version counts the writes of one key: 1, 2, 3, ... It is never reused, also
// not after a deletion. 0 means absent.
type Version uint64

// A Pos is a position in the log: 1, 2, 3, ... without gaps. 0 is before the
// first.
type Pos uint64

// A Write is one record's part of a [Batch].
type Write struct {
	Key  Key
	Base Version // the version that the writer saw, be it a deletion; 0: the key is absent or deleted
	Data []byte

	// Due is when the record wants attention; zero: never. It is rounded up to
	// the microsecond and lies in the years 1 to 9999.
	Due time.Time

	// Delete ends the record, which must exist, else it is [ErrConflict]. Data
	// and Due must be empty. The key is absent then; if it is written again its
	// versions go on counting.
	Delete bool
}

// A Check is a condition of a [Batch] about a record that it does not write. It
// is judged when the batch commits, like the Base of a write, and leaves the
// record as it is: it makes no version, and two batches that check one record
// do not conflict.
type Check struct {
	Key     Key
	Version Version // that must be current, be it a deletion; 0: the key is absent or deleted
}

// A Batch is committed as a whole or not at all.
type Batch struct {
	// ID names the intent, 1 to [MaxKey] bytes of UTF-8 without NUL. The same
	// batch again changes nothing and returns the first position, whether or not
	// its bases and checks still hold; another batch with the same ID is
	// [ErrInvalid].
	ID string

	Note   []byte  // the domain events: who, why, what
	Writes []Write // 1 to [MaxWrites], of distinct keys
	Checks []Check // at most [MaxChecks], of distinct keys, none of which is written
}

// A Record is one version of a key, as it was committed.
type Record struct {
	Key     Key
	Version Version // 0: there is no such record
	Pos     Pos     // of the batch that wrote it
	Data    []byte
	Due     time.Time // UTC, whole microseconds; zero: never
	Deleted bool      // this version ended the record
}

// Exists reports whether there is a record that is not deleted.
func (r Record) Exists() bool { return r.Version > 0 && !r.Deleted }

// An Entry is one committed batch, as it stands in the log.
type Entry struct {
	Pos     Pos
	ID      string
	Note    []byte
	Records []Record // in the order of the batch's writes
}

// The limits of the contract, the same for every backend.
const (
	MaxKey    = 200       // bytes of a kind, of an ID, and of a batch's ID
	MaxWrites = 16        // writes in a batch
	MaxChecks = 16        // checks in a batch
	MaxBatch  = 512 << 10 // bytes of all keys, data, the ID and the note of a batch
	MaxKeys   = 64        // keys in one Get
	MaxLimit  = 1000      // records or entries in one answer
)

// A Backend stores. It is the seam that adapters implement.
//
// A read that takes a limit returns fewer only where there are no more, so a
// short page is the last one.
//
// Every method is safe for concurrent use. What callers pass in may be changed
// by them after the call, and what they get is theirs. Reads see every commit
// that was acknowledged before they began, and all commits appear in one total
// order, that of their positions (strict serializability).
//
// Errors are these and no others, matched with errors.Is: [ErrInvalid] and
// [ErrTooLarge] for what breaks the limits, [ErrConflict] as a [ConflictError]
// about any one of the writes or checks, [ErrTrimmed], [ErrClosed] after Close, the
// context's error if it ended the call, and [ErrUnavailable] for everything
// else. A call whose context is done before it fails and has no effect. A Commit
// that fails with [ErrUnavailable], or with the error of a context that ended
// meanwhile, may have taken place: commit the same batch again to know.
type Backend interface {
	// Commit writes the batch if the Base of every write and the Version of every
	// check is current, and returns its position. A batch whose ID was committed before is not written again,
	// whatever became of its records since.
	Commit(ctx context.Context, b Batch) (Pos, error)

	// Get returns the current record of each key, in order, as of one position,
	// which it returns too. A key without record has Version 0; a deleted one is
	// Deleted. With no key it returns the last position.
	Get(ctx context.Context, keys ...Key) (Pos, []Record, error)

	// List returns up to limit records of a kind whose ID is after the given
	// one, in the order of IDs, without deleted ones. after is "" or what an ID
	// may be.
	List(ctx context.Context, kind, after string, limit int) ([]Record, error)

	// Due returns up to limit records of a kind that are due at or before now,
	// in the order of Due and then ID.
	Due(ctx context.Context, kind string, now time.Time, limit int) ([]Record, error)

	// History returns up to limit versions of a key after the given one, the
	// oldest first, deletions included. [ErrTrimmed] if the first of them was
	// dropped.
	History(ctx context.Context, key Key, after Version, limit int) ([]Record, error)

	// Log returns up to limit entries after a position, in order, without gaps.
	// [ErrTrimmed] if the first of them was dropped.
	Log(ctx context.Context, after Pos, limit int) ([]Entry, error)

	// Wait returns soon after the log has grown past after, at the latest two
	// seconds later. It may return earlier for no reason.
	Wait(ctx context.Context, after Pos) error

	// Trim drops the entries before a position, their IDs, and the versions that
	// they wrote; a version that is current stays until another one succeeds it.
	// It never drops what a registered cursor has not passed, see [CursorKind];
	// it does as much as it may.
	Trim(ctx context.Context, before Pos) error

	// Close releases what the backend holds. Later calls, but for Close, fail
	// with [ErrClosed].
	Close() error
}
