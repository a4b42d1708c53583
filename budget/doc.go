// Package budget accounts for error budgets and decides what they allow.
//
// [Read] measures an SLO once, through a [slo.Source], into a [Status]. A
// [Policy] compiled once decides over the Status of one or more SLOs whether a
// [Change] may go ahead. The [Decision] carries typed reasons and prints its
// arithmetic.
//
// # Vocabulary
//
// With the objective S and the events of the budget period, the error budget is
// the share 1-S of them. Consumed is bad/((1-S)*total): 1 is all of it, more is
// overspent. Remaining is 1-consumed and is never clamped: -0.5 says that half
// a budget too much was spent. The burn rate of a window is
// (bad/total)/(1-S) over that window; burn 1 held for a whole period spends the
// budget exactly (SRE Workbook, chapter 5).
//
// # Rules
//
// The package is pure but for Read: time is an argument. Comparisons with
// thresholds are exact on the counts given. What is not known never lets a
// change pass, unless the change is exempt: a rollback must not wait for a
// metrics server. Compiled, Status and Decision are immutable and safe for
// concurrent use.
package budget
