package budget

import (
	"errors"
	"time"

	"github.com/sre-sdk/sre"
)

// MaxSkew is how far a Status may lie after the instant at which it is judged:
// what the clocks of two machines may differ by.
const MaxSkew = time.Minute

// Decide says whether a change may go ahead at now, given the status of every
// SLO that it can hurt. The worst verdict wins, in the order Allow < Warn <
// Unknown < Hold < Deny, and each SLO is named in the reasons. The order of
// statuses does not matter.
//
// An exempt change is allowed, whatever else holds. For any other, each of
// these makes the outcome Unknown, unless something else refuses it: no status
// at all, one with an Err, one that is older than MaxAge (plus a slice) or from
// the future, one with less than MinCoverage, and one without any event. Burn
// alerts are judged by their own coverage, so they can refuse where the period
// is unknown; but not on a status that is too old.
//
// prev is the Budget field of the previous decision about the same SLOs, or,
// as long as that was Unknown, of the last one that was not, so that a failed
// measurement does not end a freeze; Unknown if there is none. Only hysteresis
// uses it.
//
// A purpose or prev that is not declared is taken as unknown. A Compiled that
// [Policy.Compile] did not make decides nothing: the outcome is Unknown.
//
// Decide does not allocate for one status away from a tie; otherwise it copies
// statuses. Reasons, text and JSON of the Decision are made when asked for.
func (c *Compiled) Decide(statuses []Status, change Change, prev sre.Outcome, now time.Time) Decision {
	if int(change.Purpose) >= len(purposeNames) {
		change.Purpose = PurposeUnknown
	}
	if prev > sre.Deny {
		prev = sre.Unknown
	}
	d := Decision{change: change, prev: prev, now: now}
	if c == nil || c.digest == "" {
		return d
	}
	d.policy = c
	if len(statuses) == 1 {
		d.one, d.n = statuses[0], 1
	} else {
		d.many, d.n = append([]Status(nil), statuses...), len(statuses)
	}
	d.judge(nil)
	return d
}

// A Decision is the verdict about one change. Its zero value is Unknown. It
// keeps what it was made from, so it can explain itself at any later time; it
// never changes and may be copied and shared.
type Decision struct {
	// Outcome is the verdict.
	Outcome sre.Outcome

	// Budget is the verdict that a feature would have got. Unless it is Unknown,
	// keep it and pass it as prev to the next decision: neither an exempt change
	// nor a failed measurement must end a freeze.
	Budget sre.Outcome

	// EarliestAt is the earliest instant at which it makes sense to ask again
	// after Hold or Deny, or zero if that is not known. For a burn alert the
	// short window is clean by then if nothing bad happens meanwhile; a calendar
	// budget is whole again when its period ends. If that is over since the
	// measurement, it is Now: measure again. A rolling budget comes back as old
	// errors leave the window, which a Status does not hold.
	EarliestAt time.Time

	policy *Compiled
	change Change
	prev   sre.Outcome
	now    time.Time
	one    Status
	many   []Status
	n      int
}

var (
	// ErrDenied says that the outcome is Deny or Hold.
	ErrDenied = errors.New("budget: the change is denied")
	// ErrHeld says that the outcome is Hold.
	ErrHeld = errors.New("budget: the change is held")
	// ErrUnknown says that the outcome is Unknown.
	ErrUnknown = errors.New("budget: the budget is not known")
)

// A DecisionError is the error form of a Decision that does not pass.
type DecisionError struct {
	Decision Decision
}

// Error returns the outcome and the reason that decided.
func (e *DecisionError) Error() string {
	return "budget: " + e.Decision.Outcome.String() + ": " + e.Decision.headline()
}

// Is makes errors.Is work with [ErrDenied], [ErrHeld] and [ErrUnknown].
func (e *DecisionError) Is(target error) bool {
	switch e.Decision.Outcome {
	case sre.Deny:
		return target == ErrDenied
	case sre.Hold:
		return target == ErrDenied || target == ErrHeld
	}
	return target == ErrUnknown
}

