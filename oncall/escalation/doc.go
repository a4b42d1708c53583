// Package escalation decides who is paged next, until somebody has the alert
// in hand.
//
// A [Policy] is a plain value: levels that are entered one after the other,
// targets by severity, and a last resort. [Policy.Compile] checks all of it. The
// engine is one pure function, [Compiled.Step]: it takes a [State], an [Input]
// such as [Trigger], [Ack] or [Tick], a [Directory] that says who is on call,
// and the instant; it returns the next State and the [Effect] values that are
// to be performed, each delivery with an identity, [Effect.Key]. [State.NextDue]
// says when the next Tick is owed.
//
// # What it promises
//
//   - An escalation that is not acknowledged, snoozed or resolved always has a
//     next due instant. After the levels and their repeats comes the last resort,
//     which is paged again and again.
//   - A level with nobody on call is passed over at once, as is one whose people
//     cannot be reached by any contact.
//   - Due instants chain from the trigger, never from when a step happened to
//     run, so nothing drifts, and what an outage delayed is owed at once after it.
//   - An acknowledgement ends what was owed before it: [State.Wants] is false
//     for each earlier delivery. Ask it, in the transaction that claims a
//     delivery, before it is sent.
//   - A State remembers the digest of its policy and is stepped by no other one,
//     except through [Edit].
//   - Unknown never silences: where the directory cannot say, the next level is
//     paged at once; where a load is not known, the person is paged.
//
// # Vocabulary
//
//   - A Level is a group of targets that are paged together, and its Delay is how
//     long they have until the next level is entered.
//   - An entry is one time at which people are paged: a level that is entered
//     twice has two. It is a number that grows in the life of an escalation.
//   - A page is what an entry owes to a person: the steps of the contact plan,
//     one delivery each.
//   - A promise is a time within which somebody must acknowledge, or begin to
//     respond; when it is missed, its level is entered.
//
// # Purity and cost
//
// Nothing here reads a clock. A Compiled is immutable and safe for concurrent
// use; a State is a value, and Step changes neither it nor anything it shares.
// A step takes less than a microsecond and, with up to three people paged at a
// time, allocates nothing.
//
// oncall/dispatch runs it durably, [Reach] says how long it takes at worst
// until a person is reached, and oncalltest has the laws of an escalation.
package escalation
