package prometheus_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// Whatever a server answers, Counts returns valid counts of the span or an
// error, and does not panic.
func FuzzResponse(f *testing.F) {
	now := unix(at)
	for _, body := range []string{
		vector(now, "1000", "10"),
		vector(now, "NaN", "+Inf"),
		vector(now, "", ""),
		matrix(at.Add(-4*time.Minute), at, time.Minute, 1),
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"le":"+Inf"},"value":[` + now + `,"5"]},{"metric":{"le":"0.5"},"value":[` + now + `,"4"]}]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[` + now + `.000,"1e3"]]}]}}`,
		`{"status":"error","errorType":"execution","error":"no"}`,
		`{"status":"success","warnings":["w"],"data":{}}`,
		`{"status":"success","data":["0.1","1","+Inf","x"]}`,
		`{"status":"success","data":{"storageRetention":"15d or 1GB"}}`,
		`[]`, `{`, ``,
	} {
		f.Add(http.StatusOK, body)
	}
	f.Add(http.StatusServiceUnavailable, `{"status":"error"}`)
	slis := []slo.SLI{
		availability,
		slo.Latency(metric("h_bucket"), 500*time.Millisecond),
		slo.NativeLatency(metric("h"), 500*time.Millisecond),
		slo.RawRatio(metric("gauge"), true),
		slo.Throughput(metric("requests_total"), 1),
	}
	methods := []slo.BudgetingMethod{slo.ByOccurrences(), slo.ByRatioTimeslices(time.Minute)}
	f.Fuzz(func(t *testing.T, status int, body string) {
		source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return respond(status, body), nil
		})}
		for _, sli := range slis {
			for _, method := range methods {
				counts, err := source.Counts(t.Context(), compiled(sli, method), at, []time.Duration{5 * time.Minute})
				if err != nil {
					continue
				}
				if len(counts) != 1 || counts[0].Span != 5*time.Minute || counts[0].Validate() != nil {
					t.Errorf("%s by %s: %v of %q", sli.Kind(), method.Method, counts, body)
				}
			}
		}
	})
}

// Whatever a query is, it is asked or refused with problems, white space and
// comments do not matter, and a selector means the same as its sum.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		`requests_total{job="shop",code=~"5.."}`, `sum(requests_total)`, `{"my.metric","a"='b'}`,
		`sum(rate(a{b="c"}[{{.window}}])) OR on() vector(0)`, "sum(increase(a[$window])) # x\n / 2",
		`a[5m] offset 1h`, "`", `{{`, `$`, `"\`, `a{b="\"#"}`, `((((`,
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if strings.TrimSpace(query) == "" || len(query) > slo.MaxQuery-100 {
			t.Skip("no SLO compiles with it")
		}
		plain, err := asked(t, counterOf(query), slo.ByOccurrences())
		if len(plain) == 0 && sre.ProblemsIn(err) == nil {
			t.Fatalf("%q was not asked, and the error carries no problem: %v", query, err)
		}
		if len(plain) > 0 && !errors.Is(err, slo.ErrNoData) {
			t.Fatalf("%q: got %v, want ErrNoData of an empty server", query, err)
		}
		spaced, _ := asked(t, counterOf("\n "+query+"\t# a comment"), slo.ByOccurrences())
		if diff := cmp.Diff(plain, spaced); diff != "" {
			t.Errorf("%q: with white space and a comment (-without +with):\n%s", query, diff)
		}
		if len(plain) == 1 && strings.HasPrefix(plain[0], "sum(increase(") && !strings.Contains(query, "(") {
			summed, _ := asked(t, counterOf("sum("+query+"\n)"), slo.ByOccurrences())
			if diff := cmp.Diff(plain, summed); diff != "" {
				t.Errorf("%q: as a sum (-plain +sum):\n%s", query, diff)
			}
		}
	})
}
