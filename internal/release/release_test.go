package main_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	release "github.com/sre-sdk/sre/internal/release"
)

// fixture is a repository with a root module, an adapter, commands that use
// both, and a module that is not for consumers.
var fixture = map[string]string{
	"LICENSE":    "do as you like\n",
	".gitignore": "/dist/\n",
	"go.work":    "go 1.26.0\n\nuse (\n\t.\n\t./adapter\n\t./examples\n\t./internal/e2e\n)\n",
	"go.mod":     "module example.com/two\n\ngo 1.26.0\n",
	"two.go":     "package two\n\nfunc Word() string { return \"root\" }\n",

	"adapter/go.mod":     "module example.com/two/adapter\n\ngo 1.26.0\n\nrequire example.com/two v0.0.0\n\nreplace example.com/two => ../\n",
	"adapter/adapter.go": "package adapter\n\nimport \"example.com/two\"\n\nfunc Word() string { return \"adapter of \" + two.Word() }\n",
	"adapter/LICENSE":    "stricter\n",

	"examples/go.mod": "module example.com/two/examples\n\ngo 1.26.0\n\nrequire (\n\texample.com/two v0.0.0 // indirect\n\texample.com/two/adapter v0.0.0\n)\n\n" +
		"replace (\n\texample.com/two => ../\n\texample.com/two/adapter => ../adapter\n)\n",
	"examples/hello/main.go": "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/two/adapter\"\n)\n\nfunc main() { fmt.Println(adapter.Word()) }\n",

	"internal/e2e/go.mod": "module example.com/two/internal/e2e\n\ngo 1.26.0\n\nrequire example.com/two v0.0.0\n\nreplace example.com/two => ../../\n",
	"internal/e2e/e2e.go": "package e2e\n\nimport _ \"example.com/two\"\n",
	"internal/words.txt":  "some\n",
	"dist/ignored.txt":    "built\n",
}

func TestReplacedSiblingsEndUpAsRequiredVersions(t *testing.T) {
	repo, out := write(t, fixture), filepath.Join(t.TempDir(), "tree")
	if _, err := release.Prepare(t.Context(), repo, "v0.1.0", out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"go.mod":         "module example.com/two\n\ngo 1.26.0\n",
		"adapter/go.mod": "module example.com/two/adapter\n\ngo 1.26.0\n\nrequire example.com/two v0.1.0\n",
		"examples/go.mod": "module example.com/two/examples\n\ngo 1.26.0\n\nrequire (\n\texample.com/two v0.1.0 // indirect\n" +
			"\texample.com/two/adapter v0.1.0\n)\n",
		"internal/e2e/go.mod": fixture["internal/e2e/go.mod"],
		"go.work":             fixture["go.work"],
	} {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "dist")); err == nil {
		t.Error("an ignored file was copied")
	}
	if got := string(must(os.ReadFile(filepath.Join(repo, "adapter/go.mod")))); got != fixture["adapter/go.mod"] {
		t.Errorf("preparing a release changed the working tree:\n%s", got)
	}
}

func TestPreparedModulesBuildAloneWithTheHashesInGoSum(t *testing.T) {
	repo, tree, proxy := write(t, fixture), filepath.Join(t.TempDir(), "tree"), t.TempDir()
	if _, err := release.Prepare(t.Context(), repo, "v0.1.0", tree); err != nil {
		t.Fatal(err)
	}
	if _, err := release.Pack(t.Context(), repo, "v0.1.0", proxy); err != nil {
		t.Fatal(err)
	}
	env := append(consumerEnv(t, proxy), "GOFLAGS=-mod=readonly -modcacherw")
	for _, dir := range []string{".", "adapter", "examples"} {
		command(t, filepath.Join(tree, dir), env, "go", "vet", "./...")
	}
}

func TestGoCommandRunsAPackedExample(t *testing.T) {
	repo, proxy := write(t, fixture), t.TempDir()
	if _, err := release.Pack(t.Context(), repo, "v0.1.0", proxy); err != nil {
		t.Fatal(err)
	}
	got := command(t, t.TempDir(), consumerEnv(t, proxy), "go", "run", "example.com/two/examples/hello@latest")
	if want := "adapter of root\n"; got != want {
		t.Errorf("go run printed %q, want %q", got, want)
	}
}

