// Package sqlite keeps a [storage.Backend] in one file: the embedded default,
// for a program that wants nothing installed beside it. It uses SQLite through
// modernc.org/sqlite, which needs no C compiler.
//
//	db, err := sqlite.Open(ctx, "/var/lib/sre/store.db", sqlite.Options{})
//	store := storage.New(db)
//
// # What it promises
//
// A commit is acknowledged when the disk has it ([Full]), and survives the end
// of the process, of the system and of the power. The tests kill writing
// processes, and cut the power of a simulated disk that drops, reorders and tears
// whatever was not synced: nothing that was acknowledged is lost, and nothing is
// there in part. With [Normal] the same experiment loses acknowledged batches in
// about half of the cuts.
//
// Several processes may open one file on one machine; not over a network file
// system, whose locks and shared memory are not to be trusted. Each process
// writes through one connection, and its callers share transactions of up to 64
// batches, so that many callers cost the disk little more than one. A process
// waits for up to Options.BusyTimeout while another one writes, and then reports
// [storage.ErrUnavailable]. Reads wait for nobody.
//
// A full disk, a file that may not be written and a file that is damaged are
// [storage.ErrUnavailable]; nothing is half done then, and commits go on when
// the cause is gone. A newer schema is a [SchemaError], also for programs that
// have the file open while it is migrated.
//
// Make backups with [DB.Backup]: a copy of the file alone lacks what is in the
// WAL beside it. Space that Trim frees is used again, but the file does not
// shrink; a backup is compact.
//
// # Schema
//
// Anybody may query the file, with the sqlite3 tool or any driver, while it is
// in use. Writing to it is for this package alone.
//
//	records (view): what exists now
//	    kind, id, version, pos, data
//	    due      microseconds since 1970, NULL: never
//	    due_utc  the same as text, in whole seconds
//
//	versions: every version that was not trimmed, and the current one
//	    seq      pos * 256 + the place in the batch, from 0
//	    pos, kind, id, version, due, data
//	    deleted  1: this version ended the record
//	    live     1: the current version of a record that exists
//
//	batches: the log, without its records
//	    pos, id
//	    digest   SHA-256 of the content, see storage.Batch.Digest
//	    note
//
//	meta: one row
//	    schema   1
//	    first    the first position that was not trimmed
//
// What is due within the hour, of every kind:
//
//	SELECT kind, id, due_utc FROM records
//	WHERE due < (unixepoch() + 3600) * 1000000 ORDER BY due;
//
// The open incidents by severity, where Data is the JSON of a
// [storage.Collection]:
//
//	SELECT id, CAST(data AS TEXT) ->> '$.data.severity' AS severity
//	FROM records WHERE kind = 'incident' ORDER BY severity;
//
// The story of one record, with the notes of the batches that wrote it:
//
//	SELECT v.version, v.deleted, b.pos, b.id, CAST(b.note AS TEXT)
//	FROM versions v LEFT JOIN batches b USING (pos)
//	WHERE v.kind = 'incident' AND v.id = '2042' ORDER BY v.version;
//
// # Speed
//
// BenchmarkContract measures on the machine at hand, in turns with a bare loop
// over the same driver: one connection, the same pragmas, one prepared INSERT a
// record into one table of the same columns with (kind, id) as primary key, and
// nothing else. Records have 300 bytes. On two processors that others used too,
// with an fsync of 0.2 to 0.4 ms:
//
//	64 callers, commits a second               49,000 to 62,000
//	  / bare loop, 64 records a transaction    0.53 to 0.65
//	  / bare loop, one record a transaction    13 to 18
//	one caller, commits a second               2,200 to 3,400
//	  / bare loop, one record a transaction    0.94 to 1.4
//	Get of one record                          40 µs
//	List of 100                                0.36 ms
//	Due for 100 of 1,000,000 timers            0.30 ms
//	Log, entries a second                      230,000
//
// Ratios above 1 for one caller are the pace of the disk: it changes within a
// run by more than the difference.
package sqlite
