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
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the readers never panic and never guess.
package incidentfile
