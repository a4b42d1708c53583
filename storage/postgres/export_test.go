package postgres

import (
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// CommitGroup commits batches in one transaction, as the queue does with those
// that came while another group was committed.
func CommitGroup(db *DB, batches ...storage.Batch) []groupcommit.Result {
	return db.commitGroup(batches)
}

// Waiting reports whether somebody waits for the log to grow.
func Waiting(db *DB) bool {
	db.watch.mu.Lock()
	defer db.watch.mu.Unlock()
	return db.watch.next != nil
}

// PositionsFromSequence makes a DB that takes its positions from a sequence, as
// many an event store does: a mutant, to show that a tail reader then misses
// entries.
func PositionsFromSequence(db *DB) {
	db.sql.lock = db.sql.expand(`select nextval('{schema}.positions') - $1::bigint + 0 * $2::bigint`)
}

// SchemaNumber is the number of the schema that this program writes.
var SchemaNumber = latest
