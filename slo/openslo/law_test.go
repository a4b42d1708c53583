package openslo_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo/openslo"
)

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// FuzzRead holds the laws of the two modes: nothing panics; what is returned
// compiles and has an ID of its own; lenient reads all that strict reads, the
// same way; every problem of strict that lenient survives is reported.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("got %d files, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
	}
	f.Add([]byte(base), false)
	f.Fuzz(func(t *testing.T, data []byte, assume bool) {
		options := openslo.Options{Name: "f", AssumeCounter: assume}
		strict, strictErr := openslo.Read(bytes.NewReader(data), options)
		options.Lenient = true
		lenient, lenientErr := openslo.Read(bytes.NewReader(data), options)
		switch {
		case lenientErr != nil:
			if strictErr == nil || strictErr.Error() != lenientErr.Error() {
				t.Fatalf("lenient fails otherwise: strict %v, lenient %v", strictErr, lenientErr)
			}
			return
		case strictErr == nil:
			if diff := cmp.Diff(lenient, strict, exactly); diff != "" {
				t.Fatalf("lenient reads otherwise (-lenient +strict):\n%s", diff)
			}
		default:
			if strict != nil {
				t.Fatal("strict returns a result with an error")
			}
			reported := brief(lenient.Dropped)
			for _, p := range brief(sre.ProblemsIn(strictErr)) {
				if !contains(reported, p) {
					t.Errorf("strict finds %s, lenient reports %q", p, reported)
				}
			}
		}
		seen := map[string]bool{}
		for _, s := range lenient.SLOs {
			if _, err := s.Compile(); err != nil || seen[s.ID] {
				t.Errorf("an SLO that does not compile or has the ID of another: %q: %v", s.ID, err)
			}
			seen[s.ID] = true
		}
	})
}

// TestEveryValueIsReadOrReported changes each scalar of the examples in turn:
// the result must change, or the scalar must stand in or below a dropped field.
func TestEveryValueIsReadOrReported(t *testing.T) {
	options := openslo.Options{AssumeCounter: true}
	for _, name := range []string{"shop.yaml", "v1-slos.yaml", "spec-budgeting-method-occurences-slo.yaml",
		"spec-treat-low-traffic-as-equally-important-timeslices-slo.yaml"} {
		t.Run(name, func(t *testing.T) {
			text := testdata(t, name)
			before, err := openslo.Read(strings.NewReader(text), options)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(text, "\n")
			for _, leaf := range leaves(t, text) {
				if isDropped(before.Dropped, leaf.Line, leaf.path) {
					continue
				}
				changed := slices.Clone(lines)
				line := changed[leaf.Line-1]
				at := strings.Index(line[leaf.Column-1:], leaf.Value) + leaf.Column - 1
				changed[leaf.Line-1] = line[:at] + "7" + line[at:]
				after, err := openslo.Read(strings.NewReader(strings.Join(changed, "\n")), options)
				if err == nil && cmp.Equal(before.SLOs, after.SLOs, exactly) {
					t.Errorf("line %d: %q is neither read nor reported", leaf.Line, leaf.Value)
				}
			}
		})
	}
}

type leaf struct {
	*yaml.Node
	path []int // lines of the keys around it
}

// leaves returns the scalar values of all documents.
func leaves(t *testing.T, text string) (list []leaf) {
	var walk func(n *yaml.Node, path []int)
	walk = func(n *yaml.Node, path []int) {
		switch n.Kind {
		case yaml.ScalarNode:
			if n.Tag != "!!null" {
				list = append(list, leaf{n, path})
			}
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				walk(n.Content[i+1], append(slices.Clone(path), n.Content[i].Line))
			}
		default:
			for _, child := range n.Content {
				walk(child, path)
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc yaml.Node
		if decoder.Decode(&doc) != nil {
			break
		}
		walk(&doc, []int{doc.Content[0].Line})
	}
	if len(list) == 0 {
		t.Fatal("the file has no values")
	}
	return list
}

// isDropped reports whether a dropped entry stands on the line of the leaf or
// of a key around it.
func isDropped(dropped []sre.Problem, line int, path []int) bool {
	for _, d := range dropped {
		for _, at := range append(path, line) {
			if where, _, _ := strings.Cut(d.Path, ":"); where == "line "+strconv.Itoa(at) {
				return true
			}
		}
	}
	return false
}
