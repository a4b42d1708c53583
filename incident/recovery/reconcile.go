package recovery

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// The codes of the reasons of a reconciliation.
const (
	ReasonUndetected = "impact_before_detection" // for how long nobody knew
	ReasonForeseen   = "detection_before_impact" // it was known before users were affected
	ReasonBegin      = "begin_differs"           // the data contradict when the impact began
	ReasonBeginNew   = "begin_not_stated"        // nobody has said when it began
	ReasonEnd        = "end_differs"             // the data contradict when it was mitigated
	ReasonGoesOn     = "impact_goes_on"          // it counts as mitigated, and the data do not agree
	ReasonAgrees     = "agrees"                  // the timeline lies within the intervals
)

// A Difference is where the timeline of people and the data differ, or what
// they say together.
type Difference struct {
	Reason sre.Reason

	// Propose is the correction that the data suggest; nil if there is none. It is
	// for a person to give: nothing here applies it.
	Propose *incident.Correct
}

// Reconcile compares the timeline of an incident's current episode with what the
// data say. An instant that people have stated is contradicted only if it lies
// outside of the interval.
func Reconcile(s *incident.State, c *Change) []Difference {
	if !c.Found() {
		return nil
	}
	var list []Difference
	add := func(propose *incident.Correct, r sre.Reason) { list = append(list, Difference{r, propose}) }
	agrees := true
	began := s.Mark(incident.ImpactBegan)
	correct := func(m incident.Milestone, at time.Time) *incident.Correct {
		return &incident.Correct{Milestone: m, At: at}
	}
	interval := []sre.Value{num("at", stamp(c.Begin.At)), num("from", stamp(c.Begin.From)), num("to", stamp(c.Begin.To))}
	switch {
	case began.IsZero():
		agrees = false
		add(correct(incident.ImpactBegan, c.Begin.At), reason(ReasonBeginNew, "nobody has said when the impact began; by the data at %s (%s to %s)", interval...))
	case outside(began.At, c.Begin):
		agrees = false
		add(correct(incident.ImpactBegan, c.Begin.At), reason(ReasonBegin, "the impact began at %s (%s to %s) by the data, and at %s by the timeline", append(interval, num("stated", stamp(began.At)))...))
	}
	if detected := s.Mark(incident.DetectedAt); !detected.IsZero() {
		switch gap := detected.At.Sub(c.Begin.At); {
		case gap > 0:
			add(nil, reason(ReasonUndetected, "the impact began %s before detection (%s to %s)", num("gap", gap.String()),
				num("least", detected.At.Sub(c.Begin.To).String()), num("most", detected.At.Sub(c.Begin.From).String())))
		case detected.At.Before(c.Begin.From):
			add(nil, reason(ReasonForeseen, "it was detected %s before the impact began", num("gap", (-gap).String())))
		}
	}
	if mitigated := s.Mark(incident.MitigatedAt); !mitigated.IsZero() {
		switch {
		case c.End.At.IsZero():
			agrees = false
			add(nil, reason(ReasonGoesOn, "it counts as mitigated since %s, and by the data the impact goes on", num("stated", stamp(mitigated.At))))
		case outside(mitigated.At, c.End):
			agrees = false
			add(correct(incident.MitigatedAt, c.End.At), reason(ReasonEnd, "the impact ended at %s (%s to %s) by the data, and at %s by the timeline",
				num("at", stamp(c.End.At)), num("from", stamp(c.End.From)), num("to", stamp(c.End.To)), num("stated", stamp(mitigated.At))))
		}
	}
	if agrees {
		add(nil, reason(ReasonAgrees, "the timeline agrees with the data: the impact began at %s (%s to %s)", interval...))
	}
	return list
}

func outside(t time.Time, m Moment) bool { return t.Before(m.From) || t.After(m.To) }
