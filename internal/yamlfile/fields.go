package yamlfile

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Map is a mapping of which fields are taken one by one; [Map.Done] refuses
// those that nobody took.
type Map struct {
	node   Node
	broken bool // absent or no mapping, which was reported already
	fields []field
	asked  []string // names of fields that were asked for, for messages
}

type field struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
	taken bool
}

// Map returns the fields of a mapping. A key that stands there twice, or is not
// a scalar, is a problem. Of an absent value it returns an empty Map whose
// fields may all be missing.
func (n Node) Map() *Map {
	m := &Map{node: n}
	if !n.is(yaml.MappingNode, "a mapping") {
		m.broken = true
		return m
	}
	lines := make(map[string]int, len(n.yaml.Content)/2)
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		key, value := n.yaml.Content[i], n.yaml.Content[i+1]
		at := n.child(step(key.Value), key, key.Line)
		switch first, twice := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			n.child("", key, key.Line).Add("wrong_type", describe(key), "a name as key")
		case key.Style&yaml.TaggedStyle != 0:
			at.Add("tag_not_allowed", key.Tag, "a key without a tag")
		case twice:
			at.Add("duplicate_field", nil, "the field once; it stands in "+place("", first)+" too")
		default:
			lines[key.Value] = key.Line
			m.fields = append(m.fields, field{name: key.Value, key: key, value: value})
		}
	}
	return m
}

// Node returns the cursor on the mapping itself.
func (m *Map) Node() Node { return m.node }

// Exists reports whether there is a mapping; if not, what is missing in it need
// not be reported.
func (m *Map) Exists() bool { return !m.broken }

// Optional returns the field of that name, absent or not.
func (m *Map) Optional(name string) Node {
	m.asked = append(m.asked, name)
	for i := range m.fields {
		if f := &m.fields[i]; f.name == name {
			f.taken = true
			return m.at(f)
		}
	}
	return m.node.child(step(name), nil, m.node.line)
}

// Required is Optional; an absent or null field is a problem, unless the
// mapping itself was reported already.
func (m *Map) Required(name string) Node {
	n := m.Optional(name)
	if !n.Exists() && !m.broken {
		n.Add("missing", nil, "this field")
	}
	return n
}

// at returns the cursor on a field's value. A scalar has its own line; a
// collection or nothing is found where its key stands.
func (m *Map) at(f *field) Node {
	line := f.key.Line
	if f.value.Kind == yaml.ScalarNode && !isNull(f.value) {
		line = f.value.Line
	}
	return m.node.child(step(f.name), f.value, line)
}

// All yields every field in the order of the file and takes it: for mappings
// with free names, such as labels.
func (m *Map) All() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for i := range m.fields {
			f := &m.fields[i]
			f.taken = true
			if !yield(f.name, m.at(f)) {
				return
			}
		}
	}
}

// Unknown yields the fields that were not taken. A lenient reader reports them
// itself; others call [Map.Done].
func (m *Map) Unknown() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for i := range m.fields {
			f := &m.fields[i]
			if !f.taken && !yield(f.name, m.node.child(step(f.name), f.value, f.key.Line)) {
				return
			}
		}
	}
}

// Known lists the fields that were asked for, for a message: "one of a, b".
func (m *Map) Known() string {
	names := slices.Compact(slices.Sorted(slices.Values(m.asked)))
	if len(names) == 0 {
		return "no field"
	}
	return "one of " + strings.Join(names, ", ")
}

// Done refuses the fields that were not taken. The content of such a field is
// not repeated: it may be a secret.
func (m *Map) Done() {
	for _, n := range m.Unknown() {
		n.Add("unknown_field", nil, m.Known())
	}
}
