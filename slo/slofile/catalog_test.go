package slofile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
	"github.com/sre-sdk/sre/slo/slofile"
)

func ExampleReadCatalog() {
	services, err := slofile.ReadCatalog(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: Catalog
services:
  - {id: web, owner: team-web, depends_on: [checkout]}
  - {id: checkout, owner: team-pay, criticality: critical}
`), "services.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	compiled, err := services.Compile()
	fmt.Println(compiled.DependenciesOf("web"), err)
	// Output: [checkout] <nil>
}

func TestEveryFieldIsRead(t *testing.T) {
	f, err := os.Open("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := slofile.ReadCatalog(f, "shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Catalog{Services: []catalog.Service{
		{
			ID: "checkout", Name: "Checkout", Description: "Takes orders.", Type: "service", System: "shop",
			Owner: "team-pay", Criticality: slo.Critical, Lifecycle: catalog.Deprecated,
			DependsOn: []catalog.Dependency{{On: "payments"}, {On: "recommendations", Soft: true, Why: "shows bestsellers instead"}},
			SLOs:      []string{"checkout-availability"}, Runbooks: []string{"checkout-errors", "https://example.com/runbooks/checkout"},
			Escalation: "team-pay", Repositories: []string{"https://github.com/example/checkout"},
			Links:    []catalog.Link{{Title: "Dashboard", URL: "https://example.com/d/checkout"}},
			Labels:   sre.LabelsOf(map[string]string{"region": "eu"}),
			External: sre.LabelsOf(map[string]string{"pagerduty.com/service-id": "P123"}),
		},
		{ID: "payments"},
		{ID: "recommendations"},
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b sre.Labels) bool { return a == b })); diff != "" {
		t.Errorf("catalog (-want +got):\n%s", diff)
	}
}

func TestProblemsNameFileAndLine(t *testing.T) {
	const head = "apiVersion: sre-sdk/v1\nkind: Catalog\n"
	for _, row := range []struct {
		name, text string
		want       []string // path and code
	}{
		{"an empty file", "", []string{"c.yaml empty"}},
		{"no services", head, []string{"c.yaml:1: services missing"}},
		{"another kind", "apiVersion: sre-sdk/v1\nkind: SLO\nservices: []\n", []string{"c.yaml:2: kind unknown_value"}},
		{"an unknown field", head + "services:\n- id: a\n  tier: 1\n", []string{"c.yaml:5: services[0].tier unknown_field"}},
		{"no ID", head + "services:\n- name: a\n", []string{"c.yaml:4: services[0] invalid_id"}},
		{"nothing in a list", head + "services:\n-\n", []string{"c.yaml:4: services[0] missing", "c.yaml:4: services[0] invalid_id"}},
		{"values that are none", head + "services:\n- id: a\n  criticality: very\n  lifecycle: old\n  depends_on: [{on: b, soft: maybe}, {why: x}]\n  labels: [a]\n- id: b\n",
			[]string{"c.yaml:5: services[0].criticality unknown_value", "c.yaml:6: services[0].lifecycle unknown_value", "c.yaml:7: services[0].depends_on[0].soft wrong_type",
				"c.yaml:7: services[0].depends_on[1].on missing", "c.yaml:8: services[0].labels wrong_type", "c.yaml:7: services[0].depends_on[1].on invalid_id"}},
		{"what Compile finds, where it stands", head + "services:\n- id: a\n  depends_on:\n  - b\n  - on: c\n- id: b\n  depends_on: [a]\n  links:\n  - url: ftp://x\n",
			[]string{"c.yaml:7: services[0].depends_on[1].on unknown_dependency", "c.yaml:11: services[1].links[0].url invalid_url", "c.yaml:6: services[0].depends_on[0] cycle"}},
		{"the second document", head + "services: [{id: a}]\n---\n" + head + "services: [{id: a}]\n", []string{"c.yaml:7: services[0].id duplicate_id"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := slofile.ReadCatalog(strings.NewReader(row.text), "c.yaml")
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

func TestFilesMakeOneCatalog(t *testing.T) {
	file := func(name, services string) slofile.File {
		return slofile.File{Name: name, Reader: strings.NewReader(`{"apiVersion": "sre-sdk/v1", "kind": "Catalog", "services": ` + services + `}`)}
	}
	got, err := slofile.ReadCatalogs(file("a.json", `[{"id": "a", "depends_on": ["b"]}]`), file("b.json", `[{"id": "b"}]`))
	if err != nil || len(got.Services) != 2 {
		t.Errorf("read %+v, %v", got, err)
	}
	_, err = slofile.ReadCatalogs(file("a.json", `[{"id": "a", "depends_on": ["b"]}]`), file("b.json", `[{"id": "b", "depends_on": ["z"]}]`))
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Path != "b.json:1: services[0].depends_on[0]" {
		t.Error(err)
	}
}

func TestReaderThatFailsIsNoProblem(t *testing.T) {
	broken := errors.New("broken")
	if _, err := slofile.ReadCatalog(io.MultiReader(strings.NewReader("apiVersion"), iotest.ErrReader(broken)), "c.yaml"); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzReadCatalog(f *testing.F) {
	seed, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add("apiVersion: sre-sdk/v1\nkind: Catalog\nservices:\n- id: a\n  depends_on: [b]\n- id: b\n  depends_on: [{on: a}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := slofile.ReadCatalog(strings.NewReader(text), "c.yaml")
		if err != nil {
			return
		}
		if _, err := c.Compile(); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}
