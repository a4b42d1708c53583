package slofile

import (
	"fmt"
	"io"
	"regexp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/catalog"
)

// What the first two fields of each document must say.
const (
	APIVersion  = "sre-sdk/v1"
	KindCatalog = "Catalog"
)

// Limits of a file.
const (
	MaxBytes  = 8 << 20
	MaxValues = 1_000_000 // scalars, lists and mappings
)

// A File is one to read. Name is for messages.
type File struct {
	Name   string
	Reader io.Reader
}

// ReadCatalog reads the catalog of one file; name is the file's, for messages.
// The catalog that it returns compiles. The error carries every [sre.Problem].
func ReadCatalog(r io.Reader, name string) (catalog.Catalog, error) {
	return ReadCatalogs(File{name, r})
}

// ReadCatalogs reads one catalog that is spread over files, such as one of each
// team. Services depend on services of other files as on those of their own.
func ReadCatalogs(files ...File) (catalog.Catalog, error) {
	rd := reader{places: map[string]yamlfile.Node{}}
	for _, f := range files {
		docs, err := yamlfile.Parse(f.Reader, yamlfile.Options{Name: f.Name, Prefix: "slofile", MaxBytes: MaxBytes, MaxNodes: MaxValues})
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				return catalog.Catalog{}, err
			}
			rd.problems.Merge("", err)
			continue
		}
		if len(docs) == 0 {
			rd.problems.Add(f.Name, "empty", nil, "a document of kind "+KindCatalog)
		}
		for _, doc := range docs {
			rd.document(doc)
		}
	}
	if _, err := rd.catalog.Compile(); err != nil {
		for _, p := range sre.ProblemsIn(err) {
			rd.find(p.Path).Add(p.Code, value(p), p.Want)
		}
	}
	if err := rd.problems.Err("slofile"); err != nil {
		return catalog.Catalog{}, err
	}
	return rd.catalog, nil
}

func value(p sre.Problem) any {
	if p.Value == "" {
		return nil
	}
	return p.Value
}

type reader struct {
	catalog  catalog.Catalog
	problems sre.Problems
	places   map[string]yamlfile.Node // where the value of each path of the catalog stands
	last     yamlfile.Node
}

// step is the last step of a path: ".on" or "[3]".
var step = regexp.MustCompile(`(\.[^.\[]+|\[\d+\])$`)

// find returns where the value of a path, or what holds it, stands.
func (rd *reader) find(path string) yamlfile.Node {
	for path != "" {
		if n, ok := rd.places[path]; ok {
			return n
		}
		i := step.FindStringIndex(path)
		if i == nil {
			break
		}
		path = path[:i[0]]
	}
	return rd.last
}

func (rd *reader) document(doc yamlfile.Doc) {
	rd.last = doc.Node(&rd.problems)
	m := rd.last.Map()
	m.Required("apiVersion").Enum(APIVersion)
	m.Required("kind").Enum(KindCatalog)
	for _, n := range m.Required("services").List() {
		path := fmt.Sprintf("services[%d]", len(rd.catalog.Services))
		rd.places[path] = n
		rd.catalog.Services = append(rd.catalog.Services, rd.service(n, path))
	}
	m.Done()
}

func (rd *reader) service(n yamlfile.Node, path string) catalog.Service {
	m := n.Map()
	at := func(name string) yamlfile.Node {
		field := m.Optional(name)
		if field.Exists() {
			rd.places[path+"."+name] = field
		}
		return field
	}
	if !n.Exists() {
		n.Add("missing", nil, "a service")
	}
	s := catalog.Service{
		ID:          at("id").Text(),
		Name:        at("name").Text(),
		Description: at("description").Text(),
		Type:        at("type").Text(),
		System:      at("system").Text(),
		Owner:       at("owner").Text(),
		Criticality: yamlfile.Value(at("criticality"), slo.ParseCriticality),
		Lifecycle:   yamlfile.Value(at("lifecycle"), catalog.ParseLifecycle),
		Escalation:  at("escalation").Text(),
	}
	each := func(name string, item func(n yamlfile.Node, path string)) {
		for i, n := range at(name).List() {
			itemPath := fmt.Sprintf("%s.%s[%d]", path, name, i)
			rd.places[itemPath] = n
			if !n.Exists() {
				n.Add("missing", nil, "a value")
			}
			item(n, itemPath)
		}
	}
	text := func(into *[]string) func(yamlfile.Node, string) {
		return func(n yamlfile.Node, _ string) { *into = append(*into, n.Text()) }
	}
	each("depends_on", func(n yamlfile.Node, path string) { s.DependsOn = append(s.DependsOn, rd.dependency(n, path)) })
	each("slos", text(&s.SLOs))
	each("runbooks", text(&s.Runbooks))
	each("repositories", text(&s.Repositories))
	each("links", func(n yamlfile.Node, path string) { s.Links = append(s.Links, rd.link(n, path)) })
	s.Labels, s.External = labels(at("labels")), labels(at("external"))
	m.Done()
	return s
}

// dependency reads an ID, or a mapping.
func (rd *reader) dependency(n yamlfile.Node, path string) catalog.Dependency {
	if _, isText := n.Peek(); isText {
		return catalog.Dependency{On: n.Text()}
	}
	m := n.Map()
	on := m.Required("on")
	rd.places[path+".on"] = on
	d := catalog.Dependency{On: on.Text(), Why: m.Optional("why").Text()}
	if soft := m.Optional("soft"); soft.Exists() {
		d.Soft = soft.Bool()
	}
	m.Done()
	return d
}

func (rd *reader) link(n yamlfile.Node, path string) catalog.Link {
	m := n.Map()
	url := m.Required("url")
	rd.places[path+".url"] = url
	l := catalog.Link{Title: m.Optional("title").Text(), URL: url.Text()}
	m.Done()
	return l
}

func labels(n yamlfile.Node) sre.Labels {
	values := map[string]string{}
	for name, v := range n.Map().All() {
		if !v.Exists() {
			v.Add("missing", nil, "a value")
			continue
		}
		values[name] = v.Text()
	}
	l, err := sre.ParseLabels(values)
	n.Merge(err)
	return l
}
