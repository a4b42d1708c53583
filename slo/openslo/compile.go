package openslo

import (
	"maps"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// places maps paths of an [slo.SLO]'s problems to where the value was read.
type places map[string]yamlfile.Node

func (w places) copy() places { return maps.Clone(w) }

// find returns the place of the longest prefix of path.
func (w places) find(path string) (n yamlfile.Node, ok bool) {
	for path != "" {
		if n, ok = w[path]; ok {
			return n, true
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return yamlfile.Node{}, false
}

// compile compiles the SLO and reports its problems where the values stand.
// Problems of what could not be read were reported then and are left out.
func (obj *object) compile(o *objective, where places, hasSLI bool) {
	compiled, err := o.slo.Compile()
	if err == nil {
		o.slo = compiled.Spec()
		return
	}
	said := append(sre.ProblemsIn(obj.problems.Err("")), sre.ProblemsIn(o.problems.Err(""))...)
	wasSaid := func(path string) bool {
		for _, p := range said {
			if p.Path == path {
				return true
			}
		}
		return false
	}
	for _, p := range sre.ProblemsIn(err) {
		n, ok := where.find(p.Path)
		switch {
		case ok && wasSaid(n.Path()):
		case ok && strings.HasPrefix(p.Path, "budgeting"):
			n.Add(p.Code, p.Value, p.Want) // the objective's own
		case ok:
			n.Into(&obj.problems).Add(p.Code, p.Value, p.Want)
		}
	}
	if hasSLI && obj.problems.Len()+o.problems.Len() == 0 {
		o.node.Merge(err) // nothing that does not compile is returned
	}
}
