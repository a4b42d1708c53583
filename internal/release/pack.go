package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A file is one entry of a module zip.
type file struct {
	name string // in the module
	disk string
}

// Pack prepares a release of the repository around repo and writes its modules
// into out in the layout of a module proxy. It returns the released modules.
// The bytes depend on the tree, its last commit and the version only. Packing
// further versions into the same folder is allowed; another content for a
// version that is there already is not.
func Pack(ctx context.Context, repo, version, out string) ([]Module, error) {
	tmp, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	t, err := Prepare(ctx, repo, version, filepath.Join(tmp, "tree"))
	if err != nil {
		return nil, err
	}
	info := struct {
		Version string
		Time    *time.Time `json:",omitempty"`
	}{Version: version, Time: commitTime(ctx, repo)}
	infoText, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}

	released := t.Released()
	for _, m := range released {
		progress("packing %s@%s", m.Path, version)
		dir := filepath.Join(out, filepath.FromSlash(escape(m.Path)), "@v")
		if err := t.pack(m, version, dir, infoText); err != nil {
			return nil, err
		}
	}
	return released, nil
}

func (t *Tree) pack(m Module, version, dir string, info []byte) error {
	files, err := t.content(m)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := writeZip(&archive, m.Path+"@"+version+"/", files); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(t.Dir, filepath.FromSlash(m.Dir), "go.mod"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, escape(version))
	for _, f := range []struct {
		name string
		data []byte
	}{{base + ".zip", archive.Bytes()}, {base + ".mod", mod}, {base + ".info", info}} {
		if old, err := os.ReadFile(f.name); err == nil && !bytes.Equal(old, f.data) {
			return fmt.Errorf("release: %s is there already with other content: a published version never changes", f.name)
		}
		if err := os.WriteFile(f.name, f.data, 0o644); err != nil {
			return err
		}
	}
	return addVersion(filepath.Join(dir, "list"), version)
}

// content returns the files of m as its zip holds them: without vendored
// packages, and with the repository's LICENSE if m has none of its own, as the
// go command does.
func (t *Tree) content(m Module) ([]file, error) {
	var files []file
	folded := map[string]string{}
	licensed := false
	for _, name := range t.files(m) {
		if slices.Contains(strings.Split(name, "/"), "vendor") {
			continue
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		if other, ok := folded[strings.ToLower(name)]; ok {
			return nil, fmt.Errorf("release: %s and %s differ in case only: no module zip may hold both", other, name)
		}
		folded[strings.ToLower(name)] = name
		licensed = licensed || name == "LICENSE"
		files = append(files, file{name, filepath.Join(t.Dir, filepath.FromSlash(m.Dir), filepath.FromSlash(name))})
	}
	if !licensed {
		if _, ok := slices.BinarySearch(t.Files, "LICENSE"); !ok {
			return nil, fmt.Errorf("release: %s has no LICENSE, nor has the repository", m.Path)
		}
		files = append(files, file{"LICENSE", filepath.Join(t.Dir, "LICENSE")})
		slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	}
	return files, nil
}

// checkName refuses a file name that the go command would not unpack
// (golang.org/x/mod/module, CheckFilePath).
func checkName(name string) error {
	for _, r := range name {
		if r < ' ' || r == 0x7f || strings.ContainsRune("\"'*:;<>?`|\\", r) || r >= 0x80 && !unicode.IsLetter(r) {
			return fmt.Errorf("release: the file name %q holds %q: the go command would not unpack it", name, r)
		}
	}
	return nil
}

// writeZip writes files in their order without times or modes, so that equal
// content makes equal bytes.
func writeZip(w io.Writer, prefix string, files []file) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		data, err := os.ReadFile(f.disk)
		if err != nil {
			return err
		}
		entry, err := z.Create(prefix + f.name)
		if err != nil {
			return err
		}
		if _, err := entry.Write(data); err != nil {
			return err
		}
	}
	return z.Close()
}

// addVersion adds version to the list of a module proxy.
func addVersion(list, version string) error {
	text, err := os.ReadFile(list)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	versions := append(strings.Fields(string(text)), version)
	slices.Sort(versions)
	return os.WriteFile(list, []byte(strings.Join(slices.Compact(versions), "\n")+"\n"), 0o644)
}

// commitTime returns the time of the last commit, or nil before the first.
func commitTime(ctx context.Context, repo string) *time.Time {
	text, err := command(ctx, repo, nil, "git", "log", "-1", "--format=%cI")
	if err != nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return nil
	}
	at = at.UTC()
	return &at
}

// escape writes upper-case letters as a module proxy does: Foo is !foo.
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if unicode.IsUpper(r) {
			b.WriteByte('!')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
