package prometheus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre/slo"
)

// The classes of what goes wrong, for errors.Is. Each has a struct with the
// facts, for errors.As. That nothing matches a query is [slo.ErrNoData]; a
// configuration or query that cannot be used carries sre.Problems.
var (
	ErrUnreachable    = errors.New("prometheus: no answer")                          // RequestError
	ErrResponse       = errors.New("prometheus: the server refused")                 // ResponseError
	ErrMalformed      = errors.New("prometheus: not an answer of the HTTP API")      // BodyError
	ErrTooLarge       = errors.New("prometheus: the answer is too large")            // BodyError
	ErrPartial        = errors.New("prometheus: the answer carries warnings")        // PartialError
	ErrBadValue       = errors.New("prometheus: a value that cannot be used")        // ValueError
	ErrManySeries     = errors.New("prometheus: several series where one is wanted") // SeriesError
	ErrContradiction  = errors.New("prometheus: a part exceeds its total")           // ContradictionError
	ErrNoBucket       = errors.New("prometheus: the histogram has no such bucket")   // BucketError
	ErrRetention      = errors.New("prometheus: the server forgets too early")       // RetentionError
	ErrScrapeInterval = errors.New("prometheus: samples are further apart than configured")
)

// maxErrorText bounds how much foreign text an error repeats, in bytes.
const maxErrorText = 500

