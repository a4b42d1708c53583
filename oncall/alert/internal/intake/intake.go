// Package intake is what the readers of alerts share: JSON whose every value
// knows its place, what is wrong, what is dropped, and what an alert keeps.
package intake

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

// Bounds on a document.
const (
	maxDepth   = 50
	maxReports = 100 // of dropped values; more would only repeat
)

// A Reading is one message as it is read.
type Reading struct {
	Problems sre.Problems
	prefix   string
	dropped  sre.Problems
}

// New returns a reading whose errors begin with the package's name.
func New(prefix string) *Reading { return &Reading{prefix: prefix} }

// Err returns every problem that was found.
func (r *Reading) Err() error { return r.Problems.Err(r.prefix) }

// Dropped returns what was dropped.
func (r *Reading) Dropped() []sre.Problem { return sre.ProblemsIn(r.dropped.Err(r.prefix)) }

// Drop reports what is left out; instead says what stands in its place.
func (r *Reading) Drop(path, code string, value any, instead string) {
	if r.dropped.Len() < maxReports {
		r.dropped.Add(path, code, value, instead)
	}
}

// A Node is one JSON value.
type Node struct {
	Path   string
	r      *Reading
	value  any // string, json.Number, bool, nil, []*Node or *object
	exists bool
}

type object struct {
	names  []string
	fields map[string]*Node
	taken  map[string]bool
}

