package backstage

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
)

// The limits of one input.
const (
	MaxBytes    = 8 << 20
	MaxEntities = 10_000
	MaxValues   = 1_000_000 // scalars, lists and mappings
)

// annotationPrefix opens the annotations that are this library's own.
const annotationPrefix = "sre-sdk.github.com/"

// Kept returns the annotations that are kept as External of a service. Keys
// that open something, such as pagerduty.com/integration-key, are none of them.
func Kept() []string {
	return []string{
		"pagerduty.com/service-id", "opsgenie.com/component-selector", "opsgenie.com/team",
		"github.com/project-slug", "github.com/team-slug", "gitlab.com/project-slug",
		"backstage.io/kubernetes-id", "backstage.io/kubernetes-namespace", "backstage.io/kubernetes-label-selector",
		"grafana/dashboard-selector", "grafana/alert-label-selector", "prometheus.io/rule", "prometheus.io/alert",
		"sentry.io/project-slug", "jira/project-key", "rootly.com/service-slug", "firehydrant.com/service-name",
	}
}

// An Input is one file. Name is for messages.
type Input struct {
	Name   string
	Reader io.Reader
}

// Options says how to read.
type Options struct {
	// Lenient leaves out entities that cannot be read, and reports them.
	Lenient bool

	// SoftAPIs makes the dependency on who provides a consumed API soft.
	// Default: hard, because nothing says that the component works without.
	SoftAPIs bool
}

// A File is what the input says.
type File struct {
	// Catalog has the services in the order of the input. It may not compile: a
	// dependency may be on something that is not in the input, and hard
	// dependencies may form a cycle.
	Catalog catalog.Catalog

	// Dropped lists what is not in Catalog: "not_used" has no place there,
	// "not_understood" is a value that this reader does not know,
	// "unknown_reference" leads nowhere and "several_providers" is an API that
	// each of several components may provide. If lenient, "dropped" names an
	// entity that was left out, followed by its problems.
	Dropped []sre.Problem
}

// Read reads the entities of all files together. An error that is not a
// reader's own carries every [sre.Problem].
func Read(o Options, inputs ...Input) (*File, error) {
	rd := reader{opts: o, known: map[ref]*entity{}, providers: map[ref][]*entity{}}
	for _, in := range inputs {
		docs, err := yamlfile.Parse(in.Reader, yamlfile.Options{Name: in.Name, Prefix: "backstage", MaxBytes: MaxBytes, MaxDocuments: MaxEntities, MaxNodes: MaxValues})
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				return nil, err
			}
			rd.problems.Merge("", err)
		}
		for _, doc := range docs {
			e := &entity{}
			e.node = doc.Node(&e.problems)
			e.read()
			rd.entities = append(rd.entities, e)
		}
	}
	if len(rd.entities) > MaxEntities {
		rd.problems.Add("", "too_many", len(rd.entities), fmt.Sprintf("at most %d entities", MaxEntities))
	}
	if rd.problems.Len() > 0 { // a file that is no YAML cannot be left out: nobody knows what is in it
		return nil, rd.problems.Err("backstage")
	}
	rd.index()
	for _, e := range rd.entities {
		rd.connect(e)
	}
	return rd.result()
}

type reader struct {
	opts      Options
	entities  []*entity
	known     map[ref]*entity
	providers map[ref][]*entity // of each API
	problems  sre.Problems
}

// An entity is one document of the input.
type entity struct {
	problems, notes sre.Problems
	node            yamlfile.Node
	ref             ref
	isRead          bool // it is a component or resource with a name

	service      catalog.Service
	dependsOn    []target
	dependencyOf []target
	provides     []target
	consumes     []target
	soft         []target
	place        map[string]int // in service.DependsOn, by ID
}

// A target is a reference and where it stands.
type target struct {
	ref  ref
	node yamlfile.Node
}

// lose reports what is there and has no place.
func (e *entity) lose(n yamlfile.Node, code, want string) {
	if n.Exists() {
		n.Into(&e.notes).Add(code, nil, want)
	}
}

