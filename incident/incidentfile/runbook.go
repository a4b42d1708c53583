package incidentfile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/runbook"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// Limits of runbooks.
const (
	MaxRunbookBytes = runbook.MaxBody + 64<<10 // of one file
	MaxRunbookFiles = runbook.MaxRunbooks
	MaxTotalBytes   = 256 << 20 // of all files
)

// Runbooks are what a folder holds.
type Runbooks struct {
	Library runbook.Library
	Skipped []string // Markdown files without front matter, such as a README.md
}

// ReadRunbooks reads every file whose name ends in .md, in all folders but those
// whose names begin with a dot. A file that begins with front matter is a
// runbook; its ID is by default its path without .md. The library that it
// returns compiles. The error carries every [sre.Problem] of all files, or is
// that of the file system.
func ReadRunbooks(fsys fs.FS) (Runbooks, error) {
	var (
		out      Runbooks
		problems sre.Problems
		nodes    = map[string]yamlfile.Node{} // by the path of a problem of the library
		total    int
	)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md":
			return nil
		case !d.Type().IsRegular():
			out.Skipped = append(out.Skipped, name)
			return nil
		case len(out.Library.Runbooks)+len(out.Skipped) == MaxRunbookFiles:
			return tooMany("at most %d files", MaxRunbookFiles)
		}
		data, err := readFile(fsys, name)
		if err != nil {
			return err
		}
		if total += len(data); total > MaxTotalBytes {
			return tooMany("at most %d bytes in all", MaxTotalBytes)
		}
		f, err := parse(data, name)
		switch {
		case err != nil && len(sre.ProblemsIn(err)) == 0:
			return err
		case err != nil:
			problems.Merge("", err)
		case !f.found:
			out.Skipped = append(out.Skipped, name)
		default:
			at := fmt.Sprintf("runbooks[%d]", len(out.Library.Runbooks))
			for field, n := range f.places {
				nodes[sre.JoinPath(at, field)] = n.Into(&problems)
			}
			out.Library.Runbooks = append(out.Library.Runbooks, f.runbook)
		}
		return nil
	})
	if err != nil {
		if len(sre.ProblemsIn(err)) > 0 {
			return Runbooks{}, err
		}
		return Runbooks{}, fmt.Errorf("incidentfile: reading runbooks: %w", err)
	}
	if _, err := out.Library.Compile(); err != nil {
		report(err, nodes, &problems)
	}
	if err := problems.Err("incidentfile"); err != nil {
		return Runbooks{}, err
	}
	return out, nil
}

func tooMany(want string, limit int) error {
	var p sre.Problems
	p.Add("", "too_many", nil, fmt.Sprintf(want, limit))
	return p.Err("incidentfile")
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxRunbookBytes+1))
}

// ReadRunbook reads one runbook; name is the file's, for messages and, without
// .md, its ID unless the front matter has one. The runbook that it returns
// compiles. The error carries every [sre.Problem].
func ReadRunbook(r io.Reader, name string) (runbook.Runbook, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxRunbookBytes+1))
	if err != nil {
		return runbook.Runbook{}, fmt.Errorf("incidentfile: reading %s: %w", name, err)
	}
	f, err := parse(data, name)
	if err != nil {
		return runbook.Runbook{}, err
	}
	var problems sre.Problems
	if !f.found {
		problems.Add(name+":1", "missing", nil, `front matter: a line "---", YAML, and a line "---"`)
		return runbook.Runbook{}, problems.Err("incidentfile")
	}
	if _, err := (runbook.Library{Runbooks: []runbook.Runbook{f.runbook}}).Compile(); err != nil {
		nodes := map[string]yamlfile.Node{}
		for field, n := range f.places {
			nodes[sre.JoinPath("runbooks[0]", field)] = n.Into(&problems)
		}
		report(err, nodes, &problems)
		return runbook.Runbook{}, problems.Err("incidentfile")
	}
	return f.runbook, nil
}

