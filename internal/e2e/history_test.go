package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

// The history is two days of a shop, minute by minute: uneven traffic, hours in
// which a quarter of the requests fail, a gap of forty minutes, an idle hour
// and restarts. Its counters are scraped at whole minutes, where PromQL's
// increase over whole minutes needs no extrapolation, so counts must be exact.
var history = func() slotest.World {
	r := rand.New(rand.NewPCG(3, 4))
	w := slotest.World{End: slotest.SampleEnd, Minutes: make([]slotest.Minute, 2*24*60)}
	for i := range w.Minutes {
		total, bad := 100+r.IntN(400), 0
		switch ago := len(w.Minutes) - i; {
		case ago > gapEnd && ago <= gapStart:
			continue
		case ago > 300 && ago <= 360:
			total = 0
		case i/60%6 == 1:
			bad = total / 4
		}
		w.Minutes[i] = slotest.Minute{Good: float64(total - bad), Bad: float64(bad), Measured: true}
	}
	return w
}()

// The gap, in minutes before the end.
const gapStart, gapEnd = 640, 600

// restarts are the minutes, from the start, after which the counters began at 0
// again.
var restarts = map[int]bool{500: true, 1001: true, 2500: true}

// historyBlocks returns a folder with the history as TSDB blocks, made once.
var historyBlocks = sync.OnceValues(func() (string, error) { return blocksOf(history, restarts) })

// sampleBlocks returns a folder with the World of the conformance test.
var sampleBlocks = sync.OnceValues(func() (string, error) { return blocksOf(slotest.Sample(), nil) })

var temporary []string

// otherwise is what the test binary does where it was started as a process of a
// test: is reports whether it was.
var otherwise = func() (code int, is bool) { return 0, false }

func TestMain(m *testing.M) {
	if code, is := otherwise(); is {
		os.Exit(code)
	}
	code := m.Run()
	for _, dir := range temporary {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// startOn starts a server on a copy of blocks, since a server compacts and
// deletes them.
func startOn(t *testing.T, blocks func() (string, error), args ...string) string {
	t.Helper()
	need(t)
	made, err := blocks()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
		t.Fatal(err)
	}
	return startPrometheus(t, dir, args...)
}

// A track is one series of a world: its text, and its value after a minute. A
// counter adds up.
type track struct {
	series string
	value  func(m slotest.Minute) float64
	gauge  bool
}

var tracks = []struct {
	family, kind string
	tracks       []track
}{
	{"http_requests", "counter", []track{
		{series: `http_requests_total{job="shop",code="200"}`, value: func(m slotest.Minute) float64 { return m.Good }},
		{series: `http_requests_total{job="shop",code="500"}`, value: func(m slotest.Minute) float64 { return m.Bad }},
	}},
	{"requests", "counter", []track{{series: `requests_total`, value: total}}},
	{"errors", "counter", []track{{series: `errors_total`, value: func(m slotest.Minute) float64 { return m.Bad }}}},
	{"latency_seconds", "histogram", []track{
		{series: `latency_seconds_bucket{le="0.25"}`, value: func(m slotest.Minute) float64 { return m.Good / 2 }},
		{series: `latency_seconds_bucket{le="1.0"}`, value: func(m slotest.Minute) float64 { return m.Good }},
		{series: `latency_seconds_bucket{le="+Inf"}`, value: total},
	}},
	{"error_ratio", "gauge", []track{{series: `error_ratio{job="shop"}`, value: errorRatio, gauge: true}}},
	{"probe_success", "gauge", []track{{series: `probe_success{job="blackbox"}`, value: probe, gauge: true}}},
}

func total(m slotest.Minute) float64 { return m.Good + m.Bad }

// errorRatio is NaN in idle minutes, as a recorded ratio is.
func errorRatio(m slotest.Minute) float64 { return m.Bad / (m.Good + m.Bad) }

func probe(m slotest.Minute) float64 {
	if m.Bad > 0 {
		return 0
	}
	return 1
}

// blocksOf scrapes a world at the end of each measured minute, and once before
// the first.
func blocksOf(w slotest.World, restarts map[int]bool) (string, error) {
	dir, err := os.MkdirTemp("", "sre-e2e-")
	if err != nil {
		return "", err
	}
	temporary = append(temporary, dir)
	start := w.End.Add(-time.Duration(len(w.Minutes)) * time.Minute)
	return dir, fill(dir, func(out io.Writer) {
		b := bufio.NewWriter(out)
		defer b.Flush()
		for _, family := range tracks {
			fmt.Fprintf(b, "# TYPE %s %s\n", family.family, family.kind)
			for _, s := range family.tracks {
				sum := 0.0
				line := func(minute int, value float64) {
					fmt.Fprintf(b, "%s %s %d\n", s.series, strconv.FormatFloat(value, 'g', -1, 64), start.Add(time.Duration(minute)*time.Minute).Unix())
				}
				if !s.gauge {
					line(0, 0)
				}
				for i, m := range w.Minutes {
					if restarts[i] {
						sum = 0
					}
					sum += s.value(m)
					switch {
					case !m.Measured:
					case s.gauge:
						line(i+1, s.value(m))
					default:
						line(i+1, sum)
					}
				}
			}
		}
	})
}

func metric(query string) slo.Metric { return slo.Metric{Query: query} }

func compiled(sli slo.SLI, method slo.BudgetingMethod) *slo.Compiled {
	return slo.SLO{ID: "shop", Service: "shop", SLI: sli, Objective: slo.MustParseObjective("99.9%"),
		Window: slo.Rolling(30 * 24 * time.Hour), Budgeting: method}.MustCompile()
}
