package backstage_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
	"github.com/sre-sdk/sre/slo/catalog/backstage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ExampleRead() {
	file, err := backstage.Read(backstage.Options{}, backstage.Input{Name: "catalog-info.yaml", Reader: strings.NewReader(`
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: artist-web}
spec: {type: website, lifecycle: production, owner: artist-relations, consumesApis: [lyrics-api]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: lyrics, tags: [java]}
spec: {type: service, lifecycle: production, owner: writers, providesApis: [lyrics-api]}
`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	services, err := file.Catalog.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("artist-web uses", services.DependenciesOf("artist-web"), "of", services.Owner("lyrics"))
	fmt.Println("lost:", file.Dropped[0])
	// Output:
	// artist-web uses [lyrics] of writers
	// lost: catalog-info.yaml:9: metadata.tags: not_used: want labels
}

func read(t *testing.T, o backstage.Options, names ...string) (*backstage.File, error) {
	t.Helper()
	var inputs []backstage.Input
	for _, name := range names {
		f, err := os.Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		inputs = append(inputs, backstage.Input{Name: name, Reader: f})
	}
	return backstage.Read(o, inputs...)
}

func TestEntitiesBecomeServices(t *testing.T) {
	got, err := read(t, backstage.Options{}, "web.yaml", "music.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []catalog.Service{
		{
			ID: "artist-web", Name: "Artist pages", Description: "The place to be.", Type: "website", System: "portal",
			Owner: "artist-relations", Criticality: slo.Critical, Lifecycle: catalog.Production,
			DependsOn: []catalog.Dependency{{On: "resource:artists-db"}, {On: "music/search"}, {On: "not-here"}, {On: "lyrics", Soft: true}},
			SLOs:      []string{"artist-web-availability", "artist-web-latency"}, Escalation: "pagerduty:PX1",
			Runbooks:     []string{"https://example.com/runbooks/web", "artist-web"},
			Repositories: []string{"https://github.com/example/artist-web/"},
			Links:        []catalog.Link{{Title: "Dashboard", URL: "https://example.com/d/web"}},
			Labels:       sre.LabelsOf(map[string]string{"example.com/region": "eu"}),
			External:     sre.LabelsOf(map[string]string{"pagerduty.com/service-id": "PX1", "github.com/project-slug": "example/artist-web"}),
		},
		{ID: "resource:artists-db", Type: "database", Owner: "user:alice"},
		{ID: "music/search", Type: "service", Owner: "music/searchers", DependsOn: []catalog.Dependency{{On: "resource:artists-db"}}},
		{ID: "lyrics", Type: "service", Owner: "music/writers", Lifecycle: catalog.Experimental},
	}
	if diff := cmp.Diff(want, got.Catalog.Services, cmp.Comparer(func(a, b sre.Labels) bool { return a == b })); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	var lost strings.Builder
	for _, p := range got.Dropped {
		fmt.Fprintln(&lost, p)
	}
	if *update {
		if err := os.WriteFile("testdata/lost.txt", []byte(lost.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/lost.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), lost.String()); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
	if strings.Contains(lost.String(), "do-not-repeat-this") {
		t.Error("a key was repeated")
	}
}

// The defaults of references, as Backstage documents them.
func TestReferences(t *testing.T) {
	for _, row := range []struct {
		name, namespace, field, ref string
		want                        string // the owner, system or dependency; or the code of the problem
	}{
		{"an owner is a group of the same namespace", "", "owner", "a", "a"},
		{"also elsewhere", "ext", "owner", "a", "ext/a"},
		{"of the default namespace, stated", "ext", "owner", "default/a", "a"},
		{"a user", "", "owner", "user:a", "user:a"},
		{"letter case", "", "owner", "GROUP:Default/A", "a"},
		{"a compound", "ext", "owner", "{kind: User, name: a}", "user:ext/a"},
		{"a compound of a namespace", "ext", "owner", "{namespace: x, name: a}", "x/a"},
		{"a system", "ext", "system", "s", "ext/s"},
		{"a component", "ext", "dependsOn", "[component:a]", "ext/a"},
		{"a resource", "", "dependsOn", "[resource:x/a]", "resource:x/a"},
		{"no kind", "", "dependsOn", "[a]", "missing_kind"},
		{"no kind but a namespace", "", "dependsOn", "[default/a]", "missing_kind"},
		{"nothing after the kind", "", "dependsOn", "['component:']", "invalid_reference"},
		{"two slashes", "", "dependsOn", "[component:a/b/c]", "invalid_reference"},
		{"the wrong order", "", "dependsOn", "[default/component:a]", "invalid_reference"},
		{"an empty text", "", "owner", "''", "invalid_reference"},
		{"a space", "", "owner", "a b", "invalid_reference"},
		{"a list", "", "owner", "[a]", "wrong_type"},
		{"an unknown part of a compound", "", "owner", "{nam: a}", "missing"},
		{"too long", "", "owner", strings.Repeat("a", 64), "invalid_reference"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: me, namespace: %s}\nspec:\n  %s: %s\n", row.namespace, row.field, row.ref)
			file, err := backstage.Read(backstage.Options{}, backstage.Input{Name: "f", Reader: strings.NewReader(text)})
			got := ""
			if err != nil {
				got = sre.ProblemsIn(err)[0].Code
			} else {
				s := file.Catalog.Services[0]
				got = s.Owner + s.System
				for _, d := range s.DependsOn {
					got += d.On
				}
			}
			if got != row.want {
				t.Errorf("%s: %s of namespace %q is read as %q, want %q; %v", row.field, row.ref, row.namespace, got, row.want, err)
			}
		})
	}
}

func TestProblemsNameFileAndLine(t *testing.T) {
	const text = `apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: a, annotations: {sre-sdk.github.com/criticality: very, sre-sdk.github.com/tier: one}}
spec: {dependsOn: [b]}
---
kind: Component
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ok}
spec: {type: service}
---
apiVersion: backstage.io/v1alpha1
kind: component
metadata: {name: OK, namespace: default}
spec: {}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: c, annotations: {sre-sdk.github.com/soft-dependencies: component:ok}}
spec: {}
`
	want := []string{
		"f:3: metadata.annotations[\"sre-sdk.github.com/criticality\"] unknown_value",
		"f:3: metadata.annotations[\"sre-sdk.github.com/tier\"] unknown_field",
		"f:4: spec.dependsOn[0] missing_kind",
		"f:6: apiVersion missing", "f:6: metadata missing",
		"f:13 duplicate_entity",
		"f:20: metadata.annotations[\"sre-sdk.github.com/soft-dependencies\"] unknown_dependency",
	}
	_, err := backstage.Read(backstage.Options{}, backstage.Input{Name: "f", Reader: strings.NewReader(text)})
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	file, err := backstage.Read(backstage.Options{Lenient: true}, backstage.Input{Name: "f", Reader: strings.NewReader(text)})
	if err != nil || len(file.Catalog.Services) != 1 || file.Catalog.Services[0].ID != "ok" {
		t.Errorf("lenient: %+v, %v", file, err)
	}
	var dropped []string
	for _, p := range file.Dropped {
		if p.Code != "dropped" {
			dropped = append(dropped, p.Path+" "+p.Code)
		}
	}
	if diff := cmp.Diff(want, dropped); diff != "" {
		t.Errorf("lenient drops (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoYAMLIsAnErrorInBothModes(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		if _, err := backstage.Read(backstage.Options{Lenient: lenient}, backstage.Input{Name: "f", Reader: strings.NewReader("a: [")}); len(sre.ProblemsIn(err)) != 1 {
			t.Error(err)
		}
	}
	broken := errors.New("broken")
	if _, err := backstage.Read(backstage.Options{}, backstage.Input{Name: "f", Reader: iotest.ErrReader(broken)}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestConsumedAPIsMayBeSoft(t *testing.T) {
	got, err := read(t, backstage.Options{SoftAPIs: true}, "web.yaml", "music.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Catalog.Services[0].DependsOn {
		if soft := d.On == "lyrics"; d.Soft != soft { // music/search stands in dependsOn, too, and stays hard
			t.Errorf("%+v", d)
		}
	}
}

// The files may come in any order.
func TestOrderOfFilesDoesNotMatter(t *testing.T) {
	a, err1 := read(t, backstage.Options{}, "web.yaml", "music.yaml")
	b, err2 := read(t, backstage.Options{}, "music.yaml", "web.yaml")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, f := range []*backstage.File{a, b} {
		f.Catalog.Services = append(f.Catalog.Services, catalog.Service{ID: "not-here"})
	}
	ca, err1 := a.Catalog.Compile()
	cb, err2 := b.Catalog.Compile()
	if err1 != nil || err2 != nil || ca.Markdown() != cb.Markdown() {
		t.Error("another order makes another catalog", err1, err2)
	}
}

// Any reference that is written in full is read as itself, whatever the
// namespace of the entity that makes it.
func TestFullReferenceDoesNotDependOnWhereItStands(t *testing.T) {
	part := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,10}`)
	rapid.Check(t, func(t *rapid.T) {
		kind, namespace, name := rapid.SampledFrom([]string{"Component", "resource"}).Draw(t, "kind"), part.Draw(t, "namespace"), "x"+part.Draw(t, "name")
		read := func(where string) string {
			text := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: '0', namespace: '%s'}\nspec: {dependsOn: ['%s:%s/%s']}\n", where, kind, namespace, name)
			file, err := backstage.Read(backstage.Options{}, backstage.Input{Name: "f", Reader: strings.NewReader(text)})
			if err != nil {
				t.Fatal(err)
			}
			return file.Catalog.Services[0].DependsOn[0].On
		}
		if a, b := read("default"), read(part.Draw(t, "where")); a != b {
			t.Fatalf("%s and %s", a, b)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"web.yaml", "music.yaml"} {
		seed, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(seed), true)
	}
	f.Fuzz(func(t *testing.T, text string, lenient bool) {
		file, err := backstage.Read(backstage.Options{Lenient: lenient}, backstage.Input{Name: "f", Reader: strings.NewReader(text)})
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Error("an error without a problem", err)
			}
			return
		}
		_, err = file.Catalog.Compile()
		for _, p := range sre.ProblemsIn(err) {
			switch p.Code {
			case "unknown_dependency", "cycle", "too_many":
			default:
				t.Errorf("what was read does not compile: %v", p)
			}
		}
	})
}
