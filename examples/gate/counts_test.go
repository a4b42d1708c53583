package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const measuredAt = "2026-04-29T12:00:00Z"

// countsText is a file of -counts: of each span the same share is bad.
func countsText(slo, share string, spans ...string) string {
	var items []string
	for _, span := range spans {
		items = append(items, fmt.Sprintf(`{"slo": %q, "span": %q, "good": "1000000", "bad": %s, "covered": %q}`, slo, span, share, span))
	}
	return strings.Join(items, ",\n")
}

func countsFile(t *testing.T, items ...string) string {
	return write(t, "counts.json", fmt.Sprintf("{\"at\": %q, \"counts\": [\n%s]}", measuredAt, strings.Join(items, ",\n")))
}

var workbookSpans = []string{"30d", "1h", "5m", "6h", "30m", "1d", "2h", "3d"}

func TestCountsAreJudged(t *testing.T) {
	for name, test := range map[string]struct {
		items    []string
		args     []string
		status   int
		decision string
		want     string
	}{
		"within the budget":    {items: []string{countsText("checkout", "500", workbookSpans...)}, decision: "allow", want: "checkout has 50.02% of its error budget left"},
		"without a name":       {items: []string{countsText("", `"500"`, workbookSpans...)}, decision: "allow", want: "checkout has 50.02%"},
		"exhausted":            {items: []string{countsText("checkout", "2000.5", workbookSpans...)}, status: 1, decision: "deny", want: "below the 0% of threshold exhausted"},
		"other SLOs are there": {items: []string{countsText("checkout", "500", workbookSpans...), countsText("search", "9000", workbookSpans...)}, decision: "allow", want: "checkout has 50.02%"},
		"a span is missing":    {items: []string{countsText("checkout", "500", workbookSpans[2:]...)}, status: 3, decision: "unknown", want: "no entry of checkout for the span 30d, 1h"},
		"another SLO only":     {items: []string{countsText("search", "500", workbookSpans...)}, status: 3, decision: "unknown", want: "no entry of checkout"},
		"stale":                {items: []string{countsText("checkout", "500", workbookSpans...)}, args: []string{"-at", "2026-04-29T12:16:00Z"}, status: 3, decision: "unknown", want: "stale"},
		"from the future":      {items: []string{countsText("checkout", "500", workbookSpans...)}, args: []string{"-at", "2026-04-29T11:58:00Z"}, status: 3, decision: "unknown", want: "from_future"},
		"hardly covered": {items: []string{countsText("checkout", "500", workbookSpans[1:]...), `{"span": "30d", "good": 1, "bad": 0, "covered": "20d"}`},
			status: 3, decision: "unknown", want: "coverage_low"},
		"another policy": {items: []string{countsText("checkout", "950", "30d")}, args: []string{"-policy", "tiered"}, status: 1, decision: "deny", want: "below the 10% of threshold critical-block"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-slo", "testdata/checkout.yaml", "-counts", countsFile(t, test.items...), "-at", measuredAt}
			r := run(t, append(args, test.args...)...)
			wantRun(t, r, test.status, test.decision)
			if !strings.Contains(r.stdout, test.want) {
				t.Errorf("the output lacks %q:\n%s", test.want, r.stdout)
			}
			if strings.Contains(r.stdout, "remaining, %") {
				t.Errorf("a chart of a past that nobody measured:\n%s", r.stdout)
			}
		})
	}
}

// Without -at the decision is of now, and counts of last month are old.
func TestCountsAreStaleByDefault(t *testing.T) {
	file := countsFile(t, countsText("checkout", "500", workbookSpans...))
	if r := run(t, "-slo", "testdata/checkout.yaml", "-counts", file); r.status != 3 || !strings.Contains(r.stdout, "stale") {
		t.Errorf("got status %d, want 3\n%s", r.status, r.all())
	}
	fresh := strings.Replace(`{"at": "NOW", "counts": [`+countsText("", "500", workbookSpans...)+`]}`, "NOW", time.Now().UTC().Format(time.RFC3339), 1)
	wantRun(t, run(t, "-slo", "testdata/checkout.yaml", "-counts", write(t, "fresh.json", fresh)), 0, "allow")
}

