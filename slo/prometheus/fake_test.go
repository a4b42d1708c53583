package prometheus_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// at is the instant at which these tests measure, a whole minute.
var at = time.Date(2026, 3, 6, 14, 0, 0, 0, time.UTC)

// roundTripper answers a request whose form is parsed.
type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return f(r)
}

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}
}

func rangeOf(r *http.Request) (start, end time.Time, step time.Duration) {
	return timeOf(r.FormValue("start")), timeOf(r.FormValue("end")), time.Duration(number(r.FormValue("step")) * float64(time.Second))
}

func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64) }

func timeOf(text string) time.Time { return time.UnixMilli(int64(math.Round(number(text) * 1000))) }

// matrix is an answer with one series of the same value at each step.
func matrix(start, end time.Time, step time.Duration, value float64) string {
	var points []string
	for t := start; !t.After(end); t = t.Add(step) {
		points = append(points, fmt.Sprintf(`[%s,"%v"]`, unix(t), value))
	}
	return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(points, ","))
}

// compiled is an SLO over 30 days.
func compiled(sli slo.SLI, method slo.BudgetingMethod) *slo.Compiled {
	return slo.SLO{ID: "test", Service: "test", SLI: sli, Objective: slo.MustParseObjective("99%"),
		Window: slo.Rolling(30 * 24 * time.Hour), Budgeting: method}.MustCompile()
}

func metric(query string) slo.Metric { return slo.Metric{Query: query} }

// A fake is a Prometheus that knows counters and gauges by their bare names
// and the few shapes of query that the Source makes. It evaluates them by the
// rules of Prometheus 2, which include both ends of a range.
type fake struct {
	series map[string][]sample // ascending

	mutex    sync.Mutex
	requests []url.Values
}

type sample struct {
	at    time.Time
	value float64
}

func (f *fake) source(t testing.TB) *prometheus.Source {
	t.Helper()
	return &prometheus.Source{URL: "http://fake", Transport: roundTripper(f.serve)}
}

func (f *fake) paths() (paths []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, r := range f.requests {
		paths = append(paths, r.Get("path"))
	}
	slices.Sort(paths)
	return paths
}

func (f *fake) serve(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	form := url.Values{"path": {r.URL.Path}}
	for name, values := range r.Form {
		form[name] = values
	}
	f.mutex.Lock()
	f.requests = append(f.requests, form)
	f.mutex.Unlock()
	switch r.URL.Path {
	case "/api/v1/query":
		return f.answer("vector", r.FormValue("query"), []time.Time{timeOf(r.FormValue("time"))})
	case "/api/v1/query_range":
		var times []time.Time
		start, end, step := rangeOf(r)
		for t := start; !t.After(end); t = t.Add(step) {
			times = append(times, t)
		}
		return f.answer("matrix", r.FormValue("query"), times)
	case "/api/v1/label/__name__/values":
		found := []string{}
		for _, name := range r.Form["match[]"] {
			if len(f.series[name]) > 0 {
				found = append(found, name)
			}
		}
		body, err := json.Marshal(map[string]any{"status": "success", "data": found})
		return respond(http.StatusOK, string(body)), err
	}
	return respond(http.StatusNotFound, "404 page not found"), nil
}

var (
	labeled  = regexp.MustCompile(`^label_replace\((.*), "sre_part", "total", "", ""\) or label_replace\((.*), "sre_part", "part", "", ""\)$`)
	function = regexp.MustCompile(`^(?:sum\()?(increase|count_over_time|last_over_time)\((\w+)\[(\d+)(ms|s|m|h|d)\]\)\)?$`)
	units    = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
)

func (f *fake) answer(resultType, query string, times []time.Time) (*http.Response, error) {
	type element struct {
		Metric map[string]string `json:"metric"`
		Value  []any             `json:"value,omitempty"`
		Values [][]any           `json:"values,omitempty"`
	}
	result := []element{}
	parts := map[string]string{"": query}
	if m := labeled.FindStringSubmatch(query); m != nil {
		parts = map[string]string{"total": m[1], "part": m[2]}
	}
	for label, expr := range parts {
		m := function.FindStringSubmatch(expr)
		if m == nil {
			return respond(http.StatusBadRequest, `{"status":"error","errorType":"bad_data","error":"the fake does not know this query"}`), nil
		}
		window := time.Duration(number(m[3])) * units[m[4]]
		e := element{Metric: map[string]string{}}
		if label != "" {
			e.Metric["sre_part"] = label
		}
		for _, t := range times {
			if value, ok := evaluate(m[1], f.series[m[2]], t, window); ok {
				e.Values = append(e.Values, []any{float64(t.UnixMilli()) / 1000, fmt.Sprint(value)})
			}
		}
		if len(e.Values) == 0 {
			continue
		}
		if resultType == "vector" {
			e.Value, e.Values = e.Values[0], nil
		}
		result = append(result, e)
	}
	body, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": resultType, "result": result}})
	return respond(http.StatusOK, string(body)), err
}

func evaluate(name string, all []sample, t time.Time, window time.Duration) (float64, bool) {
	from, _ := slices.BinarySearchFunc(all, t.Add(-window), func(s sample, t time.Time) int { return s.at.Compare(t) })
	to, _ := slices.BinarySearchFunc(all, t.Add(time.Millisecond), func(s sample, t time.Time) int { return s.at.Compare(t) })
	in := all[from:to]
	switch {
	case name == "count_over_time":
		return float64(len(in)), len(in) > 0
	case name == "last_over_time" && len(in) > 0:
		return in[len(in)-1].value, true
	case name == "increase" && len(in) > 1:
		return increase(in, t, window), true
	}
	return 0, false
}

// increase is extrapolatedRate of Prometheus 2 (promql/functions.go): what the
// samples show, stretched towards the ends of the range.
func increase(in []sample, t time.Time, window time.Duration) float64 {
	first, last := in[0], in[len(in)-1]
	grown := last.value - first.value
	for i := 1; i < len(in); i++ {
		if in[i].value < in[i-1].value { // a reset
			grown += in[i-1].value
		}
	}
	sampled := last.at.Sub(first.at).Seconds()
	average := sampled / float64(len(in)-1)
	toStart := first.at.Sub(t.Add(-window)).Seconds()
	toEnd := t.Sub(last.at).Seconds()
	if grown > 0 && first.value >= 0 {
		toStart = min(toStart, sampled*(first.value/grown))
	}
	stretch := func(gap float64) float64 {
		if gap < average*1.1 {
			return gap
		}
		return average / 2
	}
	return grown * ((sampled + stretch(toStart) + stretch(toEnd)) / sampled)
}
