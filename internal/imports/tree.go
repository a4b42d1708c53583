// Package imports holds the rules about who may import whom in this
// repository, each with its reason, and checks that no exported API shows a
// type that godoc cannot. Its test applies them to the working tree.
//
// The rules read paths, so they hold for packages that do not exist yet.
package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of the root module.
const Module = "github.com/sre-sdk/sre"

// A Tree is what the rules look at.
type Tree struct {
	Top      []string  // names in the top-level folder
	Modules  []string  // folders with a go.mod file, below the root; "." is the root module
	Requires []string  // modules that the root module requires directly
	Packages []Package // folders with Go files
}

// A Package is one folder of Go files.
type Package struct {
	Dir     string   // below the root, slash-separated; "." is the root package
	Name    string   // of its package clause
	Imports []Import // of every file, with whichever build constraint
	Types   []Named  // exported types that are defined by naming another package's type
}

// An Import is one import declaration.
type Import struct {
	Path string
	File string // below the root
	Test bool   // the file is a _test.go file
}

// Named is a declaration such as "type Date civil.Date".
type Named struct{ Name, Of, File string }

// Path returns the import path of p.
func (p Package) Path() string { return path.Join(Module, p.Dir) }

// Scan reads the tree below root. It parses and does not build, so that a
// package that does not compile today is judged all the same.
func Scan(root string) (*Tree, error) {
	t := &Tree{}
	var err error
	if t.Top, err = topLevel(root); err != nil {
		return nil, err
	}
	if t.Requires, err = directRequirements(root); err != nil {
		return nil, err
	}
	packages := map[string]*Package{}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch base := d.Name(); {
		case d.IsDir() && rel != "." && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_'):
			return fs.SkipDir
		case base == "go.mod":
			t.Modules = append(t.Modules, path.Dir(rel))
			// The go command reads it, in another process: reading it here too
			// keeps go test from taking its cached result for a changed file.
			_, err := os.ReadFile(name)
			return err
		case strings.HasSuffix(base, ".go") && !d.IsDir():
			return addFile(packages, name, rel)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		t.Packages = append(t.Packages, *p)
	}
	slices.SortFunc(t.Packages, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	return t, nil
}

func addFile(packages map[string]*Package, name, rel string) error {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ignored(f) {
		return nil
	}
	dir, test := path.Dir(rel), strings.HasSuffix(rel, "_test.go")
	p := packages[dir]
	if p == nil {
		p = &Package{Dir: dir}
		packages[dir] = p
	}
	if !test {
		p.Name = f.Name.Name
	}
	names := map[string]string{} // how the file calls what it imports
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		p.Imports = append(p.Imports, Import{imported, rel, test})
		names[path.Base(imported)] = imported
		if spec.Name != nil {
			names[spec.Name.Name] = imported
		}
	}
	if !test {
		p.Types = append(p.Types, namedTypes(f, rel, names)...)
	}
	return nil
}

// ignored reports whether f is a program that is run by hand, go:build ignore.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() > f.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			if expr, err := constraint.Parse(c.Text); err == nil && expr.String() == "ignore" {
				return true
			}
		}
	}
	return false
}

func namedTypes(f *ast.File, file string, names map[string]string) []Named {
	var list []Named
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.TypeSpec)
			of, ok := spec.Type.(*ast.SelectorExpr)
			if !ok || !spec.Name.IsExported() {
				continue
			}
			if from, ok := of.X.(*ast.Ident); ok {
				list = append(list, Named{spec.Name.Name, names[from.Name] + "." + of.Sel.Name, file})
			}
		}
	}
	return list
}

// topLevel lists what git tracks, so that what somebody builds in passing does
// not count; without git it lists the folder.
func topLevel(root string) ([]string, error) {
	os.Stat(filepath.Join(root, ".git", "index")) // as with go.mod: a change ends the cached result
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil && len(out) > 0 {
		var names []string
		for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
			if _, err := os.Lstat(filepath.Join(root, name)); errors.Is(err, fs.ErrNotExist) {
				continue // deleted, and the deletion not yet added
			}
			name, _, _ = strings.Cut(name, "/")
			names = append(names, name)
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	list, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names, nil
}

func directRequirements(root string) ([]string, error) {
	out, err := goCommand(root, "mod", "edit", "-json", "go.mod")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, err
	}
	var list []string
	for _, r := range mod.Require {
		if !r.Indirect {
			list = append(list, r.Path)
		}
	}
	return list, nil
}

// module returns the folder of the module to which the folder dir belongs.
func (t *Tree) module(dir string) string {
	for dir != "." {
		if slices.Contains(t.Modules, dir) {
			return dir
		}
		dir = path.Dir(dir)
	}
	return "."
}

// dirOf returns the folder of an import path of this repository.
func dirOf(importPath string) (dir string, ok bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("in %s: go %s: %w\n%s", dir, strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
