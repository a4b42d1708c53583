// Package prometheus measures SLOs over the HTTP API of Prometheus, or of a
// server that speaks it: Thanos, Mimir, VictoriaMetrics.
//
// A [Source] implements [slo.Source]. What it cannot measure for certain is an
// error or unmeasured time, never zero errors: warnings, NaN, an absent series,
// a body cut short and an unknown bucket each have a type of error, see
// [ErrUnreachable] and its neighbors.
//
// # Queries
//
// The Query of a [slo.Metric] that counts has one of these forms; anything else
// is refused with a [github.com/sre-sdk/sre.Problem] that says what would be
// right:
//
//	http_requests_total{job="shop",code=~"5.."}        a selector of a counter: sum(increase(selector[W]))
//	sum(http_requests_total{job="shop"})               the same, as OpenSLO documents write it
//	sum(increase(http_requests_total[{{.window}}]))    an expression for the events in a window
//	sum(rate(http_requests_total[$window]))            an expression with rate: multiplied by the seconds of the window
//
// In an expression each range is the placeholder, {{.window}} (as Sloth has
// it) or $window, directly behind a selector; the source puts in the windows
// that it needs. A fixed range, offset, @, a subquery, irate, a mixture of rate
// and increase, and a ratio of two ranges are refused, and so is a default (or
// vector(0)) of anything but bad events. The result must be one element.
//
// A histogram is a selector without le ([slo.Latency]: the series ..._bucket;
// [slo.NativeLatency]: the native histogram) or its sum(), because the source
// selects buckets itself.
//
// A gauge ([slo.RawRatio], [slo.Threshold], [slo.Probe]) is a selector, of
// which the last sample in each Resolution counts, or any expression, which is
// evaluated at the end of each and in which a placeholder stands for
// Resolution. Plain selectors inside such an expression are looked back for, as
// always in PromQL, so that up to five minutes of a gap go unseen. One value
// at each instant is demanded, never chosen from several. NaN is what a ratio
// without events yields and counts as unmeasured.
//
// # Counts
//
// Events of a span are increase over a range that ends at the instant. PromQL
// extrapolates: it stretches what the samples inside the range show to its
// ends, so counts are fractional and an increase from nothing to the first
// sample is lost. Initialize counters with 0. VictoriaMetrics' increase does
// neither: it takes the sample before the range and counts from zero.
//
// The total and its good or bad part are asked in one query, so that both come
// from one snapshot. A part that exceeds its total by more than [Rounding] is a
// [ContradictionError]; it occurs where good and total are different metrics
// that were not born or scraped together. Select both from one metric, or count
// bad events.
//
// A total that has no increase in a span (one sample or none) leaves the whole
// span unmeasured. If no span has samples, one lookup tells a gap from a query
// that selects nothing at any time, which is a [NoDataError]. A bad counter
// that is absent in a span, or in a slice, whose total is present is a
// NoDataError too, unless AbsentIsZero.
//
// Timeslices and RatioTimeslices evaluate the same increase with the slice as
// range, at the end of each slice; one without a value is unmeasured. A slice
// must hold at least two scrapes (in Prometheus 3 strictly inside, so three are
// safe). [slo.Compiled.Align] gives the instants that are accepted.
//
// # Coverage
//
// A span is cut into at most [CoverageSteps] steps of whole ScrapeIntervals;
// one is covered if a raw sample of the total lies in it, of any of its series:
// one target of several that was not scraped is not seen. For an expression,
// the samples are those of the selectors in it.
//
// Samples arrive late, through remote storage by up to a minute, and what has
// not arrived is not covered: measure at an instant a little before now.
//
// If the start of the longest span is not covered, a Prometheus is asked for
// its retention, and a shorter one is a [RetentionError]; what another server
// does not tell stays unmeasured time.
//
// # Cost
//
// One call of Counts with the eight windows of the usual alerts and budget (5m
// to 30d) makes 11 requests: 8 instant queries, and 3 range queries for the
// coverage of windows that share a step (1m up to a day, 3m, 30m). In general
// it is one for each distinct span and one for each distinct step. Slices and
// gauges make one range query for each [MaxPoints] steps of the longest span,
// whatever the number of spans: 5 for 30 days of minutes. Lookups of
// retention, of existing buckets and of unknown series add one each where they
// are due. There are no
// retries.
//
// # Other servers
//
// Thanos: a partial response carries warnings and is a [PartialError]; with
// Params partial_response=false Thanos itself refuses. Mimir and Cortex: set
// Tenant. VictoriaMetrics: instants of the last 30 seconds
// (-search.latencyOffset) are answered with older data, so measure at an
// instant before that; it has no native histograms of Prometheus. Range queries
// carry nocache=1, so that it does not move their steps; others ignore it.
package prometheus
