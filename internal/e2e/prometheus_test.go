package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
	"github.com/sre-sdk/sre/slo/slotest"
)

func TestPrometheusConforms(t *testing.T) {
	slotest.TestSource(t, func(t *testing.T, _ slotest.World) slotest.Subject {
		return slotest.Subject{
			Source:    &prometheus.Source{URL: startOn(t, sampleBlocks)},
			SLI:       slo.Availability(metric("requests_total"), metric("errors_total")),
			Absent:    slo.Availability(metric("nothing_total"), metric("errors_total")),
			Tolerance: 0.02,
		}
	})
}

// Every kind of SLI and every method, against what happened.
func TestPrometheusAgreesWithHistory(t *testing.T) {
	source := &prometheus.Source{URL: startOn(t, historyBlocks)}
	perMinute := func(good func(m slotest.Minute) float64, counted func(m slotest.Minute) bool) slotest.World {
		w := slotest.World{End: history.End}
		for _, m := range history.Minutes {
			if m.Measured = m.Measured && counted(m); m.Measured {
				m.Good = good(m)
				m.Bad = 1 - m.Good
			} else {
				m.Good, m.Bad = 0, 0
			}
			w.Minutes = append(w.Minutes, m)
		}
		return w
	}
	always := func(slotest.Minute) bool { return true }
	half := slotest.World{End: history.End}
	for _, m := range history.Minutes {
		half.Minutes = append(half.Minutes, slotest.Minute{Good: m.Good / 2, Bad: m.Good/2 + m.Bad, Measured: m.Measured})
	}
	occurrences := slo.ByOccurrences()
	shop, failed := metric(`http_requests_total{job="shop"}`), metric(`http_requests_total{job="shop",code=~"5.."}`)

	for _, row := range []struct {
		name   string
		sli    slo.SLI
		method slo.BudgetingMethod
		world  slotest.World
	}{
		{"availability", slo.Availability(shop, failed), occurrences, history},
		{"sum of a selector", slo.Availability(metric(`sum(http_requests_total)`), metric(`sum(errors_total)`)), occurrences, history},
		{"good events", slo.GoodTotal(metric(`http_requests_total{code="200"}`), shop), occurrences, history},
		{"increase of the window", slo.BadTotal(metric(`sum(increase(errors_total[{{.window}}]))`), shop), occurrences, history},
		{"rate of the window", slo.BadTotal(metric(`sum(rate(errors_total[$window])) or vector(0)`), metric("sum(rate(requests_total[$window]))")), occurrences, history},
		{"UTF-8 of backquotes", slo.Availability(metric("{__name__=`requests_total`}"), metric(`errors_total`)), occurrences, history},
		{"bad events that never were", slo.Availability(shop, slo.Metric{Query: `http_requests_total{code="503"}`, AbsentIsZero: true}), occurrences, perfect(history)},
		{"latency at a bound written 1.0", slo.Latency(metric("latency_seconds_bucket"), time.Second), occurrences, history},
		{"latency at a bound written 0.25", slo.Latency(metric("latency_seconds_bucket"), 250*time.Millisecond), occurrences, half},
		{"timeslices", slo.Availability(shop, failed), slo.ByTimeslices(10*time.Minute, slo.MustParseRatio("99%")), history},
		{"ratio timeslices", slo.Availability(shop, failed), slo.ByRatioTimeslices(10 * time.Minute), history},
		{"latency in timeslices", slo.Latency(metric("latency_seconds_bucket"), time.Second), slo.ByTimeslices(10*time.Minute, slo.MustParseRatio("99%")), history},
		{"recorded ratio", slo.RawRatio(metric("error_ratio"), true), occurrences,
			perMinute(func(m slotest.Minute) float64 { return 1 - errorRatio(m) }, func(m slotest.Minute) bool { return total(m) > 0 })},
		{"probe", slo.Probe(metric(`probe_success`)), occurrences, perMinute(probe, always)},
		{"threshold", slo.Threshold(metric(`probe_success`), slo.GreaterEqual, 0.5), occurrences, perMinute(probe, always)},
		{"threshold of an expression", slo.Threshold(metric(`max(last_over_time(probe_success[59999ms])) # worst of all`), slo.Greater, 0), occurrences, perMinute(probe, always)},
		{"probe in timeslices", slo.Probe(metric(`probe_success`)), slo.ByTimeslices(10*time.Minute, slo.MustParseRatio("99%")), perMinute(probe, always)},
	} {
		t.Run(row.name, func(t *testing.T) {
			spans := []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour}
			got, err := source.Counts(t.Context(), compiled(row.sli, row.method), history.End, spans)
			if err != nil {
				t.Fatal(err)
			}
			for i, span := range spans {
				want := row.world.Counts(row.method, history.End, span)
				// The slice after the gap has lost its first minute and is stretched.
				free := 1e-9 * want.Total()
				if row.method.Method == slo.RatioTimeslices {
					free = 0.1
				}
				if math.Abs(got[i].Good-want.Good) > free || math.Abs(got[i].Bad-want.Bad) > free {
					t.Errorf("%v: good %v, bad %v; want %v and %v", span, got[i].Good, got[i].Bad, want.Good, want.Bad)
				}
				if got[i].Covered != want.Covered {
					t.Errorf("%v: covered %v, want %v", span, got[i].Covered, want.Covered)
				}
			}
		})
	}

	t.Run("throughput", func(t *testing.T) {
		// A step after the gap has one sample and no rate.
		sli := slo.Throughput(metric("requests_total"), 1)
		got, err := source.Counts(t.Context(), compiled(sli, occurrences), history.End, []time.Duration{24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		fast := perMinute(func(m slotest.Minute) float64 {
			if total(m) >= 60 {
				return 1
			}
			return 0
		}, always)
		want := fast.Counts(occurrences, history.End, 24*time.Hour)
		if off := want.Good - got[0].Good; off < 0 || off > 1 || got[0].Bad != want.Bad {
			t.Errorf("good %v, bad %v; want %v and %v", got[0].Good, got[0].Bad, want.Good, want.Bad)
		}
	})
}

// perfect is w without bad events, where the good ones are all that were.
func perfect(w slotest.World) slotest.World {
	p := slotest.World{End: w.End}
	for _, m := range w.Minutes {
		p.Minutes = append(p.Minutes, slotest.Minute{Good: m.Good + m.Bad, Measured: m.Measured})
	}
	return p
}

// The burn rate of many windows at many instants, asked as PromQL.
func TestBurnRateIsThatOfPromQL(t *testing.T) {
	base := startOn(t, historyBlocks)
	source := &prometheus.Source{URL: base}
	const total, failed = `http_requests_total{job="shop"}`, `http_requests_total{job="shop",code=~"5.."}`
	shop := compiled(slo.Availability(metric(total), metric(failed)), slo.ByOccurrences())
	windows := []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
	r := rand.New(rand.NewPCG(5, 6))
	compared := 0
	for range 25 {
		at := history.End.Add(-time.Duration(r.Int64N(int64(24 * time.Hour)))).Truncate(time.Millisecond)
		counts, err := source.Counts(t.Context(), shop, at, windows)
		if err != nil {
			t.Fatalf("at %v: %v", at, err)
		}
		for i, window := range windows {
			w := fmt.Sprintf("%ds", int(window.Seconds()))
			want := ask(t, base, fmt.Sprintf(`sum(increase(%s[%s])) / sum(increase(%s[%s])) / (1 - 0.999)`, failed, w, total, w), at)
			sli, ok := counts[i].Ratio()
			switch {
			case len(want) == 0 || math.IsNaN(want[0].Value.value):
				if ok {
					t.Errorf("%s at %v: SLI %v where PromQL has none", w, at, sli)
				}
				continue
			case !ok:
				t.Errorf("%s at %v: no SLI where PromQL has burn rate %v", w, at, want[0].Value.value)
				continue
			}
			burn := counts[i].Bad / counts[i].Total() / (1 - 0.999)
			if math.Abs(burn-want[0].Value.value) > 1e-9*max(1, want[0].Value.value) {
				t.Errorf("%s at %v: burn rate %v, want %v", w, at, burn, want[0].Value.value)
			}
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d burn rates were compared", compared)
	}
}

func TestRealRetentionIsNamed(t *testing.T) {
	source := &prometheus.Source{URL: startOn(t, historyBlocks, "--storage.tsdb.retention.time=1d")}
	shop := compiled(slo.Availability(metric("requests_total"), metric("errors_total")), slo.ByOccurrences())
	_, err := source.Counts(t.Context(), shop, history.End, []time.Duration{time.Hour, 2 * 24 * time.Hour})
	var retention *prometheus.RetentionError
	if !errors.As(err, &retention) || retention.Retention != 24*time.Hour || retention.Span != 2*24*time.Hour {
		t.Errorf("two days: got %v, want a RetentionError of 1d for 2d", err)
	}
	if _, err := source.Counts(t.Context(), shop, history.End, []time.Duration{12 * time.Hour}); err != nil {
		t.Errorf("half a day: %v", err)
	}
}

func TestRealFailuresAreTyped(t *testing.T) {
	base := startOn(t, historyBlocks)
	requests, errorsTotal := metric("requests_total"), metric("errors_total")
	for _, row := range []struct {
		name  string
		url   string
		sli   slo.SLI
		check func(error) bool
	}{
		{"an expression that cannot be evaluated", base,
			slo.Availability(metric(`sum(increase(requests_total[$window]) * on() sum by (code) (increase(http_requests_total[$window])))`), errorsTotal),
			isResponse(422, "execution")},
		{"an expression that cannot be parsed", base, slo.Availability(metric(`sum(increase(requests_total[$window]) by)`), errorsTotal), isResponse(400, "bad_data")},
		{"several elements", base, slo.Availability(metric(`sum by (code) (increase(http_requests_total[$window]))`), errorsTotal), is(prometheus.ErrManySeries)},
		{"no such total", base, slo.Availability(metric(`requests_totl`), errorsTotal), is(slo.ErrNoData)},
		{"no such bad events", base, slo.Availability(requests, metric(`errors_totl`)), is(slo.ErrNoData)},
		{"no such gauge", base, slo.Probe(metric(`probe_sucess`)), is(slo.ErrNoData)},
		{"no such bucket", base, slo.Latency(metric(`latency_seconds_bucket`), 500*time.Millisecond), func(err error) bool {
			var missing *prometheus.BucketError
			return errors.As(err, &missing) && fmt.Sprint(missing.Bounds) == "[0.25 1]"
		}},
		{"a gauge that is no ratio", base, slo.RawRatio(metric(`requests_total`), false), is(prometheus.ErrBadValue)},
		{"another path", base + "/elsewhere", slo.Availability(requests, errorsTotal), isResponse(404, "")},
		{"nobody listens", "http://" + freeAddress(t), slo.Availability(requests, errorsTotal), is(prometheus.ErrUnreachable)},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: row.url}
			counts, err := source.Counts(t.Context(), compiled(row.sli, slo.ByOccurrences()), history.End, []time.Duration{time.Hour, 24 * time.Hour})
			if !row.check(err) {
				t.Errorf("got %v, %v", counts, err)
			}
		})
	}

	t.Run("time is up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		source := &prometheus.Source{URL: base}
		_, err := source.Counts(ctx, compiled(slo.Availability(requests, errorsTotal), slo.ByOccurrences()), history.End, []time.Duration{time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
	})
}

func TestRealQueryTimeoutIsTyped(t *testing.T) {
	source := &prometheus.Source{URL: startOn(t, historyBlocks, "--query.timeout=1ms")}
	slow := compiled(slo.Threshold(metric("sum_over_time(probe_success[1d:1s])"), slo.Greater, 1), slo.ByOccurrences())
	_, err := source.Counts(t.Context(), slow, history.End, []time.Duration{24 * time.Hour})
	if !isResponse(503, "timeout")(err) {
		t.Errorf("got %v, want the server's 503", err)
	}
}

func is(class error) func(error) bool {
	return func(err error) bool { return errors.Is(err, class) }
}

func isResponse(status int, kind string) func(error) bool {
	return func(err error) bool {
		var refused *prometheus.ResponseError
		return errors.As(err, &refused) && refused.Status == status && refused.Type == kind
	}
}
