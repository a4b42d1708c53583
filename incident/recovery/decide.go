package recovery

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/internal/stat"
	"github.com/sre-sdk/sre/slo"
)

// Facts are what was measured.
type Facts struct {
	Series []Series // of each SLO that covers what was affected

	// NoSLO says why no SLO covers what was affected, which makes a recovery by
	// data impossible and not needed. Without it, no series are no data.
	NoSLO string
}

// The codes of the reasons of a decision.
const (
	ReasonRecovered   = "recovered"     // everything that the policy asks for is so
	ReasonAbove       = "above_line"    // a burn rate was above the line
	ReasonNoData      = "no_data"       // nothing was measured, or nothing lately
	ReasonUncovered   = "not_measured"  // too little of a window was measured
	ReasonFewEvents   = "few_events"    // fewer events than the policy asks for
	ReasonBound       = "bound"         // not enough events for the confidence
	ReasonUnreachable = "line_too_high" // the line allows that everything fails
	ReasonInvalid     = "invalid"       // the facts or the policy are not valid
	ReasonNoSLO       = "no_slo"        // no SLO covers what was affected
)

// A Decision says whether it is over.
type Decision struct {
	Finding incident.Finding
	Reasons []sre.Reason // of each SLO, the worst first
	SLOs    []OfSLO      // in the order of the facts

	// Earliest is when it is recovered if nothing fails from now on and events
	// come as often as in the latest short window; zero if it is so already, or
	// if that cannot be told.
	Earliest time.Time
}

// OfSLO is the decision about one SLO, with the numbers that made it.
type OfSLO struct {
	SLO         string
	Finding     incident.Finding
	Reason      sre.Reason
	AsOf        time.Time // the end of the latest slice
	Short, Long slo.Counts
	Bound       float64   // upper bound of the share of failed events in Long, 0..1
	LastAbove   time.Time // when a burn rate was above the line the latest time within For; zero: it was not
	Earliest    time.Time // as in Decision
}

// Decide says whether an incident is over.
//
// For an SLO it is, when at the end of each slice of the latest For the burn
// rates of both windows were at most the line, and the long window has enough
// events, also for the bound. It is not, when one of them was above. Everything
// else is unknown: windows that were not measured, too few events, no data. Of
// several SLOs the worst counts: not recovered, then unknown.
//
// Comparisons with the line are exact on whole counts to 2^53. The bound takes
// fractional counts to their disadvantage: failed ones up, good ones down.
func (c *Compiled) Decide(facts Facts, now time.Time) Decision {
	var d Decision
	switch {
	case !c.ready || len(facts.Series) > MaxSeries:
		return c.all(incident.FindingUnknown, reason(ReasonInvalid, "the policy was not compiled, or there are more than %s SLOs", num("most", strconv.Itoa(MaxSeries))))
	case len(facts.Series) == 0 && facts.NoSLO != "":
		return c.all(incident.FindingNotNeeded, reason(ReasonNoSLO, "no SLO covers what was affected: %s", num("why", facts.NoSLO)))
	case len(facts.Series) == 0:
		return c.all(incident.FindingUnknown, reason(ReasonNoData, "there are no data"))
	}
	d.Finding = incident.Recovered
	for i := range facts.Series {
		of := c.series(&facts.Series[i], now)
		d.SLOs = append(d.SLOs, of)
		if worse(of.Finding, d.Finding) {
			d.Finding = of.Finding
		}
	}
	known := true
	for _, finding := range []incident.Finding{incident.NotRecovered, incident.FindingUnknown, incident.Recovered} {
		for _, of := range d.SLOs {
			if of.Finding != finding {
				continue
			}
			d.Reasons = append(d.Reasons, of.Reason)
			if of.Finding != incident.Recovered && of.Earliest.IsZero() {
				known = false
			}
			if of.Earliest.After(d.Earliest) {
				d.Earliest = of.Earliest
			}
		}
	}
	if !known {
		d.Earliest = time.Time{}
	}
	return d
}

func (c *Compiled) all(f incident.Finding, r sre.Reason) Decision {
	return Decision{Finding: f, Reasons: []sre.Reason{r}}
}

func worse(a, b incident.Finding) bool {
	rank := func(f incident.Finding) int {
		switch f {
		case incident.Recovered:
			return 0
		case incident.NotRecovered:
			return 2
		}
		return 1
	}
	return rank(a) > rank(b)
}

