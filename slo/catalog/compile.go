package catalog

import (
	"cmp"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Compiled is a checked catalog. It is immutable and safe for concurrent use.
type Compiled struct {
	services []Service // sorted by ID
	index    map[string]int
	needs    [][]edge // by service, sorted by the ID of the other
	neededBy [][]edge
}

// edge leads to another service.
type edge struct {
	to   int
	soft bool
}

// Compile checks the catalog and returns the form that everything else takes.
// The error carries every [sre.Problem] at once. Paths name services by their
// place, as in "services[3].depends_on[0].on". Codes:
//
//   - duplicate_id: two services with one ID
//   - unknown_dependency: nobody in the catalog has that ID
//   - depends_on_itself, duplicate_dependency
//   - cycle: hard dependencies that lead back to where they begin; Value is the
//     whole path, "a -> b -> a". Of services that are entangled in many cycles
//     one is named, a shortest, until it is resolved
//   - invalid_id, invalid_url, too_long, too_many, unknown_value
func (c Catalog) Compile() (*Compiled, error) {
	var p sre.Problems
	if len(c.Services) > MaxServices {
		p.Add("services", "too_many", len(c.Services), fmt.Sprintf("at most %d", MaxServices))
		return nil, p.Err("catalog")
	}
	first := make(map[string]int, len(c.Services)) // the place of each ID in the input
	for i, s := range c.Services {
		if j, twice := first[s.ID]; twice {
			p.Add(fmt.Sprintf("services[%d].id", i), "duplicate_id", s.ID, fmt.Sprintf("an ID of its own; services[%d] has this one", j))
			continue
		}
		first[s.ID] = i
	}
	for i, s := range c.Services {
		path := fmt.Sprintf("services[%d]", i)
		s.check(path, &p)
		for j, d := range s.DependsOn {
			at := fmt.Sprintf("%s.depends_on[%d].on", path, j)
			_, known := first[d.On]
			switch {
			case !sre.ValidID(d.On): // reported by check
			case d.On == s.ID:
				p.Add(at, "depends_on_itself", d.On, "another service")
			case !known:
				p.Add(at, "unknown_dependency", d.On, "the ID of a service of the catalog")
			case slices.ContainsFunc(s.DependsOn[:j], func(e Dependency) bool { return e.On == d.On }):
				p.Add(at, "duplicate_dependency", d.On, "each dependency once")
			}
		}
	}
	out := c.build()
	for _, cycle := range out.cycles() {
		ids := out.ids(cycle)
		i := first[ids[0]]
		j := slices.IndexFunc(c.Services[i].DependsOn, func(d Dependency) bool { return d.On == ids[1] && !d.Soft })
		p.Add(fmt.Sprintf("services[%d].depends_on[%d].on", i, j), "cycle", strings.Join(ids, " -> "), "no way back over hard dependencies: make one of them soft, or remove it")
	}
	if err := p.Err("catalog"); err != nil {
		return nil, err
	}
	return out, nil
}

func (s Service) check(path string, p *sre.Problems) {
	at := func(name string) string { return path + "." + name }
	p.CheckID(at("id"), s.ID)
	for _, id := range []struct{ name, value string }{{"owner", s.Owner}, {"system", s.System}, {"escalation", s.Escalation}} {
		if id.value != "" {
			p.CheckID(at(id.name), id.value)
		}
	}
	for _, text := range []struct{ name, value string }{{"name", s.Name}, {"description", s.Description}, {"type", s.Type}} {
		checkText(p, at(text.name), text.value)
	}
	if s.Criticality > slo.Critical {
		p.Add(at("criticality"), "unknown_value", s.Criticality, "low, standard, high or critical")
	}
	if s.Lifecycle > Retired {
		p.Add(at("lifecycle"), "unknown_value", s.Lifecycle, "experimental, production, deprecated or retired")
	}
	if len(s.DependsOn) > MaxDependencies {
		p.Add(at("depends_on"), "too_many", len(s.DependsOn), fmt.Sprintf("at most %d", MaxDependencies))
	}
	for j, d := range s.DependsOn {
		p.CheckID(at(fmt.Sprintf("depends_on[%d].on", j)), d.On)
		checkText(p, at(fmt.Sprintf("depends_on[%d].why", j)), d.Why)
	}
	for _, list := range []struct {
		name  string
		n     int
		check func(i int, at string)
	}{
		{"slos", len(s.SLOs), func(i int, at string) { p.CheckID(at, s.SLOs[i]) }},
		{"runbooks", len(s.Runbooks), func(i int, at string) {
			if !sre.ValidID(s.Runbooks[i]) && !validURL(s.Runbooks[i]) {
				p.Add(at, "invalid_runbook", s.Runbooks[i], "an ID or an absolute URL")
			}
		}},
		{"repositories", len(s.Repositories), func(i int, at string) { checkURL(p, at, s.Repositories[i]) }},
		{"links", len(s.Links), func(i int, at string) {
			checkURL(p, at+".url", s.Links[i].URL)
			checkText(p, at+".title", s.Links[i].Title)
		}},
	} {
		if list.n > MaxItems {
			p.Add(at(list.name), "too_many", list.n, fmt.Sprintf("at most %d", MaxItems))
		}
		for i := range list.n {
			list.check(i, at(fmt.Sprintf("%s[%d]", list.name, i)))
		}
	}
}

func checkText(p *sre.Problems, path, text string) {
	if len(text) > MaxText {
		p.Add(path, "too_long", len(text), fmt.Sprintf("at most %d bytes", MaxText))
	}
}

func checkURL(p *sre.Problems, path, text string) {
	if !validURL(text) {
		p.Add(path, "invalid_url", text, fmt.Sprintf("an absolute URL (http, https or mailto) of at most %d bytes", MaxText))
	}
}

// validURL reports whether text is a link that may be shown to somebody: no
// script, no file of his.
func validURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > MaxText || strings.ContainsAny(text, " \"<>`\\") {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return u.Opaque != ""
	}
	return false
}

