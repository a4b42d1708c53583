package budget_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

func objective(text string) slo.Objective { return slo.MustParseObjective(text) }

// window makes fully measured counts.
func window(span time.Duration, good, bad float64) slo.Counts {
	return slo.Counts{Good: good, Bad: bad, Covered: span, Span: span}
}

// Factor = spend*period/long (SRE Workbook, table 5-8, and the same for other
// periods).
func TestFactorFollowsThePeriod(t *testing.T) {
	for days, want := range map[time.Duration][4]string{
		7:  {"3.36", "1.4", "0.7", "7/30"},
		14: {"6.72", "2.8", "1.4", "7/15"},
		28: {"13.44", "5.6", "2.8", "14/15"},
		30: {"14.4", "6", "3", "1"},
		90: {"43.2", "18", "9", "3"},
	} {
		for i, a := range budget.WorkbookAlerts() {
			if got := a.BurnFactor(days * day).String(); got != want[i] {
				t.Errorf("%s over %d days: factor %s, want %s", a.Name, days, got, want[i])
			}
		}
	}
	for _, row := range []struct {
		spend string
		hours time.Duration
		want  string
	}{{"8%", 1, "13.44"}, {"12.5%", 6, "3.5"}, {"20%", 24, "1.4"}, {"42%", 72, "0.98"}} {
		a := budget.BurnAlert{Spend: slo.MustParseRatio(row.spend), Long: row.hours * time.Hour}
		if got := a.BurnFactor(7 * day).String(); got != row.want {
			t.Errorf("%s in %d h of 7 days: factor %s, want %s", row.spend, row.hours, got, row.want)
		}
	}
}

func TestShortWindowIsATwelfth(t *testing.T) {
	for _, a := range budget.WorkbookAlerts() {
		if a.Short*12 != a.Long {
			t.Errorf("%s: %s is not a twelfth of %s", a.Name, a.Short, a.Long)
		}
	}
}

// Windows that scale with the period, as Pyrra has them.
func TestScaledWindows(t *testing.T) {
	for days, want := range map[time.Duration][8]time.Duration{ // minutes: long, short of each alert
		7:  {15, 1, 90, 8, 360, 30, 1440, 90},
		14: {30, 3, 180, 15, 720, 60, 2880, 180},
		28: {60, 5, 360, 30, 1440, 120, 5760, 360},
		30: {64, 5, 386, 32, 1543, 129, 6171, 386},
		90: {193, 16, 1157, 96, 4629, 386, 18514, 1157},
	} {
		alerts, err := budget.ScaledAlerts(days * day)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range alerts {
			if a.Long != want[2*i]*time.Minute || a.Short != want[2*i+1]*time.Minute {
				t.Errorf("%d days, %s: %s and %s, want %d and %d minutes", days, a.Name, a.Long, a.Short, want[2*i], want[2*i+1])
			}
		}
	}
	if _, err := budget.ScaledAlerts(day); err == nil {
		t.Error("alerts for a day were made, whose windows would round to nothing")
	}
}

// Times from zero errors to the alert, in seconds; 0 for never.
func TestDetectionTime(t *testing.T) {
	for _, row := range []struct {
		objective  string
		errorRatio float64
		want       [4]float64
	}{
		{"99.9%", 1, [4]float64{51.84, 129.6, 259.2, 259.2}},
		{"99.9%", 0.1, [4]float64{518.4, 1296, 2592, 2592}},
		{"99.9%", 0.05, [4]float64{1036.8, 2592, 5184, 5184}},
		{"99.9%", 0.02, [4]float64{2592, 6480, 12960, 12960}},
		{"99.9%", 0.01, [4]float64{0, 12960, 25920, 25920}},
		{"99.9%", 0.005, [4]float64{0, 0, 51840, 51840}},
		{"99.9%", 0.002, [4]float64{0, 0, 0, 129600}},
		{"99%", 1, [4]float64{518.4, 1296, 2592, 2592}},
		{"99.99%", 1, [4]float64{5.184, 12.96, 25.92, 25.92}},
	} {
		for i, a := range budget.WorkbookAlerts() {
			got, ok := a.DetectionTime(objective(row.objective), 30*day, row.errorRatio)
			if ok != (row.want[i] > 0) || math.Abs(got.Seconds()-row.want[i]) > 1e-6 {
				t.Errorf("%s at %v errors, %s: %s, %v; want %v s", row.objective, row.errorRatio, a.Name, got, ok, row.want[i])
			}
		}
	}
}

