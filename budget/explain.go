package budget

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/exact"
	"github.com/sre-sdk/sre/slo"
)

// Reasons returns why the decision is as it is: what decided first, then the
// rest, each naming its SLO. There is at least one. Codes:
//
//   - exempt: the purpose always passes; budget_unknown beside it says that the
//     budget was not known
//   - no_slos, source_failed, stale, from_future, coverage_low, no_events: why
//     the budget is not known
//   - below_threshold: the remaining budget is below a threshold of the policy
//   - hysteresis: it is not, but the verdict before was as bad as the
//     threshold's effect, and it has not risen far enough above the threshold
//   - alert_firing: a burn alert fires
//   - alert_unknown: a burn alert could not be evaluated
//   - alert_not_applicable: a burn alert does not fit the SLO
//   - no_rule: no threshold or alert of the policy speaks of the SLO
//   - within_budget: an SLO gives no cause for concern
func (d Decision) Reasons() []sre.Reason {
	if d.policy == nil {
		return []sre.Reason{{Code: codeBudgetUnknown, Text: "no compiled policy decided"}}
	}
	var found []finding
	d.judge(func(f finding) { found = append(found, f) })
	// Stable from worst to best, so that what decided stands first.
	var reasons []sre.Reason
	if d.policy.exempts(d.change.Purpose) {
		reasons = append(reasons, sre.Reason{Code: codeExempt,
			Text:   fmt.Sprintf("changes of the purpose %s always pass under policy %s", d.change.Purpose, d.policy.policy.Name),
			Values: []sre.Value{{Name: "purpose", Text: d.change.Purpose.String()}, {Name: "policy", Text: d.policy.policy.Name}}})
		if d.Budget == sre.Unknown {
			reasons = append(reasons, sre.Reason{Code: codeBudgetUnknown, Text: "the state of the budget is not known"})
		}
	}
	for _, outcome := range [...]sre.Outcome{sre.Deny, sre.Hold, sre.Unknown, sre.Warn, sre.Allow} {
		for _, f := range found {
			if f.outcome == outcome {
				reasons = append(reasons, f.reason(&d))
			}
		}
	}
	return reasons
}

// headline is the text of the first reason.
func (d Decision) headline() string { return d.Reasons()[0].Text }

