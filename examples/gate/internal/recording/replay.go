package recording

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// URL stands for the server in requests that are played back. The name can
// never be resolved (RFC 6761, section 6.4), should one escape.
const URL = "http://recording.invalid"

// NotRecordedError says that a request was not part of the recording.
type NotRecordedError struct {
	Request string // method, path and parameters
}

// Error implements error.
func (e *NotRecordedError) Error() string {
	return fmt.Sprintf("recording: %s was not recorded; it holds only what the gate asks at its moments", e.Request)
}

// RoundTrip implements [http.RoundTripper]: it answers what was recorded and
// refuses everything else with a [*NotRecordedError].
func (r *Recording) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	asked, _, err := describe(req)
	if req.Body != nil {
		req.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(r.Exchanges, asked, compare)
	if !found {
		return nil, &NotRecordedError{Request: asked.request()}
	}
	e := r.Exchanges[i]
	return &http.Response{
		Status:     strconv.Itoa(e.Status) + " " + http.StatusText(e.Status),
		StatusCode: e.Status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {e.Type}},
		Body:          io.NopCloser(strings.NewReader(e.Body)),
		ContentLength: int64(len(e.Body)),
		Request:       req,
	}, nil
}
