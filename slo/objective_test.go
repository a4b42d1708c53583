package slo_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

func TestObjectiveIsDecimalText(t *testing.T) {
	for _, row := range []struct{ text, want, budget string }{
		{"99.9%", "99.9%", "0.001"},
		{"0.999", "99.9%", "0.001"},
		{"99.9", "99.9%", "0.001"},
		{"99.95%", "99.95%", "0.0005"},
		{"99.999%", "99.999%", "0.00001"},
		{"0.5%", "0.5%", "0.995"},
		{"1%", "1%", "0.99"},
		{"50", "50%", "0.5"},
		{"099.90%", "99.9%", "0.001"},
	} {
		o, err := slo.ParseObjective(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if o.String() != row.want || o.Budget().String() != row.budget {
			t.Errorf("%s: objective %s with budget %s, want %s and %s", row.text, o, o.Budget(), row.want, row.budget)
		}
	}
}

func TestObjectiveRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "0", "1", "0%", "100%", "100", "100.0", "101%", "-1%", "+99%", "99.9 %", "9e1", "NaN", "Inf", ".5", "99.", "0x1p-1",
		"99,9%", "%", "0.00000000000000000001", "99.9999999999999999999%", "2/3"} {
		if o, err := slo.ParseObjective(text); err == nil {
			t.Errorf("%q was read as %s, want an error", text, o)
		} else if list := sre.ProblemsIn(err); len(list) != 1 || list[0].Code != "invalid_objective" || list[0].Want == "" {
			t.Errorf("%q: %v, want one problem with a remedy", text, err)
		}
	}
}

// The whole-outage minutes that objectives allow over common windows (SRE
// Workbook, appendix A, extended).
func TestBudgetInMinutes(t *testing.T) {
	days := []int64{7, 28, 30, 90, 365}
	for objective, minutes := range map[string][]string{
		"90%":     {"1008", "4032", "4320", "12960", "52560"},
		"95%":     {"504", "2016", "2160", "6480", "26280"},
		"99%":     {"100.8", "403.2", "432", "1296", "5256"},
		"99.5%":   {"50.4", "201.6", "216", "648", "2628"},
		"99.9%":   {"10.08", "40.32", "43.2", "129.6", "525.6"},
		"99.95%":  {"5.04", "20.16", "21.6", "64.8", "262.8"},
		"99.99%":  {"1.008", "4.032", "4.32", "12.96", "52.56"},
		"99.999%": {"0.1008", "0.4032", "0.432", "1.296", "5.256"},
	} {
		for i, d := range days {
			period, _ := slo.NewRatio(d*24*60, 1)
			got, _ := slo.MustParseObjective(objective).Budget().Mul(period)
			if got.String() != minutes[i] {
				t.Errorf("%s over %d days allows %s minutes, want %s", objective, d, got, minutes[i])
			}
		}
	}
}

func TestPercentilePromiseIsAShareOfRequests(t *testing.T) {
	for _, row := range []struct {
		text      string
		objective string
		under     time.Duration
	}{
		{"p99 < 500 ms", "99%", 500 * time.Millisecond},
		{"p99<500ms", "99%", 500 * time.Millisecond},
		{"p99.9 <= 1s", "99.9%", time.Second},
		{" p50 < 1m30s ", "50%", 90 * time.Second},
	} {
		o, under, err := slo.ParseLatency(row.text)
		if err != nil || o.String() != row.objective || under != row.under {
			t.Errorf("%q: %s under %s, %v; want %s under %s", row.text, o, under, err, row.objective, row.under)
		}
	}
	for _, text := range []string{"", "p99", "99 < 500ms", "p99 > 500ms", "p99 < 500", "p0 < 1s", "p100 < 1s", "p99 < -1s", "p99 < 0s", "p99%<1s", "p99 < 5 0 0ms", "p99 < 1m 30s"} {
		if o, under, err := slo.ParseLatency(text); err == nil {
			t.Errorf("%q was read as %s under %s, want an error", text, o, under)
		}
	}
}

