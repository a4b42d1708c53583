package workload

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// Markdown renders the policy as the document to publish: the one that is read
// is then the one that is enforced.
func (c *Compiled) Markdown() string {
	p := &c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# On-call load policy: %s\n\n", p.Name)
	fmt.Fprintf(&b, "- Time counts on the wall clock of each person; of people who state no zone, on that of %s.\n", p.Zone)
	weekend := "none"
	if len(p.Weekend) > 0 {
		weekend = joined(p.Weekend)
	}
	fmt.Fprintf(&b, "- Working hours are %s, the night %s, the weekend %s; holidays: %d dates.\n", p.Work, p.Night, weekend, len(p.Holidays))
	fmt.Fprintf(&b, "- At every instant somebody is %s.\n", joined(p.Cover))
	severity := ""
	if p.IncidentSeverity > 0 {
		severity = " of " + p.IncidentSeverity.String() + " or worse"
	}
	fmt.Fprintf(&b, "- At most %d incidents%s within any %s, for one person.\n", p.MaxIncidents, severity, hours(p.IncidentWindow))
	fmt.Fprintf(&b, "- At most %d%% of the time on call, for one person.\n", p.MaxOnCallPercent)
	if p.Limits.MaxRun > 0 {
		fmt.Fprintf(&b, "- At most %s on call without a break.\n", hours(p.Limits.MaxRun))
	}
	if p.Limits.MinRest > 0 {
		fmt.Fprintf(&b, "- At least %s of rest between two runs.\n", hours(p.Limits.MinRest))
	}
	if p.Pay != nil {
		p.Pay.markdown(&b)
	}
	return escaped(b.String())
}

// escaped makes plain text of the only character of IDs, zones and codes that
// Markdown may read as markup; the document has no other use for it.
func escaped(document string) string { return strings.ReplaceAll(document, "_", `\_`) }

func (p *Pay) markdown(b *strings.Builder) {
	b.WriteString("\n## Pay\n\nThe first rate that fits counts.\n\n| Rate | Roles | Classes | Per hour | Of the own pay |\n|---|---|---|---|---|\n")
	for _, r := range p.Rates {
		roles, kinds := "all", "all"
		if r.Roles != nil {
			roles = joined(r.Roles)
		}
		if r.Classes != nil {
			kinds = joined(r.Classes)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %d%% |\n", r.Name, roles, kinds, p.Money(Fraction(r.PerHour, 1)), r.Percent)
	}
	if p.Cap > 0 {
		fmt.Fprintf(b, "\nAt most %s for one person.\n", p.Money(Fraction(p.Cap, 1)))
	}
	if p.CapPercent > 0 {
		fmt.Fprintf(b, "\nAt most %d%% of the salary.\n", p.CapPercent)
	}
}

func joined[T fmt.Stringer](list []T) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}

// Markdown renders the report. Hours and percentages are rounded for display.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# On-call load: %s\n\nFrom %s to %s, %s.\n", r.policy.Name, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), hours(r.Span()))
	b.WriteString("\n## Hours\n\n| Person | Zone | On call | Share | Work | Off | Night | Weekend | Holiday | At night, any day | Shadow |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range r.People {
		l := &r.People[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s%%", l.Person, l.Zone, hours(l.OnCall()), r.share(l).Percent())
		for _, d := range l.Hours.OnCall() {
			fmt.Fprintf(&b, " | %s", hours(d))
		}
		fmt.Fprintf(&b, " | %s | %s |\n", hours(l.AtNight), hours(l.Hours[oncall.Shadow].Total()))
	}
	r.pagesMarkdown(&b)
	r.scoreMarkdown(&b)
	r.payMarkdown(&b)
	b.WriteString("\n## Findings\n\n")
	if len(r.Findings) == 0 {
		b.WriteString("None.\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "- %s\n", f)
	}
	return escaped(b.String())
}

// share is the part of the time measured that the person is on call.
func (r *Report) share(l *Load) Number {
	return Fraction(int64(l.OnCall()/time.Second), int64(r.Span()/time.Second))
}

func (r *Report) pagesMarkdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Pages and rest\n\n| Person | Pages | Incidents | Most in %s | Longest run | Shortest rest |\n|---|--:|--:|--:|--:|--:|\n", hours(r.policy.IncidentWindow))
	for i := range r.People {
		l := &r.People[i]
		run, rest := "", ""
		if l.Runs > 0 {
			run = hours(l.Longest.Length())
		}
		if l.Longest.AtLeast {
			run = "at least " + run
		}
		if l.Runs > 1 {
			rest = hours(l.Shortest.Length())
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %s | %s |\n", l.Person, l.Pages, l.Incidents, l.Busiest.Incidents, run, rest)
	}
	if mean, ok := r.MeanIncidents(); ok {
		fmt.Fprintf(b, "\nAt %s incidents in %s on call, a shift of that length has more than %d with probability %.4f (Poisson).\n",
			mean.Decimal(3), hours(r.policy.IncidentWindow), r.policy.MaxIncidents, r.Overload())
	}
}

func (r *Report) scoreMarkdown(b *strings.Builder) {
	s := &r.Score
	fmt.Fprintf(b, "\n## Score\n\n| Score | Covered | Even hours | Even nights | Even weekends | People | Grafana's |\n|--:|--:|--:|--:|--:|--:|--:|\n| %s%% | %s%% | %s%% | %s%% | %s%% | %d | %d%% |\n",
		s.Total.Percent(), s.Covered.Percent(), s.Hours.Percent(), s.Nights.Percent(), s.Weekends.Percent(), s.People, r.Grafana.Total)
}

func (r *Report) payMarkdown(b *strings.Builder) {
	if r.Payslips == nil {
		return
	}
	p := r.policy.Pay
	b.WriteString("\n## Pay\n\n| Person | Role | Class | Hours | Rate | Amount |\n|---|---|---|--:|---|--:|\n")
	for _, slip := range r.Payslips {
		for _, l := range slip.Lines {
			rate := l.Rate
			if rate == "" {
				rate = "unpaid"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", slip.Person, l.Role, l.Class, hours(l.Time), rate, p.Money(l.Amount))
		}
		note := ""
		switch {
		case slip.Incomplete:
			note = ", incomplete"
		case slip.Due.Compare(slip.Gross) < 0:
			note = ", capped"
		}
		fmt.Fprintf(b, "| **%s** | | due%s | | | **%s** |\n", slip.Person, note, p.Money(slip.Due))
	}
}
