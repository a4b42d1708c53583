package openslo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/openslo"
)

// base is a valid file of two SLOs; each rule changes some of it.
const base = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: web
spec:
  service: shop
  indicator:
    metadata: {name: web-errors}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource: {type: Prometheus, spec: {query: good_total}}
        total:
          metricSource: {type: Prometheus, spec: {query: all_total}}
  timeWindow:
    - duration: 28d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.999
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: other
spec:
  service: shop
  indicatorRef: age
  timeWindow: [{duration: 1w, isRolling: true}]
  budgetingMethod: Timeslices
  objectives:
    - {op: lt, value: 5, target: 0.9, timeSliceTarget: 1.0, timeSliceWindow: 1m}
---
apiVersion: openslo/v1
kind: SLI
metadata:
  name: age
spec:
  thresholdMetric:
    metricSource: {type: Prometheus, spec: {query: age_seconds}}
`

func edit(t *testing.T, pairs ...string) string {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the base has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestRules(t *testing.T) {
	const (
		window    = "    - duration: 28d\n      isRolling: true\n"
		objective = "    - target: 0.999\n"
		last      = "    - {op: lt, value: 5, target: 0.9, timeSliceTarget: 1.0, timeSliceWindow: 1m}\n"
		ratio     = "f:10: spec.indicator.spec.ratioMetric"
	)
	both, web, other := []string{"web", "other"}, []string{"web"}, []string{"other"}
	for _, tt := range []struct {
		rule   string
		edits  []string
		strict []string // problems; none: strict reads it
		ids    []string // read by lenient
	}{
		{"a valid file has no problem", nil, nil, both},

		// The envelope.
		{"an unknown field is refused, or reported", []string{"  service: shop\n", "  service: shop\n  servcie: x\n"}, []string{"f:7: spec.servcie unknown_field"}, both},
		{"an unknown field beside the spec is refused, or reported", []string{"kind: SLO\n", "kind: SLO\nstatus: {}\n"}, []string{"f:3: status unknown_field"}, both},
		{"an unknown kind is refused, or reported", []string{"kind: SLO", "kind: Sli"}, []string{"f:2: kind unknown_kind"}, other},
		{"a known kind that is not used is no problem", []string{"kind: SLO", "kind: Service"}, nil, other},
		{"kind is required", []string{"kind: SLO\n", ""}, []string{"f:1: kind missing"}, other},
		{"apiVersion is required", []string{"apiVersion: openslo/v1\nkind: SLO\n", "kind: SLO\n"}, []string{"f:1: apiVersion missing"}, other},
		{"an item of a list of objects is not null", []string{"---\n", "---\n- \n---\n"}, []string{"f:23: [0] missing"}, both},
		{"an object is a mapping", []string{"---\n", "---\ntext\n---\n"}, []string{"f:23 wrong_type"}, both},
		{"spec is required", []string{"spec:\n  service: shop\n  indicatorRef", "sepc:\n  service: shop\n  indicatorRef"}, []string{"f:23: spec missing", "f:27: sepc unknown_field"}, web},
		{"a duplicate field is refused", []string{"  name: web\n", "  name: web\n  name: web2\n"}, []string{"f:5: metadata.name duplicate_field"}, other},
		{"an alias is refused", []string{"{query: good_total}", "&x {query: good_total}", "{query: all_total}", "*x"}, []string{"f:15: spec.indicator.spec.ratioMetric.total.metricSource.spec alias_not_allowed"}, other},

		// Metadata.
		{"name is required", []string{"  name: web\n", "  displayName: Web\n"}, []string{"f:3: metadata.name missing"}, other},
		{"a name has lower-case letters", []string{"name: web\n", "name: Web\n"}, []string{"f:4: metadata.name invalid_name"}, []string{"Web", "other"}},
		{"a name may have dots and slashes", []string{"name: web\n", "name: shop/web.eu\n"}, nil, []string{"shop/web.eu", "other"}},
		{"a name must be an ID", []string{"name: web\n", "name: a|b\n"}, []string{"f:4: metadata.name invalid_id"}, other},
		{"a name has at most 100 bytes", []string{"name: web\n", "name: " + strings.Repeat("a", 101) + "\n"}, []string{"f:4: metadata.name invalid_id"}, other},
		{"a label name has a form", []string{"name: web\n", "name: web\n  labels: {a b: c}\n"}, []string{`f:5: metadata.labels["a b"] invalid_label_name`}, both},
		{"a label has a value", []string{"name: web\n", "name: web\n  labels: {a: }\n"}, []string{"f:5: metadata.labels.a missing"}, both},
		{"a label is text or a list of texts", []string{"name: web\n", "name: web\n  labels: {a: {b: c}}\n"}, []string{"f:5: metadata.labels.a wrong_type"}, other},
		{"a label value has no NUL byte", []string{"name: web\n", `name: web
  labels: {a: "b\0"}
