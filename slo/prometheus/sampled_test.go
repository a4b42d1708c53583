package prometheus_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
	"github.com/sre-sdk/sre/slo/slotest"
)

// oneHour has 100 requests a minute and 10 errors in each minute of its second
// half.
var oneHour = func() slotest.World {
	w := slotest.World{End: at}
	for i := range 60 {
		bad := float64(i / 30 * 10)
		w.Minutes = append(w.Minutes, slotest.Minute{Good: 100 - bad, Bad: bad, Measured: true})
	}
	return w
}()

func TestSlicesAreFolded(t *testing.T) {
	server := load(oneHour)
	server.series["good_total"] = difference(server.series["requests_total"], server.series["errors_total"])
	for _, row := range []struct {
		name   string
		sli    slo.SLI
		method slo.BudgetingMethod
		want   slo.Counts
	}{
		{"each good or bad", availability, slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("95%")), slo.Counts{Good: 6, Bad: 6}},
		{"by good events", slo.GoodTotal(metric("good_total"), metric("requests_total")), slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("95%")), slo.Counts{Good: 6, Bad: 6}},
		{"each worth its ratio", availability, slo.ByRatioTimeslices(5 * time.Minute), slo.Counts{Good: 11.4, Bad: 0.6}},
		{"throughput in slices", slo.Throughput(metric("errors_total"), 0.1), slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("100%")), slo.Counts{Good: 6, Bad: 6}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := server.source(t).Counts(t.Context(), compiled(row.sli, row.method), at, []time.Duration{30 * time.Minute, time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			row.want.Covered, row.want.Span = time.Hour, time.Hour
			if diff := cmp.Diff(row.want, rounded(got[1])); diff != "" {
				t.Errorf("counts of an hour (-want +got):\n%s", diff)
			}
			if got[0].Span != 30*time.Minute || got[0].Total() != 6 {
				t.Errorf("counts of half an hour: %v", got[0])
			}
		})
	}
}

func rounded(c slo.Counts) slo.Counts {
	c.Good, c.Bad = math.Round(c.Good*1e6)/1e6, math.Round(c.Bad*1e6)/1e6
	return c
}

func difference(a, b []sample) []sample {
	d := slices.Clone(a)
	for i := range d {
		d[i].value -= b[i].value
	}
	return d
}

// gauge returns one sample a minute, the last at at.
func gauge(values ...float64) *fake {
	var list []sample
	for i, v := range values {
		list = append(list, sample{at.Add(-time.Duration(len(values)-1-i) * time.Minute), v})
	}
	return &fake{series: map[string][]sample{"gauge": list}}
}

