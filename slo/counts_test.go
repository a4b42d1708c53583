package slo_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/slotest"
)

const day = 24 * time.Hour

func TestBadAboveIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := slotest.Counts(time.Hour, 1).Draw(t, "counts")
		limit, err := slo.NewRatio(rapid.Int64Range(-10, 1_000_000).Draw(t, "num"), rapid.Int64Range(1, 1_000_000).Draw(t, "den"))
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "at the limit") {
			n := rapid.Int64Range(1, 1<<20).Draw(t, "n")
			num, den := limit.Fraction()
			if num < 0 || num > den {
				t.Skip("no counts have such a share of bad events")
			}
			c.Good, c.Bad = float64((den-num)*n), float64(num*n)
		}
		total := new(big.Rat).Add(new(big.Rat).SetFloat64(c.Good), new(big.Rat).SetFloat64(c.Bad))
		want := new(big.Rat).SetFloat64(c.Bad).Cmp(total.Mul(total, limit.Rat())) > 0
		if got := c.BadAbove(limit); got != want {
			t.Fatalf("%v of %v is above %s: %v, want %v", c.Bad, c.Total(), limit, got, want)
		}
	})
}

func TestBadAboveIsStrict(t *testing.T) {
	limit := slo.MustParseRatio("0.0144") // burn 14.4 of a 99.9% objective
	for _, row := range []struct {
		good, bad float64
		want      bool
	}{
		{9856, 144, false},
		{9855, 145, true},
		{9857, 143, false},
		{0, 0, false},
		{math.NaN(), 1, false},
	} {
		if got := (slo.Counts{Good: row.good, Bad: row.bad, Span: time.Hour, Covered: time.Hour}).BadAbove(limit); got != row.want {
			t.Errorf("%v bad of %v: above %s is %v, want %v", row.bad, row.good+row.bad, limit, got, row.want)
		}
	}
}

func TestCountsThatAreNoneAreRefusedWithEveryProblem(t *testing.T) {
	bad := slo.Counts{Good: math.Inf(1), Bad: -1, Covered: 2 * time.Hour, Span: time.Hour}
	list := sre.ProblemsIn(bad.Validate())
	if len(list) != 3 {
		t.Errorf("%+v has %d problems (%v), want 3", bad, len(list), list)
	}
}

// 144 slices of 10,000 requests with 1 % errors and 144 slices of 100 requests
// without: events say 99.01 %, the mean of ratios 99.5 %.
func TestMeanOfRatiosIsNotTheRatioOfSums(t *testing.T) {
	var slices []slo.Counts
	for range 144 {
		slices = append(slices,
			slo.Counts{Good: 9900, Bad: 100, Covered: 5 * time.Minute, Span: 5 * time.Minute},
			slo.Counts{Good: 100, Covered: 5 * time.Minute, Span: 5 * time.Minute})
	}
	events, _ := slo.ByOccurrences().Fold(slices).Ratio()
	mean, _ := slo.ByRatioTimeslices(5 * time.Minute).Fold(slices).Ratio()
	if got := 100 * (1 - events); math.Abs(got-0.990099) > 1e-6 {
		t.Errorf("events: %.6f%% bad, want 0.990099%%", got)
	}
	if got := 100 * (1 - mean); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("mean of ratios: %.6f%% bad, want 0.5%%", got)
	}
}

func TestSliceIsGoodAtItsTarget(t *testing.T) {
	method := slo.ByTimeslices(time.Minute, slo.MustParseRatio("95%"))
	slice := func(good, bad float64, covered time.Duration) slo.Counts {
		return slo.Counts{Good: good, Bad: bad, Covered: covered, Span: time.Minute}
	}
	got := method.Fold([]slo.Counts{
		slice(95, 5, time.Minute),       // at the target: good
		slice(94, 6, time.Minute),       // below it: bad
		slice(0, 0, time.Minute),        // measured and idle: neither
		slice(100, 0, 59*time.Second),   // not measured whole: unmeasured
		slice(0, 0, 0),                  // unmeasured
		slice(9500.5, 500, time.Minute), // a fraction above: good
	})
	want := slo.Counts{Good: 2, Bad: 1, Covered: 4 * time.Minute, Span: 6 * time.Minute}
	if got != want {
		t.Errorf("folded to %+v, want %+v", got, want)
	}
}

