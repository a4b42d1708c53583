package openslo

import (
	"fmt"
	"io"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

// APIVersion is the version of OpenSLO that is read.
const APIVersion = "openslo/v1"

// The limits of an input.
const (
	MaxBytes      = yamlfile.DefaultMaxBytes // 1 MiB
	MaxObjects    = 1000
	MaxObjectives = 100                      // of one SLO
	MaxDepth      = yamlfile.DefaultMaxDepth // lists and mappings within each other
	MaxValues     = yamlfile.DefaultMaxNodes // scalars, lists and mappings in all
)

// Options says how to read.
type Options struct {
	// Name is the name of the file, for the paths of problems:
	// "checkout.yaml:12: spec.objectives[0].target". Default: "line 12: ...".
	Name string

	// Lenient ignores and reports what does not hinder understanding, and
	// leaves out what cannot be read, instead of refusing the input.
	Lenient bool

	// AssumeCounter states that a ratioMetric that does not say counter is one
	// of counters.
	AssumeCounter bool

	// Window is the window of an SLO that has no timeWindow. Default: such an
	// SLO cannot be read.
	Window slo.Window
}

// A File is what an input says.
type File struct {
	// SLOs in the order of the input. Every one compiles.
	SLOs []slo.SLO

	// Dropped lists what is not in SLOs: fields and objects for which there is
	// no place (code "not_used"), label values that were joined ("joined") and,
	// if lenient, deviations that were ignored, and SLOs and SLIs that could
	// not be read ("dropped", Value names it), followed by their problems.
	Dropped []sre.Problem
}

// Read reads all SLOs of an input; the package comment says how. An error that
// is not the reader's own carries every [sre.Problem], see [sre.ProblemsIn].
func Read(r io.Reader, o Options) (*File, error) {
	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: o.Name, Prefix: "openslo",
		MaxBytes: MaxBytes, MaxDocuments: MaxObjects, MaxNodes: MaxValues, MaxDepth: MaxDepth})
	if err != nil {
		return nil, err
	}
	rd := reader{opts: o, input: part{strict: !o.Lenient}}
	if err := rd.split(docs); err != nil {
		return nil, err
	}
	rd.readSLIs()
	for _, obj := range rd.objects {
		if obj.kind == "SLO" {
			rd.readSLO(obj)
		}
	}
	rd.findClashes()
	rd.findUnused()
	return rd.result()
}

// A part collects what is said about one piece of the input: the whole, an
// object or an objective. A part with problems is not read.
type part struct {
	strict   bool
	problems sre.Problems
	notes    sre.Problems
}

// note reports what is understood and dropped.
func (p *part) note(n yamlfile.Node, code string, value any, want string) {
	n.Into(&p.notes).Add(code, value, want)
}

// deviation reports what OpenSLO does not permit and what does not hinder
// understanding: a problem if strict, else a note.
func (p *part) deviation(n yamlfile.Node, code string, value any, want string) {
	if p.strict {
		n.Into(&p.problems).Add(code, value, want)
		return
	}
	p.note(n, code, value, want)
}

// unknown reports the fields of m that nobody took. Their content is not
// repeated.
func (p *part) unknown(m *yamlfile.Map) {
	for _, n := range m.Unknown() {
		p.deviation(n, "unknown_field", nil, m.Known())
	}
}

type reader struct {
	opts    Options
	input   part
	objects []*object
	slis    map[string]*object
}

// An object is one OpenSLO object of the input.
type object struct {
	part
	node       yamlfile.Node
	fields     *yamlfile.Map
	kind       string // SLO, SLI or "" for what is not read
	name       string
	nameNode   yamlfile.Node
	objectives []*objective // of an SLO
	indicator  *indicator   // of an SLI; nil if it cannot be used
	used       bool         // an SLI that an SLO refers to
}

