package prometheus_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// A stand-in for a Prometheus that has counted 10,000 requests in any window,
// 7 of them bad, and scraped all the time.
func exampleServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/query_range") {
			start, end, step := rangeOf(r)
			fmt.Fprint(w, matrix(start, end, step, 60))
			return
		}
		at := r.FormValue("time")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[
			{"metric":{"sre_part":"total"},"value":[%s,"10000"]},
			{"metric":{"sre_part":"part"},"value":[%s,"7"]}]}}`, at, at)
	}))
}

func Example() {
	server := exampleServer()
	defer server.Close()

	checkout := slo.SLO{
		ID:      "checkout-availability",
		Service: "checkout",
		SLI: slo.Availability(
			slo.Metric{Query: `http_requests_total{job="checkout"}`},
			slo.Metric{Query: `http_requests_total{job="checkout",code=~"5.."}`, AbsentIsZero: true},
		),
		Objective: slo.MustParseObjective("99.9%"),
		Window:    slo.Rolling(30 * 24 * time.Hour),
	}.MustCompile()

	source := &prometheus.Source{URL: server.URL}
	at := time.Date(2026, 3, 6, 14, 0, 0, 0, time.UTC)
	counts, err := source.Counts(context.Background(), checkout, at, []time.Duration{time.Hour, 30 * 24 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range counts {
		fmt.Printf("%v: %v good, %v bad, %v covered\n", c.Span, c.Good, c.Bad, c.Covered)
	}
	// Output:
	// 1h0m0s: 9993 good, 7 bad, 1h0m0s covered
	// 720h0m0s: 9993 good, 7 bad, 720h0m0s covered
}

// A query that could be misread is refused, with what would be right.
func ExampleSource_refused() {
	checkout := slo.SLO{
		ID: "checkout", Service: "checkout",
		SLI: slo.Availability(
			slo.Metric{Query: `sum(rate(http_requests_total[5m]))`},
			slo.Metric{Query: `sum(irate(http_errors_total[{{.window}}]))`},
		),
		Objective: slo.MustParseObjective("99.9%"),
		Window:    slo.Rolling(30 * 24 * time.Hour),
	}.MustCompile()

	source := &prometheus.Source{URL: "http://prometheus:9090"}
	_, err := source.Counts(context.Background(), checkout, time.Now(), []time.Duration{time.Hour})
	fmt.Println(err)
	// Output:
	// prometheus: 2 problems:
	// 	sli.total.query: fixed_range "http_requests_total[5m]))": want {{.window}} as the range, because the source asks for windows of its own
	// 	sli.bad.query: unsupported_function "irate": want increase or rate, because irate looks at a moment and does not add up over a window
}
