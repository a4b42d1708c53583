package sre

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// A Problem is one thing that is wrong with an input: where it stands, which
// rule it breaks, what was found and what would be right. It is an error.
//
// Everything that validates in this module reports all Problems at once, as
// one error; [ProblemsIn] takes them apart again.
type Problem struct {
	Path  string `json:"path"`            // where, such as "alerts[1].short" or "checkout.yaml:12: spec.target"
	Code  string `json:"code"`            // stable and machine-readable, such as "out_of_range"
	Value string `json:"value,omitempty"` // what was found, shortened to 200 bytes; empty if nothing was
	Want  string `json:"want"`            // what would be right
}

// Error says where, what was found and what would be right, on one line.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Code)
	if p.Value != "" {
		fmt.Fprintf(&b, " %q", p.Value)
	}
	if p.Want != "" {
		b.WriteString(": want ")
		b.WriteString(p.Want)
	}
	return b.String()
}

// maxValue bounds how much of a foreign value a Problem repeats.
const maxValue = 200

// Problems collects what is wrong with one input. The zero value is empty and
// ready for use; it is not safe for concurrent use.
type Problems struct {
	list []Problem
}

// Add records one problem. value is printed with %v and shortened to 200 bytes;
// nil means that nothing was found.
func (p *Problems) Add(path, code string, value any, want string) {
	text := ""
	if value != nil {
		text = fmt.Sprint(value)
	}
	if len(text) > maxValue {
		text = strings.ToValidUTF8(text[:maxValue], "") + "..."
	}
	p.list = append(p.list, Problem{Path: path, Code: code, Value: text, Want: want})
}

// Merge records every problem of err below path: a path "b" inside err becomes
// "path.b". An err that carries no Problem becomes one with code "invalid".
// A nil err adds nothing.
func (p *Problems) Merge(path string, err error) {
	if err == nil {
		return
	}
	inner := ProblemsIn(err)
	if len(inner) == 0 {
		p.Add(path, "invalid", nil, err.Error())
		return
	}
	for _, q := range inner {
		q.Path = JoinPath(path, q.Path)
		p.list = append(p.list, q)
	}
}

// Len returns how many problems were recorded.
func (p *Problems) Len() int { return len(p.list) }

// Err returns nil if nothing was recorded, else one error that prints every
// problem and from which [ProblemsIn] and [errors.As] retrieve them. prefix
// opens the message; by convention it is the name of the package.
func (p *Problems) Err(prefix string) error {
	if len(p.list) == 0 {
		return nil
	}
	all := &multierror.Error{ErrorFormat: func(errs []error) string {
		if len(errs) == 1 {
			return prefix + ": " + errs[0].Error()
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %d problems:", prefix, len(errs))
		for _, err := range errs {
			b.WriteString("\n\t")
			b.WriteString(err.Error())
		}
		return b.String()
	}}
	for _, q := range p.list {
		all.Errors = append(all.Errors, q)
	}
	return all
}

// ProblemsIn returns every Problem that err carries, in the order in which
// they were found, or nil.
func ProblemsIn(err error) []Problem {
	var all *multierror.Error
	if errors.As(err, &all) {
		var list []Problem
		for _, e := range all.Errors {
			list = append(list, ProblemsIn(e)...)
		}
		return list
	}
	var one Problem
	if errors.As(err, &one) {
		return []Problem{one}
	}
	return nil
}

// JoinPath joins two parts of a Problem's path: "a" and "b" make "a.b", "a"
// and "[1]" make "a[1]", and an empty part changes nothing.
func JoinPath(parent, child string) string {
	if parent == "" || child == "" || child[0] == '[' {
		return parent + child
	}
	return parent + "." + child
}

// MaxID is the largest length of an ID, in bytes.
const MaxID = 100

// CheckID records a problem unless id is 1..[MaxID] bytes of
// [A-Za-z0-9._:/-]. Every ID in this module has this form; services, people
// and teams are plain IDs, compared byte by byte and never interpreted.
func (p *Problems) CheckID(path, id string) {
	if !ValidID(id) {
		p.Add(path, "invalid_id", id, "1 to 100 bytes of [A-Za-z0-9._:/-]")
	}
}

// ValidID reports whether id has the form that [Problems.CheckID] demands.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '-':
		default:
			return false
		}
	}
	return true
}
