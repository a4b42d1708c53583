package stats_test

import (
	"testing"

	"github.com/sre-sdk/sre/incident/stats"
	"github.com/sre-sdk/sre/internal/stat"
)

func benchmarkFacts(n int, prefix string, open bool) []stats.Fact {
	r := stat.NewRandom(1)
	minutes := make([]float64, n)
	for i := range minutes {
		minutes[i] = lognormal(r, 146, 316)
	}
	facts := lasting(prefix, 1, minutes...)
	if open {
		censor(r, facts)
	}
	return facts
}

func BenchmarkCompare(b *testing.B) {
	for _, open := range []bool{false, true} {
		name := map[bool]string{false: "closed", true: "open"}[open]
		b.Run(name, func(b *testing.B) {
			c := stats.Policy{}.MustCompile()
			before, after := benchmarkFacts(100, "b", open), benchmarkFacts(100, "a", open)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Compare(before, after, stats.MTTR); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDescribe(b *testing.B) {
	c := stats.Policy{}.MustCompile()
	facts := benchmarkFacts(10_000, "x", true)
	for b.Loop() {
		if _, err := c.Describe(facts, stats.MTTR); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWatch(b *testing.B) {
	c := stats.Policy{}.MustCompile()
	baseline, stream := benchmarkFacts(100, "b", false), benchmarkFacts(300, "s", false)
	for b.Loop() {
		if _, err := c.Watch(baseline, stream, stats.MTTR); err != nil {
			b.Fatal(err)
		}
	}
}
