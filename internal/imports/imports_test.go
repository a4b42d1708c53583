package imports_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/internal/imports"
)

// root is the top-level folder of the repository.
const root = "../.."

func scan(t *testing.T) *imports.Tree {
	t.Helper()
	tree, err := imports.Scan(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTreeHoldsTheRules(t *testing.T) {
	tree := scan(t)
	for _, rule := range imports.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, broken := range rule.Check(tree) {
				t.Error(broken)
			}
		})
	}
}

func TestScanSeesTheTree(t *testing.T) {
	tree := scan(t)
	var here *imports.Package
	for i, p := range tree.Packages {
		if p.Dir == "internal/imports" {
			here = &tree.Packages[i]
		}
	}
	if here == nil || here.Name != "imports" {
		t.Fatalf("the package of this test was not found: %+v", here)
	}
	for _, want := range []imports.Import{
		{Path: "go/types", File: "internal/imports/api.go"},
		{Path: "github.com/google/go-cmp/cmp", File: "internal/imports/imports_test.go", Test: true},
	} {
		if !slices.Contains(here.Imports, want) {
			t.Errorf("the import %+v was not seen", want)
		}
	}
	for _, want := range []string{"go.mod", "doc.go", "internal"} {
		if !slices.Contains(tree.Top, want) {
			t.Errorf("%s was not seen in the top-level folder", want)
		}
	}
	if !slices.Contains(tree.Modules, ".") || !slices.Contains(tree.Modules, "internal/tools") {
		t.Errorf("modules are %q", tree.Modules)
	}
}

