package budgetfile_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgetfile"
	"github.com/sre-sdk/sre/slo"
)

func TestEveryFieldIsRead(t *testing.T) {
	f, err := os.Open("testdata/payments.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := budgetfile.Read(f, "payments.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ratio := slo.MustParseRatio
	want := budget.Policy{
		Name: "payments",
		Thresholds: []budget.Threshold{
			{Name: "low", Below: ratio("20%"), Effect: sre.Warn, Criticality: []slo.Criticality{slo.Critical}},
			{Name: "exhausted", Below: ratio("0"), Effect: sre.Deny},
		},
		Alerts: []budget.BurnAlert{
			{Name: "page-1h", Long: time.Hour, Short: 5 * time.Minute, Spend: ratio("2%"), Effect: sre.Hold, Severity: 1},
			{Name: "week", Long: 7 * 24 * time.Hour, Factor: ratio("1.5"), Severity: 3},
		},
		Exempt:            []budget.Purpose{budget.Rollback, budget.Emergency},
		FreezeReliability: true,
		ForecastCalendar:  true,
		Hysteresis:        ratio("5%"),
		MinCoverage:       ratio("95%"),
		MinAlertCoverage:  ratio("60%"),
		MaxAge:            10 * time.Minute,
		ScrapeInterval:    30 * time.Second,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b slo.Ratio) bool { return a == b })); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestPresetIsTheStart(t *testing.T) {
	got, err := budgetfile.Read(strings.NewReader("apiVersion: sre-sdk/v1\nkind: BudgetPolicy\npreset: workbook\nalerts: []\n"), "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "workbook" || len(got.Thresholds) != 1 || len(got.Alerts) != 0 {
		t.Errorf("read %+v, want the thresholds of the workbook without its alerts", got)
	}
}

func TestProblemsNameFileAndLine(t *testing.T) {
	const head = "apiVersion: sre-sdk/v1\nkind: BudgetPolicy\n"
	for _, row := range []struct {
		name, text string
		want       []string // path and code
	}{
		{"an empty file", "", []string{"p.yaml wrong_count"}},
		{"two policies", head + "---\n" + head, []string{"p.yaml wrong_count"}},
		{"another kind", "apiVersion: sre-sdk/v1\nkind: SLO\npreset: workbook\n", []string{"p.yaml:2: kind unknown_value"}},
		{"an unknown field", head + "preset: workbook\nthreshholds: []\n", []string{"p.yaml:4: threshholds unknown_field"}},
		{"an unknown preset", head + "preset: google\n", []string{"p.yaml:3: preset unknown_preset"}},
		{"values that are none", head + "preset: workbook\nhysteresis: 5 percent\nmax_age: soon\nexempt: [feature, friday]\n",
			[]string{"p.yaml:6: exempt[1] unknown_purpose", "p.yaml:4: hysteresis invalid_ratio", "p.yaml:5: max_age invalid_duration"}},
		{"what Compile finds, where it stands", head + "thresholds:\n  - name: a\n    below: 120%\n    effect: hold\nalerts:\n  - name: b\n    long: 1h\n    short: 2h\n    factor: 0.5\n",
			[]string{"p.yaml:5: thresholds[0].below out_of_range", "p.yaml:6: thresholds[0].effect not_allowed", "p.yaml:10: alerts[0].short out_of_range", "p.yaml:11: alerts[0].factor too_low"}},
		{"zeros and unknowns that would stand for a default", head + "preset: workbook\nmax_age: 0\nscrape_interval: 0s\nalerts:\n  - {name: a, long: 1h, factor: 2, effect: unknown}\n",
			[]string{"p.yaml:7: alerts[0].effect not_allowed", "p.yaml:4: max_age out_of_range", "p.yaml:5: scrape_interval out_of_range"}},
		{"a policy of nothing", head, []string{"p.yaml:1: thresholds missing"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := budgetfile.Read(strings.NewReader(row.text), "p.yaml")
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

// JSON is YAML.
func TestJSONIsRead(t *testing.T) {
	if _, err := budgetfile.Read(strings.NewReader(`{"apiVersion": "sre-sdk/v1", "kind": "BudgetPolicy", "preset": "tiered", "hysteresis": "5%"}`), "p.json"); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	seed, err := os.ReadFile("testdata/payments.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add("apiVersion: sre-sdk/v1\nkind: BudgetPolicy\npreset: workbook\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := budgetfile.Read(strings.NewReader(text), "p.yaml")
		if err != nil {
			return
		}
		if _, err := p.Compile(); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}
