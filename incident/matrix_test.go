package incident_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// drawnMatrix is small, and often wrong.
func drawnMatrix(t *rapid.T) incident.Matrix {
	share := rapid.SampledFrom([]float64{0, 0, 0.001, 0.05, 0.25, 1})
	burn := rapid.SampledFrom([]float64{0, 0, 1, 6, 14.4})
	tri := rapid.SampledFrom([]incident.Tri{incident.NotKnown, incident.NotKnown, incident.NotKnown, incident.Yes, incident.No})
	up := rapid.Bool().Draw(t, "only at least")
	condition := rapid.Custom(func(t *rapid.T) incident.Condition {
		c := incident.Condition{Users: share.Draw(t, "users"), BudgetBurn: burn.Draw(t, "burn"), DataLoss: tri.Draw(t, "loss"), Security: tri.Draw(t, "security"), Redundancy: tri.Draw(t, "redundancy")}
		if up {
			c.DataLoss, c.Security = min(c.DataLoss, 1)*incident.Yes, min(c.Security, 1)*incident.Yes
			if c.Redundancy == incident.Yes {
				c.Redundancy = incident.No
			}
		} else {
			c.UsersBelow, c.BudgetBurnBelow = share.Draw(t, "users below"), burn.Draw(t, "burn below")
		}
		if c == (incident.Condition{}) {
			c.Users = 0.05
		}
		return c
	})
	n := rapid.IntRange(1, 4).Draw(t, "rows")
	var m incident.Matrix
	for i := range n {
		row := incident.Row{Severity: sre.Severity(i + 1)}
		if i < n-1 || rapid.IntRange(0, 3).Draw(t, "open end") == 0 {
			row.Any = rapid.SliceOfN(condition, 1, 3).Draw(t, "any")
		}
		if rapid.IntRange(0, 5).Draw(t, "other severity") == 0 {
			row.Severity = sre.Severity(rapid.IntRange(1, 4).Draw(t, "severity"))
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// everyImpact is a grid that is finer than the thresholds of drawnMatrix.
var everyImpact = func() (list []incident.Impact) {
	for _, users := range []float64{0, 0.0005, 0.001, 0.02, 0.05, 0.1, 0.25, 0.5, 1} {
		for _, burn := range []float64{0, 0.5, 1, 3, 6, 10, 14.4, 1000} {
			for _, loss := range []incident.Tri{incident.No, incident.Yes} {
				for _, security := range []incident.Tri{incident.No, incident.Yes} {
					for _, redundancy := range []incident.Tri{incident.No, incident.Yes} {
						list = append(list, incident.Impact{Users: incident.ShareOf(users), BudgetBurn: incident.RateOf(burn), DataLoss: loss, Security: security, Redundancy: redundancy})
					}
				}
			}
		}
	}
	return list
}()

// within is a second reading of what a condition says.
func within(c incident.Condition, i incident.Impact) bool {
	most := func(below float64) float64 {
		if below == 0 {
			return math.Inf(1)
		}
		return below
	}
	flag := func(want, is incident.Tri) bool { return want == incident.NotKnown || want == is }
	return i.Users.Value >= c.Users && i.Users.Value < most(c.UsersBelow) && i.BudgetBurn.Value >= c.BudgetBurn && i.BudgetBurn.Value < most(c.BudgetBurnBelow) &&
		flag(c.DataLoss, i.DataLoss) && flag(c.Security, i.Security) && flag(c.Redundancy, i.Redundancy)
}

// bruteMatrix judges a matrix on the grid, comparing all pairs.
func bruteMatrix(m incident.Matrix) (codes []string, severity []sre.Severity) {
	found := map[string]bool{}
	first := map[[2]int]bool{}
	for _, i := range everyImpact {
		decided := -1
		for r, row := range m.Rows {
			at := slices.IndexFunc(row.Any, func(c incident.Condition) bool { return within(c, i) })
			if at < 0 && len(row.Any) > 0 {
				continue
			}
			if decided < 0 {
				decided, first[[2]int{r, max(at, 0)}] = r, true
			} else if row.Severity < m.Rows[decided].Severity {
				found["conflict"] = true
			}
		}
		if decided < 0 {
			found["incomplete"] = true
			severity = append(severity, 0)
			continue
		}
		severity = append(severity, m.Rows[decided].Severity)
	}
	for a, less := range everyImpact {
		for b, more := range everyImpact {
			if severity[a] > 0 && severity[b] > 0 && severity[b] > severity[a] && atMost(less, more) {
				found["not_monotone"] = true
			}
		}
	}
	for r, row := range m.Rows {
		for c := range max(1, len(row.Any)) {
			if !first[[2]int{r, c}] {
				found["unreachable"] = true
			}
		}
	}
	for code := range found {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes, severity
}

func atMost(a, b incident.Impact) bool {
	return a.Users.Value <= b.Users.Value && a.BudgetBurn.Value <= b.BudgetBurn.Value &&
		a.DataLoss <= b.DataLoss && a.Security <= b.Security && a.Redundancy >= b.Redundancy
}

func codesOf(err error) (codes []string) {
	for _, p := range sre.ProblemsIn(err) {
		codes = append(codes, p.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func TestCompileSaysOfAMatrixWhatAWalkThroughAllImpactsSays(t *testing.T) {
	verdicts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := drawnMatrix(t)
		compiled, err := m.Compile()
		want, severity := bruteMatrix(m)
		got := codesOf(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v: Compile and the walk differ (-walk +Compile):\n%s\n%v", m, diff, err)
		}
		verdicts[strings.Join(got, " ")]++
		for _, p := range sre.ProblemsIn(err) {
			if p.Value == "" && !strings.Contains(p.Want, "some impact meets") {
				t.Fatalf("%v names no impact", p)
			}
		}
		if err != nil {
			return
		}
		for n, i := range everyImpact {
			if got := compiled.Severity(i); got != severity[n] {
				t.Fatalf("%v is %v, want %v", i, got, severity[n])
			}
		}
	})
	for _, code := range []string{"", "conflict", "not_monotone", "incomplete", "unreachable"} {
		if !slices.ContainsFunc(slices.Collect(func(yield func(string) bool) {
			for v := range verdicts {
				if !yield(v) {
					return
				}
			}
		}), func(v string) bool { return v == code || code != "" && strings.Contains(v, code) }) {
			t.Errorf("no matrix was drawn with the verdict %q", code)
		}
	}
}

var presets = map[string]incident.Matrix{"default": incident.DefaultMatrix(), "pagerduty": incident.PagerDutyMatrix(), "atlassian": incident.AtlassianMatrix()}

func drawnImpact(t *rapid.T, known bool) incident.Impact {
	tri := rapid.Custom(func(t *rapid.T) incident.Tri {
		least := 0
		if known {
			least = 1
		}
		return incident.Tri(rapid.IntRange(least, 2).Draw(t, "tri"))
	})
	is := func() bool { return known || rapid.Bool().Draw(t, "known") }
	return incident.Impact{
		Users:      incident.Share{Known: is(), Value: rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 0.0001, 0.001, 0.05, 0.25, 1})).Draw(t, "users")},
		BudgetBurn: incident.Rate{Known: is(), Value: rapid.OneOf(rapid.Float64Range(0, 50), rapid.SampledFrom([]float64{0, 1, 6, 14.4})).Draw(t, "burn")},
		DataLoss:   tri.Draw(t, "loss"), Security: tri.Draw(t, "security"), Redundancy: tri.Draw(t, "redundancy"),
	}
}

func TestMoreImpactIsNeverMilder(t *testing.T) {
	for name, m := range presets {
		t.Run(name, func(t *testing.T) {
			c, err := m.Compile()
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				a, b := drawnImpact(t, true), drawnImpact(t, true)
				b.Users.Value, b.BudgetBurn.Value = max(a.Users.Value, b.Users.Value), max(a.BudgetBurn.Value, b.BudgetBurn.Value)
				b.DataLoss, b.Security, b.Redundancy = max(a.DataLoss, b.DataLoss), max(a.Security, b.Security), min(a.Redundancy, b.Redundancy)
				if c.Severity(a).Worse(c.Severity(b)) {
					t.Fatalf("%v is %v, and %v is %v", a, c.Severity(a), b, c.Severity(b))
				}
			})
		})
	}
}

