package sqlite

import (
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// CommitGroup commits checked batches in one transaction.
func (d *DB) CommitGroup(batches ...storage.Batch) []groupcommit.Result {
	return d.commitGroup(batches)
}

// TrimStep is how many entries a transaction of a Trim drops.
const TrimStep = trimStep

// SafeVersion reports whether a version of SQLite is accepted.
var SafeVersion = safeVersion