func clip(text string) string {
	if len(text) > maxErrorText {
		return strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}

// A RequestError says that a request got no complete answer: the server could
// not be reached, the connection broke, or Timeout passed. In the last case
// errors.Is(err, context.DeadlineExceeded) holds.
type RequestError struct {
	Target string // scheme, host and path, without user and query
	Err    error
}

// Error implements error.
func (e *RequestError) Error() string {
	return fmt.Sprintf("prometheus: no answer from %s: %s", e.Target, clip(e.Err.Error()))
}

// Unwrap returns ErrUnreachable and the cause.
func (e *RequestError) Unwrap() []error { return []error{ErrUnreachable, e.Err} }

// A ResponseError is an error that the server, or something before it,
// answered with.
type ResponseError struct {
	Status  int    // of HTTP
	Type    string // errorType of the API, such as "bad_data", "execution" or "timeout"; "" if the body was none of the API's
	Message string // shortened to 500 bytes
	Query   string // what was asked; may be empty
}

// Error implements error.
func (e *ResponseError) Error() string {
	kind := ""
	if e.Type != "" {
		kind = " " + e.Type
	}
	return fmt.Sprintf("prometheus: HTTP %d%s: %s%s", e.Status, kind, e.Message, asked(e.Query))
}

// Unwrap returns ErrResponse.
func (e *ResponseError) Unwrap() error { return ErrResponse }

func asked(query string) string {
	if query == "" {
		return ""
	}
	return fmt.Sprintf(" (query %q)", clip(query))
}

// A BodyError says that the body of an answer cannot be used: it is not JSON,
// not what the API documents, cut short, or larger than [MaxBody].
type BodyError struct {
	Query  string
	Reason string
	Kind   error // ErrMalformed or ErrTooLarge
}

// Error implements error.
func (e *BodyError) Error() string { return e.Kind.Error() + ": " + e.Reason + asked(e.Query) }

// Unwrap returns Kind.
func (e *BodyError) Unwrap() error { return e.Kind }

func malformed(query, format string, args ...any) error {
	return &BodyError{Query: query, Reason: clip(fmt.Sprintf(format, args...)), Kind: ErrMalformed}
}

// A PartialError says that the server answered with warnings: it could not
// read everything that the query asked for.
type PartialError struct {
	Query    string
	Warnings []string // at least one; each shortened to 500 bytes, at most ten
}

// Error implements error.
func (e *PartialError) Error() string {
	return "prometheus: the answer carries warnings: " + strings.Join(e.Warnings, "; ") + asked(e.Query)
}

// Unwrap returns ErrPartial.
func (e *PartialError) Unwrap() error { return ErrPartial }

// A ValueError says that a value is none that the query may have.
type ValueError struct {
	Query string
	Value string // as the server wrote it
	Want  string
}

// Error implements error.
func (e *ValueError) Error() string {
	return fmt.Sprintf("prometheus: value %s: want %s%s", e.Value, e.Want, asked(e.Query))
}

// Unwrap returns ErrBadValue.
func (e *ValueError) Unwrap() error { return ErrBadValue }

// A SeriesError says that a query yields several series at one instant.
type SeriesError struct {
	Query  string
	Count  int
	Remedy string
}

// Error implements error.
func (e *SeriesError) Error() string {
	return fmt.Sprintf("prometheus: %d series where one is wanted: %s%s", e.Count, e.Remedy, asked(e.Query))
}

// Unwrap returns ErrManySeries.
func (e *SeriesError) Unwrap() error { return ErrManySeries }

// A ContradictionError says that there were more good (or bad) events than
// events.
type ContradictionError struct {
	PartQuery, TotalQuery string
	Part, Total           float64
	Window                time.Duration
}

// Error implements error.
func (e *ContradictionError) Error() string {
	return fmt.Sprintf("prometheus: %v events of %q exceed the total of %v of %q over %v: let both select from the same metric",
		e.Part, clip(e.PartQuery), e.Total, clip(e.TotalQuery), e.Window)
}

// Unwrap returns ErrContradiction.
func (e *ContradictionError) Unwrap() error { return ErrContradiction }

// A NoDataError says that the server answered and knows nothing that the query
// selects. errors.Is(err, slo.ErrNoData) holds.
type NoDataError struct {
	Query  string
	Remedy string
}

// Error implements error.
func (e *NoDataError) Error() string {
	return fmt.Sprintf("prometheus: no data for query %q: %s", clip(e.Query), e.Remedy)
}

// Unwrap returns slo.ErrNoData.
func (e *NoDataError) Unwrap() error { return slo.ErrNoData }

// A BucketError says that a classic histogram has no bucket with the bound
// that a latency SLI needs, now or in a part of the time asked for.
type BucketError struct {
	Query  string
	Want   float64   // seconds
	Bounds []float64 // existing bounds next to it, ascending, in seconds; empty if they could not be read
}

// Error implements error.
func (e *BucketError) Error() string {
	near := ""
	if len(e.Bounds) > 0 {
		near = fmt.Sprintf("; the nearest are %v", e.Bounds)
	}
	return fmt.Sprintf("prometheus: no bucket le=\"%v\" in %q throughout the time asked for%s", e.Want, clip(e.Query), near)
}

// Unwrap returns ErrNoBucket.
func (e *BucketError) Unwrap() error { return ErrNoBucket }

// A RetentionError says that the start of a span has no data and that the
// server's retention is shorter than the span.
type RetentionError struct {
	Retention, Span time.Duration
}

// Error implements error.
func (e *RetentionError) Error() string {
	return fmt.Sprintf("prometheus: the server keeps %s, but the window is %s: keep data for longer, read from long-term storage, or shorten the window",
		duration(e.Retention), duration(e.Span))
}

// Unwrap returns ErrRetention.
func (e *RetentionError) Unwrap() error { return ErrRetention }

// An IntervalError says that no two neighboring steps have a sample, so that
// coverage would read as half of what it is or less: samples are regularly
// further apart than the field of Source says.
type IntervalError struct {
	Query   string
	Field   string        // "ScrapeInterval" or "Resolution"
	Value   time.Duration // of the field
	Spacing time.Duration // the smallest distance seen, to the step
}

// Error implements error.
func (e *IntervalError) Error() string {
	return fmt.Sprintf("prometheus: samples are about %v apart, but %s is %v: raise it%s", e.Spacing, e.Field, e.Value, asked(e.Query))
}

// Unwrap returns ErrScrapeInterval.
func (e *IntervalError) Unwrap() error { return ErrScrapeInterval }