// What is not known counts as the worst of all that it could be, and AtLeast as
// the mildest: a walk through the completions says so.
func TestUnknownIsTheWorstThatItCouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawnMatrix(t)
		c, err := m.Compile()
		if err != nil {
			m = presets[rapid.SampledFrom([]string{"default", "pagerduty", "atlassian"}).Draw(t, "preset")]
			c, _ = m.Compile()
		}
		i := everyImpact[rapid.IntRange(0, len(everyImpact)-1).Draw(t, "impact")]
		hide := rapid.SliceOfN(rapid.Bool(), 5, 5).Draw(t, "hide")
		hidden := i
		for n, h := range hide {
			if h {
				[]func(){func() { hidden.Users = incident.Share{} }, func() { hidden.BudgetBurn = incident.Rate{} }, func() { hidden.DataLoss = 0 }, func() { hidden.Security = 0 }, func() { hidden.Redundancy = 0 }}[n]()
			}
		}
		worst, mildest := sre.Severity(255), sre.Severity(1)
		for _, other := range everyImpact {
			if (hide[0] || other.Users == i.Users) && (hide[1] || other.BudgetBurn == i.BudgetBurn) && (hide[2] || other.DataLoss == i.DataLoss) &&
				(hide[3] || other.Security == i.Security) && (hide[4] || other.Redundancy == i.Redundancy) {
				worst, mildest = min(worst, c.Severity(other)), max(mildest, c.Severity(other))
			}
		}
		if got := c.Severity(hidden); got != worst {
			t.Fatalf("%v of %v is %v, want %v", hidden, i, got, worst)
		}
		if got := c.AtLeast(hidden); got != mildest {
			t.Fatalf("%v of %v is at least %v, want %v", hidden, i, got, mildest)
		}
	})
}