// build sorts the services and connects those that can be connected.
func (c Catalog) build() *Compiled {
	out := &Compiled{index: make(map[string]int, len(c.Services))}
	for _, s := range c.Services {
		out.services = append(out.services, s.clone())
	}
	slices.SortStableFunc(out.services, func(a, b Service) int { return cmp.Compare(a.ID, b.ID) })
	out.services = slices.CompactFunc(out.services, func(a, b Service) bool { return a.ID == b.ID })
	for i, s := range out.services {
		out.index[s.ID] = i
	}
	out.needs, out.neededBy = make([][]edge, len(out.services)), make([][]edge, len(out.services))
	for i, s := range out.services {
		for _, d := range s.DependsOn {
			if j, ok := out.index[d.On]; ok && j != i {
				out.needs[i] = append(out.needs[i], edge{j, d.Soft})
				out.neededBy[j] = append(out.neededBy[j], edge{i, d.Soft}) // i grows: sorted
			}
		}
		slices.SortFunc(out.needs[i], func(a, b edge) int { return cmp.Compare(a.to, b.to) })
	}
	return out
}

// clone returns a copy that shares no list, defaults filled in.
func (s Service) clone() Service {
	s.Name = cmp.Or(s.Name, s.ID)
	if s.Criticality == slo.CriticalityUnset {
		s.Criticality = slo.Standard
	}
	s.Lifecycle = s.Lifecycle.orDefault()
	s.DependsOn = slices.Clone(s.DependsOn)
	slices.SortStableFunc(s.DependsOn, func(a, b Dependency) int { return cmp.Compare(a.On, b.On) })
	s.SLOs, s.Runbooks, s.Repositories, s.Links = slices.Clone(s.SLOs), slices.Clone(s.Runbooks), slices.Clone(s.Repositories), slices.Clone(s.Links)
	return s
}

// Len returns the number of services.
func (c *Compiled) Len() int { return len(c.services) }

// Get returns a service, defaults filled in and dependencies sorted.
func (c *Compiled) Get(id string) (Service, bool) {
	i, ok := c.index[id]
	if !ok {
		return Service{}, false
	}
	return c.services[i].clone(), true
}

// All yields every service in the order of the IDs.
func (c *Compiled) All() iter.Seq[Service] {
	return func(yield func(Service) bool) {
		for _, s := range c.services {
			if !yield(s.clone()) {
				return
			}
		}
	}
}

// Owner returns the team that answers for a service; "" if nobody does, or if
// there is no such service.
func (c *Compiled) Owner(id string) string {
	if i, ok := c.index[id]; ok {
		return c.services[i].Owner
	}
	return ""
}

// OwnedBy returns the IDs of the services of a team, sorted.
func (c *Compiled) OwnedBy(team string) []string {
	var list []string
	for _, s := range c.services {
		if s.Owner == team {
			list = append(list, s.ID)
		}
	}
	return list
}

func (c *Compiled) ids(services []int) []string {
	list := make([]string, len(services))
	for i, s := range services {
		list[i] = c.services[s].ID
	}
	return list
}
