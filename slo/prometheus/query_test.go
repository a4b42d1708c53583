package prometheus_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// recorder answers with nothing and keeps the queries, sorted.
type recorder struct {
	mutex   sync.Mutex
	queries []string
}

func (c *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	r.ParseForm()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if q := r.Form.Get("query"); q != "" {
		c.queries = append(c.queries, q)
	}
	kind := "vector"
	if strings.HasSuffix(r.URL.Path, "query_range") {
		kind = "matrix"
	}
	return respond(http.StatusOK, `{"status":"success","data":{"resultType":"`+kind+`","result":[]}}`), nil
}

// asked returns the queries that one span of an hour makes, and the error.
func asked(t *testing.T, sli slo.SLI, method slo.BudgetingMethod) ([]string, error) {
	t.Helper()
	c := &recorder{}
	source := &prometheus.Source{URL: "http://example.test", Transport: c}
	_, err := source.Counts(t.Context(), compiled(sli, method), at, []time.Duration{time.Hour})
	slices.Sort(c.queries)
	return c.queries, err
}

// counterOf is the expression that a throughput SLI makes of a counter; it
// shows the translation without a second query.
func counterOf(query string) slo.SLI { return slo.Throughput(metric(query), 1) }

func TestCounterForms(t *testing.T) {
	for _, row := range []struct{ name, query, want string }{
		{"name", `requests_total`, `sum(increase(requests_total[1m]))`},
		{"recorded name", `job:requests:total`, `sum(increase(job:requests:total[1m]))`},
		{"matchers", `requests_total{job="shop",code=~"5.."}`, `sum(increase(requests_total{job="shop",code=~"5.."}[1m]))`},
		{"spaces and line breaks", " requests_total { job = \"shop\" ,\n code !~ '4..' , } ", `sum(increase(requests_total{job="shop",code!~'4..'}[1m]))`},
		{"no matchers", `requests_total{}`, `sum(increase(requests_total[1m]))`},
		{"name as a matcher", `{__name__="requests_total"}`, `sum(increase({__name__="requests_total"}[1m]))`},
		{"quoted name", `{"my.requests", "my.label"!="x"}`, `sum(increase({"my.requests","my.label"!="x"}[1m]))`},
		{"brackets in a string", `requests_total{path="/a)}[5m]{{x}}\"#"}`, `sum(increase(requests_total{path="/a)}[5m]{{x}}\"#"}[1m]))`},
		{"backquotes", "requests_total{path=`\\`}", "sum(increase(requests_total{path=`\\`}[1m]))"},
		{"sum", `sum(requests_total{job="shop"})`, `sum(increase(requests_total{job="shop"}[1m]))`},
		{"sum in capitals", `SUM ( requests_total )`, `sum(increase(requests_total[1m]))`},
		{"template", `sum(increase(requests_total[{{.window}}]))`, `sum(increase(requests_total[1m]))`},
		{"template with spaces", `sum(increase(requests_total[{{ .window }}]))`, `sum(increase(requests_total[1m]))`},
		{"variable", `sum(rate(requests_total[$window]))`, `sum(rate(requests_total[1m]))`},
		{"comments and lines", "sum( # all\n  rate(requests_total[$window])\n)", "sum( rate(requests_total[1m]) )"},
		{"two metrics", `sum(rate(a[$window])) + sum(rate(b[$window]))`, `sum(rate(a[1m])) + sum(rate(b[1m]))`},
		{"scaled", `sum(rate(a[$window])) / 2`, `sum(rate(a[1m])) / 2`},
		{"label called offset", `sum(sum by (offset) (increase(a[$window])))`, `sum(sum by (offset) (increase(a[1m])))`},
		{"rate in a string", `sum(increase(a{f="rate("}[$window]))`, `sum(increase(a{f="rate("}[1m]))`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, _ := asked(t, counterOf(row.query), slo.ByOccurrences())
			if diff := cmp.Diff([]string{row.want}, got); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnusableQueriesAreRefused(t *testing.T) {
	for _, row := range []struct{ name, query, code string }{
		{"comment only", `# nothing`, "missing"},
		{"everything", `{}`, "unsupported_query"},
		{"number", `42`, "unsupported_query"},
		{"selector with a range", `requests_total[5m]`, "fixed_range"},
		{"selector with an offset", `requests_total offset 5m`, "unsupported_modifier"},
		{"selector at a time", `requests_total @ 1`, "unsupported_modifier"},
		{"matcher without operator", `requests_total{job}`, "unsupported_query"},
		{"matcher without quotes", `requests_total{job=shop}`, "unsupported_query"},
		{"two names", `requests_total{"requests_total"}`, "unsupported_query"},
		{"comma first", `requests_total{,a="b"}`, "unsupported_query"},
		{"no comma", `requests_total{a="b" c="d"}`, "unsupported_query"},
		{"aggregation by label", `sum by (code) (requests_total)`, "unsupported_query"},
		{"unclosed brace", `requests_total{job="shop"`, "unbalanced"},
		{"closing first", `a[$window])) or ((b`, "unbalanced"},
		{"unclosed string", `requests_total{job="shop}`, "unterminated_string"},
		{"string across lines", "requests_total{job=\"shop\n\"}", "unterminated_string"},
		{"semicolon", `a; b`, "unexpected_character"},
		{"other placeholder", `sum(rate(a[$__rate_interval]))`, "unknown_placeholder"},
		{"longer variable", `sum(rate(a[$windows]))`, "unknown_placeholder"},
		{"other template", `sum(rate(a[{{.Window}}]))`, "unknown_placeholder"},
		{"fixed range", `sum(rate(a[5m]))`, "fixed_range"},
		{"fixed range beside the window", `sum(rate(a[$window])) - sum(rate(b[5m]))`, "fixed_range"},
		{"subquery", `max_over_time(a[$window:1m])`, "fixed_range"},
		{"subquery of an expression", `sum_over_time(rate(a[$window])[1h:$window])`, "misplaced_range"},
		{"window that is no range", `a[$window] * $window`, "misplaced_range"},
		{"offset", `sum(rate(a[$window] offset 5m))`, "unsupported_modifier"},
		{"at", `sum(rate(a[$window] @ end()))`, "unsupported_modifier"},
		{"irate", `sum(irate(a[$window]))`, "unsupported_function"},
		{"deriv", `sum(deriv(a[$window]))`, "unsupported_function"},
		{"rate and increase", `sum(rate(a[$window])) + sum(increase(b[$window]))`, "mixed_units"},
		{"default", `sum(rate(a[$window])) OR on() vector(0)`, "default_value"},
		{"presence", `sum(absent_over_time(a[$window]))`, "default_value"},
		{"ratio", `sum(rate(a[$window])) / sum(rate(b[$window]))`, "ratio"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := asked(t, counterOf(row.query), slo.ByOccurrences())
			problems := sre.ProblemsIn(err)
			if len(problems) != 1 || problems[0].Code != row.code || problems[0].Path != "sli.counter.query" {
				t.Errorf("got %v, want one problem %s", err, row.code)
			}
			if len(got) != 0 {
				t.Errorf("asked %q all the same", got)
			}
		})
	}
}

func TestEachSLIAsksItsQueries(t *testing.T) {
	occurrences := slo.ByOccurrences()
	for _, row := range []struct {
		name   string
		sli    slo.SLI
		method slo.BudgetingMethod
		want   []string
	}{
		{"total and bad", slo.BadTotal(metric("a{x=\"1\"}"), metric("b")), occurrences, []string{
			`label_replace(sum(increase(b[1h])), "sre_part", "total", "", "") or label_replace(sum(increase(a{x="1"}[1h])), "sre_part", "part", "", "")`,
			`sum(count_over_time(b[59999ms]))`}},
		{"expressions", slo.GoodTotal(metric("sum(rate(a[$window]))"), metric("sum(rate(b[$window])) + sum(rate(c[$window]))")), occurrences, []string{
			`label_replace(sum(rate(b[1h])) + sum(rate(c[1h])), "sre_part", "total", "", "") or label_replace(sum(rate(a[1h])), "sre_part", "part", "", "")`,
			`sum(count_over_time(b[59999ms])) or sum(count_over_time(c[59999ms]))`}},
		{"bad events that are zero by default", slo.BadTotal(metric("sum(rate(a{b=\"c\"}[{{.window}}])) OR on() vector(0)"), metric("b")), occurrences, []string{
			`label_replace(sum(increase(b[1h])), "sre_part", "total", "", "") or label_replace(sum(rate(a{b="c"}[1h])) OR on() vector(0), "sre_part", "part", "", "")`,
			`sum(count_over_time(b[59999ms]))`}},
		{"slices", slo.GoodTotal(metric("a"), metric("b")), slo.ByRatioTimeslices(5 * time.Minute), []string{
			`label_replace(sum(increase(b[5m])), "sre_part", "total", "", "") or label_replace(sum(increase(a[5m])), "sre_part", "part", "", "")`}},
		{"classic histogram", slo.Latency(metric(`h_bucket{job="x"}`), 500*time.Millisecond), occurrences, []string{
			`sum by (le) (count_over_time(h_bucket{job="x",le=~"0[.]50*|5([.]0*)?[eE]-0*1|[+]?[Ii]nf"}[59999ms]))`,
			`sum by (le) (increase(h_bucket{job="x",le=~"0[.]50*|5([.]0*)?[eE]-0*1|[+]?[Ii]nf"}[1h]))`}},
		{"native histogram", slo.NativeLatency(metric(`h`), 250*time.Millisecond), occurrences, []string{
			`label_replace(histogram_count(sum(increase(h[1h]))), "sre_part", "total", "", "") or label_replace(histogram_fraction(0, 0.25, sum(increase(h[1h]))), "sre_part", "part", "", "")`,
			`sum(count_over_time(h[59999ms]))`}},
		{"probe", slo.Probe(metric(`probe_success{job="x"}`)), occurrences, []string{`last_over_time(probe_success{job="x"}[59999ms])`}},
		{"gauge expression", slo.Threshold(metric(`max(a) # worst`), slo.Less, 1), occurrences, []string{`max(a)`}},
		{"gauge expression with a window", slo.RawRatio(metric(`sum(rate(a[$window])) / sum(rate(b[$window]))`), true), occurrences,
			[]string{`sum(rate(a[1m])) / sum(rate(b[1m]))`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, _ := asked(t, row.sli, row.method)
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHistogramMustBeASelectorWithoutBucket(t *testing.T) {
	for _, row := range []struct {
		sli  slo.SLI
		code string
	}{
		{slo.Latency(metric(`h_bucket{le="0.5"}`), time.Second), "not_allowed"},
		{slo.Latency(metric(`h_bucket{"le"="0.5"}`), time.Second), "not_allowed"},
		{slo.Latency(metric(`sum by (le) (rate(h_bucket[$window]))`), time.Second), "unsupported_query"},
		{slo.NativeLatency(metric(`histogram_count(h)`), time.Second), "unsupported_query"},
	} {
		_, err := asked(t, row.sli, slo.ByOccurrences())
		if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != row.code {
			t.Errorf("%s: got %v, want one problem %s", row.sli.Metrics()[0].Query, err, row.code)
		}
	}
}

func TestGaugeMustNotHaveADefault(t *testing.T) {
	_, err := asked(t, slo.RawRatio(metric("error_ratio or vector(0)"), true), slo.ByOccurrences())
	if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != "default_value" || problems[0].Path != "sli.gauge.query" {
		t.Errorf("got %v, want one problem default_value", err)
	}
}

func TestEveryProblemOfAnSLIIsReported(t *testing.T) {
	_, err := asked(t, slo.Availability(metric("irate(a[$window])"), metric("b[5m]")), slo.ByOccurrences())
	if problems := sre.ProblemsIn(err); len(problems) != 2 || problems[0].Path != "sli.total.query" || problems[1].Path != "sli.bad.query" {
		t.Errorf("got %v, want a problem of total and one of bad", err)
	}
}

func TestWindowsPrintExactly(t *testing.T) {
	for span, want := range map[time.Duration]string{
		30 * 24 * time.Hour:       "[30d]",
		36 * time.Hour:            "[36h]",
		90 * time.Minute:          "[90m]",
		100 * time.Second:         "[100s]",
		1500 * time.Millisecond:   "[1500ms]",
		time.Hour + time.Second:   "[3601s]",
		400 * 24 * time.Hour:      "[400d]",
		time.Hour + 1*time.Minute: "[61m]",
	} {
		c := &recorder{}
		source := &prometheus.Source{URL: "http://example.test", Transport: c}
		source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{span})
		if !slices.ContainsFunc(c.queries, func(q string) bool { return strings.Contains(q, "requests_total"+want) }) {
			t.Errorf("%v: asked %q, want a range of %s", span, c.queries, want)
		}
	}
}

// Check finds what no server could answer, without a server.
func TestCheckNeedsNoServer(t *testing.T) {
	sli := func(total string) *slo.Compiled {
		return slo.SLO{ID: "a", Service: "a", SLI: slo.Availability(slo.Metric{Query: total}, slo.Metric{Query: "bad_total"}),
			Objective: slo.MustParseObjective("99%"), Window: slo.Rolling(24 * time.Hour)}.MustCompile()
	}
	if err := prometheus.Check(sli("requests_total")); err != nil {
		t.Errorf("a sound SLO: %v", err)
	}
	if list := sre.ProblemsIn(prometheus.Check(sli("rate(requests_total[5m])"))); len(list) != 1 || list[0].Path != "sli.total.query" {
		t.Errorf("a fixed range: %v, want a problem of sli.total.query", list)
	}
}