func TestNothingKnownIsTheWorst(t *testing.T) {
	for name, m := range presets {
		c, _ := m.Compile()
		if got := c.Severity(incident.Impact{}); got != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNamesOfThePresets(t *testing.T) {
	for name, want := range map[string]string{"default": "P1 P2 P3 P4", "pagerduty": "SEV-1 SEV-2 SEV-3 SEV-4 SEV-5", "atlassian": "SEV1 SEV2 SEV3"} {
		c, err := presets[name].Compile()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Scale(), " "); got != want {
			t.Errorf("%s has %s", name, got)
		}
	}
}

func TestBrokenMatricesAreRefusedWithAWitness(t *testing.T) {
	rest := incident.Row{Severity: 4}
	row := func(s sre.Severity, c ...incident.Condition) incident.Row { return incident.Row{Severity: s, Any: c} }
	many := make([]incident.Condition, 20)
	for i := range many {
		many[i] = incident.Condition{BudgetBurn: float64(i + 1), Users: 0.5}
	}
	for name, test := range map[string]struct {
		m    incident.Matrix
		want string
	}{
		"none":   {incident.Matrix{}, `incident: rows: out_of_range "0": want 1 to 10 rows`},
		"a hole": {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{Users: 0.1})}}, `incident: rows: incomplete "users=0% budget_burn=0 data_loss=no security=no redundancy=yes": want a row for each impact, such as a last one without conditions`},
		"bands": {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{Users: 0.1, UsersBelow: 0.5}), rest}},
			`incident: rows[1]: not_monotone "users=10% budget_burn=0 data_loss=no security=no redundancy=yes is P1, and users=50% budget_burn=0 data_loss=no security=no redundancy=yes is P4": want no milder severity for more impact`},
		"conflict": {incident.Matrix{Rows: []incident.Row{row(2, incident.Condition{DataLoss: incident.Yes}), row(1, incident.Condition{Security: incident.Yes}), rest}},
			"conflict"},
		"shadow": {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{Users: 0.1}), row(2, incident.Condition{Users: 0.2}), rest}},
			`incident: rows[1].any[0]: unreachable "users=20% budget_burn=0 data_loss=no security=no redundancy=yes": want an impact that it decides; rows[0].any[0] decides this one, and each other that it meets is decided before it`},
		"empty band": {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{Users: 0.2, UsersBelow: 0.1}), rest}}, `incident: rows[0].any[0]: unreachable: want a condition that some impact meets`},
		"no part":    {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{}), rest}}, `incident: rows[0].any[0]: missing: want at least one part; a row without conditions always holds`},
		"a number":   {incident.Matrix{Rows: []incident.Row{row(1, incident.Condition{Users: math.NaN()}), rest}}, `incident: rows[0].any[0].users: out_of_range "NaN": want 0 or more, and a share at most 1`},
		"severity":   {incident.Matrix{Rows: []incident.Row{{Severity: 5}}}, `incident: rows[0].severity: unknown_severity "P5": want a severity that the scale names`},
		"scale":      {incident.Matrix{Scale: sre.Scale{"A", "a"}, Rows: []incident.Row{{Severity: 1}}}, `incident: scale[1]: invalid_name "a": want a name of its own`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.m.Compile()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	var m incident.Matrix
	for r := range 3 {
		conditions := slices.Clone(many)
		for i := range conditions {
			conditions[i].BudgetBurn += float64(100 * (3 - r))
		}
		m.Rows = append(m.Rows, incident.Row{Severity: sre.Severity(r + 1), Any: conditions})
	}
	if _, err := m.Compile(); !slices.Contains(codesOf(err), "too_many") {
		t.Errorf("60 thresholds: %v", err)
	}
}