func TestBadCountsListEveryProblem(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"no JSON":          {"counts", []string{"invalid_json"}},
		"no object":        {"[]", []string{"invalid_json"}},
		"an unknown field": {`{"at": "2026-04-29T12:00:00Z", "count": []}`, []string{`unknown field \"count\"`}},
		"something behind": {`{"at": "2026-04-29T12:00:00Z"} {}`, []string{"nothing after the object"}},
		"an instant":       {`{"at": "noon"}`, []string{`at: invalid_instant "noon"`}},
		"entries": {`{"at": "2026-04-29T12:00:00Z", "counts": [
			{"span": "1x", "good": "NaN", "bad": "0x1p3", "covered": "1h"},
			{"span": "1h", "good": -1, "bad": "1e19", "covered": "2h"},
			{"span": "1h", "good": "1", "bad": null, "covered": "0"},
			{"span": "2h", "good": 1, "bad": 0, "covered": "2h"},
			{"span": "120m", "good": 1, "bad": 0, "covered": "2h"}]}`,
			[]string{`counts[0].span: invalid_duration "1x"`, `counts[0].good: invalid_count "NaN"`, `counts[0].bad: invalid_count "0x1p3"`,
				`counts[1].good: out_of_range "-1"`, `counts[1].bad: out_of_range`, `counts[1].covered: out_of_range`,
				`counts[2].bad: invalid_count`, `counts[4]: duplicate "120m"`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, "-slo", "testdata/checkout.yaml", "-counts", write(t, "counts.json", test.text), "-at", measuredAt)
			if r.status != 2 || r.stdout != "" {
				t.Errorf("got status %d and %q, want 2 and nothing", r.status, r.stdout)
			}
			for _, want := range test.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("the problems lack %s", want)
				}
			}
			if got := problemCount(r.stderr); got != len(test.want) {
				t.Errorf("got %d problems, want %d", got, len(test.want))
			}
			if t.Failed() {
				t.Log(r.stderr)
			}
		})
	}
	if r := run(t, "-slo", "testdata/checkout.yaml", "-counts", "x", "-svg", "x.svg"); !strings.Contains(r.stderr, "-svg: not_allowed") {
		t.Errorf("got %s, want a refusal of -svg", r.stderr)
	}
}

// Of several SLOs the worst decides, and each is named.
func TestWorstOfSeveralSLOsDecides(t *testing.T) {
	both := checkoutSLO(t) + "---\n" + strings.ReplaceAll(checkoutSLO(t), "checkout", "search")
	slos := write(t, "both.yaml", both)
	for _, test := range []struct {
		checkout, search string
		status           int
		decision         string
	}{
		{"100", "200", 0, "allow"},
		{"100", "2000", 1, "deny"},
		{"2000", "100", 1, "deny"},
	} {
		file := countsFile(t, countsText("checkout", test.checkout, workbookSpans...), countsText("search", test.search, workbookSpans...))
		r := run(t, "-slo", slos, "-counts", file, "-at", measuredAt)
		wantRun(t, r, test.status, test.decision)
		for _, name := range []string{"checkout: 99.9%", "search: 99.9%"} {
			if !strings.Contains(r.stdout, name) {
				t.Errorf("the output lacks %q:\n%s", name, r.stdout)
			}
		}
	}
}

func TestPolicyFileAndHysteresis(t *testing.T) {
	policy := write(t, "policy.yaml", `apiVersion: sre-sdk/v1
kind: BudgetPolicy
name: ours
thresholds:
  - {name: low, below: 20%, effect: deny}
exempt: [rollback]
hysteresis: 5%
`)
	for _, test := range []struct {
		name, bad, previous, purpose string
		status                       int
		decision                     string
	}{
		{"above", "700", "unknown", "feature", 0, "allow"},
		{"below", "850", "unknown", "feature", 1, "deny"},
		{"a little above", "780", "unknown", "feature", 0, "allow"},
		{"a little above after a denial", "780", "deny", "feature", 1, "deny"},
		{"far above after a denial", "700", "deny", "feature", 0, "allow"},
		{"not exempt here", "850", "unknown", "security", 1, "deny"},
		{"exempt", "850", "unknown", "rollback", 0, "allow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := countsFile(t, countsText("", test.bad, "30d"))
			r := run(t, "-slo", "testdata/checkout.yaml", "-counts", file, "-at", measuredAt, "-policy", policy, "-previous", test.previous, "-purpose", test.purpose)
			wantRun(t, r, test.status, test.decision)
		})
	}
}
