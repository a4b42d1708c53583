package budgettest_test

import (
	"fmt"
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

// A policy of one's own is tested in one line:
//
//	func TestLaws(t *testing.T) { budgettest.Check(t, noFridayDeploys) }
//
// It fails with a story from a Friday on which no budget was touched and a
// feature was held all the same. A team that means it tests the other laws.
func Example() {
	for _, law := range budgettest.Laws(noFridayDeploys) {
		fmt.Println(law.Name, "-", law.Why)
	}
	// Output:
	// less_budget_never_helps - who burns more budget must not get more freedom
	// exempt_changes_always_pass - a rollback that waits for a budget prolongs the outage
	// order_does_not_matter - the verdict must not depend on how a list was sorted
	// no_data_never_passes - an outage of the metrics must not open the gate
	// a_healthy_budget_passes - a gate that never opens will be taken down
	// it_is_a_function - a verdict that cannot be repeated cannot be defended
}