func TestZipHoldsTheModuleWithoutNestedOnes(t *testing.T) {
	repo, proxy := write(t, fixture), t.TempDir()
	packed, err := release.Pack(t.Context(), repo, "v0.1.0", proxy)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range packed {
		paths = append(paths, m.Path)
	}
	if diff := cmp.Diff([]string{"example.com/two", "example.com/two/adapter", "example.com/two/examples"}, paths); diff != "" {
		t.Errorf("released modules, siblings first (-want +got):\n%s", diff)
	}
	for module, want := range map[string][]string{
		"example.com/two":          {".gitignore", "LICENSE", "go.mod", "go.work", "internal/words.txt", "two.go"},
		"example.com/two/adapter":  {"LICENSE", "adapter.go", "go.mod", "go.sum"},
		"example.com/two/examples": {"LICENSE", "go.mod", "go.sum", "hello/main.go"},
	} {
		z, err := zip.OpenReader(filepath.Join(proxy, module, "@v", "v0.1.0.zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		var got []string
		for _, f := range z.File {
			got = append(got, strings.TrimPrefix(f.Name, module+"@v0.1.0/"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", module, diff)
		}
		license := fixture["LICENSE"]
		if module == "example.com/two/adapter" {
			license = fixture["adapter/LICENSE"]
		}
		if got := string(must(fs.ReadFile(z, module+"@v0.1.0/LICENSE"))); got != license {
			t.Errorf("%s has the license %q, want %q", module, got, license)
		}
	}
}

func TestPackingIsDeterministic(t *testing.T) {
	var digests []string
	for range 2 {
		repo, proxy := write(t, fixture), t.TempDir()
		if _, err := release.Pack(t.Context(), repo, "v0.1.0", proxy); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest(t, proxy))
	}
	if diff := cmp.Diff(digests[0], digests[1]); diff != "" {
		t.Errorf("two packings of the same files (-first +second):\n%s", diff)
	}
}

func TestPublishedVersionNeverChanges(t *testing.T) {
	repo, proxy := write(t, fixture), t.TempDir()
	pack := func(version string) error {
		_, err := release.Pack(t.Context(), repo, version, proxy)
		return err
	}
	if err := pack("v0.1.0"); err != nil {
		t.Fatal(err)
	}
	if err := pack("v0.1.0"); err != nil {
		t.Errorf("the same content again: %v", err)
	}
	save(t, repo, "two.go", "package two\n\nfunc Word() string { return \"other\" }\n")
	if err := pack("v0.1.0"); err == nil || !strings.Contains(err.Error(), "never changes") {
		t.Errorf("other content for the same version: got %v, want a refusal", err)
	}
	if err := pack("v0.2.0"); err != nil {
		t.Errorf("the next version: %v", err)
	}
	list := string(must(os.ReadFile(filepath.Join(proxy, "example.com/two/@v/list"))))
	if want := "v0.1.0\nv0.2.0\n"; list != want {
		t.Errorf("list is %q, want %q", list, want)
	}
}

func TestWhatConsumersCannotUseIsRefused(t *testing.T) {
	for _, test := range []struct {
		name, version, file, text, want string
	}{
		{"no version", "1.0", "", "", "is not a version"},
		{"a major version without its path", "v2.0.0", "", "", "is not a version"},
		{"a fork of a dependency", "v0.1.0", "go.mod", "module example.com/two\n\ngo 1.26.0\n\nreplace example.com/x => example.com/fork v1.0.0\n", "replaces example.com/x"},
		{"a folder outside", "v0.1.0", "go.mod", "module example.com/two\n\ngo 1.26.0\n\nreplace example.com/x => ../x\n", "replaces example.com/x"},
		{"an exclusion", "v0.1.0", "go.mod", "module example.com/two\n\ngo 1.26.0\n\nexclude example.com/x v1.0.0\n", "excludes example.com/x"},
		{"an internal sibling", "v0.1.0", "adapter/go.mod", "module example.com/two/adapter\n\ngo 1.26.0\n\nrequire example.com/two/internal/e2e v0.0.0\n", "never released"},
		{"modules that need each other", "v0.1.0", "go.mod", "module example.com/two\n\ngo 1.26.0\n\nrequire example.com/two/adapter v0.0.0\n", "require each other"},
		{"a path that is not its folder", "v0.1.0", "adapter/go.mod", "module example.com/adapter\n\ngo 1.26.0\n", "consumers look for example.com/two/adapter"},
		{"names that differ in case", "v0.1.0", "Two.go", "package two\n", "differ in case only"},
		{"a name for one system only", "v0.1.0", "testdata/a:b", "", "would not unpack"},
	} {
		t.Run(test.name, func(t *testing.T) {
			repo, out := write(t, fixture), filepath.Join(t.TempDir(), "out")
			if test.file != "" {
				save(t, repo, test.file, test.text)
			}
			_, err := release.Pack(t.Context(), repo, test.version, out)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
			if _, err := os.Stat(out); err == nil && test.name != "names that differ in case" && test.name != "a name for one system only" {
				t.Error("something was written")
			}
		})
	}
}

func TestSymbolicLinkIsRefused(t *testing.T) {
	repo := write(t, fixture)
	if err := os.Symlink("LICENSE", filepath.Join(repo, "COPYING")); err != nil {
		t.Skip("this system has no symbolic links:", err)
	}
	if _, err := release.Scan(t.Context(), repo); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestModuleWithoutLicenseIsRefused(t *testing.T) {
	files := map[string]string{"go.mod": fixture["go.mod"], "two.go": fixture["two.go"]}
	if _, err := release.Pack(t.Context(), write(t, files), "v0.1.0", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no LICENSE") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestDeletedFileIsLeftOut(t *testing.T) {
	repo := write(t, fixture)
	command(t, repo, nil, "git", "add", "-A")
	if err := os.Remove(filepath.Join(repo, "internal/words.txt")); err != nil {
		t.Fatal(err)
	}
	tree, err := release.Scan(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(tree.Files, "internal/words.txt") || !slices.Contains(tree.Files, "two.go") {
		t.Errorf("files are %q", tree.Files)
	}
}

// write makes a repository of files. Nothing is added or committed.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	repo := t.TempDir()
	for name, text := range files {
		save(t, repo, name, text)
	}
	command(t, repo, nil, "git", "init", "--quiet")
	return repo
}

func save(t *testing.T, repo, name, text string) {
	t.Helper()
	name = filepath.Join(repo, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// consumerEnv lets the go command see the packed modules and nothing else.
func consumerEnv(t *testing.T, proxy string) []string {
	return []string{
		"GOWORK=off", "GOFLAGS=-mod=mod -modcacherw", "GOMODCACHE=" + t.TempDir(),
		"GOPROXY=file://" + filepath.ToSlash(proxy), "GOENV=off", "GOPRIVATE=", "GONOPROXY=", "GOSUMDB=off",
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// digest lists every file below dir with its hash.
func digest(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		fmt.Fprintf(&b, "%s %x\n", rel, sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