func (e *entity) loseAll(m *yamlfile.Map, want string) {
	for _, n := range m.Unknown() {
		e.lose(n, "not_used", want)
	}
}

func (e *entity) read() {
	m := e.node.Map()
	version, kind := m.Required("apiVersion"), m.Required("kind")
	versionText, kindText := version.Text(), kind.Text()
	metadata := m.Required("metadata").Map()
	spec := m.Optional("spec")
	if e.problems.Len() > 0 {
		return
	}
	if versionText != "backstage.io/v1alpha1" && versionText != "backstage.io/v1beta1" || !isService(kindText) {
		kind.Into(&e.notes).Add("not_used", versionText+" "+kindText, "a Component or Resource of backstage.io/v1alpha1")
		return
	}
	name, space := metadata.Required("name"), metadata.Optional("namespace")
	if name.Text(); e.problems.Len() > 0 {
		return
	}
	r, err := newRef(kindText, space.Text(), name.Text(), "component", defaultNamespace)
	if err != nil {
		name.Merge(err)
		return
	}
	e.ref, e.isRead = r, true
	e.loseAll(m, "apiVersion, kind, metadata and spec; the rest is what Backstage adds")
	e.service.ID = r.id()
	e.readMetadata(metadata)
	if !spec.Exists() {
		spec.Add("missing", nil, "this field")
		return
	}
	e.readSpec(spec.Map())
}

func (e *entity) readMetadata(m *yamlfile.Map) {
	s := &e.service
	s.Name, s.Description = e.text(m.Optional("title")), e.text(m.Optional("description"))
	values := map[string]string{}
	labels := m.Optional("labels")
	for name, n := range labels.Map().All() {
		values[name] = n.Text()
	}
	s.Labels = parseLabels(labels, values)
	for _, n := range m.Optional("links").List() {
		link := n.Map()
		url, kind := link.Required("url"), link.Optional("type")
		l := catalog.Link{Title: e.text(link.Optional("title")), URL: url.Text()}
		e.lose(link.Optional("icon"), "not_used", "title, type and url")
		e.loseAll(link, "title, type and url")
		switch {
		case !url.Exists():
		case !catalogTakes(catalog.Service{ID: "x", Links: []catalog.Link{l}}):
			e.lose(url, "not_understood", "an absolute URL (http, https or mailto)")
		case strings.EqualFold(kind.Text(), "runbook"):
			s.Runbooks = append(s.Runbooks, l.URL)
		default:
			s.Links = append(s.Links, l)
		}
	}
	e.readAnnotations(m.Optional("annotations"))
	for _, name := range []string{"tags", "uid", "etag"} {
		e.lose(m.Optional(name), "not_used", "labels")
	}
	e.loseAll(m, "name, namespace, title, description, labels, annotations and links")
}

// text reads text for people, and leaves out what is too long for a catalog.
func (e *entity) text(n yamlfile.Node) string {
	text := n.Text()
	if len(text) > catalog.MaxText {
		e.lose(n, "not_used", fmt.Sprintf("at most %d bytes", catalog.MaxText))
		return ""
	}
	return text
}

// catalogTakes reports whether a service with that is valid.
func catalogTakes(s catalog.Service) bool {
	_, err := catalog.Catalog{Services: []catalog.Service{s}}.Compile()
	return err == nil
}

func parseLabels(n yamlfile.Node, values map[string]string) sre.Labels {
	l, err := sre.ParseLabels(values)
	n.Merge(err)
	return l
}

