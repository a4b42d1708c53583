package storagetest_test

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage/storagetest"
)

// Bench runs to its end, and gives the bare driver as much to do as it says.
func TestBenchRuns(t *testing.T) {
	for name, value := range map[string]string{"test.benchtime": "700x", "storage.timers": "300"} {
		f := flag.Lookup(name)
		before := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Value.Set(before) }()
	}
	var groups, sizes []int
	bare := func(_ *testing.B, group, n int) float64 {
		groups, sizes = append(groups, group), append(sizes, n)
		return float64(n) / time.Second.Seconds()
	}
	failed := true
	testing.Benchmark(func(b *testing.B) {
		storagetest.Bench(b, storagetest.Options{Open: openMemory, Bare: bare})
		failed = b.Failed()
	})
	if failed {
		t.Error("a benchmark failed")
	}
	if n := len(groups); n < 2 || groups[n-2] != 64 || groups[n-1] != 1 || sizes[n-2] != 700 || slices.Min(sizes) < 1 {
		t.Errorf("the bare driver was run with groups of %v and %v records", groups, sizes)
	}
}
