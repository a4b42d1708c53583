package stats_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/stats"
	"github.com/sre-sdk/sre/internal/stat"
)

// Somebody looks after every incident and stops at the first alarm.
func TestLawWatchingAlarmsFalselyAtMostAtAlpha(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	r, c := stat.NewRandom(*seed), compiled(199)
	hits, peeking, truth := 0, 0, 0
	const baseline, stream = 20, 60
	for range *simulations {
		all := draw(r, minutes, baseline+stream, 1)
		w, err := c.Watch(lasting("b", 1, all[:baseline]...), lasting("s", 1, all[baseline:]...), stats.MTTR)
		if err != nil {
			t.Fatal(err)
		}
		if w.Alarm {
			hits++
		}
		if w.Change.Low.Known && w.Change.Low.Times > 1 || w.Change.High.Known && w.Change.High.Times < 1 {
			truth++
		}
		if peeksAtT(all[:baseline], all[baseline:]) {
			peeking++
		}
	}
	atMost(t, "false alarms of a watch that is looked at after each of 60 incidents", hits, *simulations, 0.05)
	atMost(t, "intervals that exclude no change", truth, *simulations, 0.05)
	t.Logf("the t test, looked at as often: %d of %d", peeking, *simulations)
	if peeking <= 2*hits {
		t.Error("looking often costs the t test nothing: this test does not test")
	}
}

func peeksAtT(baseline, stream []float64) bool {
	logs := func(list []float64) []float64 {
		out := make([]float64, len(list))
		for i, v := range list {
			out[i] = math.Log(v)
		}
		return out
	}
	for n := 3; n <= len(stream); n++ {
		if s, ok := stat.Welch(logs(baseline), logs(stream[:n])); ok && stat.TTails(s.Value/s.Error, s.DF) <= 0.05 {
			return true
		}
	}
	return false
}

func TestWatchFindsATrueCutByTwoThirds(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	r, c := stat.NewRandom(*seed), compiled(199)
	found, covered, n := 0, 0, *simulations/2
	for range n {
		w, err := c.Watch(lasting("b", 1, draw(r, minutes, 100, 1)...), lasting("s", 1, draw(r, minutes, 60, 1./3)...), stats.MTTR)
		if err != nil {
			t.Fatal(err)
		}
		if w.Alarm && !w.Longer {
			found++
		}
		if (!w.Change.Low.Known || w.Change.Low.Times <= 1./3) && (!w.Change.High.Known || w.Change.High.Times >= 1./3) {
			covered++
		}
	}
	atLeast(t, "a cut by two thirds found within 60 incidents", found, n, 0.8)
	atLeast(t, "intervals that hold a third", covered, n, 0.95)
}

// Taken as they end, the short ones of the newest incidents come first.
func TestWatchWaitsForTheFirstOpenIncident(t *testing.T) {
	baseline, stream := lasting("b", 1, 60, 60, 60), lasting("s", 1, 50, 60, 70)
	stream[1].Times.Resolved, stream[1].Open, stream[1].ObservedUntil = time.Time{}, true, epoch.Add(100*time.Hour)
	w, err := stats.Policy{}.MustCompile().Watch(baseline, stream, stats.MTTR)
	if err != nil {
		t.Fatal(err)
	}
	if w.Seen != 1 || w.Waiting != 2 {
		t.Errorf("seen %d, waiting %d, want 1 and 2", w.Seen, w.Waiting)
	}
}

// Open incidents and several severities, no change: the level holds.
func TestLawCensoredAndStratifiedComparisonsKeepTheLevel(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	r, c := stat.NewRandom(*seed), compiled(199)
	n := *simulations / 2
	var hits [3]int
	for range n {
		for kind := range hits {
			var before, after []stats.Fact
			for severity := sre.Severity(1); severity <= 3; severity++ {
				scale := float64(4 - severity)
				before = append(before, lasting("b", severity, draw(r, minutes, 4+2*int(severity), scale)...)...)
				after = append(after, lasting("a", severity, draw(r, minutes, 10-2*int(severity), scale)...)...)
			}
			if kind == 1 {
				before, after = before[:8], after[:8] // one severity, few
			}
			if kind >= 1 {
				censor(r, before)
				censor(r, after)
			}
			k, err := c.Compare(before, after, stats.MTTR)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := k.Verdict.(stats.Evidence); ok {
				hits[kind]++
			}
		}
	}
	for kind, name := range []string{"stratified", "censored", "stratified and censored"} {
		atMost(t, name+" comparison without change", hits[kind], n, 0.05)
	}
}