func TestMatrixExplainsWithTheNumbersUsed(t *testing.T) {
	c, _ := incident.DefaultMatrix().Compile()
	show := func(i incident.Impact) (text string) {
		for _, r := range c.Explain(i) {
			text += fmt.Sprintf("%s %v\n", r, r.Values)
		}
		return text
	}
	known := incident.Impact{Users: incident.ShareOf(0.07), BudgetBurn: incident.RateOf(3), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes}
	for name, test := range map[string]struct {
		change func(*incident.Impact)
		want   string
	}{
		"users":    {func(*incident.Impact) {}, "matrix_condition: P2: users affected at least 5% [{severity P2} {users 7%}]\n"},
		"the rest": {func(i *incident.Impact) { i.Users = incident.ShareOf(0) }, "matrix_rest: P4: no condition of a worse severity holds [{severity P4}]\n"},
		"unknown": {func(i *incident.Impact) { i.Security = incident.NotKnown },
			"matrix_condition: P1: data exposed, or maybe [{severity P1} {security not_known}]\nassumed_worst: security is not known and counts as the worst; at its best it would be P2 [{fact security} {at_best P2}]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			i := known
			test.change(&i)
			if diff := cmp.Diff(test.want, show(i)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMatrixRendersAsTheDocumentToPublish(t *testing.T) {
	c, _ := incident.PagerDutyMatrix().Compile()
	const want = `| Severity | When any of these holds |
|---|---|
| SEV-1 | users affected at least 25%; data lost; data exposed, or maybe |
| SEV-2 | users affected at least 5%; budget burn rate at least 14.4 |
| SEV-3 | users affected at least 0.1%; budget burn rate at least 6; no redundancy left |
| SEV-4 | users affected at least 0.01%; budget burn rate at least 1 |
| SEV-5 | otherwise |

The first row that holds decides. What is not known counts as the worst that it could be. More impact never has a milder severity.
`
	if diff := cmp.Diff(want, c.Markdown()); diff != "" {
		t.Error(diff)
	}
}

func TestCompiledMatrixDoesNotChangeWithItsSource(t *testing.T) {
	m := incident.DefaultMatrix()
	c, _ := m.Compile()
	m.Rows[0].Any[0].Users = 0.9
	m.Rows[0].Severity = 4
	if got := c.Severity(incident.Impact{Users: incident.ShareOf(0.3), BudgetBurn: incident.RateOf(0), DataLoss: 1, Security: 1, Redundancy: 2}); got != 1 {
		t.Error(got)
	}
}

var retriagePolicy = incident.Policy{ID: "p"}.MustCompile()

func burning(rate float64) incident.Impact {
	return incident.Impact{Users: incident.ShareOf(0), BudgetBurn: incident.RateOf(rate), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes}
}

type measured struct {
	at     time.Time
	impact incident.Impact
}

func drawnMeasurements(t *rapid.T) (list []measured) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range rapid.IntRange(1, 60).Draw(t, "n") {
		at = at.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Minute, 2 * time.Minute, 5 * time.Minute, 6 * time.Minute}).Draw(t, "step"))
		i := burning(rapid.SampledFrom([]float64{0, 4, 4.7, 4.8, 5, 6, 11, 12, 14.4, 30}).Draw(t, "burn"))
		if rapid.IntRange(0, 9).Draw(t, "failed") == 0 {
			i.BudgetBurn = incident.Rate{}
		}
		list = append(list, measured{at, i})
	}
	return list
}

