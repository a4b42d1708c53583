package prometheus_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// answers is a server whose instant queries yield total and part and whose
// range queries have value 1 at the steps that covered accepts.
func answers(total, part string, covered func(time.Time) bool) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/api/v1/query":
			return respond(http.StatusOK, vector(r.FormValue("time"), total, part)), nil
		case "/api/v1/query_range":
			start, end, step := rangeOf(r)
			var points []string
			for t := start; !t.After(end); t = t.Add(step) {
				if covered(t) {
					points = append(points, fmt.Sprintf(`[%s,"1"]`, unix(t)))
				}
			}
			result := ""
			if len(points) > 0 {
				result = `{"metric":{},"values":[` + strings.Join(points, ",") + `]}`
			}
			return respond(http.StatusOK, `{"status":"success","data":{"resultType":"matrix","result":[`+result+`]}}`), nil
		}
		return respond(http.StatusNotFound, ""), nil
	}
}

func always(time.Time) bool { return true }

func TestCountsOfEvents(t *testing.T) {
	zero := slo.Metric{Query: "errors_total", AbsentIsZero: true}
	for _, row := range []struct {
		name        string
		sli         slo.SLI
		total, part string
		good, bad   float64
	}{
		{"bad events", availability, "1000", "10", 990, 10},
		{"fractions", availability, "1000.5", "10.25", 990.25, 10.25},
		{"good events", slo.GoodTotal(metric("good_total"), metric("requests_total")), "1000", "990", 990, 10},
		{"rates", slo.Availability(metric("sum(rate(a[$window]))"), metric("sum(rate(b[$window]))")), "2", "0.5", 5400, 1800},
		{"a rate and an increase", slo.Availability(metric("sum(rate(a[$window]))"), metric("b")), "2", "200", 7000, 200},
		{"no traffic", availability, "0", "0", 0, 0},
		{"no bad events, stated", slo.Availability(metric("requests_total"), zero), "1000", "", 1000, 0},
		{"a part above its total by rounding", availability, "1000", "1000.0000000001", 0, 1000},
		{"the largest count", availability, "1e18", "1", 1e18, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", Transport: answers(row.total, row.part, always)}
			got, err := source.Counts(t.Context(), compiled(row.sli, slo.ByOccurrences()), at, []time.Duration{time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			want := []slo.Counts{{Good: row.good, Bad: row.bad, Covered: time.Hour, Span: time.Hour}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCoverageIsTheStepsWithSamples(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		name    string
		span    time.Duration
		scrape  time.Duration
		covered func(t time.Time) bool
		want    time.Duration
	}{
		{"all", 30 * day, 0, always, 30 * day},
		{"a gap of ten minutes", time.Hour, 0, func(t time.Time) bool { return at.Sub(t) < 20*time.Minute || at.Sub(t) >= 30*time.Minute }, 50 * time.Minute},
		{"since yesterday", 30 * day, 0, func(t time.Time) bool { return at.Sub(t) < day }, day},
		{"a span that is no whole number of steps", 90 * time.Second, 0, always, 90 * time.Second},
		{"without its last step", 90 * time.Second, 0, func(t time.Time) bool { return t.Before(at) }, 30 * time.Second},
		{"without its first step", 90 * time.Second, 0, func(t time.Time) bool { return !t.Before(at) }, time.Minute},
		{"shorter than a scrape interval", 10 * time.Second, 0, always, 10 * time.Second},
		{"scrapes of five minutes", time.Hour, 5 * time.Minute, func(t time.Time) bool { return t.Before(at) }, 55 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", ScrapeInterval: row.scrape, Transport: answers("1000", "10", row.covered)}
			got, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{row.span})
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Covered != row.want {
				t.Errorf("covered %v, want %v", got[0].Covered, row.want)
			}
		})
	}
}

// What a server cannot say for the total is unmeasured, however much else is
// known.
func TestSpanWithoutTotalIsUnmeasured(t *testing.T) {
	for _, part := range []string{"", "3"} {
		source := &prometheus.Source{URL: "http://example.test", Transport: answers("", part, always)}
		got, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]slo.Counts{{Span: time.Hour}}, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	}
}

func TestSamplesFurtherApartThanConfiguredAreNamed(t *testing.T) {
	everyTwo := func(t time.Time) bool { return t.Minute()%2 == 0 }
	source := &prometheus.Source{URL: "http://example.test", Transport: answers("1000", "10", everyTwo)}
	for _, sli := range []slo.SLI{availability, slo.Probe(metric("probe_success"))} {
		_, err := source.Counts(t.Context(), compiled(sli, slo.ByOccurrences()), at, []time.Duration{time.Hour})
		var interval *prometheus.IntervalError
		if !errors.Is(err, prometheus.ErrScrapeInterval) || !errors.As(err, &interval) || interval.Spacing != 2*time.Minute {
			t.Errorf("%s: got %v, want an IntervalError with a spacing of 2m", sli.Kind(), err)
		}
	}
}

func TestRepeatedSpansAreAskedOnce(t *testing.T) {
	c := load(oneHour)
	got, err := c.source(t).Counts(t.Context(), compiled(availability, slo.ByOccurrences()), oneHour.End,
		[]time.Duration{time.Hour, 5 * time.Minute, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != got[2] || got[0].Span != time.Hour || got[1].Span != 5*time.Minute {
		t.Errorf("got %v", got)
	}
	want := []string{"/api/v1/query", "/api/v1/query", "/api/v1/query_range"}
	if diff := cmp.Diff(want, c.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRetentionShorterThanTheSpanIsNamed(t *testing.T) {
	const day = 24 * time.Hour
	recent := func(t time.Time) bool { return at.Sub(t) < 15*day }
	for _, row := range []struct {
		name    string
		covered func(time.Time) bool
		info    string
		status  int
		keeps   time.Duration // 0: no error
	}{
		{"time", recent, `{"storageRetention":"15d"}`, 200, 15 * day},
		{"time or size", recent, `{"storageRetention":"2w or 512MiB"}`, 200, 14 * day},
		{"size or time", recent, `{"storageRetention":"512MiB or 15d"}`, 200, 15 * day},
		{"size alone", recent, `{"storageRetention":"512MiB"}`, 200, 0},
		{"long enough", recent, `{"storageRetention":"90d"}`, 200, 0},
		{"not told", recent, `{}`, 200, 0},
		{"another shape", recent, `[]`, 200, 0},
		{"not supported", recent, `{}`, 404, 0},
		{"short but all there", always, `{"storageRetention":"15d"}`, 200, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := answers("1000", "10", row.covered)
			source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/api/v1/status/runtimeinfo" {
					return respond(row.status, `{"status":"success","data":`+row.info+`}`), nil
				}
				return server(r)
			})}
			got, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour, 30 * day})
			if row.keeps == 0 {
				if err != nil || got[1].Span != 30*day {
					t.Fatalf("got %v, %v; want counts", got, err)
				}
				return
			}
			var retention *prometheus.RetentionError
			if !errors.Is(err, prometheus.ErrRetention) || !errors.As(err, &retention) ||
				retention.Retention != row.keeps || retention.Span != 30*day {
				t.Errorf("got %v, want a RetentionError of %v for 30d", err, row.keeps)
			}
		})
	}
}
