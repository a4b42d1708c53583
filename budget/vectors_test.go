package budget_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// An outage of TimeLeft makes as many bad events, or slices, as Left.
func TestTimeLeftIsLeftInTime(t *testing.T) {
	month := func(s *slo.SLO) { s.Window = slo.Calendar(slo.Month, "UTC") }
	minutes := func(s *slo.SLO) { s.Budgeting = slo.ByTimeslices(time.Minute, slo.MustParseRatio("99%")) }
	third := time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name  string
		slo   *slo.Compiled
		at    time.Time
		start slo.Counts
		left  string
		time  time.Duration
	}{
		{"events of 30 days", availability("a"), now, window(30*day, 999_800, 200), "800", 2073600 * time.Millisecond},
		{"events of the month so far", availability("a", month), third, window(3*day, 99_980, 20), "80", 207360 * time.Millisecond},
		{"minutes of all of February", availability("a", month, minutes), third, window(3*day, 3*1440-10, 10), "30.32", 1819200 * time.Millisecond},
	} {
		st := budget.NewStatus(row.slo, row.at, row.start)
		left, _ := st.Left()
		got, ok := st.TimeLeft()
		if fmt.Sprintf("%.6g", left) != row.left || !ok || (got-row.time).Abs() > time.Microsecond {
			t.Errorf("%s: %v left, or %s, %v; want %s or %s", row.name, left, got, ok, row.left, row.time)
		}
	}
}

// ExhaustedIn of a calendar period, against a minute-by-minute replay of what
// it assumes.
func TestExhaustionOfACalendarMonth(t *testing.T) {
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) // 28 days
	for _, sliced := range []bool{false, true} {
		s := availability("a", func(s *slo.SLO) {
			s.Objective, s.Window = objective("99%"), slo.Calendar(slo.Month, "UTC")
			if sliced {
				s.Budgeting = slo.ByRatioTimeslices(time.Minute)
			}
		})
		for _, row := range []struct {
			days, consumed, burn float64
		}{{1, 0, 2}, {1, 0, 1}, {1, 0, 0.5}, {3, 0.5, 14.4}, {7, 0.9, 1.5}, {20, 0.2, 1.05}, {20, 0.5, 3}, {27, 0.99, 1.01}, {3, 1.5, 0}} {
			elapsed := row.days * 1440
			base := elapsed
			if sliced {
				base = 28 * 1440
			}
			bad := min(row.consumed*0.01*base, elapsed)
			want, ok := time.Duration(0), false
			for minute, b, total := elapsed, bad, base; minute < 28*1440; minute++ {
				if b >= 0.01*total {
					want, ok = time.Duration(minute-elapsed)*time.Minute, true
					break
				}
				b += 0.01 * row.burn
				if !sliced {
					total++
				}
			}
			at := start.Add(time.Duration(elapsed) * time.Minute)
			st := budget.NewStatus(s, at, window(at.Sub(start), elapsed-bad, bad), window(time.Hour, 60-0.6*row.burn, 0.6*row.burn))
			if got, gotOK := st.ExhaustedIn(time.Hour); gotOK != ok || (got-want).Abs() > 2*time.Minute {
				t.Errorf("sliced %v, day %v, %v consumed, burn %v: exhausted in %s, %v; the replay says %s, %v", sliced, row.days, row.consumed, row.burn, got, gotOK, want, ok)
			}
		}
	}
}

// Remaining is negative exactly if the budget is overspent, and what is not
// known is false and zero, also where counts are absurdly small.
func TestRemainingHasTheSignOfTheExactValue(t *testing.T) {
	s := availability("a", func(s *slo.SLO) { s.Objective = objective("99.7%") })
	for bad, want := range map[float64]int{2999: 1, 3000: 0, 3001: -1} {
		got, ok := budget.NewStatus(s, now, window(30*day, 1e6-bad, bad)).Remaining()
		if sign := int(math.Copysign(1, got)); !ok || got != 0 && sign != want || got == 0 && want != 0 {
			t.Errorf("%v bad of a million at 99.7%%: remaining %v, want the sign %d", bad, got, want)
		}
	}
	tiny := budget.NewStatus(s, now, window(30*day, math.SmallestNonzeroFloat64, 0))
	if got, ok := tiny.Remaining(); got != 1 || !ok || !strings.Contains(tiny.Explain(), "= 100.00%:") {
		t.Errorf("of hardly anything, none bad: remaining %v, %v, want 1\n%s", got, ok, tiny.Explain())
	}
	for _, st := range []budget.Status{{}, budget.Failed(s, now, nil), budget.NewStatus(s, now, window(30*day, 0, 0))} {
		consumed, ok1 := st.Consumed()
		remaining, ok2 := st.Remaining()
		left, ok3 := st.Left()
		outage, ok4 := st.TimeLeft()
		if consumed != 0 || remaining != 0 || left != 0 || outage != 0 || ok1 || ok2 || ok3 || ok4 {
			t.Errorf("of nothing known: consumed %v, remaining %v, left %v, time left %s; want zeros and false", consumed, remaining, left, outage)
		}
	}
}

