// Package etcd is a [storage.Backend] in an etcd cluster: of three machines any
// one may be lost, of five any two, without losing or stopping anything but for
// the second that an election takes.
//
// Choose it where such a cluster runs already, or where a pager must outlive a
// machine and its disk. One machine is simpler with SQLite, and much history,
// large records or queries belong into PostgreSQL: etcd holds its whole database
// in the memory map of every node, 2 GiB by default.
//
// # What it promises
//
// The whole contract. Commits and reads are linearizable on any node; a commit
// is acknowledged when a majority has it on disk (fsync), so it survives kill -9
// of all nodes at once and the loss of the disks of a minority. Where there is no
// majority, calls fail with [storage.ErrUnavailable] and nothing is answered
// from a stale node. Any number of processes may use one store.
//
// An unknown outcome is never success. DB tries a batch again only under its ID
// and only while its Timeout lasts; [storage.Store] goes on after that.
//
// Close waits for the transaction under way and leaves the client open, which is
// the caller's to close.
//
// # What a commit costs
//
// One transaction that reads (seq, the batch ID, the current records), without
// disk but with a round trip among the nodes, and one that writes, with an fsync
// on a majority. The second holds for each write the record, its version and up
// to two timer keys, and for the batch its log entry and its ID: at most 67 of
// the 128 operations that etcd allows, as the first reads at most 66 (two keys
// for each record that is written or checked), and 1.1 of 1.5 MiB for the largest batch.
// It is conditional on seq, which every commit changes; if another process got
// ahead, it returns the new state and is tried again, up to 64 times. Within a
// process callers share transactions, 21 small batches in each (groupcommit).
// Data are stored twice, with the record and in the log.
//
// Get, List and Log take one round trip for small answers (one more for deleted
// keys, and for each 4 MiB), Due and History one more for each 128 records.
//
// # Keys
//
// All below the prefix; 0 is a NUL, numbers are 16 hex digits. Every value begins
// with the format, 1; a store with a newer one is refused.
//
//	seq                     the last position
//	h/ kind 0 ID            the current record
//	x/ kind 0 ID            the last version of a deleted key; stays for good
//	v/ kind 0 ID 0 version  the position in the log at which the version stands
//	l/ position             the log entry: batch ID, note, records
//	d/ kind 0 due ID        a timer: microseconds since 1970, the sign bit flipped
//	i/ batch ID             position and digest
//
// # Running it
//
//   - Trim the log, and compact: etcd keeps every overwritten value until then.
//     Start etcd with --auto-compaction-retention=1h, for example. The log and the
//     history are keys of their own and do not need old revisions, but for the
//     milliseconds that a read of several pages takes, which starts over if its
//     revision goes away.
//   - The database holds at most --quota-backend-bytes, by default 2 GiB; etcd
//     advises at most 8 GiB. When it is full, commits fail with ErrUnavailable
//     ("database space exceeded"); reads and Trim go on. Then: Trim, compact,
//     defragment, disarm the alarm.
//   - Keep --max-request-bytes and --max-txn-ops at etcd's defaults (1.5 MiB, 128) or
//     above. Below them, batches that are too large for the cluster fail with
//     [storage.ErrTooLarge] and long reads with ErrUnavailable.
//   - Give the client DialKeepAliveTime, as in the example. A machine that is gone
//     without closing its connections is found after that time; until then each
//     call that meets it takes a quarter of Options.Timeout longer.
//   - Servers 3.5.0 to 3.5.2 can end up with different data after a kill (etcd issue
//     13766): use another release.
//   - etcd asks that disks do an fsync in 10 ms; nodes far apart need a longer
//     --heartbeat-interval and --election-timeout, and Options.Timeout above the latter.
//
// A role for the prefix is enough, nothing of the cluster's administration:
//
//	etcdctl role add sre
//	etcdctl role grant-permission --prefix=true sre readwrite /sre/
//	etcdctl user grant-role sre-pager sre
//
// # What was run
//
// The suite (storagetest) and every test of this package: etcd 3.4.23 of Debian 12
// on one and on three nodes of one machine, client 3.6.16, Go 1.26, linux/amd64,
// with the race detector too. Crash tests with 12 leaders taken away under six
// writers, eight by kill -9 and four hung, then all three nodes killed: of 2,429
// acknowledged batches 0 lost and 0 torn; of 32 unknown outcomes 1 had taken place
// and 0 were applied twice. Not run: machines apart, TLS, other versions.
//
// # Speed
//
// Measured with storagetest.Bench on two cores that client, servers and other
// work shared, fsync 0.2 ms, records of 300 bytes. "bare" is one loop that only
// puts such records, so it writes one key for our four.
//
//	                                          one node  three nodes
//	64 callers / bare, 64 records a txn           0.26         0.17
//	64 callers / bare, one record a txn            4.8          7.7
//	one caller / bare, one record a txn           0.47         0.68
//	64 callers / one caller                        7.6          9.9
//	commits a second, 64 callers                 6,300        4,600
//	commits a second, one caller                   820          470
//	tail, entries a second                      90,000       58,000
//	Due, 100 of 10,000 timers                   1.9 ms       2.6 ms
package etcd
