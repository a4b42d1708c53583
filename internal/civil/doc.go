// Package civil turns a date, a clock and a zone into an instant, and an
// instant back, with a stated policy for the civil times that a zone skips or
// repeats. Calendar windows, rotations, freezes, business hours and due dates
// stand on it.
//
// # Vocabulary
//
//   - A [Date], a [Clock] and a [DateTime] are what calendar and wall clock
//     show. They name no instant until a [Zone] resolves them.
//   - A gap is a stretch of civil time that a zone skips: an hour in spring, a
//     whole day in Apia on 2011-12-30. A [Gap] policy says what a civil time
//     inside it means.
//   - A fold is a stretch that a zone repeats: an hour in autumn, almost a day
//     in Kwajalein on 1969-09-30. A [Fold] policy says which pass is meant.
//   - A [Period] tiles time by calendar steps from an anchor: every second
//     Friday 08:00, the 31st of each month.
//   - A [Calendar] knows business hours: [Hours] compiled.
//
// # Why not time.Date
//
// For a civil time in a gap or a fold, time.Date promises only "a time that is
// correct in one of the two zones involved in the transition". As implemented
// it answers a gap with the instant before the transition in about half of the
// zones that have summer time and after it in the other half (New York 02:30
// becomes 01:30, Berlin 02:30 becomes 03:30), and a fold with the first pass or
// the second likewise. Time.AddDate inherits that, and moreover turns January
// 31 plus one month into March 3. In this package both functions are used in
// UTC only, where neither happens.
//
// # Choices
//
//   - Gap: [GapShift] is RFC 5545 section 3.3.5, "the UTC offset before the
//     gap": 02:30 becomes 03:30. [GapEnd], the zero value, is the first instant
//     after the gap: it keeps the order of civil times, so that intervals built
//     on it neither overlap nor turn around. [GapSkip] says that there is no
//     such instant, as RFC 5545 section 3.3.10 asks for recurrences; a handoff
//     must not use it, because a skipped handoff is a hole.
//   - Fold: [FoldFirst], the zero value, is RFC 5545 section 3.3.5, "the first
//     occurrence of the referenced time".
//   - Months: the day is clamped to the length of the month, and a recurrence
//     is always computed from its anchor: January 31 plus one month is February
//     28, plus two months March 31. RFC 5545 would skip February; a window or a
//     rotation cannot.
//   - The calendar is the proleptic Gregorian one, years 0001 to 9999 as in RFC
//     3339. There are no leap seconds, as in POSIX and package time.
//   - A second is the smallest civil unit. Instants keep their nanoseconds
//     where that matters, in [Calendar].
//   - Intervals are half-open.
//   - The zone is always named. Nothing depends on the machine: [LoadZone]
//     refuses "" and "Local".
//
// # Purity
//
// There is no clock here, and the only I/O is that of [LoadZone]. Every value
// is immutable once made and safe for concurrent use. Nothing panics on bad
// input.
package civil
