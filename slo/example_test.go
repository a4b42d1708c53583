package slo_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/slo"
)

func Example() {
	checkout, err := slo.SLO{
		ID:      "checkout-availability",
		Service: "checkout",
		SLI: slo.Availability(
			slo.Metric{Query: `http_requests_total{job="checkout"}`},
			slo.Metric{Query: `http_requests_total{job="checkout",code=~"5.."}`},
		),
		Objective: slo.MustParseObjective("99.9%"),
		Window:    slo.Rolling(30 * 24 * time.Hour),
		Owner:     "team-checkout",
	}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(checkout.Objective(), "over", checkout.Spec().Window)
	fmt.Println("the error budget is", checkout.Objective().Budget().Percent(), "of requests")
	// Output:
	// 99.9% over 30d rolling
	// the error budget is 0.1% of requests
}

// A promise about a percentile is read as a share of requests, which can be
// added up over instances and time.
func ExampleParseLatency() {
	objective, under, err := slo.ParseLatency("p99 < 500 ms")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s of requests take at most %s\n", objective, under)
	// Output: 99% of requests take at most 500ms
}

// Every problem is reported at once.
func ExampleSLO_Compile() {
	_, err := slo.SLO{ID: "checkout latency", Service: "checkout", Window: slo.Calendar(slo.Month, "Local")}.Compile()
	fmt.Println(err)
	// Output:
	// slo: 4 problems:
	// 	id: invalid_id "checkout latency": want 1 to 100 bytes of [A-Za-z0-9._:/-]
	// 	sli: missing: want an SLI, such as slo.Availability(total, bad)
	// 	objective: missing: want an objective, such as 99.9%
	// 	window.zone: zone_not_portable "Local": want an IANA name such as "Europe/Berlin" or "UTC"; this name means another zone on another machine
}

func ExampleLint() {
	s := slo.SLO{ID: "db-cpu", Service: "db",
		SLI:       slo.Threshold(slo.Metric{Query: "node_cpu_utilization"}, slo.Less, 0.8),
		Objective: slo.MustParseObjective("99%"), Window: slo.Rolling(28 * 24 * time.Hour)}
	for _, f := range slo.Lint([]*slo.Compiled{s.MustCompile()}, slo.LintOptions{}) {
		fmt.Println(f.SLO, f.Code)
	}
	// Output:
	// db-cpu cause_based
	// db-cpu no_owner
}
