package prometheus

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/config"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A Source measures SLOs over the HTTP API of Prometheus or a server that
// speaks it. Only URL is required. Set the fields before the first use and do
// not copy or change it afterwards; it is safe for concurrent use.
type Source struct {
	// URL is where the API is, without /api/v1: http://prometheus:9090, or with
	// a path for Mimir (https://mimir/prometheus) and for VictoriaMetrics
	// clusters (http://vmselect:8481/select/0/prometheus). A user and password
	// in it are sent as basic authentication and never printed.
	URL string

	// Tenant is sent as X-Scope-OrgID, as Mimir and Cortex want it; a|b asks
	// several tenants at once. Default: none.
	Tenant string

	// Headers are sent with each request. Default: none.
	Headers map[string]string

	// Params are added to each query, such as partial_response=false for Thanos
	// or extra_label=team=shop for VictoriaMetrics. Default: none.
	Params url.Values

	// HTTP configures TLS, basic, bearer and OAuth2 authentication and proxies
	// in the terms of Prometheus' own configuration. Default: none of them.
	// Redirects are never followed, whatever FollowRedirects says: credentials
	// stay with the server that URL names.
	HTTP config.HTTPClientConfig

	// Transport, if set, performs the requests, and HTTP is ignored. Examples
	// and tests replay recorded answers through it. To use an http.Client, give
	// its Transport.
	Transport http.RoundTripper

	// Timeout bounds each request and is passed to the server as the time that
	// it may evaluate. Default: [DefaultTimeout].
	Timeout time.Duration

	// MaxQueries is how many requests may be in flight at once, over all calls
	// of Counts. Default: [DefaultMaxQueries].
	MaxQueries int

	// ScrapeInterval is the longest interval at which the metrics are scraped
	// or recorded: time is covered while samples are no further apart.
	// A whole number of milliseconds, at least [MinStep]. Default:
	// [DefaultScrapeInterval]. Where no two neighboring intervals have a sample,
	// it is too short, and Counts says so with an [IntervalError] instead of
	// reporting gaps that are none.
	ScrapeInterval time.Duration

	// Resolution is the step at which gauges and rates are sampled (RawRatio,
	// Threshold, Probe, Throughput); each step with a value is one event. It
	// must hold one scrape for a gauge and at least two for a rate, and divide
	// the slices of a method that has some. A whole number of milliseconds, at
	// least [MinStep]. Default: [DefaultResolution].
	Resolution time.Duration

	once   sync.Once
	client *client
	err    error
}

// Limits and defaults.
const (
	DefaultTimeout        = 30 * time.Second
	DefaultMaxQueries     = 4
	DefaultScrapeInterval = time.Minute
	DefaultResolution     = time.Minute

	MaxBody   = 32 << 20      // the largest answer that is read, in bytes after decompression
	MaxPoints = 10_000        // points asked for in one request; servers refuse more than 11,000
	MaxSteps  = slo.MaxSlices // steps of one SLO; longer spans need a longer Slice or Resolution
	MinStep   = time.Second   // the shortest span, step and interval
)

// Counts implements [slo.Source]. Instants are used to the millisecond, as
// Prometheus keeps them. See the package documentation for what is asked and
// what it costs.
func (s *Source) Counts(ctx context.Context, c *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
	if s.once.Do(s.open); s.err != nil {
		return nil, s.err
	}
	var p sre.Problems
	m := newMeter(c.Spec().SLI, &p)
	if m == nil {
		return nil, slo.ErrUnsupported
	}
	checkSpans(c, at, spans, &p)
	if err := p.Err("prometheus"); err != nil {
		return nil, err
	}
	if len(spans) == 0 {
		return nil, nil
	}
	r := &reader{
		client:         s.client,
		scrapeInterval: orDefault(s.ScrapeInterval, DefaultScrapeInterval),
		resolution:     orDefault(s.Resolution, DefaultResolution),
		at:             at.Truncate(time.Millisecond),
		longest:        slices.Max(spans),
	}
	counts, err := r.read(ctx, m, c.Spec().Budgeting, spans)
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		if err := n.Validate(); err != nil {
			return nil, &ValueError{Query: m.text(), Value: err.Error(), Want: "counts that package slo accepts"}
		}
	}
	return counts, nil
}

// Check reports every problem of an SLO that Counts would refuse whatever the
// server holds: queries of a form that cannot be windowed, an SLI that cannot
// be measured. Run it where SLOs are read, to tell a mistake in the file from a
// server that does not answer.
func Check(c *slo.Compiled) error {
	var p sre.Problems
	if newMeter(c.Spec().SLI, &p) == nil {
		return slo.ErrUnsupported
	}
	checkSlice(c.Spec().Budgeting.Slice, &p)
	return p.Err("prometheus")
}

func checkSlice(slice time.Duration, p *sre.Problems) {
	if slice%time.Millisecond != 0 {
		p.Add("budgeting.slice", "out_of_range", slice, "a whole number of milliseconds")
	}
}

// checkSpans refuses what cannot be asked exactly.
func checkSpans(c *slo.Compiled, at time.Time, spans []time.Duration, p *sre.Problems) {
	slice := c.Spec().Budgeting.Slice
	if at.Before(time.Unix(0, 0)) {
		p.Add("at", "out_of_range", at, "an instant after 1970")
	} else if !c.Align(at).Equal(at) {
		p.Add("at", "not_aligned", at.Format(time.RFC3339Nano), "the end of a slice, such as "+c.Align(at).Format(time.RFC3339Nano)+" from Compiled.Align")
	}
	checkSlice(slice, p)
	for _, span := range spans {
		switch {
		case span < MinStep || span%time.Millisecond != 0:
			p.Add("spans", "out_of_range", span, "at least 1s and a whole number of milliseconds")
		case slice > 0 && span%slice != 0:
			p.Add("spans", "not_aligned", span, "a whole number of slices of "+slice.String())
		}
	}
}

func orDefault[T ~int | ~int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// A reader serves one call of Counts.
type reader struct {
	client         *client
	scrapeInterval time.Duration
	resolution     time.Duration
	at             time.Time
	longest        time.Duration // of the spans
}

func (r *reader) read(ctx context.Context, m meter, method slo.BudgetingMethod, spans []time.Duration) ([]slo.Counts, error) {
	if e, ok := m.(eventMeter); ok && method.Method == slo.Occurrences {
		return r.occurrences(ctx, e, spans)
	}
	return r.slices(ctx, m, method, spans)
}
