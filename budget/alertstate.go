package budget

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/exact"
	"github.com/sre-sdk/sre/slo"
)

// An AlertState says whether a [BurnAlert] fires.
type AlertState uint8

const (
	AlertUnknown       AlertState = iota // a window is missing or too little of it was measured
	Inactive                             // it does not fire
	Firing                               // it fires
	AlertNotApplicable                   // its windows do not fit the SLO; see Compiled.Check
)

var alertStateNames = [...]string{"unknown", "inactive", "firing", "not_applicable"}

// String returns the lower-case name.
func (s AlertState) String() string {
	if int(s) < len(alertStateNames) {
		return alertStateNames[s]
	}
	return fmt.Sprintf("alert_state(%d)", uint8(s))
}

// MarshalText returns the lower-case name.
func (s AlertState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the lower-case name.
func (s *AlertState) UnmarshalText(text []byte) error {
	for i, name := range alertStateNames {
		if string(text) == name {
			*s = AlertState(i)
			return nil
		}
	}
	return sre.NewProblem("", "unknown_alert_state", string(text), strings.Join(alertStateNames[:], ", "))
}

// An AlertStatus is the state of one alert of a policy, with its numbers.
type AlertStatus struct {
	State AlertState

	// Factor is the burn rate above which it fires; LongBurn and ShortBurn are
	// the burn rates of its windows (equal if it has only one), 0 where nothing
	// was counted. They are for display: State was decided exactly.
	Factor, LongBurn, ShortBurn float64
}

// EvaluateAlerts appends the state of every alert of the policy to dst, in the
// policy's order, so that the i-th is that of Policy.Alerts[i], and returns the
// extended slice. An alert neither fires nor
// rests on data that is not there: it is unknown. It does not allocate if dst
// has room and no burn rate lies within 1 part in 10^14 of its factor; windows
// without events are no exception.
func (c *Compiled) EvaluateAlerts(dst []AlertStatus, st Status) []AlertStatus {
	for i := range c.alerts {
		dst = append(dst, c.evaluate(&c.alerts[i], &st))
	}
	return dst
}

func (c *Compiled) evaluate(a *alert, st *Status) AlertStatus {
	if st.slo == nil || st.err != nil {
		return AlertStatus{}
	}
	if !a.works(st.length, st.slice) {
		return AlertStatus{State: AlertNotApplicable}
	}
	factor := a.factor + a.perPeriod*float64(st.length)
	limit := factor * st.share
	long, short := c.window(st, a.long), c.window(st, a.short)
	if long == nil || short == nil {
		return AlertStatus{Factor: factor}
	}
	result := AlertStatus{State: Inactive, Factor: factor, LongBurn: burn(long, st.share), ShortBurn: burn(short, st.share)}
	switch {
	case !c.covers(long) || !c.covers(short):
		result.State = AlertUnknown
	case a.exceeded(st, long, limit) && a.exceeded(st, short, limit):
		result.State = Firing
	}
	return result
}

// window returns the window that spans[i] asks for, or nil. A Status that Read
// made for this policy has its windows in the same order as spans; another one
// is searched.
func (c *Compiled) window(st *Status, i int) *slo.Counts {
	if i < len(st.windows) && st.windows[i].Span == c.spans[i] {
		return &st.windows[i]
	}
	for j := range st.windows {
		if st.windows[j].Span == c.spans[i] {
			return &st.windows[j]
		}
	}
	return nil
}

func burn(w *slo.Counts, share float64) float64 {
	if total := w.Good + w.Bad; total > 0 {
		return w.Bad / (total * share)
	}
	return 0
}

func (c *Compiled) covers(w *slo.Counts) bool {
	return w.Covered == w.Span || covers(w.Covered, w.Span, c.policy.MinAlertCoverage)
}

// covers reports whether covered/span >= least, exactly.
func covers(covered, span time.Duration, least slo.Ratio) bool {
	num, den := least.Fraction()
	ah, al := bits.Mul64(uint64(covered), uint64(den))
	bh, bl := bits.Mul64(uint64(span), uint64(num))
	return ah > bh || ah == bh && al >= bl
}

// exceeded reports whether the window burns faster than the alert's factor,
// exactly; limit is the error ratio of that burn, with a few roundings.
func (a *alert) exceeded(st *Status, w *slo.Counts, limit float64) bool {
	if w.Bad == 0 {
		return false // also of no events, on which exact.Above could not be sure
	}
	if above, sure := exact.Above(w.Bad, w.Good+w.Bad, limit); sure {
		return above
	}
	bad := exact.Rat(w.Bad)
	total := exact.Rat(w.Good)
	return exact.AboveRat(bad, total.Add(total, bad), a.exactLimit(st.slo.Objective(), st.length))
}