func (f finding) reason(d *Decision) sre.Reason {
	r := sre.Reason{Code: f.code}
	add := func(name, text string) { r.Values = append(r.Values, sre.Value{Name: name, Text: text}) }
	var st *Status
	subject := "an SLO"
	if f.index >= 0 {
		if st = d.status(f.index); st.slo != nil {
			subject = st.slo.ID()
			add("slo", subject)
		}
	}
	policy := &d.policy.policy
	switch f.code {
	case codeNoSLOs:
		r.Text = "no SLO was measured, so nothing is known"
	case codeSourceFailed:
		r.Text = fmt.Sprintf("%s could not be measured: %s", subject, oneLine(st.Err()))
	case codeStale:
		r.Text = fmt.Sprintf("%s was measured at %s, more than %s before the decision", subject, utc(st.at), duration(policy.MaxAge+st.slice))
		add("measured_at", utc(st.at))
	case codeFromFuture:
		r.Text = fmt.Sprintf("%s was measured at %s, which lies after the decision", subject, utc(st.at))
		add("measured_at", utc(st.at))
	case codeCoverageLow:
		r.Text = fmt.Sprintf("%s was measured for %s of %s (%s), less than the %s that the policy asks for", subject,
			duration(st.measured.Covered), duration(st.measured.Span), percent(st.coverageRat(), policy.MinCoverage.Rat()), policy.MinCoverage.Percent())
		add("covered", st.measured.Covered.String())
		add("span", st.measured.Span.String())
	case codeNoEvents:
		r.Text = fmt.Sprintf("%s counted nothing in its budget period, so there is no ratio to judge", subject)
	case codeThreshold, codeHysteresis:
		below := f.threshold.Below.Rat()
		remaining, budget := st.judged(policy)
		r.Text = fmt.Sprintf("%s has %s of its %s left, below the %s of threshold %s", subject, percent(remaining, below), budget, f.threshold.Below.Percent(), f.threshold.Name)
		if f.code == codeHysteresis {
			ends := new(big.Rat).Add(below, policy.Hysteresis.Rat())
			r.Text = fmt.Sprintf("%s has %s of its %s left, not yet %s above the %s of threshold %s, and the verdict before was %s",
				subject, percent(remaining, below, ends), budget, policy.Hysteresis.Percent(), f.threshold.Below.Percent(), f.threshold.Name, d.prev)
			add("hysteresis", policy.Hysteresis.Percent())
		}
		add("threshold", f.threshold.Name)
		add("below", f.threshold.Below.Percent())
		add("consumed", st.ConsumedRat().RatString())
	case codeAlertFiring:
		and := ""
		if f.alert.Short > 0 {
			and = " and " + st.explainBurn(f.alert, f.alert.Short)
		}
		r.Text = fmt.Sprintf("%s burns its budget at %s times the sustainable rate over %s%s, above the factor %s of alert %s", subject,
			st.burnText(f.alert, f.alert.Long), duration(f.alert.Long), and, number(f.state.Factor), f.alert.Name)
		f.alertValues(st, add)
	case codeAlertUnknown:
		r.Text = fmt.Sprintf("alert %s of %s could not be evaluated: too little of its windows was measured", f.alert.Name, subject)
		f.alertValues(st, add)
	case codeAlertUnfit:
		r.Text = fmt.Sprintf("alert %s does not fit %s and is left out: its windows must be shorter than the period and whole slices", f.alert.Name, subject)
		add("alert", f.alert.Name)
	case codeNoRule:
		r.Text = fmt.Sprintf("no rule of policy %s speaks of %s: none of its thresholds is for %s services, and none of its alerts fits", policy.Name, subject, st.slo.Criticality())
	case codeWithinBudget:
		remaining, budget := st.judged(policy)
		r.Text = fmt.Sprintf("%s has %s of its %s left", subject, percent(remaining), budget)
		add("consumed", st.ConsumedRat().RatString())
	}
	if f.softened {
		r.Text += "; reliability work goes on"
	}
	return r
}

// judged returns the remaining share that thresholds judge, and of what.
func (st *Status) judged(p *Policy) (remaining *big.Rat, budget string) {
	if p.ForecastCalendar && st.forecasts() {
		return st.forecastRat(), "forecast error budget"
	}
	return st.remainingRat(), "error budget"
}

// alertValues adds the windows of an alert and the exact counts in them.
func (f finding) alertValues(st *Status, add func(name, text string)) {
	add("alert", f.alert.Name)
	if f.alert.Severity > 0 {
		add("severity", f.alert.Severity.String())
	}
	add("factor", f.alert.factorText(st.length))
	for _, w := range []struct {
		name string
		span time.Duration
	}{{"long", f.alert.Long}, {"short", f.alert.Short}} {
		if w.span == 0 {
			continue
		}
		add(w.name, w.span.String())
		if c, ok := st.Window(w.span); ok {
			add(w.name+"_good", exactNumber(c.Good))
			add(w.name+"_bad", exactNumber(c.Bad))
			add(w.name+"_covered", c.Covered.String())
		}
	}
}

// maxErrorText bounds how much of a source's error is repeated.
const maxErrorText = 2000

// oneLine folds the lines of an error, which may repeat what a server said: it
// must not be able to add lines of its own to what is printed.
func oneLine(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}

// String is Explain.
func (d Decision) String() string { return d.Explain() }

