package imports

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// InternalInAPI returns where the exported API of pkg shows a type of an
// internal package: in a signature, an exported or embedded field, a method, a
// constraint, the type of a variable or constant, or as the target of an
// alias. godoc shows neither the fields nor the methods of such a type, and
// nobody outside can name it.
func InternalInAPI(pkg *types.Package) []string {
	w := apiWalk{pkg: pkg, seen: map[types.Type]bool{}}
	for _, name := range pkg.Scope().Names() {
		if obj := pkg.Scope().Lookup(name); obj.Exported() {
			w.object(obj)
		}
	}
	slices.Sort(w.found)
	return slices.Compact(w.found)
}

type apiWalk struct {
	pkg   *types.Package
	seen  map[types.Type]bool
	found []string
}

func (w *apiWalk) object(obj types.Object) {
	where := w.pkg.Path() + "." + obj.Name()
	name, isType := obj.(*types.TypeName)
	switch {
	case !isType:
		w.walk(where, obj.Type())
	case name.IsAlias():
		w.walk(where+", an alias", obj.Type())
	default:
		w.defined(where, obj.Type().(*types.Named))
	}
}

// defined walks what godoc shows of a type that the package defines.
func (w *apiWalk) defined(where string, t *types.Named) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	for p := range t.TypeParams().TypeParams() {
		w.walk(where+"["+p.Obj().Name()+"]", p.Constraint())
	}
	w.walk(where, t.Underlying())
	for m := range t.Methods() {
		if m.Exported() {
			w.walk(where+"."+m.Name(), m.Type())
		}
	}
}

// walk reports t if it is internal, and goes into what it is made of. It goes
// into no other named type: an exported one is walked by itself.
func (w *apiWalk) walk(where string, t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		w.name(where, t.Obj())
		w.walkList(where, t.TypeArgs())
		w.walk(where, t.Rhs())
	case *types.Named:
		w.name(where, t.Obj())
		w.walkList(where, t.TypeArgs())
	case *types.Pointer:
		w.walk(where, t.Elem())
	case *types.Slice:
		w.walk(where, t.Elem())
	case *types.Array:
		w.walk(where, t.Elem())
	case *types.Chan:
		w.walk(where, t.Elem())
	case *types.Map:
		w.walk(where, t.Key())
		w.walk(where, t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			w.walk(where, v.Type())
		}
	case *types.Signature:
		for p := range t.TypeParams().TypeParams() {
			w.walk(where+"["+p.Obj().Name()+"]", p.Constraint())
		}
		w.walk(where, t.Params())
		w.walk(where, t.Results())
	case *types.Struct:
		w.fields(where, t)
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			if m.Exported() {
				w.walk(where+"."+m.Name(), m.Type())
			}
		}
		for e := range t.EmbeddedTypes() {
			w.walk(where, e)
		}
	case *types.Union:
		for term := range t.Terms() {
			w.walk(where, term.Type())
		}
	}
}

func (w *apiWalk) walkList(where string, list *types.TypeList) {
	for t := range list.Types() {
		w.walk(where, t)
	}
}

// fields walks the exported fields, and what embedded types promote.
func (w *apiWalk) fields(where string, t *types.Struct) {
	for f := range t.Fields() {
		if !f.Exported() && !f.Embedded() {
			continue
		}
		at := where + "." + f.Name()
		w.walk(at, f.Type())
		if f.Exported() || !f.Embedded() {
			continue
		}
		hidden := types.Unalias(f.Type())
		if p, ok := hidden.(*types.Pointer); ok {
			hidden = types.Unalias(p.Elem())
		}
		if named, ok := hidden.(*types.Named); ok && named.Obj().Pkg() == w.pkg {
			w.defined(at, named)
		}
	}
}

func (w *apiWalk) name(where string, obj *types.TypeName) {
	if obj.Pkg() != nil && IsInternal(obj.Pkg().Path()) {
		w.found = append(w.found, fmt.Sprintf("%s shows %s.%s", where, obj.Pkg().Path(), obj.Name()))
	}
}

// Importer returns an importer of the packages that match patterns in the
// folder dir, and of all that they import. It builds what is not yet built.
func Importer(dir string, patterns ...string) (types.Importer, error) {
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "--"}, patterns...)
	out, err := goCommand(dir, args...)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		importPath, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[importPath] = file
	}
	lookup := func(importPath string) (io.ReadCloser, error) {
		if files[importPath] == "" {
			return nil, fmt.Errorf("imports: %s is not among the packages listed in %s", importPath, filepath.Base(dir))
		}
		return os.Open(files[importPath])
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", lookup), nil
}

// InternalInTree returns where the libraries of the tree at root show internal
// types. It lists each module by itself, so that it works with and without
// go.work.
func InternalInTree(root string, t *Tree) ([]string, error) {
	libraries := map[string][]string{}
	for _, p := range t.Packages {
		if isLibrary(p) {
			m := t.module(p.Dir)
			libraries[m] = append(libraries[m], p.Path())
		}
	}
	var list []string
	for m, paths := range libraries {
		from, err := Importer(filepath.Join(root, filepath.FromSlash(m)), paths...)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			pkg, err := from.Import(p)
			if err != nil {
				return nil, err
			}
			list = append(list, InternalInAPI(pkg)...)
		}
	}
	return list, nil
}

// ModulesOf returns the modules whose packages an import of that package of
// the root module links, besides the standard library, sorted.
func ModulesOf(root, importPath string) ([]string, error) {
	out, err := goCommand(root, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "--", importPath)
	if err != nil {
		return nil, err
	}
	list := strings.Fields(string(out))
	slices.Sort(list)
	return slices.Compact(list), nil
}
