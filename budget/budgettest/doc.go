// Package budgettest property-tests policies about error budgets: ours, and
// any Go function that decides about a change.
//
//	func TestLaws(t *testing.T) { budgettest.Check(t, noFridayDeploys) }
//
// [Check] looks for a counterexample to each of the [Laws] with rapid. A failure
// names the law, prints the smallest counterexample found as a short dated
// story, and how to run it again.
package budgettest
