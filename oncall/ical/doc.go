// Package ical writes on-call schedules as iCalendar files (RFC 5545), and reads
// such files.
//
// [Write] makes one event of each shift. The UID of an event is a function of the
// schedule, the person, the role and the start of the shift, so it is the same in
// every export. Given the previous export, an event that has not changed
// is written as it was, byte by byte; one that has changed gets a greater SEQUENCE,
// and a shift that is no longer there stays as STATUS:CANCELLED, so that it vanishes from
// calendars that have seen it.
//
// [Read] makes a schedule of the events of a file in a time, in which recurrence
// rules, RDATE, EXDATE, RECURRENCE-ID, all-day events, TZID, UTC and floating times
// count. All that is wrong is reported at once, with the line on which its event
// begins; what was understood but dropped is reported too. The input is bounded,
// and the reader never panics and never guesses.
package ical
