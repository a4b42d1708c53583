package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre/budget"
)

// markdown is the output for a page: a comment on a change, a summary of a job.
func markdown(r report) string {
	d := r.decision
	var b strings.Builder
	fmt.Fprintf(&b, "## Deploy gate: %s\n\n| Reason | |\n|---|---|\n", d.Outcome)
	for _, reason := range d.Reasons() {
		fmt.Fprintf(&b, "| %s | %s |\n", cell(reason.Code), cell(reason.Text))
	}
	if !d.EarliestAt.IsZero() {
		fmt.Fprintf(&b, "\nAsk again at %s.\n", d.EarliestAt.Format(time.RFC3339))
	}
	for _, st := range d.Statuses() {
		if st.SLO() != nil {
			markdownStatus(&b, d.Policy(), st)
		}
	}
	if drawn := charts(r); drawn != "" {
		fmt.Fprintf(&b, "\n```text%s```\n", strings.ReplaceAll(printable(drawn), "```", "'''"))
	}
	fmt.Fprintf(&b, "\nA %s change at %s, judged by policy %s.\n", d.Change().Purpose, d.Now().Format(time.RFC3339), cell(d.Policy().Policy().Name))
	if r.moment != nil {
		fmt.Fprintf(&b, "\n> %s\n", cell(recordingNote(*r.moment)))
	}
	return b.String()
}

func markdownStatus(b *strings.Builder, policy *budget.Compiled, st budget.Status) {
	s := st.SLO()
	fmt.Fprintf(b, "\n### %s: %s over %s\n", cell(s.ID()), s.Objective(), cell(s.Spec().Window.String()))
	consumed, known := st.Consumed()
	if !known {
		b.WriteString("\nNot known.\n")
		return
	}
	remaining, _ := st.Remaining()
	left, _ := st.Left()
	sli, _ := st.SLI()
	unit := "events"
	if slice := s.Spec().Budgeting.Slice; slice > 0 {
		unit = "slices of " + formatSpan(slice)
	}
	counts := st.Measured()
	b.WriteString("\n| | |\n|---|---|\n")
	fmt.Fprintf(b, "| Measured | %s good, %s bad %s |\n", number(counts.Good), number(counts.Bad), unit)
	fmt.Fprintf(b, "| SLI | %.4f%% |\n", 100*sli)
	fmt.Fprintf(b, "| Budget | %s bad %s |\n", number(st.Budget()), unit)
	fmt.Fprintf(b, "| Consumed | %s |\n", percent(consumed))
	fmt.Fprintf(b, "| Remaining | **%s**, %s %s |\n", percent(remaining), number(left), unit)
	fmt.Fprintf(b, "| Coverage | %s of %s (%s) |\n", formatSpan(counts.Covered), formatSpan(counts.Span), percent(st.Coverage()))
	markdownAlerts(b, policy, st)
}

func markdownAlerts(b *strings.Builder, policy *budget.Compiled, st budget.Status) {
	alerts := policy.Policy().Alerts
	if len(alerts) == 0 {
		return
	}
	b.WriteString("\n| Burn alert | Long window | Short window | Fires above | State |\n|---|---|---|---|---|\n")
	for i, state := range policy.EvaluateAlerts(nil, st) {
		short := "none"
		if alerts[i].Short > 0 {
			short = fmt.Sprintf("%s over %s", number(state.ShortBurn), formatSpan(alerts[i].Short))
		}
		fmt.Fprintf(b, "| %s | %s over %s | %s | %s | %s |\n", cell(alerts[i].Name), number(state.LongBurn), formatSpan(alerts[i].Long),
			short, number(state.Factor), cell(state.State.String()))
	}
}
