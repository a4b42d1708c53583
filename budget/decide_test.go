package budget_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgettest"
	"github.com/sre-sdk/sre/slo"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", path, diff)
	}
}

// The engine and the naive version agree on every fully measured status.
func TestEngineAgreesWithRationals(t *testing.T) {
	policy := budget.Workbook()
	policy.Thresholds = append(policy.Thresholds, budget.Threshold{Name: "low", Below: slo.MustParseRatio("1/3"), Effect: sre.Warn})
	policy.Alerts[1].Effect = sre.Hold
	compiled := policy.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		f := budgettest.FactsAt(now, compiled).Filter(func(f budgettest.Facts) bool {
			spec := f.SLO.Spec()
			return spec.Window.Unit == slo.NoUnit && spec.Window.Length >= 7*day && spec.Budgeting.Slice <= time.Minute
		}).Draw(t, "facts").Covered(1)
		if f.SLO.Spec().Budgeting.Slice == 0 && rapid.Bool().Draw(t, "at a threshold") { // exactly at remaining = 1/3
			num, den := f.SLO.Objective().Budget().Fraction()
			f.Period.Bad = float64(2 * num * 1000)
			f.Period.Good = float64(3*den*1000) - f.Period.Bad
		}
		st := f.Status()
		var firing []string
		for i, a := range compiled.EvaluateAlerts(nil, st) {
			if a.State == budget.Firing {
				firing = append(firing, policy.Alerts[i].Name)
			}
		}
		if diff := cmp.Diff(naiveAlerts(compiled.Policy(), st), firing); diff != "" {
			t.Fatalf("%s: alerts (-naive +engine):\n%s", f, diff)
		}
		got := compiled.Decide([]budget.Status{st}, budget.Change{Purpose: budget.Feature}, sre.Unknown, now).Outcome
		if want := naiveDecide(compiled.Policy(), st); got != want {
			t.Fatalf("%s: engine says %s, naive says %s", f, got, want)
		}
	})
}

func TestDecideDoesNotAllocateForOneStatus(t *testing.T) {
	policy := budget.Workbook()
	policy.Thresholds = append(policy.Thresholds, budget.Threshold{Name: "touched", Below: slo.MustParseRatio("1"), Effect: sre.Warn})
	compiled, s := policy.MustCompile(), availability("checkout")
	idle := []slo.Counts{window(30*day, 1e6, 0)} // nothing happened lately
	for _, span := range compiled.Spans(s) {
		idle = append(idle, window(span, 0, 0))
	}
	for name, st := range map[string]budget.Status{
		"steady":   steady(s, compiled, 10_000, 0.0002),
		"flawless": steady(s, compiled, 10_000, 0),
		"burning":  burning(s, 1.5, 20),
		"idle":     budget.NewStatus(s, now, idle[0], idle[1:]...),
	} {
		statuses := []budget.Status{st}
		if n := testing.AllocsPerRun(100, func() { compiled.Decide(statuses, budget.Change{}, sre.Unknown, now) }); n != 0 {
			t.Errorf("%s: Decide allocates %v times, want 0", name, n)
		}
		dst := make([]budget.AlertStatus, 0, 4)
		if n := testing.AllocsPerRun(100, func() { dst = compiled.EvaluateAlerts(dst[:0], st) }); n != 0 {
			t.Errorf("%s: EvaluateAlerts allocates %v times, want 0", name, n)
		}
	}
}

// What Policy.Compile did not make lets nothing pass, not even what is exempt.
func TestOnlyACompiledPolicyDecides(t *testing.T) {
	var zero budget.Compiled
	for _, policy := range []*budget.Compiled{nil, &zero} {
		d := policy.Decide([]budget.Status{burning(availability("a"), 0, 0)}, budget.Change{Purpose: budget.Rollback}, sre.Allow, now)
		if d.Outcome != sre.Unknown || d.Budget != sre.Unknown || d.Err() == nil || len(d.Reasons()) == 0 || d.Digest() == "" {
			t.Errorf("decided %s with reasons %v, want unknown", d.Outcome, d.Reasons())
		}
	}
}

func TestUndeclaredWordsAreUnknown(t *testing.T) {
	policy := budget.Workbook().MustCompile()
	statuses := []budget.Status{burning(availability("a"), 1.5, 0)}
	got := policy.Decide(statuses, budget.Change{Purpose: 99}, 99, now)
	if want := policy.Decide(statuses, budget.Change{}, sre.Unknown, now); got.Digest() != want.Digest() {
		t.Errorf("an undeclared purpose and outcome before make\n%s\nwant\n%s", got, want)
	}
}

