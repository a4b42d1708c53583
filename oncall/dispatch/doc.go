// Package dispatch is the durable pager: it runs escalations of
// oncall/escalation over storage/runner, on any number of processes over one
// store, and delivers their pages through an oncall.Pager.
//
//	d, err := dispatch.New(dispatch.Config{Store: store, Pager: pager, Policies: policies, Directory: roster})
//	go d.Run(ctx)
//	d.Trigger(ctx, "db", escalation.Trigger{ID: "db-down", Severity: 1})
//
// The store is one of storage: in memory for tests, and storage/sqlite,
// storage/postgres or storage/etcd, each a module of its own.
//
// # What it promises
//
//   - When a command such as [Dispatcher.Trigger] or [Dispatcher.Ack] returns nil,
//     it is durable, and so is every page that follows from it.
//   - The level advances in the commit that holds the pages of the level: there is
//     no instant at which one is durable and the other is not.
//   - Each page that is wanted is delivered at least once. The same Key is sent
//     again only after a crash between the provider's answer and its record, or
//     after an answer that leaves the outcome unknown; no other delivery has it.
//   - No delivery is claimed at a log position after that of the acknowledgement,
//     snooze, hand-off or resolution that ended it. One that was claimed before
//     may still arrive.
//   - What cannot be delivered does not hold up the escalation: after an
//     oncall.ErrPermanent, after MaxAttempts failures, or where the person or the
//     contact does not exist, the delivery becomes a dead letter, which stays
//     visible, and the next contact, or the next level, is tried at once.
//   - What is not known never silences: where the directory cannot answer, or
//     panics, the engine is told so, and pages further.
//   - An escalation is stepped by the version of the policy with which it began,
//     on each process and after each restart, whatever the configuration has
//     become: policies are kept in the store under their digests. Only
//     [Dispatcher.Edit] and [Dispatcher.EditOpen] move it to another version.
//   - The log holds each input with all that was asked of the directory and all
//     that was decided, so [Dispatcher.Replay] gives the state, and
//     [Dispatcher.Timeline] says why each person was or was not paged.
//
// # Delivery
//
// A delivery has the type of its contact's kind: a provider of one kind that
// hangs, or wants to be left alone (oncall.RateLimited), holds back that kind
// only. Failures are tried again with growing pauses. While one contact is tried
// the contact plan goes on: the next one is due when it is due.
//
// # Alerts
//
// Package intake below this one hosts the alert kernel and brings its pages here,
// by [Dispatcher.Take].
//
// # Who may
//
// Every command carries an sre.Actor. Only humans acknowledge, respond and
// snooze. [Handler] serves the commands over HTTP, and [Links] makes links with
// which one person acknowledges one escalation: opening one changes nothing.
//
// # Limits
//
// An escalation that is resolved is kept for Config.KeepResolved. The log grows
// until storage.Store.Trim. Policies are kept for good: they are few.
package dispatch