func TestResetTime(t *testing.T) {
	for errorRatio, want := range map[float64][4]float64{ // minutes
		1:   {4.928, 29.82, 119.64, 359.64},
		0.1: {4.28, 28.2, 116.4, 356.4},
	} {
		for i, a := range budget.WorkbookAlerts() {
			if got, ok := a.ResetTime(objective("99.9%"), 30*day, errorRatio); !ok || math.Abs(got.Minutes()-want[i]) > 1e-9 {
				t.Errorf("%v errors, %s: resets after %s, want %v minutes", errorRatio, a.Name, got, want[i])
			}
		}
	}
	long := budget.WorkbookAlerts()[0]
	long.Short = 0
	if got, _ := long.ResetTime(objective("99.9%"), 30*day, 1); math.Abs(got.Minutes()-59.136) > 1e-9 {
		t.Errorf("without a short window it resets after %s, want 59.136 minutes", got)
	}
}

// Detection and reset times hold of the engine too: a fault of exactly that
// length fires, and one second less does not.
func TestDetectionTimeIsWhenTheEngineFires(t *testing.T) {
	s := availability("a")
	for i, a := range budget.WorkbookAlerts() {
		policy := budget.Policy{Alerts: []budget.BurnAlert{a}}.MustCompile()
		detect, _ := a.DetectionTime(s.Objective(), 30*day, 0.05)
		fires := func(fault time.Duration) bool {
			counts := func(span time.Duration) slo.Counts {
				bad := min(fault, span).Seconds() * 0.05 * 100 // 100 events a second
				return window(span, span.Seconds()*100-bad, bad)
			}
			st := budget.NewStatus(s, now, counts(30*day), counts(a.Long), counts(a.Short))
			return policy.EvaluateAlerts(nil, st)[0].State == budget.Firing
		}
		if fires(detect-time.Second) || !fires(detect+time.Second) {
			t.Errorf("alert %d fires before %s: %v, after: %v; want false and true", i, detect, fires(detect-time.Second), fires(detect+time.Second))
		}
	}
}

// Remaining*period/burn: with a whole budget, P/k.
func TestExhaustion(t *testing.T) {
	for _, row := range []struct {
		days time.Duration
		burn float64
		want time.Duration
	}{{30, 14.4, 50 * time.Hour}, {30, 6, 5 * day}, {30, 3, 10 * day}, {30, 1, 30 * day}, {28, 14, 2 * day}, {28, 7, 4 * day}, {28, 2, 14 * day}} {
		s := availability("a", func(s *slo.SLO) { s.Window = slo.Rolling(row.days * day) })
		st := budget.NewStatus(s, now, window(row.days*day, 1e9, 0), window(time.Hour, 1e6*(1-row.burn/1000), 1e3*row.burn))
		if got, ok := st.ExhaustedIn(time.Hour); !ok || (got-row.want).Abs() > time.Millisecond {
			t.Errorf("%d days at burn %v: exhausted in %s, want %s", row.days, row.burn, got, row.want)
		}
	}
}

// One failure in a window of n events fires exactly for the n below.
func TestLowTrafficOneFailureFires(t *testing.T) {
	for text, largest := range map[string][4]float64{
		"99.9%":  {69, 166, 333, 999},
		"99%":    {6, 16, 33, 99},
		"99.99%": {694, 1666, 3333, 9999},
	} {
		s := availability("a", func(s *slo.SLO) { s.Objective = objective(text) })
		for i, a := range budget.WorkbookAlerts() {
			policy := budget.Policy{Alerts: []budget.BurnAlert{a}}.MustCompile()
			fires := func(n float64) bool {
				st := budget.NewStatus(s, now, window(30*day, 1e6, 0), window(a.Long, n-1, 1), window(a.Short, n-1, 1))
				return policy.EvaluateAlerts(nil, st)[0].State == budget.Firing
			}
			if n := largest[i]; !fires(n) || fires(n+1) {
				t.Errorf("%s %s: one failure of %v fires: %v, of %v: %v; want true and false", text, a.Name, n, fires(n), n+1, fires(n+1))
			}
		}
	}
}

// 10 requests an hour at 99.9 %: a failure burns at 100 for an hour, and is a
// seventh of the budget of 7,200 requests.
func TestLowTrafficExample(t *testing.T) {
	s := availability("a")
	st := budget.NewStatus(s, now, window(30*day, 7199, 1), window(time.Hour, 9, 1))
	burn, _ := st.Burn(time.Hour)
	consumed, _ := st.Consumed()
	if math.Abs(burn-100) > 1e-9 || math.Abs(st.Budget()-7.2) > 1e-12 || math.Abs(consumed-1/7.2) > 1e-12 {
		t.Errorf("burn %v, budget %v, consumed %v; want 100, 7.2 and 13.9%%", burn, st.Budget(), consumed)
	}
}

