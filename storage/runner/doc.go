// Package runner hosts a pure state machine durably: it loads states, steps
// them, commits each new state together with the effects that follow from it,
// performs the effects through handlers, and sleeps until the next one is due,
// on any number of processes over one store.
//
// # What it promises
//
//   - When [Runner.Send] returns nil, the new state and its effects are durable.
//   - An effect is performed at least once. It is doubled only when a process
//     dies, or loses its store until the lease ends, between performing it and
//     recording that, or when its handler outlasts the lease; its ID is the same
//     then, so that the receiver can tell.
//   - The machine is told of each outcome once, in the commit that records it.
//     Where that is not possible, as after a deploy that cannot be read by this
//     process, the outcome is recorded first and told later.
//   - With Machine.Wanted, no claim of an effect stands in the log after the step
//     that ended the wish for it: after an acknowledgement no page is begun, not
//     even one that failed before or whose process died.
//   - A missed instant loses nothing: what is owed is a function of the state.
//   - An effect that keeps failing is never dropped: after MaxAttempts, or at
//     once if its handler says [ErrPermanent], it becomes a dead letter, and the
//     machine is told, if it wants to know. A dead letter stays until
//     [Runner.Revive] or [Runner.Dismiss].
//   - What cannot be processed does not stop the rest: a receiver that hangs, a
//     record that cannot be decoded, a type without handler. Such a record is
//     left for a minute to processes of other versions, then put off by a
//     minute each time, and reported through Hooks.Failed.
//   - With ctx done, Run starts nothing new, gives what is running up to Grace
//     to end, records the results and returns.
//
// # How
//
// A state is a record of kind Machine.Kind whose Due is NextDue(state). The
// batch that writes it holds an effect record of kind "<kind>.effect" for each
// effect, due at once. A worker claims an effect by a commit that moves its Due
// to the end of a lease: exactly one worker wins, and if it dies another one
// finds the effect due again. The receipt is written into the record.
//
// Where the machine has Wanted, the states of the effects that are to be claimed
// are read first and asked, and the commit that claims checks that they are at
// the same version still. Up to 16 effects share such a commit. If a state moved
// meanwhile it is asked again, apart from the others. An effect that is not
// wanted is recorded as done, with "skipped" in its record, on the same check.
//
// The note of each step holds the input and the instant, so that folding the
// notes gives the state; see [Runner.Replay]. The input is the one that Prepare
// completed, where the machine has it. Ticks are stepped apart from effects then,
// so that a directory that hangs keeps no page from being sent.
//
// The record of an effect that was done is deleted after KeepDone, and a state
// that Machine.Ended reports after KeepEnded; others stay. The versions of all
// records grow with the log until storage.Store.Trim drops old ones.
package runner
