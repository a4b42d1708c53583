package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sre-sdk/sre/incident/recovery"
	"github.com/sre-sdk/sre/slo"
)

// version is what is deployed. Every FailEvery-th request fails.
type version struct {
	Name      string `json:"name"`
	FailEvery int    `json:"fail_every"`
}

// service is an HTTP service that counts its own requests, one slice of
// simulated time each, and so is a [slo.Source] of them.
type service struct {
	server *http.Server
	client *http.Client
	url    string

	mu      sync.Mutex
	start   time.Time
	clock   time.Time
	version version
	slices  []slo.Counts // one for each perRequest since start
}

func newService(listener net.Listener, start time.Time) *service {
	s := &service{url: "http://" + listener.Addr().String(), client: &http.Client{Timeout: 10 * time.Second},
		start: start, clock: start, version: version{Name: "1", FailEvery: 1000}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener) // ends with close
	return s
}

func (s *service) close() {
	s.client.CloseIdleConnections()
	s.server.Close()
}

// ServeHTTP serves one request at the simulated instant and counts it.
func (s *service) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := slo.Counts{Good: 1, Covered: perRequest, Span: perRequest}
	if (len(s.slices)+1)%s.version.FailEvery == 0 {
		c.Good, c.Bad = 0, 1
		w.WriteHeader(http.StatusInternalServerError)
	}
	s.slices = append(s.slices, c)
	s.clock = s.clock.Add(perRequest)
}

// load sends n requests, one after the other.
func (s *service) load(ctx context.Context, n int) (served, failed int, err error) {
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
		if err != nil {
			return served, failed, err
		}
		resp, err := s.client.Do(req)
		if err != nil {
			return served, failed, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return served, failed, err
		}
		served++
		if resp.StatusCode >= 500 {
			failed++
		}
	}
	return served, failed, nil
}

func (s *service) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *service) running() version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *service) run(v version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = v
}

// Counts sums up what was counted in each span. Time before the service ran is
// unmeasured.
func (s *service) Counts(ctx context.Context, _ *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make([]slo.Counts, len(spans))
	for i, span := range spans {
		counts[i].Span = span
		last := min(int(at.Sub(s.start)/perRequest), len(s.slices))
		first := max(int(at.Add(-span).Sub(s.start)/perRequest), 0)
		for _, c := range s.slices[min(first, last):last] {
			counts[i].Good += c.Good
			counts[i].Bad += c.Bad
			counts[i].Covered += c.Covered
		}
	}
	return counts, nil
}

// series is the same by slices of five minutes, for three hours back.
func (s *service) series(ctx context.Context, c *slo.Compiled, now time.Time) (recovery.Series, error) {
	const slice = 5 * time.Minute
	series := recovery.Series{SLO: c.ID(), Objective: c.Objective()}
	for end := now.Add(-3 * time.Hour); !end.After(now); end = end.Add(slice) {
		counts, err := s.Counts(ctx, c, end, []time.Duration{slice})
		if err != nil {
			return series, err
		}
		series.Slices = append(series.Slices, recovery.Slice{End: end, Counts: counts[0]})
	}
	return series, nil
}