// A firing alert is news for as long as its status is fresh.
func TestOldAlertsRefuseNothing(t *testing.T) {
	policy := budget.Workbook()
	policy.Alerts[0].Effect = sre.Deny
	for age, want := range map[time.Duration]sre.Outcome{0: sre.Deny, 15 * time.Minute: sre.Deny, 16 * time.Minute: sre.Unknown, -2 * time.Minute: sre.Unknown} {
		d := policy.MustCompile().Decide([]budget.Status{burning(availability("a"), 0.5, 20)}, budget.Change{}, sre.Unknown, now.Add(age))
		if d.Outcome != want {
			t.Errorf("%s after the measurement: %s, want %s\n%s", age, d.Outcome, want, d)
		}
	}
}

func TestEarliestIsNeverBeforeNow(t *testing.T) {
	policy := budget.Workbook()
	policy.Alerts[0].Effect = sre.Hold
	for age, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, 4 * time.Minute: 5 * time.Minute, 10 * time.Minute: 10 * time.Minute} {
		d := policy.MustCompile().Decide([]budget.Status{burning(availability("a"), 0.5, 20)}, budget.Change{}, sre.Unknown, now.Add(age))
		if got := d.EarliestAt.Sub(now); got != want {
			t.Errorf("judged %s after the measurement: earliest %s after it, want %s", age, got, want)
		}
	}
}

// The documented loop: keep Budget unless it is Unknown.
func TestAFailedMeasurementDoesNotEndAFreeze(t *testing.T) {
	policy := budget.Workbook()
	policy.Hysteresis = slo.MustParseRatio("5%")
	compiled, s := policy.MustCompile(), availability("a")
	prev := sre.Unknown
	for i, step := range []struct {
		status budget.Status
		want   sre.Outcome
	}{
		{burning(s, 0.97, 0), sre.Allow},
		{burning(s, 1.01, 0), sre.Deny},
		{budget.Failed(s, now, errors.New("down")), sre.Unknown},
		{burning(s, 0.97, 0), sre.Deny},
		{burning(s, 0.95, 0), sre.Allow},
	} {
		d := compiled.Decide([]budget.Status{step.status}, budget.Change{}, prev, now)
		if d.Outcome != step.want {
			t.Errorf("step %d: %s, want %s", i, d.Outcome, step.want)
		}
		if d.Budget != sre.Unknown {
			prev = d.Budget
		}
	}
}

// Nothing that is rounded for reading reads like the limit that it does not
// touch.
func TestExplanationsDoNotRoundOntoALimit(t *testing.T) {
	workbook, s := budget.Workbook(), availability("a")
	workbook.Alerts = workbook.Alerts[:1]
	policy := workbook.MustCompile()
	for _, row := range []struct {
		name      string
		good, bad float64 // of the period
		hour      float64 // bad of 10 million in the last hour
		want      string
	}{
		{"just overspent", 999e6 - 1, 1e6 + 1, 0, "a has -0.0001% of its error budget left, below the 0% of threshold exhausted"},
		{"just not", 999e6 + 1, 1e6 - 1, 0, "a has 0.0001% of its error budget left"},
		{"spent exactly", 999e6, 1e6, 0, "a has 0.00% of its error budget left"},
		{"one bad event", 1e9 - 1, 1, 0, "a has 99.9999% of its error budget left"},
		{"one bad event's SLI", 1e9 - 1, 1, 0, "= 99.9999999%\n"},
		{"an SLI just below its objective", 999e6 - 1, 1e6 + 1, 0, "= 99.8999999%\n"},
		{"just firing", 1e6, 0, 144_001, "14.4001 times the sustainable rate over 1h"},
		{"just not firing", 1e6, 0, 143_999, "14.3999 over 1h, 200 over 5m; fires above 14.4: inactive"},
		{"at the factor", 1e6, 0, 144_000, "14.4 over 1h, 200 over 5m; fires above 14.4: inactive"},
	} {
		st := budget.NewStatus(s, now, window(30*day, row.good, row.bad), window(time.Hour, 1e7-row.hour, row.hour), window(5*time.Minute, 800_000, 200_000))
		if got := policy.Decide([]budget.Status{st}, budget.Change{}, sre.Unknown, now).Explain(); !strings.Contains(got, row.want) {
			t.Errorf("%s: want %q in\n%s", row.name, row.want, got)
		}
	}
}

