// Package incidentfile reads what people write about incidents.
//
// # Runbooks
//
// A runbook is a Markdown file with YAML front matter:
//
//	---
//	id: db-failover                  # default: the path without .md
//	title: Fail over the database    # default: the first heading
//	owner: team-data
//	match:                           # for which alerts it is: any of
//	  - alertname="DBDown", severity=~"critical|page"
//	  - '{service="db", alertname="ReplicationLag"}'
//	last_reviewed: 2026-01-31
//	last_used: 2026-05-02T10:00:00Z
//	review_every: 90d                # default: that of the library
//	url: https://example.com/runbooks/db
//	variables:                       # defaults
//	  region: eu-west-1
//	---
//	# Fail over the database of {{service}}
//
//	## Steps
//
//	1. Promote the standby: `dbctl promote --cluster {{cluster}}`
//
// See package runbook for what the fields mean, and what steps and variables
// are. [ReadRunbooks] reads a folder of them.
//
// # Policies
//
// [ReadPolicy] reads how incidents are run, from YAML or JSON:
//
//	apiVersion: sre-sdk/v1
//	kind: IncidentPolicy
//	id: default
//	matrix:
//	  preset: pagerduty          # or default, which is the default, or atlassian
//	  scale: [SEV-1, SEV-2]      # instead of the preset's: names, the worst first
//	  rows:                      # likewise
//	    - severity: SEV-1
//	      any:                   # of these conditions, in which all parts hold
//	        - users: 25%         # at least; users_below, budget_burn, budget_burn_below
//	        - data_loss: yes     # security, redundancy; yes or no
//	    - severity: SEV-2        # none: always
//	major: SEV-1                 # the mildest severity that needs a commander
//	review_from: SEV-2           # the mildest that asks whether runbooks have to change
//	retriage: {margin: 20%, for: 15m, gap: 5m}
//	authority:                   # by kind of command; others keep the default
//	  resolve: [commander, deputy]
//	  update: []                 # anybody
//	deadlines:
//	  preset: pagerduty          # or default
//	  acknowledge:               # by severity; one without has none
//	    SEV-1: 5m
//	    SEV-2: {for: 8h, time: business, pause: true, escalate: duty-manager}
//	  resolve: {}                # none at all; triage, mitigate, commander, postmortem, review, actions
//	  updates:                   # internal, public, executives
//	    public:
//	      SEV-1: {first: 5m, second: 5m, every: 20m, long: 2h, later: 1h, final: 1h}
//	      SEV-2: 1h
//	  hours: {zone: Europe/Berlin, weekdays: [monday, friday], from: "09:00", to: "17:00", holidays: [2026-12-25]}
//
// Every field but apiVersion, kind and id is optional; see [incident.Policy] for
// what they mean and their defaults. What is there replaces the default as a
// whole, but for authority. Severities are named by the scale. time is elapsed,
// business or on_call.
//
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the readers never panic and never guess.
package incidentfile