func TestGaugesAreSampled(t *testing.T) {
	nan := math.NaN()
	g := metric("gauge")
	for _, row := range []struct {
		name   string
		sli    slo.SLI
		values []float64 // the last five minutes
		want   slo.Counts
	}{
		{"probe", slo.Probe(g), []float64{1, 1, 0, 1, 1}, slo.Counts{Good: 4, Bad: 1, Covered: 5 * time.Minute}},
		{"threshold", slo.Threshold(g, slo.LessEqual, 2), []float64{1, 2, 3, 2, 1}, slo.Counts{Good: 4, Bad: 1, Covered: 5 * time.Minute}},
		{"ratio of good", slo.RawRatio(g, false), []float64{1, 0.5, 1, 1, 0.75}, slo.Counts{Good: 4.25, Bad: 0.75, Covered: 5 * time.Minute}},
		{"ratio of bad", slo.RawRatio(g, true), []float64{0, 0.5, 0, 0, 0.25}, slo.Counts{Good: 4.25, Bad: 0.75, Covered: 5 * time.Minute}},
		{"ratio above one by rounding", slo.RawRatio(g, false), []float64{1, 1 + 1e-12, 1, 1, 1}, slo.Counts{Good: 5, Covered: 5 * time.Minute}},
		{"NaN is no measurement", slo.RawRatio(g, true), []float64{0, nan, 0, nan, 0.5}, slo.Counts{Good: 2.5, Bad: 0.5, Covered: 3 * time.Minute}},
		{"younger than the span", slo.Probe(g), []float64{1, 0}, slo.Counts{Good: 1, Bad: 1, Covered: 2 * time.Minute}},
		{"throughput", slo.Throughput(g, 1), []float64{0, 0, 60, 120, 120, 180}, slo.Counts{Good: 3, Bad: 2, Covered: 5 * time.Minute}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := gauge(row.values...).source(t).Counts(t.Context(), compiled(row.sli, slo.ByOccurrences()), at, []time.Duration{5 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			row.want.Span = 5 * time.Minute
			if diff := cmp.Diff(row.want, got[0]); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnusableGaugeValuesAreErrors(t *testing.T) {
	g := metric("gauge")
	for _, row := range []struct {
		name  string
		sli   slo.SLI
		value float64
	}{
		{"a ratio above one", slo.RawRatio(g, false), 1.01},
		{"a percentage", slo.RawRatio(g, false), 99.9},
		{"a ratio below zero", slo.RawRatio(g, true), -0.01},
		{"half a success", slo.Probe(g), 0.5},
		{"infinity", slo.Threshold(g, slo.Greater, 1), math.Inf(1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := gauge(1, row.value, 1).source(t).Counts(t.Context(), compiled(row.sli, slo.ByOccurrences()), at, []time.Duration{3 * time.Minute})
			if !errors.Is(err, prometheus.ErrBadValue) {
				t.Errorf("got %v, want %v", err, prometheus.ErrBadValue)
			}
		})
	}
}

func TestSeveralGaugesAreNotChosenFrom(t *testing.T) {
	two := func(offset time.Duration) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			_, end, _ := rangeOf(r)
			return respond(http.StatusOK, fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[
				{"metric":{"pod":"a"},"values":[[%s,"1"]]},{"metric":{"pod":"b"},"values":[[%s,"0"]]}]}}`, unix(end.Add(-offset)), unix(end))), nil
		}
	}
	ask := func(server roundTripper) ([]slo.Counts, error) {
		source := &prometheus.Source{URL: "http://example.test", Transport: server}
		return source.Counts(t.Context(), compiled(slo.Probe(metric("probe_success")), slo.ByOccurrences()), at, []time.Duration{2 * time.Minute})
	}
	if _, err := ask(two(0)); !errors.Is(err, prometheus.ErrManySeries) {
		t.Errorf("two at one instant: got %v, want %v", err, prometheus.ErrManySeries)
	}
	got, err := ask(two(time.Minute))
	if want := (slo.Counts{Good: 1, Bad: 1, Covered: 2 * time.Minute, Span: 2 * time.Minute}); err != nil || got[0] != want {
		t.Errorf("one after the other: got %v, %v; want %v", got, err, want)
	}
}

func TestGaugesInSlices(t *testing.T) {
	server := gauge(1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, math.NaN())
	method := slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("80%"))
	got, err := server.source(t).Counts(t.Context(), compiled(slo.Probe(metric("gauge")), method), at, []time.Duration{15 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	want := slo.Counts{Good: 1, Bad: 1, Covered: 10 * time.Minute, Span: 15 * time.Minute} // the last slice has a hole
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestStepsThatDoNotFitAreRefused(t *testing.T) {
	probe := slo.Probe(metric("gauge"))
	for _, row := range []struct {
		name       string
		method     slo.BudgetingMethod
		resolution time.Duration
		span       time.Duration
	}{
		{"resolution that does not divide the slice", slo.ByRatioTimeslices(5 * time.Minute), 2 * time.Minute, time.Hour},
		{"too many steps", slo.ByOccurrences(), time.Second, 30 * 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := gauge(1).source(t)
			source.Resolution = row.resolution
			_, err := source.Counts(t.Context(), compiled(probe, row.method), at, []time.Duration{row.span})
			if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Path != "resolution" {
				t.Errorf("got %v, want one problem of resolution", err)
			}
		})
	}
}

func TestLongSpansAreAskedInParts(t *testing.T) {
	server := gauge(1)
	const month = 30 * 24 * time.Hour
	got, err := server.source(t).Counts(t.Context(), compiled(slo.Probe(metric("gauge")), slo.ByOccurrences()), at, []time.Duration{month, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Good != 1 || got[0].Covered != time.Minute || got[1].Good != 1 {
		t.Errorf("got %v, want the one sample in each span", got)
	}
	steps := 0
	for _, r := range server.requests {
		if r.Get("path") != "/api/v1/query_range" {
			continue
		}
		n := int((number(r.Get("end"))-number(r.Get("start")))/number(r.Get("step"))) + 1
		if n > prometheus.MaxPoints {
			t.Errorf("one request asks for %d points, want at most %d", n, prometheus.MaxPoints)
		}
		steps += n
	}
	if steps != 30*24*60 {
		t.Errorf("asked for %d steps in all, want each minute once", steps)
	}
}
