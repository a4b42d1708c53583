package postgres

// PositionsFromSequence makes a DB that takes its positions from a sequence, as
// many an event store does: a mutant, to show that a tail reader then misses
// entries.
func PositionsFromSequence(db *DB) {
	db.sql.lock = db.sql.expand(`select nextval('{schema}.positions') - $1::bigint + 0 * $2::bigint`)
}

// SchemaNumber is the number of the schema that this program writes.
var SchemaNumber = latest
