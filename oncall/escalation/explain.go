package escalation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/markdown"
)

// Markdown renders the policy as the document to publish: the one that is read
// is then the one that is enforced.
func (c *Compiled) Markdown() string {
	p := &c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# Escalation policy: %s\n\n", markdown.Cell(p.Name))
	b.WriteString("| Level | Who is paged | Next level after | Acknowledged by | Only |\n|---|---|---|---|---|\n")
	for _, l := range p.Levels {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", markdown.Cell(l.Name), targets(l.Targets), l.Delay, people(l.Acks), c.condition(l.When))
	}
	fmt.Fprintf(&b, "| Last resort | %s | again every %s | %s | |\n", targets(p.LastResort.Targets), p.LastResort.Every, people(1))
	b.WriteString("\n")
	if p.Repeat > 0 {
		fmt.Fprintf(&b, "The levels are gone through %d times before the last resort. ", p.Repeat+1)
	}
	b.WriteString("A level in which nobody is on call or can be reached is passed over at once. ")
	fmt.Fprintf(&b, "Paging stops when somebody acknowledges, resolves, or snoozes it for up to %s.\n", p.MaxSnooze)
	if len(p.BySeverity) > 0 {
		b.WriteString("\n| Severity | Begins at | Acknowledged within | Response begun within | Acknowledgement holds for |\n|---|---|---|---|---|\n")
		for _, r := range p.BySeverity {
			start := cmp.Or(r.Start, p.Levels[0].ID)
			hold := "ever"
			if r.AckFor > 0 {
				hold = r.AckFor.String()
			}
			fmt.Fprintf(&b, "| %s and worse | %s | %s | %s | %s |\n", r.AtLeast, c.levelName(start), c.promised(r.Acknowledge), c.promised(r.Respond), hold)
		}
	}
	return b.String()
}

func (c *Compiled) levelName(id string) string {
	if i := c.index(id); i >= 0 && i < c.lastResort() {
		return markdown.Cell(c.levels[i].Name)
	}
	return "the last resort"
}

func (c *Compiled) promised(p Promise) string {
	if p.Within == 0 {
		return "no promise"
	}
	return fmt.Sprintf("%s, else %s", p.Within, c.levelName(p.Level))
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func (c *Compiled) condition(w When) string {
	var parts []string
	if w.AtLeast != 0 {
		parts = append(parts, w.AtLeast.String()+" and worse")
	}
	if len(w.Hours) > 0 {
		var hours []string
		for _, h := range w.Hours {
			days := "every day"
			if len(h.Weekdays) > 0 {
				names := make([]string, len(h.Weekdays))
				for i, d := range h.Weekdays {
					names[i] = d.String()
				}
				days = strings.Join(names, ", ")
			}
			hours = append(hours, fmt.Sprintf("%s %s-%s", days, h.From, h.To))
		}
		parts = append(parts, strings.Join(hours, " or ")+" in "+c.policy.Zone)
	}
	if w.MaxLoad > 0 {
		parts = append(parts, fmt.Sprintf("people with fewer than %d open", w.MaxLoad))
	}
	return strings.Join(parts, "; ")
}

func targets(list []Target) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// String returns "primary of db", "team sre" and the like.
func (t Target) String() string {
	switch t.Kind {
	case TargetPerson:
		return t.ID
	case TargetSchedule:
		role := t.Role
		if role == oncall.RoleUnknown {
			role = oncall.Primary
		}
		return role.String() + " of " + t.ID
	case TargetTeam:
		return "team " + t.ID
	case TargetRoundRobin:
		return "one of " + strings.Join(t.People, ", ") + " in turn"
	}
	return "nobody"
}

// triggered is where an escalation begins in a graph: no ID of a level.
const triggered = "is triggered"

// DOT renders the policy as a graph for Graphviz: what is entered after what,
// and when.
func (c *Compiled) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n\trankdir=LR;\n\tnode [shape=box];\n", c.policy.ID)
	edge := func(from, to, label string) { fmt.Fprintf(&b, "\t%q -> %q [label=%q];\n", from, to, label) }
	for _, l := range c.policy.Levels {
		fmt.Fprintf(&b, "\t%q [label=%q];\n", l.ID, l.Name+"\n"+targets(l.Targets))
	}
	fmt.Fprintf(&b, "\t%q [label=%q];\n", LastResortLevel, "Last resort\n"+targets(c.policy.LastResort.Targets))
	first := c.levels[0].ID
	starts := slices.ContainsFunc(c.policy.BySeverity, func(r Rule) bool { return r.Start != "" })
	if starts {
		edge(triggered, first, "else")
	} else {
		edge(triggered, first, "")
	}
	for i, l := range c.policy.Levels {
		edge(l.ID, c.name(i+1), l.Delay.String()+", or nobody")
	}
	if n := c.policy.Repeat; n > 0 {
		edge(c.levels[len(c.levels)-1].ID, triggered, fmt.Sprintf("%d times again", n))
	}
	edge(LastResortLevel, LastResortLevel, "every "+c.policy.LastResort.Every.String())
	for _, r := range c.policy.BySeverity {
		if starts {
			edge(triggered, cmp.Or(r.Start, first), r.AtLeast.String()+" and worse")
		}
		if r.Acknowledge.Within > 0 {
			edge("not acknowledged", r.Acknowledge.Level, fmt.Sprintf("%s: %s", r.AtLeast, r.Acknowledge.Within))
		}
		if r.Respond.Within > 0 {
			edge("no response", r.Respond.Level, fmt.Sprintf("%s: %s", r.AtLeast, r.Respond.Within))
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// Explain says in a few lines where an escalation stands, and what comes when.
func (c *Compiled) Explain(s State) string {
	var b strings.Builder
	when := func(t time.Time) string { return t.Format("2006-01-02 15:04:05Z") }
	fmt.Fprintf(&b, "%s is %s", s.ID, s.Status)
	if s.Status == None {
		return b.String() + "\n"
	}
	fmt.Fprintf(&b, ", severity %s, at level %s, triggered %s\n", s.Severity, s.Level, when(s.Triggered))
	if s.By != "" {
		fmt.Fprintf(&b, "last acted on by %s\n", s.By)
	}
	for p := range s.Pages() {
		fmt.Fprintf(&b, "%s: paged since %s", p.Person, when(p.At))
		if !p.Due.IsZero() {
			fmt.Fprintf(&b, ", contact %d is due %s", p.Next+1, when(p.Due))
		} else if p.lost() {
			b.WriteString(", cannot be reached")
		}
		b.WriteString("\n")
	}
	for _, due := range []struct {
		at   time.Time
		what string
	}{
		{s.LevelDue, c.after(s)},
		{s.AckDue, "nobody has acknowledged as promised"},
		{s.RespondDue, "nobody has begun to respond as promised"},
		{s.Until, "the " + s.Status.String() + " status ends and the level is entered again"},
	} {
		if !due.at.IsZero() {
			fmt.Fprintf(&b, "%s: %s\n", when(due.at), due.what)
		}
	}
	return b.String()
}

// after says what the end of the level's delay brings.
func (c *Compiled) after(s State) string {
	i := c.index(s.Level)
	switch {
	case i == c.lastResort():
		return "the last resort is paged again"
	case i+1 == c.lastResort() && int(s.Loop) < c.policy.Repeat:
		return "the levels are gone through again"
	case i+1 == c.lastResort():
		return "the last resort is paged"
	}
	return "level " + c.name(i+1) + " is entered"
}
