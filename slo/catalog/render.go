package catalog

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre"
)

// DOT renders the catalog as a graph in the language of Graphviz: an arrow
// leads from a service to what it uses, dashed if the dependency is soft.
func (c *Compiled) DOT() string {
	var b strings.Builder
	b.WriteString("digraph catalog {\n\trankdir=LR;\n\tnode [shape=box];\n")
	for _, s := range c.services {
		label := s.Name
		if s.Owner != "" {
			label += "\n" + s.Owner
		}
		style := ""
		if s.Lifecycle == Deprecated || s.Lifecycle == Retired {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "\t%s [label=%s%s];\n", quoteDOT(s.ID), quoteDOT(label), style)
	}
	for i, s := range c.services {
		for _, e := range c.needs[i] {
			style := ""
			if e.soft {
				style = " [style=dashed]"
			}
			fmt.Fprintf(&b, "\t%s -> %s%s;\n", quoteDOT(s.ID), quoteDOT(c.services[e.to].ID), style)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", `\n`)

func quoteDOT(text string) string { return `"` + dotEscapes.Replace(text) + `"` }

// Markdown renders the catalog as a document: one table of the services and,
// for each that uses something, what and why.
func (c *Compiled) Markdown() string {
	var b strings.Builder
	b.WriteString("# Services\n\n| Service | Owner | Criticality | Lifecycle | Needs | Uses | SLOs | Runbooks | Escalation |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range c.services {
		var hard, soft []string
		for _, d := range s.DependsOn {
			if d.Soft {
				soft = append(soft, d.On)
			} else {
				hard = append(hard, d.On)
			}
		}
		name := cell(s.Name)
		if s.Name != s.ID {
			name += " (" + s.ID + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, dash(s.Owner), s.Criticality, s.Lifecycle,
			dash(strings.Join(hard, ", ")), dash(strings.Join(soft, ", ")), dash(strings.Join(s.SLOs, ", ")), runbooks(s.Runbooks), dash(s.Escalation))
	}
	b.WriteString("\nA service does not work without what it needs; it does without what it uses.\n")
	header := false
	for _, s := range c.services {
		for _, d := range s.DependsOn {
			if d.Why == "" {
				continue
			}
			if !header {
				b.WriteString("\n## Why\n\n")
				header = true
			}
			fmt.Fprintf(&b, "- %s and %s: %s\n", s.ID, d.On, cell(d.Why))
		}
	}
	return b.String()
}

func runbooks(list []string) string {
	shown := make([]string, len(list))
	for i, r := range list {
		shown[i] = r
		if !sre.ValidID(r) || strings.Contains(r, "://") {
			shown[i] = "<" + strings.ReplaceAll(r, "|", "%7C") + ">"
		}
	}
	return dash(strings.Join(shown, ", "))
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// cell writes text so that it stays in its cell and means nothing.
func cell(text string) string {
	var b strings.Builder
	for _, field := range strings.Fields(text) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range field {
			if strings.ContainsRune("\\`*_{}[]<>()#|!~&", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