func (c *Compiled) series(s *Series, now time.Time) OfSLO {
	of := OfSLO{SLO: s.SLO}
	if err := s.Validate(); err != nil {
		of.Reason = reason(ReasonInvalid, "%s", num("problems", err.Error()))
		return of
	}
	slices := s.Slices
	for len(slices) > 0 && slices[len(slices)-1].End.After(now) { // what is not over yet
		slices = slices[:len(slices)-1]
	}
	of = c.judge(s, slices, now)
	if of.Finding != incident.Recovered && of.Reason.Code != ReasonUnreachable && !of.AsOf.IsZero() && now.Sub(of.AsOf) <= c.policy.MaxAge {
		of.Earliest = c.earliest(s, slices, of.Short)
	}
	return of
}

// judge decides about one SLO on slices that have ended.
func (c *Compiled) judge(s *Series, slices []Slice, now time.Time) OfSLO {
	p := &c.policy
	of := OfSLO{SLO: s.SLO}
	name := num("slo", s.SLO)
	limit := new(big.Rat).Mul(p.Line.Rat(), s.Objective.Budget().Rat())
	share, _ := limit.Float64()
	if share >= 1 {
		of.Reason = reason(ReasonUnreachable, "%s: a burn rate of %s is never exceeded: it allows that everything fails", name, num("line", p.Line.String()))
		return of
	}
	if len(slices) == 0 {
		of.Reason = reason(ReasonNoData, "%s: there are no data", name)
		return of
	}
	of.AsOf = slices[len(slices)-1].End
	of.Short, of.Long = window(slices, of.AsOf, p.Short), window(slices, of.AsOf, p.Long)
	bad, total := math.Ceil(of.Long.Bad), math.Ceil(of.Long.Bad)+math.Floor(of.Long.Good)
	if of.Bound = 1; total > 0 && total < 1<<53 {
		_, of.Bound = stat.BinomialInterval(int(bad), int(total), 1-2*c.alpha)
	}

	// Above the line at any time of the latest For?
	uncovered := time.Time{}
	var gap slo.Counts
	for i := len(slices) - 1; i >= 0 && slices[i].End.After(of.AsOf.Add(-p.For)); i-- {
		at := slices[i].End
		for _, span := range [2]time.Duration{p.Short, p.Long} {
			w := window(slices, at, span)
			if above(w, limit) {
				of.LastAbove = at
				of.Finding = incident.NotRecovered
				of.Reason = reason(ReasonAbove, "%s: at %s the burn rate over %s was above %s: %s of %s events failed, of which %s may", name,
					num("at", stamp(at)), num("window", span.String()), num("line", p.Line.String()), num("failed", number(w.Bad)), num("events", number(w.Total())),
					num("allowed", limit.RatString()))
				return of
			}
			if !c.covered(w) {
				uncovered, gap = at, w
			}
		}
	}
	since := of.AsOf.Add(-p.For)
	first := slices[0].begin()
	switch age := now.Sub(of.AsOf); {
	case age > p.MaxAge:
		of.Reason = reason(ReasonNoData, "%s: the latest data are %s old, and %s are allowed", name, num("age", age.String()), num("most", p.MaxAge.String()))
	case first.After(since):
		of.Reason = reason(ReasonUncovered, "%s: there are data since %s, and %s back from %s are asked for", name, num("since", stamp(first)), num("for", p.For.String()), num("at", stamp(of.AsOf)))
	case !uncovered.IsZero():
		of.Reason = reason(ReasonUncovered, "%s: at %s only %s of the latest %s were measured, and %s are asked for", name,
			num("at", stamp(uncovered)), num("covered", gap.Covered.String()), num("window", gap.Span.String()), num("share", p.MinCovered.Percent()))
	case total < float64(p.MinEvents) || of.Short.Total() <= 0:
		of.Reason = reason(ReasonFewEvents, "%s: the latest %s have %s events, and the latest %s have %s; %s are asked for, and some lately", name,
			num("long", p.Long.String()), num("events", number(of.Long.Total())), num("short", p.Short.String()), num("lately", number(of.Short.Total())), num("least", strconv.Itoa(p.MinEvents)))
	case total >= 1<<53 || stat.BinomialAtMost(int(bad), int(total), share) > c.alpha:
		of.Reason = reason(ReasonBound, "%s: %s of %s events failed, so that their share may be %s (at %s); %s is allowed", name,
			num("failed", number(bad)), num("events", number(total)), num("bound", number(of.Bound)), num("confidence", p.Confidence.Percent()), num("allowed", limit.RatString()))
	default:
		of.Finding = incident.Recovered
		of.Reason = reason(ReasonRecovered, "%s: both burn rates were at most %s for %s; %s of %s events failed within %s, a share of at most %s (at %s), and %s is allowed", name,
			num("line", p.Line.String()), num("for", p.For.String()), num("failed", number(of.Long.Bad)), num("events", number(of.Long.Total())), num("window", p.Long.String()),
			num("bound", number(of.Bound)), num("confidence", p.Confidence.Percent()), num("allowed", limit.RatString()))
	}
	return of
}