func TestCountsThatCannotBeAreRefused(t *testing.T) {
	s := availability("a", func(s *slo.SLO) { s.Budgeting = slo.ByTimeslices(time.Minute, slo.MustParseRatio("99%")) })
	for _, row := range []struct {
		name    string
		period  slo.Counts
		windows []slo.Counts
		want    []string // path and code
	}{
		{"as many slices as there are", window(30*day, 43_200, 0), nil, nil},
		{"more slices than there are", window(30*day, 43_200, 1), nil, []string{"period too_many_slices"}},
		{"events for slices", window(30*day, 0, 1e18), nil, []string{"period too_many_slices"}},
		{"the window that is wrong, where the caller has it", window(30*day, 1, 0), []slo.Counts{window(time.Hour, 1, -1), window(time.Minute, 1, 0), window(time.Hour, 1, 0)},
			[]string{"windows[0].bad out_of_range", "windows duplicate"}},
		{"another period", window(day, 1, 0), nil, []string{"period.span wrong_span"}},
	} {
		st := budget.NewStatus(s, now, row.period, row.windows...)
		var got []string
		for _, p := range sre.ProblemsIn(st.Err()) {
			got = append(got, p.Path+" "+p.Code)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", row.name, diff)
		}
		_ = st.Explain()
	}
}

// Lord Howe Island's clocks change by half an hour: the month has 720.5 hours,
// of which whole slices of an hour are judged.
func TestSlicesOfAMonthThatTheyDoNotDivide(t *testing.T) {
	s := availability("a", func(s *slo.SLO) {
		s.Objective, s.Window = objective("90%"), slo.Calendar(slo.Month, "Australia/Lord_Howe")
		s.Budgeting = slo.ByTimeslices(time.Hour, slo.MustParseRatio("99%"))
	})
	at := s.Align(time.Date(2026, 4, 30, 13, 15, 0, 0, time.UTC)) // a quarter of an hour before the end
	start, end := s.Period(at)
	st := budget.NewStatus(s, at, window(at.Sub(start), 720, 0))
	if end.Sub(start) != 720*time.Hour+30*time.Minute || at.Sub(start) != 720*time.Hour || math.Abs(st.Budget()-72) > 1e-9 {
		t.Errorf("%s in the month, %s measured, a budget of %v slices; want 720h30m, 720h and 72", end.Sub(start), at.Sub(start), st.Budget())
	}
}

// Questions about an alert that is none have no answer, and no panic.
func TestAlertThatIsNoneNeverFires(t *testing.T) {
	factor := slo.MustParseRatio("2")
	for _, a := range []budget.BurnAlert{{}, {Spend: factor}, {Long: time.Hour}, {Factor: slo.MustParseRatio("-1"), Long: time.Hour}, {Factor: factor, Long: time.Hour}} {
		o := slo.Objective{}
		if !a.Factor.IsSet() || a.Factor.Sign() < 0 {
			o = objective("99%")
		}
		if d, ok := a.DetectionTime(o, 30*day, 1); ok {
			t.Errorf("%+v of %q: detects in %s", a, o, d)
		}
		if d, ok := a.ResetTime(o, 30*day, 1); ok {
			t.Errorf("%+v of %q: resets in %s", a, o, d)
		}
	}
}

// Where the factor leaves the range of a Ratio the engine goes on exactly, and
// the reasons print it all the same.
func TestFactorBeyondARatio(t *testing.T) {
	a := budget.BurnAlert{Name: "a", Long: time.Hour + 7, Spend: slo.MustParseRatio("0.123456789012345677")}
	if k := a.BurnFactor(30 * day); k.IsSet() {
		t.Fatalf("the factor is %s, want one that no Ratio holds", k)
	}
	policy := budget.Policy{Alerts: []budget.BurnAlert{a}}.MustCompile()
	st := budget.NewStatus(availability("a"), now, window(30*day, 1e9, 0), window(a.Long, 0, 1000))
	d := policy.Decide([]budget.Status{st}, budget.Change{}, sre.Unknown, now)
	for _, v := range d.Reasons()[0].Values {
		if v.Name == "factor" {
			if k, ok := new(big.Rat).SetString(v.Text); !ok || d.Reasons()[0].Code != "alert_firing" || k.Cmp(big.NewRat(88, 1)) < 0 || k.Cmp(big.NewRat(89, 1)) > 0 {
				t.Errorf("%v, want an alert that fires above a factor between 88 and 89", d.Reasons()[0])
			}
		}
	}
}

// Every period that ScaledAlerts takes has a policy, given scrapes that are
// fast enough.
func TestScaledAlertsCompile(t *testing.T) {
	for days, scrape := range map[time.Duration]time.Duration{7: 15 * time.Second, 14: 45 * time.Second, 28: time.Minute, 90: time.Minute} {
		alerts, err := budget.ScaledAlerts(days * day)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (budget.Policy{Alerts: alerts, ScrapeInterval: scrape}).Compile(); err != nil {
			t.Errorf("%d days, scraped every %s: %v", days, scrape, err)
		}
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
		{"a long window of fewer than four scrapes, without a short one", "too_short", budget.BurnAlert{Name: "a", Long: 3 * time.Minute, Factor: ratio("2")}},
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