func (e *entity) readAnnotations(n yamlfile.Node) {
	s, kept := &e.service, map[string]string{}
	for name, v := range n.Map().All() {
		own, isOwn := strings.CutPrefix(name, annotationPrefix)
		switch {
		case !v.Exists():
		case own == "criticality" && isOwn:
			s.Criticality = yamlfile.Value(v, slo.ParseCriticality)
		case own == "escalation" && isOwn:
			s.Escalation = v.Text()
			e.check(v, catalog.Service{ID: "x", Escalation: s.Escalation})
		case own == "slos" && isOwn:
			s.SLOs = split(v)
			e.check(v, catalog.Service{ID: "x", SLOs: s.SLOs})
		case own == "runbooks" && isOwn:
			list := split(v)
			e.check(v, catalog.Service{ID: "x", Runbooks: list})
			s.Runbooks = append(s.Runbooks, list...)
		case own == "soft-dependencies" && isOwn:
			for _, text := range split(v) {
				r, err := parseRef(text, "", e.ref.namespace)
				if v.Merge(err); err == nil {
					e.soft = append(e.soft, target{r, v})
				}
			}
		case isOwn:
			v.Add("unknown_field", nil, "one of criticality, escalation, runbooks, slos, soft-dependencies after "+annotationPrefix)
		case name == "backstage.io/source-location" || name == "backstage.io/managed-by-location":
			e.repository(name, v)
		case slices.Contains(Kept(), name):
			kept[name] = v.Text()
		default:
			e.lose(v, "not_used", "an annotation that is kept, or one that begins with "+annotationPrefix)
		}
	}
	s.External = parseLabels(n, kept)
	if id := s.External.Get("pagerduty.com/service-id"); id != "" && s.Escalation == "" {
		if s.Escalation = "pagerduty:" + id; !sre.ValidID(s.Escalation) {
			s.Escalation = ""
			e.lose(n, "not_understood", "a pagerduty.com/service-id of letters and digits")
		}
	}
}

// repository reads "url:https://...". Where the entity was read from says
// nothing that the file itself does not.
func (e *entity) repository(name string, n yamlfile.Node) {
	url, ok := strings.CutPrefix(n.Text(), "url:")
	if name == "backstage.io/managed-by-location" || !ok || !catalogTakes(catalog.Service{ID: "x", Repositories: []string{url}}) {
		e.lose(n, "not_used", "backstage.io/source-location, url: and an absolute URL")
		return
	}
	e.service.Repositories = append(e.service.Repositories, url)
}

// check records at n what a catalog would find wrong.
func (e *entity) check(n yamlfile.Node, s catalog.Service) {
	_, err := catalog.Catalog{Services: []catalog.Service{s}}.Compile()
	for _, p := range sre.ProblemsIn(err) {
		n.Add(p.Code, p.Value, p.Want)
	}
}

