// Package budgetfile reads error budget policies from YAML or JSON files.
//
//	apiVersion: sre-sdk/v1
//	kind: BudgetPolicy
//	name: payments
//	preset: workbook            # optional: what the fields below start from
//	thresholds:
//	  - name: low
//	    below: 20%              # of the budget; 0% is exhausted, -50% overspent
//	    effect: warn            # warn or deny
//	    criticality: [critical] # optional: for these services only
//	  - {name: exhausted, below: 0%, effect: deny}
//	alerts:
//	  - name: page-1h
//	    long: 1h
//	    short: 5m               # optional
//	    spend: 2%               # or factor: 14.4
//	    effect: hold            # warn (default), hold or deny
//	    severity: P1            # optional: P1 to P4
//	exempt: [rollback, emergency, security]
//	freeze_reliability: false
//	forecast_calendar: false
//	hysteresis: 5%
//	min_coverage: 90%
//	min_alert_coverage: 50%
//	max_age: 15m
//	scrape_interval: 1m
//
// Every field but apiVersion and kind is optional; see [budget.Policy] for what
// they mean and their defaults. A list replaces the one of the preset. Numbers
// are read as decimal text, durations as 90s, 5m, 1h, 3d, 4w or sums of these.
//
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the reader never panics and never guesses.
package budgetfile
