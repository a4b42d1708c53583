package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/internal/markdown"
)

// A Decision is where an alert goes, and why.
type Decision struct {
	Action   Action       `json:"action"`
	Policy   string       `json:"policy,omitempty"` // the ID of the escalation policy, if there is one
	Severity sre.Severity `json:"severity"`
	Route    string       `json:"route,omitempty"` // the name of the route; empty: none matched
	Owner    string       `json:"owner,omitempty"`
	Reasons  []sre.Reason `json:"reasons"`
}

// Codes of reasons.
const (
	CodeRoute         = "route"          // a route matched
	CodeUnowned       = "unowned"        // no route matched, so the default policy is paged
	CodeNotActionable = "not_actionable" // what Requirements demand is missing, so it became a ticket
	CodeKept          = "kept"           // likewise, but the severity is too bad or not known, so it pages
)

// Route decides about an alert at an instant. It is total: whatever the alert
// is like, it goes somewhere.
func (c *Compiled) Route(a *alert.Alert, now time.Time) Decision {
	d := Decision{Action: Page, Policy: c.policy.Default, Severity: a.Severity}
	if r := c.find(a, now); r == nil {
		d.Reasons = append(d.Reasons, sre.Reason{
			Code: CodeUnowned, Text: "no route matches; the default policy " + c.policy.Default + " is paged",
			Values: []sre.Value{{Name: "policy", Text: c.policy.Default}},
		})
	} else {
		d.Action, d.Policy, d.Route, d.Owner = r.Action, r.Policy, r.Name, r.Owner
		if r.Severity != 0 {
			d.Severity = r.Severity
		}
		d.Reasons = append(d.Reasons, sre.Reason{
			Code: CodeRoute, Text: fmt.Sprintf("route %s says %s", r.Name, r.Action),
			Values: []sre.Value{{Name: "route", Text: r.Name}, {Name: "action", Text: r.Action.String()}},
		})
	}
	if d.Action == Page {
		c.require(a, &d)
	}
	return d
}

func (c *Compiled) find(a *alert.Alert, now time.Time) *Route {
	for i := range c.policy.Routes {
		r := &c.policy.Routes[i]
		switch {
		case r.AtLeast != 0 && a.Severity.Effective() > r.AtLeast:
		case r.AtMost != 0 && a.Severity.Effective() < r.AtMost:
		case len(r.Services) > 0 && !slices.Contains(r.Services, a.Service):
		case c.hours[i] != nil && !c.hours[i].Open(now):
		case len(r.Match) > 0 && !r.Match.Matches(a.Labels):
		default:
			return r
		}
	}
	return nil
}

// require makes a ticket of a page that nobody could act on.
func (c *Compiled) require(a *alert.Alert, d *Decision) {
	missing := c.Missing(a)
	if len(missing) == 0 {
		return
	}
	list := strings.Join(missing, ", ")
	reason := sre.Reason{Values: []sre.Value{{Name: "missing", Text: list}, {Name: "severity", Text: d.Severity.String()}}}
	if d.Severity.Effective() >= c.policy.Require.Demote {
		d.Action = Ticket
		reason.Code, reason.Text = CodeNotActionable, "it has no "+list+", severity "+d.Severity.String()+"; a ticket instead of a page"
	} else {
		reason.Code, reason.Text = CodeKept, "it has no "+list+", but severity "+d.Severity.String()+" pages all the same"
	}
	d.Reasons = append(d.Reasons, reason)
}

// Missing returns what an alert lacks to be actionable, such as "annotation
// runbook_url"; nil if nothing.
func (c *Compiled) Missing(a *alert.Alert) []string {
	var list []string
	for _, name := range c.policy.Require.Labels {
		if a.Labels.Get(name) == "" {
			list = append(list, "label "+name)
		}
	}
	for _, name := range c.policy.Require.Annotations {
		if a.Annotations[name] == "" {
			list = append(list, "annotation "+name)
		}
	}
	if c.policy.Require.Service && a.Service == "" {
		list = append(list, "service")
	}
	return list
}

// Markdown renders the policy as the document to publish.
func (c *Compiled) Markdown() string {
	var b strings.Builder
	p := &c.policy
	fmt.Fprintf(&b, "# Alert routing: %s\n\nThe first route that matches decides.\n\n", p.ID)
	b.WriteString("| Route | Alerts | Services | Severity | Hours | Then | Owner |\n|---|---|---|---|---|---|---|\n")
	for _, r := range p.Routes {
		then := r.Action.String()
		if r.Policy != "" {
			then += " " + r.Policy
		}
		if r.Severity != 0 {
			then += " as " + r.Severity.String()
		}
		var clocks []string
		for _, h := range r.Hours {
			days := "every day"
			if len(h.Weekdays) > 0 {
				names := make([]string, len(h.Weekdays))
				for i, d := range h.Weekdays {
					names[i] = d.String()
				}
				days = strings.Join(names, ", ")
			}
			clocks = append(clocks, days+" "+h.From+"-"+h.To+" in "+p.Zone)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Name, matchers(r.Match), strings.Join(r.Services, ", "),
			severities(r.AtLeast, r.AtMost), strings.Join(clocks, " or "), then, r.Owner)
	}
	fmt.Fprintf(&b, "| | everything else | | | | page %s | nobody |\n", p.Default)
	if needs := c.Missing(&alert.Alert{}); len(needs) > 0 {
		fmt.Fprintf(&b, "\nAn alert of %s or milder without %s becomes a ticket.\n", p.Require.Demote, strings.Join(needs, ", "))
	}
	return b.String()
}

func severities(atLeast, atMost sre.Severity) string {
	switch {
	case atLeast == 0 && atMost == 0:
		return ""
	case atMost == 0:
		return atLeast.String() + " and worse"
	case atLeast == 0:
		return atMost.String() + " and milder"
	}
	return atMost.String() + " to " + atLeast.String()
}

func matchers(ms alert.Matchers) string {
	if len(ms) == 0 {
		return "any"
	}
	return markdown.Cell(ms.String())
}
