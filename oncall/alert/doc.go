// Package alert turns what monitoring systems state into pages: it says which
// alerts are the same, which belong together, which are held back and why, and
// when a page is opened, updated and closed.
//
// A [Policy] is a plain value; [Policy.Compile] checks all of it. [Compiled.Split]
// makes of a [Batch] an [Input] for each group, and [Compiled.Step] is the whole
// behaviour of one group: from a [State], an input and [Facts] it makes the next
// state and the effects. The subpackages alertmanager, pagerduty and cloudevents
// read batches.
//
// # Vocabulary
//
//   - An [Alert] fires or is resolved; its fingerprint says which one it is.
//   - A group is alerts that share a key. It has at most one open page.
//   - A page is what whoever is on call is told: [Trigger], [Update], [Resolve].
//   - [Suppressed] is an alert that fires and does not page, because of a silence,
//     an inhibition or a throttle, or a resolve that is held back, because of a
//     flap; [Released] is the end of that.
//   - A heartbeat is an alert turned round: its absence pages.
//
// # What it promises
//
//   - Nothing is lost: what fires, and is not suppressed by something that is known
//     to hold now, is in a page after GroupWait, or in the next update of the
//     open one after GroupInterval, or GroupWait if it is worse.
//   - What is not known suppresses nothing: an old list of silences, a source of
//     an inhibition that nobody has asked about, a heartbeat never heard, alerts
//     that a message has left out, alerts beyond the limits of a group.
//   - Everything that is suppressed is written down with its reason, together
//     with the other alerts of the group that the same rule suppresses.
//   - A step that changes nothing returns the same state: an identical webhook
//     may come any number of times, by several ways, in any order of its alerts.
//   - A late statement does not undo a newer one, where the sources say when.
//     What a source says of a time further ahead than MaxFactsAge does not count.
//   - What is owed is a function of the state: a tick that comes late has the
//     effects of a punctual one, with the instants at which they were due. That
//     needs facts that say since and until when they hold.
//
// # Hosting
//
// A state is one group, so that a host such as storage/runner keeps a record for
// each. What crosses groups comes in as facts. Step a group with its inputs, with
// a tick at [NextDue], and with a tick when a silence was made or ended or a
// source resolved; without the last, it is noticed when the facts are read again,
// after Policy.MaxFactsAge at most.
//
// A state belongs to no version of a policy: each step goes by the one that steps
// it. After an edit, step every group with a tick. Where GroupBy has changed,
// alerts go to new groups, and what the old ones have open is closed by people.
//
// Nothing here reads a clock. A Compiled is immutable and safe for concurrent
// use.
package alert