// split finds the objects of all documents.
func (rd *reader) split(docs []yamlfile.Doc) error {
	add := func(n yamlfile.Node) {
		if !n.Exists() {
			rd.input.deviation(n, "missing", nil, "an OpenSLO object")
			return
		}
		obj := &object{part: part{strict: rd.input.strict}}
		obj.node = n.Into(&obj.problems)
		obj.readHeader()
		rd.objects = append(rd.objects, obj)
	}
	for _, doc := range docs {
		root := doc.Node(&rd.input.problems)
		if !root.IsList() {
			add(root)
			continue
		}
		for _, item := range root.List() {
			add(item)
		}
	}
	if len(rd.objects) > MaxObjects {
		return sre.Problem{Path: rd.opts.Name, Code: "too_large", Value: fmt.Sprint(len(rd.objects)), Want: fmt.Sprintf("at most %d objects", MaxObjects)}
	}
	if len(rd.objects)+rd.input.problems.Len()+rd.input.notes.Len() == 0 {
		p := sre.Problem{Path: rd.opts.Name, Code: "empty", Want: "an OpenSLO object"}
		if rd.input.strict {
			rd.input.problems.Merge("", p)
		} else {
			rd.input.notes.Merge("", p)
		}
	}
	return nil
}

func (obj *object) readHeader() {
	obj.fields = obj.node.Map()
	version, kind := obj.fields.Required("apiVersion"), obj.fields.Required("kind")
	versionText, kindText := version.Text(), kind.Text()
	if obj.problems.Len() > 0 {
		return
	}
	if versionText != APIVersion {
		obj.deviation(version, "unsupported_version", versionText, APIVersion)
		return
	}
	switch kindText {
	case "SLO", "SLI":
		obj.kind = kindText
	case "DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget":
		obj.note(obj.node, "not_used", kindText, "SLO or SLI; other kinds take no part in measuring")
	default:
		obj.deviation(kind, "unknown_kind", kindText, "SLO or SLI")
	}
}

// findClashes finds SLOs with one ID, whether they can be read or not.
func (rd *reader) findClashes() {
	byID := map[string][]*objective{}
	for _, obj := range rd.objects {
		for _, o := range obj.objectives {
			if o.id != "" {
				byID[o.id] = append(byID[o.id], o)
			}
		}
	}
	for id, same := range byID {
		if len(same) < 2 {
			continue
		}
		for _, o := range same {
			o.idNode.Add("duplicate_id", id, "an ID of its own, made of metadata.name and the objective's displayName")
		}
	}
}

func (rd *reader) findUnused() {
	for _, obj := range rd.objects {
		if obj.kind == "SLI" && !obj.used && obj.problems.Len() == 0 {
			obj.note(obj.node, "not_used", obj.name, "an SLO that refers to this SLI")
		}
	}
}

// result puts together what the parts say, in the order of the input.
func (rd *reader) result() (*File, error) {
	var (
		file     = &File{}
		problems sre.Problems // what makes a strict reading fail
		dropped  sre.Problems
	)
	merge := func(to *sre.Problems, from ...*sre.Problems) {
		for _, f := range from {
			to.Merge("", f.Err("openslo"))
		}
	}
	merge(&problems, &rd.input.problems)
	merge(&dropped, &rd.input.problems, &rd.input.notes)
	for _, obj := range rd.objects {
		if obj.problems.Len() > 0 {
			dropped.Add(obj.node.Path(), "dropped", obj.name, "an object without the problems that follow")
			merge(&dropped, &obj.problems)
		}
		merge(&problems, &obj.problems)
		merge(&dropped, &obj.notes)
		for _, o := range obj.objectives {
			switch {
			case o.problems.Len() > 0:
				if obj.problems.Len() == 0 {
					dropped.Add(o.node.Path(), "dropped", o.id, "an objective without the problems that follow")
				}
				merge(&problems, &o.problems)
				merge(&dropped, &o.problems)
			case obj.problems.Len() == 0:
				file.SLOs = append(file.SLOs, o.slo)
			}
			merge(&dropped, &o.notes)
		}
	}
	if rd.input.strict && problems.Len() > 0 {
		return nil, problems.Err("openslo")
	}
	file.Dropped = sre.ProblemsIn(dropped.Err("openslo"))
	return file, nil
}
