// Package storage keeps versioned records, an ordered log of what happened and
// an index of timers, and commits all three together or not at all.
//
// # The contract
//
// A [Record] is a bounded snapshot of one aggregate: an escalation, an incident,
// a change. It has a [Key], a [Version] that counts 1, 2, 3, ... and optionally
// an instant at which it is due. A [Batch] writes up to [MaxWrites] records,
// each on the condition that its version is still the one that the writer saw,
// and carries a note: the domain events that led there. It may check up to
// [MaxChecks] further records, which must be at a version but are not written: a
// worker that claims a page checks the incident that wants it, so that the claim
// fails once the incident was acknowledged. Batches are numbered 1,
// 2, 3, ... without gaps, and each appears in the log as one [Entry]; folding
// the notes gives the snapshots. A batch has an ID, and committing the same ID
// again changes nothing and returns the first position, so an unknown outcome is
// resolved by asking again.
//
// [Backend] states the contract, adapters implement it and nothing else, and
// storagetest.Run checks every sentence of it. [Store] is what applications
// use: Update with bounded retry, paging, and [Collection] for typed records.
// [Consumer] tails the log with a cursor that commits with its result.
//
// # Which backend
//
// Start with SQLite, and move when a line below says so: the contract is the
// same, and a log replayed into another backend gives the same store.
//
//   - Memory, [NewMemory]: tests, examples, what need not survive. Nothing
//     survives the process.
//   - SQLite, storage/sqlite: one process, or several on one machine, with nothing
//     installed. Acknowledged batches survive the crash of the process and, with
//     synchronous FULL, the default, the loss of power. The machine and its disk
//     are the single point of failure; Backup copies a running store.
//   - PostgreSQL, storage/postgres: many processes on many machines, beside a
//     database that somebody runs already. As durable as that server is set up to
//     be.
//   - etcd, storage/etcd: paging that survives the loss of any one of three
//     machines, without anybody's help. Small data: etcd holds gigabytes, not
//     terabytes, and each commit crosses the network twice.
//
// What a commit costs, in short: memory about 3 microseconds; SQLite one wait
// for the disk; PostgreSQL two round trips and one wait for the disk; etcd two
// round trips and a wait for the disks of a majority. On the durable ones, up
// to 64 callers share that (21 small batches on etcd), so that throughput is
// made by concurrency: SQLite and PostgreSQL reach several thousand commits a
// second where one caller reaches a few hundred. The package of each backend
// has the figures that storagetest.Bench measured, beside a bare loop over the
// same driver.
//
// Measured by storagetest.Bench with records of 300 bytes, on two cores that
// others used too, with a disk that syncs in 0.2 to 0.3 ms. Ratios are medians of
// turns with the bare driver in the same run; they say more than the rates.
//
//	                                     memory    SQLite   PostgreSQL   etcd, 1   etcd, 3 nodes
//	commits/s, one caller               300,000     4,000        1,350       830             460
//	commits/s, 64 callers               325,000    57,000       28,000     6,300           4,600
//	... of bare, 64 records a commit          -      0.64    0.50-0.71      0.26            0.17
//	... of bare, 1 record a commit            -        18            8       4.8             7.7
//	Get, microseconds                       0.7        40          190         -               -
//	Due for 100 of 1,000,000, ms            0.3       0.3            -         -               -
//	tail, entries/s                   3,000,000   230,000      409,000    90,000          58,000
//
// PostgreSQL reaches 0.71 of a loop that writes record and log row and 0.50 of
// one that writes the record alone. Memory takes 390 bytes for a record beyond
// its data, its entry in the log included.
//
// All of them order every write of a store, which bounds one store at some ten
// thousand commits a second. That is far above what incidents, pages and changes
// need; shard by store (a team, a region) beyond.
package storage
