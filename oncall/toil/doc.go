// Package toil finds out how much of a team's work is toil, and what of it
// pays to automate.
//
// A [Policy] compiled once judges work [Entry] by entry against the six
// criteria of Site Reliability Engineering, chapter 5, "Eliminating Toil", holds
// the share of toil against the goal of "less than 50%", and ranks tasks by how
// soon their automation pays back.
//
// # Vocabulary
//
//   - Toil is work that is manual, repetitive, automatable, tactical, without
//     enduring value, and grows with the service. The more of these hold, the
//     more likely it is toil; the book asks for no particular number, so
//     [Policy] does.
//   - An [Answer] to a criterion is yes, no or unknown. Unknown never counts as
//     yes, and never as no: what it could change stays [Undecided].
//   - One piece of work counts once: what a page, a runbook run and somebody's
//     notes all tell of is one entry, and the others are part of it.
//   - Coverage is how much of the time worked has an entry.
//   - Payback is how long it takes until the time saved has repaid the time that
//     automating costs.
//
// # Rules
//
// The package is pure: the instant of the report is an argument. Sums and
// comparisons are exact, in whole seconds. Compiled is immutable and safe for
// concurrent use; a Report belongs to the caller.
package toil
