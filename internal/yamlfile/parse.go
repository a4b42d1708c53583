package yamlfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/sre-sdk/sre"
)

// The limits that hold where [Options] sets none. They leave room for hundreds
// of hand-written objects. The worst of some thirty hostile megabytes (comments
// on each of 200,000 values) took 0.3 s and 300 MB of allocations.
const (
	DefaultMaxBytes     = 1 << 20
	DefaultMaxDocuments = 1000
	DefaultMaxNodes     = 100_000 // scalars, lists and mappings in all documents
	DefaultMaxDepth     = 32      // lists and mappings within each other
)

// Options says what is read and how much of it.
type Options struct {
	Name   string // of the file, for paths: "NAME:12: spec.x"; default: "line 12: spec.x"
	Prefix string // opens the message of an error, by convention the calling package; default: "yamlfile"

	MaxBytes, MaxDocuments, MaxNodes, MaxDepth int // default: the constants of that name
}

// A Doc is one parsed document that is not empty.
type Doc struct {
	root Node
}

// Node returns the cursor at the root of the document. What it and the cursors
// made from it find wrong is recorded in into.
func (d Doc) Node(into *sre.Problems) Node { return d.root.Into(into) }

// Parse splits the input into documents and checks its syntax and the limits.
// Documents that hold nothing are skipped. A failing reader's error stays
// wrapped; everything else is a [sre.Problem].
//
// A file that is not YAML is an error as a whole, whatever stands before the
// mistake, because half of a file is not what its author meant.
func Parse(r io.Reader, o Options) (docs []Doc, err error) {
	o = o.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, int64(o.MaxBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: reading %s: %w", o.Prefix, cmp.Or(o.Name, "the input"), err)
	}
	fail := func(line int, code string, value any, want string) error {
		var p sre.Problems
		p.Add(place(o.Name, line), code, value, want)
		return p.Err(o.Prefix)
	}
	if len(data) > o.MaxBytes {
		return nil, fail(0, "too_large", nil, fmt.Sprintf("at most %d bytes", o.MaxBytes))
	}
	// The parser has panicked on foreign input before (CVE-2022-28948).
	defer func() {
		if cause := recover(); cause != nil {
			docs, err = nil, fail(0, "invalid_yaml", nil, fmt.Sprint("YAML that the parser survives: ", cause))
		}
	}()
	decoder, nodes := yaml.NewDecoder(bytes.NewReader(fromJSON(data))), 0
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			line, reason := syntax(err)
			last := 1 + bytes.Count(bytes.TrimSpace(data), []byte("\n")) // the end of the file counts as a line of its own
			return nil, fail(min(line, last), "invalid_yaml", nil, "YAML: "+reason)
		}
		root := doc.Content[0]
		if isNull(root) {
			continue
		}
		if len(docs) == o.MaxDocuments {
			return nil, fail(root.Line, "too_many_documents", nil, fmt.Sprintf("at most %d documents", o.MaxDocuments))
		}
		if nodes += count(root); nodes > o.MaxNodes {
			return nil, fail(root.Line, "too_large", nil, fmt.Sprintf("at most %d values", o.MaxNodes))
		}
		if deep := beyond(root, o.MaxDepth); deep != nil {
			return nil, fail(deep.Line, "too_deep", nil, fmt.Sprintf("at most %d lists and mappings within each other", o.MaxDepth))
		}
		docs = append(docs, Doc{Node{name: o.Name, yaml: root, line: root.Line}})
	}
}

func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, "yamlfile")
	for _, limit := range []struct {
		value *int
		def   int
	}{{&o.MaxBytes, DefaultMaxBytes}, {&o.MaxDocuments, DefaultMaxDocuments}, {&o.MaxNodes, DefaultMaxNodes}, {&o.MaxDepth, DefaultMaxDepth}} {
		if *limit.value <= 0 {
			*limit.value = limit.def
		}
	}
	return o
}

// place returns "name:12", "line 12" or, without a line, the name.
func place(name string, line int) string {
	switch {
	case line == 0:
		return name
	case name == "":
		return "line " + strconv.Itoa(line)
	}
	return name + ":" + strconv.Itoa(line)
}

var (
	syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

	// The messages of the library's parser, which counts lines from 0 where its
	// scanner counts from 1.
	fromZero = regexp.MustCompile(`^(did not find expected (<.*|node content|'-' indicator|key|',' or .*)|found (undefined|duplicate|incompatible) .*)$`)
)

// syntax takes the library's message apart. The line is that of the mistake or
// of the list or mapping in which it stands; 0 if the library does not know.
func syntax(err error) (line int, reason string) {
	parts := syntaxError.FindStringSubmatch(err.Error())
	if parts == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(parts[1])
	if reason = parts[2]; fromZero.MatchString(reason) {
		line++
	}
	return line, reason
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// count returns how many nodes n has, itself included; an alias counts as one.
func count(n *yaml.Node) int {
	sum := 1
	for _, child := range n.Content {
		sum += count(child)
	}
	return sum
}

// beyond returns a list or mapping with more than depth others around it, or
// nil.
func beyond(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return nil
	}
	if depth == 0 {
		return n
	}
	for _, child := range n.Content {
		if deep := beyond(child, depth-1); deep != nil {
			return deep
		}
	}
	return nil
}