// above reports whether the share of failed events is above a limit, exactly.
func above(w slo.Counts, limit *big.Rat) bool {
	if w.Bad == 0 {
		return false
	}
	bad := new(big.Rat).SetFloat64(w.Bad)
	total := new(big.Rat).SetFloat64(w.Good)
	total.Add(total, bad)
	return bad.Cmp(total.Mul(total, limit)) > 0
}

// covered reports whether enough of a window was measured, exactly.
func (c *Compiled) covered(w slo.Counts) bool {
	least := new(big.Rat).SetInt64(int64(w.Span))
	least.Mul(least, c.policy.MinCovered.Rat())
	return new(big.Rat).SetInt64(int64(w.Covered)).Cmp(least) >= 0
}

// maxAhead bounds how many slices earliest looks ahead.
const maxAhead = 500

// earliest looks ahead, with good events as often as lately.
func (c *Compiled) earliest(s *Series, slices []Slice, lately slo.Counts) time.Time {
	p := &c.policy
	last := slices[len(slices)-1]
	step := last.Counts.Span
	if lately.Covered <= 0 || lately.Total() <= 0 {
		return time.Time{}
	}
	rate := lately.Total() / float64(lately.Covered)
	horizon := p.Long + p.For
	need := horizon + step
	for len(slices) > 0 && slices[0].End.Before(last.End.Add(-need)) {
		slices = slices[1:]
	}
	ahead := append([]Slice(nil), slices...)
	n := int(horizon/step) + 1
	if n > maxAhead || len(ahead) > maxAhead {
		return time.Time{}
	}
	good := slo.Counts{Good: rate * float64(step), Covered: step, Span: step}
	for k := 1; k <= n; k++ {
		at := last.End.Add(time.Duration(k) * step)
		ahead = append(ahead, Slice{at, good})
		if c.judge(s, ahead, at).Finding == incident.Recovered {
			return at
		}
	}
	return time.Time{}
}

// Verify returns the command that records the finding.
func (d *Decision) Verify() incident.Verify {
	text := ""
	for _, r := range d.Reasons {
		if next := text + r.Text + "\n"; len(next) <= incident.MaxText {
			text = next
		}
	}
	return incident.Verify{Recovered: d.Finding, Text: text}
}

// ErrNotRecovered says that an incident is not closed without an override.
var ErrNotRecovered = errors.New("recovery: not recovered by the data, and no reason why to close nevertheless")

// Requests returns the commands that record the finding and close the incident.
// If it is not recovered, override must say why it is closed nevertheless, which
// is recorded; else only the finding is, with [ErrNotRecovered].
func (d *Decision) Requests(by sre.Actor, now time.Time, override string) ([]incident.Request, error) {
	list := []incident.Request{{By: by, At: now, Command: d.Verify()}}
	closes := incident.Close{}
	switch {
	case d.Finding == incident.Recovered || d.Finding == incident.FindingNotNeeded:
	case override == "":
		return list, ErrNotRecovered
	default:
		closes.Override = override
	}
	return append(list, incident.Request{By: by, At: now, Command: closes}), nil
}

func num(name, text string) sre.Value { return sre.Value{Name: name, Text: text} }

func reason(code, format string, values ...sre.Value) sre.Reason {
	texts := make([]any, len(values))
	for i, v := range values {
		texts[i] = v.Text
	}
	return sre.Reason{Code: code, Text: fmt.Sprintf(format, texts...), Values: values}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
