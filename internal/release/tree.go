package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Tree is the files of a repository and the modules that they form.
type Tree struct {
	Dir     string   // absolute
	Files   []string // slash-separated, below Dir, sorted
	Modules []Module // siblings that a module requires come before it
}

// A Module is one go.mod file of a repository.
type Module struct {
	Dir  string // slash-separated, below the Tree; "." is the repository itself
	Path string
	mod  goMod
}

// goMod is what "go mod edit -json" prints, as far as it matters here.
type goMod struct {
	Module  struct{ Path string }
	Require []struct{ Path, Version string }
	Exclude []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// Scan returns the tree of the repository around dir: what git tracks, and
// what it would track if it were added.
func Scan(ctx context.Context, dir string) (*Tree, error) {
	top, err := command(ctx, dir, nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	t := &Tree{Dir: strings.TrimSpace(top)}
	list, err := command(ctx, t.Dir, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(t.Dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // deleted, and the deletion not yet added
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("release: %s is not a regular file: module zips hold nothing else", name)
		}
		t.Files = append(t.Files, name)
	}
	slices.Sort(t.Files)
	t.Files = slices.Compact(t.Files)
	return t, t.readModules(ctx)
}

func (t *Tree) readModules(ctx context.Context) error {
	var found []Module
	for _, name := range t.Files {
		if path.Base(name) != "go.mod" {
			continue
		}
		m := Module{Dir: path.Dir(name)}
		text, err := command(ctx, t.Dir, nil, "go", "mod", "edit", "-json", name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &m.mod); err != nil {
			return fmt.Errorf("release: %s: %w", name, err)
		}
		m.Path = m.mod.Module.Path
		found = append(found, m)
	}
	return t.order(found)
}

// order puts each module after the siblings that it requires, because its
// go.sum holds the hashes of their zips.
func (t *Tree) order(found []Module) error {
	t.Modules = nil
	for len(found) > 0 {
		ready := slices.IndexFunc(found, func(m Module) bool {
			return !slices.ContainsFunc(found, func(other Module) bool {
				return other.Path != m.Path && m.requires(other.Path)
			})
		})
		if ready < 0 {
			return fmt.Errorf("release: %s and a sibling require each other: neither hash can be known first", found[0].Path)
		}
		t.Modules = append(t.Modules, found[ready])
		found = slices.Delete(found, ready, ready+1)
	}
	return nil
}

// Released returns the modules that consumers may use.
func (t *Tree) Released() []Module {
	var list []Module
	for _, m := range t.Modules {
		if m.Released() {
			list = append(list, m)
		}
	}
	return list
}

// module returns the module of that path, or nil.
func (t *Tree) module(path string) *Module {
	for i := range t.Modules {
		if t.Modules[i].Path == path {
			return &t.Modules[i]
		}
	}
	return nil
}

// files returns the files of m, below m.Dir: all that is in no other module.
func (t *Tree) files(m Module) []string {
	var list []string
	for _, name := range t.Files {
		if t.owner(name) != m.Dir {
			continue
		}
		if m.Dir != "." {
			name = strings.TrimPrefix(name, m.Dir+"/")
		}
		list = append(list, name)
	}
	return list
}

// owner returns the innermost folder around name that has a go.mod file.
func (t *Tree) owner(name string) string {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := slices.BinarySearch(t.Files, dir+"/go.mod"); ok {
			return dir
		}
	}
	return "."
}

// Released reports whether consumers may use m.
func (m Module) Released() bool {
	for element := range strings.SplitSeq(m.Dir, "/") {
		hidden := strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") && element != "."
		if hidden || element == "internal" || element == "testdata" {
			return false
		}
	}
	return true
}

func (m Module) requires(path string) bool {
	return slices.ContainsFunc(m.mod.Require, func(r struct{ Path, Version string }) bool { return r.Path == path })
}

// command runs name in dir and returns what it printed. env is added to the
// environment.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	progress("%s %s", name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("release: in %s: %s %s: %w\n%s%s", dir, name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
