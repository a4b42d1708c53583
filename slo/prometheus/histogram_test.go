package prometheus_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// buckets answers with the given increase for each le, and a sample of each in
// every step from since on.
func buckets(increase map[string]string, since time.Time, bounds string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		var elements []string
		switch r.URL.Path {
		case "/api/v1/query":
			for le, value := range increase {
				elements = append(elements, fmt.Sprintf(`{"metric":{"le":%q},"value":[%s,%q]}`, le, unix(at), value))
			}
			return respond(http.StatusOK, `{"status":"success","data":{"resultType":"vector","result":[`+strings.Join(elements, ",")+`]}}`), nil
		case "/api/v1/query_range":
			start, end, step := rangeOf(r)
			for le := range increase {
				from := start
				if le != "+Inf" {
					for from.Before(since) {
						from = from.Add(step)
					}
				}
				one := matrix(from, end, step, 1)
				values := one[strings.Index(one, `"values"`):strings.LastIndex(one, "}]}}")]
				elements = append(elements, fmt.Sprintf(`{"metric":{"le":%q},%s}`, le, values))
			}
			return respond(http.StatusOK, `{"status":"success","data":{"resultType":"matrix","result":[`+strings.Join(elements, ",")+`]}}`), nil
		case "/api/v1/label/le/values":
			return respond(http.StatusOK, `{"status":"success","data":[`+bounds+`]}`), nil
		}
		return respond(http.StatusNotFound, ""), nil
	}
}

func TestClassicHistogram(t *testing.T) {
	for _, row := range []struct {
		name      string
		increase  map[string]string
		good, bad float64
	}{
		{"two buckets", map[string]string{"0.5": "990", "+Inf": "1000"}, 990, 10},
		{"no traffic", map[string]string{"0.5": "0", "+Inf": "0"}, 0, 0},
		{"two spellings add up", map[string]string{"0.5": "490", "0.50": "500", "+Inf": "1000"}, 990, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", Transport: buckets(row.increase, time.Time{}, "")}
			got, err := source.Counts(t.Context(), compiled(slo.Latency(metric("h_bucket"), 500*time.Millisecond), slo.ByOccurrences()), at, []time.Duration{time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			want := slo.Counts{Good: row.good, Bad: row.bad, Covered: time.Hour, Span: time.Hour}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingBucketIsNamedWithItsNeighbors(t *testing.T) {
	const bounds = `"0.1","0.25","0.25","1","1.0","2.5","5","10","0.01","0.005","+Inf"`
	for _, row := range []struct {
		name     string
		increase map[string]string
		since    time.Time
	}{
		{"it never was", map[string]string{"+Inf": "1000"}, time.Time{}},
		{"it came with a release half an hour ago", map[string]string{"0.5": "500", "+Inf": "1000"}, at.Add(-30 * time.Minute)},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", Transport: buckets(row.increase, row.since, bounds)}
			_, err := source.Counts(t.Context(), compiled(slo.Latency(metric("h_bucket"), 500*time.Millisecond), slo.ByOccurrences()), at, []time.Duration{time.Hour})
			var missing *prometheus.BucketError
			if !errors.Is(err, prometheus.ErrNoBucket) || !errors.As(err, &missing) {
				t.Fatalf("got %v, want a BucketError", err)
			}
			if diff := cmp.Diff([]float64{0.01, 0.1, 0.25, 1, 2.5, 5}, missing.Bounds); diff != "" || missing.Want != 0.5 {
				t.Errorf("want %v; bounds (-want +got):\n%s", missing.Want, diff)
			}
		})
	}
}

// The pattern of a bound matches all spellings of it that client libraries
// use and no other bound.
func TestBoundsAreFoundInEverySpelling(t *testing.T) {
	spellings := map[time.Duration][]string{
		500 * time.Millisecond:  {"0.5", "0.50", "5e-01", "5E-1"},
		time.Second:             {"1", "1.0", "1e+00"},
		10 * time.Second:        {"10", "10.0", "1e+01", "1e1"},
		100 * time.Second:       {"100", "100.0", "1e+02", "1.0E2"},
		2500 * time.Millisecond: {"2.5", "2.50", "2.5e+00"},
		50 * time.Microsecond:   {"5e-05", "0.00005", "5.0E-5"},
		1100 * time.Millisecond: {"1.1"},
	}
	for under := range spellings {
		queries, _ := asked(t, slo.Latency(metric("h_bucket"), under), slo.ByOccurrences())
		pattern := regexp.MustCompile(`^(?:` + regexp.MustCompile(`le=~"([^"]*)"`).FindStringSubmatch(queries[0])[1] + `)$`)
		for other, texts := range spellings {
			for _, text := range texts {
				if got, want := pattern.MatchString(text), other == under; got != want {
					t.Errorf("under %v: le=%q matches: %v, want %v", under, text, got, want)
				}
			}
		}
		if !pattern.MatchString("+Inf") {
			t.Errorf("under %v: +Inf is not selected", under)
		}
	}
}

func TestNativeHistogram(t *testing.T) {
	for _, row := range []struct {
		name            string
		count, fraction string
		good, bad       float64
		err             error
	}{
		{"a fraction", "1000", "0.75", 750, 250, nil},
		{"no traffic", "0", "NaN", 0, 0, nil},
		{"all, with rounding", "1000", "1.0000000000000002", 1000, 0, nil},
		{"NaN of some", "1000", "NaN", 0, 0, prometheus.ErrBadValue},
		{"more than all", "1000", "1.1", 0, 0, prometheus.ErrBadValue},
		{"negative", "-1", "0.5", 0, 0, prometheus.ErrBadValue},
		{"no fraction", "1000", "", 0, 0, prometheus.ErrMalformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", Transport: answers(row.count, row.fraction, always)}
			got, err := source.Counts(t.Context(), compiled(slo.NativeLatency(metric("h"), 500*time.Millisecond), slo.ByOccurrences()), at, []time.Duration{time.Hour})
			if row.err != nil {
				if !errors.Is(err, row.err) {
					t.Errorf("got %v, want %v", err, row.err)
				}
				return
			}
			if want := (slo.Counts{Good: row.good, Bad: row.bad, Covered: time.Hour, Span: time.Hour}); err != nil || got[0] != want {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
}
