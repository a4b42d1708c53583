// Package oncallfile reads everything that a team writes down about being on
// call from YAML or JSON files: schedules, escalation policies, people and
// teams, the routing of alerts, and what makes an alert a page. [Read] reads a
// schedule; [ReadAll] reads the documents of a file, and [ReadFS] those of a
// folder, of any kinds and in any order; [Set.Compile] checks that they fit
// together.
//
// Every document begins with apiVersion and kind. Durations are written as in Go,
// also in whole days and weeks (90s, 1h30m, 2d); severities are P1, P2 and so on;
// roles, weekdays and months have their lower-case names.
//
// # Schedules
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
// # Escalation policies
//
//	apiVersion: sre-sdk/v1
//	kind: EscalationPolicy
//	id: db
//	name: Database
//	zone: Europe/Berlin              # where the clocks of hours hang
//	levels:
//	  - id: l1
//	    name: On call
//	    targets:                     # paged together
//	      - {schedule: db, role: primary} # primary (default) or secondary
//	      - {person: alice}
//	      - {team: sre}
//	      - {round_robin: [alice, bob]}
//	    delay: 5m                    # until the next level
//	    acks: 1
//	    when: {at_least: P2, max_load: 3, hours: [{weekdays: [monday], from: "09:00", to: "17:00"}]}
//	repeat: 1
//	last_resort: {people: [carol], every: 15m}
//	by_severity:
//	  - {at_least: P1, start: l1, acknowledge: {within: 5m, level: l1}, respond: {within: 15m, level: last_resort}, ack_for: 30m}
//	max_snooze: 24h
//
// See [escalation.Policy].
//
// # People and teams
//
//	apiVersion: sre-sdk/v1
//	kind: Roster
//	people:
//	  - id: alice
//	    name: Alice Adams
//	    zone: Europe/Berlin
//	    skills: [database]
//	    contacts: [{id: mobile, kind: voice, address: "+49..."}] # push, sms, voice, email, chat or webhook
//	    rules: [{contact: mobile, after: 2m, at_least: P2}]
//	teams: [{id: sre, name: Reliability, members: [alice]}]      # people or other teams
//
// See [oncall.Person] and [oncall.Team]. No message repeats an address.
//
// # Routing of alerts
//
//	apiVersion: sre-sdk/v1
//	kind: AlertRouting
//	id: main
//	zone: Europe/Berlin
//	default: catchall                # the escalation policy of alerts that no route matches
//	routes:                          # the first one that matches decides
//	  - name: db
//	    match: 'team="db", env!~"dev|test"'
//	    services: [db]
//	    at_least: P3
//	    at_most: P1
//	    hours: [{from: "09:00", to: "17:00"}]
//	    action: page                 # page (default), ticket or record
//	    policy: db
//	    owner: sre
//	    severity: P2
//	require: {labels: [team], annotations: [runbook_url], service: true, demote: P2}
//
// See [routing.Policy].
//
// # Alerts
//
//	apiVersion: sre-sdk/v1
//	kind: AlertPolicy
//	name: alerts
//	group_by: [service, alertname]   # []: everything in one group
//	group_wait: 30s                  # 0s: not at all
//	group_interval: 5m
//	inhibitions: [{name: cluster, source: 'alertname="ClusterDown"', target: 'severity="info"', equal: [cluster]}]
//	throttles: [{name: hourly, by_service: true, max: 5, per: 1h, exempt: P1}]
//	flap: {transitions: 4, within: 10m, quiet: 15m}
//	heartbeats: [{name: watchdog, match: 'alertname="Watchdog"', interval: 1m, grace: 30s, severity: P1, service: monitoring, summary: silent}]
//	max_facts_age: 2m
//	max_alerts: 1000
//	keep_resolved: 15m
//
// See [alert.Policy].
//
// # Bad input
//
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the reader never panics and never guesses.
package oncallfile
