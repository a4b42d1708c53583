package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a server.
const patience = 30 * time.Second

// need skips the test, or fails it with CI=true, unless Prometheus is there.
func need(t *testing.T) {
	t.Helper()
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			const how = "%s is not on PATH; on Debian and Ubuntu: apt-get install prometheus"
			if os.Getenv("CI") == "true" {
				t.Fatalf(how, name)
			}
			t.Skipf(how, name)
		}
	}
}

// startPrometheus starts a server on the blocks in dir, with the configuration
// prometheus.yml in it if there is one, and returns its URL when it is ready.
// It ends with the test.
func startPrometheus(t *testing.T, dir string, args ...string) string {
	t.Helper()
	config := filepath.Join(dir, "prometheus.yml")
	if _, err := os.Stat(config); err != nil {
		if err := os.WriteFile(config, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	log := &strings.Builder{}
	cmd := exec.CommandContext(t.Context(), "prometheus", append([]string{
		"--config.file=" + config,
		"--storage.tsdb.path=" + dir,
		"--web.listen-address=" + address,
		"--log.level=warn",
	}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		cmd.Wait() // log may be read once exited is closed
	}()
	t.Cleanup(func() { <-exited })

	base := "http://" + address
	poll(t, "Prometheus to be ready", func() bool {
		select {
		case <-exited:
			t.Fatalf("prometheus ended:\n%s", log)
		default:
		}
		resp, err := http.Get(base + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return base
}

// freeAddress returns a loopback address on which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// poll calls done until it reports true.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// ask evaluates PromQL at an instant without the package under test. The
// result is nil if the server has no element.
func ask(t *testing.T, base, query string, at time.Time) []element {
	t.Helper()
	form := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/api/v1/query?"+form.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          struct{ Result []element }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", query, err, body)
	}
	return answer.Data.Result
}

// element is one series of a result.
type element struct {
	Metric map[string]string
	Value  point
	Values []point
}

type point struct {
	at    time.Time
	value float64
}

func (p *point) UnmarshalJSON(data []byte) error {
	var at float64
	var value string
	if err := json.Unmarshal(data, &[]any{&at, &value}); err != nil {
		return err
	}
	var err error
	p.at = time.UnixMilli(int64(at*1000 + 0.5))
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// fill makes TSDB blocks of OpenMetrics text below dir.
func fill(dir string, write func(w io.Writer)) error {
	input := filepath.Join(dir, "input.om")
	f, err := os.Create(input)
	if err != nil {
		return err
	}
	write(f)
	fmt.Fprintln(f, "# EOF")
	if err := f.Close(); err != nil {
		return err
	}
	out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", input, dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("promtool: %w\n%s", err, out)
	}
	return os.Remove(input)
}
