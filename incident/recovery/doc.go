// Package recovery says by SLO data whether an incident is over, when its impact
// began and ended, and how large it was.
//
//   - [Compiled.Decide]: may it be closed? Recovered, not recovered, unknown, or
//     not needed. What is not known is not recovered.
//   - [FindImpact]: when the share of failed events rose and fell, each with an
//     interval.
//   - [Measure]: what it has cost: failed events above what is usual, budget,
//     users, time in each severity.
//   - [Reconcile]: where the timeline of people and the data differ, with the
//     corrections that the data propose. None is ever applied by itself.
//
// # Vocabulary
//
//   - A slice is a short span of time with its counts; a [Series] is the slices of
//     one SLO.
//   - The burn rate is the share of failed events over that which the objective
//     allows; the line is the burn rate above which it is not over.
//   - The bound is the largest share of failed events that the counts do not
//     contradict: that of Clopper and Pearson, which is exact.
//
// Everything is a pure function of its arguments. Events are taken to fail
// independently of each other: failures that come in bursts make the bound and
// the intervals narrower than they should be.
package recovery
