package catalog_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestCatalogIsShown(t *testing.T) {
	c, err := shop.Compile()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "shop.md", c.Markdown())
	golden(t, "shop.dot", c.DOT())
}

// What people write stays text: no link, cell or attribute comes of it.
func TestTextOfPeopleMeansNothing(t *testing.T) {
	c, err := catalog.Catalog{Services: []catalog.Service{
		{ID: "a", Name: "A | [x](javascript:1)\n# <b>", Runbooks: []string{"https://example.com/a|b"}, DependsOn: []catalog.Dependency{{On: "b", Why: "because\n- `x`"}}},
		{ID: "b", Name: `"]; evil [label="x\`},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "hostile.md", c.Markdown())
	golden(t, "hostile.dot", c.DOT())
}

func TestProblemsAreReportedAtOnce(t *testing.T) {
	many := make([]string, catalog.MaxItems+1)
	for i := range many {
		many[i] = fmt.Sprint("slo-", i)
	}
	_, err := catalog.Catalog{Services: []catalog.Service{
		{ID: "a", Owner: "team a", Criticality: 9, Lifecycle: 9, SLOs: many, DependsOn: []catalog.Dependency{{On: "a"}, {On: "c"}, {On: "c"}, {On: "d", Soft: true}, {On: ""}}},
		{ID: "a"},
		{ID: "c", Name: strings.Repeat("x", catalog.MaxText+1), Runbooks: []string{"not an id"}, Repositories: []string{"git@example.com:x"},
			Links: []catalog.Link{{URL: "javascript:alert(1)"}, {URL: "file:///etc/passwd"}, {URL: "mailto:a@example.com"}}},
		{ID: "b c"},
	}}.Compile()
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{
		"services[1].id duplicate_id",
		"services[0].owner invalid_id",
		"services[0].criticality unknown_value",
		"services[0].lifecycle unknown_value",
		"services[0].depends_on[4].on invalid_id",
		"services[0].slos too_many",
		"services[0].depends_on[0].on depends_on_itself",
		"services[0].depends_on[2].on duplicate_dependency",
		"services[0].depends_on[3].on unknown_dependency",
		"services[2].name too_long",
		"services[2].runbooks[0] invalid_runbook",
		"services[2].repositories[0] invalid_url",
		"services[2].links[0].url invalid_url",
		"services[2].links[1].url invalid_url",
		"services[3].id invalid_id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestFindings(t *testing.T) {
	full := func(s catalog.Service) catalog.Service {
		s.Owner, s.Escalation, s.Runbooks, s.SLOs = "team", "policy", []string{"book"}, []string{s.ID + "-availability"}
		return s
	}
	needs := func(ids ...string) (list []catalog.Dependency) {
		for _, id := range ids {
			list = append(list, catalog.Dependency{On: id})
		}
		return list
	}
	a := full(catalog.Service{ID: "a", DependsOn: needs("b")})
	b := full(catalog.Service{ID: "b"})
	for _, row := range []struct {
		name     string
		services []catalog.Service
		slos     []*slo.Compiled
		want     []string // service, SLO, code
	}{
		{"nothing to say", []catalog.Service{a, b}, nil, nil},
		{"an empty catalog", nil, nil, nil},
		{"nothing is known of it", []catalog.Service{{ID: "x"}}, nil, []string{"x  isolated", "x  no_escalation", "x  no_owner", "x  no_runbook", "x  no_slo"}},
		{"a library", []catalog.Service{a, b, {ID: "x", Owner: "team", Type: "library", DependsOn: needs("a")}}, nil, nil},
		{"an experiment", []catalog.Service{a, b, {ID: "x", Owner: "team", Lifecycle: catalog.Experimental, DependsOn: needs("a")}}, nil, nil},
		{"retired, and still used", []catalog.Service{full(catalog.Service{ID: "y", DependsOn: needs("x")}), {ID: "x", Lifecycle: catalog.Retired}}, nil, []string{"y  needs_deprecated"}},
		{"a soft cycle", []catalog.Service{a, full(catalog.Service{ID: "b", DependsOn: []catalog.Dependency{{On: "a", Soft: true}}})}, nil, []string{"a  soft_cycle"}},
		{"less critical", []catalog.Service{a, full(catalog.Service{ID: "b", Criticality: slo.Low})}, nil, []string{"a  needs_less_critical"}},
		{"SLOs that do not fit", []catalog.Service{a, b},
			[]*slo.Compiled{availability("b", "99.9%"), availability("z", "99%")},
			[]string{"a a-availability unknown_slo", "z z-availability no_service"}},
		{"as strict as what it needs", []catalog.Service{a, b}, []*slo.Compiled{availability("a", "99.9%"), availability("b", "99.9%")}, nil},
		{"a bit stricter", []catalog.Service{a, b}, []*slo.Compiled{availability("a", "99.90000001%"), availability("b", "99.9%")}, []string{"a a-availability stricter_than_dependency"}},
		{"through one that promises nothing", []catalog.Service{a, full(catalog.Service{ID: "b", DependsOn: needs("c")}), full(catalog.Service{ID: "c"})},
			[]*slo.Compiled{availability("a", "99.9%"), availability("c", "99%")},
			[]string{"a a-availability stricter_than_dependency", "b b-availability unknown_slo"}},
		{"a soft dependency allows anything", []catalog.Service{full(catalog.Service{ID: "a", DependsOn: []catalog.Dependency{{On: "b", Soft: true}}}), b},
			[]*slo.Compiled{availability("a", "99.99%"), availability("b", "90%")}, nil},
		{"exactly the product of two", []catalog.Service{full(catalog.Service{ID: "a", DependsOn: needs("b", "c")}), b, full(catalog.Service{ID: "c"})},
			[]*slo.Compiled{availability("a", "99.8001%"), availability("b", "99.9%"), availability("c", "99.9%")}, nil},
		{"one more digit than the product", []catalog.Service{full(catalog.Service{ID: "a", DependsOn: needs("b", "c")}), b, full(catalog.Service{ID: "c"})},
			[]*slo.Compiled{availability("a", "99.80010000001%"), availability("b", "99.9%"), availability("c", "99.9%")}, []string{"a a-availability stricter_than_dependencies"}},
		{"what another one needs counts once", []catalog.Service{full(catalog.Service{ID: "a", DependsOn: needs("b", "c")}), full(catalog.Service{ID: "b", DependsOn: needs("c")}), full(catalog.Service{ID: "c"})},
			[]*slo.Compiled{availability("a", "99.9%"), availability("b", "99.9%"), availability("c", "99.95%")}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := catalog.Catalog{Services: row.services}.Compile()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range c.Lint(catalog.LintOptions{SLOs: row.slos}) {
				got = append(got, f.Service+" "+f.SLO+" "+f.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Chains and knots as large as the limit take neither a deep stack nor long.
func TestLargestCatalog(t *testing.T) {
	var c catalog.Catalog
	for i := range catalog.MaxServices {
		s := catalog.Service{ID: fmt.Sprintf("s%05d", i)}
		if i > 0 {
			s.DependsOn = []catalog.Dependency{{On: fmt.Sprintf("s%05d", i-1)}}
		}
		c.Services = append(c.Services, s)
	}
	compiled, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	last := c.Services[len(c.Services)-1].ID
	if got := len(compiled.CriticalPath(last)); got != catalog.MaxServices {
		t.Errorf("the critical path has %d services", got)
	}
	compiled.Lint(catalog.LintOptions{})
	c.Services[0].DependsOn = []catalog.Dependency{{On: last}}
	_, err = c.Compile()
	if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != "cycle" {
		t.Errorf("%d problems", len(problems))
	}
}

func TestWhatIsReturnedIsACopy(t *testing.T) {
	c, err := shop.Compile()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := c.Get("checkout")
	s.DependsOn[0].On, s.SLOs[0] = "x", "x"
	again, ok := c.Get("checkout")
	if !ok || again.DependsOn[0].On != "db" || again.SLOs[0] != "checkout-availability" {
		t.Errorf("the catalog was changed to %+v", again)
	}
	if _, ok := c.Get("nobody"); ok || c.Owner("nobody") != "" || c.Hard().Transitive("nobody") != nil || c.CriticalPath("nobody") != nil || c.Any().Path("nobody", "db") != nil {
		t.Error("a service that does not exist has properties")
	}
	if got := c.OwnedBy("team-pay"); !slices.Equal(got, []string{"checkout", "payments"}) {
		t.Errorf("team-pay owns %v", got)
	}
	if got := c.Needs()["checkout"]; !slices.Equal(got, []string{"db", "payments"}) {
		t.Errorf("checkout needs %v", got)
	}
}
