package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// consumerVersion is below every release. Nobody publishes it.
const consumerVersion = "v0.0.1-consumer"

// consumerProgram is what a service writes that gates its deploys.
//
//go:embed testdata/consumer/main.go.txt
var consumerProgram []byte

// Consumer packs the modules of the repository around repo and uses them as a
// stranger will: from empty folders, without go.work, through a module proxy
// and with an empty module cache. It prints what it saw to w.
func Consumer(ctx context.Context, repo string, w io.Writer) error {
	tmp, err := os.MkdirTemp("", "consumer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	c := &consumer{repo: repo, tmp: tmp, w: w}
	proxy := filepath.Join(tmp, "proxy")
	c.modules, err = Pack(ctx, repo, consumerVersion, proxy)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "consumer: packed %d modules\n", len(c.modules))
	if err := c.environment(ctx, proxy); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.program, c.everyPackage, c.sums, c.gate} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

type consumer struct {
	repo    string
	tmp     string
	w       io.Writer
	env     []string
	modules []Module
}

// root is the path of the repository's first module.
func (c *consumer) root() string {
	for _, m := range c.modules {
		if m.Dir == "." {
			return m.Path
		}
	}
	return ""
}

// environment isolates the consumer from this repository and from the user's
// module cache, which serves only as the nearest proxy of other modules.
func (c *consumer) environment(ctx context.Context, proxy string) error {
	text, err := command(ctx, c.tmp, []string{"GOWORK=off"}, "go", "env", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOTOOLCHAIN", "GOMODCACHE")
	if err != nil {
		return err
	}
	values := strings.Split(text, "\n")
	goproxy, sumdb, nosumdb, toolchain, cache := values[0], values[1], values[2], values[3], values[4]
	downloads := filepath.Join(cache, "cache", "download")

	modcache := filepath.Join(c.tmp, "modcache")
	if err := os.MkdirAll(filepath.Join(modcache, "cache", "download"), 0o755); err != nil {
		return err
	}
	// The signed tiles of the checksum database are the same for everybody.
	if _, err := os.Stat(filepath.Join(downloads, "sumdb")); err == nil {
		if err := os.Symlink(filepath.Join(downloads, "sumdb"), filepath.Join(modcache, "cache", "download", "sumdb")); err != nil {
			return err
		}
	}
	c.env = []string{
		"GOWORK=off",
		"GOMODCACHE=" + modcache,
		"GOPROXY=" + strings.Join([]string{fileURL(proxy), fileURL(downloads), goproxy}, ","),
		"GOSUMDB=" + sumdb,
		"GOTOOLCHAIN=" + toolchain,
		// Not even GONOPROXY=none: if it is set, the go command looks for all
		// prefixes of a path without proxies first, finds the root module in
		// its cache and then looks for no nested one.
		"GOENV=off",
		"GOPRIVATE=",
		"GONOPROXY=",
		"GONOSUMDB=" + strings.Trim(c.root()+","+nosumdb, ","),
		// -trimpath lets the build cache serve the next run, whose module
		// cache lies elsewhere; -modcacherw lets this one be removed.
		"GOFLAGS=-mod=mod -modcacherw -trimpath",
	}
	return nil
}

func fileURL(dir string) string { return "file://" + filepath.ToSlash(dir) }

// start makes an empty module that holds program, if that is not nil.
func (c *consumer) start(ctx context.Context, name string, program []byte) (string, error) {
	dir := filepath.Join(c.tmp, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := c.goCommand(ctx, dir, "mod", "init", "consumer"); err != nil {
		return "", err
	}
	if program == nil {
		return dir, nil
	}
	return dir, os.WriteFile(filepath.Join(dir, "main.go"), program, 0o644)
}

func (c *consumer) goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	return command(ctx, dir, c.env, "go", args...)
}

// program builds and runs the first program of a consumer.
func (c *consumer) program(ctx context.Context) error {
	dir, err := c.start(ctx, "program", consumerProgram)
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"get", c.root() + "@" + consumerVersion}, {"mod", "tidy"}, {"vet", "."}} {
		if _, err := c.goCommand(ctx, dir, args...); err != nil {
			return err
		}
	}
	text, err := c.goCommand(ctx, dir, "run", ".")
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("release: the consumer's program printed nothing")
	}
	fmt.Fprintf(c.w, "consumer: its program runs: %s\n", firstLine(text))
	return nil
}

// everyPackage gets each module and compiles all of it.
func (c *consumer) everyPackage(ctx context.Context) error {
	for i, m := range c.modules {
		dir, err := c.start(ctx, fmt.Sprintf("module%d", i), nil)
		if err != nil {
			return err
		}
		if _, err := c.goCommand(ctx, dir, "get", m.Path+"@"+consumerVersion); err != nil {
			return err
		}
		if _, err := c.goCommand(ctx, dir, "build", m.Path+"/..."); err != nil {
			return err
		}
		fmt.Fprintf(c.w, "consumer: go get %s: every package compiles\n", m.Path)
	}
	return nil
}

// sums counts what the import of budget alone adds to a go.sum file, which is
// what a careful team reads before it takes a dependency.
func (c *consumer) sums(ctx context.Context) error {
	program := "package main\n\nimport _ \"" + c.root() + "/budget\"\n\nfunc main() {}\n"
	dir, err := c.start(ctx, "budget", []byte(program))
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"get", c.root() + "@" + consumerVersion}, {"mod", "tidy"}, {"build", "."}} {
		if _, err := c.goCommand(ctx, dir, args...); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return err
	}
	lines := strings.Count(string(text), "\n")
	fmt.Fprintf(c.w, "consumer: an import of budget alone adds %d lines to go.sum\n%s", lines, text)
	readme, err := os.ReadFile(filepath.Join(c.repo, "README.md"))
	if err != nil {
		return err
	}
	if promise := fmt.Sprintf("gains %d lines in `go.sum`", lines); !strings.Contains(string(readme), promise) {
		return fmt.Errorf("README.md does not say that an importer of budget %s", promise)
	}
	return nil
}

// gate runs the example as README tells a stranger to.
func (c *consumer) gate(ctx context.Context) error {
	gate := c.root() + "/examples/gate"
	if !slices.ContainsFunc(c.modules, func(m Module) bool { return m.Path == c.root()+"/examples" }) {
		fmt.Fprintf(c.w, "consumer: no module %s/examples yet: go run %s@VERSION is skipped\n", c.root(), gate)
		return nil
	}
	dir := filepath.Join(c.tmp, "empty")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	text, err := c.goCommand(ctx, dir, "run", gate+"@"+consumerVersion)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(text, "decision: ") {
		return fmt.Errorf("release: go run %s@VERSION began with %q, want its decision", gate, firstLine(text))
	}
	fmt.Fprintf(c.w, "consumer: go run %s@VERSION: %s\n", gate, firstLine(text))
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
