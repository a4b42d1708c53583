// Package workload says what being on call costs the people who are: hours,
// nights, weekends, holidays, pages, runs without rest, and pay; and whether
// that is spread evenly and within limits.
//
// A [Policy] compiled once measures the shifts and pages of a stretch of time
// into a [Report], as data and as Markdown.
//
// # Vocabulary
//
//   - On call is who is primary or secondary. A shadow is not: nobody pages
//     him. Somebody in two roles at once counts once, in the higher one.
//   - A [Class] is a kind of time on the wall clock of the person's zone. The
//     classes share out all time: their sum is the total, to the second, also
//     on days of 23 and 25 hours.
//   - A run is time on call without a break, a rest the time between two runs.
//   - An incident is all pages with the same incident ID; a page without one is
//     an incident of its own.
//
// # Sources
//
// "At most two incidents per 12-hour shift", "no more than 25% of time on
// call", eight people for a single site and six for each of two are from
// Site Reliability Engineering, chapter 11, "Being On-Call". There they are
// rules of thumb; here each is a field with that default.
//
// # Rules
//
// The package is pure. Sums, comparisons, scores and money are exact: integer
// seconds and rationals. Only the Poisson probabilities are floats. Rounding is
// for display. Compiled is immutable and safe for concurrent use; a Report
// belongs to the caller.
package workload
