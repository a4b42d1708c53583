// Package runner hosts a pure state machine durably: it loads states, steps
// them, commits each new state together with the effects that follow from it,
// performs the effects through handlers, and sleeps until the next one is due,
// on any number of processes over one store.
//
// # What it promises
//
//   - When [Runner.Send] returns nil, the new state and its effects are durable.
//   - An effect is performed at least once. It is doubled only when a process
//     dies, or loses its store, between performing it and recording that; its
//     ID is the same then, so that the receiver can tell.
//   - A missed instant loses nothing: what is owed is a function of the state.
//   - An effect that keeps failing is never dropped: after MaxAttempts, or at
//     once if its handler says [ErrPermanent], it becomes a dead letter, and the
//     machine is told, if it wants to know.
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
// The note of each batch holds the input and the instant, so that folding the
// notes gives the state; see [Runner.Replay].
package runner