// Err returns nil if the change may go ahead, else a [*DecisionError].
func (d Decision) Err() error {
	if d.Outcome.Passes() {
		return nil
	}
	return &DecisionError{d}
}

// Change returns the change that was judged.
func (d Decision) Change() Change { return d.change }

// Now returns the instant at which it was judged.
func (d Decision) Now() time.Time { return d.now }

// Policy returns the policy that judged.
func (d Decision) Policy() *Compiled { return d.policy }

// Statuses returns the statuses that were judged, in the given order.
func (d Decision) Statuses() []Status {
	list := make([]Status, d.n)
	for i := range list {
		list[i] = *d.status(i)
	}
	return list
}

func (d *Decision) status(i int) *Status {
	if d.n == 1 {
		return &d.one
	}
	return &d.many[i]
}

// A finding is one fact on which a decision rests.
type finding struct {
	code      string
	outcome   sre.Outcome // what it means for the change
	index     int         // of the status that it is about; -1 for none
	threshold *threshold
	alert     *alert
	state     AlertStatus
	softened  bool // held back a feature, but only warns this change
}

// The codes of findings, which are those of the reasons. They are stable.
const (
	codeExempt        = "exempt"
	codeBudgetUnknown = "budget_unknown"
	codeNoSLOs        = "no_slos"
	codeSourceFailed  = "source_failed"
	codeStale         = "stale"
	codeFromFuture    = "from_future"
	codeCoverageLow   = "coverage_low"
	codeNoEvents      = "no_events"
	codeThreshold     = "below_threshold"
	codeHysteresis    = "hysteresis"
	codeAlertFiring   = "alert_firing"
	codeAlertUnknown  = "alert_unknown"
	codeAlertUnfit    = "alert_not_applicable"
	codeWithinBudget  = "within_budget"
	codeNoRule        = "no_rule"
)

// judge computes the verdict and shows each finding to visit, if there is one.
// Decisions and their explanations both come from here, so they cannot differ.
func (d *Decision) judge(visit func(finding)) {
	j := judgement{policy: d.policy, purpose: d.change.Purpose, prev: d.prev, now: d.now, visit: visit,
		forChange: sre.Allow, forFeature: sre.Allow, known: true}
	for i := range d.n {
		j.index = i
		j.budget(d.status(i))
	}
	if d.n == 0 {
		j.index = -1
		j.add(finding{code: codeNoSLOs, outcome: sre.Unknown}, time.Time{})
	}
	d.Outcome, d.Budget = j.forChange, j.forFeature
	if d.policy.exempts(d.change.Purpose) {
		d.Outcome = sre.Allow
	}
	if j.known && (d.Outcome == sre.Hold || d.Outcome == sre.Deny) {
		if d.EarliestAt = j.earliest; d.EarliestAt.Before(d.now) {
			d.EarliestAt = d.now
		}
	}
}

func (c *Compiled) exempts(p Purpose) bool { return int(p) < len(c.exempt) && c.exempt[p] }

// judgement is the state of one pass over all statuses. It holds copies and no
// pointer to the Decision, which would otherwise move to the heap.
type judgement struct {
	policy  *Compiled
	purpose Purpose
	prev    sre.Outcome
	now     time.Time
	visit   func(finding)

	index                 int // of the status that is judged
	forChange, forFeature sre.Outcome
	earliest              time.Time // the latest end of what holds the change back
	known                 bool      // all such ends are known
}