// The oracle looks back over all measurements each time.
func retriageOracle(current sre.Severity, list []measured, changed int) sre.Severity {
	m := retriagePolicy.Matrix()
	now := list[len(list)-1]
	if floor := m.AtLeast(now.impact); floor.Worse(current) {
		return floor
	}
	worst := sre.Severity(255)
	for n := len(list) - 1; n > changed; n-- {
		i := list[n].impact
		i.BudgetBurn.Value /= 0.8
		if n+1 < len(list) && list[n+1].at.Sub(list[n].at) > 5*time.Minute || !current.Worse(m.Severity(i)) {
			return current
		}
		worst = min(worst, m.Severity(i))
		if now.at.Sub(list[n].at) >= 15*time.Minute {
			// All of the time is needed, and what lies before it in the same calm
			// counts too.
			for k := n - 1; k > changed; k-- {
				before := list[k].impact
				before.BudgetBurn.Value /= 0.8
				if list[k+1].at.Sub(list[k].at) > 5*time.Minute || !current.Worse(m.Severity(before)) {
					break
				}
				worst = min(worst, m.Severity(before))
			}
			return worst
		}
	}
	return current
}

func TestRetriageIsWorseAtOnceAndMilderAfterTheWholeTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawnMeasurements(t)
		current := sre.Severity(rapid.IntRange(1, 4).Draw(t, "current"))
		var d incident.Drift
		changed := -1
		for n, x := range list {
			want := retriageOracle(current, list[:n+1], changed)
			var got sre.Severity
			var why sre.Reason
			got, d, why = retriagePolicy.Retriage(current, d, x.impact, x.at)
			if got != want {
				t.Fatalf("measurement %d at %v, %v, from %v: got %v (%v), want %v", n, x.at, x.impact, current, got, why, want)
			}
			if got != current {
				changed = n
			}
			current = got
		}
	})
}

func TestAFlappingRateChangesTheSeverityOnce(t *testing.T) {
	current, changes := sre.Severity(4), 0
	var d incident.Drift
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for n := range 1000 {
		next, memory, _ := retriagePolicy.Retriage(current, d, burning([]float64{6.1, 5.9}[n%2]), at.Add(time.Duration(n)*time.Minute))
		if next != current {
			changes++
		}
		current, d = next, memory
	}
	if changes != 1 || current != 3 {
		t.Errorf("%d changes, now %v", changes, current)
	}
}

func TestAFailedMeasurementChangesNothing(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for s := sre.Severity(1); s <= 4; s++ {
		got, d, why := retriagePolicy.Retriage(s, incident.Drift{Since: at, Last: at, Worst: 4}, incident.Impact{}, at.Add(time.Minute))
		if got != s || !d.Since.IsZero() || why.Code != "retriage_steady" {
			t.Errorf("from %v: %v %+v %v", s, got, d, why)
		}
	}
}

func TestRetriageSettingsAreChecked(t *testing.T) {
	for name, h := range map[string]incident.Hysteresis{"margin": {Margin: 1}, "negative": {For: -1}, "nan": {Margin: math.NaN()}} {
		if _, err := (incident.Policy{ID: "p", Retriage: h}).Compile(); !errors.As(err, new(sre.Problem)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkMatrix(b *testing.B) {
	c, _ := incident.PagerDutyMatrix().Compile()
	i := burning(0)
	b.ReportAllocs()
	for b.Loop() {
		if c.Severity(i) != 5 {
			b.Fatal()
		}
	}
}