// censor leaves about a quarter of the incidents open.
func censor(r stat.Random, facts []stats.Fact) {
	for i := range facts {
		until := facts[i].Times.Impact.Add(time.Duration(r.Below(3000)) * time.Minute)
		if until.Before(facts[i].Times.Resolved) {
			facts[i].Times.Resolved, facts[i].Open, facts[i].ObservedUntil = time.Time{}, true, until
		}
	}
}

func TestLawHolmKeepsTheLevelOverAllMeasures(t *testing.T) {
	_, minutes := column(t, "clouds.csv")
	r, c := stat.NewRandom(*seed), compiled(199)
	hits, n := 0, *simulations/2
	side := func(prefix string) []stats.Fact {
		facts := lasting(prefix, 1, draw(r, minutes, 15, 1)...)
		for i := range facts {
			at := &facts[i].Times
			at.Mitigated = at.Resolved
			at.Detected = at.Impact.Add(time.Duration(minutes[r.Below(len(minutes))]) * time.Minute)
			at.Acknowledged = at.Detected.Add(time.Duration(minutes[r.Below(len(minutes))]) * time.Minute)
		}
		return facts
	}
	for range n {
		list, err := c.CompareAll(side("b"), side("a"), stats.MTTD, stats.MTTA, stats.MTTM)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(list, func(k stats.Comparison) bool { _, ok := k.Verdict.(stats.Evidence); return ok }) {
			hits++
		}
	}
	atMost(t, "any evidence among three measures without change", hits, n, 0.05)
}

func TestLawCountsWithoutChangeAreEvidenceAtMostAtAlpha(t *testing.T) {
	r, c := stat.NewRandom(*seed), compiled(199)
	poisson := func(mean float64) int {
		n, product := 0, r.Float()
		for limit := math.Exp(-mean); product > limit; n++ {
			product *= r.Float()
		}
		return n
	}
	for _, clustered := range []bool{false, true} {
		hits, covered := 0, 0
		period := func() stats.Counts {
			n := stats.Counts{Interval: 7 * 24 * time.Hour}
			for range 13 {
				mean := 3.0
				if clustered {
					mean *= lognormal(r, 1, 1)
				}
				n.PerInterval = append(n.PerInterval, poisson(mean))
			}
			return n
		}
		for range *simulations {
			k, err := c.CompareCounts(period(), period())
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := k.Verdict.(stats.Evidence); ok {
				hits++
			}
			if k.Before.Low <= 3 && 3 <= k.Before.High {
				covered++
			}
		}
		atMost(t, fmt.Sprintf("counts without change (clustered: %v) called evidence", clustered), hits, *simulations, 0.05)
		stated := 0.95
		if clustered {
			stated = 0.9 // whether a period is clustered is seen only from 13 counts
		}
		atLeast(t, fmt.Sprintf("interval of the count (clustered: %v)", clustered), covered, *simulations, stated)
	}
}

func drawFacts(prefix string) *rapid.Generator[[]stats.Fact] {
	return rapid.Custom(func(t *rapid.T) []stats.Fact {
		n := rapid.IntRange(0, 12).Draw(t, "n")
		facts := make([]stats.Fact, n)
		instant := func(label string) time.Time {
			if rapid.IntRange(0, 5).Draw(t, label+"?") == 0 {
				return time.Time{}
			}
			return epoch.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 60e9, 120e9, 3600e9, 86400e9, 365 * 86400e9}).Draw(t, label)))
		}
		for i := range facts {
			facts[i] = stats.Fact{
				ID: fmt.Sprint(prefix, i), Severity: sre.Severity(rapid.IntRange(0, 2).Draw(t, "severity")),
				Times: stats.Times{Impact: instant("impact"), Detected: instant("detected"), Resolved: instant("resolved")},
				Open:  rapid.IntRange(0, 3).Draw(t, "open") == 0, ObservedUntil: instant("observed"),
			}
		}
		return facts
	})
}

