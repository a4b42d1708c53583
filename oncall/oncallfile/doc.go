// Package oncallfile reads on-call schedules from YAML or JSON files.
//
//	apiVersion: sre-sdk/v1
//	kind: OnCallSchedule
//	id: db
//	zone: Europe/Berlin
//	compose: union                   # union (default), priority or last_wins
//	layers:
//	  - name: weekly
//	    role: primary                # primary (default), secondary or shadow; or positions:
//	    positions: [{role: primary, offset: 0}, {role: secondary, offset: 1}]
//	    priority: 0                  # with compose: priority
//	    members: [alice, [bob, carol], []] # a person, people together, or nobody
//	    first: 0                     # the index in members of who has turn 0
//	    anchor: 2026-01-05 09:00     # turn 0 begins here, on the wall clock
//	    turn: 1 week                 # N hours, days, weeks or months; or 36h elapsed
//	    turns_by: calendar           # calendar (default) or worked
//	    restrict:                    # the union of these times
//	      - {weekdays: [monday, friday], clock: ["22:00-06:00"]}
//	      - month_days: [1, -1]
//	        months: [january]
//	        dates: [2026-12-24/2027-01-01]
//	        on_holidays: [berlin]
//	        not_on_holidays: [berlin]
//	      - {rule: FREQ=MONTHLY;BYDAY=-1SU, rule_start: 2026-01-25 10:00, rule_for: 4h}
//	    zone: Europe/Berlin          # default: that of the schedule
//	    from: 2026-01-05T08:00:00Z
//	    until: 2027-01-05T08:00:00Z
//	temporary:
//	  - id: fair
//	    start: 2026-05-01T00:00:00Z
//	    end: 2026-05-02T00:00:00Z
//	    shifts: [{person: dora, role: primary, start: 2026-05-01T00:00:00Z, end: 2026-05-01T12:00:00Z}]
//	overrides:
//	  - {id: o1, add: dora, remove: alice, start: 2026-03-01T00:00:00Z, end: 2026-03-02T00:00:00Z, role: primary, supersedes: o0, over_temporary: true}
//	swaps:
//	  - {id: s1, beneficiary: alice, benefactor: bob, start: 2026-03-01T00:00:00Z, end: 2026-03-02T00:00:00Z, role: primary}
//	absences:
//	  - {person: alice, start: 2026-07-01T00:00:00Z, end: 2026-07-15T00:00:00Z, reason: holiday}
//	holidays:
//	  - {name: berlin, dates: [2026-03-08]}
//
// See [schedule.Schedule] for what the fields mean and their defaults. Instants
// carry a UTC offset; anchors, clocks and dates are those of the zone.
//
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the reader never panics and never guesses.
package oncallfile