func TestPurposeReadsBackFromItsText(t *testing.T) {
	for p := budget.PurposeUnknown; p <= budget.Rollback; p++ {
		text, err := p.MarshalText()
		back := budget.Purpose(77)
		if err != nil || back.UnmarshalText(text) != nil || back != p {
			t.Errorf("%s is written %q and read back as %s", p, text, back)
		}
	}
}

// What a caller does with a policy, before or after, does not reach the
// compiled one.
func TestCompiledPolicySharesNothing(t *testing.T) {
	policy := budget.Tiered()
	policy.Alerts, policy.Exempt = budget.WorkbookAlerts(), []budget.Purpose{budget.Rollback}
	compiled := policy.MustCompile()
	before := compiled.Markdown()
	for _, p := range []budget.Policy{policy, compiled.Policy()} {
		p.Thresholds[0].Criticality[0] = slo.Low
		p.Thresholds[1].Effect, p.Alerts[0].Long, p.Exempt[0] = sre.Warn, time.Minute, budget.Reliability
	}
	if after := compiled.Markdown(); after != before || compiled.Policy().MustCompile().Digest() != compiled.Digest() {
		t.Errorf("the compiled policy changed:\n%s", after)
	}
}

// burning is a status with a share of the budget consumed and the last hour
// burning at a rate.
func burning(s *slo.Compiled, consumed, burn float64) budget.Status {
	share := s.Objective().Budget().Float()
	start, _ := s.Period(now)
	counts := func(span time.Duration, ratio float64) slo.Counts {
		total := 1e6
		if slice := s.Spec().Budgeting.Slice; slice > 0 {
			total = float64(span / slice)
		}
		return window(span, total*(1-ratio), total*ratio)
	}
	return budget.NewStatus(s, now, counts(now.Sub(start), consumed*share),
		counts(time.Hour, burn*share), counts(5*time.Minute, burn*share), counts(6*time.Hour, burn*share), counts(30*time.Minute, burn*share),
		counts(day, 0), counts(2*time.Hour, 0), counts(3*day, 0))
}

