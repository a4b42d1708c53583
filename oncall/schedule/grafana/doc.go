// Package grafana reads schedules of Grafana OnCall: the answers of its public
// API to GET /api/v1/schedules/{id} and GET /api/v1/on_call_shifts?schedule_id={id},
// put together in one file:
//
//	{"schedule": {"id": "SBM7DV7BKFUYU", ...}, "shifts": {"results": [{"id": "OH3V5FYQEYJ6M", ...}]}}
//
// Every shift in the file belongs to the schedule. A shift is a
// [schedule.Layer] with the shift's ID as its name and its level as Priority;
// the schedule is composed with [schedule.Priority], because a level only has
// what the levels above leave.
//
//   - rolling_users is a rotation: turns of interval hours, days, weeks or months
//     from start, of which the group works what start, duration and by_day say.
//     Weeks begin on week_start, months on the first. Daily turns with by_day
//     count the days that are worked, [schedule.ByWorked]: after Friday's group
//     comes the next one on Monday. A group of nobody has no turn among those;
//     else its turn stays empty, after those of the others.
//   - rotation_start and until cut an event that is running, as Grafana OnCall does
//     with shifts that are made in the web. The first group has what is first
//     on call from rotation_start on, if turns are hours or days; weeks and months
//     count from start.
//   - recurrent_event has all of its users each time, single_event once.
//   - An override has its time alone, whatever the level of the layers, and so
//     it is a [schedule.Temporary]. Of overrides that overlap the higher level
//     counts, and equal levels stand together: those are one Temporary with the ID of
//     the first.
//   - Clocks are those of the shift's time zone. Without one, those of an override
//     and of all shifts of a schedule of the type web are in UTC, as its pages save
//     them, and others in the schedule's zone. until is in UTC whatever the zone.
//
// What a schedule cannot say exactly is refused with the code not_expressible,
// such as a rotation whose shifts outlast its turns. Fields that are
// understood and have no place in a schedule, and fields that this package does
// not know, are listed in [Import.Dropped]. All that is wrong is reported at
// once, with file, line and path; the input is bounded, and the reader never
// panics and never guesses.
package grafana