func ratios() *rapid.Generator[slo.Ratio] {
	return rapid.Custom(func(t *rapid.T) slo.Ratio {
		r, err := slo.NewRatio(rapid.Int64().Filter(func(n int64) bool { return n != -1<<63 }).Draw(t, "num"), rapid.Int64Range(1, 1<<62).Draw(t, "den"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
}

func TestRatioTextReadsBackToTheSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ratios().Draw(t, "ratio")
		if rapid.Bool().Draw(t, "decimal") {
			r, _ = slo.NewRatio(rapid.Int64Range(-1e15, 1e15).Draw(t, "n"), 1e6)
		}
		for _, text := range []string{r.String(), r.Percent()} {
			back, err := slo.ParseRatio(text)
			if err != nil || back != r {
				t.Fatalf("%s reads back as %s, %v", text, back, err)
			}
		}
		data, err := json.Marshal(r)
		var back slo.Ratio
		if err != nil || json.Unmarshal(data, &back) != nil || back != r {
			t.Fatalf("%s as JSON is %s, which reads back as %s", r, data, back)
		}
	})
}

func TestRatioArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := ratios().Draw(t, "a"), ratios().Draw(t, "b")
		if got, want := a.Compare(b), a.Rat().Cmp(b.Rat()); got != want {
			t.Fatalf("%s.Compare(%s) = %d, want %d", a, b, got, want)
		}
		check := func(name string, got slo.Ratio, ok bool, want *big.Rat) {
			if ok && got.Rat().Cmp(want) != 0 {
				t.Fatalf("%s of %s and %s is %s, want %s", name, a, b, got, want)
			}
			if fits := want.Num().IsInt64() && want.Denom().IsInt64() && want.Num().Int64() != -1<<63; ok != fits {
				t.Fatalf("%s of %s and %s: ok is %v, want %v", name, a, b, ok, fits)
			}
		}
		product, ok := a.Mul(b)
		check("the product", product, ok, new(big.Rat).Mul(a.Rat(), b.Rat()))
		sum, ok := a.Add(b)
		check("the sum", sum, ok, new(big.Rat).Add(a.Rat(), b.Rat()))
		complement, ok := a.OneMinus()
		check("1-a", complement, ok, new(big.Rat).Sub(big.NewRat(1, 1), a.Rat()))
		if want, _ := a.Rat().Float64(); a.Float() != want {
			t.Fatalf("%s as float is %v, want %v", a, a.Float(), want)
		}
	})
}

func TestUnsetIsNotZero(t *testing.T) {
	var unset slo.Ratio
	zero := slo.MustParseRatio("0")
	if unset == zero || unset.IsSet() || !zero.IsSet() || unset.String() != "" || unset.Compare(zero) >= 0 {
		t.Errorf("the zero Ratio is %q and the number 0 is %q; want them to differ", unset, zero)
	}
	if _, ok := unset.Mul(zero); ok {
		t.Error("a ratio that is not set was multiplied")
	}
}

func FuzzParseRatio(f *testing.F) {
	for _, seed := range []string{"14.4", "2%", "7/30", "-0.5", "0.000000000000000001%", "/", "1/0", "9223372036854775807/9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := slo.ParseRatio(text)
		if err != nil {
			return
		}
		if back, err := slo.ParseRatio(r.String()); err != nil || back != r {
			t.Errorf("%q is %s, which reads back as %s, %v", text, r, back, err)
		}
	})
}

func FuzzParseObjective(f *testing.F) {
	for _, seed := range []string{"99.9%", "0.999", "99.9", "1", "100%", "1e-3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := slo.ParseObjective(text)
		if err != nil {
			return
		}
		var back slo.Objective
		if err := back.UnmarshalText([]byte(o.String())); err != nil || back != o {
			t.Errorf("%q is %s, which reads back as %s, %v", text, o, back, err)
		}
		if sum, ok := o.Ratio().Add(o.Budget()); !ok || sum.String() != "1" {
			t.Errorf("%s and its budget %s make %s, want 1", o, o.Budget(), sum)
		}
	})
}

func FuzzParseLatency(f *testing.F) {
	for _, seed := range []string{"p99 < 500 ms", "p99.9<=1s", "p<", "p99 << 1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if o, under, err := slo.ParseLatency(text); err == nil && (!o.IsSet() || under <= 0) {
			t.Errorf("%q was read as %s under %s", text, o, under)
		}
	})
}
