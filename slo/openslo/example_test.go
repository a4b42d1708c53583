package openslo_test

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/slo/openslo"
)

const checkout = `
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
spec:
  service: shop
  indicator:
    metadata: {name: checkout-errors}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource: {type: Prometheus, spec: {query: 'http_requests_total{code=~"5.."}'}}
        total:
          metricSource: {type: Prometheus, spec: {query: http_requests_total}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - targetPercent: 99.95
  alertPolicies:
    - alertPolicyRef: page
`

func ExampleRead() {
	file, err := openslo.Read(strings.NewReader(checkout), openslo.Options{Name: "checkout.yaml"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range file.SLOs {
		fmt.Println(s.ID, s.Objective, s.Window)
	}
	for _, d := range file.Dropped {
		fmt.Println("dropped", d.Path)
	}
	// Output:
	// checkout 99.95% 28d rolling
	// dropped checkout.yaml:9: spec.indicator.metadata.name
	// dropped checkout.yaml:21: spec.alertPolicies
}

// Every problem is reported at once, with its line and what would be right.
func ExampleRead_problems() {
	text := strings.ReplaceAll(checkout, "99.95", "100")
	text = strings.ReplaceAll(text, "duration: 28d", "duration: 1M")
	_, err := openslo.Read(strings.NewReader(text), openslo.Options{Name: "checkout.yaml"})
	fmt.Println(err)
	// Output:
	// openslo: 2 problems:
	// 	checkout.yaml:17: spec.timeWindow[0].duration: inexact_duration "1M": want a length in m, h, d or w, because months, quarters and years differ (1M as 30d), or isRolling: false with a calendar
	// 	checkout.yaml:20: spec.objectives[0].targetPercent: out_of_range "100": want a decimal strictly between 0 and 100, such as 99.9
}
