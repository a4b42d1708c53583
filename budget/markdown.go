package budget

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Markdown renders the policy as the document to publish: the one that is
// read is then the one that is enforced.
func (c *Compiled) Markdown() string {
	p := &c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# Error budget policy: %s\n\n", p.Name)
	b.WriteString("The error budget is the share of events that the objective allows to be bad. Remaining is the share of it that is left over the SLO's window; below 0% it is overspent.\n")
	if len(p.Thresholds) > 0 {
		b.WriteString("\n## When the budget runs out\n\n| Name | Remaining below | Services | A feature meets |\n|---|---|---|---|\n")
		for _, t := range p.Thresholds {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.Name, t.Below.Percent(), services(t.Criticality), t.Effect)
		}
		if p.Hysteresis.Sign() > 0 {
			fmt.Fprintf(&b, "\nAfter a verdict as bad as a threshold's, that threshold keeps its effect until remaining is %s above it.\n", p.Hysteresis.Percent())
		}
	}
	if len(p.Alerts) > 0 {
		b.WriteString("\n## When the budget burns too fast\n\nAn alert fires while the burn rate of each of its windows is above its factor. Burn rate 1 spends the budget in exactly one period.\n\n")
		b.WriteString("| Name | Long window | Short window | Factor | Severity | A feature meets |\n|---|---|---|---|---|---|\n")
		for _, a := range p.Alerts {
			factor := a.Factor.String()
			if a.Spend.IsSet() {
				factor = a.Spend.Percent() + " of the budget in " + duration(a.Long)
			}
			short := "none"
			if a.Short > 0 {
				short = duration(a.Short)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", a.Name, duration(a.Long), short, factor, a.Severity, a.Effect)
		}
	}
	b.WriteString("\n## What always holds\n\n")
	if len(p.Exempt) > 0 {
		names := make([]string, len(p.Exempt))
		for i, e := range p.Exempt {
			names[i] = e.String()
		}
		fmt.Fprintf(&b, "- Changes of these purposes always pass: %s.\n", strings.Join(names, ", "))
	} else {
		b.WriteString("- No change passes whatever the budget.\n")
	}
	if p.ForecastCalendar {
		b.WriteString("- Over a calendar window thresholds look at the budget forecast for the whole period.\n")
	}
	if p.FreezeReliability {
		b.WriteString("- Reliability work is held back like a feature.\n")
	} else {
		b.WriteString("- Reliability work goes on with a warning where a feature is held back.\n")
	}
	fmt.Fprintf(&b, "- At least %s of the window must have been measured, and %s of each window of an alert; with less the budget, or the alert, is unknown.\n", p.MinCoverage.Percent(), p.MinAlertCoverage.Percent())
	fmt.Fprintf(&b, "- A measurement counts for %s.\n", duration(p.MaxAge))
	if slices.ContainsFunc(p.Alerts, func(a BurnAlert) bool { return a.Effect != sre.Warn }) {
		b.WriteString("- An unknown alert that could hold or deny makes the budget unknown; one that could only warn warns.\n")
	} else if len(p.Alerts) > 0 {
		b.WriteString("- An unknown alert warns.\n")
	}
	b.WriteString("- Of several SLOs the worst decides, and an unknown budget never lets a feature pass.\n")
	return b.String()
}

func services(list []slo.Criticality) string {
	if list == nil {
		return "all"
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}
