package incidentfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/incidentfile"
	"github.com/sre-sdk/sre/incident/runbook"
)

const full = `---
id: db-failover
title: Fail over the database
owner: team-data
match:
  - alertname="DBDown", severity=~"critical|page"
  - '{service="db"}'
last_reviewed: 2026-01-31
last_used: 2026-05-02T12:00:00+02:00
review_every: 90d
url: https://example.com/runbooks/db
variables:
  region: eu-west-1
---
# Fail over

## Steps

1. Promote in {{region}} of {{cluster}}.
`

func ExampleReadRunbooks() {
	folder := fstest.MapFS{ // such as os.DirFS("runbooks")
		"db/failover.md": {Data: []byte("---\nowner: team-data\nmatch: service=\"db\"\n---\n# Fail over\n\n## Steps\n\n1. Promote the standby.\n")},
		"README.md":      {Data: []byte("# How to write runbooks\n")},
	}
	found, err := incidentfile.ReadRunbooks(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	books, err := found.Library.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for book := range books.All() {
		fmt.Println(book.ID(), "of", book.Runbook().Owner, "has", len(book.Steps()), "step")
	}
	fmt.Println("no runbooks:", found.Skipped)
	// Output:
	// db/failover of team-data has 1 step
	// no runbooks: [README.md]
}

func TestEveryFieldIsRead(t *testing.T) {
	for name, text := range map[string]string{"as it is": full, "with lines of Windows": strings.ReplaceAll(full, "\n", "\r\n"), "with a mark": "\uFEFF" + full} {
		got, err := incidentfile.ReadRunbook(strings.NewReader(text), "db.md")
		if err != nil {
			t.Fatal(name, err)
		}
		want := runbook.Runbook{
			ID: "db-failover", Title: "Fail over the database", Owner: "team-data",
			Match:        []runbook.Matchers{runbook.MustMatchers(`alertname="DBDown", severity=~"critical|page"`), runbook.MustMatchers(`service="db"`)},
			LastReviewed: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), LastUsed: time.Date(2026, 5, 2, 10, 0, 0, 0, time.UTC),
			ReviewEvery: 90 * 24 * time.Hour, URL: "https://example.com/runbooks/db", Variables: map[string]string{"region": "eu-west-1"},
			Body: "# Fail over\n\n## Steps\n\n1. Promote in {{region}} of {{cluster}}.\n", Source: "db.md", Line: 15,
		}
		got.Body = strings.ReplaceAll(got.Body, "\r\n", "\n")
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b runbook.Matchers) bool { return a.String() == b.String() })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		compiled, err := runbook.Library{Runbooks: []runbook.Runbook{got}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		book, _ := compiled.Get("db-failover")
		if _, problems := book.Markdown(sre.Labels{}); len(problems) != 1 || problems[0].Path != "db.md:19" {
			t.Errorf("%s: %v, want the unknown variable at line 19", name, problems)
		}
	}
}

func TestProblemsNameFileAndLine(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string // path and code
	}{
		{"nothing", "", []string{"r.md:1 missing"}},
		{"no front matter", "# x\n---\n", []string{"r.md:1 missing"}},
		{"empty front matter", "---\n---\n", []string{"r.md:1 missing"}},
		{"front matter without an end", "---\nowner: a\n", []string{"r.md:1 unclosed"}},
		{"no YAML", "---\nowner: [\n---\n", []string{"r.md:2 invalid_yaml"}},
		{"an unknown field", "---\nowners: a\n---\n", []string{"r.md:2: owners unknown_field"}},
		{"values that are none", "---\nmatch:\n- a==b\n-\n- 'a=~\"(\"'\nlast_reviewed: soon\nreview_every: often\nvariables: [a]\n---\n",
			[]string{"r.md:6: last_reviewed invalid_date", "r.md:7: review_every invalid_duration", "r.md:3: match[0] invalid_matcher", "r.md:4: match[1] missing", "r.md:5: match[2] invalid_regexp", "r.md:8: variables wrong_type"}},
		{"never to be reviewed", "---\nreview_every: 0d\n---\n", []string{"r.md:2: review_every out_of_range"}},
		{"what Compile finds, where it stands", "---\nid: a b\nowner: x y\nmatch:\n- a=b\n- a!=b\nurl: ftp://x\nvariables:\n  1x: y\n---\n",
			[]string{"r.md:2: id invalid_id", "r.md:3: owner invalid_id", "r.md:7: url invalid_url", "r.md:6: match[1] matches_everything", "r.md:8: variables invalid_name"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := incidentfile.ReadRunbook(strings.NewReader(row.text), "r.md")
			var got []string
			for _, p := range sre.ProblemsIn(err) {
				got = append(got, p.Path+" "+p.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestFolder(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	got, err := incidentfile.ReadRunbooks(fstest.MapFS{
		"a.md": file("---\nowner: x\n---\n"), "deep/er/b.md": file("---\nid: b\n---\n"), "notes.md": file("no"), "x.txt": file("---\nid: [\n"), ".git/c.md": file("---\nid: [\n"),
		"link.md": {Data: []byte("---\n---\n"), Mode: fs.ModeSymlink},
	})
	var ids []string
	for _, r := range got.Library.Runbooks {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"link.md", "notes.md"}}, [][]string{ids, got.Skipped}); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	_, err = incidentfile.ReadRunbooks(fstest.MapFS{
		"a.md": file("---\nowner: x y\n---\n"), "b.md": file("---\nid: a\nnope: 1\n---\n"), "c.md": file("---\nid: a\n---\n"), "with space.md": file("---\nowner: x\n---\n"),
		"large.md": file(strings.Repeat("x", incidentfile.MaxRunbookBytes+1)),
	})
	var problems []string
	for _, p := range sre.ProblemsIn(err) {
		problems = append(problems, p.Path+" "+p.Code)
	}
	want := []string{"b.md:3: nope unknown_field", "large.md too_large", "a.md:2: owner invalid_id", "c.md:2: id duplicate_id", "with space.md:2 invalid_id"}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestFileSystemThatFailsIsNoProblem(t *testing.T) {
	if _, err := incidentfile.ReadRunbooks(fstest.MapFS{}); err != nil {
		t.Error("an empty folder:", err)
	}
	broken := errors.New("broken")
	if _, err := incidentfile.ReadRunbook(iotest.ErrReader(broken), "r.md"); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := incidentfile.ReadRunbooks(brokenFS{}); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

type brokenFS struct{}

func (brokenFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func FuzzReadRunbook(f *testing.F) {
	f.Add(full)
	f.Add("---\nmatch: a=b\n...\nSteps\n===\n- [ ] x")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := incidentfile.ReadRunbook(strings.NewReader(text), "r.md")
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Error("an error without a problem", err)
			}
			return
		}
		if _, err := (runbook.Library{Runbooks: []runbook.Runbook{r}}).Compile(); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
		if !strings.HasSuffix(text, r.Body) || strings.Count(text[:len(text)-len(r.Body)], "\n") != r.Line-1 && r.Body != "" {
			t.Errorf("the body does not begin at line %d", r.Line)
		}
	})
}
