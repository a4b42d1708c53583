package runbook_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/runbook"
)

var library = runbook.Library{Runbooks: []runbook.Runbook{{
	ID: "db-failover", Owner: "team-data", URL: "https://example.com/runbooks/db",
	Match:        []runbook.Matchers{runbook.MustMatchers(`alertname="DBDown", severity=~"critical|page"`)},
	LastReviewed: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	Variables:    map[string]string{"region": "eu-west-1"},
	Body: `# Fail over the database of {{service}}

Only if the primary is gone, see [below](#is-it-gone).

## Steps

1. Look at [the board](https://example.com/d?service={{service}}).
2. Promote the standby:

   ` + "```" + `
   dbctl promote --cluster {{cluster}} --region {{region}}
   ` + "```" + `
- [ ] Tell {{team}}.

## Is it gone?

Ask twice.
`,
}}}

func Example() {
	books, err := library.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	labels := sre.LabelsOf(map[string]string{"alertname": "DBDown", "severity": "page", "service": "check out", "cluster": "pg-7"})
	for _, m := range books.Match(labels) {
		link, _ := m.Runbook.Link("is-it-gone")
		fmt.Println(m.Runbook.ID(), "by", m.By)
		fmt.Println(link)
		steps, problems := m.Runbook.StepsFor(labels)
		for _, s := range steps {
			fmt.Printf("%d. %s\n", s.Number, s.Title)
		}
		fmt.Println(problems)
	}
	// Output:
	// db-failover by {alertname="DBDown", severity=~"critical|page"}
	// https://example.com/runbooks/db#is-it-gone
	// 1. Look at [the board](https://example.com/d?service=check%20out).
	// 2. Promote the standby:
	// 3. Tell {{team}}.
	// [line 13: unknown_variable "team": want a label of the alert, or a default in the front matter]
}

func ExampleCompiled_Cover() {
	books, err := library.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(books.Cover(runbook.Facts{Alerts: []runbook.Alert{
		{Name: "DBDown", Labels: sre.LabelsOf(map[string]string{"severity": "page"})},
		{Name: "DiskFull"},
	}}, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)).Markdown())
	// Output:
	// # Runbooks
	//
	// 1 of 2 alerts have a runbook; 0 of 1 runbooks were reviewed in time.
	//
	// ## Alerts without a runbook
	//
	// - DiskFull \{\}
	//
	// ## To be reviewed
	//
	// - db-failover: review due since 2026-07-30, owner team-data
	//
	// ## Never used
	//
	// - db-failover
}

// Each incident owes an answer, and "not needed" owes a reason.
func ExampleReview() {
	review := runbook.Review{
		Incident: "inc-7", By: sre.Actor{Kind: sre.Human, ID: "alice"}, At: time.Date(2026, 2, 1, 9, 0, 0, 0, time.UTC),
		Runbooks: runbook.Verdict{Answer: runbook.Changed, Items: []string{"db-failover"}},
		Alerts:   runbook.Verdict{Answer: runbook.NotNeeded},
	}
	fmt.Println(review.Validate())
	fmt.Println(runbook.Owed([]string{"inc-6", "inc-7"}, []runbook.Review{review}))
	review.Alerts.Why = "it fired within a minute"
	fmt.Println(runbook.Owed([]string{"inc-6", "inc-7"}, []runbook.Review{review}))
	// Output:
	// runbook: alerts.why: missing: want why nothing had to change
	// [inc-6 inc-7]
	// [inc-6]
}
