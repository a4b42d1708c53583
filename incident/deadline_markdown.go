package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Markdown renders the policy as the document to publish: how a severity is
// judged and what is due when. The table of transitions is [TableMarkdown].
func (c *Compiled) Markdown() string {
	if c.matrix == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Incident policy: %s\n\n## Severity\n\n%s", c.policy.ID, c.matrix.Markdown())
	h := c.policy.Retriage
	fmt.Fprintf(&b, "\nWhere the severity follows measurements, it becomes worse at once, and milder after the impact was milder by a margin of %s for %s.\n", percentText(h.Margin), shortDuration(h.For))
	fmt.Fprintf(&b, "A major incident is %s or worse. It has a commander.\n", c.matrix.Name(c.policy.Major))
	c.targetsMarkdown(&b)
	c.cadencesMarkdown(&b)
	b.WriteString("\nA clock of a severity runs while the incident is at least as severe. The earliest to run out counts, and a breach is never taken back.\n")
	if d := &c.policy.Deadlines; d.counts(Business) {
		fmt.Fprintf(&b, "Business time is %s.\n", d.Hours)
	}
	return b.String()
}

func (c *Compiled) targetsMarkdown(b *strings.Builder) {
	b.WriteString("\n## What is due\n\n| Severity |")
	duties := []struct {
		duty Duty
		head string
	}{{DutyAcknowledge, "Acknowledged"}, {DutyTriage, "Triaged"}, {DutyMitigate, "Mitigated"}, {DutyResolve, "Resolved"}, {DutyCommander, "Commander"},
		{DutyPostmortem, "Postmortem"}, {DutyReview, "Review of runbooks and alerts"}, {DutyAction, "Actions"}}
	for _, d := range duties {
		fmt.Fprintf(b, " %s |", d.head)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(duties)) + "\n")
	for i, name := range c.matrix.Scale() {
		fmt.Fprintf(b, "| %s |", cell(name))
		for _, d := range duties {
			text := "never"
			if t := c.due.target(d.duty, sre.Severity(i+1)); t != nil && (d.duty != DutyReview || sre.Severity(i+1) <= c.policy.ReviewFrom) {
				text = t.String()
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

func (c *Compiled) cadencesMarkdown(b *strings.Builder) {
	b.WriteString("\n## Updates\n\nEach one says when the next comes, which then binds.\n\n| Severity |")
	audiences := []string{"Internal", "Public", "Executives"}
	for _, a := range audiences {
		fmt.Fprintf(b, " %s |", a)
	}
	b.WriteString("\n|---|---|---|---|\n")
	for i, name := range c.matrix.Scale() {
		fmt.Fprintf(b, "| %s |", cell(name))
		for _, list := range c.due.cadences {
			text := "never"
			if i < len(list) && list[i].Every > 0 {
				text = list[i].String()
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// String returns how long it takes, in which time.
func (t Target) String() string {
	text := shortDuration(t.For)
	switch {
	case t.For == 0:
		return "never"
	case t.Time == Business:
		text += " of business time"
	case t.Time == OnCallTime:
		text += " of on-call time"
	}
	if t.Pause {
		text += ", not while mitigated"
	}
	if t.Escalate != "" {
		text += ", else " + t.Escalate
	}
	return text
}

// String returns when an audience is told.
func (c Cadence) String() string {
	if c.Every == 0 {
		return "never"
	}
	parts := []string{"every " + Target{For: c.Every, Time: c.Time, Escalate: c.Escalate}.String()}
	if c.First != c.Every || c.Second != c.Every {
		parts = append([]string{"within " + shortDuration(c.First), shortDuration(c.Second) + " later"}, parts...)
	}
	if c.Long > 0 && c.Later != c.Every {
		parts = append(parts, fmt.Sprintf("after %s every %s", shortDuration(c.Long), shortDuration(c.Later)))
	}
	if c.Final != c.Every {
		parts = append(parts, fmt.Sprintf("%s after the resolution", shortDuration(c.Final)))
	}
	return strings.Join(parts, ", ")
}

// counts reports whether that time counts anywhere.
func (d *Deadlines) counts(b Basis) bool {
	for _, list := range []Targets{d.Acknowledge, d.Triage, d.Mitigate, d.Resolve, d.Commander, d.Postmortem, d.Review, d.Actions} {
		if slices.ContainsFunc(list, func(t Target) bool { return t.For > 0 && t.Time == b }) {
			return true
		}
	}
	for _, list := range []Cadences{d.Internal, d.Public, d.Executives} {
		if slices.ContainsFunc(list, func(c Cadence) bool { return c.Every > 0 && c.Time == b }) {
			return true
		}
	}
	return false
}

// String returns the hours.
func (h Hours) String() string {
	h = h.filled()
	days := make([]string, len(h.Weekdays))
	for i, d := range h.Weekdays {
		days[i] = d.String()
	}
	text := fmt.Sprintf("%s to %s, %s, on %s", h.From, h.To, h.Zone, strings.Join(days, ", "))
	if n := len(h.Holidays); n > 0 {
		text += fmt.Sprintf(", less %d holidays", n)
	}
	return text
}

// shortDuration prints whole weeks and days as such and leaves out zero minutes
// and seconds.
func shortDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > 0 && d%(7*day) == 0:
		return fmt.Sprintf("%dw", d/(7*day))
	case d > day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
