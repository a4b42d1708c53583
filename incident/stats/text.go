package stats

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Text returns a duration as people write it: 42m, 3h20m, 35h36m, and seconds
// below ten minutes.
func Text(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	unit := time.Minute
	if d < 10*time.Minute {
		unit = time.Second
	}
	d = d.Round(unit)
	if d < time.Second {
		return sign + "0s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return sign + text
}

// String returns the duration as [Text] has it, or "not known".
func (l Length) String() string {
	if !l.Known {
		return "not known"
	}
	return Text(l.Duration)
}

// String returns the value with its interval.
func (e Estimate) String() string {
	if !e.Value.Known && !e.Low.Known && !e.High.Known {
		return "not known"
	}
	return fmt.Sprintf("%v (%s)", e.Value, interval(e.Low.Known, e.High.Known, e.Low, e.High, e.Level))
}

func interval(hasLow, hasHigh bool, low, high fmt.Stringer, level float64) string {
	switch {
	case hasLow && hasHigh:
		return fmt.Sprintf("%s interval %v to %v", percent(level), low, high)
	case hasLow:
		return fmt.Sprintf("%s interval from %v, with no upper end", percent(level), low)
	case hasHigh:
		return fmt.Sprintf("%s interval up to %v", percent(level), high)
	}
	return "no interval: too few"
}

// String returns the factor with two significant digits, or "not known".
func (f Factor) String() string {
	if !f.Known {
		return "not known"
	}
	return significant(f.Times)
}

// String returns the factor with its interval.
func (c Change) String() string {
	if !c.Factor.Known && !c.Low.Known && !c.High.Known {
		return "not known"
	}
	bounds := interval(c.Low.Known, c.High.Known, c.Low, c.High, c.Level)
	if !c.Factor.Known {
		return bounds
	}
	return fmt.Sprintf("%v times (%s)", c.Factor, bounds)
}

// String says which changes would have been seen. The cut is rounded up and the
// rise too, so that the sentence never promises more than was there.
func (m MDE) String() string {
	if !m.Known {
		return "no change, however large, would have been seen with certainty"
	}
	detail := fmt.Sprintf("%s power", percent(m.Power))
	if m.SD > 0 {
		detail = fmt.Sprintf("sd of ln %.2f, %s", m.SD, detail)
	}
	cut := fmt.Sprintf("%.0f %%", math.Ceil(m.Cut*100-1e-9))
	if m.Cut > 0.99 {
		cut = fmt.Sprintf("%.4g %%", math.Min(99.99, m.Cut*100))
	}
	rise := significant(m.Rise) + " times or more"
	if m.Rise > 1000 {
		rise = "more than 1000 times"
	}
	return fmt.Sprintf("only a cut of %s or more, or a rise to %s, could have been seen (%s)", cut, rise, detail)
}

// String returns one clause.
func (v Evidence) String() string {
	return fmt.Sprintf("evidence of a change: %v, %s", v.Change, pText(v.P))
}

// String returns one clause.
func (v NoEvidence) String() string {
	return fmt.Sprintf("no evidence of a change, %s: %v", pText(v.P), v.MDE)
}

// String returns one clause.
func (v TooFew) String() string { return "too few incidents to tell: " + v.Reason.Text }

// Sentence says what the period shows and which number is no headline.
func (s Summary) Sentence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: ", s.Measure.Name, s.Tally)
	if s.Tally.Used() == 0 {
		b.WriteString("nothing is known.")
		return b.String()
	}
	fmt.Fprintf(&b, "median %v", s.Median)
	if s.GeometricMean.Value.Known {
		fmt.Fprintf(&b, ", geometric mean %v", s.GeometricMean)
	}
	b.WriteString(". ")
	b.WriteString(s.NotTheHeadline())
	return b.String()
}

