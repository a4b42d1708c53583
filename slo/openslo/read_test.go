package openslo_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/openslo"
)

var exactly = cmpopts.EquateComparable(slo.Objective{}, slo.Ratio{}, sre.Labels{})

func testdata(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// brief returns "path code" of each problem.
func brief(problems []sre.Problem) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Path+" "+p.Code)
	}
	return list
}

func ids(f *openslo.File) []string {
	var list []string
	for _, s := range f.SLOs {
		list = append(list, s.ID)
	}
	return list
}

func TestReadsEverythingThatAnSLOHasAPlaceFor(t *testing.T) {
	file, err := openslo.Read(strings.NewReader(testdata(t, "shop.yaml")), openslo.Options{Name: "shop.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	checkout := slo.SLO{
		Service:     "shop",
		Description: "Customers can pay.",
		SLI: slo.BadTotal(
			slo.Metric{Query: `http_requests_total{job="shop",code=~"5.."}`, Source: "prometheus-eu", AbsentIsZero: true},
			slo.Metric{Query: `http_requests_total{job="shop"}`, Source: "prometheus-eu"}),
		Window:      slo.Rolling(28 * 24 * time.Hour),
		Missing:     slo.CountAsBad,
		Labels:      sre.LabelsOf(map[string]string{"env": "prod", "team": "payments,platform", "version": "1.10"}),
		Owner:       "payments",
		Criticality: slo.Critical,
		ReviewBy:    time.Date(2027, time.January, 31, 0, 0, 0, 0, time.UTC),
	}
	contract, second := checkout, checkout
	contract.ID, contract.Title, contract.Objective = "checkout/contract-sla", "Checkout: Contract (SLA)", slo.MustParseObjective("99.5%")
	second.ID, second.Title, second.Objective = "checkout/1", "Checkout", slo.MustParseObjective("99.95%")
	want := []slo.SLO{
		contract,
		second,
		{
			ID: "queue", Service: "shop", Title: "queue: Fresh",
			SLI:       slo.Threshold(slo.Metric{Query: "max(queue_age_seconds)", Source: "prometheus"}, slo.LessEqual, 25),
			Objective: slo.MustParseObjective("90%"),
			Window:    slo.Window{Unit: slo.Quarter, Every: 1, Zone: "Europe/Berlin", Anchor: "2026-04-06 09:30:00"},
			Budgeting: slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("0.95")),
		},
		{
			ID: "search", Service: "shop", Title: "search",
			SLI:       slo.RawRatio(slo.Metric{Query: "job:errors:ratio5m", Source: "Prometheus"}, true),
			Objective: slo.MustParseObjective("99.9%"),
			Window:    slo.Rolling(30 * 24 * time.Hour),
			Budgeting: slo.ByRatioTimeslices(time.Hour),
		},
	}
	if diff := cmp.Diff(file.SLOs, want, exactly); diff != "" {
		t.Errorf("SLOs (-got +want):\n%s", diff)
	}
	wantDropped := []string{
		"shop.yaml:8: metadata.labels.team joined",
		`shop.yaml:16: metadata.annotations["example.com/dashboard"] not_used`,
		"shop.yaml:30: spec.alertPolicies not_used",
		"shop.yaml:29: spec.objectives[1].timeSliceWindow not_used",
		"shop.yaml:37: [0].metadata.displayName not_used",
		"shop.yaml:39: [0].spec.description not_used",
		"shop.yaml:45: [0].spec.ratioMetric.bad.metricSource.type not_used",
		"shop.yaml:48: [0].spec.ratioMetric.bad.metricSource.spec.queryType not_used",
		"shop.yaml:60: [1].spec.indicator.metadata.name not_used",
		"shop.yaml:76: [2].spec.indicator.metadata.name not_used",
		"shop.yaml:79: [2].spec.indicator.spec.ratioMetric.counter not_used",
		"shop.yaml:87 not_used",
	}
	if diff := cmp.Diff(brief(file.Dropped), wantDropped); diff != "" {
		t.Errorf("dropped (-got +want):\n%s", diff)
	}
}

// A result is what one reading gives: the IDs, or the problems of an error.
type result struct {
	IDs      []string
	Problems []string
	Dropped  []string // without the codes not_used and joined, which are the same in both modes
}

func read(text string, o openslo.Options) result {
	file, err := openslo.Read(strings.NewReader(text), o)
	if err != nil {
		return result{Problems: brief(sre.ProblemsIn(err))}
	}
	r := result{IDs: ids(file)}
	for _, d := range brief(file.Dropped) {
		if !strings.HasSuffix(d, " not_used") && !strings.HasSuffix(d, " joined") {
			r.Dropped = append(r.Dropped, d)
		}
	}
	return r
}

