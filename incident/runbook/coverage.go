package runbook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Facts are what a [Coverage] is made of.
type Facts struct {
	Alerts []Alert

	// Used and Reviewed say when runbooks were last used and reviewed, by ID, as
	// the record of incidents has it, see [ReviewsOf]. The later of this and
	// what stands in the runbook counts.
	Used, Reviewed map[string]time.Time
}

// An Alert is a rule that can fire.
type Alert struct {
	Name   string     // the label alertname, unless Labels have one
	Labels sre.Labels // that it has when it fires

	// Runbook is what the rule itself names, an ID or URL, such as the
	// annotation runbook_url. A URL is taken at its word; an ID must be in the
	// library.
	Runbook string
}

func (a Alert) labels() sre.Labels {
	if a.Name == "" || a.Labels.Get("alertname") != "" {
		return a.Labels
	}
	m := a.Labels.Map()
	m["alertname"] = a.Name
	l, err := sre.ParseLabels(m)
	if err != nil {
		return a.Labels
	}
	return l
}

// A Coverage says which alerts and runbooks need care. Lists are sorted.
type Coverage struct {
	Alerts, Runbooks int // how many there are

	Uncovered []Alert  // no runbook matches, and the rule names none
	Dangling  []Alert  // the rule names one that is not in the library
	Unmatched []string // runbooks that are for none of the alerts
	NeverUsed []string
	Stale     []Stale
}

// A Stale runbook was not reviewed in time.
type Stale struct {
	Runbook string
	Owner   string
	Code    string    // never_reviewed, review_due or reviewed_in_future
	Due     time.Time // when it was to be reviewed; zero if it never was
}

// Cover compares a library with the alerts that there are, at now. A runbook is
// stale from its last review plus its interval on; a date of review that is still
// to come says nothing, and counts as stale too.
func (c *Compiled) Cover(f Facts, now time.Time) Coverage {
	out := Coverage{Alerts: len(f.Alerts), Runbooks: len(c.entries)}
	matched, byURL := map[string]bool{}, map[string][]string{}
	for _, e := range c.entries {
		byURL[e.runbook.URL] = append(byURL[e.runbook.URL], e.ID())
	}
	for _, a := range f.Alerts {
		covered := false
		for _, m := range c.Match(a.labels()) {
			matched[m.Runbook.ID()] = true
			covered = true
		}
		switch {
		case a.Runbook == "":
		case c.index[a.Runbook] != nil:
			matched[a.Runbook] = true
			covered = true
		case strings.Contains(a.Runbook, "://"):
			covered = true
			page, _, _ := strings.Cut(a.Runbook, "#")
			for _, id := range byURL[page] {
				matched[id] = true
			}
		default:
			out.Dangling = append(out.Dangling, a)
		}
		if !covered {
			out.Uncovered = append(out.Uncovered, a)
		}
	}
	for _, e := range c.entries {
		r := e.runbook
		if !matched[r.ID] {
			out.Unmatched = append(out.Unmatched, r.ID)
		}
		if later(r.LastUsed, f.Used[r.ID]).IsZero() {
			out.NeverUsed = append(out.NeverUsed, r.ID)
		}
		if s, ok := r.stale(later(r.LastReviewed, f.Reviewed[r.ID]), now); ok {
			out.Stale = append(out.Stale, s)
		}
	}
	for _, list := range [][]Alert{out.Uncovered, out.Dangling} {
		slices.SortStableFunc(list, func(a, b Alert) int {
			return cmp.Or(strings.Compare(a.name(), b.name()), strings.Compare(a.Labels.String(), b.Labels.String()), strings.Compare(a.Runbook, b.Runbook))
		})
	}
	return out
}

func (a Alert) name() string { return cmp.Or(a.Labels.Get("alertname"), a.Name) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (r Runbook) stale(reviewed, now time.Time) (Stale, bool) {
	s := Stale{Runbook: r.ID, Owner: r.Owner}
	switch {
	case reviewed.IsZero():
		s.Code = "never_reviewed"
	case reviewed.After(now):
		s.Code, s.Due = "reviewed_in_future", now
	case !now.Before(reviewed.Add(r.ReviewEvery)):
		s.Code, s.Due = "review_due", reviewed.Add(r.ReviewEvery)
	default:
		return Stale{}, false
	}
	return s, true
}

// OK reports whether nothing needs care. Runbooks that were never used are no
// fault.
func (c Coverage) OK() bool {
	return len(c.Uncovered)+len(c.Dangling)+len(c.Unmatched)+len(c.Stale) == 0
}

// Markdown renders the coverage as a report.
func (c Coverage) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Runbooks\n\n%d of %d alerts have a runbook; %d of %d runbooks were reviewed in time.\n",
		c.Alerts-len(c.Uncovered), c.Alerts, c.Runbooks-len(c.Stale), c.Runbooks)
	list := func(title string, items []string) {
		if len(items) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n- %s\n", title, strings.Join(items, "\n- "))
		}
	}
	alerts := func(alerts []Alert, after func(Alert) string) (items []string) {
		for _, a := range alerts {
			items = append(items, escape(a.name())+" "+escape(a.Labels.String())+after(a))
		}
		return items
	}
	list("Alerts without a runbook", alerts(c.Uncovered, func(Alert) string { return "" }))
	list("Alerts that name a runbook that does not exist", alerts(c.Dangling, func(a Alert) string { return ": " + escape(a.Runbook) }))
	var stale []string
	for _, s := range c.Stale {
		text := s.Runbook + ": " + strings.ReplaceAll(s.Code, "_", " ")
		if s.Code == "review_due" {
			text += " since " + s.Due.UTC().Format(time.DateOnly)
		}
		if s.Owner != "" {
			text += ", owner " + s.Owner
		}
		stale = append(stale, text)
	}
	list("To be reviewed", stale)
	list("For none of the alerts", c.Unmatched)
	list("Never used", c.NeverUsed)
	return b.String()
}

// A Finding is advice about a runbook that is valid.
type Finding struct {
	Runbook string
	sre.Reason
}

// Lint reviews what is written, whatever the alerts and the time. The findings
// are in the order of the runbooks' IDs. Codes:
//
//   - no_owner: nobody keeps it right
//   - no_match: it is found for no alert
//   - no_steps: there are none below a heading "Steps"
//   - broken_anchor: it links to a section that it does not have
func (c *Compiled) Lint() []Finding {
	var found []Finding
	for _, e := range c.entries {
		add := func(code, text string, values ...sre.Value) {
			found = append(found, Finding{e.ID(), sre.Reason{Code: code, Text: text, Values: values}})
		}
		for _, anchor := range e.broken {
			add("broken_anchor", "it links to #"+anchor+", which it does not have", sre.Value{Name: "anchor", Text: anchor})
		}
		if len(e.runbook.Match) == 0 {
			add("no_match", "it is found for no alert: say for which labels it is")
		}
		if e.runbook.Owner == "" {
			add("no_owner", "nobody keeps it right: set the owner to a team")
		}
		if len(e.steps) == 0 {
			add("no_steps", `it has no steps below a heading "Steps"`)
		}
	}
	return found
}