`}, []string{"f:5: metadata.labels invalid_label_value"}, other},
		{"an annotation that is null is none", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/owner: }\n"}, nil, both},
		{"an unknown annotation of ours is an unknown field", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/ownr: x}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/ownr"] unknown_field`}, both},
		{"an owner is an ID", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/owner: a b}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/owner"] invalid_id`}, other},
		{"a criticality is known", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/criticality: huge}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/criticality"] unknown_value`}, other},
		{"a review date exists", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/review-by: 2027-02-30}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/review-by"] invalid_date`}, other},
		{"missing data has three meanings", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/missing: good}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/missing"] unknown_value`}, other},
		{"only bad events may be absent", []string{"name: web\n", "name: web\n  annotations: {sre-sdk.github.com/absent-is-zero: true}\n"}, []string{`f:5: metadata.annotations["sre-sdk.github.com/absent-is-zero"] not_allowed`}, other},

		// The SLO.
		{"service is required", []string{"  service: shop\n", ""}, []string{"f:5: spec.service missing"}, other},
		{"a service is an ID", []string{"service: shop", "service: the shop"}, []string{"f:6: spec.service invalid_id"}, other},
		{"a description has at most 1050 characters", []string{"service: shop\n", "service: shop\n  description: " + strings.Repeat("é", 1051) + "\n"}, []string{"f:7: spec.description too_long"}, both},
		{"budgetingMethod is required", []string{"  budgetingMethod: Occurrences\n", ""}, []string{"f:5: spec.budgetingMethod missing"}, other},
		{"budgetingMethod is spelled as specified", []string{"Occurrences", "occurrences"}, []string{"f:19: spec.budgetingMethod unknown_value"}, other},
		{"an indicator is required", []string{"indicatorRef: age", "indicatorRef: "}, []string{"f:27: spec.indicator missing"}, web},
		{"either indicator or indicatorRef", []string{"  indicator:\n", "  indicatorRef: age\n  indicator:\n"}, []string{"f:7: spec.indicatorRef conflict"}, other},
		{"an indicatorRef names an SLI of the input", []string{"indicatorRef: age", "indicatorRef: ages"}, []string{"f:29: spec.indicatorRef unknown_sli"}, web},

		// The SLI.
		{"an SLI that cannot be read takes its SLOs along", []string{"{query: age_seconds}", "{}"}, []string{"f:41: spec.thresholdMetric.metricSource.spec.query missing"}, web},
		{"two SLIs of one name are both refused", []string{"---\napiVersion: openslo/v1\nkind: SLI", "---\n{apiVersion: openslo/v1, kind: SLI, metadata: {name: age}, spec: {thresholdMetric: {metricSource: {type: x, spec: {query: y}}}}}\n---\napiVersion: openslo/v1\nkind: SLI"},
			[]string{"f:35: metadata.name duplicate_name", "f:40: metadata.name duplicate_name"}, web},
		{"either ratioMetric or thresholdMetric", []string{"      ratioMetric:\n", "      thresholdMetric: {}\n      ratioMetric:\n"}, []string{"f:11: spec.indicator.spec.ratioMetric conflict"}, other},
		{"ratioMetric or thresholdMetric is required", []string{"  thresholdMetric:\n    metricSource: {type: Prometheus, spec: {query: age_seconds}}\n", "  description: x\n"}, []string{"f:39: spec.ratioMetric missing"}, web},
		{"either good or bad", []string{"        total:\n", "        bad: {}\n        total:\n"}, []string{"f:14: spec.indicator.spec.ratioMetric.bad conflict"}, other},
		{"good or bad is required with total", []string{"        good:\n          metricSource: {type: Prometheus, spec: {query: good_total}}\n", ""}, []string{ratio + " missing"}, other},
		{"total is required", []string{"        total:\n          metricSource: {type: Prometheus, spec: {query: all_total}}\n", ""}, []string{ratio + ".total missing"}, other},
		{"either raw or total", []string{"        total:\n", "        raw:\n"}, []string{"f:12: spec.indicator.spec.ratioMetric.good conflict", ratio + ".rawType missing"}, other},
		{"good or bad says what rawType would", []string{"        good:\n", "        rawType: failure\n        good:\n"}, []string{"f:12: spec.indicator.spec.ratioMetric.rawType not_allowed"}, both},
		{"counter is required", []string{"        counter: true\n", ""}, []string{ratio + ".counter missing"}, other},
		{"a ratio of gauges is refused", []string{"counter: true", "counter: false"}, []string{"f:11: spec.indicator.spec.ratioMetric.counter unsupported"}, other},
		{"counter is true or false", []string{"counter: true", `counter: "false"`}, []string{"f:11: spec.indicator.spec.ratioMetric.counter wrong_type"}, other},
		{"a source without type or reference is only reported", []string{"{type: Prometheus, spec: {query: good_total}}", "{spec: {query: good_total}}"}, []string{"f:13: spec.indicator.spec.ratioMetric.good.metricSource.type missing"}, both},
		{"a query is not blank", []string{"{query: good_total}", `{query: " "}`}, []string{"f:13: spec.indicator.spec.ratioMetric.good.metricSource.spec.query missing"}, other},
		{"a query has at most 16 KiB", []string{"good_total", strings.Repeat("g", slo.MaxQuery+1)}, []string{"f:13: spec.indicator.spec.ratioMetric.good.metricSource.spec.query too_long"}, other},
		{"an inline indicator has a name", []string{"    metadata: {name: web-errors}\n", ""}, []string{"f:7: spec.indicator.metadata missing"}, both},

		// Windows; more in TestWindows.
		{"timeWindow is required", []string{"  timeWindow:\n" + window, ""}, []string{"f:5: spec.timeWindow missing"}, other},
		{"exactly one window", []string{window, window + window}, []string{"f:16: spec.timeWindow wrong_count"}, other},
		{"isRolling is true or false", []string{"isRolling: true", "isRolling: yes"}, []string{"f:18: spec.timeWindow[0].isRolling wrong_type"}, other},

		// Objectives.
		{"at least one objective", []string{"  objectives:\n" + objective, "  objectives: []\n"}, []string{"f:20: spec.objectives missing"}, other},
		{"an SLO has at most 100 objectives", []string{objective, strings.Repeat(objective, openslo.MaxObjectives+1)}, []string{"f:20: spec.objectives too_large"}, other},
		{"an objective is not null", []string{objective, "    - \n"}, []string{"f:21: spec.objectives[0] missing"}, other},
		{"an objective is a mapping", []string{objective, "    - 0.999\n"}, []string{"f:21: spec.objectives[0] wrong_type"}, other},
		{"a target is required", []string{"- target: 0.999", "- displayName: x"}, []string{"f:21: spec.objectives[0].target missing"}, other},
		{"either target or targetPercent", []string{"- target: 0.999", "- {target: 0.999, targetPercent: 99.9}"}, []string{"f:21: spec.objectives[0].targetPercent conflict"}, other},
		{"a target is a ratio", []string{"0.999", "99.9"}, []string{"f:21: spec.objectives[0].target out_of_range"}, other},
		{"a target of 0 promises nothing", []string{"0.999", "0.0"}, []string{"f:21: spec.objectives[0].target out_of_range"}, other},
		{"a target of 1 leaves no budget", []string{"0.999", "1.0"}, []string{"f:21: spec.objectives[0].target out_of_range"}, other},
		{"a target is decimal", []string{"0.999", "9.99e-1"}, []string{"f:21: spec.objectives[0].target wrong_type"}, other},
		{"targetPercent stays below 100", []string{"target: 0.999", "targetPercent: 100"}, []string{"f:21: spec.objectives[0].targetPercent out_of_range"}, other},
		{"an unreadable objective leaves the others", []string{objective, "    - {displayName: A, target: 0.9}\n    - {displayName: B, target: 9}\n"}, []string{"f:22: spec.objectives[1].target out_of_range"}, []string{"web/a", "other"}},
		{"two objectives with one ID are both refused", []string{objective, "    - {displayName: A b, target: 0.9}\n    - {displayName: a-B, target: 0.8}\n"}, []string{"f:21: spec.objectives[0] duplicate_id", "f:22: spec.objectives[1] duplicate_id"}, other},
		{"an index can clash with a name", []string{objective, "    - {displayName: '1', target: 0.9}\n    - {target: 0.8}\n"}, []string{"f:21: spec.objectives[0] duplicate_id", "f:22: spec.objectives[1] duplicate_id"}, other},
		{"two SLOs with one ID are both refused", []string{"name: other", "name: web"}, []string{"f:4: metadata.name duplicate_id", "f:26: metadata.name duplicate_id"}, nil},
		{"an unreadable SLO still claims its ID", []string{"name: other", "name: web", "service: shop\n  indicatorRef", "indicatorRef"}, []string{"f:4: metadata.name duplicate_id", "f:27: spec.service missing", "f:26: metadata.name duplicate_id"}, nil},
		{"an ID made of two names has at most 100 bytes", []string{objective, "    - {displayName: " + strings.Repeat("A", 97) + ", target: 0.9}\n    - {target: 0.8}\n"}, []string{"f:4: metadata.name invalid_id"}, other},
		{"composite SLOs are refused", []string{"  indicatorRef: age\n", "", last, "    - {target: 0.9, indicatorRef: age, compositeWeight: 2, timeSliceTarget: 1, timeSliceWindow: 1m}\n"},
			[]string{"f:32: spec.objectives[0].indicatorRef unsupported", "f:32: spec.objectives[0].compositeWeight unsupported"}, web},
		{"a thresholdMetric needs op and value", []string{last, "    - {target: 0.9, timeSliceTarget: 1, timeSliceWindow: 1m}\n"}, []string{"f:33: spec.objectives[0].op missing", "f:33: spec.objectives[0].value missing"}, web},
		{"op is lt, lte, gt or gte", []string{"op: lt", "op: eq"}, []string{"f:33: spec.objectives[0].op unknown_value"}, web},
		{"a value is finite", []string{"value: 5", "value: .inf"}, []string{"f:33: spec.objectives[0].value wrong_type"}, web},
		{"a thresholdMetric has one objective", []string{last, last + strings.Replace(last, "0.9", "0.8", 1)}, []string{"f:32: spec.objectives too_many_objectives"}, []string{"web", "other/0", "other/1"}},
		{"Timeslices need both slice fields", []string{", timeSliceTarget: 1.0, timeSliceWindow: 1m", ""}, []string{"f:33: spec.objectives[0].timeSliceTarget missing", "f:33: spec.objectives[0].timeSliceWindow missing"}, web},
		{"Timeslices need a slice target", []string{", timeSliceTarget: 1.0", ""}, []string{"f:33: spec.objectives[0].timeSliceTarget missing"}, web},
		{"RatioTimeslices need a slice window", []string{"Timeslices", "RatioTimeslices", ", timeSliceWindow: 1m", ""}, []string{"f:33: spec.objectives[0].timeSliceWindow missing"}, web},
		{"a slice target is above 0", []string{"timeSliceTarget: 1.0", "timeSliceTarget: 0"}, []string{"f:33: spec.objectives[0].timeSliceTarget out_of_range"}, web},
		{"a slice target has at most 18 digits", []string{"timeSliceTarget: 1.0", "timeSliceTarget: 0.9999999999999999999"}, []string{"f:33: spec.objectives[0].timeSliceTarget invalid_ratio"}, web},
		{"a slice has a length", []string{"timeSliceWindow: 1m", "timeSliceWindow: 0"}, []string{"f:33: spec.objectives[0].timeSliceWindow out_of_range"}, web},
		{"a slice has an exact length", []string{"timeSliceWindow: 1m", "timeSliceWindow: 1M"}, []string{"f:33: spec.objectives[0].timeSliceWindow inexact_duration"}, web},
		{"a slice divides the window", []string{"timeSliceWindow: 1m", "timeSliceWindow: 11m"}, []string{"f:33: spec.objectives[0].timeSliceWindow not_a_divisor"}, web},
		{"a slice is a duration-shorthand or a number of minutes", []string{"timeSliceWindow: 1m", "timeSliceWindow: 1m30s"}, []string{"f:33: spec.objectives[0].timeSliceWindow invalid_duration"}, web},

		{"all problems at once, each with its line", []string{"  service: shop\n", "  servcie: shop\n", "0.999", "99.9", "counter: true", "counter: false", "28d", "28x"},
			[]string{"f:11: spec.indicator.spec.ratioMetric.counter unsupported", "f:17: spec.timeWindow[0].duration invalid_duration", "f:5: spec.service missing", "f:6: spec.servcie unknown_field", "f:21: spec.objectives[0].target out_of_range"}, other},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			text := edit(t, tt.edits...)
			strict := read(text, openslo.Options{Name: "f"})
			if diff := cmp.Diff(sorted(strict.Problems), sorted(tt.strict)); diff != "" {
				t.Errorf("strict problems (-got +want):\n%s", diff)
			}
			lenient := read(text, openslo.Options{Name: "f", Lenient: true})
			if diff := cmp.Diff(lenient.IDs, tt.ids); diff != "" {
				t.Errorf("lenient IDs (-got +want):\n%s", diff)
			}
			if len(tt.strict) == 0 {
				if diff := cmp.Diff(strict, lenient); diff != "" {
					t.Errorf("lenient reads otherwise (-strict +lenient):\n%s", diff)
				}
			}
			for _, p := range tt.strict {
				if !contains(lenient.Dropped, p) {
					t.Errorf("lenient does not report %s, only %q", p, lenient.Dropped)
				}
			}
		})
	}
}