// Parse reads one JSON document. It reports what is no JSON, too large, too deep
// or says a name twice, and returns nil then.
func (r *Reading) Parse(data []byte) *Node {
	if len(data) > alert.MaxBytes {
		r.Problems.Add("", "too_large", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d bytes", alert.MaxBytes))
		return nil
	}
	if !utf8.Valid(data) {
		r.Problems.Add("", "invalid_utf8", nil, "UTF-8")
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	before := r.Problems.Len()
	n, err := r.parse(dec, "", 0)
	if err == nil {
		if _, after := dec.Token(); after != io.EOF {
			err = fmt.Errorf("more after the document")
		}
	}
	if err != nil {
		r.Problems.Add("", "invalid_json", err.Error(), "one JSON document")
	}
	if r.Problems.Len() > before {
		return nil
	}
	return n
}

func (r *Reading) parse(dec *json.Decoder, path string, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s is nested too deeply: at most %d", path, maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	n := &Node{Path: path, r: r, exists: true, value: token}
	switch token {
	case json.Delim('{'):
		o := &object{fields: map[string]*Node{}, taken: map[string]bool{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the decoder refuses others
			child, err := r.parse(dec, sre.JoinPath(path, short(name)), depth+1)
			if err != nil {
				return nil, err
			}
			if o.fields[name] != nil {
				r.Problems.Add(child.Path, "duplicate", nil, "each name once: which one is meant cannot be told")
			} else {
				o.names = append(o.names, name)
			}
			o.fields[name] = child
		}
		n.value = o
	case json.Delim('['):
		list := []*Node{}
		for dec.More() {
			child, err := r.parse(dec, fmt.Sprintf("%s[%d]", path, len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, child)
		}
		n.value = list
	default:
		return n, nil
	}
	_, err = dec.Token() // the closing bracket
	return n, err
}

func short(name string) string { return Cut(name, 100) }

// Cut shortens a text to at most n bytes of whole characters.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-3], "") + "..."
}

// Exists reports whether there is a value other than null.
func (n *Node) Exists() bool { return n != nil && n.exists && n.value != nil }

// Field takes a field of an object; it may not exist.
func (n *Node) Field(name string) *Node {
	if o := n.object(); o != nil {
		o.taken[name] = true
		if f := o.fields[name]; f != nil {
			return f
		}
		return &Node{Path: sre.JoinPath(n.Path, name), r: n.r}
	}
	if n == nil {
		return nil
	}
	return &Node{Path: sre.JoinPath(n.Path, name), r: n.r}
}

// Need takes a field that must be there.
func (n *Node) Need(name string) *Node {
	f := n.Field(name)
	if f != nil && n.object() != nil && !f.Exists() {
		f.r.Problems.Add(f.Path, "missing", nil, "a value")
	}
	return f
}

// Skip takes fields that an alert has no use for.
func (n *Node) Skip(names ...string) {
	for _, name := range names {
		n.Field(name)
	}
}

// Rest reports the fields that nobody has taken as dropped.
func (n *Node) Rest() {
	if o := n.object(); o != nil {
		for _, name := range o.names {
			if !o.taken[name] && o.fields[name].value != nil {
				n.r.Drop(o.fields[name].Path, "unknown_field", nil, "nothing: this reader does not know the field")
			}
		}
	}
}

// Names returns the names of an object's fields, in the order of the document.
func (n *Node) Names() []string {
	if o := n.object(); o != nil {
		return o.names
	}
	return nil
}

func (n *Node) object() *object {
	if !n.Exists() {
		return nil
	}
	o, _ := n.value.(*object)
	return o
}

// Object reports whether the value is an object; anything else but nothing is a
// problem.
func (n *Node) Object() bool {
	if n.Exists() && n.object() == nil {
		n.wrong("an object")
	}
	return n.object() != nil
}

// IsObject and IsList ask without a problem.
func (n *Node) IsObject() bool { return n.object() != nil }

// IsList reports whether the value is a list.
func (n *Node) IsList() bool {
	if !n.Exists() {
		return false
	}
	_, ok := n.value.([]*Node)
	return ok
}

// List returns the elements of a list of at most so many.
func (n *Node) List(most int) []*Node {
	if !n.Exists() {
		return nil
	}
	list, ok := n.value.([]*Node)
	if !ok {
		n.wrong("a list")
		return nil
	}
	if len(list) > most {
		n.r.Problems.Add(n.Path, "too_many", len(list), fmt.Sprintf("at most %d", most))
		list = list[:most]
	}
	return list
}

// Len returns how many elements a list has.
func (n *Node) Len() int {
	if !n.Exists() {
		return 0
	}
	list, _ := n.value.([]*Node)
	return len(list)
}

func (n *Node) wrong(want string) { n.r.Problems.Add(n.Path, "wrong_type", nil, want) }

// Text returns a text.
func (n *Node) Text() string {
	if !n.Exists() {
		return ""
	}
	s, ok := n.value.(string)
	if !ok {
		n.wrong("a text")
	}
	return s
}

// Scalar returns a text, number or boolean as text; ok is false for others.
func (n *Node) Scalar() (text string, ok bool) {
	if !n.Exists() {
		return "", false
	}
	switch v := n.value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// Int returns a whole number that is not negative.
func (n *Node) Int() int {
	if !n.Exists() {
		return 0
	}
	v, ok := n.value.(json.Number)
	if !ok {
		n.wrong("a whole number")
		return 0
	}
	i, err := v.Int64()
	if err != nil || i < 0 || i > 1<<31-1 {
		n.r.Problems.Add(n.Path, "out_of_range", v, "a whole number from 0 to 2147483647")
		return 0
	}
	return int(i)
}

// Time returns an instant. The first instant of the year 1 is Go's way to say
// none.
func (n *Node) Time() time.Time {
	text := n.Text()
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		n.r.Problems.Add(n.Path, "invalid_instant", text, "an instant such as 2026-01-05T09:00:00Z")
		return time.Time{}
	}
	if t = t.UTC(); t.Year() <= 1 {
		return time.Time{}
	}
	if t.Year() > 9999 {
		n.r.Problems.Add(n.Path, "out_of_range", text, "an instant before the year 10000")
		return time.Time{}
	}
	return t
}

// Texts returns an object of texts.
func (n *Node) Texts() map[string]string {
	if !n.Object() {
		return nil
	}
	m := map[string]string{}
	for _, name := range n.Names() {
		if f := n.Field(name); f.Exists() {
			m[name] = f.Text()
		}
	}
	return m
}

// Labels returns an object of texts as labels.
func (n *Node) Labels() sre.Labels {
	if n == nil {
		return sre.Labels{}
	}
	labels, err := sre.ParseLabels(n.Texts())
	for _, p := range sre.ProblemsIn(err) {
		p.Path = n.Path
		n.r.Problems.Merge("", p)
	}
	return labels
}

// Severity returns the severity that a text names, 0 and a report if it names
// none.
func (r *Reading) Severity(path, text string) sre.Severity {
	s, ok := alert.ParseSeverity(text)
	if !ok && text != "" {
		r.Drop(path, "unknown_severity", text, "unknown, which counts as the worst")
	}
	return s
}

// Service returns a text that names a service, empty and a report if it is no ID.
func (r *Reading) Service(path, text string) string {
	if text != "" && !sre.ValidID(text) {
		r.Drop(path, "invalid_id", text, "no service; the label stays")
		return ""
	}
	return text
}

// Finish cuts what is for people to the limits of an alert, with a report, and
// records what is wrong with the rest. ok is false if the alert is to be left
// out.
func (r *Reading) Finish(path string, a *alert.Alert) (ok bool) {
	cut := func(name, text string, most int) string {
		if len(text) > most {
			r.Drop(sre.JoinPath(path, name), "too_long", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("the first %d bytes", most))
		}
		return Cut(text, most)
	}
	a.Summary = cut("summary", strings.Join(strings.Fields(a.Summary), " "), alert.MaxSummary)
	a.Source = cut("source", a.Source, alert.MaxSource)
	a.Links = slices.DeleteFunc(a.Links, func(l alert.Link) bool {
		if len(l.URL) > alert.MaxURL { // half a URL leads nowhere
			r.Drop(sre.JoinPath(path, "links"), "too_long", l.URL, "no link")
		}
		return l.URL == "" || len(l.URL) > alert.MaxURL
	})
	if len(a.Links) > alert.MaxLinks {
		r.Drop(sre.JoinPath(path, "links"), "too_many", len(a.Links), fmt.Sprintf("the first %d", alert.MaxLinks))
		a.Links = a.Links[:alert.MaxLinks]
	}
	for i := range a.Links {
		a.Links[i].Text = cut("links.text", a.Links[i].Text, alert.MaxSummary)
	}
	left := alert.MaxAnnotation
	for _, name := range sortedNames(a.Annotations) {
		size := len(name) + len(a.Annotations[name])
		if size > left {
			r.Drop(sre.JoinPath(path, "annotations."+short(name)), "too_long", fmt.Sprintf("%d bytes", size), "no annotation")
			delete(a.Annotations, name)
			continue
		}
		left -= size
	}
	before := r.Problems.Len()
	if a.Fingerprint == "" && a.Labels == (sre.Labels{}) {
		r.Problems.Add(path, "missing", nil, "a fingerprint or labels: without any, nothing tells the alert from another")
	}
	r.Problems.Merge(path, a.Validate())
	if r.Problems.Len() > before {
		return false
	}
	a.Fingerprint = a.Key()
	return true
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(m[a]), len(m[b])), cmp.Compare(a, b)) }) // the short ones first
	return names
}

// Hash returns 32 hex digits for a list of texts.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
