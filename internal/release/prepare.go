package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// versionForm is a canonical semantic version without build metadata. From v2
// on module paths end in /v2, which is more than a release can change.
var versionForm = regexp.MustCompile(`^v[01]\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// Prepare copies the repository around repo into out, which must be absent or
// empty, and edits the released modules there: no replace directive, siblings
// required at version, their hashes in go.sum. It returns the tree in out.
func Prepare(ctx context.Context, repo, version, out string) (*Tree, error) {
	if !versionForm.MatchString(version) {
		return nil, fmt.Errorf("release: %q is not a version such as v0.3.1 or v1.0.0-rc.1", version)
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	if list, err := os.ReadDir(out); err == nil && len(list) > 0 {
		return nil, fmt.Errorf("release: %s is not empty", out)
	}
	from, err := Scan(ctx, repo)
	if err != nil {
		return nil, err
	}
	for _, name := range from.Files {
		if err := copyFile(from.Dir, out, name); err != nil {
			return nil, err
		}
	}

	t := &Tree{Dir: out, Files: from.Files, Modules: from.Modules}
	for i := range t.Modules {
		m := &t.Modules[i]
		if !m.Released() {
			continue
		}
		if err := t.check(*m); err != nil {
			return nil, err
		}
		if err := t.edit(ctx, *m, version); err != nil {
			return nil, err
		}
		if err := t.sum(*m, version); err != nil {
			return nil, err
		}
	}
	slices.Sort(t.Files)
	return t, nil
}

// check refuses what a consumer could not use.
func (t *Tree) check(m Module) error {
	if want := path.Join(t.rootPath(), m.Dir); m.Path != want {
		return fmt.Errorf("release: the module in %s is %s: consumers look for %s", m.Dir, m.Path, want)
	}
	for _, r := range m.mod.Replace {
		if t.inside(m, r.New.Path) == "" {
			return fmt.Errorf("release: %s replaces %s by %s: a consumer would get something else than was tested, and go run %s@version refuses it",
				m.Path, r.Old.Path, r.New.Path, m.Path)
		}
	}
	if len(m.mod.Exclude) > 0 {
		return fmt.Errorf("release: %s excludes %s: consumers ignore that, and go run %s@version refuses it", m.Path, m.mod.Exclude[0].Path, m.Path)
	}
	for _, r := range m.mod.Require {
		if sibling := t.module(r.Path); sibling != nil && !sibling.Released() {
			return fmt.Errorf("release: %s requires %s, which is never released", m.Path, sibling.Path)
		}
	}
	return nil
}

// rootPath is the path of the module at the top of the repository.
func (t *Tree) rootPath() string {
	for _, m := range t.Modules {
		if m.Dir == "." {
			return m.Path
		}
	}
	return ""
}

// inside returns the folder of the module to which a replace directive of m
// points, or "" if the target is no module of this tree.
func (t *Tree) inside(m Module, target string) string {
	if !strings.HasPrefix(target, "./") && !strings.HasPrefix(target, "../") && target != "." && target != ".." {
		return ""
	}
	dir := path.Join(m.Dir, target)
	if !slices.ContainsFunc(t.Modules, func(o Module) bool { return o.Dir == dir }) {
		return ""
	}
	return dir
}

// edit drops the replace directives of m and sets the versions of siblings.
func (t *Tree) edit(ctx context.Context, m Module, version string) error {
	args := []string{"mod", "edit"}
	for _, r := range m.mod.Replace {
		old := r.Old.Path
		if r.Old.Version != "" {
			old += "@" + r.Old.Version
		}
		args = append(args, "-dropreplace="+old)
	}
	for _, r := range m.mod.Require {
		if t.module(r.Path) != nil {
			args = append(args, "-require="+r.Path+"@"+version)
		}
	}
	if len(args) == 2 {
		return nil
	}
	_, err := command(ctx, filepath.Join(t.Dir, filepath.FromSlash(m.Dir)), []string{"GOWORK=off"}, "go", append(args, "go.mod")...)
	return err
}

// sum gives the go.sum file of m the hashes of its siblings.
func (t *Tree) sum(m Module, version string) error {
	name := path.Join(m.Dir, "go.sum")
	text, err := os.ReadFile(filepath.Join(t.Dir, filepath.FromSlash(name)))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		of, _, _ := strings.Cut(line, " ")
		if t.module(of) == nil {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	for _, r := range m.mod.Require {
		sibling := t.module(r.Path)
		if sibling == nil {
			continue
		}
		all, err := t.content(*sibling)
		if err != nil {
			return err
		}
		mod := []file{{name: "go.mod", disk: filepath.Join(t.Dir, filepath.FromSlash(sibling.Dir), "go.mod")}}
		zipHash, err := hash1(sibling.Path+"@"+version+"/", all)
		if err != nil {
			return err
		}
		modHash, err := hash1("", mod)
		if err != nil {
			return err
		}
		lines = append(lines, sibling.Path+" "+version+" "+zipHash, sibling.Path+" "+version+"/go.mod "+modHash)
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	if _, ok := slices.BinarySearch(t.Files, name); !ok {
		t.Files = slices.Sorted(slices.Values(append(slices.Clone(t.Files), name)))
	}
	return os.WriteFile(filepath.Join(t.Dir, filepath.FromSlash(name)), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// hash1 is the "h1:" hash of the go.sum file: SHA-256 over the sorted lines of
// sha256sum (go help module-auth, golang.org/x/mod/sumdb/dirhash).
func hash1(prefix string, files []file) (string, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	all := sha256.New()
	for _, f := range files {
		data, err := os.ReadFile(f.disk)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x  %s%s\n", sha256.Sum256(data), prefix, f.name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil)), nil
}

func copyFile(from, to, name string) error {
	name = filepath.FromSlash(name)
	in, err := os.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	target := filepath.Join(to, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
