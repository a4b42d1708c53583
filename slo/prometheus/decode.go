package prometheus

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// maxWarnings bounds how many warnings an error repeats.
const maxWarnings = 10

// An envelope is around every answer of the API. Infos, which also comment on
// a metric's name, are not read: they never say that data is missing.
type envelope struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
	Warnings  []string        `json:"warnings"`
}

// decodeEnvelope returns the data of a complete answer, or the typed error that
// the answer amounts to.
func decodeEnvelope(status int, body []byte, query string) (json.RawMessage, error) {
	var e envelope
	err := json.Unmarshal(body, &e)
	switch {
	case status/100 != 2 && (err != nil || e.Error == ""):
		return nil, &ResponseError{Status: status, Message: foreign(status, body), Query: query}
	case status/100 != 2, err == nil && e.Status == "error":
		return nil, &ResponseError{Status: status, Type: clip(e.ErrorType), Message: clip(e.Error), Query: query}
	case err != nil:
		return nil, malformed(query, "%v: %.80q", err, body)
	case e.Status != "success":
		return nil, malformed(query, "status %q", e.Status)
	case len(e.Warnings) > 0:
		return nil, partial(query, e.Warnings)
	}
	return e.Data, nil
}

// foreign describes an error that is not in the form of the API.
func foreign(status int, body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 2*maxErrorText)]), "")), " ")
	switch {
	case status/100 == 3:
		return "a redirect, which is never followed: set URL to where it leads"
	case text == "":
		return http.StatusText(status)
	}
	return clip(text)
}

func partial(query string, warnings []string) error {
	e := &PartialError{Query: query}
	for _, w := range warnings[:min(len(warnings), maxWarnings)] {
		e.Warnings = append(e.Warnings, clip(w))
	}
	return e
}

// A series is one element of a result. The decoder of package model takes a
// pair without a value, or an element without either, for a zero; a zero that
// nobody measured must not pass, so the shape is checked here and package model
// reads the parts.
type series struct {
	Metric     model.Metric    `json:"metric"`
	Value      *pair           `json:"value"`
	Values     []pair          `json:"values"`
	Histogram  json.RawMessage `json:"histogram"`
	Histograms json.RawMessage `json:"histograms"`
}

type pair struct {
	time  model.Time
	value float64
}

// UnmarshalJSON reads [1700000000.123,"42"] and nothing else.
func (p *pair) UnmarshalJSON(data []byte) error {
	inner, opened := bytes.CutPrefix(data, []byte("["))
	inner, closed := bytes.CutSuffix(inner, []byte("]"))
	at, value, separated := bytes.Cut(inner, []byte(","))
	if !opened || !closed || !separated {
		return errPair
	}
	if err := p.time.UnmarshalJSON(bytes.TrimSpace(at)); err != nil {
		return errPair
	}
	var v model.SampleValue
	if err := v.UnmarshalJSON(bytes.TrimSpace(value)); err != nil {
		return errPair
	}
	p.value = float64(v)
	return nil
}

var errPair = errors.New(`a pair that is not [time,"value"]`)

// decodeResult reads the series of a result of the type that was asked for.
func decodeResult(data json.RawMessage, resultType, query string) ([]series, error) {
	var result struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, malformed(query, "data: %v", err)
	}
	if result.ResultType != resultType {
		return nil, malformed(query, "a result of type %q where a %s is wanted", result.ResultType, resultType)
	}
	if !bytes.HasPrefix(result.Result, []byte("[")) {
		return nil, malformed(query, "no result")
	}
	var list []series
	if err := json.Unmarshal(result.Result, &list); err != nil {
		return nil, malformed(query, "result: %v", err)
	}
	for _, s := range list {
		switch {
		case s.Histogram != nil, s.Histograms != nil:
			return nil, &ValueError{Query: query, Value: "(a native histogram)", Want: "a number; slo.NativeLatency reads native histograms"}
		case resultType == "vector" && s.Value == nil, resultType == "matrix" && len(s.Values) == 0:
			return nil, malformed(query, "an element without a value")
		}
	}
	return list, nil
}

// A column tells the elements of a result apart: the total of events, or the
// part of them that is good or bad.
type column uint8

const (
	total column = iota
	part
)

// A reading is what a result says at one instant.
type reading struct {
	value [2]float64 // by column; the sum of its elements
	count [2]int     // how many elements there were
}

func (r *reading) add(c column, value float64) {
	r.value[c] += value
	r.count[c]++
}

func (r reading) has(c column) bool { return r.count[c] > 0 }

// decodeVector reads the answer to an instant query.
func decodeVector(data json.RawMessage, at time.Time, query string, columnOf func(model.Metric) column) (reading, error) {
	var r reading
	list, err := decodeResult(data, "vector", query)
	for _, s := range list {
		if s.Value.time != model.TimeFromUnixNano(at.UnixNano()) {
			return r, malformed(query, "a value of %v where %v was asked for", s.Value.time, at)
		}
		r.add(columnOf(s.Metric), s.Value.value)
	}
	return r, err
}

// decodeMatrix reads the answer to a range query into n readings, the first at
// start and each one step after the last.
func decodeMatrix(data json.RawMessage, start time.Time, step time.Duration, into []reading, query string, columnOf func(model.Metric) column) error {
	list, err := decodeResult(data, "matrix", query)
	if err != nil {
		return err
	}
	origin, stride := start.UnixMilli(), step.Milliseconds()
	for _, s := range list {
		c := columnOf(s.Metric)
		last := int64(-1)
		for _, v := range s.Values {
			offset := int64(v.time) - origin
			i := offset / stride
			if offset < 0 || offset%stride != 0 || i >= int64(len(into)) || i <= last {
				return malformed(query, "a point at %v that is none of the %d asked for from %v in steps of %v", v.time, len(into), start, step)
			}
			into[i].add(c, v.value)
			last = i
		}
	}
	return nil
}