// Whatever the facts, every float in every result is finite, every probability is
// in 0..1, and every sentence is one.
func TestLawResultsHoldNoNaN(t *testing.T) {
	c := stats.Policy{Resamples: 200, Exact: 100}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawFacts("b").Draw(t, "before"), drawFacts("a").Draw(t, "after")
		for _, k := range must(c.CompareAll(before, after, stats.MTTD, stats.MTTR))(t) {
			finite(t, reflect.ValueOf(k))
			sentence(t, k.Sentence())
			if k.P < 0 || k.P > 1 || k.P < k.PTest && k.P < k.PPermutation {
				t.Fatalf("P %v of %v and %v", k.P, k.PTest, k.PPermutation)
			}
		}
		s := must(c.Describe(before, stats.MTTR))(t)
		finite(t, reflect.ValueOf(s))
		sentence(t, s.Sentence())
		w := must(c.Watch(before, after, stats.MTTR))(t)
		finite(t, reflect.ValueOf(w))
		sentence(t, w.Sentence())
		counts := rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 1, 2, 3, 50, stats.MaxCount}), 1, 8)
		k := must(c.CompareCounts(stats.Counts{PerInterval: counts.Draw(t, "counts before"), Interval: time.Hour}, stats.Counts{PerInterval: counts.Draw(t, "counts after"), Interval: time.Hour}))(t)
		finite(t, reflect.ValueOf(k))
		sentence(t, k.Sentence())
		sentence(t, k.Before.Sentence())
	})
}

func must[T any](v T, err error) func(*rapid.T) T {
	return func(t *rapid.T) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func sentence(t *rapid.T, text string) {
	if text == "" || text[len(text)-1] != '.' {
		t.Fatalf("%q is no sentence", text)
	}
}

func finite(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			t.Fatalf("%v", v.Float())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			finite(t, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			finite(t, v.Index(i))
		}
	case reflect.Interface:
		finite(t, v.Elem())
	}
}

// Swapping the periods turns the change around and nothing else.
func TestLawComparisonIsSymmetric(t *testing.T) {
	c := stats.Policy{Resamples: 200, Exact: 20_000}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(1, 5000), 4, 7)
		before, after := lasting("b", 1, list.Draw(t, "before")...), lasting("a", 1, list.Draw(t, "after")...)
		one, other := must(c.Compare(before, after, stats.MTTR))(t), must(c.Compare(after, before, stats.MTTR))(t)
		if d := math.Abs(one.P - other.P); d > 1e-9 {
			t.Fatalf("P %v and %v", one.P, other.P)
		}
		if f := one.Change.Factor.Times * other.Change.Factor.Times; one.Change.Factor.Known && math.Abs(f-1) > 1e-9 {
			t.Fatalf("factors %v and %v", one.Change.Factor, other.Change.Factor)
		}
	})
}

