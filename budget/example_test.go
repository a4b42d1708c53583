package budget_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

// Gate a deploy. The source here is a function; slo/prometheus has a real one.
func Example() {
	checkout := slo.SLO{
		ID: "checkout-availability", Service: "checkout",
		SLI:       slo.Availability(slo.Metric{Query: "requests_total"}, slo.Metric{Query: "errors_total"}),
		Objective: slo.MustParseObjective("99.9%"),
		Window:    slo.Rolling(28 * 24 * time.Hour),
	}.MustCompile()
	source := slo.SourceFunc(func(_ context.Context, _ *slo.Compiled, _ time.Time, spans []time.Duration) ([]slo.Counts, error) {
		var counts []slo.Counts
		for _, span := range spans {
			n := 1000 * span.Hours() // a thousand requests an hour, 0.12 % of them bad
			counts = append(counts, slo.Counts{Good: n - 0.0012*n, Bad: 0.0012 * n, Covered: span, Span: span})
		}
		return counts, nil
	})
	now := time.Date(2026, 3, 6, 14, 0, 0, 0, time.UTC)

	policy := budget.Workbook().MustCompile()
	status := budget.Read(context.Background(), source, checkout, policy, now)
	decision := policy.Decide([]budget.Status{status}, budget.Change{Purpose: budget.Feature}, sre.Unknown, now)
	fmt.Println(decision.Err())
	fmt.Print(status.Explain())
	// Output:
	// budget: deny: checkout-availability has -20.00% of its error budget left, below the 0% of threshold exhausted
	// checkout-availability: 99.9% over 28d rolling, measured at 2026-03-06T14:00:00Z
	//   SLI         671194 good / 672000 events = 99.8800%
	//   budget      (1 - 99.9%) * 672000 events = 672
	//   consumed    806.4 bad / 672 = 120.00%
	//   remaining   1 - 120.00% = -20.00%: -134.4 events, or -8m4s of full outage
	//   coverage    28d of 28d = 100.00%
}

// The published policy is the enforced one.
func ExampleCompiled_Markdown() {
	policy := budget.Policy{
		Name:       "payments",
		Thresholds: []budget.Threshold{{Name: "freeze", Below: slo.MustParseRatio("10%"), Effect: sre.Deny}},
	}.MustCompile()
	fmt.Println(policy.Markdown()[:len("# Error budget policy: payments")])
	// Output: # Error budget policy: payments
}

// Rules and SLOs are checked against each other where they are reviewed.
func ExampleCompiled_Check() {
	loose := slo.SLO{ID: "batch", Service: "batch",
		SLI:       slo.GoodTotal(slo.Metric{Query: "jobs_ok_total"}, slo.Metric{Query: "jobs_total"}),
		Objective: slo.MustParseObjective("90%"), Window: slo.Rolling(30 * 24 * time.Hour)}.MustCompile()
	policy := budget.Policy{Alerts: budget.WorkbookAlerts()[:1]}.MustCompile()
	fmt.Println(policy.Check(loose))
	// Output: budget: alerts[0]: unreachable "14.4": want a factor below 10: with the objective 90% even a full outage burns no faster
}
