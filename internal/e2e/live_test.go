package e2e_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// A service with a classic and a native histogram is scraped while it works,
// and what the source measures is what the service observed.
func TestLatencyOfALiveService(t *testing.T) {
	need(t)
	registry := client.NewRegistry()
	classic := client.NewHistogram(client.HistogramOpts{Name: "classic_seconds", Help: "Latency.", Buckets: []float64{0.1, 0.5, 1, 2.5}})
	native := client.NewHistogram(client.HistogramOpts{Name: "native_seconds", Help: "Latency.", NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(classic, native)
	service := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer service.Close()

	dir := t.TempDir()
	config := "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: live\n  static_configs:\n  - targets: ['" +
		strings.TrimPrefix(service.URL, "http://") + "']\n"
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	base := startPrometheus(t, dir, "--enable-feature=native-histograms")

	// samples are the scrapes so far, with the number of observations in each.
	samples := func() []point {
		for _, e := range ask(t, base, `classic_seconds_count[5m]`, time.Now()) {
			return e.Values
		}
		return nil
	}
	poll(t, "a scrape of the idle service", func() bool { return len(samples()) > 0 })

	var seen struct{ all, under500ms float64 }
	observe := func(seconds float64, times int) {
		for range times {
			classic.Observe(seconds)
			native.Observe(seconds)
		}
		seen.all += float64(times)
		if seconds <= 0.5 {
			seen.under500ms += float64(times)
		}
	}
	for range 3 { // between scrapes, so that several of them see a part
		observe(0.05, 500)
		observe(0.3, 390)
		observe(0.7, 70)
		observe(2, 30)
		observe(9, 10)
		before := len(samples())
		poll(t, "a scrape of the busy service", func() bool { return len(samples()) > before })
	}
	poll(t, "a scrape of every observation", func() bool {
		s := samples()
		return s[len(s)-1].value == seen.all
	})

	// From sample to sample nothing is extrapolated.
	scrapes := samples()
	first, last := scrapes[0], scrapes[len(scrapes)-1]
	span := last.at.Sub(first.at)
	source := &prometheus.Source{URL: base, ScrapeInterval: time.Second}
	for name, sli := range map[string]slo.SLI{
		"classic": slo.Latency(metric(`classic_seconds_bucket{job="live"}`), 500*time.Millisecond),
		"native":  slo.NativeLatency(metric(`native_seconds{job="live"}`), 500*time.Millisecond), // 2^-1, a bound of every schema
	} {
		got, err := source.Counts(t.Context(), compiled(sli, slo.ByOccurrences()), last.at, []time.Duration{span})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if first.value != 0 || math.Abs(got[0].Total()-seen.all) > 1e-6 || math.Abs(got[0].Good-seen.under500ms) > 1e-6 {
			t.Errorf("%s: %v of %v are fast, want %v of %v", name, got[0].Good, got[0].Total(), seen.under500ms, seen.all)
		}
		if got[0].Covered < span/2 {
			t.Errorf("%s: covered %v of %v", name, got[0].Covered, span)
		}
	}

	// A server that is going away must not be waited for.
	http.DefaultClient.CloseIdleConnections()
}