func TestSpanSaysWhatItIsWorth(t *testing.T) {
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	for _, v := range []struct {
		name string
		fact stats.Fact
		want stats.Span
	}{
		{"both times", stats.Fact{Times: stats.Times{Impact: at(0), Resolved: at(9)}}, stats.Span{Duration: 9 * time.Minute, Validity: stats.Success}},
		{"at once", stats.Fact{Times: stats.Times{Impact: at(0), Resolved: at(0)}}, stats.Span{Validity: stats.Success}},
		{"no beginning", stats.Fact{Times: stats.Times{Resolved: at(9)}}, stats.Span{Validity: stats.Missing}},
		{"no end, closed", stats.Fact{Times: stats.Times{Impact: at(0)}}, stats.Span{Validity: stats.Missing}},
		{"open", stats.Fact{Times: stats.Times{Impact: at(0)}, Open: true, ObservedUntil: at(5)}, stats.Span{Duration: 5 * time.Minute, Validity: stats.Censored}},
		{"open, nobody says until when", stats.Fact{Times: stats.Times{Impact: at(0)}, Open: true}, stats.Span{Validity: stats.Missing}},
		{"ends before it begins", stats.Fact{Times: stats.Times{Impact: at(9), Resolved: at(0)}}, stats.Span{Validity: stats.Contradictory}},
		{"observed before it begins", stats.Fact{Times: stats.Times{Impact: at(9)}, Open: true, ObservedUntil: at(5)}, stats.Span{Validity: stats.Contradictory}},
		{"ends after it was observed", stats.Fact{Times: stats.Times{Impact: at(0), Resolved: at(9)}, Open: true, ObservedUntil: at(5)}, stats.Span{Validity: stats.Contradictory}},
	} {
		if got := stats.MTTR.Of(v.fact); got != v.want {
			t.Errorf("%s: %v, want %v", v.name, got, v.want)
		}
	}
	passed := stats.Fact{Times: stats.Times{Detected: at(0), Mitigated: at(5)}, Open: true, ObservedUntil: at(9)}
	if got := stats.MTTA.Of(passed); got.Validity != stats.Missing {
		t.Errorf("acknowledged was passed without a time: %v, want missing", got.Validity)
	}
}

// Each severity became slower and the mix milder: all in all it looks faster.
func TestStratificationSeesThroughSimpson(t *testing.T) {
	long := []float64{400, 440, 480, 520, 560, 600, 410, 450, 490, 530}
	short := []float64{20, 22, 24, 26, 28, 30, 21, 23, 25, 27}
	slower := func(list []float64) []float64 {
		out := make([]float64, len(list))
		for i, v := range list {
			out[i] = 1.4 * v
		}
		return out
	}
	before := append(lasting("b", 1, long...), lasting("b", 3, short[:3]...)...)
	after := append(lasting("a", 1, slower(long[:3])...), lasting("a", 3, slower(short)...)...)
	k, err := stats.Policy{}.MustCompile().Compare(before, after, stats.MTTR)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := k.Verdict.(stats.Evidence)
	if !ok || e.Change.Low.Times <= 1 || !k.Mix.Reversed || k.Mix.Crude.Times >= 1 || k.Mix.P > 0.05 {
		t.Errorf("%s\n%+v", k.Sentence(), k.Mix)
	}
	want := "MTTR, 13 incidents before and 13 incidents after: evidence of a change: 1.4 times (95 % interval 1.2 to 1.6), p = 0.0004. " +
		"The mix by severity changed too (p = 0.011). Without regard to severity the change would have pointed the other way (0.28 times)."
	if d := cmp.Diff(k.Sentence(), want); d != "" {
		t.Error(d)
	}
}

func TestBadInputIsReportedAtOnce(t *testing.T) {
	_, err := stats.Policy{Alpha: math.NaN(), Power: 2, Resolution: -1, Strata: 9, Exact: -1, Resamples: 3}.Compile()
	if got := len(sre.ProblemsIn(err)); got != 6 {
		t.Errorf("%d problems, want 6: %v", got, err)
	}
	c := stats.Policy{}.MustCompile()
	_, err = c.CompareAll([]stats.Fact{{ID: "a"}, {}}, []stats.Fact{{ID: "a"}}, stats.Measure{})
	if got := len(sre.ProblemsIn(err)); got != 4 {
		t.Errorf("%d problems, want 4: %v", got, err)
	}
	_, err = c.CompareCounts(stats.Counts{PerInterval: []int{-1}, Interval: time.Hour}, stats.Counts{})
	if got := len(sre.ProblemsIn(err)); got != 3 {
		t.Errorf("%d problems, want 3: %v", got, err)
	}
}
