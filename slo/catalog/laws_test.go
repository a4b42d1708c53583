package catalog_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
)

// graph is a small catalog as a matrix: 0 nothing, 1 soft, 2 hard.
type graph [][]int

func id(i int) string { return string(rune('a' + i)) }

func drawGraph(t *rapid.T, acyclic bool) graph {
	n := rapid.IntRange(1, 7).Draw(t, "services")
	g := make(graph, n)
	for i := range g {
		g[i] = make([]int, n)
		for j := range g[i] {
			e := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 2}).Draw(t, "edge")
			if i == j || acyclic && j > i && e == 2 {
				e = 0
			}
			g[i][j] = e
		}
	}
	return g
}

func (g graph) catalog(order []int) catalog.Catalog {
	var c catalog.Catalog
	for _, i := range order {
		s := catalog.Service{ID: id(i), Owner: "team"}
		for _, j := range order {
			if g[i][j] > 0 {
				s.DependsOn = append(s.DependsOn, catalog.Dependency{On: id(j), Soft: g[i][j] == 1})
			}
		}
		c.Services = append(c.Services, s)
	}
	return c
}

func (g graph) order(t *rapid.T) []int {
	order := make([]int, len(g))
	for i := range order {
		order[i] = i
	}
	return rapid.Permutation(order).Draw(t, "order")
}

// paths returns all chains without repetition that begin with from, by trying
// everything. With least 2 it follows hard dependencies only.
func (g graph) paths(from, least int) []string {
	var all []string
	var walk func(chain []int)
	walk = func(chain []int) {
		text := ""
		for _, i := range chain {
			text += id(i)
		}
		all = append(all, text)
		for j, e := range g[chain[len(chain)-1]] {
			if e >= least && !slices.Contains(chain, j) {
				walk(append(slices.Clone(chain), j))
			}
		}
	}
	walk([]int{from})
	return all
}

// shortest orders by length, then by name.
func shortest(paths []string) string {
	return slices.MinFunc(paths, func(a, b string) int { return (len(a)-len(b))*100 + strings.Compare(a, b) })
}

func TestQueriesAgreeWithTryingEveryPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t, true)
		c, err := g.catalog(g.order(t)).Compile()
		if err != nil {
			t.Fatal(err)
		}
		for least, view := range map[int]catalog.View{1: c.Any(), 2: c.Hard()} {
			impact := map[string][]string{}
			for i := range g {
				paths := g.paths(i, least)
				for j := range g {
					var to []string
					for _, p := range paths {
						if strings.HasSuffix(p, id(j)) {
							to = append(to, p)
						}
					}
					want := ""
					if len(to) > 0 {
						want = shortest(to)
						if i != j {
							impact[id(j)] = append(impact[id(j)], id(i))
						}
					}
					if got := strings.Join(view.Path(id(i), id(j)), ""); got != want {
						t.Fatalf("a path from %s to %s is %q, want %q", id(i), id(j), got, want)
					}
				}
				var direct, transitive []string
				for j := range g {
					if g[i][j] >= least {
						direct = append(direct, id(j))
					}
					if j != i && slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(p, id(j)) }) {
						transitive = append(transitive, id(j))
					}
				}
				if diff := cmp.Diff(direct, view.DependenciesOf(id(i))); diff != "" {
					t.Fatalf("dependencies of %s (-want +got):\n%s", id(i), diff)
				}
				if diff := cmp.Diff(transitive, view.Transitive(id(i))); diff != "" {
					t.Fatalf("what %s uses (-want +got):\n%s", id(i), diff)
				}
			}
			for i := range g {
				if diff := cmp.Diff(impact[id(i)], view.Impact(id(i))); diff != "" {
					t.Fatalf("what uses %s (-want +got):\n%s", id(i), diff)
				}
			}
		}
		for i := range g {
			paths := g.paths(i, 2)
			want := slices.MinFunc(paths, func(a, b string) int { return (len(b)-len(a))*100 + strings.Compare(a, b) })
			if got := strings.Join(c.CriticalPath(id(i)), ""); got != want {
				t.Fatalf("the critical path of %s is %q, want %q", id(i), got, want)
			}
		}
	})
}

