// Package enum gives the values of a small enumeration their lower-case names,
// as text, JSON and back.
package enum

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
)

// Name returns the name of v, or "what(v)" if it has none.
func Name(names []string, what string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", what, v)
}

// Marshal returns the name of v; a value that has none is a problem
// "unknown_what".
func Marshal(names []string, what string, v uint8) ([]byte, error) {
	if int(v) >= len(names) {
		return nil, sre.NewProblem("", "unknown_"+what, v, "one of "+strings.Join(names, ", "))
	}
	return []byte(names[v]), nil
}

// Unmarshal reads a name; another text is a problem "unknown_what".
func Unmarshal(names []string, what string, text []byte, into *uint8) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return sre.NewProblem("", "unknown_"+what, string(text), "one of "+strings.Join(names, ", "))
	}
	*into = uint8(i)
	return nil
}