func split(n yamlfile.Node) []string {
	var list []string
	for text := range strings.SplitSeq(n.Text(), ",") {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

func (e *entity) readSpec(m *yamlfile.Map) {
	s := &e.service
	s.Type = e.text(m.Optional("type"))
	if n := m.Optional("lifecycle"); n.Exists() {
		switch text := n.Text(); text {
		case "experimental", "production", "deprecated":
			s.Lifecycle, _ = catalog.ParseLifecycle(text)
		default:
			e.lose(n, "not_understood", "experimental, production or deprecated")
		}
	}
	if r, ok := readRef(m.Optional("owner"), "Group", e.ref.namespace); ok {
		s.Owner = r.short("Group")
	}
	if r, ok := readRef(m.Optional("system"), "System", e.ref.namespace); ok {
		s.System = r.short("System")
	}
	e.dependsOn = e.targets(m.Optional("dependsOn"), "")
	e.dependencyOf = e.targets(m.Optional("dependencyOf"), "")
	e.provides = e.targets(m.Optional("providesApis"), "API")
	e.consumes = e.targets(m.Optional("consumesApis"), "API")
	e.lose(m.Optional("subcomponentOf"), "not_used", "dependsOn: being a part of something is no dependency")
	e.loseAll(m, "type, lifecycle, owner, system, dependsOn, dependencyOf, providesApis and consumesApis")
}

func (e *entity) targets(n yamlfile.Node, kind string) []target {
	var list []target
	items := n.List()
	if len(items) > catalog.MaxDependencies {
		n.Add("too_many", len(items), fmt.Sprintf("at most %d", catalog.MaxDependencies))
		return nil
	}
	for _, item := range items {
		if !item.Exists() {
			item.Add("missing", nil, "[kind:][namespace/]name")
			continue
		}
		if r, ok := readRef(item, kind, e.ref.namespace); ok {
			list = append(list, target{r, item})
		}
	}
	return list
}

// index finds each entity by its reference, and who provides an API.
func (rd *reader) index() {
	for _, e := range rd.entities {
		if !e.isRead {
			continue
		}
		if first := rd.known[e.ref]; first != nil {
			e.node.Add("duplicate_entity", e.ref.id(), "each entity once; this one stands at "+first.node.Path()+" too")
			continue
		}
		rd.known[e.ref] = e
	}
	for _, e := range rd.entities {
		if e.problems.Len() > 0 {
			continue // left out
		}
		for _, api := range e.provides {
			list := rd.providers[api.ref]
			if len(list) == 0 || list[len(list)-1] != e && len(list) <= maxProviders {
				rd.providers[api.ref] = append(list, e)
			}
		}
	}
}

// maxProviders bounds how many dependencies one line makes.
const maxProviders = 100

// connect makes dependencies of references.
func (rd *reader) connect(e *entity) {
	if e.problems.Len() > 0 {
		return
	}
	for _, t := range e.dependsOn {
		if t.ref.kind == "api" {
			rd.consume(e, t)
			continue
		}
		if !t.ref.isService() {
			e.lose(t.node, "not_used", "a component, resource or API")
			continue
		}
		e.depend(t.ref, t.node, false)
	}
	for _, t := range e.consumes {
		rd.consume(e, t)
	}
	for _, t := range e.dependencyOf {
		other := rd.known[t.ref]
		if other == nil || !t.ref.isService() || other.problems.Len() > 0 {
			e.lose(t.node, "unknown_reference", "a component or resource of the input")
			continue
		}
		other.depend(e.ref, t.node, false)
	}
}

func (rd *reader) consume(e *entity, api target) {
	providers := rd.providers[api.ref]
	switch {
	case len(providers) == 0:
		e.lose(api.node, "unknown_reference", "an API that a component of the input has in spec.providesApis")
	case len(providers) > maxProviders:
		e.lose(api.node, "not_used", fmt.Sprintf("an API that at most %d components provide", maxProviders))
		return
	}
	if len(providers) > 1 {
		e.lose(api.node, "several_providers", "an API of one component; it depends on each of them now")
	}
	for _, p := range providers {
		if p != e {
			e.depend(p.ref, api.node, rd.opts.SoftAPIs)
		}
	}
}

// depend adds a dependency; of two on the same the hard one counts.
func (e *entity) depend(on ref, at yamlfile.Node, soft bool) {
	if on == e.ref {
		e.lose(at, "not_used", "another entity: it depends on itself")
		return
	}
	if i, twice := e.place[on.id()]; twice {
		e.service.DependsOn[i].Soft = e.service.DependsOn[i].Soft && soft
		return
	}
	if e.place == nil {
		e.place = map[string]int{}
	}
	e.place[on.id()] = len(e.service.DependsOn)
	e.service.DependsOn = append(e.service.DependsOn, catalog.Dependency{On: on.id(), Soft: soft})
}

// soften applies what an entity says about its own dependencies.
func (e *entity) soften() {
	for _, t := range e.soft {
		i, ok := e.place[t.ref.id()]
		if !ok {
			t.node.Add("unknown_dependency", t.ref.short(""), "a dependency that is stated otherwise")
			continue
		}
		e.service.DependsOn[i].Soft = true
	}
}

// result puts together what the entities say, in the order of the input.
func (rd *reader) result() (*File, error) {
	file, dropped := &File{}, sre.Problems{}
	for _, e := range rd.entities {
		if e.problems.Len() == 0 {
			e.soften()
		}
		if err := e.problems.Err("backstage"); err != nil {
			rd.problems.Merge("", err)
			dropped.Add(e.node.Path(), "dropped", e.ref.name, "an entity without the problems that follow")
			dropped.Merge("", err)
		} else if e.isRead {
			file.Catalog.Services = append(file.Catalog.Services, e.service)
		}
		dropped.Merge("", e.notes.Err("backstage"))
	}
	if err := rd.problems.Err("backstage"); err != nil && !rd.opts.Lenient {
		return nil, err
	}
	file.Dropped = sre.ProblemsIn(dropped.Err("backstage"))
	return file, nil
}
