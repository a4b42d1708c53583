package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// A result is what a run of the command leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

func mttr(stdin string, args ...string) result {
	var out, err bytes.Buffer
	status := run(args, strings.NewReader(stdin), &out, &err, noon)
	return result{status, out.String(), err.String()}
}

func TestOutputIsAsInTheGoldenFiles(t *testing.T) {
	const moj = "../../incident/stats/testdata/moj.csv"
	for _, v := range []struct {
		name   string
		args   []string
		stdin  string
		status int
	}{
		{"sample.txt", nil, "", exitDone},
		{"sample.json", []string{"-o", "json"}, "", exitDone},
		{"measures.txt", []string{"-measure", "MTTD, mtta,detected:mitigated"}, "", exitDone},
		{"service.txt", []string{"-strata", "service"}, "", exitDone},
		{"moj.txt", []string{moj}, "", exitDone},
		{"moj-2023.txt", []string{"-before", "2023-Q1", "-after", "2023-Q3", moj}, "", exitDone},
		{"shorter.txt", []string{"-"}, durations(200, 20), exitDone},
		{"longer.txt", []string{"-"}, durations(20, 200), exitLonger},
		{"bad.txt", []string{"-split", "2026-04-01", "testdata/bad.csv"}, "", exitInput},
		{"flags.txt", []string{"-alpha", "7", "-split", "soon", "-measure", "mttx,resolved:impact", "-o", "xml", "-strata", "moon", "-width", "3"}, "", exitInput},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := mttr(v.stdin, v.args...)
			if r.status != v.status {
				t.Errorf("status %d, want %d", r.status, v.status)
			}
			golden(t, v.name, r.stderr+r.stdout)
		})
	}
}

// durations writes two periods around two medians.
func durations(before, after float64) string {
	var b strings.Builder
	b.WriteString("Period;Duration (min);Minutes\n")
	for i := range 10 {
		factor := 0.6 + 0.1*float64(i)
		fmt.Fprintf(&b, "spring;x;%.1f\nsummer;y;%.1f\n", before*factor, after*factor)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, string(want)); d != "" {
		t.Errorf("-got +want:\n%s", d)
	}
}

func TestHeadersAreTolerant(t *testing.T) {
	const sameIncident = "impact and resolved are an hour apart"
	for name, file := range map[string]string{
		"plain":             "impact,resolved\n2026-04-02T10:00:00Z,2026-04-02T11:00:00Z\n",
		"words":             "Started At,Ended-At\n2026-04-02 10:00,2026-04-02 11:00\n",
		"another zone":      "start_time,END_TIME\n2026-04-02T12:00:00+02:00,2026-04-02T11:00:00Z\n",
		"semicolons":        "impact;resolved\n2026-04-02 10:00:00;2026-04-02 11:00:00\n",
		"byte order mark":   "\ufeffimpact,resolved\r\n2026-04-02 10:00,2026-04-02 11:00\r\n",
		"minutes":           "impact,duration_min\n2026-04-02 10:00,60\n",
		"minutes and times": "impact,resolved,minutes\n2026-04-02 10:00,2026-04-02 11:00,60\n",
	} {
		list, _, err := read(strings.NewReader(file), nil, noon)
		if err != nil || len(list) != 1 || list[0].Times.Resolved.Sub(list[0].Times.Impact) != time.Hour {
			t.Errorf("%s: %v, %v; want that %s", name, list, err, sameIncident)
		}
	}
}

func TestSeveritiesAreTolerant(t *testing.T) {
	for text, want := range map[string]uint8{"P1": 1, "p2": 2, "SEV3": 3, "sev-4": 4, "S2": 2, "5": 5, "": 0} {
		list, _, err := read(strings.NewReader("minutes,severity\n1,"+text+"\n"), nil, noon)
		if err != nil || uint8(list[0].Severity) != want {
			t.Errorf("%q: %v, %v; want %d", text, list, err, want)
		}
	}
}

func TestFileIsBounded(t *testing.T) {
	for name, file := range map[string]string{
		"too_large": strings.Repeat(" ", maxBytes+1),
		"too_many":  "minutes\n" + strings.Repeat("1\n", maxRows+1),
	} {
		_, _, err := read(strings.NewReader(file), nil, noon)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
	_, _, err := read(strings.NewReader("minutes\n"+strings.Repeat("x\n", 500)), nil, noon)
	if lines := strings.Count(err.Error(), "\n"); lines > maxProblems+2 {
		t.Errorf("%d lines of problems", lines)
	}
}

func TestHelpAndMissingFiles(t *testing.T) {
	r := mttr("", "-help")
	if r.status != exitDone || !strings.Contains(r.stdout, "# Exit status") {
		t.Errorf("-help: %+v", r)
	}
	if r := mttr("", "nowhere.csv"); r.status != exitInput || !strings.Contains(r.stderr, "nowhere.csv") {
		t.Errorf("no such file: %+v", r)
	}
}

// Whatever the file, the reader returns incidents or problems, each with a place.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"incidents.csv", "bad.csv"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(durations(1, 2))
	f.Add("minutes,period\n1e300,a\nNaN,b\n-1,b\n")
	f.Fuzz(func(t *testing.T, file string) {
		r := mttr(file, "-measure", "MTTR,MTTD", "-o", "json", "-")
		switch {
		case r.status == exitInput && (r.stderr == "" || r.stdout != ""):
			t.Errorf("bad input printed %q and %q", r.stderr, r.stdout)
		case r.status != exitInput && !strings.HasPrefix(r.stdout, "{"):
			t.Errorf("status %d printed %q", r.status, r.stdout)
		}
		mttr(file, "-split", "2026-04-01", "-")
	})
}