// What is no number counts neither as good nor as measured.
func TestSlicesThatDoNotValidateAreUnmeasured(t *testing.T) {
	for _, method := range []slo.BudgetingMethod{slo.ByOccurrences(), slo.ByTimeslices(time.Minute, slo.MustParseRatio("95%")), slo.ByRatioTimeslices(time.Minute)} {
		for _, c := range []slo.Counts{{Good: math.NaN()}, {Good: 1, Bad: math.Inf(1)}, {Good: 5, Bad: -1}, {Good: 1e300}} {
			c.Covered, c.Span = time.Minute, time.Minute
			if got, want := method.Fold([]slo.Counts{c}), (slo.Counts{Span: time.Minute}); got != want {
				t.Errorf("%s: %+v folds to %+v, want %+v", method.Method, c, got, want)
			}
		}
	}
}

// Limits that floats cannot be sure of are common: a slice target of 100 %, and
// no bad events.
func TestBadAboveDoesNotAllocateAtZero(t *testing.T) {
	for _, row := range []struct {
		good, bad float64
		limit     string
		want      bool
	}{{10, 0, "0", false}, {10, 1, "0", true}, {10, 0, "0.001", false}, {0, 0, "0.001", false}, {0, 0, "-1", false}, {10, 0, "-1", true}} {
		c, limit, got := slo.Counts{Good: row.good, Bad: row.bad, Covered: time.Hour, Span: time.Hour}, slo.MustParseRatio(row.limit), false
		if n := testing.AllocsPerRun(10, func() { got = c.BadAbove(limit) }); n != 0 || got != row.want {
			t.Errorf("%v bad of %v above %s: %v with %v allocations, want %v with none", row.bad, c.Total(), limit, got, n, row.want)
		}
	}
}

// OpenSLO's example of ratio timeslices: two weeks, 95 %, 1 % errors always and
// an attack with 99 %: about 13 h 45 min of it spend the budget.
func TestRatioTimeslicesSpendTheBudgetInAnAttack(t *testing.T) {
	method := slo.ByRatioTimeslices(time.Minute)
	const minutes = 14 * 24 * 60
	bad := func(attack int) float64 {
		slices := make([]slo.Counts, minutes)
		for i := range slices {
			slices[i] = slo.Counts{Good: 99, Bad: 1, Covered: time.Minute, Span: time.Minute}
			if i < attack {
				slices[i].Good, slices[i].Bad = 1, 99
			}
		}
		return method.Fold(slices).Bad
	}
	if before, after := bad(822), bad(823); before > 1008 || after < 1008 {
		t.Errorf("822 minutes spend %.2f slices and 823 %.2f, want 1008 between them (13h42.9m)", before, after)
	}
}

func TestCountsReadBackFromJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := slotest.Counts(time.Hour, 0).Draw(t, "counts")
		data, err := json.Marshal(want)
		var got slo.Counts
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err != nil || got != want {
			t.Fatalf("%s reads back as %+v, %v; want %+v", data, got, err, want)
		}
	})
	for _, text := range []string{`{}`, `{"good":"-1","bad":"0","covered":"1h","span":"1h"}`, `{"good":"1","bad":"NaN","covered":"1h","span":"1h"}`,
		`{"good":"1","bad":"0","covered":"2h","span":"1h"}`, `{"good":1,"bad":0,"covered":1,"span":1}`} {
		var c slo.Counts
		if err := json.Unmarshal([]byte(text), &c); err == nil {
			t.Errorf("%s was read as %+v, want an error", text, c)
		}
	}
}

func TestMethodsAndMissingDataReadBackFromText(t *testing.T) {
	for _, m := range []slo.Method{slo.Occurrences, slo.Timeslices, slo.RatioTimeslices} {
		text, err := m.MarshalText()
		var back slo.Method
		if err != nil || back.UnmarshalText(text) != nil || back != m {
			t.Errorf("%s reads back as %s, %v", text, back, err)
		}
	}
	for _, m := range []slo.MissingData{slo.Ignore, slo.CountAsGood, slo.CountAsBad} {
		text, err := m.MarshalText()
		var back slo.MissingData
		if err != nil || back.UnmarshalText(text) != nil || back != m {
			t.Errorf("%s reads back as %s, %v", text, back, err)
		}
	}
	if _, err := slo.Method(9).MarshalText(); err == nil {
		t.Error("a method that does not exist was written")
	}
	if err := new(slo.MissingData).UnmarshalText([]byte("Guess")); err == nil {
		t.Error("a word that is none was read")
	}
}
