// Package schedule says who is on call when, exactly, and why.
//
// A [Schedule] is a plain value. [Schedule.Compile] checks all of it and
// prepares a horizon; the [Compiled] form answers:
//
//   - [Compiled.At]: who is on call at an instant
//   - [Compiled.Flatten]: every shift of a time, for a calendar or a report
//   - [Compiled.Next]: whose shift begins next, and when a person's does
//   - [Compiled.Explain]: which layer, turn, restriction, absence, temporary
//     schedule, swap and override put each person there, or kept him out
//   - [Compiled.Lint]: what is probably not meant, each with an instant
//   - [Compiled.Edit]: a change from an instant on that reshuffles nobody, and
//     who gains and loses what
//   - [Compiled.HandOff], [Compiled.HandoffReport]: the running shift goes to
//     somebody else
//   - a [Board]: who is on call in a hundred thousand schedules
//
// There is one evaluator behind all of them: the page goes to whom the calendar
// shows. oncalltest has generators and the laws, for schedules of one's own too.
//
// # Vocabulary
//
//   - A [Layer] is a rotation: members who take turns, within restrictions.
//   - A [Turn] is how long each lasts: civil units, or elapsed time.
//   - A [Restriction] is a set of times on the wall clock, such as a holiday or
//     the nights of weekdays.
//   - A [Shift] is one person in one role for one [Cause]; a handoff is where
//     one ends and another begins.
//   - A gap is when nobody is on call; it is declared where an empty [Slot] has
//     the turn.
//
// # Time
//
// Handoffs and the edges of restrictions stand on the wall clock of a zone, and
// are due at the first instant at which it has reached them: at the end of a
// gap, and in the first pass of a fold. That keeps their order, so intervals
// that touch on the wall clock touch in time. In the second pass of a fold
// nothing is due that was due in the first.
//
// Put differently, the engine asks for the latest time that the wall clock has
// shown so far. That time never falls, and everything that is written in civil
// time is a plain comparison with it.
//
// # Follow the sun
//
// Layers may have zones of their own: one for each site, restricted to its
// office hours, composed by [Priority] over a rotation that covers the rest.
//
// # Purity and cost
//
// Nothing here reads a clock. A Compiled is immutable. Inside the horizon At is
// a binary search without allocation and Flatten reads a list; outside both
// compute the same answer from the rules. Turns counted as worked are counted
// one by one: in Compile once, from the anchor to the beginning of the horizon, and
// outside from there on at each question.
package schedule
