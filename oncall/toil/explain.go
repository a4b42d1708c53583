package toil

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// hours shows whole seconds in hours, with at most two digits.
func hours(d time.Duration) string { return hoursOf(int64(d / time.Second)) }

func hoursOf(seconds int64) string {
	if seconds%3600 == 0 {
		return fmt.Sprintf("%dh", seconds/3600)
	}
	return big.NewRat(seconds, 3600).FloatString(2) + "h"
}

// percent shows a share with two digits.
func percent(part, of time.Duration) string {
	if of == 0 {
		return "none"
	}
	return big.NewRat(100*int64(part/time.Second), int64(of/time.Second)).FloatString(2) + "%"
}

// days shows a duration in days with one digit.
func days(d time.Duration) string {
	return big.NewRat(int64(d/time.Second), 24*3600).FloatString(1) + "d"
}

// Explain prints the arithmetic of the share, of each candidate and of the
// ledger. Numbers are rounded for display only.
func (r *Report) Explain() string {
	var b strings.Builder
	s := &r.Share
	fmt.Fprintf(&b, "%s from %s to %s\n", r.policy.Name, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	fmt.Fprintf(&b, "  recorded   %s toil + %s other + %s undecided = %s\n", hours(s.Toil), hours(s.Other), hours(s.Undecided), hours(s.Recorded()))
	fmt.Fprintf(&b, "  coverage   %s / %s worked = %s, at least %d%%\n", hours(s.Recorded()), hours(s.Worked), percent(s.Recorded(), s.Worked), r.policy.MinCoveragePercent)
	fmt.Fprintf(&b, "  share      %s / %s recorded = %s, at most %d%%\n", hours(s.Toil), hours(s.Recorded()), percent(s.Toil, s.Recorded()), r.policy.MaxPercent)
	fmt.Fprintf(&b, "  at most    (%s toil + %s undecided + %s without entry) / %s worked = %s\n", hours(s.Toil), hours(s.Undecided), hours(s.Worked-s.Recorded()), hours(s.Worked), percent(s.Toil+s.Undecided+s.Worked-s.Recorded(), s.Worked))
	fmt.Fprintf(&b, "  %s: %s\n", s.Outcome, s.Reason.Text)
	for i := range r.Candidates {
		b.WriteString(r.Candidates[i].explain(r.To.Sub(r.From)))
	}
	l := r.Ledger
	fmt.Fprintf(&b, "ledger\n  open       %s saved - %s reinvested = %s\n", hours(l.Saved), hours(l.Reinvested), hours(l.Open()))
	return b.String()
}

func (c *Candidate) explain(period time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", c.Task.ID, c.State)
	if c.State == NeedsAnswer {
		fmt.Fprintf(&b, "  spent      %s on toil that nobody calls automatable or not\n", hours(c.Spent))
		return b.String()
	}
	fmt.Fprintf(&b, "  saves      %s - %d * %s residual - %s upkeep = %s in %s\n", hours(c.Spent), c.Times, c.Task.Residual, hours(c.Task.Upkeep), hoursOf(c.SavedSeconds), days(period))
	if c.State == PaysBack {
		fmt.Fprintf(&b, "  payback    %s cost * %s / %s = %s, on %s\n", hours(c.Task.Cost), days(period), hoursOf(c.SavedSeconds), days(c.Payback), c.PaidBack.Format(time.DateOnly))
	}
	return b.String()
}

// Markdown renders the report.
func (r *Report) Markdown() string {
	var b strings.Builder
	s := &r.Share
	fmt.Fprintf(&b, "# Toil: %s\n\nFrom %s to %s.\n\n", r.policy.Name, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	fmt.Fprintf(&b, "**%s**: %s.\n\n", s.Outcome, s.Reason.Text)
	b.WriteString("| Worked | Coverage | Toil | Other | Undecided | Toil of recorded |\n|--:|--:|--:|--:|--:|--:|\n")
	fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", hours(s.Worked), percent(s.Recorded(), s.Worked), hours(s.Toil), hours(s.Other), hours(s.Undecided), percent(s.Toil, s.Recorded()))
	b.WriteString("\n## What to automate next\n\n")
	if len(r.Candidates) == 0 {
		b.WriteString("Nothing.\n")
	} else {
		b.WriteString("| Task | Times | Spent | Saves | Cost | Pays back |\n|---|--:|--:|--:|--:|---|\n")
	}
	for i := range r.Candidates {
		c := &r.Candidates[i]
		back := map[State]string{NeedsEstimate: "estimate the cost", NeedsAnswer: "say whether it is automatable", Never: "never"}[c.State]
		if c.State == PaysBack {
			back = fmt.Sprintf("%s, after %s", c.PaidBack.Format(time.DateOnly), days(c.Payback))
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", c.Task.ID, c.Times, hours(c.Spent), hoursOf(c.SavedSeconds), hours(c.Task.Cost), back)
	}
	fmt.Fprintf(&b, "\n## Saved and reinvested\n\n| Saved | Reinvested | Open |\n|--:|--:|--:|\n| %s | %s | %s |\n", hours(r.Ledger.Saved), hours(r.Ledger.Reinvested), hours(r.Ledger.Open()))
	return escaped(b.String())
}

// escaped makes plain text of the only character of IDs and codes that Markdown
// may read as markup; the document has no other use for it.
func escaped(document string) string { return strings.ReplaceAll(document, "_", `\_`) }
