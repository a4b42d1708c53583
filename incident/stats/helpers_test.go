package stats_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/stats"
	"github.com/sre-sdk/sre/internal/stat"
)

var (
	simulations = flag.Int("simulations", 120, "simulations of each law; 4000 or more for a close look")
	seed        = flag.Uint64("seed", 20210319, "seed of the simulations")
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// lasting returns resolved incidents of those durations, in minutes.
func lasting(prefix string, severity sre.Severity, minutes ...float64) []stats.Fact {
	list := make([]stats.Fact, len(minutes))
	for i, m := range minutes {
		begin := epoch.Add(time.Duration(i) * time.Hour)
		list[i] = stats.Fact{
			ID: fmt.Sprintf("%s%d-%d", prefix, severity, i), Severity: severity,
			Times: stats.Times{Impact: begin, Resolved: begin.Add(time.Duration(m * float64(time.Minute)))},
		}
	}
	return list
}

// column reads two columns of a file in testdata: a name and minutes.
func column(t testing.TB, name string) (keys []string, minutes []float64) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		m, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		keys, minutes = append(keys, row[0]), append(minutes, m)
	}
	return keys, minutes
}

// compiled is a policy that simulations can afford: fewer random assignments.
func compiled(resamples int) *stats.Compiled {
	return stats.Policy{Resamples: resamples, Exact: 1000, Seed: *seed}.MustCompile()
}

// draw returns n of the values, with replacement, times factor.
func draw(r stat.Random, values []float64, n int, factor float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = values[r.Below(len(values))] * factor
	}
	return out
}

// atMost fails if hits of n are more than a share would give, but for chance of
// one in 10,000 runs of this test.
func atMost(t *testing.T, what string, hits, n int, share float64) {
	t.Helper()
	t.Logf("%s: %d of %d (%.1f %%), stated at most %.1f %%; seed %d", what, hits, n, 100*float64(hits)/float64(n), 100*share, *seed)
	if 1-stat.BinomialAtMost(hits-1, n, share) < 1e-4 {
		t.Errorf("%s: %d of %d is more than %.1f %%", what, hits, n, 100*share)
	}
}

func atLeast(t *testing.T, what string, hits, n int, share float64) {
	t.Helper()
	t.Logf("%s: %d of %d (%.1f %%), stated at least %.1f %%; seed %d", what, hits, n, 100*float64(hits)/float64(n), 100*share, *seed)
	if stat.BinomialAtMost(hits, n, share) < 1e-4 {
		t.Errorf("%s: %d of %d is less than %.1f %%", what, hits, n, 100*share)
	}
}

// lognormal returns a value of the lognormal with that mean and sd.
func lognormal(r stat.Random, mean, sd float64) float64 {
	variance := math.Log1p(sd * sd / mean / mean)
	return math.Exp(math.Log(mean) - variance/2 + math.Sqrt(variance)*r.Normal())
}