// NotTheHeadline gives the arithmetic mean and why it is not the headline.
func (s Summary) NotTheHeadline() string {
	if s.Tally.Used() == 0 {
		return ""
	}
	if s.Tally.Censored > 0 {
		return fmt.Sprintf("There is no arithmetic mean while incidents are open; cut at %s it is %v.", Text(s.Horizon), s.RestrictedMean)
	}
	return fmt.Sprintf("The arithmetic mean, %v, is not the headline: it follows the longest incidents, of which a tenth makes up %s of it.", s.Mean, percent(s.LongestTenth))
}

// String says how many incidents count and how many do not.
func (t Tally) String() string {
	text := plural(t.Used(), "incident")
	var notes []string
	for _, n := range []struct {
		count int
		what  string
	}{{t.Censored, "still open"}, {t.Missing, "left out for want of a time"}, {t.Contradictory, "left out for contradictory times"}} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	if notes != nil {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

// Sentence says whether the measure changed, and what could have been seen.
func (k Comparison) Sentence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %v before and %v after: %v.", k.Measure.Name, k.Before, k.After, k.Verdict)
	if k.Unmatched > 0 {
		fmt.Fprintf(&b, " %s could not be compared: the other period has none of the same %v.", plural(k.Unmatched, "incident"), k.Mix.Strata)
	}
	if k.Mix.P <= k.Alpha {
		fmt.Fprintf(&b, " The mix by %v changed too (%s).", k.Mix.Strata, pText(k.Mix.P))
	}
	if k.Mix.Reversed {
		fmt.Fprintf(&b, " Without regard to %v the change would have pointed the other way (%v times).", k.Mix.Strata, k.Mix.Crude)
	}
	return b.String()
}

// Sentence says how many incidents came.
func (s CountSummary) Sentence() string {
	text := fmt.Sprintf("%s in %s: %s per interval (%s interval %s to %s)", plural(s.Total, "incident"), plural(s.Intervals, "interval"),
		significant(s.Mean), percent(s.Level), significant(s.Low), significant(s.High))
	if s.Overdispersed {
		return text + fmt.Sprintf(". They come in clusters: the variance is %s times that of Poisson (%s), and the interval takes that into account.", significant(s.Dispersion), pText(s.P))
	}
	return text + "."
}

// Sentence says whether the rate changed.
func (k CountComparison) Sentence() string {
	text := fmt.Sprintf("Number of incidents, %d before and %d after: %v.", k.Before.Total, k.After.Total, k.Verdict)
	if k.Clustered {
		text += " They come in clusters, so whole intervals were compared."
	}
	return text
}

// Sentence says whether the stream raised the alarm.
func (w Watched) Sentence() string {
	text := fmt.Sprintf("%s, %s against a baseline of %d: ", w.Measure.Name, plural(w.Seen, "incident"), w.Baseline)
	if w.Alarm {
		direction := "shorter"
		if w.Longer {
			direction = "longer"
		}
		text += fmt.Sprintf("alarm at %s, they became %s (%s at any time)", w.At, direction, pText(w.P))
	} else {
		text += fmt.Sprintf("no alarm (%s at any time)", pText(w.P))
	}
	if w.Change.Low.Known || w.Change.High.Known {
		text += fmt.Sprintf("; factors that fit: %v", w.Change)
	}
	if w.Waiting > 0 {
		text += fmt.Sprintf("; %s wait for the first open one to end", plural(w.Waiting, "incident"))
	}
	return text + "."
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func percent(share float64) string {
	text := fmt.Sprintf("%.1f", share*100)
	return strings.TrimSuffix(text, ".0") + " %"
}

func significant(x float64) string {
	switch {
	case x >= 1e6 || x > 0 && x < 0.001:
		return fmt.Sprintf("%.1e", x)
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

func pText(p float64) string {
	switch {
	case p < 0.0001:
		return "p < 0.0001"
	case p < 0.1:
		return fmt.Sprintf("p = %.2g", p)
	}
	return fmt.Sprintf("p = %.2f", p)
}
