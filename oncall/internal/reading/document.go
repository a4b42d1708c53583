package reading

import (
	"iter"
	"maps"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// Document begins to read one document of several; prefix is the package's name.
func Document(doc yamlfile.Doc, prefix string) *Reading {
	f := &Reading{Names: map[string]string{}, prefix: prefix, places: map[string]yamlfile.Node{}}
	f.Root = doc.Node(&f.Problems)
	return f
}

// Find returns where the value of a path, or what holds it, stands.
func (f *Reading) Find(path string) yamlfile.Node { return f.find(path) }

// Check records what is wrong with a value below a path, each problem at the
// place of what it is about, and once.
func (f *Reading) Check(path string, err error) {
	seen := map[sre.Problem]bool{}
	for _, p := range sre.ProblemsIn(err) {
		p.Path = f.find(sre.JoinPath(path, p.Path)).Path()
		if !seen[p] {
			f.Problems.Merge("", p)
		}
		seen[p] = true
	}
	if err != nil && len(seen) == 0 {
		f.find(path).Add("invalid", nil, err.Error())
	}
}

// Places yields each path of which the place is known, in no order.
func (f *Reading) Places() iter.Seq2[string, yamlfile.Node] { return maps.All(f.places) }