// Each scenario is judged and its explanation kept as a transcript.
func TestScenarios(t *testing.T) {
	a, b := availability("checkout-availability"), availability("search-latency")
	month := availability("checkout-month", func(s *slo.SLO) { s.Window, s.Objective = slo.Calendar(slo.Month, "Europe/Berlin"), objective("99%") })
	held := budget.Workbook()
	held.Alerts[0].Effect = sre.Hold
	sticky := budget.Workbook()
	sticky.Hysteresis = slo.MustParseRatio("5%")
	strict := budget.Workbook()
	strict.FreezeReliability = true
	critical := availability("payments", func(s *slo.SLO) { s.Criticality = slo.Critical })
	forecast := budget.Workbook()
	forecast.ForecastCalendar = true
	criticalOnly := budget.Policy{Name: "critical-only", Thresholds: []budget.Threshold{{Name: "exhausted", Below: slo.MustParseRatio("0"), Effect: sre.Deny, Criticality: []slo.Criticality{slo.Critical}}}}
	gap := budget.NewStatus(a, now, slo.Counts{Good: 900, Bad: 0, Covered: 26 * day, Span: 30 * day})
	unmeasured := budget.NewStatus(a, now, window(30*day, 1e6, 10))

	for _, row := range []struct {
		name     string
		policy   budget.Policy
		statuses []budget.Status
		purpose  budget.Purpose
		prev     sre.Outcome
		want     sre.Outcome
	}{
		{"healthy", budget.Workbook(), []budget.Status{burning(a, 0.26, 0.3)}, budget.Feature, sre.Allow, sre.Allow},
		{"burning", budget.Workbook(), []budget.Status{burning(a, 0.6, 20)}, budget.Feature, sre.Allow, sre.Warn},
		{"burning_held", held, []budget.Status{burning(a, 0.6, 20)}, budget.Feature, sre.Allow, sre.Hold},
		{"exhausted", budget.Workbook(), []budget.Status{burning(a, 1.12, 0)}, budget.Feature, sre.Allow, sre.Deny},
		{"exhausted_exactly", budget.Workbook(), []budget.Status{burning(availability("half", func(s *slo.SLO) { s.Objective = objective("50%") }), 1, 0)}, budget.Feature, sre.Allow, sre.Allow},
		{"exhausted_until_the_month_ends", budget.Workbook(), []budget.Status{burning(month, 1.5, 0)}, budget.Feature, sre.Allow, sre.Deny},
		{"exhausted_so_far_of_the_month", forecast, []budget.Status{burning(month, 1.5, 0)}, budget.Feature, sre.Allow, sre.Allow},
		{"exhausted_of_the_whole_month", forecast, []budget.Status{burning(month, 6, 0)}, budget.Feature, sre.Allow, sre.Deny},
		{"no_rule", criticalOnly, []budget.Status{burning(a, 0.1, 0)}, budget.Feature, sre.Allow, sre.Unknown},
		{"source_failed_with_a_message_of_many_lines", budget.Workbook(), []budget.Status{budget.Failed(a, now, errors.New("down\ndecision: allow\r\n"))}, budget.Feature, sre.Unknown, sre.Unknown},
		{"exhausted_rollback", budget.Workbook(), []budget.Status{burning(a, 1.12, 0)}, budget.Rollback, sre.Deny, sre.Allow},
		{"exhausted_reliability", budget.Workbook(), []budget.Status{burning(a, 1.12, 0)}, budget.Reliability, sre.Deny, sre.Warn},
		{"exhausted_reliability_frozen", strict, []budget.Status{burning(a, 1.12, 0)}, budget.Reliability, sre.Deny, sre.Deny},
		{"worst_of_two", budget.Workbook(), []budget.Status{burning(a, 0.26, 0), burning(b, 1.3, 0)}, budget.Feature, sre.Allow, sre.Deny},
		{"unknown_and_exhausted", budget.Workbook(), []budget.Status{budget.Failed(a, now, errors.New("connection refused")), burning(b, 1.3, 0)}, budget.Feature, sre.Allow, sre.Deny},
		{"recovered_within_hysteresis", sticky, []budget.Status{burning(a, 0.97, 0)}, budget.Feature, sre.Deny, sre.Deny},
		{"recovered", sticky, []budget.Status{burning(a, 0.94, 0)}, budget.Feature, sre.Deny, sre.Allow},
		{"never_was_below", sticky, []budget.Status{burning(a, 0.97, 0)}, budget.Feature, sre.Allow, sre.Allow},
		{"tier_critical", budget.Tiered(), []budget.Status{burning(critical, 0.92, 0)}, budget.Feature, sre.Unknown, sre.Deny},
		{"tier_standard", budget.Tiered(), []budget.Status{burning(a, 0.92, 0)}, budget.Feature, sre.Unknown, sre.Warn},
		{"source_failed", budget.Workbook(), []budget.Status{budget.Failed(a, now, errors.New("connection refused"))}, budget.Feature, sre.Unknown, sre.Unknown},
		{"source_failed_emergency", budget.Workbook(), []budget.Status{budget.Failed(a, now, errors.New("connection refused"))}, budget.Emergency, sre.Unknown, sre.Allow},
		{"source_failed_reliability", budget.Workbook(), []budget.Status{budget.Failed(a, now, errors.New("connection refused"))}, budget.Reliability, sre.Unknown, sre.Unknown},
		{"coverage_low", budget.Workbook(), []budget.Status{gap}, budget.Feature, sre.Unknown, sre.Unknown},
		{"alert_windows_unmeasured", budget.Workbook(), []budget.Status{unmeasured}, budget.Feature, sre.Unknown, sre.Warn},
		{"alert_windows_unmeasured_held", held, []budget.Status{unmeasured}, budget.Feature, sre.Unknown, sre.Unknown},
		{"no_events", budget.Workbook(), []budget.Status{budget.NewStatus(a, now, window(30*day, 0, 0))}, budget.Feature, sre.Unknown, sre.Unknown},
		{"no_slos", budget.Workbook(), nil, budget.Feature, sre.Unknown, sre.Unknown},
		{"not_measured", budget.Workbook(), []budget.Status{{}}, budget.Feature, sre.Unknown, sre.Unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := row.policy.MustCompile().Decide(row.statuses, budget.Change{ID: "deploy-7", Purpose: row.purpose}, row.prev, now)
			if d.Outcome != row.want {
				t.Errorf("outcome %s, want %s\n%s", d.Outcome, row.want, d)
			}
			if err := d.Err(); (err == nil) != d.Outcome.Passes() {
				t.Errorf("outcome %s has error %v", d.Outcome, err)
			}
			golden(t, row.name+".txt", d.Explain())
		})
	}
}