// Explain prints the decision with its arithmetic as text of several lines.
// The first is "decision: " and the outcome; then come the reasons and, for each
// SLO, the budget and the burn rates with the numbers they are made of. Numbers
// are rounded for reading, but never onto a limit that they do not touch; Reasons
// carry the exact ones.
func (d Decision) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "decision: %s\n", d.Outcome)
	for _, r := range d.Reasons() {
		fmt.Fprintf(&b, "  %s: %s\n", r.Code, r.Text)
	}
	if !d.EarliestAt.IsZero() {
		fmt.Fprintf(&b, "  ask again at %s\n", instant(d.EarliestAt))
	}
	if d.policy == nil {
		return b.String()
	}
	for i := range d.n {
		if st := d.status(i); st.slo != nil {
			b.WriteByte('\n')
			b.WriteString(st.Explain())
			d.policy.explainAlerts(&b, st)
		}
	}
	return b.String()
}

// Explain prints the budget with its arithmetic as text of several lines.
func (st Status) Explain() string {
	if st.slo == nil {
		return "not measured\n"
	}
	var b strings.Builder
	spec := st.slo.Spec()
	fmt.Fprintf(&b, "%s: %s over %s, measured at %s\n", st.slo.ID(), st.slo.Objective(), spec.Window, instant(st.at))
	if st.err != nil {
		fmt.Fprintf(&b, "  not known: %s\n", oneLine(st.err))
		return b.String()
	}
	if spec.Missing != slo.Ignore && st.measured.Covered < st.measured.Span {
		fmt.Fprintf(&b, "  measured    %s good, %s bad; unmeasured time counts as %s (%s)\n", number(st.measured.Good), number(st.measured.Bad),
			strings.ToLower(strings.TrimPrefix(spec.Missing.String(), "CountAs")), spec.Missing)
	}
	unit := "events"
	if st.slice > 0 {
		unit = "slices of " + duration(st.slice)
	}
	if _, counted := st.SLI(); counted {
		fmt.Fprintf(&b, "  SLI         %s good / %s %s = %s\n", number(st.good), number(st.good+st.bad), unit, st.explainSLI())
	}
	if consumed := st.ConsumedRat(); consumed != nil {
		left, _ := st.Left()
		timeLeft, _ := st.TimeLeft()
		of := unit
		if st.allSlices > 0 {
			of += " of the whole period"
		}
		fmt.Fprintf(&b, "  budget      (1 - %s) * %s %s = %s\n", st.slo.Objective(), number(st.base()), of, number(st.Budget()))
		fmt.Fprintf(&b, "  consumed    %s bad / %s = %s\n", number(st.bad), number(st.Budget()), percent(consumed))
		fmt.Fprintf(&b, "  remaining   1 - %s = %s: %s %s, or %s of full outage\n", percent(consumed), percent(st.remainingRat()), number(left), unit, duration(timeLeft.Round(time.Second)))
		if forecast, ok := st.ConsumedOfForecast(); ok && st.end.After(st.at) && st.allSlices == 0 {
			fmt.Fprintf(&b, "  forecast    %s of the budget of the whole period, if events keep coming as so far\n", percent(exact.Rat(forecast)))
		}
	} else {
		b.WriteString("  nothing was counted\n")
	}
	fmt.Fprintf(&b, "  coverage    %s of %s = %s\n", duration(st.measured.Covered), duration(st.measured.Span), percent(st.coverageRat()))
	return b.String()
}

// explainAlerts prints a line for each alert.
func (c *Compiled) explainAlerts(b *strings.Builder, st *Status) {
	if st.err != nil {
		return
	}
	for i, a := range c.EvaluateAlerts(nil, *st) {
		alert := &c.alerts[i]
		if a.State == AlertNotApplicable {
			fmt.Fprintf(b, "  burn        %-12s does not fit the SLO\n", alert.Name)
			continue
		}
		fmt.Fprintf(b, "  burn        %-12s %s", alert.Name, st.explainBurn(alert, alert.Long))
		if alert.Short > 0 {
			fmt.Fprintf(b, ", %s", st.explainBurn(alert, alert.Short))
		}
		fmt.Fprintf(b, "; fires above %s: %s\n", number(a.Factor), a.State)
	}
}