func TestNoExportedAPIShowsAnInternalType(t *testing.T) {
	shown, err := imports.InternalInTree(root, scan(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shown {
		t.Errorf("%s: godoc would show neither its fields nor its methods", s)
	}
}

// budgetLinks is all that a service takes on when it gates its deploys.
var budgetLinks = map[string]string{
	imports.Module:                       "itself",
	"github.com/hashicorp/go-multierror": "sre.Problems: every problem at once, as one error",
	"github.com/hashicorp/errwrap":       "go-multierror is built on it",
}

func TestBudgetLinksOnlyPinnedModules(t *testing.T) {
	got, err := imports.ModulesOf(root, path.Join(imports.Module, "budget"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(budgetLinks)), got); diff != "" {
		t.Errorf("modules that budget links (-pinned +linked); each stands in the go.sum file of every consumer, so add one only with its reason:\n%s", diff)
	}
}

// imp makes a tree of one file with one import.
func imp(file, imported string) *imports.Tree {
	return &imports.Tree{Modules: []string{"."}, Packages: []imports.Package{{
		Dir: path.Dir(file), Name: path.Base(path.Dir(file)),
		Imports: []imports.Import{{Path: imported, File: file, Test: strings.HasSuffix(file, "_test.go")}},
	}}}
}

func nested(module string, tree *imports.Tree) *imports.Tree {
	tree.Modules = append(tree.Modules, module)
	return tree
}

func our(dir string) string { return path.Join(imports.Module, dir) }

// Rules in the wording of Rules, shortened in the tables below.
const (
	rootRule     = "the root package imports only what its kind may"
	domainRule   = "a domain package imports only what its kind may"
	bridgeRule   = "a bridge imports only what its kind may"
	storeRule    = "a store imports only what its kind may"
	fileRule     = "a reader of policy files imports only what its kind may"
	adapterRule  = "an adapter imports only what its kind may"
	storageRule  = "storage imports only what its kind may"
	kitRule      = "a test kit imports only what its kind may"
	throughRule  = "what a domain package reaches through internal packages is pure too"
	ontoRule     = "only examples and tests import a bridge"
	ontoKitRule  = "only tests, examples and other kits import a test kit"
	testingRule  = "only tests and test kits import package testing"
	testLibRule  = "rapid, go-cmp and porcupine are imported by test kits and tests"
	commonRule   = "prometheus/common stays in the Prometheus adapters"
	yamlRule     = "YAML is read by the readers of policy files and by adapters"
	nestedRule   = "a nested module imports no internal package of the root module"
	requireRule  = "the root module requires only what design.md lists"
	topRule      = "the top-level folder holds the domains and nothing else"
	placeRule    = "every package has a place"
	definedRule  = "no exported type is defined as a type of an internal package"
	multierror   = "github.com/hashicorp/go-multierror"
	rapid        = "pgregory.net/rapid"
	gocmp        = "github.com/google/go-cmp/cmp"
	porcupine    = "github.com/anishathalye/porcupine"
	common       = "github.com/prometheus/common/model"
	yaml         = "go.yaml.in/yaml/v3"
	pgx          = "github.com/jackc/pgx/v5"
	somebodyElse = "example.com/somebody/else"
)

var violations = []struct {
	rule string
	tree *imports.Tree
}{
	{rootRule, imp("doc.go", our("slo"))},
	{rootRule, imp("doc.go", "os")},
	{rootRule, imp("doc.go", somebodyElse)},
	{domainRule, imp("slo/a.go", "net/http")},
	{domainRule, imp("slo/a.go", "net")},
	{domainRule, imp("slo/catalog/a.go", "log/slog")},
	{domainRule, imp("budget/a.go", "os")},
	{domainRule, imp("budget/simulate/a.go", "os/exec")},
	{domainRule, imp("budget/a.go", "math/rand/v2")},
	{domainRule, imp("budget/a.go", "database/sql")},
	{domainRule, imp("oncall/schedule/a.go", our("storage"))},
	{domainRule, imp("incident/a.go", our("storage/runner"))},
	{domainRule, imp("change/judge/a.go", our("budget"))},
	{domainRule, imp("slo/a.go", our("budget"))},
	{domainRule, imp("slo/a.go", our("slo/prometheus"))},
	{domainRule, imp("budget/a.go", our("slo/openslo"))},
	{domainRule, imp("budget/a.go", our("budget/budgetfile"))},
	{domainRule, imp("incident/a.go", our("incident/incidentstore"))},
	{domainRule, imp("capacity/forecast/a.go", yaml)},
	{domainRule, imp("capacity/forecast/a.go", somebodyElse)},
	{bridgeRule, imp("change/budgetrule/a.go", our("storage"))},
	{bridgeRule, imp("incident/recovery/a.go", our("slo/prometheus"))},
	{storeRule, imp("incident/incidentstore/a.go", our("change"))},
	{storeRule, imp("oncall/dispatch/a.go", our("storage/sqlite"))},
	{storeRule, imp("oncall/dispatch/a.go", our("incident"))},
	{fileRule, imp("budget/budgetfile/a.go", our("change"))},
	{fileRule, imp("budget/budgetfile/a.go", somebodyElse)},
	{adapterRule, imp("slo/prometheus/a.go", our("budget"))},
	{adapterRule, imp("oncall/slack/a.go", our("incident"))},
	{adapterRule, imp("oncall/slack/a.go", our("storage"))},
	{adapterRule, imp("oncall/slack/a.go", our("oncall/pagerduty"))},
	{storageRule, imp("storage/a.go", our("incident"))},
	{storageRule, imp("storage/runner/a.go", our("oncall"))},
	{storageRule, imp("storage/a.go", our("storage/sqlite"))},
	{kitRule, imp("slo/slotest/a.go", our("incident"))},
	{kitRule, imp("slo/slotest/a.go", somebodyElse)},
	{throughRule, reach("slo", "internal/helper", "os")},
	{throughRule, reach("budget", "internal/helper", our("incident"))},
	{throughRule, reach("budget", "internal/helper", yaml)},
	{throughRule, reach("slo", "internal/helper", our("internal/deeper"), "log/slog")},
	{ontoRule, imp("change/a.go", our("change/budgetrule"))},
	{ontoRule, imp("incident/incidentstore/a.go", our("incident/recovery"))},
	{ontoKitRule, imp("slo/a.go", our("slo/slotest"))},
	{ontoKitRule, imp("slo/prometheus/a.go", our("slo/slotest"))},
	{testingRule, imp("slo/a.go", "testing")},
	{testingRule, imp("storage/a.go", "testing/fstest")},
	{testLibRule, imp("slo/a.go", rapid)},
	{testLibRule, imp("slo/prometheus/a.go", gocmp)},
	{testLibRule, imp("internal/civil/a.go", rapid)},
	{testLibRule, imp("storage/a.go", porcupine)},
	{commonRule, imp("slo/a.go", common)},
	{commonRule, imp("slo/a_test.go", common)},
	{commonRule, imp("internal/helper/a.go", "github.com/prometheus/common/config")},
	{commonRule, nested("oncall/webhook", imp("oncall/webhook/a.go", common))},
	{yamlRule, imp("storage/a.go", yaml)},
	{yamlRule, imp("incident/incidentstore/a.go", "gopkg.in/yaml.v3")},
	{yamlRule, imp("slo/slotest/a.go", "sigs.k8s.io/yaml")},
	{nestedRule, nested("storage/postgres", imp("storage/postgres/a.go", our("internal/civil")))},
	{nestedRule, nested("examples", imp("examples/gate/a_test.go", our("internal/civil")))},
	{requireRule, &imports.Tree{Requires: []string{somebodyElse}}},
	{topRule, &imports.Tree{Top: []string{"utils"}}},
	{topRule, &imports.Tree{Top: []string{"Makefile"}}},
	{placeRule, imp("utils/a.go", "fmt")},
	{definedRule, &imports.Tree{Packages: []imports.Package{{
		Dir: "slo", Name: "slo", Types: []imports.Named{{Name: "Date", Of: our("internal/civil") + ".Date", File: "slo/a.go"}},
	}}}},
}

// reach makes a domain package that imports an internal one, which imports
// next and so on.
func reach(domain string, chain ...string) *imports.Tree {
	tree := &imports.Tree{Modules: []string{"."}}
	from := domain
	for _, next := range chain {
		next = strings.TrimPrefix(next, imports.Module+"/")
		imported := next
		if strings.HasPrefix(next, "internal/") || next == "incident" {
			imported = our(next)
		}
		tree.Packages = append(tree.Packages, imports.Package{Dir: from, Name: "p", Imports: []imports.Import{{Path: imported, File: from + "/a.go"}}})
		from = next
	}
	return tree
}

func TestEachRuleCatchesItsViolations(t *testing.T) {
	caught := map[string]int{}
	for i, v := range violations {
		found := ""
		for _, rule := range imports.Rules() {
			if broken := rule.Check(v.tree); rule.Name == v.rule && len(broken) > 0 {
				found = strings.Join(broken, "\n")
				if !strings.Contains(found, rule.Why) {
					t.Errorf("%d: the reason is missing in %q", i, found)
				}
			}
		}
		if found == "" {
			t.Errorf("%d: %q did not catch %+v", i, v.rule, *v.tree)
		}
		caught[v.rule]++
	}
	for _, rule := range imports.Rules() {
		if caught[rule.Name] == 0 {
			t.Errorf("no violation of %q is tried: it might hold vacuously", rule.Name)
		}
	}
}

func TestWhatDesignAllowsBreaksNoRule(t *testing.T) {
	for _, tree := range []*imports.Tree{
		imp("doc.go", multierror),
		imp("slo/a.go", our(".")),
		imp("slo/a.go", "net/url"),
		imp("slo/a.go", "encoding/json"),
		imp("slo/a.go", our("internal/civil")),
		imp("slo/a_test.go", "os"),
		imp("slo/a_test.go", rapid),
		imp("slo/a_test.go", our("slo/slotest")),
		imp("slo/a_test.go", our("slo/prometheus")),
		imp("slo/prometheus/a.go", common),
		imp("slo/prometheus/a.go", "net/http"),
		imp("slo/prometheus/a.go", our("slo")),
		imp("slo/openslo/a.go", yaml),
		imp("capacity/prometheus/a.go", common),
		imp("budget/a.go", our("slo")),
		imp("budget/a.go", "context"),
		imp("budget/ledger/a.go", our("budget")),
		imp("budget/budgetfile/a.go", our("slo")),
		imp("budget/budgetfile/a.go", yaml),
		imp("budget/budgettest/a.go", our("slo/slotest")),
		imp("budget/budgettest/a.go", "testing"),
		imp("oncall/schedule/pagerduty/a.go", our("oncall/schedule")),
		imp("oncall/dispatch/a.go", our("oncall/escalation")),
		imp("oncall/dispatch/a.go", our("storage/runner")),
		imp("oncall/dispatch/a.go", "log/slog"),
		imp("incident/incidentstore/a.go", our("storage")),
		imp("incident/incidentfile/a.go", yaml),
		imp("incident/incidenttest/a.go", our("incident/incidentstore")),
		imp("change/budgetrule/a.go", our("budget")),
		imp("storage/runner/a.go", our("storage")),
		imp("storage/storagetest/a.go", porcupine),
		nested("storage/postgres", imp("storage/postgres/a.go", pgx)),
		nested("storage/postgres", imp("storage/postgres/a_test.go", our("storage/storagetest"))),
		nested("examples", imp("examples/gate/main.go", our("change/budgetrule"))),
		nested("internal/e2e", imp("internal/e2e/a_test.go", common)),
		nested("internal/e2e", imp("internal/e2e/a.go", our("internal/e2e/internal/server"))),
		reach("capacity/forecast", "internal/stat", "gonum.org/v1/gonum/stat"),
		reach("slo", "internal/civil", "time"),
		{Requires: []string{multierror, yaml}},
		{Top: []string{".ci", ".gitignore", "LICENSE", "README.md", "budget", "go.work.sum", "storage"}},
	} {
		for _, rule := range imports.Rules() {
			for _, broken := range rule.Check(tree) {
				t.Errorf("%+v\n%s", *tree, broken)
			}
		}
	}
}

// civil is an internal package for the tests below.
const civil = `package civil
type Date struct{ Day int }
type List[T any] []T
type Number interface{ ~int }
func Today() Date { return Date{} }
`

func TestInternalTypesInAnAPIAreFound(t *testing.T) {
	for _, test := range []struct {
		name, source string
		shows        bool
	}{
		{"a parameter", `func F(d civil.Date) {}`, true},
		{"a result, behind a slice of pointers", `func F() []*civil.Date { return nil }`, true},
		{"a method", `type T struct{}; func (T) F(d civil.Date) {}`, true},
		{"a field", `type T struct{ D civil.Date }`, true},
		{"an embedded field", `type T struct{ civil.Date }`, true},
		{"an alias", `type D = civil.Date`, true},
		{"an alias of an alias", `type d = civil.Date; type D = d`, true},
		{"an alias that is not exported, in a signature", `type d = civil.Date; func F() d { return d{} }`, true},
		{"a generic alias", `type L[T any] = civil.List[T]`, true},
		{"a type argument", `type L[T any] []T; func F() L[civil.Date] { return nil }`, true},
		{"a generic type", `func F() civil.List[int] { return nil }`, true},
		{"a constraint", `func F[T civil.Number](t T) {}`, true},
		{"a constraint of a type", `type T[N civil.Number] struct{}`, true},
		{"a variable without a type", `var Today = civil.Today()`, true},
		{"a function type", `type F func(civil.Date)`, true},
		{"an interface", `type I interface{ F() civil.Date }`, true},
		{"a channel in a map", `type M map[string]chan civil.Date`, true},
		{"a method promoted from a hidden type", `type h struct{}; func (h) F() civil.Date { return civil.Date{} }; type T struct{ h }`, true},
		{"a field promoted from a hidden type", `type h struct{ D civil.Date }; type T struct{ *h }`, true},

		{"a field that is not exported", `type T struct{ d civil.Date; n []civil.Date }; var _ = T{}.d`, false},
		{"a method that is not exported", `type T struct{}; func (T) f(civil.Date) {}; var _ = T.f`, false},
		{"a function that is not exported", `func f() civil.Date { return civil.Date{} }; var _ = f`, false},
		{"a body", `func F() int { return civil.Today().Day }`, false},
		{"a type of its own", `type Date struct{ Day int }; func F() Date { return Date(civil.Today()) }`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := imports.InternalInAPI(check(t, "package slo\nimport \""+our("internal/civil")+"\"\nvar _ civil.Date\n"+test.source))
			if (len(got) > 0) != test.shows {
				t.Errorf("got %q, want something: %t", got, test.shows)
			}
			for _, s := range got {
				if !strings.Contains(s, our("internal/civil")+".") {
					t.Errorf("%q does not say which type", s)
				}
			}
		})
	}
}

// TestExportDataKeepsAliases guards the way by which the tree is checked: the
// importer must hand over aliases as they were declared.
func TestExportDataKeepsAliases(t *testing.T) {
	from, err := imports.Importer(root, "go/types")
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := from.Import("go/types")
	if err != nil {
		t.Fatal(err)
	}
	obj, ok := pkg.Scope().Lookup("Importer").(*types.TypeName)
	if !ok || obj.IsAlias() {
		t.Errorf("go/types.Importer is %v, want a defined type", obj)
	}
	if from, err = imports.Importer(root, "os"); err != nil {
		t.Fatal(err)
	}
	if pkg, err = from.Import("os"); err != nil {
		t.Fatal(err)
	}
	if obj, ok := pkg.Scope().Lookup("FileInfo").(*types.TypeName); !ok || !obj.IsAlias() {
		t.Errorf("os.FileInfo is %v, want an alias of io/fs.FileInfo", obj)
	}
}

func check(t *testing.T, source string) *types.Package {
	t.Helper()
	from := importerFunc(func(string) (*types.Package, error) { return nil, fmt.Errorf("nothing else") })
	inner := typeCheck(t, our("internal/civil"), civil, from)
	return typeCheck(t, our("slo"), source, importerFunc(func(p string) (*types.Package, error) {
		if p == inner.Path() {
			return inner, nil
		}
		return importer.Default().Import(p)
	}))
}

func typeCheck(t *testing.T, importPath, source string, from types.Importer) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "a.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: from}
	pkg, err := config.Check(importPath, fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

type importerFunc func(string) (*types.Package, error)

func (f importerFunc) Import(importPath string) (*types.Package, error) { return f(importPath) }
