package incident

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
)

// A Hysteresis says when a severity that follows measurements becomes milder. It
// becomes worse at once.
type Hysteresis struct {
	// Margin is how far, as a share of a threshold, the users affected and the
	// burn rate must be below it, less than 1. Default: 0.2.
	Margin float64

	// For is how long they must have been. Default: 15 min.
	For time.Duration

	// Gap is the longest time between two measurements that says anything of the
	// time between them. After a longer one For begins again. Default: 5 min.
	Gap time.Duration
}

func (h Hysteresis) filled(p *sre.Problems) Hysteresis {
	if !(h.Margin >= 0 && h.Margin < 1) {
		p.Add("retriage.margin", "out_of_range", h.Margin, "0 to less than 1")
	}
	if h.For < 0 || h.Gap < 0 {
		p.Add("retriage", "out_of_range", min(h.For, h.Gap), "positive durations")
	}
	if h.Margin == 0 {
		h.Margin = 0.2
	}
	if h.For == 0 {
		h.For = 15 * time.Minute
	}
	if h.Gap == 0 {
		h.Gap = 5 * time.Minute
	}
	return h
}

// A Drift is what Retriage remembers from one measurement to the next. The zero
// value remembers nothing. It belongs to whoever measures, not to the state.
type Drift struct {
	Since time.Time    `json:"since,omitzero"`  // the impact was milder from then on
	Last  time.Time    `json:"last,omitzero"`   // of the latest measurement
	Worst sre.Severity `json:"worst,omitempty"` // that it had since then
}

// Retriage returns the severity after a measurement of the impact, what to
// remember for the next one, and why. It gives no command: send a [Triage] if
// the severity is not the current one, with the text of the reason.
//
// The severity becomes worse at once, but only for what is known: a measurement
// that failed makes nothing worse. It becomes milder when all measurements for
// some time have said so by a margin, with what is not known at its worst: a
// measurement that failed makes nothing milder either. It then is the worst one
// of that time. Measurements are to be given in the order of their instants.
//
// Codes of the reason: retriage_worse, retriage_milder, retriage_waiting and
// retriage_steady.
func (c *Compiled) Retriage(current sre.Severity, d Drift, i Impact, at time.Time) (sre.Severity, Drift, sre.Reason) {
	current = current.Effective()
	h := c.policy.Retriage
	if c.matrix == nil {
		return current, Drift{}, sre.Reason{Code: "retriage_steady", Text: "no compiled policy decides"}
	}
	reason := func(code, format string, args ...any) sre.Reason {
		return sre.Reason{Code: code, Text: fmt.Sprintf(format, args...), Values: []sre.Value{
			{Name: "severity", Text: c.matrix.Name(current)}, {Name: "impact", Text: i.String()},
			{Name: "margin", Text: decimal(h.Margin)}, {Name: "for", Text: h.For.String()}}}
	}
	if floor := c.matrix.AtLeast(i); floor.Worse(current) {
		return floor, Drift{Last: at}, reason("retriage_worse", "the impact makes it %s at least", c.matrix.Name(floor))
	}
	ceiling := c.matrix.Severity(i.inflated(h.Margin))
	if !current.Worse(ceiling) {
		return current, Drift{Last: at}, reason("retriage_steady", "the impact is not milder than %s by a margin of %s", c.matrix.Name(current), percentText(h.Margin))
	}
	switch {
	case d.Since.IsZero() || at.Before(d.Last) || at.Sub(d.Last) > h.Gap || !current.Worse(d.Worst):
		d = Drift{Since: at, Worst: ceiling}
	case ceiling.Worse(d.Worst):
		d.Worst = ceiling
	}
	d.Last = at
	if so := at.Sub(d.Since); so < h.For {
		return current, d, reason("retriage_waiting", "the impact is milder by a margin of %s for %s, and must be for %s", percentText(h.Margin), so, h.For)
	}
	return d.Worst, Drift{Last: at}, reason("retriage_milder", "the impact was at most %s by a margin of %s for %s", c.matrix.Name(d.Worst), percentText(h.Margin), at.Sub(d.Since))
}

// inflated returns the impact with its numbers so much larger that they reach a
// threshold unless they are a margin below it.
func (i Impact) inflated(margin float64) Impact {
	if i.Users.Known {
		i.Users.Value = min(1, i.Users.Value/(1-margin))
	}
	if i.BudgetBurn.Known {
		i.BudgetBurn.Value /= 1 - margin
	}
	return i
}
