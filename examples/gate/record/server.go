package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A server is a Prometheus that holds the whole period and scrapes nothing.
type server struct {
	url     string
	version string // "prometheus 2.42.0"
	process *exec.Cmd
	ended   chan error
}

// start fills a server's storage below dir and runs it.
func start(ctx context.Context, dir string, requests []int) (*server, error) {
	for _, name := range []string{"promtool", "prometheus"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("%w: on Debian, apt-get install prometheus", err)
		}
	}
	storage := filepath.Join(dir, "storage")
	if err := fill(ctx, dir, storage, requests); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global:\n  scrape_interval: 1m\n"), 0o644); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + address, ended: make(chan error, 1)}
	var log bytes.Buffer
	s.process = exec.CommandContext(ctx, "prometheus", "--config.file="+config, "--storage.tsdb.path="+storage,
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address)
	s.process.Stderr = &log
	s.process.Cancel = func() error { return s.process.Process.Signal(os.Interrupt) }
	s.process.WaitDelay = 10 * time.Second
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.process.Wait() }()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	return s, nil
}

func (s *server) stop() {
	s.process.Process.Signal(os.Interrupt)
	<-s.ended
}

// fill makes blocks of the samples.
func fill(ctx context.Context, dir, storage string, requests []int) error {
	samples := filepath.Join(dir, "samples.txt")
	f, err := os.Create(samples)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writeOpenMetrics(f, inject(requests)); err != nil {
		return err
	}
	// One block for all of it instead of 420 of two hours.
	_, err = output(ctx, "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=2000h", samples, storage)
	return err
}

// freeAddress returns a loopback address that nobody listens at. Prometheus
// does not say which port it got when asked to take any.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// ready waits until the server answers queries and asks for its version.
func (s *server) ready(ctx context.Context) error {
	deadline := time.After(time.Minute)
	for {
		if err := s.build(ctx); err == nil {
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err // for stop
			return fmt.Errorf("prometheus ended: %w", err)
		case <-deadline:
			return errors.New("prometheus is not ready after a minute")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *server) build(ctx context.Context) error {
	if err := get(ctx, s.url+"/-/ready", nil); err != nil {
		return err
	}
	var info struct {
		Data struct{ Version string }
	}
	err := get(ctx, s.url+"/api/v1/status/buildinfo", &info)
	s.version = "prometheus " + info.Data.Version
	return err
}

func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
