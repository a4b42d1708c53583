package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

var availability = slo.Availability(metric("requests_total"), metric("errors_total"))

// healthy answers like a server that has 1000 requests and 10 errors in any
// window and a sample in every step.
func healthy(r *http.Request) (*http.Response, error) {
	switch r.URL.Path {
	case "/api/v1/query":
		return respond(http.StatusOK, vector(unix(at), "1000", "10")), nil
	case "/api/v1/query_range":
		start, end, step := rangeOf(r)
		return respond(http.StatusOK, matrix(start, end, step, 1)), nil
	}
	return respond(http.StatusNotFound, "404 page not found"), nil
}

// vector is an answer with a total and a part; an empty one is left out.
func vector(time, total, part string) string {
	var elements []string
	for label, value := range map[string]string{"total": total, "part": part} {
		if value != "" {
			elements = append(elements, fmt.Sprintf(`{"metric":{"sre_part":%q},"value":[%s,%q]}`, label, time, value))
		}
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(elements, ",") + `]}}`
}

func TestFailuresBecomeTypedErrors(t *testing.T) {
	instant := func(body string) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v1/query" {
				return respond(http.StatusOK, body), nil
			}
			return healthy(r)
		}
	}
	steps := func(body string) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v1/query_range" {
				return respond(http.StatusOK, body), nil
			}
			return healthy(r)
		}
	}
	status := func(status int, body string) roundTripper {
		return func(*http.Request) (*http.Response, error) { return respond(status, body), nil }
	}
	const apiError = `{"status":"error","errorType":"%s","error":"%s"}`
	now := unix(at)

	for _, row := range []struct {
		name   string
		server roundTripper
		want   error  // the class
		says   string // part of the message
	}{
		{"nobody listens", func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
			prometheus.ErrUnreachable, "connection refused"},
		{"connection cut inside the body", func(*http.Request) (*http.Response, error) {
			r := respond(http.StatusOK, "")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"status":"succ`), brokenReader{}))
			return r, nil
		}, prometheus.ErrUnreachable, "unexpected EOF"},
		{"400 bad_data", status(400, fmt.Sprintf(apiError, "bad_data", "parse error")), prometheus.ErrResponse, "HTTP 400 bad_data: parse error"},
		{"422 execution", status(422, fmt.Sprintf(apiError, "execution", "too many samples")), prometheus.ErrResponse, "HTTP 422 execution: too many samples"},
		{"503 timeout", status(503, fmt.Sprintf(apiError, "timeout", "query timed out")), prometheus.ErrResponse, "HTTP 503 timeout"},
		{"503 of a proxy", status(503, "<html>no  healthy\nupstream</html>"), prometheus.ErrResponse, "HTTP 503: <html>no healthy upstream</html>"},
		{"401 without body", status(401, ""), prometheus.ErrResponse, "HTTP 401: Unauthorized"},
		{"404", status(404, "404 page not found"), prometheus.ErrResponse, "HTTP 404"},
		{"429 of Mimir", status(429, fmt.Sprintf(apiError, "too_many_requests", "limit")), prometheus.ErrResponse, "too_many_requests"},
		{"500", status(500, fmt.Sprintf(apiError, "internal", "oops")), prometheus.ErrResponse, "HTTP 500 internal"},
		{"302 to a login page", status(302, ""), prometheus.ErrResponse, "redirect"},
		{"error with status 200", status(200, fmt.Sprintf(apiError, "execution", "late")), prometheus.ErrResponse, "HTTP 200 execution: late"},
		{"warnings", instant(`{"status":"success","warnings":["store gone"],"data":{"resultType":"vector","result":[]}}`), prometheus.ErrPartial, "store gone"},
		{"warnings on coverage", steps(`{"status":"success","warnings":["store gone"],"data":{"resultType":"matrix","result":[]}}`), prometheus.ErrPartial, "store gone"},
		{"a web page", status(200, "<!DOCTYPE html>"), prometheus.ErrMalformed, "DOCTYPE"},
		{"truncated JSON", instant(vector(now, "1000", "10")[:60]), prometheus.ErrMalformed, "JSON"},
		{"two documents", instant(vector(now, "1000", "10") + "{}"), prometheus.ErrMalformed, "top-level"},
		{"empty body", status(200, ""), prometheus.ErrMalformed, "JSON"},
		{"empty object", status(200, "{}"), prometheus.ErrMalformed, "status"},
		{"no data", status(200, `{"status":"success"}`), prometheus.ErrMalformed, "data"},
		{"null result", instant(`{"status":"success","data":{"resultType":"vector","result":null}}`), prometheus.ErrMalformed, "no result"},
		{"a scalar", instant(`{"status":"success","data":{"resultType":"scalar","result":[` + now + `,"1"]}}`), prometheus.ErrMalformed, `"scalar"`},
		{"an element without value", instant(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}`), prometheus.ErrMalformed, "without a value"},
		{"a pair without value", instant(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[` + now + `]}]}}`), prometheus.ErrMalformed, "pair"},
		{"a value that is no text", instant(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[` + now + `,7]}]}}`), prometheus.ErrMalformed, "pair"},
		{"a value of another time", instant(vector("1.5", "1000", "10")), prometheus.ErrMalformed, "asked for"},
		{"a point off the steps", steps(matrix(at.Add(time.Second), at.Add(time.Second), time.Minute, 1)), prometheus.ErrMalformed, "none of the"},
		{"a point before the start", steps(matrix(at.Add(-90*24*time.Hour), at, 90*24*time.Hour, 1)), prometheus.ErrMalformed, "none of the"},
		{"a point after the end", steps(matrix(at.Add(time.Minute), at.Add(time.Minute), time.Minute, 1)), prometheus.ErrMalformed, "none of the"},
		{"NaN", instant(vector(now, "NaN", "10")), prometheus.ErrBadValue, "NaN"},
		{"+Inf", instant(vector(now, "+Inf", "10")), prometheus.ErrBadValue, "+Inf"},
		{"negative", instant(vector(now, "1000", "-1")), prometheus.ErrBadValue, "errors_total"},
		{"NaN of the part", instant(vector(now, "1000", "NaN")), prometheus.ErrBadValue, "errors_total"},
		{"beyond counting", instant(vector(now, "1e19", "0")), prometheus.ErrBadValue, "1e18"},
		{"several series", instant(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[` + now + `,"1"]},{"metric":{"a":"2"},"value":[` + now + `,"1"]}]}}`),
			prometheus.ErrManySeries, "2 series where one is wanted: aggregate it with sum"},
		{"a native histogram", instant(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[` + now + `,{"count":"1","sum":"1"}]}]}}`),
			prometheus.ErrBadValue, "NativeLatency"},
		{"more bad events than events", instant(vector(now, "1000", "1001")), prometheus.ErrContradiction, "errors_total"},
		{"bad events absent", instant(vector(now, "1000", "")), slo.ErrNoData, "AbsentIsZero"},
		{"nothing at all", func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v1/query" {
				return respond(http.StatusOK, vector(now, "", "")), nil
			}
			if r.URL.Path == "/api/v1/query_range" {
				return respond(http.StatusOK, `{"status":"success","data":{"resultType":"matrix","result":[]}}`), nil
			}
			return respond(http.StatusOK, `{"status":"success","data":[]}`), nil
		}, slo.ErrNoData, "check the selector"},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://u:hunter2@example.test/prefix", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.URL.Path = strings.TrimPrefix(r.URL.Path, "/prefix")
				return row.server(r)
			})}
			counts, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour})
			if !errors.Is(err, row.want) {
				t.Fatalf("got %v and error %v, want an error of class %v", counts, err, row.want)
			}
			if counts != nil {
				t.Errorf("got %v with the error, want nothing", counts)
			}
			if !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "prometheus: ") {
				t.Errorf("error %q does not say %q after the name of the package", err, row.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q gives a secret away", err)
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestErrorsCarryTheirFacts(t *testing.T) {
	source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return respond(http.StatusUnprocessableEntity, `{"status":"error","errorType":"execution","error":"`+strings.Repeat("x", 2000)+`"}`), nil
	})}
	_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour})
	var refused *prometheus.ResponseError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a ResponseError", err)
	}
	if refused.Status != 422 || refused.Type != "execution" || !strings.Contains(refused.Query, "requests_total") {
		t.Errorf("got status %d, type %q, query %q", refused.Status, refused.Type, refused.Query)
	}
	if len(refused.Message) > 510 {
		t.Errorf("a message of %d bytes is repeated, want at most 500 and dots", len(refused.Message))
	}
}

// endless is a body that never ends and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBodyIsReadUpToTheLimit(t *testing.T) {
	for _, length := range []int64{-1, prometheus.MaxBody + 1} {
		body := &endless{}
		source := &prometheus.Source{URL: "http://example.test", MaxQueries: 1, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, ContentLength: length, Body: io.NopCloser(body)}, nil
		})}
		_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour})
		if !errors.Is(err, prometheus.ErrTooLarge) {
			t.Errorf("with Content-Length %d: got %v, want %v", length, err, prometheus.ErrTooLarge)
		}
		if body.read > prometheus.MaxBody+1 {
			t.Errorf("with Content-Length %d: read %d bytes, want at most %d", length, body.read, prometheus.MaxBody+1)
		}
	}
}

func TestUnusableConfigurationIsRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		source *prometheus.Source
		path   string
	}{
		{"no URL", &prometheus.Source{}, "url"},
		{"no scheme", &prometheus.Source{URL: "prometheus:9090"}, "url"},
		{"unparsable URL", &prometheus.Source{URL: "http://u:hunter2@[::1"}, "url"},
		{"URL with a query", &prometheus.Source{URL: "http://u:hunter2@example.test/?x=y"}, "url"},
		{"header name", &prometheus.Source{URL: "http://example.test", Headers: map[string]string{"a b": "c"}}, "headers"},
		{"header value", &prometheus.Source{URL: "http://example.test", Headers: map[string]string{"a": "hunter2\r\nb: c"}}, "headers"},
		{"tenant", &prometheus.Source{URL: "http://example.test", Tenant: "hunter2\n"}, "tenant"},
		{"parameter of the source", &prometheus.Source{URL: "http://example.test", Params: map[string][]string{"query": {"up"}}}, "params"},
		{"timeout", &prometheus.Source{URL: "http://example.test", Timeout: -1}, "timeout"},
		{"queries", &prometheus.Source{URL: "http://example.test", MaxQueries: -1}, "max_queries"},
		{"scrape interval", &prometheus.Source{URL: "http://example.test", ScrapeInterval: time.Millisecond}, "scrape_interval"},
		{"resolution", &prometheus.Source{URL: "http://example.test", Resolution: time.Second + 1}, "resolution"},
		{"authentication", &prometheus.Source{URL: "http://example.test", HTTP: twoWaysToAuthenticate}, "http"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := row.source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, []time.Duration{time.Hour})
			problems := sre.ProblemsIn(err)
			if len(problems) != 1 || problems[0].Path != row.path {
				t.Fatalf("got %v, want one problem at %s", err, row.path)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q gives a secret away", err)
			}
		})
	}
}

func TestUnusableInstantsAndSpansAreRefused(t *testing.T) {
	bySlices := slo.ByRatioTimeslices(5 * time.Minute)
	for _, row := range []struct {
		name   string
		method slo.BudgetingMethod
		at     time.Time
		span   time.Duration
		path   string
	}{
		{"the zero time", slo.ByOccurrences(), time.Time{}, time.Hour, "at"},
		{"no span", slo.ByOccurrences(), at, 0, "spans"},
		{"a negative span", slo.ByOccurrences(), at, -time.Hour, "spans"},
		{"a span of nanoseconds", slo.ByOccurrences(), at, time.Hour + 1, "spans"},
		{"an instant inside a slice", bySlices, at.Add(time.Minute), time.Hour, "at"},
		{"a part of a slice", bySlices, at, 12 * time.Minute, "spans"},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(healthy)}
			_, err := source.Counts(t.Context(), compiled(availability, row.method), row.at, []time.Duration{row.span})
			if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Path != row.path {
				t.Fatalf("got %v, want one problem at %s", err, row.path)
			}
		})
	}
}

func TestNoSpansNoRequests(t *testing.T) {
	source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("asked")
	})}
	counts, err := source.Counts(context.Background(), compiled(availability, slo.ByOccurrences()), at, nil)
	if len(counts) != 0 || err != nil {
		t.Errorf("got %v, %v; want nothing", counts, err)
	}
}
