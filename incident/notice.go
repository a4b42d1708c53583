package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// MaxTemplate is the largest length of a template, in bytes.
const MaxTemplate = 4 << 10

// Templates by default. The public is told neither severities nor names that are
// used inside.
const (
	DefaultTemplate       = "{severity} {title}: {status}\n{text}\n{next}"
	DefaultPublicTemplate = "{title}\n{text}\n{next}"
)

// A Template is the form of an update: text with {title}, {text}, {severity},
// {status}, {id}, {at} and {next}. It has {text} and {next}, so that each update
// says what is known and when the next one comes. The zero value is that of the
// audience.
type Template struct {
	parts []string // text and, at odd indices, names
}

var templateNames = []string{"title", "text", "severity", "status", "id", "at", "next"}

// ParseTemplate reads a template, reporting every [sre.Problem]. There is no way
// to write a brace as such.
func ParseTemplate(text string) (Template, error) {
	var p sre.Problems
	if len(text) > MaxTemplate {
		p.Add("", "out_of_range", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d bytes", MaxTemplate))
		return Template{}, p.Err("incident")
	}
	var t Template
	rest := text
	for {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			p.Add("", "invalid_template", before, "a brace that was opened")
		}
		t.parts = append(t.parts, before)
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(templateNames, name) {
			p.Add("", "unknown_field", name, "one of "+strings.Join(templateNames, ", ")+", in braces")
		}
		t.parts = append(t.parts, name)
		rest = behind
	}
	for _, name := range []string{"text", "next"} {
		if !t.has(name) {
			p.Add("", "missing", nil, "{"+name+"}")
		}
	}
	if err := p.Err("incident"); err != nil {
		return Template{}, err
	}
	return t, nil
}

func (t Template) has(name string) bool {
	for i := 1; i < len(t.parts); i += 2 {
		if t.parts[i] == name {
			return true
		}
	}
	return false
}

// String returns the text that ParseTemplate reads.
func (t Template) String() string {
	var b strings.Builder
	for i, part := range t.parts {
		if i%2 == 1 {
			part = "{" + part + "}"
		}
		b.WriteString(part)
	}
	return b.String()
}

var defaultTemplates = func() (list [audienceEnd]Template) {
	for a := range audienceEnd {
		text := DefaultTemplate
		if a == Public {
			text = DefaultPublicTemplate
		}
		list[a], _ = ParseTemplate(text)
	}
	return list
}()

// Notice returns the text of an update at an instant, in the zone of that instant.
// It always says when the next one comes, or that none does. While the incident
// is live, an update without Next after the instant that is not Final is refused,
// as [Compiled.Handle] refuses it, and so is any to the public while it is
// restricted. A value in the text that looks like a field stays as it is.
func (c *Compiled) Notice(s *State, u Update, t Template, at time.Time) (string, error) {
	switch {
	case u.Audience >= audienceEnd:
		return "", refuse(RefusedInvalid, "a declared audience")
	case strings.TrimSpace(u.Text) == "":
		return "", refuse(RefusedInvalid, "a text")
	case s.Status.Live() && !u.Final && !u.Next.After(at):
		return "", refuse(RefusedInvalid, "Next to say when the next update comes, or Final")
	case s.Hidden && u.Audience == Public:
		return "", refuse(RefusedInvalid, "the incident to be open, since the public is not told of a restricted one")
	}
	if t.parts == nil {
		t = defaultTemplates[u.Audience]
	}
	next := "This is the final update."
	switch {
	case u.Final:
	case u.Next.After(at):
		next = "Next update by " + u.Next.In(at.Location()).Format("2006-01-02 15:04 MST") + "."
	default:
		next = "No further update is planned."
	}
	severity := s.Severity.String()
	if c.matrix != nil {
		severity = c.matrix.Name(s.Severity)
	}
	values := map[string]string{
		"title": s.Title, "text": u.Text, "severity": severity, "status": s.Status.String(), "id": s.ID,
		"at": at.Format("2006-01-02 15:04 MST"), "next": next,
	}
	var b strings.Builder
	for i, part := range t.parts {
		if i%2 == 1 {
			part = values[part]
		}
		b.WriteString(part)
	}
	return b.String(), nil
}
