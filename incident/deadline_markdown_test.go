package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

func TestThePolicyRendersAsTheDocumentToPublish(t *testing.T) {
	c := incident.Policy{ID: "default"}.MustCompile()
	const want = `
Where the severity follows measurements, it becomes worse at once, and milder after the impact was milder by a margin of 20% for 15m.
A major incident is P2 or worse. It has a commander.

## What is due

| Severity | Acknowledged | Triaged | Mitigated | Resolved | Commander | Postmortem | Review of runbooks and alerts | Actions |
|---|---|---|---|---|---|---|---|---|
| P1 | 5m | 15m | 1h | never | 5m | 24h | 3d | 4w |
| P2 | 15m | 30m | 4h | never | 5m | 3d | 3d | 8w |
| P3 | 1h | 2h | 24h | never | never | never | 40h of business time | 8w |
| P4 | 8h of business time | 16h of business time | never | never | never | never | 40h of business time | 8w |

## Updates

Each one says when the next comes, which then binds.

| Severity | Internal | Public | Executives |
|---|---|---|---|
| P1 | every 30m | within 5m, 5m later, every 20m, after 2h every 1h | every 30m |
| P2 | every 1h | within 5m, 5m later, every 20m, after 2h every 1h | every 30m |
| P3 | every 4h | never | never |
| P4 | never | never | never |

A clock of a severity runs while the incident is at least as severe. The earliest to run out counts, and a breach is never taken back.
Business time is 09:00 to 17:00, UTC, on Monday, Tuesday, Wednesday, Thursday, Friday.
`
	_, got, _ := strings.Cut(c.Markdown(), "milder severity.\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func ExampleCompiledMatrix_Explain() {
	matrix, err := incident.PagerDutyMatrix().Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, reason := range matrix.Explain(incident.Impact{Users: incident.ShareOf(0.08), BudgetBurn: incident.RateOf(3), DataLoss: incident.No, Redundancy: incident.Yes}) {
		fmt.Println(reason)
	}
	// Output:
	// matrix_condition: SEV-1: data exposed, or maybe
	// assumed_worst: security is not known and counts as the worst; at its best it would be SEV-2
}

func ExampleCompiled_Obligations() {
	policy := incident.Policy{ID: "example"}.MustCompile()
	begun := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var state incident.State
	events, err := policy.Handle(&state, incident.Request{
		By:      sre.Actor{Kind: sre.Human, ID: "ann"},
		Command: incident.Declare{ID: "i-42", Title: "Errors at checkout", Severity: 1, Source: incident.FromUser},
	}, begun)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range events {
		state.Apply(&e)
	}
	now := begun.Add(6 * time.Minute)
	for _, o := range policy.Obligations(&state, now) {
		fmt.Println(o.Due.Format("15:04"), o.Duty, o.End)
	}
	fmt.Println("next look at", policy.NextDue(&state, now).Format("15:04"))
	fmt.Println(len(policy.History(slices.Values(events), now)), "obligations in all")
	// Output:
	// 12:05 acknowledge breached
	// 12:05 commander breached
	// 12:05 update breached
	// 12:15 triage open
	// 12:30 update open
	// 12:30 update open
	// 13:00 mitigate open
	// next look at 12:15
	// 7 obligations in all
}
