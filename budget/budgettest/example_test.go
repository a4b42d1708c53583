package budgettest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgettest"
)

// noFridayDeploys is a team's own policy: the Workbook's, and no features on
// Friday.
func noFridayDeploys(statuses []budget.Status, change budget.Change, prev sre.Outcome, now time.Time) sre.Outcome {
	outcome := workbook.Decide(statuses, change, prev, now).Outcome
	if change.Purpose == budget.Feature && now.Weekday() == time.Friday {
		return sre.Worst(outcome, sre.Hold)
	}
	return outcome
}

var workbook = budget.Workbook().MustCompile()

// Test a policy of one's own against the laws. This one breaks a law, since on
// Fridays it holds back what no budget speaks against; the team means it, so it
// checks the others.
func Example() {
	TestLaws := func(t *testing.T) {
		for _, law := range budgettest.Laws(noFridayDeploys) {
			if law.Name != "a_healthy_budget_passes" {
				t.Run(law.Name, law.Test)
			}
		}
	}
	_ = TestLaws
	for _, law := range budgettest.Laws(noFridayDeploys)[:2] {
		fmt.Println(law.Name, "-", law.Why)
	}
	// Output:
	// less_budget_never_helps - who burns more budget must not get more freedom
	// exempt_changes_always_pass - a rollback that waits for a budget prolongs the outage
}

func TestLawsOfNoFridayDeploys(t *testing.T) {
	for _, law := range budgettest.Laws(noFridayDeploys) {
		if law.Name != "a_healthy_budget_passes" {
			t.Run(law.Name, law.Test)
		}
	}
}
