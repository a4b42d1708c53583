package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Markdown describes the schedule as it is enforced: layers, who takes turns,
// when, and what is special. It is made of the compiled form.
func (c *Compiled) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# On call: %s\n\nTimes are those of %s. Of several layers of a role, %s.\n", markdown(c.spec.ID), c.location(), map[Compose]string{
		Union:    "all count together",
		Priority: "those of the highest priority that have somebody count",
		LastWins: "the last one that has somebody counts",
	}[c.spec.Compose])
	for i := range c.spec.Layers {
		c.layerMarkdown(&b, i)
	}
	section := func(title string, list []string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		for _, l := range list {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	span := func(from, to time.Time) string {
		return short(from.In(c.location())) + " to " + short(to.In(c.location()))
	}
	section("Temporary schedules", lines(c.spec.Temporary, func(t Temporary) string {
		return fmt.Sprintf("%s, %s: %d shifts, which alone count", markdown(t.ID), span(t.Start, t.End), len(t.Shifts))
	}))
	section("Swaps", lines(c.spec.Swaps, func(s Swap) string {
		if s.Benefactor == "" {
			return fmt.Sprintf("%s, %s: %s looks for somebody", markdown(s.ID), span(s.Start, s.End), markdown(s.Beneficiary))
		}
		return fmt.Sprintf("%s, %s: %s for %s", markdown(s.ID), span(s.Start, s.End), markdown(s.Benefactor), markdown(s.Beneficiary))
	}))
	section("Overrides", lines(c.spec.Overrides, func(o Override) string {
		return fmt.Sprintf("%s, %s: %s", markdown(o.ID), span(o.Start, o.End), o.what())
	}))
	section("Absences", lines(c.spec.Absences, func(a Absence) string {
		return fmt.Sprintf("%s, %s%s", markdown(a.Person), span(a.Start, a.End), optional(": ", a.Reason))
	}))
	return b.String()
}

func (o Override) what() string {
	switch {
	case o.Add == "" && o.Remove == "":
		return "cancels " + markdown(o.Supersedes)
	case o.Remove == "":
		return "also " + markdown(o.Add)
	case o.Add == "":
		return "not " + markdown(o.Remove)
	}
	return markdown(o.Add) + " for " + markdown(o.Remove)
}

func (c *Compiled) layerMarkdown(b *strings.Builder, i int) {
	l := &c.spec.Layers[i]
	fmt.Fprintf(b, "\n## Layer %s\n\n", markdown(l.Name))
	var roles []string
	if len(l.Positions) == 0 {
		roles = []string{l.Role.String()}
	}
	for _, p := range l.Positions {
		text := p.Role.String()
		if p.Offset > 0 {
			text += fmt.Sprintf(" (%d ahead)", p.Offset)
		}
		roles = append(roles, text)
	}
	fmt.Fprintf(b, "- Role: %s\n", strings.Join(roles, ", "))
	fmt.Fprintf(b, "- Members: %s\n", strings.Join(lines(l.Members, func(s Slot) string {
		if len(s) == 0 {
			return "nobody"
		}
		return strings.Join(lines(s, markdown), " and ")
	}), ", "))
	if l.Turn != (Turn{}) {
		fmt.Fprintf(b, "- Turns: %s, counted from %s in %s, by %s\n", l.Turn, l.Anchor, l.Zone, l.TurnsBy)
	}
	if c.spec.Compose == Priority {
		fmt.Fprintf(b, "- Priority: %d\n", l.Priority)
	}
	for _, r := range l.Restrict {
		fmt.Fprintf(b, "- Only: %s (%s)\n", markdown(r.String()), l.Zone)
	}
	if !l.From.IsZero() {
		fmt.Fprintf(b, "- From: %s\n", short(l.From.In(c.location())))
	}
	if !l.Until.IsZero() {
		fmt.Fprintf(b, "- Until: %s\n", short(l.Until.In(c.location())))
	}
}
