package recording

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// A Capture is a server that passes each request on to another one and records
// the exchange.
type Capture struct {
	target string // scheme and host

	mu  sync.Mutex
	rec Recording
	err error // the first failure; a recording with a hole is none
}

// NewCapture records the server at target, "http://127.0.0.1:9090", under that
// name.
func NewCapture(target, server string) *Capture {
	return &Capture{target: target, rec: Recording{Server: server}}
}

// ServeHTTP implements [http.Handler].
func (c *Capture) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e, err := c.exchange(req)
	c.mu.Lock()
	if err == nil {
		err = c.rec.add(e)
	}
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", e.Type)
	w.WriteHeader(e.Status)
	io.WriteString(w, e.Body)
}

// exchange asks the server without compression, so that what is recorded can
// be read.
func (c *Capture) exchange(req *http.Request) (Exchange, error) {
	e, body, err := describe(req)
	if err != nil {
		return e, err
	}
	out, err := http.NewRequestWithContext(req.Context(), req.Method, c.target+req.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return e, err
	}
	if t := req.Header.Get("Content-Type"); t != "" {
		out.Header.Set("Content-Type", t)
	}
	out.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return e, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return e, fmt.Errorf("recording: the answer to %s: %w", e.request(), err)
	}
	e.Status, e.Type, e.Body = resp.StatusCode, resp.Header.Get("Content-Type"), string(answer)
	return e, nil
}

// Recording returns what was recorded so far, or the first failure.
func (c *Capture) Recording() (*Recording, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rec
	return &r, c.err
}