func TestWindows(t *testing.T) {
	const (
		rolling  = ", isRolling: true}"
		calendar = ", isRolling: false, calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}}"
	)
	day := 24 * time.Hour
	from := func(unit slo.Unit, every int) slo.Window {
		return slo.Window{Unit: unit, Every: every, Zone: "America/New_York", Anchor: "2022-01-01 12:00:00"}
	}
	for _, tt := range []struct {
		window string
		want   slo.Window
		refuse string // code of the problem
		at     string // its field
	}{
		{"{duration: 30m" + rolling, slo.Rolling(30 * time.Minute), "", ""},
		{"{duration: 1h" + rolling, slo.Rolling(time.Hour), "", ""},
		{"{duration: 28d" + rolling, slo.Rolling(28 * day), "", ""},
		{"{duration: 4w" + rolling, slo.Rolling(28 * day), "", ""},
		{"{duration: 400d" + rolling, slo.Rolling(400 * day), "", ""},
		{"{duration: 401d" + rolling, slo.Window{}, "out_of_range", ".duration"},
		{"{duration: 999999999w" + rolling, slo.Window{}, "out_of_range", ".duration"},
		{"{duration: 0d" + rolling, slo.Window{}, "out_of_range", ".duration"},
		{"{duration: 1M" + rolling, slo.Window{}, "inexact_duration", ".duration"},
		{"{duration: 1Q" + rolling, slo.Window{}, "inexact_duration", ".duration"},
		{"{duration: 1Y" + rolling, slo.Window{}, "inexact_duration", ".duration"},
		{"{duration: 28" + rolling, slo.Window{}, "invalid_duration", ".duration"},
		{"{duration: 28 d" + rolling, slo.Window{}, "invalid_duration", ".duration"},
		{"{duration: 1d12h" + rolling, slo.Window{}, "invalid_duration", ".duration"},
		{"{duration: 28D" + rolling, slo.Window{}, "invalid_duration", ".duration"},
		{"{isRolling: true}", slo.Window{}, "missing", ".duration"},
		{"{duration: 28d}", slo.Window{}, "missing", ".isRolling"},
		{"{duration: 28d, isRolling: false}", slo.Window{}, "missing", ".calendar"},
		{"{duration: 28d, isRolling: true, calendar: {}}", slo.Window{}, "conflict", ".calendar"},
		{"{duration: 28d, isRolling: true, start: now}", slo.Window{}, "unknown_field", ".start"},

		{"{duration: 1d" + calendar, from(slo.Day, 1), "", ""},
		{"{duration: 2w" + calendar, from(slo.Week, 2), "", ""},
		{"{duration: 1M" + calendar, from(slo.Month, 1), "", ""},
		{"{duration: 1Q" + calendar, from(slo.Quarter, 1), "", ""},
		{"{duration: 1Y" + calendar, from(slo.Year, 1), "", ""},
		{"{duration: 1M, calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}}", from(slo.Month, 1), "", ""}, // isRolling is false then
		{"{duration: 1m" + calendar, slo.Window{}, "wrong_unit", ".duration"},
		{"{duration: 12h" + calendar, slo.Window{}, "wrong_unit", ".duration"},
		{"{duration: 2Y" + calendar, slo.Window{}, "out_of_range", ".duration"},
		{"{duration: 999999999M" + calendar, slo.Window{}, "out_of_range", ".duration"},
		{"{duration: 1M, calendar: {timeZone: UTC}}", slo.Window{}, "missing", ".calendar.startTime"},
		{"{duration: 1M, calendar: {startTime: 2022-01-01 12:00:00}}", slo.Window{}, "missing", ".calendar.timeZone"},
		{"{duration: 1M, calendar: {startTime: 2022-01-01 12:00:00, timeZone: Mars/Base}}", slo.Window{}, "unknown_zone", ".calendar.timeZone"},
		{"{duration: 1M, calendar: {startTime: 2022-01-01 12:00:00, timeZone: Local}}", slo.Window{}, "zone_not_portable", ".calendar.timeZone"},
		{"{duration: 1M, calendar: {startTime: 2022-02-29 12:00:00, timeZone: UTC}}", slo.Window{}, "invalid_datetime", ".calendar.startTime"},
		{"{duration: 1M, calendar: {startTime: 2022-01-01T12:00:00Z, timeZone: UTC}}", slo.Window{}, "invalid_datetime", ".calendar.startTime"},
	} {
		t.Run(tt.window, func(t *testing.T) {
			text := edit(t, "    - duration: 28d\n      isRolling: true\n", "    - "+tt.window+"\n")
			file, err := openslo.Read(strings.NewReader(text), openslo.Options{Name: "f"})
			if tt.refuse != "" {
				want := result{Problems: []string{"f:17: spec.timeWindow[0]" + tt.at + " " + tt.refuse}}
				if diff := cmp.Diff(read(text, openslo.Options{Name: "f"}), want); diff != "" {
					t.Errorf("(-got +want):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(file.SLOs[0].Window, tt.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestTargetsAreExact(t *testing.T) {
	for text, want := range map[string]string{
		"target: 0.1":                         "10%",
		"target: 0.9995":                      "99.95%",
		`target: "0.99990"`:                   "99.99%",
		"target: 0.999999999999999999":        "99.9999999999999999%", // a float64 makes 1 of it
		"targetPercent: 99.95":                "99.95%",
		"targetPercent: 0.5":                  "0.5%",
		"targetPercent: 99.99999999999999":    "99.99999999999999%",
		"{displayName: a, targetPercent: 99}": "99%",
	} {
		file, err := openslo.Read(strings.NewReader(edit(t, "target: 0.999", text)), openslo.Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := file.SLOs[0].Objective.String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestOptionsSpeakOnlyWhereTheFileIsSilent(t *testing.T) {
	own := openslo.Options{Name: "f", AssumeCounter: true, Window: slo.Calendar(slo.Month, "UTC")}
	stated := edit(t)
	if diff := cmp.Diff(read(stated, own), read(stated, openslo.Options{Name: "f"})); diff != "" {
		t.Errorf("what the file says (-with options +without):\n%s", diff)
	}
	file, err := openslo.Read(strings.NewReader(edit(t,
		"        counter: true\n", "",
		"  timeWindow:\n    - duration: 28d\n      isRolling: true\n", "")), own)
	if err != nil {
		t.Fatal(err)
	}
	if got := file.SLOs[0].Window; got != own.Window {
		t.Errorf("got %v, want the window of the options, %v", got, own.Window)
	}
	if got := read(edit(t, "counter: true", "counter: false"), own); len(got.Problems) != 1 {
		t.Errorf("got %v, want counter: false refused", got)
	}
	own.Window.Zone = "Mars/Base"
	got := read(edit(t, "  timeWindow:\n    - duration: 28d\n      isRolling: true\n", ""), own)
	if diff := cmp.Diff(got, result{Problems: []string{"f:18: spec.objectives[0].window.zone unknown_zone"}}); diff != "" {
		t.Errorf("an option that does not compile (-got +want):\n%s", diff)
	}
}

func TestAnInputHoldsSomething(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n---\n", "[]\n"} {
		want := []string{"f empty"}
		if got := read(text, openslo.Options{Name: "f"}); !cmp.Equal(got, result{Problems: want}) {
			t.Errorf("%q, strict: got %v, want %v", text, got, want)
		}
		if got := read(text, openslo.Options{Name: "f", Lenient: true}); !cmp.Equal(got, result{Dropped: want}) {
			t.Errorf("%q, lenient: got %v, want %v dropped", text, got, want)
		}
	}
}
