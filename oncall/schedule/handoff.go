package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// HandoffFacts is what the people who come must know. The caller gathers it,
// because it lies in other systems.
type HandoffFacts struct {
	Pages     []OpenPage
	Incidents []OpenIncident
	Freezes   []Freeze
	Changes   []RecentChange
	Risks     []Risk
	Notes     []string // of the people who go
}

// An OpenPage is an alert that is not resolved.
type OpenPage struct {
	ID, Title string
	Severity  sre.Severity
	Since     time.Time
	AckedBy   string // "" if nobody has
	Link      string
}

// An OpenIncident is an incident that goes on.
type OpenIncident struct {
	ID, Title string
	Severity  sre.Severity
	Since     time.Time
	Commander string
	Link      string
}

// A Freeze is a time in which changes are held back.
type Freeze struct {
	ID, Title  string
	Start, End time.Time
}

// A RecentChange is a change that may still cause trouble.
type RecentChange struct {
	ID, Title string
	Service   string
	By        string
	At        time.Time
	Link      string
}

// A Risk is something that is going to happen, such as a launch or a certificate
// that runs out.
type Risk struct {
	Title string
	At    time.Time // zero: at no known time
	Link  string
}

// A HandoffReport is the facts of a handoff. Its lists are sorted: by severity,
// then by time.
type HandoffReport struct {
	Schedule string
	At       time.Time
	Goes     []Shift // shifts that end at the handoff, as they were
	Comes    []Shift // shifts that begin with it
	Stays    []Shift
	Missing  []oncall.Role // roles that somebody had and nobody has now
	Facts    HandoffFacts
}

// HandoffReport makes the report of the handoff at an instant. If nobody's shift
// begins or ends there, it is that of the people who stay: a report in the midst
// of a shift.
func (c *Compiled) HandoffReport(at time.Time, facts HandoffFacts) HandoffReport {
	at = at.In(c.location()).Truncate(time.Second)
	r := HandoffReport{Schedule: c.spec.ID, At: at, Facts: facts.sorted()}
	before, now := slices.Collect(c.At(at.Add(-time.Second)).All()), slices.Collect(c.At(at).All())
	has := func(list []Shift, s Shift) bool {
		return slices.ContainsFunc(list, func(o Shift) bool { return o.Person == s.Person && o.Role == s.Role })
	}
	for _, s := range before {
		if !has(now, s) {
			r.Goes = append(r.Goes, s)
		}
		if !slices.ContainsFunc(now, func(o Shift) bool { return o.Role == s.Role }) && !slices.Contains(r.Missing, s.Role) {
			r.Missing = append(r.Missing, s.Role)
		}
	}
	for _, s := range now {
		s = c.whole(s)
		if has(before, s) {
			r.Stays = append(r.Stays, s)
		} else {
			r.Comes = append(r.Comes, s)
		}
	}
	return r
}

func (f HandoffFacts) sorted() HandoffFacts {
	f.Pages, f.Incidents, f.Freezes = slices.Clone(f.Pages), slices.Clone(f.Incidents), slices.Clone(f.Freezes)
	f.Changes, f.Risks, f.Notes = slices.Clone(f.Changes), slices.Clone(f.Risks), slices.Clone(f.Notes)
	slices.SortStableFunc(f.Pages, func(a, b OpenPage) int {
		return cmp.Or(cmp.Compare(a.Severity.Effective(), b.Severity.Effective()), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(f.Incidents, func(a, b OpenIncident) int {
		return cmp.Or(cmp.Compare(a.Severity.Effective(), b.Severity.Effective()), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(f.Freezes, func(a, b Freeze) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	slices.SortStableFunc(f.Changes, func(a, b RecentChange) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	slices.SortStableFunc(f.Risks, func(a, b Risk) int { return a.At.Compare(b.At) })
	return f
}

// Markdown renders the report. Text of the facts is escaped.
func (r HandoffReport) Markdown() string {
	var b strings.Builder
	loc := r.At.Location()
	fmt.Fprintf(&b, "# Handoff of %s, %s\n\n", markdown(r.Schedule), short(r.At))
	people := func(what string, list []Shift, more func(Shift) string) {
		for _, s := range list {
			fmt.Fprintf(&b, "- %s: %s, %s%s\n", what, markdown(s.Person), s.Role, more(s))
		}
	}
	people("Goes", r.Goes, func(Shift) string { return "" })
	until := func(s Shift) string {
		if s.EndsAfter {
			return ""
		}
		return ", until " + short(s.End)
	}
	people("Comes", r.Comes, until)
	people("Stays", r.Stays, until)
	for _, role := range r.Missing {
		fmt.Fprintf(&b, "- **Nobody is %s from now on**\n", role)
	}
	if len(r.Goes)+len(r.Comes)+len(r.Stays) == 0 {
		b.WriteString("- **Nobody is on call**\n")
	}
	section := func(title string, lines []string) {
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		if len(lines) == 0 {
			b.WriteString("None.\n")
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	f := r.Facts
	section("Open incidents", lines(f.Incidents, func(i OpenIncident) string {
		return fmt.Sprintf("%s %s, %s, since %s%s", i.Severity, named(i.ID, i.Link), markdown(i.Title), short(i.Since.In(loc)), optional(", commander ", i.Commander))
	}))
	section("Open pages", lines(f.Pages, func(p OpenPage) string {
		acked := optional(", acknowledged by ", p.AckedBy)
		if p.AckedBy == "" {
			acked = ", **not acknowledged**"
		}
		return fmt.Sprintf("%s %s, %s, since %s%s", p.Severity, named(p.ID, p.Link), markdown(p.Title), short(p.Since.In(loc)), acked)
	}))
	section("Freezes", lines(f.Freezes, func(z Freeze) string {
		return fmt.Sprintf("%s, %s, %s to %s", markdown(z.ID), markdown(z.Title), short(z.Start.In(loc)), short(z.End.In(loc)))
	}))
	section("Recent changes", lines(f.Changes, func(x RecentChange) string {
		return fmt.Sprintf("%s, %s%s%s, %s", named(x.ID, x.Link), markdown(x.Title), optional(" to ", x.Service), optional(" by ", x.By), short(x.At.In(loc)))
	}))
	section("Next risks", lines(f.Risks, func(x Risk) string {
		if x.At.IsZero() {
			return named(x.Title, x.Link)
		}
		return named(x.Title, x.Link) + ", " + short(x.At.In(loc))
	}))
	if len(f.Notes) > 0 {
		section("Notes", lines(f.Notes, markdown))
	}
	return b.String()
}

func lines[T any](list []T, line func(T) string) (out []string) {
	for _, v := range list {
		out = append(out, line(v))
	}
	return out
}

func optional(before, text string) string {
	if text == "" {
		return ""
	}
	return before + markdown(text)
}

// named links the text if there is a link that a browser may follow.
func named(text, link string) string {
	if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") {
		return markdown(text)
	}
	link = strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "\n", "", "\r", "").Replace(link)
	return fmt.Sprintf("[%s](%s)", markdown(text), link)
}

// markdown escapes what would be markup, and makes one line of it.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		if strings.ContainsRune("\\`*_{}[]<>#|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