func TestExamples(t *testing.T) {
	const counter = "spec.indicator.spec.ratioMetric.counter missing"
	for _, tt := range []struct {
		file, why       string
		assume          bool
		strict, lenient result
	}{
		{
			file:    "spec-budgeting-method-occurences-slo.yaml",
			why:     "A thresholdMetric needs no counter, and alertPolicies without a value is none.",
			strict:  result{IDs: []string{"search-slo"}},
			lenient: result{IDs: []string{"search-slo"}},
		},
		{
			file:    "spec-budgeting-method-ratio-timeslices.yaml",
			why:     "The schema requires counter; whether Any is a counter cannot be known.",
			strict:  result{Problems: []string{"f:15: " + counter}},
			lenient: result{Dropped: []string{"f:2 dropped", "f:15: " + counter}},
		},
		{
			file: "spec-budgeting-method-ratio-timeslices.yaml", assume: true,
			why:     "The caller says that they are counters; op: gt has nothing to compare and is dropped.",
			strict:  result{IDs: []string{"main-page"}},
			lenient: result{IDs: []string{"main-page"}},
		},
		{
			file:    "spec-budgeting-method-timeslices-slo.yaml",
			why:     "Besides, 1m is a minute, and the comment beside it says a month.",
			strict:  result{Problems: []string{"f:15: " + counter, "f:27: spec.timeWindow[0].duration wrong_unit"}},
			lenient: result{Dropped: []string{"f:2 dropped", "f:15: " + counter, "f:27: spec.timeWindow[0].duration wrong_unit"}},
		},
		{
			file: "spec-treat-low-traffic-as-equally-important-timeslices-slo.yaml", assume: true,
			why:     "A week from Saturday noon in New York.",
			strict:  result{IDs: []string{"service-availability"}},
			lenient: result{IDs: []string{"service-availability"}},
		},
		{
			file:    "v1-slos.yaml",
			why:     "A list of one; the label team has two values, which are joined.",
			strict:  result{IDs: []string{"web-availability"}},
			lenient: result{IDs: []string{"web-availability"}},
		},
		{file: "v1-alert_conditions.yaml", why: "Known kinds without SLOs are dropped in both modes."},
		{file: "v1-alert_policies.yaml", why: "Known kinds without SLOs are dropped in both modes."},
		{file: "v1-data_sources.yaml", why: "Known kinds without SLOs are dropped in both modes."},
		{
			file:    "v1alpha-slos.yaml",
			why:     "Another version gives the same words other meanings.",
			strict:  result{Problems: []string{"f:1: [0].apiVersion unsupported_version", "f:27: [1].apiVersion unsupported_version"}},
			lenient: result{Dropped: []string{"f:1: [0].apiVersion unsupported_version", "f:27: [1].apiVersion unsupported_version"}},
		},
		{
			file:    "v2alpha-slos.yaml",
			why:     "Another version gives the same words other meanings.",
			strict:  result{Problems: []string{"f:1: [0].apiVersion unsupported_version"}},
			lenient: result{Dropped: []string{"f:1: [0].apiVersion unsupported_version"}},
		},
		{
			file:    "sloth-v1alpha.yaml",
			why:     "Sloth reads OpenSLO v1alpha only.",
			strict:  result{Problems: []string{"f:1: apiVersion unsupported_version"}},
			lenient: result{Dropped: []string{"f:1: apiVersion unsupported_version"}},
		},
	} {
		t.Run(tt.file, func(t *testing.T) {
			text := testdata(t, tt.file)
			for _, mode := range []struct {
				lenient bool
				want    result
			}{{false, tt.strict}, {true, tt.lenient}} {
				got := read(text, openslo.Options{Name: "f", Lenient: mode.lenient, AssumeCounter: tt.assume})
				if diff := cmp.Diff(got, mode.want); diff != "" {
					t.Errorf("lenient %t (-got +want):\n%s\n%s", mode.lenient, diff, tt.why)
				}
			}
		})
	}
}

func TestJSONReadsAsYAML(t *testing.T) {
	yamlFile, err := openslo.Read(strings.NewReader(base), openslo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var objects []any
	decoder := yaml.NewDecoder(strings.NewReader(base))
	for {
		var object any
		if decoder.Decode(&object) != nil {
			break
		}
		objects = append(objects, object)
	}
	text, err := json.MarshalIndent(objects, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	jsonFile, err := openslo.Read(bytes.NewReader(text), openslo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jsonFile.SLOs, yamlFile.SLOs, exactly); diff != "" {
		t.Errorf("(-json +yaml):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	object := "- {apiVersion: openslo/v1, kind: Service}\n"
	for _, tt := range []struct{ name, text, want string }{
		{"bytes", strings.Repeat("#", openslo.MaxBytes+1), "f too_large"},
		{"objects in a list", strings.Repeat(object, openslo.MaxObjects+1), "f too_large"},
		{"documents", strings.Repeat("---\n"+object, openslo.MaxObjects+1), "f:2002 too_many_documents"},
		{"values", strings.Repeat("- a\n", openslo.MaxValues), "f:1 too_large"},
		{"depth", strings.Repeat("[", openslo.MaxDepth+1) + strings.Repeat("]", openslo.MaxDepth+1), "f:1 too_deep"},
	} {
		for _, lenient := range []bool{false, true} {
			got := read(tt.text, openslo.Options{Name: "f", Lenient: lenient})
			if diff := cmp.Diff(got, result{Problems: []string{tt.want}}); diff != "" {
				t.Errorf("%s, lenient %t (-got +want):\n%s", tt.name, lenient, diff)
			}
		}
	}
	if got := read(strings.Repeat(object, openslo.MaxObjects), openslo.Options{}); len(got.Problems) > 0 {
		t.Errorf("got %v at the limit of objects, want none", got.Problems)
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	text := strings.ReplaceAll(testdata(t, "shop.yaml"), "queryType: promql", "password: hunter2")
	for _, broken := range []string{text, strings.ReplaceAll(text, "spec:\n", "token: hunter2\nspec:\n")} {
		for _, lenient := range []bool{false, true} {
			file, err := openslo.Read(strings.NewReader(broken), openslo.Options{Lenient: lenient})
			var said bytes.Buffer
			if err != nil {
				said.WriteString(err.Error())
			} else {
				for _, d := range file.Dropped {
					said.WriteString(d.Error() + "\n")
				}
			}
			if said.Len() == 0 || strings.Contains(said.String(), "hunter2") {
				t.Errorf("lenient %t: want a report without the secret, got:\n%s", lenient, said.String())
			}
		}
	}
}
