package runbook

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
)

// Compiled is a checked library. It is immutable and safe for concurrent use.
type Compiled struct {
	entries []*Entry // sorted by ID
	index   map[string]*Entry
}

// An Entry is one runbook of a library.
type Entry struct {
	runbook  Runbook
	sections []Section
	steps    []Step
	names    []string // of variables
	broken   []string // anchors that lead nowhere
}

// Compile checks the library and returns the form that everything else takes.
// The error carries every [sre.Problem] at once.
func (l Library) Compile() (*Compiled, error) {
	var p sre.Problems
	if len(l.Runbooks) > MaxRunbooks {
		p.Add("runbooks", "too_many", len(l.Runbooks), fmt.Sprintf("at most %d", MaxRunbooks))
		return nil, p.Err("runbook")
	}
	if l.ReviewEvery < 0 {
		p.Add("review_every", "out_of_range", l.ReviewEvery, "a positive duration")
	}
	every := cmp.Or(l.ReviewEvery, DefaultReviewEvery)
	out := &Compiled{index: map[string]*Entry{}}
	for i, r := range l.Runbooks {
		path := fmt.Sprintf("runbooks[%d]", i)
		if out.index[r.ID] != nil {
			p.Add(path+".id", "duplicate_id", r.ID, "an ID of its own")
		}
		r.check(path, &p)
		r.ReviewEvery = cmp.Or(r.ReviewEvery, every)
		e := r.entry()
		if len(e.steps) > MaxSteps || len(e.sections) > MaxSections {
			p.Add(path+".body", "too_many", len(e.steps)+len(e.sections), fmt.Sprintf("at most %d steps and %d headings", MaxSteps, MaxSections))
		}
		out.index[r.ID] = e
		out.entries = append(out.entries, e)
	}
	if err := p.Err("runbook"); err != nil {
		return nil, err
	}
	slices.SortFunc(out.entries, func(a, b *Entry) int { return strings.Compare(a.runbook.ID, b.runbook.ID) })
	return out, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (r Runbook) check(path string, p *sre.Problems) {
	at := func(name string) string { return path + "." + name }
	p.CheckID(at("id"), r.ID)
	if r.Owner != "" {
		p.CheckID(at("owner"), r.Owner)
	}
	if len(r.Title) > MaxText {
		p.Add(at("title"), "too_long", len(r.Title), fmt.Sprintf("at most %d bytes", MaxText))
	}
	if len(r.Body) > MaxBody {
		p.Add(at("body"), "too_long", len(r.Body), fmt.Sprintf("at most %d bytes", MaxBody))
	}
	if r.ReviewEvery < 0 {
		p.Add(at("review_every"), "out_of_range", r.ReviewEvery, "a positive duration")
	}
	if r.URL != "" {
		if u, err := url.Parse(r.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || len(r.URL) > MaxText {
			p.Add(at("url"), "invalid_url", r.URL, "a URL (http or https) without a fragment")
		}
	}
	if len(r.Match) > MaxMatch {
		p.Add(at("match"), "too_many", len(r.Match), fmt.Sprintf("at most %d", MaxMatch))
	}
	for i, m := range r.Match {
		switch {
		case m.Len() == 0:
			p.Add(fmt.Sprintf("%s[%d]", at("match"), i), "missing", nil, "at least one matcher")
		case m.Matches(sre.Labels{}):
			p.Add(fmt.Sprintf("%s[%d]", at("match"), i), "matches_everything", m, "a matcher that an alert without labels does not meet")
		}
	}
	if len(r.Variables) > MaxVariables {
		p.Add(at("variables"), "too_many", len(r.Variables), fmt.Sprintf("at most %d", MaxVariables))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		if !variableName.MatchString(name) {
			p.Add(at("variables"), "invalid_name", name, "letters, digits and _, no digit first")
		}
		if len(r.Variables[name]) > maxValue {
			p.Add(at("variables."+name), "too_long", len(r.Variables[name]), fmt.Sprintf("at most %d bytes", maxValue))
		}
	}
}

// entry takes the text apart.
func (r Runbook) entry() *Entry {
	r.Match, r.Variables = slices.Clone(r.Match), maps.Clone(r.Variables)
	r.Line = max(r.Line, 1)
	if len(r.Body) > MaxBody {
		r.Body = "" // refused
	}
	lines := scan(r.Body)
	e := &Entry{sections: sectionsOf(lines, r.Line)}
	e.steps = stepsOf(lines, e.sections, r.Line)
	if r.Title == "" && len(e.sections) > 0 && len(e.sections[0].Title) <= MaxText {
		r.Title = e.sections[0].Title
	}
	r.Title = cmp.Or(r.Title, r.ID)
	e.runbook = r
	anchors := map[string]bool{}
	for _, s := range e.sections {
		anchors[s.Anchor] = true
	}
	names := map[string]bool{}
	for _, l := range lines {
		for _, m := range variableForm.FindAllStringSubmatch(l.text, -1) {
			if m[0][0] != '\\' {
				names[m[1]] = true
			}
		}
		for _, m := range anchorForm.FindAllStringSubmatch(l.text, -1) {
			if !l.code && !l.hidden && !anchors[m[1]] && !slices.Contains(e.broken, m[1]) {
				e.broken = append(e.broken, m[1])
			}
		}
	}
	e.names = slices.Sorted(maps.Keys(names))
	return e
}

// Len returns the number of runbooks.
func (c *Compiled) Len() int { return len(c.entries) }

// Get returns the runbook of that ID.
func (c *Compiled) Get(id string) (*Entry, bool) {
	e, ok := c.index[id]
	return e, ok
}

// All yields every runbook in the order of the IDs.
func (c *Compiled) All() iter.Seq[*Entry] { return slices.Values(c.entries) }

// Runbook returns the runbook as it was compiled, defaults filled in.
func (e *Entry) Runbook() Runbook {
	r := e.runbook
	r.Match, r.Variables = slices.Clone(r.Match), maps.Clone(r.Variables)
	return r
}

// ID returns the ID of the runbook.
func (e *Entry) ID() string { return e.runbook.ID }

// Sections returns the headings.
func (e *Entry) Sections() []Section { return slices.Clone(e.sections) }

// Steps returns the steps as they are written.
func (e *Entry) Steps() []Step { return slices.Clone(e.steps) }

// Variables returns the names of the variables in the text, sorted.
func (e *Entry) Variables() []string { return slices.Clone(e.names) }

// Link returns the link to a section, such as "https://.../db#steps"; to the
// whole runbook if anchor is empty. It is false if the runbook has no URL or no
// such section.
func (e *Entry) Link(anchor string) (string, bool) {
	switch {
	case e.runbook.URL == "":
		return "", false
	case anchor == "":
		return e.runbook.URL, true
	case !slices.ContainsFunc(e.sections, func(s Section) bool { return s.Anchor == anchor }):
		return "", false
	}
	return e.runbook.URL + "#" + url.PathEscape(anchor), true
}

// A Match is a runbook for an alert.
type Match struct {
	Runbook *Entry
	By      Matchers // those that hold; of several the longest list
}

// Match returns the runbooks for an alert with those labels: the more matchers
// hold at once the earlier, then by ID.
func (c *Compiled) Match(labels sre.Labels) []Match {
	var found []Match
	for _, e := range c.entries {
		if by := e.match(labels); by.Len() > 0 {
			found = append(found, Match{e, by})
		}
	}
	slices.SortStableFunc(found, func(a, b Match) int { return cmp.Compare(b.By.Len(), a.By.Len()) })
	return found
}

func (e *Entry) match(labels sre.Labels) (by Matchers) {
	for _, m := range e.runbook.Match {
		if m.Len() > by.Len() && m.Matches(labels) {
			by = m
		}
	}
	return by
}
