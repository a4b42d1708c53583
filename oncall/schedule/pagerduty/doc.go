// Package pagerduty reads schedules of PagerDuty: the answer of its REST API v2
// to GET /schedules/{id}.
//
// A layer of PagerDuty is a [schedule.Layer] with the layer's ID as its name;
// the schedule is composed with [schedule.LastWins], because of the layers that
// cover an instant the highest one has it alone. The API lists layers from the
// highest number down; here they stand from the lowest up. An override has its
// time alone, whoever would be on call, and so it is a [schedule.Temporary].
//
//   - rotation_virtual_start is the anchor, where turn 0 begins; start and end limit
//     the layer; rotation_turn_length_seconds is the turn.
//   - Restrictions are ranges on the wall clock. They hide turns and never move
//     them.
//   - Overrides are taken from the top-level field overrides, the answer to
//     GET /schedules/{id}/overrides put beside the schedule, or else from
//     overrides_subschedule, which has those of the time that was asked for. Of
//     overrides that lie on each other the one created last counts, which the list
//     does not say: they are refused.
//
// PagerDuty does not publish what a change of the clocks does to a turn. Turns
// are read as elapsed time, as the field says, unless [Options] say otherwise;
// ask for a schedule with since and until around a change of the clocks, and
// [Import.Check] compares every instant with what PagerDuty has rendered.
//
// Fields that are understood and have no place in a schedule, and fields that
// this package does not know, are listed in [Import.Dropped]. Links, types,
// summaries, rendered layers and percentages repeat what stands elsewhere and
// are not listed. All that is wrong is reported at once, with file, line and path; the
// input is bounded, and the reader never panics and never guesses.
package pagerduty