func TestDecisionErrorsSayWhat(t *testing.T) {
	s := availability("a")
	held := budget.Workbook()
	held.Alerts[0].Effect = sre.Hold
	for _, row := range []struct {
		policy  budget.Policy
		status  budget.Status
		is, not error
	}{
		{budget.Workbook(), burning(s, 1.5, 0), budget.ErrDenied, budget.ErrHeld},
		{held, burning(s, 0.5, 20), budget.ErrHeld, budget.ErrUnknown},
		{held, burning(s, 0.5, 20), budget.ErrDenied, budget.ErrUnknown},
		{budget.Workbook(), budget.Status{}, budget.ErrUnknown, budget.ErrDenied},
	} {
		err := row.policy.MustCompile().Decide([]budget.Status{row.status}, budget.Change{}, sre.Unknown, now).Err()
		var facts *budget.DecisionError
		if !errors.Is(err, row.is) || errors.Is(err, row.not) || !errors.As(err, &facts) {
			t.Errorf("%v: want one that is %v and not %v", err, row.is, row.not)
		}
	}
}

func TestAgeOfAMeasurement(t *testing.T) {
	policy := budget.Workbook().MustCompile()
	hourly := availability("hourly", func(s *slo.SLO) { s.Budgeting = slo.ByRatioTimeslices(time.Hour) })
	for _, row := range []struct {
		slo  *slo.Compiled
		age  time.Duration
		want string
	}{
		{availability("a"), 0, "within_budget"},
		{availability("a"), 15 * time.Minute, "within_budget"},
		{availability("a"), 15*time.Minute + 1, "stale"},
		{availability("a"), -time.Minute, "within_budget"},
		{availability("a"), -time.Minute - 1, "from_future"},
		{hourly, 74 * time.Minute, "within_budget"},
		{hourly, 76 * time.Minute, "stale"},
	} {
		codes := map[string]bool{}
		for _, r := range policy.Decide([]budget.Status{burning(row.slo, 0.1, 0)}, budget.Change{}, sre.Unknown, now.Add(row.age)).Reasons() {
			codes[r.Code] = true
		}
		if !codes[row.want] {
			t.Errorf("%s, %s after the measurement: %v, want %s", row.slo.ID(), row.age, codes, row.want)
		}
	}
}

// A Decision keeps its own copy: what the caller does with the slice later
// changes neither verdict nor explanation.
func TestDecisionKeepsWhatItWasMadeFrom(t *testing.T) {
	policy := budget.Workbook().MustCompile()
	statuses := []budget.Status{burning(availability("a"), 1.5, 0), burning(availability("b"), 0, 0)}
	d := policy.Decide(statuses, budget.Change{}, sre.Unknown, now)
	before := d.Explain()
	statuses[0] = budget.Status{}
	if d.Explain() != before {
		t.Error("the explanation changed with the caller's slice")
	}
}

func TestDecisionJSON(t *testing.T) {
	d := budget.Workbook().MustCompile().Decide([]budget.Status{burning(availability("checkout-availability"), 1.12, 20), {}},
		budget.Change{ID: "deploy-7", Purpose: budget.Feature}, sre.Warn, now)
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "decision.json", string(data)+"\n")
	if again, _ := json.MarshalIndent(d, "", "  "); string(again) != string(data) {
		t.Error("the same decision has other bytes the second time")
	}
}

func TestPolicyMarkdown(t *testing.T) {
	for _, p := range []budget.Policy{budget.Workbook(), budget.SLOGenerator(), budget.Tiered()} {
		golden(t, p.Name+".md", p.MustCompile().Markdown())
	}
}

