// Package incidentstore keeps incidents durably, for any number of processes over
// one store, attends to their deadlines, and tells a channel, a status page and a
// tracker what happens.
//
//	desk, err := incidentstore.New(incidentstore.Config{Store: store, Policy: policy, Channel: slack})
//	go desk.Run(ctx)
//	id, state, err := desk.Declare(ctx, alice, incident.Declare{Title: "5xx", Services: []string{"checkout"}})
//	state, err = desk.Do(ctx, id, incidentstore.Request{Request: incident.Request{By: alice, Command: incident.Resolve{}}})
//
// # What it promises
//
//   - When a command returns nil it is durable, with all that follows from it: who
//     is told, and what is due. No process can die between one and the other.
//   - A command that lost against another one that changed the same field is kept
//     in the log, and its refusal is returned.
//   - The log has every event, and folding them gives the state of [Desk.Get]; see
//     [Desk.Timeline], [Desk.KnownAt] and [Desk.Replay].
//   - Each obligation ends once in the log, met, breached or canceled, whichever
//     processes look, and what ends of incident.Compiled.History are is what the
//     log has, as long as the policy stays the same. Config.Ended is told of each
//     at least once, with one key. A deadline that passes while no process runs is
//     noted, with the instant at which it passed, by the next one that does.
//   - Channel, status page, tracker and Ended are each told at least once, with the
//     same key if again, and for one incident in the order of the log: what comes
//     later waits, until what was before is done or given up as a dead letter.
//     They never hold up a command.
//   - A merge or a split changes all incidents that it concerns in one commit, of
//     up to [MaxFamily] incidents that come along.
//
// # Whom it tells what
//
// The channel is told of the declaration, severity, title, roles, mitigations,
// status and internal updates; who takes a role is invited, and the topic says how
// it stands. It is archived when the incident is closed or canceled, and another
// one made if it is reopened. When an incident becomes restricted a private one
// takes its place. The status page has the public updates, and nothing of a
// restricted incident or a drill. The ticket has title, severity and status, and
// nothing of a restricted incident. Of a retrospective incident nobody is told.
// A channel or a ticket that somebody sets is used instead of one that was made.
//
// # Who may
//
// The policy says which roles may give a command. [Handler] serves it over HTTP,
// and shows a restricted incident to those only who hold a role in it.
//
// # How
//
// An incident is one record of kind "incident", with its state, what it owes and
// what is to be handed on; its Due is when it wants attention. [Desk.Run] notes
// breaches, and hands on what is to be done outside to a machine of
// storage/runner, which tells jobs that it knows by their numbers. Jobs refer to
// the log for what to say: do not trim it before they are done. While nobody can
// be told, some 2,000 jobs of an incident are kept, beyond which a command that
// adds one is storage.ErrTooLarge. Incidents are kept for good.
//
// An incident is judged by the policy of the desk that is asked. One that is due
// by an earlier policy is judged by the current one when its next event comes, or
// its next deadline by the earlier one.
package incidentstore