// A report over 12 hours with goal 90 % and an SLI of 50 %.
func TestBudgetArithmetic(t *testing.T) {
	s := availability("a", func(s *slo.SLO) { s.Objective, s.Window = objective("90%"), slo.Rolling(12*time.Hour) })
	st := budget.NewStatus(s, now, window(12*time.Hour, 500, 500), window(time.Hour, 50, 50))
	sli, _ := st.SLI()
	consumed, _ := st.Consumed()
	remaining, _ := st.Remaining()
	left, _ := st.TimeLeft()
	burn, _ := st.Burn(time.Hour)
	got := fmt.Sprintf("%.6g %.6g %.6g %.6g %.6g", sli, consumed, remaining, left.Minutes(), burn)
	if want := "0.5 5 -4 -288 5"; got != want { // 72 minutes of budget, 360 bad
		t.Errorf("SLI, consumed, remaining, minutes left and burn are %s, want %s", got, want)
	}
	if text := st.ConsumedRat().RatString(); text != "5" {
		t.Errorf("exactly consumed: %s, want 5", text)
	}
}

// Week of minute slices at 99.95 %: 10,080 slices, 5.04 minutes of budget.
func TestTimeslicesOfACalendarWeek(t *testing.T) {
	s := availability("a", func(s *slo.SLO) {
		s.Objective, s.Window = objective("99.95%"), slo.Calendar(slo.Week, "UTC")
		s.Budgeting = slo.ByTimeslices(time.Minute, slo.MustParseRatio("99%"))
	})
	start, _ := s.Period(now)
	elapsed := now.Sub(start)
	st := budget.NewStatus(s, now, window(elapsed, elapsed.Minutes()-5, 5))
	left, _ := st.TimeLeft()
	if math.Abs(st.Budget()-5.04) > 1e-9 || left.Round(10*time.Millisecond) != 2400*time.Millisecond {
		t.Errorf("budget %v slices with %s left, want 5.04 with 2.4s: all slices of the period count, not those so far", st.Budget(), left)
	}
}

// Events of a calendar period: consumed of what came so far, and of the
// forecast total.
func TestEventsOfACalendarMonth(t *testing.T) {
	s := availability("a", func(s *slo.SLO) { s.Window = slo.Calendar(slo.Month, "UTC") })
	at := time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC) // a tenth of April
	st := budget.NewStatus(s, at, window(3*day, 99_950, 50))
	soFar, _ := st.Consumed()
	forecast, _ := st.ConsumedOfForecast()
	if math.Abs(soFar-0.5) > 1e-12 || math.Abs(forecast-0.05) > 1e-12 {
		t.Errorf("consumed %v so far and %v of the forecast, want 0.5 and 0.05", soFar, forecast)
	}
}

func TestMissingDataCountsAsStated(t *testing.T) {
	measured := slo.Counts{Good: 890, Bad: 10, Covered: 27 * day, Span: 30 * day}
	slices := slo.Counts{Good: 26 * 24, Bad: 24, Covered: 27 * day, Span: 30 * day}
	for _, row := range []struct {
		missing slo.MissingData
		method  slo.BudgetingMethod
		counts  slo.Counts
		want    string
	}{
		{slo.Ignore, slo.BudgetingMethod{}, measured, "890 good, 10 bad"},
		{slo.CountAsGood, slo.BudgetingMethod{}, measured, "990 good, 10 bad"},
		{slo.CountAsBad, slo.BudgetingMethod{}, measured, "890 good, 110 bad"},
		{slo.Ignore, slo.ByRatioTimeslices(time.Hour), slices, "624 good, 24 bad"},
		{slo.CountAsGood, slo.ByRatioTimeslices(time.Hour), slices, "696 good, 24 bad"},
		{slo.CountAsBad, slo.ByRatioTimeslices(time.Hour), slices, "624 good, 96 bad"},
	} {
		s := availability("a", func(s *slo.SLO) { s.Missing, s.Budgeting = row.missing, row.method })
		st := budget.NewStatus(s, now, row.counts)
		total := st.Budget() / 0.001
		left, _ := st.Left()
		bad := st.Budget() - left
		if got := fmt.Sprintf("%.0f good, %.0f bad", total-bad, bad); got != row.want {
			t.Errorf("%s, %s: %s, want %s", row.method.Method, row.missing, got, row.want)
		}
		if st.Coverage() != 0.9 {
			t.Errorf("%s: coverage %v, want 0.9 whatever missing data counts as", row.missing, st.Coverage())
		}
	}
}

