package prometheus_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// BenchmarkCounts10kPoints measures an answer of 10,000 points, from the bytes
// of the body to counts.
func BenchmarkCounts10kPoints(b *testing.B) {
	span := prometheus.MaxPoints * time.Minute
	body := matrix(at.Add(time.Minute-span), at, time.Minute, 1)
	source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return respond(http.StatusOK, body), nil
	})}
	probe := compiled(slo.Probe(metric("probe_success")), slo.ByOccurrences())
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		counts, err := source.Counts(b.Context(), probe, at, []time.Duration{span})
		if err != nil || counts[0].Good != prometheus.MaxPoints {
			b.Fatal(counts, err)
		}
	}
}