// report records what Compile found, each at the place in its file.
func report(err error, nodes map[string]yamlfile.Node, into *sre.Problems) {
	for _, p := range sre.ProblemsIn(err) {
		at := p.Path
		for at != "" {
			if _, ok := nodes[at]; ok {
				break
			}
			at = at[:max(strings.LastIndexAny(at, ".["), 0)]
		}
		n, ok := nodes[at]
		if !ok {
			into.Merge("", p)
			continue
		}
		var value any
		if p.Value != "" {
			value = p.Value
		}
		n.Add(p.Code, value, p.Want)
	}
}

// file is one runbook as it is read.
type file struct {
	runbook  runbook.Runbook
	found    bool                     // there is front matter
	places   map[string]yamlfile.Node // where the fields stand
	problems sre.Problems
}

func parse(data []byte, name string) (*file, error) {
	f := &file{places: map[string]yamlfile.Node{}}
	fail := func(path, code string, want string) (*file, error) {
		f.problems.Add(path, code, nil, want)
		return nil, f.problems.Err("incidentfile")
	}
	if len(data) > MaxRunbookBytes {
		return fail(name, "too_large", fmt.Sprintf("at most %d bytes", MaxRunbookBytes))
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	front, body, line, state := split(string(data))
	switch state {
	case noFront:
		return f, nil
	case openFront:
		return fail(name+":1", "unclosed", `a line "---" after the front matter`)
	}
	f.found = true
	// A comment stands for the line that opens, so that lines count.
	docs, err := yamlfile.Parse(strings.NewReader("#\n"+front), yamlfile.Options{Name: name, Prefix: "incidentfile"})
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return fail(name+":1", "missing", "front matter with at least one field, such as match")
	}
	f.read(docs[0].Node(&f.problems))
	if err := f.problems.Err("incidentfile"); err != nil {
		return nil, err
	}
	r := &f.runbook
	if !f.places["id"].Exists() {
		r.ID = strings.TrimSuffix(name, ".md")
	}
	r.Body, r.Source, r.Line = body, name, line
	return f, nil
}

type front uint8

const (
	noFront front = iota
	openFront
	closedFront
)

// split returns the front matter, the rest, and the line at which that begins.
func split(text string) (matter, body string, line int, state front) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, " \t\r") != "---" {
		return "", text, 1, noFront
	}
	var b strings.Builder
	for line = 2; rest != ""; line++ {
		var l string
		l, rest, _ = strings.Cut(rest, "\n")
		if end := strings.TrimRight(l, " \t\r"); end == "---" || end == "..." {
			return b.String(), rest, line + 1, closedFront
		}
		b.WriteString(l + "\n")
	}
	return "", text, 1, openFront
}

func (f *file) read(root yamlfile.Node) {
	f.places[""] = root
	m := root.Map()
	at := func(name string) yamlfile.Node {
		n := m.Optional(name)
		if n.Exists() {
			f.places[name] = n
		}
		return n
	}
	r := &f.runbook
	r.ID = at("id").Text()
	r.Title = at("title").Text()
	r.Owner = at("owner").Text()
	r.URL = at("url").Text()
	r.LastReviewed = yamlfile.Value(at("last_reviewed"), day)
	r.LastUsed = yamlfile.Value(at("last_used"), day)
	if n := at("review_every"); n.Exists() {
		if r.ReviewEvery = n.Duration(); r.ReviewEvery == 0 {
			if text, ok := n.Peek(); ok && strings.Trim(text, "0smhdw") == "" {
				n.Add("out_of_range", text, "a positive duration, such as 90d")
			}
		}
	}
	match := at("match")
	items := match.List
	if _, one := match.Peek(); one {
		items = func() []yamlfile.Node { return []yamlfile.Node{match} }
	}
	for i, n := range items() {
		if !n.Exists() {
			n.Add("missing", nil, `matchers, such as alertname="DBDown"`)
			continue
		}
		f.places[fmt.Sprintf("match[%d]", i)] = n
		r.Match = append(r.Match, yamlfile.Value(n, runbook.ParseMatchers))
	}
	if vars := at("variables"); vars.Exists() {
		r.Variables = map[string]string{}
		for name, n := range vars.Map().All() {
			f.places["variables."+name] = n
			r.Variables[name] = n.Text()
		}
	}
	m.Done()
}

// day reads a date, which is its midnight in UTC, or an instant.
func day(text string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, sre.NewProblem("", "invalid_date", text, "a date such as 2026-01-31 or an RFC 3339 instant")
}
