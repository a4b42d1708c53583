// Package incident is the life of an incident: detect, triage, mitigate,
// resolve, learn.
//
// An incident is a fold over an event log. [Compiled.Handle] decides whether a
// [Command] is allowed and returns the [Event] values that it makes;
// [State.Apply] folds an event into the state. Both are pure. What is to be done
// outside (a page, a post, a reminder) is never done inside: it is owed by the
// state, see [Compiled.Obligations], so a crash loses nothing and a replay is
// harmless.
//
// # What it promises
//
//   - The table of transitions is total: each command in each status is allowed,
//     repeats what is so already, or is refused by a [Refusal] that says why, and
//     who may.
//   - Nothing is overwritten. Each event says when it occurred and when it was
//     recorded; a correction is a new event, and [Fold] up to an instant gives
//     the incident as it was known then.
//   - A duration says whether it is one: success, missing, contradictory or
//     still running.
//   - There is one commander at most, who holds no other role, and none leaves a
//     major incident without a successor: a handoff is an offer that was accepted.
//   - A command names the field that it changes. Others may change meanwhile; of
//     two that change the same one, the second is kept as an event that was
//     refused, and told so.
//   - Merged incidents are a forest in which each one knows its root; a merge
//     that is taken back returns the alerts to where they were.
//   - The worst severity is kept, and the time spent in each.
//   - What is not known counts as the worst.
//   - A restricted incident shows nothing, and any other one only its [View].
//   - A recorded incident can be judged by another policy, see [Compiled.Replay].
//
// # Vocabulary
//
//   - A status is where the incident stands: declared, triaged, mitigated,
//     resolved, closed; canceled or merged.
//   - An episode ends with a resolution, and a reopened incident begins another.
//   - A milestone is an instant of an episode: impact, detected, declared,
//     acknowledged, triaged, mitigated, resolved, verified, closed.
//   - An obligation is something that is due by an instant: an acknowledgement, an
//     update, a commander, a postmortem.
//
// Nothing here reads a clock. A Compiled is immutable and safe for concurrent
// use. Applying an event takes tens of nanoseconds.
package incident