// add takes one finding into account; until is when it ends, or zero.
func (j *judgement) add(f finding, until time.Time) {
	f.index = j.index
	if f.outcome.Worse(j.forFeature) {
		j.forFeature = f.outcome
	}
	if refuses := f.outcome == sre.Hold || f.outcome == sre.Deny; refuses {
		if j.purpose == Reliability && !j.policy.policy.FreezeReliability {
			f.outcome, f.softened = sre.Warn, true
		} else if until.IsZero() {
			j.known = false
		} else if until.After(j.earliest) {
			j.earliest = until
		}
	}
	if f.outcome.Worse(j.forChange) {
		j.forChange = f.outcome
	}
	if j.visit != nil {
		j.visit(f)
	}
}

// budget judges one status.
func (j *judgement) budget(st *Status) {
	policy := &j.policy.policy
	unknown := ""
	switch age := j.now.Sub(st.at); {
	case st.slo == nil || st.err != nil:
		unknown = codeSourceFailed
	case age > policy.MaxAge+st.slice:
		unknown = codeStale
	case age < -MaxSkew:
		unknown = codeFromFuture
	case !covers(st.measured.Covered, st.measured.Span, policy.MinCoverage):
		unknown = codeCoverageLow
	case st.good+st.bad == 0:
		unknown = codeNoEvents
	}
	if unknown != "" {
		j.add(finding{code: unknown, outcome: sre.Unknown}, time.Time{})
	}
	if unknown == codeSourceFailed || unknown == codeStale || unknown == codeFromFuture {
		return // the alerts of another time say nothing of now
	}
	quiet := unknown == ""
	if quiet {
		for i := range j.policy.thresholds {
			quiet = j.threshold(st, &j.policy.thresholds[i]) && quiet
		}
	}
	for i := range j.policy.alerts {
		quiet = j.alert(st, &j.policy.alerts[i]) && quiet
	}
	switch {
	case unknown == "" && !j.policy.speaksOf(st):
		j.add(finding{code: codeNoRule, outcome: sre.Unknown}, time.Time{})
	case quiet:
		j.add(finding{code: codeWithinBudget, outcome: sre.Allow}, time.Time{})
	}
}

// speaksOf reports whether any threshold or alert of the policy applies to the
// SLO; a policy that has nothing to say of it does not say yes.
func (c *Compiled) speaksOf(st *Status) bool {
	for i := range c.thresholds {
		if c.thresholds[i].appliesTo(st.slo.Criticality()) {
			return true
		}
	}
	for i := range c.alerts {
		if c.alerts[i].works(st.length, st.slice) {
			return true
		}
	}
	return false
}

// threshold judges the remaining budget and reports whether it found nothing.
func (j *judgement) threshold(st *Status, t *threshold) bool {
	if !t.appliesTo(st.slo.Criticality()) {
		return true
	}
	code := codeThreshold
	forecast := j.policy.policy.ForecastCalendar
	if !st.spentAbove(t.enter, t.enterFloat, forecast) {
		before := j.prev != sre.Unknown && !t.Effect.Worse(j.prev)
		if !before || !st.spentAbove(t.leave, t.leaveFloat, forecast) {
			return true
		}
		code = codeHysteresis
	}
	var until time.Time
	if st.end.After(st.at) {
		until = st.end
	}
	j.add(finding{code: code, outcome: t.Effect, threshold: t}, until)
	return false
}

// alert judges a burn alert and reports whether it found nothing.
func (j *judgement) alert(st *Status, a *alert) bool {
	f := finding{alert: a, state: j.policy.evaluate(a, st)}
	switch f.state.State {
	case Inactive:
		return true
	case AlertNotApplicable:
		f.code, f.outcome = codeAlertUnfit, sre.Allow
	case Firing:
		f.code, f.outcome = codeAlertFiring, a.Effect
	case AlertUnknown:
		// An alert that could at most warn cannot make the budget unknown.
		f.code, f.outcome = codeAlertUnknown, sre.Unknown
		if a.Effect == sre.Warn {
			f.outcome = sre.Warn
		}
	}
	j.add(f, st.at.Add(a.shortest()))
	return f.state.State == AlertNotApplicable
}
