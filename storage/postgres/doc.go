// Package postgres is the storage backend for many processes: it keeps records,
// log and timers in a schema of a PostgreSQL server that you have already, and
// keeps the whole contract of [storage.Backend], which storagetest.Run checks.
//
//	db, err := postgres.Open(ctx, "postgres://sre@db.example/ops", postgres.Options{})
//	store := storage.New(db)
//
// # What it promises
//
// An acknowledged batch is as durable as what the server acknowledges: with
// PostgreSQL's defaults it survives the crash of any process and of the server's
// machine. Whoever sets fsync or synchronous_commit to off gives that up. With
// synchronous_standby_names it survives the loss of a machine; after a failover
// to an asynchronous standby the last batches may be missing, and positions that
// were seen may be given to others. Reads go to the primary: with several hosts
// in the connection string, add target_session_attrs=read-write.
//
// Every writing transaction begins with an update of the one row of the table
// store, which holds the last position. Its lock lasts until the commit, so
// positions are dense, become visible in their order, and each batch is judged
// on the state that it will follow. A sequence would be faster and lose entries
// for a reader at the end of the log; a test here shows how many.
//
// Every read is one statement, so one snapshot.
//
// [DB.Commit] answers [storage.ErrUnavailable] when a connection breaks between
// the commit and its reply: commit the same batch again. What the server says
// has not happened (SQLSTATE 40001, 40P01, 23505) is tried again here, up to 12
// times, as is what fails before the commit was sent. A connection that died in
// the pool is replaced without an error.
//
// # What a commit costs
//
// Two round trips and one wait for the disk, shared by up to 64 batches: those
// that arrive while a group is being written go together into the next one. A
// batch that conflicts takes no position and leaves the others of its group
// alone. Rows per write: one in versions (three indexes) and one in live (one
// index, two with a due time). Processes take turns at the lock, so the sum of
// their throughput is about that of one.
//
// Measured with PostgreSQL 15 on two cores shared with other work, over a unix
// socket, in turns with a bare pgx loop that inserts the same 300-byte records in
// one round trip a transaction (storagetest.Bench, several runs):
//
//	                                                fsync 0.25-0.6 ms   fsync 2-4 ms
//	64 callers, commits a second                          13000-25000     5500-10000
//	... of a bare loop, 64 records and log rows a tx        0.55-0.7        0.75-1.0
//	... of a bare loop, 64 records without log a tx        0.35-0.55       0.5-0.65
//	... of a bare loop, 1 record a tx                           5-10           12-24
//	one caller, of a bare loop, 1 record a tx                0.4-0.6         0.7-1.3
//
// The difference to the bare loop is the server's work on three more indexes and
// the two look-ups of each write, which is why it shrinks where the disk is slow.
//
// A long transaction anywhere in the database keeps dead rows alive, also those
// of the counter, and slows every commit down; idle_in_transaction_session_timeout
// is the remedy. Trim works in steps of 200 entries, each a short transaction.
//
// # The schema
//
// [Open] creates the schema, or brings it to this program's number while it
// holds the lock, on any number of processes at once. A schema of a newer number
// is refused with [ErrSchema], and a program that was running when a newer one
// migrated can write no more. The tables are yours to query, not to write:
//
//	store     one row: schema_version, pos (the last), first (the first that is kept)
//	versions  each version of each key, by position: pos, n (its place in the
//	          batch), kind, id, version, data, due, deleted; in the row with n = 0
//	          also batch (the ID), digest and note
//	live      the keys that exist: kind, id, version, due
//	records   a view: live with data, and due as timestamptz
//	log       a view: pos, id, note of each entry
//
// due is in microseconds since 1970 in the tables; kind and id order by their
// bytes, whatever the database's collation. The database's encoding must be
// UTF8. Data that was written by a storage.Collection is JSON:
//
//	select id, version, due, convert_from(data, 'UTF8') from sre_storage.records where kind = 'escalation' order by id;
//
//	select id, now() - due as overdue from sre_storage.records where kind = 'escalation.effect' and due < now() order by due;
//
//	select version, pos, deleted, convert_from(data, 'UTF8') from sre_storage.versions where kind = 'incident' and id = '42' order by version;
//
//	select pos, id, convert_from(note, 'UTF8') from sre_storage.log where pos > 1000 order by pos;
//
// Who opens the store first needs the right to create the schema, or to create
// tables in one that is there. After that these are enough, for the service and
// for people:
//
//	create role sre_service login;
//	grant usage on schema sre_storage to sre_service;
//	grant select, update on sre_storage.store to sre_service;
//	grant select, insert, update, delete on sre_storage.versions, sre_storage.live to sre_service;
//
//	create role sre_reader login;
//	grant usage on schema sre_storage to sre_reader;
//	grant select on all tables in schema sre_storage to sre_reader;
//
// Back it up as you do the rest of the database: pg_dump sees one snapshot.
//
// # Waiting
//
// [DB.Wait] returns at once for commits of the same DB; for those of others the
// position is polled, once for all who wait. [Options].Notify makes that sooner
// with NOTIFY, which is sent after the commit, on a connection of its own: inside
// the transaction it would take a lock of the whole database. Nothing depends on
// it.
//
// # What was run, and what was not
//
// The suite, kill -9 of the server and its children under load, and cut
// connections were run on PostgreSQL 15 on Linux, in all five exec modes of pgx.
// Behind a pooler that pools transactions, use default_query_exec_mode=exec or
// simple_protocol and leave Notify off; no pooler was run.
//
// The statements keep to what CockroachDB and YugabyteDB document as well: row
// locks, unnest, lateral joins, upserts, partial indexes; no advisory locks,
// LISTEN, SKIP LOCKED, extensions or settings. Serialization failures, which are
// routine there, are tried again; on CockroachDB the collation is left out,
// since text orders by bytes there. Neither server was run: run the tests of
// this package's contract on yours before you rely on it. On YugabyteDB create
// the schema in a colocated database or with range sharding, since the log is
// read by ranges of positions.
//
// The API may still change in details before version 1; the schema will be
// migrated.
package postgres