func (st *Status) explainBurn(a *alert, span time.Duration) string {
	if _, ok := st.Window(span); !ok {
		return "not measured over " + duration(span)
	}
	return st.burnText(a, span) + " over " + duration(span)
}

// burnText prints the burn rate of a window so that it does not read like the
// alert's factor unless it is equal.
func (st *Status) burnText(a *alert, span time.Duration) string {
	w, _ := st.Window(span)
	if w.Total() == 0 {
		return "0"
	}
	bad, total := exact.Rat(w.Bad), exact.Rat(w.Good)
	total.Add(total, bad)
	rate := bad.Quo(bad, total.Mul(total, st.slo.Objective().Budget().Rat()))
	f, _ := rate.Float64()
	factor := a.exactFactor(st.length)
	if text := number(f); !misleads(text, rate, factor) {
		return text
	}
	return rounded(rate, 2, factor)
}

// factorText is the factor of an alert, exactly.
func (a BurnAlert) factorText(period time.Duration) string {
	if k := a.BurnFactor(period); k.IsSet() {
		return k.String()
	}
	return a.exactFactor(period).RatString()
}

// explainSLI prints the SLI, whose last digits matter, so that it does not read
// like the objective unless it is equal.
func (st *Status) explainSLI() string {
	good, total := exact.Rat(st.good), exact.Rat(st.bad)
	total.Add(total, good)
	return share(good.Quo(good, total), 4, st.slo.Objective().Ratio().Rat())
}

func (st *Status) coverageRat() *big.Rat {
	return big.NewRat(int64(st.measured.Covered), int64(st.measured.Span))
}

// number rounds to four significant digits, or to whole units where there are
// more.
func number(f float64) string {
	if f >= 1000 || f <= -1000 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return trimFloat(f)
}

func trimFloat(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

// exactNumber is the shortest decimal text that reads back as f.
func exactNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// percent prints a share with two decimals, or with as many as it takes not to
// read like nothing, like all, or like one of the marks, unless it is that.
func percent(x *big.Rat, marks ...*big.Rat) string { return share(x, 2, marks...) }

func share(x *big.Rat, decimals int, marks ...*big.Rat) string {
	hundred := big.NewRat(100, 1)
	scaled := []*big.Rat{new(big.Rat), hundred}
	for _, m := range marks {
		scaled = append(scaled, new(big.Rat).Mul(m, hundred))
	}
	return rounded(new(big.Rat).Mul(x, hundred), decimals, scaled...) + "%"
}

// mostDecimals is enough for any count that a float64 holds apart from another.
const mostDecimals = 40

// rounded prints x with at least so many decimals, and with more where it would
// mislead.
func rounded(x *big.Rat, decimals int, marks ...*big.Rat) string {
	text := x.FloatString(decimals)
	for decimals < mostDecimals && misleads(text, x, marks...) {
		decimals++
		text = x.FloatString(decimals)
	}
	return text
}

// misleads reports whether text reads like one of the marks though x, for which
// it stands, differs from it.
func misleads(text string, x *big.Rat, marks ...*big.Rat) bool {
	shown, _ := new(big.Rat).SetString(text)
	return slices.ContainsFunc(marks, func(m *big.Rat) bool { return shown.Cmp(m) == 0 && x.Cmp(m) != 0 })
}

func instant(t time.Time) string { return t.Format(time.RFC3339) }

// duration prints whole days as such and leaves out zero minutes and seconds.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 0 {
		return "-" + duration(-max(d, -math.MaxInt64)) // the least Duration has no opposite
	}
	var b strings.Builder
	if d >= day {
		fmt.Fprintf(&b, "%dd", d/day)
		if d %= day; d == 0 {
			return b.String()
		}
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	b.WriteString(text)
	return b.String()
}
