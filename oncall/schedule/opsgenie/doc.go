// Package opsgenie reads schedules of Opsgenie: the answer of its API v2 to
// GET /v2/schedules/{id}, beside which the answer to
// GET /v2/schedules/{id}/overrides may be put:
//
//	{"data": {"id": "d875...", "rotations": [...], ...}, "overrides": {"data": [...]}}
//
// A rotation is a [schedule.Layer] with the rotation's ID as its name; all
// rotations of a schedule are on call together, [schedule.Union].
//
//   - hourly, daily and weekly rotations of a length are turns on the wall clock of
//     the schedule's zone, from startDate on.
//   - The participant none is explicitly nobody, an empty [schedule.Slot]. A team
//     or an escalation is the people whom [Options] name for it, or else stands
//     under the ID "team:ID" or "escalation:ID" and is reported.
//   - An override of all rotations has its time alone, whoever would be on call, and
//     so it is a [schedule.Temporary]. One of some rotations is reported and left
//     out.
//
// Fields that are understood and have no place in a schedule, and fields that
// this package does not know, are listed in [Import.Dropped]. All that is wrong
// is reported at once, with file, line and path; the input is bounded, and the
// reader never panics and never guesses.
package opsgenie
