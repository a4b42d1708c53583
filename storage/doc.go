// Package storage keeps versioned records, an ordered log of what happened and
// an index of timers, and commits all three together or not at all.
//
// # The contract
//
// A [Record] is a bounded snapshot of one aggregate: an escalation, an incident,
// a change. It has a [Key], a [Version] that counts 1, 2, 3, ... and optionally
// an instant at which it is due. A [Batch] writes up to [MaxWrites] records,
// each on the condition that its version is still the one that the writer saw,
// and carries a note: the domain events that led there. Batches are numbered 1,
// 2, 3, ... without gaps, and each appears in the log as one [Entry]; folding
// the notes gives the snapshots. A batch has an ID, and committing the same ID
// again changes nothing and returns the first position, so an unknown outcome is
// resolved by asking again.
//
// [Backend] states the contract, adapters implement it and nothing else, and
// storagetest.Run checks every sentence of it. [Store] is what applications
// use: Update with bounded retry, paging, and [Collection] for typed records.
// [Consumer] tails the log with a cursor that commits with its result.
package storage