func TestInvalidPoliciesNameEveryProblem(t *testing.T) {
	ratio := slo.MustParseRatio
	for _, row := range []struct {
		name   string
		policy budget.Policy
		want   []string
	}{
		{"a policy that passes everything", budget.Policy{}, []string{"thresholds missing"}},
		{"a bad name", budget.Policy{Name: "my policy", Thresholds: budget.Workbook().Thresholds}, []string{"name invalid_id"}},
		{"two of one name", budget.Policy{Thresholds: append(budget.Workbook().Thresholds, budget.Workbook().Thresholds...)}, []string{"thresholds[1].name duplicate"}},
		{"a threshold of nothing", budget.Policy{Thresholds: []budget.Threshold{{}}}, []string{"thresholds[0].name invalid_id", "thresholds[0].below missing", "thresholds[0].effect not_allowed"}},
		{"a threshold above the whole", budget.Policy{Thresholds: []budget.Threshold{{Name: "a", Below: ratio("101%"), Effect: sre.Hold}}}, []string{"thresholds[0].below out_of_range", "thresholds[0].effect not_allowed"}},
		{"exempt features", budget.Policy{Thresholds: budget.Workbook().Thresholds, Exempt: []budget.Purpose{budget.Feature, 77}}, []string{"exempt[0] not_allowed", "exempt[1] unknown_purpose"}},
		{"knobs out of range", budget.Policy{Thresholds: budget.Workbook().Thresholds, Hysteresis: ratio("-1%"), MinCoverage: ratio("0"), MinAlertCoverage: ratio("2"), MaxAge: -1, ScrapeInterval: -1},
			[]string{"hysteresis out_of_range", "min_alert_coverage out_of_range", "min_coverage out_of_range", "max_age out_of_range", "scrape_interval out_of_range"}},
		{"durations beyond any use", budget.Policy{Alerts: budget.WorkbookAlerts()[:1], MaxAge: math.MaxInt64, ScrapeInterval: math.MaxInt64 / 2},
			[]string{"max_age out_of_range", "scrape_interval out_of_range", "alerts[0].short too_short"}},
		{"a threshold for no service", budget.Policy{Thresholds: []budget.Threshold{{Name: "a", Below: ratio("0"), Effect: sre.Deny, Criticality: []slo.Criticality{}}}}, []string{"thresholds[0].criticality empty"}},
		{"an effect that could never end", budget.Policy{Thresholds: []budget.Threshold{{Name: "a", Below: ratio("90%"), Effect: sre.Deny}}, Hysteresis: ratio("10.1%")}, []string{"thresholds[0].below out_of_range"}},
		{"an effect that a whole budget ends", budget.Policy{Thresholds: []budget.Threshold{{Name: "a", Below: ratio("90%"), Effect: sre.Deny}}, Hysteresis: ratio("10%")}, nil},
		{"a threshold out of range", budget.Policy{Thresholds: []budget.Threshold{{Name: "a", Below: ratio("-9223372036854775807/1"), Effect: sre.Deny}}}, []string{"thresholds[0].below too_precise"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := row.policy.Compile()
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTurnsEveryFailureIntoUnknown(t *testing.T) {
	s, policy := availability("a"), budget.Workbook().MustCompile()
	answer := func(change func([]slo.Counts) []slo.Counts) slo.SourceFunc {
		return func(_ context.Context, _ *slo.Compiled, _ time.Time, spans []time.Duration) ([]slo.Counts, error) {
			var counts []slo.Counts
			for _, span := range spans {
				counts = append(counts, window(span, 1000, 0))
			}
			return change(counts), nil
		}
	}
	down := errors.New("down")
	for _, row := range []struct {
		name string
		src  slo.Source
		slo  *slo.Compiled
		want sre.Outcome
	}{
		{"a sound source", answer(func(c []slo.Counts) []slo.Counts { return c }), s, sre.Allow},
		{"a failing source", slo.SourceFunc(func(context.Context, *slo.Compiled, time.Time, []time.Duration) ([]slo.Counts, error) {
			return nil, down
		}), s, sre.Unknown},
		{"too few answers", answer(func(c []slo.Counts) []slo.Counts { return c[1:] }), s, sre.Unknown},
		{"answers in another order", answer(func(c []slo.Counts) []slo.Counts { c[0], c[1] = c[1], c[0]; return c }), s, sre.Unknown},
		{"a negative count", answer(func(c []slo.Counts) []slo.Counts { c[2].Bad = -1; return c }), s, sre.Unknown},
		{"no source", nil, s, sre.Unknown},
		{"no SLO", answer(nil), nil, sre.Unknown},
		{"the first instant of a period", answer(nil), availability("month", func(s *slo.SLO) { s.Window = slo.Window{Unit: slo.Month, Zone: "UTC", Anchor: "2026-03-06 14:00"} }), sre.Unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := budget.Read(t.Context(), row.src, row.slo, policy, now)
			if got := policy.Decide([]budget.Status{st}, budget.Change{}, sre.Unknown, now); got.Outcome != row.want {
				t.Errorf("decided %s, want %s\n%s", got.Outcome, row.want, got)
			}
		})
	}
	if st := budget.Read(t.Context(), slo.SourceFunc(func(context.Context, *slo.Compiled, time.Time, []time.Duration) ([]slo.Counts, error) {
		return nil, down
	}), s, policy, now); !errors.Is(st.Err(), down) {
		t.Errorf("the status carries %v, want the error of the source", st.Err())
	}
}
