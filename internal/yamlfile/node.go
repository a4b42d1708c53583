package yamlfile

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sre-sdk/sre"
)

// A Node is a cursor on one value of a document, present or absent. It knows
// its file, line and path, and where to record problems. Copies are cheap.
type Node struct {
	name string
	yaml *yaml.Node // nil: absent
	line int
	path string // within the document
	sink *sre.Problems
}

// Into returns the same cursor, recording problems in another place: a reader
// that can do without a part collects that part's problems apart.
func (n Node) Into(problems *sre.Problems) Node {
	n.sink = problems
	return n
}

// Exists reports whether there is a value that is not null.
func (n Node) Exists() bool { return n.yaml != nil && !isNull(n.yaml) }

// Line returns the line of the value; of an absent one that of the mapping in
// which it is missing.
func (n Node) Line() int { return n.line }

// Path returns where the value stands, for a [sre.Problem]:
// "checkout.yaml:12: spec.objectives[0].target".
func (n Node) Path() string {
	if n.path == "" {
		return place(n.name, n.line)
	}
	return place(n.name, n.line) + ": " + n.path
}

// Add records a problem at the value.
func (n Node) Add(code string, value any, want string) { n.sink.Add(n.Path(), code, value, want) }

// Merge records every problem of err at or below the value.
func (n Node) Merge(err error) {
	if n.path != "" {
		n.sink.Merge(n.Path(), err)
		return
	}
	for _, p := range sre.ProblemsIn(err) { // the path ends in a line number, to which no "." belongs
		if p.Path != "" {
			p.Path = n.Path() + ": " + p.Path
		} else {
			p.Path = n.Path()
		}
		n.sink.Merge("", p)
	}
	if err != nil && len(sre.ProblemsIn(err)) == 0 {
		n.Add("invalid", nil, err.Error())
	}
}

// Peek returns the scalar as written, whatever it looks like, and false if
// there is none; it records nothing. It serves messages and decisions about
// how to read on.
func (n Node) Peek() (string, bool) {
	if !n.Exists() || n.yaml.Kind != yaml.ScalarNode {
		return "", false
	}
	return n.yaml.Value, true
}

// IsList reports whether the value is a list.
func (n Node) IsList() bool { return n.yaml != nil && n.yaml.Kind == yaml.SequenceNode }

// List returns the items of a list. An item may be null, see [Node.Exists].
func (n Node) List() []Node {
	if !n.is(yaml.SequenceNode, "a list") {
		return nil
	}
	items := make([]Node, len(n.yaml.Content))
	for i, item := range n.yaml.Content {
		items[i] = n.child("["+strconv.Itoa(i)+"]", item, item.Line)
	}
	return items
}

func (n Node) child(step string, value *yaml.Node, line int) Node {
	return Node{name: n.name, yaml: value, line: line, path: sre.JoinPath(n.path, step), sink: n.sink}
}

// is reports whether the value has that kind; it records a problem if it is
// present with another one.
func (n Node) is(kind yaml.Kind, want string) bool {
	switch {
	case !n.Exists():
		return false
	case n.yaml.Kind == yaml.AliasNode:
		n.Add("alias_not_allowed", "*"+n.yaml.Value, "the value written out: aliases are not followed")
	case n.yaml.Style&yaml.TaggedStyle != 0:
		n.Add("tag_not_allowed", n.yaml.Tag, "a value without a tag")
	case n.yaml.Kind != kind:
		n.Add("wrong_type", describe(n.yaml), want)
	default:
		return true
	}
	return false
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return n.Value
}

// maxStep bounds how much of a key a path repeats, so that a few long keys do
// not make a long report.
const maxStep = 64

// step writes a key for a path: as it is if it is plain, else quoted.
func step(key string) string {
	plain := key != ""
	for _, c := range []byte(key) {
		plain = plain && (c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	}
	if plain && len(key) <= maxStep {
		return key
	}
	if len(key) > maxStep {
		key = strings.ToValidUTF8(key[:maxStep], "") + "..."
	}
	return fmt.Sprintf("[%q]", key)
}