func TestValidityRules(t *testing.T) {
	ratio := slo.MustParseRatio
	check := func(name, want string, err error) {
		t.Helper()
		list := sre.ProblemsIn(err)
		if want == "" && err == nil {
			return
		}
		if len(list) != 1 || list[0].Code != want {
			t.Errorf("%s: %v, want one problem %q", name, err, want)
		}
	}
	for _, row := range []struct {
		name, want string
		alert      budget.BurnAlert
	}{
		{"a sound alert", "", budget.BurnAlert{Name: "a", Long: time.Hour, Short: 5 * time.Minute, Spend: ratio("2%")}},
		{"a factor below a sustainable burn", "too_low", budget.BurnAlert{Name: "a", Long: time.Hour, Factor: ratio("0.9")}},
		{"a short window of fewer than four scrapes", "too_short", budget.BurnAlert{Name: "a", Long: time.Hour, Short: 3 * time.Minute, Factor: ratio("2")}},
		{"a short window as long as the long one", "out_of_range", budget.BurnAlert{Name: "a", Long: time.Hour, Short: time.Hour, Factor: ratio("2")}},
		{"a share and a factor", "conflict", budget.BurnAlert{Name: "a", Long: time.Hour, Spend: ratio("2%"), Factor: ratio("2")}},
		{"neither a share nor a factor", "missing", budget.BurnAlert{Name: "a", Long: time.Hour}},
		{"all of the budget", "out_of_range", budget.BurnAlert{Name: "a", Long: time.Hour, Spend: ratio("100%")}},
		{"an alert that allows", "not_allowed", budget.BurnAlert{Name: "a", Long: time.Hour, Factor: ratio("2"), Effect: sre.Allow}},
	} {
		_, err := budget.Policy{Alerts: []budget.BurnAlert{row.alert}}.Compile()
		check(row.name, row.want, err)
	}
	for _, row := range []struct {
		name, want string
		objective  string
		window     slo.Window
		alert      budget.BurnAlert
	}{
		{"14.4 at 99.9%", "", "99.9%", slo.Rolling(30 * day), budget.WorkbookAlerts()[0]},
		{"14.4 at 95%", "", "95%", slo.Rolling(30 * day), budget.WorkbookAlerts()[0]},
		{"14.4 at 93% burns at most 14.29", "unreachable", "93%", slo.Rolling(30 * day), budget.WorkbookAlerts()[0]},
		{"14.4 at 90% burns at most 10", "unreachable", "90%", slo.Rolling(30 * day), budget.WorkbookAlerts()[0]},
		{"a tenth in three of 28 days", "too_low", "99.9%", slo.Rolling(28 * day), budget.WorkbookAlerts()[3]},
		{"a window as long as the period", "not_below_period", "99.9%", slo.Rolling(3 * day), budget.WorkbookAlerts()[3]},
	} {
		s := availability("a", func(s *slo.SLO) { s.Objective, s.Window = objective(row.objective), row.window })
		check(row.name, row.want, budget.Policy{Alerts: []budget.BurnAlert{row.alert}}.MustCompile().Check(s))
	}
	sliced := availability("a", func(s *slo.SLO) { s.Budgeting = slo.ByRatioTimeslices(time.Hour) })
	check("windows that cut slices", "not_whole_slices", budget.Policy{Alerts: budget.WorkbookAlerts()[:1]}.MustCompile().Check(sliced))
}

// A burn rate equal to the factor does not fire; the smallest step above does.
func TestAlertsAreStrict(t *testing.T) {
	s := availability("a")
	policy := budget.Policy{Alerts: budget.WorkbookAlerts()[:1]}.MustCompile()
	for bad, want := range map[float64]budget.AlertState{143: budget.Inactive, 144: budget.Inactive, 145: budget.Firing} {
		st := budget.NewStatus(s, now, window(30*day, 1e6, 0), window(time.Hour, 10_000-bad, bad), window(5*time.Minute, 0, 1000))
		if got := policy.EvaluateAlerts(nil, st)[0].State; got != want {
			t.Errorf("%v bad of 10,000 over an hour: %s, want %s", bad, got, want)
		}
	}
}
