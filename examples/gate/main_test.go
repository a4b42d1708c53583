package main_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// gate is the built command: go run would turn every exit status into 1.
var gate string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "gate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	gate = filepath.Join(dir, "gate")
	if text, err := exec.Command("go", "build", "-o", gate, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, text)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// A result is what a run of the command leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

// all is everything that was printed.
func (r result) all() string { return r.stdout + r.stderr }

// first is the first line of the output.
func (r result) first() string {
	line, _, _ := strings.Cut(r.stdout, "\n")
	return line
}

// run runs the command outside of GitHub Actions, wherever the tests run.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t, "GITHUB_STEP_SUMMARY=", args...)
}

func runWith(t *testing.T, variable string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), gate, args...)
	cmd.Env = append(os.Environ(), variable)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// wantRun checks the exit status and the first line, which must agree.
func wantRun(t *testing.T, r result, status int, decision string) {
	t.Helper()
	if r.status != status || r.first() != "decision: "+decision {
		t.Errorf("got status %d and %q, want %d and %q\n%s", r.status, r.first(), status, "decision: "+decision, r.all())
	}
}

// golden compares text with a file in testdata, or rewrites that.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s differs (-got +want); rewrite it with go test ./examples/gate -update:\n%s", file, diff)
	}
}

// write puts text into a new file and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// checkoutSLO is the text of the recording's SLO.
func checkoutSLO(t *testing.T) string {
	text, err := os.ReadFile("testdata/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