// Each set of services that are entangled by hard dependencies is named once,
// by a cycle that exists; without such a cycle there is no problem.
func TestCyclesAgreeWithTryingEveryPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t, false)
		reaches := func(i, j int) bool {
			return slices.ContainsFunc(g.paths(i, 2), func(p string) bool { return len(p) > 1 && strings.HasSuffix(p, id(j)) })
		}
		want := map[string]bool{} // the first of each entangled set
		for i := range g {
			for j := range g {
				if i != j && reaches(i, j) && reaches(j, i) {
					first := min(i, j)
					for k := range g {
						if reaches(i, k) && reaches(k, i) {
							first = min(first, k)
						}
					}
					want[id(first)] = true
				}
			}
		}
		order := g.order(t)
		input := g.catalog(order)
		_, err := input.Compile()
		got := map[string]bool{}
		for _, p := range sre.ProblemsIn(err) {
			if p.Code != "cycle" {
				t.Fatal(p)
			}
			path := strings.Split(p.Value, " -> ")
			if len(path) < 3 || path[0] != path[len(path)-1] || path[0] != slices.Min(path) {
				t.Fatalf("%s is no cycle that begins with its first service", p.Value)
			}
			for i := range path[1:] {
				if g[path[i][0]-'a'][path[i+1][0]-'a'] != 2 {
					t.Fatalf("%s is no cycle: %s does not need %s", p.Value, path[i], path[i+1])
				}
			}
			var place, dependency int
			if _, err := fmt.Sscanf(p.Path, "services[%d].depends_on[%d].on", &place, &dependency); err != nil || input.Services[place].ID != path[0] || input.Services[place].DependsOn[dependency].On != path[1] {
				t.Fatalf("%s does not lead to the dependency of %s on %s", p.Path, path[0], path[1])
			}
			got[path[0]] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("entangled (-want +got):\n%s", diff)
		}
	})
}

func TestOrderOfServicesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t, true)
		a, err1 := g.catalog(g.order(t)).Compile()
		b, err2 := g.catalog(g.order(t)).Compile()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if a.DOT() != b.DOT() || a.Markdown() != b.Markdown() {
			t.Fatal("the order of the services changes the document")
		}
		if diff := cmp.Diff(a.Lint(catalog.LintOptions{}), b.Lint(catalog.LintOptions{})); diff != "" {
			t.Fatalf("findings (-one order +another):\n%s", diff)
		}
	})
}

// A world of slots in which services fail by themselves and with what they
// need: what is measured lies between the bounds that the measured promises of
// the others give, exactly.
func TestCeilingHoldsWhatCanHappen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const slots = 12
		g := drawGraph(t, true)
		c, err := g.catalog(g.order(t)).Compile()
		if err != nil {
			t.Fatal(err)
		}
		down := make([][slots]bool, len(g))
		promises := map[string]slo.Objective{}
		for i := range g { // hard dependencies lead to smaller numbers
			promised := i < len(g)-1 && rapid.Bool().Draw(t, "promised")
			bad := 0
			for s := range slots {
				down[i][s] = promised && rapid.IntRange(0, 4).Draw(t, "fails") == 0
				for j := range g {
					down[i][s] = down[i][s] || g[i][j] == 2 && down[j][s]
				}
				if down[i][s] {
					bad++
				}
			}
			if promised {
				r, err := slo.NewRatio(int64(slots-bad), slots)
				if err != nil {
					t.Fatal(err)
				}
				if promises[id(i)], err = slo.NewObjective(r); err != nil {
					t.Skip("a service that never or always fails promises nothing")
				}
			}
		}
		service := len(g) - 1
		limit := c.Ceiling(id(service), promises)
		good := int64(0)
		for s := range slots {
			if !down[service][s] {
				good++
			}
		}
		measured := big.NewRat(good, slots)
		if limit.AtBest == nil {
			if measured.Cmp(big.NewRat(1, 1)) != 0 {
				t.Fatalf("no ceiling, but %v were good", measured)
			}
			return
		}
		if measured.Cmp(limit.AtBest) > 0 || measured.Cmp(limit.AtWorst) < 0 {
			t.Fatalf("%v were good, out of %v to %v", measured, limit.AtWorst, limit.AtBest)
		}
		if limit.AtWorst.Cmp(limit.Independent) > 0 || limit.Independent.Cmp(limit.AtBest) > 0 {
			t.Fatalf("%v <= %v <= %v does not hold", limit.AtWorst, limit.Independent, limit.AtBest)
		}
	})
}
