package catalog_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
)

var shop = catalog.Catalog{Services: []catalog.Service{
	{ID: "web", Owner: "team-web", Criticality: slo.Critical, Escalation: "web", Runbooks: []string{"web"}, SLOs: []string{"web-availability"},
		DependsOn: []catalog.Dependency{{On: "checkout"}, {On: "recommendations", Soft: true, Why: "the page shows bestsellers instead"}}},
	{ID: "checkout", Owner: "team-pay", Criticality: slo.Critical, Escalation: "pay", Runbooks: []string{"checkout"}, SLOs: []string{"checkout-availability"},
		DependsOn: []catalog.Dependency{{On: "db"}, {On: "payments"}}},
	{ID: "payments", Owner: "team-pay", Criticality: slo.Critical, Escalation: "pay", Runbooks: []string{"https://example.com/payments"}, SLOs: []string{"payments-availability"}},
	{ID: "db", Type: "database", Owner: "team-data", Criticality: slo.High, Escalation: "data", Runbooks: []string{"db"}, SLOs: []string{"db-availability"}},
	{ID: "recommendations", Owner: "team-ml", Lifecycle: catalog.Experimental},
	{ID: "fax", Owner: "team-web", Criticality: slo.Low},
}}

func availability(service, objective string) *slo.Compiled {
	return slo.SLO{
		ID: service + "-availability", Service: service, Owner: "team", Window: slo.Rolling(30 * 24 * time.Hour),
		SLI:       slo.Availability(slo.Metric{Query: "requests"}, slo.Metric{Query: "errors"}),
		Objective: slo.MustParseObjective(objective),
	}.MustCompile()
}

func Example() {
	services, err := shop.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("web uses", services.DependenciesOf("web"))
	fmt.Println("without the database", strings.Join(services.Hard().Impact("db"), " and "), "do not work")
	fmt.Println("tell", services.Owner("checkout"))
	fmt.Println(strings.Join(services.Any().Path("web", "db"), " -> "))
	// Output:
	// web uses [checkout recommendations]
	// without the database checkout and web do not work
	// tell team-pay
	// web -> checkout -> db
}

// A promise is held against what those promise that the service needs.
func ExampleCompiled_Lint() {
	services, err := shop.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range services.Lint(catalog.LintOptions{SLOs: []*slo.Compiled{
		availability("web", "99.95%"), availability("checkout", "99.9%"), availability("db", "99.95%"), availability("payments", "99.9%"),
	}}) {
		fmt.Printf("%s: %s\n", f.Service, f.Text)
	}
	// Output:
	// checkout: it is critical and does not work without db, which is high
	// checkout: it promises 99.9% but does not work without db, payments, which together allow about 99.8501% if they fail independently
	// fax: it uses nothing and nothing uses it: are dependencies missing, or is it still needed?
	// fax: nobody is paged when it fails: set Escalation to a policy
	// fax: who is paged finds no runbook
	// fax: nobody has said how reliable it must be
	// web: it promises 99.95% but does not work without checkout, which promises only 99.9%: agree on more there, or survive its failure
}

// Every problem is reported at once, and a cycle with its path.
func ExampleCatalog_Compile() {
	_, err := catalog.Catalog{Services: []catalog.Service{
		{ID: "a", DependsOn: []catalog.Dependency{{On: "b"}}},
		{ID: "b", DependsOn: []catalog.Dependency{{On: "c"}, {On: "d"}}},
		{ID: "c", DependsOn: []catalog.Dependency{{On: "a"}}},
	}}.Compile()
	fmt.Println(err)
	// Output:
	// catalog: 2 problems:
	// 	services[1].depends_on[1].on: unknown_dependency "d": want the ID of a service of the catalog
	// 	services[0].depends_on[0].on: cycle "a -> b -> c -> a": want no way back over hard dependencies: make one of them soft, or remove it
}
