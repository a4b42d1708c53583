package sre

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// Labels are immutable name-value pairs, sorted by name. A missing name reads
// as the empty value, and a pair with an empty value is the same as none, as
// in Prometheus. The zero value is empty. Labels are comparable with == and
// usable as map keys.
type Labels struct {
	text string // name NUL value NUL ..., sorted by name
}

// LabelsOf returns the pairs of m. It panics if a name is empty or a name or
// value holds a NUL byte; use [ParseLabels] for foreign input.
func LabelsOf(m map[string]string) Labels {
	l, err := ParseLabels(m)
	if err != nil {
		panic(err)
	}
	return l
}

// ParseLabels returns the pairs of m, or every [Problem] with them.
func ParseLabels(m map[string]string) (Labels, error) {
	var (
		problems Problems
		b        strings.Builder
		names    = make([]string, 0, len(m))
	)
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := m[name]
		if name == "" || strings.ContainsRune(name, 0) {
			problems.Add("labels", "invalid_label_name", name, "a name that is not empty and has no NUL byte")
			continue
		}
		if strings.ContainsRune(value, 0) {
			problems.Add("labels."+name, "invalid_label_value", value, "a value without NUL byte")
			continue
		}
		if value != "" {
			b.WriteString(name + "\x00" + value + "\x00")
		}
	}
	return Labels{b.String()}, problems.Err("sre")
}

// All yields the pairs in the order of their names.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := l.text
		for rest != "" {
			var name, value string
			name, rest, _ = strings.Cut(rest, "\x00")
			value, rest, _ = strings.Cut(rest, "\x00")
			if !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of that name, or "".
func (l Labels) Get(name string) string {
	for n, v := range l.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Len returns the number of pairs.
func (l Labels) Len() int { return strings.Count(l.text, "\x00") / 2 }

// Map returns the pairs as a new map.
func (l Labels) Map() map[string]string {
	m := make(map[string]string, l.Len())
	for n, v := range l.All() {
		m[n] = v
	}
	return m
}

// String returns the pairs as {a="1", b="2"}.
func (l Labels) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for n, v := range l.All() {
		if b.Len() > 1 {
			b.WriteString(", ")
		}
		quoted, _ := json.Marshal(v)
		b.WriteString(n + "=" + string(quoted))
	}
	b.WriteByte('}')
	return b.String()
}

// MarshalJSON returns an object with sorted names.
func (l Labels) MarshalJSON() ([]byte, error) { return json.Marshal(l.Map()) }

// UnmarshalJSON reads an object of strings.
func (l *Labels) UnmarshalJSON(data []byte) error {
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	v, err := ParseLabels(m)
	if err == nil {
		*l = v
	}
	return err
}
